//! `[confinement]`: how runs are kept from the rest of this host.

use camino::Utf8PathBuf;

use super::host::Host;
use super::keys::{Key, array, quoted, vital, words};
use super::kind::{Kind, Value};

/// `[confinement]`, as it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confine {
    /// [`AUTO`], or a level's name.
    pub level: String,
    /// The name of the least level.
    pub min: String,
    /// The account of runs if the service is root.
    pub user: Option<String>,
    /// Paths that every run may read.
    pub read_only: Vec<Utf8PathBuf>,
    /// Megabytes (10^6 bytes) of memory for each run; 0 is no limit.
    pub memory_mb: u64,
    /// Processes and threads of each run; 0 is no limit.
    pub processes: u64,
    /// Megabytes of the largest file a run may write; 0 is no limit.
    pub disk_mb: u64,
    /// Megabytes by which all files of a run together may grow; 0 is no limit.
    pub growth_mb: u64,
    /// Files that a run may make; 0 is no limit.
    pub growth_files: u64,
    /// Files open at once in one process of a run; 0 is no limit.
    pub open_files: u64,
}

impl Default for Confine {
    fn default() -> Self {
        Self {
            level: AUTO.to_owned(),
            min: "L2".to_owned(),
            user: None,
            read_only: Vec::new(),
            memory_mb: 0,
            processes: 4096,
            disk_mb: 0,
            growth_mb: 50_000,
            growth_files: 5_000_000,
            open_files: 65_536,
        }
    }
}

/// The strongest level this host has.
pub const AUTO: &str = "auto";

const fn row(
    name: &'static str,
    kind: Kind,
    doc: &'static str,
    set: fn(&mut Host, Value),
    get: fn(&Host) -> Option<String>,
) -> Key<Host> {
    Key { section: "confinement", name, variable: None, kind, required: false, doc, set, get }
}

fn number(value: &Value) -> u64 {
    match value {
        Value::Number(n) => *n,
        _ => 0,
    }
}

/// Rows of `[confinement]`; part of the host's rows.
pub const LEVEL: Key<Host> = Key {
    variable: vital("ORCH_CONFINEMENT_LEVEL"),
    ..row(
        "level",
        Kind::OneOf(&["auto", "L3", "L2", "L2-open", "L1", "L0"]),
        "How runs are confined: L3 own files, processes and network, L2 own files and network, L2-open Landlock and \
         seccomp in this host's network, L1 an account of their own (needs root), L0 not at all. \"auto\" is the \
         strongest this host has, but nothing below `min`; each run records its own.",
        |h, v| h.confinement.level = v.into_text(),
        |h| Some(quoted(&h.confinement.level)),
    )
};
/// As [`LEVEL`].
pub const MIN: Key<Host> = Key {
    variable: vital("ORCH_CONFINEMENT_MIN"),
    ..row(
        "min",
        Kind::OneOf(&["L3", "L2", "L2-open", "L1", "L0"]),
        "Nothing starts on a host that cannot confine runs to this level. L2-open leaves doors open: without root a run may \
         change modes of your files, and TCP reaches the port number of its proxy at any address.",
        |h, v| h.confinement.min = v.into_text(),
        |h| Some(quoted(&h.confinement.min)),
    )
};
/// As [`LEVEL`].
pub const USER: Key<Host> = row(
    "user",
    Kind::Word,
    "An account that all runs share if the service is root. Not set: each has a number of its own, or, in a container with \
     too few, `nobody`. Runs are never root.",
    |h, v| h.confinement.user = Some(v.into_text()),
    |h| h.confinement.user.as_deref().map(quoted),
);
/// As [`LEVEL`].
pub const READ_ONLY: Key<Host> = row(
    "read_only",
    Kind::Paths,
    "Files and folders that every run may read: tools and caches that neither PATH nor the variables of toolchains name.",
    |h, v| h.confinement.read_only = words(v).into_iter().map(Utf8PathBuf::from).collect(),
    |h| {
        let paths: Vec<String> = h.confinement.read_only.iter().map(ToString::to_string).collect();
        Some(array(&paths))
    },
);
/// As [`LEVEL`].
pub const MEMORY: Key<Host> = row(
    "memory_mb",
    Kind::Number(0, 1_000_000_000),
    "Megabytes of memory for each run; 0 is no limit.",
    |h, v| h.confinement.memory_mb = number(&v),
    |h| Some(h.confinement.memory_mb.to_string()),
);
/// As [`LEVEL`].
pub const PROCESSES: Key<Host> = row(
    "processes",
    Kind::Number(0, 4_000_000),
    "Processes and threads of each run; 0 is no limit.",
    |h, v| h.confinement.processes = number(&v),
    |h| Some(h.confinement.processes.to_string()),
);
/// As [`LEVEL`].
pub const DISK: Key<Host> = row(
    "disk_mb",
    Kind::Number(0, 1_000_000_000),
    "Megabytes of the largest file a run may write; 0 is no limit.",
    |h, v| h.confinement.disk_mb = number(&v),
    |h| Some(h.confinement.disk_mb.to_string()),
);
/// As [`LEVEL`].
pub const GROWTH: Key<Host> = row(
    "growth_mb",
    Kind::Number(0, 1_000_000_000),
    "Megabytes by which all files of a run together may grow; 0 is no limit. Looked at while it runs; a run beyond it is ended.",
    |h, v| h.confinement.growth_mb = number(&v),
    |h| Some(h.confinement.growth_mb.to_string()),
);
/// As [`LEVEL`].
pub const FILES: Key<Host> = row(
    "growth_files",
    Kind::Number(0, 1_000_000_000),
    "Files that a run may make, counted together with `growth_mb`; 0 is no limit.",
    |h, v| h.confinement.growth_files = number(&v),
    |h| Some(h.confinement.growth_files.to_string()),
);
/// As [`LEVEL`].
pub const OPEN_FILES: Key<Host> = row(
    "open_files",
    Kind::Number(0, 4_000_000),
    "Files open at once in each process of a run; 0 is this host's own limit.",
    |h, v| h.confinement.open_files = number(&v),
    |h| Some(h.confinement.open_files.to_string()),
);
