//! A command that is none: which one was meant. Never one that nobody starts by hand.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// What people type who come from other tools, and the command that does it here.
const WORDS: &[(&str, &[&str])] = &[
    ("approve", &["accept", "allow", "lgtm", "merge", "ok", "yes"]),
    ("board", &["tasks"]),
    ("check", &["test", "tests", "try", "verify"]),
    ("comment", &["note", "say"]),
    ("config", &["set", "settings"]),
    ("doctor", &["diagnose", "health"]),
    ("down", &["exit", "halt", "quit", "shutdown"]),
    ("edit", &["change", "rename", "update"]),
    ("give-back", &["return"]),
    ("hands-off", &["checkout", "take"]),
    ("inbox", &["ask", "mine", "todo", "waiting"]),
    ("init", &["install", "register", "setup"]),
    ("logs", &["attach", "output", "tail", "watch"]),
    ("new", &["add", "create", "issue", "submit", "task"]),
    ("pull", &["fetch", "sync"]),
    ("queue", &["jobs", "ps", "runs", "top"]),
    ("reject", &["decline", "deny", "no"]),
    ("repo", &["repos", "repositories", "repository"]),
    ("retry", &["again", "rerun", "restart"]),
    ("shell", &["bash", "exec", "sh"]),
    ("show", &["cat", "describe", "get", "info", "view"]),
    ("stop", &["abort", "close", "delete", "kill", "remove", "rm"]),
    ("up", &["daemon", "run", "serve", "server"]),
];

/// The same error with the command that was probably meant, if it is about one. `first` is the first word of the command
/// line: below another command the words mean something else.
pub fn instead(mut error: clap::Error, first: Option<&str>) -> clap::Error {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return error;
    }
    let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidSubcommand).cloned() else { return error };
    let near = match error.remove(ContextKind::SuggestedSubcommand) {
        Some(ContextValue::Strings(near)) => near,
        Some(ContextValue::String(near)) => vec![near],
        _ => Vec::new(),
    };
    let known = WORDS.iter().find(|(_, words)| words.contains(&typed.as_str()));
    let meant = match known.filter(|_| first == Some(typed.as_str())) {
        Some((name, _)) => vec![(*name).to_owned()],
        None => near.into_iter().filter(|name| !by_machine(name)).collect(),
    };
    if !meant.is_empty() {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(meant));
    }
    error
}

/// A command that only a service or a supervisor starts.
fn by_machine(name: &str) -> bool {
    let cli = <crate::Cli as clap::CommandFactory>::command();
    cli.find_subcommand(name).is_some_and(clap::Command::is_hide_set)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn said(line: &[&str]) -> String {
        let words = std::iter::once("orch").chain(line.iter().copied());
        let error = crate::help::grouped(crate::Cli::command()).try_get_matches_from(words).unwrap_err();
        instead(error, line.first().copied()).render().to_string()
    }

    #[test]
    fn every_word_leads_to_a_command_and_is_none_itself() {
        for (name, words) in WORDS {
            assert!(crate::Cli::command().find_subcommand(name).is_some_and(|sub| !sub.is_hide_set()), "{name}");
            for word in *words {
                assert!(crate::Cli::command().find_subcommand(word).is_none(), "{word}");
                assert!(said(&[word]).contains(&format!("'{name}'")), "{}", said(&[word]));
            }
        }
    }

    #[test]
    fn what_only_the_machine_starts_is_proposed_to_nobody() {
        for word in ["serv", "egres", "supervis", "confin", "insid", "scripted-agen", "scripted"] {
            let said = said(&[word]);
            for hidden in ["'egress'", "'supervise'", "'confine'", "'inside'", "'scripted-agent'"] {
                assert!(!said.contains(hidden), "{said}");
            }
        }
        assert!(said(&["shwo"]).contains("'show'"));
        assert!(!said(&["people", "delete"]).contains("'stop'"), "below another command the words are its own");
    }
}
