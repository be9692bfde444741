//! A host of a story.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use camino::Utf8PathBuf;
use orch_rules::lease::Pace;
use orch_testkit::fake::{FakeForge, FakeRunner};

use crate::world::{Act, Rule};

/// A host: what outlives its processes.
#[derive(Clone)]
pub struct TestHost {
    /// Its id, and its name.
    pub id: String,
    /// Its runs.
    pub runner: FakeRunner,
    /// Where they work.
    pub places: Utf8PathBuf,
    /// How its lease is kept; `None`: it has the database to itself.
    pub pace: Option<Pace>,
}

/// Runs that do what the rules say.
pub(crate) fn runs(forge: &FakeForge, rules: &Arc<Mutex<Vec<Box<Rule>>>>, unfinished: &Arc<AtomicUsize>) -> FakeRunner {
    let (at_work, finishing, script) = (forge.clone(), forge.clone(), Arc::clone(rules));
    let skips = Arc::clone(unfinished);
    FakeRunner::new(
        move |order| {
            let act = Act::new(at_work.clone(), order);
            let special = script.lock().unwrap().iter().find_map(|rule| rule(&act));
            special.unwrap_or_else(|| act.usual())
        },
        move |command| {
            let fails = skips.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
            if !fails {
                finishing.run_command(command);
            }
        },
    )
}
