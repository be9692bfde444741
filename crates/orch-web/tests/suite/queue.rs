//! The queue at a glance (C5).

use orch_rules::facts::Policy;

use crate::fake_front::{FakeFront, get, post, served};

#[tokio::test]
async fn the_queue_has_every_key_with_real_figures() {
    let (router, _) = served(FakeFront::default());
    let reply = get(&router, "/queue").await;
    assert_eq!(reply.status, 200);
    insta::assert_json_snapshot!(reply.json);
    let read: orch_web::view::QueueReport = serde_json::from_value(reply.json.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), reply.json);
}

#[tokio::test]
async fn an_outage_is_lifted_by_its_name() {
    let (router, calls) = served(FakeFront::default());
    let path = "/api/v1/outages/lift";
    let reply = post(&router, path, r#"{"credential": "main"}"#).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json["text"], "done");
    assert_eq!(post(&router, path, r#"{"credential": "other"}"#).await.status, 404);
    assert_eq!(post(&router, path, r#"{"wallet": "main"}"#).await.status, 400);
    let calls = calls.lock().unwrap();
    assert!(calls[0].starts_with("lift credential:main by"), "{calls:?}");
}

#[tokio::test]
async fn messages_are_listed_shown_replayed_and_dropped() {
    let (router, calls) = served(FakeFront::default());
    let list = get(&router, "/api/v1/outbox?state=queued&target=phone&limit=5").await;
    assert_eq!(list.status, 200, "{:?}", list.json);
    assert_eq!(list.json["targets"][0]["state"], "down");
    assert_eq!(list.json["messages"][0]["body"]["kind"], "done");
    let read: orch_web::view::OutboxReport = serde_json::from_value(list.json.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), list.json);
    assert_eq!(get(&router, "/api/v1/outbox?state=mood").await.status, 400);
    assert_eq!(get(&router, "/api/v1/outbox/12").await.json["key"], "done:1");
    for (path, status) in [("404", 404), ("mood", 400)] {
        assert_eq!(get(&router, &format!("/api/v1/outbox/{path}")).await.status, status, "{path}");
    }
    for (path, status) in [("12/replay", 200), ("404/replay", 404), ("12/drop", 200), ("409/drop", 409)] {
        assert_eq!(post(&router, &format!("/api/v1/outbox/{path}"), "{}").await.status, status, "{path}");
    }
    assert!(calls.lock().unwrap().iter().any(|call| call.starts_with("drop 12 by ")));
}

#[tokio::test]
async fn a_switch_that_is_off_is_said_in_words() {
    let policy = Policy { serial: false, stop: false, dependencies: false, ..Policy::default() };
    let (router, _) = served(FakeFront { policy, ..FakeFront::default() });
    let queue = get(&router, "/queue").await.json;
    for (key, variable) in [
        ("serial_gate", "ORCH_SERIAL_GATE_ENABLED"),
        ("stop", "ORCH_STOP_STATUS_ENABLED"),
        ("task_deps", "ORCH_TASK_DEPS_ENABLED"),
    ] {
        assert_eq!(queue[key]["enabled"], false, "{key}");
        assert!(queue[key]["why"].as_str().unwrap().contains(variable), "{key}");
    }
}
