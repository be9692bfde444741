//! One card for each task in a chat: edited in silence, or made anew at the bottom.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use orch_ports::chat::Verb;
use orch_ports::projection::{
    ProjectionTarget, ProjectionWrite, ProjectionWritten, ShowFate, ShownAspect, ShownText, TaskShown,
};
use orch_ports::{Port, PortError, PortResult};
use orch_rules::ids::RepositoryId;
use orch_rules::outbox::projection::Aspect;
use orch_rules::port_error::ErrorKind;
use orch_rules::task::Task;
use orch_text::{Card, CardFacts, ChatText};
use serde_json::{Value, json};

use super::place::id;
use super::{Bot, BotRefusal, ChatPlace, button, card};
use crate::notifier::fingerprint;

/// The aspect's name in rows.
const CARD: &str = "card";
const ASPECTS: &[ShownAspect] = &[ShownAspect { name: CARD, aspect: Aspect::Ours }];

/// What becomes of the card of a task that goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CardMode {
    /// The same message is edited.
    #[default]
    Edit,
    /// It is sent anew at the bottom, and the one before is taken away.
    Bump,
}

impl CardMode {
    /// As settings spell it; what nobody knows is [`Self::Edit`].
    #[must_use]
    pub fn of(name: &str) -> Self {
        if name.trim().eq_ignore_ascii_case("bump") { Self::Bump } else { Self::Edit }
    }
}

/// The cards of a chat.
pub struct TelegramCards {
    name: String,
    bot: Bot,
    token: String,
    place: Arc<ChatPlace>,
    mode: CardMode,
    /// Under a card there is a button; somebody reads what is pressed.
    buttons: bool,
    zone: TimeZone,
    fingerprint: String,
}

/// A message, as it is kept of a card: `CHAT:NUMBER`.
fn kept(chat: &str, message: i64) -> String {
    format!("{chat}:{message}")
}

fn read(kept: &str) -> Option<(String, i64)> {
    let (chat, message) = kept.rsplit_once(':')?;
    Some((chat.to_owned(), message.parse().ok()?))
}

impl TelegramCards {
    /// In the chat `place` of the bot `token` at the server `base`, under the name of its notifier; times are told in `zone`.
    #[must_use]
    pub fn new(
        name: String,
        base: &str,
        token: &str,
        place: Arc<ChatPlace>,
        mode: CardMode,
        buttons: bool,
        zone: TimeZone,
    ) -> Self {
        let fingerprint = fingerprint(&[base, token, &place.name()]);
        Self { name, bot: Bot::new(base, token), token: token.to_owned(), place, mode, buttons, zone, fingerprint }
    }

    /// What a message is called as a card.
    #[must_use]
    pub fn card_at(chat: &str, message: i64) -> String {
        kept(chat, message)
    }

    /// A message's text, sound and buttons. An edit without buttons takes them away.
    fn message(&self, chat: &str, task: &Task, html: &str) -> Value {
        let verbs: &[Verb] = if self.buttons && !task.position.is_terminal() { &[Verb::Card] } else { &[] };
        let proof = button::proof(&self.token, chat, Verb::Card, task.id.as_str());
        json!({
            "chat_id": id(chat),
            "text": html,
            "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": true},
            "reply_markup": button::keyboard(verbs, &task.work_item, &proof, self.place.language),
        })
    }

    /// Calls, and once more without tags where those are refused.
    fn call(&self, method: &str, mut message: Value) -> Result<Value, BotRefusal> {
        self.place.take_turn();
        match self.bot.call(method, &message, Duration::ZERO) {
            Err(BotRefusal::Markup) => {
                message["text"] = card::plain(message["text"].as_str().unwrap_or_default()).into();
                drop(message.as_object_mut().and_then(|map| map.remove("parse_mode")));
                self.place.take_turn();
                self.bot.call(method, &message, Duration::ZERO)
            }
            answer => answer,
        }
    }

    /// Edits the card; false if it is not there any more.
    fn edit(&self, chat: &str, number: i64, task: &Task, html: &str) -> Result<bool, BotRefusal> {
        let mut message = self.message(chat, task, html);
        message["message_id"] = number.into();
        match self.call("editMessageText", message) {
            Ok(_) | Err(BotRefusal::NotModified) => Ok(true),
            Err(BotRefusal::MessageGone) => Ok(false),
            Err(BotRefusal::Migrated(new)) => {
                // The numbers of its messages are void.
                if self.place.name() == chat {
                    self.place.moved(new);
                }
                Ok(false)
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Sends the card in silence; the chat and its number there.
    fn send(&self, task: &Task, html: &str) -> Result<(String, i64), BotRefusal> {
        let mut topic = self.place.topic;
        // As it is, in the supergroup, without the topic.
        for _ in 0..3 {
            let chat = self.place.name();
            let mut message = self.message(&chat, task, html);
            message["disable_notification"] = true.into();
            if let Some(topic) = topic {
                message["message_thread_id"] = topic.into();
            }
            match self.call("sendMessage", message) {
                Ok(sent) => match sent["message_id"].as_i64() {
                    Some(number) => return Ok((chat, number)),
                    None => return Err(BotRefusal::InDoubt("its answer names no message")),
                },
                Err(BotRefusal::Migrated(number)) => self.place.moved(number),
                Err(BotRefusal::TopicGone) => topic = None,
                Err(refusal) => return Err(refusal),
            }
        }
        Err(BotRefusal::Other(400, "every form of the card was refused".to_owned()))
    }

    fn put(&self, write: &ProjectionWrite<'_>) -> Result<ProjectionWritten, BotRefusal> {
        let standing = write.external_id.and_then(read);
        if let (CardMode::Edit, Some((chat, number))) = (self.mode, &standing)
            && self.edit(chat, *number, write.task, write.text)?
        {
            return Ok(ProjectionWritten { external_id: Some(kept(chat, *number)), replaced: None });
        }
        let (chat, number) = self.send(write.task, write.text)?;
        let replaced = standing.filter(|_| self.mode == CardMode::Bump).map(|(chat, number)| kept(&chat, number));
        Ok(ProjectionWritten { external_id: Some(kept(&chat, number)), replaced })
    }
}

impl ProjectionTarget for TelegramCards {
    fn name(&self) -> &str {
        &self.name
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    fn aspects(&self) -> &[ShownAspect] {
        ASPECTS
    }

    fn shows(&self, _repository: &RepositoryId) -> bool {
        true
    }

    fn render(&self, _aspect: &str, facts: &TaskShown) -> ShowFate {
        let usage: Vec<_> = facts.history.usage.iter().map(|row| (row.attempt, &row.usage)).collect();
        let facts = CardFacts {
            task: &facts.task,
            attempts: &facts.history.attempts,
            episodes: &facts.history.episodes,
            usage: &usage,
            pipeline: facts.pipeline.as_ref(),
            change_request: facts.change_request.as_deref(),
        };
        match Card::of(facts, self.place.language, &self.zone) {
            Some(made) => ShowFate::Send(ShownText::text(card::html(&made, None))),
            None => ShowFate::Drop("nobody has started it"),
        }
    }

    fn wait(&self) -> Duration {
        self.place.card_wait()
    }

    fn write(&self, write: &ProjectionWrite<'_>) -> PortResult<ProjectionWritten> {
        self.put(write).map_err(|refusal| {
            let words = format!("Telegram {}", refusal.words());
            // What keeps one card out of a chat keeps all of them out.
            let kind = if matches!(refusal, BotRefusal::Chat(_)) { ErrorKind::Passing } else { refusal.kind() };
            PortError::of_object(kind, Port::Projection, self.name.as_str(), write.task.id.as_str(), words)
        })
    }

    /// Deletes it; where that is not allowed any more, it says that it goes on below.
    fn discard(&self, external_id: &str) {
        let Some((chat, number)) = read(external_id) else { return };
        let mut message = json!({"chat_id": id(&chat), "message_id": number});
        self.place.take_turn();
        if let Err(BotRefusal::CannotDelete) = self.bot.call::<Value>("deleteMessage", &message, Duration::ZERO) {
            message["text"] = ChatText::CardBelow.say(&[], self.place.language).into();
            self.place.take_turn();
            // Whatever comes of it.
            drop(self.bot.call::<Value>("editMessageText", &message, Duration::ZERO));
        }
    }
}
