//! What the machine knows and an agent would otherwise learn by failing: commands, limits, paths, what was tried before.
//! Part of the task file; values that people wrote stand as JSON strings or fenced.

use std::fmt::Write;

use orch_ports::store::History;
use orch_rules::attempt::{Attempt, RunEnd};
use orch_rules::gate::{TEST_FOLDERS, TEST_WORDS};
use orch_rules::ids::CommitId;
use orch_rules::repository_file::RepositoryFile;
use serde_json::Value;

use super::task_file::fenced;
use crate::repository_context::Program;

/// Newest attempts that are told.
const MOST_ATTEMPTS: usize = 6;

/// `## What holds here`. `base`: the commit of the base branch that the branch was cut from; `asks`: it can ask the gates.
pub fn section(
    file: Option<&RepositoryFile>,
    named: &[String],
    program: &Program,
    base: &CommitId,
    sets_up: bool,
    asks: bool,
) -> String {
    let mut text = "\n## What holds here\n\n".to_owned();
    let quoted = |text: &str| Value::from(text).to_string();
    let mut line = |words: String| {
        let _ = writeln!(text, "- {words}");
    };
    match file.and_then(|file| file.check_command.as_deref()) {
        Some(command) => {
            let own = if sets_up { " Run it yourself before you end." } else { "" };
            line(format!(
                "The test command, which the machine runs on a clean checkout by `sh -c`: {}.{own}",
                quoted(command)
            ));
        }
        None => line("No test command is configured; the machine cannot tell whether tests are green.".to_owned()),
    }
    if asks {
        line(
            "`orch-check` (no path needed) asks the very gates of this stage about what lies here now, committed or not, \
             and runs the tests as the machine will where a gate wants them; `orch-check --no-tests` leaves these out. It \
             changes nothing. Run it before you end, and mend what it calls red."
                .to_owned(),
        );
    }
    if !named.is_empty() {
        let named: Vec<String> = named.iter().map(|path| quoted(path)).collect();
        line(format!(
            "Taken from the base branch whenever the tests run, until a person grants a change: {}.",
            named.join(", ")
        ));
    }
    if let Some(command) = file.and_then(|file| file.setup_command.as_deref()) {
        let command = quoted(command);
        line(if sets_up {
            format!("The set-up command, run in this clone before you started: {command}.")
        } else {
            format!("The set-up command, which did not run in this clone, so that tests may not run either: {command}.")
        });
    }
    line(format!(
        "The branch was cut from {base}; main as it is now is the local branch `orch-base`. The whole change: \
         `git diff orch-base...HEAD`."
    ));
    let minutes = |ms: u64| ms.div_ceil(60_000);
    let stall = match program.run_stall_ms {
        0 => String::new(),
        ms => format!(", and after {} minutes without output", minutes(ms)),
    };
    line(format!("You are ended after {} minutes in all{stall}.", minutes(program.run_deadline_ms)));
    line("The network reaches package registries and hosts that this machine's owner allows, nothing else.".to_owned());
    let own = file.map(|file| file.protect_paths.as_slice()).unwrap_or_default();
    let own: Vec<String> = own.iter().chain(named).map(|path| quoted(path)).collect();
    let ci =
        if file.is_none_or(|file| file.protect_ci) { "settings of CI, `CODEOWNERS` and hooks of git; " } else { "" };
    let tests = if file.is_none_or(|file| file.protect_tests) {
        "tests that are removed or left with fewer lines; "
    } else {
        ""
    };
    line(format!(
        "Protected paths, a change of which waits for a person: {}; {ci}{tests}and what agent programs read by themselves (`CLAUDE.md`, \
         `AGENTS.md`, `.claude/`, `.mcp.json`, `.codex/` and the like).",
        if own.is_empty() { "none of its own".to_owned() } else { own.join(", ") }
    ));
    line(format!(
        "Test files are those in folders named {}, and those with a word of {} in their names.",
        TEST_FOLDERS.join(", "),
        TEST_WORDS.join(", ")
    ));
    text
}

/// `## Earlier attempts`; empty if there were none.
pub fn earlier(history: &History, now: &Attempt) -> String {
    let ended = history.attempts.iter().filter(|attempt| attempt.number < now.number);
    let ended: Vec<_> = ended.filter_map(|attempt| Some((attempt, attempt.ended.as_ref()?))).collect();
    if ended.is_empty() {
        return String::new();
    }
    let mut lines = String::new();
    for (attempt, ended) in &ended[ended.len().saturating_sub(MOST_ATTEMPTS)..] {
        let did = ended.evidence.as_ref().map_or(String::new(), |evidence| {
            format!("; {} commits, {} documents", evidence.commits, evidence.documents.len())
        });
        let how = match &ended.how {
            RunEnd::Completed => "ended by itself".to_owned(),
            RunEnd::Failed { reason } | RunEnd::SpawnFailed { reason, .. } | RunEnd::OverBudget { reason } => {
                format!("failed: {reason}")
            }
            RunEnd::Unavailable { reason, .. } => format!("had no model: {reason}"),
            RunEnd::TimedOut => "ran into its deadline".to_owned(),
            RunEnd::Stalled => "went silent and was ended".to_owned(),
            RunEnd::Stopped => "was stopped by a person".to_owned(),
            RunEnd::Lost { session: true, .. } => "did nothing: its session was gone".to_owned(),
            RunEnd::Lost { .. } | RunEnd::Quarantined => "was lost with its host".to_owned(),
        };
        let _ =
            writeln!(lines, "attempt {} ({} at {}): {how}{did}", attempt.number, attempt.role.name(), attempt.stage);
    }
    let mut text = "\n## Earlier attempts\n\n".to_owned();
    fenced(&mut text, &lines);
    text
}
