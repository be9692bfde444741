//! Every reason for waiting, in words.

use std::fmt::Write;

use orch_ports::lists::ListedTask;
use orch_rules::episode::EpisodeKind;
use orch_rules::ids::Timestamp;
use orch_rules::outage::Source;
use orch_rules::task::{PauseScope, Position, Wait};
use orch_web::view::WaitView;

use crate::fixtures::task;

fn outage(named: bool, probed_by: Option<orch_rules::ids::WorkItemId>) -> Wait {
    let source = Source::Credential { name: "main".to_owned() };
    let until = Some(Timestamp(1_795_217_182_000));
    Wait::Outage { source, reason: "usage limit".to_owned(), until, named, probed_by, passes: false }
}

#[test]
fn every_wait_is_one_sentence_with_what_to_do() {
    let waits = vec![
        Wait::Backlog,
        Wait::Unlisted { author: "mallory".into() },
        Wait::Entry { place: 1, behind: None },
        Wait::Entry { place: 3, behind: Some("SHOP-002".into()) },
        Wait::Frozen { reason: "production is red".to_owned() },
        Wait::Dependency { on: vec!["SHOP-002".into()] },
        Wait::Dependency { on: vec!["SHOP-002".into(), "SHOP-003".into(), "SHOP-004".into()] },
        Wait::Agent { attempt: 3 },
        Wait::Collecting { attempt: 3, why: "the disk is full".to_owned() },
        Wait::Check { commit: "0123456789abcdef".into() },
        Wait::Slot { key: "runs".to_owned(), max: 2 },
        Wait::Budget { key: "budget:day:20778".to_owned() },
        Wait::Budget { key: "budget:task:0190".to_owned() },
        Wait::Human { asked: EpisodeKind::Budget },
        outage(false, None),
        outage(true, None),
        outage(true, Some("SHOP-002".into())),
        Wait::Human { asked: EpisodeKind::Approval },
        Wait::Human { asked: EpisodeKind::Questions },
        Wait::Human { asked: EpisodeKind::ConfirmDeploy },
        Wait::Human { asked: EpisodeKind::ProtectedPaths },
        Wait::Lane { place: 1, behind: None, doing: "testing the candidate".to_owned() },
        Wait::Lane { place: 2, behind: Some("SHOP-002".into()), doing: "queued".to_owned() },
        Wait::Paused { scope: PauseScope::Task },
        Wait::Paused { scope: PauseScope::Repository },
        Wait::Held { reason: "escalated: 3 of 3 attempts are red".into() },
        Wait::Held { reason: "no test command: set one, then orch retry SHOP-001".into() },
        Wait::Held { reason: "entry check failed: the title has 1 character; write at least 3".into() },
        Wait::Branch,
        Wait::Hands { by: "Bob".into() },
        Wait::Deploying { target: "web".into(), state: "checking".to_owned(), why: "the hook ended with 0".to_owned() },
        Wait::Stopping,
        Wait::StopAfterStep { step: "landing".to_owned() },
    ];
    let task = task(1, Position::Entering, Vec::new());
    let mut text = String::new();
    for wait in &waits {
        let view = WaitView::of(wait, &ListedTask::from(&task));
        // The kind is the rules' own spelling.
        assert_eq!(serde_json::to_value(wait).unwrap()["kind"], view.kind);
        writeln!(text, "{:15} {}", view.kind, view.text).unwrap();
    }
    insta::assert_snapshot!(text);
}
