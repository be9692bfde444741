//! A repository's own words for a role, from its base branch: no change of a task can rewrite who judges it (X13).

use orch_ports::PortError;
use orch_ports::workshop::Workshop;
use orch_rules::ids::CommitId;
use orch_rules::landing_settings::prompt_fault;
use orch_rules::pipeline::Role;

pub use orch_rules::landing_settings::{PROMPT_CAP as CAP, prompt_paths as paths_of};

/// A repository's own words for a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPrompt {
    /// From the top of the repository.
    pub path: String,
    /// Markdown; never blank.
    pub text: String,
}

/// Why a prompt cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// The forge could not be asked.
    #[error(transparent)]
    Port(PortError),
    /// Somebody has to mend the file: what is wrong, where, and what to do.
    #[error("{0}")]
    Unusable(String),
}

/// A file's text as words for a role.
///
/// # Errors
/// [`PromptError::Unusable`] if it says nothing or is too long.
pub fn usable(path: &str, text: String) -> Result<OwnPrompt, PromptError> {
    match prompt_fault(&text) {
        Some(wrong) => Err(unusable(path, &wrong)),
        None => Ok(OwnPrompt { path: path.to_owned(), text }),
    }
}

fn unusable(path: &str, wrong: &str) -> PromptError {
    PromptError::Unusable(format!(
        "the prompt {path} cannot be used: it {wrong}; write Markdown of at most {CAP} bytes into it, \
         or remove it for the built-in prompt"
    ))
}

impl OwnPrompt {
    /// The words of this role at a commit of the base branch; `None` if the repository has none of its own. Blocks.
    ///
    /// # Errors
    /// The forge's, and a file that cannot be used: an agent with other words than the repository wants is worse than
    /// none.
    pub fn read(workshop: &dyn Workshop, base: &CommitId, role: Role) -> Result<Option<Self>, PromptError> {
        for path in paths_of(role) {
            match workshop.read(base, &path, CAP) {
                Ok(Some(text)) => return usable(&path, text).map(Some),
                Ok(None) => {}
                Err(error) if error.is_fact() => {
                    return Err(PromptError::Unusable(format!("the prompt {path} cannot be read: {error}")));
                }
                Err(error) => return Err(PromptError::Port(error)),
            }
        }
        Ok(None)
    }
}
