//! What a forge's product shows of a task: a change request of its branch, and what we say of the commit that landed.

use std::sync::Arc;

use orch_ports::change_requests::{ChangeRequestState, ChangeRequestText, ChangeRequests};
use orch_ports::forge::Forge;
use orch_ports::projection::{
    ProjectionTarget, ProjectionWrite, ProjectionWritten, ShowFate, ShownAspect, ShownText, TaskShown,
};
use orch_ports::{PortError, PortResult};
use orch_rules::check::{Check, CheckOutcome};
use orch_rules::ci::{CommitStatus, OWN_CONTEXTS, StatusState};
use orch_rules::ids::{CommitId, RepositoryId};
use orch_rules::outbox::projection::Aspect;
use orch_rules::port_error::ForEffect;
use orch_rules::task::Task;
use serde::{Deserialize, Serialize};

/// The change request's title, body and end. People may write there, too: it is written only when our text changes.
pub(crate) const CHANGE_REQUEST: &str = "change_request";
/// What we say of the commit that landed.
const COMMIT_STATUS: &str = "commit_status";

const ASPECTS: &[ShownAspect] = &[
    ShownAspect { name: CHANGE_REQUEST, aspect: Aspect::Shared },
    ShownAspect { name: COMMIT_STATUS, aspect: Aspect::Ours },
];

/// A repository at a forge whose product has change requests.
pub(crate) struct ChangeRequestTarget {
    repository: RepositoryId,
    name: String,
    forge: Arc<dyn Forge>,
}

/// What is shown of a task's branch.
#[derive(Debug, Serialize, Deserialize)]
struct ShownRequest {
    title: String,
    body: String,
    ended: Option<ShownEnd>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ShownEnd {
    landed: Option<CommitId>,
}

impl ChangeRequestTarget {
    /// The target of a repository; `None` if its forge keeps branches only.
    pub(crate) fn of(repository: &RepositoryId, forge: &Arc<dyn Forge>) -> Option<Self> {
        forge.change_requests()?;
        Some(Self { repository: repository.clone(), name: Self::named(repository), forge: forge.clone() })
    }

    /// Its name in rows.
    pub(crate) fn named(repository: &RepositoryId) -> String {
        format!("forge:{repository}")
    }

    fn product(&self) -> Option<&dyn ChangeRequests> {
        self.forge.change_requests()
    }
}

impl ProjectionTarget for ChangeRequestTarget {
    fn name(&self) -> &str {
        &self.name
    }

    fn fingerprint(&self) -> String {
        self.product().map(ChangeRequests::fingerprint).unwrap_or_default()
    }

    fn aspects(&self) -> &[ShownAspect] {
        ASPECTS
    }

    fn shows(&self, repository: &RepositoryId) -> bool {
        *repository == self.repository
    }

    fn render(&self, aspect: &str, facts: &TaskShown) -> ShowFate {
        match aspect {
            CHANGE_REQUEST => request(facts),
            _ => status(facts),
        }
    }

    fn write(&self, write: &ProjectionWrite<'_>) -> PortResult<ProjectionWritten> {
        let Some(product) = self.product() else { return Ok(ProjectionWritten::default()) };
        let written = match write.aspect {
            CHANGE_REQUEST => put(product, write),
            _ => product.set_status(&write.text.into(), &green()).map(|()| ProjectionWritten::default()),
        };
        tolerated(write.task, written)
    }
}

fn request(facts: &TaskShown) -> ShowFate {
    let TaskShown { task, history, .. } = facts;
    let publishes = |kind: &str, state: &str| kind == "publish_branch" && matches!(state, "queued" | "running");
    let (body, ended) = match &task.landed {
        _ if !task.position.is_terminal() => {
            if task.head.is_none() || task.head == task.base {
                return ShowFate::Drop("there is nothing on its branch yet");
            }
            if history.work.iter().any(|row| publishes(&row.kind, &row.state)) {
                return ShowFate::Wait("its branch is not published yet");
            }
            (carried(task), None)
        }
        Some(commit) => {
            let body = format!("{} has landed as {commit}.\n", task.work_item);
            (body, Some(ShownEnd { landed: Some(commit.clone()) }))
        }
        None => {
            let body = format!("{} was stopped; nothing of it has landed.\n", task.work_item);
            (body, Some(ShownEnd { landed: None }))
        }
    };
    let request = ShownRequest { title: format!("{}: {}", task.work_item, task.title), body, ended };
    ShowFate::Send(ShownText::text(serde_json::to_string(&request).unwrap_or_default()))
}

fn status(facts: &TaskShown) -> ShowFate {
    match &facts.task.landed {
        Some(commit) if is_green(&facts.history.checks, commit) => ShowFate::Send(ShownText::value(commit.as_str())),
        _ => ShowFate::Drop("nothing is to be said of a commit"),
    }
}

/// Opens it, writes it anew or ends it. One that people closed or merged is left as it is.
fn put(product: &dyn ChangeRequests, write: &ProjectionWrite<'_>) -> PortResult<ProjectionWritten> {
    let branch = &write.task.branch;
    let Ok(shown) = serde_json::from_str::<ShownRequest>(write.text) else { return Ok(ProjectionWritten::default()) };
    let text = ChangeRequestText { title: shown.title, body: shown.body };
    let page = match (product.find(branch)?, shown.ended) {
        (Some(found), ended) if found.state == ChangeRequestState::Open => {
            match ended {
                Some(ended) => drop(product.end(found.number, &text, ended.landed.as_ref())?),
                None => product.rewrite(found.number, &text)?,
            }
            Some(found.address)
        }
        (None, None) => {
            let opened = product.open(branch, &text)?;
            tracing::info!(task = %write.task.work_item, address = opened.address, "its change request is open");
            Some(opened.address)
        }
        (found, _) => found.map(|found| found.address),
    };
    Ok(ProjectionWritten { external_id: page, replaced: None })
}

/// Whether our own test command was green on exactly this commit.
fn is_green(checks: &[Check], commit: &CommitId) -> bool {
    checks.iter().any(|check| check.commit == *commit && check.outcome == Some(CheckOutcome::Passed))
}

fn green() -> CommitStatus {
    CommitStatus {
        context: format!("{OWN_CONTEXTS}/check"),
        state: StatusState::Success,
        description: "tested as exactly this commit".to_owned(),
        address: String::new(),
    }
}

fn carried(task: &Task) -> String {
    format!(
        "Orchestrion carries {} along its line: this branch follows the work, and the work lands by itself, as one commit that \
         was tested as it is. Then this is marked as merged. Push to the branch, and the line takes your commits.\n",
        task.work_item
    )
}

/// What the product refuses of this task is told and left: it says nothing of the task, and neither the branch nor the work
/// needs it. Whatever may pass, or is the server's trouble, stays to be written.
fn tolerated(task: &Task, written: PortResult<ProjectionWritten>) -> PortResult<ProjectionWritten> {
    match written {
        Err(error) if error.for_effect() == ForEffect::Tell => {
            let PortError { words, place, .. } = error;
            tracing::warn!(task = %task.work_item, %place, error = words, "its change request is left as it is");
            Ok(ProjectionWritten::default())
        }
        written => written,
    }
}
