//! `[[notify]]`: who is told of what happens.

use camino::Utf8PathBuf;

use super::keys::{Key, array, quoted, words};
use super::kind::Kind;

/// Ways to tell.
pub const KINDS: &[&str] = &["webhook", "command"];
/// What one can be told of.
pub const EVENTS: &[&str] = &["asked", "held", "done", "stopped", "frozen", "unfrozen", "outage"];

/// One `[[notify]]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotifyEntry {
    /// Name in commands and rows.
    pub name: String,
    /// One of [`KINDS`].
    pub kind: String,
    /// The webhook's address.
    pub url: Option<String>,
    /// A file with the secret that bodies are signed with.
    pub secret_file: Option<Utf8PathBuf>,
    /// The command's program and arguments.
    pub command: Option<Vec<String>>,
    /// Some of [`EVENTS`]; empty is all of them.
    pub events: Vec<String>,
}

/// The rows of `[[notify]]`.
pub const NOTIFY: &[Key<NotifyEntry>] = &[
    Key {
        section: "notify",
        name: "name",
        variable: None,
        kind: Kind::Id,
        required: true,
        doc: "Its name in commands. Messages are kept under it.",
        set: |n, v| n.name = v.into_text(),
        get: |n| (!n.name.is_empty()).then(|| quoted(&n.name)),
    },
    Key {
        section: "notify",
        name: "kind",
        variable: None,
        kind: Kind::OneOf(KINDS),
        required: true,
        doc: "`webhook`: one POST with a JSON object. `command`: a program that is run with it on its standard input.",
        set: |n, v| n.kind = v.into_text(),
        get: |n| (!n.kind.is_empty()).then(|| quoted(&n.kind)),
    },
    Key {
        section: "notify",
        name: "url",
        variable: None,
        kind: Kind::WebAddress,
        required: false,
        doc: "The webhook's address. Errors and logs show its host and nothing behind it.",
        set: |n, v| n.url = Some(v.into_text()),
        get: |n| n.url.as_deref().map(quoted),
    },
    Key {
        section: "notify",
        name: "secret_file",
        variable: None,
        kind: Kind::Path,
        required: false,
        doc: "A file with the webhook's secret on its first line, readable by you alone. Bodies are signed with it as \
              Standard Webhooks has it (`webhook-signature`); without it they are not signed.",
        set: |n, v| n.secret_file = Some(Utf8PathBuf::from(v.into_text())),
        get: |n| n.secret_file.as_ref().map(|f| quoted(f.as_str())),
    },
    Key {
        section: "notify",
        name: "command",
        variable: None,
        kind: Kind::Command,
        required: false,
        doc: "The command's program and arguments. It has ten seconds; exit code 0 means that it was told.",
        set: |n, v| n.command = Some(words(v)),
        get: |n| n.command.as_ref().map(|words| array(words)),
    },
    Key {
        section: "notify",
        name: "events",
        variable: None,
        kind: Kind::SomeOf(EVENTS),
        required: false,
        doc: "What it is told of; everything if left out.",
        set: |n, v| n.events = words(v),
        get: |n| Some(array(&n.events)),
    },
];

/// What the single values cannot tell: the key, what is wrong with it, and what to do.
pub fn misfits(entry: &NotifyEntry) -> Vec<(&'static str, &'static str, &'static str)> {
    let mut found = Vec::new();
    let mut judge = |wrong: bool, key, what, fix| {
        if wrong {
            found.push((key, what, fix));
        }
    };
    match entry.kind.as_str() {
        "webhook" => {
            judge(entry.url.is_none(), "url", "is missing", "add a line `url = \"https://…\"`");
            judge(entry.command.is_some(), "command", "is for `kind = \"command\"`", "remove it");
        }
        "command" => {
            judge(entry.command.is_none(), "command", "is missing", "add a line `command = …` with the program");
            judge(entry.url.is_some(), "url", "is for `kind = \"webhook\"`", "remove it");
            judge(entry.secret_file.is_some(), "secret_file", "is for `kind = \"webhook\"`", "remove it");
        }
        _ => {}
    }
    found
}
