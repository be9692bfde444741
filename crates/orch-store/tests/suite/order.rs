//! What is claimed first of what waits for the same room.

use orch_ports::store::{Claim, Job};
use orch_rules::change::Change;
use orch_rules::effect::Effect;
use orch_rules::ids::Timestamp;

use crate::harness::{World, on_both};
use crate::rows::*;

on_both!(the_lanes_check_goes_before_those_of_tasks,);

async fn the_lanes_check_goes_before_those_of_tasks(world: World) {
    shop(&*world.store, &["a", "b"]).await;
    let mut urgent = task("u", 9);
    urgent.priority = 1_000;
    let check = |task: &str, lane| {
        let (check, commit) = (format!("{task}-{lane}").as_str().into(), "c".into());
        Change::Perform { effect: Effect::RunCheck { task: task.into(), check, commit, lane }, due: Timestamp(0) }
    };
    let changes = vec![Change::InsertTask { task: urgent }, check("a", false), check("u", false), check("b", true)];
    write(&*world.store, changes).await.unwrap();
    let claim = Claim { owner: "me".into(), incarnation: i64::MAX, limit: 1, kinds: vec!["run_check"] };
    let mut order = Vec::new();
    while let [row] = &world.store.claim(claim.clone()).await.unwrap()[..] {
        if let Job::Perform { effect } = &row.job {
            order.push(effect.task().to_string());
        }
    }
    assert_eq!(order, ["b", "u", "a"]);
}
