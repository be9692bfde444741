//! One projection, two workers, claims that run out, pauses, crashes, calls that the product carries out late: does the
//! outside end as we want it?

use orch_rules::ids::Timestamp;
use orch_rules::outbox::may_call;
use orch_rules::outbox::projection::{Aspect, Projection, Rendering, Step};

use super::whim::Whim;

const CLAIM_MS: i64 = 20_000;
const LONGEST_CALL_MS: i64 = 10_000;
const LIVELY: u32 = 120;
const END: u32 = 420;

/// A rule that a run does without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lacking {
    Nothing,
    /// What is to be sent is a flag.
    Numbers,
    /// A call may outlive its claim.
    Deadline,
    /// Who lost the claim during a call says nothing.
    LostClaim,
    /// A look that finds our own, older value says nothing.
    Echo,
    /// A call that was given up is repeated at once.
    Unanswered,
}

/// How the product carries calls out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answering {
    /// In time, and what stands cannot be read back.
    Blind,
    /// In time.
    InTime,
    /// One in ten long after everybody gave it up.
    Late,
    /// The same, and what stands cannot be read back.
    LateAndBlind,
}

#[derive(Clone)]
struct Worker {
    fence: u64,
    number: u64,
    value: String,
    claimed_until: i64,
    called: bool,
    answered: bool,
}

fn showing(value: &str) -> Rendering {
    Rendering { value: value.to_owned(), about: String::new() }
}

pub struct Outside {
    whim: Whim,
    lacking: Lacking,
    product: Answering,
    now: i64,
    stands: String,
    wish: u32,
    row: Projection,
    fence: u64,
    holder: Option<(usize, i64)>,
    workers: [Option<Worker>; 2],
    /// When a call is carried out, whose, and what it writes.
    calls: Vec<(i64, usize, u64, String)>,
}

impl Outside {
    pub fn new(seed: u64, lacking: Lacking, product: Answering) -> Self {
        let mut row = Projection::default();
        row.raise();
        Self {
            whim: Whim::new(seed),
            lacking,
            product,
            now: 1_000_000,
            stands: String::new(),
            wish: 0,
            row,
            fence: 0,
            holder: None,
            workers: [None, None],
            calls: Vec::new(),
        }
    }

    /// True if the row is believed to be clean and the outside shows something else.
    pub fn ends_wrong(mut self) -> bool {
        for step in 0..END {
            let lively = step < LIVELY;
            let pause = -(((self.whim.next() % 1_000_000 + 1) as f64 / 1e6).ln()) * 1_000.0;
            self.now += pause as i64 * if lively { 1 } else { 4 };
            if lively && self.whim.percent(12) {
                self.wish += 1;
                self.row.raise();
            }
            if self.whim.percent(8) && self.looks() && !self.stands.is_empty() {
                let stands = self.stands.clone();
                self.row.observed(Aspect::Shared, &stands, None);
            }
            let which = self.whim.below(2);
            self.work(which, lively);
            self.carry_out(self.now);
        }
        self.carry_out(i64::MAX);
        // A look at the end, as the sweep brings it.
        if self.looks() {
            let stands = self.stands.clone();
            self.row.observed(Aspect::Shared, &stands, None);
        }
        self.stands != self.wish.to_string() && !self.row.is_due()
    }

    fn looks(&self) -> bool {
        matches!(self.product, Answering::InTime | Answering::Late) && self.lacking != Lacking::Echo
    }

    fn work(&mut self, which: usize, lively: bool) {
        match self.workers[which].clone() {
            None => self.claim(which),
            // Paused.
            Some(_) if self.whim.percent(46) => {}
            Some(worker) if !worker.called => self.call(which, worker),
            Some(worker) if worker.answered || self.whim.percent(5) => self.finish(which, &worker),
            Some(_) => {}
        }
        if lively && self.whim.percent(4) {
            self.workers[which] = None;
        }
    }

    fn claim(&mut self, which: usize) {
        let free = self.holder.is_none_or(|(_, until)| self.now > until);
        let arrives_until = self.row.unanswered_until(LONGEST_CALL_MS).filter(|_| self.lacking != Lacking::Unanswered);
        let awaits = arrives_until.is_some_and(|until| self.now <= until.0);
        if self.row.is_due() && free && !awaits {
            self.fence += 1;
            let claimed_until = self.now + CLAIM_MS;
            self.holder = Some((which, claimed_until));
            self.workers[which] = Some(Worker {
                fence: self.fence,
                number: self.row.wanted,
                value: self.wish.to_string(),
                claimed_until,
                called: false,
                answered: false,
            });
        }
    }

    fn call(&mut self, which: usize, worker: Worker) {
        let now = Timestamp(self.now);
        let allowed = may_call(now, Timestamp(worker.claimed_until), LONGEST_CALL_MS);
        if self.lacking != Lacking::Deadline && !allowed {
            self.workers[which] = None;
            return;
        }
        if self.row.step(Aspect::Shared, &showing(&worker.value), None, None) == Step::Settle {
            self.row.settle(worker.number);
            self.holder = None;
            self.workers[which] = None;
            return;
        }
        let late = matches!(self.product, Answering::Late | Answering::LateAndBlind);
        let lag = if late && self.whim.percent(10) {
            *self.whim.pick(&[15_000, 60_000]).unwrap_or(&0)
        } else {
            *self.whim.pick(&[100, 500, 2_000, 7_000]).unwrap_or(&0)
        };
        self.row.begin(worker.number, &worker.value, now);
        self.calls.push((self.now + lag, which, worker.fence, worker.value.clone()));
        self.workers[which] = Some(Worker { called: true, ..worker });
        if self.lacking == Lacking::Deadline && self.whim.percent(10) {
            self.now += 30_000;
        }
    }

    /// The call was answered, or given up unanswered.
    fn finish(&mut self, which: usize, worker: &Worker) {
        self.workers[which] = None;
        let holds = worker.fence == self.fence && self.holder.is_some_and(|(holder, _)| holder == which);
        if !holds {
            if self.lacking != Lacking::LostClaim {
                self.row.doubt();
            }
            return;
        }
        self.holder = None;
        if worker.answered {
            let number = if self.lacking == Lacking::Numbers { self.row.wanted } else { worker.number };
            self.row.written(number, showing(&worker.value), Timestamp(self.now));
        }
    }

    fn carry_out(&mut self, until: i64) {
        self.calls.sort_by_key(|call| call.0);
        while self.calls.first().is_some_and(|call| call.0 <= until) {
            let (_, which, fence, value) = self.calls.remove(0);
            self.stands = value;
            if let Some(worker) = self.workers[which].as_mut().filter(|worker| worker.fence == fence) {
                worker.answered = true;
            }
        }
    }
}
