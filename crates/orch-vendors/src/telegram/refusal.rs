//! What the Bot API refuses. Decided by the code first and by the beginning of the description second: descriptions
//! change over the years (server 10.0 and TDLib of July 2026; clients wait for older ones).

use std::time::{SystemTime, UNIX_EPOCH};

use orch_rules::ids::Timestamp;
use orch_rules::port_error::ErrorKind;
use serde_json::Value;

/// The longest pause that is believed, in seconds.
const LONGEST_PAUSE_S: i64 = 24 * 60 * 60;
/// A limit that names no pause, in seconds.
const UNNAMED_PAUSE_S: i64 = 60;

/// Why a call came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BotRefusal {
    /// What was to stand stands already.
    NotModified,
    /// The message is not there, or cannot be changed any more.
    MessageGone,
    /// Too old to be deleted, or somebody else's to delete.
    CannotDelete,
    /// The group is a supergroup now: its id, and ids of messages are void.
    Migrated(i64),
    /// The topic was deleted.
    TopicGone,
    /// Our markup is not understood.
    Markup,
    /// Longer than a message may be.
    TooLong,
    /// The press of a button is too old to be answered.
    QueryTooOld,
    /// Not before so many seconds.
    Limited(i64),
    /// The token is not taken.
    Token,
    /// The bot may not write there: why.
    Chat(&'static str),
    /// Somebody else reads the updates of this bot.
    OtherReader,
    /// Not done, and may pass.
    Passing(&'static str),
    /// Nobody knows whether it was done.
    InDoubt(&'static str),
    /// Anything else, as the server describes it.
    Other(u16, String),
}

impl BotRefusal {
    /// What kind of trouble it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Limited(seconds) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
                let now = Timestamp(i64::try_from(now).unwrap_or(0).saturating_mul(1_000));
                ErrorKind::RateLimited { until: now.plus_ms(seconds.saturating_mul(1_000)) }
            }
            Self::Token => ErrorKind::Unauthorised,
            Self::Chat(_) => ErrorKind::Missing,
            Self::OtherReader => ErrorKind::Conflict,
            Self::Passing(_) => ErrorKind::Passing,
            Self::InDoubt(_) => ErrorKind::InDoubt,
            _ => ErrorKind::Refused,
        }
    }

    /// What the server does, in words: `does not take the bot's token`.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Limited(seconds) => format!("wants a pause of {seconds} s"),
            Self::Token => "does not take the bot's token".to_owned(),
            Self::Chat(why) => format!("does not deliver: {why}"),
            Self::OtherReader => "says that another program reads the updates of this bot, too".to_owned(),
            Self::Passing(why) => format!("did not take it: {why}"),
            Self::InDoubt(why) => format!("may or may not have taken it: {why}"),
            Self::TooLong => "says that it is too long".to_owned(),
            Self::Migrated(number) => format!("says that this group is a supergroup now: write chat = {number}"),
            Self::TopicGone => "says that this topic is gone".to_owned(),
            Self::Other(status, why) => format!("refused it (status {status}: {why})"),
            other => format!("answered something that is no answer to this: {other:?}"),
        }
    }
}

/// Beginnings of descriptions without `Bad Request: `, and what they mean.
const OF_400: &[(&str, BotRefusal)] = &[
    ("message is not modified", BotRefusal::NotModified),
    ("message to edit not found", BotRefusal::MessageGone),
    ("message can't be edited", BotRefusal::MessageGone),
    ("there is no text in the message to edit", BotRefusal::MessageGone),
    ("MESSAGE_ID_INVALID", BotRefusal::MessageGone),
    ("message to delete not found", BotRefusal::MessageGone),
    ("message can't be deleted", BotRefusal::CannotDelete),
    ("message thread not found", BotRefusal::TopicGone),
    ("can't parse entities", BotRefusal::Markup),
    ("ENTITIES_TOO_LONG", BotRefusal::Markup),
    ("message is too long", BotRefusal::TooLong),
    ("MESSAGE_TOO_LONG", BotRefusal::TooLong),
    ("text is too long", BotRefusal::TooLong),
    ("query is too old", BotRefusal::QueryTooOld),
    ("chat not found", BotRefusal::Chat("there is no such chat, or the bot is not in it")),
    ("chat_id is empty", BotRefusal::Chat("there is no such chat, or the bot is not in it")),
    ("not enough rights", BotRefusal::Chat("the bot may not write in this chat")),
    ("have no write access to the chat", BotRefusal::Chat("the bot may not write in this chat")),
    ("TOPIC_CLOSED", BotRefusal::Chat("the topic is closed")),
];

/// Beginnings of descriptions without `Forbidden: `.
const OF_403: &[(&str, &str)] = &[
    ("bot was blocked", "the bot was blocked there"),
    ("bot was kicked", "the bot was removed from this chat"),
    ("bot can't initiate", "somebody has to write to the bot first"),
    ("user is deactivated", "the account is deactivated"),
    ("bot is not a member", "the bot is not in this chat"),
];

/// Of an answer that is not `ok`.
pub(super) fn refusal(status: u16, answer: &Value) -> BotRefusal {
    let code = answer["error_code"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or(status);
    let description = answer["description"].as_str().unwrap_or_default();
    let described = description.split_once(": ").map_or(description, |(_, rest)| rest);
    let parameters = &answer["parameters"];
    let starts =
        |beginning: &str| described.get(..beginning.len()).is_some_and(|text| text.eq_ignore_ascii_case(beginning));
    if let Some(id) = parameters["migrate_to_chat_id"].as_i64() {
        return BotRefusal::Migrated(id);
    }
    match code {
        // 404 is an address that does not exist: a token that is malformed.
        401 | 404 => BotRefusal::Token,
        403 => BotRefusal::Chat(
            OF_403
                .iter()
                .find(|(beginning, _)| starts(beginning))
                .map_or("the bot may not write there", |(_, why)| why),
        ),
        409 => BotRefusal::OtherReader,
        429 => {
            let pause = parameters["retry_after"].as_i64().unwrap_or(UNNAMED_PAUSE_S);
            BotRefusal::Limited(pause.clamp(1, LONGEST_PAUSE_S))
        }
        500..=599 => BotRefusal::Passing("it is in trouble itself"),
        400 if answer["ok"] == false => OF_400
            .iter()
            .find(|(beginning, _)| starts(beginning))
            .map_or_else(|| BotRefusal::Other(code, printable(described)), |(_, refusal)| refusal.clone()),
        // A proxy or a portal answers in its place.
        200..=399 => BotRefusal::InDoubt("what answers there is not Telegram"),
        _ => BotRefusal::Other(code, printable(described)),
    }
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_recorded_error_is_told_apart() {
        let file: Value = serde_json::from_str(include_str!("fixtures/errors.json")).unwrap();
        let errors = file["errors"].as_array().unwrap();
        assert!(errors.len() > 30);
        for error in errors {
            let mut answer = json!({"ok": false, "error_code": error["http"], "description": error["description"]});
            match error["name"].as_str().unwrap() {
                "migrated" => answer["parameters"] = json!({"migrate_to_chat_id": -100_123}),
                "flood" | "too_many_requests" => answer["parameters"] = json!({"retry_after": 7}),
                _ => {}
            }
            let status = u16::try_from(error["http"].as_u64().unwrap()).unwrap();
            let read = refusal(status, &answer);
            let wanted = error["read_as"].as_str().unwrap();
            assert_eq!(format!("{read:?}").split(['(', ' ']).next().unwrap(), wanted, "{}", error["name"]);
        }
    }

    #[test]
    fn older_texts_other_cases_and_strangers_in_between_are_read() {
        let of = |status, description: &str| refusal(status, &json!({"ok": false, "description": description}));
        assert_eq!(of(400, "Bad Request: MESSAGE IS NOT MODIFIED"), BotRefusal::NotModified);
        assert_eq!(of(400, "message to edit not found"), BotRefusal::MessageGone, "without the prefix");
        assert_eq!(of(400, "Bad Request: something\u{1b}[2J new"), BotRefusal::Other(400, "something[2J new".into()));
        assert_eq!(refusal(502, &Value::Null), BotRefusal::Passing("it is in trouble itself"));
        assert!(matches!(refusal(302, &Value::Null), BotRefusal::InDoubt(_)));
        let pause = |seconds: Value| {
            refusal(429, &json!({"ok": false, "error_code": 429, "parameters": {"retry_after": seconds}}))
        };
        assert_eq!(pause(json!(35)), BotRefusal::Limited(35));
        assert_eq!(pause(json!(0)), BotRefusal::Limited(1));
        assert_eq!(pause(json!(9_999_999)), BotRefusal::Limited(LONGEST_PAUSE_S));
        assert_eq!(pause(Value::Null), BotRefusal::Limited(UNNAMED_PAUSE_S));
    }
}
