//! What the forge itself says of the work that landed in it: the only memory that an older or a lost database cannot take
//! with it.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::error::{Error, Result};
use crate::forge::{Forge, commit_id};
use crate::tree;
use crate::words::CommitId;

/// Where the ids of the databases stand that have worked with a forge.
const DATABASES: &str = "refs/orch/database";
/// Where tasks keep their documents, from the top of a repository.
pub(crate) const DOCUMENTS: &str = "docs/work-items";

/// A commit of the base branch that says whose work it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LandedWork {
    /// The commit.
    pub commit: CommitId,
    /// The work item in its `Refs:` trailer.
    pub work_item: String,
    /// Its subject names the same work item, as the subject of a candidate does.
    pub ours: bool,
}

/// What was read when numbers of work items were looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenNumbers {
    /// The highest one.
    pub highest: u32,
    /// Where the base branch was.
    pub main: CommitId,
    /// The names of all branches, as one number.
    pub branches: u64,
}

impl Forge {
    /// The commits on the base branch's first-parent line behind `since` (`None`: all of them) that name a work item,
    /// newest first.
    ///
    /// # Errors
    /// As every call of git.
    pub fn landed_work(&self, since: Option<&CommitId>) -> Result<Vec<LandedWork>> {
        let range = since.map_or_else(|| self.base_ref(), |since| format!("{since}..{}", self.base_ref()));
        let format = "--format=%H%x00%s%x00%(trailers:key=Refs,valueonly,separator=%x20)";
        let call = self.call().args(["log", "--first-parent", format, &range, "--"]);
        let shown = call.shown();
        let answer = call.text_raw()?;
        let mut found = Vec::new();
        for line in answer.lines().filter(|line| !line.is_empty()) {
            let odd = || Error::Unexpected { command: shown.clone(), answer: line.chars().take(200).collect() };
            let mut parts = line.split('\0');
            let (Some(commit), Some(subject), Some(refs)) = (parts.next(), parts.next(), parts.next()) else {
                return Err(odd());
            };
            let commit = commit_id(&shown, commit)?;
            found.extend(refs.split_whitespace().map(|work_item| LandedWork {
                commit: commit.clone(),
                work_item: work_item.to_owned(),
                ours: subject.ends_with(&format!("({work_item})")),
            }));
        }
        Ok(found)
    }

    /// The highest number of a work item `PREFIX-NNN` that stands in this forge, in whatever case and padding: in subjects
    /// and trailers of what main has, in the documents there, in the names of branches. `None`: nothing has moved since
    /// `before`; else no older commit is read again.
    ///
    /// # Errors
    /// As every call of git.
    pub fn highest_number(&self, prefix: &str, before: Option<&TakenNumbers>) -> Result<Option<TakenNumbers>> {
        let branches = self.branches()?;
        let main = branches.iter().find(|(name, _)| name == self.origin.base.as_str()).map(|(_, tip)| tip.clone());
        let main = main.ok_or_else(|| self.no_base())?;
        let mut digest = DefaultHasher::new();
        branches.iter().for_each(|(name, _)| name.hash(&mut digest));
        let seen = TakenNumbers { highest: before.map_or(0, |seen| seen.highest), main, branches: digest.finish() };
        if before == Some(&seen) {
            return Ok(None);
        }
        let mut names: Vec<String> = branches.into_iter().map(|(name, _)| name).collect();
        if before.is_none_or(|before| before.main != seen.main) {
            names.extend(self.named_on(&seen.main, before.map(|before| &before.main))?);
        }
        let found = names.iter().flat_map(|name| numbers(name, prefix)).max().unwrap_or(0);
        Ok(Some(TakenNumbers { highest: found.max(seen.highest), ..seen }))
    }

    /// Everything on main that may name a work item; of commits those behind `since`.
    fn named_on(&self, main: &CommitId, since: Option<&CommitId>) -> Result<Vec<String>> {
        let range = since.map_or_else(|| main.to_string(), |since| format!("{since}..{main}"));
        let format = "--format=%s%x00%(trailers:only,valueonly,separator=%x20)";
        let said = self.call().args(["log", format, &range, "--"]).text_raw()?;
        let mut names: Vec<String> = said.lines().map(str::to_owned).collect();
        let mut objects = self.objects()?;
        if let Some(folder) = objects.info(&format!("{main}:{DOCUMENTS}"))?.filter(|o| o.kind == "tree") {
            let tree = tree::read(&mut objects, &folder.id)?;
            names.extend(tree.keys().map(|name| String::from_utf8_lossy(name).into_owned()));
        }
        Ok(names)
    }

    fn no_base(&self) -> Error {
        let (repository, branch) = (self.path.clone(), self.origin.base.to_string());
        Error::NoBranch { repository, branch, existing: Vec::new() }
    }

    /// Ids of the databases that have worked with this forge.
    ///
    /// # Errors
    /// As every call of git.
    pub fn databases(&self) -> Result<Vec<String>> {
        let answer = self.call().args(["for-each-ref", "--format=%(refname:lstrip=3)", DATABASES]).quick().text()?;
        Ok(answer.lines().map(str::to_owned).collect())
    }

    /// Notes that the database of this id works with this forge.
    ///
    /// # Errors
    /// [`Error::NoBranch`] without a base branch.
    pub fn note_database(&self, id: &str) -> Result<()> {
        let tip = self.resolve(&self.base_ref())?.ok_or_else(|| self.no_base())?;
        self.move_ref_for_good(&format!("{DATABASES}/{id}"), &tip, None)
    }
}

/// Nobody counts up to it: a date behind a prefix is no number to go on from.
const BEYOND: u32 = 10_000_000;

/// Every number of this prefix in a name: `feature/SHOP-012-a-title` has 12.
fn numbers<'n>(name: &'n str, prefix: &'n str) -> impl Iterator<Item = u32> + 'n {
    let at = move |at: &usize| {
        name.get(*at..at + prefix.len()).is_some_and(|found| found.eq_ignore_ascii_case(prefix)) && !prefix.is_empty()
    };
    (0..name.len()).filter(at).filter_map(move |at| {
        let alone = !name[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
        let digits = name[at + prefix.len()..].strip_prefix('-')?;
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        digits[..end].parse().ok().filter(|number| alone && *number < BEYOND)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_wherever_an_id_stands() {
        let all = |name: &str| numbers(name, "SHOP").collect::<Vec<_>>();
        assert_eq!(all("SHOP-012"), [12]);
        for other in ["shop-12", "Shop-00012", "feature/sHOP-12-é", "Add it (shop-0012)", "é SHOP-12"] {
            assert_eq!(all(other), [12], "{other}");
        }
        assert_eq!(all("feature/SHOP-7-SHOP-8-x"), [7]);
        assert_eq!(all("feature/SHOP-1004-a-title"), [1004]);
        for other in ["SHOPPING-3", "WORKSHOP-3", "MY-SHOP-3", "SHOP", "SHOP-", "SHOP-x", "SHOP-20260101"] {
            assert_eq!(all(other), Vec::<u32>::new(), "{other}");
        }
    }
}
