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
        Ok(Self { name: name.to_owned(), uid, gid })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_and_is_never_root() {
        let text =
            "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1001::/home/ann:/bin/sh\nodd:x:a:b\ntoor:x:0:5::/:/bin/sh";
        assert_eq!(Account::among(text, "ann"), Ok(Account { name: "ann".into(), uid: 1000, gid: 1001 }));
        for (name, word) in [("root", "root"), ("toor", "root"), ("odd", "no account"), ("an", "no account")] {
            let error = Account::among(text, name).unwrap_err();
            assert!(error.contains(word) && error.contains("[confinement] user"), "{error}");
        }
    }
}
