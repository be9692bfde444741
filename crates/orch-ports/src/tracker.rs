//! Where issues are: one project of a tracker. Calls block, and end within a minute.

use std::collections::BTreeMap;

use orch_rules::connection::NewConnection;
use orch_rules::ids::Timestamp;
use orch_rules::observation::{Comment, Move, Object};

use crate::error::PortResult;

/// A state of a project's issues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackerState {
    /// As the product names it for good.
    pub id: String,
    /// As people call it; may change.
    pub name: String,
}

/// An issue in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedIssue {
    /// As the product names it for good.
    pub id: String,
    /// Its state.
    pub state: String,
    /// When anything of it changed, as the product spells it: of one product these can be put in order.
    pub changed: String,
    /// The same moment, by the product's clock.
    pub changed_at: Timestamp,
}

/// What people wrote of an issue, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueDetail {
    /// Its state.
    pub state: String,
    /// One line.
    pub title: String,
    /// Markdown.
    pub description: String,
    /// Its number in the project.
    pub number: Option<u32>,
    /// Higher goes first.
    pub priority: i32,
    /// When it was made, by the product's clock.
    pub created_at: Timestamp,
}

/// An issue that was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetailRead {
    /// Our clock before the request.
    pub read_at: Timestamp,
    /// The product's clock minus ours in milliseconds; `None` if it does not tell.
    pub ahead_ms: Option<i64>,
    /// `None`: there is no such issue, or not any more.
    pub found: Option<IssueDetail>,
}

/// What happened to an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueStory {
    /// Its moves, oldest first; `None` if the product keeps none.
    pub history: Option<Vec<Move>>,
    /// Who made it.
    pub made_by: Option<String>,
    /// All comments as text, oldest first.
    pub comments: Vec<Comment>,
}

/// A webhook's request, as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HookRequest {
    /// Names in small letters.
    pub headers: BTreeMap<String, String>,
    /// Raw.
    pub body: Vec<u8>,
}

/// What a webhook's request is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookHeard {
    /// Nobody can know that it is the product's.
    Refused(&'static str),
    /// The product's, and nothing that concerns us: the sender is told so, and nothing is stored.
    Ignored(String),
    /// Something happened in this project, ours or not.
    Told {
        /// As the product names it.
        project: String,
        /// The same key is the same delivery.
        key: String,
        /// What to look at; empty if that cannot be told.
        hints: Vec<Object>,
        /// The account that did it, if the request tells.
        by: Option<String>,
    },
}

/// What a call may do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackerAccess {
    /// The product, with its version if it tells that.
    pub product: String,
    /// The project, as people call it.
    pub project: String,
    /// Whose account we are, as people call it; `None` if the product does not tell.
    pub account: Option<String>,
}

/// A project of a tracker.
pub trait IssueTracker: Send + Sync {
    /// Its name in the settings and in addresses of webhooks.
    fn name(&self) -> &str;
    /// The project, as the product names it for good.
    fn project(&self) -> &str;
    /// Changes when its credentials or its address do; shows neither.
    fn fingerprint(&self) -> String;
    /// The project as a connection. Asks the product who our accounts are.
    ///
    /// # Errors
    /// [`crate::PortError`].
    fn connection(&self) -> PortResult<NewConnection>;
    /// Our first account is a person's own: what commands may be theirs.
    fn is_shared(&self) -> bool;
    /// All states of the project.
    ///
    /// # Errors
    /// [`crate::PortError`].
    fn states(&self) -> PortResult<Vec<TrackerState>>;
    /// Makes a state of this name; one that is there is left as it is.
    ///
    /// # Errors
    /// [`crate::PortError`].
    fn make_state(&self, name: &str, group: &str) -> PortResult<()>;
    /// Issues that changed at `since` or later, newest first; all of them without it. One request if nothing did.
    ///
    /// # Errors
    /// [`crate::PortError`].
    fn list(&self, since: Option<&str>) -> PortResult<Vec<ListedIssue>>;
    /// One issue as it is now.
    ///
    /// # Errors
    /// [`crate::PortError`]. An issue that is gone is none.
    fn detail(&self, issue: &str) -> PortResult<DetailRead>;
    /// What happened to it. Read after [`IssueTracker::detail`], so that it is not older.
    ///
    /// # Errors
    /// [`crate::PortError`].
    fn story(&self, issue: &str) -> PortResult<IssueStory>;
    /// Issues of this project that it waits for; empty if the product does not tell.
    ///
    /// # Errors
    /// [`crate::PortError`].
    fn blocked_by(&self, issue: &str) -> PortResult<Vec<String>>;
    /// Says something below an issue, once for each key, as the account of a role.
    ///
    /// # Errors
    /// [`crate::PortError`].
    fn comment(&self, issue: &str, role: &str, key: &str, text: &str) -> PortResult<()>;
    /// Moves an issue to a state.
    ///
    /// # Errors
    /// [`crate::PortError`]. In doubt where the product says that it failed: it may have saved it all the same.
    fn set_state(&self, issue: &str, state: &str) -> PortResult<()>;
    /// What a webhook's request is. Asks nobody.
    fn heard(&self, request: &HookRequest) -> HookHeard;
    /// Where it is, for people, without any secret.
    fn place(&self) -> String;
    /// Whether it lets us do our work, without changing anything there.
    ///
    /// # Errors
    /// [`crate::PortError`].
    fn access(&self) -> PortResult<TrackerAccess>;
}
