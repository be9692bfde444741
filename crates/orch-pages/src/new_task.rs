//! A new task, and another text for one that is there.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use orch_engine::control::{NewIssue, Opened};
use orch_rules::ids::{RepositoryId, WorkItemId};

use crate::Pages;
use crate::door::LoggedIn;
use crate::fields::{FormFields, SentForm};
use crate::frame::{Frame, Menu};
use crate::parts::address;
use crate::reply::{self, Oops, page as shown, told};
use crate::task::{self, TaskAddress};

#[derive(Template)]
#[template(path = "new.html")]
struct NewPage {
    f: Frame,
    repositories: Vec<String>,
    repository: String,
    title: String,
    description: String,
    priority: String,
    labels: String,
    depends: String,
    wrong: String,
    /// Where an edit goes; `None`: it is a new one.
    edit: Option<String>,
    press: String,
}

async fn form(pages: &Pages, visitor: &LoggedIn, fields: &FormFields, wrong: String) -> Result<NewPage, Oops> {
    let f = reply::frame(pages, visitor, Menu::New, visitor.t("new-task")).await?;
    let repositories = pages.control.repositories().await.map_err(|error| Oops::of(visitor, error))?;
    Ok(NewPage {
        f,
        repositories: repositories.iter().map(|repository| repository.id.to_string()).collect(),
        repository: fields.get("repository").to_owned(),
        title: fields.get("title").to_owned(),
        description: fields.get("description").to_owned(),
        priority: fields.some("priority").unwrap_or_else(|| "0".to_owned()),
        labels: fields.get("labels").to_owned(),
        depends: fields.get("depends").to_owned(),
        wrong,
        edit: None,
        press: fields.key(),
    })
}

/// An empty form.
pub(crate) async fn page(State(pages): State<Pages>, visitor: LoggedIn) -> Result<Response, Oops> {
    if !visitor.acts() {
        return Err(Oops::forbidden(&visitor));
    }
    Ok(shown(&form(&pages, &visitor, &FormFields::default(), String::new()).await?))
}

/// Opens it; what is wrong stands above the same form, with everything that was typed.
pub(crate) async fn open(State(pages): State<Pages>, sent: SentForm) -> Result<Response, Oops> {
    let sent = sent.acts()?;
    let fields = &sent.fields;
    let words = |name: &str| {
        fields.get(name).split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let issue = NewIssue {
        repository: fields.some("repository").map(RepositoryId),
        title: fields.get("title").to_owned(),
        description: fields.get("description").to_owned(),
        priority: fields.get("priority").trim().parse().unwrap_or(0),
        variant: None,
        labels: words("labels"),
        start: fields.get("act") == "start",
        depends_on: words("depends").into_iter().map(WorkItemId).collect(),
        key: format!("session-{}", fields.key()),
    };
    match pages.control.open_issue(issue, sent.visitor.actor()).await {
        Ok(Opened::Task(task)) => {
            let at = address(task.repository.as_str(), task.work_item.as_str());
            Ok(told(&pages, &at, true, &sent.say().w1("opened", "id", &task.work_item)))
        }
        Ok(Opened::Stored { .. }) => Ok(told(&pages, "/board", true, &sent.say().t("stored"))),
        Err(error) => {
            let wrong = reply::plain(&error.to_string());
            Ok(shown(&form(&pages, &sent.visitor, fields, wrong).await?))
        }
    }
}

/// The form with what is there.
pub(crate) async fn edit_page(
    State(pages): State<Pages>,
    visitor: LoggedIn,
    Path(named): Path<TaskAddress>,
) -> Result<Response, Oops> {
    if !visitor.acts() {
        return Err(Oops::forbidden(&visitor));
    }
    let detail = task::read(&pages, &visitor, &named).await?;
    let mut page = form(&pages, &visitor, &FormFields::default(), String::new()).await?;
    page.f.title = visitor.t("act-edit");
    page.f.here = Menu::Board;
    page.title = detail.task.title.clone();
    page.description = detail.task.description.clone();
    page.priority = detail.task.priority.to_string();
    page.edit = Some(named.address());
    Ok(shown(&page))
}
