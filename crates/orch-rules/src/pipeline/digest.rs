//! A pipeline's identity: SHA-256 of its canonical form.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Stage;
use crate::ids::PipelineDigest;

/// SHA-256 (hex) of the stages as JSON with sorted keys and no blanks. Two files that differ in comments, order of
/// keys or spelled-out defaults have one digest.
pub fn digest(stages: &[Stage]) -> PipelineDigest {
    let mut text = String::new();
    // A struct of texts, numbers and lists is always JSON; null would still be one fixed digest, never a panic.
    canonical(&serde_json::to_value(stages).unwrap_or(Value::Null), &mut text);
    let hash = Sha256::digest(text.as_bytes());
    PipelineDigest(hash.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes a value with its keys sorted: whether `serde_json` keeps their order depends on features another crate of
/// the build may switch on.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_unstable();
            out.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                canonical(&map[key], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                canonical(item, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}
