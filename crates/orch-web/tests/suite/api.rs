//! What is asked of the control surface, and what is answered.

use serde_json::json;

use crate::fake_front::{FakeFront, get, post, request, send, served};

#[tokio::test]
async fn a_task_is_opened_under_the_name_of_its_request() {
    let (router, calls) = served(FakeFront::default());
    let change = |headers: &mut axum::http::HeaderMap| {
        headers.insert("idempotency-key", "k-1".parse().unwrap());
        headers.insert("orch-person", "Zoë".parse().unwrap());
    };
    let body = r#"{"title":"Totals","start":false}"#;
    let reply = send(&router, request("POST", "/api/v1/tasks", body, change)).await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.headers["location"], "/api/v1/repositories/shop/tasks/SHOP-007");
    assert_eq!(reply.json["id"], "SHOP-007");
    assert_eq!(reply.json["stage"], "backlog");
    assert_eq!(reply.json["created_at"], "1970-01-01T00:00:00Z");
    assert_eq!(reply.json["landed"], json!(null));
    assert_eq!(*calls.lock().unwrap(), ["open Totals start=false by Zoë key k-1"]);
}

#[tokio::test]
async fn a_request_without_a_name_gets_its_own() {
    let (router, calls) = served(FakeFront::default());
    for _ in 0..2 {
        assert_eq!(post(&router, "/api/v1/tasks", r#"{"title":"Totals"}"#).await.status, 201);
    }
    let calls = calls.lock().unwrap();
    assert!(calls[0].starts_with("open Totals start=true by owner key "), "{}", calls[0]);
    assert_ne!(calls[0], calls[1]);
}

#[tokio::test]
async fn everything_wrong_with_a_task_is_told_at_once() {
    let (router, _) = served(FakeFront::default());
    let reply = post(&router, "/api/v1/tasks", r#"{"title":""}"#).await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.json["error"], "invalid");
    assert_eq!(reply.json["problems"], json!(["the title is empty", "the description is too short"]));
}

#[tokio::test]
async fn a_body_that_is_not_what_is_asked_for_is_explained() {
    let (router, calls) = served(FakeFront::default());
    for (body, words) in [
        ("", "EOF"),
        ("{", "EOF"),
        ("[]", "struct"),
        (r#"{"title":7}"#, "string"),
        (r#"{"title":"x","prio":1}"#, "prio"),
        (r#"{"title":"x","priority":3000000000}"#, "i32"),
        ("{}", "title"),
    ] {
        let reply = post(&router, "/api/v1/tasks", body).await;
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.json["why"].as_str().unwrap().contains(words), "{body}: {}", reply.json);
    }
    let bad_names = ["", " ", "a\u{1}b"];
    for name in bad_names.iter().filter_map(|name| name.parse::<axum::http::HeaderValue>().ok()) {
        let change = |headers: &mut axum::http::HeaderMap| {
            headers.insert("orch-person", name);
        };
        assert_eq!(send(&router, request("POST", "/api/v1/tasks", r#"{"title":"x"}"#, change)).await.status, 400);
    }
    assert!(calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn commands_reach_the_control_surface_as_they_are_meant() {
    let (router, calls) = served(FakeFront::default());
    for body in [
        r#"{"command":"start"}"#,
        r#"{"command":"reject","reason":"too vague"}"#,
        r#"{"command":"set_priority","priority":-3}"#,
        r#"{"command":"depend","on":"SHOP-002"}"#,
        r#"{"command":"undepend","on":"SHOP-002"}"#,
        r#"{"command":"confirm_deploy"}"#,
    ] {
        assert_eq!(post(&router, "/api/v1/tasks/SHOP-001/commands", body).await.status, 200, "{body}");
    }
    let body = r#"{"command":"freeze","reason":"red"}"#;
    assert_eq!(post(&router, "/api/v1/repositories/shop/lane/commands", body).await.status, 200);
    assert_eq!(post(&router, "/serial-gate/unfreeze", "").await.status, 200);
    assert_eq!(post(&router, "/serial-gate/unfreeze", r#"{"repository":"other"}"#).await.status, 200);
    let calls: Vec<String> =
        calls.lock().unwrap().iter().map(|call| call.split(" by owner").next().unwrap().to_owned()).collect();
    assert_eq!(
        calls,
        [
            "SHOP-001 Start",
            r#"SHOP-001 Reject { reason: "too vague" }"#,
            "SHOP-001 SetPriority { priority: -3 }",
            r#"SHOP-001 Depend { on: WorkItemId("SHOP-002") }"#,
            r#"SHOP-001 Undepend { on: WorkItemId("SHOP-002") }"#,
            "SHOP-001 ConfirmDeploy",
            r#"shop Freeze { reason: "red" }"#,
            "shop Unfreeze",
            "other Unfreeze",
        ]
    );
}

#[tokio::test]
async fn a_reason_is_never_empty() {
    let (router, calls) = served(FakeFront::default());
    for (path, body) in [
        ("/api/v1/tasks/SHOP-001/commands", r#"{"command":"reject","reason":" \n"}"#),
        ("/api/v1/tasks/SHOP-001/commands", r#"{"command":"reject"}"#),
        ("/api/v1/repositories/shop/lane/commands", r#"{"command":"freeze","reason":""}"#),
        ("/api/v1/tasks/SHOP-001/commands", r#"{"command":"explode"}"#),
    ] {
        assert_eq!(post(&router, path, body).await.status, 400, "{body}");
    }
    assert!(calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_the_desk_answers_is_told_by_the_status() {
    let (router, _) = served(FakeFront::default());
    for (id, status, error) in
        [("SHOP-404", 404, "not_found"), ("SHOP-409", 409, "refused"), ("SHOP-503", 503, "not_ready")]
    {
        let reply = post(&router, &format!("/api/v1/tasks/{id}/commands"), r#"{"command":"approve"}"#).await;
        assert_eq!((reply.status.as_u16(), reply.json["error"].as_str()), (status, Some(error)));
    }
    let (slow, _) = served(FakeFront { pending: true, ..FakeFront::default() });
    let reply = post(&slow, "/api/v1/tasks/SHOP-001/commands", r#"{"command":"approve"}"#).await;
    assert_eq!((reply.status.as_u16(), &reply.json["pending"]), (202, &json!(true)));
}

#[tokio::test]
async fn the_list_knows_the_order_of_the_stages() {
    let (router, calls) = served(FakeFront::default());
    let reply = get(&router, "/api/v1/tasks?repository=shop&ended=true&limit=7").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json["stages"], json!(["make", "check"]));
    assert_eq!(reply.json["tasks"].as_array().unwrap().len(), 3);
    let filter = r#"board TaskFilter { repository: Some(RepositoryId("shop")), ended: true, limit: 7 }"#;
    assert_eq!(calls.lock().unwrap()[0], filter);
    assert_eq!(get(&router, "/api/v1/tasks?limit=x").await.status, 400);
    assert_eq!(get(&router, "/api/v1/tasks?colour=red").await.status, 400);
}

#[tokio::test]
async fn a_list_of_an_unknown_repository_is_not_empty_but_missing() {
    let (router, calls) = served(FakeFront::default());
    let reply = get(&router, "/api/v1/tasks?repository=shpo").await;
    assert_eq!((reply.status.as_u16(), reply.json["error"].as_str()), (404, Some("not_found")));
    assert_eq!(reply.json["why"], "there is no repository shpo");
    assert_eq!(reply.json["fix"], "this service has: shop");
    assert!(calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_refusal_of_a_request_says_what_to_do() {
    let (router, _) = served(FakeFront::default());
    for reply in [
        post(&router, "/api/v1/tasks", "{").await,
        get(&router, "/api/v1/tasks?limit=x").await,
        get(&router, "/api/v1/tasks/SHOP-404").await,
        get(&router, "/nothing").await,
    ] {
        let fix = reply.json["fix"].as_str().unwrap_or_default();
        assert!(!fix.is_empty(), "{}", reply.json);
    }
    assert_eq!(
        get(&router, "/api/v1/tasks?limit=x").await.json["why"],
        "a parameter is not what is asked for: limit: invalid digit found in string"
    );
}

#[tokio::test]
async fn a_task_is_shown_whole_and_reads_back() {
    let (router, _) = served(FakeFront::default());
    let reply = get(&router, "/api/v1/tasks/SHOP-001").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json["id"], "SHOP-001");
    // No run has ended: nothing is known of its cost, and that is no zero.
    assert_eq!(reply.json["usage"], json!({"runs": 0, "unknown_runs": 0}));
    assert_eq!(reply.json["lane"][0]["state"], "admitted");
    let read: orch_web::view::TaskDetailView = serde_json::from_value(reply.json.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), reply.json);
    assert_eq!(get(&router, "/api/v1/tasks/SHOP-404").await.status, 404);
}

#[tokio::test]
async fn a_log_is_read_in_parts() {
    let (router, calls) = served(FakeFront::default());
    let reply = get(&router, "/api/v1/tasks/SHOP-001/log?attempt=2&offset=10&max=99999999").await;
    assert_eq!(reply.json, json!({"run": "SHOP-001-attempt-1", "text": "hello\n", "next": 16, "ended": true}));
    get(&router, "/api/v1/tasks/SHOP-001/log").await;
    get(&router, "/api/v1/tasks/SHOP-001/log?readable=true&wait=9999").await;
    assert_eq!(
        *calls.lock().unwrap(),
        [
            "log SHOP-001 Some(2) 10 1048576 readable=false 0ns",
            "log SHOP-001 None 0 65536 readable=false 0ns",
            "log SHOP-001 None 0 65536 readable=true 30s"
        ]
    );
}

#[tokio::test]
async fn a_task_is_awaited_by_the_change_that_was_seen_last() {
    let (router, calls) = served(FakeFront::default());
    let seen = get(&router, "/api/v1/tasks/SHOP-001").await.json["change"].as_u64().unwrap();
    for query in [format!("after={seen}"), format!("after={seen}&wait=3"), "after=0&wait=999".to_owned()] {
        assert_eq!(get(&router, &format!("/api/v1/tasks/SHOP-001?{query}")).await.status, 200);
    }
    assert_eq!(get(&router, "/api/v1/tasks/SHOP-001?after=yes").await.status, 400);
    assert_eq!(*calls.lock().unwrap(), ["await 41 for 20s", "await 41 for 3s", "await 0 for 30s"]);
}

#[tokio::test]
async fn a_lane_shows_who_stands_where() {
    let (router, _) = served(FakeFront::default());
    let lane = get(&router, "/api/v1/repositories/shop/lane").await.json;
    assert_eq!(lane["repository"]["frozen"]["reason"], "broken");
    assert_eq!(lane["entry"][1]["id"], "SHOP-002");
    assert_eq!(lane["entry"][1]["place"], 2);
    assert_eq!(lane["landing"][0]["state"], "testing the candidate");
    assert_eq!(lane["landing"][0]["candidate"], "ccc");
    assert_eq!(get(&router, "/api/v1/repositories/none/lane").await.status, 404);
    assert_eq!(get(&router, "/api/v1/repositories").await.json["repositories"][0]["prefix"], "SHOP");
}

#[tokio::test]
async fn a_task_has_the_address_of_its_repository() {
    let (router, calls) = served(FakeFront::default());
    let at = "/api/v1/repositories/shop/tasks/SHOP-001";
    assert_eq!(get(&router, at).await.status, 200);
    post(&router, &format!("{at}/commands"), r#"{"command":"approve"}"#).await;
    post(&router, &format!("{at}/answer"), r#"{"answer":"approve"}"#).await;
    get(&router, &format!("{at}/log")).await;
    let calls = calls.lock().unwrap();
    assert!(!calls.is_empty() && calls.iter().all(|call| call.contains("shop/SHOP-001")), "{calls:?}");
}

#[tokio::test]
async fn an_id_of_several_repositories_is_refused_with_their_addresses() {
    let (router, _) = served(FakeFront::default());
    let stop = r#"{"command":"stop"}"#;
    let reply = post(&router, "/api/v1/tasks/SHOP-300/commands", stop).await;
    assert_eq!((reply.status.as_u16(), reply.json["error"].as_str()), (409, Some("ambiguous")));
    let addresses = ["/api/v1/repositories/shop/tasks/SHOP-300", "/api/v1/repositories/web/tasks/SHOP-300"];
    assert_eq!(reply.json["problems"], json!(addresses));
    assert!(reply.json["why"].as_str().unwrap().contains("shop, web"), "{}", reply.json);
    for address in addresses {
        assert_eq!(post(&router, &format!("{address}/commands"), stop).await.status, 200);
    }
}
