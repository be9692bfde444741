//! What is out on this host, and who waits for it.

use orch_ports::lists::ListedTask;
use orch_rules::outage::{Outage, Source};
use orch_rules::task::Wait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use orch_text::rfc3339;

/// A vendor that does not serve a credential, or an agent that cannot be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutageView {
    /// `credential` or `agent`.
    pub kind: String,
    /// Of the credential, or of the agent.
    pub name: String,
    /// In the words of the last failure.
    pub reason: String,
    /// When the first failure was seen.
    pub since: String,
    /// Failures in a row.
    pub failures: u32,
    /// Nothing that needs it starts before.
    pub until: String,
    /// The vendor named that moment; otherwise one run tries then.
    pub named: bool,
    /// The task whose run finds out right now whether it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried_by: Option<String>,
    /// Ids of the tasks that wait for it.
    pub waiting: Vec<String>,
    /// The command that lifts it by hand.
    pub lift: String,
}

impl OutageView {
    /// `None` if nothing is held back by it.
    pub fn of(outage: &Outage, tasks: &[ListedTask]) -> Option<Self> {
        let until = outage.until?;
        let waits = |wait: &Wait| matches!(wait, Wait::Outage { source, .. } if *source == outage.source);
        let waiting = tasks.iter().filter(|task| task.shown.waits.iter().any(waits));
        let (kind, name) = match &outage.source {
            Source::Credential { name } => ("credential", name),
            Source::Agent { name } => ("agent", name),
            // It stands with its repository.
            Source::Repository { .. } => return None,
        };
        Some(Self {
            kind: kind.to_owned(),
            name: name.clone(),
            reason: outage.reason.clone(),
            since: rfc3339(outage.since),
            failures: outage.failures,
            until: rfc3339(until),
            named: outage.named,
            tried_by: outage.probe.as_ref().map(|probe| probe.work_item.to_string()),
            waiting: waiting.map(|task| task.work_item.to_string()).collect(),
            lift: orch_text::lift(&outage.source),
        })
    }
}

/// Which outage to lift.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LiftRequest {
    /// Of the credential of this name.
    Credential(String),
    /// Of the agent of this name.
    Agent(String),
    /// The red base branch of the repository of this name: work begins on its present tip, so that a task can mend it.
    RedBase(String),
}
