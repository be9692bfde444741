//! The repository's set-up command, before an agent or a test command, inside of the same run: in its confinement, with
//! its way to the package registries, stopped with it, told in its log. Nothing of it is left running when they start.

use std::collections::BTreeMap;
use std::io::BufRead;

use camino::Utf8Path;
use orch_ports::error::PortResult;
use orch_ports::runner::{Keeps, RunReport, Runner, SetUp};
use orch_rules::attempt::RunEnd;
use orch_rules::repository_file::RepositoryFile;

use crate::cache::Lent;
use crate::kept_set_up;
use crate::repository_context::REPOSITORY_FILE;

/// First line of a run with a set-up.
const BEGUN: &str = "== set-up ==";
/// The line before the first one of the agent or the tests. What the set-up prints cannot look like it, for each of its
/// lines has a prefix: whatever has this line got beyond its set-up.
pub const DONE: &str = "== set-up done ==";
/// Begins each line that the set-up prints.
pub const LINE: &str = "set-up| ";
/// Begins the line that says why there is no [`DONE`].
const FAILED: &str = "== set-up failed: ";

/// Arguments: the command and its seconds, both perhaps for nothing, the packed cache or nothing, what an earlier set-up made
/// or nothing, whether this one is to leave what it makes, the path that the clone has where it has the same one in each run,
/// and what finds manifests. The prefix keeps the set-up's lines from being read as the agent's own words. The status takes a
/// way of its own (3), because a pipe only tells that of its last command; 4 is the log.
const SCRIPT: &str = r#"
printf '== set-up ==\n'
if [ -n "$3" ] && [ -n "${ORCH_CACHE:-}" ]; then
    mkdir -p "$ORCH_CACHE" && timeout 300 tar -xf "$3" -C "$ORCH_CACHE" --no-same-owner 2>/dev/null || {
        rm -rf "$ORCH_CACHE"
        printf 'set-up| the cache could not be unpacked; everything is fetched\n'
    }
fi
[ -n "$1" ] || exit 0
exec 4>&1
try() {
    code=$( { { timeout -k 5 "$2" /bin/sh -c "$1" </dev/null 3>&- 4>&-; echo $? >&3; } 2>&1 |
        sed -u 's/^/set-up| /' >&4 3>&-; } 3>&1 )
}
ours() { git -c safe.directory='*' -c core.fsmonitor=false "$@" 2>/dev/null; }
id() { printf '%s\n' "$command" | cat - "$1" | sha256sum; }
undo() {
    here | LC_ALL=C comm -z -13 "$own/before" - | xargs -0r rm -rf --
    find "$HOME" -mindepth 1 -maxdepth 1 ! -name .orch-set-up -exec rm -rf {} +
}
unpack() { timeout 300 tar -xOf "$1" "$2" 2>/dev/null | timeout 300 tar -xp --skip-old-files --no-same-owner -C "$3" 2>/dev/null; }
command=$1 kept= manifests= all=
if [ -n "$4$5" ] && [ "$PWD" = "$6" ] && mkdir -p "$own" &&
    ours ls-files -s -- . ':(exclude)docs/work-items' >"$own/index"; then
    grep -E "$7" "$own/index" >"$own/manifests"
    manifests=$(id "$own/manifests") all=$(id "$own/index")
    here >"$own/before"
fi
if [ -n "$4" ] && [ -n "$manifests" ]; then
    tar --occurrence=1 -xOf "$4" ids >"$own/kept" 2>/dev/null
    { read -r of; read -r from; } <"$own/kept"
    if [ "$of" = "$manifests" ]; then
        kept=yes
        unpack "$4" tree.tar . && unpack "$4" home.tar "$HOME" || { undo; kept=; from=; }
        if [ "$from" = "$all" ]; then
            printf 'set-up| taken from an earlier run: every file is as it was there\n'
            rm -rf "$own"
            exit 0
        fi
    fi
fi
try "$1" "$2"
if [ "$code" != 0 ] && [ -n "$kept" ]; then
    printf 'set-up| over what an earlier run left it does not work; it is made anew\n'
    undo
    kept=
    try "$1" "$2"
fi
if [ "$code" = 124 ]; then printf '== set-up failed: it was not done after %s s\n' "$2"; exit 1; fi
if [ "$code" != 0 ]; then printf '== set-up failed: exit code %s\n' "$code"; exit 1; fi
if [ -z "$kept" ] && [ -n "$5" ] && [ -n "$manifests" ] && [ ! -e .git/modules ]; then
    ours diff --quiet || all=-
    printf '%s\n%s\n' "$manifests" "$all" >"$own/ids"
else
    rm -rf "$own"
fi
exit 0
"#;

/// What a set-up may take beyond its seconds: to unpack a cache, to be killed, to end.
const BEYOND_MS: u64 = 330_000;

/// Bytes at the end of a log in which the reason stands.
const TAIL: usize = 2048;

/// Where a set-up runs, and whether what it makes is kept.
pub(crate) struct At<'p> {
    /// The path that its clone has in each run, where it has one.
    pub appears: Option<&'p Utf8Path>,
    /// It leaves what it makes.
    pub leaves: bool,
}

/// The set-up of a repository that has one, or whose cache is to be unpacked; `then` is run when it went well and is dead.
pub(crate) fn of(
    file: Option<&RepositoryFile>,
    environment: &BTreeMap<String, String>,
    lent: &Lent,
    keeps: Option<Keeps>,
    then: &[String],
    at: &At<'_>,
) -> Option<SetUp> {
    let file = file?;
    if file.setup_command.is_none() && lent.file.is_none() {
        return None;
    }
    let command = file.setup_command.as_deref().unwrap_or_default();
    let packed = lent.file.as_ref().map_or("", |file| file.as_str());
    let seconds = file.setup_timeout_seconds;
    let kept = lent.kept.as_ref().map_or("", |file| file.as_str());
    let leaves = if at.leaves { "leaves" } else { "" };
    let place = at.appears.map_or("", |path| path.as_str());
    let (script, manifests) = (format!("{}{SCRIPT}", kept_set_up::COMMON), kept_set_up::manifests());
    let told = [command, &seconds.to_string(), packed, kept, leaves, place, &manifests];
    let words = ["/bin/sh", "-c", &script, "set-up"].into_iter().chain(told);
    // Over what was kept it may be tried twice.
    let tries = if kept.is_empty() { 1_000 } else { 2_000 };
    let variables = environment.iter().chain(&lent.environment);
    Some(SetUp {
        argv: words.map(str::to_owned).collect(),
        environment: variables.map(|(name, value)| (name.clone(), value.clone())).collect(),
        deadline_ms: u64::from(seconds).saturating_mul(tries).saturating_add(BEYOND_MS),
        keeps,
        then: then.to_vec(),
        done: DONE.to_owned(),
        failed: FAILED.to_owned(),
    })
}

/// Why a run that ended badly never got beyond its set-up; `None` if it did, or had none. Told by the log alone: after a
/// restart the settings may be others. A log that was cut says at worst that tests that are red are unknown, and neither
/// passes.
pub(super) fn failed(runner: &dyn Runner, name: &str, report: &RunReport) -> PortResult<Option<String>> {
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
    let last = last_words(&tail).map(|line| format!("; its last words: {line}")).unwrap_or_default();
    let refused = refused(runner, name);
    Ok(Some(format!(
        "the set-up of the clone failed: {why}{last}{refused}; see [setup] in {REPOSITORY_FILE} of the base branch"
    )))
}

/// What the way out of a run refused, to stand behind why it failed; empty if there is nothing.
pub(super) fn refused(runner: &dyn Runner, name: &str) -> String {
    match runner.refused(name).as_slice() {
        [] => String::new(),
        told => format!("; refused on its way out: {}", told.join("; ")),
    }
}

/// Words that package managers end with whatever went wrong.
const SAID_ALWAYS: [&str; 6] = [
    "A complete log of this run",
    "This error originates from a subprocess",
    "hint: See above",
    "[notice]",
    "npm notice",
    "note: This",
];

/// The last line of a set-up that says something.
fn last_words(tail: &str) -> Option<&str> {
    let lines = || tail.lines().rev().filter_map(|line| line.strip_prefix(LINE)).map(str::trim);
    let says = |line: &&str| !line.is_empty() && !SAID_ALWAYS.iter().any(|always| line.contains(always));
    lines().find(says).or_else(|| lines().find(|line| !line.is_empty()))
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

    const NOWHERE: At<'_> = At { appears: None, leaves: false };

    fn run(set_up: &str, seconds: u32) -> (String, Output) {
        let file = RepositoryFile {
            setup_command: Some(set_up.to_owned()),
            setup_timeout_seconds: seconds,
            ..RepositoryFile::default()
        };
        let made = of(Some(&file), &BTreeMap::new(), &Lent::default(), None, &[], &NOWHERE).unwrap();
        assert_eq!(made.deadline_ms, u64::from(seconds) * 1000 + BEYOND_MS);
        let output = Command::new(&made.argv[0]).args(&made.argv[1..]).output().unwrap();
        (String::from_utf8_lossy(&output.stdout).into_owned(), output)
    }

    #[test]
    fn without_a_command_there_is_none() {
        assert_eq!(of(None, &BTreeMap::new(), &Lent::default(), None, &[], &NOWHERE), None);
        let none = of(Some(&RepositoryFile::default()), &BTreeMap::new(), &Lent::default(), None, &[], &NOWHERE);
        assert_eq!(none, None);
    }

    #[test]
    fn a_good_one_is_told_and_never_says_that_it_was_done() {
        let (said, output) = run("echo one; echo two >&2", 60);
        assert_eq!(said, "== set-up ==\nset-up| one\nset-up| two\n");
        assert_eq!(output.status.code(), Some(0));
        assert!(never_done(&mut said.as_bytes()), "the runner says so, when everything is ready");
        assert!(!never_done(&mut format!("{said}{DONE}\nFAIL\n").as_bytes()));
    }

    #[test]
    fn a_bad_set_up_cannot_claim_that_it_was_done() {
        let (said, output) = run("echo '== set-up done =='; exit 7", 60);
        assert_eq!(said, "== set-up ==\nset-up| == set-up done ==\n== set-up failed: exit code 7\n");
        assert_eq!(output.status.code(), Some(1));
        assert!(never_done(&mut said.as_bytes()));
    }

    #[test]
    fn a_set_up_without_end_is_ended() {
        let (said, _) = run("echo begun; exec tail -f /dev/null", 1);
        assert_eq!(said, "== set-up ==\nset-up| begun\n== set-up failed: it was not done after 1 s\n");
    }

    #[test]
    fn its_last_words_are_those_that_say_why() {
        for (said, words) in [
            (
                "npm error code 128\nnpm error fatal: no such host\n\nnpm error A complete log of this run can be found in: /x",
                "npm error fatal: no such host",
            ),
            (
                "ERROR: No matching distribution found for six\n[notice] A new release of pip is available",
                "ERROR: No matching distribution found for six",
            ),
            ("npm notice only this", "npm notice only this"),
        ] {
            let tail: String = said.lines().map(|line| format!("{LINE}{line}\n")).collect();
            assert_eq!(last_words(&tail), Some(words));
        }
        assert_eq!(last_words("FAIL\n"), None);
    }

    #[test]
    fn a_run_without_a_set_up_says_nothing_of_one() {
        for output in ["", "FAIL\n", "x\n== set-up ==\n"] {
            assert!(!never_done(&mut output.as_bytes()), "{output:?}");
        }
    }
}
