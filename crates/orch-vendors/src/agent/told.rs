//! What every agent of ours is told through its environment, and the words an agent with a mind is started with.

use camino::{Utf8Path, Utf8PathBuf};
use orch_ports::agent::Assignment;

/// The contract's variables, by name.
pub(super) fn variables(assignment: &Assignment) -> [(&'static str, String); 8] {
    [
        ("ORCH_ROLE", assignment.role.name().to_owned()),
        ("ORCH_STAGE", assignment.stage.to_string()),
        ("ORCH_TASK_ID", assignment.work_item.to_string()),
        ("ORCH_PROMPT_FILE", assignment.prompt_file().to_string()),
        ("ORCH_TASK_FILE", assignment.task_file.to_string()),
        ("ORCH_DOCS_DIR", assignment.documents.to_string()),
        ("ORCH_ATTEMPT", assignment.attempt.to_string()),
        ("ORCH_RESULT_FILE", assignment.result_file.to_string()),
    ]
}

/// What it is asked. Short, because everybody on the machine may read arguments and one argument holds 128 KB at most
/// (execve(2)): the long texts are files. `goes_on`: it does so in the session of its attempt before.
pub(super) fn errand(assignment: &Assignment, goes_on: bool) -> String {
    let Assignment { work_item, task_file, directory, documents, attempt, .. } = assignment;
    let role = assignment.role.name();
    if goes_on {
        format!(
            "You go on as the {role} of {work_item}; this is attempt {attempt}. The task file {task_file} was written \
             anew: read all of it first, above all what stands under Rework, then do what you owe. You now work in \
             {directory}, and the documents go to {documents}; the folders of your earlier attempts are gone."
        )
    } else {
        format!(
            "You are the {role} of {work_item}. Read all of the task file {task_file} first, then do what you owe. \
             You work in {directory}; the documents go to {documents}."
        )
    }
}

/// A file that makes the folder for temporary files: agents with a folder of their own do not meet.
pub(super) fn temporary_folder(home: &Utf8Path) -> (Utf8PathBuf, String) {
    let text = "Signature: 8a477f597d28d172789f06886806bc55\n# Temporary files of an agent.\n";
    // The tag that tells back-up programs to leave a folder out: https://bford.info/cachedir/
    (home.join("tmp/CACHEDIR.TAG"), text.to_owned())
}

/// A session id of either vendor: a UUID, so that it can stand among arguments.
pub(super) fn is_session(id: &str) -> bool {
    id.len() == 36 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') && !id.starts_with('-')
}
