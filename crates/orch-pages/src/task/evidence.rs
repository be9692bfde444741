//! Why a task was let through: each verdict with what decided it, and whether it still counts. And what reviews found.

use askama::Template;
use orch_engine::control::TaskDetail;
use orch_rules::convergence::{FindingState, Tracked};
use orch_rules::gate::Outcome;
use orch_rules::ids::Timestamp;
use orch_rules::judgement::{Judge, Judgement, Standing, Trail, Voided, judgements};

use crate::marks::{self, Glance};
use crate::parts::segment;
use crate::say::{Html, Voice, short, ticks};

/// A verdict.
struct VerdictLine {
    mark: Html,
    what: String,
    reason: Html,
    document: Option<(String, String)>,
    key: String,
    stand: String,
    at: Html,
}

/// Every verdict about a task.
#[derive(Template)]
#[template(path = "evidence.html")]
pub(crate) struct Evidence {
    say: Voice,
    holds: Vec<VerdictLine>,
    void: Vec<VerdictLine>,
}

impl Evidence {
    pub fn of(detail: &TaskDetail, say: &Voice, href: &str, now: Timestamp) -> Self {
        let (history, task, pipeline) = (&detail.history, &detail.task, &detail.pipeline);
        let trail = Trail {
            task,
            pipeline,
            attempts: &history.attempts,
            checks: &history.checks,
            episodes: &history.episodes,
            lane: &history.lane,
        };
        let all = judgements(&trail);
        let (holds, void): (Vec<_>, Vec<_>) = all.iter().rev().partition(|one| one.standing == Standing::Holds);
        let line = |one: &Judgement| verdict(one, say, href, now);
        Self {
            holds: holds.into_iter().map(line).collect(),
            void: void.into_iter().map(line).collect(),
            say: say.clone(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.holds.is_empty() && self.void.is_empty()
    }
}

fn verdict(one: &Judgement, say: &Voice, href: &str, now: Timestamp) -> VerdictLine {
    let what = match &one.judge {
        Judge::Check { .. } => match one.key.kind() {
            "candidate" => say.t("tests-of-candidate"),
            _ => say.t("tests-of-head"),
        },
        Judge::Attempt { number, role, .. } => {
            let (role, number) = (marks::role(role.name(), say), number.to_string());
            say.w("verdict-of", &[("role", &role), ("attempt", &number)])
        }
    };
    let holds = one.standing == Standing::Holds;
    let mark = match one.outcome {
        _ if !holds && one.outcome == Outcome::Pass => Glance::Void,
        Outcome::Pass => Glance::Passed,
        Outcome::Fail => Glance::Failed,
        _ => Glance::Unknown,
    };
    let key = match one.key.kind() {
        "patch" => "key-of-patch",
        "code" => "key-of-code",
        _ => "key-of-candidate",
    };
    let document = one.document.as_ref().map(|name| (format!("{href}/documents?at={}", segment(name)), name.clone()));
    VerdictLine {
        mark: mark.alone(say),
        what,
        reason: ticks(&one.reason),
        document,
        key: format!("{} {}", say.t(key), short(one.key.value())),
        stand: match &one.standing {
            Standing::Holds => say.t("holds"),
            Standing::Void(by) => say.w1("void", "why", voided(by, say)),
        },
        at: say.when(one.at, now),
    }
}

fn voided(by: &Voided, say: &Voice) -> String {
    match by {
        Voided::NotTheBranch => say.t("void-not-the-branch"),
        Voided::NewPatch(attempt) => say.w1("void-new-patch", "attempt", attempt),
        Voided::NewCode(attempt) => say.w1("void-new-code", "attempt", attempt),
        Voided::NewCandidate(_) => say.t("void-new-candidate"),
        Voided::Rejected { by } => say.w1("void-rejected", "who", by),
        Voided::SentBack => say.t("void-sent-back"),
        Voided::Superseded(_) => say.t("void-superseded"),
    }
}

/// A finding.
struct FindingLine {
    gone: bool,
    grade: String,
    grade_class: &'static str,
    title: String,
    file: Option<String>,
    seen: String,
    state: String,
    state_class: &'static str,
}

/// What reviews found: what blocks first, then what is open, then what is gone.
#[derive(Template)]
#[template(path = "findings.html")]
pub(crate) struct Findings {
    say: Voice,
    lines: Vec<FindingLine>,
    blocks: usize,
}

impl Findings {
    pub fn of(detail: &TaskDetail, say: &Voice) -> Self {
        let mut found: Vec<&Tracked> = detail.task.convergence.findings.iter().collect();
        found.sort_by_key(|one| (!one.blocks(), !one.is_open(), one.finding.grade.unwrap_or(9)));
        let blocks = found.iter().filter(|one| one.blocks()).count();
        Self { lines: found.into_iter().map(|one| finding(one, say)).collect(), blocks, say: say.clone() }
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

fn finding(one: &Tracked, say: &Voice) -> FindingLine {
    let (state, state_class) = match one.state {
        FindingState::New => ("finding-new", ""),
        FindingState::StillOpen => ("finding-still-open", "bad"),
        FindingState::Resolved => ("finding-resolved", "ok"),
        FindingState::Reopened => ("finding-reopened", "bad"),
    };
    let (first, last) = (one.first.to_string(), one.last.to_string());
    FindingLine {
        gone: !one.is_open(),
        grade: one.finding.grade.map_or_else(|| "?".to_owned(), |grade| format!("P{grade}")),
        grade_class: match one.finding.grade {
            Some(0) if one.is_open() => "solid",
            Some(1) if one.is_open() => "bad",
            _ => "",
        },
        title: one.finding.title.clone(),
        file: one.finding.file.clone(),
        seen: match one.rounds {
            0 | 1 => say.w1("finding-seen-once", "attempt", &first),
            rounds => say.w("finding-seen", &[("rounds", &rounds.to_string()), ("first", &first), ("last", &last)]),
        },
        state: say.t(state),
        state_class,
    }
}
