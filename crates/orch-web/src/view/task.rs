//! Tasks.

use std::collections::BTreeMap;

use orch_engine::control::TaskDetail;
use orch_ports::lists::ListedTask;
use orch_ports::store::UsageRow;
use orch_rules::attempt::Attempt;
use orch_rules::episode::{self, Episode, EpisodeKind};
use orch_rules::ids::{AttemptNumber, WorkItemId};
use orch_rules::lane::Line;
use orch_rules::pipeline::{Stage, StageKind};
use orch_rules::task::{Task, Wait};
use orch_rules::unknown::Unknown;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::costs::ForecastView;
use super::judgement::{FindingView, VerdictView, verdicts};
use super::lane::cause;
use super::run::{AttemptView, CheckView};
use super::usage::UsageView;
use super::wait::WaitView;
use orch_text::{Language, reason, rfc3339};

/// A task as a list shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskView {
    /// `PREFIX-NNN`.
    pub id: String,
    /// One line.
    pub title: String,
    /// Which.
    pub repository: String,
    /// `backlog`, `entering`, a stage of its pipeline, `done` or `cancelled`.
    pub stage: String,
    /// Done or cancelled: nothing moves it any more.
    pub ended: bool,
    /// Higher goes first.
    pub priority: i32,
    /// Why it waits; empty once it has ended.
    pub waiting_on: Vec<WaitView>,
    /// The rule that decided last.
    pub rule: String,
    /// Attempts so far, over all stages.
    pub attempts: u32,
    /// Rollbacks and repeats so far: what the cap compares with.
    pub retries: u32,
    /// What its runs used; absent in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageView>,
    /// In lists: what its runs cost that reported it, in US dollars; absent if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Its branch on the forge.
    pub branch: String,
    /// Main's tip the branch was cut from.
    pub base: Option<String>,
    /// Its newest commit.
    pub head: Option<String>,
    /// The commit on main that carries it.
    pub landed: Option<String>,
    /// Who opened it.
    pub author: String,
    /// Creation.
    pub created_at: String,
    /// When start was asked for.
    pub started_at: Option<String>,
    /// When the present stage was entered.
    pub entered_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// In lists: when anything of it changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
}

impl From<&Task> for TaskView {
    fn from(task: &Task) -> Self {
        Self::from(&ListedTask::from(task))
    }
}

impl From<&ListedTask> for TaskView {
    fn from(task: &ListedTask) -> Self {
        let shown = &task.shown;
        Self {
            id: task.work_item.to_string(),
            title: shown.title.clone(),
            repository: task.repository.to_string(),
            stage: task.position.name().to_owned(),
            ended: task.position.is_terminal(),
            priority: task.priority,
            waiting_on: waiting_on(task, &task.unknown),
            rule: shown.rule.clone(),
            attempts: task.attempt,
            retries: shown.retries,
            usage: None,
            cost_usd: task.cost_micros.map(|micros| micros as f64 / 1e6),
            branch: shown.branch.clone(),
            base: shown.base.as_ref().map(ToString::to_string),
            head: shown.head.as_ref().map(ToString::to_string),
            landed: shown.landed.as_ref().map(ToString::to_string),
            author: shown.author.to_string(),
            created_at: rfc3339(task.created_at),
            started_at: task.started_at.map(rfc3339),
            entered_at: rfc3339(shown.entered_at),
            ended_at: shown.ended_at.map(rfc3339),
            updated_at: task.updated_at.map(rfc3339),
        }
    }
}

fn waiting_on(task: &ListedTask, unknown: &[Unknown]) -> Vec<WaitView> {
    let waits = task.shown.waits.iter().map(|wait| WaitView::of(wait, task));
    WaitView::of_unknown(unknown, task).into_iter().chain(waits).collect()
}

/// A part of a row that this release does not know: a newer one wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnknownView {
    /// Which: a field of the task, or one of its rows.
    pub part: String,
    /// As it is stored, cut to a line.
    pub text: String,
}

impl From<&Unknown> for UnknownView {
    fn from(unknown: &Unknown) -> Self {
        Self { part: unknown.part.clone(), text: unknown.text.clone() }
    }
}

/// Tasks, and the order of the stages they stand in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskList {
    /// Newest first.
    pub tasks: Vec<TaskView>,
    /// Every stage of the pipelines of these tasks that have not ended, in the order of the line.
    pub stages: Vec<String>,
    /// Ask with it as `after` for those behind these; absent if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// On the first page: how many unfinished tasks there are in all, by what they wait for before all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, u64>,
}

/// Everything known of one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskDetailView {
    /// As in a list, with `usage`.
    #[serde(flatten)]
    pub task: TaskView,
    /// Markdown.
    pub description: String,
    /// What the next attempt is told of the failure that sent it back.
    pub rework: Option<String>,
    /// The one command that brings the landed work home, run in the user's own repository.
    pub bring_home: Option<String>,
    /// The pipeline it started with.
    pub pipeline: Vec<StageView>,
    /// Places in its repository's lines.
    pub lane: Vec<TaskPlaceView>,
    /// Waits for a human, oldest first.
    pub episodes: Vec<EpisodeView>,
    /// Oldest first.
    pub attempt_list: Vec<AttemptView>,
    /// Runs of the test command, oldest first.
    pub checks: Vec<CheckView>,
    /// Every verdict with its key, oldest first.
    #[serde(default)]
    pub verdicts: Vec<VerdictView>,
    /// Findings of its reviews, through their rounds.
    #[serde(default)]
    pub findings: Vec<FindingView>,
    /// Tasks it waits for.
    pub dependencies: Vec<DependencyView>,
    /// What is queued, running or failed for it.
    pub work: Vec<WorkView>,
    /// Who decided what, oldest first.
    pub timeline: Vec<TimelineView>,
    /// What of it this release does not know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<UnknownView>,
    /// What the stages behind an open approval cost those that landed before; absent if nothing is asked, or too few landed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<ForecastView>,
    /// Number of the service's newest change when this was read: ask with it as `after` to wait for the next one.
    /// Numbers can only be compared for being the same.
    #[serde(default)]
    pub change: u64,
}

impl From<&TaskDetail> for TaskDetailView {
    fn from(detail: &TaskDetail) -> Self {
        let TaskDetail { task, history, pipeline, bring_home, run, forecast, change } = detail;
        let mut by_attempt: BTreeMap<AttemptNumber, Vec<&UsageRow>> = BTreeMap::new();
        for row in &history.usage {
            by_attempt.entry(row.attempt).or_default().push(row);
        }
        let silent = |attempt: &&Attempt| {
            attempt.ended.is_some() && attempt.by_hand.is_none() && !by_attempt.contains_key(&attempt.number)
        };
        let rows = history.usage.iter().map(|row| Some(&row.usage));
        let runs = rows.chain(history.attempts.iter().filter(silent).map(|_| None));
        let mut view = TaskView::from(task);
        view.waiting_on = waiting_on(&ListedTask::from(task), &history.unknown);
        view.usage = Some(UsageView::of(runs));
        Self {
            task: view,
            description: task.description.clone(),
            rework: task.rework.clone(),
            bring_home: bring_home.clone(),
            pipeline: pipeline.stages.iter().map(StageView::from).collect(),
            lane: history.lane.iter().map(|entry| TaskPlaceView::of(entry, task)).collect(),
            episodes: history.episodes.iter().map(|episode| EpisodeView::of(episode, &task.work_item)).collect(),
            attempt_list: history
                .attempts
                .iter()
                .map(|attempt| AttemptView::of(attempt, by_attempt.get(&attempt.number), run.as_ref()))
                .collect(),
            checks: history.checks.iter().map(CheckView::from).collect(),
            verdicts: verdicts(detail),
            findings: task.convergence.findings.iter().map(FindingView::from).collect(),
            dependencies: history
                .dependencies
                .iter()
                .map(|(_, id, ended)| DependencyView { id: id.to_string(), ended: *ended })
                .collect(),
            work: history.work.iter().map(WorkView::from).collect(),
            timeline: history
                .audit
                .iter()
                .map(|line| TimelineView {
                    at: rfc3339(line.at),
                    by: line.by.to_string(),
                    actor: line.by.wire(),
                    rule: line.rule.clone(),
                    text: reason(&line.text, task, Language::English).text,
                })
                .collect(),
            unknown: history.unknown.iter().map(UnknownView::from).collect(),
            forecast: forecast.as_ref().map(ForecastView::from),
            change: *change,
        }
    }
}

/// A stage of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StageView {
    /// As in the pipeline file.
    pub id: String,
    /// `author`, `build`, `judge`, `check`, `stage`, `land`, `deploy`.
    pub kind: String,
    /// Who acts, if an agent does.
    pub role: Option<String>,
    /// A human approves before it is left.
    pub approval: bool,
    /// It moves main.
    pub lands: bool,
}

impl From<&Stage> for StageView {
    fn from(stage: &Stage) -> Self {
        let kind = match stage.kind {
            StageKind::Author => "author",
            StageKind::Build => "build",
            StageKind::Judge => "judge",
            StageKind::Check => "check",
            StageKind::Stage => "stage",
            StageKind::Land => "land",
            StageKind::Deploy => "deploy",
        };
        Self {
            id: stage.id.to_string(),
            kind: kind.to_owned(),
            role: stage.role.map(|role| role.name().to_owned()),
            approval: stage.approval,
            lands: stage.lands,
        }
    }
}

/// A task's place in one of the two lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskPlaceView {
    /// `entry` or `landing`.
    pub line: String,
    /// For people: `queued`, `testing the candidate`, …
    pub state: String,
    /// 1 is the front; absent if the task does not wait in this line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<u32>,
    /// Who is in front.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<String>,
    /// The commit that is tested or lands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<String>,
    /// Why the lane sent it back, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

impl TaskPlaceView {
    fn of(entry: &orch_rules::lane::LaneEntry, task: &Task) -> Self {
        let waits = task.waits.iter().find_map(|wait| match (wait, entry.line) {
            (Wait::Entry { place, behind }, Line::Entry) | (Wait::Lane { place, behind, .. }, Line::Landing) => {
                Some((*place, behind.as_ref().map(ToString::to_string)))
            }
            _ => None,
        });
        let (place, behind) = waits.map_or((None, None), |(place, behind)| (Some(place), behind));
        Self {
            line: match entry.line {
                Line::Entry => "entry".to_owned(),
                Line::Landing => "landing".to_owned(),
            },
            state: entry.state.name().to_owned(),
            place,
            behind,
            candidate: entry.state.candidate().map(|candidate| candidate.commit.to_string()),
            cause: cause(&entry.state, "the base branch"),
        }
    }
}

/// A wait for a human.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EpisodeView {
    /// Identity.
    pub id: String,
    /// `approval`, `questions`, `confirm_deploy` or `protected_paths`.
    pub kind: String,
    /// One sentence: what is asked, and how to answer.
    pub text: String,
    /// The revision the question is about.
    pub about: String,
    /// Questions of the agent; or the protected paths that are touched, and tests that were weakened.
    pub questions: Vec<String>,
    /// Opened.
    pub opened_at: String,
    /// The answer, once given.
    pub answer: Option<EpisodeAnswerView>,
}

/// How a wait for a human ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EpisodeAnswerView {
    /// `approved`, `rejected` or `withdrawn`.
    pub answer: String,
    /// The person's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Why it was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who, as people call them.
    pub by: String,
    /// The same as the outside names them, which is one at all times: `local:1000`.
    #[serde(default)]
    pub actor: String,
    /// When.
    pub at: String,
}

impl EpisodeView {
    fn of(episode: &Episode, id: &WorkItemId) -> Self {
        let kind = match episode.kind {
            EpisodeKind::Approval => "approval",
            EpisodeKind::Questions => "questions",
            EpisodeKind::ConfirmDeploy => "confirm_deploy",
            EpisodeKind::ProtectedPaths => "protected_paths",
            EpisodeKind::Budget => "budget",
        };
        let answer = episode.answer.as_ref().map(|answered| {
            let (answer, reason) = match &answered.answer {
                episode::Answer::Approved => ("approved", None),
                episode::Answer::Rejected { reason } => ("rejected", Some(reason.clone())),
                episode::Answer::Withdrawn => ("withdrawn", None),
            };
            EpisodeAnswerView {
                answer: answer.to_owned(),
                text: answered.text.clone(),
                reason,
                by: answered.by.to_string(),
                actor: answered.by.wire(),
                at: rfc3339(answered.at),
            }
        });
        Self {
            id: episode.id.to_string(),
            kind: kind.to_owned(),
            text: orch_text::asked(episode.kind, id.as_str(), Language::English).to_string(),
            about: episode.about.clone(),
            questions: episode.questions.clone(),
            opened_at: rfc3339(episode.opened_at),
            answer,
        }
    }
}

/// A task that is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DependencyView {
    /// Which.
    pub id: String,
    /// Nobody waits for it any more.
    pub ended: bool,
}

/// A row of the work table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkView {
    /// Row.
    pub row: i64,
    /// `run_agent`, `run_check`, `land`, …
    pub kind: String,
    /// `queued`, `running`, `failed`, …
    pub state: String,
    /// Tries so far.
    pub tries: u32,
    /// Not before.
    pub due_at: String,
    /// Last error.
    pub error: Option<String>,
}

impl From<&orch_ports::store::WorkRow> for WorkView {
    fn from(row: &orch_ports::store::WorkRow) -> Self {
        Self {
            row: row.id,
            kind: row.kind.clone(),
            state: row.state.clone(),
            tries: row.attempt,
            due_at: rfc3339(row.due),
            error: row.error.clone(),
        }
    }
}

/// Who decided what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimelineView {
    /// When.
    pub at: String,
    /// `orch`, a person, or a role, as people call them.
    pub by: String,
    /// The same as the outside names them, which is one at all times: `local:1000`.
    #[serde(default)]
    pub actor: String,
    /// The rule or the event.
    pub rule: String,
    /// One sentence.
    pub text: String,
}
