//! Whether an agent's program is on this host, asked before a run is paid with a task's retries.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::program::located;

/// A program that does not say its version within this is not well.
const VERSION_WITHIN: Duration = Duration::from_secs(30);

/// A program that tells its version, and how old it may be: an older one does not know what it is started with.
#[derive(Debug, Clone, Copy)]
pub struct KnownProgram {
    /// The oldest that was driven here.
    pub at_least: (u32, u32, u32),
    /// How a newer one is installed.
    pub install: &'static str,
}

/// The first line that `FILE --version` prints, if it is new enough.
///
/// # Errors
/// In words: it does not run or is too old, and what to do.
pub fn version(file: &Path, environment: &BTreeMap<String, String>, known: &KnownProgram) -> Result<String, String> {
    let anew = known.install;
    let line = asked(file, environment)
        .map_err(|why| format!("{} does not run: {why}; install it anew: {anew}", file.display()))?;
    let (major, minor, patch) = known.at_least;
    match numbers(&line) {
        Some(told) if told < known.at_least => {
            Err(format!("{} is too old ({line}), {major}.{minor}.{patch} or newer is needed: {anew}", file.display()))
        }
        // What calls itself otherwise may be somebody's wrapper.
        _ => Ok(line),
    }
}

/// Whether `program` can be started. Its version is asked once for each file: what is replaced is asked again.
///
/// # Errors
/// As [`located`] and [`version`].
pub(super) fn ready(
    program: &str,
    environment: &BTreeMap<String, String>,
    known: Option<&KnownProgram>,
) -> Result<(), String> {
    if program.contains('/') && !program.starts_with('/') {
        // It is the clone's.
        return Ok(());
    }
    let search = environment.get("PATH").map(String::as_str).unwrap_or_default();
    let file = located(program, search, &|_| false)?;
    let Some(known) = known else { return Ok(()) };
    let real = file.canonicalize().unwrap_or_else(|_| file.clone());
    let seen = std::fs::metadata(&real).ok().map(|m| (real, m.ino(), m.size(), m.mtime(), m.mtime_nsec()));
    let well = || WELL.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.as_ref().is_some_and(|seen| well().iter().any(|(well, _)| well == seen)) {
        return Ok(());
    }
    let line = version(&file, environment, known)?;
    if let Some(seen) = seen {
        let mut well = well();
        well.retain(|(other, _)| other.0 != seen.0);
        well.push((seen, numbers(&line)));
    }
    Ok(())
}

/// The version that `program` told when it was asked last; `None`: it was not asked, or calls itself otherwise.
pub(super) fn told_version(program: &str, environment: &BTreeMap<String, String>) -> Option<ProgramVersion> {
    let search = environment.get("PATH").map(String::as_str).unwrap_or_default();
    let real = located(program, search, &|_| false).ok()?.canonicalize().ok()?;
    let well = WELL.lock().unwrap_or_else(PoisonError::into_inner);
    well.iter().find(|(seen, _)| seen.0 == real)?.1
}

/// A file as it was when it told a version that is new enough.
type Seen = (PathBuf, u64, u64, i64, i64);

/// Three numbers with points between them.
pub(super) type ProgramVersion = (u32, u32, u32);

/// Files that are known to run, with their versions.
static WELL: Mutex<Vec<(Seen, Option<ProgramVersion>)>> = Mutex::new(Vec::new());

fn asked(file: &Path, environment: &BTreeMap<String, String>) -> Result<String, String> {
    let words = |error: io::Error| error.to_string();
    let mut command = Command::new(file);
    command.arg("--version").env_clear().envs(environment).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let child = command.spawn().map_err(words)?;
    let group = rustix::process::Pid::from_child(&child);
    let (tell, told) = std::sync::mpsc::channel();
    let waiting = std::thread::spawn(move || {
        let _gone = tell.send(child.wait_with_output());
    });
    let until = Instant::now() + VERSION_WITHIN;
    let ended = told.recv_timeout(until.saturating_duration_since(Instant::now()));
    let Ok(ended) = ended else {
        let _gone = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _over = waiting.join();
        return Err(format!("`--version` has not answered for {} s", VERSION_WITHIN.as_secs()));
    };
    let ended = ended.map_err(words)?;
    let words = if ended.status.success() { &ended.stdout } else { &ended.stderr };
    let line = String::from_utf8_lossy(words).lines().next().unwrap_or_default().trim().to_owned();
    let line: String = line.chars().filter(|c| !c.is_control()).take(200).collect();
    if ended.status.success() { Ok(line) } else { Err(format!("{}: {line}", ended.status)) }
}

/// The first three numbers with points between them.
fn numbers(line: &str) -> Option<ProgramVersion> {
    line.split_whitespace().find_map(|word| {
        let mut parts = word.trim_start_matches('v').splitn(3, '.');
        let mut next = || {
            let part = parts.next()?;
            let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part[..digits].parse().ok()
        };
        Some((next()?, next()?, next()?))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const KNOWN: KnownProgram = KnownProgram { at_least: (2, 1, 197), install: "npm install -g it" };

    #[test]
    fn versions_are_read_as_programs_spell_them() {
        for (line, told) in [
            ("2.1.329 (Claude Code)", Some((2, 1, 329))),
            ("codex-cli 0.169.0", Some((0, 169, 0))),
            ("codex-cli 0.170.0-alpha.3", Some((0, 170, 0))),
            ("v1.2.3", Some((1, 2, 3))),
            ("1.2", None),
            ("my wrapper", None),
            ("", None),
        ] {
            assert_eq!(numbers(line), told, "{line}");
        }
    }

    #[test]
    fn what_a_host_lacks_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap().to_owned();
        let environment = BTreeMap::from([("PATH".to_owned(), format!("{path}:/usr/bin:/bin"))]);
        let put = |name: &str, script: &str, mode: u32| {
            let file = folder.path().join(name);
            // Written by another process: a file that is open for writing in a sibling cannot be started (ETXTBSY).
            let told =
                Command::new("sh").args(["-c", "printf '%s' \"$2\" > \"$1\"", "sh"]).arg(&file).arg(script).status();
            assert!(told.unwrap().success());
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        put("new", "#!/bin/sh\necho '2.1.329 (Claude Code)'\n", 0o755);
        put("own", "#!/bin/sh\necho 'a wrapper of ours'\n", 0o755);
        put("old", "#!/bin/sh\necho '2.1.196 (Claude Code)'\n", 0o755);
        put("stub", "#!/bin/sh\necho 'install script did not run' >&2\nexit 1\n", 0o755);
        put("text", "no program\n", 0o644);
        let of = |program: &str| ready(program, &environment, Some(&KNOWN));
        assert_eq!((of("new"), of("own"), of("sh")), (Ok(()), Ok(()), of("sh")));
        for (program, words) in [
            ("gone", "put its folder on the PATH of the service"),
            ("text", "is in no folder of the PATH"),
            ("/nonexistent/claude", "is not there"),
            ("old", "is too old (2.1.196 (Claude Code)), 2.1.197 or newer is needed: npm install -g it"),
            ("stub", "does not run: exit status: 1: install script did not run; install it anew"),
        ] {
            let told = of(program).unwrap_err();
            assert!(told.contains(words), "{program}: {told}");
        }
        put("old", "#!/bin/sh\necho '2.1.400 (Claude Code)'\n", 0o755);
        assert_eq!(of("old"), Ok(()), "it was replaced");
        assert_eq!(told_version("old", &environment), Some((2, 1, 400)));
        assert_eq!(told_version("own", &environment), None, "it calls itself otherwise");
        put("new", "#!/bin/sh\nexit 3\n", 0o755);
        assert!(of("new").is_err(), "what was well is asked again once it is another file");
        assert_eq!(ready("./agent.sh", &environment, None), Ok(()), "it lies in the clone");
    }
}
