//! `egress.jsonl` in the run's directory: one line for each thing that went out or was not let out. No header, body
//! or key stands in it, and it does not grow without end.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// File name of the journal in a run's directory.
pub const JOURNAL_FILE: &str = "egress.jsonl";

/// One line.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Entry {
    /// Milliseconds since 1970 at which it was written.
    pub time_ms: u64,
    /// `model`, `connect`, `http`, or `full` in the last line of a full journal.
    pub kind: &'static str,
    /// The host and, for a model, the path without its query.
    pub target: String,
    /// Status the run saw; 0 if it saw none.
    pub status: u16,
    /// Bytes of bodies, or of a tunnel, that went out.
    pub bytes_out: u64,
    /// Bytes that came back.
    pub bytes_in: u64,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// Why it was not let out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Why it broke off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broke: Option<String>,
}

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Hosts and their reasons that are told of one run.
const TOLD: usize = 5;

/// What the run with this directory asked for and was not given, each once, in the order it was asked for.
pub fn refused(directory: &Path) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Line {
        refused: Option<String>,
    }
    let text = std::fs::read_to_string(directory.join(JOURNAL_FILE)).unwrap_or_default();
    let mut told = Vec::new();
    for words in text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()?.refused) {
        if told.len() < TOLD && !told.contains(&words) {
            told.push(words);
        }
    }
    told
}

/// The journal of one run.
pub struct Journal {
    inner: Mutex<Inner>,
    most: u64,
}

struct Inner {
    file: File,
    length: u64,
    full: bool,
}

impl Journal {
    /// Goes on behind what is there; at most `most` bytes.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn open(run_directory: &Path, most: u64) -> std::io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(run_directory.join(JOURNAL_FILE))?;
        let length = file.metadata()?.len();
        Ok(Self { inner: Mutex::new(Inner { file, length, full: false }), most })
    }

    /// Writes one line. A full disk loses it, and stops nobody.
    pub fn note(&self, mut entry: Entry) {
        entry.time_ms = now_ms();
        // The run chooses it.
        entry.target = entry.target.chars().take(200).collect();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.full {
            return;
        }
        let Ok(mut line) = serde_json::to_vec(&entry) else { return };
        if inner.length + line.len() as u64 + 200 > self.most {
            inner.full = true;
            let last = Entry { time_ms: entry.time_ms, kind: "full", ..Entry::default() };
            line = serde_json::to_vec(&last).unwrap_or_default();
        }
        line.push(b'\n');
        inner.length += line.len() as u64;
        let _lost = inner.file.write_all(&line);
    }
}
