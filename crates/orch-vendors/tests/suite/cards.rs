//! The card of a task in a chat, with a server that refuses, limits, moves chats and cuts connections.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use orch_ports::PortResult;
use orch_ports::chat::{Chat as _, ChatWhat, Verb};
use orch_ports::notifier::Notifier as _;
use orch_ports::projection::{ProjectionTarget, ProjectionWrite, ProjectionWritten};
use orch_rules::port_error::ErrorKind;
use orch_rules::task::Task;
use orch_testkit::contract::{self, projections::TargetBench, projections::suite};
use orch_testkit::fake::FakeTelegram;
use orch_testkit::fake::telegram::{ChatMessage, TOKEN, TelegramFault};
use orch_text::Language;
use orch_vendors::notifier::Subscription;
use orch_vendors::notifier::telegram::Telegram;
use orch_vendors::telegram::{CardMode, ChatPlace, ChatReader, PaceClock, TelegramCards};
use serde_json::{Value, json};

use crate::notifiers::notice;

const CHAT: i64 = -42;

/// A clock that goes on only when somebody waits.
#[derive(Clone)]
struct Waited(Arc<Mutex<Instant>>);

impl Waited {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }
}

impl PaceClock for Waited {
    fn now(&self) -> Instant {
        *self.0.lock().unwrap()
    }
    fn sleep(&self, pause: Duration) {
        *self.0.lock().unwrap() += pause;
    }
}

struct InChat {
    server: FakeTelegram,
    place: Arc<ChatPlace>,
    clock: Waited,
    cards: TelegramCards,
}

impl InChat {
    fn new(mode: CardMode, topic: Option<u64>) -> Self {
        let server = FakeTelegram::start(&[CHAT]).unwrap();
        let clock = Waited::new();
        let place = ChatPlace::new("-42", topic, Language::English).by(Arc::new(clock.clone())).with_cards("team");
        let place = Arc::new(place);
        let time = clock.clone();
        server.limit_by(move || time.now());
        let cards = TelegramCards::new("team".into(), &server.base, TOKEN, place.clone(), mode, true, TimeZone::UTC);
        Self { server, place, clock, cards }
    }

    fn put(&self, task: &Task, text: &str, external_id: Option<&str>) -> PortResult<ProjectionWritten> {
        self.clock.sleep(self.cards.wait());
        self.cards.write(&ProjectionWrite { task, aspect: "card", text, external_id })
    }

    fn refuse(&self, method: &str, code: u16, description: &str) {
        let parameters = if code == 429 { json!({"retry_after": 7}) } else { Value::Null };
        self.server.fail(method, TelegramFault::Refused(code, description.to_owned(), parameters));
    }

    fn texts(&self) -> Vec<String> {
        self.server.messages().into_iter().map(|message| message.text).collect()
    }

    fn only(&self) -> ChatMessage {
        let messages = self.server.messages();
        assert_eq!(messages.len(), 1, "{messages:#?}");
        messages[0].clone()
    }
}

fn task(number: u32) -> Task {
    serde_json::from_value(json!({
        "id": format!("t{number}"), "repository": "shop", "work_item": format!("SHOP-{number:03}"), "title": "Add up",
        "description": "", "author": "ann", "branch": "feature/a", "priority": 0, "position": {"at": "entering"},
        "visit": 0, "pipeline": "p", "base": null, "head": null, "keys": null, "attempt": 0, "retries": 0,
        "rework": null, "hold": null, "paused": false, "stop": null, "landed": null, "waits": [], "rule": "",
        "created_at": 0, "started_at": 0, "entered_at": 0, "ended_at": null, "version": 0,
    }))
    .unwrap()
}

impl TargetBench for InChat {
    fn target(&self) -> &dyn ProjectionTarget {
        &self.cards
    }
    fn aspect(&self) -> &'static str {
        "card"
    }
    fn task(&self) -> Task {
        task(1)
    }
    fn texts(&self) -> [String; 2] {
        ["<b>SHOP-001</b> · one".to_owned(), "<b>SHOP-001</b> · two".to_owned()]
    }
    fn seen(&self) -> Vec<String> {
        self.texts()
    }
    fn as_seen(&self, text: &str) -> String {
        text.to_owned()
    }
}

#[test]
fn cards_keep_the_contract_of_targets() {
    contract::run(suite(), |_| InChat::new(CardMode::Edit, Some(7)));
}

#[test]
fn only_a_card_that_is_gone_is_sent_anew_and_never_with_a_sound() {
    let chat = InChat::new(CardMode::Edit, Some(7));
    let first = chat.put(&task(1), "one", None).unwrap().external_id.unwrap();
    let card = chat.only();
    assert!(card.silent && card.topic == Some(7) && card.buttons.len() == 1, "{card:?}");
    // What stands already is a success.
    chat.put(&task(1), "one", Some(&first)).unwrap();
    for (code, description, kind) in [
        (429, "Too Many Requests: retry after 7", None),
        (500, "Internal Server Error", Some(ErrorKind::Passing)),
        (403, "Forbidden: bot was kicked from the group chat", Some(ErrorKind::Passing)),
        (400, "Bad Request: chat not found", Some(ErrorKind::Passing)),
        (400, "Bad Request: something new", Some(ErrorKind::Refused)),
    ] {
        chat.refuse("editMessageText", code, description);
        let error = chat.put(&task(1), "two", Some(&first)).unwrap_err();
        match kind {
            Some(kind) => assert_eq!(error.kind, kind, "{description}"),
            None => assert!(matches!(error.kind, ErrorKind::RateLimited { .. }), "{error:?}"),
        }
        assert!(!error.words.contains("s3cret"));
        assert_eq!(chat.only().text, "one", "{description}: no second card");
    }
    chat.server.fail("editMessageText", TelegramFault::DoneAndCut);
    assert_eq!(chat.put(&task(1), "two", Some(&first)).unwrap_err().kind, ErrorKind::InDoubt);
    assert_eq!(chat.only().text, "two", "it had arrived, and is edited again");
    chat.put(&task(1), "two", Some(&first)).unwrap();
    // Markup that the server does not take.
    chat.refuse("editMessageText", 400, "Bad Request: can't parse entities: Unsupported start tag");
    chat.put(&task(1), "<b>three &amp; more</b>", Some(&first)).unwrap();
    assert_eq!((chat.only().text.as_str(), chat.only().html), ("three & more", false));
    // Somebody deletes it.
    chat.server.delete(CHAT, card.id);
    let second = chat.put(&task(1), "four", Some(&first)).unwrap().external_id.unwrap();
    assert!(second != first && chat.only().silent && chat.only().text == "four");
    // Its topic goes, then the group becomes a supergroup: the numbers of its messages are void.
    chat.server.delete_topics();
    chat.server.delete(CHAT, chat.only().id);
    let third = chat.put(&task(1), "five", Some(&second)).unwrap().external_id.unwrap();
    assert_eq!(chat.only().topic, None);
    chat.server.migrate(CHAT, -10_042);
    let moved = chat.put(&task(1), "six", Some(&third)).unwrap().external_id.unwrap();
    let there: Vec<_> = chat.server.messages().into_iter().filter(|message| message.chat == -10_042).collect();
    assert_eq!((there.len(), there[0].text.as_str(), there[0].silent), (1, "six", true));
    // After a restart the settings still have the old number.
    let place = ChatPlace::new("-42", None, Language::English).by(Arc::new(chat.clock.clone()));
    let restarted = TelegramCards::new(
        "team".into(),
        &chat.server.base,
        TOKEN,
        Arc::new(place),
        CardMode::Edit,
        true,
        TimeZone::UTC,
    );
    chat.clock.sleep(Duration::from_secs(60));
    let write = ProjectionWrite { task: &task(1), aspect: "card", text: "seven", external_id: Some(&moved) };
    assert_eq!(restarted.write(&write).unwrap().external_id, Some(moved));
    assert_eq!(chat.server.messages().iter().filter(|message| message.chat == -10_042).count(), 1);
    assert_eq!(chat.server.limited(), 0);
}

#[test]
fn a_bumped_card_is_one_new_message_and_the_old_one_goes_once_that_is_known() {
    let chat = InChat::new(CardMode::Bump, None);
    let first = chat.put(&task(1), "one", None).unwrap();
    assert_eq!(first.replaced, None);
    let first = first.external_id.unwrap();
    chat.refuse("sendMessage", 500, "Internal Server Error");
    chat.put(&task(1), "two", Some(&first)).unwrap_err();
    assert_eq!(chat.texts(), ["one"], "re-pointed only if the send worked");
    let second = chat.put(&task(1), "two", Some(&first)).unwrap();
    assert_eq!(second.replaced.as_deref(), Some(&*first));
    assert_eq!(chat.texts(), ["one", "two"], "not before its number is stored");
    chat.cards.discard(&first);
    assert_eq!(chat.texts(), ["two"]);
    // One that is too old to be deleted says so; whatever else comes of it matters to nobody.
    let id = second.external_id.unwrap();
    chat.refuse("deleteMessage", 400, "Bad Request: message can't be deleted for everyone");
    chat.cards.discard(&id);
    assert_eq!(chat.texts(), ["Goes on below"]);
    for code in [400, 403, 500] {
        chat.refuse("deleteMessage", code, "Bad Request: message to delete not found");
        chat.cards.discard(&id);
    }
    chat.cards.discard("no card");
    assert_eq!(CardMode::of("mood"), CardMode::Edit);
}

#[test]
fn a_press_under_a_card_names_it() {
    let chat = InChat::new(CardMode::Edit, None);
    let first = chat.put(&task(1), "one", None).unwrap().external_id.unwrap();
    let reader = ChatReader::new("team".into(), &chat.server.base, TOKEN, vec![chat.place.clone()]);
    assert!(chat.server.press(8, "eve", "Show anew"));
    let events = reader.events(None).unwrap();
    let Some(ChatWhat::Press(press)) = events.last().map(|event| &event.what) else { panic!("{events:?}") };
    assert!(press.verb == Verb::Card && reader.is_about("-42", press, "t1") && !reader.is_about("-42", press, "t2"));
    assert_eq!(reader.cards_at("-42", press.message), [("team".to_owned(), first.clone())]);
    assert!(reader.cards_at("-43", press.message).is_empty());
    // Nothing is to be pressed under a task that has ended.
    let ended: Task = Task { position: orch_rules::task::Position::Done, ..task(1) };
    chat.put(&ended, "done", Some(&first)).unwrap();
    assert!(chat.only().buttons.is_empty());
}

#[test]
fn a_thousand_cards_are_written_at_the_pace_of_the_limit_and_alerts_pass_between_them() {
    let chat = InChat::new(CardMode::Edit, None);
    let subscription = Subscription::default();
    let alerts = Telegram::new("team".into(), &chat.server.base, TOKEN, chat.place.clone(), false, subscription);
    let begun = chat.clock.now();
    for number in 0..1_000 {
        chat.put(&task(number), &format!("card {number}"), None).unwrap();
        if number % 20 == 0 {
            let asked = chat.clock.now();
            alerts.notify(&number.to_string(), &notice("held")).unwrap();
            assert!(chat.clock.now() - asked <= Duration::from_secs(2), "an alert waits for no card");
        }
    }
    assert_eq!(chat.server.limited(), 0, "no 429 of ours");
    assert_eq!(chat.server.messages().len(), 1_050);
    let minutes = (chat.clock.now() - begun).as_secs() / 60;
    assert!((58..=75).contains(&minutes), "{minutes} minutes for 1,050 operations");
}
