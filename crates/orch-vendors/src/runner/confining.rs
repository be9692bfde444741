//! How runs of this host are confined.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use camino::Utf8Path;
use orch_ports::runner::RunOrder;
use orch_run::{Account, Confinement, Plan};

/// What the settings say of confinement.
#[derive(Debug, Clone)]
pub struct Confining {
    /// The level; `None` is the strongest this host has.
    pub level: Option<Confinement>,
    /// Below this level nothing starts.
    pub min: Confinement,
    /// The account of runs if the service is root; `None` is `nobody`.
    pub user: Option<String>,
    /// Paths every run may read: tools and caches that are not found by themselves.
    pub read_only: Vec<PathBuf>,
    /// Bytes of memory for each run.
    pub memory_bytes: Option<u64>,
    /// Processes and threads of each run.
    pub processes: Option<u64>,
    /// Bytes of the largest file a run may write.
    pub file_bytes: Option<u64>,
    /// Found out once, when it is needed.
    found: Arc<OnceLock<Result<Confinement, String>>>,
}

impl Confining {
    /// These levels, the default account, no limits.
    pub fn of(level: Option<Confinement>, min: Confinement) -> Self {
        Self {
            level,
            min,
            user: None,
            read_only: Vec::new(),
            memory_bytes: None,
            processes: None,
            file_bytes: None,
            found: Arc::default(),
        }
    }

    /// No confinement at all.
    pub fn none() -> Self {
        Self::of(Some(Confinement::None), Confinement::None)
    }

    /// The level that runs get.
    ///
    /// # Errors
    /// In words: what this host lacks, and how to go on without it.
    pub fn active(&self) -> Result<Confinement, String> {
        let find = || {
            if self.level == Some(Confinement::None) && self.min == Confinement::None {
                return Ok(Confinement::None);
            }
            orch_run::choose(self.level, self.min, &orch_run::available(self.user.as_deref()))
        };
        self.found.get_or_init(find).clone()
    }

    /// The plan of one run, with a scratch folder of this path.
    pub(super) fn plan(&self, order: &RunOrder, level: Confinement, scratch: PathBuf) -> Result<Plan, String> {
        let account = if level > Confinement::None && rustix::process::geteuid().is_root() {
            Some(Account::named(self.user.as_deref().unwrap_or("nobody"))?)
        } else {
            None
        };
        let mut read_only: Vec<PathBuf> = order.read_only.iter().map(Into::into).collect();
        read_only.extend(self.read_only.iter().cloned());
        read_only.extend(order.set_up.as_ref().and_then(|set_up| Some(set_up.keeps.as_ref()?.copy.clone().into())));
        read_only.extend(borrowed(&order.directory));
        Ok(Plan {
            account,
            read_only,
            read_write: order.read_write.iter().map(Into::into).collect(),
            scratch: (level > Confinement::None).then_some(scratch),
            memory_bytes: self.memory_bytes,
            processes: self.processes,
            open_files: None,
            file_bytes: self.file_bytes,
        })
    }
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
        assert_eq!(Confining::none().active(), Ok(Confinement::None));
        let at_odds = Confining::of(Some(Confinement::None), Confinement::Landlock).active().unwrap_err();
        assert!(at_odds.contains("lower min"), "{at_odds}");
    }
}
