//! What people do in the chats of one bot, by long polling: no public address is needed.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use orch_ports::chat::{Chat, ChatEvent, ChatWhat, Press, Verb};
use orch_ports::{Port, PortError, PortResult};
use orch_rules::connection::NewConnection;
use orch_rules::rights::ConnectionKind;
use orch_text::Language;
use serde_json::{Value, json};

use super::place::{ChatPlace, id};
use super::{Bot, BotRefusal, TelegramCards, button, escaped};

/// How long the server keeps a question for updates open (its own longest time).
const POLL_S: u64 = 50;
/// Most characters of an answer to a press.
const TOAST: usize = 200;

/// Reads the updates of one bot.
pub struct ChatReader {
    name: String,
    bot: Bot,
    base: String,
    token: String,
    places: Vec<Arc<ChatPlace>>,
}

impl ChatReader {
    /// Of the bot `token` at `base`, with the chats that it is asked about in.
    #[must_use]
    pub fn new(name: String, base: &str, token: &str, places: Vec<Arc<ChatPlace>>) -> Self {
        Self { name, bot: Bot::new(base, token), base: base.to_owned(), token: token.to_owned(), places }
    }

    fn place(&self, chat: &str) -> Option<&Arc<ChatPlace>> {
        self.places.iter().find(|place| place.name() == chat)
    }

    fn call(&self, method: &str, body: &Value, waiting: Duration) -> PortResult<Value> {
        self.bot.call(method, body, waiting).map_err(|refusal| self.error(&refusal, method))
    }

    fn error(&self, refusal: &BotRefusal, method: &str) -> PortError {
        PortError::of_object(refusal.kind(), Port::Notifier, self.name.as_str(), method, refusal.words())
    }

    /// Writes in a chat when its pace allows.
    fn turn(&self, chat: &str) {
        if let Some(place) = self.place(chat) {
            place.take_turn();
        }
    }

    /// A call whose target may stand so already, or be gone: nobody needs it then.
    fn change(&self, method: &str, body: &Value) -> PortResult<()> {
        match self.bot.call::<Value>(method, body, Duration::ZERO) {
            Ok(_) | Err(BotRefusal::NotModified | BotRefusal::MessageGone | BotRefusal::QueryTooOld) => Ok(()),
            Err(refusal) => Err(self.error(&refusal, method)),
        }
    }

    fn event(&self, update: &Value) -> Option<ChatEvent> {
        let number = update["update_id"].as_i64()?;
        let (press, message) = (&update["callback_query"], &update["message"]);
        let (from, message) =
            if press.is_object() { (&press["from"], &press["message"]) } else { (&message["from"], message) };
        let chat = &message["chat"];
        let mut called = chat["id"].as_i64().map(|id| id.to_string()).unwrap_or_default();
        // A public chat may stand in the settings by its name.
        if let Some(name) = chat["username"].as_str().map(|name| format!("@{name}"))
            && self.place(&called).is_none()
            && self.place(&name).is_some()
        {
            called = name;
        }
        let person = from["is_bot"] == false;
        let what = match self.what(&called, press, message) {
            Some(what) if person => what,
            _ => ChatWhat::Other,
        };
        let name = ["username", "first_name"].into_iter().find_map(|field| from[field].as_str());
        Some(ChatEvent {
            number,
            account: from["id"].as_i64().map(|id| id.to_string()).unwrap_or_default(),
            name: name.unwrap_or_default().to_owned(),
            chat: called,
            what,
        })
    }

    fn what(&self, chat: &str, press: &Value, message: &Value) -> Option<ChatWhat> {
        let text = message["text"].as_str().unwrap_or_default().trim();
        if !press.is_object() {
            let mut words = text.split_whitespace();
            let command = words.next().unwrap_or_default();
            // In a group a command may name its bot: `/link@line_bot CODE`.
            if ["/link", "/start"].contains(&command.split('@').next().unwrap_or_default()) {
                return words.next().map(|code| ChatWhat::Code(code.to_owned()));
            }
            self.place(chat)?;
            let to = &message["reply_to_message"];
            let ours = to["from"]["id"].as_i64().is_some_and(|id| self.token.starts_with(&format!("{id}:")));
            return (ours && !text.is_empty())
                .then(|| Some(ChatWhat::Reply { to: to["message_id"].as_i64()?, text: text.to_owned() }))?;
        }
        self.place(chat)?;
        let (verb, work_item, proof) = button::read(press["data"].as_str()?)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        let sent = message["date"].as_u64().unwrap_or(0);
        let age = now.saturating_sub(sent).saturating_mul(1_000);
        Some(ChatWhat::Press(Press {
            id: press["id"].as_str()?.to_owned(),
            verb,
            work_item,
            proof,
            message: message["message_id"].as_i64()?,
            age_ms: i64::try_from(age).unwrap_or(i64::MAX),
        }))
    }
}

impl Chat for ChatReader {
    fn name(&self) -> &str {
        &self.name
    }

    fn connection(&self) -> NewConnection {
        // The number before the colon is the bot's own account; the rest is the secret.
        let own = self.token.split(':').next().unwrap_or_default().to_owned();
        NewConnection {
            name: self.name.clone(),
            product: "telegram".to_owned(),
            kind: ConnectionKind::Chat,
            server: self.base.clone(),
            project: own.clone(),
            accounts: vec![own],
        }
    }

    fn events(&self, after: Option<i64>) -> PortResult<Vec<ChatEvent>> {
        let mut body = json!({"timeout": POLL_S, "allowed_updates": ["message", "callback_query"]});
        if let Some(after) = after {
            body["offset"] = (after + 1).into();
        }
        let updates = self.call("getUpdates", &body, Duration::from_secs(POLL_S))?;
        Ok(updates.as_array().into_iter().flatten().filter_map(|update| self.event(update)).collect())
    }

    fn is_about(&self, chat: &str, press: &Press, subject: &str) -> bool {
        press.proof == button::proof(&self.token, chat, press.verb, subject)
    }

    fn answer(&self, press: &str, text: &str) -> PortResult<()> {
        let text: String = text.chars().take(TOAST).collect();
        self.change("answerCallbackQuery", &json!({"callback_query_id": press, "text": text}))
    }

    fn offer(&self, chat: &str, press: &Press, verbs: &[Verb]) -> PortResult<()> {
        let language = self.place(chat).map(|place| place.language).unwrap_or_default();
        let keyboard = button::keyboard(verbs, &press.work_item, &press.proof, language);
        let body = json!({"chat_id": id(chat), "message_id": press.message, "reply_markup": keyboard});
        self.turn(chat);
        self.change("editMessageReplyMarkup", &body)
    }

    fn settle(&self, chat: &str, message: i64, text: &str) -> PortResult<()> {
        let body = json!({
            "chat_id": id(chat), "message_id": message, "text": escaped(text), "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": true},
        });
        self.turn(chat);
        self.change("editMessageText", &body)
    }

    fn say(&self, chat: &str, message: Option<i64>, text: &str, reply: bool) -> PortResult<i64> {
        let mut body = json!({"chat_id": id(chat), "text": escaped(text), "parse_mode": "HTML"});
        if let Some(topic) = self.place(chat).and_then(|place| place.topic) {
            body["message_thread_id"] = topic.into();
        }
        if let Some(message) = message {
            body["reply_parameters"] = json!({"message_id": message, "allow_sending_without_reply": true});
        }
        if reply {
            body["reply_markup"] = json!({"force_reply": true, "selective": true});
        }
        self.turn(chat);
        let sent = self.call("sendMessage", &body, Duration::ZERO)?;
        Ok(sent["message_id"].as_i64().unwrap_or_default())
    }

    fn cards_at(&self, chat: &str, message: i64) -> Vec<(String, String)> {
        let places = self.places.iter().filter(|place| place.name() == chat);
        let called = |place: &Arc<ChatPlace>| Some((place.cards()?.to_owned(), TelegramCards::card_at(chat, message)));
        places.filter_map(called).collect()
    }

    fn language(&self, chat: &str) -> &'static str {
        self.place(chat).map(|place| place.language).unwrap_or(Language::English).tag()
    }
}
