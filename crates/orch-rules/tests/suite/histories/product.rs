//! A tracker in memory: one issue with a state and a history whose entries may be shown late.

use orch_rules::ids::Timestamp;
use orch_rules::observation::Move;

use super::whim::Whim;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Person,
    Us,
}

#[derive(Debug, Clone)]
pub struct Entry {
    /// Its place in the product's order.
    pub id: usize,
    /// True time.
    pub at: i64,
    /// By the product's clock.
    by_product: i64,
    visible_at: i64,
    pub who: Who,
    from: String,
    pub to: String,
    /// The question that was open when it was made (by a person), or that it shows (by us).
    pub question: Option<usize>,
    /// When the person took it back.
    pub taken_back: Option<i64>,
    /// Our write landed on it.
    pub overwritten: bool,
}

impl Entry {
    pub fn name(&self) -> String {
        format!("h{:05}", self.id)
    }
    pub fn as_move(&self) -> Move {
        let from = Some(self.from.clone());
        let by = if self.who == Who::Us { "us" } else { "ann" };
        Move { id: self.name(), at: Timestamp(self.by_product), by: by.into(), from, to: self.to.clone() }
    }
}

pub struct Product {
    pub state: String,
    pub entries: Vec<Entry>,
    /// Its clock minus the true time.
    pub skew: i64,
    hints: Vec<i64>,
}

impl Product {
    pub fn new(state: &str, skew: i64) -> Self {
        Self { state: state.into(), entries: Vec::new(), skew, hints: Vec::new() }
    }

    pub fn put(&mut self, to: &str, who: Who, question: Option<usize>, now: i64, whim: &mut Whim) {
        if self.state == to {
            return;
        }
        let late = *whim.pick(&[0, 0, 100, 1_000, 8_000]).unwrap_or(&0);
        self.entries.push(Entry {
            id: self.entries.len(),
            at: now,
            by_product: now + self.skew,
            visible_at: now + late,
            who,
            from: self.state.clone(),
            to: to.into(),
            question,
            taken_back: None,
            overwritten: false,
        });
        self.state = to.into();
        if whim.percent(60) {
            self.hints.push(now + whim.below(3_000) as i64);
        }
    }

    /// A hint arrives, if one is due.
    pub fn hint(&mut self, now: i64) -> bool {
        let due = self.hints.iter().position(|at| *at <= now);
        due.map(|at| self.hints.remove(at)).is_some()
    }

    pub fn visible(&self, now: i64) -> Vec<Entry> {
        self.entries.iter().filter(|entry| entry.visible_at <= now).cloned().collect()
    }
}
