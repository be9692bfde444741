//! A forge that is opened when it is needed, and again after its repository could not be worked in: a repository that is
//! away keeps nobody's start, and one that comes back needs none.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use camino::Utf8PathBuf;
use orch_ports::forge::{
    Base, BranchOrder, BranchState, CandidateOrder, Collected, Diff, DiffOrder, Forge, ForgeError, ForgeResult,
    Landing, Overlay, Standing, Workplace,
};
use orch_rules::event::CandidateResult;
use orch_rules::ids::{CommitId, TaskId};
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

    fn get(&self) -> ForgeResult<Arc<LocalForge>> {
        // Held while it is opened: whoever comes meanwhile needs it too.
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(forge) = &*opened {
            return Ok(Arc::clone(forge));
        }
        let forge = Arc::new(LocalForge::new((self.open)().map_err(ForgeError::Unavailable)?));
        *opened = Some(Arc::clone(&forge));
        Ok(forge)
    }

    fn close(&self) {
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Forge for Opening {
    fn base(&self) -> ForgeResult<Base> {
        let base = self.get()?.base();
        if matches!(base, Err(ForgeError::Unavailable(_))) {
            // What mends it may be another path or another base branch.
            self.close();
        }
        base
    }
    fn accept_base(&self) -> ForgeResult<Base> {
        self.get()?.accept_base()
    }
    fn prepare(
        &self,
        place: &Workplace,
        start: &CommitId,
        aside: &[String],
        overlay: Option<&Overlay>,
    ) -> ForgeResult<CommitId> {
        self.get()?.prepare(place, start, aside, overlay)
    }
    fn snapshot_command(&self, place: &Workplace, start: &CommitId) -> ForgeResult<Vec<String>> {
        self.get()?.snapshot_command(place, start)
    }
    fn parcel_command(&self, place: &Workplace, start: &CommitId) -> ForgeResult<Vec<String>> {
        self.get()?.parcel_command(place, start)
    }
    fn collect(&self, place: &Workplace, start: &CommitId, scope: &Scope) -> ForgeResult<Collected> {
        self.get()?.collect(place, start, scope)
    }
    fn checkout(&self, commit: &CommitId, directory: &Utf8PathBuf, overlay: Option<&Overlay>) -> ForgeResult<()> {
        self.get()?.checkout(commit, directory, overlay)
    }
    fn candidate(&self, order: &CandidateOrder, onto: &CommitId) -> ForgeResult<CandidateResult> {
        self.get()?.candidate(order, onto)
    }
    fn land(&self, candidate: &CommitId, parent: &CommitId) -> ForgeResult<Landing> {
        self.get()?.land(candidate, parent)
    }
    fn publish(&self, branch: &str, was: Option<&CommitId>, head: &CommitId) -> ForgeResult<()> {
        self.get()?.publish(branch, was, head)
    }
    fn branches(&self) -> ForgeResult<BTreeMap<String, CommitId>> {
        self.get()?.branches()
    }
    fn branch_state(&self, order: &BranchOrder) -> ForgeResult<BranchState> {
        self.get()?.branch_state(order)
    }
    fn clean_up(&self, task: &TaskId, branch: &str, head: Option<&CommitId>, archive: bool) -> ForgeResult<()> {
        self.get()?.clean_up(task, branch, head, archive)
    }
    fn standing(
        &self,
        database: Option<&str>,
        known: Option<&CommitId>,
        before: Option<&(Option<CommitId>, CommitId)>,
    ) -> ForgeResult<Option<Standing>> {
        self.get()?.standing(database, known, before)
    }
    fn has_landed(&self, commit: &CommitId) -> ForgeResult<bool> {
        self.get()?.has_landed(commit)
    }
    fn highest_number(&self, prefix: &str) -> ForgeResult<u32> {
        self.get()?.highest_number(prefix)
    }
    fn upkeep(&self) -> ForgeResult<Option<String>> {
        self.get()?.upkeep()
    }
    fn diff(&self, order: &DiffOrder) -> ForgeResult<Diff> {
        self.get()?.diff(order)
    }
    fn read(&self, commit: &CommitId, path: &str, cap: usize) -> ForgeResult<Option<String>> {
        self.get()?.read(commit, path, cap)
    }
}
