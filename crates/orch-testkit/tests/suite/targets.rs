//! The fake target keeps the contract of targets.

use orch_ports::projection::ProjectionTarget;
use orch_rules::task::Task;
use orch_testkit::contract::{self, projections::TargetBench, projections::suite};
use orch_testkit::fake::FakeTarget;

struct Board(FakeTarget);

impl TargetBench for Board {
    fn target(&self) -> &dyn ProjectionTarget {
        &self.0
    }
    fn aspect(&self) -> &'static str {
        "card"
    }
    fn task(&self) -> Task {
        serde_json::from_value(serde_json::json!({
            "id": "t1", "repository": "shop", "work_item": "SHOP-001", "title": "Add up", "description": "",
            "author": "ann", "branch": "feature/SHOP-001-add-up", "priority": 0, "position": {"at": "backlog"},
            "visit": 0, "pipeline": "p", "base": null, "head": null, "keys": null, "attempt": 0, "retries": 0,
            "rework": null, "hold": null, "paused": false, "stop": null, "landed": null, "waits": [], "rule": "",
            "created_at": 0, "started_at": null, "entered_at": 0, "ended_at": null, "version": 0,
        }))
        .unwrap()
    }
    fn texts(&self) -> [String; 2] {
        ["Development".to_owned(), "Review".to_owned()]
    }
    fn seen(&self) -> Vec<String> {
        self.0.there().cards.values().map(|(_, text)| text.clone()).collect()
    }
    fn as_seen(&self, text: &str) -> String {
        text.to_owned()
    }
}

#[test]
fn the_fake_target_keeps_the_contract() {
    contract::run(suite(), |_| Board(FakeTarget::new("board")));
}
