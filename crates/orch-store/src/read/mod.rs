//! The read models: what is asked, and what the rows mean.

pub(crate) mod facts;
pub(crate) mod lists;

use orch_ports::store::StoreResult;
use orch_rules::actor::Actor;
use orch_rules::convergence::Convergence;
use orch_rules::ids::{RepositoryId, Timestamp};
use orch_rules::lane::{Freeze, Repository};
use orch_rules::outage::{Outage, Source};
use orch_rules::task::{Position, Task};
use orch_rules::unknown::{self, Beyond, Unknown};

use crate::row::{count, int, kept, optional_text, text};
use crate::step::Row;

/// The columns [`task`] reads, of a table called `t`.
macro_rules! task_columns {
    () => {
        "t.body, t.version, t.id, t.repository, t.work_item, t.place, t.terminal, t.visit, t.attempt, t.pipeline, t.priority, t.created_at"
    };
}
pub(crate) use task_columns;

/// A task from [`task_columns`]. The version is the column's: a guard alone raises it. Of a body with parts that this
/// release does not know, the columns stand in for them.
pub(crate) fn task(row: &Row) -> StoreResult<Task> {
    let what = "a task";
    let body = text(what, row, 0)?;
    let version = int(what, row, 1)?;
    if let Ok(task) = unknown::whole::<Task>(body) {
        return Ok(Task { version, ..task });
    }
    let created_at = Timestamp(int(what, row, 11)?);
    let blank = Task {
        id: text(what, row, 2)?.into(),
        repository: text(what, row, 3)?.into(),
        work_item: text(what, row, 4)?.into(),
        title: String::new(),
        description: String::new(),
        author: Actor::ORCH,
        branch: String::new(),
        priority: i32::try_from(int(what, row, 10)?).unwrap_or_default(),
        position: position(text(what, row, 5)?, int(what, row, 6)? != 0),
        visit: count(what, row, 7)?,
        pipeline: text(what, row, 9)?.into(),
        base: None,
        head: None,
        keys: None,
        attempt: count(what, row, 8)?,
        retries: 0,
        rework: None,
        claims: Vec::new(),
        convergence: Convergence::default(),
        hold: None,
        paused: false,
        stop: None,
        hands: None,
        branch_seen: None,
        replay_since: None,
        unlisted: false,
        landed: None,
        brought: Vec::new(),
        deployment: None,
        waits: Vec::new(),
        rule: String::new(),
        created_at,
        started_at: None,
        entered_at: created_at,
        ended_at: None,
        version,
        beyond: Beyond::default(),
    };
    let (mut task, beyond) = unknown::read(body, &blank);
    task.version = version;
    task.beyond.join(beyond);
    Ok(task)
}

pub(crate) fn position(place: &str, terminal: bool) -> Position {
    match place {
        "backlog" => Position::Backlog,
        "entering" => Position::Entering,
        "done" => Position::Done,
        // An end that this release does not know: nothing moves the task, like one that was called off.
        _ if terminal => Position::Cancelled,
        stage => Position::Stage(stage.into()),
    }
}

/// The columns [`repository`] reads, of a table called `r`.
macro_rules! repository_columns {
    () => {
        "r.id, r.prefix, r.base_branch, r.serial, r.frozen, r.freeze_epoch, r.paused, r.main_tip, r.lane_fence, r.version"
    };
}
pub(crate) use repository_columns;

/// Every outage, over or not, by its key.
pub(crate) const OUTAGES: &str = "SELECT body, version, name FROM outages WHERE body IS NOT NULL ORDER BY name";

/// A row of [`OUTAGES`]. One that this release does not know holds nothing back; a source that it does know keeps the
/// version, so that it can be written again.
pub(crate) fn outage(row: &Row, unknown: &mut Vec<Unknown>) -> Option<Outage> {
    let what = "an outage";
    let (name, version) = (text(what, row, 2).ok()?, int(what, row, 1).ok()?);
    if let Ok(outage) = kept::<Outage>(what, row, 0) {
        return Some(Outage { version, ..outage });
    }
    unknown.push(Unknown::new(format!("the outage {name}"), text(what, row, 0).unwrap_or("no text")));
    let source = match name.split_once(':')? {
        ("credential", name) => Source::Credential { name: name.to_owned() },
        ("agent", name) => Source::Agent { name: name.to_owned() },
        _ => return None,
    };
    Some(Outage { version, ..Outage::none(source) })
}

/// A freeze that this release does not know is a freeze.
fn freeze(stored: &str) -> Freeze {
    serde_json::from_str(stored).unwrap_or_else(|_| Freeze {
        reason: format!("frozen by a newer release: {stored}"),
        by: Actor::ORCH,
        at: Timestamp(0),
        cause: None,
        fixes: Vec::new(),
        mended: None,
    })
}

/// A repository from [`repository_columns`].
pub(crate) fn repository(row: &Row) -> StoreResult<Repository> {
    let what = "a repository";
    Ok(Repository {
        id: RepositoryId::from(text(what, row, 0)?),
        prefix: text(what, row, 1)?.to_owned(),
        base_branch: text(what, row, 2)?.to_owned(),
        serial: int(what, row, 3)? != 0,
        frozen: optional_text(what, row, 4)?.map(freeze),
        freeze_epoch: int(what, row, 5)?,
        paused: int(what, row, 6)? != 0,
        main: optional_text(what, row, 7)?.map(Into::into),
        lane_fence: int(what, row, 8)?,
        version: int(what, row, 9)?,
    })
}
