//! Every file under `tests/scenarios` is a story: steps, expectations, and below `-- golden` what the rules did.
//!
//! `ORCH_BLESS=1 cargo test -p orch-rules --test suite` writes the golden part anew; read the difference before
//! committing it. Expectations are never blessed.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use orch_rules::decide::{lane_rule_names, task_rule_names};

use crate::script::Script;

const MARK: &str = "-- golden\n";

struct Story {
    path: PathBuf,
    name: String,
    steps: String,
    golden: String,
}

#[expect(clippy::disallowed_methods, reason = "stories are files; a new one needs no line here")]
fn stories() -> Vec<Story> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = std::fs::read_dir(folder).expect("the folder of stories");
    let mut paths: Vec<_> = entries.map(|e| e.expect("an entry").path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "txt"));
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a story");
        let (steps, golden) = text.split_once(MARK).unwrap_or((&text, ""));
        let name = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        Story { name, steps: steps.to_owned(), golden: golden.to_owned(), path }
    };
    paths.into_iter().map(read).collect()
}

#[expect(clippy::disallowed_methods, reason = "whoever blesses says so from outside")]
fn blessing() -> bool {
    std::env::var_os("ORCH_BLESS").is_some()
}

#[expect(clippy::disallowed_methods, reason = "blessing writes the golden part")]
fn bless(story: &Story, told: &str) {
    let steps = story.steps.trim_end();
    std::fs::write(&story.path, format!("{steps}\n\n{MARK}{told}")).expect("the story is written");
}

#[test]
fn every_story_goes_as_it_is_told() {
    let stories = stories();
    assert!(stories.len() >= 40, "only {} stories were found", stories.len());
    let mut wrong = String::new();
    for story in &stories {
        let mut script = Script::new();
        if let Err(error) = script.play(&story.steps) {
            write!(wrong, "\n== {}: {error}\n{}", story.name, script.told()).unwrap();
        } else if script.told() != story.golden {
            if blessing() {
                bless(story, script.told());
            } else {
                let first = script.told().lines().zip(story.golden.lines()).find(|(new, old)| new != old);
                write!(wrong, "\n== {}: the golden part differs, first at {first:#?}", story.name).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_rule_fires_in_a_story() {
    let mut fired = BTreeSet::new();
    for story in stories() {
        let mut script = Script::new();
        // A story that does not hold is red in the test above.
        if script.play(&story.steps).is_ok() {
            fired.extend(script.fired);
        }
    }
    let known = task_rule_names().chain(lane_rule_names());
    let silent: Vec<_> = known.filter(|name| !fired.contains(*name)).collect();
    assert!(silent.is_empty(), "no story makes these rules fire: {silent:?}");
}

/// The incidents that requirements owe a story, by the paragraph they stand in.
#[test]
fn every_incident_has_its_story() {
    let owed = [
        "A2", "A3", "A4", "A5", "A7", "A8", "A9", "A10", "B2", "B3", "B5", "B6", "B7", "B9", "C3", "E3", "E4", "E6",
        "F1", "I", "J", "K",
    ];
    let told: String =
        stories().iter().filter_map(|s| s.steps.lines().next().map(str::to_owned)).collect::<Vec<_>>().join("\n");
    let words: BTreeSet<&str> = told.split(|c: char| !c.is_alphanumeric()).collect();
    let missing: Vec<_> = owed.iter().filter(|id| !words.contains(**id)).collect();
    assert!(missing.is_empty(), "no story names {missing:?} in its first line");
}
