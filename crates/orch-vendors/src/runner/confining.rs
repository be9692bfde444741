//! How runs of this host are confined.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use orch_ports::runner::RunOrder;
use orch_run::{Account, AccountRange, Confinement, Made, Plan, RunDirectory, Trial, Way};

/// How long a refusal is believed: somebody may be mending what it names.
const BELIEVED: Duration = Duration::from_secs(5);

/// Where home and temporary files of a run appear beside its directory.
const SCRATCH: &str = "/run/scratch";

/// A level and how it is made, or why there is none.
type Found = Result<(Confinement, Made), String>;

/// What the settings say of confinement.
#[derive(Debug, Clone)]
pub struct Confining {
    /// The level; `None` is the strongest this host has.
    pub level: Option<Confinement>,
    /// Below this level nothing starts.
    pub min: Confinement,
    /// The account of runs if the service is root; `None` is `nobody`.
    pub user: Option<String>,
    /// Numbers of accounts, one for each run, if the service is root; `None`: runs share [`Self::user`].
    pub accounts: Option<AccountRange>,
    /// Paths every run may read: tools and caches that are not found by themselves.
    pub read_only: Vec<PathBuf>,
    /// Folders every run may read, and the paths that it knows them by where it has files of its own.
    pub shown: Vec<(PathBuf, PathBuf)>,
    /// Bytes of memory for each run.
    pub memory_bytes: Option<u64>,
    /// Processes and threads of each run.
    pub processes: Option<u64>,
    /// Bytes of the largest file a run may write.
    pub file_bytes: Option<u64>,
    /// Bytes by which the files of a run may grow together.
    pub growth_bytes: Option<u64>,
    /// Files that a run may make.
    pub growth_files: Option<u64>,
    /// Files open at once in one process.
    pub open_files: Option<u64>,
    /// Found out when it is needed: a level once, a refusal again and again.
    found: Arc<Mutex<Option<(Found, Instant)>>>,
}

impl Confining {
    /// These levels, the default account, no limits.
    pub fn of(level: Option<Confinement>, min: Confinement) -> Self {
        Self {
            level,
            min,
            user: None,
            accounts: None,
            read_only: Vec::new(),
            shown: Vec::new(),
            memory_bytes: None,
            processes: None,
            file_bytes: None,
            growth_bytes: None,
            growth_files: None,
            open_files: None,
            found: Arc::default(),
        }
    }

    /// No confinement at all.
    pub fn none() -> Self {
        Self::of(Some(Confinement::None), Confinement::None)
    }

    /// The level that runs get below `folder`, and how it is made. `program` is that of the inner step.
    ///
    /// # Errors
    /// In words: what this host lacks, and how to go on without it.
    pub fn active(&self, program: &Path, folder: &Path) -> Result<(Confinement, Made), String> {
        let mut kept = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((found, at)) = kept.as_ref()
            && (found.is_ok() || at.elapsed() < BELIEVED)
        {
            return found.clone();
        }
        let found = self.find(program, folder);
        *kept = Some((found.clone(), Instant::now()));
        found
    }

    fn find(&self, program: &Path, folder: &Path) -> Found {
        if self.level == Some(Confinement::None) && self.min == Confinement::None {
            return Ok((Confinement::None, Made::Plainly));
        }
        let trial = Trial { user: self.user.as_deref(), program, folder, command: &[], env: &[] };
        let found = orch_run::find(self.level, self.min, &trial)?;
        if let (level, Made::Plainly) = found
            && let Some(account) = self.account(level)?
        {
            Way::open(folder, &account)?.keep();
        }
        Ok(found)
    }

    /// The account of runs at this level if they have another one than the service.
    fn account(&self, level: Confinement) -> Result<Option<Account>, String> {
        if level == Confinement::None || !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        Account::named(self.user.as_deref().unwrap_or("nobody")).map(Some)
    }

    /// An account that no other run in the folder of `runs` has, as far as there are enough.
    fn own_account(&self, name: &str, runs: &Path, shared: Account) -> Account {
        let Some(range) = self.accounts.filter(|range| range.is_there()) else { return shared };
        range.account(name, &taken(runs), &shared).unwrap_or(shared)
    }

    /// The plan of one run, with a scratch folder of this path.
    pub(super) fn plan(
        &self,
        order: &RunOrder,
        (level, made): (Confinement, Made),
        (runs, scratch): (&Path, PathBuf),
    ) -> Result<Plan, String> {
        let account = self.account(level)?.map(|shared| self.own_account(&order.name, runs, shared));
        let mut read_only: Vec<PathBuf> = order.read_only.iter().map(Into::into).collect();
        read_only.extend(self.read_only.iter().cloned());
        read_only.extend(self.shown.iter().map(|(path, _)| path.clone()));
        read_only.extend(order.set_up.as_ref().and_then(|set_up| Some(set_up.keeps.as_ref()?.copy.clone().into())));
        read_only.extend(borrowed(&order.directory));
        let appears = order.appears.iter().flat_map(|at| {
            [(order.directory.clone().into(), at.clone().into()), (scratch.clone(), PathBuf::from(SCRATCH))]
        });
        Ok(Plan {
            appears: appears.chain(self.shown.iter().cloned()).collect(),
            account,
            read_only,
            read_write: order.read_write.iter().map(Into::into).collect(),
            scratch: (level > Confinement::None).then_some(scratch),
            namespaces: made == Made::Namespaces,
            memory_bytes: self.memory_bytes,
            processes: self.processes,
            open_files: self.open_files,
            file_bytes: self.file_bytes,
            growth_bytes: self.growth_bytes,
            growth_files: self.growth_files,
        })
    }
}

/// Numbers of accounts of runs that are not over, and of people.
fn taken(runs: &Path) -> BTreeSet<u32> {
    let entries = std::fs::read_dir(runs).into_iter().flatten().flatten();
    let under_way = entries.map(|entry| entry.path()).filter(|folder| !folder.join("result.json").exists());
    let specs = under_way.filter_map(|folder| RunDirectory::open(&folder).ok()?.spec().ok());
    let known = Account::numbers(&std::fs::read_to_string("/etc/passwd").unwrap_or_default());
    specs.filter_map(|spec| Some(spec.plan.account?.uid)).chain(known).collect()
}

/// Object stores that a clone borrows from (gitrepository-layout(5)). Read when the run is made: the clone is fresh then,
/// and what its agent writes there later opens nothing.
fn borrowed(clone: &Utf8Path) -> Vec<PathBuf> {
    let file = clone.join(".git/objects/info/alternates");
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(PathBuf::from).filter(|path| path.is_absolute()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_tells_where_it_borrows_its_objects() {
        let folder = tempfile::tempdir().unwrap();
        let clone = Utf8Path::from_path(folder.path()).unwrap();
        assert!(borrowed(clone).is_empty());
        std::fs::create_dir_all(clone.join(".git/objects/info")).unwrap();
        std::fs::write(clone.join(".git/objects/info/alternates"), "/forge/objects\nrelative\n").unwrap();
        assert_eq!(borrowed(clone), [PathBuf::from("/forge/objects")]);
    }

    #[test]
    fn without_confinement_nothing_is_tried() {
        let nowhere = Path::new("/nonexistent");
        assert_eq!(Confining::none().active(nowhere, nowhere), Ok((Confinement::None, Made::Plainly)));
        let at_odds = Confining::of(Some(Confinement::None), Confinement::Landlock);
        let at_odds = at_odds.active(nowhere, nowhere).unwrap_err();
        assert!(at_odds.contains("lower min"), "{at_odds}");
    }
}
