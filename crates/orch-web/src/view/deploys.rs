//! Deployments, and the targets they go to.

use orch_engine::control::TargetStanding;
use orch_rules::deploy::line::DeployLine;
use orch_rules::deploy::{Deployment, Deploys, HookEnd, Running};
use orch_rules::ids::RepositoryId;
use orch_text::rfc3339;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Deployments and their targets at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeployReport {
    /// By name.
    pub targets: Vec<DeployTargetView>,
    /// Newest first.
    pub deployments: Vec<DeploymentView>,
}

/// A target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeployTargetView {
    /// Its name in the settings.
    pub name: String,
    /// What was brought there last, of each repository.
    pub believed: Vec<BelievedView>,
    /// Whether it answers well now; `null` where its settings are not here.
    pub healthy: Option<bool>,
    /// The revision that answers now, where it says one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<String>,
    /// Something else answered than what was brought there: nothing is deployed over it unasked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<String>,
    /// What keeps its line: a deployment that is under way, in doubt or broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<DeploymentView>,
    /// How many wait for their turn.
    pub queued: usize,
}

/// What was brought to a target last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BelievedView {
    /// Of which repository.
    pub repository: String,
    /// The revision it says.
    pub revision: String,
}

/// One deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentView {
    /// Identity.
    pub id: String,
    /// Whose.
    pub repository: String,
    /// Where to.
    pub target: String,
    /// The task whose change it brings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_item: Option<String>,
    /// `change`, `revert`, or `again`: a person asked for it.
    pub why: String,
    /// The commit.
    pub candidate: String,
    /// What the target says when it runs.
    pub revision: String,
    /// `queued`, `deploying`, `checking`, `rolling_back`, `unknown`, `healthy`, `failed`, `rolled_back`, `broken`,
    /// `superseded` or `cancelled`.
    pub state: String,
    /// The number of its last hook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
    /// The exit code of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook_exit: Option<i32>,
    /// What ran before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// Nothing was touched, and it is the machine's trouble.
    pub infra: bool,
    /// It was found healthy, and is not any more.
    #[serde(default)]
    pub degraded: bool,
    /// It cannot be taken back.
    #[serde(default)]
    pub irreversible: bool,
    /// What its hooks and the looks said last, newest first.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub said: String,
    /// When its hook began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// When it came to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

impl From<&Deployment> for DeploymentView {
    fn from(one: &Deployment) -> Self {
        let exit = one.hook.as_ref().and_then(|hook| match hook.ended {
            Some(HookEnd::Exited { code }) => Some(code),
            _ => None,
        });
        let why = match one.why {
            Deploys::Change => "change",
            Deploys::Revert { .. } => "revert",
            Deploys::Again => "again",
        };
        Self {
            id: one.id.to_string(),
            repository: one.repository.to_string(),
            target: one.target.to_string(),
            work_item: one.work_item.as_ref().map(ToString::to_string),
            why: why.to_owned(),
            candidate: one.candidate.to_string(),
            revision: one.revision.clone(),
            state: one.state.name().to_owned(),
            seq: one.hook.as_ref().map(|hook| hook.number),
            hook_exit: exit,
            previous: one.previous.as_ref().map(|previous| previous.revision.clone()),
            infra: one.infra,
            degraded: one.degraded,
            irreversible: one.irreversible,
            said: one.said.clone(),
            started: one.started.map(rfc3339),
            ended: one.ended.map(rfc3339),
        }
    }
}

/// What is under way to production.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeployQueue {
    /// Whether anything is deployed from here.
    pub enabled: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// By name.
    #[serde(default)]
    pub targets: Vec<DeployQueueLine>,
}

/// The line of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeployQueueLine {
    /// The target's name in the settings.
    pub name: String,
    /// What keeps its line: a deployment that is under way, in doubt or broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<DeploymentView>,
    /// How many wait for their turn.
    pub queued: usize,
}

impl From<&[DeployLine]> for DeployQueue {
    fn from(lines: &[DeployLine]) -> Self {
        let why = "nothing is deployed from here: a [target.NAME] in the host file does it (docs/deploy.md)";
        let targets: Vec<_> = lines.iter().map(DeployQueueLine::from).collect();
        Self { enabled: !lines.is_empty(), why: lines.is_empty().then(|| why.to_owned()), targets }
    }
}

impl From<&DeployLine> for DeployQueueLine {
    fn from(line: &DeployLine) -> Self {
        let held = line.under_way().or_else(|| line.deployments.iter().find(|one| one.state.name() == "broken"));
        Self {
            name: line.target.to_string(),
            held_by: held.map(DeploymentView::from),
            queued: line.deployments.iter().filter(|one| one.state.name() == "queued").count(),
        }
    }
}

impl From<&TargetStanding> for DeployTargetView {
    fn from(standing: &TargetStanding) -> Self {
        let line = &standing.line;
        let believed = |(repository, runs): &(RepositoryId, Running)| BelievedView {
            repository: repository.to_string(),
            revision: runs.revision.clone(),
        };
        let DeployQueueLine { name, held_by, queued } = line.into();
        Self {
            name,
            believed: line.runs.iter().map(believed).collect(),
            healthy: standing.look.as_ref().map(|look| look.ok),
            runs: standing.look.as_ref().and_then(|look| look.revision.clone()),
            drift: line.drift.clone(),
            held_by,
            queued,
        }
    }
}

/// What a person does about a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "command", deny_unknown_fields)]
pub enum DeployCommandRequest {
    /// Settle what is in doubt or broken by what answers.
    Verify {
        /// Or by this word of what runs.
        #[serde(default)]
        runs: Option<String>,
    },
    /// Bring back what ran before.
    Rollback {
        /// Or this revision, which was healthy once.
        #[serde(default)]
        to: Option<String>,
    },
    /// Deploy the tip of the base branch again, whatever is held.
    Redeploy {
        /// Or this commit of it.
        #[serde(default)]
        revision: Option<String>,
    },
    /// Take what answers for what is wanted.
    Adopt,
}
