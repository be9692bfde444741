//! Who decided what.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use orch_engine::control::TaskDetail;
use orch_rules::change::AuditLine;
use orch_rules::ids::Timestamp;
use orch_text::reason;
use serde::Deserialize;

use super::head::TaskTab;
use super::{Head, TaskAddress, read};
use crate::Pages;
use crate::door::LoggedIn;
use crate::frame::{Frame, Menu};
use crate::parts::{called, face};
use crate::reply::{self, Oops, page as shown};
use crate::say::{Html, Voice, ticks};

/// A line of a task's history.
pub(crate) struct Line {
    pub at: Html,
    pub face: Html,
    pub who: String,
    pub text: Html,
    plain: String,
    pub rule: String,
}

impl Line {
    fn of(line: &AuditLine, detail: &TaskDetail, say: &Voice, now: Timestamp) -> Self {
        let text = reason(&line.text, &detail.task, say.language).text;
        Self {
            at: say.when(line.at, now),
            face: face(&line.by),
            who: called(&line.by, say),
            text: ticks(&text),
            plain: text,
            rule: line.rule.clone(),
        }
    }
}

/// The newest lines, the newest first.
pub(crate) fn lines(detail: &TaskDetail, say: &Voice, now: Timestamp, most: usize) -> Vec<Line> {
    detail.history.audit.iter().rev().take(most).map(|line| Line::of(line, detail, say, now)).collect()
}

/// What is looked for.
#[derive(Deserialize, Default)]
pub(crate) struct Filter {
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage {
    f: Frame,
    head: Head,
    q: String,
    lines: Vec<Line>,
}

/// The whole history.
pub(crate) async fn page(
    State(pages): State<Pages>,
    visitor: LoggedIn,
    Path(named): Path<TaskAddress>,
    Query(Filter { q }): Query<Filter>,
) -> Result<Response, Oops> {
    let detail = read(&pages, &visitor, &named).await?;
    let mut f = reply::frame(&pages, &visitor, Menu::Board, named.id.clone()).await?;
    f.of = format!("{}/{}", named.repository, named.id);
    f.up = Some("/board");
    let head = Head::of(&detail, &visitor, TaskTab::History, f.now);
    let mut lines = lines(&detail, &f.say, f.now, usize::MAX);
    let wanted = q.trim().to_lowercase();
    lines.retain(|line| [&line.who, &line.plain, &line.rule].iter().any(|text| text.to_lowercase().contains(&wanted)));
    Ok(shown(&HistoryPage { f, head, q, lines }))
}
