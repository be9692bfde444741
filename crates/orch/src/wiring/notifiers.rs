//! From settings to who is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use orch_ports::chat::Chat;
use orch_ports::notifier::Notifier;
use orch_ports::projection::ProjectionTarget;
use orch_rules::notice::NoticeKind;
use orch_text::Language;
use orch_vendors::notifier::Subscription;
use orch_vendors::notifier::command::CommandNotifier;
use orch_vendors::notifier::quiet::{Quiet, QuietHours};
use orch_vendors::notifier::telegram::Telegram;
use orch_vendors::notifier::webhook::Webhook;
use orch_vendors::telegram::{CardMode, ChatPlace, ChatReader, TelegramCards};

use crate::exit::Failure;
use crate::settings::notify::{NO_CARDS, TELEGRAM};
use crate::settings::secret::{self, Secret};
use crate::settings::{Host, NotifyEntry};

/// Who is told, in the order of the file, and the chats in which people answer: one reader for each bot.
pub struct Notifying {
    /// Every `[[notify]]`.
    pub notifiers: Vec<Arc<dyn Notifier>>,
    /// Every bot that is asked by buttons.
    pub chats: Vec<Arc<dyn Chat>>,
    /// Every chat in which tasks have cards.
    pub cards: Vec<Arc<dyn ProjectionTarget>>,
}

/// From the settings.
///
/// # Errors
/// A secret that cannot be read.
pub fn all(host: &Host, tools: &BTreeMap<String, String>) -> Result<Notifying, Failure> {
    let (mut notifiers, mut cards) = (Vec::new(), Vec::new());
    let mut bots: Vec<(&NotifyEntry, Secret, Vec<Arc<ChatPlace>>)> = Vec::new();
    for entry in &host.notify {
        let Some(bot) = bot(entry)? else {
            notifiers.push(one(entry, tools)?);
            continue;
        };
        let (token, place) = bot;
        notifiers.push(telegram(entry, &token, place.clone()));
        cards.extend(cards_of(entry, &token, place.clone()));
        if !entry.buttons.unwrap_or(true) {
            continue;
        }
        match bots.iter_mut().find(|(other, known, _)| *known == token && base(other) == base(entry)) {
            Some((_, _, places)) => places.push(place),
            None => bots.push((entry, token, vec![place])),
        }
    }
    let reader = |(entry, token, places): (&NotifyEntry, Secret, Vec<Arc<ChatPlace>>)| -> Arc<dyn Chat> {
        Arc::new(ChatReader::new(entry.name.clone(), base(entry), token.reveal(), places))
    };
    Ok(Notifying { notifiers, chats: bots.into_iter().map(reader).collect(), cards })
}

fn base(entry: &NotifyEntry) -> &str {
    entry.url.as_deref().unwrap_or(TELEGRAM)
}

/// The bot's token and the chat of an entry of kind `telegram`.
fn bot(entry: &NotifyEntry) -> Result<Option<(Secret, Arc<ChatPlace>)>, Failure> {
    let (Some(file), Some(chat)) = (&entry.token_file, &entry.chat) else { return Ok(None) };
    let token = secret::read(&format!("the token of the notifier `{}`", entry.name), file)?;
    let place = ChatPlace::new(chat, entry.topic, language(entry));
    Ok(Some((token, Arc::new(if has_cards(entry) { place.with_cards(&entry.name) } else { place }))))
}

fn has_cards(entry: &NotifyEntry) -> bool {
    entry.card.as_deref() != Some(NO_CARDS)
}

/// The cards of a chat, under the name of its notifier: both share what the chat allows.
fn cards_of(entry: &NotifyEntry, token: &Secret, place: Arc<ChatPlace>) -> Option<Arc<dyn ProjectionTarget>> {
    let mode = CardMode::of(entry.card.as_deref().unwrap_or_default());
    let zone = zone(entry);
    let (name, buttons) = (entry.name.clone(), entry.buttons.unwrap_or(true));
    let cards = || TelegramCards::new(name, base(entry), token.reveal(), place, mode, buttons, zone);
    has_cards(entry).then(|| Arc::new(cards()) as Arc<dyn ProjectionTarget>)
}

/// A name that the machine does not know does not get through the settings.
fn zone(entry: &NotifyEntry) -> TimeZone {
    match entry.time_zone.as_deref() {
        Some(zone) => TimeZone::get(zone).unwrap_or(TimeZone::UTC),
        None => TimeZone::try_system().unwrap_or(TimeZone::UTC),
    }
}

/// With the quiet hours of the entry, if it has some.
fn quiet(entry: &NotifyEntry, notifier: impl Notifier + 'static) -> Arc<dyn Notifier> {
    match entry.quiet.as_deref().and_then(|hours| QuietHours::of(hours, zone(entry))) {
        Some(hours) => Arc::new(Quiet { notifier, hours }),
        None => Arc::new(notifier),
    }
}

fn language(entry: &NotifyEntry) -> Language {
    entry.language.as_deref().and_then(Language::of_tag).unwrap_or_default()
}

fn subscription(entry: &NotifyEntry) -> Subscription {
    Subscription { kinds: entry.events.iter().cloned().map(NoticeKind::from).collect(), language: language(entry) }
}

fn telegram(entry: &NotifyEntry, token: &Secret, place: Arc<ChatPlace>) -> Arc<dyn Notifier> {
    let buttons = entry.buttons.unwrap_or(true);
    let name = entry.name.clone();
    quiet(entry, Telegram::new(name, base(entry), token.reveal(), place, buttons, subscription(entry)))
}

/// One of them.
///
/// # Errors
/// A secret that cannot be read.
pub fn one(entry: &NotifyEntry, tools: &BTreeMap<String, String>) -> Result<Arc<dyn Notifier>, Failure> {
    if let Some((token, place)) = bot(entry)? {
        return Ok(telegram(entry, &token, place));
    }
    let subscription = subscription(entry);
    let name = entry.name.clone();
    if let Some(argv) = &entry.command {
        let (argv, environment) = (argv.clone(), tools.clone());
        return Ok(quiet(entry, CommandNotifier { name, argv, environment, subscription, patience: None }));
    }
    let secret = match &entry.secret_file {
        Some(file) => Some(secret::read(&format!("the secret of the notifier `{name}`"), file)?),
        None => None,
    };
    let url = entry.url.clone().unwrap_or_default();
    let hook = match entry.kind.as_str() {
        "slack" => Webhook::slack(name, url, subscription),
        _ => Webhook::new(name, url, secret.as_ref().map(|secret| secret.reveal()), subscription),
    };
    Ok(quiet(entry, hook))
}
