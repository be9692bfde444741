//! What the ports promise, as suites over a bench: one bench sets up a fake, another an adapter with the real thing
//! behind it. Each suite is a list of named cases; [`run`] runs every case on a bench of its own and tells all that
//! fail.
#![expect(clippy::unwrap_used, reason = "a panic is how a case fails")]

pub mod agent;
pub mod branches;
mod deliveries;
pub mod forge;
pub mod runner;

use std::panic::{AssertUnwindSafe, catch_unwind};

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
