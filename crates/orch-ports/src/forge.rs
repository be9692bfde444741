//! Where branches live: one [`Forge`] per repository, one implementation per product. All calls block; the engine keeps
//! them off its own thread.

use std::collections::BTreeMap;

use orch_rules::ids::CommitId;
use orch_rules::lane::LandingRefused;

use crate::change_requests::ChangeRequests;
use crate::error::PortResult;

/// Main's tip after bringing it up to date with the user's own repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The tip tasks start from and land on.
    pub tip: CommitId,
    /// Its name.
    pub branch: String,
    /// The user's branch has commits that ours lacks and the reverse: a sentence for people.
    pub diverged: Option<String>,
}

/// How a landing ended. One that may still arrive has not ended: that is an error of the kind *in doubt*, and the same
/// landing is asked for again until it is one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Landing {
    /// Main is, or contains, the candidate, whoever did it.
    Landed {
        /// Main's tip now.
        tip: CommitId,
    },
    /// Main is not where the candidate was made for, and does not contain it. Nothing was moved.
    Moved {
        /// Main's tip now.
        tip: CommitId,
    },
    /// Whoever keeps main does not take it. Nothing was moved.
    Refused(LandingRefused),
}

/// What a forge is, and what it can do besides keeping branches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offers {
    /// The server it is on, as people know it; `None`: it is on this host's disk, and is away only with that.
    pub server: Option<String>,
}

/// A repository's branches. Every call is safe to repeat.
pub trait Forge: Send + Sync {
    /// What it is and can do. Asks nobody.
    fn offers(&self) -> Offers;
    /// What its product has besides branches; `None`: it keeps branches only.
    fn change_requests(&self) -> Option<&dyn ChangeRequests> {
        None
    }
    /// Bring main, with its commits, up to date with where its users push, and tell its tip. A repository that cannot be
    /// worked in is in trouble as a whole: gone, moved, without its base branch, rewritten. The words say what is wrong,
    /// where, and what to do.
    fn base(&self) -> PortResult<Base>;
    /// Take main as its users have it now, though it lacks commits that ours has. For a person who says so.
    fn accept_base(&self) -> PortResult<Base>;
    /// Every branch with its tip, main included.
    fn branches(&self) -> PortResult<BTreeMap<String, CommitId>>;
    /// Where a branch is, its commits being in the workshop from then on; `None` if it does not exist.
    fn tip(&self, branch: &str) -> PortResult<Option<CommitId>>;
    /// Move a task branch from `expect` (`None`: it is not there) to `head`. Never main. A branch that is elsewhere was
    /// pushed by a person: `Conflict`, and nothing is moved.
    fn publish(&self, branch: &str, expect: Option<&CommitId>, head: &CommitId) -> PortResult<()>;
    /// Move main from `parent` to `candidate` by compare-and-set.
    fn land(&self, candidate: &CommitId, parent: &CommitId) -> PortResult<Landing>;
    /// Remove a task branch that is at `expect`. Never main. One that is not there is fine; one that is elsewhere holds a
    /// person's push: `Conflict`, and it stays.
    fn remove(&self, branch: &str, expect: &CommitId) -> PortResult<()>;
}
