//! A task: what is asked, how it went, what it made.

pub(crate) mod asked;
pub(crate) mod changes;
pub(crate) mod documents;
pub(crate) mod evidence;
mod head;
pub(crate) mod history;
pub(crate) mod log;
pub(crate) mod overview;
mod roll;

use axum::extract::{Path, State};
use axum::response::Response;
use orch_engine::control::{ControlError, TaskDetail, TaskName};
use orch_rules::ids::{RepositoryId, WorkItemId};
use serde::Deserialize;

use crate::Pages;
use crate::door::LoggedIn;
use crate::parts::address;
use crate::reply::{self, Oops};

pub(crate) use head::Head;

/// Which task.
#[derive(Debug, Deserialize)]
pub(crate) struct TaskAddress {
    pub repository: String,
    pub id: String,
}

impl TaskAddress {
    pub fn name(&self) -> TaskName {
        TaskName { repository: Some(RepositoryId(self.repository.clone())), work_item: WorkItemId(self.id.clone()) }
    }

    /// Its address within the site.
    pub fn address(&self) -> String {
        address(&self.repository, &self.id)
    }
}

/// Everything known of it.
pub(crate) async fn read(pages: &Pages, visitor: &LoggedIn, named: &TaskAddress) -> Result<TaskDetail, Oops> {
    pages.control.show(named.name()).await.map_err(|error| Oops::of(visitor, error))
}

/// A task by its id alone: on to its own address. Where several repositories have the id, to those that look so.
pub(crate) async fn find(
    State(pages): State<Pages>,
    visitor: LoggedIn,
    Path(id): Path<String>,
) -> Result<Response, Oops> {
    let base = pages.site.base();
    match pages.control.show(&WorkItemId(id.clone())).await {
        Ok(detail) => Ok(reply::to(base, &address(detail.task.repository.as_str(), &id))),
        Err(ControlError::Ambiguous { .. }) => Ok(reply::to(base, &format!("/board?q={}", crate::parts::segment(&id)))),
        Err(error) => Err(Oops::of(&visitor, error)),
    }
}
