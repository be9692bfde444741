//! Agent programs on this machine.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::InitArgs;
use super::register::Registered;
use crate::screen::Screen;
use crate::settings::{AgentKind, Host};

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

/// The kind that is to act: what the person named, or agreed to when asked for the one that is installed.
pub fn wanted(args: &InitArgs, host: &Host, screen: &Screen, found: &[String]) -> Option<AgentKind> {
    if let Some(name) = &args.agent {
        return Some(AgentKind::named(name));
    }
    let somebody = host.default_agent.is_some() || !host.agents.is_empty() || args.agent_command.is_some();
    if somebody || args.yes {
        return None;
    }
    // Only what was found is offered, the first of them.
    let (name, kind) = found.iter().find_map(|name| Some((name, AgentKind::of_program(name)?)))?;
    let question =
        format!("`{name}` is installed. Let it act in every role ([agents.default], kind \"{}\")?", kind.name());
    screen.ask(&question).unwrap_or(false).then_some(kind)
}

/// Who acts in this repository, for people; `None` if nobody does. `host` is what was set before it was registered.
pub fn set(host: &Host, repository: &Registered) -> Option<String> {
    if repository.agent_command.is_some() {
        return Some("a command, as set".to_owned());
    }
    if let Some(kind) = default_kind(host, repository) {
        return Some(match kind {
            AgentKind::Command => "a command, as set".to_owned(),
            kind => format!("kind \"{}\", as set", kind.name()),
        });
    }
    (!host.agents.is_empty()).then(|| "by role, as set".to_owned())
}

fn default_kind(host: &Host, repository: &Registered) -> Option<AgentKind> {
    let set = host.default_agent.as_ref().map(|agent| agent.kind);
    repository.default_agent.or(set)
}

/// What a person still has to do for an agent: commands, each with its reason.
pub fn steps(
    host: &Host,
    repository: &Registered,
    found: &[String],
    env: &dyn Fn(&str) -> Option<String>,
) -> Vec<(String, &'static str)> {
    if set(host, repository).is_none() {
        let kinds = found.iter().filter_map(|name| AgentKind::of_program(name));
        let mut steps: Vec<(String, &'static str)> =
            kinds.map(|kind| (format!("orch init --agent {}", kind.name()), "it is installed: let it act")).collect();
        if steps.is_empty() {
            steps.push(("orch init --agent-command CMD".to_owned(), "name the program that acts as the agent"));
        }
        return steps;
    }
    let kind = default_kind(host, repository).filter(|_| repository.agent_command.is_none());
    let key = match kind {
        Some(AgentKind::ClaudeCode) => ("anthropic", "ANTHROPIC_API_KEY"),
        Some(AgentKind::Codex) => ("openai", "OPENAI_API_KEY"),
        _ => return Vec::new(),
    };
    let named = host.default_agent.as_ref().and_then(|agent| agent.credential.as_deref()).unwrap_or(key.0);
    let has_file = host.models.get(named).is_some_and(|model| model.key_file.is_some());
    if has_file || named != key.0 || env(key.1).is_some_and(|value| !value.trim().is_empty()) {
        return Vec::new();
    }
    let why = "`orch up` hands the key to the proxies, and no agent sees it; or name its file: models.<name>.key_file";
    vec![(format!("export {}=…", key.1), why)]
}
