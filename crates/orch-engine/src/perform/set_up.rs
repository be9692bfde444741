//! The repository's set-up command, before an agent or a test command, inside of the same run: in its confinement, with
//! its way to the package registries, stopped with it, told in its log.

use std::io::BufRead;

use orch_ports::runner::{RunReport, Runner};
use orch_rules::attempt::RunEnd;
use orch_rules::repository_file::RepositoryFile;

use super::PerformError;
use crate::house::REPOSITORY_FILE;

/// First line of a run with a set-up.
const BEGUN: &str = "== set-up ==";
/// The line before the first one of the agent or the tests. What the set-up prints cannot look like it, for each of its
/// lines has a prefix: whatever has this line got beyond its set-up.
const DONE: &str = "== set-up done ==";
/// Begins the line that says why there is no [`DONE`].
const FAILED: &str = "== set-up failed: ";

/// Arguments: the command, its seconds, then the words of what it is the set-up for, which becomes the process itself,
/// so that signals for it reach it. The prefix also keeps the set-up's lines from being read as the agent's own words.
/// The status takes a way of its own (3), because a pipe only tells that of its last command; 4 is the log.
const SCRIPT: &str = r#"
printf '== set-up ==\n'
exec 4>&1
code=$( { { timeout -k 5 "$2" /bin/sh -c "$1" </dev/null 3>&- 4>&-; echo $? >&3; } 2>&1 |
    sed -u 's/^/set-up| /' >&4 3>&-; } 3>&1 )
exec 4>&-
if [ "$code" = 124 ]; then printf '== set-up failed: it was not done after %s s\n' "$2"; exit 1; fi
if [ "$code" != 0 ]; then printf '== set-up failed: exit code %s\n' "$code"; exit 1; fi
shift 2
if ! command -v "$1" >/dev/null; then printf '== set-up failed: afterwards there is no program %s\n' "$1"; exit 1; fi
printf '== set-up done ==\n'
exec "$@"
"#;

/// Bytes at the end of a log in which the reason stands.
const TAIL: usize = 2048;

/// `argv` with the set-up before it, if the repository has one; and its milliseconds, by which the run's own time is
/// longer.
pub(super) fn before(file: Option<&RepositoryFile>, argv: Vec<String>) -> (Vec<String>, u64) {
    let Some((file, command)) = file.and_then(|file| Some((file, file.setup_command.as_ref()?))) else {
        return (argv, 0);
    };
    let seconds = file.setup_timeout_seconds;
    let words = ["/bin/sh", "-c", SCRIPT, "set-up", command, &seconds.to_string()];
    (words.into_iter().map(str::to_owned).chain(argv).collect(), u64::from(seconds).saturating_mul(1000))
}

/// Why a run that ended badly never got beyond its set-up; `None` if it did, or had none. Told by the log alone: after a
/// restart the settings may be others. A log that was cut says at worst that tests that are red are unknown, and neither
/// passes.
pub(super) fn failed(runner: &dyn Runner, name: &str, report: &RunReport) -> Result<Option<String>, PerformError> {
    if !matches!(report.end, RunEnd::Failed { .. } | RunEnd::TimedOut | RunEnd::Stalled) {
        return Ok(None);
    }
    if !never_done(&mut *runner.raw_output(name)?) {
        return Ok(None);
    }
    let tail = runner.output_tail(name, TAIL)?;
    let said = tail.lines().rev().find_map(|line| line.strip_prefix(FAILED));
    let why = match (said, &report.end) {
        (Some(said), _) => said.to_owned(),
        (None, RunEnd::TimedOut | RunEnd::Stalled) => "it was still running when the run was ended".to_owned(),
        (None, end) => format!("the run ended in the middle of it: {end:?}"),
    };
    let last = tail.lines().rev().find_map(|line| line.strip_prefix("set-up| ")).map(str::trim);
    let last = last.filter(|line| !line.is_empty()).map(|line| format!("; its last words: {line}"));
    Ok(Some(format!(
        "the set-up of the clone failed: {why}{}; see [setup] in {REPOSITORY_FILE} of the base branch",
        last.unwrap_or_default()
    )))
}

/// Whether this is the output of a run that began with a set-up and never came to its end.
fn never_done(output: &mut dyn BufRead) -> bool {
    let mut lines = output.split(b'\n').map_while(Result::ok);
    lines.next().is_some_and(|first| first == BEGUN.as_bytes()) && !lines.any(|line| line == DONE.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Output};

    use super::*;

    fn run(set_up: &str, seconds: u32, then: &[&str]) -> (String, Output) {
        let file = RepositoryFile {
            setup_command: Some(set_up.to_owned()),
            setup_timeout_seconds: seconds,
            ..RepositoryFile::default()
        };
        let (argv, time) = before(Some(&file), then.iter().map(|word| (*word).to_owned()).collect());
        assert_eq!(time, u64::from(seconds) * 1000);
        let output = Command::new(&argv[0]).args(&argv[1..]).output().unwrap();
        (String::from_utf8_lossy(&output.stdout).into_owned(), output)
    }

    #[test]
    fn without_a_set_up_nothing_is_added() {
        let argv = vec!["a b".to_owned()];
        assert_eq!(before(None, argv.clone()), (argv.clone(), 0));
        assert_eq!(before(Some(&RepositoryFile::default()), argv.clone()), (argv, 0));
    }

    #[test]
    fn what_comes_after_a_good_set_up_is_what_was_ordered() {
        let (said, output) = run("echo one; echo two >&2", 60, &["/bin/sh", "-c", "echo \"$1\"; exit 3", "x", "a  $b"]);
        assert_eq!(said, "== set-up ==\nset-up| one\nset-up| two\n== set-up done ==\na  $b\n");
        assert_eq!(output.status.code(), Some(3), "its own exit code");
        assert!(!never_done(&mut said.as_bytes()));
    }

    #[test]
    fn a_bad_set_up_starts_nothing_and_cannot_claim_that_it_was_done() {
        let (said, output) = run("echo '== set-up done =='; exit 7", 60, &["/bin/echo", "started"]);
        assert_eq!(said, "== set-up ==\nset-up| == set-up done ==\n== set-up failed: exit code 7\n");
        assert_eq!(output.status.code(), Some(1));
        assert!(never_done(&mut said.as_bytes()));
    }

    #[test]
    fn a_set_up_without_end_is_ended() {
        let (said, _) = run("echo begun; exec tail -f /dev/null", 1, &["/bin/echo", "started"]);
        assert_eq!(said, "== set-up ==\nset-up| begun\n== set-up failed: it was not done after 1 s\n");
    }

    #[test]
    fn a_program_that_is_not_there_is_told_as_such() {
        let (said, _) = run("true", 60, &["/no/such/program"]);
        assert!(said.ends_with("== set-up failed: afterwards there is no program /no/such/program\n"), "{said}");
    }

    #[test]
    fn a_run_without_a_set_up_says_nothing_of_one() {
        for output in ["", "FAIL\n", "x\n== set-up ==\n"] {
            assert!(!never_done(&mut output.as_bytes()), "{output:?}");
        }
    }
}
