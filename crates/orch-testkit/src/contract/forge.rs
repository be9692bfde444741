//! The contract of [`orch_ports::forge::Forge`].

use orch_ports::forge::Landing;
use orch_rules::ids::CommitId;
use orch_rules::lane::Candidate;
use orch_rules::port_error::ErrorKind;

use super::workshop::{base, deliver, fails, made};
use super::{Bench, Case, cases};

/// All cases.
pub fn suite<B: Bench>() -> &'static [Case<B>] {
    const {
        cases![
            landing_moves_main_once,
            a_stale_landing_moves_nothing,
            a_candidate_lands_on_its_own_parent_only,
            what_people_brought_to_main_is_landed,
            publishing_follows_the_head,
            a_persons_push_is_never_overwritten,
            a_persons_push_is_never_removed,
            removing_twice_is_removing,
            main_is_never_published_nor_removed,
            a_users_commits_become_the_base,
            what_does_not_exist_is_neither_published_nor_landed,
        ]
    }
}

/// The cases of a forge that stands beside the user's repository, where both can go apart.
pub fn beside<B: Bench>() -> &'static [Case<B>] {
    const { cases![a_diverged_base_is_told_and_left_alone] }
}

fn land<B: Bench>(bench: &B, candidate: &Candidate) {
    let landing = bench.forge().land(&candidate.commit, &candidate.parent).unwrap();
    assert_eq!(landing, Landing::Landed { tip: candidate.commit.clone() });
}

fn landing_moves_main_once<B: Bench>(bench: &B) {
    let head = deliver(bench, 1, &[("b.txt", Some("b\n"))]);
    let candidate = made(bench, &head);
    let landing = bench.forge().land(&candidate.commit, &candidate.parent).unwrap();
    assert_eq!(landing, Landing::Landed { tip: candidate.commit.clone() });
    assert_eq!(base(bench), candidate.commit);
    // Asked again by a later process: it is there.
    assert_eq!(bench.forge().land(&candidate.commit, &candidate.parent).unwrap(), landing);
    // Even when others landed on top of it.
    let next = deliver(bench, 2, &[("c.txt", Some("c\n"))]);
    let next = made(bench, &next);
    land(bench, &next);
    let again = bench.forge().land(&candidate.commit, &candidate.parent).unwrap();
    assert_eq!(again, Landing::Landed { tip: next.commit });
}

fn a_stale_landing_moves_nothing<B: Bench>(bench: &B) {
    let (one, other) = (deliver(bench, 1, &[("b.txt", Some("b\n"))]), deliver(bench, 2, &[("c.txt", Some("c\n"))]));
    let (one, other) = (made(bench, &one), made(bench, &other));
    land(bench, &one);
    let stale = bench.forge().land(&other.commit, &other.parent).unwrap();
    assert_eq!(stale, Landing::Moved { tip: one.commit.clone() });
    assert_eq!(base(bench), one.commit);
}

fn a_candidate_lands_on_its_own_parent_only<B: Bench>(bench: &B) {
    let start = base(bench);
    let candidate = made(bench, &deliver(bench, 1, &[("b.txt", Some("b\n"))]));
    let moved = bench.user_commits(&[("d.txt", Some("d\n"))], false);
    assert_eq!(base(bench), moved);
    fails(bench.forge().land(&candidate.commit, &moved), ErrorKind::Refused);
    assert_eq!(bench.forge().land(&candidate.commit, &start).unwrap(), Landing::Moved { tip: moved.clone() });
    assert_eq!(base(bench), moved);
}

fn publishing_follows_the_head<B: Bench>(bench: &B) {
    let name = "feature/T-001-x";
    let (one, other) = (deliver(bench, 1, &[("b.txt", Some("b\n"))]), deliver(bench, 2, &[("c.txt", Some("c\n"))]));
    for _ in 0..2 {
        bench.forge().publish(name, None, &one).unwrap();
        assert_eq!(bench.branch(name).as_ref(), Some(&one));
    }
    for _ in 0..2 {
        bench.forge().publish(name, Some(&one), &other).unwrap();
        assert_eq!(bench.branch(name).as_ref(), Some(&other));
    }
}

fn a_persons_push_is_never_overwritten<B: Bench>(bench: &B) {
    let name = "feature/T-001-x";
    let (one, other) = (deliver(bench, 1, &[("b.txt", Some("b\n"))]), deliver(bench, 2, &[("c.txt", Some("c\n"))]));
    bench.forge().publish(name, None, &one).unwrap();
    let pushed = bench.push(name, &[("p.txt", Some("by hand\n"))]);
    fails(bench.forge().publish(name, Some(&one), &other), ErrorKind::Conflict);
    fails(bench.forge().publish(name, None, &other), ErrorKind::Conflict);
    assert_eq!(bench.branch(name), Some(pushed));
}

fn main_is_never_published_nor_removed<B: Bench>(bench: &B) {
    let start = base(bench);
    let head = deliver(bench, 1, &[("b.txt", Some("b\n"))]);
    fails(bench.forge().publish("main", Some(&start), &head), ErrorKind::Refused);
    fails(bench.forge().remove("main", &start), ErrorKind::Refused);
    assert_eq!(bench.branch("main"), Some(start));
}

fn a_users_commits_become_the_base<B: Bench>(bench: &B) {
    let before = base(bench);
    let commit = bench.user_commits(&[("u.txt", Some("u\n"))], false);
    let now = bench.forge().base().unwrap();
    assert_eq!((&now.tip, now.diverged), (&commit, None));
    assert_ne!(before, commit);
    assert_eq!(base(bench), commit);
}

fn a_diverged_base_is_told_and_left_alone<B: Bench>(bench: &B) {
    let candidate = made(bench, &deliver(bench, 1, &[("b.txt", Some("b\n"))]));
    land(bench, &candidate);
    assert_eq!(bench.forge().base().unwrap().diverged, None, "what landed and was not fetched yet is no divergence");
    bench.user_commits(&[("u.txt", Some("u\n"))], false);
    let now = bench.forge().base().unwrap();
    assert_eq!(now.tip, candidate.commit);
    assert!(now.diverged.is_some_and(|words| !words.is_empty()));
    let merged = bench.user_commits(&[("v.txt", Some("v\n"))], true);
    let now = bench.forge().base().unwrap();
    assert_eq!((now.tip, now.diverged), (merged, None));
}

fn what_people_brought_to_main_is_landed<B: Bench>(bench: &B) {
    let candidate = made(bench, &deliver(bench, 1, &[("b.txt", Some("b\n"))]));
    bench.forge().publish("candidate", None, &candidate.commit).unwrap();
    bench.merges("candidate");
    let landing = bench.forge().land(&candidate.commit, &candidate.parent).unwrap();
    assert_eq!(landing, Landing::Landed { tip: candidate.commit.clone() }, "by whoever pressed the button");
    let on_top = bench.user_commits(&[("d.txt", Some("d\n"))], true);
    assert_eq!(base(bench), on_top);
    let landing = bench.forge().land(&candidate.commit, &candidate.parent).unwrap();
    assert_eq!(landing, Landing::Landed { tip: on_top });
}

fn a_persons_push_is_never_removed<B: Bench>(bench: &B) {
    let name = "feature/T-001-x";
    let head = deliver(bench, 1, &[("b.txt", Some("b\n"))]);
    bench.forge().publish(name, None, &head).unwrap();
    let pushed = bench.push(name, &[("p.txt", Some("by hand\n"))]);
    fails(bench.forge().remove(name, &head), ErrorKind::Conflict);
    assert_eq!(bench.branch(name).as_ref(), Some(&pushed));
    let tip = bench.forge().tip(name).unwrap();
    assert_eq!(tip.as_ref(), Some(&pushed));
    assert!(bench.workshop().contains(&pushed, &head).unwrap(), "its commits are in the workshop");
    assert!(!bench.workshop().contains(&head, &pushed).unwrap());
}

fn removing_twice_is_removing<B: Bench>(bench: &B) {
    let name = "feature/T-001-x";
    let head = deliver(bench, 1, &[("b.txt", Some("b\n"))]);
    bench.forge().publish(name, None, &head).unwrap();
    for _ in 0..2 {
        bench.forge().remove(name, &head).unwrap();
        assert_eq!((bench.branch(name), bench.forge().tip(name).unwrap()), (None, None));
    }
}

fn what_does_not_exist_is_neither_published_nor_landed<B: Bench>(bench: &B) {
    let (nothing, start) = (CommitId("f".repeat(40)), base(bench));
    fails(bench.forge().publish("feature/T-001-x", None, &nothing), ErrorKind::Gone);
    fails(bench.forge().land(&nothing, &start), ErrorKind::Gone);
    assert_eq!(base(bench), start);
}
