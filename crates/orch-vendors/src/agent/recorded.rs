//! Recordings of real programs, and what our adapters are to make of them.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use orch_ports::agent::{Agent, AgentReport};
use orch_rules::attempt::RunEnd;

/// Name, exit, whether it went on with a session, and the output of every recording below `room`. The first line of a
/// recording is `exit CODE` (a negative one is the signal, `deadline` that it was still at it), with `resumed` after it
/// if it went on with a session.
fn recordings(room: &str) -> Vec<(String, RunEnd, bool, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(room).join("fixtures");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .into_iter()
        .map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            let (first, output) = text.split_once('\n').unwrap();
            let end = match first.split(' ').nth(1).unwrap() {
                "0" => RunEnd::Completed,
                "deadline" => RunEnd::TimedOut,
                code => match code.strip_prefix('-') {
                    Some(signal) => RunEnd::Failed { reason: format!("signal {signal}") },
                    None => RunEnd::Failed { reason: format!("exit code {code}") },
                },
            };
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, end, first.ends_with(" resumed"), output.to_owned())
        })
        .collect()
}

/// Compares what `agent` makes of each recording with `expected`, the file `outcomes.txt` of the room. A line of it:
/// name, end, usage, and what the next attempt goes on as.
pub(super) fn compare(room: &str, expected: &str, agent: &dyn Agent, session: &str) {
    let mut table = String::new();
    for (name, end, resumed, output) in recordings(room) {
        let resumed = resumed.then_some(session);
        let report = agent.report(&end, None, resumed, &mut output.as_bytes());
        let _ = writeln!(table, "{name}: {}", told(&end, &report));
    }
    same(room, "outcomes.txt", expected, &table);
}

/// Compares what `agent` shows people of each recording with `expected`, the file `readable.txt` of the room.
pub(super) fn compare_readable(room: &str, expected: &str, agent: &dyn Agent) {
    let mut text = String::new();
    for (name, _, _, output) in recordings(room) {
        let _ = writeln!(text, "== {name}");
        for line in output.lines().filter_map(|line| agent.readable(line)) {
            // Only what a model says has lines of its own, and none of them begins as ours do.
            assert!(line.split('\n').skip(1).all(|line| line.is_empty() || line.starts_with("  ")), "{line:?}");
            let _ = writeln!(text, "{line}");
        }
    }
    same(room, "readable.txt", expected, &text);
}

fn told(end: &RunEnd, report: &AgentReport) -> String {
    let shown = match report.end.as_ref() {
        None => match end {
            RunEnd::Completed => "completed".to_owned(),
            RunEnd::Failed { reason } => format!("as it ended, {reason}"),
            other => format!("as it ended, {other:?}"),
        },
        Some(RunEnd::Failed { reason }) => format!("failed: {reason}"),
        Some(RunEnd::Unavailable { credential, until, reason }) => {
            let until = until.map(|until| format!(" until {}", until.0)).unwrap_or_default();
            format!("unavailable, {credential}{until}: {reason}")
        }
        Some(other) => format!("{other:?}"),
    };
    let figure = |figure: Option<u64>| figure.map_or("?".to_owned(), |figure| figure.to_string());
    let usage = &report.usage;
    let mut line = format!(
        "{shown}\n    {} in, {} cached, {} written, {} out, {} micros, {}",
        figure(usage.input_tokens),
        figure(usage.cached_tokens),
        figure(usage.cache_creation_tokens),
        figure(usage.output_tokens),
        figure(usage.cost_micros),
        usage.model.as_deref().unwrap_or("?"),
    );
    let _ = match &report.session {
        Some(session) => write!(line, "; goes on as {session}"),
        None => write!(line, "; begins anew"),
    };
    line
}

/// `actual` is left beside the build for whoever has to look at the difference.
#[track_caller]
fn same(room: &str, file: &str, expected: &str, actual: &str) {
    if expected == actual {
        return;
    }
    let folder = std::env::temp_dir().join(room.replace('/', "-"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(file), actual).unwrap();
    let differs = expected.lines().zip(actual.lines()).find(|(expected, actual)| expected != actual);
    panic!("{room}/{file} is not what was read: first {differs:?}; all of it: {}", folder.join(file).display());
}
