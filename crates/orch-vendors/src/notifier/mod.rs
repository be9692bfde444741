//! Who tells people.

pub mod command;
pub mod webhook;

use orch_rules::notice::NoticeKind;
use sha2::{Digest as _, Sha256};

/// What a notifier is told of: everything, if it names nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wants(pub Vec<NoticeKind>);

impl Wants {
    fn has(&self, kind: &NoticeKind) -> bool {
        self.0.is_empty() || *kind == NoticeKind::Test || self.0.contains(kind)
    }
}

/// Tells whether something is as it was, and shows nothing of it.
fn fingerprint(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
