//! Where code is worked on: one [`Workshop`] per repository, on this host's disk, whatever product its branches live in.
//! All calls block; the engine keeps them off its own thread.

use camino::Utf8PathBuf;
use orch_rules::attempt::Evidence;
use orch_rules::event::CandidateResult;
use orch_rules::ids::{AttemptNumber, CommitId, TaskId, Timestamp, WorkItemId};
use orch_rules::scope::Scope;
use serde::{Deserialize, Serialize};

use crate::error::PortResult;

/// One attempt's own clone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workplace {
    /// What it left was packed again and again: what is not whole in it is the work's fault and no longer the machine's.
    pub packed_again: bool,
    /// Bytes of the largest file that is taken.
    pub largest_file: u64,
    /// Whose.
    pub task: TaskId,
    /// For the documents folder `docs/work-items/<ID>/`.
    pub work_item: WorkItemId,
    /// Which attempt.
    pub attempt: AttemptNumber,
    /// Local branch the agent works on.
    pub branch: String,
    /// Where the clone goes.
    pub directory: Utf8PathBuf,
    /// Where the run packs what is to come home: the beginning of the parcel's files. The run may write there.
    pub parcel: Utf8PathBuf,
    /// Files of it are another commit's, and git takes no notice of that ([`Workshop::prepare`]): they are not looked at.
    pub overlaid: bool,
    /// Message of the commit that is made of what was left uncommitted, or cannot be taken as it was committed.
    pub message: String,
    /// Name and mail of the commits made there.
    pub identity: Identity,
    /// When the attempt was asked for: the date of a commit made before it starts.
    pub at: Timestamp,
}

/// Who commits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Name.
    pub name: String,
    /// Mail address.
    pub email: String,
}

/// How a candidate is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandidateOrder {
    /// The task's head.
    pub head: CommitId,
    /// Its work item.
    pub work_item: WorkItemId,
    /// Of how many work items the base branch keeps the documents ([`orch_rules::work_item::leaving`]); `None`: of all.
    pub documents_kept: Option<u32>,
    /// Commit message, trailers included.
    pub message: String,
    /// Author and committer.
    pub identity: Identity,
    /// Author and committer date: the same order makes the same commit.
    pub at: Timestamp,
}

/// What an attempt left behind, and what the rules have yet to be told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collected {
    /// What git says; `protected` is `None`, for a forge knows no patterns.
    pub evidence: Evidence,
    /// Every path of the task's whole change against the merge base with `evidence.base`, its documents left out.
    pub patch_paths: Vec<String>,
    /// Those of them that are, or were, a link or a submodule: they lead elsewhere.
    pub patch_links: Vec<String>,
    /// Those of them that are gone or have fewer lines than before.
    pub patch_shrunk: Vec<String>,
}

/// A task branch that is compared with the task's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchOrder {
    /// The task's head.
    pub head: CommitId,
    /// What the person's commits count from: the head, or, for a replay, where the attempt started.
    pub since: CommitId,
    /// `head` could not be published: what it adds to `since` is put on top of the branch.
    pub replay: bool,
    /// For the documents folder.
    pub work_item: WorkItemId,
    /// Message of the commit that a replay makes.
    pub message: String,
    /// Its author and committer.
    pub identity: Identity,
    /// Its date: the same order on the same branch makes the same commit.
    pub at: Timestamp,
}

/// What a task branch is, beside the task's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BranchState {
    /// The head, or an older one that is about to follow.
    Same,
    /// Commits on top of the head.
    Pushed {
        /// The newest one's author, as the commit says.
        by: String,
        /// What they do since `since`.
        work: Collected,
    },
    /// It does not contain `since`, or, without a replay, not the head.
    Rewritten {
        /// The newest commit's author.
        by: String,
        /// What it does since `since`.
        work: Collected,
    },
    /// The head's work on top of the branch; its commit is not published.
    Replayed {
        /// The newest commit's author.
        by: String,
        /// Where the branch is.
        tip: CommitId,
        /// What both do since `since`.
        work: Collected,
    },
    /// The head's work does not fit on top of the branch.
    Conflict {
        /// The newest commit's author.
        by: String,
        /// What the branch does since `since`.
        work: Collected,
        /// Where they conflict.
        paths: Vec<String>,
    },
}

/// How an agent's own work is looked at from inside of its run, before it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookout {
    /// The command that packs what lies in the clone and changes nothing there.
    pub command: Vec<String>,
    /// Stands in [`Self::command`] for the beginning of the parcel's files.
    pub parcel: String,
    /// The objects that the clone borrows; a run may read them.
    pub objects: Utf8PathBuf,
    /// The base branch, …
    pub base: String,
    /// … and where it was when the run was made.
    pub main: CommitId,
}

/// Files that a checkout, or an attempt, takes from another commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    /// That commit.
    pub from: CommitId,
    /// Which files, see [`orch_rules::path_pattern`].
    pub patterns: Vec<String>,
}

/// Work that landed on main, by the words of its commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LandedWork {
    /// Its work item.
    pub work_item: String,
    /// The commit.
    pub commit: CommitId,
}

/// How a repository stands beside a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Main.
    pub tip: CommitId,
    /// It has worked with another database, and never with this one.
    pub foreign: bool,
    /// What the database saw as main, if main does not have it.
    pub lacks: Option<CommitId>,
    /// What landed on main since the database saw it last, oldest first; nothing if it lacks that.
    pub landed: Vec<LandedWork>,
}

/// What of a repository was read when numbers of work items were looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumbersSeen {
    /// The highest one.
    pub highest: u32,
    /// Where main was.
    pub main: CommitId,
    /// Which branches there were, as one number.
    pub branches: u64,
}

/// What is shown of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffOrder {
    /// What it is compared with: its merge base with this; its parent if `None`.
    pub from: Option<CommitId>,
    /// The commit.
    pub to: CommitId,
    /// These paths alone; all if there are none.
    pub only: Vec<String>,
    /// A folder that is left out.
    pub without: Option<String>,
    /// At most so many bytes.
    pub cap: usize,
}

/// A change as a unified diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// Bytes that are no UTF-8 read as U+FFFD.
    pub text: String,
    /// There is more of it.
    pub cut: bool,
}

/// A repository's code on this host's disk. Every call is safe to repeat.
pub trait Workshop: Send + Sync {
    /// Make the attempt's clone at `start`, pinned; an existing directory is replaced. Files named by `aside` (from the
    /// top of the repository) that are there are taken off the branch by a commit first, so that what the attempt
    /// writes there is its own even if it is the same to the letter. Files that an overlay names lie there as its commit
    /// has them, and git takes no notice of that: what is committed there is the branch's own. Gives the commit the
    /// attempt starts from.
    fn prepare(
        &self,
        place: &Workplace,
        start: &CommitId,
        aside: &[String],
        overlay: Option<&Overlay>,
    ) -> PortResult<CommitId>;
    /// The command that notes how its set-up left a clone, to be run inside of its confinement before the agent: what
    /// nobody touches afterwards is not the agent's.
    fn snapshot_command(&self, place: &Workplace, start: &CommitId) -> PortResult<Vec<String>>;
    /// How what lies in the clone is looked at from inside of the run; `None`: nobody can.
    fn lookout(&self, _place: &Workplace, _start: &CommitId) -> PortResult<Option<Lookout>> {
        Ok(None)
    }
    /// The command that packs what an agent left, to be run inside of its confinement when it has ended; again, if it
    /// failed.
    fn parcel_command(&self, place: &Workplace, start: &CommitId) -> PortResult<Vec<String>>;
    /// Take in what was packed, as far as it is in scope and may be taken at all, and say what it does since `start`.
    /// What was left out or refused is told in the evidence. Nothing of the clone is looked at. What the run's last command
    /// did not pack is `Missing`: the work is there, and the command can be run again.
    fn collect(&self, place: &Workplace, start: &CommitId, scope: &Scope) -> PortResult<Collected>;
    /// What of an attempt was collected before, and where it started: what is left when its clone is gone, as after an older
    /// database was put back. `scope` is that of the collecting. `None`: nothing is known of it here.
    fn brought_home(&self, _place: &Workplace, _scope: &Scope) -> PortResult<Option<(CommitId, Collected)>> {
        Ok(None)
    }
    /// A clean checkout of an exact commit; an existing directory is replaced. Files that an overlay names are there as
    /// its commit has them; those it does not have there are left out.
    fn checkout(&self, commit: &CommitId, directory: &Utf8PathBuf, overlay: Option<&Overlay>) -> PortResult<()>;
    /// Combine a head with `onto`.
    fn candidate(&self, order: &CandidateOrder, onto: &CommitId) -> PortResult<CandidateResult>;
    /// The reverse of a commit, of which `order.head` is the name: a commit on top of it that has all that its first parent
    /// has. As the head of a candidate it takes back what the commit brought.
    fn reverse(&self, order: &CandidateOrder) -> PortResult<CommitId>;
    /// Compare the tip of a task branch, which [`crate::forge::Forge::tip`] brought here, with the task's head. Moves
    /// nothing.
    fn branch_state(&self, order: &BranchOrder, tip: &CommitId) -> PortResult<BranchState>;
    /// Whether a commit is, or contains, another; an unknown one is contained nowhere.
    fn contains(&self, commit: &CommitId, other: &CommitId) -> PortResult<bool>;
    /// Keep a task's last head, so that its documents outlive its branch.
    fn archive(&self, task: &TaskId, head: &CommitId) -> PortResult<()>;
    /// Let go of what only the task's attempts needed.
    fn forget(&self, task: &TaskId) -> PortResult<()>;
    /// Hold the repository against what a database knows: its id, and the main it saw last. `None`: neither that nor main has
    /// changed since `before`. It remembers the id.
    fn standing(
        &self,
        _database: Option<&str>,
        _known: Option<&CommitId>,
        _before: Option<&(Option<CommitId>, CommitId)>,
    ) -> PortResult<Option<Standing>> {
        Ok(None)
    }
    /// Whether main has a commit.
    fn has_landed(&self, _commit: &CommitId) -> PortResult<bool> {
        Ok(true)
    }
    /// The highest number of a work item of this prefix, in whatever case and padding, that stands anywhere in it: in what
    /// landed, in folders of documents on main, in names of branches. `None`: nothing has moved since `before`.
    fn highest_number(&self, _prefix: &str, _before: Option<&NumbersSeen>) -> PortResult<Option<NumbersSeen>> {
        Ok(None)
    }
    /// Whatever keeps later calls as cheap as the first ones, if there is anything to do: what was done, in words for the
    /// log. Never twice at once for one repository; safe beside every other call.
    fn upkeep(&self) -> PortResult<Option<String>> {
        Ok(None)
    }
    /// A file of a commit as text; `None` if it is not a plain file there. One larger than `cap` bytes is
    /// `Refused`: half a file is no file.
    fn read(&self, commit: &CommitId, path: &str, cap: usize) -> PortResult<Option<String>>;
    /// Main as it was brought here last, without a look at where it comes from.
    fn known_base(&self) -> PortResult<CommitId>;
    /// What stands on the way to a folder of a commit and is no folder, as `docs is a symbolic link`.
    fn obstacle(&self, _commit: &CommitId, _folder: &str) -> PortResult<Option<String>> {
        Ok(None)
    }
    /// A change as a unified diff, for people.
    fn diff(&self, order: &DiffOrder) -> PortResult<Diff>;
}
