//! What stands above every page of a task: where it is, what it is called, its stations and its tabs.

use askama::Template;
use orch_engine::control::TaskDetail;
use orch_ports::lists::ListedTask;
use orch_rules::pipeline::Stage;
use orch_rules::task::Position;
use orch_web::view::UsageView;

use crate::door::LoggedIn;
use crate::marks::{self, Glance};
use crate::parts::{address, cost, segment};
use crate::say::Html;
use orch_rules::ids::Timestamp;

/// A page of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TaskTab {
    Overview,
    Documents,
    Changes,
    Log,
    History,
}

/// A stage, large.
struct Station {
    class: &'static str,
    here: bool,
    mark: Html,
    name: String,
    words: Html,
}

/// A link to a page of the task.
struct TabLink {
    href: String,
    name: String,
    count: String,
    here: bool,
}

/// The head of a task's page.
#[derive(Template)]
#[template(path = "task_head.html")]
pub(crate) struct Head {
    pub href: String,
    id: String,
    repository: String,
    repository_href: String,
    title: String,
    mark: Html,
    colour: &'static str,
    words: String,
    line_name: String,
    tabs_name: String,
    stations: Vec<Station>,
    tabs: Vec<TabLink>,
}

impl Head {
    pub fn of(detail: &TaskDetail, visitor: &LoggedIn, tab: TaskTab, now: Timestamp) -> Self {
        let (task, say) = (&detail.task, &visitor.say);
        let listed = ListedTask { unknown: detail.history.unknown.clone(), ..ListedTask::from(task) };
        let mark = Glance::of(&listed, visitor.acts());
        let (repository, id) = (task.repository.as_str(), task.work_item.as_str());
        let href = format!("{}{}", visitor.base, address(repository, id));
        let here = detail.pipeline.stages.iter().position(|stage| task.position.stage() == Some(&stage.id));
        let stations = detail.pipeline.stages.iter().enumerate();
        let stations = stations.map(|(at, stage)| station(detail, visitor, (at, stage), here, mark, now)).collect();
        let documents: std::collections::BTreeSet<&str> = detail
            .history
            .attempts
            .iter()
            .filter_map(|attempt| attempt.ended.as_ref()?.evidence.as_ref())
            .flat_map(|found| found.documents.iter().map(|document| document.path.as_str()))
            .collect();
        let link = |of: TaskTab, path: &str, name: &str, count: usize| TabLink {
            href: format!("{href}{path}"),
            name: say.t(name),
            count: if count == 0 { String::new() } else { say.number(count as u64) },
            here: of == tab,
        };
        let tabs = vec![
            link(TaskTab::Overview, "", "tab-overview", 0),
            link(TaskTab::Documents, "/documents", "tab-documents", documents.len()),
            link(TaskTab::Changes, "/changes", "tab-changes", 0),
            link(TaskTab::Log, "/log", "tab-log", 0),
            link(TaskTab::History, "/history", "tab-history", detail.history.audit.len()),
        ];
        Self {
            id: id.to_owned(),
            repository: repository.to_owned(),
            repository_href: format!("{}/board?repo={}", visitor.base, segment(repository)),
            title: task.title.clone(),
            mark: mark.beside(),
            colour: mark.colour(),
            words: marks::why_of(&listed, Some(&detail.pipeline), say),
            line_name: say.t("board-line"),
            tabs_name: say.t("task-pages"),
            stations,
            tabs,
            href,
        }
    }
}

fn station(
    detail: &TaskDetail,
    visitor: &LoggedIn,
    (at, stage): (usize, &Stage),
    here: Option<usize>,
    mark: Glance,
    now: Timestamp,
) -> Station {
    let (say, task) = (&visitor.say, &detail.task);
    let tries: Vec<_> = detail.history.attempts.iter().filter(|attempt| attempt.stage == stage.id).collect();
    let used = detail.history.usage.iter().filter(|row| row.stage == stage.id);
    let used = UsageView::of(used.map(|row| Some(&row.usage)));
    let done = task.position == Position::Done;
    let is_here = here == Some(at);
    let passed = done || here.is_some_and(|here| at < here);
    let (class, mark) = match () {
        () if is_here => ("", mark),
        () if passed => ("p", Glance::Passed),
        // It had its turn and is ahead again: it sent the work back.
        () if !tries.is_empty() => ("", Glance::Failed),
        () => ("", Glance::Idle),
    };
    let worked: i64 = tries.iter().map(|a| a.ended.as_ref().map_or(now.0, |ended| ended.at.0) - a.requested_at.0).sum();
    let words = match () {
        () if is_here => format!("{} · {}", mark.name(say), say.since(task.entered_at, now)),
        () if tries.is_empty() => String::new(),
        () if !passed => say.t("sent-back"),
        () if tries.len() > 1 => format!("{} · {}", say.n("attempts", tries.len() as u64), cost(&used, say)),
        () => format!("{} · {}", say.span(worked), cost(&used, say)),
    };
    Station {
        class,
        here: is_here,
        mark: mark.alone(say),
        name: marks::place(stage.id.as_str(), say),
        words: Html(words),
    }
}
