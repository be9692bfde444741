//! A small service, deployed by command: one good release, one that does not come up and comes again, and what people do.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::Value;

use super::carried::{Carried, eventually, script};

/// Answers what is in the file that the hook writes; an empty one is no healthy answer.
fn serve(file: PathBuf) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut asked = [0; 1024];
            let _ = stream.read(&mut asked);
            let body = std::fs::read_to_string(&file).unwrap_or_default();
            let status = if body.is_empty() { "503 Service Unavailable" } else { "200 OK" };
            let length = body.len();
            let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
        }
    });
    port
}

const HOOK: &str = r#"#!/bin/sh
revision=$EXPECTED_REVISION
artifact=$ORCH_ARTIFACT
if [ "$1" = --rollback ]; then revision=$ORCH_PREVIOUS_REVISION; artifact=$ORCH_PREVIOUS_ARTIFACT; fi
test "$(cat "$ORCH_SECRETS/WEB_KEY")" = hush || exit 7
echo "bringing $revision as number $ORCH_DEPLOY_SEQ"
if grep -qs "bad 1" "$artifact/worse.txt"; then : > PRODUCTION; else printf '{"revision":"%s"}' "$revision" > PRODUCTION; fi
"#;

fn deployed() -> Carried {
    let carried = Carried::small(&script(
        r#"
        [[play]]
        title = "Worse"
        [[play.act]]
        role = "developer"
        steps = [{ say = "told: {rework}" }, { write = "worse.txt", text = "bad {round}\n" }, { commit = "Write it" }]
        [[play]]
        title = "*"
        [[play.act]]
        role = "developer"
        steps = [{ write = "{id}.txt", text = "{id}\n" }, { commit = "Write it" }]
        "#,
    ));
    let production = carried.world.path("production");
    let port = serve(production.clone());
    let (hook, secret) = (carried.world.path("hook"), carried.world.path("WEB_KEY"));
    std::fs::write(&hook, HOOK.replace("PRODUCTION", &format!("'{}'", production.display()))).unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(&secret, "hush").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let host = carried.world.config();
    let text = std::fs::read_to_string(&host).unwrap();
    let target = format!(
        "target = \"web\"\n\n[target.web]\nhook = [{:?}]\nrollback = true\nurl = \"http://127.0.0.1:{port}/health\"\n\
         look_every_ms = 50\nlooks = 4\nsettle_seconds = 0\nwatch_seconds = 1\nsecrets = [{:?}]\n",
        hook.display().to_string(),
        secret.display().to_string()
    );
    std::fs::write(&host, format!("{}\n{target}", text.trim_end())).unwrap();
    carried
}

fn states(carried: &Carried) -> String {
    let listed: Value = serde_json::from_str(&carried.orch(&["deploy", "list", "--json"])).unwrap();
    let state = |one: &Value| format!("{} {}", one["why"].as_str().unwrap(), one["state"].as_str().unwrap());
    listed["deployments"].as_array().unwrap().iter().rev().map(state).collect::<Vec<_>>().join(", ")
}

/// What `orch doctor` says of the target.
fn of_doctor(carried: &Carried) -> String {
    let doctor = carried.world.run(&carried.repository, &["doctor", "--json"]).unwrap();
    let found: Value = serde_json::from_str(doctor.stdout.lines().last().unwrap()).unwrap();
    let of_targets = |one: &&Value| one["name"] == "targets";
    found["checks"].as_array().unwrap().iter().find(of_targets).unwrap()["words"].as_str().unwrap().to_owned()
}

#[test]
fn a_service_is_deployed_and_a_release_that_does_not_come_up_comes_again() {
    let carried = deployed();
    let service = carried.up();
    let good = service.open("Good");
    service.approve(&good);
    let done = service.done(&good);
    let first = done["landed"].as_str().unwrap().to_owned();
    let status = carried.orch(&["deploy", "status"]);
    assert!(status.contains("healthy, runs") && status.contains(&first[..12]), "{status}");
    assert_eq!(of_doctor(&carried), format!("web: answers, revision {}", &first[..12]));
    let hook = carried.world.path("hook");
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(of_doctor(&carried).contains("cannot be run"), "{}", of_doctor(&carried));
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let worse = service.open("Worse");
    service.approve(&worse);
    let done = service.done(&worse);
    assert_eq!(done["retries"], 1, "{done}");
    assert_eq!(states(&carried), "change healthy, change rolled_back, revert healthy, change healthy");
    let landed = carried.landed();
    let subjects: Vec<_> =
        landed.iter().map(|(_, text)| text.lines().next().unwrap().split('(').next().unwrap()).collect();
    assert_eq!(subjects, ["Good ", "Worse ", "Revert \"Worse\" ", "Worse "]);
    let production = std::fs::read_to_string(carried.world.path("production")).unwrap();
    assert!(production.contains(done["landed"].as_str().unwrap()), "{production}");
    assert!(done["timeline"].to_string().contains("did not run on web"), "{}", done["timeline"]);
    // A person brings back what ran before: the base branch is ahead then.
    let answer = carried.orch(&["deploy", "rollback", "web", "--to", &first]);
    assert!(answer.contains("is in line for web") && answer.contains("frozen"), "{answer}");
    eventually("production runs what it ran before", || {
        let runs = std::fs::read_to_string(carried.world.path("production")).unwrap();
        if runs.contains(&first) { Ok(()) } else { Err(carried.orch(&["deploy", "list"])) }
    });
    assert!(carried.orch(&["queue"]).contains("rolled back"), "{}", carried.orch(&["queue"]));
}

#[test]
fn a_target_that_cannot_be_is_refused_with_its_line() {
    let carried = deployed();
    let host = carried.world.config();
    let text = std::fs::read_to_string(&host).unwrap();
    for (from, to, told) in [
        ("target = \"web\"", "target = \"wab\"", "there is no [target.wab]"),
        ("rollback = true", "roll_back = true", "did you mean `rollback`?"),
        ("looks = 4", "looks = 1", "a whole number from 3"),
        ("look_every_ms = 50", "revision = \"xml:/a\"", "json:/POINTER"),
    ] {
        assert!(text.contains(from));
        std::fs::write(&host, text.replace(from, to)).unwrap();
        let refused = carried.world.run(&carried.repository, &["config", "get"]).unwrap();
        assert!(refused.stderr.contains(told), "{to}: {}", refused.stderr);
    }
}
