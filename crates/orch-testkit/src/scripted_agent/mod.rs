//! An agent that does what a script says: the hidden subcommand `orch scripted-agent`.
//!
//! It keeps the contract of the `command` agent: working directory = the attempt's clone, the assignment in
//! `ORCH_ROLE`, `ORCH_STAGE`, `ORCH_TASK_ID`, `ORCH_TASK_FILE`, `ORCH_DOCS_DIR`, `ORCH_ATTEMPT` and `ORCH_RESULT_FILE`;
//! exit code 0 and commits on the branch mean done. Besides, `ORCH_SCRIPT` names the script, see [`Script`]; without
//! one every role does its default act.
//!
//! It is an agent, not a part of the line: it runs git in its own clone, and nothing believes a word of it.

mod assignment;
mod defaults;
mod perform;
mod round;
mod script;
mod task_file;
mod template;
mod usage;
mod wait;
mod workplace;

use std::io::Write;
use std::path::Path;

pub use assignment::Assignment;
pub use perform::{AgentError, Finish};
pub use script::{Act, Play, Replacement, Script, ScriptError, Step};
pub use task_file::TaskFile;
pub use usage::UsageReport;

/// Does one assignment in the current directory and returns the exit code. `env` reads an environment variable.
///
/// Exit codes: 0 done · what an `exit` step says · 64 the contract's environment is incomplete · 65 the script is
/// wrong or has no act for this round · 70 git or a file operation failed · 75 a `wait_for_file` gave up. What went
/// wrong stands in one line on the standard output.
pub fn run(env: &dyn Fn(&str) -> Option<String>) -> i32 {
    let mut out = std::io::stdout();
    match std::env::current_dir() {
        Ok(directory) => run_in(&directory, env, &mut out),
        Err(error) => {
            // Nobody may be listening any more; the exit code still tells.
            let _ = writeln!(out, "scripted agent: the working directory cannot be read: {error}");
            70
        }
    }
}

/// [`run`] in any directory, writing what it says to `out`.
pub fn run_in(directory: &Path, env: &dyn Fn(&str) -> Option<String>, out: &mut dyn Write) -> i32 {
    match attempt(directory, env, out) {
        Ok(finish) => finish.code,
        Err(error) => {
            let _ = writeln!(out, "scripted agent: {error}");
            error.exit_code()
        }
    }
}

fn attempt(directory: &Path, env: &dyn Fn(&str) -> Option<String>, out: &mut dyn Write) -> Result<Finish, AgentError> {
    let assignment = Assignment::read(env)?;
    let script = match &assignment.script {
        Some(path) => Script::read(path)?,
        None => Script::default(),
    };
    let task = TaskFile::read(&assignment.task_file)?;
    perform::perform(directory, &assignment, &task, &script, out)
}
