//! The read models: what is asked, and what the rows mean.

pub(crate) mod facts;
pub(crate) mod lists;

use orch_ports::store::StoreResult;
use orch_rules::ids::RepositoryId;
use orch_rules::lane::Repository;
use orch_rules::outage::Outage;
use orch_rules::task::Task;

use crate::row::{int, json, optional_text, text};
use crate::step::Row;

/// `body, version`: the column is the truth, a guard alone raises it.
pub(crate) fn task(row: &Row) -> StoreResult<Task> {
    let mut task: Task = json("a task", row, 0)?;
    task.version = int("a task", row, 1)?;
    Ok(task)
}

/// The columns [`repository`] reads, of a table called `r`.
macro_rules! repository_columns {
    () => {
        "r.id, r.prefix, r.base_branch, r.serial, r.frozen, r.freeze_epoch, r.paused, r.main_tip, r.lane_fence, r.version"
    };
}
pub(crate) use repository_columns;

/// Every outage, over or not, by its key.
pub(crate) const OUTAGES: &str = "SELECT body, version FROM outages WHERE body IS NOT NULL ORDER BY name";

/// A row of [`OUTAGES`].
pub(crate) fn outage(row: &Row) -> StoreResult<Outage> {
    let what = "an outage";
    Ok(Outage { version: int(what, row, 1)?, ..json(what, row, 0)? })
}

/// A repository from [`repository_columns`].
pub(crate) fn repository(row: &Row) -> StoreResult<Repository> {
    let what = "a repository";
    Ok(Repository {
        id: RepositoryId::from(text(what, row, 0)?),
        prefix: text(what, row, 1)?.to_owned(),
        base_branch: text(what, row, 2)?.to_owned(),
        serial: int(what, row, 3)? != 0,
        frozen: optional_text(what, row, 4)?.map(|_| json("a freeze", row, 4)).transpose()?,
        freeze_epoch: int(what, row, 5)?,
        paused: int(what, row, 6)? != 0,
        main: optional_text(what, row, 7)?.map(Into::into),
        lane_fence: int(what, row, 8)?,
        version: int(what, row, 9)?,
    })
}
