//! A run by hand: a clone of the base branch or of a task's work, made and confined as the line makes it, used once and
//! removed again.

use std::fs;
use std::io;
use std::time::{Duration, Instant, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use orch_engine::cache::{CachePlace, Leaves};
use orch_engine::{SET_UP_DONE, check_order};
use orch_git::{BranchName, CommitId, Forge, Git, Origin, OwnRepository, remove_clone};
use orch_ports::runner::{RunOrder, RunReport, Runner};
use orch_rules::attempt::RunEnd;
use orch_rules::repository_file::RepositoryFile;
use orch_vendors::runner::host::HostRunner;

use crate::exit::{Exit, Failure};
use crate::init::{self, REPOSITORY_FILE, git_failure};
use crate::screen::{Screen, Style, printable};
use crate::settings::{self, Host};
use crate::wiring;

/// The only run there is.
pub const RUN: &str = "run";
/// So long one look at the output waits for more.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same while something else may end the waiting.
const SHORT_PATIENCE: Duration = Duration::from_millis(50);
/// Bytes of output that are read at once.
const PART: usize = 64 << 10;

/// Whose files a run gets.
pub struct Subject {
    /// The branch that says how: set-up and test command.
    pub base: BranchName,
    /// What it says.
    pub file: RepositoryFile,
    /// The work of a task: where it is, and which commit. Without it the base branch's tip.
    pub work: Option<(Utf8PathBuf, CommitId)>,
}

/// A clone with a runner, and the order of a run in it. Dropped: removed.
pub struct RunByHand {
    /// What was checked out.
    pub commit: CommitId,
    /// Who runs it.
    pub runner: HostRunner,
    /// What is run: the set-up, then the command.
    pub order: RunOrder,
    /// Where what it fetches is kept if it is green, how it leaves it, and the key that it is kept under.
    cache: Option<(CachePlace, Leaves, String)>,
    _place: Place,
}

/// How a run ended.
pub struct Ended {
    /// How.
    pub report: RunReport,
    /// Seconds that everything took.
    pub seconds: f64,
    /// Seconds of the set-up; `None` if there is none, or it did not end.
    pub set_up_seconds: Option<f64>,
}

impl Subject {
    /// The base branch of the repository at `top` and its settings; those of the working tree as long as none are
    /// committed.
    ///
    /// # Errors
    /// [`Exit::Settings`] if there are none; git's.
    pub fn of_base(git: &Git, top: &Utf8Path) -> Result<Self, Failure> {
        let here = init::read_repository_file(top)?;
        let branch = match &here {
            Some(file) => file.base_branch.clone(),
            None => match orch_git::usual_base(git, top.as_std_path()).map_err(git_failure)? {
                Some((base, _)) => base.to_string(),
                None => RepositoryFile::default().base_branch,
            },
        };
        let base = BranchName::new(branch).map_err(|error| git_failure(error.into()))?;
        let committed = init::on_base(&OwnRepository { git, top: top.as_std_path() }, &base)?.map(|file| file.settings);
        match committed.or(here) {
            Some(file) => Ok(Self { base, file, work: None }),
            None => Err(Failure::new(Exit::Settings, format!("there is no {REPOSITORY_FILE} here"))
                .at(top.as_str())
                .fix("make one: orch init")),
        }
    }
}

impl Subject {
    /// Whether this command tests the base branch: only that leaves a cache.
    fn tests_base(&self, command: &str) -> bool {
        self.work.is_none() && self.file.check_command.as_deref() == Some(command)
    }
}

impl RunByHand {
    /// Makes it: nothing runs yet. `command` is for `sh -c`.
    ///
    /// # Errors
    /// [`Exit::Failed`] if nothing can run here; the settings' and git's.
    pub fn make(
        host: &Host,
        git: &Git,
        top: &Utf8Path,
        subject: &Subject,
        command: &str,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Failure> {
        let place = Place::make(host)?;
        let origin = Origin { source: top.into(), base: subject.base.clone() };
        let clone = place.0.join("places").join(RUN);
        let (forge, commit) = match &subject.work {
            Some((forge, commit)) => (Forge::at(git, origin, forge.as_std_path()), commit.clone()),
            None => {
                let forge = place.0.join("forge.git");
                let opened =
                    Forge::create_from(git, origin, forge.as_std_path(), SystemTime::now()).map_err(git_failure)?;
                let gone = || git_failure(orch_git::Error::NoCommit(top.into()));
                let tip = opened.forge.tip(&subject.base).map_err(git_failure)?.ok_or_else(gone)?;
                (opened.forge, tip)
            }
        };
        forge.checkout_clean(&commit, clone.as_std_path()).map_err(git_failure)?;
        let runner = wiring::runner_in(host, &place.0.join("runs"), &|_| None)?;
        runner.room().map_err(refused)?;
        let registered = host.repositories.iter().find(|entry| entry.path == *top).map(|entry| entry.id.clone());
        let id = registered.unwrap_or_else(|| init::id_from(top.file_name().unwrap_or_default()));
        let program = wiring::program(host, &id, env);
        let cache = program.cache.clone().filter(|_| subject.tests_base(command)).and_then(|kept| {
            // The checkout is as git made it: nobody has been in it yet.
            let read = |name: &str| Ok::<_, std::convert::Infallible>(fs::read_to_string(clone.join(name)).ok());
            let Ok(key) = orch_engine::cache::key(&subject.file, read);
            let leaves = kept.leaves(&subject.file, &key, &place.0.join("places").join("cache"))?;
            Some((kept, leaves, key))
        });
        let leaves = cache.as_ref().map(|(_, leaves, _)| leaves);
        let order = check_order(&program, RUN, &subject.file, command, &clone, None, leaves);
        Ok(Self { commit, runner, order, cache, _place: place })
    }

    /// Keeps what a green test of the base branch fetched and its set-up made.
    pub fn keep_cache(&self, subject: &Subject) {
        let Some((kept, leaves, key)) = &self.cache else { return };
        let unchanged = leaves.without_what_tests_wrote(&self.runner, RUN).map_err(|error| error.words);
        let done =
            unchanged.and_then(|()| kept.keep(&subject.file, key, &leaves.folder).map_err(|error| error.to_string()));
        if let Err(error) = done {
            tracing::warn!(error, "what the tests fetched was not kept");
        }
    }

    /// Runs it to its end, and prints what it prints. A hang-up, or the first Ctrl-C, ends it.
    ///
    /// # Errors
    /// [`Exit::Failed`] if it could not be run to its end.
    pub fn carried_out(&self, screen: &Screen) -> Result<Ended, Failure> {
        self.carried_out_with(screen, &|| false, &mut |_| Ok(()))
    }

    /// The same; once `other` says so, nothing is printed any more and `goes_on` is called, with what tells of the end.
    ///
    /// # Errors
    /// [`Exit::Failed`] if it could not be run to its end.
    pub fn carried_out_with(
        &self,
        screen: &Screen,
        other: &dyn Fn() -> bool,
        goes_on: &mut dyn FnMut(&dyn Fn() -> bool) -> io::Result<()>,
    ) -> Result<Ended, Failure> {
        let begun = Instant::now();
        self.runner.ensure(&self.order).map_err(|error| refused(error.words))?;
        let failed = |why: String| Failure::new(Exit::Failed, format!("the run cannot be followed: {why}"));
        stop_when_asked(self.runner.clone());
        let waited = std::thread::spawn({
            let runner = self.runner.clone();
            move || runner.wait(RUN)
        });
        let patience = if self.runner.terminal.is_some() { SHORT_PATIENCE } else { PATIENCE };
        let (mut offset, mut rest, mut set_up_seconds) = (0, String::new(), None);
        loop {
            let over = waited.is_finished();
            let elsewhere = other();
            let more =
                !elsewhere && self.runner.await_output(RUN, offset, patience).map_err(|error| failed(error.words))?;
            let (text, next) = self.runner.output(RUN, offset, PART).map_err(|error| failed(error.words))?;
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
            if (over && !more || elsewhere) && text.is_empty() {
                break;
            }
        }
        if !rest.is_empty() {
            screen.line(&screen.styled(Style::Faint, &printable(&rest)));
        }
        let gone_on = if other() { goes_on(&|| waited.is_finished()) } else { Ok(()) };
        if gone_on.is_err() {
            self.runner.stop(RUN).map_err(|error| failed(error.words))?;
        }
        let report = waited.join().map_err(|_| failed("its end was missed".to_owned()))?;
        let report = report.map_err(|error| failed(error.words))?;
        gone_on.map_err(|error| failed(error.to_string()))?;
        if matches!(report.end, RunEnd::Stopped) {
            return Err(Failure::new(Exit::Failed, "it was stopped before it ended"));
        }
        Ok(Ended { report, seconds: rounded(begun.elapsed()), set_up_seconds })
    }
}

fn refused(why: String) -> Failure {
    Failure::new(Exit::Failed, why).fix("orch doctor says what this machine lacks")
}

/// What ends this command ends the run, and then the command ends as it would have: nothing is left behind.
fn stop_when_asked(runner: HostRunner) {
    use tokio::signal::unix::{SignalKind, signal};
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        let asked = runtime.block_on(async {
            let mut gone = signal(SignalKind::hangup())?;
            let mut ended = signal(SignalKind::terminate())?;
            tokio::select! {
                _ = gone.recv() => Ok(()),
                _ = ended.recv() => Ok(()),
                asked = tokio::signal::ctrl_c() => asked,
            }
        });
        if asked.is_ok()
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
        for folder in [place.0.clone(), place.0.join("places"), place.0.join("places/cache"), place.0.join("runs")] {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = remove_clone(self.0.as_std_path()) {
            tracing::warn!(%error, "what the run left could not be removed");
        }
    }
}

/// Seconds, to the millisecond.
fn rounded(taken: Duration) -> f64 {
    Duration::from_millis(taken.as_millis() as u64).as_secs_f64()
}
