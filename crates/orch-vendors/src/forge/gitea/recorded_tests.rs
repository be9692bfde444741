//! What is made of the answers that real servers were recorded to give.

use std::collections::BTreeMap;

use orch_ports::change_requests::{ChangeRequestState, ReviewVerdict};
use orch_rules::ci::{CiVerdict, StatusState, combine};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::existing;
use super::wire::{
    Branch, CombinedStatus, Comparison, PullRequest, Review, Rule, SeenRepository, SeenStatus, ServerVersion, User,
};

#[derive(Deserialize)]
struct Exchange {
    status: u16,
    total: Option<String>,
    body: Value,
}

fn recorded(release: &str) -> BTreeMap<String, Exchange> {
    let text = match release {
        "1.26.4" => include_str!("fixtures/1.26.4.json"),
        _ => include_str!("fixtures/1.24.7.json"),
    };
    serde_json::from_str(text).unwrap()
}

fn read<T: DeserializeOwned>(release: &str, name: &str) -> T {
    let body = recorded(release).remove(name).unwrap_or_else(|| panic!("{name} was not recorded")).body;
    serde_json::from_value(body).unwrap_or_else(|error| panic!("{release} {name}: {error}"))
}

#[test]
fn change_requests_are_read_in_every_state() {
    for (release, name, state) in [
        ("1.26.4", "opened", ChangeRequestState::Open),
        ("1.26.4", "got", ChangeRequestState::Open),
        ("1.26.4", "edited", ChangeRequestState::Open),
        ("1.26.4", "closed", ChangeRequestState::Closed),
        ("1.26.4", "branch gone", ChangeRequestState::Closed),
        ("1.26.4", "merged", ChangeRequestState::Merged),
        ("1.24.7", "edited", ChangeRequestState::Open),
        ("1.24.7", "closed", ChangeRequestState::Closed),
        ("1.24.7", "branch gone", ChangeRequestState::Closed),
    ] {
        let found = read::<PullRequest>(release, name).ours();
        assert_eq!(found.state, state, "{release} {name}");
        assert!(found.address.ends_with(&format!("/pulls/{}", found.number)) && found.head.as_str().len() == 40);
    }
}

#[test]
fn the_one_that_is_there_is_named_by_the_refusal_of_a_second() {
    let exchange = recorded("1.26.4").remove("opened twice").unwrap();
    let message = exchange.body.get("message").and_then(Value::as_str).unwrap();
    assert_eq!((exchange.status, existing(message)), (409, Some(2)));
    // The row's id is another number than the one that people see.
    assert_eq!(
        existing("pull request already exists for these targets [id: 41, issue_id: 7, head_repo_id: 1]"),
        Some(7)
    );
    assert_eq!(existing("The branch already exists."), None);
}

#[test]
fn statuses_are_read_page_by_page_and_combined_by_us() {
    let page = |name: &str| -> Vec<SeenStatus> { read::<CombinedStatus>("1.26.4", name).statuses.unwrap_or_default() };
    let mut all: Vec<_> = page("page 1").into_iter().chain(page("page 2")).map(SeenStatus::ours).collect();
    assert!(page("page beyond").is_empty() && page("no statuses").is_empty());
    assert_eq!(recorded("1.26.4")["page 1"].total.as_deref(), Some("75"), "of all pages");
    assert_eq!(recorded("1.26.4")["page 1"].body["state"], "success", "of this page alone");
    assert!(matches!(combine(&all, &["ci/*".to_owned()]), CiVerdict::Red(status) if status.context == "ci/job-00"));
    all.retain(|status| status.state == StatusState::Success);
    assert_eq!(combine(&all, &["ci/*".to_owned()]), CiVerdict::Green);
    assert!(read::<CombinedStatus>("1.24.7", "no statuses").statuses.is_none());
}

#[test]
fn reviews_are_read_with_what_voids_them() {
    let found: Vec<_> = read::<Vec<Review>>("1.26.4", "reviews").into_iter().filter_map(Review::ours).collect();
    let said: Vec<_> = found.iter().map(|review| (review.verdict, review.dismissed, review.text.as_str())).collect();
    let expected = [
        (ReviewVerdict::Comment, false, "a comment"),
        (ReviewVerdict::ChangesRequested, true, "fix it"),
        (ReviewVerdict::Approved, true, "good"),
    ];
    assert_eq!(said, expected);
    assert!(found.iter().all(|review| (review.by.as_str(), review.name.as_str()) == ("3", "rev")));
    assert_eq!(found.first().map(|review| review.at.0), Some(1_796_001_169_000));
}

#[test]
fn what_main_asks_for_is_read() {
    let branch: Branch = read("1.26.4", "protected branch");
    assert!(branch.protected && branch.enable_status_check && !branch.user_can_push);
    assert_eq!(
        (branch.required_approvals, branch.status_check_contexts),
        (1, Some(vec!["ci/*".into(), "gate".into()]))
    );
    let rules: Vec<Rule> = read("1.26.4", "rules");
    assert!(rules.iter().any(|rule| rule.rule_name == "prot" && rule.dismiss_stale_approvals));
    let repository: SeenRepository = read("1.26.4", "repository");
    assert!(repository.permissions.is_some_and(|permissions| permissions.push));
    assert_eq!(read::<Comparison>("1.26.4", "equal").total_commits, 0);
    assert_eq!(
        (read::<ServerVersion>("1.26.4", "version").version, read::<User>("1.26.4", "user").id),
        ("1.26.4".into(), 1)
    );
}
