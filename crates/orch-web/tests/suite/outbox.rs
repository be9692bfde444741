//! Messages that leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use orch_ports::notifier::Notifier;
use orch_ports::{Port, PortError, PortResult};
use orch_rules::notice::{Notice, NoticeKind};
use orch_rules::port_error::ErrorKind;
use orch_stories::world::{World, eventually};
use orch_testkit::fake::FakeTarget;

use crate::served::{get, of, post};

/// Refuses what it is told, so often.
struct Phone(AtomicU32);

impl Notifier for Phone {
    fn name(&self) -> &str {
        "phone"
    }
    fn wants(&self, kind: &NoticeKind) -> bool {
        *kind != NoticeKind::Agent
    }
    fn fingerprint(&self) -> String {
        String::new()
    }
    fn notify(&self, _: &str, _: &Notice) -> PortResult<()> {
        let refuses = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        let refused = PortError::of_object(ErrorKind::Refused, Port::Notifier, "phone", "a notice", "no such number");
        if refuses { Err(refused) } else { Ok(()) }
    }
    fn look(&self) -> Result<String, String> {
        Ok("there".to_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_listed_shown_replayed_and_dropped() {
    let mut world = World::new().await;
    world.notifiers.push(Arc::new(Phone(AtomicU32::new(2))));
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until_done(&task).await;
    let router = of(&process);
    let dead = async || {
        let list = get(&router, "/api/v1/outbox?state=dead&target=phone&limit=5").await.json;
        (list["messages"][0]["error"] == "no such number").then_some(list)
    };
    let list = eventually("it is given up", dead).await;
    assert_eq!(list["messages"][0]["body"]["kind"], "done");
    assert_eq!(list["targets"][0]["name"], "phone");
    let read: orch_web::view::OutboxReport = serde_json::from_value(list.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), list);
    assert_eq!(get(&router, "/api/v1/outbox?state=mood").await.status, 400);
    let id = list["messages"][0]["id"].as_i64().unwrap();
    let at = |path: &str| format!("/api/v1/outbox/{path}");
    let shown = get(&router, &at(&id.to_string())).await.json;
    assert_eq!(shown["key"], list["messages"][0]["key"]);
    for (path, status) in [("404", 404), ("mood", 400)] {
        assert_eq!(get(&router, &at(path)).await.status, status, "{path}");
    }
    assert_eq!(post(&router, &at(&format!("{id}/replay")), "{}").await.status, 200);
    eventually("it is given up again", dead).await;
    let change = async |path: String| post(&router, &at(&path), "{}").await.status.as_u16();
    assert_eq!((change("404/replay".to_owned()).await, change("404/drop".to_owned()).await), (404, 404));
    assert_eq!(change(format!("{id}/drop")).await, 200);
    assert_eq!(change(format!("{id}/replay")).await, 200);
    let sent = async || (get(&router, &at(&id.to_string())).await.json["state"] == "sent").then_some(());
    eventually("it is sent", sent).await;
    assert_eq!((change(format!("{id}/replay")).await, change(format!("{id}/drop")).await), (409, 409));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_shown_yet_is_listed_and_a_task_tells_all_of_it() {
    let target = FakeTarget::new("board");
    target.there().wait = std::time::Duration::from_secs(3_600);
    let mut world = World::new().await;
    world.shown_by.push(Arc::new(target.clone()));
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until_done(&task).await;
    let router = of(&process);
    let list = get(&router, "/api/v1/outbox").await.json;
    let first = &list["shown"][0];
    assert_eq!(
        (&first["object"], &first["target"], &first["state"]),
        (&"S-001".into(), &"board".into(), &"due".into())
    );
    assert_eq!(list["targets"][0]["name"], "board");
    target.there().wait = std::time::Duration::ZERO;
    let other = process.issue("Take away").await;
    world.until_done(&other).await;
    let path = "/api/v1/repositories/shop/tasks/S-001/shown";
    let shown = eventually("it is shown", async || {
        let told = get(&router, path).await.json;
        let all = told["shown"].as_array().unwrap();
        (all.len() == 2 && all.iter().all(|one| one["state"] == "shown")).then(|| told.clone())
    })
    .await;
    assert_eq!((&shown["shown"][0]["aspect"], &shown["shown"][0]["external_id"]), (&"card".into(), &"1".into()));
    assert!(shown["shown"][0]["written_at"].is_string());
    assert_eq!(get(&router, "/api/v1/repositories/shop/tasks/S-999/shown").await.status, 404);
}
