//! The first page of help: commands by what they are for, as the README has them.

use std::fmt::Write;

use clap::Command;

/// What a group is for, and its commands in the order they are wanted in.
const GROUPS: &[(&str, &[&str])] = &[
    ("Begin", &["demo", "init", "check", "up", "open", "status", "down"]),
    ("What is wanted", &["new", "start", "edit", "depend", "priority", "reopen"]),
    ("What you see", &["inbox", "board", "show", "diff", "logs", "queue", "costs", "export"]),
    ("What you decide", &["approve", "reject", "answer", "confirm", "budget"]),
    ("What you say to a task", &["comment", "send-back", "skip", "retry", "pause", "resume", "stop"]),
    ("By your own hands", &["shell", "hands-off", "give-back", "pull"]),
    ("A repository", &["repo", "connect", "freeze", "unfreeze", "deploy", "pipeline", "prompt"]),
    (
        "This machine",
        &[
            "doctor",
            "config",
            "people",
            "deliveries",
            "outbox",
            "service",
            "host",
            "backup",
            "restore",
            "completions",
            "version",
        ],
    ),
];

/// Columns that a line may have.
const WIDTH: usize = 100;

/// The same command with its first page of help in groups.
pub fn grouped(command: Command) -> Command {
    let listed = listed(&command);
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{listed}\x1b[1;4mOptions:\x1b[0m\n{{options}}{{after-help}}"
    ))
}

fn listed(command: &Command) -> String {
    let there = |name: &&&str| command.find_subcommand(name).is_some();
    let wide = GROUPS.iter().flat_map(|(_, names)| *names).map(|name| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (group, names) in GROUPS {
        let _infallible = writeln!(text, "\x1b[1;4m{group}:\x1b[0m");
        // The demo is not in every build.
        for name in names.iter().filter(there) {
            let about = command.find_subcommand(name).and_then(Command::get_about).map(ToString::to_string);
            let about = about.unwrap_or_default();
            let mut lines = wrapped(&about, WIDTH - wide - 4).into_iter();
            let first = lines.next().unwrap_or_default();
            let _infallible = writeln!(text, "  \x1b[1m{name:wide$}\x1b[0m  {first}");
            for line in lines {
                let _infallible = writeln!(text, "  {:wide$}  {line}", "");
            }
        }
        text.push('\n');
    }
    text
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().filter(|line| line.is_empty() || line.len() + 1 + word.len() <= width);
        match last {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_command_stands_in_one_group() {
        let command = crate::Cli::command();
        let mut listed: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        let mut there: Vec<&str> =
            command.get_subcommands().filter(|sub| !sub.is_hide_set()).map(Command::get_name).collect();
        if !there.contains(&"demo") {
            listed.retain(|name| *name != "demo");
        }
        listed.sort_unstable();
        there.sort_unstable();
        assert_eq!(listed, there);
    }

    #[test]
    fn every_command_has_examples_that_fit() {
        for command in crate::Cli::command().get_subcommands().filter(|sub| !sub.is_hide_set()) {
            let name = command.get_name();
            let below = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(below.starts_with("Example"), "orch {name} --help shows no example");
            assert!(below.contains(&format!("orch {name}")), "orch {name} --help shows another command");
            let nested = command.get_subcommands().filter_map(Command::get_after_help).map(ToString::to_string);
            for text in nested.chain([below]) {
                for line in text.lines() {
                    assert!(line.chars().count() <= WIDTH, "orch {name}: {line}");
                }
            }
        }
    }

    #[test]
    fn no_line_is_too_long() {
        let help = grouped(crate::Cli::command()).render_help().to_string();
        for line in help.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        assert!(help.contains("What you decide:\n  approve      Approve what tasks wait for"), "{help}");
    }
}
