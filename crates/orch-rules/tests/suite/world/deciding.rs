//! Facts, decisions, and the loop around them: a guard that fails costs a reload.

use std::collections::{BTreeMap, VecDeque};

use orch_rules::attempt::RunEnd;
use orch_rules::change::Guard;
use orch_rules::check::CheckKey;
use orch_rules::decide::{Decision, Denied, decide_lane, decide_task};
use orch_rules::episode::EpisodeKind;
use orch_rules::event::{Event, LaneEvent, Refusal, TaskEvent};
use orch_rules::facts::{Dependencies, Dependency, EntryFacts, LandingFacts, Moment, RepositoryFacts, TaskFacts};
use orch_rules::ids::{RepositoryId, TaskId, WorkItemId};
use orch_rules::lane::{LaneEntry, Line};
use orch_rules::task::Position;

use super::showing::{in_words, refused_in_words};
use super::{World, acting};

/// "Decide this again."
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wake {
    /// A task.
    Task(TaskId),
    /// A repository's lane.
    Lane(RepositoryId),
}

impl Wake {
    pub fn event(&self) -> Event {
        match self {
            Self::Task(task) => Event::Task { task: task.clone(), event: TaskEvent::Looked },
            Self::Lane(id) => Event::Lane { repository: id.clone(), event: LaneEvent::Looked },
        }
    }
}

/// A decision on facts that may be old by the time it is applied.
pub struct Decided {
    pub event: Event,
    pub by: String,
    pub decision: Result<Decision, Refusal>,
}

/// What came of an event.
#[derive(Debug, Clone)]
pub enum Absorbed {
    /// The answer for the person who asked, and the rules that fired.
    Accepted { answer: String, trace: Vec<&'static str> },
    /// Why not.
    Refused(String),
}

impl World {
    pub fn task_facts(&self, id: &TaskId) -> Option<TaskFacts> {
        let task = self.tasks.get(id)?.clone();
        let repository = self.repositories.get(&task.repository)?.clone();
        let landing = self.landing_entry(&task);
        let candidate = landing.and_then(|e| e.state.candidate()).map(|c| &c.commit);
        let wanted = |key: &CheckKey| match key {
            CheckKey::Code(code) => task.keys.as_ref().is_some_and(|k| &k.code == code),
            CheckKey::Candidate(commit) => candidate == Some(commit),
        };
        let all = self.attempts.get(id).map(Vec::as_slice).unwrap_or_default();
        let lost = |a: &&orch_rules::attempt::Attempt| {
            a.visit == task.visit && a.ended.as_ref().is_some_and(|e| matches!(e.how, RunEnd::Lost { .. }))
        };
        let entry = self.lane.get(&(task.repository.clone(), Line::Entry, id.clone()));
        Some(TaskFacts {
            unknown: Vec::new(),
            pipeline: self.pipeline_of(&task)?.clone(),
            attempt: all.last().cloned(),
            lost_in_visit: all.iter().filter(lost).count() as u32,
            checks: self
                .checks
                .get(id)
                .map(Vec::as_slice)
                .unwrap_or_default()
                .iter()
                .filter(|c| c.outcome.is_none() || wanted(&c.key))
                .cloned()
                .collect(),
            episodes: self
                .episodes
                .get(id)
                .map(Vec::as_slice)
                .unwrap_or_default()
                .iter()
                .filter(|e| e.visit == task.visit || e.is_open() || e.kind == EpisodeKind::ProtectedPaths)
                .cloned()
                .collect(),
            dependencies: self.dependencies(id),
            lane: entry.into_iter().chain(landing).cloned().collect(),
            ahead: landing.map(|e| self.before(e, usize::MAX)).unwrap_or_default(),
            entry_ahead: entry.map(|e| self.before(e, 50)).unwrap_or_default(),
            outages: self.outages.values().cloned().collect(),
            policy: self.policy.clone(),
            repository,
            task,
        })
    }

    pub fn lane_facts(&self, id: &RepositoryId) -> Option<RepositoryFacts> {
        let places = |line: Line| {
            let from = (id.clone(), line, TaskId(String::new()));
            self.lane.range(from..).take_while(move |((r, l, _), _)| r == id && *l == line).map(|(_, e)| e)
        };
        let resting =
            |e: &LaneEntry| self.tasks.get(&e.task).is_some_and(|t| t.hold.is_some() || t.paused || t.stop.is_some());
        let mut entry: Vec<_> = places(Line::Entry)
            .map(|e| EntryFacts {
                ready: self.edges_unreadable || self.open_dependencies(&e.task).is_empty(),
                resting: resting(e),
                entry: e.clone(),
            })
            .collect();
        let mut landing: Vec<_> = places(Line::Landing)
            .map(|e| LandingFacts {
                resting: resting(e),
                awaits_human: self.episodes.get(&e.task).is_some_and(|all| all.iter().any(|q| q.is_open())),
                entry: e.clone(),
            })
            .collect();
        entry.sort_by_key(|e| (e.entry.position, e.entry.task.clone()));
        landing.sort_by_key(|e| (e.entry.position, e.entry.task.clone()));
        Some(RepositoryFacts {
            repository: self.repositories.get(id)?.clone(),
            entry,
            landing,
            policy: self.policy.clone(),
        })
    }

    fn before(&self, mine: &LaneEntry, most: usize) -> Vec<WorkItemId> {
        let key = |e: &LaneEntry| (std::cmp::Reverse(e.priority), e.position, e.task.clone());
        let from = (mine.repository.clone(), mine.line, TaskId(String::new()));
        let line = self.lane.range(from..).take_while(|((r, l, _), _)| r == &mine.repository && *l == mine.line);
        let mut ahead: Vec<_> = line.map(|(_, e)| e).filter(|e| !e.state.is_settled() && key(e) < key(mine)).collect();
        ahead.sort_by_key(|e| key(e));
        ahead.into_iter().take(most).map(|e| e.work_item.clone()).collect()
    }

    fn dependencies(&self, id: &TaskId) -> Dependencies {
        if self.edges_unreadable {
            return Dependencies::Unknown;
        }
        let open = self.open_dependencies(id);
        let cycle = if open.is_empty() { None } else { self.cycle(id) };
        let open = open.into_iter().map(|(task, work_item)| Dependency { task, work_item }).collect();
        let called_off = |on: &TaskId| self.tasks.get(on).is_some_and(|task| task.position == Position::Cancelled);
        let cancelled = self.edges.iter().filter(|(task, on)| task == id && called_off(on));
        let cancelled =
            cancelled.map(|(_, on)| Dependency { task: on.clone(), work_item: WorkItemId(self.name_of(on)) }).collect();
        Dependencies::Known { open, cycle, cancelled }
    }

    /// The shortest way from a task over unfinished ones back to itself.
    fn cycle(&self, id: &TaskId) -> Option<Vec<WorkItemId>> {
        let mut came_from: BTreeMap<TaskId, TaskId> = BTreeMap::new();
        let mut queue = VecDeque::from([id.clone()]);
        while let Some(at) = queue.pop_front() {
            for (to, _) in self.open_dependencies(&at) {
                if &to == id {
                    let mut through = vec![at.clone()];
                    while let Some(before) = came_from.get(&through[through.len() - 1]) {
                        through.push(before.clone());
                    }
                    return Some(through.iter().rev().map(|t| WorkItemId(self.name_of(t))).collect());
                }
                if !came_from.contains_key(&to) {
                    came_from.insert(to.clone(), at.clone());
                    queue.push_back(to);
                }
            }
        }
        None
    }

    /// Decide without applying. `None` if there is no such task or repository.
    pub fn decide(&self, event: &Event, by: &str, denied: Denied) -> Option<Decided> {
        let moment = Moment { now: self.moment() };
        let acting = &acting(by);
        let decision = match event {
            Event::Task { task, event } => decide_task(self.task_facts(task)?, event, acting, moment, denied),
            Event::Lane { repository, event } => decide_lane(self.lane_facts(repository)?, event, acting, moment),
        };
        Some(Decided { event: event.clone(), by: by.to_owned(), decision })
    }

    /// Decide and apply, as often as guards fail.
    pub fn absorb(&mut self, event: &Event, by: &str) -> Absorbed {
        let Some(decided) = self.decide(event, by, Denied::default()) else {
            return Absorbed::Refused("there is no such task or repository".to_owned());
        };
        self.finish(decided)
    }

    /// Apply what was decided a moment ago; if a guard fails, decide again.
    pub fn finish(&mut self, mut decided: Decided) -> Absorbed {
        let mut denied = Denied::default();
        for _ in 0..20 {
            let decision = match decided.decision {
                Ok(decision) => decision,
                Err(refusal) => return Absorbed::Refused(refused_in_words(&refusal)),
            };
            match self.apply(&decision.changes) {
                Ok(()) => {
                    self.note(&decided.event, &decision);
                    if denied != Denied::default() {
                        self.ask_once_more(&decided.event);
                    }
                    return Absorbed::Accepted { answer: in_words(&decision.answer), trace: decision.trace };
                }
                // A store names the first that fails; rows of its own come before what is counted.
                Err(failed) => {
                    let others = failed.iter().find(|g| denied.learn(g).is_none());
                    let first = others.or(failed.first());
                    denied = first.and_then(|g| denied.learn(g)).unwrap_or(denied);
                }
            }
            match self.decide(&decided.event, &decided.by, denied) {
                Some(again) => decided = again,
                None => break,
            }
        }
        self.broken(format!("{:?} is decided again and again", decided.event));
        Absorbed::Refused("no end of it".to_owned())
    }

    /// A slot may have been given back before the row said that it is waited for.
    fn ask_once_more(&mut self, event: &Event) {
        let Event::Task { task, .. } = event else { return };
        let look = Event::Task { task: task.clone(), event: TaskEvent::Looked };
        let Some(Decided { decision: Ok(decision), .. }) = self.decide(&look, "orch", Denied::default()) else {
            return;
        };
        let failed = self.log.failed.len();
        if self.apply(&decision.changes).is_ok() {
            self.note(&look, &decision);
        }
        self.log.failed.truncate(failed);
    }

    fn note(&mut self, event: &Event, decision: &Decision) {
        if !decision.changes.is_empty() {
            let who = match event {
                Event::Task { task, .. } => self.name_of(task),
                Event::Lane { repository, .. } => format!("lane {repository}"),
            };
            self.log.rules.push((who, decision.trace.clone()));
        }
    }

    /// Decide what was woken until nothing is.
    pub fn settle(&mut self) {
        for _ in 0..2_000 {
            let Some(wake) = self.wakes.pop_front() else { return };
            self.absorb(&wake.event(), "orch");
        }
        self.broken("the wakes never end".to_owned());
    }

    /// What looking at everything again would change: nothing, if whatever ended a wait woke the waiter. Places in a
    /// line are told when they are asked for.
    pub fn unfinished_looks(&self) -> Vec<String> {
        let tasks = self.tasks.keys().cloned().map(Wake::Task);
        let lanes = self.repositories.keys().cloned().map(Wake::Lane);
        let mut found = Vec::new();
        for wake in tasks.chain(lanes) {
            let mut denied = Denied::default();
            while let Some(Decided { decision: Ok(decision), .. }) = self.decide(&wake.event(), "orch", denied) {
                let counted = decision
                    .changes
                    .guards
                    .iter()
                    .find(|g| matches!(g, Guard::SlotBelow { .. } | Guard::Reserve { .. }) && !self.holds(g));
                if let Some(learned) = counted.and_then(|g| denied.learn(g)).filter(|l| *l != denied) {
                    denied = learned;
                    continue;
                }
                // Nothing but the sweep ends the time a question may stand.
                if self.matters(&decision) && !decision.trace.contains(&"episode_expired") {
                    found.push(format!("{wake:?} would still do {:?}: {:?}", decision.trace, decision.changes));
                }
                break;
            }
        }
        found
    }

    fn matters(&self, decision: &Decision) -> bool {
        use orch_rules::change::Change;
        use orch_rules::task::Wait;
        // Who waits for money is not woken to be told that something else is short as well: it could not start anyway,
        // and the next decision that could start it asks about what is short then.
        let short = matches!(decision.trace.last(), Some(&("no_budget" | "no_slot" | "outage")));
        let money = |change: &Change| match change {
            Change::PutTask { task } => self.tasks.get(&task.id).is_some_and(|old| {
                let waits = old.waits.iter().any(|w| matches!(w, Wait::Budget { .. }));
                waits && decision.trace.len() == 1
            }),
            _ => false,
        };
        if short && decision.changes.changes.iter().any(money) {
            return false;
        }
        decision.changes.changes.iter().any(|change| match change {
            Change::PutTask { task } => {
                let told = |waits: &[Wait]| -> Vec<Wait> {
                    let place = |w: &Wait| matches!(w, Wait::Lane { .. } | Wait::Entry { .. });
                    waits.iter().filter(|w| !place(w)).cloned().collect()
                };
                self.tasks.get(&task.id).is_some_and(|old| {
                    let mut new = task.clone();
                    if told(&old.waits) == told(&new.waits) && old.waits.len() == new.waits.len() {
                        new.waits.clone_from(&old.waits);
                    }
                    new.version = old.version;
                    new.rule.clone_from(&old.rule);
                    &new != old
                })
            }
            _ => true,
        })
    }
}
