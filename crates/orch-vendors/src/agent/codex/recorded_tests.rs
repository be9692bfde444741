//! Every recording in `fixtures/` against what is to be made of it: `outcomes.txt`.

use super::super::recorded;
use super::*;

fn agent() -> Codex {
    Codex { program: "codex".to_owned(), model: None, credential: "openai".to_owned(), environment: BTreeMap::new() }
}

/// A session that a recording went on with.
const SESSION: &str = "01a1faea-3ce3-7721-8825-6312fc37ef99/1200/800/0/60";

#[test]
fn every_recording_has_its_outcome() {
    recorded::compare("src/agent/codex", include_str!("outcomes.txt"), &agent(), SESSION);
}

#[test]
fn a_recording_reads_well() {
    recorded::compare_readable("src/agent/codex", include_str!("readable.txt"), &agent());
}
