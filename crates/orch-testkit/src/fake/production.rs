//! A production: what runs on a deploy target, as its hooks leave it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use orch_ports::health::HealthLook;
use orch_ports::runner::RunOrder;
use orch_rules::deploy::looks::Look;

use super::Step;

/// What runs there, told to whoever looks; hooks put something else there.
#[derive(Clone, Default)]
pub struct FakeProduction(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    /// The revision that answers.
    runs: Option<String>,
    /// Revisions that do not come up.
    bad: BTreeSet<String>,
    /// A hook that was called: what for, which number, which revision.
    hooks: Vec<(String, i64, String)>,
    looks: u32,
    /// Looks since the last hook.
    since: u32,
    /// Whether it answers.
    answers: Option<Answers>,
}

/// By how many hooks were called, and the number of the look since the last one.
type Answers = Arc<dyn Fn(usize, u32) -> bool + Send + Sync>;

impl FakeProduction {
    fn inside<T>(&self, of: impl FnOnce(&mut Inside) -> T) -> T {
        of(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What runs there.
    pub fn runs(&self) -> Option<String> {
        self.inside(|it| it.runs.clone())
    }

    /// Somebody puts something there by hand.
    pub fn put(&self, revision: Option<&str>) {
        self.inside(|it| it.runs = revision.map(str::to_owned));
    }

    /// From now on this revision does not come up.
    pub fn spoil(&self, revision: &str) {
        self.inside(|it| _ = it.bad.insert(revision.to_owned()));
    }

    /// What did not come up does from now on.
    pub fn repair(&self) {
        self.inside(|it| it.bad.clear());
    }

    /// From now on it gives an answer only where this says so, by how many hooks were called and the number of
    /// the look since the last of them, from 1.
    pub fn answers(&self, answers: impl Fn(usize, u32) -> bool + Send + Sync + 'static) {
        self.inside(|it| it.answers = Some(Arc::new(answers)));
    }

    /// All hooks that were called, in order: `deploy 1 REVISION`, `rollback 2 REVISION`.
    pub fn hooks(&self) -> Vec<String> {
        let said = |(verb, number, revision): &(String, i64, String)| format!("{verb} {number} {revision}");
        self.inside(|it| it.hooks.iter().map(said).collect())
    }

    /// How often it was looked at.
    pub fn looks(&self) -> u32 {
        self.inside(|it| it.looks)
    }

    /// What a good hook does with its order: it brings what it is asked for, and says that it did.
    pub fn hook(&self, order: &RunOrder) -> (String, Step) {
        let variable = |name: &str| order.environment.get(name).cloned().unwrap_or_default();
        let back = order.argv.iter().any(|word| word == "--rollback");
        let (verb, revision) =
            if back { ("rollback", "ORCH_PREVIOUS_REVISION") } else { ("deploy", "EXPECTED_REVISION") };
        let (revision, number) = (variable(revision), variable("ORCH_DEPLOY_SEQ").parse().unwrap_or(0));
        self.inside(|it| {
            it.since = 0;
            it.hooks.push((verb.to_owned(), number, revision.clone()));
            it.runs = Some(revision.clone()).filter(|revision| !it.bad.contains(revision));
        });
        (format!("{verb} of {revision}\n"), Step::completes())
    }
}

impl HealthLook for FakeProduction {
    fn look(&self) -> Look {
        self.inside(|it| {
            it.looks += 1;
            it.since += 1;
            let answers = it.answers.as_ref().is_none_or(|answers| answers(it.hooks.len(), it.since));
            Look { ok: it.runs.is_some() && answers, revision: it.runs.clone(), over: false }
        })
    }
}
