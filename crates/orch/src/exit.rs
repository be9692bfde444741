//! How a command ends: the documented exit codes, and the one form every failure is told in.

use std::process::ExitCode;

use serde::Serialize;

/// Every exit code of `orch`. Closed and frozen: scripts depend on the numbers. `docs/reference/exit-codes.md` is
/// made from this enum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// It worked.
    Ok = 0,
    /// Something failed that has no code of its own.
    Failed = 1,
    /// The command line is wrong, in its form (clap's code) or in what it says.
    Usage = 2,
    /// A settings or pipeline file, or an `ORCH_*` variable, is invalid.
    Settings = 3,
    /// The repository cannot be worked on as it is.
    Repository = 4,
    /// The service does not run or does not answer.
    Unreachable = 5,
    /// The rules refused what was asked.
    Refused = 6,
    /// What was named does not exist.
    NotFound = 7,
    /// Somebody else has the place: a second service on the same data, a port in use.
    Taken = 8,
    /// A fault in Orchestrion itself (`EX_SOFTWARE` of sysexits.h).
    Internal = 70,
}

impl Exit {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Ok,
        Self::Failed,
        Self::Usage,
        Self::Settings,
        Self::Repository,
        Self::Unreachable,
        Self::Refused,
        Self::NotFound,
        Self::Taken,
        Self::Internal,
    ];

    /// The number the process ends with.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Frozen spelling, as in the JSON form of a failure.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Settings => "settings",
            Self::Repository => "repository",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::NotFound => "not_found",
            Self::Taken => "taken",
            Self::Internal => "internal",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command did not do what was asked: what is wrong, where, and what to do. Never carries a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What the process ends with.
    pub exit: Exit,
    /// One sentence, without a full stop.
    pub what: String,
    /// A file, `file:line`, address or repository.
    pub place: Option<String>,
    /// What the person can do, as an imperative; a command where there is one.
    pub fix: Option<String>,
    /// The single points behind `what`, when several things are wrong at once.
    pub problems: Vec<Point>,
}

/// One of several things that are wrong at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Point {
    /// What is wrong.
    pub what: String,
    /// Where: usually `file:line`.
    #[serde(rename = "where")]
    pub place: String,
    /// What to do.
    pub fix: String,
}

impl Failure {
    /// A failure that says only what is wrong; add [`Self::at`] and [`Self::fix`] wherever they are known.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), place: None, fix: None, problems: Vec::new() }
    }

    /// Names the place.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// Several problems of one kind, told all at once. `noun` is the singular, for example `setting`.
    pub fn several(exit: Exit, what: impl Into<String>, problems: Vec<Point>) -> Self {
        Self { problems, ..Self::new(exit, what) }
    }

    /// The form for people: several lines, the last without a line end.
    pub fn text(&self) -> String {
        let mut text = format!("error: {}", self.what);
        if let Some(place) = &self.place {
            text.push_str(&format!("\n  where: {place}"));
        }
        if let Some(fix) = &self.fix {
            text.push_str(&format!("\n  fix: {fix}"));
        }
        for problem in &self.problems {
            text.push_str(&format!("\n\n  {}\n    where: {}\n    fix: {}", problem.what, problem.place, problem.fix));
        }
        text
    }

    /// The form for programs.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({ "error": {
            "code": self.exit.code(),
            "name": self.exit.name(),
            "what": self.what,
            "where": self.place,
            "fix": self.fix,
            "problems": self.problems,
        }})
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)?;
        match &self.place {
            Some(place) => write!(f, " ({place})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    /// What it means and an example, for the reference.
    fn meaning(exit: Exit) -> (&'static str, &'static str) {
        match exit {
            Exit::Ok => ("The command did what was asked.", "`orch init` in a repository that is set up already"),
            Exit::Failed => {
                ("Something failed that has no code of its own.", "the disk is full, the database cannot be opened")
            }
            Exit::Usage => (
                "The command line is wrong, in its form or in what it says. Nothing changed.",
                "an unknown option, an empty title",
            ),
            Exit::Settings => (
                "A settings file, a pipeline file or an `ORCH_*` variable is invalid. All problems are named at once.",
                "an unknown key in `host.toml`",
            ),
            Exit::Repository => {
                ("The repository cannot be worked on as it is.", "no commit yet, a bare repository, a shallow clone")
            }
            Exit::Unreachable => ("The service does not run or does not answer.", "`orch logs -f` without `orch up`"),
            Exit::Refused => (
                "The rules refused what was asked. Nothing changed, but that `orch new` keeps the issue, held.",
                "`orch approve` when nothing waits, a title of two letters",
            ),
            Exit::NotFound => ("What was named does not exist.", "`orch show ET-999`"),
            Exit::Taken => ("Somebody else has the place.", "a second `orch up` on the same data, a port in use"),
            Exit::Internal => ("A fault in Orchestrion itself. Please report it.", "a broken invariant"),
        }
    }

    /// The text of `docs/reference/exit-codes.md`.
    fn reference() -> String {
        let mut text = String::from(
            "# Exit codes\n\n\
             Every `orch` command ends with one of these. The numbers do not change.\n\n\
             A failure is told on stderr in up to three lines, `error:` (what), `where:` and `fix:` (what to do); with\n\
             `--json` as one object `{\"error\": {\"code\", \"name\", \"what\", \"where\", \"fix\", \"problems\"}}` on stderr, where\n\
             `where` and `fix` may be `null` and `problems` holds the single points if there are several. Warnings are\n\
             lines `warning: …` on stderr, with `--json` objects `{\"warning\": …}`.\n\n\
             | code | name | meaning | for example |\n|---|---|---|---|\n",
        );
        for exit in Exit::ALL {
            let (meaning, example) = meaning(exit);
            text.push_str(&format!("| {} | `{}` | {meaning} | {example} |\n", exit.code(), exit.name()));
        }
        text
    }

    #[test]
    fn numbers_and_spellings_are_frozen() {
        let all: Vec<String> = Exit::ALL.iter().map(|e| format!("{}={}", e.code(), e.name())).collect();
        assert_eq!(
            all.join(" "),
            "0=ok 1=failed 2=usage 3=settings 4=repository 5=unreachable 6=refused 7=not_found 8=taken 70=internal"
        );
    }

    #[test]
    fn the_reference_is_the_enum() {
        crate::settings::tests::holds("docs/reference/exit-codes.md", &reference());
    }

    #[test]
    fn a_failure_says_what_where_and_what_to_do() {
        let failure = Failure::new(Exit::Repository, "no commit yet").at("/r").fix("make one");
        assert_eq!(failure.text(), "error: no commit yet\n  where: /r\n  fix: make one");
        assert_eq!(failure.json()["error"]["code"], 4);
        assert_eq!(failure.json()["error"]["where"], "/r");
    }

    #[test]
    fn several_problems_are_told_at_once() {
        let point = |n: u32| Point { what: format!("p{n}"), place: format!("f:{n}"), fix: "x".into() };
        let failure = Failure::several(Exit::Settings, "2 settings are wrong", vec![point(1), point(2)]);
        let text = failure.text();
        assert!(text.contains("p1\n    where: f:1") && text.contains("p2\n    where: f:2"), "{text}");
        assert_eq!(failure.json()["error"]["problems"][1]["where"], "f:2");
    }
}
