//! A task at one look: what is asked now, how it went, why it waits, why it was let through.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use orch_engine::control::TaskDetail;
use orch_ports::lists::ListedTask;
use orch_ports::store::UsageRow;
use orch_rules::attempt::{Attempt, RunEnd};
use orch_rules::check::{CheckKey, CheckOutcome};
use orch_rules::ids::Timestamp;
use orch_rules::task::Position;
use orch_web::view::UsageView;

use super::asked::{Asked, Size};
use super::evidence::{Evidence, Findings};
use super::head::TaskTab;
use super::history::{Line, lines};
use super::{Head, TaskAddress, read, roll};
use crate::Pages;
use crate::door::LoggedIn;
use crate::frame::{Frame, Menu};
use crate::markdown;
use crate::marks::{self, Glance, why};
use crate::parts::{address, cost, who};
use crate::reply::{self, Oops, page as shown};
use crate::say::{Html, Voice, short};

/// Lines of the history on this page.
const HISTORY: usize = 8;

/// A reason for waiting.
struct WhyLine {
    mark: Html,
    text: String,
    help: Option<String>,
}

/// An attempt in the table of all.
struct AttemptLine {
    number: u32,
    who: String,
    icon: &'static str,
    mark: Html,
    end: String,
    time: String,
    tokens: String,
    cost: Html,
    level: String,
    log: String,
}

/// A run of the test command.
struct CheckLine {
    mark: Html,
    of: String,
    commit: String,
    words: String,
    excerpt: String,
    log: String,
}

/// A task that is waited for.
struct Other {
    id: String,
    href: String,
    ended: bool,
}

/// Money of one stage.
struct StageCost {
    name: String,
    cost: Html,
    width: String,
}

/// What may be pressed now, besides what is asked.
struct Can {
    start: bool,
    retry: bool,
    retry_check: bool,
    pause: bool,
    resume: bool,
    hands_off: bool,
    give_back: bool,
    stop: bool,
    skip: bool,
    edit: bool,
}

#[derive(Template)]
#[template(path = "task.html")]
struct Overview {
    f: Frame,
    head: Head,
    id: String,
    asked: Vec<Asked>,
    held: Option<String>,
    landed: Option<String>,
    bring_home: Option<String>,
    unlisted: bool,
    issue: Html,
    roll: Html,
    reasons: Vec<WhyLine>,
    evidence: Evidence,
    findings: Findings,
    rework: Option<Html>,
    attempts: Vec<AttemptLine>,
    checks: Vec<CheckLine>,
    lines: Vec<Line>,
    all_lines: usize,
    cost: Html,
    tokens_in: String,
    tokens_cached: String,
    tokens_out: String,
    models: String,
    stages: Vec<StageCost>,
    author: Html,
    branch: String,
    commit: Option<String>,
    priority: i32,
    retries: u32,
    limits: Vec<String>,
    depends: Vec<Other>,
    back_to: Vec<(String, String)>,
    can: Can,
    unknown: Vec<String>,
}

/// The task's own page.
pub(crate) async fn page(
    State(pages): State<Pages>,
    visitor: LoggedIn,
    Path(named): Path<TaskAddress>,
) -> Result<Response, Oops> {
    let detail = read(&pages, &visitor, &named).await?;
    let mut f = reply::frame(&pages, &visitor, Menu::Board, named.id.clone()).await?;
    f.of = format!("{}/{}", named.repository, named.id);
    f.up = Some("/board");
    let asked = Asked::of(&pages, &detail, &visitor, Size::One, f.now).await;
    f.asks = visitor.acts() && !asked.is_empty();
    let head = Head::of(&detail, &visitor, TaskTab::Overview, f.now);
    Ok(shown(&fill(f, head, asked, &detail, &visitor)))
}

fn fill(f: Frame, head: Head, asked: Vec<Asked>, detail: &TaskDetail, visitor: &LoggedIn) -> Overview {
    let (task, history, say, now) = (&detail.task, &detail.history, &visitor.say, f.now);
    let used = used(detail);
    let listed = ListedTask::from(task);
    let reasons = task.waits.iter().map(|wait| {
        let help = match wait {
            orch_rules::task::Wait::Outage { until: Some(until), .. } => Some(say.moment(*until, now)),
            _ => None,
        };
        let mark = Glance::of_kind(wait.kind(), visitor.acts());
        WhyLine { mark: mark.beside(), text: why(wait, &listed, Some(&detail.pipeline), say), help }
    });
    let here = detail.pipeline.stages.iter().position(|stage| task.position.stage() == Some(&stage.id));
    let earlier = detail.pipeline.stages.iter().take(here.unwrap_or(0));
    Overview {
        id: task.work_item.to_string(),
        held: task
            .hold
            .as_ref()
            .map(|hold| crate::say::capital(&orch_text::reason(&hold.reason(), task, say.language).text)),
        landed: task.landed.as_ref().map(|commit| short(commit.as_str()).to_owned()),
        bring_home: detail.bring_home.clone(),
        unlisted: task.unlisted,
        issue: match task.unlisted {
            true => markdown::fenced(&task.description),
            false => markdown::render(&task.description),
        },
        roll: roll::draw(detail, say, now),
        reasons: reasons.collect(),
        evidence: Evidence::of(detail, say, &head.href, now),
        findings: Findings::of(detail, say),
        rework: task.rework.as_deref().map(markdown::fenced),
        attempts: attempts(detail, say, &head.href, now),
        checks: checks(detail, say, &head.href),
        lines: lines(detail, say, now, HISTORY),
        all_lines: history.audit.len(),
        cost: cost(&used, say),
        tokens_in: used.input_tokens.map_or_else(|| "–".to_owned(), |tokens| say.number(tokens)),
        tokens_cached: used.cached_tokens.map(|tokens| say.number(tokens)).unwrap_or_default(),
        tokens_out: used.output_tokens.map_or_else(|| "–".to_owned(), |tokens| say.number(tokens)),
        models: used.models.join(", "),
        stages: stages(detail, say),
        author: who(&task.author, say),
        branch: task.branch.clone(),
        commit: task.landed.as_ref().or(task.head.as_ref()).map(|commit| short(commit.as_str()).to_owned()),
        priority: task.priority,
        retries: task.retries,
        limits: detail.run.as_ref().map(|run| run.limits.clone()).unwrap_or_default(),
        depends: history
            .dependencies
            .iter()
            .map(|(_, id, ended)| Other {
                id: id.to_string(),
                href: format!("{}{}", visitor.base, address(task.repository.as_str(), id.as_str())),
                ended: *ended,
            })
            .collect(),
        back_to: earlier.map(|stage| (stage.id.to_string(), marks::place(stage.id.as_str(), say))).collect(),
        can: can(detail),
        unknown: history.unknown.iter().map(|part| format!("{}: {}", part.part, part.text)).collect(),
        asked,
        head,
        f,
    }
}

/// Every run is counted, also those that said nothing.
fn used(detail: &TaskDetail) -> UsageView {
    let history = &detail.history;
    let booked = |attempt: &&Attempt| history.usage.iter().any(|row| row.attempt == attempt.number);
    let silent = history
        .attempts
        .iter()
        .filter(|attempt| attempt.ended.is_some() && attempt.by_hand.is_none() && !booked(attempt));
    UsageView::of(history.usage.iter().map(|row| Some(&row.usage)).chain(silent.map(|_| None)))
}

fn can(detail: &TaskDetail) -> Can {
    let task = &detail.task;
    let open = !task.position.is_terminal() && task.stop.is_none();
    let begun = task.position.stage().is_some();
    let red =
        detail.history.checks.last().is_some_and(|check| {
            matches!(check.outcome, Some(CheckOutcome::Failed { .. } | CheckOutcome::Unknown { .. }))
        });
    Can {
        start: open && matches!(task.position, Position::Backlog),
        retry: open && task.hold.is_some(),
        retry_check: open && task.hold.is_some() && red,
        pause: open && !task.paused,
        resume: open && task.paused,
        hands_off: open && begun && task.hands.is_none(),
        give_back: open && task.hands.as_ref().is_some_and(|hands| !hands.returning),
        stop: open,
        skip: open && begun,
        edit: open,
    }
}

fn attempts(detail: &TaskDetail, say: &Voice, href: &str, now: Timestamp) -> Vec<AttemptLine> {
    let mut booked: BTreeMap<u32, Vec<&UsageRow>> = BTreeMap::new();
    for row in &detail.history.usage {
        booked.entry(row.attempt).or_default().push(row);
    }
    let run = detail.run.as_ref();
    let line = |attempt: &Attempt| {
        let run = run.filter(|run| run.attempt == attempt.number);
        let used = match booked.get(&attempt.number) {
            Some(rows) => UsageView::of(rows.iter().map(|row| Some(&row.usage))),
            None => UsageView::of([run.and_then(|run| run.usage.as_ref())]),
        };
        let (mark, end) = match &attempt.ended {
            None => (Glance::Run, say.t("run-running")),
            Some(ended) => outcome(&ended.how, say),
        };
        let ended = attempt.ended.as_ref();
        let level = ended.and_then(|ended| ended.evidence.as_ref()?.level).or(run.map(|run| run.level));
        AttemptLine {
            number: attempt.number,
            who: attempt.by_hand.clone().unwrap_or_else(|| marks::role(attempt.role.name(), say)),
            icon: marks::role_icon(attempt.role.name()),
            mark: mark.beside(),
            end,
            time: say.span(ended.map_or(now.0, |ended| ended.at.0) - attempt.requested_at.0),
            tokens: used.input_tokens.map_or_else(|| "–".to_owned(), |tokens| say.number(tokens)),
            cost: cost(&used, say),
            level: level.map(|level| level.name().to_owned()).unwrap_or_default(),
            log: format!("{href}/log?attempt={}", attempt.number),
        }
    };
    detail.history.attempts.iter().map(line).collect()
}

/// How a run ended, at a glance and in words.
pub(crate) fn outcome(end: &RunEnd, say: &Voice) -> (Glance, String) {
    let with = |id: &str, reason: &str| format!("{}: {reason}", say.t(id));
    match end {
        RunEnd::Completed => (Glance::Passed, say.t("run-completed")),
        RunEnd::Failed { reason } => (Glance::Failed, with("run-failed", reason)),
        RunEnd::TimedOut => (Glance::Failed, say.t("run-timed-out")),
        RunEnd::Stalled => (Glance::Failed, say.t("run-stalled")),
        RunEnd::Stopped => (Glance::CalledOff, say.t("run-stopped")),
        RunEnd::Lost { .. } => (Glance::Unknown, say.t("run-lost")),
        RunEnd::Quarantined => (Glance::Unknown, say.t("run-quarantined")),
        RunEnd::SpawnFailed { reason, .. } => (Glance::Failed, with("run-not-started", reason)),
        RunEnd::Unavailable { reason, .. } => (Glance::Wait, with("run-unavailable", reason)),
        RunEnd::OverBudget { reason } => (Glance::Failed, with("run-over-budget", reason)),
    }
}

fn checks(detail: &TaskDetail, say: &Voice, href: &str) -> Vec<CheckLine> {
    let line = |(at, check): (usize, &orch_rules::check::Check)| {
        let (mark, words) = match &check.outcome {
            None => (Glance::Run, say.t("check-running")),
            Some(CheckOutcome::Passed) => (Glance::Passed, say.t("check-green")),
            Some(CheckOutcome::Failed { reason }) => (Glance::Failed, format!("{}: {reason}", say.t("check-red"))),
            Some(CheckOutcome::Unknown { reason }) => {
                (Glance::Unknown, format!("{}: {reason}", say.t("check-unknown")))
            }
        };
        let flaky = check.first_red.is_some() && matches!(check.outcome, Some(CheckOutcome::Passed));
        CheckLine {
            mark: mark.alone(say),
            of: match check.key {
                CheckKey::Code(_) => say.t("tests-of-head"),
                CheckKey::Candidate(_) => say.t("tests-of-candidate"),
            },
            commit: short(check.commit.as_str()).to_owned(),
            words: if flaky { format!("{words} · {}", say.t("check-flaky")) } else { words },
            excerpt: match check.outcome {
                Some(CheckOutcome::Passed) => String::new(),
                _ => check.excerpt.clone(),
            },
            log: format!("{href}/log?check={}", at + 1),
        }
    };
    detail.history.checks.iter().enumerate().map(line).collect()
}

fn stages(detail: &TaskDetail, say: &Voice) -> Vec<StageCost> {
    let mut all: Vec<(String, UsageView)> = Vec::new();
    for stage in &detail.pipeline.stages {
        let rows = detail.history.usage.iter().filter(|row| row.stage == stage.id);
        let used = UsageView::of(rows.map(|row| Some(&row.usage)));
        if used.runs > 0 {
            all.push((marks::place(stage.id.as_str(), say), used));
        }
    }
    let dearest = all.iter().filter_map(|(_, used)| used.cost_usd).fold(0.0, f64::max);
    let width = |used: &UsageView| match used.cost_usd {
        Some(usd) if dearest > 0.0 => format!("{:.1}", usd / dearest * 100.0),
        _ => "0".to_owned(),
    };
    all.iter().map(|(name, used)| StageCost { name: name.clone(), cost: cost(used, say), width: width(used) }).collect()
}
