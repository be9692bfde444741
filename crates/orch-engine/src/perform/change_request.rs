//! A task's branch as a change request, where the forge's product has them: opened with the branch, ended before the branch
//! goes. What a product cannot do keeps neither the branch nor the task.

use orch_ports::change_requests::{ChangeRequestState, ChangeRequestText, ChangeRequests};
use orch_ports::{PortError, PortResult};
use orch_rules::check::{Check, CheckOutcome};
use orch_rules::ci::{CommitStatus, OWN_CONTEXTS, StatusState};
use orch_rules::ids::CommitId;
use orch_rules::port_error::ForEffect;
use orch_rules::task::Task;

use super::PerformError;

/// Opens one for the branch, unless it has, or had, one: what people closed stays closed.
pub(super) fn opened(product: &dyn ChangeRequests, task: &Task) -> Result<(), PerformError> {
    tolerated(task, open(product, task))
}

fn open(product: &dyn ChangeRequests, task: &Task) -> PortResult<()> {
    if product.find(&task.branch)?.is_none() {
        let request = product.open(&task.branch, &text(task, &carried(task)))?;
        tracing::info!(task = %task.work_item, address = request.address, "its change request is open");
    }
    Ok(())
}

/// Ends the one of a task that has ended, and says of the commit that landed what we found.
pub(super) fn ended(product: &dyn ChangeRequests, task: &Task, checks: &[Check]) -> Result<(), PerformError> {
    tolerated(task, end(product, task, checks))
}

fn end(product: &dyn ChangeRequests, task: &Task, checks: &[Check]) -> PortResult<()> {
    if let Some(request) = product.find(&task.branch)?
        && request.state == ChangeRequestState::Open
    {
        let words = match &task.landed {
            Some(commit) => format!("{} has landed as {commit}.\n", task.work_item),
            None => format!("{} was stopped; nothing of it has landed.\n", task.work_item),
        };
        product.end(request.number, &text(task, &words), task.landed.as_ref())?;
    }
    match &task.landed {
        Some(commit) if is_green(checks, commit) => product.set_status(commit, &green()),
        _ => Ok(()),
    }
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

fn text(task: &Task, body: &str) -> ChangeRequestText {
    ChangeRequestText { title: format!("{}: {}", task.work_item, task.title), body: body.to_owned() }
}

fn carried(task: &Task) -> String {
    format!(
        "Orchestrion carries {} along its line: this branch follows the work, and the work lands by itself, as one commit that \
         was tested as it is. Then this is marked as merged. Push to the branch, and the line takes your commits.\n",
        task.work_item
    )
}

/// What passes is asked for again, for as long as that takes. Everything else is told and left: it says nothing of the task,
/// and the branch does not need it.
fn tolerated(task: &Task, done: PortResult<()>) -> Result<(), PerformError> {
    match done {
        Err(error) if error.for_effect() == ForEffect::Again => Err(PerformError::Port(error)),
        Err(PortError { words, place, .. }) => {
            tracing::warn!(task = %task.work_item, %place, error = words, "its change request is left as it is");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}
