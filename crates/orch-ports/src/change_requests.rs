//! What the product of a forge has besides branches: change requests with their reviews, and statuses of commits. All
//! calls block; the engine keeps them off its own thread.

use orch_rules::ci::CommitStatus;
use orch_rules::ids::{CommitId, Timestamp};

use crate::error::PortResult;
use crate::forge_hook::{ForgeHeard, ForgePlace};
use crate::tracker::HookRequest;

/// Number of a change request within its repository.
pub type ChangeRequestNumber = u64;

/// What is shown of a task as a change request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRequestText {
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
}

/// How far a change request is. *Closed* proves nothing: removing its branch closes it. What landed is what git says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeRequestState {
    /// It is open.
    Open,
    /// It is closed and not merged.
    Closed,
    /// The product says it is merged.
    Merged,
}

/// A change request as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRequest {
    /// Which.
    pub number: ChangeRequestNumber,
    /// The branch that it is of.
    pub branch: String,
    /// How far it is.
    pub state: ChangeRequestState,
    /// The commit that its branch is at, as the product sees it.
    pub head: CommitId,
    /// Its page.
    pub address: String,
}

/// What a review says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewVerdict {
    /// It may land.
    Approved,
    /// It may not.
    ChangesRequested,
    /// Words only, or something not handed in yet.
    Comment,
}

/// One review of a change request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeReview {
    /// The product's name of it.
    pub id: String,
    /// The account's id there.
    pub by: String,
    /// The account's name, for people.
    pub name: String,
    /// What it says.
    pub verdict: ReviewVerdict,
    /// What was looked at.
    pub commit: CommitId,
    /// It was taken back, or a later push voided it.
    pub dismissed: bool,
    /// In its words.
    pub text: String,
    /// By the product's clock.
    pub at: Timestamp,
}

/// What the product asks of main before it takes anything, and what our account may do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirements {
    /// Product and release, for people.
    pub product: String,
    /// Our account's name, if the credential may know it.
    pub account: Option<String>,
    /// We may push to main.
    pub may_push: bool,
    /// We may write change requests and statuses.
    pub may_write: bool,
    /// The product offers a merge that keeps the commit as it is.
    pub keeps_commit: bool,
    /// So many people have to approve a change request.
    pub approvals: u64,
    /// A push voids approvals; `None`: we may not know.
    pub dismisses_stale: Option<bool>,
    /// These contexts have to be green; patterns with `*`.
    pub contexts: Vec<String>,
}

/// Change requests of one repository. Every call is safe to repeat.
pub trait ChangeRequests: Send + Sync {
    /// Changes when the credential does, and does not show it.
    fn fingerprint(&self) -> String {
        String::new()
    }
    /// Where the repository is there, by what never changes.
    fn place(&self) -> PortResult<ForgePlace>;
    /// What a webhook's request is. Asks nobody.
    fn heard(&self, request: &HookRequest) -> ForgeHeard;
    /// A change request from a task branch to main, open or not; `None` if there never was one.
    fn find(&self, branch: &str) -> PortResult<Option<ChangeRequest>>;
    /// The change request from a task branch to main: the open one, else one is opened. One that would be empty is
    /// `Refused`: products take it for merged.
    fn open(&self, branch: &str, text: &ChangeRequestText) -> PortResult<ChangeRequest>;
    /// How it stands; `Gone` if there is none of that number.
    fn look(&self, number: ChangeRequestNumber) -> PortResult<ChangeRequest>;
    /// Give it another title and body.
    fn rewrite(&self, number: ChangeRequestNumber, text: &ChangeRequestText) -> PortResult<()>;
    /// End it: `landed` is the commit on main that has its change. It is marked as merged where the product does that, else
    /// closed with the commit named; without a commit it is closed. `text` is what stands there from then on.
    fn end(
        &self,
        number: ChangeRequestNumber,
        text: &ChangeRequestText,
        landed: Option<&CommitId>,
    ) -> PortResult<ChangeRequestState>;
    /// Its reviews, oldest first.
    fn reviews(&self, number: ChangeRequestNumber) -> PortResult<Vec<ForgeReview>>;
    /// The newest status of each context of a commit, all of them. `Missing` if the product does not know the commit (yet).
    fn statuses(&self, commit: &CommitId) -> PortResult<Vec<CommitStatus>>;
    /// Say something of a commit. `Missing` as for [`Self::statuses`].
    fn set_status(&self, commit: &CommitId, status: &CommitStatus) -> PortResult<()>;
    /// Put a candidate where the forge's CI runs for it; where main takes no push from us, as the change request that it will
    /// be merged by.
    fn propose(&self, candidate: &CommitId) -> PortResult<()>;
    /// Take away what [`Self::propose`] and a landing left of a candidate.
    fn withdraw(&self, candidate: &CommitId) -> PortResult<()>;
    /// What is asked of main, and what we may do.
    fn requirements(&self) -> PortResult<Requirements>;
}
