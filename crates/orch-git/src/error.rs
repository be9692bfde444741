//! What can go wrong, in types a caller can decide on.

use std::path::PathBuf;
use std::time::Duration;

use crate::git::{MINIMUM_VERSION, Version};
use crate::words::{BranchName, CommitId, InvalidName};

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, where, and what to do about it. No variant ever carries a credential: URLs in git's own
/// words are scrubbed before they get here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No git program in the search path.
    #[error("no git program found in the search path; install git {MINIMUM_VERSION} or newer")]
    GitMissing,
    /// The git program is too old to merge without a working tree.
    #[error("{program} is git {found}; Orchestrion needs {MINIMUM_VERSION} or newer", program = .program.display())]
    GitTooOld {
        /// The program that was asked.
        program: PathBuf,
        /// What it answered.
        found: Version,
    },
    /// The path is in no git repository.
    #[error("{} is not in a git repository; run `git init` there or name another folder", .0.display())]
    NotARepository(PathBuf),
    /// The repository has no commit yet, so there is nothing to build on.
    #[error("{} has no commit yet; make a first commit", .0.display())]
    NoCommit(PathBuf),
    /// The branch does not exist.
    #[error("{}", no_branch(.repository, .branch, .existing))]
    NoBranch {
        /// Where it was looked for.
        repository: PathBuf,
        /// What was looked for.
        branch: String,
        /// Branches that do exist (at most 20).
        existing: Vec<String>,
    },
    /// A shallow repository has no history to merge against and cannot be deepened without its origin.
    #[error("{} is a shallow clone; run `git fetch --unshallow` there first", .0.display())]
    Shallow(PathBuf),
    /// A commit, or a path in one, is not there.
    #[error("{what} does not exist in {}", .repository.display())]
    NotFound {
        /// Where it was looked for.
        repository: PathBuf,
        /// What was looked for.
        what: String,
    },
    /// The last command of a run did not pack what lies in its clone. The work is still there.
    #[error("what the attempt left could not be packed: {reason}")]
    Unpacked {
        /// Why not, as far as it is known.
        reason: String,
    },
    /// A ref is not where the caller believed; nothing was changed.
    #[error("{name} is at {}, not at {}; somebody moved it", show(.found), show(.expected))]
    StaleRef {
        /// The full ref name.
        name: String,
        /// Where the caller believed it to be; `None`: not existing.
        expected: Option<CommitId>,
        /// Where it is; `None`: it does not exist.
        found: Option<CommitId>,
    },
    /// What was to land does not have the named tip as its first parent.
    #[error("{candidate} cannot land on {expected}: its first parent is {}", show(.found))]
    NotOnTip {
        /// What was to land.
        candidate: CommitId,
        /// The tip it was to land on.
        expected: CommitId,
        /// Its first parent.
        found: Option<CommitId>,
    },
    /// Two commits have no history in common, so there is nothing to combine them by.
    #[error("{head} has no history in common with {main}; cut the branch anew from there")]
    Unrelated {
        /// One.
        main: CommitId,
        /// The other.
        head: CommitId,
    },
    /// The base branch is never deleted, and moves only by landing.
    #[error("`{0}` is the base branch; it is never deleted and moves only by landing")]
    BaseBranch(BranchName),
    /// The user has a remote of our name that is not ours.
    #[error("{}", remote_taken(.repository, .name, .by.as_deref()))]
    RemoteTaken {
        /// The user's repository.
        repository: PathBuf,
        /// The remote's name.
        name: String,
        /// The forge of another state folder that it names; `None`: Orchestrion did not make it.
        by: Option<PathBuf>,
    },
    /// The place for a new repository or clone is taken by something else.
    #[error("{} already exists and is not what was to be made there; move it away", .0.display())]
    Occupied(PathBuf),
    /// A path that git cannot be given (not absolute, or with a line break in it).
    #[error("{} cannot be used: {reason}", .path.display())]
    BadPath {
        /// The path.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// A name that git would refuse.
    #[error(transparent)]
    BadName(#[from] InvalidName),
    /// Another git process holds a lock.
    #[error("another git process holds a lock: {detail}")]
    Locked {
        /// Git's own words.
        detail: String,
    },
    /// No space left, or a quota reached.
    #[error("the disk is full: {detail}")]
    DiskFull {
        /// What was being written.
        detail: String,
    },
    /// A git process did not end in time and was killed with its children.
    #[error("`{command}` did not end within {limit:?} and was stopped")]
    TimedOut {
        /// The command.
        command: String,
        /// The limit.
        limit: Duration,
    },
    /// A git process printed more than it may.
    #[error("`{command}` printed more than {limit} bytes")]
    TooLarge {
        /// The command.
        command: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// A git process failed for another reason.
    #[error("`{command}` failed ({}): {stderr}", show_code(.code))]
    Failed {
        /// The command, without the pinned settings.
        command: String,
        /// Its exit code; `None`: ended by a signal.
        code: Option<i32>,
        /// The end of what it wrote to stderr, without credentials.
        stderr: String,
    },
    /// Git answered in a way this crate does not understand.
    #[error("`{command}` answered unexpectedly: {answer}")]
    Unexpected {
        /// The command.
        command: String,
        /// What was wrong with the answer.
        answer: String,
    },
    /// A file or process could not be handled.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl Error {
    /// Whether the same call may succeed later without anybody deciding anything. That is the rule: a machine that is
    /// short of processes, descriptors, memory or disk, a device that fails, a git that was killed or printed something
    /// odd say nothing about the repository. What lasts is the list: facts that git stated, and names that are no names.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::GitTooOld { .. }
            | Self::NoCommit(_)
            | Self::NoBranch { .. }
            | Self::Shallow(_)
            | Self::NotFound { .. }
            | Self::StaleRef { .. }
            | Self::NotOnTip { .. }
            | Self::Unrelated { .. }
            | Self::BaseBranch(_)
            | Self::RemoteTaken { .. }
            | Self::Occupied(_)
            | Self::BadPath { .. }
            | Self::BadName(_)
            | Self::TooLarge { .. } => false,
            Self::GitMissing
            | Self::NotARepository(_)
            | Self::Locked { .. }
            | Self::DiskFull { .. }
            | Self::TimedOut { .. }
            | Self::Failed { .. }
            | Self::Unpacked { .. }
            | Self::Unexpected { .. }
            | Self::Io { .. } => true,
        }
    }

    pub(crate) fn io(action: &'static str, path: &std::path::Path, source: std::io::Error) -> Self {
        if matches!(source.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded) {
            return Self::DiskFull { detail: format!("cannot {action} {}", path.display()) };
        }
        Self::Io { action, path: path.to_path_buf(), source }
    }

    /// Sorts a failed git process by its words. `LC_ALL=C` is pinned, so the words are git's own sources'.
    pub(crate) fn failed(command: String, code: Option<i32>, stderr: &[u8]) -> Self {
        let words = scrub(&String::from_utf8_lossy(stderr));
        let detail = || tail(&words, 600);
        if words.contains("No space left on device") || words.contains("Disk quota exceeded") {
            return Self::DiskFull { detail: detail() };
        }
        if words.contains(".lock': File exists") || words.contains(".lock: File exists") {
            return Self::Locked { detail: detail() };
        }
        Self::Failed { command, code, stderr: tail(&words, 4000) }
    }
}

fn no_branch(repository: &std::path::Path, branch: &str, existing: &[String]) -> String {
    let does =
        existing.first().map(|other| format!("; if another one is kept green now, in there: orch init --base {other}"));
    format!("{} has no branch `{branch}`; it has: {}{}", repository.display(), list(existing), does.unwrap_or_default())
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn remote_taken(repository: &std::path::Path, name: &str, by: Option<&std::path::Path>) -> String {
    let folder = repository.display();
    match by {
        None => format!(
            "{folder} has a remote `{name}` that Orchestrion did not make; give it another name: \
             git -C {folder} remote rename {name} OTHER"
        ),
        Some(forge) => format!(
            "the remote `{name}` of {folder} belongs to the service of another state folder ({}); use that one \
             (ORCH_STATE_DIR), or give the repository to this one: git -C {folder} remote remove {name}",
            forge.display()
        ),
    }
}

pub(crate) fn show(id: &Option<CommitId>) -> String {
    id.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string)
}

fn show_code(code: &Option<i32>) -> String {
    code.map_or_else(|| "ended by a signal".to_owned(), |code| format!("exit code {code}"))
}

/// Removes `user:password@` from every URL in a text.
pub(crate) fn scrub(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find(|c: char| c == '/' || c.is_whitespace() || c == '\'' || c == '"').unwrap_or(after.len());
        match after[..end].rfind('@') {
            Some(credential) => {
                out.push_str("***");
                rest = &after[credential..];
            }
            None => rest = after,
        }
    }
    out.push_str(rest);
    out
}

/// The last `most` bytes of a text, cut at a character.
fn tail(text: &str, most: usize) -> String {
    let text = text.trim();
    let mut from = text.len().saturating_sub(most);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text[from..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_every_url() {
        let text = "fatal: unable to access 'https://bot:s3cr%40et@host/r.git/': no\nssh://tok@h x@y";
        let clean = scrub(text);
        assert_eq!(clean, "fatal: unable to access 'https://***@host/r.git/': no\nssh://***@h x@y");
        // An unescaped `@` in the password is hidden too.
        assert_eq!(scrub("http://a:b@c@host/x"), "http://***@host/x");
    }

    #[test]
    fn words_of_git_become_types() {
        let full = Error::failed("x".into(), Some(128), b"error: file write error: No space left on device");
        assert!(matches!(full, Error::DiskFull { .. }) && full.is_retryable());
        let lock = Error::failed("x".into(), Some(128), b"fatal: Unable to create '/r/packed-refs.lock': File exists.");
        assert!(matches!(lock, Error::Locked { .. }) && lock.is_retryable());
        for words in
            ["unable to create thread: Resource temporarily unavailable", "Too many open files", "Input/output error"]
        {
            let other = Error::failed("x".into(), Some(128), words.as_bytes());
            assert!(matches!(other, Error::Failed { .. }) && other.is_retryable(), "{words}");
        }
        let io = Error::io("write", std::path::Path::new("/x"), std::io::ErrorKind::StorageFull.into());
        assert!(matches!(io, Error::DiskFull { .. }));
    }
}
