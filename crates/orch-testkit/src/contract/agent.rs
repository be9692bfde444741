//! The contract of [`Agent`].

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use orch_ports::agent::{Agent, AgentReport, Assignment, Launch, MODEL_KEY};
use orch_rules::attempt::{RunEnd, Usage};
use orch_rules::pipeline::Role;
use serde_json::{Value, json};

use super::{Case, cases};

/// An agent under test.
pub trait AgentBench {
    /// The agent. If it is given an environment, one value of it is [`SECRET`].
    fn agent(&self) -> &dyn Agent;
    /// What is left by a run that ended well after five tokens in, three of them cached, and seven out.
    fn told(&self) -> Told;
    /// Whether it tells money and model: 0.21 USD with the model `m` then.
    fn tells_money(&self) -> bool;
    /// Output of a run that exited 0 and yet did not end well; `None` if this kind has no words of its own.
    fn exit_0_in_vain(&self) -> Option<String>;
}

/// A value that no argument may repeat.
pub const SECRET: &str = "hush-hush-5f1c";

/// What a run left.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// In its result file.
    pub result: Option<Value>,
    /// Its output.
    pub output: String,
}

/// All cases.
pub fn suite<B: AgentBench>() -> &'static [Case<B>] {
    const {
        cases![
            it_is_told_everything,
            the_same_assignment_is_the_same_launch,
            its_files_lie_in_its_home,
            no_secret_is_an_argument,
            it_is_asked_to_end_by_signals_that_can_be_caught,
            a_session_is_gone_on_with,
            what_is_no_session_is_no_argument,
            usage_is_read,
            what_is_broken_is_unknown,
            a_run_that_ended_well_stays_completed,
            exit_0_is_not_enough,
            how_the_house_ended_it_stands,
            a_line_for_people_is_one_entry,
        ]
    }
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

fn its_files_lie_in_its_home<B: AgentBench>(bench: &B) {
    for path in bench.agent().launch(&assignment(1)).files.keys() {
        assert!(path.starts_with("/places/t-1/home") && !path.as_str().contains(".."), "{path}");
    }
}

fn no_secret_is_an_argument<B: AgentBench>(bench: &B) {
    let Launch { argv, .. } = bench.agent().launch(&assignment(1));
    for argument in &argv {
        assert!(!argument.contains(SECRET) && !argument.contains(MODEL_KEY), "{argument}");
        // Long texts are files: an argument holds 128 KB at most, and everybody may read it.
        assert!(argument.len() < 4096 && !argument.contains("You are the reviewer."), "{argument}");
    }
}

fn it_is_asked_to_end_by_signals_that_can_be_caught<B: AgentBench>(bench: &B) {
    for step in bench.agent().launch(&assignment(1)).stop {
        // SIGHUP, SIGINT, SIGTERM
        assert!([1, 2, 15].contains(&step.signal), "{step:?}");
        assert!((1..=60_000).contains(&step.wait_ms), "{step:?}");
    }
}

fn a_session_is_gone_on_with<B: AgentBench>(bench: &B) {
    let first = bench.agent().launch(&assignment(1));
    let report = report(bench, &RunEnd::Completed, &bench.told());
    if first.session.is_none() && report.session.is_none() {
        return;
    }
    assert!(report.session.is_some(), "its session is known and not told");
    let next = Assignment { resume: report.session.clone(), ..assignment(2) };
    let launch = bench.agent().launch(&next);
    assert_eq!(launch.session, report.session);
    assert_ne!(launch.argv, bench.agent().launch(&assignment(2)).argv);
}

fn what_is_no_session_is_no_argument<B: AgentBench>(bench: &B) {
    for alien in ["--dangerous", "", "-------------------------------------", "01/2/3", "abc-1", "$(reboot)"] {
        let next = Assignment { resume: Some(alien.to_owned()), ..assignment(2) };
        let launch = bench.agent().launch(&next);
        assert_eq!(launch.argv, bench.agent().launch(&assignment(2)).argv, "{alien}");
    }
}

fn report<B: AgentBench>(bench: &B, end: &RunEnd, told: &Told) -> AgentReport {
    bench.agent().report(end, told.result.as_ref(), None, &mut told.output.as_bytes())
}

fn usage_is_read<B: AgentBench>(bench: &B) {
    let usage = report(bench, &RunEnd::Completed, &bench.told()).usage;
    assert_eq!((usage.input_tokens, usage.cached_tokens, usage.output_tokens), (Some(5), Some(3), Some(7)));
    let money = (usage.cost_micros, usage.model.as_deref());
    assert_eq!(money, if bench.tells_money() { (Some(210_000), Some("m")) } else { (None, None) });
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
        let told = Told { result: Some(broken.clone()), output: String::new() };
        assert_eq!(report(bench, &RunEnd::Completed, &told).usage, Usage::default(), "{broken}");
    }
    // An output that ends anywhere, and one with a hole anywhere: unknown, or part of the truth; never more.
    let Told { result, output } = bench.told();
    for at in (0..output.len()).filter(|at| output.is_char_boundary(*at)) {
        for piece in [&output[..at], &output[at..]] {
            let told = Told { result: result.clone(), output: piece.to_owned() };
            let usage = report(bench, &RunEnd::Completed, &told).usage;
            assert!(usage.input_tokens.is_none_or(|tokens| tokens <= 5), "cut at {at}: {usage:?}");
            assert!(usage.output_tokens.is_none_or(|tokens| tokens <= 7), "cut at {at}: {usage:?}");
        }
    }
}

fn a_run_that_ended_well_stays_completed<B: AgentBench>(bench: &B) {
    let end = report(bench, &RunEnd::Completed, &bench.told()).end;
    assert!(matches!(end, None | Some(RunEnd::Completed)), "{end:?}");
}

fn exit_0_is_not_enough<B: AgentBench>(bench: &B) {
    let Some(output) = bench.exit_0_in_vain() else { return };
    for output in [output, String::new(), "some words\n".to_owned()] {
        let told = Told { result: None, output };
        let end = report(bench, &RunEnd::Completed, &told).end;
        assert!(matches!(end, Some(RunEnd::Failed { .. } | RunEnd::Unavailable { .. })), "{told:?}: {end:?}");
    }
}

/// The agent's words cannot turn a stop, a loss or a quarantine into anything else.
fn how_the_house_ended_it_stands<B: AgentBench>(bench: &B) {
    for end in [RunEnd::Stopped, RunEnd::LOST, RunEnd::Quarantined] {
        for told in [bench.told(), Told { result: None, output: bench.exit_0_in_vain().unwrap_or_default() }] {
            assert_eq!(report(bench, &end, &told).end, None, "{end:?}");
        }
    }
}

fn a_line_for_people_is_one_entry<B: AgentBench>(bench: &B) {
    let junk = [
        "",
        " ",
        "{",
        "}",
        "[]",
        "null",
        "{}",
        "{\"type\":4}",
        "{\"type\":\"assistant\",\"message\":7}",
        "\u{feff}{}",
        "{\"type\":\"result\",\"usage\":{\"input_tokens\":18446744073709551615}}",
        "{\"type\":\"item.completed\"}",
        "{\"type\":\"assistant\",\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"a\\n\\u2028b\"}]}}",
        "plain",
        "{\"type\":\"error\",\"message\":\"Reconnecting... (\"}",
        "{\"type\":\"system\",\"subtype\":\"api_retry\"}",
    ];
    let output = bench.told().output;
    for line in junk.into_iter().chain(output.lines()) {
        if let Some(shown) = bench.agent().readable(line) {
            // Words of several lines are set in behind the first, so that none of them looks like another entry.
            let set_in = |line: &str| line.is_empty() || line.starts_with("  ");
            assert!(shown.lines().skip(1).all(set_in), "{line:?}: {shown:?}");
        }
    }
    for at in (0..output.len()).filter(|at| output.is_char_boundary(*at)) {
        drop(bench.agent().readable(&output[at..]));
    }
}
