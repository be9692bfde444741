//! Runs without processes: what a run does is a script of the test. Runs outlive the engine because the test keeps
//! them; each engine gets a [`FakeRunner::handle`] of its own, which can be ended like a process.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use orch_ports::runner::{Metered, RunOrder, RunReport, RunState, Runner};
use orch_ports::{Port, PortError, PortResult};
use orch_rules::attempt::{ConfinementLevel, RunEnd};
use orch_rules::ids::Timestamp;
use orch_rules::port_error::ErrorKind;
use serde_json::Value;

use super::faults::{Fault, Faults, PATIENCE};

/// What a script makes of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// It is over at once.
    Ends(RunReport),
    /// It goes on until [`FakeRunner::end`], or until it is asked to stop.
    Hangs,
}

impl Step {
    fn over(end: RunEnd, exit_code: Option<i32>) -> Self {
        Self::Ends(RunReport::of(end, None, exit_code))
    }
    /// Exit 0.
    pub fn completes() -> Self {
        Self::over(RunEnd::Completed, Some(0))
    }
    /// Exit 0, with this in its result file.
    pub fn completes_with(result: Value) -> Self {
        Self::Ends(RunReport::of(RunEnd::Completed, Some(Ok(result)), Some(0)))
    }
    /// Another exit code.
    pub fn fails(code: i32) -> Self {
        Self::over(RunEnd::Failed { reason: format!("exit code {code}") }, Some(code))
    }
    /// Its deadline passed.
    pub fn times_out() -> Self {
        Self::over(RunEnd::TimedOut, None)
    }
    /// It could not be started; with `(os error N)` in the reason, because the host is short of something.
    pub fn spawn_fails(reason: &str) -> Self {
        Self::over(RunEnd::not_started(reason), None)
    }
    /// Exit 1, and its proxy saw the vendor refuse to serve.
    pub fn refused(until: Option<Timestamp>, reason: &str) -> Self {
        let report = RunReport::of(RunEnd::Failed { reason: "exit code 1".to_owned() }, None, Some(1));
        let metered = Metered { unavailable: Some((until, reason.to_owned())), ..Metered::default() };
        Self::Ends(RunReport { metered: Some(metered), ..report })
    }
    /// Its supervisor died; its processes are dead.
    pub fn lost() -> Self {
        Self::over(RunEnd::LOST, None)
    }
    /// Its supervisor died; nobody knows about its processes.
    pub fn quarantined() -> Self {
        Self::over(RunEnd::Quarantined, None)
    }
}

/// What a run prints and does, by its order.
type Script = dyn Fn(&RunOrder) -> (String, Step) + Send + Sync;
/// How a finish command is carried out.
type Finish = dyn Fn(&[String]) + Send + Sync;

struct Run {
    order: RunOrder,
    output: String,
    report: Option<RunReport>,
    stops: u32,
}

/// Who waits for the end of a run, and in which process.
struct Awaiting {
    run: String,
    process: Arc<Faults>,
    tell: Box<dyn FnOnce() + Send>,
}

struct Runs {
    by_name: Mutex<BTreeMap<String, Run>>,
    awaiting: Mutex<Vec<Awaiting>>,
    changed: Condvar,
    /// What a busy host was asked for and has not come to.
    in_hand: Mutex<InHand>,
    script: Box<Script>,
    finish: Box<Finish>,
    key: Mutex<Option<String>>,
}

/// The orders that are kept waiting, and which ones are.
#[derive(Default)]
struct InHand {
    orders: Vec<RunOrder>,
    kept: Option<fn(&RunOrder) -> bool>,
}

/// One user's view of the runs.
#[derive(Clone)]
pub struct FakeRunner {
    runs: Arc<Runs>,
    /// Calls: `ensure`, `when_over`, `wait`, `stop`, `output`.
    pub faults: Arc<Faults>,
}

impl FakeRunner {
    /// Runs by a script, asked once for each run; `finish` carries out a finish command.
    pub fn new(
        script: impl Fn(&RunOrder) -> (String, Step) + Send + Sync + 'static,
        finish: impl Fn(&[String]) + Send + Sync + 'static,
    ) -> Self {
        let runs = Runs {
            by_name: Mutex::default(),
            awaiting: Mutex::default(),
            changed: Condvar::new(),
            in_hand: Mutex::default(),
            script: Box::new(script),
            finish: Box::new(finish),
            key: Mutex::default(),
        };
        Self { runs: Arc::new(runs), faults: Faults::new() }
    }

    /// From now on whoever starts the runs is busy: the first such order lies in its hand until somebody hears it out.
    pub fn keep_busy(&self, kept: fn(&RunOrder) -> bool) {
        self.in_hand().kept = Some(kept);
    }

    /// Blocks until there is such an order.
    pub fn until_in_hand(&self) {
        let mut runs = self.lock();
        while self.in_hand().orders.is_empty() {
            runs = self.runs.changed.wait(runs).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn in_hand(&self) -> MutexGuard<'_, InHand> {
        self.runs.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits as long as the order is in the host's hand and this process lives.
    fn wait_in_hand(&self, order: &RunOrder) {
        let mut runs = self.lock();
        if self.in_hand().kept.take_if(|kept| kept(order)).is_none() {
            return;
        }
        self.in_hand().orders.push(order.clone());
        self.runs.changed.notify_all();
        while !self.in_hand().orders.is_empty() && !self.faults.is_killed() {
            runs = self.runs.changed.wait(runs).unwrap_or_else(PoisonError::into_inner);
        }
        drop(runs);
        self.faults.live();
    }

    /// The same runs, for another process.
    pub fn handle(&self) -> Self {
        Self { runs: Arc::clone(&self.runs), faults: Faults::new() }
    }

    /// The process of this view ends: whatever it does or waits for ends, the runs go on.
    pub fn kill(&self) {
        self.faults.kill();
        self.tell(|awaiting| Arc::ptr_eq(&awaiting.process, &self.faults));
        let _lock = self.lock();
        self.runs.changed.notify_all();
    }

    fn tell(&self, whom: impl Fn(&Awaiting) -> bool) {
        let mut all = self.runs.awaiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (told, rest) = std::mem::take(&mut *all).into_iter().partition(whom);
        *all = rest;
        drop(all);
        let told: Vec<Awaiting> = told;
        told.into_iter().for_each(|awaiting| (awaiting.tell)());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Run>> {
        self.runs.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names of all runs that were ever launched, each once: a name is launched once only.
    pub fn launched(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// What is wrong with the key of every credential from now on, in words.
    pub fn set_key_trouble(&self, words: Option<&str>) {
        *self.runs.key.lock().unwrap_or_else(PoisonError::into_inner) = words.map(str::to_owned);
    }

    /// The order a run was launched with.
    pub fn order(&self, name: &str) -> Option<RunOrder> {
        self.lock().get(name).map(|run| run.order.clone())
    }

    /// How often a run was asked to stop.
    pub fn stops(&self, name: &str) -> u32 {
        self.lock().get(name).map_or(0, |run| run.stops)
    }

    /// Names of all runs that are not over.
    pub fn hanging(&self) -> Vec<String> {
        self.lock().iter().filter(|(_, run)| run.report.is_none()).map(|(name, _)| name.clone()).collect()
    }

    /// Blocks until a run whose name `matches` was launched and is not over; gives its name.
    ///
    /// # Panics
    /// If none is within [`PATIENCE`].
    pub fn until_hanging(&self, matches: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut runs = self.lock();
        loop {
            if let Some((name, _)) = runs.iter().find(|(name, run)| run.report.is_none() && matches(name)) {
                return name.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited in vain for a run; there are {:?}", runs.keys().collect::<Vec<_>>());
            runs = self.runs.changed.wait_timeout(runs, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends a run that hangs; `false` if it does not.
    pub fn end(&self, name: &str, step: Step) -> bool {
        let Step::Ends(report) = step else { return false };
        let finish = match self.lock().get(name) {
            Some(run) if run.report.is_none() => run.order.finish.clone(),
            _ => return false,
        };
        self.run_finish(&finish, &report);
        if let Some(run) = self.lock().get_mut(name) {
            run.report = Some(report);
        }
        self.runs.changed.notify_all();
        self.tell(|awaiting| awaiting.run == name);
        true
    }

    /// A run that hangs prints this.
    pub fn print(&self, name: &str, text: &str) {
        if let Some(run) = self.lock().get_mut(name) {
            run.output.push_str(text);
        }
        self.runs.changed.notify_all();
    }

    fn launch(&self, order: &RunOrder) {
        let new = {
            let mut runs = self.lock();
            let new = !runs.contains_key(&order.name);
            if new {
                let run = Run { order: order.clone(), output: String::new(), report: None, stops: 0 };
                runs.insert(order.name.clone(), run);
            }
            new
        };
        if new {
            let (output, step) = (self.runs.script)(order);
            if let Some(run) = self.lock().get_mut(&order.name) {
                run.output = output;
            }
            self.end(&order.name, step);
            self.runs.changed.notify_all();
        }
    }

    fn run_finish(&self, commands: &[Vec<String>], report: &RunReport) {
        // Nobody is left to run them.
        if !matches!(report.end, RunEnd::Lost { .. } | RunEnd::Quarantined | RunEnd::SpawnFailed { .. }) {
            commands.iter().for_each(|command| (self.runs.finish)(command));
        }
    }

    fn known<T>(&self, name: &str, of: impl FnOnce(&mut Run) -> T) -> PortResult<T> {
        self.lock().get_mut(name).map(of).ok_or_else(|| trouble(name, format!("no run {name} was ever launched")))
    }
}

impl Runner for FakeRunner {
    fn room(&self) -> Result<(), String> {
        self.faults.enter("room").map_err(|fault| told(fault).words)
    }

    fn can_use(&self, _credential: &str) -> Result<(), String> {
        self.runs.key.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }

    fn ensure(&self, order: &RunOrder) -> PortResult<()> {
        self.faults.enter("ensure").map_err(told)?;
        self.wait_in_hand(order);
        self.launch(order);
        self.faults.leave("ensure");
        Ok(())
    }

    fn exists(&self, name: &str) -> bool {
        self.faults.live();
        self.lock().contains_key(name)
    }

    fn was_launched(&self, name: &str) -> PortResult<bool> {
        self.faults.live();
        let orders = std::mem::take(&mut self.in_hand().orders);
        orders.iter().for_each(|order| self.launch(order));
        self.runs.changed.notify_all();
        Ok(self.exists(name))
    }

    fn wait(&self, name: &str) -> PortResult<RunReport> {
        self.faults.enter("wait").map_err(told)?;
        self.known(name, |_| ())?;
        let report = {
            let mut runs = self.lock();
            loop {
                if self.faults.is_killed() {
                    break None;
                }
                match runs.get(name).and_then(|run| run.report.clone()) {
                    Some(report) => break Some(report),
                    None => runs = self.runs.changed.wait(runs).unwrap_or_else(PoisonError::into_inner),
                }
            }
        };
        self.faults.leave("wait");
        report.ok_or_else(|| trouble(name, "the process ended"))
    }

    fn when_over(&self, name: &str, tell: Box<dyn FnOnce() + Send>) -> PortResult<()> {
        self.faults.enter("when_over").map_err(told)?;
        self.known(name, |_| ())?;
        let awaiting = Awaiting { run: name.to_owned(), process: Arc::clone(&self.faults), tell };
        self.runs.awaiting.lock().unwrap_or_else(PoisonError::into_inner).push(awaiting);
        // It may have ended before that.
        if self.faults.is_killed() || self.known(name, |run| run.report.is_some())? {
            self.tell(|awaiting| awaiting.run == name && Arc::ptr_eq(&awaiting.process, &self.faults));
        }
        self.faults.leave("when_over");
        Ok(())
    }

    fn forget_unstarted(&self, name: &str) -> PortResult<bool> {
        let mut runs = self.lock();
        let short = |reason: &str| reason.contains("(os error ");
        let end = runs.get(name).and_then(|run| run.report.as_ref()).map(|report| &report.end);
        let forgotten = matches!(end, Some(RunEnd::SpawnFailed { reason, .. }) if short(reason));
        if forgotten {
            runs.remove(name);
        }
        Ok(forgotten)
    }

    fn stop(&self, name: &str) -> PortResult<()> {
        self.faults.enter("stop").map_err(told)?;
        self.known(name, |run| run.stops += 1)?;
        self.end(name, Step::over(RunEnd::Stopped, None));
        self.faults.leave("stop");
        Ok(())
    }

    fn output_tail(&self, name: &str, max: usize) -> PortResult<String> {
        self.faults.enter("output").map_err(told)?;
        self.known(name, |run| {
            let from = floor(&run.output, run.output.len().saturating_sub(max));
            let tail = &run.output[from..];
            let whole = if from == 0 { tail } else { tail.split_once('\n').map_or(tail, |(_, rest)| rest) };
            safe(whole)
        })
    }

    fn output(&self, name: &str, offset: u64, max: usize) -> PortResult<(String, u64)> {
        self.faults.enter("output").map_err(told)?;
        self.known(name, |run| {
            let length = run.output.len();
            let asked = usize::try_from(offset).unwrap_or(usize::MAX);
            let from = floor(&run.output, asked.min(length));
            let to = floor(&run.output, from.saturating_add(max).min(length));
            // Past the end there is nothing yet, and the place to ask stays.
            let next = if asked > length { offset } else { to as u64 };
            (safe(&run.output[from..to]), next)
        })
    }

    fn raw_part(&self, name: &str, offset: u64, max: usize) -> PortResult<Vec<u8>> {
        self.faults.enter("output").map_err(told)?;
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        self.known(name, |run| run.output.bytes().skip(from).take(max).collect())
    }

    fn await_output(&self, name: &str, offset: u64, patience: Duration) -> PortResult<bool> {
        self.known(name, |_| ())?;
        let deadline = Instant::now() + patience;
        let mut runs = self.lock();
        loop {
            let Some(run) = runs.get(name) else { return Ok(false) };
            if run.output.len() as u64 > offset {
                return Ok(true);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if run.report.is_some() || left.is_zero() || self.faults.is_killed() {
                return Ok(false);
            }
            runs = self.runs.changed.wait_timeout(runs, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn raw_output(&self, name: &str) -> PortResult<Box<dyn BufRead + Send>> {
        self.faults.enter("output").map_err(told)?;
        self.known(name, |run| Box::new(std::io::Cursor::new(run.output.clone())) as Box<dyn BufRead + Send>)
    }

    fn state(&self, name: &str) -> Option<RunState> {
        let runs = self.lock();
        let report = runs.get(name)?.report.as_ref();
        Some(RunState {
            level: report.and_then(|report| report.level).unwrap_or(ConfinementLevel::L0),
            limits: Vec::new(),
            metered: report.and_then(|report| report.metered.clone()),
        })
    }
}

fn told(fault: Fault) -> PortError {
    match fault {
        Fault::Passing(words) | Fault::Lasting(words) | Fault::Panic(words) => trouble("a run", words),
        Fault::Port(error) => error,
    }
}

fn trouble(name: &str, words: impl Into<String>) -> PortError {
    PortError::of_object(ErrorKind::Passing, Port::Runner, "fake", name, words)
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// No sign that steers a terminal.
fn safe(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}
