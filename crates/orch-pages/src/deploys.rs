//! What runs where, and what was deployed lately.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use orch_engine::control::TargetStanding;
use orch_rules::deploy::{Deployment, DeploymentState};
use orch_rules::ids::Timestamp;
use orch_rules::lane::Repository;
use orch_text::deployment_state;

use crate::Pages;
use crate::door::LoggedIn;
use crate::frame::{Frame, Menu};
use crate::marks::Glance;
use crate::parts::{address, segment};
use crate::reply::{self, Oops, page as shown};
use crate::say::{Html, Voice, capital, short};

/// Deployments that a rollback is looked for in.
const KNOWN: u32 = 200;
/// Rows of the list.
const ROWS: usize = 30;

/// Where something is deployed to.
struct TargetCard {
    name: String,
    act: String,
    sources: Vec<DeploySource>,
    /// What answers, else what was brought there last.
    revision: Option<String>,
    mark: Html,
    words: String,
    since: Option<Html>,
    /// Something else runs than what was brought there.
    drift: Option<String>,
    /// Nothing goes on before a person settles it.
    doubt: bool,
    held: Option<LineKeeper>,
    queued: u64,
    back: Option<RollbackOffer>,
    class: &'static str,
}

/// A repository that is deployed there.
struct DeploySource {
    id: String,
    branch: String,
    main: Option<String>,
    /// Whether that is what runs; `None`: something else does.
    same: Option<bool>,
    frozen: Option<String>,
    lane: String,
}

/// A deployment that keeps the line.
struct LineKeeper {
    what: String,
    href: Option<String>,
    said: String,
}

/// What a rollback brings back.
struct RollbackOffer {
    revision: String,
    what: String,
    healthy: Html,
    repository: String,
}

/// One deployment.
struct DeployRow {
    mark: Html,
    what: String,
    when: Option<Html>,
    commit: String,
    id: String,
    href: Option<String>,
    words: String,
    said: String,
    took: String,
}

#[derive(Template)]
#[template(path = "deploys.html")]
struct DeploysPage {
    f: Frame,
    targets: Vec<TargetCard>,
    lines: Vec<DeployRow>,
}

/// Every target, looked at once, and the newest deployments.
pub(crate) async fn page(State(pages): State<Pages>, visitor: LoggedIn) -> Result<Response, Oops> {
    let failed = |error| Oops::of(&visitor, error);
    let f = reply::frame(&pages, &visitor, Menu::Deploys, visitor.t("nav-deploys")).await?;
    let standing = pages.control.targets(None).await.map_err(failed)?;
    let rows = pages.control.deployments(KNOWN).await.map_err(failed)?;
    let repositories = pages.control.repositories().await.map_err(failed)?;
    let seen =
        DeployStanding { repositories: &repositories, rows: &rows, base: &visitor.base, say: &f.say, now: f.now };
    let targets = standing.iter().map(|one| seen.target(one)).collect();
    let lines = rows.iter().take(ROWS).map(|one| seen.line(one)).collect();
    Ok(shown(&DeploysPage { targets, lines, f }))
}

struct DeployStanding<'a> {
    repositories: &'a [Repository],
    rows: &'a [Deployment],
    base: &'a str,
    say: &'a Voice,
    now: Timestamp,
}

impl DeployStanding<'_> {
    fn target(&self, standing: &TargetStanding) -> TargetCard {
        let line = &standing.line;
        let keeps = |one: &&Deployment| one.state.is_under_way() || one.state == DeploymentState::Broken;
        let held = line.deployments.iter().find(keeps);
        let answers = standing.look.as_ref().and_then(|look| look.revision.clone());
        let brought = line.brought_last().map(|(_, runs)| runs.revision.clone());
        let ours = answers.as_ref().is_none_or(|answers| line.runs.iter().any(|(_, runs)| runs.revision == *answers));
        let drift =
            line.drift.clone().or_else(|| answers.clone().filter(|_| held.is_none() && !ours && brought.is_some()));
        let doubt = held.is_some_and(|one| matches!(one.state, DeploymentState::Unknown | DeploymentState::Broken));
        let (mark, words) = self.health(standing, held, drift.is_some());
        let healthy = mark == Glance::Passed;
        let by = answers.as_ref().or(brought.as_ref());
        let since = by.filter(|_| healthy).and_then(|revision| {
            let brought = self.rows.iter().find(|one| one.target == line.target && one.revision == *revision);
            brought?.healthy
        });
        TargetCard {
            name: line.target.to_string(),
            act: format!("{}/deploys/{}/act", self.base, segment(line.target.as_str())),
            sources: line
                .runs
                .iter()
                .map(|(id, runs)| self.source(id.as_str(), runs.candidate.as_str(), drift.is_some()))
                .collect(),
            revision: by.map(|revision| called(revision)),
            mark: mark.beside(),
            words,
            since: since.map(|at| self.say.since(at, self.now)),
            drift: drift.map(|revision| called(&revision)),
            doubt,
            held: held.map(|one| LineKeeper {
                what: named(one),
                href: self.href(one),
                said: one.said.lines().next().unwrap_or_default().to_owned(),
            }),
            queued: line.deployments.iter().filter(|one| one.state == DeploymentState::Queued).count() as u64,
            back: line.healthy_before(self.rows, None).filter(|_| held.is_none()).map(|one| RollbackOffer {
                revision: one.revision.clone(),
                what: format!("{} ({})", called(&one.revision), named(one)),
                healthy: self.say.when(one.healthy.or(one.ended).unwrap_or(self.now), self.now),
                repository: one.repository.to_string(),
            }),
            class: if mark == Glance::Stuck { " bad" } else { "" },
        }
    }

    fn health(&self, standing: &TargetStanding, held: Option<&Deployment>, drifts: bool) -> (Glance, String) {
        if let Some(one) = held {
            let mark = match one.state {
                DeploymentState::Unknown => Glance::Unknown,
                DeploymentState::Broken => Glance::Stuck,
                _ => Glance::Run,
            };
            return (mark, deployment_state(one.state.name(), self.say.language));
        }
        let (mark, words) = match &standing.look {
            None => (Glance::Unknown, "target-elsewhere"),
            Some(_) if standing.line.runs.is_empty() => (Glance::Idle, "target-nothing"),
            Some(look) if !look.ok => (Glance::Stuck, "target-silent"),
            Some(_) if !standing.says_revision => (Glance::Unknown, "target-blind"),
            Some(_) if drifts => (Glance::Unknown, "target-other"),
            Some(_) => (Glance::Passed, "target-healthy"),
        };
        (mark, self.say.t(words))
    }

    fn source(&self, id: &str, candidate: &str, drifts: bool) -> DeploySource {
        let row = self.repositories.iter().find(|row| row.id.as_str() == id);
        let main = row.and_then(|row| row.main.as_ref());
        DeploySource {
            id: id.to_owned(),
            branch: row.map_or_else(String::new, |row| row.base_branch.clone()),
            main: main.map(|commit| short(commit.as_str()).to_owned()),
            same: (!drifts).then(|| main.is_some_and(|commit| commit.as_str() == candidate)),
            frozen: row.and_then(|row| row.frozen.as_ref()).map(|freeze| freeze.reason.clone()),
            lane: format!("{}/lane/{}", self.base, segment(id)),
        }
    }

    fn href(&self, one: &Deployment) -> Option<String> {
        let item = one.work_item.as_ref()?;
        Some(format!("{}{}", self.base, address(one.repository.as_str(), item.as_str())))
    }

    fn line(&self, one: &Deployment) -> DeployRow {
        use DeploymentState as State;
        let mark = match one.state {
            State::Queued => Glance::Wait,
            State::Deploying | State::Checking | State::RollingBack => Glance::Run,
            State::Unknown => Glance::Unknown,
            State::Healthy => Glance::Passed,
            State::Failed | State::RolledBack => Glance::Failed,
            State::Broken => Glance::Stuck,
            State::Superseded => Glance::Void,
            State::Cancelled => Glance::CalledOff,
        };
        let took = one.started.zip(one.ended).map(|(started, ended)| self.say.span(ended.since_ms(started)));
        let well = one.state == State::Healthy;
        DeployRow {
            mark: mark.alone(self.say),
            what: format!("{} → {}", one.repository, one.target),
            when: one.ended.or(one.started).map(|at| self.say.when(at, self.now)),
            commit: short(one.candidate.as_str()).to_owned(),
            id: named(one),
            href: self.href(one),
            words: capital(&deployment_state(one.state.name(), self.say.language)),
            said: one.said.lines().next().filter(|_| !well).unwrap_or_default().to_owned(),
            took: took.unwrap_or_default(),
        }
    }
}

/// A revision: a commit in short, an image's or a person's name for it as it is.
fn called(revision: &str) -> String {
    let commit = revision.len() >= 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
    if commit { short(revision) } else { revision }.to_owned()
}

fn named(one: &Deployment) -> String {
    one.work_item.as_ref().map_or_else(|| short(one.candidate.as_str()).to_owned(), ToString::to_string)
}
