//! A sentence and what helps.

use std::fmt;

/// One sentence for people, without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// What is so.
    pub text: String,
    /// The commands that do something about it, in words around them.
    pub help: Option<String>,
}

/// With the help, as the command line prints it.
impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "; {help}"))
    }
}
