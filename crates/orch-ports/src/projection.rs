//! What is shown outside of what we know: a status, a card, a change request's text. One row for each target, object and
//! aspect; what is shown is rendered from the stored facts at the moment in which it is sent.

use std::time::Duration;

use async_trait::async_trait;
use orch_rules::ids::{RepositoryId, Timestamp};
use orch_rules::outbox::projection::{Aspect, Projection, Rendering};
use orch_rules::outbox::target::Health;
use orch_rules::pipeline::Pipeline;
use orch_rules::task::Task;

use crate::error::PortResult;
use crate::store::{History, StoreResult};

/// One side of a task that a target shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownAspect {
    /// As it stands in rows: `status`, `card`.
    pub name: &'static str,
    /// Whether others set it, too.
    pub aspect: Aspect,
}

/// Everything that is stored of a task, to render from, with people as they are called. There is no *now* in it: the same rows give the same bytes.
#[derive(Debug, Clone)]
pub struct TaskShown {
    /// Its row.
    pub task: Task,
    /// What happened to it.
    pub history: History,
    /// The line it goes along; `None` if this release cannot read it.
    pub pipeline: Option<Pipeline>,
    /// Its change request, if it has one: the address of its page.
    pub change_request: Option<String>,
    /// The key under which its issue at a tracker is filed, `CONNECTION:ISSUE`.
    pub issue: Option<String>,
}

/// What is to be shown of a task now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShowFate {
    /// This.
    Send(ShownText),
    /// Not yet: something else has to be there first, and raises the row when it is.
    Wait(&'static str),
    /// Nothing: what stands, if anything does, stays.
    Drop(&'static str),
}

/// What is shown, and what is kept of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownText {
    /// As the adapter writes it.
    pub text: String,
    /// As it is stored and compared: the same one is not written again.
    pub rendering: Rendering,
}

impl ShownText {
    /// A short value that the product has names for.
    pub fn value(value: impl Into<String>) -> Self {
        let text = value.into();
        Self { rendering: Rendering::of_value(text.clone()), text }
    }

    /// A long text.
    pub fn text(text: String) -> Self {
        Self { rendering: Rendering::of_text(&text), text }
    }
}

/// One write.
#[derive(Debug, Clone)]
pub struct ProjectionWrite<'a> {
    /// Whose.
    pub task: &'a Task,
    /// Which side.
    pub aspect: &'a str,
    /// [`ShownText::text`].
    pub text: &'a str,
    /// What the product called it when it was written last: a message, a change request.
    pub external_id: Option<&'a str>,
}

/// What became of a write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectionWritten {
    /// What the product calls it.
    pub external_id: Option<String>,
    /// What stands there beside it and is to go, once that id is stored.
    pub replaced: Option<String>,
}

/// Something outside that is to look like what we know: one value for each connection. Calls block, and end within
/// twenty seconds.
pub trait ProjectionTarget: Send + Sync {
    /// Its name in rows.
    fn name(&self) -> &str;
    /// What its limits and outages are shared with: a chat, an account. Health is kept under it; of one channel one call is
    /// made at a time, messages first.
    fn channel(&self) -> &str {
        self.name()
    }
    /// Changes when its credentials or its address do; shows neither.
    fn fingerprint(&self) -> String;
    /// What it shows of a task.
    fn aspects(&self) -> &[ShownAspect];
    /// Whether it shows the tasks of a repository. Asked with every decision: it calls nobody.
    fn shows(&self, repository: &RepositoryId) -> bool;
    /// What is to be shown, from these facts alone: it calls nobody.
    fn render(&self, aspect: &str, facts: &TaskShown) -> ShowFate;
    /// How long the next write has to wait for its channel's pace.
    fn wait(&self) -> Duration {
        Duration::ZERO
    }
    /// A write that nobody answered arrives within so many milliseconds, or never: until then no other one is begun, or the
    /// older of the two could come last.
    fn longest_call_ms(&self) -> i64 {
        30_000
    }
    /// What stands now, of an aspect that others set, too; `None`: nobody can tell.
    ///
    /// # Errors
    /// [`crate::PortError`].
    fn read(&self, _facts: &TaskShown, _aspect: &str) -> PortResult<Option<String>> {
        Ok(None)
    }
    /// Write it. Safe to repeat.
    ///
    /// # Errors
    /// [`crate::PortError`]; `Gone` if there will never again be something to show it at.
    fn write(&self, write: &ProjectionWrite<'_>) -> PortResult<ProjectionWritten>;
    /// Take away what was replaced. What comes of it matters to nobody.
    fn discard(&self, _external_id: &str) {}
    /// Somebody changed a shared aspect since the last look: a look is to tell what is there
    /// ([`Projections::saw_projection`]) before anything is written over it.
    fn look(&self, _facts: &TaskShown) {}
}

/// How far the showing of one aspect of one object is, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectionRow {
    /// [`ProjectionTarget::name`].
    pub target: String,
    /// What is shown, see [`orch_rules::outbox::projection::object_of`].
    pub object: String,
    /// Which side of it.
    pub aspect: String,
    /// [`orch_rules::outbox::projection::Need::number`]; of a newer release it may be another.
    pub need: i64,
    /// Since when it is to be sent, or not before.
    pub due: Timestamp,
    /// Raised by every claim.
    pub fence: i64,
    /// Somebody sends it.
    pub claimed: bool,
    /// When it ended: there is nothing to show it at any more.
    pub ended_at: Option<Timestamp>,
    /// The numbers, what stands, and our last writes.
    pub state: Projection,
    /// Failures in a row.
    pub tries: u32,
    /// The last failure, or what it waits for.
    pub error: Option<String>,
    /// What the product calls what stands.
    pub external_id: Option<String>,
    /// What stands beside it and is to go.
    pub replaced: Option<String>,
    /// What the last look saw of a shared aspect.
    pub looked: Option<String>,
}

impl ProjectionRow {
    /// Something is to be sent, now or later.
    pub fn is_due(&self) -> bool {
        self.ended_at.is_none() && self.state.is_due()
    }
}

/// The end of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectionEnd {
    /// What stands is what is wanted by this number, or nothing is to be shown.
    Settled,
    /// The write noted last arrived; what was replaced is to go, and the claim stays until it has.
    Written {
        /// What was written.
        rendering: Rendering,
        /// What became of it.
        written: ProjectionWritten,
    },
    /// Not now.
    Again {
        /// Not before.
        due: Timestamp,
        /// Why.
        error: String,
        /// A try that failed; else it only waits.
        failed: bool,
        /// The write that was noted at this time was answered, and changed nothing.
        refused: Option<Timestamp>,
    },
    /// There is nothing to show it at any more.
    Gone {
        /// Why.
        error: String,
    },
}

/// Which rows to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProjectionFilter {
    /// Only of this target.
    pub target: Option<String>,
    /// Only of this object.
    pub object: Option<String>,
    /// Only what is to be sent.
    pub due: bool,
    /// At most so many, what is to be sent first.
    pub limit: u32,
}

/// What is next of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NextProjection {
    /// What is due now, and since when: the one that people need first.
    pub now: Option<(i64, Timestamp)>,
    /// When the next one falls due, if none is.
    pub later: Option<Timestamp>,
}

/// Projections as rows. They are raised with the facts ([`orch_rules::change::Change::Raise`]).
#[async_trait]
pub trait Projections: Send + Sync {
    /// What is next of a target, among the aspects that this release knows.
    async fn next_projection(&self, target: &str, aspects: &[&str]) -> StoreResult<NextProjection>;
    /// Take the due row of a target that people need first, of these aspects. `None` if there is none now.
    async fn claim_projection(&self, target: &str, aspects: &[&str], owner: &str)
    -> StoreResult<Option<ProjectionRow>>;
    /// Notes a write before its call: from now on nobody knows what stands. [`crate::store::StoreError::Stale`] if the
    /// claim was lost.
    async fn begin_projection(&self, row: &ProjectionRow, rendering: &Rendering, at: Timestamp) -> StoreResult<()>;
    /// Ends a claim, with what it says about the channel, in one transaction; as above if the claim was lost.
    async fn end_projection(
        &self,
        row: &ProjectionRow,
        end: &ProjectionEnd,
        health: Option<(&str, &Health)>,
    ) -> StoreResult<()>;
    /// Nobody knows what stands: a claim was lost during a call, or a look saw an older value of ours. It is written anew.
    async fn doubt_projection(&self, target: &str, object: &str, aspect: &str) -> StoreResult<()>;
    /// A look saw this value of a shared aspect.
    async fn saw_projection(&self, target: &str, object: &str, aspect: &str, value: &str) -> StoreResult<()>;
    /// It stands there under this name.
    async fn adopt_projection(&self, target: &str, object: &str, aspect: &str, external_id: &str) -> StoreResult<bool>;
    /// Rows left in the hands of earlier processes of this host, and of owners that are no host, are written anew.
    async fn reclaim_projections(&self, owner: &str) -> StoreResult<u64>;
    /// Rows for a list; one that this release cannot read is left out, and logged.
    async fn projections(&self, filter: &ProjectionFilter) -> StoreResult<Vec<ProjectionRow>>;
    /// One row, with its writes.
    async fn projection(&self, target: &str, object: &str, aspect: &str) -> StoreResult<Option<ProjectionRow>>;
}
