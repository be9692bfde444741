//! What CI says of a commit: single statuses, combined by us. Products combine them per page, and differently.

use serde::{Deserialize, Serialize};

/// Our own statuses begin with it; they never count as CI.
pub const OWN_CONTEXTS: &str = "orchestrion";

/// Whose tests decide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhoseCi {
    /// The test command, run here.
    #[default]
    Own,
    /// The statuses that the forge has of exactly that commit.
    Forge,
    /// Both have to be green.
    Both,
}

impl WhoseCi {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Own, Self::Forge, Self::Both];

    /// Its spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Forge => "forge",
            Self::Both => "both",
        }
    }
    /// The test command is run here.
    pub fn runs_here(self) -> bool {
        self != Self::Forge
    }
    /// The forge's statuses are waited for.
    pub fn asks_forge(self) -> bool {
        self != Self::Own
    }
}

/// What one status says. Products store whatever they are given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum StatusState {
    /// It runs, or waits.
    Pending,
    /// Green.
    Success,
    /// Left out on purpose, which satisfies.
    Skipped,
    /// Not green: no server lets it satisfy a required context.
    Warning,
    /// Red.
    Failure,
    /// It could not be found out.
    Error,
    /// A word that nobody defined; not green.
    Other(String),
}

impl StatusState {
    /// As servers spell it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "pending",
            Self::Success => "success",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
            Self::Failure => "failure",
            Self::Error => "error",
            Self::Other(word) => word,
        }
    }

    /// What it means for a context that has to be green.
    pub fn counts(&self) -> Counts {
        match self {
            Self::Success | Self::Skipped => Counts::Green,
            Self::Pending => Counts::Open,
            Self::Warning | Self::Failure | Self::Error | Self::Other(_) => Counts::Red,
        }
    }
}

impl From<String> for StatusState {
    fn from(word: String) -> Self {
        match word.as_str() {
            "pending" => Self::Pending,
            "success" => Self::Success,
            "skipped" => Self::Skipped,
            "warning" => Self::Warning,
            "failure" => Self::Failure,
            "error" => Self::Error,
            _ => Self::Other(word),
        }
    }
}

impl From<StatusState> for String {
    fn from(state: StatusState) -> Self {
        state.as_str().to_owned()
    }
}

/// What a status means for a context that has to be green.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// It is.
    Green,
    /// Not known yet.
    Open,
    /// It is not.
    Red,
}

/// The newest status of one context of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitStatus {
    /// Who says it: a job's name.
    pub context: String,
    /// What it says.
    pub state: StatusState,
    /// In its words.
    #[serde(default)]
    pub description: String,
    /// Where one reads more; empty: nowhere.
    #[serde(default)]
    pub address: String,
}

impl CommitStatus {
    /// Ours, and no word of CI.
    pub fn is_own(&self) -> bool {
        let rest = self.context.strip_prefix(OWN_CONTEXTS);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// All statuses of a commit as one, for contexts that have to be green.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CiVerdict {
    /// Every required context is green.
    Green,
    /// This one is not, and will not be.
    Red(CommitStatus),
    /// These are not known yet.
    Open(Vec<String>),
}

/// Combines the newest status of each context. `required` are names or patterns with `*`; each needs at least one context,
/// and all that it fits have to be green. Without any, nothing can be green: *all that are there* passes while only the
/// quick one is.
pub fn combine(statuses: &[CommitStatus], required: &[String]) -> CiVerdict {
    let mut open = Vec::new();
    for pattern in required {
        let fitting: Vec<_> =
            statuses.iter().filter(|status| !status.is_own() && fits(pattern, &status.context)).collect();
        if fitting.is_empty() {
            open.push(pattern.clone());
        }
        for status in fitting {
            match status.state.counts() {
                Counts::Green => {}
                Counts::Open => open.push(status.context.clone()),
                Counts::Red => return CiVerdict::Red(status.clone()),
            }
        }
    }
    open.dedup();
    if open.is_empty() && !required.is_empty() { CiVerdict::Green } else { CiVerdict::Open(open) }
}

/// Whether a pattern, in which `*` stands for anything, fits a whole context.
pub(crate) fn fits(pattern: &str, context: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = context.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(context: &str, state: &str) -> CommitStatus {
        CommitStatus {
            context: context.to_owned(),
            state: state.to_owned().into(),
            description: String::new(),
            address: String::new(),
        }
    }

    fn verdict(statuses: &[(&str, &str)], required: &[&str]) -> String {
        let statuses: Vec<_> = statuses.iter().map(|(context, state)| status(context, state)).collect();
        let required: Vec<_> = required.iter().map(|&name| name.to_owned()).collect();
        match combine(&statuses, &required) {
            CiVerdict::Green => "green".to_owned(),
            CiVerdict::Red(status) => format!("red: {}", status.context),
            CiVerdict::Open(open) => format!("open: {}", open.join(" ")),
        }
    }

    #[test]
    fn green_is_every_required_context_and_nothing_less() {
        for (statuses, required, expected) in [
            (&[("unit", "success"), ("slow", "success")][..], &["unit", "slow"][..], "green"),
            (&[("unit", "success")], &["unit", "slow"], "open: slow"),
            (&[("unit", "success"), ("slow", "pending")], &["unit", "slow"], "open: slow"),
            (&[("unit", "pending"), ("slow", "failure")], &["unit", "slow"], "red: slow"),
            (&[("unit", "success"), ("other", "failure")], &["unit"], "green"),
            (&[("unit", "skipped")], &["unit"], "green"),
            (&[("unit", "warning")], &["unit"], "red: unit"),
            (&[("unit", "error")], &["unit"], "red: unit"),
            (&[("unit", "")], &["unit"], "red: unit"),
            (&[("unit", "nonsense")], &["unit"], "red: unit"),
            (&[("ci/a", "success"), ("ci/b", "pending")], &["ci/*"], "open: ci/b"),
            (&[("ci/a", "success"), ("ci/b", "success")], &["ci/*"], "green"),
            (&[("ci/a", "success"), ("ci/b", "failure")], &["ci/*"], "red: ci/b"),
            (&[("a", "success")], &[], "open: "),
            (&[], &["unit"], "open: unit"),
        ] {
            assert_eq!(verdict(statuses, required), expected, "{statuses:?} {required:?}");
        }
    }

    #[test]
    fn what_we_said_ourselves_is_no_word_of_ci() {
        assert_eq!(verdict(&[("orchestrion/check", "success")], &["*"]), "open: *");
        assert_eq!(verdict(&[("orchestrion", "failure"), ("unit", "success")], &["*"]), "green");
        assert_eq!(verdict(&[("orchestrion-lint", "success")], &["*"]), "green", "somebody else's");
    }

    #[test]
    fn patterns_fit_as_a_whole() {
        for (pattern, context, fit) in [
            ("unit", "unit", true),
            ("unit", "unit 2", false),
            ("ci/*", "ci/", true),
            ("ci/*", "xci/a", false),
            ("*/lint", "a/lint", true),
            ("*/lint", "a/lint (push)", false),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "a1c2b", false),
            ("a*a", "a", false),
            ("*", "", true),
            ("**", "x", true),
        ] {
            assert_eq!(fits(pattern, context), fit, "{pattern} {context}");
        }
    }

    #[test]
    fn states_are_read_as_they_are_written() {
        for word in ["pending", "success", "skipped", "warning", "failure", "error", "", "nonsense"] {
            assert_eq!(StatusState::from(word.to_owned()).as_str(), word);
        }
    }
}
