//! Which round it is: how often this role acts for this task, this time included.
//!
//! The attempt's number does not tell, it counts all roles. So the task file's `round:` decides; failing that, the
//! marks that earlier rounds left in their commit messages; and a role that is told why its work came back is in the
//! second round at least, whatever became of those commits.

use orch_rules::pipeline::Role;

use super::task_file::TaskFile;
use super::{AgentError, workplace::Workplace};

const TRAILER: &str = "Scripted-Round:";

/// What a round leaves in the message of each of its commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) role: Role,
    pub(super) round: u32,
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{TRAILER} {} {}", self.role.name(), self.round)
    }
}

impl Mark {
    fn read(line: &str) -> Option<(&str, u32)> {
        let (role, round) = line.strip_prefix(TRAILER)?.trim().split_once(' ')?;
        Some((role, round.parse().ok()?))
    }
}

/// The round of `role` for `work_item`. Asks git only if the task file does not tell.
pub(super) fn round(clone: &Workplace<'_>, role: Role, work_item: &str, task: &TaskFile) -> Result<u32, AgentError> {
    if let Some(round) = task.round() {
        return Ok(round);
    }
    let done = last_round(&clone.messages(work_item)?, role, work_item);
    Ok((done + 1).max(if task.rework.is_some() { 2 } else { 1 }))
}

/// The highest round of `role` marked in messages that refer to exactly this work item; 0 if there is none.
fn last_round(messages: &[String], role: Role, work_item: &str) -> u32 {
    let refers = format!("Refs: {work_item}");
    messages
        .iter()
        .filter(|message| message.lines().any(|line| line.trim_end() == refers))
        .flat_map(|message| message.lines().filter_map(Mark::read))
        .filter(|(name, _)| *name == role.name())
        .map(|(_, round)| round)
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_rounds_of_this_role_and_this_item_only() {
        let message = |role, round, item: &str| format!("Text\n\n{}\nRefs: {item}\n", Mark { role, round });
        let messages = [
            message(Role::Developer, 2, "D-1"),
            message(Role::Developer, 1, "D-1"),
            message(Role::Developer, 7, "D-10"),
            message(Role::Reviewer, 3, "D-1"),
            "Something else".to_owned(),
        ];
        assert_eq!(last_round(&messages, Role::Developer, "D-1"), 2);
        assert_eq!(last_round(&messages, Role::Tester, "D-1"), 0);
    }
}
