//! Webhooks against a receiver that limits, refuses, cuts and keeps silent; programs that fail and hang.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use orch_ports::notifier::Notifier as _;
use orch_rules::ids::Timestamp;
use orch_rules::notice::{Notice, NoticeKind};
use orch_rules::port_error::ErrorKind;
use orch_testkit::fake::FakeReceiver;
use orch_testkit::fake::receiver::Answers;
use orch_vendors::notifier::Subscription;
use orch_vendors::notifier::command::CommandNotifier;
use orch_vendors::notifier::webhook::Webhook;

/// A question about a task.
pub fn notice(kind: &str) -> Notice {
    let notice = serde_json::json!({
        "kind": kind, "at": 7, "repository": "shop", "task": "t1", "work_item": "SHOP-001", "title": "Totals <per> line",
        "stage": "analysis", "text": "why & wherefore", "occasion": "e1"
    });
    serde_json::from_value(notice).unwrap()
}

fn webhook(receiver: &FakeReceiver) -> Webhook {
    let url = format!("{}/hook?token=s3cret", receiver.base);
    Webhook::new(
        "phone".into(),
        url,
        Some("k3y"),
        Subscription { kinds: vec![NoticeKind::Asked], ..Subscription::default() },
    )
}

#[test]
fn a_webhook_is_signed_and_names_its_message() {
    let receiver = FakeReceiver::start(Vec::new()).unwrap();
    let hook = webhook(&receiver);
    hook.notify("asked:e1", &notice("asked")).unwrap();
    hook.notify("asked:e1", &notice("asked")).unwrap();
    let told = receiver.told();
    let body: serde_json::Value = serde_json::from_str(&told[0].body).unwrap();
    assert_eq!((told[0].line.as_str(), &body["id"]), ("POST /hook?token=s3cret", &"asked:e1".into()));
    assert_eq!(told[0].header("webhook-id"), Some("asked:e1"));
    assert_eq!(told[1].header("webhook-id"), Some("asked:e1"), "the same message, the same id");
    assert_eq!(told[0].header("content-type"), Some("application/json"));
    assert!(told[0].header("webhook-timestamp").unwrap().parse::<u64>().unwrap() > 1_700_000_000);
    assert!(told[0].header("webhook-signature").unwrap().starts_with("v1,"));
    assert!(hook.wants(&NoticeKind::Asked) && hook.wants(&NoticeKind::Test) && !hook.wants(&NoticeKind::Done));
}

#[test]
fn a_chat_like_slack_gets_a_text() {
    let receiver = FakeReceiver::start(Vec::new()).unwrap();
    let hook = Webhook::slack("team".into(), format!("{}/services/s3cret", receiver.base), Subscription::default());
    hook.notify("asked:e1", &notice("held")).unwrap();
    let body: serde_json::Value = serde_json::from_str(&receiver.told()[0].body).unwrap();
    let text = body["text"].as_str().unwrap();
    assert!(text.contains("SHOP-001") && text.contains("why &amp; wherefore"), "{text}");
    assert!(hook.look().unwrap().ends_with("as Slack takes it"));
}

#[test]
fn every_answer_has_its_consequence_and_no_error_shows_the_secret() {
    let status = |status| Answers::Status(status, String::new());
    let limited = Answers::Status(429, "retry-after: 120\r\n".into());
    let receiver = FakeReceiver::start(vec![
        limited,
        status(401),
        status(422),
        status(503),
        status(404),
        status(302),
        Answers::Cut,
    ])
    .unwrap();
    let hook = webhook(&receiver);
    let failure = || {
        let error = hook.notify("k", &notice("held")).unwrap_err();
        assert!(!error.words.contains("s3cret") && !error.words.contains("k3y"), "{error}");
        assert!(error.words.contains("127.0.0.1"), "it says where: {error}");
        error.kind
    };
    let until = failure();
    let told: i64 = receiver.told()[0].header("webhook-timestamp").unwrap().parse().unwrap();
    assert_eq!(until, ErrorKind::RateLimited { until: Timestamp((told + 120) * 1_000) });
    assert_eq!(failure(), ErrorKind::Unauthorised);
    assert_eq!(failure(), ErrorKind::Refused);
    assert_eq!(failure(), ErrorKind::Passing);
    assert_eq!(failure(), ErrorKind::Missing);
    assert_eq!(failure(), ErrorKind::Missing, "it goes nowhere else");
    assert_eq!(failure(), ErrorKind::InDoubt);
    hook.notify("k", &notice("held")).unwrap();
}

#[test]
fn nobody_there_may_pass_and_silence_is_a_doubt() {
    let receiver = FakeReceiver::start(vec![Answers::Silent]).unwrap();
    let error = webhook(&receiver).notify("k", &notice("held")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InDoubt, "{error}");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/s3cret", listener.local_addr().unwrap());
    drop(listener);
    let gone = Webhook::new("x".into(), url, None, Subscription::default());
    let error = gone.notify("k", &notice("held")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Passing, "{error}");
    assert!(!error.words.contains("s3cret"));
    assert!(gone.look().unwrap_err().contains("does not answer"));
}

fn command(folder: &Path, script: &str, patience: Option<Duration>) -> CommandNotifier {
    let program = folder.join("tell");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    CommandNotifier {
        name: "desk".into(),
        // Through the shell: a file that was just written may still be open in a child of another test.
        argv: vec!["/bin/sh".into(), program.to_str().unwrap().to_owned(), "one two".into()],
        environment: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
        subscription: Subscription::default(),
        patience,
    }
}

#[test]
fn a_command_gets_the_notice_on_its_input() {
    let folder = tempfile::tempdir().unwrap();
    let got = folder.path().join("got");
    let script = format!("cat > {0}; echo \"|$1|$ORCH_NOTICE_ID|$HOME|\" >> {0}", got.display());
    let notifier = command(folder.path(), &script, None);
    assert!(notifier.look().is_ok());
    notifier.notify("asked:e1", &notice("asked")).unwrap();
    let got = std::fs::read_to_string(got).unwrap();
    assert!(got.starts_with('{') && got.ends_with("}|one two|asked:e1||\n"), "{got}");
}

#[test]
fn a_command_that_fails_hangs_or_is_not_there_is_told_so_without_its_output() {
    let folder = tempfile::tempdir().unwrap();
    let error = command(folder.path(), "echo s3cret >&2; exit 3", None).notify("k", &notice("held")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Passing);
    assert!(error.words.contains('3') && !error.words.contains("s3cret"), "{error}");
    let hangs = command(folder.path(), "sleep 600 & wait", Some(Duration::from_millis(300)));
    let error = hangs.notify("k", &Notice { title: Some("x".repeat(200_000)), ..notice("held") }).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InDoubt, "{error}");
    let gone = CommandNotifier { argv: vec!["/no/such/program".into()], ..hangs };
    assert_eq!(gone.notify("k", &notice("held")).unwrap_err().kind, ErrorKind::Passing);
    assert!(gone.look().is_err());
}
