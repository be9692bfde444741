//! What people look at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use orch_stories::world::{SHORT, World, eventually};
use orch_testkit::fake::Step;
use serde_json::json;

use crate::served::{Served, get, of, post, text};

#[tokio::test(flavor = "multi_thread")]
async fn the_list_knows_the_order_of_the_stages() {
    let service = Served::new().await;
    for (title, start) in [("Add up", false), ("Take away", true), ("Multiply", true)] {
        service.open(title, start).await;
    }
    service.post("/api/v1/tasks/S-001/commands", r#"{"command":"stop"}"#).await;
    let ids = |json: &serde_json::Value| -> Vec<String> {
        json["tasks"].as_array().unwrap().iter().map(|task| task["id"].as_str().unwrap().to_owned()).collect()
    };
    let open = service.get("/api/v1/tasks?repository=shop").await;
    assert_eq!(open.status, 200);
    assert_eq!(open.json["stages"], json!(["make", "judge", "in"]));
    assert_eq!(ids(&open.json), ["S-003", "S-002"]);
    let all = service.get("/api/v1/tasks?repository=shop&ended=true").await;
    assert_eq!(ids(&all.json), ["S-003", "S-002", "S-001"]);
    let most = service.get("/api/v1/tasks?repository=shop&ended=true&limit=2").await;
    assert_eq!(ids(&most.json), ["S-003", "S-002"]);
    assert_eq!(service.get("/api/v1/tasks?limit=x").await.status, 400);
    assert_eq!(service.get("/api/v1/tasks?colour=red").await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_comes_in_pages_that_tell_nothing_twice() {
    let service = Served::new().await;
    for number in 1..=5 {
        service.open(&format!("Issue {number}"), false).await;
    }
    let (mut after, mut seen, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let page = service.get(&format!("/api/v1/tasks?limit=2{after}")).await.json;
        let ids = page["tasks"].as_array().unwrap().iter().map(|task| task["id"].as_str().unwrap().to_owned());
        seen.extend(ids);
        assert_eq!(page["counts"] == json!({"backlog": 5}), pages == 0, "{page}");
        pages += 1;
        // One is added, and one ends, while somebody reads on.
        service.open(&format!("Later {pages}"), false).await;
        service.post("/api/v1/tasks/S-005/commands", r#"{"command":"stop"}"#).await;
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!((seen.join(" ").as_str(), pages), ("S-005 S-004 S-003 S-002 S-001", 3));
    assert_eq!(service.get("/api/v1/tasks?after=S-001").await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_asked_for_what_tasks_wait_for() {
    let service = Served::new().await;
    service.open("Add up", false).await;
    let found = async |kinds: &str| {
        let reply = service.get(&format!("/api/v1/tasks?waiting={kinds}")).await;
        (reply.status.as_u16(), reply.json["tasks"].as_array().map(Vec::len))
    };
    assert_eq!(found("backlog").await, (200, Some(1)));
    assert_eq!(found("human,held,backlog").await, (200, Some(1)));
    assert_eq!(found("human,held").await, (200, Some(0)));
    assert_eq!(found("humans").await, (400, None));
    assert_eq!(found("human,held,lane,entry,agent").await, (400, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_an_unknown_repository_is_not_empty_but_missing() {
    let service = Served::new().await;
    let reply = service.get("/api/v1/tasks?repository=shpo").await;
    assert_eq!((reply.status.as_u16(), reply.json["error"].as_str()), (404, Some("not_found")));
    assert_eq!(reply.json["why"], "there is no repository shpo");
    assert_eq!(reply.json["fix"], "this service has: shop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_shown_whole_and_reads_back() {
    let service = Served::new().await;
    service.open("Add up", true).await;
    let reply = service.get("/api/v1/tasks/S-001").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json["id"], "S-001");
    // No run has ended: nothing is known of its cost, and that is no zero.
    assert_eq!(reply.json["usage"], json!({"runs": 0, "unknown_runs": 0}));
    assert_eq!(reply.json["lane"][0]["state"], "admitted");
    let read: orch_web::view::TaskDetailView = serde_json::from_value(reply.json.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), reply.json);
    assert_eq!(service.get("/api/v1/tasks/S-404").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_read_in_parts() {
    let world = World::new().await;
    world.when(|act| act.is("developer").then(|| ("hello\nagain\n".to_owned(), Step::Hangs)));
    let process = world.start("p1");
    process.issue("Add up").await;
    let run = tokio::task::block_in_place(|| world.runner.until_hanging(|_| true));
    let router = of(&process);
    let log = "/api/v1/tasks/S-001/log";
    let part = get(&router, &format!("{log}?attempt=1&offset=2&max=4")).await;
    assert_eq!(part.json, json!({"run": "S-001-attempt-1", "number": 1, "text": "llo\n", "next": 6, "ended": false}));
    assert_eq!(get(&router, log).await.json["text"], "hello\nagain\n");
    let readable = get(&router, &format!("{log}?readable=true&max=1")).await.json;
    assert!(readable["next"].as_u64().unwrap() >= 6, "at least a line: {readable}");
    assert_eq!(get(&router, &format!("{log}?attempt=2")).await.status, 404);
    // Whoever has read it all waits for more.
    let more = async {
        let reply = get(&router, &format!("{log}?offset=12&wait=30")).await;
        reply.json["text"].as_str().unwrap().to_owned()
    };
    let prints = async {
        tokio::task::yield_now().await;
        world.runner.print(&run, "more\n");
    };
    assert_eq!(tokio::join!(more, prints).0, "more\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_awaited_by_the_change_that_was_seen_last() {
    let world = World::new().await;
    let process = world.start("p1");
    process.swept().await;
    let router = of(&process);
    post(&router, "/api/v1/tasks", r#"{"title":"Add up","start":false}"#).await;
    let seen = get(&router, "/api/v1/tasks/S-001").await.json["change"].as_u64().unwrap();
    assert_eq!(get(&router, "/api/v1/tasks/S-001?after=yes").await.status, 400);
    let address = format!("/api/v1/tasks/S-001?after={seen}&wait=30");
    let (reply, _) = tokio::join!(
        get(&router, &address),
        post(&router, "/api/v1/tasks/S-001/commands", r#"{"command":"set_priority","priority":7}"#)
    );
    assert!(reply.json["change"].as_u64().unwrap() > seen, "{}", reply.json);
    // It is there already.
    assert_eq!(get(&router, &address).await.json["priority"], 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_shows_who_stands_where() {
    let world = World::new().await;
    // The reviewer has looked: it is the candidate that is tested.
    let reviewed = Arc::new(AtomicBool::new(false));
    world.when(move |act| {
        reviewed.fetch_or(act.is("reviewer"), Ordering::SeqCst);
        (act.is("check") && reviewed.load(Ordering::SeqCst)).then(|| (String::new(), Step::Hangs))
    });
    // Somebody commits meanwhile: the candidate is another commit than the one that was tested.
    let forge = world.forge.clone();
    world.when(move |act| {
        if act.is("reviewer") {
            forge.user_commits(&[("b.txt", Some("more"))], true);
        }
        None
    });
    let process = world.start("p1");
    let router = of(&process);
    process.issue("Add up").await;
    let lane = "/api/v1/repositories/shop/lane";
    let testing = eventually("its candidate is tested", async || {
        let lane = get(&router, lane).await.json;
        (lane["landing"][0]["state"] == "testing the candidate").then_some(lane)
    })
    .await;
    let candidate = testing["landing"][0]["candidate"].as_str().unwrap().to_owned();
    assert!(candidate.len() >= 10, "{candidate}");
    post(&router, &format!("{lane}/commands"), r#"{"command":"freeze","reason":"broken"}"#).await;
    process.issue("Take away").await;
    let shown = get(&router, lane).await.json;
    assert_eq!(shown["repository"]["frozen"]["reason"], "broken");
    assert_eq!(shown["entry"][1]["id"], "S-002", "{shown}");
    assert_eq!(shown["entry"][1]["place"], 2);
    assert_eq!(shown["landing"][0]["candidate"].as_str(), Some(candidate.as_str()));
    assert_eq!(get(&router, "/api/v1/repositories/none/lane").await.status, 404);
    assert_eq!(get(&router, "/api/v1/repositories").await.json["repositories"][0]["prefix"], "S");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_task_made_is_shown() {
    let world = World::new().await;
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until_done(&task).await;
    let router = of(&process);
    let at = "/api/v1/repositories/shop/tasks/S-001";
    let papers = get(&router, &format!("{at}/documents")).await.json;
    assert_eq!(papers["documents"][0]["path"], "docs/work-items/S-001/12-review.md", "{papers}");
    assert_eq!(get(&router, &format!("{at}/diff")).await.status, 200);
    assert_eq!(get(&router, &format!("{at}/diff?paths=x")).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_in_is_listed_and_shown_with_what_became_of_it() {
    let service = Served::new().await;
    service.open("Add up", false).await;
    service.post("/api/v1/tasks/S-001/commands", r#"{"command":"reject","reason":"no"}"#).await;
    let list = service.get("/api/v1/deliveries").await.json;
    let told: Vec<_> = list["deliveries"].as_array().unwrap().iter().map(|row| (&row["kind"], &row["state"])).collect();
    assert_eq!(told, [(&json!("human_answered"), &json!("refused")), (&json!("issue"), &json!("accepted"))]);
    let issue = list["deliveries"][1].clone();
    assert_eq!((&issue["task"], &issue["source"], &issue["body"]), (&json!("S-001"), &json!("board"), &json!(null)));
    let shown = service.get(&format!("/api/v1/deliveries/{}", issue["id"].as_str().unwrap())).await.json;
    assert_eq!(shown["body"]["title"], "Add up");
    assert_eq!(service.get("/api/v1/deliveries?state=dead").await.json, json!({"deliveries": []}));
    for (path, status) in [("/api/v1/deliveries/99", 404), ("/api/v1/deliveries/x", 400)] {
        assert_eq!(service.get(path).await.status, status, "{path}");
    }
    let refused = service.post(&format!("/api/v1/deliveries/{}/drop", issue["id"].as_str().unwrap()), "{}").await;
    assert_eq!(refused.status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_goes_on_where_a_lost_connection_left_it() {
    let world = World::new().await;
    let process = world.start("p1");
    process.swept().await;
    let router = of(&process);
    post(&router, "/api/v1/tasks", r#"{"title":"Add up","start":false}"#).await;
    let begin = get(&router, "/api/v1/changes").await.json;
    assert_eq!((begin["changes"].as_array().map(Vec::len), begin["lost"].as_bool()), (Some(0), Some(false)));
    let after = begin["next"].as_str().unwrap().to_owned();
    let priority = async |id: &str, at: u32| {
        let body = format!(r#"{{"command":"set_priority","priority":{at}}}"#);
        post(&router, &format!("/api/v1/tasks/{id}/commands"), &body).await;
    };
    // It waits for the first one.
    let waiting = format!("/api/v1/changes?after={after}&wait=30");
    let (first, ()) = tokio::join!(get(&router, &waiting), priority("S-001", 1));
    assert_eq!(first.json["changes"][0]["task"], "S-001", "{}", first.json);
    // The answer was lost on its way: asked again it is the same, and nothing more.
    let again = get(&router, &format!("/api/v1/changes?after={after}")).await.json;
    assert_eq!(again["changes"][0], first.json["changes"][0]);
    // Another process goes on where this one ended.
    let next = again["next"].as_str().unwrap().to_owned();
    process.kill().await;
    let second = world.start("p2");
    second.swept().await;
    let router = of(&second);
    post(&router, "/api/v1/tasks", r#"{"title":"Take away","start":false}"#).await;
    let only = |of: &str| format!("/api/v1/changes?after={next}{of}&wait=1");
    let opened = get(&router, &only("&task=S-002")).await.json;
    assert_eq!(opened["changes"][0]["what"], "opened", "{opened}");
    assert_eq!(get(&router, &only("&task=S-001")).await.json["changes"], json!([]));
    assert_eq!(get(&router, &only("&repository=other")).await.json["changes"], json!([]));
    assert_eq!(get(&router, "/api/v1/changes?after=x").await.status, 400);
    assert_eq!(get(&router, "/api/v1/changes?after=0-999999").await.json["lost"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_task_sleeps_through_the_changes_of_others() {
    let world = World::new().await;
    let process = world.start("p1");
    process.swept().await;
    let router = of(&process);
    for title in ["Add up", "Take away"] {
        post(&router, "/api/v1/tasks", &json!({"title": title, "start": false}).to_string()).await;
    }
    let change = |json: &serde_json::Value| json["change"].as_u64().unwrap();
    let mut seen = change(&get(&router, "/api/v1/tasks/S-001").await.json);
    // Until nothing more comes of the issues.
    loop {
        let now = change(&get(&router, &format!("/api/v1/tasks/S-001?after={seen}&wait=1")).await.json);
        if std::mem::replace(&mut seen, now) == now {
            break;
        }
    }
    let priority = async |id: &str, at: u32| {
        let body = format!(r#"{{"command":"set_priority","priority":{at}}}"#);
        post(&router, &format!("/api/v1/tasks/{id}/commands"), &body).await;
    };
    let address = format!("/api/v1/tasks/S-001?after={seen}&wait=30");
    let (reply, ()) = tokio::join!(get(&router, &address), async {
        for at in 1..=3 {
            priority("S-002", at).await;
        }
        priority("S-001", 7).await;
    });
    assert_eq!(reply.json["priority"], 7, "it was told of its own change, not of theirs");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_cost_is_added_up_and_said_before_an_approval() {
    let asks = SHORT.replace("id = \"make\"", "id = \"make\"\napproval = true");
    let world = World::with(&[(".orch/pipeline.toml", &asks)]).await;
    let process = world.start("p1");
    let router = of(&process);
    for number in 1..=4 {
        let task = process.issue(&format!("Issue {number}")).await;
        let at = format!("/api/v1/tasks/{}", task.work_item);
        let asked = eventually("its approval is asked", async || {
            let shown = get(&router, &at).await.json;
            shown["episodes"].as_array().is_some_and(|all| !all.is_empty()).then_some(shown)
        })
        .await;
        if number == 4 {
            // Half a dollar at what follows, three times.
            let said = json!({"median_usd": 0.5, "least_usd": 0.5, "most_usd": 0.5, "tasks": 3});
            assert_eq!(asked["forecast"], said, "{asked}");
            break;
        }
        assert_eq!(asked["forecast"], json!(null), "too few landed");
        post(&router, &format!("{at}/commands"), r#"{"command":"approve"}"#).await;
        world.until_done(&task).await;
    }
    let costs = get(&router, "/api/v1/costs?days=2&tasks=1").await.json;
    assert_eq!((&costs["landed"], &costs["days"]), (&json!(3), &json!(2)));
    assert_eq!(costs["spent"], json!({"runs": 7, "unknown_runs": 0, "cost_usd": 3.5}), "{costs}");
    assert_eq!(costs["per_landed_usd"], json!(3.5 / 3.0));
    let agents =
        costs["rows"].as_array().unwrap().iter().all(|row| row["agent"] == "fake" && row["repository"] == "shop");
    assert!(agents, "{costs}");
    assert_eq!(costs["tasks"].as_array().unwrap().len(), 1);
    assert_eq!(get(&router, "/api/v1/costs?repository=shpo").await.status, 404);
    assert_eq!(get(&router, "/api/v1/costs?days=many").await.status, 400);
    let metrics = text(&router, "/metrics").await;
    for row in [
        "orch_tasks{repository=\"shop\",place=\"done\",waiting_for=\"\"} 3",
        "orch_tasks{repository=\"shop\",place=\"make\",waiting_for=\"human\"} 1",
        "orch_repository_frozen{repository=\"shop\"} 0",
        "orch_cost_today_usd{repository=\"shop\",stage=\"make\",agent=\"fake\",model=\"\"} 2",
        "orch_runs_today{repository=\"shop\",stage=\"judge\",agent=\"fake\",model=\"\"} 3",
        "orch_landed_today 3",
        "orch_runs 0",
        "orch_messages_dead 0",
    ] {
        assert!(metrics.lines().any(|line| line == row), "{row} is not in\n{metrics}");
    }
    assert_documented(&metrics);
}

/// A page of documents names every number, and none that there is not.
fn assert_documented(metrics: &str) {
    let page = include_str!("../../../../docs/metrics.md");
    let mut served: Vec<&str> =
        metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let mut named: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `orch_")?.split('`').next()).collect();
    served.sort_unstable();
    named.sort_unstable();
    let named: Vec<String> = named.into_iter().map(|name| format!("orch_{name}")).collect();
    assert_eq!(served, named);
}
