//! A chat against a Bot API server that limits, refuses, moves chats and cuts connections.

use std::sync::Arc;
use std::time::Duration;

use orch_ports::chat::{Chat as _, ChatEvent, ChatWhat, Press, Verb, held};
use orch_ports::notifier::Notifier as _;
use orch_rules::ids::WorkItemId;
use orch_rules::notice::Notice;
use orch_rules::port_error::ErrorKind;
use orch_testkit::fake::FakeTelegram;
use orch_testkit::fake::telegram::{TOKEN, TelegramFault};
use orch_text::Language;
use orch_vendors::notifier::Subscription;
use orch_vendors::notifier::telegram::Telegram;
use orch_vendors::telegram::{ChatPlace, ChatReader};
use serde_json::{Value, json};

use crate::notifiers::notice;

const CHAT: i64 = -42;

fn chat(server: &FakeTelegram, language: Language) -> Telegram {
    let subscription = Subscription { language, ..Subscription::default() };
    let place = Arc::new(ChatPlace::new("-42", Some(7), language));
    Telegram::new("team".into(), &server.base, TOKEN, place, false, subscription)
}

#[test]
fn a_question_makes_a_sound_and_says_what_to_do_in_the_language_of_the_chat() {
    let server = FakeTelegram::start(&[CHAT]).unwrap();
    let asked =
        Notice { text: orch_rules::reason::asks_approval(WorkItemId("SHOP-001".to_owned()), "x"), ..notice("asked") };
    chat(&server, Language::Russian).notify("asked:e1", &asked).unwrap();
    chat(&server, Language::English).notify("done:t1", &notice("done")).unwrap();
    let messages = server.messages();
    assert_eq!(
        messages[0].text,
        "🔶 <b>SHOP-001: одобрить требования?</b>\nTotals &lt;per&gt; line\n<code>orch approve SHOP-001</code>\n\
         <code>orch reject SHOP-001 --reason &quot;…&quot;</code>"
    );
    assert_eq!(
        (messages[0].chat, messages[0].topic, messages[0].silent, messages[0].html),
        (CHAT, Some(7), false, true)
    );
    assert_eq!(messages[1].text, "✅ <b>SHOP-001 is done</b>\nTotals &lt;per&gt; line");
    assert!(messages[1].silent);
}

#[test]
fn what_is_refused_for_its_form_arrives_in_another() {
    let server = FakeTelegram::start(&[CHAT]).unwrap();
    let phone = chat(&server, Language::English);
    server.migrate(CHAT, -10_042);
    phone.notify("a", &notice("held")).unwrap();
    assert_eq!(server.messages()[0].chat, -10_042, "the group is a supergroup now");
    server.delete_topics();
    let entities = "Bad Request: can't parse entities: Unsupported start tag \"x\" at byte offset 5";
    server.fail("sendMessage", TelegramFault::Refused(400, entities.into(), Value::Null));
    phone.notify("b", &notice("held")).unwrap();
    let messages = server.messages();
    assert_eq!((messages[1].topic, messages[1].html), (None, false));
    assert!(messages[1].text.starts_with("🟥 SHOP-001 is stuck\nwhy & wherefore"), "{}", messages[1].text);
    assert_eq!(messages.len(), 2, "each once");
}

#[test]
fn every_refusal_has_its_consequence_and_no_error_shows_the_token() {
    let server = FakeTelegram::start(&[CHAT]).unwrap();
    let phone = chat(&server, Language::English);
    let failure = |fault: TelegramFault| {
        server.fail("sendMessage", fault);
        let error = phone.notify("k", &notice("held")).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        assert!(error.words.contains("Telegram"), "{error}");
        error.kind
    };
    let refused = |code, description: &str| TelegramFault::Refused(code, description.to_owned(), Value::Null);
    let limit = TelegramFault::Refused(429, "Too Many Requests: retry after 35".into(), json!({"retry_after": 35}));
    assert!(matches!(failure(limit), ErrorKind::RateLimited { .. }));
    assert_eq!(failure(refused(403, "Forbidden: bot was kicked from the group chat")), ErrorKind::Missing);
    assert_eq!(failure(refused(400, "Bad Request: chat not found")), ErrorKind::Missing);
    assert_eq!(failure(refused(400, "Bad Request: something new")), ErrorKind::Refused);
    assert_eq!(failure(TelegramFault::Page(502)), ErrorKind::Passing);
    assert_eq!(failure(TelegramFault::Page(200)), ErrorKind::InDoubt);
    let before = server.messages().len();
    assert_eq!(failure(TelegramFault::DoneAndCut), ErrorKind::InDoubt);
    assert_eq!(server.messages().len(), before + 1, "it had arrived");
    let place = Arc::new(ChatPlace::new("-42", None, Language::English));
    let stranger = Telegram::new("x".into(), &server.base, "1:wrong-s3cret", place, false, Subscription::default());
    let error = stranger.notify("k", &notice("held")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorised, "{error}");
    assert!(!error.words.contains("s3cret"));
    assert!(stranger.look().unwrap_err().contains("token"));
    assert_eq!(phone.look().unwrap(), "the bot @line_bot knows the chat “The line”");
}

#[test]
fn a_chat_is_written_to_once_a_second_whoever_asks() {
    let server = FakeTelegram::start(&[CHAT]).unwrap();
    let phone = chat(&server, Language::English);
    let begun = std::time::Instant::now();
    std::thread::scope(|scope| {
        for key in ["a", "b", "c"] {
            let phone = &phone;
            scope.spawn(move || phone.notify(key, &notice("held")).unwrap());
        }
    });
    assert!(begun.elapsed() >= Duration::from_secs(2), "three messages need two pauses");
    assert_eq!(server.messages().len(), 3);
}

/// A chat with buttons, and who reads it.
fn asked(server: &FakeTelegram) -> (Telegram, ChatReader) {
    let place = Arc::new(ChatPlace::new("-42", None, Language::English));
    let subscription = Subscription::default();
    let telegram = Telegram::new("team".into(), &server.base, TOKEN, place.clone(), true, subscription);
    (telegram, ChatReader::new("team".into(), &server.base, TOKEN, vec![place]))
}

fn pressed(events: &[ChatEvent]) -> &Press {
    let Some(ChatEvent { what: ChatWhat::Press(press), .. }) = events.last() else { panic!("{events:?}") };
    press
}

#[test]
fn a_button_of_a_hold_is_of_that_hold_alone_and_follows_its_group() {
    let server = FakeTelegram::start(&[CHAT]).unwrap();
    let (telegram, reader) = asked(&server);
    let hold = |why: &str| Notice { text: why.into(), ..notice("held") };
    telegram.notify("a", &hold("red")).unwrap();
    server.press(7, "ann", "Retry");
    let events = reader.events(None).unwrap();
    let press = pressed(&events);
    let subject = |task: &str, why: &str| held(&task.into(), &why.into());
    assert_eq!((press.verb, events[0].account.as_str()), (Verb::Retry, "7"));
    assert!(reader.is_about("-42", press, &subject("t1", "red")));
    for (chat, task, why) in [("-42", "t1", "stuck"), ("-42", "t2", "red"), ("-43", "t1", "red")] {
        assert!(!reader.is_about(chat, press, &subject(task, why)), "{chat} {task} {why}");
    }
    server.migrate(CHAT, -10_042);
    telegram.notify("b", &hold("red")).unwrap();
    server.press(7, "ann", "Retry");
    let events = reader.events(Some(events[0].number)).unwrap();
    assert!(reader.is_about("-10042", pressed(&events), &subject("t1", "red")), "{events:?}");
}

#[test]
fn what_is_no_button_no_reply_and_no_code_is_never_a_command() {
    let server = FakeTelegram::start(&[CHAT]).unwrap();
    let (telegram, reader) = asked(&server);
    telegram.notify("a", &notice("held")).unwrap();
    let ours = server.messages()[0].id;
    for (chat, text, answers) in [
        (CHAT, "approve", None),
        (CHAT, "/approve SHOP-001", None),
        (CHAT, "/link", None),
        (CHAT, "  ", Some(ours)),
        (-77, "yes", Some(ours)),
        (CHAT, "yes", Some(ours)),
        (7, "/start 4F1A-09BC-77D2", None),
        (CHAT, "/link@line_bot 4F1A-09BC-77D2", None),
    ] {
        server.write(7, "ann", chat, text, answers);
    }
    let bot = json!({"id": 4711, "is_bot": true});
    server.update(json!({"message": {"from": bot, "chat": {"id": CHAT}, "text": "/link 4F1A-09BC-77D2"}}));
    server.update(json!({"poll": {}}));
    server.press_data(7, "ann", (CHAT, ours), "1.approve.SHOP-001");
    let events = reader.events(None).unwrap();
    let what: Vec<&ChatWhat> = events.iter().map(|event| &event.what).collect();
    let code = ChatWhat::Code("4F1A-09BC-77D2".to_owned());
    assert_eq!(what[..5], [&ChatWhat::Other; 5]);
    assert_eq!(what[5..8], [&ChatWhat::Reply { to: ours, text: "yes".to_owned() }, &code, &code]);
    assert_eq!(what[8..], [&ChatWhat::Other; 3]);
    assert!(
        reader.events(events.last().map(|event| event.number - 1)).unwrap().len() == 1,
        "told again until asked on"
    );
}
