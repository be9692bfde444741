//! The project `tally` and issues for it.
//!
//! `tally` is a small real program: a Rust library and command without dependencies, with tests, that compiles in a
//! moment and needs no network. Its files stand in the crate's folder `sample/tally`, the issues in `sample/issues`.

mod issue;

use std::path::{Path, PathBuf};

use crate::git_program::{GitFailed, git, git_with};

pub use issue::{
    Issue, PROTECTED, conflicting_pair, demo_issues, plain_pair, protected, red_first, script, sent_back,
    with_a_question,
};

/// The project's own test command.
pub const TEST_COMMAND: &str = "cargo test --offline --quiet";

/// The branch everything lands on.
pub const BASE_BRANCH: &str = "main";

/// Who the first commit is by, and who the repository's own configuration names.
const IDENTITY: [(&str, &str); 2] = [("user.name", "tally"), ("user.email", "tally@example.invalid")];

/// Always the same, so that the first commit always has the same name.
const BORN: &str = "2026-01-01T00:00:00+00:00";

const FILES: [(&str, &str); 9] = [
    // Stored without its dot, or it would hide files of this repository.
    (".gitignore", include_str!("../../sample/tally/gitignore")),
    ("Cargo.lock", include_str!("../../sample/tally/Cargo.lock")),
    ("Cargo.toml", include_str!("../../sample/tally/Cargo.toml")),
    ("README.md", include_str!("../../sample/tally/README.md")),
    ("src/lib.rs", include_str!("../../sample/tally/src/lib.rs")),
    ("src/lines.rs", include_str!("../../sample/tally/src/lines.rs")),
    ("src/main.rs", include_str!("../../sample/tally/src/main.rs")),
    ("src/report.rs", include_str!("../../sample/tally/src/report.rs")),
    ("src/words.rs", include_str!("../../sample/tally/src/words.rs")),
];

const TESTS: [(&str, &str); 1] = [("tests/command.rs", include_str!("../../sample/tally/tests/command.rs"))];

/// The project, once it stands in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its top folder: a git repository with one commit on `main` and a clean tree.
    pub directory: PathBuf,
    /// The first commit's full name, the same on every machine.
    pub base: String,
}

/// Why the project could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The folder holds something already.
    #[error("{0:?} is not empty; name a folder that is, or that does not exist yet")]
    NotEmpty(PathBuf),
    /// A file could not be written.
    #[error("cannot write {path:?}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitFailed),
}

/// Writes the project into `directory`, which must be empty or absent, and commits it.
///
/// # Errors
/// [`SampleError`]; what was written until then stays.
pub fn create(directory: &Path) -> Result<Sample, SampleError> {
    if std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(SampleError::NotEmpty(directory.to_owned()));
    }
    for (name, text) in FILES.into_iter().chain(TESTS) {
        let path = directory.join(name);
        path.parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|error| SampleError::File { path, error })?;
    }
    git(directory, &["init", "--quiet", "--template=", "--initial-branch", BASE_BRANCH])?;
    for (key, value) in IDENTITY {
        git(directory, &["config", key, value])?;
    }
    git(directory, &["add", "--all"])?;
    let dates = [("GIT_AUTHOR_DATE", BORN), ("GIT_COMMITTER_DATE", BORN)];
    git_with(directory, &["commit", "--quiet", "--message", "Count lines, words and characters"], &dates)?;
    let base = git(directory, &["rev-parse", "HEAD"])?;
    Ok(Sample { directory: directory.to_owned(), base })
}
