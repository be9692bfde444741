//! The service dies and comes back: what ran goes on, nothing is lost and nothing happens twice.

use orch_testkit::sample::{TEST_COMMAND, plain_pair, script as of_issues};
use orch_testkit::scripted_agent::Script;
use serde_json::Value;

use super::carried::{Carried, Up, attempts_of, eventually, script, summary, waits};

/// How the service ends.
#[derive(Clone, Copy)]
enum End {
    /// SIGKILL: a crash.
    Killed,
    /// SIGTERM: in good order.
    Asked,
}

fn end(service: Up, how: End) {
    match how {
        End::Killed => assert!(!service.0.kill().unwrap().success()),
        End::Asked => assert!(service.0.stop().unwrap().success()),
    }
}

pub(super) fn developer_waits() -> Script {
    script(
        r#"
        [[play]]
        title = "*"
        [[play.act]]
        role = "developer"
        steps = [
          { say = "before the end of the service" },
          { wait_for_file = "../../../../../go" },
          { write = "notes/{id}.md", text = "{title}\n" },
          { say = "after it" },
          { commit = "Say it" },
        ]
        "#,
    )
}

fn an_agent_goes_on(how: End) {
    let carried = Carried::small(&developer_waits());
    let service = carried.up();
    let id = service.open("Say hello");
    service.approve(&id);
    service.until(&id, "is at work", |task| task["stage"] == "development" && waits(task, "agent"));
    let agents = eventually("its agent waits", || {
        let log = service.log(&id, 3);
        let agents = carried.agents();
        (log.contains("waiting for") && agents.len() == 1).then_some(agents).ok_or(log)
    });
    end(service, how);
    assert_eq!(carried.agents(), agents, "the same process goes on");

    let service = carried.up();
    let task = service.until(&id, "is known again", |task| waits(task, "agent"));
    assert_eq!(task["attempts"], 3);
    assert_eq!(carried.agents(), agents, "and no second one beside it");
    std::fs::write(carried.signal("go"), "").unwrap();
    let task = service.done(&id);
    ended_once(&service, &carried, &id, &task);
}

/// It ended while nobody was there to see it.
fn an_agent_ends_alone(how: End) {
    let carried = Carried::small(&developer_waits());
    let service = carried.up();
    let id = service.open("Say hello");
    service.approve(&id);
    eventually("its agent waits", || {
        Some(()).filter(|()| carried.agents().len() == 1 && at_work(&service, &id)).ok_or_else(String::new)
    });
    end(service, how);
    std::fs::write(carried.signal("go"), "").unwrap();
    eventually("the agent ends", || carried.agents().is_empty().then_some(()).ok_or_else(String::new));
    let service = carried.up();
    let task = service.done(&id);
    ended_once(&service, &carried, &id, &task);
}

fn at_work(service: &Up, id: &str) -> bool {
    let task = service.task(id);
    task["stage"] == "development" && waits(&task, "agent")
}

pub(super) fn ended_once(service: &Up, carried: &Carried, id: &str, task: &Value) {
    let developers = attempts_of(task, "developer");
    assert_eq!(developers.len(), 1, "{}", summary(task));
    assert_eq!(developers[0]["outcome"], "completed");
    assert_eq!(developers[0]["usage"]["runs"], 1, "one row of usage: {}", developers[0]);
    assert_eq!(task["usage"]["runs"], task["attempts"]);
    let log = service.log(id, 3);
    let at = |words: &str| log.match_indices(words).map(|(at, _)| at).collect::<Vec<_>>();
    let places = ["before the end of the service", "waiting for", "after it", "committed: Say it"].map(at);
    assert!(places.iter().all(|found| found.len() == 1) && places.is_sorted(), "a log without a gap:\n{log}");
    assert_eq!(carried.landed_items(), [id]);
}

/// X3.
#[test]
fn an_agent_survives_a_crash_of_the_service() {
    an_agent_goes_on(End::Killed);
}

/// X3.
#[test]
fn an_agent_survives_the_end_of_the_service() {
    an_agent_goes_on(End::Asked);
}

/// X3.
#[test]
fn an_agent_that_ended_after_a_crash_is_met_again() {
    an_agent_ends_alone(End::Killed);
}

/// X2: killed again and again while two issues cross the line, at every stage that can be seen from outside.
#[test]
fn killed_at_every_stage_both_land_once() {
    let issues = plain_pair();
    let carried = Carried::tally(&of_issues(&issues));
    let mut service = carried.up();
    let ids = [&issues[0], &issues[1]].map(|issue| service.open(&issue.title));
    let stages = ["analysis", "architecture", "development", "review", "testing", "landing", "done"];
    let rank = |task: &Value| stages.iter().position(|stage| task["stage"] == *stage);
    for (at, stage) in stages.iter().enumerate() {
        // Each time another one of the two is the nearer, and another moment after the stage was reached.
        let watched = &ids[at % 2];
        if at > 0 {
            for id in &ids {
                approve_if_asked(&service, id);
            }
        }
        service.until(watched, &format!("reaches {stage}"), |task| {
            approve_if_asked(&service, watched);
            rank(task) >= Some(at)
        });
        end(service, End::Killed);
        service = carried.up();
    }
    for id in &ids {
        eventually("it is approved or beyond", || {
            approve_if_asked(&service, id);
            let task = service.task(id);
            (rank(&task) > Some(0)).then_some(()).ok_or_else(|| summary(&task))
        });
        let task = service.done(id);
        assert_eq!(task["retries"], 0, "{}", summary(&task));
        assert_eq!(task["attempts"], 5, "nothing ran twice: {}", summary(&task));
        assert_eq!(task["usage"]["runs"], 5);
    }
    let mut landed = carried.landed_items();
    landed.sort();
    assert_eq!(landed, ids, "each exactly once");
    for (commit, _) in carried.landed() {
        assert_eq!(carried.test_commit(&commit, TEST_COMMAND), Some(0), "{commit}");
    }
}

fn approve_if_asked(service: &Up, id: &str) {
    if waits(&service.task(id), "human") {
        // Stored before a crash, it counts after it: then there is nothing left to approve.
        let path = format!("/api/v1/tasks/{id}/commands");
        let (status, body) = service.0.post(&path, r#"{"command":"approve"}"#).unwrap();
        assert!(matches!(status, 200 | 202 | 409), "{status} {body}");
    }
}

/// Without its token and its address nobody gets in, and without its folder it works for nobody.
#[test]
fn what_is_taken_away_from_a_service_is_put_back_or_ends_it() {
    let carried = Carried::small(&script("[[play]]\ntitle = \"*\"\n"));
    let service = carried.up();
    let state = carried.world.state();
    let token = service.0.token().unwrap();
    for (file, text) in [
        ("token", None),
        ("token", Some("")),
        ("token", Some("x\n")),
        ("service.json", None),
        ("service.json", Some("{")),
    ] {
        match text {
            None => std::fs::remove_file(state.join(file)).unwrap(),
            Some(text) => std::fs::write(state.join(file), text).unwrap(),
        }
        eventually("it is put back", || {
            let answered = service.0.get("/api/v1/tasks").map_err(|error| error.to_string())?;
            let board = carried.world.run(&carried.repository, &["board"]).unwrap();
            let back = service.0.token().as_ref() == Some(&token) && answered.0 == 200 && board.stderr.is_empty();
            back.then_some(()).ok_or(format!("{file} {text:?}: {answered:?} {}", board.stderr))
        });
    }
    assert!(service.0.output().contains("was put back"), "{}", service.0.output());
    std::fs::rename(&state, state.with_file_name("elsewhere")).unwrap();
    eventually("it says so", || {
        let output = service.0.output();
        output.contains("was taken away").then_some(()).ok_or(output)
    });
    assert!(!service.0.stop().unwrap().success());
}
