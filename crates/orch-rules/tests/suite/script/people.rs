//! Steps of people: answers, edits, and what is found on the branch.

use orch_rules::event::{Event, TaskEvent};
use orch_rules::ids::{TaskId, Timestamp};
use orch_rules::people::{BranchSeen, HumanAnswer, Reply, ReviewWord};

use super::asking::read_delivery;
use super::{Asked, Script, Words, option};
use crate::world::Delivered;

/// Orders that carry only their words.
pub(super) fn event(verb: &str, words: Words) -> Result<TaskEvent, String> {
    let first = words.first().map(|w| (*w).to_owned()).unwrap_or_default();
    let second = words.get(1).map(|w| (*w).to_owned()).unwrap_or_default();
    Ok(match verb {
        "edit" => TaskEvent::Edited {
            title: option(words, "title").map(str::to_owned),
            description: option(words, "description").map(str::to_owned),
            priority: option(words, "priority").map(str::parse).transpose().map_err(|e| format!("{e}"))?,
        },
        "send-back" => TaskEvent::SentBack { to: first.into(), reason: second },
        "skip" => TaskEvent::Skipped { reason: first, people: people(words) },
        "hands-off" => TaskEvent::HandsOff,
        "give-back" => TaskEvent::GivenBack,
        "words" => TaskEvent::Commented { text: first },
        "not-published" => TaskEvent::NotPublished { was: Some(first.into()), error: "a person pushed".to_owned() },
        "push-seen" => TaskEvent::PushSeen { tip: (first != "nowhere").then(|| first.into()) },
        "reviewed" => {
            let findings = option(words, "asks").map(str::to_owned);
            let word = findings.map_or(ReviewWord::Approved, |findings| ReviewWord::ChangesRequested { findings });
            TaskEvent::ForgeReviewed { commit: first.into(), word, people: people(words) }
        }
        other => return Err(format!("no such step: {other}")),
    })
}

fn people(words: Words) -> Vec<String> {
    listed(words, "people")
}

/// Names behind a word, with commas.
pub fn listed(words: Words, key: &str) -> Vec<String> {
    option(words, key).map(|names| names.split(',').map(str::to_owned).collect()).unwrap_or_default()
}

impl Script {
    pub(super) fn reply(&self, how: &str, id: &str, words: Words) -> Result<TaskEvent, String> {
        let said = words.first().map(|w| w.replace("\\n", "\n")).unwrap_or_default();
        let reply = match how {
            "approve" => Reply::Approve,
            "confirm" => Reply::Confirm,
            "reject" => Reply::Reject { reason: said },
            "text" => Reply::Text { text: said },
            other => return Err(format!("nobody replies {other}")),
        };
        let all = self.world.episodes.get(&self.task(id)?).map(Vec::as_slice).unwrap_or_default();
        let episode = match option(words, "to") {
            None => None,
            Some("open") => Some(all.iter().find(|e| e.is_open()).ok_or("nothing is open")?.id.clone()),
            Some("first") => Some(all.first().ok_or("nothing was asked")?.id.clone()),
            Some(named) => Some(named.into()),
        };
        let since = option(words, "since").map(str::parse).transpose().map_err(|e| format!("{e}"))?.map(Timestamp);
        Ok(TaskEvent::HumanAnswered { answer: HumanAnswer { episode, since, people: people(words), reply } })
    }

    pub(super) fn branch_seen(&self, task: &TaskId, how: &str, by: &str, words: Words) -> Result<Asked, String> {
        let effect = self.world.find_work(task, "observe_branch").ok_or("nobody looks at its branch")?;
        let head = self.world.tasks[task].head.clone().ok_or("it has no head")?;
        let mut delivered = Delivered::default();
        read_delivery(words, &mut delivered);
        let name = format!("push-on-{head}");
        let evidence = self.world.pushed(task, &name, &delivered).ok_or("no evidence")?;
        let by = by.to_owned();
        let seen = match how {
            "same" => BranchSeen::Same,
            "gone" => BranchSeen::Gone,
            "pushed" => BranchSeen::Pushed { by, evidence },
            "rewritten" => BranchSeen::Rewritten { by, evidence },
            "replayed" => BranchSeen::Replayed { by, tip: "the-push".into(), evidence },
            "conflicts" => {
                let paths = words.iter().filter(|w| w.contains('.')).map(|w| (*w).to_owned()).collect();
                BranchSeen::Conflict { by, evidence, paths }
            }
            other => return Err(format!("no branch is {other}")),
        };
        let event = Event::Task { task: task.clone(), event: TaskEvent::BranchSeen { head, seen } };
        Ok(Asked { event, by: "orch".to_owned(), answers: Some(effect) })
    }
}
