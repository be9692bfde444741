//! `[agents.<role>]` and `[agents.default]`: who acts.

use orch_vendors::agent::ready::KnownProgram;
use orch_vendors::agent::{claude_code, codex};

use super::keys::{Key, array, quoted, words};
use super::kind::Kind;

/// Spellings of [`AgentKind`].
pub const KINDS: &[&str] = &["command", "claude_code", "codex"];

/// Spellings of what Claude Code may do without asking.
const PERMISSION_MODES: &[&str] = &["bypass", "accept_edits"];

/// How an agent is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AgentKind {
    /// Any program.
    #[default]
    Command,
    /// Claude Code.
    ClaudeCode,
    /// Codex.
    Codex,
}

impl AgentKind {
    /// As the settings spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::ClaudeCode => "claude_code",
            Self::Codex => "codex",
        }
    }

    /// The kind of this spelling.
    pub fn named(name: &str) -> Self {
        [Self::ClaudeCode, Self::Codex].into_iter().find(|kind| kind.name() == name).unwrap_or_default()
    }

    /// The name its program is installed under; `None` for a command, which has none of its own.
    pub fn usual_program(self) -> Option<&'static str> {
        match self {
            Self::Command => None,
            Self::ClaudeCode => Some("claude"),
            Self::Codex => Some("codex"),
        }
    }

    /// The credential it uses where none is named; `None` for a command, which brings its own.
    pub fn credential(self) -> Option<&'static str> {
        match self {
            Self::Command => None,
            Self::ClaudeCode => Some("anthropic"),
            Self::Codex => Some("openai"),
        }
    }

    /// What its program has to be; `None` for a command, of which nothing is known.
    pub fn known(self) -> Option<&'static KnownProgram> {
        match self {
            Self::Command => None,
            Self::ClaudeCode => Some(&claude_code::KNOWN),
            Self::Codex => Some(&codex::KNOWN),
        }
    }

    /// The kind that drives a program of this name.
    pub fn of_program(name: &str) -> Option<Self> {
        [Self::ClaudeCode, Self::Codex].into_iter().find(|kind| kind.usual_program() == Some(name))
    }

    /// Keys that say something to this kind, besides `kind` and `pass_environment`.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Command => &["command"],
            Self::ClaudeCode => &["program", "model", "credential", "permission_mode"],
            Self::Codex => &["program", "model", "credential"],
        }
    }
}

/// A program that acts as an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentProgram {
    /// How it is driven.
    pub kind: AgentKind,
    /// Program and arguments of a command; never empty for one in checked settings.
    pub command: Vec<String>,
    /// The program of another kind; `None` is its usual name.
    pub program: Option<String>,
    /// The model it asks for; `None` leaves the choice to the agent.
    pub model: Option<String>,
    /// Name of its `[models.<name>]`; `None` is its vendor's usual one.
    pub credential: Option<String>,
    /// Edits and a list of tools are allowed, instead of everything.
    pub only_edits: bool,
    /// Names of variables of the service that it gets; it gets no others.
    pub pass_environment: Vec<String>,
}

impl AgentProgram {
    /// The program that is started: a path, or a name on the `PATH`.
    pub fn starts(&self) -> Option<&str> {
        match self.kind {
            AgentKind::Command => self.command.first().map(String::as_str),
            kind => self.program.as_deref().or(kind.usual_program()),
        }
    }
}

/// Rows of an agent.
pub const AGENT: &[Key<AgentProgram>] = &[
    Key {
        section: "agents",
        name: "kind",
        variable: None,
        kind: Kind::OneOf(KINDS),
        required: false,
        doc: "How it is driven: any program by the contract of `command`, Claude Code, or Codex.",
        set: |a, v| a.kind = AgentKind::named(&v.into_text()),
        get: |a| Some(quoted(a.kind.name())),
    },
    Key {
        section: "agents",
        name: "command",
        variable: None,
        kind: Kind::Command,
        required: false,
        doc: "The program of a `command`, which must be set for one: split into words like a shell does, but run by \
              none; or an array of words. It works in its current folder and is told the rest in ORCH_ROLE, ORCH_STAGE, \
              ORCH_TASK_ID, ORCH_TASK_FILE, ORCH_DOCS_DIR, ORCH_ATTEMPT and ORCH_RESULT_FILE.",
        set: |a, v| a.command = words(v),
        get: |a| (!a.command.is_empty()).then(|| array(&a.command)),
    },
    Key {
        section: "agents",
        name: "program",
        variable: None,
        kind: Kind::Word,
        required: false,
        doc: "The program of another kind: a path, or a name on the PATH. Not set: `claude`, or `codex`.",
        set: |a, v| a.program = Some(v.into_text()),
        get: |a| a.program.as_deref().map(quoted),
    },
    Key {
        section: "agents",
        name: "model",
        variable: None,
        kind: Kind::Word,
        required: false,
        doc: "The model that Claude Code or Codex asks for. Not set: its own choice.",
        set: |a, v| a.model = Some(v.into_text()),
        get: |a| a.model.as_deref().map(quoted),
    },
    Key {
        section: "agents",
        name: "credential",
        variable: None,
        kind: Kind::Id,
        required: false,
        doc: "The `[models.<name>]` that Claude Code or Codex talks to. Not set: `anthropic`, or `openai`.",
        set: |a, v| a.credential = Some(v.into_text()),
        get: |a| a.credential.as_deref().map(quoted),
    },
    Key {
        section: "agents",
        name: "permission_mode",
        variable: None,
        kind: Kind::OneOf(PERMISSION_MODES),
        required: false,
        doc: "What Claude Code may do without asking: everything, with the run's confinement as the limit; or edits, \
              shell commands and reading, where anything else fails the run. It refuses the first to root.",
        set: |a, v| a.only_edits = v.into_text() == "accept_edits",
        get: |a| Some(quoted(if a.only_edits { "accept_edits" } else { "bypass" })),
    },
    Key {
        section: "agents",
        name: "pass_environment",
        variable: None,
        kind: Kind::Variables,
        required: false,
        doc: "Names of variables of the service that it gets as well. It gets no others. A command may get its own API \
              key so; Claude Code and Codex need none, their proxy has it.",
        set: |a, v| a.pass_environment = words(v),
        get: |a| Some(array(&a.pass_environment)),
    },
];

/// What is wrong with a table beyond its single values: the key, what is wrong with it, what to do. `is_there` tells
/// which keys it has.
pub fn misfits(agent: &AgentProgram, is_there: &dyn Fn(&str) -> bool) -> Vec<(&'static str, String, String)> {
    let mut found = Vec::new();
    if agent.kind == AgentKind::Command && !is_there("command") {
        let fix = format!("add a line `command = …` with {}", Kind::Command.expected());
        found.push(("command", "is missing".to_owned(), fix));
    }
    let keys = AgentKind::Command.keys().iter().chain(AgentKind::ClaudeCode.keys());
    for key in keys.filter(|key| is_there(key) && !agent.kind.keys().contains(key)) {
        let what = format!("means nothing to an agent of kind \"{}\"", agent.kind.name());
        found.push((key, what, "remove it, or set the `kind` it belongs to".to_owned()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::kind::Value;
    use super::*;

    #[test]
    fn every_kind_reads_back() {
        let kinds = KINDS.iter().map(|name| AgentKind::named(name).name());
        assert!(kinds.eq(KINDS.iter().copied()));
        assert_eq!(AgentKind::of_program("codex"), Some(AgentKind::Codex));
        assert_eq!(AgentKind::of_program("command"), None);
    }

    #[test]
    fn the_program_that_is_started_is_the_usual_one_unless_another_is_named() {
        let mut agent = AgentProgram { kind: AgentKind::ClaudeCode, ..AgentProgram::default() };
        assert_eq!(agent.starts(), Some("claude"));
        agent.program = Some("/opt/claude".to_owned());
        assert_eq!(agent.starts(), Some("/opt/claude"));
        agent = AgentProgram { command: vec!["mine".to_owned(), "-x".to_owned()], ..AgentProgram::default() };
        assert_eq!(agent.starts(), Some("mine"));
    }

    #[test]
    fn each_kind_has_its_keys() {
        let of = |kind, there: &[&str]| {
            let agent = AgentProgram { kind, ..AgentProgram::default() };
            misfits(&agent, &|key| there.contains(&key)).into_iter().map(|(key, ..)| key).collect::<Vec<_>>()
        };
        assert_eq!(of(AgentKind::Command, &[]), ["command"]);
        assert_eq!(of(AgentKind::Command, &["command", "model"]), ["model"]);
        assert_eq!(of(AgentKind::ClaudeCode, &["model", "program", "permission_mode", "credential"]), [""; 0]);
        assert_eq!(of(AgentKind::Codex, &["command", "permission_mode"]), ["command", "permission_mode"]);
        assert_eq!(of(AgentKind::Codex, &["kind", "pass_environment"]), [""; 0]);
    }

    #[test]
    fn a_mode_is_kept() {
        let row = AGENT.iter().find(|row| row.name == "permission_mode").unwrap();
        let mut agent = AgentProgram::default();
        for mode in PERMISSION_MODES.iter().rev() {
            (row.set)(&mut agent, Value::Text((*mode).to_owned()));
            assert_eq!((row.get)(&agent), Some(quoted(mode)));
        }
    }
}
