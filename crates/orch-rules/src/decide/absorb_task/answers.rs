//! A person's answer to an open question, by whichever way it came: a command, a button, a status, a review.

use crate::decide::draft::Draft;
use crate::episode::{Answer, Answered as Given, Episode, EpisodeKind};
use crate::event::Refusal;
use crate::ids::CommitId;
use crate::people::{HumanAnswer, Reply, ReviewWord};
use crate::rights::{self, Acting, Right};

use super::commands::{Answered, refuse, refuse_if_terminal};
use super::edits;

/// One answer closes one episode. It names the one that was seen; a late one is refused in words (A19).
pub fn answered(draft: &mut Draft, by: &Acting, given: &HumanAnswer) -> Answered {
    refuse_if_terminal(draft)?;
    if draft.facts.task.hands.is_some() {
        let why = format!("a person has its branch; orch give-back {} comes first", draft.facts.task.work_item);
        return refuse(draft, why);
    }
    if !by.is_one_of(&given.people) {
        return refuse(draft, format!("not answered: {}", by.not_one_of(&given.people, "[people] approve")));
    }
    let by = &by.actor;
    let episode = asked(draft, given)?;
    if given.since.is_some_and(|since| since <= episode.opened_at) {
        return refuse(draft, "that status has stood since before this was asked; set it anew to answer");
    }
    let about = episode.about.clone();
    Ok(match &given.reply {
        Reply::Approve => {
            draft.audit(by, "approve", format!("approved {about}"));
            draft.answer(episode, Answer::Approved, by);
            "approved".to_owned()
        }
        Reply::Confirm => {
            draft.audit(by, "confirm_deploy", format!("confirmed {about}"));
            draft.answer(episode, Answer::Approved, by);
            "confirmed".to_owned()
        }
        Reply::Reject { reason } => {
            draft.answer(episode, Answer::Rejected { reason: reason.clone() }, by);
            "rejected; the agent gets your reason".to_owned()
        }
        Reply::Text { text } => {
            let stage = draft.facts.task.position.name().to_owned();
            draft.audit(by, "answer", format!("answered the questions; {stage} runs again"));
            let given = Given { answer: Answer::Approved, by: by.clone(), at: draft.now, text: Some(text.clone()) };
            draft.put_episode(Episode { answer: Some(given), ..episode });
            // Who asked in the middle of mending something has still to mend it.
            let asked_for = draft.visit_attempt().and_then(|attempt| attempt.rework.clone());
            draft.facts.task.rework = draft.facts.task.rework.take().or(asked_for);
            draft.enter_again();
            format!("answered; {stage} runs again with your words")
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
        return open.ok_or_else(|| Refusal { work_item: id.clone(), why: nothing_asked(&given.reply).to_owned() });
    };
    let found = draft.facts.episodes.iter().find(|episode| &episode.id == named);
    let why = match found.map(|episode| (episode, &episode.answer)) {
        Some((episode, None)) if episode.visit == draft.facts.task.visit => {
            if kinds.contains(&episode.kind) {
                return Ok(episode.clone());
            }
            format!("that is no answer to what is asked; see it: orch show {id}")
        }
        Some((_, Some(said))) if said.answer != Answer::Withdrawn => {
            format!("that was answered already; see what is asked now: orch show {id}")
        }
        _ => format!("that is not asked any more: the task moved on, or it is asked anew; see it: orch show {id}"),
    };
    Err(Refusal { work_item: id.clone(), why })
}

fn nothing_asked(reply: &Reply) -> &'static str {
    match reply {
        Reply::Approve => "nothing waits for approval; orch show tells what it waits for",
        Reply::Reject { .. } => "nothing waits for approval, so there is nothing to reject; orch stop cancels the task",
        Reply::Confirm => "nothing waits for Confirm Deploy",
        Reply::Text { .. } => "nobody asks anything; orch comment keeps words for the next agent",
    }
}

/// A review on the forge (Y6): approval answers an open question about the very commit; a wish for changes answers it,
/// or sends the task back to where the change was made. Anything else is kept and does nothing.
pub fn reviewed(draft: &mut Draft, by: &Acting, commit: &CommitId, word: &ReviewWord, people: &[String]) -> String {
    let task = &draft.facts.task;
    let present = task.head.as_ref() == Some(commit);
    let reply = match word {
        ReviewWord::Approved => Reply::Approve,
        ReviewWord::ChangesRequested { findings } => Reply::Reject { reason: findings.clone() },
    };
    let said = match word {
        ReviewWord::Approved => "approved",
        ReviewWord::ChangesRequested { .. } => "asks for changes",
    };
    if !present {
        draft.audit(
            &by.actor,
            "forge_review",
            format!("{said} on the forge, about the older {commit}: nothing changes"),
        );
        return "recorded".to_owned();
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
        return "sent back".to_owned();
    }
    draft.audit(&by.actor, "forge_review", format!("{said} on the forge: no pipeline action"));
    "recorded".to_owned()
}
