//! A forge that is opened when it is needed, and again after its repository could not be worked in: a repository that is
//! away keeps nobody's start, and one that comes back needs none.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use camino::Utf8PathBuf;
use orch_ports::forge::{
    Base, BranchOrder, BranchState, CandidateOrder, Collected, Diff, DiffOrder, Forge, Landing, NumbersSeen, Overlay,
    Standing, Workplace,
};
use orch_ports::{Port, PortError, PortResult};
use orch_rules::event::CandidateResult;
use orch_rules::ids::{CommitId, TaskId};
use orch_rules::port_error::{ErrorKind, ForEffect};
use orch_rules::scope::Scope;

use super::LocalForge;

/// Opens one repository's forge.
type Open = Box<dyn Fn() -> Result<orch_git::Forge, String> + Send + Sync>;

/// A local forge that need not be open yet.
pub struct Opening {
    open: Open,
    opened: Mutex<Option<Arc<LocalForge>>>,
}

impl Opening {
    /// `open` says in words for people, with what to do, why it cannot be opened.
    pub fn new(open: impl Fn() -> Result<orch_git::Forge, String> + Send + Sync + 'static) -> Self {
        Self { open: Box::new(open), opened: Mutex::new(None) }
    }

    fn get(&self) -> PortResult<Arc<LocalForge>> {
        // Held while it is opened: whoever comes meanwhile needs it too.
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(forge) = &*opened {
            return Ok(Arc::clone(forge));
        }
        let forge = (self.open)()
            .map_err(|why| PortError::of_target(ErrorKind::Refused, Port::Forge, "a local repository", why))?;
        let forge = Arc::new(LocalForge::new(forge));
        *opened = Some(Arc::clone(&forge));
        Ok(forge)
    }

    fn close(&self) {
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Forge for Opening {
    fn base(&self) -> PortResult<Base> {
        let base = self.get()?.base();
        if base.as_ref().is_err_and(|error| error.for_effect() == ForEffect::Mend) {
            // What mends it may be another path or another base branch.
            self.close();
        }
        base
    }
    fn accept_base(&self) -> PortResult<Base> {
        self.get()?.accept_base()
    }
    fn prepare(
        &self,
        place: &Workplace,
        start: &CommitId,
        aside: &[String],
        overlay: Option<&Overlay>,
    ) -> PortResult<CommitId> {
        self.get()?.prepare(place, start, aside, overlay)
    }
    fn snapshot_command(&self, place: &Workplace, start: &CommitId) -> PortResult<Vec<String>> {
        self.get()?.snapshot_command(place, start)
    }
    fn parcel_command(&self, place: &Workplace, start: &CommitId) -> PortResult<Vec<String>> {
        self.get()?.parcel_command(place, start)
    }
    fn collect(&self, place: &Workplace, start: &CommitId, scope: &Scope) -> PortResult<Collected> {
        self.get()?.collect(place, start, scope)
    }
    fn checkout(&self, commit: &CommitId, directory: &Utf8PathBuf, overlay: Option<&Overlay>) -> PortResult<()> {
        self.get()?.checkout(commit, directory, overlay)
    }
    fn candidate(&self, order: &CandidateOrder, onto: &CommitId) -> PortResult<CandidateResult> {
        self.get()?.candidate(order, onto)
    }
    fn land(&self, candidate: &CommitId, parent: &CommitId) -> PortResult<Landing> {
        self.get()?.land(candidate, parent)
    }
    fn publish(&self, branch: &str, was: Option<&CommitId>, head: &CommitId) -> PortResult<()> {
        self.get()?.publish(branch, was, head)
    }
    fn branches(&self) -> PortResult<BTreeMap<String, CommitId>> {
        self.get()?.branches()
    }
    fn branch_state(&self, order: &BranchOrder) -> PortResult<BranchState> {
        self.get()?.branch_state(order)
    }
    fn clean_up(&self, task: &TaskId, branch: &str, head: Option<&CommitId>, archive: bool) -> PortResult<()> {
        self.get()?.clean_up(task, branch, head, archive)
    }
    fn standing(
        &self,
        database: Option<&str>,
        known: Option<&CommitId>,
        before: Option<&(Option<CommitId>, CommitId)>,
    ) -> PortResult<Option<Standing>> {
        self.get()?.standing(database, known, before)
    }
    fn has_landed(&self, commit: &CommitId) -> PortResult<bool> {
        self.get()?.has_landed(commit)
    }
    fn highest_number(&self, prefix: &str, before: Option<&NumbersSeen>) -> PortResult<Option<NumbersSeen>> {
        self.get()?.highest_number(prefix, before)
    }
    fn upkeep(&self) -> PortResult<Option<String>> {
        self.get()?.upkeep()
    }
    fn known_base(&self) -> PortResult<CommitId> {
        self.get()?.known_base()
    }
    fn obstacle(&self, commit: &CommitId, folder: &str) -> PortResult<Option<String>> {
        self.get()?.obstacle(commit, folder)
    }
    fn diff(&self, order: &DiffOrder) -> PortResult<Diff> {
        self.get()?.diff(order)
    }
    fn read(&self, commit: &CommitId, path: &str, cap: usize) -> PortResult<Option<String>> {
        self.get()?.read(commit, path, cap)
    }
}
