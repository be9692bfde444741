//! Codex 0.169.0.

use orch_ports::agent::Agent;
use orch_rules::attempt::RunEnd;
use orch_testkit::model_server::{Deed, Step, Turn};
use orch_vendors::agent::codex::Codex;
use serde_json::json;

use super::{Place, has_reader, held_command, let_go, program, until_up};

pub(super) const PROGRAM: &str = "@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex";

fn bench(test: &str) -> Option<(Place, Codex)> {
    let program = program(&format!("codex/{test}"), PROGRAM)?;
    let place = Place::new();
    let agent = Codex {
        program: program.to_str().unwrap().to_owned(),
        // A model it does not know gets the plain tools.
        model: Some("mock-model".to_owned()),
        credential: "openai".to_owned(),
        environment: place.environment(),
    };
    Some((place, agent))
}

#[test]
fn it_commits_and_goes_on_in_its_thread_in_another_clone() {
    let Some((place, agent)) = bench("commits") else { return };
    place.server.play(
        "T-001",
        [
            Step::shell("echo hello > hello.txt"),
            Step::shell("git add hello.txt && git commit -qm \"$ORCH_TASK_ID hello\""),
            Step::says("The first one is done."),
        ],
    );
    let first = place.run(&agent);
    first.completed();
    let usage = &first.report.usage;
    assert_eq!((usage.input_tokens, usage.cached_tokens, usage.output_tokens), (Some(3_600), Some(2_400), Some(180)));
    assert_eq!((usage.cost_micros, place.commits(1)), (None, 2));
    let requests = place.server.requests();
    assert!(requests[0].says("quokka") && requests[0].says(place.assignment(1, None).task_file.as_str()));
    place.only_the_worthless_key_is_sent();

    place.clone_for(2);
    place.server.play("T-001", [Step::shell("git commit -q --allow-empty -m more"), Step::says("So is the second.")]);
    let second = place.start(&agent, 2, first.report.session).ended();
    second.completed();
    assert_eq!(second.report.usage.input_tokens, Some(2_400), "only what this run used");
    assert_eq!(place.commits(2), 2);
    let last = place.server.requests().pop().unwrap();
    assert!(last.says("The first one is done.") && last.says("this is attempt 2") && last.says("quokka"));
}

#[test]
fn a_key_that_is_refused_is_told_and_the_thread_can_be_gone_on_with() {
    let Some((place, agent)) = bench("401") else { return };
    let body = [("param", json!(null))];
    let refused = Step::open_ai_error(401, "invalid_api_key", "Incorrect API key provided", &body);
    place.server.play("", [refused]);
    let ran = place.run(&agent);
    ran.unavailable("put a key that holds");
    place.clone_for(2);
    place.server.play("", [Step::says("Done.")]);
    place.start(&agent, 2, ran.report.session).ended().completed();
}

#[test]
fn limits_and_overloads_are_the_vendors() {
    let Some((place, agent)) = bench("limits") else { return };
    let limit = [("resets_at", json!(4_102_444_800_u64)), ("plan_type", json!("plus"))];
    for (attempt, step, words) in [
        (1, Step::open_ai_error(429, "usage_limit_reached", "The usage limit has been reached", &limit), "usage limit"),
        (2, Step::open_ai_error(429, "insufficient_quota", "You exceeded your current quota", &[]), "no credit"),
        (3, Step::open_ai_error(500, "server_error", "The server had an error", &[]), "high demand"),
        (4, Step::of(Deed::Cut(Turn { text: "half".to_owned(), ..Turn::default() }, 3)), "stream disconnected"),
    ] {
        if attempt > 1 {
            place.clone_for(attempt);
        }
        place.server.play("", [step]);
        place.start(&agent, attempt, None).ended().unavailable(words);
    }
}

#[test]
fn a_stream_that_is_cut_once_is_asked_for_again() {
    let Some((place, agent)) = bench("cut-once") else { return };
    let cut = Step::of(Deed::Cut(Turn { text: "half".to_owned(), ..Turn::default() }, 3));
    place.server.play("", [cut, Step::says("Done.")]);
    let ran = place.run(&agent);
    ran.completed();
    let shown: Vec<String> = ran.output.lines().filter_map(|line| agent.readable(line)).collect();
    assert!(shown.iter().any(|line| line.ends_with(", retry 1 of 2")), "{shown:?}");
}

#[test]
fn a_thread_that_is_too_long_fails_and_is_left() {
    let Some((place, agent)) = bench("too-long") else { return };
    let (code, message) = ("context_length_exceeded".to_owned(), "Your input exceeds the window".to_owned());
    place.server.play("", [Step::of(Deed::Fails { code, message })]);
    let ran = place.run(&agent);
    ran.failed("ran out of room");
    assert_eq!(ran.report.session, None);
}

/// Its word is not evidence: git is asked whether there is a commit.
#[test]
fn it_may_say_done_and_have_done_nothing() {
    let Some((place, agent)) = bench("no-commit") else { return };
    place.server.play("", [Step::says("All done, committed and tested.")]);
    place.run(&agent).completed();
    assert_eq!(place.commits(1), 1);
}

#[test]
fn an_interrupt_ends_it_and_its_tool() {
    let Some((place, agent)) = bench("sigint-tool") else { return };
    let (up, never) = (place.fifo("up"), place.fifo("never"));
    place.server.play("", [Step::shell(&held_command(&up, &never)), Step::says("Done.")]);
    let running = place.start(&agent, 1, None);
    until_up(&up);
    let stop = agent.launch(&place.assignment(1, None)).stop;
    running.signal(stop[0].signal);
    let ran = running.ended_as(Some(RunEnd::Stopped));
    assert!(!has_reader(&never), "the tool outlived it");
    let_go(&never);
    assert_eq!(ran.report.end, None);
    // Its figures come with the next run of the thread.
    assert_eq!(ran.report.usage.input_tokens, None);
    place.clone_for(2);
    place.server.play("", [Step::says("Done.")]);
    let next = place.start(&agent, 2, ran.report.session).ended();
    next.completed();
    assert_eq!(next.report.usage.input_tokens, Some(2_400), "both runs");
}

#[test]
fn silence_is_ended_by_an_interrupt_and_is_no_success() {
    let Some((place, agent)) = bench("silent") else { return };
    place.server.play("", [Step::of(Deed::Silence(Turn::default(), 1))]);
    let running = place.start(&agent, 1, None);
    place.server.await_requests("", 1, super::PATIENCE).unwrap();
    running.signal(2);
    running.ended().failed("without finishing its turn");
}

#[test]
fn a_refusal_fails_and_ends_the_thread() {
    let Some((place, agent)) = bench("refusal") else { return };
    let no = Turn { text: "No.".to_owned(), ..Turn::default() };
    place.server.play("", [Step::of(Deed::Incomplete(no, "content_filter".to_owned()))]);
    let ran = place.run(&agent);
    ran.failed("content_filter");
    assert_eq!(ran.report.session, None);
}
