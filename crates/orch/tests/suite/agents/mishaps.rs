//! What goes wrong in a run and is no outage: several tasks of one service, a mishap each.

use orch_testkit::model_server::{Deed, Step};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Crew, Kind, Project, Who, booked, processes, turn};
use crate::carried::{Up, attempts_of, eventually, summary, waits};

/// The architect may edit and nothing else; a vendor that is silent is given up soon.
const CLAUDE: &str = "[egress]\nsilence_seconds = 2\n\
    [agents.architect]\nkind = \"claude_code\"\nprogram = \"{program}\"\npermission_mode = \"accept_edits\"\n";
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
    // Claude Code asks twice before it believes a refusal.
    let no = || match crew.kind {
        Kind::Claude => Step::of(Deed::Incomplete(turn("No."), "refusal".to_owned())),
        Kind::Codex => Step::of(Deed::Incomplete(turn("No."), "content_filter".to_owned())),
    };
    match crew.kind {
        Kind::Claude => crew.play(Who::of("analyst", refused), [no(), no(), brd(), Step::says("Done.")]),
        Kind::Codex => crew.play(Who::of("analyst", refused), [no(), brd(), Step::says("Done.")]),
    }
    crew.analyst(empty);
    crew.architect(empty);
    if crew.kind == Kind::Claude {
        let fetch = serde_json::json!({"url": "https://example.org/", "prompt": "What is there?"});
        let adr = Crew::document("06-adr/ADR-001-small.md", "---\nstatus: accepted\n---\n# ADR-001\n");
        crew.play(Who::of("architect", empty), [Step::tool("WebFetch", fetch), Step::says("Decided.")]);
        crew.play(Who::again("architect", empty, 3), [adr, Step::says("Decided.")]);
    }
    crew.play(Who::of("developer", empty), [Step::says("All done, committed and tested.")]);
    let tool = |id: &str| {
        // One tool that waits, and one that has left its session behind.
        let wait = "mkfifo never; touch up; read x < never";
        Step::shell(&format!("setsid sh -c 'read x < far' far-tool-of-{id} & mkfifo far; sh -c '{wait}' tool-of-{id}"))
    };
    crew.play(Who::of("analyst", stopped), [tool(stopped), Step::says("Done.")]);
    crew.play(Who::of("analyst", killed), [tool(killed), Step::says("Done.")]);

    let service = crew.up();
    for id in [cut, silent, refused, empty, stopped, killed] {
        assert_eq!(service.open(&format!("Say {id}")), id);
    }
    a_tool_is_stopped(crew, &service, stopped);
    an_agent_is_killed(crew, &service, killed, brd());

    for id in [cut, silent] {
        let task = service.until(id, "asks for approval", |task| waits(task, "human"));
        assert_eq!((attempts_of(&task, "analyst").len(), &task["retries"]), (1, &0.into()), "{}", summary(&task));
        match crew.kind {
            Kind::Claude => assert_eq!(booked(&task, 0), crew.used(Who::of("analyst", id))),
            // The answer that broke off told nothing, and too little is not a figure.
            Kind::Codex => assert_eq!(task["usage"]["unknown_runs"], 1, "{}", task["usage"]),
        }
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
        let tries = attempts_of(&task, "architect");
        assert_eq!((tries.len(), &tries[0]["outcome"]), (2, &"failed".into()), "{}", summary(&task));
        assert!(tries[0]["reason"].as_str().unwrap().contains("refused permission for WebFetch"), "{}", tries[0]);
    }
    nothing_is_delivered(crew, &service, empty);
    crew.the_real_key_is_the_proxys();
}

/// Every tool of the task dies with its agent.
#[track_caller]
fn no_tool_is_left(id: &str) {
    let name = format!("tool-of-{id}");
    eventually("its tools are dead", || {
        let left: Vec<_> = processes().into_iter().filter(|(_, words)| words.join(" ").contains(&name)).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    });
}

fn tool_is_up(id: &str) {
    for name in [format!("tool-of-{id}"), format!("far-tool-of-{id}")] {
        eventually("the tool is at work", || {
            let there = processes().into_iter().any(|(_, words)| words.contains(&name));
            there.then_some(()).ok_or_else(String::new)
        });
    }
}

fn a_tool_is_stopped(crew: &Crew, service: &Up, id: &str) {
    tool_is_up(id);
    crew.carried.orch(&["stop", id]);
    let task = service.until(id, "ends", |task| task["ended"] == true);
    no_tool_is_left(id);
    assert_eq!((&task["stage"], &task["attempt_list"][0]["outcome"]), (&"cancelled".into(), &"stopped".into()));
    assert_eq!(booked(&task, 0), first_answer(crew, id), "what it used is kept");
}

fn an_agent_is_killed(crew: &Crew, service: &Up, id: &str, document: Step) {
    tool_is_up(id);
    let first = first_answer(crew, id);
    let steps = [document, Step::says("Done.")];
    // Whether its session is gone on with is the agent's.
    crew.play(Who::again("analyst", id, 2), steps.clone());
    crew.play(Who::of("analyst", id), steps);
    let process = crew.process(Who::of("analyst", id)).unwrap();
    kill_process(Pid::from_raw(process.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
    let task = service.until(id, "asks for approval", |task| waits(task, "human"));
    no_tool_is_left(id);
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
        |task: &Value| task["timeline"].to_string().contains("delivered nothing: no commit since its start");
    let task = service.until(id, "is told that nothing was delivered", sent_back);
    let tries = attempts_of(&task, "developer");
    assert_eq!(tries[0]["outcome"], "completed", "{}", summary(&task));
    let again = Who::again("developer", id, tries[0]["number"].as_u64().unwrap() + 1);
    let _ = (crew, again);
}

/// What the first answer to the analyst cost: all that was given out.
fn first_answer(crew: &Crew, id: &str) -> [u64; 3] {
    let price = crew.prices.borrow()[&Who::of("analyst", id).marker()][0];
    [price.input, price.cached, price.output]
}
