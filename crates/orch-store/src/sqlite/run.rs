//! Steps on a connection.

use orch_ports::store::StoreResult;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};

use super::connection::failed;
use crate::step::{Answer, Row, Step, Value};

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// Runs the steps in order in the transaction that is open. The first broken expectation or error ends it.
pub(super) fn run(connection: &Connection, steps: &[Step]) -> StoreResult<Vec<Answer>> {
    let mut answers: Vec<Answer> = Vec::with_capacity(steps.len());
    for step in steps {
        if step.only_after_write && answers.last().is_none_or(|before| before.touched == 0) {
            answers.push(Answer::default());
            continue;
        }
        let answer = execute(connection, step).map_err(|e| failed(&e))?;
        step.judge(answer.touched)?;
        answers.push(answer);
    }
    Ok(answers)
}

fn execute(connection: &Connection, step: &Step) -> rusqlite::Result<Answer> {
    let mut statement = connection.prepare_cached(step.sql)?;
    let params = params_from_iter(&step.params);
    if !step.rows {
        let touched = statement.execute(params)? as u64;
        return Ok(Answer { touched, rows: Vec::new() });
    }
    let columns = statement.column_count();
    let mut cursor = statement.query(params)?;
    let mut rows = Vec::new();
    while let Some(found) = cursor.next()? {
        let mut row = Row::with_capacity(columns);
        for column in 0..columns {
            row.push(match found.get_ref(column)? {
                ValueRef::Integer(number) => Value::Int(number),
                ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => Value::Null,
            });
        }
        rows.push(row);
    }
    Ok(Answer { touched: rows.len() as u64, rows })
}
