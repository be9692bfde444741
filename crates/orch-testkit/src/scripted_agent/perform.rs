//! Performing an act, step by step.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::assignment::Assignment;
use super::round::{self, Mark};
use super::script::{Replacement, Script, ScriptError, Step};
use super::task_file::TaskFile;
use super::template::Variables;
use super::usage::UsageReport;
use super::workplace::Workplace;
use super::{defaults, wait};
use crate::git_program::GitFailed;

/// How long a `wait_for_file` step waits.
const PATIENCE: Duration = Duration::from_secs(600);

/// What the line calls main in an attempt's clone.
const FETCHED_MAIN: &str = "orch-base";

/// How an act ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// Exit code: 0, or what an `exit` step says.
    pub code: i32,
}

/// Why an act could not be performed.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The environment is not that of the `command` contract.
    #[error("the `command` contract is not kept: {}", problems.join("; "))]
    Contract {
        /// One entry for each variable.
        problems: Vec<String>,
    },
    /// The script cannot be used.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// The script says something of this role, but nothing of this round.
    #[error("the play {play:?} has no act of the {role} for round {round}; add one, or one without `round`")]
    NoAct {
        /// The play's title.
        play: String,
        /// Role name.
        role: &'static str,
        /// The round.
        round: u32,
    },
    /// A step cannot be done here.
    #[error("{0}")]
    Step(String),
    /// A file operation failed.
    #[error("cannot {doing} {path:?}: {error}")]
    File {
        /// What was being done, for example `write`.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitFailed),
    /// A file that was waited for did not appear.
    #[error("waited {seconds} s for {path:?}, which never came")]
    NeverCame {
        /// The file.
        path: PathBuf,
        /// How long.
        seconds: u64,
    },
}

impl AgentError {
    /// The exit code that tells of this error, see [`super::run`].
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Contract { .. } => 64,
            Self::Script(_) | Self::NoAct { .. } | Self::Step(_) => 65,
            Self::File { .. } | Self::Git(_) => 70,
            Self::NeverCame { .. } => 75,
        }
    }
}

/// Does the assignment as the script says, or as the role does by default.
pub(super) fn perform(
    directory: &Path,
    assignment: &Assignment,
    task: &TaskFile,
    script: &Script,
    out: &mut dyn Write,
) -> Result<Finish, AgentError> {
    let clone = Workplace { directory };
    let round = round::round(&clone, assignment.role, &assignment.work_item, task)?;
    let role = assignment.role.name();
    let steps = match script.play(&task.title).filter(|play| play.scripts(assignment.role)) {
        None => defaults::steps(assignment),
        Some(play) => match play.act(assignment.role, round) {
            Some(act) => act.steps.clone(),
            None => {
                return Err(AgentError::NoAct { play: play.title.clone(), role, round });
            }
        },
    };
    let mut act = Performance {
        clone,
        assignment,
        mark: Mark { role: assignment.role, round },
        variables: variables(assignment, task, round),
        out,
        read: task.bytes,
        written: 0,
        uncommitted: false,
        conflicts: Vec::new(),
        main: main_names(task),
        usage: None,
        leave_uncommitted: false,
    };
    act.print(&format!("{role} of {}, round {round}: {}", assignment.work_item, task.title));
    let mut code = None;
    for step in &steps {
        code = act.step(step)?;
        if code.is_some() {
            break;
        }
    }
    if code.is_none() && act.uncommitted && !act.leave_uncommitted {
        act.commit(&format!("{role}'s work for {}", assignment.work_item))?;
    }
    let usage = act.usage.take().unwrap_or_else(|| UsageReport::of_bytes(act.read, act.written));
    if let Some(path) = &assignment.result_file {
        usage.leave(path)?;
    }
    Ok(Finish { code: code.unwrap_or(0) })
}

fn variables(assignment: &Assignment, task: &TaskFile, round: u32) -> Variables {
    let answer = task.answer.clone().unwrap_or_default();
    let first_line = answer.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    Variables::new(vec![
        ("id", assignment.work_item.clone()),
        ("title", task.title.clone()),
        ("description", task.description.clone()),
        // The same, to stand as a quotation in Markdown.
        ("quoted_description", quoted(&task.description)),
        ("role", assignment.role.name().to_owned()),
        ("stage", assignment.stage.clone()),
        ("round", round.to_string()),
        ("attempt", assignment.attempt.to_string()),
        ("rework", task.rework.clone().unwrap_or_default()),
        // What a person wrote stays text in the code, too.
        ("answer_literal", format!("{first_line:?}")),
        ("answer", answer),
    ])
}

fn quoted(text: &str) -> String {
    if text.is_empty() {
        return "> (no description)".to_owned();
    }
    text.lines().map(|line| format!("> {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Where main may be found, best first: what the task file names, the ref the line fetches it as, commits that the
/// rework names, the usual refs.
fn main_names(task: &TaskFile) -> Vec<String> {
    let hex = |word: &&str| word.len() >= 7 && word.chars().all(|c| c.is_ascii_hexdigit());
    let named = ["main", "onto", "base"].iter().filter_map(|key| task.fields.get(*key).cloned());
    let fetched = std::iter::once(FETCHED_MAIN.to_owned());
    let rework = task.rework.as_deref().unwrap_or_default();
    let told = rework.split(|c: char| !c.is_ascii_alphanumeric()).filter(hex).map(str::to_owned);
    let usual = ["refs/remotes/origin/main", "refs/remotes/origin/HEAD", "refs/heads/main"];
    named.chain(fetched).chain(told).chain(usual.map(str::to_owned)).collect()
}

/// An act while it is performed.
struct Performance<'a> {
    clone: Workplace<'a>,
    assignment: &'a Assignment,
    mark: Mark,
    variables: Variables,
    out: &'a mut dyn Write,
    read: u64,
    written: u64,
    uncommitted: bool,
    conflicts: Vec<String>,
    main: Vec<String>,
    usage: Option<UsageReport>,
    leave_uncommitted: bool,
}

impl Performance<'_> {
    /// Does one step. Returns the exit code if it is the end.
    fn step(&mut self, step: &Step) -> Result<Option<i32>, AgentError> {
        match step {
            Step::Write { path, text } => self.write(path, text, false)?,
            Step::Append { path, text } => self.write(path, text, true)?,
            Step::Replace(replacement) => self.replace(replacement)?,
            Step::Delete(path) => self.delete(path)?,
            Step::Document { path, text } => {
                let file = self.clone.directory.join(&self.assignment.documents).join(self.variables.expand(path));
                let text = self.variables.expand(text);
                self.put(&file, &text)?;
            }
            Step::Say(line) => self.print(&self.variables.expand(line)),
            Step::Commit(message) => self.commit(message)?,
            Step::MergeMain => self.merge_main()?,
            Step::TakeMain(path) => self.take_main(path)?,
            Step::WaitForFile(path) => {
                let file = self.clone.directory.join(self.variables.expand(path));
                self.print(&format!("waiting for {}", file.display()));
                wait::wait_for_file(&file, PATIENCE)?;
            }
            Step::Usage(usage) => self.usage = Some(usage.clone()),
            Step::LeaveUncommitted => self.leave_uncommitted = true,
            Step::Exit(code) => return Ok(Some(*code)),
        }
        Ok(None)
    }

    fn print(&mut self, line: &str) {
        // A closed pipe is no reason to stop working.
        let _ = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
    }

    fn write(&mut self, path: &str, text: &str, append: bool) -> Result<(), AgentError> {
        let path = self.variables.expand(path);
        let file = self.clone.file(&path)?;
        let mut text = self.variables.expand(text);
        if append && file.exists() {
            text.insert_str(0, &self.contents(&file)?);
        }
        self.put(&file, &text)?;
        self.conflicts.retain(|conflict| *conflict != path);
        Ok(())
    }

    fn replace(&mut self, replacement: &Replacement) -> Result<(), AgentError> {
        let path = self.variables.expand(&replacement.path);
        let file = self.clone.file(&path)?;
        let text = self.contents(&file)?;
        let from = self.variables.expand(&replacement.from);
        let found = text.matches(&from).count();
        if from.is_empty() || found != 1 {
            return Err(AgentError::Step(format!(
                "`replace` in {path:?} needs its `from` exactly once and found it {found} times: {from:?}"
            )));
        }
        let text = text.replacen(&from, &self.variables.expand(&replacement.to), 1);
        self.put(&file, &text)
    }

    fn delete(&mut self, path: &str) -> Result<(), AgentError> {
        let path = self.variables.expand(path);
        let file = self.clone.file(&path)?;
        std::fs::remove_file(&file).map_err(|error| AgentError::File { doing: "delete", path: file, error })?;
        self.conflicts.retain(|conflict| *conflict != path);
        self.uncommitted = true;
        Ok(())
    }

    fn contents(&mut self, file: &Path) -> Result<String, AgentError> {
        let text = std::fs::read_to_string(file).map_err(|error| AgentError::File {
            doing: "read",
            path: file.to_owned(),
            error,
        })?;
        self.read += text.len() as u64;
        Ok(text)
    }

    fn put(&mut self, file: &Path, text: &str) -> Result<(), AgentError> {
        file.parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(file, text))
            .map_err(|error| AgentError::File { doing: "write", path: file.to_owned(), error })?;
        self.written += text.len() as u64;
        self.uncommitted = true;
        Ok(())
    }

    fn commit(&mut self, message: &str) -> Result<(), AgentError> {
        if !self.conflicts.is_empty() {
            return Err(AgentError::Step(format!(
                "the script does not resolve the conflict in {}; write these files before the commit",
                self.conflicts.join(", ")
            )));
        }
        if !self.uncommitted {
            return Err(AgentError::Step("there is nothing to commit; no step wrote anything".to_owned()));
        }
        let message = self.variables.expand(message);
        self.clone.commit_all(&message, &self.assignment.work_item, &self.mark)?;
        self.uncommitted = false;
        self.print(&format!("committed: {}", message.lines().next().unwrap_or_default()));
        Ok(())
    }

    fn take_main(&mut self, path: &str) -> Result<(), AgentError> {
        let path = self.variables.expand(path);
        self.clone.file(&path)?;
        self.clone.take(&self.main, &path)?;
        self.conflicts.retain(|conflict| *conflict != path);
        Ok(())
    }

    fn merge_main(&mut self) -> Result<(), AgentError> {
        match self.clone.merge(&self.main)? {
            None => self.print("main is contained already"),
            Some(conflicts) => {
                self.uncommitted = true;
                if conflicts.is_empty() {
                    self.print("merged main");
                } else {
                    self.print(&format!("merged main; in conflict: {}", conflicts.join(", ")));
                }
                self.conflicts = conflicts;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn main_is_looked_for_where_the_task_file_says_first() {
        let task = TaskFile::parse(
            "---\ntitle: t\nmain: 1111111\n---\n# t\n\n## Rework\n\nconflicts with `abcdef0123` in src/a.rs\n",
        );
        let names = main_names(&task);
        assert_eq!(names[..3], ["1111111", FETCHED_MAIN, "abcdef0123"]);
        assert_eq!(names.last().map(String::as_str), Some("refs/heads/main"));
    }

    #[test]
    fn a_quotation_stays_one() {
        assert_eq!(quoted("a\n\nb"), "> a\n>\n> b");
        assert_eq!(quoted(""), "> (no description)");
    }
}
