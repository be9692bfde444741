//! A person's answer to an open question, by whichever way it came: a command, a button, a status, a review.

use crate::decide::draft::Draft;
use crate::episode::{Answer, Answered as Given, Episode, EpisodeKind};
use crate::event::Refusal;
use crate::ids::CommitId;
use crate::people::{HumanAnswer, Reply, ReviewWord};
use crate::reason::{self, Reason};
use crate::rights::{self, Acting, Right};

use super::commands::{Answered, refuse, refuse_if_terminal};
use super::edits;

/// One answer closes one episode. It names the one that was seen; a late one is refused in words (A19).
pub fn answered(draft: &mut Draft, by: &Acting, given: &HumanAnswer) -> Answered {
    refuse_if_terminal(draft)?;
    if draft.facts.task.hands.is_some() {
        return refuse(draft, reason::branch_in_hands());
    }
    if !by.is_one_of(&given.people) {
        return refuse(draft, reason::not_answered(by.not_one_of(&given.people, "[people] approve")));
    }
    let by = &by.actor;
    let episode = asked(draft, given)?;
    if given.since.is_some_and(|since| since <= episode.opened_at) {
        return refuse(draft, reason::status_stood_before());
    }
    let about = episode.about.clone();
    Ok(match &given.reply {
        Reply::Approve => {
            draft.audit(by, "approve", reason::approved(about));
            draft.answer(episode, Answer::Approved, by);
            reason::now_approved()
        }
        Reply::Confirm => {
            draft.audit(by, "confirm_deploy", reason::confirmed(about));
            draft.answer(episode, Answer::Approved, by);
            reason::now_confirmed()
        }
        Reply::Reject { reason } => {
            draft.answer(episode, Answer::Rejected { reason: reason.clone() }, by);
            reason::now_rejected()
        }
        Reply::Text { text } => {
            let stage = draft.facts.task.position.name().to_owned();
            draft.audit(by, "answer", reason::answered(&stage));
            let given = Given { answer: Answer::Approved, by: by.clone(), at: draft.now, text: Some(text.clone()) };
            draft.put_episode(Episode { answer: Some(given), ..episode });
            // Who asked in the middle of mending something has still to mend it.
            let asked_for = draft.visit_attempt().and_then(|attempt| attempt.rework.clone());
            draft.facts.task.rework = draft.facts.task.rework.take().or(asked_for);
            draft.enter_again();
            reason::now_answered(stage)
        }
    })
}

/// The open question that this answers.
fn asked(draft: &Draft, given: &HumanAnswer) -> Result<Episode, Refusal> {
    let kinds: &[EpisodeKind] = match given.reply {
        Reply::Approve | Reply::Reject { .. } => &[EpisodeKind::Approval, EpisodeKind::ProtectedPaths],
        Reply::Confirm => &[EpisodeKind::ConfirmDeploy],
        Reply::Text { .. } => &[EpisodeKind::Questions],
    };
    let id = &draft.facts.task.work_item;
    let Some(named) = &given.episode else {
        let open = kinds.iter().find_map(|kind| draft.open_episode(*kind));
        return open.ok_or_else(|| Refusal { work_item: id.clone(), why: nothing_asked(&given.reply) });
    };
    let found = draft.facts.episodes.iter().find(|episode| &episode.id == named);
    let why = match found.map(|episode| (episode, &episode.answer)) {
        Some((episode, None)) if episode.visit == draft.facts.task.visit => {
            if kinds.contains(&episode.kind) {
                return Ok(episode.clone());
            }
            reason::no_answer_to_that()
        }
        Some((_, Some(said))) if said.answer != Answer::Withdrawn => reason::answered_already(),
        _ => reason::not_asked_any_more(),
    };
    Err(Refusal { work_item: id.clone(), why })
}

fn nothing_asked(reply: &Reply) -> Reason {
    match reply {
        Reply::Approve => reason::no_approval_asked(),
        Reply::Reject { .. } => reason::nothing_to_reject(),
        Reply::Confirm => reason::no_confirmation_asked(),
        Reply::Text { .. } => reason::no_questions_asked(),
    }
}

/// A review on the forge (Y6): approval answers an open question about the very commit; a wish for changes answers it,
/// or sends the task back to where the change was made. Anything else is kept and does nothing.
pub fn reviewed(draft: &mut Draft, by: &Acting, commit: &CommitId, word: &ReviewWord, people: &[String]) -> Reason {
    let task = &draft.facts.task;
    let present = task.head.as_ref() == Some(commit);
    let reply = match word {
        ReviewWord::Approved => Reply::Approve,
        ReviewWord::ChangesRequested { findings } => Reply::Reject { reason: findings.clone() },
    };
    let said = match word {
        ReviewWord::Approved => "approved",
        ReviewWord::ChangesRequested { .. } => "changes_requested",
    };
    if !present {
        draft.audit(&by.actor, "forge_review", reason::reviewed_older(said, commit));
        return reason::nothing_said();
    }
    let answer = HumanAnswer { episode: None, since: None, people: people.to_vec(), reply };
    let counts = rights::may(by, Right::Answer).is_ok() && by.is_one_of(people);
    if counts && let Ok(text) = answered(draft, by, &answer) {
        return text;
    }
    if let ReviewWord::ChangesRequested { findings } = word
        && counts
        && edits::back_to_build(draft, &by.actor, findings)
    {
        return reason::nothing_said();
    }
    draft.audit(&by.actor, "forge_review", reason::reviewed(said));
    reason::nothing_said()
}
