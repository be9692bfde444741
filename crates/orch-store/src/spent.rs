//! What runs cost, added up by the database.

use orch_ports::lists::{Costs, Spent, SpentFilter};
use orch_ports::store::{StoreError, StoreResult};

use crate::row::{int, optional_int, readable, text};
use crate::step::{Answer, Row, Step, Value};

/// Tasks that are named among the dearest.
const DEAREST: i64 = 10;

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
    let dearest: [Value; 3] = [filter.since.0.into(), repository.into(), DEAREST.into()];
    vec![
        Step::rows(
            concat!(
                "SELECT u.booked_at / 86400000, t.repository, COALESCE(json_extract(u.body, '$.stage'), ''),
                     COALESCE(json_extract(u.body, '$.usage.model'), ''), '', ",
                sums!(),
                " FROM usage_rows u JOIN tasks t ON t.id = u.task
                 WHERE u.booked_at >= ?1 AND (?2 = '' OR t.repository = ?2) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
            ),
            params.clone(),
        ),
        Step::rows(
            concat!(
                "SELECT CAST(0 AS INTEGER), t.repository, '', '', t.work_item, ",
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

fn spent(row: &Row) -> StoreResult<Spent> {
    let what = "what runs cost";
    let some = |at| Ok::<_, StoreError>(optional_int(what, row, at)?.map(i64::unsigned_abs));
    Ok(Spent {
        day: int(what, row, 0)?,
        repository: text(what, row, 1)?.to_owned(),
        stage: text(what, row, 2)?.to_owned(),
        model: text(what, row, 3)?.to_owned(),
        task: text(what, row, 4)?.to_owned(),
        runs: int(what, row, 5)?.unsigned_abs(),
        silent: int(what, row, 6)?.unsigned_abs(),
        micros: some(7)?,
        input: some(8)?,
        output: some(9)?,
    })
}

pub(crate) fn costs(answers: &[Answer]) -> StoreResult<Costs> {
    let [rows, dearest, landed] = answers else {
        return Err(StoreError::Failed { detail: "the engine answered another number of questions".into() });
    };
    let landed = landed.rows.first().map_or(Ok(0), |row| int("the tasks", row, 0))?;
    Ok(Costs { rows: readable(rows, spent), dearest: readable(dearest, spent), landed: landed.unsigned_abs() })
}
