//! Scripts: what the agent does, as a TOML file.
//!
//! ```toml
//! [[play]]
//! title = "Count the longest line"          # or "*", or a pattern such as "Count *"
//!
//! [[play.act]]
//! role = "developer"
//! round = 1                                 # the first time the developer acts for the task; left out: every time
//! steps = [
//!   { write = "src/longest.rs", text = "// {id}: {title}\n" },
//!   { replace = { path = "src/lib.rs", from = "mod lines;", to = "mod lines;\nmod longest;" } },
//!   { commit = "Count the longest line" },
//! ]
//! ```
//!
//! | step | does |
//! |---|---|
//! | `write`, `text` | writes the file, folders included |
//! | `append`, `text` | adds to the end of the file, which may be new |
//! | `replace = {path, from, to}` | replaces `from`, which must stand in the file exactly once |
//! | `delete` | removes the file |
//! | `document`, `text` | writes a document of the work item |
//! | `say` | prints a line |
//! | `commit` | commits everything; the message ends with `Refs: <ID>` |
//! | `merge_main = true` | merges main; a conflict is left to the steps that follow |
//! | `take_main` | replaces the file by main's, whatever the branch had |
//! | `wait_for_file` | waits until the file exists |
//! | `usage = {…}` | reports this usage instead of a count of what was read and written; `{}` reports none |
//! | `leave_uncommitted = true` | does not commit what is left at the end |
//! | `exit` | ends at once with this code, committing nothing |
//!
//! Texts, messages and paths know the variables `{id}`, `{title}`, `{description}` (`{quoted_description}`: each
//! line after `> `), `{role}`, `{stage}`, `{round}`,
//! `{attempt}`, `{rework}`, `{answer}` (the newest answer to a question) and `{answer_literal}` (its first line as a
//! string literal of Rust).

use std::path::{Path, PathBuf};

use orch_rules::pipeline::Role;
use serde::{Deserialize, Serialize};

use super::usage::UsageReport;

/// A script: plays in the order in which they are tried.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// An exact title wins; among patterns the first that matches.
    #[serde(default, rename = "play", skip_serializing_if = "Vec::is_empty")]
    pub plays: Vec<Play>,
}

/// What the roles do for one task, or for all whose titles match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Play {
    /// The task's title, or a pattern in which `*` stands for any text.
    pub title: String,
    /// A role without an act does its default.
    #[serde(default, rename = "act", skip_serializing_if = "Vec::is_empty")]
    pub acts: Vec<Act>,
}

/// What one role does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Act {
    /// Who.
    pub role: Role,
    /// The how manieth time; `None` is every time that has no act of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
    /// In this order.
    pub steps: Vec<Step>,
}

/// One step of an act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "StepTable", into = "StepTable")]
pub enum Step {
    /// Writes a file of the clone.
    Write {
        /// Relative to the clone.
        path: String,
        /// Whole contents.
        text: String,
    },
    /// Adds to a file of the clone.
    Append {
        /// Relative to the clone.
        path: String,
        /// What is added.
        text: String,
    },
    /// Replaces text that stands in a file exactly once.
    Replace(Replacement),
    /// Removes a file of the clone.
    Delete(String),
    /// Writes a document.
    Document {
        /// Relative to the documents folder.
        path: String,
        /// Whole contents.
        text: String,
    },
    /// Prints a line.
    Say(String),
    /// Commits everything with this message.
    Commit(String),
    /// Merges main into the branch.
    MergeMain,
    /// Replaces the file by main's.
    TakeMain(String),
    /// Waits until the file exists.
    WaitForFile(String),
    /// Reports this usage.
    Usage(UsageReport),
    /// Leaves what is not committed at the end as it is.
    LeaveUncommitted,
    /// Ends at once with this code.
    Exit(i32),
}

/// The fields of a `replace` step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replacement {
    /// Relative to the clone.
    pub path: String,
    /// Must occur once.
    pub from: String,
    /// Goes in its place.
    pub to: String,
}

/// How a step is spelled: one verb, and `text` where the verb has one.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepTable {
    #[serde(skip_serializing_if = "Option::is_none")]
    write: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    append: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delete: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    say: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merge_main: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    take_main: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_for_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leave_uncommitted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replace: Option<Replacement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageReport>,
}

impl TryFrom<StepTable> for Step {
    type Error = String;

    fn try_from(table: StepTable) -> Result<Self, String> {
        let StepTable { text, merge_main, leave_uncommitted, .. } = table;
        for (verb, value) in [("merge_main", merge_main), ("leave_uncommitted", leave_uncommitted)] {
            if value == Some(false) {
                return Err(format!("`{verb} = false` is no step; leave it out"));
            }
        }
        let mut text = text;
        let mut body = |verb: &str| text.take().ok_or_else(|| format!("a `{verb}` step needs `text`"));
        let mut steps = Vec::new();
        if let Some(path) = table.write {
            steps.push(Self::Write { path, text: body("write")? });
        }
        if let Some(path) = table.append {
            steps.push(Self::Append { path, text: body("append")? });
        }
        if let Some(path) = table.document {
            steps.push(Self::Document { path, text: body("document")? });
        }
        steps.extend(table.replace.map(Self::Replace));
        steps.extend(table.delete.map(Self::Delete));
        steps.extend(table.say.map(Self::Say));
        steps.extend(table.commit.map(Self::Commit));
        steps.extend(merge_main.map(|_| Self::MergeMain));
        steps.extend(table.take_main.map(Self::TakeMain));
        steps.extend(table.wait_for_file.map(Self::WaitForFile));
        steps.extend(table.usage.map(Self::Usage));
        steps.extend(leave_uncommitted.map(|_| Self::LeaveUncommitted));
        steps.extend(table.exit.map(Self::Exit));
        if text.is_some() {
            return Err("`text` goes with `write`, `append` or `document`".to_owned());
        }
        match (steps.pop(), steps.is_empty()) {
            (Some(step), true) => Ok(step),
            (None, _) => Err("a step needs one verb, for example `write`, `replace` or `commit`".to_owned()),
            (Some(_), false) => Err("a step has one verb; make it two steps".to_owned()),
        }
    }
}

impl From<Step> for StepTable {
    fn from(step: Step) -> Self {
        let none = Self::default();
        match step {
            Step::Write { path, text } => Self { write: Some(path), text: Some(text), ..none },
            Step::Append { path, text } => Self { append: Some(path), text: Some(text), ..none },
            Step::Document { path, text } => Self { document: Some(path), text: Some(text), ..none },
            Step::Replace(replacement) => Self { replace: Some(replacement), ..none },
            Step::Delete(path) => Self { delete: Some(path), ..none },
            Step::Say(line) => Self { say: Some(line), ..none },
            Step::Commit(message) => Self { commit: Some(message), ..none },
            Step::MergeMain => Self { merge_main: Some(true), ..none },
            Step::TakeMain(path) => Self { take_main: Some(path), ..none },
            Step::WaitForFile(path) => Self { wait_for_file: Some(path), ..none },
            Step::Usage(usage) => Self { usage: Some(usage), ..none },
            Step::LeaveUncommitted => Self { leave_uncommitted: Some(true), ..none },
            Step::Exit(code) => Self { exit: Some(code), ..none },
        }
    }
}

/// A script that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// It cannot be read.
    #[error("the script {path:?} named by ORCH_SCRIPT cannot be read: {error}")]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is not a script.
    #[error("the script {path:?} named by ORCH_SCRIPT is wrong: {error}")]
    Wrong {
        /// Where.
        path: PathBuf,
        /// What, with line and column.
        error: Box<toml::de::Error>,
    },
}

impl Script {
    /// Reads the script at `path`.
    ///
    /// # Errors
    /// [`ScriptError`] if it cannot be read or is not a script.
    pub fn read(path: &Path) -> Result<Self, ScriptError> {
        let text =
            std::fs::read_to_string(path).map_err(|error| ScriptError::Unreadable { path: path.to_owned(), error })?;
        Self::parse(&text).map_err(|error| ScriptError::Wrong { path: path.to_owned(), error: Box::new(error) })
    }

    /// Reads a script's text.
    ///
    /// # Errors
    /// What is wrong, with line and column.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The script as text that [`Script::parse`] reads back.
    ///
    /// # Errors
    /// Of the TOML writer; it has none for what a script can hold.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }

    /// The play for a task of this title.
    pub fn play(&self, title: &str) -> Option<&Play> {
        let exact = self.plays.iter().find(|play| play.title == title);
        exact.or_else(|| self.plays.iter().find(|play| matches(&play.title, title)))
    }
}

impl Play {
    /// The act of this role in this round: the one that names the round, else the one that names none.
    pub fn act(&self, role: Role, round: u32) -> Option<&Act> {
        let of_role = || self.acts.iter().filter(move |act| act.role == role);
        of_role().find(|act| act.round == Some(round)).or_else(|| of_role().find(|act| act.round.is_none()))
    }

    /// Does it say anything of this role?
    pub fn scripts(&self, role: Role) -> bool {
        self.acts.iter().any(|act| act.role == role)
    }
}

/// Does `pattern`, in which `*` stands for any text, match the whole of `text`?
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else {
            return false;
        };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"
        [[play]]
        title = "*"

        [[play]]
        title = "Count *"
        [[play.act]]
        role = "developer"
        round = 1
        steps = [
          { write = "a", text = "b" }, { append = "a", text = "c" }, { document = "d.md", text = "e" },
          { replace = { path = "a", from = "b", to = "x" } }, { delete = "a" }, { say = "hm" }, { commit = "m" },
          { merge_main = true }, { take_main = "a" }, { wait_for_file = "/f" }, { usage = { input_tokens = 7, model = "scripted" } },
          { leave_uncommitted = true }, { exit = 3 },
        ]
        [[play.act]]
        role = "developer"
        steps = []

        [[play]]
        title = "Count [x]"
    "#;

    #[test]
    fn every_step_survives_writing_and_reading() {
        let script = Script::parse(EXAMPLE).unwrap();
        assert_eq!(script.plays[1].acts[0].steps.len(), 13);
        assert_eq!(Script::parse(&script.to_toml().unwrap()).unwrap(), script);
    }

    #[test]
    fn the_exact_title_wins_then_the_first_pattern() {
        let script = Script::parse(EXAMPLE).unwrap();
        assert_eq!(script.play("Count [x]").unwrap().title, "Count [x]");
        assert_eq!(script.play("Count all").unwrap().title, "*");
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("Count *", "Count lines", true),
            ("Count *", "Recount lines", false),
            ("*lines*", "Count lines now", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("ab*ba", "aba", false),
            ("plain", "plain ", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn the_round_of_an_act_counts() {
        let script = Script::parse(EXAMPLE).unwrap();
        let play = &script.plays[1];
        assert_eq!(play.act(Role::Developer, 1).unwrap().round, Some(1));
        assert_eq!(play.act(Role::Developer, 2).unwrap().round, None);
        assert!(play.act(Role::Reviewer, 1).is_none() && !play.scripts(Role::Reviewer));
    }

    #[test]
    fn a_wrong_step_is_refused_in_words() {
        for (step, word) in [
            ("{ write = \"a\" }", "needs `text`"),
            ("{ say = \"a\", text = \"b\" }", "goes with"),
            ("{ say = \"a\", exit = 1 }", "one verb"),
            ("{}", "needs one verb"),
            ("{ dance = 1 }", "dance"),
            ("{ merge_main = false }", "no step"),
        ] {
            let text = format!("[[play]]\ntitle = \"*\"\n[[play.act]]\nrole = \"tester\"\nsteps = [{step}]\n");
            let message = Script::parse(&text).unwrap_err().to_string();
            assert!(message.contains(word), "{step}: {message}");
        }
    }
}
