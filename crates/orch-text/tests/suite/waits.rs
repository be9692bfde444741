//! Every reason for waiting and every question, in words.

use orch_rules::episode::EpisodeKind;
use orch_rules::ids::{Timestamp, WorkItemId};
use orch_rules::outage::Source;
use orch_rules::reason::{self, Reason};
use orch_rules::task::{PauseScope, Wait};
use orch_text::{Language, Sentence, Subject};

const SUBJECT: Subject<'_> = Subject { work_item: "SHOP-001", repository: "shop", branch: "feature/SHOP-001-totals" };

fn said(wait: &Wait, language: Language) -> Sentence {
    orch_text::wait(wait, SUBJECT, language)
}

fn outage(named: bool, until: Option<i64>, probed_by: Option<WorkItemId>) -> Wait {
    let source = Source::Credential { name: "main".to_owned() };
    Wait::Outage {
        source,
        reason: "usage limit".to_owned(),
        until: until.map(Timestamp),
        named,
        probed_by,
        passes: false,
    }
}

fn repository(passes: bool) -> Wait {
    let source = Source::Repository { name: "shop".to_owned() };
    Wait::Outage { source, reason: "main is tested".to_owned(), until: None, named: false, probed_by: None, passes }
}

/// One of every shape a wait has.
fn all() -> Vec<Wait> {
    let behind = || Some(WorkItemId::from("SHOP-002"));
    let mut all = vec![
        Wait::Backlog,
        Wait::Unlisted { author: "mallory".into() },
        Wait::Entry { place: 1, behind: None },
        Wait::Entry { place: 3, behind: behind() },
        Wait::Frozen { reason: "production is red".to_owned() },
        Wait::Dependency { on: vec!["SHOP-002".into()] },
        Wait::Dependency { on: vec!["SHOP-002".into(), "SHOP-003".into(), "SHOP-004".into()] },
        Wait::Agent { attempt: 3 },
        Wait::Collecting { attempt: 3, why: "the disk is full".to_owned() },
        Wait::Check { commit: "0123456789abcdef".into() },
        Wait::Slot { key: "runs".to_owned(), max: 2 },
        Wait::Slot { key: "checks".to_owned(), max: 2 },
        Wait::Budget { key: "budget:day:20778".to_owned() },
        Wait::Budget { key: "budget:task:0190".to_owned() },
        Wait::Budget { key: "budget:repository:shop:7".to_owned() },
        Wait::Budget { key: "of another kind".to_owned() },
        outage(false, None, None),
        outage(false, Some(0), None),
        outage(true, None, None),
        outage(true, Some(0), None),
        outage(true, Some(0), behind()),
        repository(false),
        repository(true),
        Wait::Lane { place: 1, behind: None, doing: "testing the candidate".to_owned() },
        Wait::Lane { place: 2, behind: behind(), doing: "queued".to_owned() },
        Wait::Paused { scope: PauseScope::Task },
        Wait::Paused { scope: PauseScope::Repository },
        Wait::Held { reason: reason::stuck(reason::quarantined(3)) },
        Wait::Held { reason: reason::entry_check_failed(vec![reason::title_short(1, 3)]) },
        Wait::Held { reason: "as an older release wrote it".into() },
        Wait::Branch,
        Wait::Hands { by: "Bob".into() },
        deploying("rolling_back", "the hook ended with 2\nno such host"),
        deploying("queued", ""),
        deploying("of a newer release", ""),
        Wait::Stopping,
        Wait::StopAfterStep { step: "landing".to_owned() },
    ];
    let asked = [
        EpisodeKind::Approval,
        EpisodeKind::Questions,
        EpisodeKind::ProtectedPaths,
        EpisodeKind::Budget,
        EpisodeKind::ConfirmDeploy,
    ];
    all.extend(asked.map(|asked| Wait::Human { asked }));
    all
}

fn deploying(state: &str, why: &str) -> Wait {
    Wait::Deploying { target: "web".into(), state: state.to_owned(), why: why.to_owned() }
}

#[test]
fn every_wait_is_a_sentence_in_every_language() {
    for language in Language::ALL {
        let sentences: Vec<Sentence> = all().iter().map(|wait| said(wait, language)).collect();
        for sentence in &sentences {
            // What Fluent writes where a variable or a message is missing.
            let whole = sentence.to_string();
            assert!(
                !whole.contains("{$")
                    && !whole.contains("wait-")
                    && !whole.contains("reason-")
                    && !whole.contains("ask-"),
                "{whole}"
            );
        }
        let mut texts: Vec<&String> = sentences.iter().map(|sentence| &sentence.text).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), sentences.len(), "two waits say the same in {}", language.tag());
    }
}

#[test]
fn commands_are_the_same_in_every_language() {
    let commands = |wait: &Wait, language| {
        let help = said(wait, language).help.unwrap_or_default();
        let words: Vec<String> =
            help.match_indices("orch ").map(|(at, _)| help[at..].chars().take(22).collect()).collect();
        words
    };
    for wait in all() {
        let english = commands(&wait, Language::English);
        assert_eq!(commands(&wait, Language::Russian), english, "{wait:?}");
    }
    assert_eq!(commands(&Wait::Backlog, Language::Russian), ["orch start SHOP-001"]);
}

#[test]
fn numbers_decide_the_form() {
    let slots = |max, language| said(&Wait::Slot { key: "runs".to_owned(), max }, language).text;
    for (max, words) in [
        (1, "занято 1 место"),
        (2, "заняты все 2 места"),
        (5, "заняты все 5 мест"),
        (11, "заняты все 11 мест"),
        (12, "заняты все 12 мест"),
        (21, "занято 21 место"),
        (24, "заняты все 24 места"),
        (111, "заняты все 111 мест"),
        (1_000, "заняты все 1000 мест"),
    ] {
        let text = slots(max, Language::Russian);
        assert!(text.starts_with(words), "{max}: {text}");
    }
    let on = |count: usize, language| {
        let on = (1..=count).map(|number| WorkItemId::from(format!("SHOP-00{number}").as_str())).collect();
        said(&Wait::Dependency { on }, language).text
    };
    assert_eq!(on(1, Language::English), "goes on by itself when SHOP-001 has ended");
    assert_eq!(on(2, Language::English), "goes on by itself when SHOP-001 and SHOP-002 have ended");
    assert_eq!(on(2, Language::Russian), "продолжится сама, когда завершатся задачи SHOP-001 и SHOP-002");
}

#[test]
fn a_hold_names_one_way_out() {
    let held = |reason: Reason| said(&Wait::Held { reason }, Language::English).to_string();
    assert_eq!(
        held(reason::stuck(reason::push_unseen())),
        "stuck: somebody pushed to the branch, and it could not be looked at; look at it again: orch retry SHOP-001"
    );
    assert_eq!(held("escalated: all is red".into()), "escalated: all is red; try again: orch retry SHOP-001");
    let refused = held(reason::entry_check_failed(vec![reason::title_short(1, 3), reason::description_empty(10)]));
    assert!(
        refused.starts_with(
            "entry check failed: the title has 1 character; write at least 3; the description is empty; write at least 10 \
             characters; say it in other words: orch edit SHOP-001 "
        ),
        "{refused}"
    );
}

#[test]
fn words_of_people_stay_as_they_are() {
    // What Fluent would take for its own is text like any other when it comes from outside.
    let strange = "{ $id } \u{2068} { wait-paused } <b>".to_owned();
    for language in Language::ALL {
        let text = said(&Wait::Frozen { reason: strange.clone() }, language).text;
        assert!(text.contains(&strange), "{text}");
    }
}
