//! `orch shell`: a person in the clone that a run would get, confined as the run would be.

mod terminal;

use camino::Utf8PathBuf;
use clap::Args;
use orch_engine::check_outcome;
use orch_git::{CommitId, Git};
use orch_rules::attempt::RunEnd;
use orch_rules::check::CheckOutcome;
use orch_web::view::TaskView;
use serde::Serialize;

use crate::check_command::short;
use crate::client::Caller;
use crate::commands::ids::{self, TaskArg};
use crate::exit::{Exit, Failure};
use crate::init::{self, git_failure};
use crate::pipeline_command::folder;
use crate::run_by_hand::{self, RunByHand, Subject};
use crate::screen::{Screen, Style};
use crate::settings::{self, Host};
use crate::wiring::local::with_caller;
use terminal::RunTerminal;

/// Open a shell in a clone as a run gets it, confined like one: of a task's work, or of the base branch.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  orch shell                     # the base branch\n  \
    orch shell SHOP-003            # what task 3 has made so far\n  orch shell 3 -- make test\n\n\
    The set-up runs first. The clone is a copy: nothing of it is kept. No service is needed.")]
pub struct ShellArgs {
    /// The task: `SHOP-001`, `shop-1`, or `1` in its repository; without it the base branch
    pub id: Option<String>,
    /// Which repository; the current folder's, or the task's, if left out
    #[arg(long, value_name = "REPO")]
    pub repo: Option<String>,
    /// A command instead of a shell; the exit code is 1 if it fails
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// What was run; the answer under `--json`.
#[derive(Debug, Serialize)]
struct ShellRun {
    /// What was checked out.
    commit: String,
    /// How it was confined.
    level: Option<String>,
    /// What the command ended with; `None` if it was killed.
    exit_code: Option<i32>,
    /// Seconds that everything took.
    seconds: f64,
}

/// A person may stay so long.
const DEADLINE_MS: u64 = 7 * 24 * 3_600_000;
/// The person's shell if the run has that program, else the system's.
const SHELL: &str = r#"[ -x "$SHELL" ] || SHELL=/bin/sh; exec "$SHELL" -i"#;
/// Variables that say what the person's terminal can.
const TERMINAL_VARIABLES: &[&str] = &["TERM", "COLORTERM"];

/// Runs it. `env` reads one environment variable.
///
/// # Errors
/// [`Exit::Failed`] if the command or the set-up failed; the settings', git's, the service's.
pub fn run(args: &ShellArgs, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    if args.command.is_empty() && !screen.is_interactive() {
        return Err(Failure::new(Exit::Usage, "a shell needs a terminal, and there is none")
            .fix("name a command: orch shell -- make test"));
    }
    let (host, _) = settings::load(env)?;
    let git = Git::detect(env("PATH").unwrap_or_default()).map_err(git_failure)?;
    let (top, subject, name) = match &args.id {
        Some(id) => of_task(&TaskArg { id: id.clone(), repo: args.repo.clone() }, &host, &git, screen, env)?,
        None => of_base(args.repo.as_deref(), &git, env)?,
    };
    let mut trial = RunByHand::make(&host, &git, &top, &subject, SHELL, env)?;
    trial.order.deadline_ms = DEADLINE_MS;
    if !args.command.is_empty() {
        trial.order.argv.clone_from(&args.command);
    }
    let ended = if screen.is_interactive() {
        for name in TERMINAL_VARIABLES {
            trial.order.environment.extend(env(name).map(|value| ((*name).to_owned(), value)));
        }
        at_terminal(&mut trial, &subject, &name, args.command.is_empty(), screen)?
    } else {
        trial.carried_out(screen)?
    };
    let code = ended.report.exit_code;
    screen.json(&ShellRun {
        commit: trial.commit.to_string(),
        level: ended.report.level.map(|level| level.name().to_owned()),
        exit_code: code,
        seconds: ended.seconds,
    });
    let began = trial.order.set_up.is_none() || ended.set_up_seconds.is_some();
    match ended.report.end.clone() {
        RunEnd::Completed => Ok(()),
        // What was typed last in a shell is nobody's failure.
        RunEnd::Failed { .. } if args.command.is_empty() && began => Ok(()),
        RunEnd::Failed { reason } if began => {
            Err(Failure::new(Exit::Failed, format!("the command failed: {reason}")).at(name))
        }
        RunEnd::Failed { reason } => {
            // It knows the set-up's own words.
            let told = check_outcome(&trial.runner, run_by_hand::RUN, &ended.report, 0);
            let reason = match told.map_err(|error| Failure::new(Exit::Failed, error.words))? {
                CheckOutcome::Unknown { reason } => reason,
                _ => reason,
            };
            Err(Failure::new(Exit::Failed, reason).at(name))
        }
        RunEnd::SpawnFailed { reason, .. } => Err(Failure::new(Exit::Failed, reason).at(name)),
        end => Err(Failure::new(Exit::Failed, format!("it ended oddly: {end:?}")).at(name)),
    }
}

/// The base branch of a repository, registered or not.
fn of_base(
    repo: Option<&str>,
    git: &Git,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<(Utf8PathBuf, Subject, String), Failure> {
    let at = folder(repo, env)?;
    let top = at.canonicalize_utf8().ok().and_then(|at| init::top_of(&at)).ok_or_else(|| {
        Failure::new(Exit::Repository, "this is not in a git repository").at(at.as_str()).fix("name one: --repo REPO")
    })?;
    let subject = Subject::of_base(git, &top)?;
    let name = subject.base.to_string();
    Ok((top, subject, name))
}

/// What a task has made so far; as long as it has made nothing, the base branch.
fn of_task(
    typed: &TaskArg,
    host: &Host,
    git: &Git,
    screen: &Screen,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<(Utf8PathBuf, Subject, String), Failure> {
    let mut found: Option<TaskView> = None;
    with_caller(env, screen, |caller: &Caller| {
        found = Some(caller.read(&ids::task(typed, caller)?.address())?);
        Ok(())
    })?;
    let task = found.ok_or_else(|| Failure::new(Exit::Internal, "the task was not read"))?;
    let gone = || {
        Failure::new(Exit::NotFound, format!("the repository {} is not registered here", task.repository))
            .fix("orch repo list")
    };
    let entry = host.repository(&task.repository).ok_or_else(gone)?;
    let mut subject = Subject::of_base(git, &entry.path)?;
    if let Some(commit) = task.landed.as_ref().or(task.head.as_ref()) {
        let commit = CommitId::new(commit.clone()).map_err(|error| git_failure(error.into()))?;
        subject.work = Some((host.paths.forge(&entry.id), commit));
    }
    Ok((entry.path.clone(), subject, task.id))
}

/// The same at the person's terminal. A shell begins with where one is.
fn at_terminal(
    trial: &mut RunByHand,
    subject: &Subject,
    name: &str,
    shell: bool,
    screen: &Screen,
) -> Result<run_by_hand::Ended, Failure> {
    let failed = |error: std::io::Error| Failure::new(Exit::Failed, format!("no terminal can be made: {error}"));
    let terminal = RunTerminal::open().map_err(failed)?;
    trial.runner.terminal = Some(terminal.path.clone().into());
    let level = trial.runner.level().map(|(level, _)| level.name()).unwrap_or_default();
    let command = subject.file.check_command.as_deref().unwrap_or("none");
    let greeting = format!(
        "{name} at {}, confined ({level}). Tests: {command}. Nothing here is kept; exit ends it.",
        short(trial.commit.as_str())
    );
    let greeting = if shell { screen.styled(Style::Faint, &greeting) + "\n" } else { String::new() };
    // The first sign of the program: from then on the terminal is the run's. A bare escape sequence shows nothing.
    let sign = ["/bin/sh", "-c", r#"printf '\033[0m%s' "$0"; exec "$@""#].map(str::to_owned);
    let argv = std::mem::take(&mut trial.order.argv);
    trial.order.argv = sign.into_iter().chain([greeting]).chain(argv).collect();
    trial.carried_out_with(screen, &|| terminal.has_output(), &mut |over| terminal.wire(over))
}
