//! Spellings that are persisted or on the wire are frozen. Adding one is a new line in the snapshot; changing or
//! removing one breaks every row that has it.

use std::fmt::Write as _;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The spellings of an enum, in the order of its declaration: `serde` lists them when it meets one it does not know,
/// so that no variant can be left out here. `tag` is the field that holds the spelling; `None` if it stands alone.
fn spellings<T: DeserializeOwned>(tag: Option<&str>) -> String {
    const UNKNOWN: &str = "no such spelling";
    let value = tag.map_or_else(|| Value::from(UNKNOWN), |tag| json!({ tag: UNKNOWN }));
    let Err(error) = serde_json::from_value::<T>(value) else { panic!("an unknown spelling was accepted") };
    let error = error.to_string();
    let (_, listed) = error.split_once("expected ").unwrap_or_else(|| panic!("no list of spellings in: {error}"));
    listed.trim_start_matches("one of ").replace('`', "")
}

/// The spellings of an open enum, which takes every other one as `Unknown`: from its declaration.
fn declared(source: &str, name: &str) -> String {
    let (_, body) = source.split_once(&format!("pub enum {name} {{")).unwrap();
    let (body, _) = body.split_once("\n}").unwrap();
    let variants =
        body.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| line.starts_with(char::is_uppercase));
    let names = variants.map(|line| line.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default());
    names.filter(|name| *name != "Unknown").map(str::to_lowercase).collect::<Vec<_>>().join(", ")
}

#[test]
fn frozen() {
    let mut text = String::new();
    macro_rules! frozen {
        ($($kind:ty, $tag:expr;)+) => {$(
            let name = stringify!($kind).rsplit("::").next().unwrap_or_default().trim();
            writeln!(text, "{name} ({}): {}", $tag.unwrap_or("bare"), spellings::<$kind>($tag)).unwrap();
        )+};
    }
    frozen! {
        crate::attempt::RunEnd, Some("end");
        crate::attempt::ConfinementLevel, None::<&str>;
        crate::budget::Scope, None::<&str>;
        crate::change::Guard, Some("guard");
        crate::change::Change, Some("change");
        crate::check::CheckKey, Some("of");
        crate::check::CheckOutcome, Some("outcome");
        crate::convergence::FindingState, None::<&str>;
        crate::deploy::DeploymentState, None::<&str>;
        crate::deploy::Deploys, Some("why");
        crate::deploy::HookEnd, Some("end");
        crate::deploy::looks::Seen, None::<&str>;
        crate::effect::Effect, Some("effect");
        crate::episode::EpisodeKind, None::<&str>;
        crate::episode::Answer, Some("answer");
        crate::event::Event, Some("aggregate");
        crate::event::TaskEvent, Some("event");
        crate::event::LaneEvent, Some("event");
        crate::event::CandidateResult, Some("result");
        crate::facts::Dependencies, Some("known");
        crate::gate::Outcome, None::<&str>;
        crate::gate::Want, None::<&str>;
        crate::lane::Line, None::<&str>;
        crate::lane::Ejection, Some("cause");
        crate::outage::Source, Some("source");
        crate::people::Reply, Some("reply");
        crate::people::BranchSeen, Some("branch");
        crate::people::ReviewWord, Some("word");
        crate::pipeline::StageKind, None::<&str>;
        crate::pipeline::Role, None::<&str>;
        crate::pipeline::Target, Some("to");
        crate::pipeline::OnRed, Some("to");
        crate::pipeline::GateName, None::<&str>;
        crate::task::Position, Some("at");
        crate::task::Hold, Some("kind");
        crate::task::PauseScope, None::<&str>;
        crate::task::Wait, Some("kind");
    }
    writeln!(text, "LaneState (state): {}", declared(include_str!("lane.rs"), "LaneState")).unwrap();
    insta::assert_snapshot!("spellings", text);
}

/// Codes of reasons are stored, and so are the names and forms of their arguments.
#[test]
fn frozen_codes() {
    let form = |(name, kind): &(&str, crate::reason::ArgKind)| format!("{name}: {kind:?}").to_lowercase();
    let line = |code: &crate::reason::Code| {
        format!("{}({})", code.name, code.args.iter().map(form).collect::<Vec<_>>().join(", "))
    };
    let lines: Vec<String> = crate::reason::codes().map(line).collect();
    insta::assert_snapshot!("codes", lines.join("\n"));
}

/// The kinds that are claimed are the kinds there are.
#[test]
fn every_effect_is_claimed() {
    assert_eq!(spellings::<crate::effect::Effect>(Some("effect")), crate::effect::Effect::KINDS.join(", "));
}

/// Every enum of the crate that is persisted is in the list above.
#[test]
fn no_persisted_enum_is_forgotten() {
    let sources = [
        include_str!("attempt.rs"),
        include_str!("budget.rs"),
        include_str!("change.rs"),
        include_str!("check.rs"),
        include_str!("convergence.rs"),
        include_str!("effect.rs"),
        include_str!("episode.rs"),
        include_str!("event.rs"),
        include_str!("facts.rs"),
        include_str!("gate/mod.rs"),
        include_str!("ids.rs"),
        include_str!("lane.rs"),
        include_str!("outage.rs"),
        include_str!("people.rs"),
        include_str!("pipeline/mod.rs"),
        include_str!("task.rs"),
    ];
    let frozen = include_str!("frozen_spellings.rs");
    let mut seen = 0;
    for source in sources {
        for line in source.lines() {
            let Some(name) = line.strip_prefix("pub enum ").and_then(|rest| rest.split([' ', '<']).next()) else {
                continue;
            };
            seen += 1;
            assert!(
                frozen.contains(&format!("::{name}, ")) || frozen.contains(&format!("\"{name}\"")),
                "{name} has no frozen spellings"
            );
        }
    }
    assert!(seen > 20, "the sources were not read");
}
