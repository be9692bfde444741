//! Rows read back. A spelling this build does not know makes its row unreadable, never a crash.

use orch_ports::store::{StoreError, StoreResult};
use orch_rules::unknown::{self, Keeps, Unknown};
use serde::de::DeserializeOwned;

use crate::step::{Answer, Row, Value};

fn shape(what: &str, column: usize, row: &Row) -> StoreError {
    StoreError::Unreadable {
        what: what.to_owned(),
        detail: format!(
            "column {column} is {}",
            match row.get(column) {
                None => "missing",
                Some(Value::Null) => "empty",
                Some(Value::Int(_)) => "a number",
                Some(Value::Text(_)) => "a text",
            }
        ),
    }
}

/// A column that holds a number.
pub(crate) fn int(what: &str, row: &Row, column: usize) -> StoreResult<i64> {
    match row.get(column) {
        Some(Value::Int(number)) => Ok(*number),
        _ => Err(shape(what, column, row)),
    }
}

/// A column that holds a number or nothing.
pub(crate) fn optional_int(what: &str, row: &Row, column: usize) -> StoreResult<Option<i64>> {
    match row.get(column) {
        Some(Value::Null) => Ok(None),
        _ => int(what, row, column).map(Some),
    }
}

/// A column that holds a number that is never negative and small.
pub(crate) fn count(what: &str, row: &Row, column: usize) -> StoreResult<u32> {
    int(what, row, column).map(|number| u32::try_from(number.max(0)).unwrap_or(u32::MAX))
}

/// A column that holds a text.
pub(crate) fn text<'a>(what: &str, row: &'a Row, column: usize) -> StoreResult<&'a str> {
    optional_text(what, row, column)?.ok_or_else(|| shape(what, column, row))
}

/// A column that holds a text or nothing.
pub(crate) fn optional_text<'a>(what: &str, row: &'a Row, column: usize) -> StoreResult<Option<&'a str>> {
    match row.get(column) {
        Some(Value::Text(text)) => Ok(Some(text)),
        Some(Value::Null) => Ok(None),
        _ => Err(shape(what, column, row)),
    }
}

/// A column that holds a struct as JSON.
pub(crate) fn json<T: DeserializeOwned>(what: &str, row: &Row, column: usize) -> StoreResult<T> {
    let text = text(what, row, column)?;
    serde_json::from_str(text).map_err(|e| StoreError::Unreadable { what: what.to_owned(), detail: e.to_string() })
}

/// A column that holds a row which is written again as a whole.
pub(crate) fn kept<T: Keeps>(what: &str, row: &Row, column: usize) -> StoreResult<T> {
    let text = text(what, row, column)?;
    unknown::whole(text).map_err(|e| StoreError::Unreadable { what: what.to_owned(), detail: e.to_string() })
}

/// For people: what this release does not know of a row, and the row, cut to what fits a line.
pub(crate) fn unknown_words(error: &StoreError, stored: &str) -> String {
    const MOST: usize = 300;
    let detail = match error {
        StoreError::Unreadable { detail, .. } => detail.as_str(),
        _ => "",
    };
    // What it would have expected is the business of the release that wrote it.
    let detail = detail.split(", expected").next().unwrap_or_default();
    let mut cut: String = stored.chars().take(MOST).collect();
    if cut.len() < stored.len() {
        cut.push('…');
    }
    format!("this release does not know it ({detail}): {cut}")
}

/// The bodies of all rows that this release knows; of the others, what they are and how they are stored. Half a history
/// must not decide: who decides has to look at `unknown`.
pub(crate) fn known<T>(
    what: &str,
    answer: &Answer,
    body: impl Fn(&str, &Row, usize) -> StoreResult<T>,
    unknown: &mut Vec<Unknown>,
) -> Vec<T> {
    let read = |row: &Row| match body(what, row, 0) {
        Ok(body) => Some(body),
        Err(_) => {
            unknown.push(Unknown::new(what, text(what, row, 0).unwrap_or("no text")));
            None
        }
    };
    answer.rows.iter().filter_map(read).collect()
}

/// What can be read of the rows; the others are logged and left out. For lists that people look at.
pub(crate) fn readable<T>(answer: &Answer, read: impl Fn(&Row) -> StoreResult<T>) -> Vec<T> {
    let mut kept = Vec::with_capacity(answer.rows.len());
    for row in &answer.rows {
        match read(row) {
            Ok(value) => kept.push(value),
            Err(error) => tracing::warn!(%error, "a row is left out of a list"),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_another_shape_is_unreadable_and_a_list_goes_on_without_it() {
        let good = vec![Value::from("1")];
        let bad = vec![Value::from("{")];
        assert!(matches!(json::<u32>("x", &bad, 0), Err(StoreError::Unreadable { .. })));
        assert!(matches!(int("x", &good, 0), Err(StoreError::Unreadable { .. })));
        assert!(matches!(text("x", &good, 4), Err(StoreError::Unreadable { .. })));
        let answer = Answer { touched: 2, rows: vec![bad, good] };
        assert_eq!(readable(&answer, |row| json::<u32>("x", row, 0)), vec![1]);
        let mut unknown = Vec::new();
        assert_eq!(known("x", &answer, json::<u32>, &mut unknown), vec![1]);
        assert_eq!(unknown, [Unknown::new("x", "{")]);
    }
}
