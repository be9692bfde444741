//! Reading the file an agent may have left. Its author is not trusted.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};
use serde_json::Value;

use crate::AgentResult;

/// The largest file that is read.
const LIMIT: u64 = 1024 * 1024;

/// Reads the agent's result. Never follows a symlink in the last part of the path, never waits on a
/// FIFO, never reads more than the limit.
pub(super) fn read(path: &Path) -> AgentResult {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return AgentResult::Absent,
        Err(rustix::io::Errno::LOOP) => return invalid("it is a symbolic link"),
        Err(error) => return invalid(&format!("it cannot be opened: {error}")),
    };
    match file.metadata() {
        Ok(metadata) if !metadata.is_file() => return invalid("it is no regular file"),
        Ok(_) => {}
        Err(error) => return invalid(&format!("it cannot be examined: {error}")),
    }
    let mut bytes = Vec::new();
    if let Err(error) = file.take(LIMIT + 1).read_to_end(&mut bytes) {
        return invalid(&format!("it cannot be read: {error}"));
    }
    if bytes.len() as u64 > LIMIT {
        return invalid(&format!("it is larger than {LIMIT} bytes"));
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(members)) => AgentResult::Object(members),
        Ok(_) => invalid("it is JSON but no object"),
        Err(error) => invalid(&format!("it is not JSON: {error}")),
    }
}

fn invalid(reason: &str) -> AgentResult {
    AgentResult::Invalid(reason.to_owned())
}
