//! Accounts that runs are given.

use serde::{Deserialize, Serialize};

/// An account of this machine, never the one with uid 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its user id.
    pub uid: u32,
    /// Its first group; a run gets no other.
    pub gid: u32,
    /// No other run has it: a number of its own, which no list of accounts knows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own: bool,
}

/// Numbers of accounts that are given to runs, one each; both ends are in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountRange {
    /// The lowest.
    pub first: u32,
    /// The highest.
    pub last: u32,
}

impl AccountRange {
    /// Of this many, which nobody gives away: above systemd's containers and what sssd makes of a company's accounts, below
    /// what some programs take for negative.
    pub const USUAL: Self = Self { first: 2_100_000_000, last: 2_100_065_535 };

    /// The account of a run of this name: none of those that are `used`, with the group of `shared`, by which it gets where
    /// that one gets. `None`: all are.
    #[must_use]
    pub fn account(self, name: &str, used: &std::collections::BTreeSet<u32>, shared: &Account) -> Option<Account> {
        use std::hash::{Hash, Hasher};
        let count = u64::from(self.last.checked_sub(self.first)?) + 1;
        let mut hasher = std::hash::DefaultHasher::new();
        name.hash(&mut hasher);
        let begin = hasher.finish() % count;
        let numbers = (0..count).filter_map(|more| u32::try_from((begin + more) % count).ok()?.checked_add(self.first));
        let uid = numbers.into_iter().find(|uid| !used.contains(uid))?;
        Some(Account { name: OWN_NAME.to_owned(), uid, gid: shared.gid, own: true })
    }

    pub(crate) fn has(self, uid: u32) -> bool {
        (self.first..=self.last).contains(&uid)
    }

    /// Whether this process may give these numbers away: in a container it may have fewer.
    #[must_use]
    pub fn is_there(self) -> bool {
        self.is_mapped(&std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default())
    }

    /// As user_namespaces(7) has it: `inside outside count`.
    fn is_mapped(self, map: &str) -> bool {
        let lines =
            map.lines().map(|line| line.split_whitespace().filter_map(|word| word.parse::<u64>().ok()).collect());
        let mut lines = lines.filter_map(|words: Vec<u64>| <[u64; 3]>::try_from(words).ok());
        lines.any(|[inside, _, count]| {
            u64::from(self.first) >= inside && u64::from(self.last) < inside.saturating_add(count)
        })
    }
}

/// How a run's own account is called within it.
const OWN_NAME: &str = "run";

impl Account {
    /// The host's list of accounts (passwd(5)) with this one.
    pub(crate) fn listed(&self, accounts: &str, home: &str) -> String {
        let end = if accounts.is_empty() || accounts.ends_with('\n') { "" } else { "\n" };
        format!("{accounts}{end}{}:x:{}:{}:a run:{home}:/bin/sh\n", self.name, self.uid, self.gid)
    }
}

impl Account {
    /// Finds the account in `/etc/passwd`.
    ///
    /// # Errors
    /// In words: it is not there, or it is root.
    pub fn named(name: &str) -> Result<Self, String> {
        let accounts =
            std::fs::read_to_string("/etc/passwd").map_err(|error| format!("cannot read /etc/passwd: {error}"))?;
        Self::among(&accounts, name)
    }

    /// Numbers that a list of accounts (passwd(5)) gives to somebody.
    #[must_use]
    pub fn numbers(accounts: &str) -> std::collections::BTreeSet<u32> {
        accounts.lines().filter_map(|line| line.split(':').nth(2)?.parse().ok()).collect()
    }

    /// As [`Account::named`], of the text of a passwd(5) file.
    fn among(accounts: &str, name: &str) -> Result<Self, String> {
        let missing = || format!("there is no account `{name}` on this host; name another one in [confinement] user");
        let line = accounts.lines().find(|line| line.split(':').next() == Some(name)).ok_or_else(missing)?;
        let mut fields = line.split(':').skip(2).map(str::parse);
        let (Some(Ok(uid)), Some(Ok(gid))) = (fields.next(), fields.next()) else { return Err(missing()) };
        if uid == 0 || gid == 0 {
            return Err(format!(
                "the account `{name}` is root's; runs never are: name another one in [confinement] user"
            ));
        }
        Ok(Self { name: name.to_owned(), uid, gid, own: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_and_is_never_root() {
        let text =
            "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1001::/home/ann:/bin/sh\nodd:x:a:b\ntoor:x:0:5::/:/bin/sh";
        assert_eq!(Account::among(text, "ann"), Ok(Account { name: "ann".into(), uid: 1000, gid: 1001, own: false }));
        for (name, word) in [("root", "root"), ("toor", "root"), ("odd", "no account"), ("an", "no account")] {
            let error = Account::among(text, name).unwrap_err();
            assert!(error.contains(word) && error.contains("[confinement] user"), "{error}");
        }
    }

    #[test]
    fn each_run_has_a_number_that_no_other_has() {
        let shared = Account { name: "nobody".into(), uid: 65534, gid: 65534, own: false };
        let range = AccountRange { first: 100, last: 102 };
        let mut used = std::collections::BTreeSet::new();
        for _ in 0..3 {
            let given = range.account("t-1", &used, &shared).unwrap();
            assert!(given.own && given.gid == 65534 && (100..=102).contains(&given.uid) && used.insert(given.uid));
        }
        assert_eq!(range.account("t-1", &used, &shared), None, "none is left");
        let known =
            Account::numbers("root:x:0:0::/root:/bin/sh\nodd:x:y\nann:x:100:1::/:/bin/sh\nben:x:102:1::/:/bin/sh\n");
        assert_eq!(
            range.account("t-1", &known, &shared).map(|given| given.uid),
            Some(101),
            "who is somebody is no run"
        );
        assert_eq!(AccountRange { first: 2, last: 1 }.account("t-1", &used, &shared), None);
        let given = AccountRange::USUAL.account("t-1", &used, &shared).unwrap();
        assert_eq!(
            AccountRange::USUAL.account("t-1", &used, &shared),
            Some(given.clone()),
            "the same run, the same one"
        );
        assert!(
            given
                .listed("root:x:0:0::/root:/bin/sh", "/h")
                .ends_with(&format!("\nrun:x:{}:65534:a run:/h:/bin/sh\n", given.uid))
        );
    }

    #[test]
    fn a_container_may_have_fewer_numbers() {
        let range = AccountRange::USUAL;
        assert!(range.is_mapped("         0          0 4294967295\n"));
        assert!(!range.is_mapped("         0     100000      65536\n"));
        assert!(
            range.is_mapped("0 100000 65536\n2100000000 5 65536\n")
                && !range.is_mapped("")
                && !range.is_mapped("x y z\n")
        );
    }
}
