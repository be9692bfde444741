//! What a task is at a glance: shape first, colour second.

use orch_ports::lists::ListedTask;
use orch_rules::pipeline::{Pipeline, StageKind};
use orch_rules::task::{Position, Wait, doing};
use orch_text::{Subject, wait};

use crate::say::{Html, Voice, capital, escaped};

/// A mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Glance {
    Ask,
    Stuck,
    Unknown,
    Run,
    Wait,
    Pause,
    Idle,
    Passed,
    Failed,
    Void,
    CalledOff,
}

impl Glance {
    /// Shape, colour, the text that names it.
    fn parts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Ask => ("ask", "m ask", "mark-ask"),
            Self::Stuck => ("stuck", "m bad", "mark-stuck"),
            Self::Unknown => ("unk", "m unk", "mark-unknown"),
            Self::Run => ("run", "m run turn", "mark-run"),
            Self::Wait => ("wait", "m", "mark-wait"),
            Self::Pause => ("pause", "m", "mark-pause"),
            Self::Idle => ("idle", "m", "mark-idle"),
            Self::Passed => ("ok", "m ok", "mark-passed"),
            Self::Failed => ("bad", "m bad", "mark-failed"),
            Self::Void => ("skip", "m", "mark-void"),
            Self::CalledOff => ("cancel", "m", "mark-called-off"),
        }
    }

    /// Where it stands alone: with its name.
    pub fn alone(self, say: &Voice) -> Html {
        let (shape, class, name) = self.parts();
        let name = escaped(&say.t(name));
        Html(format!(
            "<svg class=\"{class}\" viewBox=\"0 0 16 16\" role=\"img\" aria-label=\"{name}\"><use href=\"#i-{shape}\"/></svg>"
        ))
    }

    /// Beside its words.
    pub fn beside(self) -> Html {
        let (shape, class, _) = self.parts();
        Html(format!(
            "<svg class=\"{class}\" viewBox=\"0 0 16 16\" aria-hidden=\"true\"><use href=\"#i-{shape}\"/></svg>"
        ))
    }

    /// Its name.
    pub fn name(self, say: &Voice) -> String {
        say.t(self.parts().2)
    }

    /// Colour of the words beside it.
    pub fn colour(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Stuck | Self::Failed => "bad",
            Self::Unknown => "unk",
            Self::Run => "run",
            Self::Passed => "ok",
            _ => "",
        }
    }

    /// The cell of a strip.
    fn cell(self) -> &'static str {
        match self {
            Self::Ask => "a",
            Self::Stuck | Self::Failed => "f",
            Self::Unknown => "u",
            Self::Run => "r",
            Self::Passed => "p",
            _ => "w",
        }
    }

    /// Of a task; amber only for whoever may answer.
    pub fn of(task: &ListedTask, acts: bool) -> Self {
        match task.position {
            Position::Done => return Self::Passed,
            Position::Cancelled => return Self::CalledOff,
            _ if !task.unknown.is_empty() => return Self::Unknown,
            _ => {}
        }
        Self::of_kind(doing(&task.shown.waits), acts)
    }

    /// Of what is waited for before all.
    pub fn of_kind(kind: &str, acts: bool) -> Self {
        match kind {
            "human" if acts => Self::Ask,
            "held" | "repository" => Self::Stuck,
            "agent" | "collecting" | "check" | "stopping" | "stop_after_step" => Self::Run,
            "paused" | "hands" => Self::Pause,
            "backlog" => Self::Idle,
            _ => Self::Wait,
        }
    }
}

/// The icon of a kind of stage.
pub(crate) fn icon(kind: StageKind) -> &'static str {
    match kind {
        StageKind::Author => "author",
        StageKind::Build => "build",
        StageKind::Judge => "judge",
        StageKind::Check => "check",
        StageKind::Stage => "stage",
        StageKind::Land => "land",
        StageKind::Deploy => "deploy",
    }
}

/// What people call a place: a stage of a line, or what is before and behind it. The texts know the built-in lines; a stage
/// of somebody's own is called what its file calls it.
pub(crate) fn place(name: &str, say: &Voice) -> String {
    say.w("place", &[("place", name), ("name", &capital(name))])
}

/// The icon of a role: that of the stages it acts in.
pub(crate) fn role_icon(role: &str) -> &'static str {
    icon(match role {
        "developer" => StageKind::Build,
        "reviewer" => StageKind::Judge,
        "tester" => StageKind::Check,
        "deployer" => StageKind::Deploy,
        _ => StageKind::Author,
    })
}

/// What people call a role.
pub(crate) fn role(name: &str, say: &Voice) -> String {
    match name {
        "analyst" => say.t("role-analyst"),
        "architect" => say.t("role-architect"),
        "developer" => say.t("role-developer"),
        "reviewer" => say.t("role-reviewer"),
        "tester" => say.t("role-tester"),
        "deployer" => say.t("role-deployer"),
        other => other.to_owned(),
    }
}

/// Which of the reasons for waiting is told first.
pub(crate) fn first(waits: &[Wait]) -> Option<&Wait> {
    let kind = doing(waits);
    waits.iter().find(|wait| wait.kind() == kind)
}

/// Why a task waits, without the command that helps: pages have buttons.
pub(crate) fn why(reason: &Wait, task: &ListedTask, line: Option<&Pipeline>, say: &Voice) -> String {
    use orch_rules::episode::EpisodeKind;
    let stage = task.position.stage();
    match reason {
        Wait::Human { asked } => match asked {
            EpisodeKind::Approval => say.w1("why-approve", "stage", stage_name(task, say)),
            EpisodeKind::Questions => say.t("why-questions"),
            EpisodeKind::ProtectedPaths => say.t("why-protected"),
            EpisodeKind::Budget => say.t("why-budget"),
            EpisodeKind::ConfirmDeploy => say.t("why-deploy"),
        },
        Wait::Agent { attempt } => {
            let of = line.and_then(|line| line.stages.iter().find(|of| Some(&of.id) == stage)?.role);
            let attempt = attempt.to_string();
            match of {
                Some(of) => say.w("why-agent", &[("role", &role(of.name(), say)), ("attempt", &attempt)]),
                None => say.w1("why-some-agent", "attempt", attempt),
            }
        }
        other => {
            let (id, repository) = (task.work_item.as_str(), task.repository.as_str());
            let subject = Subject { work_item: id, repository, branch: &task.shown.branch };
            capital(&wait(other, subject, say.language).text)
        }
    }
}

fn stage_name(task: &ListedTask, say: &Voice) -> String {
    place(task.position.name(), say)
}

/// Why a task waits, or how it ended.
pub(crate) fn why_of(task: &ListedTask, line: Option<&Pipeline>, say: &Voice) -> String {
    match task.position {
        Position::Done => return say.t("why-done"),
        Position::Cancelled => return say.t("why-called-off"),
        _ => {}
    }
    if !task.unknown.is_empty() {
        let (id, repository) = (task.work_item.as_str(), task.repository.as_str());
        let subject = Subject { work_item: id, repository, branch: &task.shown.branch };
        return capital(&orch_text::unknown(&task.unknown, subject, say.language).text);
    }
    match first(&task.shown.waits) {
        Some(reason) => why(reason, task, line, say),
        None => say.t("why-decided-now"),
    }
}

/// One cell for each stage: done, here, ahead.
pub(crate) fn strip(task: &ListedTask, mark: Glance, line: Option<&Pipeline>, say: &Voice) -> Html {
    let Some(line) = line.filter(|line| !line.stages.is_empty()) else { return Html::default() };
    let here = line.stages.iter().position(|stage| task.position.stage() == Some(&stage.id));
    let done = match task.position {
        Position::Done => line.stages.len(),
        _ => here.unwrap_or(0),
    };
    let cells: String = (0..line.stages.len())
        .map(|at| match at {
            at if at < done => "<i class=\"p\"></i>".to_owned(),
            at if Some(at) == here || (here.is_none() && at == 0 && mark == Glance::Wait) => {
                format!("<i class=\"{}\"></i>", mark.cell())
            }
            _ => "<i></i>".to_owned(),
        })
        .collect();
    let label = escaped(&format!("{}: {}", place(task.position.name(), say), mark.name(say)));
    Html(format!("<span class=\"strip\" role=\"img\" aria-label=\"{label}\">{cells}</span>"))
}
