//! A chat of Telegram: each notice is one message, with a sound where a person has to act.

use std::sync::Arc;
use std::time::Duration;

use orch_ports::notifier::Notifier;
use orch_ports::{Port, PortError, PortResult};
use orch_rules::notice::{Notice, NoticeKind};
use orch_text::Alert;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Subscription, fingerprint, sign};
use crate::telegram::{Bot, BotRefusal, ChatPlace, Markup, buttons};

/// Most UTF-16 units of an alert before its commands.
const WORDS: usize = 400;
/// Most UTF-16 units of the commands.
const COMMANDS: usize = 400;

/// One `[[notify]]` of kind `telegram`.
pub struct Telegram {
    name: String,
    bot: Bot,
    token: String,
    place: Arc<ChatPlace>,
    /// Under what asks a person there are buttons.
    buttons: bool,
    subscription: Subscription,
    fingerprint: String,
}

/// A bot, a person or a chat, as much as is read.
#[derive(Deserialize)]
struct ChatName {
    username: Option<String>,
    title: Option<String>,
    first_name: Option<String>,
}

impl Telegram {
    /// The chat `place` of the bot `token` at the server `base`; with `buttons` somebody has to read what is pressed.
    #[must_use]
    pub fn new(
        name: String,
        base: &str,
        token: &str,
        place: Arc<ChatPlace>,
        buttons: bool,
        subscription: Subscription,
    ) -> Self {
        Self {
            name,
            bot: Bot::new(base, token),
            token: token.to_owned(),
            fingerprint: fingerprint(&[base, token, &place.name()]),
            place,
            buttons,
            subscription,
        }
    }

    /// Sends a message, at the pace that the chat allows. What is refused for its form is sent in a plainer one.
    fn send(&self, text: &Markup, loud: bool, notice: &Notice) -> Result<(), BotRefusal> {
        let mut message = json!({
            "text": text.html,
            "parse_mode": "HTML",
            "disable_notification": !loud,
            "link_preview_options": {"is_disabled": true},
        });
        if let Some(topic) = self.place.topic {
            message["message_thread_id"] = topic.into();
        }
        // Each form is tried once: as it is, in the supergroup, without the topic, without markup.
        for _ in 0..4 {
            message["chat_id"] = self.place.id();
            if let Some(keyboard) = self.keyboard(notice) {
                message["reply_markup"] = keyboard;
            }
            self.place.take_turn();
            match self.bot.call::<Value>("sendMessage", &message, Duration::ZERO) {
                Ok(_) => return Ok(()),
                Err(BotRefusal::Migrated(number)) => self.place.moved(number),
                Err(BotRefusal::TopicGone) => {
                    drop(message.as_object_mut().and_then(|map| map.remove("message_thread_id")))
                }
                Err(BotRefusal::Markup) => {
                    message["text"] = text.plain.as_str().into();
                    drop(message.as_object_mut().and_then(|map| map.remove("parse_mode")));
                }
                Err(refusal) => return Err(refusal),
            }
        }
        Err(BotRefusal::Other(400, "every form of the message was refused".to_owned()))
    }

    fn keyboard(&self, notice: &Notice) -> Option<Value> {
        self.buttons.then(|| buttons(&self.token, &self.place.name(), notice, self.subscription.language)).flatten()
    }

    fn error(&self, refusal: &BotRefusal, key: &str) -> PortError {
        PortError::of_object(
            refusal.kind(),
            Port::Notifier,
            self.name.as_str(),
            key,
            format!("Telegram {}", refusal.words()),
        )
    }
}

impl Notifier for Telegram {
    fn name(&self) -> &str {
        &self.name
    }

    fn wants(&self, kind: &NoticeKind) -> bool {
        self.subscription.has(kind)
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    fn notify(&self, key: &str, notice: &Notice) -> PortResult<()> {
        let mut alert = Alert::of(notice, self.subscription.language);
        if self.keyboard(notice).is_some() {
            alert.commands.clear();
        }
        self.send(&markup(&alert), alert.loud, notice).map_err(|refusal| self.error(&refusal, key))
    }

    fn look(&self) -> Result<String, String> {
        let asked = |method: &str, body: Value| {
            let named: Result<ChatName, BotRefusal> = self.bot.call(method, &body, Duration::ZERO);
            named.map_err(|refusal| self.error(&refusal, "").words)
        };
        let (bot, chat) = (asked("getMe", json!({}))?, asked("getChat", json!({"chat_id": self.place.id()}))?);
        let chat = chat.title.or(chat.first_name).or(chat.username).unwrap_or_default();
        Ok(format!("the bot @{} knows the chat “{chat}”", bot.username.unwrap_or_default()))
    }
}

fn markup(alert: &Alert) -> Markup {
    let mut text = Markup::within(WORDS);
    text.text(sign(alert.mark));
    text.text(" ");
    text.tagged("<b>", &alert.headline, "</b>");
    if !alert.detail.is_empty() {
        text.line();
        text.text(&alert.detail);
    }
    if !alert.questions.is_empty() {
        text.line();
        text.tagged("<blockquote expandable>", &alert.questions.join("\n"), "</blockquote>");
    }
    let mut commands = Markup::within(COMMANDS);
    for command in &alert.commands {
        commands.line();
        commands.tagged("<code>", command, "</code>");
    }
    text.followed_by(&commands)
}

#[cfg(test)]
mod tests {
    use orch_text::AlertMark;

    use super::*;

    #[test]
    fn an_alert_says_what_about_what_and_what_to_do() {
        let alert = Alert {
            mark: AlertMark::Asks,
            headline: "SHOP-1: 1 question".to_owned(),
            detail: "Prices < cost & \"more\"".to_owned(),
            questions: vec!["Which <b>VAT</b>?".to_owned()],
            commands: vec!["orch answer SHOP-1 \"…\"".to_owned()],
            loud: true,
        };
        let text = markup(&alert);
        assert_eq!(
            text.html,
            "🔶 <b>SHOP-1: 1 question</b>\nPrices &lt; cost &amp; &quot;more&quot;\n<blockquote expandable>Which \
             &lt;b&gt;VAT&lt;/b&gt;?</blockquote>\n<code>orch answer SHOP-1 &quot;…&quot;</code>"
        );
        assert_eq!(
            text.plain,
            "🔶 SHOP-1: 1 question\nPrices < cost & \"more\"\nWhich <b>VAT</b>?\norch answer SHOP-1 \"…\""
        );
        let long = Alert { detail: "é".repeat(5_000), questions: vec!["?".repeat(5_000)], ..alert };
        let text = markup(&long);
        assert!(text.plain.encode_utf16().count() < WORDS + 40, "{}", text.plain);
        assert!(text.plain.ends_with("orch answer SHOP-1 \"…\""), "the way to answer stays");
        assert!(!text.html.contains("blockquote"), "there was no room for it");
    }
}
