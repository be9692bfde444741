//! Somewhere outside where tasks are shown: it keeps what was written, and people and late writes change it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use orch_ports::projection::{
    ProjectionTarget, ProjectionWrite, ProjectionWritten, ShowFate, ShownAspect, ShownText, TaskShown,
};
use orch_ports::{Port, PortError, PortResult};
use orch_rules::ids::RepositoryId;
use orch_rules::outbox::projection::Aspect;
use orch_rules::port_error::ErrorKind;
use orch_rules::task::Task;

use super::{Fault, Faults};

/// What a task shows at a fake.
type Renders = dyn Fn(&TaskShown) -> ShowFate + Send + Sync;

/// A target with two aspects: `status`, which others set too, and `card`, which is ours alone and has a number. Its calls
/// are `read`, `write` and `discard`.
#[derive(Clone)]
pub struct FakeTarget {
    name: String,
    /// What goes wrong.
    pub faults: Arc<Faults>,
    there: Arc<Mutex<There>>,
    renders: Arc<Renders>,
}

/// What stands at a fake.
#[derive(Debug, Default)]
pub struct There {
    /// The status, by work item.
    pub statuses: BTreeMap<String, String>,
    /// The cards, by their number.
    pub cards: BTreeMap<u64, (String, String)>,
    /// Every write that arrived: work item, aspect, text.
    pub writes: Vec<(String, String, String)>,
    /// It wants another pause before the next write.
    pub wait: Duration,
    /// [`ProjectionTarget::longest_call_ms`].
    pub longest_call_ms: i64,
    /// What it is called with.
    pub credentials: String,
    /// Looks that were asked for.
    pub looks: u32,
    cards_made: u64,
}

const ASPECTS: &[ShownAspect] =
    &[ShownAspect { name: "card", aspect: Aspect::Ours }, ShownAspect { name: "status", aspect: Aspect::Shared }];

impl FakeTarget {
    /// One of this name that shows where tasks stand.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self::rendering(name, |facts| ShowFate::Send(ShownText::value(facts.task.position.name())))
    }

    /// One that shows this.
    #[must_use]
    pub fn rendering(name: &str, renders: impl Fn(&TaskShown) -> ShowFate + Send + Sync + 'static) -> Self {
        Self { name: name.to_owned(), faults: Faults::new(), there: Arc::default(), renders: Arc::new(renders) }
    }

    /// What stands there.
    pub fn there(&self) -> MutexGuard<'_, There> {
        self.there.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The texts that arrived of an aspect of a work item, oldest first.
    pub fn written(&self, work_item: &str, aspect: &str) -> Vec<String> {
        let there = self.there();
        let of = there.writes.iter().filter(|(item, side, _)| item == work_item && side == aspect);
        of.map(|(_, _, text)| text.clone()).collect()
    }

    fn fault(&self, call: &str, task: &Task) -> PortResult<()> {
        self.faults.enter(call).map_err(|fault| match fault {
            Fault::Port(error) => error,
            Fault::Passing(words) | Fault::Lasting(words) | Fault::Panic(words) => {
                PortError::of_object(ErrorKind::Passing, Port::Projection, self.name.as_str(), task.id.as_str(), words)
            }
        })
    }
}

impl ProjectionTarget for FakeTarget {
    fn name(&self) -> &str {
        &self.name
    }

    fn fingerprint(&self) -> String {
        self.there().credentials.clone()
    }

    fn aspects(&self) -> &[ShownAspect] {
        ASPECTS
    }

    fn shows(&self, _repository: &RepositoryId) -> bool {
        true
    }

    fn render(&self, _aspect: &str, facts: &TaskShown) -> ShowFate {
        (self.renders)(facts)
    }

    fn wait(&self) -> Duration {
        self.there().wait
    }

    fn longest_call_ms(&self) -> i64 {
        self.there().longest_call_ms
    }

    fn read(&self, facts: &TaskShown, _aspect: &str) -> PortResult<Option<String>> {
        self.fault("read", &facts.task)?;
        Ok(self.there().statuses.get(facts.task.work_item.as_str()).cloned())
    }

    fn write(&self, write: &ProjectionWrite<'_>) -> PortResult<ProjectionWritten> {
        self.fault("write", write.task)?;
        let item = write.task.work_item.to_string();
        let mut there = self.there();
        there.writes.push((item.clone(), write.aspect.to_owned(), write.text.to_owned()));
        let known = write.external_id.and_then(|id| id.parse::<u64>().ok()).filter(|id| there.cards.contains_key(id));
        let written = if write.aspect == "status" {
            there.statuses.insert(item, write.text.to_owned());
            ProjectionWritten::default()
        } else {
            there.cards_made += u64::from(known.is_none());
            let number = known.unwrap_or(there.cards_made);
            there.cards.insert(number, (item, write.text.to_owned()));
            ProjectionWritten { external_id: Some(number.to_string()), replaced: None }
        };
        drop(there);
        self.faults.leave("write");
        Ok(written)
    }

    fn discard(&self, external_id: &str) {
        if let Ok(number) = external_id.parse::<u64>() {
            self.there().cards.remove(&number);
        }
    }

    fn look(&self, _facts: &TaskShown) {
        self.there().looks += 1;
    }
}
