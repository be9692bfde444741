//! What strangers and people beside the line do, and no task waits for: silent connections, branches in the way of ours.

use std::io::Write;
use std::net::TcpStream;

use orch_testkit::git;
use serde_json::json;

use super::carried::{Carried, summary, waits, world};
use super::fixture::run;
use super::git_server::{GitServer, TOKEN};
use super::remote::{Far, served, writes_a_file};

/// Connections of each form; with the service's own files more than it may have open.
const EACH: usize = 150;
const OPEN_FILES: u64 = 400;

/// A connection costs a descriptor before anybody has shown a token.
#[test]
fn connections_that_want_nothing_hold_no_task() {
    let carried = Carried::small(&writes_a_file());
    let service = carried.up();
    let pid = rustix::process::Pid::from_raw(service.0.pid().cast_signed());
    let few = rustix::process::Rlimit { current: Some(OPEN_FILES), maximum: Some(OPEN_FILES) };
    rustix::process::prlimit(pid, rustix::process::Resource::Nofile, few).unwrap();
    let first = service.open("Say hello");
    service.until(&first, "asks for approval", |task| waits(task, "human"));

    let mut open = Vec::new();
    for says in [
        "",
        "GET /read",
        "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{",
    ] {
        for _ in 0..EACH {
            // One that is let in and thrown out again is what is wanted, too.
            let Ok(mut stream) = TcpStream::connect(("127.0.0.1", service.0.port())) else { continue };
            let _ = stream.write_all(says.as_bytes());
            open.push(stream);
        }
    }
    assert!(open.len() > EACH, "nobody came in");
    service.approve(&first);
    let second = service.open("Say goodbye");
    service.approve(&second);
    for id in [&first, &second] {
        let task = service.done(id);
        assert_eq!(task["retries"], 0, "{}", summary(&task));
    }
    let told = service.0.output();
    assert!(!told.contains("Too many open files"), "{told}");
    drop(open);
}

/// Git keeps a branch as a file: `feature` leaves no room for `feature/…`, nor `feature/a/b` for `feature/a`.
#[test]
fn a_persons_branch_in_the_way_of_a_tasks_holds_no_task() {
    for name in ["refs/heads/feature", "refs/heads/feature/IT-001-say-hello/mine", "refs/tags/feature"] {
        let carried = Carried::small(&writes_a_file());
        let service = carried.up();
        let id = service.open_with("Say hello", json!({"start": false}));
        assert_eq!(id, "IT-001");
        let forge = carried.forge();
        git(&carried.repository, &["push", "--quiet", forge.to_str().unwrap(), &format!("main:{name}")]).unwrap();
        carried.orch(&["start", &id]);
        service.approve(&id);
        let task = service.done(&id);
        assert_eq!((&task["retries"], carried.landed_items()), (&json!(0), vec![id]), "{name}: {}", summary(&task));
        let theirs = git(&forge, &["rev-parse", name]).unwrap();
        assert_eq!(theirs, carried.base, "{name} is theirs");
    }
}

#[test]
fn nor_does_one_on_a_server() {
    for name in ["refs/heads/feature", "refs/heads/feature/IT-001-say-hello/mine"] {
        let world = world();
        let server = GitServer::new(&world.path("served"), &served(&world));
        let token = world.path("token");
        std::fs::write(&token, format!("{TOKEN}\n")).unwrap();
        std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let credential = format!("user = \"bot\"\ntoken_file = \"{}\"", token.display());
        let far = Far::with(world, &server.url(), &credential, &writes_a_file(), &[]);
        let service = far.up();
        let id = service.open_with("Say hello", json!({"start": false}));
        run(&server.repository(), ["update-ref", name, "refs/heads/main"]);
        far.orch(&["start", &id]);
        service.approve(&id);
        let task = service.done(&id);
        assert_eq!(task["retries"], 0, "{name}: {}", summary(&task));
        assert_eq!(server.tip("main").as_deref(), task["landed"].as_str(), "{name}");
    }
}
