//! Runs on this host: a run directory and a supervisor each (`orch-run`).

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use orch_ports::runner::{HookWalls, KeptRun, Ordered, RunOrder, RunReport, RunState as State, Runner};
use orch_ports::{Port, PortError, PortResult};
use orch_rules::attempt::{ConfinementLevel, RunEnd};
use orch_rules::port_error::ErrorKind;
use orch_run::{
    AgentResult, Confinement, End, Ended, Ends, Kind, Made, Plan, RunDirectory, RunState, Spec, StandardInput, StopStep,
};

use super::confining::Confining;
use super::hook;
use super::proxy::{Proxies, metered};
use super::put_back;

/// Where run directories live, and which program supervises.
#[derive(Debug, Clone)]
pub struct HostRunner {
    /// Folder of all run directories.
    pub root: PathBuf,
    /// Run as `program supervise <directory>`.
    pub supervisor: PathBuf,
    /// Who starts the supervisors; `None`: this process, and then runs die with its cgroup.
    pub host: Option<orch_run::host::Host>,
    /// The way out of runs; `None`: a run that asks for a model is refused.
    pub proxies: Option<Proxies>,
    /// How runs are kept from the rest of this host.
    pub confining: Confining,
    /// Bytes of free disk below which nothing starts; 0 switches the floor off.
    pub free_disk_floor_bytes: u64,
    /// Who tells the ends of runs.
    pub ends: Ends,
    /// The terminal device that a person is at: standard input and output of the runs that it starts.
    pub terminal: Option<PathBuf>,
    /// Bytes of memory that is to be had, below which nothing starts; 0 switches the floor off.
    pub free_memory_floor_bytes: u64,
}

/// A finish command commits; that takes moments.
const FINISH_DEADLINE_MS: u64 = 120_000;

/// Bytes below which a disk is full, wherever the floor is.
const LEAST_DISK: u64 = 1_000_000;

/// Ends the name of the directory of a run that never began, on its way out.
const UNSTARTED: &str = ".unstarted";

impl HostRunner {
    fn open(&self, name: &str) -> PortResult<RunDirectory> {
        RunDirectory::open(&self.root.join(name)).map_err(self.told(name))
    }

    /// This host's trouble with a run: it passes, or somebody mends the host.
    fn told<E: ToString>(&self, name: &str) -> impl Fn(E) -> PortError {
        let (target, name) = (self.root.display().to_string(), name.to_owned());
        move |error| {
            let (target, name) = (target.clone(), name.clone());
            PortError::of_object(ErrorKind::Passing, Port::Runner, target, name, error.to_string())
        }
    }

    /// The level that runs get on this host, and how it is made.
    ///
    /// # Errors
    /// In words: what is missing, and how to go on without it.
    pub fn level(&self) -> Result<(Confinement, Made), String> {
        self.confining.active(&self.supervisor, self.root.parent().unwrap_or(&self.root))
    }

    fn room_in_memory(&self) -> Result<(), String> {
        let floor = self.free_memory_floor_bytes;
        match super::memory::available().filter(|free| *free < floor) {
            None => Ok(()),
            Some(free) => Err(format!(
                "only {} MB of memory are to be had on this host, the floor is {} MB; end what uses it, or lower \
                 limits.free_memory_floor_mb",
                free / 1_000_000,
                floor / 1_000_000
            )),
        }
    }

    /// What a hook is given, for as long as it runs.
    fn secrets(&self, name: &str) -> PathBuf {
        self.root.with_file_name("secrets").join(name)
    }

    /// Home and temporary files of a confined run: beside the run directories, for those are closed to its account.
    fn scratch(&self, name: &str) -> PathBuf {
        self.root.with_file_name("scratch").join(name)
    }
}

impl Runner for HostRunner {
    fn room(&self) -> Result<(), String> {
        self.level()?;
        self.room_in_memory()?;
        if self.free_disk_floor_bytes == 0 {
            return Ok(());
        }
        // What cannot be asked is no reason to stop the line.
        let Ok(disk) = rustix::fs::statvfs(&self.root) else { return Ok(()) };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free >= self.free_disk_floor_bytes {
            return Ok(());
        }
        Err(format!(
            "only {} MB of disk are free at {}, the floor is {} MB; make room, or lower limits.free_disk_floor_mb",
            free / 1_000_000,
            self.root.display(),
            self.free_disk_floor_bytes / 1_000_000
        ))
    }

    fn can_use(&self, credential: &str) -> Result<(), String> {
        self.proxies.as_ref().map_or(Ok(()), |proxies| proxies.holds(credential))
    }

    fn ensure(&self, order: &RunOrder) -> PortResult<()> {
        std::fs::create_dir_all(&self.root)
            .map_err(|e| self.told(&order.name)(format!("cannot make {}: {e}", self.root.display())))?;
        if order.model.is_some() && order.ordered != Ordered::Agent {
            return Err(self.told(&order.name)("only an agent may have a model"));
        }
        let unwalled = hook::terms(order).is_some_and(|terms| terms.walls == HookWalls::Nothing);
        let found = match unwalled {
            true => (Confinement::None, Made::Plainly),
            false => self.level().map_err(self.told(&order.name))?,
        };
        let level = found.0;
        let scratch = self.scratch(&order.name);
        let companion = match (&order.model, &self.proxies) {
            (Some(_), None) => {
                return Err(self.told(&order.name)("this host has no proxy for runs that use a model"));
            }
            (model, Some(proxies)) if model.is_some() || level >= Confinement::Shared => {
                // A run without the host's network reaches registries through its proxy, with a model or without.
                let directory = self.root.join(&order.name);
                let private = orch_run::private_network(level);
                Some(proxies.companion(model.as_ref(), &directory, private).map_err(self.told(&order.name))?)
            }
            _ => None,
        };
        if level > Confinement::None {
            make_parent(&scratch).map_err(self.told(&order.name))?;
        }
        let scratched = (level > Confinement::None).then_some(scratch.as_path());
        let before = put_back::steps(order.set_up.as_ref(), order.directory.as_std_path(), scratched);
        let secrets = self.secrets(&order.name);
        let mut plan = match unwalled {
            // The limits are for runs that do what a model or a repository says.
            true => Plan::default(),
            false => self.confining.plan(order, found, (&self.root, scratch)).map_err(self.told(&order.name))?,
        };
        plan.read_write.extend(hook::folder(order, &secrets).map(Path::to_path_buf));
        let spec = Spec {
            kind: match order.ordered {
                Ordered::Agent => Kind::Agent,
                Ordered::Check => Kind::Check,
                Ordered::Hook(_) => Kind::Hook,
            },
            argv: order.argv.clone(),
            cwd: order.directory.clone().into(),
            env: hook::environment(order, &secrets),
            stdin: self.terminal.clone().map_or(StandardInput::Null, StandardInput::Terminal),
            confinement: level,
            plan,
            stop: order.stop.iter().map(|step| StopStep { signal: step.signal, wait_ms: step.wait_ms }).collect(),
            companion,
            deadline_ms: order.deadline_ms,
            stall_ms: order.stall_ms,
            stop_grace_ms: order.stop_grace_ms,
            before: before.map_err(self.told(&order.name))?,
            finish: order.finish.clone(),
            finish_deadline_ms: FINISH_DEADLINE_MS,
            result_file: order.result_file.clone().map(Into::into),
            output_cap_bytes: order.output_cap_bytes,
        };
        let directory = match RunDirectory::create(&self.root, &order.name, &spec) {
            // The same name is the same run: an earlier process made it, perhaps under other settings, and what it
            // ordered is what is launched.
            Err(orch_run::Error::SpecDiffers { .. }) => self.open(&order.name)?,
            made => made.map_err(self.told(&order.name))?,
        };
        if let (Some(proxies), Some(companion)) =
            (&self.proxies, directory.spec().map_err(self.told(&order.name))?.companion)
        {
            proxies.prepare(order.model.as_ref(), directory.path(), &companion).map_err(self.told(&order.name))?;
        }
        if !self.exists(&order.name) {
            hook::hand_out(order, &secrets).map_err(self.told(&order.name))?;
        }
        let launched = match &self.host {
            Some(host) => host.launch(&directory, &self.supervisor),
            None => orch_run::launch(&directory, &self.supervisor),
        };
        launched.map(drop).map_err(self.told(&order.name))
    }

    fn exists(&self, name: &str) -> bool {
        // A directory that was made but never launched is made again. One that cannot be read, because it is damaged
        // or a newer release wrote it, may have an agent at work: it counts as launched unless it plainly was not.
        match RunDirectory::open(&self.root.join(name)).and_then(|directory| directory.state()) {
            Ok(state) => state != RunState::NotLaunched,
            Err(_) => ["started.json", "result.json"].iter().any(|file| self.root.join(name).join(file).exists()),
        }
    }

    fn was_launched(&self, name: &str) -> PortResult<bool> {
        // Without its directory nobody was asked for it.
        if !self.exists(name)
            && self.root.join(name).exists()
            && let Some(host) = &self.host
        {
            host.hear_out().map_err(self.told(name))?;
        }
        Ok(self.exists(name))
    }

    fn wait(&self, name: &str) -> PortResult<RunReport> {
        let directory = self.open(name)?;
        let ended = orch_run::wait(&directory).map_err(self.told(name))?;
        if !matches!(ended, Ended::Lost { tree_dead: false }) {
            hook::take_back(&self.secrets(name)).map_err(self.told(name))?;
        }
        let report = match ended {
            Ended::Lost { tree_dead } => {
                let end = if tree_dead { RunEnd::LOST } else { RunEnd::Quarantined };
                if tree_dead {
                    // Its supervisor would have; what is left is for nobody.
                    let _ = std::fs::remove_dir_all(self.scratch(name));
                }
                RunReport::of(end, None, None)
            }
            Ended::Finished(result) => {
                let exit_code = match result.end {
                    End::Exited { code } => Some(code),
                    _ => None,
                };
                let unfinished = result.finish.iter().find(|command| command.code != Some(0)).map(|command| {
                    let code = command.code.map(|code| format!("it ended with {code}"));
                    command.problem.clone().or(code).unwrap_or_default()
                });
                let full = result.free_bytes.is_some_and(|free| free < self.free_disk_floor_bytes.max(LEAST_DISK));
                let end = match end(result.end) {
                    _ if !result.survivors.is_empty() => RunEnd::Quarantined,
                    // Nobody can work on a full disk: whatever failed then is to be done again when there is room.
                    RunEnd::Failed { .. } if full => RunEnd::LOST,
                    // Nor without its model.
                    RunEnd::Failed { .. } | RunEnd::Stalled if result.companion_died => RunEnd::LOST,
                    end => end,
                };
                let result = match result.agent_result {
                    AgentResult::Absent => None,
                    AgentResult::Invalid(reason) => Some(Err(reason)),
                    AgentResult::Object(object) => Some(Ok(object.into())),
                };
                RunReport { unfinished, ..RunReport::of(end, result, exit_code) }
            }
        };
        let confined = directory.spec().map_err(self.told(name))?.confinement;
        Ok(RunReport { level: Some(level(confined)), metered: metered(directory.path()), ..report })
    }

    fn when_over(&self, name: &str, tell: Box<dyn FnOnce() + Send>) -> PortResult<()> {
        self.ends.tell(&self.open(name)?, tell).map_err(self.told(name))
    }

    fn forget_unstarted(&self, name: &str) -> PortResult<bool> {
        let directory = self.open(name)?;
        match orch_run::wait(&directory).map_err(self.told(name))? {
            Ended::Finished(result) if result.end.is_host_short() && result.survivors.is_empty() => {}
            _ => return Ok(false),
        }
        let folder = directory.path().to_path_buf();
        // Out of sight first: half a directory would read as a run that was launched.
        let aside = folder.with_file_name(format!("{name}{UNSTARTED}"));
        let _ = std::fs::remove_dir_all(&aside);
        std::fs::rename(&folder, &aside)
            .map_err(|e| self.told(name)(format!("cannot move {}: {e}", folder.display())))?;
        let _ = std::fs::remove_dir_all(&aside);
        Ok(true)
    }

    fn kept_runs(&self) -> PortResult<Vec<KeptRun>> {
        let listed = match std::fs::read_dir(&self.root) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed.map_err(|e| self.told("runs")(format!("cannot list {}: {e}", self.root.display())))?,
        };
        let now = std::time::SystemTime::now();
        let over = listed.flatten().filter_map(|entry| {
            // Its last file: where there is none, somebody may be at work.
            let ended = std::fs::metadata(entry.path().join("result.json")).ok()?.modified().ok()?;
            let age = now.duration_since(ended).unwrap_or_default();
            Some(KeptRun { name: entry.file_name().into_string().ok()?, age })
        });
        Ok(over.collect())
    }

    fn remove_run(&self, name: &str) -> PortResult<()> {
        let folder = self.root.join(name);
        let gone = std::fs::remove_dir_all(&folder);
        gone.map_err(|e| self.told(name)(format!("cannot remove {}: {e}", folder.display())))
    }

    fn stop(&self, name: &str) -> PortResult<()> {
        orch_run::request_stop(&self.open(name)?).map(drop).map_err(self.told(name))
    }

    fn output_tail(&self, name: &str, max: usize) -> PortResult<String> {
        let directory = self.open(name)?;
        let length = std::fs::metadata(directory.path().join("output.log")).map_or(0, |m| m.len());
        let offset = length.saturating_sub(max as u64);
        let chunk = directory.read_output(offset, max).map_err(self.told(name))?;
        let text = orch_run::sanitize_for_terminal(&chunk.bytes);
        if offset == 0 {
            return Ok(text);
        }
        // Begin with a whole line.
        Ok(text.split_once('\n').map_or(text.clone(), |(_, rest)| rest.to_owned()))
    }

    fn output(&self, name: &str, offset: u64, max: usize) -> PortResult<(String, u64)> {
        let chunk = self.open(name)?.read_output(offset, max).map_err(self.told(name))?;
        Ok((orch_run::sanitize_for_terminal(&chunk.bytes), chunk.next_offset))
    }

    fn raw_part(&self, name: &str, offset: u64, max: usize) -> PortResult<Vec<u8>> {
        Ok(self.open(name)?.read_output(offset, max).map_err(self.told(name))?.bytes)
    }

    fn await_output(&self, name: &str, offset: u64, patience: Duration) -> PortResult<bool> {
        orch_run::await_output(&self.open(name)?, offset, patience).map_err(self.told(name))
    }

    fn raw_output(&self, name: &str) -> PortResult<Box<dyn BufRead + Send>> {
        let file = self.open(name)?.path().join("output.log");
        let opened = std::fs::File::open(&file).map_err(|e| self.told(name)(format!("{}: {e}", file.display())))?;
        Ok(Box::new(BufReader::new(opened)))
    }

    fn refused(&self, name: &str) -> Vec<String> {
        orch_egress::journal::refused(&self.root.join(name))
    }

    fn state(&self, name: &str) -> Option<State> {
        let directory = self.open(name).ok()?;
        let (confinement, limits) = directory.confinement().unwrap_or_default();
        Some(State { level: level(confinement), limits, metered: metered(directory.path()) })
    }
}

fn level(confinement: Confinement) -> ConfinementLevel {
    match confinement {
        Confinement::Bubblewrap => ConfinementLevel::L3,
        Confinement::Landlock => ConfinementLevel::L2,
        Confinement::Shared => ConfinementLevel::L2Open,
        Confinement::Account => ConfinementLevel::L1,
        // What a later release may add is not known to be more than nothing.
        _ => ConfinementLevel::L0,
    }
}

fn make_parent(scratch: &Path) -> Result<(), String> {
    let Some(parent) = scratch.parent() else { return Ok(()) };
    std::fs::create_dir_all(parent).map_err(|e| format!("cannot make {}: {e}", parent.display()))
}

fn end(end: End) -> RunEnd {
    match end {
        End::Exited { code: 0 } => RunEnd::Completed,
        End::Exited { code } => RunEnd::Failed { reason: format!("exit code {code}") },
        End::Signalled { signal } => RunEnd::Failed { reason: format!("signal {signal}") },
        End::Deadline => RunEnd::TimedOut,
        End::Stalled => RunEnd::Stalled,
        End::Stopped => RunEnd::Stopped,
        End::Overgrown { reason } => RunEnd::Failed { reason },
        End::SpawnFailed { error } => RunEnd::not_started(error),
    }
}
