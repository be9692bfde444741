//! What a task changes.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::head::TaskTab;
use super::{Head, TaskAddress, read};
use crate::Pages;
use crate::diff::{self, FileChange};
use crate::door::LoggedIn;
use crate::frame::{Frame, Menu};
use crate::parts::segment;
use crate::reply::{self, Oops, page as shown};

/// Lines of a file that are shown unless the file is asked for.
const MOST_LINES: usize = 400;

/// Which file.
#[derive(Deserialize, Default)]
pub(crate) struct Asked {
    #[serde(default)]
    file: String,
}

struct FileShown {
    file: FileChange,
    href: String,
    key: String,
    left: usize,
}

struct WeakenedLine {
    path: String,
    words: String,
}

#[derive(Template)]
#[template(path = "changes.html")]
struct ChangesPage {
    f: Frame,
    head: Head,
    files: Vec<FileShown>,
    added: usize,
    removed: usize,
    weakened: Vec<WeakenedLine>,
    cut: bool,
    trouble: String,
}

/// The diff.
pub(crate) async fn page(
    State(pages): State<Pages>,
    visitor: LoggedIn,
    Path(named): Path<TaskAddress>,
    Query(Asked { file }): Query<Asked>,
) -> Result<Response, Oops> {
    let detail = read(&pages, &visitor, &named).await?;
    let mut f = reply::frame(&pages, &visitor, Menu::Board, named.id.clone()).await?;
    f.of = format!("{}/{}", named.repository, named.id);
    f.up = Some("/board");
    let head = Head::of(&detail, &visitor, TaskTab::Changes, f.now);
    let (text, cut, trouble) = match pages.control.diff(&named.name(), Vec::new()).await {
        Ok(diff) => (diff.text, diff.cut, String::new()),
        Err(error) => (String::new(), false, reply::plain(&error.to_string())),
    };
    let files = diff::read(&text);
    let (added, removed) = (files.iter().map(|file| file.added).sum(), files.iter().map(|file| file.removed).sum());
    let newest = detail.history.attempts.iter().rev().find_map(|attempt| attempt.ended.as_ref()?.evidence.as_ref());
    let weakened = newest.map(|found| found.weakened.iter()).into_iter().flatten().map(|test| WeakenedLine {
        path: test.path.clone(),
        words: match test.deleted {
            true => f.t("test-deleted"),
            false => f.say.n("test-lost", u64::from(test.removed_lines)),
        },
    });
    let weakened = weakened.collect();
    let files = files.into_iter().enumerate().map(|(at, mut change)| {
        let whole = change.path == file;
        let left = if whole { 0 } else { change.lines.len().saturating_sub(MOST_LINES) };
        change.lines.truncate(change.lines.len() - left);
        let key = format!("file-{at}");
        FileShown {
            href: format!("{}/changes?file={}#{key}", head.href, segment(&change.path)),
            file: change,
            key,
            left,
        }
    });
    Ok(shown(&ChangesPage { files: files.collect(), f, head, added, removed, weakened, cut, trouble }))
}
