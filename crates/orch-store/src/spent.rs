//! What runs cost, added up by the database.

use orch_ports::lists::{Costs, Spent, SpentFilter};
use orch_ports::store::{StoreError, StoreResult};
use orch_rules::forecast::LandedCost;
use orch_rules::ids::RepositoryId;

use crate::row::{int, optional_int, readable, text};
use crate::step::{Answer, Row, Step, Value};

/// A number in a row of usage; one that is too long to be one is left out.
macro_rules! number {
    ($field:literal) => {
        concat!(
            "CASE WHEN length(json_extract(u.body, '$.usage.",
            $field,
            "')) < 16 THEN CAST(json_extract(u.body, '$.usage.",
            $field,
            "') AS INTEGER) END"
        )
    };
}

macro_rules! sums {
    () => {
        concat!(
            "COUNT(*), CAST(SUM(CASE WHEN json_extract(u.body, '$.usage.cost_micros') IS NULL THEN 1 ELSE 0 END) AS INTEGER),
             CAST(SUM(",
            number!("cost_micros"),
            ") AS INTEGER), CAST(SUM(",
            number!("input_tokens"),
            ") AS INTEGER), CAST(SUM(",
            number!("output_tokens"),
            ") AS INTEGER)"
        )
    };
}

pub(crate) fn steps(filter: &SpentFilter) -> Vec<Step> {
    let repository = filter.repository.as_ref().map_or("", |repository| repository.as_str());
    let params: [Value; 2] = [filter.since.0.into(), repository.into()];
    let dearest: [Value; 3] = [filter.since.0.into(), repository.into(), i64::from(filter.tasks).into()];
    vec![
        Step::rows(
            concat!(
                "SELECT u.booked_at / 86400000, t.repository, COALESCE(json_extract(u.body, '$.stage'), ''),
                     COALESCE(json_extract(u.body, '$.usage.agent'), ''),
                     COALESCE(json_extract(u.body, '$.usage.model'), ''), '', ",
                sums!(),
                " FROM usage_rows u JOIN tasks t ON t.id = u.task
                 WHERE u.booked_at >= ?1 AND (?2 = '' OR t.repository = ?2) GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"
            ),
            params.clone(),
        ),
        Step::rows(
            concat!(
                "SELECT CAST(0 AS INTEGER), t.repository, '', '', '', t.work_item, ",
                sums!(),
                " FROM usage_rows u JOIN tasks t ON t.id = u.task
                 WHERE u.booked_at >= ?1 AND (?2 = '' OR t.repository = ?2)
                 GROUP BY t.repository, t.work_item, t.id ORDER BY COALESCE(CAST(SUM(",
                number!("cost_micros"),
                ") AS INTEGER), 0) DESC, t.id LIMIT ?3"
            ),
            dearest,
        ),
        Step::rows(
            "SELECT COUNT(*) FROM tasks WHERE terminal = 1 AND place = 'done' AND updated_at >= ?1
                 AND (?2 = '' OR repository = ?2)",
            params,
        ),
    ]
}

/// What the newest landed tasks cost by stage.
pub(crate) fn landed_step(repository: &RepositoryId, most: u32) -> Step {
    Step::rows(
        concat!(
            "SELECT u.task, COALESCE(json_extract(u.body, '$.stage'), ''), ",
            sums!(),
            " FROM (SELECT t.id FROM tasks t WHERE t.repository = ?1 AND t.terminal = 1 AND t.place = 'done'
                  ORDER BY t.created_at DESC LIMIT ?2) l JOIN usage_rows u ON u.task = l.id GROUP BY 1, 2 ORDER BY 1, 2"
        ),
        [repository.as_str().into(), i64::from(most).into()],
    )
}

pub(crate) fn landed_cost(row: &Row) -> StoreResult<LandedCost> {
    let what = "what a landed task cost";
    Ok(LandedCost {
        task: text(what, row, 0)?.into(),
        stage: text(what, row, 1)?.into(),
        silent: int(what, row, 3)?.unsigned_abs(),
        micros: optional_int(what, row, 4)?.map_or(0, i64::unsigned_abs),
    })
}

fn spent(row: &Row) -> StoreResult<Spent> {
    let what = "what runs cost";
    let some = |at| Ok::<_, StoreError>(optional_int(what, row, at)?.map(i64::unsigned_abs));
    Ok(Spent {
        day: int(what, row, 0)?,
        repository: text(what, row, 1)?.to_owned(),
        stage: text(what, row, 2)?.to_owned(),
        agent: text(what, row, 3)?.to_owned(),
        model: text(what, row, 4)?.to_owned(),
        task: text(what, row, 5)?.to_owned(),
        runs: int(what, row, 6)?.unsigned_abs(),
        silent: int(what, row, 7)?.unsigned_abs(),
        micros: some(8)?,
        input: some(9)?,
        output: some(10)?,
    })
}

pub(crate) fn costs(answers: &[Answer]) -> StoreResult<Costs> {
    let [rows, dearest, landed] = answers else {
        return Err(StoreError::Failed { detail: "the engine answered another number of questions".into() });
    };
    let landed = landed.rows.first().map_or(Ok(0), |row| int("the tasks", row, 0))?;
    Ok(Costs { rows: readable(rows, spent), dearest: readable(dearest, spent), landed: landed.unsigned_abs() })
}
