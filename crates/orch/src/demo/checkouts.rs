//! Commands on empty checkouts, a few at once. Nothing of the line is believed: each checkout is cloned from the project
//! into a new folder, and what stands there afterwards is thrown away but for the words.

use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal, kill_process_group};

use super::Trouble;
use super::events::Events;
use super::folder::{Folder, unwritten};
use crate::exit::{Exit, Failure};
use crate::wiring::TOOL_VARIABLES;

/// Between two looks whether a command has ended.
const LOOK: Duration = Duration::from_millis(20);
/// More at once help nobody: each builds with several processes.
const MOST_AT_ONCE: usize = 4;

/// What is to be tried on one checkout.
pub struct Order {
    /// Of the checkout and of the file with the words; unique.
    pub name: String,
    /// What is checked out.
    pub commit: String,
    /// A file that is put into it as another commit has it.
    pub with: Option<(String, String)>,
    /// Run by `sh -c`, one after the other, whatever becomes of them.
    pub commands: Vec<String>,
}

/// What became of one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ran {
    /// 128 and the signal's number if a signal ended it, as a shell says.
    pub exit_code: i32,
    /// Wall time.
    pub took: Duration,
}

/// Does all orders; the answers are in their order, one for each command. `done` is told how many orders are.
///
/// # Errors
/// [`Trouble::Interrupted`]; [`Trouble::Failed`] if a checkout cannot be made. A red command is no error.
pub fn run_all(
    folder: &Folder,
    orders: &[Order],
    env: &dyn Fn(&str) -> Option<String>,
    events: &Events,
    done: &mut dyn FnMut(usize),
) -> Result<Vec<Vec<Ran>>, Trouble> {
    let at_once = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_AT_ONCE);
    let mut answers: Vec<Vec<Ran>> = vec![Vec::new(); orders.len()];
    let mut waiting = (0..orders.len()).rev().collect::<Vec<_>>();
    let mut running: Vec<(usize, Running)> = Vec::new();
    while !waiting.is_empty() || !running.is_empty() {
        while running.len() < at_once
            && let Some(index) = waiting.pop()
        {
            let checkout = make(folder, &orders[index])?;
            running.push((index, start(folder, &orders[index], 0, checkout, env)?));
        }
        events.next(LOOK)?;
        let mut at = 0;
        while at < running.len() {
            let (index, mut one) = match running[at].1.ended()? {
                None => {
                    at += 1;
                    continue;
                }
                Some(ran) => {
                    let (index, one) = running.swap_remove(at);
                    answers[index].push(ran);
                    (index, one)
                }
            };
            let checkout = std::mem::take(&mut one.checkout);
            let next = answers[index].len();
            if next < orders[index].commands.len() {
                running.push((index, start(folder, &orders[index], next, checkout, env)?));
            } else {
                // It is empty again for nobody; only the words are kept.
                std::fs::remove_dir_all(&checkout).map_err(|e| unwritten(&checkout, &e))?;
                done(orders.len() - waiting.len() - running.len());
            }
        }
    }
    Ok(answers)
}

fn make(folder: &Folder, order: &Order) -> Result<Utf8PathBuf, Failure> {
    let checkout = folder.top().join(&order.name);
    folder.git(&["clone", "--quiet", "--no-checkout", folder.project().as_str(), checkout.as_str()])?;
    folder.git(&["-C", checkout.as_str(), "checkout", "--quiet", "--detach", &order.commit])?;
    if let Some((commit, path)) = &order.with {
        folder.git(&["-C", checkout.as_str(), "checkout", "--quiet", commit, "--", path])?;
    }
    Ok(checkout)
}

/// Where the words of an order are.
pub fn words(folder: &Folder, name: &str) -> Utf8PathBuf {
    folder.top().join(format!("{name}.log"))
}

/// A command under way. Dropped: it is ended, with whatever it started.
struct Running {
    child: Child,
    begun: Instant,
    checkout: Utf8PathBuf,
    over: bool,
}

impl Running {
    fn ended(&mut self) -> Result<Option<Ran>, Failure> {
        let failed = |e| Failure::new(Exit::Failed, format!("a test cannot be waited for: {e}"));
        let Some(status) = self.child.try_wait().map_err(failed)? else { return Ok(None) };
        self.over = true;
        let by_signal = status.signal().map(|signal| 128 + signal);
        Ok(Some(Ran { exit_code: status.code().or(by_signal).unwrap_or(-1), took: self.begun.elapsed() }))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        // Not waited for yet, so the id is still its own.
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

fn start(
    folder: &Folder,
    order: &Order,
    index: usize,
    checkout: Utf8PathBuf,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Running, Failure> {
    let said = words(folder, &order.name);
    let log = log(&said).map_err(|e| unwritten(&said, &e))?;
    let same = log.try_clone().map_err(|e| unwritten(&said, &e))?;
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &order.commands[index]]).current_dir(&checkout).stdin(Stdio::null()).stdout(log).stderr(same);
    // What the line's own checks get; above all no build folder that somebody else has filled.
    command.env_clear().envs(TOOL_VARIABLES.iter().filter_map(|name| Some((name, env(name)?))));
    command.process_group(0);
    let failed = |e| Failure::new(Exit::Failed, format!("the test command cannot be started: {e}"));
    Ok(Running { child: command.spawn().map_err(failed)?, begun: Instant::now(), checkout, over: false })
}

fn log(path: &Utf8Path) -> std::io::Result<File> {
    File::options().create(true).append(true).open(path)
}
