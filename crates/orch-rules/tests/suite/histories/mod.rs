//! Random histories of one issue, one task and one tracker, read by the real interpreter and written by the real
//! projection: does every answer count once, and is what we know shown in the end? People approve, take back and wander;
//! entries of the history come late; clocks differ; hints get lost; processes die; our writes fly and land later.

mod judge;
pub mod outside;
mod product;

#[path = "../world/whim.rs"]
#[allow(dead_code, clippy::duplicate_mod, reason = "the simulator and the example use it, too")]
mod whim;

use std::collections::BTreeMap;

use orch_rules::episode::EpisodeKind;
use orch_rules::ids::Timestamp;
use orch_rules::interpret::{CommandStates, Interpreted, IssueEvent, OpenQuestion, Seen, Tracker, Word, interpret};
use orch_rules::observation::{IssueLook, IssueRead, IssueSeen};
use orch_rules::outbox::projection::{Aspect, Projection, Rendering, Step};

pub use judge::FAULTS;
#[allow(unused_imports, reason = "its other caller names them")]
pub use judge::{AGAIN, UNREAD};
use product::{Entry, Product, Who};
use whim::Whim;

const ASK: &str = "In Review";
const YES: &str = "Approved";

/// A rule that a run does without, to see that it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    Nothing,
    /// The cursor is a time.
    Cursor,
    /// The newest entry need not be the state that stands, nor start from where the one before it ended.
    Agreement,
    /// Every move acts.
    NewestAlone,
    /// Two clocks are compared as they are.
    Translation,
    /// The question need not have been seen standing.
    SeenStanding,
    /// An answer is for whatever is open when it is handled.
    QuestionNamed,
    /// An older look overwrites a newer one.
    Version,
    /// A status is written whatever stands there.
    Compare,
    /// What is to be sent is a flag.
    Numbers,
}

#[derive(Debug, Clone, Copy)]
pub struct Setting {
    pub history: bool,
    pub lookers: usize,
    pub without: Without,
}

/// What a run, or many, came to, by name.
pub type Counts = BTreeMap<&'static str, u64>;

struct Question {
    opened: i64,
    open: bool,
    /// The moves that answered it.
    answers: Vec<usize>,
    told_again: bool,
}

/// A look under way.
struct Look {
    state: String,
    begun: i64,
    version: u64,
    history: Option<Vec<Entry>>,
    /// When the history was read.
    read: i64,
}

/// An event that is stored and not yet handled.
struct Waiting {
    question: usize,
    cause: Option<usize>,
    look_begun: i64,
    look_read: i64,
}

struct Call {
    number: u64,
    rendering: Rendering,
    question: Option<usize>,
    arrived: bool,
}

pub struct History {
    setting: Setting,
    whim: Whim,
    now: i64,
    product: Product,
    observation: IssueSeen,
    version: u64,
    last_look: i64,
    questions: Vec<Question>,
    stage: u32,
    wish: Rendering,
    status: Projection,
    call: Option<usize>,
    calls: Vec<Call>,
    look_due: Option<i64>,
    looks: Vec<Look>,
    inbox: Vec<Waiting>,
    tracker: Tracker,
    counts: Counts,
}

const PEOPLE_UNTIL: u32 = 160;
const END: u32 = 420;

impl History {
    pub fn new(seed: u64, setting: Setting) -> Self {
        let mut whim = Whim::new(seed);
        let skew = *whim.pick(&[0, 0, -180_000, 180_000, 40_000, -40_000]).unwrap_or(&0);
        let commands = CommandStates { approve: Some(YES.into()), ..CommandStates::default() };
        let tracker =
            Tracker { connection: "t".into(), accounts: ["us".to_owned()].into(), shared_account: false, commands };
        let wish = Rendering { value: "Dev0".into(), about: String::new() };
        let mut status = Projection::default();
        status.written(0, wish.clone(), Timestamp(0));
        Self {
            setting,
            whim,
            now: 1_000_000,
            product: Product::new("Dev0", skew),
            observation: IssueSeen { state: Some("Dev0".into()), ..IssueSeen::default() },
            version: 0,
            last_look: 1_000_000,
            questions: Vec::new(),
            stage: 0,
            wish,
            status,
            call: None,
            calls: Vec::new(),
            look_due: None,
            looks: Vec::new(),
            inbox: Vec::new(),
            tracker,
            counts: Counts::new(),
        }
    }

    pub fn run(mut self) -> Counts {
        for step in 0..END {
            let people = step < PEOPLE_UNTIL;
            let pause = -(((self.whim.next() % 1_000_000 + 1) as f64 / 1e6).ln()) * 1_000.0;
            self.now += (pause as i64) * if people { 1 } else { 3 };
            let turn = self.whim.below(if people { 31 } else { 26 });
            match turn {
                0..4 => self.hint(),
                4..10 => self.look(),
                10..14 => self.write(),
                14..18 => self.arrive(),
                18..22 => self.work(people),
                22..24 => self.sweep(),
                24..26 if !people => self.sweep(),
                24 if self.whim.percent(30) => self.crash(),
                24..30 => self.person(),
                _ => self.handle(),
            }
            if self.whim.percent(10) {
                self.handle();
            }
        }
        while !self.inbox.is_empty() {
            self.handle();
        }
        self.judge()
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn open(&self) -> Option<usize> {
        self.questions.iter().rposition(|question| question.open)
    }

    fn wish(&mut self, value: String, about: String) {
        self.wish = Rendering { value, about };
        self.status.raise();
    }

    fn person(&mut self) {
        let (now, open) = (self.now, self.open());
        if self.product.state == ASK && open.is_some() {
            if self.whim.percent(60) {
                self.product.put(YES, Who::Person, open, now, &mut self.whim);
            }
        } else if self.product.state == YES && self.whim.percent(35) {
            let to = if self.whim.percent(70) { ASK } else { "Backlog" };
            let last = self.product.entries.len().checked_sub(1);
            self.product.put(to, Who::Person, None, now, &mut self.whim);
            if let Some(last) = last {
                self.product.entries[last].taken_back = Some(now);
            }
        } else if self.whim.percent(12) {
            let to = *self.whim.pick(&[YES, "Backlog", "Blocked"]).unwrap_or(&YES);
            self.product.put(to, Who::Person, None, now, &mut self.whim);
        }
    }

    fn hint(&mut self) {
        if self.product.hint(self.now) {
            self.look_due = Some(self.now);
        }
    }

    fn sweep(&mut self) {
        let seen = |entry: &Entry| self.observation.moves.contains(&entry.name());
        let news = self.setting.history && self.product.visible(self.now).iter().any(|entry| !seen(entry));
        if news || self.observation.state.as_deref() != Some(self.product.state.as_str()) {
            self.look_due = Some(self.now);
        }
    }

    /// One step of a look: the state, then the history, then the transaction.
    fn look(&mut self) {
        let due = self.look_due.is_some_and(|due| due <= self.now);
        if due && (self.looks.is_empty() || self.looks.len() < self.setting.lookers && self.whim.percent(50)) {
            self.look_due = None;
            let (state, version) = (self.product.state.clone(), self.version);
            self.looks.push(Look { state, begun: self.now, version, history: None, read: self.now });
            return;
        }
        if self.looks.is_empty() {
            return;
        }
        let which = self.whim.below(self.looks.len());
        if self.looks[which].history.is_none() {
            self.looks[which].history = Some(self.product.visible(self.now));
            self.looks[which].read = self.now;
            return;
        }
        let look = self.looks.remove(which);
        if look.version != self.version && self.setting.without != Without::Version {
            self.look_due = Some(self.now);
            return;
        }
        self.understand(look);
    }

    fn understand(&mut self, look: Look) {
        let noise = self.whim.below(2_001) as i64 - 1_000;
        let entries = look.history.clone().unwrap_or_default();
        let newest_by_us = entries.last().map(|entry| entry.who == Who::Us);
        let without = self.setting.without;
        let ahead = if without == Without::Translation { 0 } else { self.product.skew + noise };
        let read = IssueRead {
            state: look.state.clone(),
            history: self.setting.history.then(|| entries.iter().map(|entry| entry.as_move()).collect()),
            changed_by: None,
            comments: Vec::new(),
        };
        let mut before = self.observation.clone();
        if without == Without::Cursor {
            let seen = entries.iter().filter(|entry| entry.at + self.product.skew <= self.last_look);
            before.moves = seen.map(Entry::name).collect();
        }
        if without == Without::SeenStanding {
            before.asked = self.open().map(|open| open.to_string().as_str().into());
        }
        let mut reads = vec![read];
        if without == Without::Agreement
            && let Some(newest) = entries.last()
        {
            reads[0].state.clone_from(&newest.to);
            reads[0].history.iter_mut().flatten().for_each(|entry| entry.from = None);
        }
        if without == Without::NewestAlone && self.setting.history {
            let all = reads.remove(0);
            let new = |at: &usize| !before.moves.contains(&entries[*at].name());
            for at in (0..entries.len()).filter(new) {
                let history = all.history.as_ref().map(|moves| moves[..=at].to_vec());
                reads.push(IssueRead { state: entries[at].to.clone(), history, ..all.clone() });
            }
            reads.push(all);
        }
        for read in reads {
            let history = read.history.as_ref().map_or(entries.len(), Vec::len);
            let found = IssueLook { read_at: Timestamp(look.begun), ahead_ms: Some(ahead), found: Some(read) };
            let interpreted = self.interpreted(&before, &found);
            before.clone_from(&interpreted.observation);
            self.store(interpreted, &look, &entries[..history]);
        }
        self.last_look = look.begun;
        let by_us = if self.setting.history { newest_by_us } else { None };
        self.status.observed(Aspect::Shared, &look.state, by_us);
    }

    fn interpreted(&self, before: &IssueSeen, look: &IssueLook) -> Interpreted {
        let question = |open: usize| OpenQuestion {
            episode: open.to_string().as_str().into(),
            kind: EpisodeKind::Approval,
            opened_at: Timestamp(self.questions[open].opened),
            shown_as: ASK.into(),
        };
        let questions: Vec<OpenQuestion> = self.open().map(question).into_iter().collect();
        let mut writes = self.status.own_writes();
        if self.setting.without == Without::SeenStanding {
            writes.clear();
        }
        let tracker = &self.tracker;
        interpret(Seen { before, look, writes: &writes, questions: &questions, tracker, now: Timestamp(self.now) })
    }

    /// The observation and its events, in one transaction.
    fn store(&mut self, interpreted: Interpreted, look: &Look, entries: &[Entry]) {
        if self.observation != interpreted.observation {
            self.observation = interpreted.observation;
            self.version += 1;
        }
        if let Some(pause) = interpreted.look_again_ms {
            let due = self.now + pause;
            self.look_due = Some(self.look_due.map_or(due, |earlier| earlier.min(due)));
        }
        let by_person = |entry: &&Entry| entry.who == Who::Person;
        let cause = if self.setting.history {
            entries.iter().rev().find(by_person).map(|entry| entry.id)
        } else {
            let made = |entry: &&Entry| entry.at <= look.begun && entry.to == YES;
            self.product.entries.iter().rev().find(made).map(|entry| entry.id)
        };
        for heard in interpreted.events {
            match heard.event {
                IssueEvent::Answered { episode, word: Word::Approved } => {
                    let Ok(question) = episode.as_str().parse() else { continue };
                    self.inbox.push(Waiting { question, cause, look_begun: look.begun, look_read: look.read });
                }
                IssueEvent::SetAgain { episode } => {
                    let question: Option<usize> = episode.as_str().parse().ok();
                    if let Some(question) = question.and_then(|at| self.questions.get_mut(at)) {
                        question.told_again = true;
                    }
                }
                _ => {}
            }
        }
    }

    fn handle(&mut self) {
        if self.inbox.is_empty() {
            return;
        }
        let waiting = self.inbox.remove(0);
        let open = match self.open() {
            Some(open) if open == waiting.question || self.setting.without == Without::QuestionNamed => open,
            _ => return,
        };
        self.judge_answer(open, &waiting);
        self.questions[open].open = false;
        self.questions[open].answers.extend(waiting.cause);
        self.stage += 1;
        self.wish(format!("Dev{}", self.stage), String::new());
    }

    fn work(&mut self, people: bool) {
        if people && self.open().is_none() && self.whim.percent(25) {
            let opened = self.now;
            self.questions.push(Question { opened, open: true, answers: Vec::new(), told_again: false });
            self.wish(ASK.into(), self.questions.len().to_string());
        }
    }

    /// One step of the sender: decide and begin a call, or note its end.
    fn write(&mut self) {
        if let Some(call) = self.call {
            if !self.calls[call].arrived {
                return;
            }
            let number = match self.setting.without {
                Without::Numbers => self.status.wanted,
                _ => self.calls[call].number,
            };
            let rendering = self.calls[call].rendering.clone();
            self.status.written(number, rendering, Timestamp(self.now));
            // Our own write is a hint, too: what came between it and its answer shows no difference to a sweep.
            self.look_due = Some(self.look_due.map_or(self.now + 1, |due| due.min(self.now + 1)));
            self.call = None;
            return;
        }
        if !self.status.is_due() {
            return;
        }
        let (number, rendering) = (self.status.wanted, self.wish.clone());
        let stands = (self.setting.without != Without::Compare).then_some(self.product.state.as_str());
        match self.status.step(Aspect::Shared, &rendering, self.observation.state.as_deref(), stands) {
            Step::Settle => self.status.settle(number),
            Step::Look => self.look_due = Some(self.now),
            Step::Write => {
                self.status.begin(number, &rendering.value, Timestamp(self.now));
                let question = self.open().filter(|_| rendering.value == ASK);
                self.call = Some(self.calls.len());
                self.calls.push(Call { number, rendering, question, arrived: false });
            }
        }
    }

    /// A call in flight reaches the product.
    fn arrive(&mut self) {
        let Some(call) = self.calls.iter().position(|call| !call.arrived) else { return };
        if self.whim.percent(70) {
            self.calls[call].arrived = true;
            let (value, question) = (self.calls[call].rendering.value.clone(), self.calls[call].question);
            let unread = self.product.entries.last().filter(|last| {
                last.who == Who::Person && last.to == YES && last.to == self.product.state && value != YES
            });
            if let Some(unread) = unread.map(|entry| entry.id) {
                self.product.entries[unread].overwritten = true;
                let name = self.product.entries[unread].name();
                if !self.observation.moves.contains(&name) {
                    self.count(UNREAD);
                }
            }
            self.product.put(&value, Who::Us, question, self.now, &mut self.whim);
        }
    }

    /// The process dies: what was under way is claimed again, calls in flight arrive all the same.
    fn crash(&mut self) {
        if !self.looks.is_empty() {
            self.look_due = Some(self.now);
        }
        self.looks.clear();
        self.call = None;
    }
}
