//! What a person's move does: which question it answers, and with which reason.

use super::{Command, Draft, IssueEvent, MARGIN_MS, Moved, OpenQuestion, REASON_WITHIN_MS, Seen, Word};
use crate::episode::EpisodeKind;
use crate::ids::Timestamp;
use crate::observation::{AwaitsReason, Comment, IssueRead, Move};

impl<'a> Seen<'a> {
    /// The open question that a state answers.
    pub(super) fn question_for(&self, state: &str) -> Option<&'a OpenQuestion> {
        let command = self.tracker.commands.meaning(state)?;
        self.questions.iter().rev().find(|question| answers(command, question.kind))
    }

    /// The question was seen standing before this look: by another one, or by the answer to our own write of it.
    pub(super) fn has_stood(&self, question: &OpenQuestion) -> bool {
        self.was_written(question) || self.before.asked.as_ref() == Some(&question.episode)
    }

    /// The answer to our own write of it came before this look.
    fn was_written(&self, question: &OpenQuestion) -> bool {
        self.writes.iter().any(|write| {
            write.value == question.shown_as
                && write.begun >= question.opened_at
                && write.ended.is_some_and(|ended| ended <= self.look.read_at)
        })
    }

    /// What stands was set after our own write of the question: that had stood there otherwise.
    fn stands_over(&self, question: &OpenQuestion, state: &str) -> bool {
        let stands = self.look.found.as_ref().is_some_and(|read| read.state == state);
        stands && state != question.shown_as && self.was_written(question)
    }
}

impl<'a> Draft<'a> {
    pub(super) fn command(&mut self, moved: Moved<'a>, read: &'a IssueRead) {
        let awaited = self.kept.awaits_reason.take();
        let Some(command) = self.seen.tracker.commands.meaning(moved.state) else {
            return self.told(moved.by, IssueEvent::StatusSeen { state: moved.state.to_owned() });
        };
        if command == Command::Stop {
            return self.told(moved.by, IssueEvent::Stop);
        }
        let Some(question) = self.seen.question_for(moved.state) else {
            let event = if command == Command::Start { IssueEvent::Start } else { IssueEvent::Looked };
            return self.told(moved.by, event);
        };
        let episode = question.episode.clone();
        if moved.history.is_empty() {
            self.kept.level_told = Some(episode.clone());
        }
        if !self.is_after(moved, question) {
            return self.told(moved.by, IssueEvent::SetAgain { episode });
        }
        let word = match command {
            Command::Approve => Word::Approved,
            Command::Confirm => Word::Confirmed,
            Command::Start | Command::Stop => Word::GoOn,
            Command::Reject => match self.reason(moved, question, read, awaited) {
                Some(reason) => Word::Rejected { reason },
                None => {
                    self.kept.level_told = None;
                    return;
                }
            },
        };
        self.told(moved.by, IssueEvent::Answered { episode, word });
    }

    /// It was made after the question was asked, for certain.
    fn is_after(&self, moved: Moved<'_>, question: &OpenQuestion) -> bool {
        let Some((entry, earlier)) = moved.history.split_last() else {
            return self.seen.has_stood(question);
        };
        if self.seen.stands_over(question, moved.state) {
            return true;
        }
        let late = question.opened_at.plus_ms(MARGIN_MS);
        if self.seen.translated(entry.at).is_some_and(|at| at > late) {
            return true;
        }
        self.shown(question, earlier).is_some()
    }

    /// When the product first put the question there for certain, by its own clock. Writes of one aspect follow each other and
    /// each makes one entry at most: what was begun before the opening may have made the earliest entries only, and the first
    /// one that it leaves over is the question's.
    fn shown(&self, question: &OpenQuestion, history: &[Move]) -> Option<Timestamp> {
        let mut older = 0;
        let mut ours = history.iter().filter(|own| own.to == question.shown_as && self.seen.is_ours(own));
        let first = ours.find(|own| {
            let mut may_be = self.seen.writes_that_may_be(&own.to, self.seen.translated(own.at));
            let Some((nth, write)) = may_be.find(|(nth, _)| *nth >= older) else { return false };
            older = nth + 1;
            write.begun >= question.opened_at
        });
        first.map(|own| own.at)
    }

    /// It was written after the question was asked: by the product's clock alone where that tells of both, since two clocks
    /// are compared by whole seconds; or it is news since a look at which the question stood.
    fn is_reply(&self, comment: &Comment, question: &OpenQuestion, history: &[Move]) -> bool {
        self.seen.translated(comment.at).unwrap_or(comment.at) > question.opened_at
            || self.shown(question, history).is_some_and(|shown| comment.at >= shown)
            || (self.seen.before.asked.as_ref() == Some(&question.episode)
                && !self.seen.before.comments.contains_key(&comment.id))
    }

    /// The words of a rejection: `None` while they may still be written.
    #[expect(clippy::option_option, reason = "no reason yet, and no reason at all, are two things")]
    fn reason(
        &mut self,
        moved: Moved<'_>,
        question: &OpenQuestion,
        read: &IssueRead,
        awaited: Option<AwaitsReason>,
    ) -> Option<Option<String>> {
        let written = read.comments.iter().rev().find(|comment| {
            self.is_reply(comment, question, moved.history)
                && !self.seen.tracker.accounts.contains(&comment.by)
                && !self.kept.reasons.contains(&comment.id)
                && !comment.text.trim().is_empty()
        });
        if let Some(comment) = written {
            self.kept.reasons.insert(comment.id.clone());
            return Some(Some(comment.text.clone()));
        }
        let entry = moved.history.last().map(|entry| entry.id.clone()).unwrap_or_default();
        let now = self.seen.now;
        let since = awaited.filter(|awaited| awaited.entry == entry).map_or(now, |awaited| awaited.since);
        let left = REASON_WITHIN_MS - now.since_ms(since);
        if left <= 0 {
            return Some(None);
        }
        // It stays unhandled, so that the next look meets it again, unless it was taken back.
        self.kept.moves.remove(&entry);
        self.kept.awaits_reason = Some(AwaitsReason { entry, since });
        self.look_again_ms = Some(left);
        None
    }
}

/// Whether a command is an answer to this kind of question.
fn answers(command: Command, kind: EpisodeKind) -> bool {
    match kind {
        EpisodeKind::Approval | EpisodeKind::ProtectedPaths => matches!(command, Command::Approve | Command::Reject),
        EpisodeKind::ConfirmDeploy => command == Command::Confirm,
        EpisodeKind::Questions => command == Command::Start,
        EpisodeKind::Budget => false,
    }
}
