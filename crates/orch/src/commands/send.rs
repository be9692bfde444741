//! Sending a command to a task or a lane, and telling the answer.

use orch_web::view::{AnswerView, CommandRequest, LaneCommandRequest};

use super::ids;
use crate::client::{Caller, encoded};
use crate::exit::Failure;
use crate::screen::{Screen, Style, printable};

/// Sends a command to the task that `typed` means.
pub fn to_task(typed: &str, command: &CommandRequest, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let id = ids::task(typed, caller)?;
    tell(&caller.send(&format!("/api/v1/tasks/{}/commands", encoded(&id)), command)?, screen);
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
    tell(&caller.send(&format!("/api/v1/repositories/{}/lane/commands", encoded(&repository)), command)?, screen);
    Ok(())
}

fn tell(answer: &AnswerView, screen: &Screen) {
    screen.json(answer);
    screen.line(&printable(&answer.text));
    if answer.pending {
        let hint = "It is stored and will be handled as soon as the service gets to it (start it: orch up).";
        screen.line(&screen.styled(Style::Faint, hint));
    }
}
