//! The way in and the way out under random histories: `cargo run --release -p orch-rules --example histories` is the
//! long run.

use crate::histories::outside::{Answering, Lacking, Outside};
use crate::histories::{AGAIN, Counts, FAULTS, History, Setting, UNREAD, Without};

const ALL: Setting = Setting { history: true, lookers: 1, without: Without::Nothing };
const LEVEL: Setting = Setting { history: false, ..ALL };

fn many(setting: Setting, count: u64) -> Counts {
    let mut sum = Counts::new();
    for seed in 1..=count {
        for (what, often) in History::new(seed, setting).run() {
            *sum.entry(what).or_default() += often;
        }
    }
    sum
}

fn faults(counts: &Counts) -> u64 {
    FAULTS.iter().filter_map(|fault| counts.get(fault)).sum()
}

#[test]
fn nothing_is_lost_doubled_or_invented() {
    for history in [true, false] {
        for lookers in [1, 2] {
            let counts = many(Setting { history, lookers, ..ALL }, 400);
            assert_eq!(faults(&counts), 0, "history {history}, lookers {lookers}: {counts:?}");
            assert!(counts["answers given"] > 800, "{counts:?}");
        }
    }
}

#[test]
fn each_rule_is_needed() {
    for (setting, count) in [
        (Setting { without: Without::Cursor, ..ALL }, 200),
        (Setting { without: Without::Agreement, ..ALL }, 1_000),
        (Setting { without: Without::NewestAlone, ..ALL }, 200),
        (Setting { without: Without::Translation, ..ALL }, 200),
        (Setting { without: Without::QuestionNamed, ..ALL }, 400),
        (Setting { without: Without::Numbers, ..ALL }, 200),
        (Setting { without: Without::SeenStanding, ..LEVEL }, 200),
        (Setting { without: Without::Version, lookers: 2, ..LEVEL }, 3_000),
    ] {
        let counts = many(setting, count);
        assert!(faults(&counts) > 0, "without {:?} nothing is wrong: {counts:?}", setting.without);
    }
}

#[test]
fn a_write_over_an_unread_command_is_rarer_for_the_compare() {
    let counts = |without| many(Setting { without, ..ALL }, 500);
    let unread = |counts: &Counts| counts.get(UNREAD).copied().unwrap_or(0);
    let (with, blindly) = (counts(Without::Nothing), counts(Without::Compare));
    assert!(unread(&blindly) * 4 > unread(&with) * 5, "{with:?} with, {blindly:?} without");
    assert!(with.get(AGAIN).copied().unwrap_or(0) < 10, "people are seldom asked again: {with:?}");
}

#[test]
fn the_outside_ends_as_it_is_wanted() {
    let among = |seeds: u64, lacking, product| {
        (1..=seeds).filter(|seed| Outside::new(*seed, lacking, product).ends_wrong()).count()
    };
    let wrong = |lacking, product| among(800, lacking, product);
    for product in [Answering::Blind, Answering::InTime, Answering::Late] {
        assert_eq!(wrong(Lacking::Nothing, product), 0, "{product:?}");
    }
    for (lacking, product) in [(Lacking::Numbers, Answering::Blind), (Lacking::Echo, Answering::Late)] {
        assert!(wrong(lacking, product) > 0, "without {lacking:?} nothing is wrong");
    }
    assert!(
        among(6_000, Lacking::Unanswered, Answering::Blind) > 0,
        "a call that was given up may be repeated at once"
    );
    // The other rules leave so little of this one that it takes a rare history to miss it.
    let rare = |lacking| Outside::new(37_970, lacking, Answering::Blind).ends_wrong();
    assert!(rare(Lacking::Deadline) && !rare(Lacking::Nothing), "a call may outlive its claim");
    // Late and blind cannot be right; who lost the claim during a call still spares some.
    let (with, without) = (Lacking::Nothing, Lacking::LostClaim);
    let late = Answering::LateAndBlind;
    assert!(wrong(without, late) * 4 > wrong(with, late) * 5, "{} {}", wrong(without, late), wrong(with, late));
}
