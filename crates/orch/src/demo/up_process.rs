//! This program once more, as `orch up`: the demo shows the real thing.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use rustix::process::{Pid, Signal, kill_process};

use super::Trouble;
use super::events::{Event, Events};
use super::folder::{Folder, unwritten};
use crate::client::{Caller, Running};
use crate::exit::{Exit, Failure};

/// For starting, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// For ending, after which it is killed.
const GRACE: Duration = Duration::from_secs(15);
/// Between two looks whether it has ended.
const BREATH: Duration = Duration::from_millis(20);

/// What a service says that waits for its host.
const NO_ROOM: &str = "waits for room";

/// The running service. Dropped: it is stopped.
pub struct UpProcess {
    child: Child,
    state: Utf8PathBuf,
    log: Utf8PathBuf,
}

impl UpProcess {
    /// Starts it on a free port and returns once it answers.
    ///
    /// # Errors
    /// [`Trouble::Failed`] if it ends before, or does not answer within a minute.
    pub fn start(folder: &Folder, events: &Events) -> Result<Self, Trouble> {
        let log = File::create(folder.log()).map_err(|e| unwritten(&folder.log(), &e))?;
        let mut command = folder.orch(&["up", "--json", "--port", "0"]);
        // A group of its own: Ctrl-C is for the demo, which ends the service in good order.
        command.process_group(0).stdout(Stdio::piped()).stderr(log);
        let mut child = command
            .spawn()
            .map_err(|e| Failure::new(Exit::Failed, format!("this program cannot start itself: {e}")))?;
        if let Some(stdout) = child.stdout.take() {
            events.read_lines(stdout, Event::Said);
        }
        let service = Self { child, state: folder.state(), log: folder.log() };
        let deadline = Instant::now() + PATIENCE;
        // The first line says that it is up.
        loop {
            match events.next(deadline.saturating_duration_since(Instant::now()))? {
                Some(Event::Said(Some(_))) => return Ok(service),
                Some(Event::Said(None)) => return Err(service.ended().into()),
                Some(_) => {}
                None => {
                    let what = format!("the service did not answer within {} s", PATIENCE.as_secs());
                    return Err(Failure::new(Exit::Failed, what).at(service.log.as_str()).into());
                }
            }
        }
    }

    /// Somebody who asks it.
    ///
    /// # Errors
    /// [`Exit::Failed`] if it does not answer.
    pub fn caller(&self) -> Result<Caller, Failure> {
        Caller::running(&self.state)?.ok_or_else(|| self.ended())
    }

    /// Where it answers.
    ///
    /// # Errors
    /// [`Exit::Failed`] if it does not any more.
    pub fn base(&self) -> Result<String, Failure> {
        Ok(Running::read(&self.state)?.ok_or_else(|| self.ended())?.base())
    }

    /// Why it can start no run, if it said so: nobody mends the machine of a demo while it waits.
    pub fn cannot_start(&self) -> Option<String> {
        let said = std::fs::read_to_string(&self.log).ok()?;
        let line = said.lines().rev().find(|line| line.contains(NO_ROOM))?;
        line.split_once("error=").map(|(_, why)| why.to_owned())
    }

    /// Whether its process lives.
    pub fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// It ended by itself.
    pub fn ended(&self) -> Failure {
        Failure::new(Exit::Failed, "the service of the demo ended before its time").at(self.log.as_str())
    }

    /// Asks it to end and waits until it has.
    pub fn stop(&mut self) {
        let deadline = Instant::now() + GRACE;
        // Not waited for yet, so the id is still its own.
        if self.lives()
            && let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
        {
            let _ = kill_process(pid, Signal::TERM);
        }
        while self.lives() {
            if Instant::now() > deadline {
                // Fails only if it has ended, and then it is waited for.
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(BREATH);
        }
    }
}

impl Drop for UpProcess {
    fn drop(&mut self) {
        self.stop();
    }
}
