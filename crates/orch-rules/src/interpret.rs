//! What changed between two looks at an issue, by whom, whether it was us, and which question it answers. Pure.
//!
//! Seven rules, each against a sequence of events that lost, doubled or invented a command without it:
//!
//! 1. The cursor is the set of entries that were handled, never a time.
//! 2. The newest entry must be the state that stands, and no entry may be missing before one that is new, else the
//!    history is behind: look again. Until then only STOP acts; after [`UNEXPLAINED_AFTER_MS`] what is there counts, and
//!    a state without an entry by itself, by nobody known.
//! 3. Of the moves by people since the last look the newest one alone commands; STOP and then a start are two commands.
//! 4. Clocks of two machines are never compared: a move answers a question if it stands after our own write for it, if
//!    its state stands where that write, answered before the look, had put another one, or if its time, translated by the product's own clock, is later than the opening by more than [`MARGIN_MS`].
//! 5. Without a history an answer is a command that stands after *our question was seen standing*: by a look, or by the
//!    answer to our own write of it.
//! 6. An answer names its question; a command that answers none is a look.
//! 7. A rejection's reason is the newest comment by a person after the opening that no earlier answer used.

mod answer;
mod ours;

use std::collections::BTreeSet;

use crate::episode::EpisodeKind;
use crate::ids::{EpisodeId, Timestamp};
use crate::observation::{Behind, Gone, IssueLook, IssueRead, IssueSeen, Move, Unexplained, text_hash};

/// So much later than a question's opening a move must be, in milliseconds, to be later for certain.
pub const MARGIN_MS: i64 = 2_000;
/// After so long, in milliseconds, a state counts without an entry that explains it.
pub const UNEXPLAINED_AFTER_MS: i64 = 5 * 60_000;
/// So long, in milliseconds, a rejection waits for the comment that gives its reason.
pub const REASON_WITHIN_MS: i64 = 60_000;
/// So long, in milliseconds, an issue must not be found before that is told.
pub const GONE_AFTER_MS: i64 = 10 * 60_000;
/// The longest pause, in milliseconds, between two looks at a history that is behind.
const LONGEST_LOOK_AGAIN_MS: i64 = 60_000;
/// Who did something that no entry names.
const UNKNOWN: &str = "unknown";

/// What a status means when a person sets it (A12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Start, or go on after questions.
    Start,
    /// Yes.
    Approve,
    /// No.
    Reject,
    /// Production may have it.
    Confirm,
    /// Cancel the task.
    Stop,
}

/// The states of a project that command; a project that lacks one has no such command there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandStates {
    /// *To Analyse*, or what stands in for it.
    pub start: Option<String>,
    /// The start has its state by fallback: it is one that we write, too.
    pub start_by_fallback: bool,
    /// *Approved*.
    pub approve: Option<String>,
    /// *Rejected*.
    pub reject: Option<String>,
    /// *Confirm Deploy*.
    pub confirm: Option<String>,
    /// *STOP*.
    pub stop: Option<String>,
}

impl CommandStates {
    /// What a state commands.
    pub fn meaning(&self, state: &str) -> Option<Command> {
        let is = |of: &Option<String>| of.as_deref() == Some(state);
        [
            (&self.stop, Command::Stop),
            (&self.approve, Command::Approve),
            (&self.reject, Command::Reject),
            (&self.confirm, Command::Confirm),
            (&self.start, Command::Start),
        ]
        .into_iter()
        .find_map(|(of, command)| is(of).then_some(command))
    }
}

/// A connection to a tracker, as far as reading it goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tracker {
    /// The connection's name, the source of its actors.
    pub connection: String,
    /// Our own accounts there.
    pub accounts: BTreeSet<String>,
    /// Our account is a person's own: what commands may be theirs.
    pub shared_account: bool,
    /// What its states mean.
    pub commands: CommandStates,
}

/// A write of ours, from the journal of an issue's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnWrite {
    /// What was written.
    pub value: String,
    /// Our clock before the call.
    pub begun: Timestamp,
    /// Our clock after the answer; `None` while nobody knows whether, or when, it arrives.
    pub ended: Option<Timestamp>,
}

/// A question that waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenQuestion {
    /// Which.
    pub episode: EpisodeId,
    /// What is asked.
    pub kind: EpisodeKind,
    /// Our clock.
    pub opened_at: Timestamp,
    /// The state that we write for it.
    pub shown_as: String,
}

/// A person's answer by status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Yes.
    Approved,
    /// No.
    Rejected {
        /// The person's comment; `None` if they wrote none in time.
        reason: Option<String>,
    },
    /// Production may have it.
    Confirmed,
    /// The questions are answered.
    GoOn,
}

/// What an issue tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssueEvent {
    /// A person wants it started.
    Start,
    /// A person wants it stopped.
    Stop,
    /// An answer to exactly this question.
    Answered {
        /// Which.
        episode: EpisodeId,
        /// What.
        word: Word,
    },
    /// It may be an answer and nobody can prove it: the person is asked to set it again.
    SetAgain {
        /// Which question.
        episode: EpisodeId,
    },
    /// A command that answers nothing: a reason to look at the task (A10).
    Looked,
    /// A state that is no command (A12).
    StatusSeen {
        /// Which.
        state: String,
    },
    /// A comment by a person, once.
    Commented {
        /// The product's name of it.
        id: String,
        /// Verbatim.
        text: String,
    },
    /// The issue is not there any more.
    Gone,
}

/// An event with who caused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// `<connection>:<account>`.
    pub by: String,
    /// What.
    pub event: IssueEvent,
}

/// What a look came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreted {
    /// In order.
    pub events: Vec<Heard>,
    /// What is kept; equal to what was kept before if nothing is new.
    pub observation: IssueSeen,
    /// Look again after so many milliseconds.
    pub look_again_ms: Option<i64>,
}

/// Everything one interpretation sees.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// What is kept of earlier looks.
    pub before: &'a IssueSeen,
    /// What this look read.
    pub look: &'a IssueLook,
    /// Our writes of the issue's status, oldest first.
    pub writes: &'a [OwnWrite],
    /// What is open now.
    pub questions: &'a [OpenQuestion],
    /// Where it was read.
    pub tracker: &'a Tracker,
    /// The store's clock.
    pub now: Timestamp,
}

/// What changed, by whom, and what it answers.
pub fn interpret(seen: Seen<'_>) -> Interpreted {
    let mut draft = Draft { seen, events: Vec::new(), kept: seen.before.clone(), look_again_ms: None };
    match &seen.look.found {
        None => draft.gone(),
        Some(read) => {
            if draft.kept.gone.take().is_some_and(|gone| gone.told) {
                draft.told(UNKNOWN, IssueEvent::Looked);
            }
            draft.comments(read);
            draft.status(read);
        }
    }
    draft.kept.read_at = seen.before.read_at;
    if draft.kept != *seen.before {
        draft.kept.read_at = seen.look.read_at;
    }
    Interpreted { events: draft.events, observation: draft.kept, look_again_ms: draft.look_again_ms }
}

/// An interpretation in the making.
struct Draft<'a> {
    seen: Seen<'a>,
    events: Vec<Heard>,
    kept: IssueSeen,
    look_again_ms: Option<i64>,
}

/// A person's move that may command: its entry in the history, or the bare state.
#[derive(Clone, Copy)]
struct Moved<'a> {
    /// The history up to and with it; empty if no entry tells of it.
    history: &'a [Move],
    state: &'a str,
    by: &'a str,
}

impl<'a> Draft<'a> {
    fn told(&mut self, account: &str, event: IssueEvent) {
        let by = format!("{}:{account}", self.seen.tracker.connection);
        self.events.push(Heard { by, event });
    }

    fn gone(&mut self) {
        let now = self.seen.now;
        let gone = self.kept.gone.get_or_insert(Gone { since: now, told: false });
        if gone.told {
            return;
        }
        let left = GONE_AFTER_MS - now.since_ms(gone.since);
        if left > 0 {
            self.look_again_ms = Some(left);
        } else {
            gone.told = true;
            self.told(UNKNOWN, IssueEvent::Gone);
        }
    }

    fn comments(&mut self, read: &IssueRead) {
        for comment in &read.comments {
            let before = self.kept.comments.insert(comment.id.clone(), text_hash(&comment.text));
            if before.is_none() && !self.seen.tracker.accounts.contains(&comment.by) {
                let event = IssueEvent::Commented { id: comment.id.clone(), text: comment.text.clone() };
                self.told(&comment.by, event);
            }
        }
        self.kept.comments.retain(|id, _| read.comments.iter().any(|comment| comment.id == *id));
    }

    fn status(&mut self, read: &'a IssueRead) {
        match &read.history {
            None => self.level(read, read.changed_by.as_deref()),
            Some(moves) => self.history(moves, read),
        }
        if self.kept.behind.is_none() {
            self.kept.state = Some(read.state.clone());
            self.question_seen(read);
        }
    }

    fn history(&mut self, moves: &'a [Move], read: &'a IssueRead) {
        let since = self.kept.behind.map(|behind| behind.since);
        let overdue = since.is_some_and(|since| self.seen.now.since_ms(since) >= UNEXPLAINED_AFTER_MS);
        match (self.explains(moves, read), self.misses_an_entry(moves)) {
            (true, missing) if overdue || !missing => {
                self.kept.behind = None;
                self.moves(moves, read);
            }
            (false, _) if overdue => self.unexplained(moves, read),
            _ => self.behind(read),
        }
    }

    /// The history tells of the state that stands, or that was accepted without.
    fn explains(&self, moves: &[Move], read: &IssueRead) -> bool {
        match moves.last() {
            Some(newest) if newest.to == read.state => true,
            None if self.kept.state.as_ref().is_none_or(|state| *state == read.state) => true,
            _ if self.kept.state.as_ref() == Some(&read.state) && self.knows_all(moves) => true,
            newest if self.seen.wrote_since(newest, &read.state) => true,
            newest => self.kept.unexplained.as_ref().is_some_and(|accepted| {
                accepted.state == read.state && accepted.after.as_ref() == newest.map(|newest| &newest.id)
            }),
        }
    }

    fn knows_all(&self, moves: &[Move]) -> bool {
        moves.iter().all(|entry| self.kept.moves.contains(&entry.id))
    }

    /// A new entry starts from another state than the one before it ended in, and than we wrote: of moves by the API an older
    /// product keeps none.
    fn misses_an_entry(&self, moves: &[Move]) -> bool {
        moves.windows(2).any(|pair| {
            let [earlier, entry] = pair else { return false };
            let ours = |from: &str| self.seen.writes.iter().any(|write| write.value == from);
            !self.kept.moves.contains(&entry.id)
                && entry.from.as_ref().is_some_and(|from| *from != earlier.to && !ours(from))
        })
    }

    /// The newest move by a person commands, if it is new.
    fn moves(&mut self, moves: &'a [Move], read: &'a IssueRead) {
        if moves.is_empty() && self.seen.before.state.is_none() {
            // Made straight into this state (G3).
            self.level(read, read.changed_by.as_deref());
            return;
        }
        let seen = self.seen;
        let commanding = |entry: &Move| !seen.is_ours(entry);
        let newest = moves.iter().rposition(commanding);
        let unseen: Vec<usize> = (0..moves.len()).filter(|at| !self.kept.moves.contains(&moves[*at].id)).collect();
        self.kept.moves.extend(moves.iter().map(|entry| entry.id.clone()));
        let Some(newest) = newest.filter(|newest| unseen.contains(newest)) else { return };
        if self.was_taken_without_entry(moves, newest) {
            return;
        }
        let meaning = |at: usize| seen.tracker.commands.meaning(&moves[at].to);
        if meaning(newest) == Some(Command::Start) {
            let stop = unseen
                .iter()
                .rev()
                .find(|at| **at < newest && commanding(&moves[**at]) && meaning(**at) == Some(Command::Stop));
            if let Some(stop) = stop {
                self.told(&moves[*stop].by, IssueEvent::Stop);
            }
        }
        let entry = &moves[newest];
        self.command(Moved { history: &moves[..=newest], state: &entry.to, by: &entry.by }, read);
    }

    /// The state counted by itself, and this is the entry that explains it at last.
    fn was_taken_without_entry(&mut self, moves: &[Move], at: usize) -> bool {
        let before = at.checked_sub(1).map(|before| &moves[before].id);
        self.kept.unexplained.take().is_some_and(|taken| taken.after.as_ref() == before && taken.state == moves[at].to)
    }

    /// Nobody knows yet what happened: look again, and heed STOP.
    fn behind(&mut self, read: &IssueRead) {
        let is_new = self.kept.state.as_ref() != Some(&read.state);
        let stops = is_new && self.seen.tracker.commands.meaning(&read.state) == Some(Command::Stop);
        let first = Behind { since: self.seen.now, looks: 0, stop_told: false };
        let behind = self.kept.behind.get_or_insert(first);
        self.look_again_ms = Some((1_000_i64 << behind.looks.min(10)).min(LONGEST_LOOK_AGAIN_MS));
        behind.looks = behind.looks.saturating_add(1);
        if stops && !behind.stop_told {
            behind.stop_told = true;
            self.told(UNKNOWN, IssueEvent::Stop);
        }
    }

    /// No entry will come any more: the state counts as it is.
    fn unexplained(&mut self, moves: &[Move], read: &'a IssueRead) {
        let stop_told = self.kept.behind.take().is_some_and(|behind| behind.stop_told);
        self.kept.moves.extend(moves.iter().map(|entry| entry.id.clone()));
        let after = moves.last().map(|newest| newest.id.clone());
        self.kept.unexplained = Some(Unexplained { state: read.state.clone(), after });
        if !(stop_told && self.seen.tracker.commands.meaning(&read.state) == Some(Command::Stop)) {
            self.level(read, None);
        }
    }

    /// The state alone tells: it changed, and not by us; or it stands as a command since our question stood.
    fn level(&mut self, read: &'a IssueRead, by: Option<&'a str>) {
        let rejects = self.seen.tracker.commands.meaning(&read.state) == Some(Command::Reject);
        let waits = rejects && self.kept.awaits_reason.is_some();
        if !waits {
            self.kept.awaits_reason = None;
        }
        let changed = self.seen.before.state.as_ref() != Some(&read.state);
        if (changed || waits || self.stands_since_question(read)) && !self.seen.is_our_state(&read.state, by) {
            self.command(Moved { history: &[], state: &read.state, by: by.unwrap_or(UNKNOWN) }, read);
        }
    }

    /// A command that answers a question which stood, and of which nothing was told yet: whoever set it did so after us,
    /// from the same state and back to it between two looks.
    fn stands_since_question(&self, read: &IssueRead) -> bool {
        self.seen.question_for(&read.state).is_some_and(|question| {
            self.seen.has_stood(question) && self.kept.level_told.as_ref() != Some(&question.episode)
        })
    }

    /// A look after the opening that finds the question standing.
    fn question_seen(&mut self, read: &IssueRead) {
        let question = |of: &&OpenQuestion| of.shown_as == read.state && self.seen.look.read_at > of.opened_at;
        if let Some(question) = self.seen.questions.iter().find(question) {
            self.kept.asked = Some(question.episode.clone());
        }
    }
}

#[cfg(test)]
mod tests;
