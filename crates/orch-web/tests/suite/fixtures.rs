//! What views are made of.

use orch_rules::ids::Timestamp;
use orch_rules::task::{Position, Task, Wait};

pub fn task(number: u32, position: Position, waits: Vec<Wait>) -> Task {
    Task {
        id: format!("task-{number}").into(),
        repository: "shop".into(),
        work_item: format!("SHOP-{number:03}").into(),
        title: "Totals are wrong".to_owned(),
        description: "Very.".to_owned(),
        author: "ann".into(),
        branch: format!("feature/SHOP-{number:03}-totals-are-wrong"),
        priority: 0,
        position,
        visit: 1,
        pipeline: "p1".into(),
        base: None,
        head: None,
        keys: None,
        attempt: 1,
        retries: 0,
        rework: None,
        claims: Vec::new(),
        convergence: orch_rules::convergence::Convergence::default(),
        hold: None,
        paused: false,
        hands: None,
        branch_seen: None,
        replay_since: None,
        unlisted: false,
        stop: None,
        landed: None,
        brought: Vec::new(),
        deployment: None,
        waits,
        rule: "launch_agent".to_owned(),
        created_at: Timestamp(0),
        started_at: None,
        entered_at: Timestamp(1500),
        ended_at: None,
        version: 1,
        beyond: Default::default(),
    }
}
