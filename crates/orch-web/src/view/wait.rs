//! Why a task waits, in words.

use orch_ports::lists::ListedTask;
use orch_rules::outage::Source;
use orch_rules::task::Wait;
use orch_rules::unknown::Unknown;
use orch_text::{Language, Subject, rfc3339};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One reason for waiting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitView {
    /// Closed set: `backlog`, `unlisted`, `entry`, `frozen`, `dependency`, `agent`, `check`, `slot`, `budget`, `outage`, `repository`, `human`, `lane`,
    /// `paused`, `branch`, `hands`, `held`, `stopping`, `stop_after_step`, `unknown`.
    pub kind: String,
    /// One sentence for people, with what to do where something can be done.
    pub text: String,
    /// When it ends or is tried again, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

impl WaitView {
    /// As `task` waits for it.
    pub fn of(wait: &Wait, task: &ListedTask) -> Self {
        let until = match wait {
            Wait::Outage { source: Source::Repository { .. }, .. } => None,
            Wait::Outage { until, probed_by: None, .. } => until.map(rfc3339),
            _ => None,
        };
        let text = orch_text::wait(wait, subject(task), Language::English).to_string();
        Self { kind: wait.kind().to_owned(), text, until }
    }

    /// That this release does not know all of a task, and so leaves it alone; `None` if it does, or the task has ended.
    pub fn of_unknown(unknown: &[Unknown], task: &ListedTask) -> Option<Self> {
        (!unknown.is_empty() && !task.position.is_terminal()).then(|| Self {
            kind: "unknown".to_owned(),
            text: orch_text::unknown(unknown, subject(task), Language::English).to_string(),
            until: None,
        })
    }
}

fn subject(task: &ListedTask) -> Subject<'_> {
    Subject { work_item: task.work_item.as_str(), repository: task.repository.as_str(), branch: &task.shown.branch }
}
