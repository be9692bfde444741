//! A problem in a file that a person wrote: what is wrong, where, and what to do.

use serde::{Deserialize, Serialize};

/// One problem of a settings or pipeline file. A reader reports all of them at once, in the order of their lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Name of the rule that was broken, for example `unknown_key`; stable, for tests and `--json`.
    pub rule: String,
    /// The file, as it was named to the reader.
    pub file: String,
    /// Line in it, from 1; `None` if the problem has no place (something is missing as a whole).
    pub line: Option<usize>,
    /// Path inside the file, for example `stage[2].gates[0]`; array places count from 0.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: ", self.file)?,
            None => write!(f, "{}: ", self.file)?,
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}; {}", self.what, self.fix)
    }
}
