//! Telegram's Bot API: six methods over HTTP, what it refuses told apart, and the pace that a chat allows.

mod bot;
mod button;
mod card;
mod cards;
mod html;
mod pace;
mod place;
mod reader;
mod refusal;

pub use bot::Bot;
pub use cards::{CardMode, TelegramCards};
pub use html::{Markup, escaped};
pub use place::{ChatPlace, PaceClock};
pub use reader::ChatReader;
pub use refusal::BotRefusal;

use orch_rules::notice::Notice;
use orch_text::Language;
use serde_json::Value;

/// The buttons that answer a notice in a chat; `None` for what no button answers.
pub(crate) fn buttons(token: &str, chat: &str, notice: &Notice, language: Language) -> Option<Value> {
    let (subject, verbs) = button::of_notice(notice)?;
    let proof = button::proof(token, chat, *verbs.first()?, &subject);
    Some(button::keyboard(verbs, notice.work_item.as_ref()?, &proof, language))
}
