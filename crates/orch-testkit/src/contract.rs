//! What the ports promise, as suites over a bench: one bench sets up a fake, another an adapter with the real thing
//! behind it. Each suite is a list of named cases; [`run`] runs every case on a bench of its own and tells all that
//! fail.
#![expect(clippy::unwrap_used, reason = "a panic is how a case fails")]

pub mod agent;
pub mod branches;
pub mod change_requests;
mod deliveries;
pub mod forge;
pub mod projections;
pub mod runner;
pub mod workshop;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use camino::Utf8PathBuf;
use orch_ports::forge::Forge;
use orch_ports::workshop::{Workplace, Workshop};
use orch_rules::ids::{CommitId, TaskId};

use crate::fake::forge::Edit;

/// A workshop with its forge, made from a user's repository whose branch `main` has [`workshop::FIRST`] in it, and what
/// people do around it.
pub trait Bench {
    /// The workshop under test.
    fn workshop(&self) -> &dyn Workshop;
    /// The forge under test.
    fn forge(&self) -> &dyn Forge;
    /// An absolute path nobody has used yet.
    fn directory(&self, name: &str) -> Utf8PathBuf;
    /// An agent in its clone: change files and, with a message, commit.
    fn work(&self, place: &Workplace, edits: &[Edit<'_>], message: Option<&str>);
    /// An agent gives its clone another history, without the commit it started from.
    fn rewrite(&self, place: &Workplace);
    /// Carry out commands in a clone, in order.
    fn run_commands(&self, place: &Workplace, commands: &[Vec<String>]);
    /// A person commits to main where they work; `pulled`: after bringing home what landed.
    fn user_commits(&self, edits: &[Edit<'_>], pulled: bool) -> CommitId;
    /// A person moves main forward to a branch of the forge.
    fn merges(&self, branch: &str);
    /// A person pushes a commit on top of a task branch.
    fn push(&self, branch: &str, edits: &[Edit<'_>]) -> CommitId;
    /// Where a branch of the forge is.
    fn branch(&self, name: &str) -> Option<CommitId>;
    /// What is archived of a task.
    fn archived(&self, task: &TaskId) -> Option<CommitId>;
    /// Files of a clone or checkout: path to text.
    fn files(&self, directory: &Utf8PathBuf) -> BTreeMap<String, String>;
}

/// A case and its name.
pub type Case<B> = (&'static str, fn(&B));

/// Runs every case on a fresh bench.
///
/// # Panics
/// With the names of all cases that failed.
pub fn run<B>(cases: &[Case<B>], bench: impl Fn(&str) -> B) {
    let failed: Vec<&str> = cases
        .iter()
        .filter(|(name, case)| catch_unwind(AssertUnwindSafe(|| case(&bench(name)))).is_err())
        .map(|(name, _)| *name)
        .collect();
    assert!(failed.is_empty(), "{} of {} cases failed: {}", failed.len(), cases.len(), failed.join(", "));
}

macro_rules! cases {
    ($($case:ident),+ $(,)?) => { &[$((stringify!($case), $case as fn(&_))),+] };
}
use cases;
