//! The queue at a glance (C5).

use std::collections::BTreeMap;

use orch_engine::{Reconciler, TrackerStanding};
use orch_ports::hosts::HostRow;
use orch_ports::lists::{LineFronts, ListedTask};
use orch_ports::store::{BudgetRow, QueueView};
use orch_rules::budget::dollars;
use orch_rules::change::SLOT_RUNS;
use orch_rules::deploy::line::DeployLine;
use orch_rules::ids::HostId;
use orch_rules::lane::LaneState;
use orch_rules::outage::Outage;
use orch_rules::task::Wait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deploys::DeployQueue;
use super::host::HostView;
use super::lane::{FreezeView, PlaceView, RepositoryView, TroubleView};
use super::outage::OutageView;
use super::task::{UnknownView, WorkView};
use super::tracker::TrackerView;
use orch_text::rfc3339;

/// What is queued, what runs, and what holds the rest back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueReport {
    /// Work rows by state.
    pub jobs: JobCounts,
    /// Work rows by kind, then state; finished ones are not counted.
    pub counts: BTreeMap<String, BTreeMap<String, i64>>,
    /// Agents at work.
    pub running_agents: Vec<RunningAgent>,
    /// How many agents may work at once.
    pub agent_slots: AgentSlots,
    /// Rows that failed for good: parked, and shown until somebody acts.
    pub failed: Vec<WorkView>,
    /// Queued rows that this release does not know: they wait for one that does, and hold nothing but effects that
    /// have to come after them.
    #[serde(default)]
    pub unknown: Vec<WorkView>,
    /// Rows of other tables that this release does not know.
    #[serde(default)]
    pub unknown_rows: Vec<UnknownView>,
    /// What is out on this host.
    #[serde(default)]
    pub outages: Vec<OutageView>,
    /// Budgets that pay a run now or keep a task waiting.
    #[serde(default)]
    pub budgets: Vec<BudgetView>,
    /// The hosts that share the database.
    #[serde(default)]
    pub hosts: Vec<HostView>,
    /// The trackers that are followed.
    #[serde(default)]
    pub trackers: Vec<TrackerView>,
    /// The sweep for lost events.
    pub reconcile: Reconcile,
    /// The lines to start.
    pub serial_gate: SerialGate,
    /// Tasks that are being stopped.
    pub stop: StopSwitch,
    /// Tasks that wait for other tasks.
    pub task_deps: DependencyGate,
    /// The lines to land.
    pub merge_gate: MergeGate,
    /// Production.
    pub deploy: DeployQueue,
}

/// Work rows by state; finished ones are not counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobCounts {
    /// Due now or later.
    pub queued: i64,
    /// Under way.
    pub running: i64,
    /// Failed for good.
    pub failed: i64,
    /// Called off.
    pub cancelled: i64,
}

/// An agent at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunningAgent {
    /// The task.
    pub id: String,
    /// Its repository.
    pub repository: String,
    /// Its stage.
    pub stage: String,
    /// The attempt.
    pub attempt: u32,
    /// Since when the task is in this stage.
    pub entered_at: String,
}

/// Slots for agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgentSlots {
    /// Taken.
    pub used: i64,
    /// How many there are; absent as long as no repository is known.
    pub max: Option<u32>,
}

/// A budget, in US dollars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BudgetView {
    /// For people: whose.
    pub of: String,
    /// There is so much, with what people added, for example `$20.00`.
    pub most: String,
    /// Booked.
    pub spent: String,
    /// Set aside for runs that have not ended.
    pub reserved: String,
}

impl BudgetView {
    fn of(row: &BudgetRow, tasks: &[ListedTask]) -> Self {
        let mut parts = row.key.splitn(4, ':').skip(1);
        let of = match (parts.next(), parts.next()) {
            (Some("task"), Some(id)) => {
                let task = tasks.iter().find(|task| task.id.as_str() == id);
                format!("the task {}", task.map_or(id, |task| task.work_item.as_str()))
            }
            (Some("repository"), Some(id)) => format!("the repository {id} today"),
            (Some("day"), _) => "this host today".to_owned(),
            _ => row.key.clone(),
        };
        let usd = |micros: i64| dollars(u64::try_from(micros).unwrap_or(0));
        Self { of, most: usd(row.most), spent: usd(row.spent), reserved: usd(row.reserved) }
    }
}

/// The sweep for lost events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reconcile {
    /// Whether it runs.
    pub enabled: bool,
    /// How often it looks, in seconds.
    pub every_seconds: u64,
    /// When it last had looked at everything; `null` before the first time.
    pub last_at: Option<String>,
    /// Tasks it set going that nobody had been woken for, since the service started (G4).
    pub unblocked_total: u64,
}

/// The lines to start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SerialGate {
    /// Whether serial repositories let in one task at a time.
    pub enabled: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Each repository's line.
    pub repositories: Vec<SerialLine>,
}

/// A repository's line to start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SerialLine {
    /// Which.
    pub repository: String,
    /// One task at a time.
    pub serial: bool,
    /// Frozen, why and since when.
    pub frozen: Option<FreezeView>,
    /// Paused by a person.
    pub paused: bool,
    /// What is wrong with it, if something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<TroubleView>,
    /// Let in and not ended yet, front first.
    pub admitted: Vec<String>,
    /// How many more were let in.
    #[serde(default, skip_serializing_if = "is_none")]
    pub more_admitted: u64,
    /// Waiting to be let in, front first.
    pub waiting: Vec<String>,
    /// How many more wait behind them.
    #[serde(default, skip_serializing_if = "is_none")]
    pub more_waiting: u64,
}

/// Tasks that are being stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StopSwitch {
    /// Whether a stop is heeded.
    pub enabled: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Asked for and not carried out yet.
    pub stopping: Vec<StoppingTask>,
}

/// A stop asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoppingTask {
    /// The task.
    pub id: String,
    /// Who asked.
    pub by: String,
    /// When.
    pub at: String,
}

/// Tasks that wait for other tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DependencyGate {
    /// Whether dependencies are heeded.
    pub enabled: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who waits for whom.
    pub waiting: Vec<WaitingOnTasks>,
    /// How many more wait so.
    #[serde(default, skip_serializing_if = "is_none")]
    pub more: u64,
}

/// A task that waits for others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitingOnTasks {
    /// The task.
    pub id: String,
    /// Those that have not ended.
    pub on: Vec<String>,
}

/// The lines to land.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MergeGate {
    /// Always: nothing reaches main in another way.
    pub enabled: bool,
    /// Each repository's line.
    pub repositories: Vec<LandingLine>,
}

/// A repository's line to land.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LandingLine {
    /// Which.
    pub repository: String,
    /// Its base branch.
    #[serde(default)]
    pub base_branch: String,
    /// Tip of that as last seen.
    pub main: Option<String>,
    /// Front first.
    pub line: Vec<PlaceView>,
    /// How many more stand behind them.
    #[serde(default, skip_serializing_if = "is_none")]
    pub more: u64,
}

/// What a [`QueueReport`] is made of.
#[derive(Debug, Clone, Copy)]
pub struct QueueSources<'a> {
    /// The work table.
    pub queue: &'a QueueView,
    /// Every repository's lane.
    pub lanes: &'a [LineFronts],
    /// Tasks that have not ended, as far as it tells of them.
    pub tasks: &'a [ListedTask],
    /// How many wait for other tasks.
    pub dependent: u64,
    /// This host, and all there are.
    pub hosts: (&'a HostId, &'a [HostRow]),
    /// The sweep.
    pub reconciler: &'a Reconciler,
    /// The trackers that are followed.
    pub trackers: &'a [TrackerStanding],
    /// The lines of deploy targets.
    pub deploys: &'a [DeployLine],
}

impl From<QueueSources<'_>> for QueueReport {
    fn from(from: QueueSources<'_>) -> Self {
        let QueueSources { queue, lanes, tasks, dependent, hosts: (here, hosts), reconciler, trackers, deploys } = from;
        let mut counts: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
        for (kind, state, count) in &queue.counts {
            *counts.entry(kind.clone()).or_default().entry(state.clone()).or_default() += count;
        }
        let state = |wanted: &str| counts.values().filter_map(|states| states.get(wanted)).sum();
        let jobs = JobCounts {
            queued: state("queued"),
            running: state("running"),
            failed: state("failed"),
            cancelled: state("cancelled"),
        };
        let dependencies: Vec<_> = tasks.iter().filter_map(waiting).collect();
        let slots = queue.slots.iter().find(|(key, _)| key == SLOT_RUNS);
        // The limits are the host's, so every lane knows the same.
        let policy = lanes.first().map(|lane| &lane.facts.policy);
        Self {
            jobs,
            counts,
            running_agents: tasks.iter().filter_map(running_agent).collect(),
            agent_slots: AgentSlots {
                used: slots.map_or(0, |(_, used)| *used),
                max: policy.map(|policy| policy.max_runs),
            },
            failed: queue.rows.iter().filter(|row| row.state == "failed").map(WorkView::from).collect(),
            unknown: queue.unknown.iter().map(WorkView::from).collect(),
            unknown_rows: queue.unknown_rows.iter().map(UnknownView::from).collect(),
            outages: queue.outages.iter().filter_map(|outage| OutageView::of(outage, tasks)).collect(),
            budgets: queue.budgets.iter().map(|row| BudgetView::of(row, tasks)).collect(),
            hosts: hosts.iter().map(|host| HostView::of(host, here)).collect(),
            trackers: trackers.iter().map(TrackerView::from).collect(),
            reconcile: Reconcile {
                enabled: reconciler.enabled,
                every_seconds: reconciler.every.as_secs(),
                last_at: reconciler.last.map(rfc3339),
                unblocked_total: reconciler.unblocked_total,
            },
            serial_gate: SerialGate {
                enabled: policy.is_none_or(|policy| policy.serial),
                why: policy.filter(|policy| !policy.serial).map(|_| off("ORCH_SERIAL_GATE_ENABLED")),
                repositories: lanes.iter().map(|lane| serial_line(lane, &queue.outages)).collect(),
            },
            stop: StopSwitch {
                enabled: policy.is_none_or(|policy| policy.stop),
                why: policy.filter(|policy| !policy.stop).map(|_| off("ORCH_STOP_STATUS_ENABLED")),
                stopping: tasks.iter().filter_map(stopping).collect(),
            },
            task_deps: DependencyGate {
                enabled: policy.is_none_or(|policy| policy.dependencies),
                why: policy.filter(|policy| !policy.dependencies).map(|_| off("ORCH_TASK_DEPS_ENABLED")),
                more: dependent.saturating_sub(dependencies.len() as u64),
                waiting: dependencies,
            },
            merge_gate: MergeGate { enabled: true, repositories: lanes.iter().map(landing_line).collect() },
            deploy: deploys.into(),
        }
    }
}

fn off(switch: &str) -> String {
    format!("switched off in the settings ({switch})")
}

fn running_agent(task: &ListedTask) -> Option<RunningAgent> {
    task.shown.waits.iter().find_map(|wait| match wait {
        Wait::Agent { attempt } => Some(RunningAgent {
            id: task.work_item.to_string(),
            repository: task.repository.to_string(),
            stage: task.position.name().to_owned(),
            attempt: *attempt,
            entered_at: rfc3339(task.shown.entered_at),
        }),
        _ => None,
    })
}

fn stopping(task: &ListedTask) -> Option<StoppingTask> {
    let stop = task.shown.stop.as_ref().filter(|_| !task.position.is_terminal())?;
    Some(StoppingTask { id: task.work_item.to_string(), by: stop.by.to_string(), at: rfc3339(stop.at) })
}

fn waiting(task: &ListedTask) -> Option<WaitingOnTasks> {
    task.shown.waits.iter().find_map(|wait| match wait {
        Wait::Dependency { on } => {
            Some(WaitingOnTasks { id: task.work_item.to_string(), on: on.iter().map(ToString::to_string).collect() })
        }
        _ => None,
    })
}

fn is_none(more: &u64) -> bool {
    *more == 0
}

fn serial_line(fronts: &LineFronts, outages: &[Outage]) -> SerialLine {
    let facts = &fronts.facts;
    let repository = RepositoryView::with(&facts.repository, outages);
    let (admitted, waiting): (Vec<_>, Vec<_>) =
        facts.entry.iter().map(|who| &who.entry).partition(|entry| entry.state == LaneState::Admitted);
    let ids = |entries: Vec<&orch_rules::lane::LaneEntry>| entries.iter().map(|e| e.work_item.to_string()).collect();
    SerialLine {
        repository: repository.id,
        serial: repository.serial,
        frozen: repository.frozen,
        paused: repository.paused,
        trouble: repository.trouble,
        more_admitted: fronts.admitted.saturating_sub(admitted.len() as u64),
        admitted: ids(admitted),
        more_waiting: fronts.waiting.saturating_sub(waiting.len() as u64),
        waiting: ids(waiting),
    }
}

fn landing_line(fronts: &LineFronts) -> LandingLine {
    let lane = super::lane::LaneView::from(fronts);
    LandingLine {
        repository: lane.repository.id,
        base_branch: lane.repository.base_branch,
        main: lane.repository.main,
        line: lane.landing,
        more: lane.more_landing,
    }
}
