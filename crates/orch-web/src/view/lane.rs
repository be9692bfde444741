//! Repositories and their lanes.

use orch_ports::lists::LineFronts;
use orch_rules::lane::{Ejection, Freeze, LaneEntry, LaneState, Repository};
use orch_rules::outage::{Outage, Source};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use orch_text::rfc3339;

/// All repositories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RepositoryList {
    /// By id.
    pub repositories: Vec<RepositoryView>,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RepositoryView {
    /// As in the settings.
    pub id: String,
    /// Prefix of its task ids.
    pub prefix: String,
    /// The branch that is kept green.
    pub base_branch: String,
    /// One task at a time.
    pub serial: bool,
    /// Nothing enters and nothing lands, since when and why.
    pub frozen: Option<FreezeView>,
    /// Nothing new starts.
    pub paused: bool,
    /// Tip of the base branch as last seen.
    pub main: Option<String>,
    /// What is wrong with it, if something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<TroubleView>,
}

/// What is wrong with a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TroubleView {
    /// What, where, and what to do.
    pub reason: String,
    /// When it was first seen.
    pub since: String,
    /// Nothing of it starts or lands before that is mended; otherwise it is only told.
    pub holds: bool,
    /// Nothing is wrong: it ends by itself, and nobody has to do anything.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passes: bool,
}

impl TroubleView {
    /// What it means for the repository, to stand before the reason.
    pub fn what(&self) -> &'static str {
        match (self.holds, self.passes) {
            (true, false) => "cannot be worked in: ",
            (true, true) => "not yet: ",
            (false, _) => "",
        }
    }

    /// Of the repository of this id.
    pub fn of(repository: &str, outages: &[Outage]) -> Option<Self> {
        let is = |outage: &&Outage| matches!(&outage.source, Source::Repository { name } if name == repository);
        let outage = outages.iter().find(is).filter(|outage| outage.failures > 0)?;
        let (reason, since) = (outage.reason.clone(), rfc3339(outage.since));
        Some(Self { reason, since, holds: outage.is_closed(), passes: outage.passes })
    }
}

/// A freeze.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FreezeView {
    /// For people.
    pub reason: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: String,
    /// The task whose change is to blame: what it still lands passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Tasks that are to mend it: they pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixes: Vec<String>,
    /// The commit with which one of them has landed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mended: Option<String>,
}

impl From<&Freeze> for FreezeView {
    fn from(freeze: &Freeze) -> Self {
        Self {
            reason: freeze.reason.clone(),
            by: freeze.by.to_string(),
            at: rfc3339(freeze.at),
            cause: freeze.cause.as_ref().map(|named| named.work_item.to_string()),
            fixes: freeze.fixes.iter().map(|named| named.work_item.to_string()).collect(),
            mended: freeze.mended.as_ref().map(ToString::to_string),
        }
    }
}

impl FreezeView {
    /// What is needed before it is lifted, or that nothing is; empty if it names nothing.
    pub fn passing(&self) -> String {
        let names: Vec<_> = self.cause.iter().chain(&self.fixes).map(String::as_str).collect();
        match (&self.mended, names.is_empty()) {
            (Some(commit), _) => format!("mended by {}", commit.chars().take(12).collect::<String>()),
            (None, true) => String::new(),
            (None, false) => format!("until {} has mended it", names.join(" or ")),
        }
    }
}

impl From<&Repository> for RepositoryView {
    fn from(repository: &Repository) -> Self {
        Self {
            id: repository.id.to_string(),
            prefix: repository.prefix.clone(),
            base_branch: repository.base_branch.clone(),
            serial: repository.serial,
            frozen: repository.frozen.as_ref().map(FreezeView::from),
            paused: repository.paused,
            main: repository.main.as_ref().map(ToString::to_string),
            trouble: None,
        }
    }
}

impl RepositoryView {
    /// With what is wrong with it.
    pub fn with(repository: &Repository, outages: &[Outage]) -> Self {
        let trouble = TroubleView::of(repository.id.as_str(), outages);
        Self { trouble, ..Self::from(repository) }
    }
}

/// A repository with everybody who stands in its lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LaneView {
    /// The repository.
    pub repository: RepositoryView,
    /// The line to start, front first. Tasks that were let in stay until they have ended.
    pub entry: Vec<PlaceView>,
    /// How many more stand in it.
    #[serde(default)]
    pub more_entry: u64,
    /// The line to land, front first.
    pub landing: Vec<PlaceView>,
    /// How many more stand in it.
    #[serde(default)]
    pub more_landing: u64,
}

/// A place in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlaceView {
    /// Whose.
    pub id: String,
    /// 1 is the front.
    pub place: u32,
    /// For people: `queued`, `admitted`, `testing the candidate`, …
    pub state: String,
    /// Higher goes first.
    pub priority: i32,
    /// Passed over: held, paused or being stopped.
    pub resting: bool,
    /// Line to start: everything it waits for has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// Line to land: the commit that is tested or lands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<String>,
    /// Why it was sent back, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

impl PlaceView {
    fn of(base: &str, entry: &LaneEntry, index: usize, resting: bool, ready: Option<bool>) -> Self {
        Self {
            id: entry.work_item.to_string(),
            place: u32::try_from(index + 1).unwrap_or(u32::MAX),
            state: entry.state.name().to_owned(),
            priority: entry.priority,
            resting,
            ready,
            candidate: entry.state.candidate().map(|candidate| candidate.commit.to_string()),
            cause: cause(&entry.state, base),
        }
    }
}

/// Why the lane sent a task back, in one line.
pub(super) fn cause(state: &LaneState, base: &str) -> Option<String> {
    let LaneState::Ejected { cause } = state else { return None };
    Some(match cause {
        Ejection::Conflict { paths, .. } => format!("conflicts with {base} in {}", paths.join(", ")),
        Ejection::Settings { .. } => format!("settings cannot be used on top of {base}"),
        Ejection::Red { .. } => format!("the tests are red on top of {base}"),
        Ejection::Refused { by, why } => format!("{by} did not take it onto {base}: {why}"),
        Ejection::Unknown { reason } => format!("the test could not be run: {reason}"),
    })
}

impl From<&LineFronts> for LaneView {
    fn from(fronts: &LineFronts) -> Self {
        let facts = &fronts.facts;
        let base = facts.repository.base_branch.as_str();
        let entry = facts.entry.iter().enumerate();
        let landing = facts.landing.iter().enumerate();
        Self {
            repository: RepositoryView::from(&facts.repository),
            more_entry: (fronts.admitted + fronts.waiting).saturating_sub(facts.entry.len() as u64),
            more_landing: fronts.landing.saturating_sub(facts.landing.len() as u64),
            entry: entry.map(|(at, who)| PlaceView::of(base, &who.entry, at, who.resting, Some(who.ready))).collect(),
            landing: landing.map(|(at, who)| PlaceView::of(base, &who.entry, at, who.resting, None)).collect(),
        }
    }
}
