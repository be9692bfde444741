//! Spellings of a newer release inside rows that this one knows: planted in every enum that is stored, on both engines.

use orch_ports::lists::TaskFilter;
use orch_ports::store::StoreError;
use orch_rules::attempt::RunEnd;
use orch_rules::change::{Change, ChangeSet, Guard};
use orch_rules::check::CheckKey;
use orch_rules::decide::{Denied, decide_lane, decide_task};
use orch_rules::event::{LaneEvent, TaskEvent};
use orch_rules::facts::{Moment, Policy, TaskFacts};
use orch_rules::ids::Timestamp;
use orch_rules::lane::{LaneState, Line};
use orch_rules::outage::{Outage, Source};
use orch_rules::rights::Acting;
use orch_rules::task::{Position, Task};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::harness::{World, on_both};
use crate::rows::*;

on_both!(
    a_task_with_a_part_that_is_not_known_is_shown_left_alone_and_stopped,
    a_place_in_a_line_that_is_not_known_holds_up_nobody_else,
    rows_of_the_host_that_are_not_known_hold_up_nobody,
    fields_of_a_newer_release_come_through,
    what_a_newer_release_put_into_parts_of_rows_comes_through,
    who_did_it_is_one_string_and_an_object_in_its_place_is_read,
);

fn acting(by: &str) -> Acting {
    Acting::unknown(by.into())
}

/// Where a spelling is planted: the table, the path in the row's body, and what stands there.
fn plants() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("tasks", "/position", json!({"at": "deploying", "stage": "eu"})),
        ("tasks", "/hold", json!({"kind": "forge_refused", "by": "protection"})),
        ("tasks", "/waits", json!([{"kind": "backlog"}, {"kind": "forge_approval", "pull": 7}])),
        ("tasks", "/waits", json!([{"kind": "human", "asked": "forge_approval"}])),
        ("tasks", "/waits", json!([{"kind": "paused", "scope": "fleet"}])),
        (
            "tasks",
            "/waits",
            json!([{"kind": "outage", "of": {"source": "target", "id": "forge"}, "reason": "", "until": null, "named": false, "probed_by": null}]),
        ),
        ("tasks", "/stop", json!({"by": "plane-1:7", "after": "forge_stop"})),
        ("tasks", "/hands", json!({"by": "plane-1:7", "of": "forge_hands"})),
        ("tasks", "/convergence", json!({"findings": "forge_findings"})),
        ("tasks", "/title", json!({"text": "forge_title"})),
        ("tasks", "", json!("forge_nothing")),
        ("attempts", "/ended", json!({"how": {"end": "evicted"}, "at": 1, "evidence": null})),
        ("attempts", "/role", json!("gardener")),
        ("checks", "/outcome", json!({"outcome": "forge_skipped"})),
        ("checks", "/key", json!({"of": "image", "key": "x"})),
        ("episodes", "/kind", json!("forge_approval")),
        ("episodes", "/answer", json!({"answer": "deferred", "by": "ann", "at": 3})),
        ("lane_entries", "/state", json!({"state": "staging", "to": "eu"})),
        ("lane_entries", "/state", json!({"state": "ejected", "cause": {"cause": "forge_refused"}})),
        ("lane_entries", "/line", json!("deploy")),
        ("pipelines", "/stages", json!([{"id": "x", "kind": "verify"}])),
    ]
}

/// The word of a plant that people must be able to read.
fn word(value: &Value) -> String {
    let text = value.to_string();
    let words = ["deploying", "evicted", "gardener", "image", "deferred", "staging", "verify", "target", "fleet"];
    let forge = text.split(['"', ' ']).find(|part| part.starts_with("forge_") || *part == "deploy");
    words.iter().find(|word| text.contains(**word)).map(|word| (*word).to_owned()).or(forge.map(str::to_owned)).unwrap()
}

async fn facts(world: &World, id: &str) -> TaskFacts {
    world.store.task_facts(&id.into(), &Policy::default()).await.unwrap().0
}

async fn set_body(world: &World, table: &str, of: &str, body: &Value) {
    let text = body.to_string().replace('\'', "''");
    world.raw(&format!("UPDATE {table} SET body = '{text}' WHERE {of}")).await;
}

fn planted(mut body: Value, path: &str, value: &Value) -> Value {
    if path.is_empty() {
        return value.clone();
    }
    *body.pointer_mut(path).unwrap() = value.clone();
    body
}

/// A task in a stage, with a row of everything, one of which holds the plant.
async fn plant(world: &World, id: &str, number: u32, (table, path, value): &(&'static str, &'static str, Value)) {
    let digest = if *table == "pipelines" { format!("digest of {id}") } else { "digest".to_owned() };
    let row = Task { attempt: 1, pipeline: digest.as_str().into(), base: Some("b".into()), ..task(id, number) };
    let place = orch_rules::lane::LaneEntry {
        work_item: row.work_item.clone(),
        ..entry(id, Line::Landing, number.into(), LaneState::Queued)
    };
    let (tries, test, asked) = (
        ended(id, 1, RunEnd::Completed),
        check(&format!("{id}-c"), id, CheckKey::Code("k".into())),
        episode(&format!("{id}-e"), id, 1),
    );
    let of_task = format!("task = '{id}'");
    let (of, body) = match *table {
        "tasks" => (format!("id = '{id}'"), serde_json::to_value(&row)),
        "attempts" => (of_task, serde_json::to_value(&tries)),
        "checks" => (of_task, serde_json::to_value(&test)),
        "episodes" => (of_task, serde_json::to_value(&asked)),
        "lane_entries" => (of_task, serde_json::to_value(&place)),
        _ => (format!("digest = '{digest}'"), serde_json::to_value(pipeline())),
    };
    let changes = vec![
        Change::InsertTask { task: row },
        Change::PutAttempt { attempt: tries },
        Change::PutCheck { check: test },
        Change::PutEpisode { episode: asked },
        Change::PutLaneEntry { entry: place },
    ];
    write(&*world.store, changes).await.unwrap();
    if *table == "pipelines" {
        let own = orch_rules::pipeline::Pipeline { digest: digest.as_str().into(), ..pipeline() };
        world.store.keep_pipeline(&own).await.unwrap();
    }
    set_body(world, table, &of, &planted(body.unwrap(), path, value)).await;
}

fn decide(facts: TaskFacts, event: &TaskEvent) -> Result<ChangeSet, String> {
    let moment = Moment { now: Timestamp(9) };
    decide_task(facts, event, &acting("ann"), moment, Denied::default())
        .map(|it| it.changes)
        .map_err(|it| it.to_string())
}

async fn a_task_with_a_part_that_is_not_known_is_shown_left_alone_and_stopped(world: World) {
    shop(&*world.store, &["well"]).await;
    let plants = plants();
    for (number, it) in (10..).zip(&plants) {
        plant(&world, &format!("t{number}"), number, it).await;
    }
    let filter = TaskFilter { ended: true, ..TaskFilter::default() };
    let mut listed: Vec<_> =
        world.store.task_page(&filter).await.unwrap().tasks.into_iter().map(|row| row.id.0).collect();
    listed.sort();
    assert_eq!(listed.len(), plants.len() + 1, "the board shows everybody: {listed:?}");
    for (number, (table, path, value)) in (10..).zip(&plants) {
        let (id, word) = (format!("t{number}"), word(value));
        let context = format!("{table}{path} {value}");
        let row = world.store.task(&id.as_str().into()).await.unwrap().unwrap();
        assert_eq!(row.work_item.as_str(), format!("SHOP-{number:03}"), "{context}");
        assert_eq!(world.store.tasks_by_work_item(&row.work_item).await.unwrap()[0].id, row.id, "{context}");
        let seen = facts(&world, &id).await;
        assert!(seen.unknown.iter().any(|part| part.text.contains(&word)), "{context}: {:?}", seen.unknown);
        let history = world.store.history(&row.id).await.unwrap();
        let shown = row.beyond.parts().iter().chain(&history.unknown).any(|part| part.text.contains(&word));
        let in_lane = history.lane.iter().any(|place| matches!(&place.state, LaneState::Unknown(_)));
        let pipeline = matches!(world.store.pipeline(&row.pipeline).await, Err(StoreError::Unreadable { .. }));
        assert!(shown || in_lane || pipeline, "{context} is not shown");
        // No rule acts on it, whatever comes.
        assert_eq!(decide(seen.clone(), &TaskEvent::Looked), Ok(ChangeSet::default()), "{context}");
        for event in [TaskEvent::Paused, TaskEvent::RetryRequested, TaskEvent::StartRequested { authors: vec![] }] {
            let why = decide(seen.clone(), &event).unwrap_err();
            assert!(why.contains(&word) && why.contains("left_alone"), "{context}: {why}");
        }
        let outcome = TaskEvent::RunEnded {
            attempt: 1,
            end: RunEnd::Completed,
            evidence: None,
            usage: None,
            cut_from: None,
            trouble: None,
        };
        assert!(decide(seen.clone(), &outcome).is_err(), "{context}: an outcome is kept, not lost");
        // It can be stopped, and what the stop does not write itself stays as it was.
        let stop = decide(seen, &TaskEvent::StopRequested).unwrap_or_else(|why| panic!("{context}: {why}"));
        world.store.apply(stop, None).await.unwrap();
        let stopped = world.store.task(&row.id).await.unwrap().unwrap();
        assert_eq!((stopped.position, stopped.waits), (Position::Cancelled, vec![]), "{context}");
        let places = format!("SELECT COUNT(*) FROM lane_entries WHERE task = '{id}'");
        assert_eq!(world.number(&places).await, 0, "{context}");
        let written = matches!(*path, "/position" | "/hold" | "/waits" | "/stop" | "");
        if *table == "tasks" && !written {
            let kept = format!("SELECT COUNT(*) FROM tasks WHERE id = '{id}' AND body LIKE '%{word}%'");
            assert_eq!(world.number(&kept).await, 1, "{context}");
        }
    }
    let well = facts(&world, "well").await;
    assert!(well.unknown.is_empty());
    assert!(decide(well, &TaskEvent::Paused).is_ok(), "others go on");
    world.store.queue().await.unwrap();
}

async fn a_place_in_a_line_that_is_not_known_holds_up_nobody_else(world: World) {
    shop(&*world.store, &["a", "b"]).await;
    let head = |task: &str, at| orch_rules::lane::LaneEntry {
        head: Some("h".into()),
        ..entry(task, Line::Landing, at, LaneState::Queued)
    };
    let places = vec![
        Change::PutLaneEntry { entry: head("a", 1) },
        Change::PutLaneEntry { entry: head("b", 2) },
        Change::PutLaneEntry { entry: entry("a", Line::Entry, 1, LaneState::Admitted) },
        Change::PutLaneEntry { entry: entry("b", Line::Entry, 2, LaneState::Queued) },
    ];
    write(&*world.store, places).await.unwrap();
    let strange = json!({"state": "staging", "to": "eu"});
    for line in [Line::Landing, Line::Entry] {
        let body = serde_json::to_value(entry("a", line, 1, LaneState::Queued)).unwrap();
        let name = if line == Line::Entry { "entry" } else { "landing" };
        set_body(
            &world,
            "lane_entries",
            &format!("task = 'a' AND line = '{name}'"),
            &planted(body, "/state", &strange),
        )
        .await;
    }
    let lane = async || world.store.lane_facts(&"shop".into(), &Policy::default()).await.unwrap().0;
    let acts = |facts, event: &LaneEvent| decide_lane(facts, event, &acting("orch"), Moment { now: Timestamp(9) });
    let decided = acts(lane().await, &LaneEvent::Looked).unwrap();
    assert_eq!(decided.trace, ["admit", "build"], "the one behind it enters and is built");
    world.store.apply(decided.changes, None).await.unwrap();
    let seen = lane().await;
    assert!(
        matches!(&seen.landing[0].entry.state, LaneState::Unknown(state) if *state == strange),
        "{:?}",
        seen.landing
    );
    let late = LaneEvent::LandEnded { task: "a".into(), fence: 0, main: "m".into(), landed: true, refused: None };
    assert!(acts(seen, &late).unwrap_err().to_string().contains("staging"), "an outcome for it is kept");
    // One at a time: who may be inside holds those behind.
    world.raw("UPDATE repositories SET serial = 1").await;
    world.raw("UPDATE lane_entries SET body = replace(body, '\"admitted\"', '\"queued\"') WHERE task = 'b'").await;
    assert!(!acts(lane().await, &LaneEvent::Looked).unwrap().trace.contains(&"admit"));
    assert_eq!(
        world.number("SELECT COUNT(*) FROM lane_entries WHERE body LIKE '%staging%'").await,
        2,
        "left as they are"
    );
}

async fn rows_of_the_host_that_are_not_known_hold_up_nobody(world: World) {
    shop(&*world.store, &["a"]).await;
    for (name, body) in [
        ("target:forge", r#"{"source":{"source":"target","id":"forge"},"until":7}"#),
        ("credential:main", r#"{"source":{"source":"credential","name":"main"},"paused_by":"ann"}"#),
    ] {
        world.raw(&format!("INSERT INTO outages (name, version, body) VALUES ('{name}', 4, '{body}')")).await;
    }
    let seen = facts(&world, "a").await;
    assert!(seen.unknown.is_empty(), "{:?}", seen.unknown);
    let queue = world.store.queue().await.unwrap();
    let told: Vec<_> = queue.unknown_rows.iter().map(|row| format!("{}: {}", row.part, row.text)).collect();
    assert!(
        told.iter().any(|row| row.contains("target:forge")) && told.iter().any(|row| row.contains("paused_by")),
        "{told:?}"
    );
    // A source that this release knows can fail again.
    let source = Source::Credential { name: "main".into() };
    let known = seen.outages.iter().find(|outage| outage.source == source).unwrap();
    let guard = Guard::OutageVersion { key: source.key(), version: known.version };
    let put = Change::PutOutage { outage: Outage { reason: "no".into(), ..Outage::none(source) } };
    world.store.apply(set(vec![guard], vec![put]), None).await.unwrap();
    // A freeze of another form is a freeze, and goes through a write of the row as it is.
    let freeze = r#"{"reason":"red main","by":{"source":"plane","id":"7"},"since":"now"}"#;
    world.raw(&format!("UPDATE repositories SET frozen = '{freeze}'")).await;
    let (mut lane, _) = world.store.lane_facts(&"shop".into(), &Policy::default()).await.unwrap();
    assert!(lane.repository.frozen.as_ref().unwrap().reason.contains("red main"));
    lane.repository.main = Some("m".into());
    let guard = Guard::RepositoryVersion { repository: "shop".into(), version: lane.repository.version };
    let put = Change::PutRepository { repository: lane.repository };
    world.store.apply(set(vec![guard], vec![put]), None).await.unwrap();
    assert_eq!(
        world.number(&format!("SELECT COUNT(*) FROM repositories WHERE frozen = '{freeze}' AND main_tip = 'm'")).await,
        1
    );
    let (lane, _) = world.store.lane_facts(&"shop".into(), &Policy::default()).await.unwrap();
    let lifted =
        decide_lane(lane, &LaneEvent::UnfreezeRequested { force: None }, &acting("ann"), Moment { now: Timestamp(9) })
            .unwrap();
    world.store.apply(lifted.changes, None).await.unwrap();
    assert_eq!(world.number("SELECT COUNT(*) FROM repositories WHERE frozen IS NULL").await, 1, "it can be lifted");
}

/// Who did it, wherever it stands: as earlier releases wrote it, as this one does, and as a later one may.
async fn who_did_it_is_one_string_and_an_object_in_its_place_is_read(world: World) {
    shop(&*world.store, &["a"]).await;
    for (number, stored, actor) in [
        (1, json!("ann"), "name:ann"),
        (2, json!("local:1000"), "local:1000"),
        (3, json!("later.thing:x:y"), "later.thing:x:y"),
        (4, json!({"source": "plane-1", "id": "7", "since": 3}), "plane-1:7"),
        (5, json!({"whoever": ["x"]}), r#"{"whoever":["x"]}"#),
    ] {
        let id = format!("w{number}");
        let who = |actor: &str| -> orch_rules::actor::Actor { actor.into() };
        let row = Task {
            author: who("x"),
            stop: Some(orch_rules::task::StopRequest { by: who("x"), at: Timestamp(1) }),
            waits: vec![orch_rules::task::Wait::Hands { by: who("x") }],
            ..task(&id, 10 + number)
        };
        let answer = orch_rules::episode::Answered {
            answer: orch_rules::episode::Answer::Approved,
            by: who("x"),
            at: Timestamp(2),
            text: None,
        };
        let asked = orch_rules::episode::Episode { answer: Some(answer), ..episode(&format!("{id}-e"), &id, 1) };
        let mut body = serde_json::to_value(&row).unwrap();
        let mut answered = serde_json::to_value(&asked).unwrap();
        write(&*world.store, vec![Change::InsertTask { task: row }, Change::PutEpisode { episode: asked }])
            .await
            .unwrap();
        for path in ["/author", "/stop/by", "/waits/0/by"] {
            *body.pointer_mut(path).unwrap() = stored.clone();
        }
        *answered.pointer_mut("/answer/by").unwrap() = stored.clone();
        set_body(&world, "tasks", &format!("id = '{id}'"), &body).await;
        set_body(&world, "episodes", &format!("task = '{id}'"), &answered).await;
        let seen = facts(&world, &id).await;
        assert!(seen.unknown.is_empty(), "{stored}: {:?}", seen.unknown);
        assert_eq!(seen.task.author.wire(), actor, "{stored}");
        assert_eq!(seen.task.stop.as_ref().unwrap().by.wire(), actor);
        assert_eq!(seen.episodes[0].answer.as_ref().unwrap().by.wire(), actor);
        // Written again, an object is as it came; everything else is one string.
        let written = decide(seen, &TaskEvent::PrioritySet { priority: 7 }).unwrap();
        world.store.apply(written, None).await.unwrap();
        let back = serde_json::to_value(world.store.task(&id.as_str().into()).await.unwrap().unwrap()).unwrap();
        let expected = if stored.is_object() { stored.clone() } else { json!(actor) };
        assert_eq!((&back["author"], &back["stop"]["by"]), (&expected, &expected));
    }
}

async fn fields_of_a_newer_release_come_through(world: World) {
    shop(&*world.store, &["a"]).await;
    let newer = |row: Value| {
        let Value::Object(mut row) = row else { panic!("a row is an object") };
        row.insert("deployments".to_owned(), json!([{"to": "eu"}]));
        Value::Object(row)
    };
    let (tries, test) = (attempt("a", 1), check("a-c", "a", CheckKey::Code("k".into())));
    let (asked, place) = (episode("a-e", "a", 1), entry("a", Line::Landing, 1, LaneState::Queued));
    let row = Task { attempt: 1, visit: 1, ..task("a", 1) };
    let rows = [
        ("tasks", "id = 'a'", serde_json::to_value(&row)),
        ("attempts", "task = 'a'", serde_json::to_value(&tries)),
        ("checks", "task = 'a'", serde_json::to_value(&test)),
        ("episodes", "task = 'a'", serde_json::to_value(&asked)),
        ("lane_entries", "task = 'a'", serde_json::to_value(&place)),
    ];
    let put = |tries, test, asked, place| {
        vec![
            Change::PutAttempt { attempt: tries },
            Change::PutCheck { check: test },
            Change::PutEpisode { episode: asked },
            Change::PutLaneEntry { entry: place },
        ]
    };
    write(&*world.store, put(tries, test, asked, place)).await.unwrap();
    for (table, of, body) in rows {
        set_body(&world, table, of, &newer(body.unwrap())).await;
    }
    let seen = facts(&world, "a").await;
    assert!(seen.unknown.is_empty(), "{:?}", seen.unknown);
    // What a decision writes is what it read.
    let changes =
        put(seen.attempt.clone().unwrap(), seen.checks[0].clone(), seen.episodes[0].clone(), seen.lane[0].clone());
    write(&*world.store, changes).await.unwrap();
    let paused = decide(seen, &TaskEvent::Paused).unwrap();
    world.store.apply(paused, None).await.unwrap();
    assert!(world.store.task(&"a".into()).await.unwrap().unwrap().paused);
    for table in ["tasks", "attempts", "checks", "episodes", "lane_entries"] {
        let kept = format!("SELECT COUNT(*) FROM {table} WHERE body LIKE '%deployments%'");
        assert_eq!(world.number(&kept).await, 1, "{table}");
    }
}

/// Puts something of a later release into every object of a row: into its parts, elements of lists, states.
fn planted_everywhere(value: &mut Value, count: &mut i64) {
    match value {
        Value::Object(part) => {
            part.values_mut().for_each(|inner| planted_everywhere(inner, count));
            *count += 1;
            part.insert("of_later".to_owned(), json!({ "number": *count, "list": [*count] }));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| planted_everywhere(item, count)),
        _ => {}
    }
}

/// A row with these parts, as this release has it.
fn with_parts<T: Serialize + DeserializeOwned>(row: &T, parts: &[(&str, Value)]) -> (T, Value) {
    let mut body = serde_json::to_value(row).unwrap();
    for (name, part) in parts {
        body[name] = part.clone();
    }
    (serde_json::from_value(body.clone()).unwrap(), body)
}

async fn what_a_newer_release_put_into_parts_of_rows_comes_through(world: World) {
    shop(&*world.store, &["a"]).await;
    let candidate = json!({"commit": "c1", "parent": "c0", "empty": false});
    let (row, task_body) = with_parts(
        &Task { attempt: 1, visit: 1, ..task("a", 1) },
        &[
            ("stop", json!({"by": "ann", "at": 7})),
            ("hands", json!({"by": "ann", "since": 7, "returning": false})),
            ("keys", json!({"code": "k", "patch": "p"})),
            ("hold", json!({"kind": "escalated", "reason": "three times"})),
            (
                "claims",
                json!([{"kind": "tests", "from": "testing", "text": "red"}, {"kind": "gate", "from": "x", "text": "y"}]),
            ),
            (
                "waits",
                json!([{"kind": "outage", "of": {"source": "agent", "name": "x"}, "reason": "r", "until": null,
                "named": false, "probed_by": null}, {"kind": "branch"}]),
            ),
        ],
    );
    let ended = json!({"how": {"end": "failed", "reason": "no"}, "at": 8, "evidence": null, "trouble": null});
    let (tries, tries_body) = with_parts(&attempt("a", 1), &[("ended", ended)]);
    let (test, test_body) = with_parts(
        &check("a-c", "a", CheckKey::Code("k".into())),
        &[("outcome", json!({"outcome": "failed", "reason": "exit code 1"}))],
    );
    let (asked, asked_body) = with_parts(
        &episode("a-e", "a", 1),
        &[("answer", json!({"answer": "rejected", "reason": "no", "by": "ann", "at": 9}))],
    );
    let (place, place_body) = with_parts(
        &entry("a", Line::Landing, 1, LaneState::Queued),
        &[("state", json!({"state": "testing", "candidate": candidate, "check": "a-c"}))],
    );
    let source = Source::Credential { name: "main".into() };
    let (out, out_body) = with_parts(
        &Outage::none(source.clone()),
        &[("probe", json!({"task": "a", "work_item": "SHOP-001", "attempt": 1}))],
    );
    let put = |tries, test, asked, place| {
        vec![
            Change::PutAttempt { attempt: tries },
            Change::PutCheck { check: test },
            Change::PutEpisode { episode: asked },
            Change::PutLaneEntry { entry: place },
        ]
    };
    write(&*world.store, put(tries, test, asked, place)).await.unwrap();
    world.raw("INSERT INTO outages (name, version, body) VALUES ('credential:main', 1, '{}')").await;
    let mut counts = Vec::new();
    for (table, of, mut body) in [
        ("tasks", "id = 'a'", task_body),
        ("attempts", "task = 'a'", tries_body),
        ("checks", "task = 'a'", test_body),
        ("episodes", "task = 'a'", asked_body),
        ("lane_entries", "task = 'a'", place_body),
        ("outages", "name = 'credential:main'", out_body),
    ] {
        let mut count = 0;
        planted_everywhere(&mut body, &mut count);
        assert!(count > 1, "{table} has parts");
        counts.push((table, of, count));
        set_body(&world, table, of, &body).await;
    }
    let seen = facts(&world, "a").await;
    assert!(seen.unknown.is_empty(), "{:?}", seen.unknown);
    assert_eq!((&seen.task.stop, &seen.task.hands, &seen.task.waits), (&row.stop, &row.hands, &row.waits));
    let outage = seen.outages.iter().find(|outage| outage.source == source).unwrap().clone();
    assert_eq!(outage.probe, out.probe);
    // What a decision writes is what it read, with what it decided.
    let mut task = seen.task.clone();
    task.hands.as_mut().unwrap().returning = true;
    task.waits.remove(1);
    let mut kept = world.store.history(&"a".into()).await.unwrap();
    let (test, asked) = (kept.checks.remove(0), kept.episodes.remove(0));
    let mut changes = put(seen.attempt.clone().unwrap(), test, asked, seen.lane[0].clone());
    let guards = vec![version("a", task.version), Guard::OutageVersion { key: source.key(), version: outage.version }];
    changes.extend([Change::PutTask { task }, Change::PutOutage { outage }]);
    world.store.apply(set(guards, changes), None).await.unwrap();
    for (table, of, count) in counts {
        let left = format!(
            "SELECT CAST((LENGTH(body) - LENGTH(REPLACE(body, 'of_later', ''))) / 8 AS BIGINT) FROM {table} WHERE {of}"
        );
        // One of the waits is over, and with it what was said of it.
        let expected = if table == "tasks" { count - 1 } else { count };
        assert_eq!(world.number(&left).await, expected, "{table}");
    }
    let again = facts(&world, "a").await;
    assert!(again.task.hands.is_some_and(|hands| hands.returning));
}
