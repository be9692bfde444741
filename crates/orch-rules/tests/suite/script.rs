//! The language of the stories: one step or expectation per line, `#` begins a comment.
//!
//! | step | means |
//! |---|---|
//! | `repository shop [serial] [line NAME]` | `plain`, `confirm`, `deploy`, `deploy-confirm` |
//! | `policy runs 1`, `policy budget 100 per 60`, `policy title 20`, `policy lost 1`, `policy off stop` | the host |
//! | `new SHOP-1 "title" [start] [priority 5] [needs SHOP-2] [issue KEY]` | an issue arrives |
//! | `start`, `approve`, `confirm`, `stop`, `retry`, `pause`, `resume`, `comment`, `look` + task `[by ann]` | people |
//! | `reject SHOP-1 "why"`, `status SHOP-1 "In Review"`, `priority SHOP-1 5`, `merged SHOP-1 COMMIT` | people |
//! | `depend SHOP-1 on SHOP-2`, `undepend SHOP-1 on SHOP-2` | edges |
//! | `run ends SHOP-1 [attempt 1] well` | the agent satisfies every gate of its stage |
//! | `run ends SHOP-1 completed writes 12-review.md verdict=APPROVED body "…" changes a.rs` | or does this |
//! | `run ends SHOP-1 failed "why"`, `timed-out`, `stalled`, `stopped`, `lost`, `quarantined`, `spawn-failed "why"` | |
//! | `check passes SHOP-1`, `check fails SHOP-1 "output"`, `check unknown SHOP-1 "why"` | the test command |
//! | `candidate made SHOP-1`, `candidate conflicts SHOP-1 a.rs`, `candidate empty SHOP-1` `[fence 1]` | git |
//! | `lands SHOP-1 [fence 1]`, `push shop`, `effect fails SHOP-1 land "why"` | git |
//! | `freeze shop "why"`, `unfreeze shop`, `pause-repository shop`, `resume-repository shop`, `look-lane shop` | |
//! | `workers rest`, `workers work`, `edges unreadable`, `edges readable` | |
//! | `twice STEP` | the same event arrives again; expectations are about the second time |
//! | `race STEP against STEP` | the second is decided on facts read before the first is written |
//!
//! Expectations follow `expect`, see [`Script::expect`].

use std::collections::BTreeSet;
use std::fmt::Write as _;

use orch_rules::attempt::RunEnd;
use orch_rules::check::CheckOutcome;
use orch_rules::decide::Denied;
use orch_rules::decide::intake::Intake;
use orch_rules::effect::Effect;
use orch_rules::event::{Event, LaneEvent, TaskEvent};
use orch_rules::ids::{RepositoryId, TaskId};
use orch_rules::lane::Line;
use orch_rules::verdict::read_document;

use crate::world::showing::{show_guards, show_wait};
use crate::world::{Absorbed, Budget, Delivered, World, with_front_matter};

/// Plays one story.
pub struct Script {
    world: World,
    before: World,
    refused: Option<String>,
    told: String,
    pub fired: BTreeSet<String>,
    workers_rest: bool,
}

type Words<'w> = &'w [&'w str];

/// What a step asks for: an event with its author, and the effect it answers.
struct Asked {
    event: Event,
    by: String,
    answers: Option<Effect>,
}

impl Script {
    pub fn new() -> Self {
        Self {
            world: World::new(),
            before: World::new(),
            refused: None,
            told: String::new(),
            fired: BTreeSet::new(),
            workers_rest: false,
        }
    }

    pub fn told(&self) -> &str {
        &self.told
    }

    /// Plays every line.
    ///
    /// # Errors
    /// The line that does not hold, and why.
    pub fn play(&mut self, text: &str) -> Result<(), String> {
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let words = split(line);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let done = match words.as_slice() {
                ["expect", rest @ ..] => self.expect(rest),
                _ => self.step(line, &words),
            };
            done.map_err(|why| format!("line {}: {line}\n   {why}", number + 1))?;
        }
        Ok(())
    }

    fn step(&mut self, line: &str, words: Words) -> Result<(), String> {
        self.world.now.0 += 10;
        self.world.log = Default::default();
        self.before = self.world.clone();
        self.refused = None;
        let mut answers = Vec::new();
        match words {
            ["twice", rest @ ..] => {
                let asked = self.asked(rest);
                match (asked, rest) {
                    (_, ["new", ..]) => {
                        answers.push(self.do_one(rest)?);
                        self.settle();
                        self.before = self.world.clone();
                        answers.push(self.do_one(rest)?);
                    }
                    (Ok(asked), _) => {
                        answers.push(Some(self.absorb(&asked)));
                        self.settle();
                        self.world.now.0 += 1;
                        self.before = self.world.clone();
                        answers.push(Some(self.absorb(&asked)));
                    }
                    (Err(why), _) => return Err(why),
                }
            }
            ["race", rest @ ..] => {
                let at = rest.iter().position(|w| *w == "against").ok_or("race STEP against STEP")?;
                let second = self.asked(&rest[at + 1..])?;
                let old = self.world.decide(&second.event, &second.by, Denied::default()).ok_or("no such task")?;
                answers.push(self.do_one(&rest[..at])?);
                second.answers.iter().for_each(|e| self.world.answered(e));
                answers.push(Some(self.world.finish(old)));
            }
            _ => answers.push(self.do_one(words)?),
        }
        self.settle();
        if !self.workers_rest {
            self.world.take_all();
            self.world.perform_silent();
        }
        self.tell(line, &answers);
        self.refused = answers.into_iter().flatten().last().and_then(|a| match a {
            Absorbed::Refused(why) => Some(why),
            Absorbed::Accepted { .. } => None,
        });
        let mut broken = self.world.check();
        broken.extend(self.world.unfinished_looks());
        if broken.is_empty() { Ok(()) } else { Err(format!("what must always hold does not: {}", broken.join("; "))) }
    }

    fn settle(&mut self) {
        self.world.settle();
    }

    fn absorb(&mut self, asked: &Asked) -> Absorbed {
        asked.answers.iter().for_each(|e| self.world.answered(e));
        self.world.absorb(&asked.event, &asked.by)
    }

    /// Steps that are no event, or one event.
    fn do_one(&mut self, words: Words) -> Result<Option<Absorbed>, String> {
        match words {
            ["repository", id, rest @ ..] => {
                let line = option(rest, "line").unwrap_or("plain");
                self.world.add_repository(id, rest.contains(&"serial"), line);
            }
            ["policy", rest @ ..] => self.policy(rest)?,
            ["new", id, title, rest @ ..] => return self.new_issue(id, title, rest).map(Some),
            ["push", id] => self.world.push(&RepositoryId::from(*id)),
            ["workers", "rest"] => self.workers_rest = true,
            ["workers", "work"] => self.workers_rest = false,
            ["edges", how] => self.world.edges_unreadable = *how == "unreadable",
            _ => {
                let asked = self.asked(words)?;
                return Ok(Some(self.absorb(&asked)));
            }
        }
        Ok(None)
    }

    fn policy(&mut self, words: Words) -> Result<(), String> {
        let number = |text: &str| text.parse::<u32>().map_err(|e| format!("{text}: {e}"));
        let policy = &mut self.world.policy;
        match words {
            ["runs", n] => policy.max_runs = number(n)?,
            ["lost", n] => policy.lost_cap = number(n)?,
            ["title", n] => policy.title_max = number(n)?,
            ["budget", max, "per", each] => {
                policy.budget = Some(("host".to_owned(), number(each)?.into()));
                let budget = Budget { max: number(max)?.into(), ..Budget::default() };
                self.world.budgets.insert("host".to_owned(), budget);
            }
            ["off", "stop"] => policy.stop = false,
            ["off", "serial"] => policy.serial = false,
            ["off", "dependencies"] => policy.dependencies = false,
            _ => return Err("no such policy".to_owned()),
        }
        Ok(())
    }

    fn new_issue(&mut self, id: &str, title: &str, rest: Words) -> Result<Absorbed, String> {
        let (prefix, number) = id.split_once('-').ok_or("PREFIX-NNN")?;
        let repository = RepositoryId(prefix.to_lowercase());
        let pipeline = self.world.lines.get(&repository).ok_or("no such repository")?.clone();
        let number = number.parse().map_err(|e| format!("{id}: {e}"))?;
        let needs = option(rest, "needs").map(|n| self.task(n)).transpose()?;
        let wanted = Intake {
            task: TaskId(format!("task-{:03}", self.world.tasks.len() + 1)),
            title: title.to_owned(),
            description: option(rest, "text").unwrap_or_default().to_owned(),
            author: "ann".to_owned(),
            priority: option(rest, "priority").map_or(Ok(0), str::parse).map_err(|e| format!("{e}"))?,
            start: rest.contains(&"start"),
            issue_key: option(rest, "issue").unwrap_or(id).to_owned(),
            depends_on: needs.into_iter().collect(),
            pipeline,
            number,
            disambiguate: false,
        };
        Ok(self.world.intake(&repository, wanted))
    }

    fn task(&self, name: &str) -> Result<TaskId, String> {
        self.world.by_name(name).map(|t| t.id.clone()).ok_or(format!("there is no {name}"))
    }

    fn asked(&mut self, words: Words) -> Result<Asked, String> {
        let by = option(words, "by").unwrap_or("ann").to_owned();
        let plain = |event| Asked { event, by: by.clone(), answers: None };
        let on_lane = |id: &str, event| plain(Event::Lane { repository: id.into(), event });
        let on_task = |task: TaskId, event| plain(Event::Task { task, event });
        Ok(match words {
            ["freeze", id, reason, ..] => on_lane(id, LaneEvent::FreezeRequested { reason: (*reason).to_owned() }),
            ["unfreeze", id, ..] => on_lane(id, LaneEvent::UnfreezeRequested),
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
            ["effect", "fails", id, kind, error] => {
                let task = self.task(id)?;
                let answers = self.world.find_work(&task, kind);
                let (effect, error) = ((*kind).to_owned(), (*error).to_owned());
                let event = match answers {
                    Some(Effect::BuildCandidate { .. } | Effect::Land { .. }) => {
                        let repository = self.world.tasks[&task].repository.clone();
                        Event::Lane { repository, event: LaneEvent::EffectFailed { task, effect, error } }
                    }
                    _ => Event::Task { task, event: TaskEvent::EffectFailed { effect, error } },
                };
                Asked { event, by: "orch".to_owned(), answers }
            }
            ["depend", id, "on", other, ..] => {
                on_task(self.task(id)?, TaskEvent::DependencyAdded { on: self.task(other)? })
            }
            ["undepend", id, "on", other, ..] => {
                on_task(self.task(id)?, TaskEvent::DependencyRemoved { on: self.task(other)? })
            }
            [verb, id, rest @ ..] => {
                let first = rest.first().map(|w| (*w).to_owned()).unwrap_or_default();
                let event = match *verb {
                    "start" => TaskEvent::StartRequested,
                    "approve" => TaskEvent::Approved,
                    "reject" => TaskEvent::Rejected { reason: first },
                    "confirm" => TaskEvent::DeployConfirmed,
                    "stop" => TaskEvent::StopRequested,
                    "retry" => TaskEvent::RetryRequested,
                    "pause" => TaskEvent::Paused,
                    "resume" => TaskEvent::Resumed,
                    "comment" => TaskEvent::CommentSeen,
                    "status" => TaskEvent::StatusSeen { status: first },
                    "merged" => TaskEvent::PullRequestMerged { commit: first.into() },
                    "priority" => TaskEvent::PrioritySet { priority: first.parse().map_err(|e| format!("{e}"))? },
                    "look" => TaskEvent::Looked,
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
            "lost" => (RunEnd::Lost, false),
            "quarantined" => (RunEnd::Quarantined, false),
            "spawn-failed" => (RunEnd::SpawnFailed { reason }, false),
            other => return Err(format!("no run ends {other}")),
        };
        let mut delivered =
            if words.first() == Some(&"well") { self.world.good_work(&attempt) } else { Delivered::default() };
        read_delivery(words, &mut delivered);
        let cost = option(words, "costs").map(str::parse).transpose().map_err(|e| format!("{e}"))?;
        let event = self.world.run_ended(&attempt, end, delivers.then_some(&delivered), cost);
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
        let effect = self.lane_work(task, "build_candidate", option(rest, "fence"))?;
        let paths = rest.iter().filter(|w| w.contains('.')).map(|w| (*w).to_owned()).collect();
        let conflict = (how == "conflicts").then_some(paths);
        let event = self.world.candidate_made(&effect, conflict, how == "empty").ok_or("that is no candidate")?;
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

    /// `expect SHOP-1 at STAGE retries N attempt N visit N priority N waits TEXT rule NAME held TEXT branch NAME`,
    /// `expect nothing changed`, `expect refused TEXT`, `expect accepted`, `expect effect TEXT`,
    /// `expect no effect [TEXT]`, `expect cancelled TEXT`, `expect guard NAME failed`, `expect rework SHOP-1 TEXT`,
    /// `expect no rework SHOP-1`, `expect head SHOP-1 COMMIT`, `expect main shop COMMIT`, `expect slots N`,
    /// `expect usage SHOP-1 N`, `expect audit TEXT`, `expect asked SHOP-1 N` (open episodes). TEXT is a part of what
    /// is there.
    fn expect(&mut self, words: Words) -> Result<(), String> {
        let log = &self.world.log;
        let holds = |yes: bool, what: String| if yes { Ok(()) } else { Err(what) };
        match words {
            ["nothing", "changed"] => {
                let found = changed(&self.before, &self.world);
                holds(found.is_empty(), format!("changed: {found:?}"))
            }
            ["refused", text] => match &self.refused {
                Some(why) => holds(why.contains(text), format!("refused with: {why}")),
                None => Err("it was accepted".to_owned()),
            },
            ["accepted"] => holds(self.refused.is_none(), format!("refused: {:?}", self.refused)),
            ["effect", text] => {
                holds(log.effects.iter().any(|e| e.contains(text)), format!("asked: {:?}", log.effects))
            }
            ["no", "effect", rest @ ..] => {
                let text = rest.first().copied().unwrap_or_default();
                holds(!log.effects.iter().any(|e| e.contains(text)), format!("asked: {:?}", log.effects))
            }
            ["cancelled", text] => {
                holds(log.cancelled.iter().any(|e| e.contains(text)), format!("cancelled: {:?}", log.cancelled))
            }
            ["guard", name, "failed"] => {
                holds(log.failed.iter().any(|g| g.name() == *name), format!("failed: {}", show_guards(&log.failed)))
            }
            ["audit", text] => holds(log.audit.iter().any(|l| l.text.contains(text)), format!("told: {:?}", log.audit)),
            ["main", id, commit] => {
                let main = &self.world.main[&RepositoryId::from(*id)];
                holds(main.as_str() == *commit, format!("main is {main}"))
            }
            ["slots", n] => {
                let used = self.world.slots.values().map(BTreeSet::len).sum::<usize>();
                holds(used.to_string() == *n, format!("{used} are used"))
            }
            ["rework", id, text] => {
                let found = self.rework(id)?;
                holds(
                    found.as_ref().is_some_and(|r| r.contains(&text.replace("\\n", "\n"))),
                    format!("it is {found:?}"),
                )
            }
            ["no", "rework", id] => {
                let found = self.rework(id)?;
                holds(found.is_none(), format!("it is {found:?}"))
            }
            ["usage", id, n] => {
                let task = self.task(id)?;
                let spent: u64 =
                    self.world.usage.iter().filter(|(t, _, _)| t == &task).filter_map(|(_, _, u)| u.cost_micros).sum();
                holds(spent.to_string() == *n, format!("{spent} was spent"))
            }
            ["asked", id, n] => {
                let task = self.task(id)?;
                let open = self.world.episodes.get(&task).map_or(0, |all| all.iter().filter(|e| e.is_open()).count());
                holds(open.to_string() == *n, format!("{open} episodes are open"))
            }
            ["head", id, commit] => {
                let head = &self.world.tasks[&self.task(id)?].head;
                holds(head.as_ref().is_some_and(|h| h.as_str() == *commit), format!("the head is {head:?}"))
            }
            [id, rest @ ..] => self.expect_task(id, rest),
            [] => Err("expect what?".to_owned()),
        }
    }

    /// What the newest attempt was told, or the next one will be.
    fn rework(&self, id: &str) -> Result<Option<String>, String> {
        let task = self.task(id)?;
        let attempt = self.world.newest_attempt(&task).filter(|a| a.ended.is_none());
        Ok(attempt.map_or_else(|| self.world.tasks[&task].rework.clone(), |a| a.rework.clone()))
    }

    fn expect_task(&self, id: &str, words: Words) -> Result<(), String> {
        let task = &self.world.tasks[&self.task(id)?];
        for pair in words.chunks(2) {
            let [key, wanted] = pair else { return Err(format!("{pair:?}: a word and a value")) };
            let found = match *key {
                "at" => task.position.name().to_owned(),
                "retries" => task.retries.to_string(),
                "attempt" => task.attempt.to_string(),
                "visit" => task.visit.to_string(),
                "priority" => task.priority.to_string(),
                "rule" => task.rule.clone(),
                "branch" => task.branch.clone(),
                "waits" => {
                    let all: Vec<_> = task.waits.iter().map(show_wait).collect();
                    let all = all.join(", ");
                    if all.contains(wanted) { (*wanted).to_owned() } else { all }
                }
                "held" => {
                    let hold = task.hold.as_ref().map(|h| h.sentence()).unwrap_or_default();
                    let is = if wanted.is_empty() { hold.is_empty() } else { hold.contains(wanted) };
                    if is { (*wanted).to_owned() } else { format!("{hold:?}") }
                }
                other => return Err(format!("no task has {other}")),
            };
            if found != *wanted {
                return Err(format!("{id}: {key} is {found}, not {wanted}"));
            }
        }
        Ok(())
    }

    fn tell(&mut self, line: &str, answers: &[Option<Absorbed>]) {
        let mut told = format!("> {line}\n");
        for answer in answers.iter().flatten() {
            match answer {
                Absorbed::Refused(why) => writeln!(told, "    refused: {why}").unwrap(),
                Absorbed::Accepted { answer, trace } => {
                    if !["looked", "recorded"].contains(&answer.as_str()) {
                        writeln!(told, "    says: {answer}").unwrap();
                    }
                    self.fired.extend(trace.iter().map(|t| (*t).to_owned()));
                }
            }
        }
        let log = &self.world.log;
        if !log.failed.is_empty() {
            writeln!(told, "    guards failed: {}", show_guards(&log.failed)).unwrap();
        }
        for (who, rules) in &log.rules {
            self.fired.extend(rules.iter().map(|r| (*r).to_owned()));
            if !rules.is_empty() {
                writeln!(told, "    {who} by {}", rules.join(", ")).unwrap();
            }
        }
        log.effects.iter().for_each(|e| writeln!(told, "    asks {e}").unwrap());
        log.cancelled.iter().for_each(|e| writeln!(told, "    cancels {e}").unwrap());
        for task in self.world.tasks.values() {
            if self
                .before
                .tasks
                .get(&task.id)
                .is_none_or(|old| self.before.show_task(old) != self.world.show_task(task))
            {
                writeln!(told, "    {}", self.world.show_task(task)).unwrap();
            }
        }
        for id in self.world.repositories.keys() {
            let (old, new) = (show_lane(&self.before, id), show_lane(&self.world, id));
            if old != new {
                writeln!(told, "    lane {id}: {new}").unwrap();
            }
        }
        self.told.push_str(&told);
    }
}

fn show_lane(world: &World, id: &RepositoryId) -> String {
    let Some(repository) = world.repositories.get(id) else { return String::new() };
    let mut parts = Vec::new();
    if let Some(freeze) = &repository.frozen {
        parts.push(format!("frozen ({})", freeze.reason));
    }
    if repository.paused {
        parts.push("paused".to_owned());
    }
    for line in [Line::Entry, Line::Landing] {
        for entry in world.lane.values().filter(|e| &e.repository == id && e.line == line) {
            parts.push(format!("{} {}", entry.work_item, entry.state.name()));
        }
    }
    if parts.is_empty() { "empty".to_owned() } else { parts.join(" · ") }
}

/// What differs but versions, audit lines, and the words for people.
fn changed(before: &World, after: &World) -> Vec<&'static str> {
    let mut before = before.clone();
    let mut after = after.clone();
    for world in [&mut before, &mut after] {
        for task in world.tasks.values_mut() {
            task.version = 0;
            task.rule.clear();
        }
        world.repositories.values_mut().for_each(|r| r.version = 0);
        world.work.iter_mut().for_each(|w| w.state = crate::world::WorkState::UnderWay);
    }
    let pairs = [
        ("tasks", before.tasks == after.tasks),
        ("attempts", before.attempts == after.attempts),
        ("episodes", before.episodes == after.episodes),
        ("checks", before.checks == after.checks),
        ("lane", before.lane == after.lane),
        ("repositories", before.repositories == after.repositories),
        ("main", before.main == after.main),
        ("edges", before.edges == after.edges),
        ("work", before.work == after.work),
        ("slots", before.slots == after.slots),
        ("budgets", before.budgets == after.budgets),
        ("keys", before.keys == after.keys),
        ("usage", before.usage == after.usage),
    ];
    pairs.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
}

/// The word after a keyword.
fn option<'w>(words: &[&'w str], key: &str) -> Option<&'w str> {
    let at = words.iter().position(|w| *w == key)?;
    words.get(at + 1).copied()
}

/// `writes PATH key=value … [body TEXT] [plain]`, `changes PATH …`, `unreadable`.
fn read_delivery(words: Words, delivered: &mut Delivered) {
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
            "unreadable" => {
                delivered.unreadable = true;
                at += 1;
            }
            _ => at += 1,
        }
    }
}

/// Words; blanks inside double quotes belong to one.
fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut quoted, mut begun) = (false, false);
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                begun = true;
            }
            ' ' if !quoted => {
                if begun || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            c => word.push(c),
        }
    }
    if begun || !word.is_empty() {
        words.push(word);
    }
    words
}
