//! Agent programs on this machine.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::register::Registered;
use crate::settings::Host;

/// Agent programs by the names they are installed under.
const KNOWN: &[&str] = &["claude", "codex", "opencode", "gemini", "qwen", "cursor-agent", "goose", "aider", "amp"];

/// Those of the known agent programs that are in the search path.
pub fn on_path(env: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let search = env("PATH").unwrap_or_default();
    let runs = |file: &Path| std::fs::metadata(file).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    KNOWN
        .iter()
        .filter(|name| std::env::split_paths(&search).any(|folder| runs(&folder.join(name))))
        .map(|name| (*name).to_owned())
        .collect()
}

/// Whether some program acts in this repository. `host` is what was set before it was registered.
pub fn is_set(host: &Host, repository: &Registered) -> bool {
    repository.agent_command.is_some() || host.default_agent.is_some() || !host.agents.is_empty()
}
