//! What the environment tells an agent: the contract of the `command` agent.

use std::path::PathBuf;

use orch_rules::ids::AttemptNumber;
use orch_rules::pipeline::Role;

use super::AgentError;

/// One assignment, as read from the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// `ORCH_ROLE`: who it acts as.
    pub role: Role,
    /// `ORCH_STAGE`: where in the line.
    pub stage: String,
    /// `ORCH_TASK_ID`: `PREFIX-NNN`.
    pub work_item: String,
    /// `ORCH_TASK_FILE`: what is to be done.
    pub task_file: PathBuf,
    /// `ORCH_DOCS_DIR`: where documents go; absolute or relative to the clone.
    pub documents: PathBuf,
    /// `ORCH_ATTEMPT`: from 1.
    pub attempt: AttemptNumber,
    /// `ORCH_RESULT_FILE`: where usage may be left.
    pub result_file: Option<PathBuf>,
    /// `ORCH_SCRIPT`: the script; not part of the contract, but of this agent.
    pub script: Option<PathBuf>,
}

impl Assignment {
    /// Reads the contract's variables through `env`.
    ///
    /// # Errors
    /// [`AgentError::Contract`] naming every variable that is missing or unusable.
    pub fn read(env: &dyn Fn(&str) -> Option<String>) -> Result<Self, AgentError> {
        let mut problems = Vec::new();
        let mut needed = |name: &str| {
            let value = env(name).filter(|value| !value.is_empty());
            if value.is_none() {
                problems.push(format!("{name} is not set"));
            }
            value.unwrap_or_default()
        };
        let role_name = needed("ORCH_ROLE");
        let stage = needed("ORCH_STAGE");
        let work_item = needed("ORCH_TASK_ID");
        let task_file = needed("ORCH_TASK_FILE");
        let documents = needed("ORCH_DOCS_DIR");
        let attempt_text = needed("ORCH_ATTEMPT");
        let role = Role::ALL.into_iter().find(|role| role.name() == role_name);
        if role.is_none() && !role_name.is_empty() {
            problems.push(format!("ORCH_ROLE is {role_name:?}, which is no role"));
        }
        let attempt = attempt_text.parse::<AttemptNumber>().ok();
        if attempt.is_none() && !attempt_text.is_empty() {
            problems.push(format!("ORCH_ATTEMPT is {attempt_text:?}, which is no number"));
        }
        match (role, attempt) {
            (Some(role), Some(attempt)) if problems.is_empty() => Ok(Self {
                role,
                stage,
                work_item,
                task_file: task_file.into(),
                documents: documents.into(),
                attempt,
                result_file: env("ORCH_RESULT_FILE").filter(|path| !path.is_empty()).map(PathBuf::from),
                script: env("ORCH_SCRIPT").filter(|path| !path.is_empty()).map(PathBuf::from),
            }),
            _ => Err(AgentError::Contract { problems }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        let value = match name {
            "ORCH_ROLE" => "developer",
            "ORCH_STAGE" => "development",
            "ORCH_TASK_ID" => "DEMO-001",
            "ORCH_TASK_FILE" => "/t/task.md",
            "ORCH_DOCS_DIR" => "docs/work-items/DEMO-001",
            "ORCH_ATTEMPT" => "3",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn reads_the_whole_contract() {
        let assignment = Assignment::read(&environment).unwrap();
        assert_eq!(assignment.role, Role::Developer);
        assert_eq!(assignment.attempt, 3);
        assert_eq!(assignment.result_file, None);
    }

    #[test]
    fn names_everything_that_is_wrong_at_once() {
        let broken = |name: &str| match name {
            "ORCH_ROLE" => Some("composer".to_owned()),
            "ORCH_ATTEMPT" => Some("third".to_owned()),
            "ORCH_STAGE" => None,
            _ => environment(name),
        };
        let message = Assignment::read(&broken).unwrap_err().to_string();
        for word in ["ORCH_STAGE is not set", "composer", "third"] {
            assert!(message.contains(word), "{message}");
        }
    }
}
