//! Sending a command to a task or a lane, and telling the answer.

use orch_engine::control::{LaneCommand, TaskCommand};
use orch_web::view::{AnswerRequest, AnswerView, EverythingRequest, LiftRequest, ReplyRequest, TaskDetailView};

use super::ids::{self, TaskArg, TasksArg};
use crate::client::{Caller, encoded};
use crate::exit::{Exit, Failure, Point};
use crate::screen::{Screen, Style, printable};

/// Sends a command to the task that `typed` means.
pub fn to_task(typed: &TaskArg, command: &TaskCommand, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let task = ids::task(typed, caller)?;
    let answer = caller.send(&format!("{}/commands", task.address()), command);
    tell(&answer.map_err(|failure| looked_up(failure, format!("orch show {}", task.id)))?, Some(&task.id), screen);
    Ok(())
}

/// Sends a command to each of the tasks.
pub fn to_tasks(typed: &TasksArg, command: &TaskCommand, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    each(&typed.ids, typed.repo.as_deref(), |task| to_task(task, command, caller, screen))
}

/// Does the same to each task, whatever becomes of the others; what failed is told together at the end. Where nobody
/// answers nothing more is tried.
pub fn each(
    ids: &[String],
    repo: Option<&str>,
    mut one: impl FnMut(&TaskArg) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let looks = |id: &str| format!("see how it stands: orch show {id}");
    every(ids, looks, |id| one(&TaskArg { id: id.to_owned(), repo: repo.map(str::to_owned) }))
}

/// The same with issues that are no tasks yet, by their titles.
pub fn all(titles: &[String], one: impl FnMut(&str) -> Result<(), Failure>) -> Result<(), Failure> {
    every(titles, |_| "say it in other words, and send it again".to_owned(), one)
}

fn every(
    names: &[String],
    otherwise: impl Fn(&str) -> String,
    mut one: impl FnMut(&str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut failed = Vec::new();
    for name in names {
        match one(name) {
            Ok(()) => {}
            Err(failure) if failure.exit == Exit::Unreachable => return Err(failure),
            Err(failure) => failed.push((name, failure)),
        }
    }
    let Some((_, first)) = failed.first() else { return Ok(()) };
    if failed.len() == 1 {
        return Err(first.clone());
    }
    let (exit, what) = (first.exit, format!("{} of {} are not done", failed.len(), names.len()));
    let point = |(name, failure): (&String, Failure)| Point {
        what: failure.what,
        place: name.clone(),
        fix: failure.fix.unwrap_or_else(|| otherwise(name)),
    };
    Err(Failure::several(exit, what, failed.into_iter().map(point).collect()))
}

/// Sends a command whose answer nobody needs.
pub fn quietly(typed: &TaskArg, command: &TaskCommand, caller: &Caller) -> Result<(), Failure> {
    let task = ids::task(typed, caller)?;
    caller.send::<AnswerView>(&format!("{}/commands", task.address()), command).map(drop)
}

/// Answers a question of the task that `typed` means: the one that is named, or the one that is open now. Naming it
/// keeps an answer from reaching a question that was asked meanwhile.
pub fn reply(
    typed: &TaskArg,
    named: Option<&str>,
    reply: ReplyRequest,
    caller: &Caller,
    screen: &Screen,
) -> Result<(), Failure> {
    let task = ids::task(typed, caller)?;
    let path = task.address();
    let episode = match named {
        Some(named) => Some(named.to_owned()),
        None => open(&caller.read(&path)?, &reply),
    };
    let answer = caller.send(&format!("{path}/answer"), &AnswerRequest { episode, reply });
    tell(&answer.map_err(|failure| looked_up(failure, format!("orch show {}", task.id)))?, Some(&task.id), screen);
    Ok(())
}

/// The open question that such a reply answers; none leaves the refusal to the rules.
fn open(detail: &TaskDetailView, reply: &ReplyRequest) -> Option<String> {
    let kinds: &[&str] = match reply {
        ReplyRequest::Approve | ReplyRequest::Reject { .. } => &["approval", "protected_paths"],
        ReplyRequest::Confirm => &["confirm_deploy"],
        ReplyRequest::Text { .. } => &["questions"],
    };
    let mut open = detail.episodes.iter().filter(|episode| episode.answer.is_none());
    open.find(|episode| kinds.contains(&episode.kind.as_str())).map(|episode| episode.id.clone())
}

/// Sends a command to every repository.
pub fn to_everything(command: EverythingRequest, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let answer = caller.send("/api/v1/commands", &command);
    tell(&answer.map_err(|failure| looked_up(failure, "orch queue".to_owned()))?, None, screen);
    Ok(())
}

/// Sends a command to the lane of the named repository, or of the only one.
pub fn to_lane(named: Option<&str>, command: &LaneCommand, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let repository = ids::repository(named, caller)?;
    let answer = caller.send(&format!("/api/v1/repositories/{}/lane/commands", encoded(&repository)), command);
    tell(&answer.map_err(|failure| looked_up(failure, "orch queue".to_owned()))?, Some(&repository), screen);
    Ok(())
}

/// Lifts an outage.
pub fn lift(request: &LiftRequest, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let answer = caller.send("/api/v1/outages/lift", request);
    tell(&answer.map_err(|failure| looked_up(failure, "orch queue".to_owned()))?, None, screen);
    Ok(())
}

/// A refusal that names no way out at least names where to look.
fn looked_up(failure: Failure, command: String) -> Failure {
    let helps = failure.fix.is_some() || failure.what.contains("orch ");
    if helps || failure.exit != Exit::Refused { failure } else { failure.fix(format!("see how it stands: {command}")) }
}

/// The answer, with whose it is.
pub fn tell(answer: &AnswerView, of: Option<&str>, screen: &Screen) {
    screen.json(answer);
    for (index, line) in answer.text.lines().enumerate() {
        let of = of.filter(|of| index == 0 && !line.contains(of)).map(|of| format!("{of}: ")).unwrap_or_default();
        screen.line(&printable(&format!("{of}{line}")));
    }
    if answer.pending {
        let hint = "It is stored and will be handled as soon as the service gets to it (start it: orch up).";
        screen.line(&screen.styled(Style::Faint, hint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_fails_keeps_no_other_from_its_turn() {
        let ids = ["1", "2", "3", "4"].map(str::to_owned);
        let refused = |id: &str| Failure::new(Exit::Refused, format!("{id} is done"));
        let mut tried = Vec::new();
        let mut acts = |bad: &'static [&'static str], exit: Exit| {
            tried.clear();
            let end = each(&ids, None, |task| {
                tried.push(task.id.clone());
                if bad.contains(&task.id.as_str()) { Err(Failure { exit, ..refused(&task.id) }) } else { Ok(()) }
            });
            (tried.len(), end.err())
        };
        assert_eq!(acts(&[], Exit::Refused), (4, None));
        assert_eq!(acts(&["1"], Exit::Refused), (4, Some(refused("1"))), "one is told as it is");
        let (tried, several) = acts(&["1", "3"], Exit::Refused);
        let several = several.unwrap();
        assert_eq!((tried, several.exit, several.what.as_str()), (4, Exit::Refused, "2 of 4 are not done"));
        assert_eq!(several.problems.iter().map(|point| point.place.as_str()).collect::<Vec<_>>(), ["1", "3"]);
        assert_eq!(acts(&["2"], Exit::Unreachable).0, 2, "nobody answers the next one either");
    }
}
