//! Lists: pages, what is looked for, what earlier releases wrote, places in lines.

use orch_ports::Store;
use orch_ports::lists::{Costs, ListedTask, PlaceInLine, Spent, SpentFilter, TaskFilter};
use orch_rules::attempt::Usage;
use orch_rules::change::Change;
use orch_rules::episode::EpisodeKind;
use orch_rules::facts::Policy;
use orch_rules::ids::{TaskId, Timestamp};
use orch_rules::lane::{Ejection, LaneEntry, LaneState, Line};
use orch_rules::task::{Position, Task, Wait};

use crate::harness::{World, on_both};
use crate::rows::*;

on_both!(
    tasks_are_listed_newest_first,
    pages_neither_repeat_nor_leave_out,
    what_an_earlier_release_wrote_is_listed_as_it_is,
    tasks_are_looked_for_by_what_they_wait_for,
    tasks_are_looked_for_by_place_and_words,
    costs_are_told_by_day_stage_and_model,
    costs_are_added_up,
    a_forecast_reads_what_landed_and_nothing_else,
    places_are_counted,
    fronts_are_cut_and_counted,
);

async fn ids(store: &dyn Store, filter: TaskFilter) -> String {
    let page = store.task_page(&filter).await.unwrap();
    page.tasks.into_iter().map(|row| row.id.0).collect::<Vec<_>>().join(" ")
}

async fn tasks_are_listed_newest_first(world: World) {
    let store = &**world.store;
    shop(store, &["a", "b", "c"]).await;
    store.register(&repository("attic")).await.unwrap();
    let old = Task { position: Position::Done, ..task("old", 9) };
    let other = Task { repository: "attic".into(), ..task("other", 4) };
    write(store, vec![Change::InsertTask { task: old }, Change::InsertTask { task: other }]).await.unwrap();
    let list = async |repository: Option<&str>, ended, limit| {
        let repository = repository.map(Into::into);
        ids(store, TaskFilter { repository, ended, limit, ..TaskFilter::default() }).await
    };
    assert_eq!(list(None, false, 0).await, "other c b a");
    assert_eq!(list(None, true, 2).await, "old other");
    assert_eq!(list(Some("shop"), true, 0).await, "old c b a");
    assert_eq!(list(Some("shop"), false, 2).await, "c b");
    let listed = store.task_page(&TaskFilter::default()).await.unwrap().tasks.remove(1);
    let whole = store.task(&"c".into()).await.unwrap().unwrap();
    let expected = ListedTask { updated_at: listed.updated_at, ..ListedTask::from(&whole) };
    assert!(listed.updated_at.is_some() && listed == expected, "{listed:?}");
}

async fn pages_neither_repeat_nor_leave_out(world: World) {
    let store = &**world.store;
    shop(store, &[]).await;
    // Some were made in the same millisecond.
    let made = |id: &str, at: u32| {
        let task = Task { created_at: Timestamp((at / 3).into()), ..task(id, at) };
        Change::InsertTask { task }
    };
    let first: Vec<Change> = (0..20).map(|at| made(&format!("t{at:02}"), at)).collect();
    write(store, first).await.unwrap();
    let (mut after, mut seen) = (None, Vec::new());
    for page in 0.. {
        let found = store.task_page(&TaskFilter { after, limit: 3, ..TaskFilter::default() }).await.unwrap();
        seen.extend(found.tasks.into_iter().map(|task| task.id.0));
        write(store, vec![made(&format!("new{page}"), 100 + page)]).await.unwrap();
        after = found.next.map(|next| next.to_string().parse().unwrap());
        if after.is_none() {
            break;
        }
    }
    let all: Vec<String> = (0..20).rev().map(|at| format!("t{at:02}")).collect();
    assert_eq!(seen, all);
    // Exactly as many as there are: no empty page follows.
    let whole = store.task_page(&TaskFilter { limit: 27, ..TaskFilter::default() }).await.unwrap();
    assert_eq!((whole.tasks.len(), whole.next), (27, None));
}

async fn what_an_earlier_release_wrote_is_listed_as_it_is(world: World) {
    let store = &**world.store;
    shop(store, &["a", "b", "c"]).await;
    let asked = Wait::Human { asked: EpisodeKind::Approval };
    // It knows nothing of what is kept beside the row: a new row, a row of ours that it wrote, one that has ended.
    let body = |task: &Task| serde_json::to_string(task).unwrap().replace("\\u0000", "").replace('\'', "''");
    let new = Task { title: "Theirs".into(), waits: vec![asked.clone()], ..task("d", 4) };
    world
        .raw(&format!(
            "INSERT INTO tasks (id, repository, work_item, prefix, number, place, terminal, resting, visit, attempt, pipeline,
                 priority, created_at, version, body)
             VALUES ('d', 'shop', 'SHOP-004', 'SHOP', 4, 'development', 0, 0, 1, 0, 'digest', 0, 4, 0, '{}')",
            body(&new)
        ))
        .await;
    let put = Task { title: "Put by them".into(), waits: vec![asked], ..task("a", 1) };
    world.raw(&format!("UPDATE tasks SET version = version + 1, body = '{}' WHERE id = 'a'", body(&put))).await;
    let done = Task { title: "Ended".into(), position: Position::Done, ..task("b", 2) };
    let ended = "version = version + 1, place = 'done', terminal = 1";
    world.raw(&format!("UPDATE tasks SET {ended}, body = '{}' WHERE id = 'b'", body(&done))).await;
    let titles = async |filter: TaskFilter| {
        let page = store.task_page(&filter).await.unwrap();
        page.tasks.into_iter().map(|task| task.shown.title).collect::<Vec<_>>()
    };
    let all = || TaskFilter { ended: true, ..TaskFilter::default() };
    assert_eq!(titles(all()).await, ["Theirs", "A title", "Ended", "Put by them"]);
    let asks = TaskFilter { doing: vec!["human".into()], ..TaskFilter::default() };
    assert_eq!(titles(asks.clone()).await, ["Theirs", "Put by them"]);
    let behind = "SELECT COUNT(*) FROM tasks WHERE terminal = 0 AND listed <> version";
    assert_eq!(world.number(behind).await, 0, "they were listed anew");
    let counts = store.task_counts(None).await.unwrap();
    assert_eq!(counts, [(String::new(), 1), ("human".to_owned(), 2)]);
    // A guard alone raises the version, and leaves what is listed as it is.
    store.apply(set(vec![version("c", 0)], vec![]), None).await.unwrap();
    assert_eq!(world.number(behind).await, 0);
    // What is kept beside the row is of a newer release: the row itself is read.
    world.raw("UPDATE tasks SET shown = '{\"title\":\"New\"}' WHERE id = 'c'").await;
    assert_eq!(titles(all()).await, ["Theirs", "A title", "Ended", "Put by them"]);
}

async fn tasks_are_looked_for_by_what_they_wait_for(world: World) {
    let store = &**world.store;
    shop(store, &[]).await;
    store.register(&repository("attic")).await.unwrap();
    let waiting = |id: &str, number, waits| Change::InsertTask { task: Task { waits, ..task(id, number) } };
    let held = Wait::Held { reason: "why".into() };
    let changes = vec![
        waiting("a", 1, vec![Wait::Human { asked: EpisodeKind::Approval }]),
        waiting("b", 2, vec![Wait::Backlog]),
        waiting("c", 3, vec![Wait::Branch, held]),
        Change::InsertTask { task: Task { repository: "attic".into(), waits: vec![Wait::Backlog], ..task("d", 4) } },
    ];
    write(store, changes).await.unwrap();
    let find = async |repository: Option<&str>, kinds: &[&str], limit| {
        let doing = kinds.iter().map(ToString::to_string).collect();
        ids(store, TaskFilter { repository: repository.map(Into::into), doing, limit, ..TaskFilter::default() }).await
    };
    assert_eq!(find(None, &["human", "held"], 0).await, "c a");
    assert_eq!(find(None, &["human", "held", "agent", "check"], 1).await, "c");
    assert_eq!(find(Some("shop"), &["backlog"], 0).await, "b");
    assert_eq!(find(None, &["backlog"], 0).await, "d b");
    let counts = store.task_counts(Some(&"shop".into())).await.unwrap();
    assert_eq!(counts, [("backlog", 1), ("held", 1), ("human", 1)].map(|(kind, count)| (kind.to_owned(), count)));
}

async fn tasks_are_looked_for_by_place_and_words(world: World) {
    let store = &**world.store;
    shop(store, &[]).await;
    store.register(&repository("attic")).await.unwrap();
    let made = |id: &str, number, title: &str, position: Position| Change::InsertTask {
        task: Task { title: title.into(), position, waits: vec![Wait::Backlog], ..task(id, number) },
    };
    let stage = || Position::Stage("development".into());
    let mut changes = vec![
        made("a", 1, "Add up 100% of it", stage()),
        made("b", 2, "Взять итог", Position::Backlog),
        made("c", 3, "Take a_way!", stage()),
    ];
    changes.push(Change::InsertTask {
        task: Task { repository: "attic".into(), title: "Add".into(), position: Position::Done, ..task("d", 4) },
    });
    write(store, changes).await.unwrap();
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let find = async |place: &str, words: &str, doing: &str| {
        let doing = some(doing).into_iter().collect();
        ids(store, TaskFilter { place: some(place), search: some(words), doing, ..TaskFilter::default() }).await
    };
    for (place, words, doing, found) in [
        ("development", "", "", "c a"),
        ("done", "", "", "d"),
        ("done", "", "backlog", ""),
        ("backlog", "", "backlog", "b"),
        ("nowhere", "", "", ""),
        ("", "add", "", "a"),
        ("", "ADD", "", "a"),
        ("", "%", "", "a"),
        ("", "_", "", "c"),
        ("", "!", "", "c"),
        ("", "итог", "", "b"),
        ("", "shop-00", "", "c b a"),
        ("development", "take", "backlog", "c"),
        ("", "'; DROP TABLE tasks", "", ""),
    ] {
        assert_eq!(find(place, words, doing).await, found, "{place} {words} {doing}");
    }
    let attic = TaskFilter { repository: Some("attic".into()), place: some("done"), ..TaskFilter::default() };
    assert_eq!(ids(store, attic).await, "d");
    let ended = TaskFilter { ended: true, search: some("add"), ..TaskFilter::default() };
    assert_eq!(ids(store, ended).await, "d a");
    let census = async |repository: Option<&str>| {
        let rows = store.task_census(repository.map(Into::into).as_ref()).await.unwrap();
        rows.into_iter().map(|row| format!("{}/{}={}", row.place, row.doing, row.count)).collect::<Vec<_>>()
    };
    assert_eq!(census(None).await, ["backlog/backlog=1", "development/backlog=2", "done/=1"]);
    assert_eq!(census(Some("attic")).await, ["done/=1"]);
}

async fn costs_are_told_by_day_stage_and_model(world: World) {
    let store = &**world.store;
    shop(store, &["a", "b"]).await;
    let day = 86_400_000;
    let usage = |cost: i64, input: i64, model: &str| {
        let agent = if model == "n" { r#","agent":"codex""# } else { "" };
        format!(r#""cost_micros":{cost},"input_tokens":{input},"output_tokens":1,"model":"{model}"{agent}"#)
    };
    for (task, at, stage, usage) in [
        ("a", day + 1, "make", usage(500, 10, "m")),
        ("a", day + 2, "make", usage(250, 5, "m")),
        ("a", 2 * day, "judge", String::new()),
        ("b", 2 * day, "make", usage(9_000, 1, "n")),
        ("b", 5, "make", usage(77, 1, "n")),
    ] {
        let body = format!(r#"{{"attempt":1,"stage":"{stage}","usage":{{{usage}}},"at":0}}"#);
        world.raw(&format!("INSERT INTO usage_rows (task, booked_at, body) VALUES ('{task}', {at}, '{body}')")).await;
    }
    let ask = async |since, repository: Option<&str>| {
        let filter = SpentFilter { since: Timestamp(since), repository: repository.map(Into::into), tasks: 10 };
        store.spent(&filter).await.unwrap()
    };
    let told = |rows: &[Spent]| -> Vec<String> {
        let some = |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
        let one = |row: &Spent| {
            let (micros, input) = (some(row.micros), some(row.input));
            let by = [&row.stage, &row.agent, &row.model, &row.task].map(String::as_str).concat();
            format!("{} {by} {}/{} {micros} {input}", row.day, row.silent, row.runs)
        };
        rows.iter().map(one).collect()
    };
    let costs = ask(day, None).await;
    assert_eq!(told(&costs.rows), ["1 makem 0/2 750 15", "2 judge 1/1 - -", "2 makecodexn 0/1 9000 1"]);
    assert_eq!(told(&costs.dearest), ["0 SHOP-002 0/1 9000 1", "0 SHOP-001 1/3 750 15"]);
    assert_eq!(costs.landed, 0);
    let one = SpentFilter { since: Timestamp(0), repository: None, tasks: 1 };
    assert_eq!(told(&store.spent(&one).await.unwrap().dearest), ["0 SHOP-002 0/2 9077 2"]);
    assert_eq!(ask(0, Some("shop")).await.rows.len(), 4);
    assert_eq!(ask(0, Some("attic")).await, Costs::default());
}

async fn a_forecast_reads_what_landed_and_nothing_else(world: World) {
    let store = &**world.store;
    shop(store, &["a", "b", "c"]).await;
    for task in ["b", "c"] {
        world.raw(&format!("UPDATE tasks SET terminal = 1, place = 'done' WHERE id = '{task}'")).await;
    }
    for (task, stage, usage) in [
        ("a", "make", r#""cost_micros":1"#),
        ("b", "make", r#""cost_micros":2"#),
        ("b", "make", r#""cost_micros":30"#),
        ("b", "judge", ""),
        ("c", "make", r#""cost_micros":7"#),
    ] {
        let body = format!(r#"{{"attempt":1,"stage":"{stage}","usage":{{{usage}}},"at":0}}"#);
        world.raw(&format!("INSERT INTO usage_rows (task, booked_at, body) VALUES ('{task}', 1, '{body}')")).await;
    }
    let read = async |repository: &str, most| {
        let rows = store.landed_costs(&repository.into(), most).await.unwrap();
        rows.iter().map(|row| format!("{} {} {}+{}", row.task, row.stage, row.micros, row.silent)).collect::<Vec<_>>()
    };
    assert_eq!(read("shop", 9).await, ["b judge 0+1", "b make 32+0", "c make 7+0"]);
    assert_eq!(read("shop", 1).await.len(), 1);
    assert_eq!(read("attic", 9).await.len(), 0);
}

async fn costs_are_added_up(world: World) {
    let store = &**world.store;
    shop(store, &["a", "b"]).await;
    let booked = |attempt, cost_micros| Change::AddUsage {
        task: "a".into(),
        attempt,
        stage: "development".into(),
        usage: Usage { cost_micros, ..Usage::default() },
        at: Timestamp(1),
    };
    // An agent may say what it likes; a figure beyond all money counts for nothing.
    let changes = vec![booked(1, Some(210_000)), booked(2, None), booked(3, Some(40_000)), booked(4, Some(u64::MAX))];
    write(store, changes).await.unwrap();
    let page = store.task_page(&TaskFilter::default()).await.unwrap();
    assert_eq!(page.tasks.iter().map(|task| task.cost_micros).collect::<Vec<_>>(), [None, Some(250_000)]);
}

fn place(task: &str, line: Line, priority: i32, at: i64, state: LaneState) -> Change {
    Change::PutLaneEntry { entry: LaneEntry { priority, ..entry(task, line, at, state) } }
}

async fn line_of_five(store: &(dyn Store + 'static)) {
    shop(store, &["a", "b", "c", "d", "e", "f"]).await;
    let gone = LaneState::Ejected { cause: Ejection::Unknown { reason: "r".into() } };
    let entries = vec![
        place("a", Line::Entry, 0, 1, LaneState::Admitted),
        place("b", Line::Entry, 0, 2, LaneState::Queued),
        // The same moment: the older task goes first.
        place("d", Line::Entry, 0, 3, LaneState::Queued),
        place("c", Line::Entry, 0, 3, LaneState::Queued),
        place("e", Line::Entry, 7, 4, LaneState::Queued),
        place("a", Line::Landing, 0, 1, gone),
        place("f", Line::Landing, 0, 2, LaneState::Building { fence: 1 }),
        place("b", Line::Landing, 0, 3, LaneState::Queued),
    ];
    write(store, entries).await.unwrap();
}

async fn places_are_counted(world: World) {
    let store = &**world.store;
    line_of_five(store).await;
    let all: Vec<TaskId> = ["a", "b", "c", "d", "e", "f"].map(TaskId::from).to_vec();
    let told = async |serial, tasks: &[TaskId]| {
        let found = store.places_in_line(&"shop".into(), serial, tasks).await.unwrap();
        let word = |place: PlaceInLine| {
            let behind = place.behind.map(|item| format!("<{}", &item.as_str()[8..])).unwrap_or_default();
            format!("{}{}{}{behind}", place.task, if place.line == Line::Entry { "" } else { "!" }, place.place)
        };
        found.into_iter().map(word).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(told(false, &all).await, "e1 b2<e c3<e d4<e f!1 b!2<f");
    assert_eq!(told(true, &all).await, "e2<a b3<a c4<a d5<a f!1 b!2<f");
    assert_eq!(told(true, &["d".into(), "e".into()]).await, "e2<a d5<a", "from the front to the back");
    assert_eq!(told(false, &["d".into(), "b".into()]).await, "b2<e d4<e b!2<f");
    for (task, serial, place) in [("d", true, "d5<a"), ("c", false, "c3<e"), ("f", true, "f!1"), ("a", true, "")] {
        assert_eq!(told(serial, &[task.into()]).await, place, "alone");
    }
}

async fn fronts_are_cut_and_counted(world: World) {
    let store = &**world.store;
    line_of_five(store).await;
    let names =
        |entries: Vec<&LaneEntry>| entries.iter().map(|entry| entry.task.0.clone()).collect::<Vec<_>>().join(" ");
    for (most, entry, landing) in [(9, "e a b c d", "a f b"), (2, "e a b", "a f"), (1, "e a", "a")] {
        let fronts = store.fronts(&"shop".into(), &Policy::default(), most).await.unwrap();
        assert_eq!(names(fronts.facts.entry.iter().map(|it| &it.entry).collect()), entry);
        assert_eq!(names(fronts.facts.landing.iter().map(|it| &it.entry).collect()), landing);
        assert_eq!((fronts.admitted, fronts.waiting, fronts.landing), (1, 4, 3));
    }
}
