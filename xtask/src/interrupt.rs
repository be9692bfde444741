//! Ctrl-C and SIGTERM: children are stopped, the caller cleans up and leaves.
//!
//! Every child is the leader of its own process group, so a Ctrl-C at the terminal reaches only
//! us: we stop the children first and PostgreSQL, which they use, last.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static GROUPS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());
static STARTED: Once = Once::new();

/// How long a child may take to stop by itself before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// From now on SIGINT, SIGTERM and SIGHUP stop the children instead of this process.
///
/// # Errors
/// If the handlers cannot be installed.
pub fn watch() -> Result<()> {
    let mut outcome = Ok(());
    STARTED.call_once(|| outcome = start());
    outcome
}

fn start() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot watch for Ctrl-C")?;
    thread::spawn(move || {
        for _ in signals.forever() {
            INTERRUPTED.store(true, Ordering::SeqCst);
            signal_groups(Signal::TERM);
            thread::spawn(|| {
                thread::sleep(GRACE);
                signal_groups(Signal::KILL);
            });
        }
    });
    Ok(())
}

/// Whether we were asked to stop.
pub fn happened() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// A child's process group that is stopped with us, until this value is dropped.
#[must_use]
pub struct Registered(i32);

impl Registered {
    /// Puts the group led by process `leader` on the list; stops it at once if we were already
    /// asked to stop.
    pub fn new(leader: u32) -> Self {
        let group = i32::try_from(leader).unwrap_or(0);
        groups().insert(group);
        if happened() {
            signal_group(group, Signal::TERM);
        }
        Self(group)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        groups().remove(&self.0);
    }
}

fn groups() -> MutexGuard<'static, BTreeSet<i32>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn signal_groups(signal: Signal) {
    for group in groups().iter() {
        signal_group(*group, signal);
    }
}

fn signal_group(group: i32, signal: Signal) {
    // A group of 0 would be our own; a group that is gone needs no signal.
    if group > 0
        && let Some(pid) = Pid::from_raw(group)
    {
        let _ = kill_process_group(pid, signal);
    }
}
