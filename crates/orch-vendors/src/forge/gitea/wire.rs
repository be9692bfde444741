//! What Gitea and Forgejo say, as far as it is read. Fields that one of them leaves out have a default.

use orch_ports::change_requests::{ChangeRequest, ChangeRequestState, ForgeReview, ReviewVerdict};
use orch_rules::ci::CommitStatus;
use orch_rules::ids::{CommitId, Timestamp};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct ServerVersion {
    pub version: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct User {
    #[serde(default)]
    pub id: i64,
    #[serde(default)]
    pub login: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Permissions {
    pub push: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct SeenRepository {
    #[serde(default)]
    pub id: i64,
    #[serde(default)]
    pub permissions: Option<Permissions>,
    #[serde(default)]
    pub allow_fast_forward_only_merge: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Branch {
    #[serde(default)]
    pub protected: bool,
    #[serde(default)]
    pub required_approvals: u64,
    #[serde(default)]
    pub enable_status_check: bool,
    #[serde(default)]
    pub status_check_contexts: Option<Vec<String>>,
    #[serde(default)]
    pub user_can_push: bool,
}

/// A rule of a branch, which administrators of the repository may read.
#[derive(Debug, Deserialize)]
pub(super) struct Rule {
    #[serde(default)]
    pub rule_name: String,
    #[serde(default)]
    pub dismiss_stale_approvals: bool,
    #[serde(default)]
    pub ignore_stale_approvals: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Side {
    pub sha: String,
    #[serde(default, rename = "ref")]
    pub branch: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct PullRequest {
    pub number: u64,
    pub state: String,
    #[serde(default)]
    pub merged: bool,
    #[serde(default)]
    pub mergeable: bool,
    pub head: Side,
    #[serde(default)]
    pub html_url: String,
}

impl PullRequest {
    pub fn ours(self) -> ChangeRequest {
        let state = match (self.merged, self.state.as_str()) {
            (true, _) => ChangeRequestState::Merged,
            (false, "open") => ChangeRequestState::Open,
            (false, _) => ChangeRequestState::Closed,
        };
        let (number, head) = (self.number, CommitId::from(self.head.sha.as_str()));
        ChangeRequest { number, branch: self.head.branch, state, head, address: self.html_url }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Comparison {
    pub total_commits: u64,
}

/// A page of them; `null` where there are none.
#[derive(Debug, Deserialize)]
pub(super) struct CombinedStatus {
    #[serde(default)]
    pub statuses: Option<Vec<SeenStatus>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SeenStatus {
    #[serde(default)]
    pub id: i64,
    /// The combined one is called `state`.
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub context: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub target_url: String,
}

impl SeenStatus {
    pub fn ours(self) -> CommitStatus {
        let (context, state) = (self.context, self.status.into());
        CommitStatus { context, state, description: self.description, address: self.target_url }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Review {
    pub id: i64,
    /// `null` for an account that is gone, and for a team that was asked.
    #[serde(default)]
    pub user: Option<User>,
    #[serde(default)]
    pub state: String,
    #[serde(default)]
    pub body: String,
    #[serde(default)]
    pub commit_id: String,
    #[serde(default)]
    pub dismissed: bool,
    #[serde(default)]
    pub submitted_at: String,
}

impl Review {
    pub fn ours(self) -> Option<ForgeReview> {
        let user = self.user?;
        let verdict = match self.state.as_str() {
            "APPROVED" => ReviewVerdict::Approved,
            "REQUEST_CHANGES" => ReviewVerdict::ChangesRequested,
            _ => ReviewVerdict::Comment,
        };
        Some(ForgeReview {
            id: self.id.to_string(),
            by: user.id.to_string(),
            name: user.login,
            verdict,
            commit: CommitId::from(self.commit_id.as_str()),
            dismissed: self.dismissed,
            text: self.body,
            at: self.submitted_at.parse::<jiff::Timestamp>().map_or(Timestamp(0), |at| Timestamp(at.as_millisecond())),
        })
    }
}
