//! Projections: one row for each (target, object, aspect), with two numbers and no payload. What is wanted is raised
//! with the facts; what is sent clears only the number it was rendered from. A flag in their place loses what changes
//! during a call.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::change::{Change, ChangeSet};
use crate::ids::{TaskId, Timestamp};
use crate::interpret::OwnWrite;
use crate::task::Task;

/// So many writes of one aspect are kept, to know our own among moves.
pub const WRITES_KEPT: usize = 20;

/// Whether others may set an aspect, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    /// Only ours (a card, a commit status, a branch): what drifted is repaired.
    Ours,
    /// People set it, too (status, labels, title): written only when our rendering changes, and only over what the last
    /// look saw.
    Shared,
}

/// What an aspect is to show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rendering {
    /// As the product is told.
    pub value: String,
    /// The question it shows; empty if it shows none. The same status for another question is another rendering: the one
    /// for the first may be covered by its answer.
    pub about: String,
}

impl Rendering {
    /// Of a short value that a product has names for, and by which our own is known among moves: a status.
    pub fn of_value(value: impl Into<String>) -> Self {
        Self { value: value.into(), about: String::new() }
    }

    /// Of a long text that nobody reads back: its hash.
    pub fn of_text(text: &str) -> Self {
        let hash = Sha256::digest(text.as_bytes());
        Self::of_value(hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>())
    }
}

/// What goes first where not everything may go at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A person is asked for something, or it has ended.
    Soon,
    /// Something goes on.
    Progress,
}

impl Need {
    /// As it stands in rows.
    pub fn number(self) -> i64 {
        match self {
            Self::Soon => 0,
            Self::Progress => 1,
        }
    }
}

/// What one aspect of one object shows has changed: written with the facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raise {
    /// Where it is shown.
    pub target: String,
    /// What is shown.
    pub object: String,
    /// Which side of it.
    pub aspect: String,
    /// [`Need::number`].
    pub need: i64,
}

/// The object that a task is, in rows.
pub fn object_of(task: &TaskId) -> String {
    format!("task:{task}")
}

/// The task that an object is.
pub fn task_of(object: &str) -> Option<TaskId> {
    object.strip_prefix("task:").map(TaskId::from)
}

/// Whether a decision changes what there is to see of its task, and how soon people need to see it.
pub fn shown_anew(before: &Task, changes: &ChangeSet) -> Option<Need> {
    let mut after = before;
    let mut anew = false;
    for change in &changes.changes {
        match change {
            Change::PutTask { task } => {
                // Whatever is shown is stored; these two are written with every decision.
                let seen = Task { version: before.version, rule: before.rule.clone(), ..task.clone() };
                anew |= seen != *before;
                after = task;
            }
            Change::PutAttempt { .. }
            | Change::PutEpisode { .. }
            | Change::PutCheck { .. }
            | Change::AddUsage { .. } => {
                anew = true;
            }
            _ => {}
        }
    }
    anew.then(|| need_of(after))
}

/// How soon people need to see how a task stands.
pub fn need_of(task: &Task) -> Need {
    let asks = task.waits.iter().any(|wait| matches!(wait, crate::task::Wait::Human { .. }));
    if asks || task.hold.is_some() || task.position.is_terminal() { Need::Soon } else { Need::Progress }
}

/// How far one aspect of one object is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Projection {
    /// Raised with the facts.
    pub wanted: u64,
    /// The number that was rendered for the last call that arrived.
    pub sent: u64,
    /// Until this number was sent nobody knows what stands, whatever the last call that was answered wrote: another one,
    /// whose claim was lost, may have arrived behind it.
    pub doubted: u64,
    /// What that call wrote; `None` when nobody knows what stands.
    pub shown: Option<Rendering>,
    /// Our writes, oldest first, at most [`WRITES_KEPT`]; each is noted before its call.
    pub writes: Vec<Write>,
}

/// One write, noted before the call and completed after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    /// The number it was rendered from.
    pub number: u64,
    /// What was to stand.
    pub value: String,
    /// Our clock before the call.
    pub begun: Timestamp,
    /// Our clock after the answer.
    pub ended: Option<Timestamp>,
}

/// What to do about a row that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It stands: clear the number without a call.
    Settle,
    /// Write it.
    Write,
    /// Somebody changed it since the last look: look, and write later.
    Look,
}

impl Projection {
    /// The facts changed.
    pub fn raise(&mut self) {
        self.wanted += 1;
    }

    /// Something is to be sent.
    pub fn is_due(&self) -> bool {
        self.wanted > self.sent
    }

    /// What to do, `stands` being what the object shows at this moment and `looked` what the last look saw of it.
    pub fn step(&self, aspect: Aspect, rendering: &Rendering, looked: Option<&str>, stands: Option<&str>) -> Step {
        if self.doubted <= self.sent && self.shown.as_ref() == Some(rendering) {
            return Step::Settle;
        }
        let last = self.writes.last().map(|write| write.value.as_str());
        let known = |stands: &str| [looked, Some(rendering.value.as_str()), last].contains(&Some(stands));
        match (aspect, stands) {
            (Aspect::Shared, Some(stands)) if !known(stands) => Step::Look,
            _ => Step::Write,
        }
    }

    /// A call begins. To be stored before it: until its answer is, nobody knows what stands.
    pub fn begin(&mut self, number: u64, value: &str, now: Timestamp) {
        self.shown = None;
        self.writes.push(Write { number, value: value.to_owned(), begun: now, ended: None });
        let spare = self.writes.len().saturating_sub(WRITES_KEPT);
        self.writes.drain(..spare);
    }

    /// Until then a call that nobody has answered may still arrive, whether its process died or its connection broke. None
    /// starts before: the older value could come last, and nobody would know it. `None`: no call is unanswered.
    pub fn unanswered_until(&self, longest_call_ms: i64) -> Option<Timestamp> {
        let unanswered = self.writes.iter().filter(|write| write.ended.is_none());
        unanswered.map(|write| write.begun.plus_ms(longest_call_ms)).max()
    }

    /// The call arrived.
    pub fn written(&mut self, number: u64, rendering: Rendering, now: Timestamp) {
        self.settle(number);
        let same = |write: &&mut Write| write.number == number && write.value == rendering.value;
        if let Some(write) = self.writes.iter_mut().rfind(same) {
            write.ended = Some(now);
        }
        self.shown = Some(rendering);
    }

    /// What was rendered from this number stands.
    pub fn settle(&mut self, number: u64) {
        self.sent = self.sent.max(number);
    }

    /// Nobody knows what stands: a call in doubt, or a claim that was lost during one.
    pub fn doubt(&mut self) {
        self.shown = None;
        self.raise();
        self.doubted = self.wanted;
    }

    /// A look saw this value. Our own, but older one is the proof of a write that arrived late; what is only ours and
    /// drifted is repaired. `by_us`: whether the product says that we set it, if it tells.
    pub fn observed(&mut self, aspect: Aspect, value: &str, by_us: Option<bool>) {
        let stands = self.shown.as_ref().is_some_and(|shown| shown.value == value);
        let late = by_us.unwrap_or(true) && self.writes.iter().any(|write| write.value == value);
        if !stands && !self.is_due() && (late || aspect == Aspect::Ours) {
            self.doubt();
        }
    }

    /// Its writes, as the reader of moves needs them.
    pub fn own_writes(&self) -> Vec<OwnWrite> {
        let own = |write: &Write| OwnWrite { value: write.value.clone(), begun: write.begun, ended: write.ended };
        self.writes.iter().map(own).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn showing(value: &str) -> Rendering {
        Rendering { value: value.to_owned(), about: String::new() }
    }
    fn sent(value: &str) -> Projection {
        let mut row = Projection::default();
        row.raise();
        row.begin(1, value, Timestamp(1));
        row.written(1, showing(value), Timestamp(2));
        row
    }

    #[test]
    fn a_change_during_a_call_is_not_lost() {
        let mut row = Projection::default();
        row.raise();
        row.begin(1, "a", Timestamp(1));
        row.raise();
        row.written(1, showing("a"), Timestamp(2));
        assert!(row.is_due());
        row.written(2, showing("b"), Timestamp(3));
        row.written(1, showing("a"), Timestamp(4));
        assert_eq!(row.sent, 2, "a late answer takes nothing back");
    }

    #[test]
    fn what_a_lost_claim_wrote_is_doubted_whoever_wrote_meanwhile() {
        let mut row = sent("a");
        row.raise();
        row.begin(2, "b", Timestamp(3));
        // Another claim's call ends while this one's is under way.
        row.doubt();
        row.written(2, showing("b"), Timestamp(4));
        assert!(row.is_due());
        assert_eq!(row.step(Aspect::Ours, &showing("b"), None, None), Step::Write, "the other may have arrived later");
        row.begin(3, "b", Timestamp(5));
        row.written(3, showing("b"), Timestamp(6));
        assert_eq!(row.step(Aspect::Ours, &showing("b"), None, None), Step::Settle);
    }

    #[test]
    fn a_shared_aspect_is_written_over_what_was_seen_only() {
        let row = sent("Development");
        let step = |aspect, stands| row.step(aspect, &showing("Review"), Some("Backlog"), stands);
        assert_eq!(step(Aspect::Shared, Some("Approved")), Step::Look);
        for stands in [Some("Backlog"), Some("Review"), Some("Development"), None] {
            assert_eq!(step(Aspect::Shared, stands), Step::Write, "{stands:?}");
        }
        assert_eq!(step(Aspect::Ours, Some("Approved")), Step::Write);
        let same = row.step(Aspect::Shared, &showing("Development"), None, Some("Blocked"));
        assert_eq!(same, Step::Settle, "nothing changed");
        let other = Rendering { about: "e2".into(), ..showing("Development") };
        assert_eq!(row.step(Aspect::Shared, &other, None, None), Step::Write, "another question in the same status");
    }

    #[test]
    fn until_a_call_is_answered_nobody_knows_what_stands() {
        let mut row = sent("a");
        row.raise();
        row.begin(2, "b", Timestamp(3));
        assert_eq!(row.step(Aspect::Ours, &showing("a"), None, None), Step::Write, "the process died in the call");
    }

    #[test]
    fn drift_is_repaired_where_it_is_ours_and_an_echo_of_an_older_write_everywhere() {
        let mut row = sent("a");
        row.raise();
        row.begin(2, "b", Timestamp(4));
        row.written(2, showing("b"), Timestamp(5));
        for (aspect, value, by_us, due) in [
            (Aspect::Shared, "b", None, false),
            (Aspect::Shared, "Blocked", None, false),
            (Aspect::Shared, "a", Some(false), false),
            (Aspect::Shared, "a", Some(true), true),
            (Aspect::Shared, "a", None, true),
            (Aspect::Ours, "b", None, false),
            (Aspect::Ours, "Blocked", None, true),
        ] {
            let mut row = row.clone();
            row.observed(aspect, value, by_us);
            assert_eq!(row.is_due(), due, "{aspect:?} {value} {by_us:?}");
            let step = row.step(aspect, &showing("b"), Some(value), Some(value));
            assert_eq!(step == Step::Write, due, "{aspect:?} {value}");
        }
    }

    #[test]
    fn a_call_that_nobody_answered_is_awaited_for_as_long_as_one_may_take() {
        let mut row = sent("a");
        assert_eq!(row.unanswered_until(10), None);
        row.begin(2, "b", Timestamp(3));
        row.begin(3, "c", Timestamp(5));
        row.written(3, showing("c"), Timestamp(6));
        assert_eq!(row.unanswered_until(10), Some(Timestamp(13)), "the one that was begun first may come last");
    }

    #[test]
    fn the_last_writes_are_kept() {
        let mut row = Projection::default();
        (0..50).for_each(|number| row.begin(number, "a", Timestamp(1)));
        assert_eq!(row.writes.first().map(|write| write.number), Some(30));
        assert_eq!(row.own_writes().len(), WRITES_KEPT);
    }
}
