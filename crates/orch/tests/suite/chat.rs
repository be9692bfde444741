//! A chat of Telegram with the real service: a question comes with buttons, and whoever is known answers by them.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use orch_testkit::fake::FakeTelegram;
use orch_testkit::fake::telegram::{ChatMessage, TOKEN, TelegramFault};
use serde_json::Value;

use super::carried::{Carried, Up, attempts_of, rounds, waits};

const PATIENCE: Duration = Duration::from_secs(120);
const CHAT: i64 = -42;
const ANN: i64 = 7;
const EVE: i64 = 8;

fn with_chat(server: &FakeTelegram) -> Carried {
    let carried = Carried::small(&rounds());
    let token = carried.world.path("telegram-token");
    std::fs::write(&token, TOKEN).unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut settings = std::fs::OpenOptions::new().append(true).open(carried.world.config()).unwrap();
    writeln!(
        settings,
        "\n[[notify]]\nname = \"team\"\nkind = \"telegram\"\nurl = \"{}\"\ntoken_file = \"{}\"\nchat = {CHAT}\nlanguage = \"ru\"",
        server.base,
        token.display()
    )
    .unwrap();
    carried.orch(&["people", "add", "ann", "--role", "member"]);
    carried
}

/// Waits until a message stands that is as `wanted`.
#[track_caller]
fn message(server: &FakeTelegram, what: &str, wanted: impl Fn(&ChatMessage) -> bool) -> ChatMessage {
    assert!(
        server.wait_until(PATIENCE, |messages, _| messages.iter().any(&wanted)),
        "{what}: {:#?}",
        server.messages()
    );
    server.messages().into_iter().rev().find(wanted).unwrap()
}

/// Waits until presses were answered so often; the last answer.
#[track_caller]
fn answer(server: &FakeTelegram, times: usize) -> String {
    assert!(server.wait_until(PATIENCE, |_, answers| answers.len() >= times), "{:?}", server.answers());
    server.answers()[times - 1].1.clone()
}

fn asked(message: &ChatMessage) -> bool {
    message.text.contains("одобрить") && !message.buttons.is_empty()
}

/// Ann's account becomes hers by a code that she asked for.
fn link(carried: &Carried, server: &FakeTelegram) {
    let said = carried.orch(&["people", "code", "ann"]);
    let code = said.split_whitespace().next().unwrap().to_owned();
    server.write(ANN, "ann_t", ANN, &format!("/start {code}"), None);
    message(server, "the account is linked", |message| message.chat == ANN && message.text.contains("ann"));
}

fn rejected(service: &Up, id: &str) -> Value {
    service.until(id, "has a second round", |task| attempts_of(task, "analyst").len() == 2 && waits(task, "human"))
}

#[test]
fn a_question_is_answered_by_a_button_once_and_by_whoever_may() {
    let server = FakeTelegram::start(&[CHAT, ANN, EVE]).unwrap();
    let carried = with_chat(&server);
    let service = carried.up();
    let id = service.open("Say <hello>");
    let alert = message(&server, "the question is told", asked);
    assert!(!alert.silent && alert.text.contains("Say &lt;hello&gt;"), "{}", alert.text);
    assert_eq!(alert.buttons.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>(), ["Одобрить", "Отклонить…"]);
    let approve = alert.buttons[0].1.clone();

    // Nobody knows Eve; Ann is known by a code.
    server.press(EVE, "eve", "Одобрить");
    assert!(answer(&server, 1).contains("смотреть, не решать"));
    link(&carried, &server);
    // Neither another chat's button nor one that somebody made up.
    server.press_data(ANN, "ann_t", (ANN, alert.id), &approve);
    server.press_data(ANN, "ann_t", (CHAT, alert.id), &approve.replace(&approve[approve.len() - 4..], "0000"));
    assert!(answer(&server, 2).contains("позади"), "{:?}", server.answers());
    assert!(waits(&service.task(&id), "human"), "nothing was approved so far");

    // A reason is asked for, and the reply to that is the rejection.
    server.press(ANN, "ann_t", "Отклонить…");
    let question = message(&server, "the reason is asked for", |message| message.text.contains("почему нет"));
    assert!(question.answers == Some(alert.id) && question.text.contains("ann"), "{question:?}");
    server.write(EVE, "eve", CHAT, "Because I say so", Some(question.id));
    server.write(ANN, "ann_t", CHAT, "Say it in French, please", Some(question.id));
    rejected(&service, &id);
    message(&server, "the first question is over", |message| {
        message.id == alert.id && message.text.contains("отклонено")
    });
    assert!(service.log(&id, 2).contains("Say it in French, please"), "{}", service.log(&id, 2));

    // The old button is void; the new one counts although its first answer is lost, and the service starts anew.
    server.press_data(ANN, "ann_t", (CHAT, alert.id), &approve);
    assert!(answer(&server, 4).contains("позади"), "{:?}", server.answers());
    message(&server, "it is asked anew", |message| message.id != alert.id && asked(message));
    server.fail("answerCallbackQuery", TelegramFault::DoneAndCut);
    server.press(ANN, "ann_t", "Одобрить");
    let task = service.done(&id);
    assert_eq!(task["retries"], 0);
    drop(service);
    let service = carried.up();
    assert_eq!(service.task(&id)["stage"], "done");
    message(&server, "the end is told", |message| message.text.contains("готова") && message.silent);
    assert_eq!(carried.landed_items(), [id]);
}
