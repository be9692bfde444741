//! What goes wrong, arranged from outside: calls that fail, calls that stop at a gate, and the end of a process.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use orch_ports::PortError;

/// Longest wait for something that must happen; the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// How a call fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// May pass by itself.
    Passing(String),
    /// Will not pass by itself.
    Lasting(String),
    /// A defect of the callee.
    Panic(String),
    /// So, of a port.
    Port(PortError),
}

/// Where a gate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Before the call does anything.
    Before,
    /// After it did everything, before its caller hears.
    After,
}

/// The faults of one user of a fake: of one process, in a test that ends one and starts another.
#[derive(Debug, Default)]
pub struct Faults {
    plan: Mutex<Plan>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Plan {
    failing: BTreeMap<String, VecDeque<Fault>>,
    gates: Vec<(String, Side, Arc<State>)>,
    calls: BTreeMap<String, u32>,
    killed: bool,
}

#[derive(Debug, Default)]
struct State(Mutex<(bool, bool)>);

/// What unwinds a thread whose process was ended.
struct Killed;

/// A point that the next call of a kind stops at until it is let through.
#[derive(Debug)]
pub struct Gate {
    faults: Arc<Faults>,
    /// Reached, opened.
    state: Arc<State>,
}

impl Gate {
    /// Blocks until a call stands at the gate.
    ///
    /// # Panics
    /// If none comes within [`PATIENCE`].
    pub fn reached(&self) {
        self.faults.until("a call comes to the gate", |_| self.state.flags().0);
    }

    /// Lets it through.
    pub fn open(&self) {
        // Under the lock that waiters look under, so that none looks just before and waits just after.
        let _plan = self.faults.plan();
        self.state.flags().1 = true;
        self.faults.changed.notify_all();
    }
}

impl State {
    fn flags(&self) -> MutexGuard<'_, (bool, bool)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Faults {
    /// None yet.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn until(&self, what: &str, mut holds: impl FnMut(&Plan) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut plan = self.plan();
        while !holds(&plan) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited in vain until {what}");
            plan = self.changed.wait_timeout(plan, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The next call of this name fails so; asked for twice, the next two do.
    pub fn fail_next(&self, call: &str, fault: Fault) {
        self.plan().failing.entry(call.to_owned()).or_default().push_back(fault);
    }

    /// No call fails any more.
    pub fn calm(&self) {
        self.plan().failing.clear();
    }

    /// The next call of this name stops at the gate.
    pub fn gate(self: &Arc<Self>, call: &str, side: Side) -> Gate {
        let state = Arc::new(State::default());
        self.plan().gates.push((call.to_owned(), side, Arc::clone(&state)));
        Gate { faults: Arc::clone(self), state }
    }

    /// How often a call of this name was begun.
    pub fn calls(&self, call: &str) -> u32 {
        self.plan().calls.get(call).copied().unwrap_or(0)
    }

    /// Blocks until a call of this name was begun so often.
    ///
    /// # Panics
    /// If that does not happen within [`PATIENCE`].
    pub fn until_called(&self, call: &str, times: u32) {
        self.until(&format!("{call} is called {times} times"), |plan| {
            plan.calls.get(call).copied().unwrap_or(0) >= times
        });
    }

    /// The process ended: whoever stands at a gate, and whoever calls from now on, does nothing more.
    pub fn kill(&self) {
        self.plan().killed = true;
        self.changed.notify_all();
    }

    /// Unwinds, in silence, if the process ended.
    pub fn live(&self) {
        let killed = self.plan().killed;
        if killed {
            std::panic::resume_unwind(Box::new(Killed));
        }
    }

    /// The process ended.
    pub fn is_killed(&self) -> bool {
        self.plan().killed
    }

    /// A fake begins a call.
    ///
    /// # Errors
    /// The fault that was arranged for it.
    ///
    /// # Panics
    /// If that was arranged, or the process ended.
    pub fn enter(&self, call: &str) -> Result<(), Fault> {
        *self.plan().calls.entry(call.to_owned()).or_default() += 1;
        self.changed.notify_all();
        self.stop_at(call, Side::Before);
        let fault = self.plan().failing.get_mut(call).and_then(VecDeque::pop_front);
        match fault {
            None => Ok(()),
            Some(Fault::Panic(words)) => panic!("{words}"),
            Some(fault) => Err(fault),
        }
    }

    /// A fake has done what was asked for.
    ///
    /// # Panics
    /// If the process ended.
    pub fn leave(&self, call: &str) {
        self.stop_at(call, Side::After);
    }

    fn stop_at(&self, call: &str, side: Side) {
        let gate = {
            let mut plan = self.plan();
            let found = plan.gates.iter().position(|(name, at, _)| name == call && *at == side);
            found.map(|at| plan.gates.remove(at).2)
        };
        if let Some(gate) = gate {
            let mut plan = self.plan();
            gate.flags().0 = true;
            self.changed.notify_all();
            while !plan.killed && !gate.flags().1 {
                plan = self.changed.wait(plan).unwrap_or_else(PoisonError::into_inner);
            }
        }
        self.live();
    }
}
