//! Notices: what people are told without having asked. Found by comparing the facts a decision saw with what it writes,
//! so that no rule can forget to tell.

use serde::{Deserialize, Serialize};

use crate::attempt::{Attempt, RunEnd, Usage};
use crate::change::{Change, ChangeSet};
use crate::deploy::DeploymentState;
use crate::episode::{Episode, EpisodeKind};
use crate::facts::{RepositoryFacts, TaskFacts};
use crate::ids::{AttemptNumber, CommitId, DeployTarget, EpisodeId, RepositoryId, TaskId, Timestamp, WorkItemId};
use crate::lane::Repository;
use crate::outage::Outage;
use crate::reason::{self, Reason};
use crate::task::{Position, Task};

/// What a notice is about. A spelling of a newer release is kept as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum NoticeKind {
    /// A person is asked for something.
    Asked,
    /// A task rests until a person acts.
    Held,
    /// A task was delivered.
    Done,
    /// A task was stopped.
    Stopped,
    /// A repository takes nothing.
    Frozen,
    /// It does again.
    Unfrozen,
    /// What landed does not run where it was deployed, nobody knows whether it does, or something else runs there.
    Deployment,
    /// A log-in or an agent is not served.
    Outage,
    /// CI is red on what is on the base branch.
    Red,
    /// A tracker and what it tells do not fit together.
    Tracker,
    /// An agent began or is done: for those who follow one task.
    Agent,
    /// Somebody tries whether notices arrive.
    Test,
    /// One that this release does not know.
    Other(String),
}

impl NoticeKind {
    /// Those this release makes.
    pub const ALL: [Self; 12] = [
        Self::Asked,
        Self::Held,
        Self::Done,
        Self::Stopped,
        Self::Frozen,
        Self::Unfrozen,
        Self::Deployment,
        Self::Outage,
        Self::Red,
        Self::Tracker,
        Self::Agent,
        Self::Test,
    ];

    /// Spelling in rows, settings and bodies.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Asked => "asked",
            Self::Held => "held",
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Frozen => "frozen",
            Self::Unfrozen => "unfrozen",
            Self::Deployment => "deployment",
            Self::Outage => "outage",
            Self::Red => "red",
            Self::Tracker => "tracker",
            Self::Agent => "agent",
            Self::Test => "test",
            Self::Other(spelling) => spelling,
        }
    }
}

impl From<String> for NoticeKind {
    fn from(spelling: String) -> Self {
        Self::ALL.into_iter().find(|kind| kind.as_str() == spelling).unwrap_or(Self::Other(spelling))
    }
}

impl From<NoticeKind> for String {
    fn from(kind: NoticeKind) -> Self {
        kind.as_str().to_owned()
    }
}

/// One notice, as it is stored and sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// When, in milliseconds since the epoch.
    pub at: Timestamp,
    /// The repository; empty for the whole host.
    pub repository: RepositoryId,
    /// The task, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// What people call the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_item: Option<WorkItemId>,
    /// The task's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The stage it stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// What happened.
    pub text: Reason,
    /// The question, for [`NoticeKind::Asked`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub episode: Option<EpisodeId>,
    /// What the agent wants to know, or the paths that need a grant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<String>,
    /// Of the freeze.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
    /// What makes this occasion one of its own: the row's version or the source's name.
    pub occasion: String,
    /// The agent's try, for [`NoticeKind::Agent`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<AttemptNumber>,
    /// Names the task's issue where it came from; looked up when it is sent, and no part of any row.
    #[serde(skip)]
    pub issue: Option<String>,
    /// What its agents did; as above.
    #[serde(skip)]
    pub runs: Vec<NoticeRun>,
}

/// An agent's try and what it cost, for the words of a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRun {
    /// The try.
    pub attempt: Attempt,
    /// What it used.
    pub usage: Vec<Usage>,
}

impl Notice {
    /// Said once.
    pub fn key(&self) -> String {
        format!("{}:{}", self.kind.as_str(), self.occasion)
    }

    /// What is sent: one JSON object, with these words and the commands that answer it.
    pub fn body(&self, text: &str, commands: &[String]) -> String {
        let mut body = serde_json::to_value(self).unwrap_or_default();
        if let Some(object) = body.as_object_mut() {
            object.remove("occasion");
            object.insert("id".to_owned(), self.key().into());
            object.insert("text".to_owned(), text.into());
            if !commands.is_empty() {
                object.insert("commands".to_owned(), commands.into());
            }
        }
        body.to_string()
    }

    /// What it is about: notices of one thing keep their order.
    pub fn object(&self) -> String {
        match &self.task {
            Some(task) => format!("task:{task}"),
            None if self.repository.as_str().is_empty() => "host".to_owned(),
            None => format!("repository:{}", self.repository),
        }
    }

    /// The forge's CI says that a commit of the base branch is red.
    pub fn main_red(repository: &RepositoryId, branch: &str, commit: &CommitId, why: &str, at: Timestamp) -> Self {
        let text = reason::main_red(branch, commit, why);
        Self::about(NoticeKind::Red, repository, at, format!("{repository}:{commit}"), text)
    }

    /// A task that is held from its beginning; `None` if it is not.
    pub fn held_at_once(task: &Task, at: Timestamp) -> Option<Self> {
        let hold = task.hold.as_ref()?;
        Some(Self::of_task(NoticeKind::Held, task, at, format!("{}:0", task.id), hold.reason()))
    }

    /// It cannot be known whether what a person set at the tracker answers this question; once for each that was set.
    pub fn set_again(task: &Task, episode: &EpisodeId, at: Timestamp, occasion: String) -> Self {
        let text = reason::set_again(&task.work_item, &task.title);
        Self { episode: Some(episode.clone()), ..Self::of_task(NoticeKind::Tracker, task, at, occasion, text) }
    }

    /// The issue of a task is not there any more at its tracker.
    pub fn issue_gone(task: &Task, at: Timestamp, occasion: String) -> Self {
        Self::of_task(NoticeKind::Tracker, task, at, occasion, reason::issue_gone(&task.work_item))
    }

    /// No webhook told of what people did at a tracker, since this moment.
    pub fn webhook_silent(tracker: &str, repository: &RepositoryId, since: Timestamp) -> Self {
        let occasion = format!("webhook:{tracker}:{}", since.0);
        Self::about(NoticeKind::Tracker, repository, since, occasion, reason::webhook_silent(tracker))
    }

    /// Something else runs on a target than what was brought there.
    pub fn of_drift(
        repository: &RepositoryId,
        (target, hooks): (&DeployTarget, i64),
        revision: &str,
        at: Timestamp,
    ) -> Self {
        let occasion = format!("{target}:{hooks}:{revision}");
        Self::about(NoticeKind::Deployment, repository, at, occasion, reason::target_drifted(target, revision))
    }

    fn about(kind: NoticeKind, repository: &RepositoryId, at: Timestamp, occasion: String, text: Reason) -> Self {
        Self {
            kind,
            at,
            repository: repository.clone(),
            task: None,
            work_item: None,
            title: None,
            stage: None,
            text,
            episode: None,
            questions: Vec::new(),
            epoch: None,
            occasion,
            attempt: None,
            issue: None,
            runs: Vec::new(),
        }
    }

    fn of_task(kind: NoticeKind, task: &Task, at: Timestamp, occasion: String, text: Reason) -> Self {
        Self {
            task: Some(task.id.clone()),
            work_item: Some(task.work_item.clone()),
            title: Some(task.title.clone()),
            stage: task.position.stage().map(|stage| stage.as_str().to_owned()),
            ..Self::about(kind, &task.repository, at, occasion, text)
        }
    }
}

/// What stood before a decision, as far as notices need it.
#[derive(Debug, Clone)]
pub enum Before {
    /// A task's decision.
    Task {
        /// The row.
        task: Box<Task>,
        /// Questions that were known.
        questions: Vec<EpisodeId>,
        /// What was out.
        outages: Vec<Outage>,
    },
    /// A lane's decision.
    Lane {
        /// The row.
        repository: Repository,
    },
}

impl Before {
    /// Of a task's decision.
    pub fn task(facts: &TaskFacts) -> Self {
        Self::Task {
            task: Box::new(facts.task.clone()),
            questions: facts.episodes.iter().map(|episode| episode.id.clone()).collect(),
            outages: facts.outages.clone(),
        }
    }

    /// Of a lane's decision.
    pub fn lane(facts: &RepositoryFacts) -> Self {
        Self::Lane { repository: facts.repository.clone() }
    }

    /// What people are told of a decision.
    pub fn notices(&self, changes: &ChangeSet, now: Timestamp) -> Vec<Notice> {
        match self {
            Self::Task { task, questions, outages } => {
                let after = changes.changes.iter().find_map(|change| match change {
                    Change::PutTask { task } => Some(task),
                    _ => None,
                });
                let row = after.unwrap_or(task);
                let told = |change: &Change| match change {
                    Change::PutEpisode { episode } if episode.is_open() && !questions.contains(&episode.id) => {
                        Some(asked(row, episode, now))
                    }
                    Change::PutOutage { outage } => out(outages, outage, row, now),
                    Change::PutAttempt { attempt } => worked(row, attempt, now),
                    _ => None,
                };
                let moves = after.into_iter().flat_map(|after| [deployed(task, after, now), moved(task, after, now)]);
                changes.changes.iter().filter_map(told).chain(moves.flatten()).collect()
            }
            Self::Lane { repository } => {
                let told = |change: &Change| match change {
                    Change::PutRepository { repository: after } => froze(repository, after, now),
                    _ => None,
                };
                changes.changes.iter().filter_map(told).collect()
            }
        }
    }
}

/// The line begins with its first agent; each that is done is told.
fn worked(task: &Task, attempt: &Attempt, now: Timestamp) -> Option<Notice> {
    let (text, what) = match &attempt.ended {
        _ if attempt.by_hand.is_some() => return None,
        None if attempt.number == 1 && attempt.over.is_none() => (reason::agent_began(attempt.role.name()), "began"),
        Some(ended) if ended.how == RunEnd::Completed => (reason::agent_done(attempt.role.name()), "done"),
        _ => return None,
    };
    let occasion = format!("{}:{}:{what}", task.id, attempt.number);
    Some(Notice { attempt: Some(attempt.number), ..Notice::of_task(NoticeKind::Agent, task, now, occasion, text) })
}

fn asked(task: &Task, episode: &Episode, now: Timestamp) -> Notice {
    let (id, title) = (&task.work_item, &task.title);
    let text = match episode.kind {
        EpisodeKind::Approval => reason::asks_approval(id, title),
        EpisodeKind::Questions => reason::asks_questions(id, title, episode.questions.join(" · ")),
        EpisodeKind::ConfirmDeploy => match episode.confirms() {
            Some((target, true)) => reason::asks_irreversible(id, title, target),
            Some((target, false)) => reason::asks_deployment(id, title, target),
            None => reason::asks_confirmation(id, title),
        },
        EpisodeKind::ProtectedPaths => reason::asks_protected(id, title, episode.questions.join(", ")),
        EpisodeKind::Budget => reason::asks_budget(id, title),
    };
    Notice {
        episode: Some(episode.id.clone()),
        questions: episode.questions.clone(),
        ..Notice::of_task(NoticeKind::Asked, task, now, episode.id.to_string(), text)
    }
}

/// What it landed does not run, or nobody knows. What is broken freezes its repository, and that is told.
fn deployed(before: &Task, after: &Task, now: Timestamp) -> Option<Notice> {
    let one = after.deployment.as_ref()?;
    if before.deployment.as_ref().is_some_and(|known| (&known.id, known.state) == (&one.id, one.state)) {
        return None;
    }
    let (name, target, why) = (&after.work_item, &one.target, one.in_short());
    let text = match one.state {
        DeploymentState::Failed if one.infra => reason::deployment_not_begun(name, target, why),
        DeploymentState::Failed | DeploymentState::RolledBack => reason::deployment_red(name, target, why),
        DeploymentState::Unknown => reason::deployment_unknown(name, target, why),
        _ => return None,
    };
    let occasion = format!("{}:{}", one.id, one.state.name());
    Some(Notice::of_task(NoticeKind::Deployment, after, now, occasion, text))
}

/// A new hold, or an end.
fn moved(before: &Task, after: &Task, now: Timestamp) -> Option<Notice> {
    if after.position.is_terminal() && !before.position.is_terminal() {
        let (kind, text) = match after.position {
            Position::Done => (NoticeKind::Done, reason::task_done(&after.work_item, &after.title)),
            _ => (NoticeKind::Stopped, reason::task_stopped(&after.work_item, &after.title)),
        };
        return Some(Notice::of_task(kind, after, now, after.id.to_string(), text));
    }
    let hold = after.hold.as_ref().filter(|_| after.hold != before.hold)?;
    let occasion = format!("{}:{}", after.id, before.version);
    Some(Notice::of_task(NoticeKind::Held, after, now, occasion, hold.reason()))
}

fn froze(before: &Repository, after: &Repository, now: Timestamp) -> Option<Notice> {
    let occasion = format!("{}:{}", after.id, after.freeze_epoch);
    let (kind, text) = match (&before.frozen, &after.frozen) {
        (None, Some(freeze)) => (NoticeKind::Frozen, reason::repository_frozen(&after.id, &freeze.reason)),
        (Some(before), Some(freeze)) if before != freeze => {
            let of = if freeze.mended.is_some() { reason::repository_freeze_mended } else { reason::repository_frozen };
            (NoticeKind::Frozen, of(&after.id, &freeze.reason))
        }
        (Some(_), None) => (NoticeKind::Unfrozen, reason::repository_unfrozen(&after.id)),
        _ => return None,
    };
    Some(Notice { epoch: Some(after.freeze_epoch), ..Notice::about(kind, &after.id, now, occasion, text) })
}

/// An outage is the host's, not a task's: told once, whoever meets it first.
fn out(known: &[Outage], after: &Outage, task: &Task, now: Timestamp) -> Option<Notice> {
    let before = known.iter().find(|outage| outage.source == after.source);
    if !after.is_closed() || before.is_some_and(Outage::is_closed) {
        return None;
    }
    let key = after.source.key();
    let occasion = format!("{key}:{}", before.map_or(0, |outage| outage.version));
    let text = reason::outage(after.source.kind(), after.source.name(), &after.reason);
    Some(Notice {
        repository: RepositoryId(String::new()),
        ..Notice::about(NoticeKind::Outage, &task.repository, now, occasion, text)
    })
}

#[cfg(test)]
pub(crate) mod tests;
