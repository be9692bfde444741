//! Runs on this host: a run directory and a supervisor each (`orch-run`).

use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use orch_ports::runner::{RunOrder, RunReport, RunState as State, Runner, RunnerError};
use orch_rules::attempt::{ConfinementLevel, RunEnd};
use orch_run::{AgentResult, Confinement, End, Ended, Kind, RunDirectory, RunState, Spec, StandardInput};

/// Where run directories live, and which program supervises.
#[derive(Debug, Clone)]
pub struct HostRunner {
    /// Folder of all run directories.
    pub root: PathBuf,
    /// Run as `program supervise <directory>`.
    pub supervisor: PathBuf,
    /// Bytes of free disk below which nothing starts; 0 switches the floor off.
    pub free_disk_floor_bytes: u64,
}

/// A finish command commits; that takes moments.
const FINISH_DEADLINE_MS: u64 = 120_000;

impl HostRunner {
    fn open(&self, name: &str) -> Result<RunDirectory, RunnerError> {
        RunDirectory::open(&self.root.join(name)).map_err(words)
    }
}

impl Runner for HostRunner {
    fn room(&self) -> Result<(), String> {
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

    fn ensure(&self, order: &RunOrder) -> Result<(), RunnerError> {
        std::fs::create_dir_all(&self.root)
            .map_err(|e| RunnerError(format!("cannot make {}: {e}", self.root.display())))?;
        let spec = Spec {
            kind: if order.check { Kind::Check } else { Kind::Agent },
            argv: order.argv.clone(),
            cwd: order.directory.clone().into(),
            env: order.environment.clone(),
            stdin: StandardInput::Null,
            confinement: Confinement::None,
            deadline_ms: order.deadline_ms,
            stall_ms: order.stall_ms,
            stop_grace_ms: order.stop_grace_ms,
            finish: order.finish.clone(),
            finish_deadline_ms: FINISH_DEADLINE_MS,
            result_file: order.result_file.clone().map(Into::into),
            output_cap_bytes: order.output_cap_bytes,
        };
        let directory = match RunDirectory::create(&self.root, &order.name, &spec) {
            // The same name is the same run: an earlier process made it, perhaps under other settings, and what it
            // ordered is what is launched.
            Err(orch_run::Error::SpecDiffers { .. }) => self.open(&order.name)?,
            made => made.map_err(words)?,
        };
        orch_run::launch(&directory, &self.supervisor).map(drop).map_err(words)
    }

    fn exists(&self, name: &str) -> bool {
        // A directory that was made but never launched is made again. One that cannot be read, because it is damaged
        // or a newer release wrote it, may have an agent at work: it counts as launched unless it plainly was not.
        match RunDirectory::open(&self.root.join(name)).and_then(|directory| directory.state()) {
            Ok(state) => state != RunState::NotLaunched,
            Err(_) => ["started.json", "result.json"].iter().any(|file| self.root.join(name).join(file).exists()),
        }
    }

    fn wait(&self, name: &str) -> Result<RunReport, RunnerError> {
        let ended = orch_run::wait(&self.open(name)?).map_err(words)?;
        Ok(match ended {
            Ended::Lost { tree_dead } => {
                let end = if tree_dead { RunEnd::Lost } else { RunEnd::Quarantined };
                RunReport::of(end, None, None)
            }
            Ended::Finished(result) => {
                let exit_code = match result.end {
                    End::Exited { code } => Some(code),
                    _ => None,
                };
                let end = if result.survivors.is_empty() { end(result.end) } else { RunEnd::Quarantined };
                let result = match result.agent_result {
                    AgentResult::Absent => None,
                    AgentResult::Invalid(reason) => Some(Err(reason)),
                    AgentResult::Object(object) => Some(Ok(object.into())),
                };
                RunReport::of(end, result, exit_code)
            }
        })
    }

    fn stop(&self, name: &str) -> Result<(), RunnerError> {
        orch_run::request_stop(&self.open(name)?).map(drop).map_err(words)
    }

    fn output_tail(&self, name: &str, max: usize) -> Result<String, RunnerError> {
        let directory = self.open(name)?;
        let length = std::fs::metadata(directory.path().join("output.log")).map_or(0, |m| m.len());
        let offset = length.saturating_sub(max as u64);
        let chunk = directory.read_output(offset, max).map_err(words)?;
        let text = orch_run::sanitize_for_terminal(&chunk.bytes);
        if offset == 0 {
            return Ok(text);
        }
        // Begin with a whole line.
        Ok(text.split_once('\n').map_or(text.clone(), |(_, rest)| rest.to_owned()))
    }

    fn output(&self, name: &str, offset: u64, max: usize) -> Result<(String, u64), RunnerError> {
        let chunk = self.open(name)?.read_output(offset, max).map_err(words)?;
        Ok((orch_run::sanitize_for_terminal(&chunk.bytes), chunk.next_offset))
    }

    fn raw_output(&self, name: &str) -> Result<Box<dyn BufRead + Send>, RunnerError> {
        let file = self.open(name)?.path().join("output.log");
        let opened = std::fs::File::open(&file).map_err(|e| RunnerError(format!("{}: {e}", file.display())))?;
        Ok(Box::new(BufReader::new(opened)))
    }

    fn state(&self, name: &str) -> Option<State> {
        self.open(name).ok().map(|_| State { level: ConfinementLevel::L0, limits: Vec::new(), metered: None })
    }
}

fn words(error: orch_run::Error) -> RunnerError {
    RunnerError(error.to_string())
}

fn end(end: End) -> RunEnd {
    match end {
        End::Exited { code: 0 } => RunEnd::Completed,
        End::Exited { code } => RunEnd::Failed { reason: format!("exit code {code}") },
        End::Signalled { signal } => RunEnd::Failed { reason: format!("signal {signal}") },
        End::Deadline => RunEnd::TimedOut,
        End::Stalled => RunEnd::Stalled,
        End::Stopped => RunEnd::Stopped,
        End::SpawnFailed { error } => RunEnd::SpawnFailed { reason: error },
    }
}
