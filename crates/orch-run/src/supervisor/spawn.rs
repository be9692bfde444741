//! Starting a process of the run: the one place where confinement will be applied.

use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal, setsid};

use crate::{Confinement, RUN_ID_VARIABLE, RUN_MARK_VARIABLE, Spec, StandardInput};

/// A started process. Dropping it neither waits nor kills: reaping is the watch's.
#[derive(Debug)]
pub(super) struct Child {
    pid: i32,
    /// The reading end of its stdout and stderr, non-blocking.
    pub(super) output: OwnedFd,
}

impl Child {
    pub(super) fn pid(&self) -> i32 {
        self.pid
    }
}

/// Starts `argv` the way `spec` wants its processes: its directory, exactly its environment, its
/// confinement, a session of its own, both outputs in one pipe. The error is for people.
pub(super) fn start(spec: &Spec, argv: &[String], run_id: &str, mark: &str) -> Result<Child, String> {
    let (program, arguments) = argv.split_first().ok_or("there is no command to start")?;
    if !spec.cwd.is_dir() {
        // Else the system's "not found" would seem to mean the program.
        return Err(format!("cannot start {program:?}: its working directory {} is not there", spec.cwd.display()));
    }
    let failed = |error: std::io::Error| {
        format!(
            "cannot start {program:?}: {error}; is it installed, executable and on the PATH of the run's environment?"
        )
    };
    let (output, write_end) = pipe_with(PipeFlags::CLOEXEC).map_err(|e| failed(e.into()))?;
    // Only our end: the agent expects an ordinary pipe.
    rustix::fs::fcntl_setfl(&output, rustix::fs::OFlags::NONBLOCK).map_err(|e| failed(e.into()))?;
    let error_end = write_end.try_clone().map_err(failed)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(&spec.cwd)
        .env_clear()
        .envs(&spec.env)
        .env(RUN_ID_VARIABLE, run_id)
        .env(RUN_MARK_VARIABLE, mark)
        .stdout(Stdio::from(write_end))
        .stderr(Stdio::from(error_end));
    match spec.stdin {
        StandardInput::Null => command.stdin(Stdio::null()),
    };
    match spec.confinement {
        Confinement::None => {}
    }
    let supervisor = getpid();
    #[expect(unsafe_code, reason = "the session must be new before the program runs")]
    // SAFETY: between fork and exec only three system calls are made; nothing is allocated, no
    // lock is taken, and this process has one thread.
    unsafe {
        command.pre_exec(move || {
            setsid()?;
            // If the supervisor is killed, the agent is not left behind unwatched; and if it was
            // killed a moment ago, the agent does not start. So a lost run has no process that
            // could still become the agent.
            set_parent_process_death_signal(Some(Signal::KILL))?;
            if getppid() != Some(supervisor) {
                return Err(rustix::io::Errno::CHILD.into());
            }
            Ok(())
        });
    }
    let child = command.spawn().map_err(failed)?;
    Ok(Child { pid: child.id().cast_signed(), output })
}
