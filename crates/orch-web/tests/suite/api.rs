//! What is asked of the service, and what is answered.

use orch_engine::control::Control;
use orch_rules::event::{Event, LaneEvent, TaskEvent};
use orch_rules::people::{HumanAnswer, Reply as Word};
use orch_stories::world::World;
use orch_testkit::fake::Fault;
use serde_json::json;

use crate::served::{Served, request, send};

const TASKS: &str = "/api/v1/tasks";

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_opened_under_the_name_of_its_request() {
    let service = Served::new().await;
    let change = |headers: &mut axum::http::HeaderMap| {
        headers.insert("idempotency-key", "k-1".parse().unwrap());
        headers.insert("orch-person", "Zoë".parse().unwrap());
    };
    let body = r#"{"title":"Totals","start":false}"#;
    let reply = send(&service.router, request("POST", TASKS, body, change)).await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.headers["location"], "/api/v1/repositories/shop/tasks/S-001");
    assert_eq!(reply.json["id"], "S-001");
    assert_eq!(reply.json["stage"], "backlog");
    assert_eq!(reply.json["author"], "Zoë");
    assert_eq!(reply.json["landed"], json!(null));
    let created = reply.json["created_at"].as_str().unwrap();
    assert!(created.len() >= 20 && created.starts_with("20") && created.ends_with('Z'), "{created}");
    let again = send(&service.router, request("POST", TASKS, body, change)).await;
    assert_eq!((again.status.as_u16(), &again.json["id"]), (201, &json!("S-001")), "the same name is the same task");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_name_gets_its_own() {
    let service = Served::new().await;
    for id in ["S-001", "S-002"] {
        let reply = service.post(TASKS, r#"{"title":"Totals", "description": "what is wanted"}"#).await;
        assert_eq!((reply.status.as_u16(), &reply.json["id"]), (201, &json!(id)));
        assert_eq!(reply.json["author"], "owner");
        assert_ne!(reply.json["stage"], "backlog", "it starts unless that is refused");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_wrong_with_a_task_is_told_at_once() {
    let service = Served::new().await;
    let reply = service.post(TASKS, &json!({"title": "", "description": "x".repeat(300_000)}).to_string()).await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.json["error"], "invalid");
    let problems: Vec<_> = reply.json["problems"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
    assert!(problems.len() == 2 && problems[0].contains("title") && problems[1].contains("description"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_what_is_asked_for_is_explained() {
    let service = Served::new().await;
    for (body, words) in [
        ("", "EOF"),
        ("{", "EOF"),
        ("[]", "struct"),
        (r#"{"title":7}"#, "string"),
        (r#"{"title":"x","prio":1}"#, "prio"),
        (r#"{"title":"x","priority":3000000000}"#, "i32"),
        ("{}", "title"),
    ] {
        let reply = service.post(TASKS, body).await;
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.json["why"].as_str().unwrap().contains(words), "{body}: {}", reply.json);
    }
    let bad_names = ["", " ", "a\u{1}b"];
    for name in bad_names.iter().filter_map(|name| name.parse::<axum::http::HeaderValue>().ok()) {
        let change = |headers: &mut axum::http::HeaderMap| {
            headers.insert("orch-person", name);
        };
        let request = request("POST", TASKS, r#"{"title":"x"}"#, change);
        assert_eq!(send(&service.router, request).await.status, 400);
    }
    assert_eq!(service.get(TASKS).await.json["tasks"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_accepted_as_they_are_meant() {
    let service = Served::new().await;
    service.open("Add up", false).await;
    service.open("Take away", false).await;
    let commands = format!("{TASKS}/S-001/commands");
    for body in [
        r#"{"command":"start"}"#,
        r#"{"command":"reject","reason":" too vague\n"}"#,
        r#"{"command":"set_priority","priority":-3}"#,
        r#"{"command":"depend","on":"S-002"}"#,
        r#"{"command":"undepend","on":"S-002"}"#,
        r#"{"command":"confirm_deploy"}"#,
    ] {
        // What the rules say to it is another matter.
        assert!([200, 409].contains(&service.post(&commands, body).await.status.as_u16()), "{body}");
    }
    service.post(&format!("{TASKS}/S-001/answer"), r#"{"reply":"text","text":"In euro."}"#).await;
    let lane = "/api/v1/repositories/shop/lane/commands";
    assert_eq!(service.post(lane, r#"{"command":"freeze","reason":"red"}"#).await.status, 200);
    assert_eq!(service.post("/serial-gate/unfreeze", "").await.status, 200);
    assert_eq!(service.post("/serial-gate/unfreeze", r#"{"repository":"other"}"#).await.status, 404);
    let (task, on) = (service.world.task("S-001").await.id, service.world.task("S-002").await.id);
    let answered = |reply| TaskEvent::HumanAnswered {
        answer: HumanAnswer { episode: None, since: None, people: Vec::new(), reply },
    };
    let of = |event| Event::Task { task: task.clone(), event };
    let lane = |event| Event::Lane { repository: "shop".into(), event };
    let expected = [
        of(TaskEvent::StartRequested { authors: Vec::new() }),
        of(answered(Word::Reject { reason: "too vague".to_owned() })),
        of(TaskEvent::PrioritySet { priority: -3 }),
        of(TaskEvent::DependencyAdded { on: on.clone(), circle: Vec::new() }),
        of(TaskEvent::DependencyRemoved { on }),
        of(answered(Word::Confirm)),
        of(answered(Word::Text { text: "In euro.".to_owned() })),
        lane(LaneEvent::FreezeRequested { reason: "red".to_owned(), cause: None, fixes: Vec::new() }),
        lane(LaneEvent::UnfreezeRequested { force: None }),
    ];
    let (by, events): (Vec<_>, Vec<_>) = service.accepted().into_iter().unzip();
    assert_eq!(events, expected);
    assert!(by.iter().all(|by| by == "owner"), "{by:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_not_what_is_asked_for_is_not_accepted() {
    let service = Served::new().await;
    service.open("Add up", false).await;
    for (path, body) in [
        ("/api/v1/tasks/S-001/commands", r#"{"command":"reject","reason":" \n"}"#),
        ("/api/v1/tasks/S-001/commands", r#"{"command":"reject"}"#),
        ("/api/v1/tasks/S-001/commands", r#"{"command":"reject","reason":"no","twice":true}"#),
        ("/api/v1/tasks/S-001/commands", r#"{"command":"send_back","to":"make","reason":""}"#),
        ("/api/v1/tasks/S-001/commands", r#"{"command":"skip","reason":"\t"}"#),
        ("/api/v1/repositories/shop/lane/commands", r#"{"command":"freeze","reason":""}"#),
        ("/api/v1/repositories/shop/lane/commands", r#"{"command":"thaw"}"#),
        ("/api/v1/tasks/S-001/commands", r#"{"command":"explode"}"#),
        // An answer has an address of its own.
        ("/api/v1/tasks/S-001/commands", r#"{"command":"answer","reply":{"reply":"approve"}}"#),
    ] {
        assert_eq!(service.post(path, body).await.status, 400, "{body}");
    }
    assert!(service.accepted().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_of_a_command_is_told_by_the_status() {
    let service = Served::new().await;
    service.open("Add up", false).await;
    let approve = r#"{"command":"approve"}"#;
    let status = async |id: &str| {
        let reply = service.post(&format!("{TASKS}/{id}/commands"), approve).await;
        (reply.status.as_u16(), reply.json["error"].as_str().unwrap().to_owned())
    };
    assert_eq!(status("S-404").await, (404, "not_found".to_owned()));
    assert_eq!(status("S-001").await, (409, "refused".to_owned()));
    service.store.faults.fail_next("accept", Fault::Passing("busy".to_owned()));
    assert_eq!(status("S-001").await, (503, "not_ready".to_owned()));
    // Another process handles it.
    let beside = Served::over(service.world, Control::accepting);
    let reply = beside.post(&format!("{TASKS}/S-001/commands"), r#"{"command":"start"}"#).await;
    assert_eq!((reply.status.as_u16(), &reply.json["pending"]), (202, &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_a_request_says_what_to_do() {
    let service = Served::new().await;
    for reply in [
        service.post(TASKS, "{").await,
        service.get("/api/v1/tasks?limit=x").await,
        service.get("/api/v1/tasks/S-404").await,
        service.get("/nothing").await,
    ] {
        let fix = reply.json["fix"].as_str().unwrap_or_default();
        assert!(!fix.is_empty(), "{}", reply.json);
    }
    assert_eq!(
        service.get("/api/v1/tasks?limit=x").await.json["why"],
        "a parameter is not what is asked for: limit: invalid digit found in string"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_has_the_address_of_its_repository() {
    let service = Served::new().await;
    service.open("Add up", false).await;
    let at = "/api/v1/repositories/shop/tasks/S-001";
    assert_eq!(service.get(at).await.status, 200);
    assert_eq!(service.post(&format!("{at}/commands"), r#"{"command":"pause"}"#).await.status, 200);
    assert_eq!(service.post(&format!("{at}/answer"), r#"{"reply":"approve"}"#).await.status, 409);
    assert_eq!(service.get(&format!("{at}/log")).await.json["why"], "S-001 has had no attempt yet");
    for path in ["", "/log", "/documents", "/diff"] {
        let reply = service.get(&format!("/api/v1/repositories/web/tasks/S-001{path}")).await;
        assert_eq!(reply.status, 404, "{path}");
        assert_eq!(reply.json["why"], "there is no task S-001 in the repository web", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_several_repositories_is_refused_with_their_addresses() {
    let service = Served::new().await;
    service.open("Add up", false).await;
    service.world.same_id_elsewhere("S-001", "web").await;
    let stop = r#"{"command":"stop"}"#;
    let reply = service.post("/api/v1/tasks/S-001/commands", stop).await;
    assert_eq!((reply.status.as_u16(), reply.json["error"].as_str()), (409, Some("ambiguous")));
    let addresses = ["/api/v1/repositories/shop/tasks/S-001", "/api/v1/repositories/web/tasks/S-001"];
    assert_eq!(reply.json["problems"], json!(addresses));
    assert!(reply.json["why"].as_str().unwrap().contains("shop, web"), "{}", reply.json);
    for address in addresses {
        assert_eq!(service.post(&format!("{address}/commands"), stop).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_read_again_and_main_is_taken_as_it_is() {
    let service = Served::over(World::new().await, Control::alone);
    let reread = service.post("/api/v1/repositories/reread", "").await;
    assert_eq!((reread.status.as_u16(), &reread.json["text"]), (200, &json!("served: shop")));
    let accepted = service.post("/api/v1/repositories/shop/base/accept", "").await;
    assert_eq!(accepted.status, 200, "{}", accepted.json);
    assert_eq!(service.post("/api/v1/repositories/web/base/accept", "").await.status, 404);
}
