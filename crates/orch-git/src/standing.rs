//! What the forge itself says of the work that landed in it: the only memory that an older or a lost database cannot take
//! with it.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::PoisonError;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result};
use crate::forge::{Forge, commit_id};
use crate::source::Branches;
use crate::tree;
use crate::words::CommitId;

/// Where the ids of the databases stand that have worked with a forge.
const DATABASES: &str = "refs/orch/database";
/// Files that changed longer ago are at rest: no clock of a file system is coarser.
const AT_REST: Duration = Duration::from_secs(3);
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

/// Branches that were listed while the files of the refs were at rest.
#[derive(Debug)]
pub(crate) struct Listed {
    /// See [`refs_at_rest`].
    files: u64,
    main: CommitId,
    names: u64,
}

/// How the files of the branches stand, as one number: each change of a ref is one of a folder. `None` if a change could go
/// unseen: beside one of a moment ago another one may have the same time.
fn refs_at_rest(repository: &Path, base: &str, now: SystemTime) -> Option<u64> {
    let mut digest = DefaultHasher::new();
    let mut add = |path: &Path| {
        let file = match fs::symlink_metadata(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Some(()),
            Err(_) => return None,
        };
        let times = [file.mtime(), file.mtime_nsec(), file.ctime(), file.ctime_nsec()];
        (path, file.ino(), file.len(), times).hash(&mut digest);
        let changed = UNIX_EPOCH + Duration::from_secs(u64::try_from(file.mtime().max(file.ctime())).ok()?);
        (now.duration_since(changed).ok()? > AT_REST).then_some(())
    };
    if repository.join("reftable").exists() {
        return None;
    }
    let heads = repository.join("refs/heads");
    add(&repository.join("packed-refs"))?;
    add(&heads.join(base))?;
    let mut folders = BTreeSet::from([heads]);
    while let Some(folder) = folders.pop_first() {
        add(&folder)?;
        for entry in fs::read_dir(&folder).ok()? {
            let entry = entry.ok()?;
            if entry.file_type().ok()?.is_dir() {
                folders.insert(entry.path());
            }
        }
    }
    Some(digest.finish())
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

    /// Where the base branch is, the names of all branches, as one number, and the list of both if it had to be made.
    fn branches_now(&self) -> Result<(CommitId, u64, Option<Branches>)> {
        let listed = || self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the list: what moves while it is made is met the next time.
        let files = refs_at_rest(&self.path, self.origin.base.as_str(), SystemTime::now());
        if let (Some(files), Some(known)) = (files, &*listed())
            && known.files == files
        {
            return Ok((known.main.clone(), known.names, None));
        }
        let branches = self.branches()?;
        let main = branches.iter().find(|(name, _)| name == self.origin.base.as_str()).map(|(_, tip)| tip.clone());
        let main = main.ok_or_else(|| self.no_base())?;
        let mut digest = DefaultHasher::new();
        branches.iter().for_each(|(name, _)| name.hash(&mut digest));
        let names = digest.finish();
        *listed() = files.map(|files| Listed { files, main: main.clone(), names });
        Ok((main, names, Some(branches)))
    }

    /// The highest number of a work item `PREFIX-NNN` that stands in this forge, in whatever case and padding: in subjects
    /// and trailers of what main has, in the documents there, in the names of branches. `None`: nothing has moved since
    /// `before`; else no older commit is read again.
    ///
    /// # Errors
    /// As every call of git.
    pub fn highest_number(&self, prefix: &str, before: Option<&TakenNumbers>) -> Result<Option<TakenNumbers>> {
        let (main, branches, list) = self.branches_now()?;
        let seen = TakenNumbers { highest: before.map_or(0, |seen| seen.highest), main, branches };
        if before == Some(&seen) {
            return Ok(None);
        }
        let branches = list.map_or_else(|| self.branches(), Ok)?;
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

    fn put(folder: &Path, name: &str, text: &str) {
        let (file, lock) = (folder.join(name), folder.join(format!("{name}.lock")));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&lock, text).unwrap();
        fs::rename(lock, file).unwrap();
    }

    /// The clock of the file system goes on.
    fn tick(root: &Path) {
        let probe = || {
            fs::write(root.join("probe"), "x").unwrap();
            fs::metadata(root.join("probe")).unwrap().modified().unwrap()
        };
        let first = probe();
        while probe() == first {}
    }

    /// The number after each of these, as git makes them, looked at much later.
    #[test]
    fn every_move_of_a_ref_shows_in_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let much_later = || SystemTime::now() + AT_REST * 3;
        put(root, "refs/heads/main", "a");
        let mut seen = BTreeSet::from([refs_at_rest(root, "main", much_later()).unwrap()]);
        let moves: [&dyn Fn(); 6] = [
            &|| put(root, "refs/heads/main", "b"),
            &|| put(root, "refs/heads/feature/et-1", "a"),
            &|| put(root, "refs/heads/feature/deep/et-2", "a"),
            &|| put(root, "packed-refs", "a refs/heads/feature/et-3"),
            &|| fs::remove_file(root.join("refs/heads/feature/deep/et-2")).unwrap(),
            // By hand, in place.
            &|| fs::write(root.join("refs/heads/main"), "much longer").unwrap(),
        ];
        for (number, happens) in moves.iter().enumerate() {
            tick(root);
            happens();
            assert_eq!(refs_at_rest(root, "main", SystemTime::now()), None, "it moved a moment ago: {number}");
            let now = refs_at_rest(root, "main", much_later()).unwrap();
            assert!(seen.insert(now), "{number} does not show");
            assert_eq!(refs_at_rest(root, "main", much_later()), Some(now));
        }
        put(root, "reftable/tables.list", "");
        assert_eq!(refs_at_rest(root, "main", much_later()), None, "refs are not in files of their own");
    }
}
