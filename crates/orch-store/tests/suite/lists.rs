//! Lists: pages, what is looked for, what earlier releases wrote, places in lines.

use orch_ports::Store;
use orch_ports::lists::{ListedTask, PlaceInLine, TaskFilter};
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
    costs_are_added_up,
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
