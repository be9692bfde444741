//! The contract of [`orch_ports::projection::ProjectionTarget`].

use orch_ports::projection::{ProjectionTarget, ProjectionWrite, ProjectionWritten};
use orch_rules::task::Task;

use super::{Case, cases};

/// A target with a task to show, and what people see there.
pub trait TargetBench {
    /// What is under test.
    fn target(&self) -> &dyn ProjectionTarget;
    /// An aspect of which at most one thing stands for a task.
    fn aspect(&self) -> &'static str;
    /// The task.
    fn task(&self) -> Task;
    /// Two texts as the target is given them.
    fn texts(&self) -> [String; 2];
    /// What stands for the task, one text for each thing that people see.
    fn seen(&self) -> Vec<String>;
    /// What people see of a text.
    fn as_seen(&self, text: &str) -> String;
}

/// All cases.
pub fn suite<B: TargetBench>() -> &'static [Case<B>] {
    const {
        cases![
            a_second_write_is_of_the_same_thing,
            a_repeated_write_changes_nothing,
            what_it_knows_is_told_without_a_call
        ]
    }
}

fn write<B: TargetBench>(bench: &B, text: &str, external_id: Option<&str>) -> ProjectionWritten {
    let task = bench.task();
    bench.target().write(&ProjectionWrite { task: &task, aspect: bench.aspect(), text, external_id }).unwrap()
}

fn a_second_write_is_of_the_same_thing<B: TargetBench>(bench: &B) {
    let [first, second] = bench.texts();
    let made = write(bench, &first, None);
    assert_eq!(bench.seen(), [bench.as_seen(&first)]);
    let again = write(bench, &second, made.external_id.as_deref());
    assert_eq!(bench.seen(), [bench.as_seen(&second)]);
    assert_eq!((again.external_id, again.replaced), (made.external_id, None));
}

fn a_repeated_write_changes_nothing<B: TargetBench>(bench: &B) {
    let [first, _] = bench.texts();
    let made = write(bench, &first, None);
    let again = write(bench, &first, made.external_id.as_deref());
    assert_eq!(bench.seen(), [bench.as_seen(&first)]);
    assert_eq!(again.external_id, made.external_id);
}

fn what_it_knows_is_told_without_a_call<B: TargetBench>(bench: &B) {
    let target = bench.target();
    assert!(target.aspects().iter().any(|aspect| aspect.name == bench.aspect()));
    assert!(target.shows(&bench.task().repository) && !target.name().is_empty());
    assert_eq!(target.fingerprint(), target.fingerprint());
}
