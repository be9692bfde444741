//! A task's documents, rendered safely.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::head::TaskTab;
use super::{Head, TaskAddress, read};
use crate::Pages;
use crate::door::LoggedIn;
use crate::frame::{Frame, Menu};
use crate::markdown::{self, Document};
use crate::parts::segment;
use crate::reply::{self, Oops, page as shown};
use crate::say::Html;

/// Which document.
#[derive(Deserialize, Default)]
pub(crate) struct Asked {
    #[serde(default)]
    at: String,
}

struct DocumentLink {
    href: String,
    name: String,
    here: bool,
}

#[derive(Template)]
#[template(path = "documents.html")]
struct DocumentsPage {
    f: Frame,
    head: Head,
    links: Vec<DocumentLink>,
    name: String,
    fields: Vec<(String, String)>,
    text: Html,
    issue: Html,
    trouble: String,
}

/// A document beside the list of all.
pub(crate) async fn page(
    State(pages): State<Pages>,
    visitor: LoggedIn,
    Path(named): Path<TaskAddress>,
    Query(Asked { at }): Query<Asked>,
) -> Result<Response, Oops> {
    let detail = read(&pages, &visitor, &named).await?;
    let mut f = reply::frame(&pages, &visitor, Menu::Board, named.id.clone()).await?;
    f.of = format!("{}/{}", named.repository, named.id);
    f.up = Some("/board");
    let head = Head::of(&detail, &visitor, TaskTab::Documents, f.now);
    let (papers, trouble) = match pages.control.papers(&named.name()).await {
        Ok(papers) => (papers, String::new()),
        Err(error) => (Vec::new(), reply::plain(&error.to_string())),
    };
    let short = |path: &str| path.splitn(4, '/').nth(3).unwrap_or(path).to_owned();
    let chosen =
        papers.iter().find(|paper| !at.is_empty() && paper.path.ends_with(&format!("/{at}"))).or(papers.first());
    let (name, fields, text) = match chosen {
        Some(paper) => {
            let read = Document::read(&paper.text);
            let fields = read.fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            (short(&paper.path), fields, markdown::render(read.text))
        }
        None => (String::new(), Vec::new(), Html::default()),
    };
    let links = papers.iter().map(|paper| {
        let of = short(&paper.path);
        DocumentLink { href: format!("{}/documents?at={}", head.href, segment(&of)), here: of == name, name: of }
    });
    let issue = match detail.task.unlisted {
        true => markdown::fenced(&detail.task.description),
        false => markdown::render(&detail.task.description),
    };
    Ok(shown(&DocumentsPage { links: links.collect(), f, head, name, fields, text, issue, trouble }))
}
