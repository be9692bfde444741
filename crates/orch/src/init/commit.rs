//! The one commit that `orch init` makes in the user's own repository.

use orch_git::{BranchName, Error, Git, OwnRepository, Source};

use super::{REPOSITORY_FILE, SCHEMA_FILE};
use crate::exit::{Exit, Failure};
use crate::init::git_failure;

/// Subject of the commit.
const SUBJECT: &str = "Set up Orchestrion";
/// What it holds.
const FILES: [&str; 2] = [REPOSITORY_FILE, SCHEMA_FILE];

/// What a person types to do the same.
pub fn command() -> String {
    format!("git add .orch && git commit -m \"{SUBJECT}\" -- {REPOSITORY_FILE} {SCHEMA_FILE}")
}

/// Whether `branch` has the repository file exactly as it is in the working tree.
pub fn is_in(own: &OwnRepository<'_>, branch: &BranchName) -> Result<bool, Failure> {
    // A file that is not in the index is not compared; whether the branch has it at all is asked first.
    Ok(show(own, branch)?.is_some() && own.has(branch, &FILES).map_err(git_failure)?)
}

/// The repository file of `branch`; `None` if it has none.
pub fn show(own: &OwnRepository<'_>, branch: &BranchName) -> Result<Option<Vec<u8>>, Failure> {
    own.show(branch, REPOSITORY_FILE).map_err(git_failure)
}

/// Commits the repository file and its schema and nothing else, whatever is staged.
pub fn make(own: &OwnRepository<'_>) -> Result<(), Failure> {
    // A file that a person wrote may stand there without a schema.
    let files: Vec<&str> = FILES.into_iter().filter(|file| own.top.join(file).exists()).collect();
    own.commit(&files, SUBJECT).map_err(|error| match error {
        Error::Failed { stderr, .. } => Failure::new(
            Exit::Failed,
            format!("everything is written, but git did not commit it: {}", crate::screen::printable(&stderr)),
        )
        .at(own.top.display().to_string())
        .fix(command()),
        other => git_failure(other),
    })
}

/// Settings in the working tree that the line does not see, because `base` has none or others.
pub fn unseen_settings(git: &Git, source: &Source, base: &BranchName) -> Option<String> {
    let own = OwnRepository { git, top: &source.root };
    // On another branch the file may differ on purpose.
    let on_base = source.current_branch.as_deref() == Some(base.as_str());
    let unseen = on_base && source.root.join(REPOSITORY_FILE).exists() && is_in(&own, base).is_ok_and(|same| !same);
    unseen.then(|| {
        format!("{REPOSITORY_FILE} is not on {base} as it is here, and the line reads it from there: {}", command())
    })
}
