//! The contract of [`Agent`].

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use orch_ports::agent::{Agent, Assignment};
use orch_rules::attempt::{RunEnd, Usage};
use orch_rules::pipeline::Role;
use serde_json::{Value, json};

use super::{Case, cases};

/// An agent under test.
pub trait AgentBench {
    /// The agent.
    fn agent(&self) -> &dyn Agent;
    /// What it would leave in its result file after five tokens in, three of them cached, seven out, for 0.21 USD
    /// with the model `m`.
    fn result(&self) -> Value;
}

/// All cases.
pub fn suite<B: AgentBench>() -> &'static [Case<B>] {
    const { cases![it_is_told_everything, the_same_assignment_is_the_same_launch, usage_is_read, what_is_broken_is_unknown] }
}

fn assignment(attempt: u32) -> Assignment {
    let place = Utf8PathBuf::from("/places/t-1");
    Assignment {
        task: "t".into(),
        work_item: "T-001".into(),
        role: Role::Reviewer,
        stage: "review".into(),
        attempt,
        directory: place.join("code"),
        task_file: place.join("task.md"),
        documents: place.join("code/docs/work-items/T-001"),
        result_file: place.join("own/result.json"),
        home: place.join("home"),
        prompt: "You are the reviewer.".to_owned(),
        resume: None,
    }
}

fn it_is_told_everything<B: AgentBench>(bench: &B) {
    let launch = bench.agent().launch(&assignment(3));
    assert!(!bench.agent().name().is_empty() && !launch.argv.is_empty());
    let told: BTreeSet<_> = launch.argv.into_iter().chain(launch.environment.into_values()).collect();
    for word in ["reviewer", "review", "T-001", "3", "/places/t-1/task.md", "/places/t-1/own/result.json"] {
        assert!(told.iter().any(|t| t == word), "{word} is not in {told:?}");
    }
    assert!(told.iter().any(|t| t == "/places/t-1/code/docs/work-items/T-001"));
}

fn the_same_assignment_is_the_same_launch<B: AgentBench>(bench: &B) {
    assert_eq!(bench.agent().launch(&assignment(1)), bench.agent().launch(&assignment(1)));
    assert_ne!(bench.agent().launch(&assignment(1)), bench.agent().launch(&assignment(2)));
}

fn usage<B: AgentBench>(bench: &B, result: &Value) -> Usage {
    bench.agent().report(&RunEnd::Completed, Some(result), &mut std::io::empty()).usage
}

fn usage_is_read<B: AgentBench>(bench: &B) {
    let usage = usage(bench, &bench.result());
    assert_eq!((usage.input_tokens, usage.cached_tokens, usage.output_tokens), (Some(5), Some(3), Some(7)));
    assert_eq!((usage.cost_micros, usage.model.as_deref()), (Some(210_000), Some("m")));
}

fn what_is_broken_is_unknown<B: AgentBench>(bench: &B) {
    let broken = [
        Value::Null,
        json!([]),
        json!("five"),
        json!({}),
        json!({"usage": "many", "cost_usd": "free", "model": 4}),
        json!({"usage": {"input_tokens": -5, "output_tokens": 1.5}, "cost_usd": -1}),
        json!({"cost_usd": 1e300}),
    ];
    for broken in broken {
        assert_eq!(usage(bench, &broken), Usage::default(), "{broken}");
    }
}
