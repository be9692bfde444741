//! `[[notify]]`: who is told of what happens.

use camino::Utf8PathBuf;
use jiff::tz::TimeZone;
use orch_vendors::notifier::quiet::QuietHours;

use super::keys::{Key, array, quoted, words};
use super::kind::{Kind, Value};

/// Ways to tell.
pub const KINDS: &[&str] = &["webhook", "slack", "command", "telegram"];
/// What one can be told of.
pub const EVENTS: &[&str] =
    &["asked", "held", "done", "stopped", "frozen", "unfrozen", "deployment", "outage", "red", "tracker", "agent"];

/// Languages of the sentences.
pub const LANGUAGES: &[&str] = &["en", "ru"];
/// The spelling of `card` with which tasks have none.
pub const NO_CARDS: &str = "none";
/// Telegram's own server; `url` names another.
pub const TELEGRAM: &str = "https://api.telegram.org";

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
    /// One of [`LANGUAGES`].
    pub language: Option<String>,
    /// A file with the token of the bot.
    pub token_file: Option<Utf8PathBuf>,
    /// The chat: its number or `@name`.
    pub chat: Option<String>,
    /// The topic of a forum.
    pub topic: Option<u64>,
    /// People answer by buttons; they do, if left out.
    pub buttons: Option<bool>,
    /// How each task is shown there as one card; [`NO_CARDS`]: not at all. It is edited, if left out or unknown.
    pub card: Option<String>,
    /// The time zone of the card's times and of the quiet hours; the machine's, if left out.
    pub time_zone: Option<String>,
    /// Hours in which it is told of nothing, as [`QuietHours::of`] reads them.
    pub quiet: Option<String>,
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
        doc: "`webhook`: one POST with a JSON object. `slack`: the same with a text for people, as Slack, Mattermost and \
              Rocket.Chat take it. `command`: a program that is run with the object on its standard input. \
              `telegram`: a message of your bot in a chat.",
        set: |n, v| n.kind = v.into_text(),
        get: |n| (!n.kind.is_empty()).then(|| quoted(&n.kind)),
    },
    Key {
        section: "notify",
        name: "url",
        variable: None,
        kind: Kind::WebAddress,
        required: false,
        doc: "The webhook's address. Errors and logs show its host and nothing behind it. For `telegram`, a Bot API \
              server of your own; Telegram's, if left out.",
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
    Key {
        section: "notify",
        name: "language",
        variable: None,
        kind: Kind::OneOf(LANGUAGES),
        required: false,
        doc: "Of the sentences; `en`, if left out.",
        set: |n, v| n.language = Some(v.into_text()),
        get: |n| n.language.as_deref().map(quoted),
    },
    Key {
        section: "notify",
        name: "token_file",
        variable: None,
        kind: Kind::Path,
        required: false,
        doc: "A file with the token of the Telegram bot on its first line (from @BotFather), readable by you alone.",
        set: |n, v| n.token_file = Some(Utf8PathBuf::from(v.into_text())),
        get: |n| n.token_file.as_ref().map(|f| quoted(f.as_str())),
    },
    Key {
        section: "notify",
        name: "chat",
        variable: None,
        kind: Kind::Chat,
        required: false,
        doc: "The Telegram chat: its number (of a group it is negative) or the `@name` of a public one.",
        set: |n, v| n.chat = Some(v.into_text()),
        get: |n| n.chat.as_deref().map(quoted),
    },
    Key {
        section: "notify",
        name: "topic",
        variable: None,
        kind: Kind::Number(1, 9_007_199_254_740_991),
        required: false,
        doc: "The number of a topic, in a group that has them.",
        set: |n, v| {
            if let Value::Number(topic) = v {
                n.topic = Some(topic);
            }
        },
        get: |n| n.topic.map(|topic| topic.to_string()),
    },
    Key {
        section: "notify",
        name: "buttons",
        variable: None,
        kind: Kind::Switch,
        required: false,
        doc: "Under what asks a person in Telegram there are buttons, if left out or true; the service reads the bot's \
              updates then, and no other program may. false: the commands stand there instead.",
        set: |n, v| {
            if let Value::Switch(on) = v {
                n.buttons = Some(on);
            }
        },
        get: |n| n.buttons.map(|on| on.to_string()),
    },
    Key {
        section: "notify",
        name: "card",
        variable: None,
        kind: Kind::Word,
        required: false,
        doc: "Each task is one silent message in the Telegram chat that shows where it stands. `edit`, or left out: it is \
              edited. `bump`: it is sent anew at the bottom, and the one before is deleted. `none`: there is none. \
              Anything else is `edit`.",
        set: |n, v| n.card = Some(v.into_text()),
        get: |n| n.card.as_deref().map(quoted),
    },
    Key {
        section: "notify",
        name: "time_zone",
        variable: None,
        kind: Kind::Word,
        required: false,
        doc: "The time zone of the times on cards and of `quiet`, for example `Europe/Berlin`; the machine's, if left out.",
        set: |n, v| n.time_zone = Some(v.into_text()),
        get: |n| n.time_zone.as_deref().map(quoted),
    },
    Key {
        section: "notify",
        name: "quiet",
        variable: None,
        kind: Kind::Word,
        required: false,
        doc: "Hours in which it is told of nothing, for example `22:00-07:30`. What is still so when they are over is told \
              then, the rest is not. Cards go on, since they make no sound.",
        set: |n, v| n.quiet = Some(v.into_text()),
        get: |n| n.quiet.as_deref().map(quoted),
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
    if entry.kind != "telegram" {
        let telegram = "is for `kind = \"telegram\"`";
        judge(entry.token_file.is_some(), "token_file", telegram, "remove it");
        judge(entry.chat.is_some(), "chat", telegram, "remove it");
        judge(entry.topic.is_some(), "topic", telegram, "remove it");
        judge(entry.buttons.is_some(), "buttons", telegram, "remove it");
        judge(entry.card.is_some(), "card", telegram, "remove it");
        judge(
            entry.time_zone.is_some() && entry.quiet.is_none(),
            "time_zone",
            "is for `kind = \"telegram\"` and for `quiet`",
            "remove it",
        );
    }
    judge(
        entry.quiet.as_deref().is_some_and(|hours| QuietHours::of(hours, TimeZone::UTC).is_none()),
        "quiet",
        "is no stretch of a day",
        "write it like \"22:00-07:30\"",
    );
    let unknown = entry.time_zone.as_deref().is_some_and(|zone| TimeZone::get(zone).is_err());
    judge(
        unknown,
        "time_zone",
        "is no time zone that this machine knows",
        "write one such as \"Europe/Berlin\", or \"UTC\"",
    );
    match entry.kind.as_str() {
        "webhook" | "slack" => {
            judge(entry.url.is_none(), "url", "is missing", "add a line `url = \"https://…\"`");
            judge(entry.command.is_some(), "command", "is for `kind = \"command\"`", "remove it");
            let unsigned = entry.kind == "slack" && entry.secret_file.is_some();
            judge(unsigned, "secret_file", "is for `kind = \"webhook\"`", "remove it");
        }
        "command" => {
            judge(entry.command.is_none(), "command", "is missing", "add a line `command = …` with the program");
            judge(entry.url.is_some(), "url", "is for `kind = \"webhook\"`", "remove it");
            judge(entry.secret_file.is_some(), "secret_file", "is for `kind = \"webhook\"`", "remove it");
        }
        "telegram" => {
            let file = "add a line `token_file = \"/…\"` with the bot's token in that file";
            judge(entry.token_file.is_none(), "token_file", "is missing", file);
            judge(entry.chat.is_none(), "chat", "is missing", "add a line `chat = \"-100…\"` with the chat's number");
            judge(entry.command.is_some(), "command", "is for `kind = \"command\"`", "remove it");
            judge(entry.secret_file.is_some(), "secret_file", "is for `kind = \"webhook\"`", "remove it");
        }
        _ => {}
    }
    found
}
