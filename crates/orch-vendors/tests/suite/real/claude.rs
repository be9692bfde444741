//! Claude Code 2.1.329.

use orch_ports::agent::Agent;
use orch_rules::attempt::RunEnd;
use orch_testkit::model_server::{Deed, Step, Turn};
use orch_vendors::agent::claude_code::{ClaudeCode, PermissionMode};
use serde_json::json;

use super::{Place, has_reader, held_command, let_go, program, until_up};

pub(super) const PROGRAM: &str = "@anthropic-ai/claude-code-linux-x64/claude";

/// Errors that a vendor wants nobody to ask again after: the real one's answers to retries are recorded, and waiting
/// for them here would prove nothing of ours.
const NO_RETRY: &[(&str, &str)] = &[("x-should-retry", "false")];

fn bench(test: &str) -> Option<(Place, ClaudeCode)> {
    let program = program(&format!("claude_code/{test}"), PROGRAM)?;
    let place = Place::new();
    let agent = ClaudeCode {
        program: program.to_str().unwrap().to_owned(),
        model: None,
        permission_mode: PermissionMode::Bypass,
        credential: "anthropic".to_owned(),
        environment: place.environment(),
    };
    Some((place, agent))
}

fn turn(text: &str) -> Turn {
    Turn { text: text.to_owned(), ..Turn::default() }
}

#[test]
fn it_commits_and_goes_on_in_its_session_in_another_clone() {
    let Some((place, agent)) = bench("commits") else { return };
    place.server.play(
        "T-001",
        [
            Step::tool("Write", json!({"file_path": place.code(1).join("hello.txt"), "content": "hello\n"})),
            Step::shell("git add hello.txt && git commit -qm \"$ORCH_TASK_ID hello\""),
            Step::says("The first one is done."),
        ],
    );
    let launched = agent.launch(&place.assignment(1, None)).session;
    let first = place.run(&agent);
    first.completed();
    assert_eq!(first.report.session, launched);
    let usage = &first.report.usage;
    assert_eq!((usage.input_tokens, usage.cached_tokens, usage.output_tokens), (Some(12_600), Some(9_000), Some(150)));
    assert!(usage.cost_micros.is_some_and(|micros| micros > 0) && usage.model.is_some(), "{usage:?}");
    assert_eq!(place.commits(1), 2);
    let requests = place.server.requests();
    assert!(requests[0].says("quokka") && requests[0].says(place.assignment(1, None).task_file.as_str()));
    assert_eq!(requests[0].header("x-claude-code-session-id"), launched.as_deref());
    place.only_the_worthless_key_is_sent();

    place.clone_for(2);
    place.server.play("T-001", [Step::shell("git commit -q --allow-empty -m more"), Step::says("So is the second.")]);
    let second = place.start(&agent, 2, first.report.session.clone()).ended();
    second.completed();
    assert_eq!(second.report.session, first.report.session);
    assert_eq!(second.report.usage.input_tokens, Some(8_400), "only what this run used");
    assert_eq!(place.commits(2), 2);
    let last = place.server.requests().pop().unwrap();
    assert!(last.says("The first one is done.") && last.says("this is attempt 2") && last.says("quokka"));
}

#[test]
fn a_key_that_is_refused_is_told_and_the_session_can_be_gone_on_with() {
    let Some((place, agent)) = bench("401") else { return };
    place.server.play("", [Step::error(401, "authentication_error", "invalid x-api-key", NO_RETRY)]);
    let ran = place.run(&agent);
    ran.unavailable("`anthropic`");
    place.clone_for(2);
    place.server.play("", [Step::says("Done.")]);
    place.start(&agent, 2, ran.report.session).ended().completed();
}

#[test]
fn a_short_rate_limit_is_waited_for() {
    let Some((place, agent)) = bench("429-short") else { return };
    let limit = Step::error(429, "rate_limit_error", "slowly", &[("retry-after", "1")]);
    place.server.play("", [limit, Step::says("Done.")]);
    let ran = place.run(&agent);
    ran.completed();
    let shown: Vec<String> = ran.output.lines().filter_map(|line| agent.readable(line)).collect();
    assert!(shown.iter().any(|line| line.starts_with("rate limit, retry 1 of 3 in ")), "{shown:?}");
}

#[test]
fn limits_and_overloads_are_the_vendors() {
    let Some((place, agent)) = bench("429-529") else { return };
    for (attempt, status, kind, headers) in [
        (1, 429, "rate_limit_error", &[("retry-after", "3600")][..]),
        (2, 529, "overloaded_error", NO_RETRY),
        (3, 403, "permission_error", NO_RETRY),
    ] {
        if attempt > 1 {
            place.clone_for(attempt);
        }
        place.server.play("", [Step::error(status, kind, "not now", headers)]);
        place.start(&agent, attempt, None).ended().unavailable(&status.to_string());
    }
}

#[test]
fn a_stream_that_is_cut_is_asked_for_again() {
    let Some((place, agent)) = bench("cut") else { return };
    place.server.play("", [Step::of(Deed::Cut(turn("half an answer"), 4)), Step::says("Done.")]);
    place.run(&agent).completed();
}

#[test]
fn a_refusal_fails_and_ends_the_session() {
    let Some((place, agent)) = bench("refusal") else { return };
    place.server.play("", [Step::of(Deed::Incomplete(turn("No."), "refusal".to_owned()))]);
    let ran = place.run(&agent);
    ran.failed("safeguards");
    assert_eq!(ran.report.session, None);
}

#[test]
fn what_is_not_in_its_list_of_tools_is_not_there_in_either_mode() {
    let Some((place, agent)) = bench("permission") else { return };
    let agent = ClaudeCode { permission_mode: PermissionMode::AcceptEdits, ..agent };
    let fetch = json!({"url": "https://example.org/", "prompt": "What is there?"});
    place.server.play(
        "",
        [Step::shell("git commit -q --allow-empty -m x"), Step::tool("WebFetch", fetch), Step::says("Done.")],
    );
    let ran = place.run(&agent);
    ran.completed();
    assert!(ran.output.contains("No such tool available: WebFetch"), "{}", ran.output);
    assert_eq!(place.commits(1), 2, "what it may do it did");
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
    // A tool that has only just begun is cut off without a result line; its input is known all the same.
    assert_eq!(ran.report.usage.input_tokens, Some(4_200), "{}", ran.output);
    let told = ran.output.contains("\"aborted_tools\"");
    assert_eq!(ran.report.usage.output_tokens, told.then_some(50), "{}", ran.output);
    assert!(ran.report.session.is_some());
}

#[test]
fn silence_is_ended_by_an_interrupt_and_is_no_success() {
    let Some((place, agent)) = bench("silent") else { return };
    place.server.play("", [Step::of(Deed::Silence(turn("…"), 3))]);
    let running = place.start(&agent, 1, None);
    place.server.await_requests("", 1, super::PATIENCE).unwrap();
    running.signal(2);
    let ran = running.ended();
    assert_eq!(ran.status.code(), Some(0));
    ran.failed("");
}

#[test]
fn several_work_at_once_each_with_its_script() {
    let Some((one, agent)) = bench("several") else { return };
    let two = Place::new();
    let other = ClaudeCode { environment: two.environment(), ..agent.clone() };
    // Both scripts stand in one server; what tells them apart is the folder each is told.
    for place in [&one, &two] {
        let marker = place.code(1);
        let steps = [Step::shell("git commit -q --allow-empty -m x").after("both"), Step::says(marker.as_str())];
        one.server.play(marker.as_str(), steps);
    }
    let address = one.server.address();
    let running = one.start(&agent, 1, None);
    let running_too = two.start_at(&address, &other, 1, None);
    for place in [&one, &two] {
        one.server.await_requests(place.code(1).as_str(), 1, super::PATIENCE).unwrap();
    }
    one.server.open("both");
    for (place, running) in [(&one, running), (&two, running_too)] {
        let ran = running.ended();
        ran.completed();
        assert!(ran.output.contains(place.code(1).as_str()));
        assert_eq!(place.commits(1), 2);
    }
}
