//! The language of the stories: one step or expectation per line, `#` begins a comment.
//!
//! | step | means |
//! |---|---|
//! | `repository shop [serial] [line NAME]` | `plain`, `confirm`, `deploy`, `deploy-confirm`, `turned` |
//! | `policy runs 1`, `policy budget 100 per 60` (a day), `policy task-budget 100 per 60`, `policy title 20`, `policy lost 1`, `policy off stop` | the host |
//! | `agent shop claude [credential main]` | who acts there, in every role |
//! | `later 60`, `lift credential:main` | minutes pass; a person lifts an outage |
//! | `new SHOP-1 "title" [start] [priority 5] [needs SHOP-2] [issue KEY]` | an issue arrives |
//! | `start`, `approve`, `confirm`, `stop`, `retry`, `pause`, `resume`, `comment`, `look` + task `[by ann]` | people |
//! | `reject SHOP-1 "why"`, `status SHOP-1 "In Review"`, `priority SHOP-1 5`, `raise SHOP-1 50`, `merged SHOP-1 COMMIT` | people |
//! | `reply approve SHOP-1`, `reply reject`/`text SHOP-1 "words"`, `reply confirm` + `[to open\|first] [since N] [people ann]` | an answer |
//! | `edit SHOP-1 [title T] [description T] [priority N]`, `send-back SHOP-1 STAGE "why"`, `skip SHOP-1 "why" [people ann]` | people |
//! | `hands-off SHOP-1`, `give-back SHOP-1`, `words SHOP-1 "text"`, `reviewed SHOP-1 COMMIT [asks "findings"]` | people |
//! | `push-seen SHOP-1 COMMIT`, `not-published SHOP-1 COMMIT`, `branch same\|gone\|pushed\|rewritten\|replayed\|conflicts SHOP-1 [changes a.rs]` | the forge |
//! | `policy expire N` | milliseconds until a question is asked again |
//! | `depend SHOP-1 on SHOP-2`, `undepend SHOP-1 on SHOP-2` | edges |
//! | `run ends SHOP-1 [attempt 1] well` | the agent satisfies every gate of its stage |
//! | `run ends SHOP-1 completed writes 12-review.md verdict=APPROVED body "…" changes a.rs` | or does this |
//! | `run ends SHOP-1 failed "why"`, `timed-out`, `stalled`, `stopped`, `lost`, `quarantined`, `spawn-failed "why"` | |
//! | `run ends SHOP-1 unavailable "why" credential main [until 30]` | the vendor names a moment, in minutes |
//! | `walk SHOP-1 to STAGE` | everything goes well until the task stands there |
//! | `check passes SHOP-1`, `check fails SHOP-1 "output"`, `check unknown SHOP-1 "why"` | the test command |
//! | `candidate made SHOP-1`, `candidate conflicts SHOP-1 a.rs`, `candidate empty SHOP-1` `[fence 1]` | git |
//! | `lands SHOP-1 [fence 1]`, `push shop`, `effect fails SHOP-1 land "why"` | git |
//! | `policy forward web` | what does not run there is mended, and not taken back; paths of `migrations/` cannot be |
//! | `policy target shop web`, `deployment SHOP-1 rolled_back ["why"]` | where it is deployed, and how far that is |
//! | `freeze shop "why"`, `unfreeze shop`, `pause-repository shop`, `resume-repository shop`, `look-lane shop` | |
//! | `workers rest`, `workers work`, `edges unreadable`, `edges readable` | |
//! | `twice STEP` | the same event arrives again; expectations are about the second time |
//! | `race STEP against STEP` | the second is decided on facts read before the first is written |
//!
//! Expectations follow `expect`, see [`Script::expect`].

mod asking;
mod expecting;
mod people;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use orch_rules::decide::Denied;
use orch_rules::decide::intake::Intake;
use orch_rules::effect::Effect;
use orch_rules::episode::EpisodeKind;
use orch_rules::event::Event;
use orch_rules::facts::Worker;
use orch_rules::ids::{RepositoryId, TaskId};
use orch_rules::lane::Line;
use orch_rules::pipeline::Role;

use crate::world::showing::show_guards;
use crate::world::{Absorbed, World, acting};

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

    pub fn world(&self) -> &World {
        &self.world
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
        self.world.pass(10);
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
                        self.work_goes_on();
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
        self.work_goes_on();
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

    fn work_goes_on(&mut self) {
        if !self.workers_rest {
            self.world.take_all();
            self.world.perform_silent();
        }
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
            ["agent", repository, name, rest @ ..] => self.agent(repository, name, rest),
            ["later", minutes] => {
                let minutes: i64 = minutes.parse().map_err(|e| format!("{minutes}: {e}"))?;
                self.world.pass(minutes * 60_000);
            }
            ["lift", key] => {
                let outage = self.world.outages.get(*key).ok_or("no such outage")?;
                let set = orch_rules::outage::lift(outage, &"ann".into(), &[], self.world.moment());
                self.world.apply(&set).map_err(|failed| format!("{failed:?}"))?;
            }
            ["push", id] => self.world.push(&RepositoryId::from(*id)),
            ["walk", id, "to", stage] => self.walk(id, stage)?,
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

    /// Everybody does the right thing for one task until it stands where it is wanted.
    fn walk(&mut self, id: &str, stage: &str) -> Result<(), String> {
        for _ in 0..60 {
            self.settle();
            let task = self.task(id)?;
            if self.world.tasks[&task].position.name() == stage {
                return Ok(());
            }
            let open = self.world.episodes.get(&task).and_then(|all| all.iter().find(|e| e.is_open())).map(|e| e.kind);
            let kinds = ["run_agent", "run_check", "build_candidate", "land", "deploy"];
            let asked = kinds.iter().find(|kind| self.world.find_work(&task, kind).is_some());
            let words: &[&str] = match (open, asked) {
                (Some(EpisodeKind::ConfirmDeploy), _) => &["confirm", id],
                (Some(EpisodeKind::Budget), _) => &["raise", id, "1000"],
                (Some(EpisodeKind::Questions), _) => &["start", id],
                (Some(EpisodeKind::Approval | EpisodeKind::ProtectedPaths), _) => &["approve", id],
                (None, Some(&"run_agent")) => &["run", "ends", id, "well"],
                (None, Some(&"run_check")) => &["check", "passes", id],
                (None, Some(&"build_candidate")) => &["candidate", "made", id],
                (None, Some(&"deploy")) => &["deployment", id, "healthy"],
                (None, Some(_)) => &["lands", id],
                (None, None) => return Err(format!("no way on: {}", self.world.show_task(&self.world.tasks[&task]))),
            };
            let asked = self.asked(words)?;
            if let Absorbed::Refused(why) = self.absorb(&asked) {
                return Err(why);
            }
        }
        Err("it never gets there".to_owned())
    }

    /// Who acts in every role of a repository.
    fn agent(&mut self, repository: &str, name: &str, rest: Words) {
        let credential = option(rest, "credential").map(str::to_owned);
        let worker = Worker { agent: name.to_owned(), credential };
        let roles = Role::ALL.into_iter().map(|role| (role, worker.clone())).collect();
        self.world.policy.workers.insert(repository.into(), roles);
    }

    fn policy(&mut self, words: Words) -> Result<(), String> {
        let number = |text: &str| text.parse::<u32>().map_err(|e| format!("{text}: {e}"));
        let policy = &mut self.world.policy;
        match words {
            ["runs", n] => policy.max_runs = number(n)?,
            ["lost", n] => policy.lost_cap = number(n)?,
            ["expire", n] => policy.episode_expires_ms = number(n)?.into(),
            ["title", n] => policy.title_max = number(n)?,
            ["budget", max, "per", each] => {
                policy.budgets.run_micros = number(each)?.into();
                policy.budgets.day_micros = Some(number(max)?.into());
            }
            ["task-budget", max, "per", each] => {
                policy.budgets.run_micros = number(each)?.into();
                policy.budgets.task_micros = Some(number(max)?.into());
            }
            ["target", repository, target] => {
                policy.targets.insert((*repository).into(), (*target).into());
            }
            ["forward", target] => _ = self.world.forward.insert((*target).into()),
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
            author: acting(option(rest, "by").unwrap_or("ann")),
            priority: option(rest, "priority").map_or(Ok(0), str::parse).map_err(|e| format!("{e}"))?,
            start: rest.contains(&"start"),
            issue_key: option(rest, "issue").unwrap_or(id).to_owned(),
            depends_on: needs.into_iter().collect(),
            pipeline,
            variant: option(rest, "variant").map(str::to_owned),
            authors: people::listed(rest, "authors"),
            number,
            disambiguate: false,
        };
        Ok(self.world.intake(&repository, wanted))
    }

    fn task(&self, name: &str) -> Result<TaskId, String> {
        self.world.by_name(name).map(|t| t.id.clone()).ok_or(format!("there is no {name}"))
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
        for (_, rules) in &log.rules {
            self.fired.extend(rules.iter().map(|r| (*r).to_owned()));
        }
        // A walk is told by where it leads.
        let walk = line.starts_with("walk ");
        if !log.failed.is_empty() && !walk {
            writeln!(told, "    guards failed: {}", show_guards(&log.failed)).unwrap();
        }
        for (who, rules) in &log.rules {
            if !rules.is_empty() && !walk {
                writeln!(told, "    {who} by {}", rules.join(", ")).unwrap();
            }
        }
        if !walk {
            log.effects.iter().for_each(|e| writeln!(told, "    asks {e}").unwrap());
            log.cancelled.iter().for_each(|e| writeln!(told, "    cancels {e}").unwrap());
        }
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

/// The word after a keyword.
fn option<'w>(words: &[&'w str], key: &str) -> Option<&'w str> {
    let at = words.iter().position(|w| *w == key)?;
    words.get(at + 1).copied()
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
