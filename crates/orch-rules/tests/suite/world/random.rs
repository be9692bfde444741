//! Random histories: several repositories, whims of people, agents, git and hosts, events that come twice, late, or
//! while somebody else writes. The same seed gives the same history.

mod drain;

use std::collections::{BTreeMap, VecDeque};

use orch_rules::attempt::RunEnd;
use orch_rules::budget::Budgets;
use orch_rules::change::Guard;
use orch_rules::check::CheckOutcome;
use orch_rules::decide::Denied;
use orch_rules::decide::intake::Intake;
use orch_rules::effect::Effect;
use orch_rules::episode::EpisodeKind;
use orch_rules::event::{Event, LaneEvent, TaskEvent};
use orch_rules::facts::Worker;
use orch_rules::ids::{RepositoryId, TaskId};
use orch_rules::lane::NamedTask;
use orch_rules::people::Reply;
use orch_rules::pipeline::{Role, StageKind};
use orch_rules::task::Task;

use super::random_people;
use super::whim::Whim;
use super::{Absorbed, Delivered, WorkState, World, acting, says, with_front_matter};

/// What was seen in all worlds so far.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub decisions: u64,
    pub steps: u64,
    pub worlds: u64,
    pub rules: BTreeMap<&'static str, u64>,
    pub kinds: BTreeMap<&'static str, u64>,
    pub guards: BTreeMap<&'static str, u64>,
    pub ends: BTreeMap<&'static str, u64>,
    pub findings: BTreeMap<&'static str, u64>,
}

/// One world with its whims.
pub struct Simulation {
    pub world: World,
    pub whim: Whim,
    pub seen: Seen,
    recent: VecDeque<(Event, String)>,
    issues: u32,
    steps: u64,
    /// So many more runs cannot be started: a program is broken for a while.
    broken: usize,
}

/// So many steps are random; then everything is led to its end.
pub const STEPS: u64 = 1_500;
const MOST_TASKS: usize = 14;

impl Simulation {
    pub fn new(seed: u64, seen: Seen) -> Self {
        let mut whim = Whim::new(seed);
        let mut world = World::new();
        for (id, serial) in [("shop", false), ("bank", true), ("farm", whim.percent(30))] {
            let line = ["plain", "confirm", "deploy", "deploy-confirm"][whim.below(4)];
            world.add_repository(id, serial, line);
        }
        world.policy.max_runs = 1 + whim.below(4) as u32;
        if seed.is_multiple_of(3) {
            world.deploys("shop", seed.is_multiple_of(2));
        }
        world.policy.lost_cap = whim.below(3) as u32;
        world.policy.dependencies = !whim.percent(5);
        world.policy.serial = !whim.percent(5);
        if whim.percent(30) {
            world.policy.episode_expires_ms = 100;
        }
        if whim.percent(40) {
            let mut some = |most: usize| whim.percent(60).then(|| 15 + whim.below(most) as u64);
            let (task_micros, repository_day_micros, day_micros) = (some(40), some(60), some(90));
            world.policy.budgets = Budgets { run_micros: 10, task_micros, repository_day_micros, day_micros };
        }
        for (id, credential) in [("shop", Some("main")), ("bank", Some("other")), ("farm", None)] {
            let worker = Worker { agent: "claude".to_owned(), credential: credential.map(str::to_owned) };
            let roles = Role::ALL.into_iter().map(|role| (role, worker.clone())).collect();
            world.policy.workers.insert(id.into(), roles);
        }
        let seen = Seen { worlds: seen.worlds + 1, ..seen };
        Self { world, whim, seen, recent: VecDeque::new(), issues: 0, steps: 0, broken: 0 }
    }

    /// One world from its beginning to its end.
    ///
    /// # Errors
    /// The step at which something that must always hold did not, and what.
    pub fn run(&mut self) -> Result<(), String> {
        while self.steps < STEPS {
            self.step();
            self.check()?;
        }
        self.drain()
    }

    /// So many random steps, unchecked.
    pub fn walk(&mut self, steps: u64) {
        (0..steps).for_each(|_| self.step());
    }

    fn check(&mut self) -> Result<(), String> {
        let mut found = self.world.check();
        if found.is_empty() && self.steps.is_multiple_of(64) {
            self.settle();
            found = self.world.check();
            // News of a cycle goes from one to the next; who was not told yet when it opened again is left to the sweep.
            let looks = self.world.unfinished_looks();
            found.extend(looks.into_iter().filter(|look| !look.contains("would still do [\"cycle\"")));
        }
        if found.is_empty() { Ok(()) } else { Err(format!("step {}: {}", self.steps, found.join("; "))) }
    }

    /// Nothing happens until the next alarm.
    fn next_alarm(&mut self) {
        if let Some((at, _)) = self.world.alarms.first() {
            let passes = at.0 - self.world.now.0;
            self.world.pass(passes.max(0));
        }
    }

    fn settle(&mut self) {
        while let Some(wake) = self.world.wakes.pop_front() {
            self.absorb(&wake.event(), "orch");
        }
    }

    fn step(&mut self) {
        self.steps += 1;
        self.seen.steps += 1;
        let passes = self.whim.below(3) as i64;
        self.world.pass(passes);
        if self.whim.percent(6) {
            self.next_alarm();
        }
        if self.whim.below(400) == 0 {
            self.broken = 4 + self.whim.below(8);
        }
        self.world.log = Default::default();
        match self.whim.below(100) {
            0..36 => {
                if let Some(wake) = self.world.wakes.pop_front() {
                    self.deliver(wake.event(), "orch");
                }
            }
            36..76 => self.work(),
            76..82 => self.new_issue(),
            82..86 => {
                if let Some((event, by)) = self.whim.pick(self.recent.make_contiguous()).cloned() {
                    self.absorb(&event, &by);
                }
            }
            86..88 => self.new_issue_twice(),
            88 => {
                let repository = self.repository();
                self.world.push(&repository);
            }
            89..92 => self.lane_order(),
            _ => self.person(),
        }
        self.world.perform_silent();
        self.count_findings();
    }

    /// Deliver an event; now and then somebody else writes between its decision and its change set, or it comes twice.
    fn deliver(&mut self, event: Event, by: &str) {
        if self.recent.len() == 12 {
            self.recent.pop_front();
        }
        self.recent.push_back((event.clone(), by.to_owned()));
        if !self.whim.percent(15) {
            self.absorb(&event, by);
            return;
        }
        let Some(old) = self.world.decide(&event, by, Denied::default()) else { return };
        self.seen.decisions += 1;
        let between = match self.whim.below(5) {
            0 => event.clone(),
            1 => Event::Lane {
                repository: self.repository_of(&event),
                event: LaneEvent::FreezeRequested { reason: "storm".to_owned(), cause: None, fixes: Vec::new() },
            },
            2 => Event::Lane { repository: self.repository_of(&event), event: LaneEvent::Looked },
            3 => match &event {
                Event::Task { task, .. } => Event::Task { task: task.clone(), event: TaskEvent::StopRequested },
                Event::Lane { .. } => event.clone(),
            },
            _ => self.world.wakes.pop_front().map_or_else(|| event.clone(), |w| w.event()),
        };
        self.absorb(&between, "ann");
        self.count(|world| world.finish(old));
    }

    fn absorb(&mut self, event: &Event, by: &str) {
        self.count(|world| world.absorb(event, by));
    }

    fn count(&mut self, act: impl FnOnce(&mut World) -> Absorbed) {
        let rules = self.world.log.rules.len();
        let failed = self.world.log.failed.len();
        let absorbed = act(&mut self.world);
        let log = &self.world.log;
        self.seen.decisions += 1 + (log.failed.len() > failed) as u64;
        for guard in &log.failed[failed..] {
            *self.seen.guards.entry(Guard::name(guard)).or_default() += 1;
        }
        for (_, trace) in &log.rules[rules..] {
            for rule in trace {
                *self.seen.rules.entry(rule).or_default() += 1;
            }
        }
        if let (true, Absorbed::Accepted { trace, .. }) = (log.rules.len() == rules, &absorbed) {
            for rule in trace {
                *self.seen.rules.entry(rule).or_default() += 1;
            }
        }
    }

    fn repository_of(&mut self, event: &Event) -> RepositoryId {
        match event {
            Event::Task { task, .. } => {
                self.world.tasks.get(task).map(|t| t.repository.clone()).unwrap_or_else(|| "shop".into())
            }
            Event::Lane { repository, .. } => repository.clone(),
        }
    }

    fn repository(&mut self) -> RepositoryId {
        let all: Vec<_> = self.world.repositories.keys().cloned().collect();
        self.whim.pick(&all).cloned().unwrap_or_else(|| "shop".into())
    }

    fn task(&mut self) -> Option<TaskId> {
        let living = self.world.tasks.values().filter(|t| !t.position.is_terminal());
        let mut ids: Vec<_> = living.map(|t| t.id.clone()).collect();
        if self.whim.percent(5) {
            ids = self.world.tasks.keys().cloned().collect();
        }
        self.whim.pick(&ids).cloned()
    }

    fn new_issue(&mut self) {
        self.issues += 1;
        let key = format!("issue {}", self.issues);
        self.intake(key);
    }

    fn new_issue_twice(&mut self) {
        let key = format!("issue {}", self.issues);
        self.intake(key);
    }

    fn intake(&mut self, issue_key: String) {
        let living = self.world.tasks.values().filter(|t| !t.position.is_terminal()).count();
        if living >= MOST_TASKS {
            return;
        }
        let repository = self.repository();
        let titles = ["add a cart", "", "fix the sum", "rename it"];
        let needs = if self.whim.percent(15) { self.task() } else { None };
        let wanted = Intake {
            task: TaskId(format!("t{:04}", self.world.tasks.len() + 1)),
            title: titles[if self.whim.percent(4) { 1 } else { self.whim.below(2) * 2 }].to_owned(),
            description: String::new(),
            author: acting("ann"),
            priority: self.whim.below(3) as i32,
            start: self.whim.percent(80),
            issue_key,
            depends_on: needs.into_iter().collect(),
            pipeline: self.world.lines[&repository].clone(),
            variant: None,
            authors: random_people::authors(self.issues),
            number: self.issues.max(1),
            disambiguate: false,
        };
        self.count(|world| world.intake(&repository, wanted));
    }

    fn person(&mut self) {
        let Some(task) = self.task() else { return };
        let open = self.world.episodes.get(&task).and_then(|all| all.iter().find(|e| e.is_open())).map(|e| e.kind);
        let held = self.world.tasks[&task].hold.is_some();
        let event = match (open, self.whim.below(100)) {
            (Some(EpisodeKind::Approval), 0..70) => says(Reply::Approve),
            (Some(EpisodeKind::ProtectedPaths), 0..60) => says(Reply::Approve),
            (Some(EpisodeKind::ProtectedPaths), 60..80) => says(Reply::Reject { reason: "leave it".to_owned() }),
            (Some(EpisodeKind::Approval), 70..80) => says(Reply::Reject { reason: "too vague".to_owned() }),
            (Some(EpisodeKind::Budget), 0..50) => TaskEvent::BudgetRaised { by_micros: self.whim.below(30) as u64 },
            (Some(EpisodeKind::Questions), 0..40) => TaskEvent::StartRequested { authors: Vec::new() },
            (Some(EpisodeKind::Questions), 40..80) => answered(),
            (Some(EpisodeKind::ConfirmDeploy), 0..80) => says(Reply::Confirm),
            (_, 0..20) if held => TaskEvent::RetryRequested,
            (_, 20..30) if held => TaskEvent::CheckRetried,
            (_, 30..32) => TaskEvent::StopRequested,
            (_, 32..35) => TaskEvent::Paused,
            (_, 35..50) => TaskEvent::Resumed,
            (_, 50..54) => TaskEvent::PrioritySet { priority: self.whim.below(5) as i32 },
            (_, 54..58) => match self.task() {
                Some(on) => TaskEvent::DependencyAdded { on, circle: Vec::new() },
                None => TaskEvent::Looked,
            },
            (_, 58..68) => {
                let all: Vec<_> =
                    self.world.edges.iter().filter(|(t, _)| t == &task).map(|(_, on)| on.clone()).collect();
                match self.whim.pick(&all) {
                    Some(on) => TaskEvent::DependencyRemoved { on: on.clone() },
                    None => TaskEvent::Commented { text: "nice".to_owned() },
                }
            }
            (_, 68..70) => TaskEvent::Looked,
            (_, 70) => TaskEvent::PullRequestMerged { commit: "by hand".into() },
            (_, 71..76) => says(Reply::Approve),
            (_, 76..84) => TaskEvent::StartRequested { authors: Vec::new() },
            (_, 84..86) => says(Reply::Confirm),
            (_, 86) => TaskEvent::RetryRequested,
            (_, 87) => TaskEvent::CheckRetried,
            (_, 88..90) => {
                let (effect, error) = ("clean_up".to_owned(), "no disk".to_owned());
                match self.whim.below(3) {
                    0 => TaskEvent::NotPublished { was: None, error },
                    _ => TaskEvent::EffectFailed { effect, error },
                }
            }
            (_, 90..96) => random_people::careful(self, &task),
            _ => TaskEvent::Looked,
        };
        self.deliver(Event::Task { task, event }, "ann");
    }

    fn lane_order(&mut self) {
        let repository = self.repository();
        let event = match self.whim.below(20) {
            0 => {
                let (cause, fixes) = (self.named_of(&repository), self.named_of(&repository).into_iter().collect());
                LaneEvent::FreezeRequested { reason: "storm".to_owned(), cause, fixes }
            }
            1..8 => LaneEvent::UnfreezeRequested { force: self.whim.percent(30).then(|| "enough".to_owned()) },
            8 => LaneEvent::Paused,
            9..16 => LaneEvent::Resumed,
            _ => LaneEvent::Looked,
        };
        self.deliver(Event::Lane { repository, event }, "ann");
    }

    /// A task that a freeze names, or none.
    fn named_of(&mut self, repository: &RepositoryId) -> Option<NamedTask> {
        let named = |task: &Task| NamedTask { task: task.id.clone(), work_item: task.work_item.clone() };
        let all: Vec<_> = self.world.tasks.values().filter(|t| t.repository == *repository).map(named).collect();
        if self.whim.percent(50) { self.whim.pick(&all).cloned() } else { None }
    }

    /// A worker takes an effect, or an effect comes back.
    fn work(&mut self) {
        let count = self.world.work.len();
        if count == 0 {
            return;
        }
        let at = self.whim.below(count);
        if self.world.work[at].state == WorkState::Queued {
            self.world.work[at].state = WorkState::UnderWay;
            return;
        }
        let effect = self.world.work[at].effect.clone();
        let careless = self.whim.percent(25);
        if let Some(event) = self.outcome(&effect, careless) {
            self.world.answered(&effect);
            self.deliver(event, "orch");
        }
    }

    fn outcome(&mut self, effect: &Effect, careless: bool) -> Option<Event> {
        match effect {
            Effect::RunAgent { task, attempt } => {
                let attempt = self.world.attempts.get(task)?.iter().find(|a| a.number == *attempt)?.clone();
                let task = &self.world.tasks[task];
                let kind = self.world.pipeline_of(task)?.stage(&attempt.stage)?.kind;
                *self.seen.kinds.entry(kind.name()).or_default() += 1;
                let mut delivered = self.world.good_work(&attempt);
                let end = if attempt.stop_requested {
                    RunEnd::Stopped
                } else if self.broken > 0 {
                    self.broken -= 1;
                    RunEnd::not_started("no such program")
                } else if self.steps < STEPS && kind == StageKind::Judge && self.whim.percent(50) {
                    self.red_review(&mut delivered)
                } else if careless {
                    self.bad_end(kind, &mut delivered)
                } else {
                    RunEnd::Completed
                };
                let git = !matches!(end, RunEnd::Lost { .. } | RunEnd::Quarantined | RunEnd::SpawnFailed { .. });
                let cost = self.whim.percent(80).then_some(3);
                Some(self.world.run_ended(&attempt, end, git.then_some(&delivered), cost))
            }
            Effect::RunCheck { .. } => {
                let outcome = match (careless, self.whim.below(3)) {
                    (false, _) => CheckOutcome::Passed,
                    (true, 0) => CheckOutcome::Unknown { reason: "no disk".to_owned() },
                    (true, _) => CheckOutcome::Failed { reason: "exit code 1".to_owned() },
                };
                self.world.remember_check(effect, &outcome);
                self.world.check_ended(effect, outcome, "one test failed")
            }
            Effect::BuildCandidate { repository, task, .. } | Effect::BuildRevert { repository, task, .. } => {
                *self.seen.kinds.entry(StageKind::Land.name()).or_default() += 1;
                if careless && self.whim.percent(20) {
                    return Some(random_people::lane_failed(repository, task, "build_candidate"));
                }
                let conflict = (careless && self.whim.percent(70)).then(|| vec!["src/lib.rs".to_owned()]);
                let empty = careless && self.whim.percent(20);
                self.world.candidate_made(effect, conflict, empty)
            }
            Effect::Land { repository, task, .. } => {
                if careless && self.whim.percent(20) {
                    return Some(random_people::lane_failed(repository, task, "land"));
                }
                if careless {
                    self.world.push(repository);
                }
                self.world.land(effect)
            }
            Effect::Deploy { .. } => {
                *self.seen.kinds.entry(StageKind::Deploy.name()).or_default() += 1;
                Some(random_people::deployed(self, effect, careless))
            }
            Effect::ObserveBranch { .. } => random_people::found(&self.world, effect, self.whim.below(60), careless),
            Effect::AwaitCi { .. }
            | Effect::StopRun { .. }
            | Effect::PublishBranch { .. }
            | Effect::CleanUp { .. }
            | Effect::WakeWaiters { .. } => None,
        }
    }

    fn bad_end(&mut self, kind: StageKind, delivered: &mut Delivered) -> RunEnd {
        match self.whim.below(20) {
            0 => RunEnd::Failed { reason: "exit code 3".to_owned() },
            1 => RunEnd::TimedOut,
            2 => RunEnd::Stalled,
            3..6 => RunEnd::LOST,
            6 => RunEnd::Quarantined,
            7 | 15 if self.whim.percent(40) => {
                let credential = ["main", "other"][self.whim.below(2)].to_owned();
                let until = self.whim.percent(50).then(|| self.world.moment().plus_ms(self.whim.below(600_000) as i64));
                RunEnd::Unavailable { credential, until, reason: "usage limit".to_owned() }
            }
            7 | 15 => RunEnd::not_started("no such program"),
            8 => RunEnd::Stopped,
            9 => {
                *delivered = Delivered::default();
                RunEnd::Completed
            }
            10 => {
                delivered.unreadable = true;
                RunEnd::Completed
            }
            11 if kind == StageKind::Author => {
                for document in &mut delivered.documents {
                    *document = with_front_matter(&document.path.clone(), &[("questions", "[which one]")], "");
                }
                RunEnd::Completed
            }
            12 if kind == StageKind::Check => {
                delivered.changed.push("tests/ci/run.sh".to_owned());
                RunEnd::Completed
            }
            13 | 16..20 => {
                delivered.changed.push(".orch/orch.toml".to_owned());
                RunEnd::Completed
            }
            14 if self.whim.below(4) == 0 => {
                delivered.protection = false;
                RunEnd::Completed
            }
            12 => {
                delivered.changed.push("src/other.rs".to_owned());
                RunEnd::Completed
            }
            _ if kind == StageKind::Judge => self.red_review(delivered),
            _ => {
                for document in &mut delivered.documents {
                    let bad = [("verdict", "REJECTED"), ("staging_status", "FAILED"), ("deploy_status", "FAILED")];
                    *document = with_front_matter(&document.path.clone(), &bad, "## Findings\nP0 it is wrong");
                }
                RunEnd::Completed
            }
        }
    }
}

/// A person's own words to whatever is asked.
fn answered() -> TaskEvent {
    says(Reply::Text { text: "the second one".to_owned() })
}
