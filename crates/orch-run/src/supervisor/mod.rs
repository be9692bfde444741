//! The supervisor: one process, one thread, one run.
//!
//! In order: take the lock · refuse what was started before · record who runs · listen · start the
//! companion · start the agent · watch it · kill its whole tree · read what it left · finish commands · result · exit,
//! which frees the lock.

mod agent_result;
mod companion;
mod control;
mod detach;
pub(crate) mod disk;
mod log;
mod site;
mod spawn;
mod tree;
pub(crate) mod trial;

use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::confinement::cgroup::{Given, Groups};
use crate::directory::{RESULT, STARTED};
use crate::durable::{self, Reserved};
use crate::result::{AgentResult, End, FinishResult, RunResult};
use crate::started::{Started, mark};
use crate::stop::Phase;
use crate::{Confinement, Error, RunDirectory, RunState, Spec, StandardInput, VERSION, process};

pub(crate) use detach::keep_inherited_files_from_children;

use companion::Running;
use control::Control;
use disk::DiskWatch;
use log::{OutputLog, note};
use site::Site;
use spawn::Child;
use tree::{Limits, Signals, TreeEnd, Watch, Why};

/// The hidden subcommand by which a program acts as supervisor: `program supervise <directory>`.
pub const SUBCOMMAND: &str = "supervise";

/// All the environment a supervisor has: the run id, for people who look at processes. Not empty,
/// because a process without an environment casts doubt on a lost run ([`crate::wait`]).
pub(crate) const SUPERVISOR_VARIABLE: &str = "ORCH_SUPERVISOR";

/// Room kept for `result.json`; only an agent that reports very much needs more.
const RESULT_ROOM: u64 = 64 * 1024;

/// How a supervisor process ends; also its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SupervisorEnd {
    /// The run is over and its result is written. Exit code 0.
    Done,
    /// This was the intermediate process of a launch; the supervisor proper is on its way. Exit
    /// code 0.
    Detached,
    /// Another supervisor holds the run. Exit code 10.
    AlreadyRunning,
    /// The run has a result. Exit code 11.
    AlreadyFinished,
    /// The run was started before and has no result: it is lost and nothing was done. Exit code 12.
    Lost,
    /// The directory could not be used; nothing was started. Exit code 13.
    Refused,
    /// The run is over and its result could not be written. Exit code 14.
    ResultUnwritten,
}

impl SupervisorEnd {
    /// The exit code as a number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done | Self::Detached => 0,
            Self::AlreadyRunning => 10,
            Self::AlreadyFinished => 11,
            Self::Lost => 12,
            Self::Refused => 13,
            Self::ResultUnwritten => 14,
        }
    }
}

impl From<SupervisorEnd> for ExitCode {
    fn from(end: SupervisorEnd) -> Self {
        Self::from(end.code())
    }
}

/// The supervisor's one line to the process that launched it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Greeting {
    Started,
    AlreadyRunning,
    AlreadyFinished,
    Lost,
    Refused(String),
}

/// The supervisor's main function: runs the run in `directory` to its end and returns how to exit.
///
/// Call it first thing in `main`, in a process that has no other thread and is about to exit with
/// the answer: it takes over signals, adopts orphans and reaps every child. Called by hand it stays
/// in the foreground; called by [`crate::launch`] it detaches.
#[must_use]
pub fn supervise(directory: &Path) -> SupervisorEnd {
    if detach::must_detach() {
        return match detach::detach(directory) {
            Ok(()) => SupervisorEnd::Detached,
            Err(error) => {
                note(format_args!("cannot detach: {error}"));
                SupervisorEnd::Refused
            }
        };
    }
    let _ = rustix::process::setsid(); // Fails by hand, where a terminal's session is right.
    let greet = |greeting: &Greeting| detach::greet(greeting);
    let opened = RunDirectory::open(directory).and_then(|run| Ok((take_lock(&run)?, run)));
    let (lock, run) = match opened {
        Ok((Some(lock), run)) => (lock, run),
        Ok((None, _)) => {
            greet(&Greeting::AlreadyRunning);
            return SupervisorEnd::AlreadyRunning;
        }
        Err(error) => return refuse(&error),
    };
    match run.state_under_lock() {
        Ok(RunState::NotLaunched) => {}
        Ok(RunState::Finished) => {
            greet(&Greeting::AlreadyFinished);
            return SupervisorEnd::AlreadyFinished;
        }
        Ok(_) => {
            greet(&Greeting::Lost);
            return SupervisorEnd::Lost;
        }
        Err(error) => return refuse(&error),
    }
    if detach::launcher_is_gone() {
        note(format_args!("the launcher died before this run began: it is not started"));
        return SupervisorEnd::Refused;
    }
    let mut supervisor = match Supervisor::prepare(run) {
        Ok(supervisor) => supervisor,
        Err(error) => {
            // Who hears of the refusal may look at once, and must not find it running.
            drop(lock);
            return refuse(&error);
        }
    };
    greet(&Greeting::Started);
    let result = supervisor.carry_out();
    let end = supervisor.write_result(&result);
    drop(lock); // Named so that it lives to here; the exit of the process would free it too.
    end
}

fn refuse(error: &Error) -> SupervisorEnd {
    note(format_args!("{error}"));
    detach::greet(&Greeting::Refused(error.to_string()));
    SupervisorEnd::Refused
}

/// The run's lock, exclusively; `None` if another supervisor has it.
fn take_lock(run: &RunDirectory) -> Result<Option<OwnedFd>, Error> {
    let lock = run.lock_file()?;
    loop {
        let tried = flock(&lock, FlockOperation::NonBlockingLockExclusive);
        // Somebody who merely looks holds a shared lock for an instant. If we can share it, no
        // supervisor is there, and we try again.
        let looked = match tried {
            Ok(()) => return Ok(Some(lock)),
            Err(rustix::io::Errno::WOULDBLOCK) => flock(&lock, FlockOperation::NonBlockingLockShared),
            Err(error) => Err(error),
        };
        match looked {
            Ok(()) => {
                let _ = flock(&lock, FlockOperation::Unlock);
                std::thread::yield_now();
            }
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(Error::io("lock", run.path(), error)),
        }
    }
}

/// A supervisor that holds its lock and may start the agent.
struct Supervisor {
    run: RunDirectory,
    spec: Spec,
    started: Started,
    watch: Watch,
    /// The output may fill the disk; the result must still fit.
    reserved: Reserved,
}

impl Supervisor {
    /// Everything that can fail before anything was started. The last step is the record that
    /// forbids a second start.
    fn prepare(run: RunDirectory) -> Result<Self, Error> {
        let stored = run.stored_spec()?;
        if stored.version > VERSION {
            // To be adopted is one thing; what it asks for in words we do not know is another.
            let path = run.path().join(crate::directory::SPEC);
            return Err(Error::UnknownVersion { path, found: stored.version, supported: VERSION });
        }
        let spec = stored.spec;
        let own = rustix::process::getpid();
        rustix::process::set_child_subreaper(Some(own))
            .map_err(|e| Error::io("adopt the orphans of", run.path(), e))?;
        let signals = Signals::listen().map_err(failed_at(&run, "catch signals for"))?;
        let control = Control::listen(&run).map_err(failed_at(&run, "listen in"))?;
        let log = OutputLog::create(&run, spec.output_cap_bytes).map_err(failed_at(&run, "open the log of"))?;
        let reserved =
            Reserved::new(&run, RESULT, RESULT_ROOM).map_err(failed_at(&run, "reserve room for the result in"))?;
        let boot_id = process::boot_id().map_err(failed_at(&run, "read the boot id for"))?;
        let seen = process::look(own.as_raw_nonzero().get()).ok_or_else(|| Error::Damaged {
            path: "/proc".into(),
            problem: "it does not show this process; mount it".into(),
        })?;
        let identity = seen.identity;
        let started = Started {
            version: VERSION,
            supervisor: identity,
            agent: None,
            mark: mark(run.run_id(), identity, &boot_id),
            boot_id,
            pid_namespace: process::pid_namespace(std::process::id()),
            groups: Vec::new(),
            limits: Vec::new(),
            at_ms: now_ms(),
        };
        let watch = Watch::new(run.run_id(), signals, control, log);
        let supervisor = Self { run, spec, started, watch, reserved };
        let recorded = serde_json::to_vec_pretty(&supervisor.started)
            .map_err(std::io::Error::from)
            .and_then(|bytes| durable::note(&supervisor.run, STARTED, &bytes));
        recorded.map_err(failed_at(&supervisor.run, "record the start of"))?;
        Ok(supervisor)
    }

    /// That it started is on the disk; who runs means nothing after a power cut, so nobody waits for the disk to know.
    fn write_started(&self) -> std::io::Result<()> {
        durable::replace_unsynced(&self.run, STARTED, &serde_json::to_vec_pretty(&self.started)?)
    }

    /// Agent, leftovers, finish commands.
    fn carry_out(&mut self) -> RunResult {
        let started_ms = now_ms();
        let mut agent_result = AgentResult::Absent;
        let mut finish = Vec::new();
        let mut survivors = Vec::new();
        let spec = self.spec.clone();
        let mut limits_told = Vec::new();
        let site = self.site(&spec);
        let grows = [&spec.cwd].into_iter().chain(&spec.plan.read_write).chain(&spec.plan.scratch).cloned();
        self.watch.disk = DiskWatch::of(spec.plan.growth(), grows.collect());
        let ready = site.as_ref().map_err(Clone::clone).and_then(|site| Ok((site, self.before(site, &mut survivors)?)));
        let spawned = ready.and_then(|(site, ended)| match ended {
            None => Ok((site, Ok(spawn::start(site, &spec.argv, &spec.stdin)?))),
            Some(ended) => Ok((site, Err(ended))),
        });
        let end = match spawned {
            Ok((_, Err(ended))) => ended,
            Ok((site, Ok(child))) => {
                limits_told.extend(site.words.iter().chain(&child.missing).cloned());
                self.started.limits.clone_from(&limits_told);
                self.record_agent(&child);
                let limits = Limits {
                    deadline: Duration::from_millis(spec.deadline_ms),
                    stall: (spec.stall_ms > 0).then(|| Duration::from_millis(spec.stall_ms)),
                    grace: Duration::from_millis(spec.stop_grace_ms),
                    steps: spec.stop.clone(),
                    stoppable: true,
                };
                let ended = self.watch.until_dead(child, &limits);
                survivors.extend(&ended.survivors);
                self.watch.end(ended.why)
            }
            Err(error) => End::SpawnFailed { error },
        };
        let ended_ms = now_ms();
        let free_bytes = [self.run.path(), &spec.cwd].iter().filter_map(|folder| free_bytes(folder)).min();
        if !matches!(end, End::SpawnFailed { .. }) {
            if let Some(path) = &spec.result_file {
                agent_result = agent_result::read(path);
            }
            self.watch.phase = Phase::Finishing;
            if let Ok(site) = &site {
                for argv in &spec.finish {
                    finish.push(self.finish(site, argv, &mut survivors));
                }
            }
        }
        self.watch.phase = Phase::Finishing;
        // Its counts are complete before the result says that there is nothing more to come.
        let companion_died = self.watch.companion.take().is_some_and(companion::Running::end);
        if let Ok(site) = &site {
            site.clear();
        }
        self.watch.groups.remove();
        survivors.sort_unstable();
        survivors.dedup();
        RunResult {
            version: VERSION,
            run_id: self.run.run_id().to_owned(),
            end,
            started_ms,
            ended_ms,
            agent_result,
            output_bytes: self.watch.log.received(),
            output_truncated: self.watch.log.truncated(),
            finish,
            confinement: spec.confinement,
            limits: limits_told,
            survivors,
            free_bytes,
            companion_died,
        }
    }

    /// Control groups, companion, files: everything commands need before the first of them.
    fn site(&mut self, spec: &Spec) -> Result<Site, String> {
        let mut given = Given::default();
        if spec.confinement > Confinement::None || spec.plan.has_limits() {
            let own = self.started.supervisor;
            let name = format!("orch-run-{}-{}", own.pid, own.start_time);
            (self.watch.groups, given) = Groups::make(&name, &spec.plan);
            self.started.groups = self.watch.groups.folders().to_vec();
            if let Err(error) = self.write_started() {
                note(format_args!("cannot record the control groups: {error}"));
            }
        }
        let names = (self.run.run_id(), self.started.mark.as_str());
        if let Some(wanted) = &spec.companion {
            self.watch.companion = Some(Running::start(wanted, self.run.path(), names.0, names.1)?);
        }
        Site::prepare(spec, self.run.path(), names, (&self.watch.groups, &given), self.watch.companion.as_ref())
    }

    /// What is run before the agent, each until its whole tree is dead; the end of the first that does not let the agent
    /// start. The error is for people.
    fn before(&mut self, site: &Site, survivors: &mut Vec<i32>) -> Result<Option<End>, String> {
        for before in &site.spec.before {
            let place = site.before(before, self.run.path())?;
            let limits = Limits {
                deadline: Duration::from_millis(before.deadline_ms),
                stall: None,
                grace: Duration::from_millis(site.spec.stop_grace_ms),
                steps: Vec::new(),
                stoppable: true,
            };
            let child = spawn::start(&place, &before.argv, &StandardInput::Null)?;
            let ended = self.watch.until_dead(child, &limits);
            survivors.extend(&ended.survivors);
            if !matches!(ended.why, Why::Exited(0)) || !ended.survivors.is_empty() {
                return Ok(Some(self.watch.end(ended.why)));
            }
            self.watch.phase = Phase::Running;
        }
        Ok(None)
    }

    fn record_agent(&mut self, child: &Child) {
        self.started.agent = process::look(child.pid()).map(|seen| seen.identity);
        if let Err(error) = self.write_started() {
            // The first record stands; the mark in the environment still finds the agent.
            note(format_args!("cannot record the agent's pid: {error}"));
        }
    }

    fn finish(&mut self, site: &Site, argv: &[String], survivors: &mut Vec<i32>) -> FinishResult {
        let spec = &site.spec;
        let argv0 = argv.first().cloned().unwrap_or_default();
        let limits = Limits {
            deadline: Duration::from_millis(spec.finish_deadline_ms),
            stall: None,
            grace: Duration::from_millis(spec.stop_grace_ms),
            steps: Vec::new(),
            // A stop request means the agent. What it left must still be put in order.
            stoppable: false,
        };
        let ended = spawn::start(site, argv, &StandardInput::Null).map(|child| self.watch.until_dead(child, &limits));
        let (code, problem) = match ended {
            Ok(TreeEnd { why, survivors: s }) => {
                survivors.extend(s);
                match why {
                    Why::Exited(code) => (Some(code), None),
                    Why::Signalled(signal) => (None, Some(format!("killed by signal {signal}"))),
                    Why::Deadline => (None, Some(format!("stopped after {} ms", spec.finish_deadline_ms))),
                    Why::Stalled | Why::Stopped | Why::Overgrown => (None, Some("stopped".to_owned())),
                }
            }
            Err(error) => (None, Some(error)),
        };
        FinishResult { argv0, code, problem }
    }

    /// Tries for two minutes: a full disk may be tidied up, and hours of work hang on this file.
    fn write_result(&mut self, result: &RunResult) -> SupervisorEnd {
        const TRIES: u32 = 120;
        const PAUSE: Duration = Duration::from_secs(1);
        let bytes = match serde_json::to_vec_pretty(result) {
            Ok(bytes) => bytes,
            Err(error) => {
                note(format_args!("cannot write down the result: {error}"));
                return SupervisorEnd::ResultUnwritten;
            }
        };
        for attempt in 1..=TRIES {
            match self.reserved.replace(&self.run, &bytes) {
                Ok(()) => return SupervisorEnd::Done,
                Err(error) => note(format_args!("cannot write {RESULT} (attempt {attempt} of {TRIES}): {error}")),
            }
            self.watch.answer_for(PAUSE);
        }
        SupervisorEnd::ResultUnwritten
    }
}

fn failed_at<'a>(run: &'a RunDirectory, action: &'static str) -> impl FnOnce(std::io::Error) -> Error + 'a {
    move |error| Error::io(action, run.path(), error)
}

/// Milliseconds since 1970, for the record only: nothing is decided by it.
fn free_bytes(folder: &Path) -> Option<u64> {
    rustix::fs::statvfs(folder).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
