//! `orch check`: set-up and tests of a repository's base branch once, as a run gets them.

use std::fs;
use std::time::{Duration, Instant, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use orch_engine::{SET_UP_DONE, check_order, check_outcome};
use orch_git::{BranchName, Forge, Git, Origin, OwnRepository, remove_clone};
use orch_ports::runner::Runner;
use orch_rules::attempt::RunEnd;
use orch_rules::check::CheckOutcome;
use orch_rules::repository_file::RepositoryFile;
use orch_vendors::runner::host::HostRunner;
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::init::{self, REPOSITORY_FILE, git_failure};
use crate::pipeline_command::folder;
use crate::screen::{Screen, Style, printable};
use crate::settings::{self, Host};
use crate::wiring;

/// Try the set-up and the tests of the base branch, in a clone and confined as a run gets them.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  orch check\n  orch check --repo shop --json\n\n\
    Nothing of your working tree is used or touched, and no service is needed. Ends with 1 if it is not green.")]
pub struct CheckArgs {
    /// Name of a registered repository, or a folder; the current folder if not given
    #[arg(long, value_name = "REPO")]
    pub repo: Option<String>,
}

/// What was found; the answer under `--json`.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// The base branch.
    pub branch: String,
    /// What was tested.
    pub commit: String,
    /// `green`, `red` or `unknown`.
    pub outcome: &'static str,
    /// Why it is not green.
    pub reason: Option<String>,
    /// How it was confined.
    pub level: Option<String>,
    /// Seconds that everything took.
    pub seconds: f64,
    /// Seconds of the set-up; `None` if there is none, or it did not end.
    pub set_up_seconds: Option<f64>,
}

/// So long one look at the output waits for more.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of output that are read at once.
const PART: usize = 64 << 10;
/// The only run there is.
const RUN: &str = "check";

/// Tries it, and prints what the run prints. `env` reads one environment variable.
///
/// # Errors
/// [`Exit::Failed`] if it is not green; the settings' and git's.
pub fn run(args: &CheckArgs, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let (host, _) = settings::load(env)?;
    let git = Git::detect(env("PATH").unwrap_or_default()).map_err(git_failure)?;
    let at = folder(args.repo.as_deref(), env)?;
    let top = at.canonicalize_utf8().ok().and_then(|at| init::top_of(&at)).ok_or_else(|| {
        Failure::new(Exit::Repository, "this is not in a git repository").at(at.as_str()).fix("name one: --repo REPO")
    })?;
    let checked = check(&host, &git, &top, screen, env)?;
    screen.json(&checked);
    match checked.reason {
        None => Ok(()),
        Some(reason) => {
            Err(Failure::new(Exit::Failed, reason).at(format!("{} at {}", checked.branch, short(&checked.commit))).fix(
                format!("mend it, or set [setup] and [check] in {REPOSITORY_FILE}; docs/tests.md says what a run sees"),
            ))
        }
    }
}

/// Makes a clone of the base branch, runs set-up and tests in it, prints what came of it, and removes everything again.
///
/// # Errors
/// [`Exit::Failed`] if it could not be run to its end; the settings' and git's.
pub fn check(
    host: &Host,
    git: &Git,
    top: &Utf8Path,
    screen: &Screen,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Checked, Failure> {
    let (branch, file) = settings_of(git, top)?;
    let command = file.check_command.clone().ok_or_else(|| {
        Failure::new(Exit::Settings, format!("{branch} names no test command"))
            .at(top.join(REPOSITORY_FILE).as_str())
            .fix("set `command` under [check]: orch init --test CMD")
    })?;
    let place = Place::make(host)?;
    let origin = Origin { source: top.into(), base: branch.clone() };
    let forge = place.0.join("forge.git");
    let opened = Forge::create_from(git, origin, forge.as_std_path(), SystemTime::now()).map_err(git_failure)?;
    let gone = || git_failure(orch_git::Error::NoCommit(top.into()));
    let tip = opened.forge.tip(&branch).map_err(git_failure)?.ok_or_else(gone)?;
    let clone = place.0.join("places").join(RUN);
    opened.forge.checkout_clean(&tip, clone.as_std_path()).map_err(git_failure)?;
    let runner = wiring::runner_in(host, &place.0.join("runs"), &|_| None)?;
    let refused = |why: String| Failure::new(Exit::Failed, why).fix("orch doctor says what this machine lacks");
    runner.room().map_err(refused)?;
    let registered = host.repositories.iter().find(|entry| entry.path == *top).map(|entry| entry.id.clone());
    let id = registered.unwrap_or_else(|| init::id_from(top.file_name().unwrap_or_default()));
    let order = check_order(&wiring::program(host, &id, env), RUN, &file, &command, &clone, None);
    let begun = Instant::now();
    runner.ensure(&order).map_err(|error| refused(error.words))?;
    let (report, set_up_seconds) = followed(&runner, begun, screen)?;
    let seconds = rounded(begun.elapsed());
    if matches!(report.end, RunEnd::Stopped) {
        return Err(Failure::new(Exit::Failed, "it was stopped before it ended"));
    }
    let outcome = check_outcome(&runner, RUN, &report, u64::from(file.check_timeout_seconds));
    let outcome = outcome.map_err(|error| refused(error.words))?;
    let (word, reason) = match outcome {
        CheckOutcome::Passed => ("green", None),
        CheckOutcome::Failed { reason } => ("red", Some(format!("the tests of {branch} are red: {reason}"))),
        CheckOutcome::Unknown { reason } => ("unknown", Some(reason)),
    };
    let level = report.level.map(|level| level.name().to_owned());
    let (branch, commit) = (branch.to_string(), tip.to_string());
    let checked = Checked { branch, commit, outcome: word, reason, level, seconds, set_up_seconds };
    tell(&checked, screen);
    Ok(checked)
}

/// The base branch and its settings; those of the working tree as long as none are committed.
fn settings_of(git: &Git, top: &Utf8Path) -> Result<(BranchName, RepositoryFile), Failure> {
    let here = init::read_repository_file(top)?;
    let branch = match &here {
        Some(file) => file.base_branch.clone(),
        None => match orch_git::usual_base(git, top.as_std_path()).map_err(git_failure)? {
            Some((base, _)) => base.to_string(),
            None => RepositoryFile::default().base_branch,
        },
    };
    let branch = BranchName::new(branch).map_err(|error| git_failure(error.into()))?;
    let committed = init::on_base(&OwnRepository { git, top: top.as_std_path() }, &branch)?.map(|file| file.settings);
    match committed.or(here) {
        Some(file) => Ok((branch, file)),
        None => Err(Failure::new(Exit::Settings, format!("there is no {REPOSITORY_FILE} here"))
            .at(top.as_str())
            .fix("make one: orch init")),
    }
}

/// Prints what the run prints until it has ended; Ctrl-C ends it.
fn followed(
    runner: &HostRunner,
    begun: Instant,
    screen: &Screen,
) -> Result<(orch_ports::runner::RunReport, Option<f64>), Failure> {
    let failed = |why: String| Failure::new(Exit::Failed, format!("the run cannot be followed: {why}"));
    stop_at_interrupt(runner.clone());
    let waited = std::thread::spawn({
        let runner = runner.clone();
        move || runner.wait(RUN)
    });
    let (mut offset, mut rest, mut set_up_seconds) = (0, String::new(), None);
    loop {
        let over = waited.is_finished();
        let more = runner.await_output(RUN, offset, PATIENCE).map_err(|error| failed(error.words))?;
        let (text, next) = runner.output(RUN, offset, PART).map_err(|error| failed(error.words))?;
        offset = next;
        rest.push_str(&text);
        while let Some(end) = rest.find('\n') {
            let line: String = rest.drain(..=end).collect();
            let line = line.trim_end_matches(['\n', '\r']);
            if line == SET_UP_DONE {
                set_up_seconds = Some(rounded(begun.elapsed()));
            }
            screen.line(&screen.styled(Style::Faint, &printable(line)));
        }
        if over && !more && text.is_empty() {
            break;
        }
    }
    if !rest.is_empty() {
        screen.line(&screen.styled(Style::Faint, &printable(&rest)));
    }
    let report = waited.join().map_err(|_| failed("its end was missed".to_owned()))?;
    Ok((report.map_err(|error| failed(error.words))?, set_up_seconds))
}

/// The first Ctrl-C ends the run, and with it the command.
fn stop_at_interrupt(runner: HostRunner) {
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok()
            && let Err(error) = runner.stop(RUN)
        {
            tracing::warn!(%error, "the run could not be stopped");
        }
    });
}

/// A folder of its own below the state folder, where runs can work. Dropped: removed.
struct Place(Utf8PathBuf);

impl Place {
    fn make(host: &Host) -> Result<Self, Failure> {
        settings::paths::create_private(&host.paths.state)?;
        let place = Self(host.paths.state.join(format!("check-{}", std::process::id())));
        let failed = |error: std::io::Error| {
            Failure::new(Exit::Failed, format!("it cannot be made: {error}")).at(place.0.as_str())
        };
        for folder in [place.0.clone(), place.0.join("places"), place.0.join("runs")] {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = remove_clone(self.0.as_std_path()) {
            tracing::warn!(%error, "what the check left could not be removed");
        }
    }
}

fn tell(checked: &Checked, screen: &Screen) {
    let set_up = checked.set_up_seconds.map(|seconds| format!(" (set-up {seconds:.1} s)")).unwrap_or_default();
    let level = checked.level.as_ref().map(|level| format!(", confined at {level}")).unwrap_or_default();
    let style = if checked.reason.is_none() { Style::Good } else { Style::Bad };
    screen.line("");
    screen.line(&format!(
        "{} in {:.1} s{set_up}{level}: {} at {}",
        screen.styled(style, checked.outcome),
        checked.seconds,
        checked.branch,
        short(&checked.commit)
    ));
}

/// Seconds, to the millisecond.
fn rounded(taken: Duration) -> f64 {
    Duration::from_millis(taken.as_millis() as u64).as_secs_f64()
}

fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}
