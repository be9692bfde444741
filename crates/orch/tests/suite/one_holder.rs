//! Two state folders, one PostgreSQL: one service, and commands elsewhere that only store what they are asked.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};

use super::carried::{Carried, eventually, script};

/// A command without a service has the state folder for a moment: whoever comes then waits.
#[test]
fn a_service_waits_for_a_command_that_is_at_work() {
    let carried = Carried::small(&script("[[play]]\ntitle = \"*\"\n"));
    std::fs::create_dir_all(carried.world.state()).unwrap();
    let held = std::fs::File::open(carried.world.state()).unwrap();
    flock(&held, FlockOperation::NonBlockingLockExclusive).unwrap();
    let mut up = carried.world.command(&carried.repository, &["up", "--port", "0"]);
    let mut up = up.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = String::new();
    BufReader::new(up.stderr.take().unwrap()).read_line(&mut told).unwrap();
    assert!(told.contains("waiting for it"), "{told}");
    drop(held);
    eventually("it serves", || {
        let status = carried.world.run(&carried.repository, &["status", "--json"]).unwrap();
        (status.stdout.contains("\"pid\"")).then_some(()).ok_or(status.stdout + &status.stderr)
    });
    carried.world.run(&carried.repository, &["down"]).unwrap().success();
    assert!(up.wait().unwrap().success());
}

#[test]
fn one_database_has_one_service() {
    let Ok(url) = std::env::var("ORCH_TEST_POSTGRES") else {
        let reason = "ORCH_TEST_POSTGRES does not name a PostgreSQL server";
        let record = std::env::var_os("ORCH_TEST_NOT_RUN");
        return orch_testkit::world::not_run(record.as_deref(), "orch/one_holder", reason);
    };
    let waiting = r#"
        [[play]]
        title = "Wait"
        [[play.act]]
        role = "analyst"
        steps = [{ wait_for_file = "../../../../../go" }, { write = "docs/work-items/{id}/01-brd.md", text = "x" }]
        [[play]]
        title = "*"
    "#;
    let worlds = [(); 2].map(|()| {
        let mut carried = Carried::small(&script(waiting));
        carried.world.set("ORCH_STORE_URL", &url);
        carried
    });
    let [one, two] = &worlds;
    let service = one.up();

    let refused = two.world.run(&two.repository, &["up", "--port", "0"]).unwrap().code(8);
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    for word in [format!("process {}", service.0.pid()), host, format!("127.0.0.1:{}", service.0.port())] {
        assert!(refused.stderr.contains(&word), "{word} is not told: {}", refused.stderr);
    }

    // Opened and decided where the service is; the other folder starts nothing.
    let opened = two.world.run(&two.repository, &["--json", "new", "Say hello"]).unwrap().success();
    assert!(opened.stderr.contains("a service elsewhere has this database"), "{}", opened.stderr);
    let task: Value = serde_json::from_str(&opened.stdout).unwrap();
    let id = task["id"].as_str().unwrap();
    service.until(id, "is at work", |task| task["attempts"].as_u64() > Some(0));
    let stop = two.world.run(&two.repository, &["--json", "stop", id]).unwrap().success();
    assert!(stop.stdout.contains(r#""pending":true"#), "{}", stop.stdout);
    let stopped = service.until(id, "is cancelled", |task| task["stage"] == "cancelled");
    assert!(two.agents().is_empty(), "no run belongs to the folder that has no service");
    assert!(stopped["timeline"].as_array().unwrap().iter().any(|line| line["rule"] == "stop"));

    // A service that ended, however it did, keeps nobody out; its agents are its own.
    let left = service.open("Wait");
    let agents = eventually("its agent is at work", || {
        let agents = one.agents();
        (agents.len() == 1).then_some(agents).ok_or("no agent".to_owned())
    });
    assert!(!service.0.kill().unwrap().success());
    let second = two.up();
    let other = second.open("Say hello again");
    second.until(&other, "is at work here", |task| task["attempts"].as_u64() > Some(0));
    let told = second.task(&left);
    let words = told["work"].as_array().unwrap().iter().filter_map(|row| row["error"].as_str()).collect::<String>();
    assert!(words.contains("its run is on host"), "{told}");
    assert_eq!(told["attempts"], 1);
    second.command(&other, json!({"command": "stop"}));
    second.until(&other, "is cancelled", |task| task["stage"] == "cancelled");
    assert!(two.agents().is_empty(), "no second agent for the same attempt");
    assert_eq!(one.agents(), agents);
    assert!(second.0.stop().unwrap().success());
    let again = one.up();
    again.command(&left, json!({"command": "stop"}));
    again.until(&left, "is cancelled", |task| task["stage"] == "cancelled");
    assert!(one.agents().is_empty(), "its agent was found, and stopped");
}
