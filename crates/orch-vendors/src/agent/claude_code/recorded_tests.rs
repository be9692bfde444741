//! Every recording in `fixtures/` against what is to be made of it: `outcomes.txt`.

use super::super::recorded;
use super::*;

fn agent() -> ClaudeCode {
    ClaudeCode {
        program: "claude".to_owned(),
        model: None,
        permission_mode: PermissionMode::Bypass,
        credential: "anthropic".to_owned(),
        environment: BTreeMap::new(),
    }
}

/// A session that a recording went on with.
const SESSION: &str = "11111111-2222-4333-8444-555555555555";

#[test]
fn every_recording_has_its_outcome() {
    recorded::compare("src/agent/claude_code", include_str!("outcomes.txt"), &agent(), SESSION);
}

#[test]
fn a_recording_reads_well() {
    recorded::compare_readable("src/agent/claude_code", include_str!("readable.txt"), &agent());
}
