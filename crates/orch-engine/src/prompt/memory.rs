//! What a repository tells agents by itself: `CLAUDE.md`, `AGENTS.md` and the like, from its base branch. Agents are started
//! so that they do not read these files of the branch they work on.

use std::fmt::Write;

use orch_ports::PortResult;
use orch_ports::workshop::Workshop;
use orch_rules::agent_files;
use orch_rules::ids::CommitId;

use crate::perform::fenced;

/// Most bytes of such a file that are told.
const CAP: usize = 32 * 1024;

/// The end of a prompt: the repository's words for agents at a commit of its base branch; empty if it has none. Blocks.
///
/// # Errors
/// The forge's, if it may pass.
pub fn told(workshop: &dyn Workshop, base: &CommitId) -> PortResult<String> {
    let mut seen: Vec<String> = Vec::new();
    let mut text = String::new();
    for path in agent_files::memories() {
        match workshop.read(base, path, CAP) {
            Ok(Some(words)) if !words.trim().is_empty() && !seen.contains(&words) => {
                let _ = writeln!(text, "\n`{path}`:\n");
                fenced(&mut text, &words);
                seen.push(words);
            }
            Ok(_) => {}
            Err(error) if error.is_fact() => {
                let _ = writeln!(text, "\n`{path}` is too long to stand here: `git show orch-base:{path}` prints it.");
            }
            Err(error) => return Err(error),
        }
    }
    if text.is_empty() {
        return Ok(text);
    }
    Ok(format!(
        "\n## The repository's own rules for agents\n\nFrom its base branch. Keep to them where they do not contradict what \
         stands above; what the branch you work on has in their place does not count.\n{text}"
    ))
}
