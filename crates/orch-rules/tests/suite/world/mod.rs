//! A model of everything around the rules: rows, guards, work, git, people. It does to a change set what the
//! documentation of [`orch_rules::change`] says a store does, and shows the facts as [`orch_rules::facts`] says.

#![allow(dead_code, reason = "the scenarios and the simulator each use a part")]

mod applying;
mod deciding;
mod invariants;
mod outside;
pub mod random;
pub mod random_people;
pub mod reviewing;
pub mod showing;
pub mod whim;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use orch_rules::actor::{Actor, ActorSource};
use orch_rules::attempt::{Attempt, Usage};
use orch_rules::change::{AuditLine, Guard, SLOT_RUNS};
use orch_rules::check::Check;
use orch_rules::effect::Effect;
use orch_rules::episode::Episode;
use orch_rules::event::TaskEvent;
use orch_rules::facts::Policy;
use orch_rules::ids::{CommitId, DeployTarget, PipelineDigest, RepositoryId, TaskId, Timestamp, WorkItemId};
use orch_rules::lane::{LaneEntry, Line, Repository};
use orch_rules::outage::Outage;
use orch_rules::people::{HumanAnswer, Reply};
use orch_rules::pipeline::{DEFAULT_TEXT, DEFAULT_WITH_DEPLOY_TEXT, Pipeline, parse};
use orch_rules::rights::{Acting, ConnectionKind, Person, PersonRole};
use orch_rules::task::Task;

pub use deciding::{Absorbed, Wake};
pub use outside::{Delivered, with_front_matter};

/// Whether a worker has taken an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkState {
    /// Not yet; can be cancelled.
    Queued,
    /// Taken: left to end.
    UnderWay,
}

/// A committed effect without an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    pub effect: Effect,
    pub state: WorkState,
}

/// A budget row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Budget {
    pub ceiling: u64,
    /// What people added.
    pub raised: u64,
    pub spent: u64,
    pub reserved: BTreeMap<String, u64>,
}

/// What one step did, for people and for tests.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// `SHOP-001` or `lane shop`, and the rules that fired; only decisions that wrote something.
    pub rules: Vec<(String, Vec<&'static str>)>,
    /// Effects asked for.
    pub effects: Vec<String>,
    /// Effects taken back.
    pub cancelled: Vec<String>,
    /// Guards that failed.
    pub failed: Vec<Guard>,
    /// Audit lines written.
    pub audit: Vec<AuditLine>,
}

/// Everything there is.
#[derive(Debug, Clone, Default)]
pub struct World {
    pub now: Clock,
    pub policy: Policy,
    pub pipelines: BTreeMap<PipelineDigest, Arc<Pipeline>>,
    /// The pipeline that new tasks of a repository pin.
    pub lines: BTreeMap<RepositoryId, PipelineDigest>,
    pub repositories: BTreeMap<RepositoryId, Repository>,
    /// Where the base branch really is; the row knows what was seen last.
    pub main: BTreeMap<RepositoryId, CommitId>,
    pub tasks: BTreeMap<TaskId, Task>,
    pub attempts: BTreeMap<TaskId, Vec<Attempt>>,
    pub episodes: BTreeMap<TaskId, Vec<Episode>>,
    pub checks: BTreeMap<TaskId, Vec<Check>>,
    pub lane: BTreeMap<(RepositoryId, Line, TaskId), LaneEntry>,
    pub edges: BTreeSet<(TaskId, TaskId)>,
    /// Nobody can read the edges.
    pub edges_unreadable: bool,
    /// Targets where what does not run is mended, and not taken back.
    pub forward: BTreeSet<DeployTarget>,
    pub slots: BTreeMap<String, BTreeSet<String>>,
    pub budgets: BTreeMap<String, Budget>,
    pub outages: BTreeMap<String, Outage>,
    /// Waiters that are woken when the time comes: the moment and their key.
    pub alarms: BTreeSet<(Timestamp, String)>,
    pub keys: BTreeMap<String, TaskId>,
    pub work: Vec<Work>,
    pub wakes: VecDeque<Wake>,
    pub usage: Vec<(TaskId, u32, Usage)>,
    pub log: Log,
    /// What was broken, in words; empty in a sound world.
    pub violations: Vec<String>,
    /// Candidates whose re-test was green.
    tested: BTreeSet<CommitId>,
    /// Tasks of which a person skipped a stage.
    skipped: BTreeSet<TaskId>,
    /// Commits that landed, with their task.
    pub landed: Vec<(TaskId, CommitId)>,
    /// Those of them that take something back.
    reverts: BTreeSet<CommitId>,
    /// How often production failed and sent a task back: it may land once more each time.
    trips: BTreeMap<TaskId, usize>,
    pushes: u32,
}

/// The store's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clock(pub i64);

/// Who acts, in one word: an actor as it is spelled, `=` and whose account it is, where somebody knows: `gitea-1:7=ann`.
/// An account called `bot` is our own.
pub fn acting(by: &str) -> Acting {
    let (actor, person) = by.split_once('=').map_or((by, None), |(actor, person)| (actor, Some(person)));
    let person = person.map(|id| Person {
        id: id.to_owned(),
        display: "Ann".to_owned(),
        language: "en".to_owned(),
        role: PersonRole::Member,
    });
    let actor = Actor::parse(actor);
    let connection = match actor.source() {
        ActorSource::Connection(name) if name.starts_with("plane") => Some(ConnectionKind::Tracker),
        ActorSource::Connection(name) if name.starts_with("gitea") => Some(ConnectionKind::Forge),
        ActorSource::Connection(_) => Some(ConnectionKind::Chat),
        _ => None,
    };
    let own = connection.is_some() && actor.id() == "bot";
    // Whatever it is, it is called like one of those who may.
    let actor = if *actor.source() == ActorSource::Name { actor } else { actor.known_as("ann") };
    Acting { actor, person, connection, own }
}

/// A person's answer to whatever is open.
pub fn says(reply: Reply) -> TaskEvent {
    TaskEvent::HumanAnswered { answer: HumanAnswer { episode: None, since: None, people: Vec::new(), reply } }
}

impl Default for Clock {
    fn default() -> Self {
        Self(1_000)
    }
}

impl World {
    pub fn new() -> Self {
        let mut world = Self::default();
        world.slots.insert(SLOT_RUNS.to_owned(), BTreeSet::new());
        world
    }

    pub fn moment(&self) -> Timestamp {
        Timestamp(self.now.0)
    }

    /// Register a repository; `line` is `plain`, `confirm`, `deploy` or `deploy-confirm`, or the text of a pipeline.
    pub fn add_repository(&mut self, id: &str, serial: bool, line: &str) {
        let pipeline = pipeline(line);
        let id = RepositoryId::from(id);
        let main = CommitId(format!("{id}-main-0"));
        self.lines.insert(id.clone(), pipeline.digest.clone());
        self.pipelines.insert(pipeline.digest.clone(), Arc::new(pipeline));
        self.main.insert(id.clone(), main.clone());
        self.repositories.insert(
            id.clone(),
            Repository {
                prefix: id.as_str().to_uppercase(),
                id,
                base_branch: "main".to_owned(),
                serial,
                frozen: None,
                freeze_epoch: 0,
                paused: false,
                main: Some(main),
                lane_fence: 0,
                version: 1,
            },
        );
    }

    /// The task of a work item; a later one of the same id hides a cancelled one.
    pub fn by_name(&self, work_item: &str) -> Option<&Task> {
        self.tasks.values().rev().find(|t| t.work_item.as_str() == work_item)
    }

    pub fn name_of(&self, id: &TaskId) -> String {
        self.tasks.get(id).map_or_else(|| id.to_string(), |t| t.work_item.to_string())
    }

    pub fn pipeline_of(&self, task: &Task) -> Option<&Arc<Pipeline>> {
        self.pipelines.get(&task.pipeline)
    }

    pub fn newest_attempt(&self, id: &TaskId) -> Option<&Attempt> {
        self.attempts.get(id).and_then(|all| all.last())
    }

    pub fn landing_entry(&self, task: &Task) -> Option<&LaneEntry> {
        self.lane.get(&(task.repository.clone(), Line::Landing, task.id.clone()))
    }

    /// Those a task waits for that are not terminal.
    pub fn open_dependencies(&self, id: &TaskId) -> Vec<(TaskId, WorkItemId)> {
        let from = (id.clone(), TaskId(String::new()));
        let edges = self.edges.range(from..).take_while(|(task, _)| task == id);
        edges
            .filter_map(|(_, on)| self.tasks.get(on))
            .filter(|t| !t.position.is_terminal())
            .map(|t| (t.id.clone(), t.work_item.clone()))
            .collect()
    }

    fn broken(&mut self, what: String) {
        self.violations.push(what);
    }
}

/// The pipelines of the model: the two built-in ones, each also with a confirmation before main moves, and one whose
/// development asks its gates in another order.
fn pipeline(line: &str) -> Pipeline {
    let confirmed = |text: &str| text.replace("lands = true", "lands = true\nconfirm = true");
    let text = match line {
        "plain" => DEFAULT_TEXT.to_owned(),
        "confirm" => confirmed(DEFAULT_TEXT),
        "turned" => DEFAULT_TEXT.replace(
            r#"["check_code_changed", "check_write_scope", "check_ci_green"]"#,
            r#"["check_ci_green", "check_code_changed", "check_write_scope"]"#,
        ),
        "deploy" => DEFAULT_WITH_DEPLOY_TEXT.to_owned(),
        "deploy-confirm" => confirmed(DEFAULT_WITH_DEPLOY_TEXT),
        text => text.to_owned(),
    };
    parse(&text, "model.toml").unwrap_or_else(|problems| panic!("the model's pipeline does not hold: {problems:?}"))
}
