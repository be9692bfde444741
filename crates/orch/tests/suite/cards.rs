//! The card of a task in a chat of Telegram, with the real service: one silent message that follows it.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use orch_testkit::fake::FakeTelegram;
use orch_testkit::fake::telegram::{ChatMessage, TOKEN, TelegramFault};
use serde_json::{Value, json};

use super::carried::{Carried, rounds, waits};

const PATIENCE: Duration = Duration::from_secs(180);
const CHAT: i64 = -42;

fn with_cards(server: &FakeTelegram, more: &str) -> Carried {
    let carried = Carried::small(&rounds());
    let token = carried.world.path("telegram-token");
    std::fs::write(&token, TOKEN).unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut settings = std::fs::OpenOptions::new().append(true).open(carried.world.config()).unwrap();
    writeln!(
        settings,
        "\n[[notify]]\nname = \"team\"\nkind = \"telegram\"\nurl = \"{}\"\ntoken_file = \"{}\"\nchat = {CHAT}\n\
         time_zone = \"UTC\"\n{more}",
        server.base,
        token.display()
    )
    .unwrap();
    carried
}

fn is_card(message: &ChatMessage, id: &str) -> bool {
    message.silent && message.text.starts_with(&format!("<b>{id}</b> · "))
}

fn cards(server: &FakeTelegram, id: &str) -> Vec<ChatMessage> {
    server.messages().into_iter().filter(|message| is_card(message, id)).collect()
}

/// Waits until the only card of a task says this.
#[track_caller]
fn card(server: &FakeTelegram, id: &str, says: &str) -> ChatMessage {
    let only = |messages: &[ChatMessage]| {
        let mut of = messages.iter().filter(|message| is_card(message, id));
        matches!((of.next(), of.next()), (Some(card), None) if card.text.contains(says))
    };
    assert!(server.wait_until(PATIENCE, |messages, _| only(messages)), "{says}: {:#?}", server.messages());
    cards(server, id).remove(0)
}

#[test]
fn fifteen_messages_are_one_silent_card_in_the_language_of_the_chat() {
    let server = FakeTelegram::start(&[CHAT]).unwrap();
    let carried = with_cards(&server, "language = \"ru\"");
    let service = carried.up();
    let id = service.open("Say <hello> & \"more\"");
    let asks = card(&server, &id, "Ждёт вашего одобрения с ");
    assert!(asks.text.contains("Say &lt;hello&gt; &amp; &quot;more&quot;"), "{}", asks.text);
    assert!(asks.text.contains("⏸️ Анализ") && asks.text.contains("⚪ Разработка"), "{}", asks.text);
    assert!(!asks.text.contains("<a "), "a link to this machine is of no use to anybody: {}", asks.text);
    let alerts = || server.messages().iter().filter(|message| !message.silent).count();
    assert_eq!(alerts(), 1, "asked exactly once, with a sound");
    service.approve(&id);
    service.done(&id);
    let done = card(&server, &id, "✅ Готово в ");
    assert_eq!(done.id, asks.id, "it is the same message");
    for says in ["✅ Анализ", "⏸️ Подтверждение BRD: ", "✅ Вливание", "💰 ", "⏱️ ", "📦 Внедрено: <code>"]
    {
        assert!(done.text.contains(says), "{says}: {}", done.text);
    }
    assert!(done.edits >= 2 && done.buttons.is_empty(), "{done:?}");
    let analysis = |text: &str| text.lines().find(|line| line.contains("Анализ")).unwrap().to_owned();
    assert_eq!(analysis(&done.text), analysis(&asks.text).replace("⏸️", "✅"), "a line that is over stays as it was");
    assert_eq!(alerts(), 1);
    let told = carried.orch(&["outbox", "show", &id]);
    assert!(told.contains(&format!("card {CHAT}:{} at team: shown", done.id)), "{told}");
}

#[test]
fn errors_that_pass_make_no_second_card_and_one_that_was_deleted_comes_back() {
    let server = FakeTelegram::start(&[CHAT]).unwrap();
    let carried = with_cards(&server, "events = [\"outage\"]");
    let service = carried.up();
    let id = service.open("Say hello");
    card(&server, &id, "Waits for your approval");
    let refused = |code: u16, words: &str, parameters: Value| {
        server.fail("editMessageText", TelegramFault::Refused(code, words.to_owned(), parameters));
    };
    refused(429, "Too Many Requests: retry after 1", json!({"retry_after": 1}));
    refused(500, "Internal Server Error", Value::Null);
    server.fail("editMessageText", TelegramFault::DoneAndCut);
    service.approve(&id);
    service.done(&id);
    let done = card(&server, &id, "✅ Done at ");
    assert_eq!(server.messages().len(), 1, "{:#?}", server.messages());
    server.delete(CHAT, done.id);
    let other = service.open("Say goodbye");
    card(&server, &other, "Waits for your approval");
    let first = cards(&server, &other).remove(0);
    server.delete(CHAT, first.id);
    service.approve(&other);
    service.done(&other);
    assert!(card(&server, &other, "✅ Done at ").id > first.id);
}

#[test]
fn a_bumped_card_is_the_newest_message_and_the_only_one() {
    let server = FakeTelegram::start(&[CHAT]).unwrap();
    let carried = with_cards(&server, "card = \"bump\"");
    let service = carried.up();
    let id = service.open("Say hello");
    let asks = card(&server, &id, "Waits for your approval");
    service.approve(&id);
    service.done(&id);
    let done = card(&server, &id, "✅ Done at ");
    assert!(done.id > asks.id && done.edits == 0, "{done:?}");
    let calls = server.calls();
    let count = |method: &str| calls.iter().filter(|call| *call == method).count();
    assert_eq!(count("editMessageText"), 0);
    assert_eq!(count("deleteMessage"), cards_sent(&calls, &server), "each was replaced by one");
}

/// Cards that were sent and do not stand any more.
fn cards_sent(calls: &[String], server: &FakeTelegram) -> usize {
    calls.iter().filter(|call| *call == "sendMessage").count() - server.messages().len()
}

#[test]
fn an_outage_of_the_chat_costs_nothing_but_lateness() {
    let server = FakeTelegram::start(&[CHAT]).unwrap();
    let carried = with_cards(&server, "events = [\"asked\"]");
    server.away(true);
    let service = carried.up();
    let id = service.open("Say hello");
    service.until(&id, "asks for approval", |task| waits(task, "human"));
    service.approve(&id);
    let task = service.done(&id);
    assert_eq!(task["retries"], 0);
    drop(service);
    let _service = carried.up();
    server.away(false);
    card(&server, &id, "✅ Done at ");
    assert_eq!(server.messages().len(), 1, "what was answered meanwhile is not asked: {:#?}", server.messages());
}

#[test]
fn of_two_cards_the_one_that_is_pressed_stays() {
    let server = FakeTelegram::start(&[CHAT]).unwrap();
    let carried = with_cards(&server, "events = [\"outage\"]");
    // It arrives, and nobody knows.
    server.fail("sendMessage", TelegramFault::DoneAndCut);
    let service = carried.up();
    let id = service.open("Say hello");
    let two = |messages: &[ChatMessage]| messages.iter().filter(|message| is_card(message, &id)).count() == 2;
    assert!(server.wait_until(PATIENCE, |messages, _| two(messages)), "{:#?}", server.messages());
    service.until(&id, "asks for approval", |task| waits(task, "human"));
    let first = cards(&server, &id).into_iter().min_by_key(|card| card.id).unwrap();
    server.press_data(8, "eve", (CHAT, first.id), &first.buttons[0].1);
    let asks = card(&server, &id, "Waits for your approval");
    assert_eq!(asks.id, first.id);
    service.approve(&id);
    service.done(&id);
    assert_eq!(card(&server, &id, "✅ Done at ").id, first.id);
}
