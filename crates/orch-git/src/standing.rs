//! What the forge itself says of the work that landed in it: the only memory that an older or a lost database cannot take
//! with it.

use crate::error::{Error, Result};
use crate::forge::{Forge, commit_id};
use crate::tree;
use crate::words::CommitId;

/// Where the ids of the databases stand that have worked with a forge.
const DATABASES: &str = "refs/orch/database";
/// Where tasks keep their documents, from the top of a repository.
const DOCUMENTS: &str = "docs/work-items";

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

    /// The highest number of a work item `PREFIX-NNN` that stands in this forge: in what landed, in the documents on the
    /// base branch, in the names of branches. 0 if none does.
    ///
    /// # Errors
    /// As every call of git.
    pub fn highest_number(&self, prefix: &str) -> Result<u32> {
        let landed = self.landed_work(None)?.into_iter().map(|work| work.work_item);
        let branches = self.branches()?.into_iter().map(|(name, _)| name);
        let mut names: Vec<String> = landed.chain(branches).collect();
        let mut objects = self.objects()?;
        if let Some(folder) = objects.info(&format!("{}:{DOCUMENTS}", self.base_ref()))?.filter(|o| o.kind == "tree") {
            let tree = tree::read(&mut objects, &folder.id)?;
            names.extend(tree.keys().map(|name| String::from_utf8_lossy(name).into_owned()));
        }
        Ok(names.iter().flat_map(|name| numbers(name, prefix)).max().unwrap_or(0))
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
        let tip = self.resolve(&self.base_ref())?.ok_or_else(|| Error::NoBranch {
            repository: self.path.clone(),
            branch: self.origin.base.to_string(),
            existing: Vec::new(),
        })?;
        self.move_ref(&format!("{DATABASES}/{id}"), &tip, None)
    }
}

/// Every number of this prefix in a name: `feature/SHOP-012-a-title` has 12.
fn numbers<'n>(name: &'n str, prefix: &'n str) -> impl Iterator<Item = u32> + 'n {
    name.match_indices(prefix).filter_map(move |(at, _)| {
        let alone = !name[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
        let digits = name[at + prefix.len()..].strip_prefix('-')?;
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        digits[..end].parse().ok().filter(|_| alone)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_wherever_an_id_stands() {
        let all = |name: &str| numbers(name, "SHOP").collect::<Vec<_>>();
        assert_eq!(all("SHOP-012"), [12]);
        assert_eq!(all("feature/SHOP-7-SHOP-8-x"), [7]);
        assert_eq!(all("feature/SHOP-1004-a-title"), [1004]);
        for other in ["SHOPPING-3", "WORKSHOP-3", "MY-SHOP-3", "SHOP", "SHOP-", "SHOP-x", "shop-3"] {
            assert_eq!(all(other), Vec::<u32>::new(), "{other}");
        }
    }
}
