//! What a budget counts.

use orch_rules::attempt::Usage;
use orch_rules::change::{Change, Guard};
use orch_rules::ids::Timestamp;

use crate::guards::race;
use crate::harness::{World, on_both};
use crate::rows::*;

on_both!(a_budget_counts_what_was_spent_before_it_was_set,);

/// Whenever somebody sets one: it is that of the day, the repository or the task, and not of the hours that are left.
async fn a_budget_counts_what_was_spent_before_it_was_set(world: World) {
    const DAY: i64 = 24 * 60 * 60_000;
    let store = &*world.store;
    shop(store, &["a", "b"]).await;
    let booked = |task: &str, at, cost_micros, at_least_micros| Change::AddUsage {
        task: task.into(),
        attempt: 1,
        stage: "development".into(),
        usage: Usage { cost_micros, at_least_micros, ..Usage::default() },
        at: Timestamp(at),
    };
    let changes = vec![
        booked("a", 7 * DAY - 1, Some(1_000), None),
        booked("a", 7 * DAY, Some(200), None),
        booked("b", 8 * DAY - 1, Some(30), None),
        booked("b", 8 * DAY, Some(4_000), None),
        // Unknown: what is set aside for a run, or more if more is known.
        booked("a", 7 * DAY + 5, None, None),
        booked("a", 7 * DAY + 6, None, Some(50)),
        booked("a", 7 * DAY + 7, None, Some(3)),
    ];
    write(store, changes).await.unwrap();
    let of = |name: &str, ceiling_micros, holder: &str| {
        let (budget, holder) = (name.into(), holder.into());
        set(vec![Guard::Reserve { budget, ceiling_micros, amount_micros: 10, holder }], vec![])
    };
    for (name, spent) in [
        ("budget:day:7", 200 + 30 + 10 + 50 + 10),
        ("budget:repository:shop:7", 300),
        ("budget:repository:mill:7", 0),
        ("budget:day:6", 1_000),
        ("budget:task:a", 1_000 + 200 + 10 + 50 + 10),
        ("budget:task:b", 4_030),
    ] {
        let most = u64::try_from(spent).unwrap() + 10;
        assert_eq!(race(&world, "reserve", vec![of(name, most - 1, "x")]).await, 0, "{name}");
        assert_eq!(race(&world, "reserve", vec![of(name, most, "x")]).await, 1, "{name}");
        assert_eq!(store.budget(name).await, Some((i64::try_from(most).unwrap(), spent, 10)), "{name}");
    }
    // What was settled besides, of runs that told nothing, stays counted, and nothing counts twice.
    write(store, vec![Change::Settle { holder: "x".into(), spent_micros: None }]).await.unwrap();
    store.apply(of("budget:day:7", 1_000, "y"), None).await.unwrap();
    assert_eq!(store.budget("budget:day:7").await, Some((1_000, 310, 10)));
}
