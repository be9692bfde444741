//! Steps that are one event.

use orch_rules::attempt::{RunEnd, WeakenedTest};
use orch_rules::check::CheckOutcome;
use orch_rules::deploy::DeploymentState;
use orch_rules::effect::Effect;
use orch_rules::event::{Event, LaneEvent, TaskEvent};
use orch_rules::ids::{TaskId, WorkItemId};
use orch_rules::lane::NamedTask;
use orch_rules::people::Reply;
use orch_rules::verdict::read_document;

use super::{Asked, Script, Words, option};
use crate::world::{Delivered, says, with_front_matter};

impl Script {
    fn named(&self, id: &str) -> Result<NamedTask, String> {
        Ok(NamedTask { task: self.task(id)?, work_item: id.into() })
    }

    pub(super) fn asked(&mut self, words: Words) -> Result<Asked, String> {
        let by = option(words, "by").unwrap_or("ann").to_owned();
        let plain = |event| Asked { event, by: by.clone(), answers: None };
        let on_lane = |id: &str, event| plain(Event::Lane { repository: id.into(), event });
        let on_task = |task: TaskId, event| plain(Event::Task { task, event });
        Ok(match words {
            ["freeze", id, reason, ..] => {
                let cause = option(words, "cause").map(|id| self.named(id)).transpose()?;
                let fixes = option(words, "fix").map(|id| self.named(id)).transpose()?.into_iter().collect();
                on_lane(id, LaneEvent::FreezeRequested { reason: (*reason).to_owned(), cause, fixes })
            }
            ["unfreeze", id, ..] => {
                let force = option(words, "force").map(str::to_owned);
                on_lane(id, LaneEvent::UnfreezeRequested { force })
            }
            ["pause-repository", id, ..] => on_lane(id, LaneEvent::Paused),
            ["resume-repository", id, ..] => on_lane(id, LaneEvent::Resumed),
            ["look-lane", id] => on_lane(id, LaneEvent::Looked),
            ["run", "ends", id, rest @ ..] => {
                let task = self.task(id)?;
                self.run_ended(&task, rest)?
            }
            ["check", how, id, rest @ ..] => {
                let task = self.task(id)?;
                self.check_ended(&task, how, rest.first().copied().unwrap_or_default())?
            }
            ["candidate", how, id, rest @ ..] => {
                let task = self.task(id)?;
                self.candidate(&task, how, rest)?
            }
            ["lands", id, rest @ ..] => {
                let effect = self.lane_work(&self.task(id)?, "land", option(rest, "fence"))?;
                let event = self.world.land(&effect).ok_or("that is no landing")?;
                Asked { event, by: "orch".to_owned(), answers: Some(effect) }
            }
            ["deployment", id, state, rest @ ..] => {
                let effect = self.lane_work(&self.task(id)?, "deploy", None)?;
                let known = DeploymentState::ALL.into_iter().find(|known| known.name() == *state);
                let known = known.ok_or_else(|| format!("no state {state}"))?;
                let event = self.world.deployed(&effect, known, rest.first().copied().unwrap_or_default());
                let ended = known.is_over();
                Asked { event, by: "orch".to_owned(), answers: ended.then_some(effect) }
            }
            ["effect", "fails", id, kind, error] => {
                let task = self.task(id)?;
                let answers = self.world.find_work(&task, kind);
                let (effect, error) = ((*kind).to_owned(), (*error).to_owned());
                let event = match answers {
                    Some(Effect::BuildCandidate { .. } | Effect::BuildRevert { .. } | Effect::Land { .. }) => {
                        let repository = self.world.tasks[&task].repository.clone();
                        Event::Lane { repository, event: LaneEvent::EffectFailed { task, effect, error } }
                    }
                    Some(Effect::PublishBranch { ref was, .. }) => {
                        Event::Task { task, event: TaskEvent::NotPublished { was: was.clone(), error } }
                    }
                    _ => Event::Task { task, event: TaskEvent::EffectFailed { effect, error } },
                };
                Asked { event, by: "orch".to_owned(), answers }
            }
            ["depend", id, "on", other, rest @ ..] => {
                let closing = rest.strip_prefix(&["closing"]).unwrap_or_default();
                let circle = closing.iter().map(|id| WorkItemId::from(*id)).collect();
                on_task(self.task(id)?, TaskEvent::DependencyAdded { on: self.task(other)?, circle })
            }
            ["undepend", id, "on", other, ..] => {
                on_task(self.task(id)?, TaskEvent::DependencyRemoved { on: self.task(other)? })
            }
            ["reply", how, id, rest @ ..] => on_task(self.task(id)?, self.reply(how, id, rest)?),
            ["branch", how, id, rest @ ..] => {
                let task = self.task(id)?;
                self.branch_seen(&task, how, &by, rest)?
            }
            [verb, id, rest @ ..] => {
                let first = rest.first().map(|w| (*w).to_owned()).unwrap_or_default();
                let event = match *verb {
                    "start" => TaskEvent::StartRequested { authors: super::people::listed(words, "authors") },
                    "approve" => says(Reply::Approve),
                    "reject" => says(Reply::Reject { reason: first }),
                    "confirm" => says(Reply::Confirm),
                    "stop" => TaskEvent::StopRequested,
                    "retry" => TaskEvent::RetryRequested,
                    "pause" => TaskEvent::Paused,
                    "resume" => TaskEvent::Resumed,
                    "comment" => TaskEvent::Commented { text: first },
                    // A status that is no command is a reason to look.
                    "status" => TaskEvent::Looked,
                    "merged" => TaskEvent::PullRequestMerged { commit: first.into() },
                    "priority" => TaskEvent::PrioritySet { priority: first.parse().map_err(|e| format!("{e}"))? },
                    "raise" => TaskEvent::BudgetRaised { by_micros: first.parse().map_err(|e| format!("{e}"))? },
                    "look" => TaskEvent::Looked,
                    "edit" | "send-back" | "skip" | "hands-off" | "give-back" | "words" | "push-seen" | "reviewed"
                    | "not-published" => super::people::event(verb, rest)?,
                    _ => return Err("no such step".to_owned()),
                };
                on_task(self.task(id)?, event)
            }
            _ => return Err("no such step".to_owned()),
        })
    }

    fn run_ended(&mut self, task: &TaskId, words: Words) -> Result<Asked, String> {
        let number = option(words, "attempt").map(str::parse::<u32>).transpose().map_err(|e| format!("{e}"))?;
        let words = if number.is_some() { &words[2..] } else { words };
        let all = self.world.attempts.get(task).ok_or("it has no attempt")?;
        let attempt = match number {
            Some(number) => all.iter().find(|a| a.number == number),
            None => all.last(),
        };
        let attempt = attempt.ok_or("it has no such attempt")?.clone();
        let reason = words.get(1).map(|w| (*w).to_owned()).unwrap_or_default();
        let (end, delivers) = match words.first().copied().unwrap_or_default() {
            "well" | "completed" => (RunEnd::Completed, true),
            "failed" => (RunEnd::Failed { reason }, true),
            "timed-out" => (RunEnd::TimedOut, true),
            "stalled" => (RunEnd::Stalled, true),
            "stopped" => (RunEnd::Stopped, true),
            "lost" => (RunEnd::LOST, false),
            "quarantined" => (RunEnd::Quarantined, false),
            "unavailable" => {
                let credential = option(words, "credential").unwrap_or("main").to_owned();
                let minutes = option(words, "until").map(str::parse::<i64>).transpose().map_err(|e| format!("{e}"))?;
                let until = minutes.map(|m| self.world.moment().plus_ms(m * 60_000));
                (RunEnd::Unavailable { credential, until, reason }, true)
            }
            "spawn-failed" | "never-starts" => (RunEnd::not_started(reason), false),
            "host-lacks" => (RunEnd::host_lacks(reason), false),
            other => return Err(format!("no run ends {other}")),
        };
        let mut delivered =
            if words.first() == Some(&"well") { self.world.good_work(&attempt) } else { Delivered::default() };
        read_delivery(words, &mut delivered);
        let cost = option(words, "costs").map(str::parse).transpose().map_err(|e| format!("{e}"))?;
        let mut event = self.world.run_ended(&attempt, end, delivers.then_some(&delivered), cost);
        if let Event::Task { event: TaskEvent::RunEnded { trouble, .. }, .. } = &mut event
            && words.first() == Some(&"never-starts")
        {
            *trouble = words.get(1).map(|w| (*w).to_owned());
        }
        let answers = Effect::RunAgent { task: task.clone(), attempt: attempt.number };
        Ok(Asked { event, by: "orch".to_owned(), answers: Some(answers) })
    }

    fn check_ended(&mut self, task: &TaskId, how: &str, text: &str) -> Result<Asked, String> {
        let (effect, _) = self.world.check_of(task).ok_or("no check of it runs")?;
        let outcome = match how {
            "passes" => CheckOutcome::Passed,
            "fails" => CheckOutcome::Failed { reason: "exit code 1".to_owned() },
            "unknown" => CheckOutcome::Unknown { reason: text.to_owned() },
            other => return Err(format!("no check {other}")),
        };
        self.world.remember_check(&effect, &outcome);
        let excerpt = if how == "fails" { text } else { "" };
        let event = self.world.check_ended(&effect, outcome, excerpt).ok_or("that is no check")?;
        Ok(Asked { event, by: "orch".to_owned(), answers: Some(effect) })
    }

    fn candidate(&mut self, task: &TaskId, how: &str, rest: Words) -> Result<Asked, String> {
        let kind =
            if self.world.find_work(task, "build_revert").is_some() { "build_revert" } else { "build_candidate" };
        let effect = self.lane_work(task, kind, option(rest, "fence"))?;
        let paths = rest.iter().filter(|w| w.contains('.')).map(|w| (*w).to_owned()).collect();
        let conflict = (how == "conflicts").then_some(paths);
        let settings = if how == "spoils" { vec![rest.join(" ")] } else { Vec::new() };
        let event =
            self.world.candidate_with(&effect, conflict, how == "empty", settings).ok_or("that is no candidate")?;
        Ok(Asked { event, by: "orch".to_owned(), answers: Some(effect) })
    }

    /// The lane's effect for a task; with a fence, one of that fence, which may be long over.
    fn lane_work(&self, task: &TaskId, kind: &str, fence: Option<&str>) -> Result<Effect, String> {
        let found = self.world.find_work(task, kind);
        let Some(fence) = fence else { return found.ok_or(format!("nobody asked for {kind}")) };
        let fence = fence.parse().map_err(|e| format!("{e}"))?;
        let row = &self.world.tasks[task];
        let (repository, task, head) =
            (row.repository.clone(), task.clone(), row.head.clone().ok_or("it has no head")?);
        Ok(if kind == "land" {
            let parent = "an older main".into();
            Effect::Land { repository, task, candidate: head, parent, fence }
        } else {
            Effect::BuildCandidate { repository, task, head, fence }
        })
    }
}

/// `writes PATH key=value … [body TEXT] [plain]`, `changes PATH …`, `weakens PATH`, `unprotected`, `unreadable`.
pub(super) fn read_delivery(words: Words, delivered: &mut Delivered) {
    let mut at = 0;
    while at < words.len() {
        match words[at] {
            "writes" => {
                let path = words.get(at + 1).copied().unwrap_or_default();
                at += 2;
                let mut fields = Vec::new();
                while let Some((key, value)) = words.get(at).and_then(|w| w.split_once('=')) {
                    fields.push((key, value));
                    at += 1;
                }
                let mut body = "# Text".to_owned();
                if words.get(at) == Some(&"body") {
                    body = words.get(at + 1).copied().unwrap_or_default().replace("\\n", "\n");
                    at += 2;
                }
                delivered.documents.push(if fields.is_empty() {
                    read_document(path, body.as_bytes())
                } else {
                    with_front_matter(path, &fields, &body)
                });
            }
            "changes" => {
                at += 1;
                while let Some(path) = words.get(at).filter(|w| w.contains('.')) {
                    delivered.changed.push((*path).to_owned());
                    at += 1;
                }
            }
            "weakens" => {
                let path = words.get(at + 1).copied().unwrap_or_default().to_owned();
                delivered.weakened.push(WeakenedTest { path, deleted: false, removed_lines: 2, diff: String::new() });
                at += 2;
            }
            "spoils" => {
                delivered.settings.push(words.get(at + 1).copied().unwrap_or_default().to_owned());
                at += 2;
            }
            "unprotected" => {
                delivered.protection = false;
                at += 1;
            }
            "unreadable" => {
                delivered.unreadable = true;
                at += 1;
            }
            _ => at += 1,
        }
    }
}
