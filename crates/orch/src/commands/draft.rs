//! Issues as people write them: in an editor, or in a file of several.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use crate::exit::{Exit, Failure};
use crate::settings::paths::create_private;

/// From this line on nothing is read, as in a message for git.
const SCISSORS: &str = "# ------------------------ >8 ------------------------";
/// Stands below, before the name of the text: sent twice it is still one.
const NAME: &str = "# This text is ";

/// An issue, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueText {
    /// One line.
    pub title: String,
    /// Markdown.
    pub description: String,
}

/// What a text holds: one issue, its first line the title; or, if it begins with a heading of the first level, one for
/// each such heading. Nothing if there is nothing in it.
pub fn issues(text: &str) -> Vec<IssueText> {
    let lines = lines(text);
    let Some(first) = lines.first() else { return Vec::new() };
    if heading(first).is_none() {
        return vec![issue(first, &lines[1..])];
    }
    let (mut found, mut fence): (Vec<(&str, Vec<&str>)>, Option<&str>) = (Vec::new(), None);
    for line in lines {
        let mark = ["```", "~~~"].into_iter().find(|mark| line.trim_start().starts_with(mark));
        match (fence, mark) {
            (None, mark) => fence = mark,
            (Some(open), Some(mark)) if open == mark => fence = None,
            _ => {}
        }
        match (heading(line).filter(|_| fence.is_none()), found.last_mut()) {
            (Some(title), _) => found.push((title, Vec::new())),
            (None, Some((_, description))) => description.push(line),
            (None, None) => {}
        }
    }
    found.iter().map(|(title, description)| issue(title, description)).collect()
}

/// The same of one issue, whatever headings are in it. Its title is empty if there is nothing.
pub fn one(text: &str) -> IssueText {
    let lines = lines(text);
    let Some((first, rest)) = lines.split_first() else { return issue("", &[]) };
    issue(heading(first).unwrap_or(first), rest)
}

/// What counts of a text.
fn lines(text: &str) -> Vec<&str> {
    let kept = text.lines().take_while(|line| line.trim_end() != SCISSORS);
    kept.skip_while(|line| line.trim().is_empty()).collect()
}

/// The name that [`template`] gave a text, if it still stands in it.
pub fn name(text: &str) -> Option<&str> {
    let below = text.lines().skip_while(|line| line.trim_end() != SCISSORS);
    below.filter_map(|line| line.strip_prefix(NAME)).map(str::trim).find(|name| !name.is_empty())
}

fn heading(line: &str) -> Option<&str> {
    line.strip_prefix("# ").map(str::trim)
}

fn issue(title: &str, description: &[&str]) -> IssueText {
    IssueText { title: title.trim().to_owned(), description: description.join("\n").trim().to_owned() }
}

/// What an editor opens with: the words there are, and below what to do with them.
pub fn template(title: &str, description: &str, help: &[&str], name: &str) -> String {
    let words = if description.is_empty() { format!("{title}\n") } else { format!("{title}\n\n{description}\n") };
    let mut text = format!("{words}\n{SCISSORS}\n");
    for line in help {
        text.push_str(&format!("# {line}\n"));
    }
    text + &format!("# Nothing from the line with the scissors on is read. An empty text does nothing.\n{NAME}{name}\n")
}

/// A text in a file of its own, which stays until it is [taken away](Draft::remove).
pub struct Draft(Utf8PathBuf);

impl Draft {
    /// Lets the person write, beginning with `text`. `env` reads one environment variable.
    ///
    /// # Errors
    /// [`Exit::Usage`] if there is no editor; [`Exit::Failed`] if it does not end well: what was written is kept.
    pub fn write(
        state: &Utf8Path,
        name: &str,
        text: &str,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(Self, String), Failure> {
        let editor =
            ["VISUAL", "EDITOR"].into_iter().find_map(|name| env(name).filter(|value| !value.trim().is_empty()));
        let editor = editor.or_else(|| on_path("vi", env)).ok_or_else(|| {
            Failure::new(Exit::Usage, "there is no editor: neither VISUAL nor EDITOR is set")
                .fix("export EDITOR=nano, or give the words on the command line or with --file")
        })?;
        let folder = state.join("drafts");
        create_private(&folder)?;
        let draft = Self(folder.join(format!("{name}.md")));
        let failed = |what: &str, error: std::io::Error| {
            Failure::new(Exit::Failed, format!("{what}: {error}")).at(draft.0.as_str())
        };
        let made = fs::File::options().write(true).create_new(true).mode(0o600).open(&draft.0);
        made.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|e| failed("it cannot be written", e))?;
        let status = {
            let _person = HeldInterrupt::begin();
            // As git does it: what stands there may have arguments.
            let line = format!("{editor} \"$@\"");
            Command::new("/bin/sh").args(["-c", &line, &editor, draft.0.as_str()]).status()
        };
        let status = status.map_err(|e| failed(&format!("the editor `{editor}` cannot be started"), e))?;
        let written = fs::read_to_string(&draft.0).map_err(|e| failed("what was written cannot be read", e))?;
        if !status.success() {
            let why = match status.code() {
                Some(code) => format!("the editor `{editor}` ended with {code}; nothing was sent"),
                None => format!("the editor `{editor}` was killed; nothing was sent"),
            };
            let untouched = written == text;
            let failure = Failure::new(Exit::Failed, why);
            return Err(if untouched { draft.gone(failure) } else { draft.kept(failure, "orch new --file") });
        }
        Ok((draft, written))
    }

    fn gone(self, failure: Failure) -> Failure {
        self.remove();
        failure
    }

    /// The failure, with where the text is and the command that takes it.
    pub fn kept(&self, failure: Failure, command: &str) -> Failure {
        let again = format!("what you wrote is kept; send it again: {command} {}", self.0);
        let fix = failure.fix.clone().map_or_else(|| again.clone(), |fix| format!("{fix}; {again}"));
        failure.fix(fix)
    }

    /// Takes the file away: it was sent, or holds nothing.
    pub fn remove(self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(%error, file = %self.0, "a text that was sent could not be removed");
        }
    }
}

/// The program, if it is there.
fn on_path(program: &str, env: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let search = env("PATH")?;
    let there = std::env::split_paths(&search).any(|folder| folder.join(program).is_file());
    there.then(|| program.to_owned())
}

/// Ctrl-C is the editor's while this lives: both hear it, and what is being written must not lose its reader.
struct HeldInterrupt(std::sync::Arc<std::sync::atomic::AtomicBool>);

impl HeldInterrupt {
    fn begin() -> Self {
        use std::sync::atomic::{AtomicBool, Ordering};
        let over = std::sync::Arc::new(AtomicBool::new(false));
        let seen = over.clone();
        std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
            runtime.block_on(async {
                while tokio::signal::ctrl_c().await.is_ok() {
                    if seen.load(Ordering::Acquire) {
                        // As a shell tells of it.
                        std::process::exit(130);
                    }
                }
            });
        });
        Self(over)
    }
}

impl Drop for HeldInterrupt {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(String, String)> {
        issues(text).into_iter().map(|issue| (issue.title, issue.description)).collect()
    }

    fn one(title: &str, description: &str) -> (String, String) {
        (title.to_owned(), description.to_owned())
    }

    #[test]
    fn a_text_is_one_issue_unless_it_begins_with_a_heading() {
        for nothing in ["", "\n \n", SCISSORS, &format!("\n{SCISSORS}\n# help\n"), &template("", "", &["Help"], "n")] {
            assert_eq!(found(nothing), [], "{nothing:?}");
        }
        assert_eq!(found("\nSay hello\n"), [one("Say hello", "")]);
        assert_eq!(found("Say hello\r\n\r\nIn Dutch.\r\n"), [one("Say hello", "In Dutch.")]);
        assert_eq!(found("Say hello\n\n# Why\nBecause.\n"), [one("Say hello", "# Why\nBecause.")]);
        let text = "# Say hello\n\nIn Dutch.\n\n## How\nSo.\n```sh\n# no issue\n```\n# Say goodbye\n#not one either\n";
        let first = "In Dutch.\n\n## How\nSo.\n```sh\n# no issue\n```";
        assert_eq!(found(text), [one("Say hello", first), one("Say goodbye", "#not one either")]);
        assert_eq!(
            found("# One\n~~~\n```\n# in there\n~~~\n# Two"),
            [one("One", "~~~\n```\n# in there\n~~~"), one("Two", "")]
        );
    }

    #[test]
    fn what_an_editor_opens_with_reads_as_what_was_there() {
        let text = template("Say hello", "In Dutch.\n\n# Why\nSo.", &["Help", "# More"], "0198-a");
        assert_eq!(found(&text), [one("Say hello", "In Dutch.\n\n# Why\nSo.")]);
        assert_eq!(name(&text), Some("0198-a"));
        assert_eq!(name("# This text is 0198-a\n"), None, "above the line it is somebody's words");
        assert_eq!(name("Say hello\n"), None);
    }
}
