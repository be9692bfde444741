//! A world whose repository is deployed.

use std::sync::Arc;

use orch_engine::DeployTerms;
use orch_rules::deploy::looks::LookPlan;
use orch_testkit::fake::FakeProduction;

use crate::world::World;

impl World {
    /// From now on it is deployed to this production, by a hook that can roll back.
    pub fn delivers_to(&mut self, production: &FakeProduction) {
        self.delivers_as(production, |_| {});
    }

    /// The same, on other terms.
    pub fn delivers_as(&mut self, production: &FakeProduction, other: impl FnOnce(&mut DeployTerms)) {
        let quick = LookPlan { looks: 4, every_ms: 1, good: 3 };
        let mut terms = DeployTerms {
            target: "web".into(),
            hook: vec!["hook".to_owned()],
            rollback: true,
            forward: false,
            irreversible: Vec::new(),
            deadline_ms: 60_000,
            after_deploy: quick,
            after_rollback: quick,
            bake_ms: 0,
            watch_ms: 0,
            settle_ms: 1,
            says_revision: true,
            secrets: Vec::new(),
            names: [None, None, None],
            health: Arc::new(production.clone()),
        };
        other(&mut terms);
        self.deploys = Some(Arc::new(terms));
        let production = production.clone();
        self.when(move |act| act.is("hook").then(|| production.hook(&act.order)));
    }
}
