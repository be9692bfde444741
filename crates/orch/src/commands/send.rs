//! Sending a command to a task or a lane, and telling the answer.

use orch_web::view::{AnswerView, CommandRequest, LaneCommandRequest, LiftRequest};

use super::ids;
use crate::client::{Caller, encoded};
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, Style, printable};

/// Sends a command to the task that `typed` means.
pub fn to_task(typed: &str, command: &CommandRequest, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let id = ids::task(typed, caller)?;
    let answer = caller.send(&format!("/api/v1/tasks/{}/commands", encoded(&id)), command);
    tell(&answer.map_err(|failure| looked_up(failure, format!("orch show {id}")))?, screen);
    Ok(())
}

/// Sends a command to the lane of the named repository, or of the only one.
pub fn to_lane(
    named: Option<&str>,
    command: &LaneCommandRequest,
    caller: &Caller,
    screen: &Screen,
) -> Result<(), Failure> {
    let repository = ids::repository(named, caller)?;
    let answer = caller.send(&format!("/api/v1/repositories/{}/lane/commands", encoded(&repository)), command);
    tell(&answer.map_err(|failure| looked_up(failure, "orch queue".to_owned()))?, screen);
    Ok(())
}

/// Lifts an outage.
pub fn lift(request: &LiftRequest, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let answer = caller.send("/api/v1/outages/lift", request);
    tell(&answer.map_err(|failure| looked_up(failure, "orch queue".to_owned()))?, screen);
    Ok(())
}

/// A refusal that names no way out at least names where to look.
fn looked_up(failure: Failure, command: String) -> Failure {
    let helps = failure.fix.is_some() || failure.what.contains("orch ");
    if helps || failure.exit != Exit::Refused { failure } else { failure.fix(format!("see how it stands: {command}")) }
}

fn tell(answer: &AnswerView, screen: &Screen) {
    screen.json(answer);
    screen.line(&printable(&answer.text));
    if answer.pending {
        let hint = "It is stored and will be handled as soon as the service gets to it (start it: orch up).";
        screen.line(&screen.styled(Style::Faint, hint));
    }
}
