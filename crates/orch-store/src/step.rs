//! What an engine is given: statements with their parameters and what each must touch.

use orch_ports::store::{StoreError, WorkId};
use orch_rules::change::Guard;

/// A value that goes into or comes out of a statement. There are two column types only, so that both engines agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// `INTEGER` (SQLite), `BIGINT` (PostgreSQL).
    Int(i64),
    /// `TEXT`.
    Text(String),
}

impl Value {
    /// Text without NUL characters, which PostgreSQL cannot store.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::Text(if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text })
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}
impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Int(number.into())
    }
}
impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}
impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Int(flag.into())
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row that came back.
pub type Row = Vec<Value>;

/// What one step did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// Rows written, or rows returned for a step that returns rows.
    pub touched: u64,
    /// The rows, in the engine's order.
    pub rows: Vec<Row>,
}

impl Answer {
    /// The first value of a row is 1.
    pub fn says_yes(&self) -> bool {
        self.rows.iter().any(|row| row.first() == Some(&Value::Int(1)))
    }
}

/// Why a step that had to touch exactly one row touched none.
#[derive(Debug, Clone, PartialEq)]
pub enum Broken {
    /// A guard of the change set.
    Guard(Guard),
    /// The work row belongs to another attempt.
    Stale(WorkId),
    /// There is no such row.
    Missing(String),
}

impl From<&Broken> for StoreError {
    fn from(broken: &Broken) -> Self {
        match broken {
            Broken::Guard(guard) => Self::Guard(guard.clone()),
            Broken::Stale(work) => Self::Stale { work: *work },
            Broken::Missing(what) => Self::Missing { what: what.clone() },
        }
    }
}

/// One statement of a transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The text, with `?1` placeholders; `/*pg … */` holds what only PostgreSQL is to see.
    pub sql: &'static str,
    /// Parameters, `?1` first.
    pub params: Vec<Value>,
    /// The statement returns rows (`SELECT`, `RETURNING`).
    pub rows: bool,
    /// If set, exactly one row must be touched; otherwise the whole list is undone and this is the error.
    pub expect: Option<Broken>,
    /// Run only if the step before it wrote something.
    pub only_after_write: bool,
    /// A touched row means that work was queued. For a step that returns rows: that their first value is 1.
    pub queues: bool,
}

impl Step {
    /// A statement that returns no rows.
    pub fn run<const N: usize>(sql: &'static str, params: [Value; N]) -> Self {
        Self { sql, params: params.into(), rows: false, expect: None, only_after_write: false, queues: false }
    }
    /// A statement that returns rows.
    pub fn rows<const N: usize>(sql: &'static str, params: [Value; N]) -> Self {
        Self { rows: true, ..Self::run(sql, params) }
    }
    /// It must touch exactly one row, or this is the error.
    #[must_use]
    pub fn or(self, broken: Broken) -> Self {
        Self { expect: Some(broken), ..self }
    }
    /// It queues work.
    #[must_use]
    pub fn queues(self) -> Self {
        Self { queues: true, ..self }
    }
    /// Only if the step before it wrote something.
    #[must_use]
    pub fn after_write(self) -> Self {
        Self { only_after_write: true, ..self }
    }
    /// The error, if `touched` rows are not what was expected.
    ///
    /// # Errors
    /// What [`Step::expect`] names.
    pub fn judge(&self, touched: u64) -> Result<(), StoreError> {
        match &self.expect {
            Some(broken) if touched != 1 => Err(broken.into()),
            _ => Ok(()),
        }
    }
}
