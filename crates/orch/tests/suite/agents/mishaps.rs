//! What goes wrong in a run and is no outage: several tasks of one service, a mishap each.

use orch_testkit::model_server::{Deed, Step};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Crew, Kind, Project, Who, booked, processes, tells, turn};
use crate::carried::{Up, attempts_of, eventually, summary, waits};

/// The architect may edit and nothing else; a vendor that is silent is given up soon.
const CLAUDE: &str = "[egress]\nsilence_seconds = 2\n\
    [agents.architect]\nkind = \"claude_code\"\npermission_mode = \"accept_edits\"\n";
const CODEX: &str = "[egress]\nsilence_seconds = 2\n";

#[test]
fn claude_code_lives_through_mishaps() {
    let Some(crew) = Crew::with("mishaps", Kind::Claude, Project::Small, CLAUDE) else { return };
    mishaps(&crew);
}

#[test]
fn codex_lives_through_mishaps() {
    let Some(crew) = Crew::with("mishaps", Kind::Codex, Project::Small, CODEX) else { return };
    mishaps(&crew);
}

fn mishaps(crew: &Crew) {
    let [cut, silent, refused, empty, stopped, killed] = ["IT-001", "IT-002", "IT-003", "IT-004", "IT-005", "IT-006"];
    let brd = || Crew::document("01-brd.md", "---\nwork_item: IT\n---\n# What is wanted\n");
    crew.play(Who::of("analyst", cut), [Step::of(Deed::Cut(turn("half"), 4)), brd(), Step::says("Done.")]);
    crew.play(Who::of("analyst", silent), [Step::of(Deed::Silence(turn("…"), 4)), brd(), Step::says("Done.")]);
    // So often each of them asks before it believes a refusal.
    let (reason, times) = match crew.kind {
        Kind::Claude => ("refusal", 2),
        Kind::Codex => ("content_filter", 3),
    };
    let no = Step::of(Deed::Incomplete(turn("No."), reason.to_owned()));
    let mut steps = vec![no; times];
    steps.extend([brd(), Step::says("Done.")]);
    crew.play(Who::of("analyst", refused), steps);
    crew.play(Who::again("analyst", refused, 2), [brd(), Step::says("Done.")]);
    crew.analyst(empty);
    crew.architect(empty);
    if crew.kind == Kind::Claude {
        // A tool that is not its role's is not there, and it goes on without.
        let fetch = serde_json::json!({"url": "https://example.org/", "prompt": "What is there?"});
        let adr = Crew::document("06-adr/ADR-001-small.md", "---\nstatus: accepted\n---\n# ADR-001\n");
        crew.play(Who::of("architect", empty), [Step::tool("WebFetch", fetch), adr, Step::says("Decided.")]);
    }
    crew.play(Who::of("developer", empty), [Step::says("All done, committed and tested.")]);
    crew.play(
        Who::again("developer", empty, 4),
        [
            Step::shell("cat \"$ORCH_TASK_FILE\""),
            Step::shell("echo hello > hello && git add hello && git commit -qm 'Say hello'"),
            Step::says("Done."),
        ],
    );
    let tool = |id: &str| {
        // One that waits, and one that has left its session behind.
        let [near, far] = tools(crew, id);
        Step::shell(&format!("mkfifo never; setsid sh -c 'read x < never' {far} & sh -c 'read x < never' {near}"))
    };
    // Codex does not wait for a tool that takes its time, and asks.
    let later = || Step::says("Done.").after("never");
    crew.play(Who::of("analyst", stopped), [tool(stopped), later()]);
    crew.play(Who::of("analyst", killed), [tool(killed), later()]);

    let service = crew.up();
    for id in [cut, silent, refused, empty, stopped, killed] {
        assert_eq!(service.open(&format!("Say {id}")), id);
    }
    a_tool_is_stopped(crew, &service, stopped);
    an_agent_is_killed(crew, &service, killed, brd());

    for id in [cut, silent] {
        let task = service.until(id, "asks for approval", |task| waits(task, "human"));
        assert_eq!((attempts_of(&task, "analyst").len(), &task["retries"]), (1, &0.into()), "{}", summary(&task));
        // The answer that broke off told nothing, or a beginning, and too little is not a figure.
        assert_eq!(task["usage"]["unknown_runs"], 1, "{}", task["usage"]);
    }
    let task = service.until(refused, "asks for approval", |task| waits(task, "human"));
    let tries = attempts_of(&task, "analyst");
    assert_eq!(
        (tries.len(), &tries[0]["outcome"], &task["retries"]),
        (2, &"failed".into(), &1.into()),
        "{}",
        summary(&task)
    );

    service.approve(empty);
    if crew.kind == Kind::Claude {
        let task = service.until(empty, "is developed", |task| !attempts_of(task, "developer").is_empty());
        assert_eq!(attempts_of(&task, "architect").len(), 1, "{}", summary(&task));
    }
    nothing_is_delivered(crew, &service, empty);
    crew.the_real_key_is_the_proxys();
}

/// Names of the two tools that a task's agent starts.
fn tools(crew: &Crew, id: &str) -> [String; 2] {
    let test = format!("{}-{}", crew.kind.credential(), std::process::id());
    [format!("near-tool-of-{id}-{test}"), format!("far-tool-of-{id}-{test}")]
}

/// Which of them are at work.
fn at_work(tools: &[String; 2]) -> Vec<&String> {
    let processes = processes();
    tools.iter().filter(|tool| processes.iter().any(|(_, words)| words.contains(tool))).collect()
}

#[track_caller]
fn tools_are_up(crew: &Crew, id: &str) {
    let tools = tools(crew, id);
    eventually("its tools are at work", || {
        let up = at_work(&tools);
        if up.len() == 2 { Ok(()) } else { Err(format!("{up:?}")) }
    });
}

/// Every tool of the task dies with its agent.
#[track_caller]
fn no_tool_is_left(crew: &Crew, id: &str) {
    let tools = tools(crew, id);
    let left = at_work(&tools);
    assert!(left.is_empty(), "the run has ended, and these have not: {left:?}");
}

fn a_tool_is_stopped(crew: &Crew, service: &Up, id: &str) {
    tools_are_up(crew, id);
    crew.carried.orch(&["stop", id]);
    let task = service.until(id, "ends", |task| task["ended"] == true);
    no_tool_is_left(crew, id);
    assert_eq!((&task["stage"], &task["attempt_list"][0]["outcome"]), (&"cancelled".into(), &"stopped".into()));
    assert_eq!(booked(&task, 0), first_answer(crew, id), "what it used is kept");
}

fn an_agent_is_killed(crew: &Crew, service: &Up, id: &str, document: Step) {
    tools_are_up(crew, id);
    let first = first_answer(crew, id);
    let steps = [document, Step::says("Done.")];
    // Whether its session is gone on with is the agent's.
    crew.play(Who::again("analyst", id, 2), steps.clone());
    crew.play(Who::of("analyst", id), steps);
    let process = crew.process(Who::of("analyst", id)).unwrap();
    kill_process(Pid::from_raw(process.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
    service.until(id, "is tried again", |task| task["attempts"] == 2);
    no_tool_is_left(crew, id);
    let task = service.until(id, "asks for approval", |task| waits(task, "human"));
    let tries = attempts_of(&task, "analyst");
    assert_eq!(
        (tries.len(), &tries[0]["outcome"], &task["retries"]),
        (2, &"failed".into(), &1.into()),
        "{}",
        summary(&task)
    );
    assert_eq!(booked(&task, 0), first, "what the proxy counted");
}

/// Words are no commit: the gate says so, and says it otherwise than of a red test.
fn nothing_is_delivered(crew: &Crew, service: &Up, id: &str) {
    let sent_back =
        |task: &Value| task["timeline"].to_string().contains("delivered nothing: what it left is what it was given");
    let task = service.until(id, "is told that nothing was delivered", sent_back);
    let tries = attempts_of(&task, "developer");
    assert_eq!(tries[0]["outcome"], "completed", "{}", summary(&task));
    let again = Who::again("developer", id, tries[0]["number"].as_u64().unwrap() + 1);
    let asked = crew.requests(again, 2);
    assert!(
        tells(&asked[1].body, "delivered nothing: what it left is what it was given"),
        "it is told: {}",
        asked[1].body
    );
    service.until(id, "is reviewed", |task| task["stage"] == "review");
}

/// What the first answer to the analyst cost: all that was given out.
fn first_answer(crew: &Crew, id: &str) -> [u64; 3] {
    let price = crew.prices.borrow()[&Who::of("analyst", id).marker()][0];
    [price.input, price.cached, price.output]
}
