//! `orch check`: set-up and tests of a repository's base branch once, as a run gets them.

use camino::Utf8Path;
use clap::Args;
use orch_engine::check_outcome;
use orch_git::Git;
use orch_rules::check::CheckOutcome;
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::init::{self, REPOSITORY_FILE, git_failure};
use crate::pipeline_command::folder;
use crate::run_by_hand::{self, Ended, RunByHand, Subject};
use crate::screen::{Screen, Style};
use crate::settings::{self, Host};

/// Try the set-up and the tests of the base branch, in a clone and confined as a run gets them.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  orch check\n  orch check --repo shop --json\n\n\
    Nothing of your working tree is used or touched, and no service is needed.\nEnds with 1 if it is not green.")]
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
    let subject = Subject::of_base(git, top)?;
    let (branch, file) = (&subject.base, &subject.file);
    let command = file.check_command.clone().ok_or_else(|| {
        Failure::new(Exit::Settings, format!("{branch} names no test command"))
            .at(top.join(REPOSITORY_FILE).as_str())
            .fix("set `command` under [check]: orch init --test CMD")
    })?;
    let trial = RunByHand::make(host, git, top, &subject, &command, env)?;
    let Ended { report, seconds, set_up_seconds } = trial.carried_out(screen)?;
    let outcome = check_outcome(&trial.runner, run_by_hand::RUN, &report, u64::from(file.check_timeout_seconds));
    let outcome = outcome.map_err(|error| Failure::new(Exit::Failed, error.words))?;
    if outcome == CheckOutcome::Passed {
        trial.keep_cache(&subject);
    }
    let (word, reason) = match outcome {
        CheckOutcome::Passed => ("green", None),
        CheckOutcome::Failed { reason } => ("red", Some(format!("the tests of {branch} are red: {reason}"))),
        CheckOutcome::Unknown { reason } => ("unknown", Some(reason)),
    };
    let level = report.level.map(|level| level.name().to_owned());
    let (branch, commit) = (branch.to_string(), trial.commit.to_string());
    let checked = Checked { branch, commit, outcome: word, reason, level, seconds, set_up_seconds };
    tell(&checked, screen);
    Ok(checked)
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

/// The beginning of a commit, as people write it.
pub fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}
