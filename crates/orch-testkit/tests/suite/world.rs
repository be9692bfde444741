//! The world, with a stand-in for the binary.

use std::path::Path;
use std::time::{Duration, Instant};

use orch_testkit::world::{World, WorldError, free_port, not_run};

fn world() -> World {
    World::new(env!("CARGO_BIN_EXE_testkit-stand-in"), &|name| std::env::var(name).ok()).unwrap()
}

fn alive(pid: &str) -> bool {
    // An ended process that nobody waited for is a zombie and counts as gone.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with(['Z', 'X'])))
}

#[test]
fn a_command_sees_this_world_and_nothing_of_the_machines() {
    let machine = |name: &str| match name {
        "STRAY" => Some("let in".to_owned()),
        _ => std::env::var(name).ok(),
    };
    let mut world = World::new(env!("CARGO_BIN_EXE_testkit-stand-in"), &machine).unwrap();
    let output = world.run(&world.home(), &["board", "--json"]).unwrap().success().stdout;
    assert_eq!(output.lines().next(), Some("[\"board\", \"--json\"]"));
    for (name, value) in [("HOME", world.home()), ("ORCH_CONFIG", world.config()), ("ORCH_STATE_DIR", world.state())] {
        let line = format!("{name}={}", value.display());
        assert!(output.lines().any(|other| other == line), "{line} is missing in\n{output}");
    }
    // Cargo sets this one for every test.
    assert!(!output.contains("CARGO_PKG_NAME=") && !output.contains("STRAY="), "{output}");
    world.set("STRAY", "set");
    let output = world.run(&world.home(), &["board"]).unwrap().success().stdout;
    assert!(output.contains("STRAY=set\n"), "{output}");
}

#[test]
fn an_exit_code_is_no_error_of_the_world() {
    let world = world();
    let output = world.run(&world.home(), &["board", "--fail"]).unwrap().code(1);
    assert!(output.command.ends_with("board --fail"));
}

#[test]
fn a_service_is_started_asked_and_stopped() {
    let world = world();
    std::fs::write(world.state().join("token"), "secret\n").unwrap();
    let service = world.start(&world.home(), &[]).unwrap();
    let (status, body) = service.get("/queue").unwrap();
    assert_eq!(status, 200);
    assert!(body.contains("GET /queue") && body.contains("Authorization: Bearer secret"), "{body}");
    assert!(body.contains("asked 2 times"), "started before it was ready: {body}");
    let (_, body) = service.post("/serial-gate/unfreeze", "{}").unwrap();
    assert!(body.contains("POST /serial-gate") && body.contains("Content-Length: 2"), "{body}");
    assert!(service.output().contains("listening"));
    let pid = service.pid().to_string();
    assert!(!service.stop().unwrap().success(), "a signal ended it");
    assert!(!alive(&pid));
}

#[test]
fn a_service_that_ends_early_is_reported_with_what_it_said() {
    let world = world();
    match world.start(&world.home(), &["--refuse"]) {
        Err(WorldError::NotReady { status, output }) => {
            assert!(status.contains('8') && output.contains("the port is taken"), "{status}: {output}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_killed_service_leaves_behind_ends_with_the_world() {
    let world = world();
    let service = world.start(&world.home(), &[]).unwrap();
    let output = service.output();
    let left = output.lines().find_map(|line| line.strip_prefix("left behind: ")).unwrap().to_owned();
    service.kill().unwrap();
    assert!(alive(&left), "a crash of the service ends no run");
    let folder = world.home();
    drop(world);
    // The signal is sent before the folder goes; the kernel may need a moment to end the process.
    let deadline = Instant::now() + Duration::from_secs(60);
    while alive(&left) {
        assert!(Instant::now() < deadline, "the process {left} outlives its world");
        std::thread::yield_now();
    }
    assert!(!Path::new(&folder).exists());
}

#[test]
fn two_worlds_share_nothing() {
    let [one, two] = [world(), world()];
    let service = two.start(&two.home(), &[]).unwrap();
    drop(one);
    assert_eq!(service.get("/healthz").unwrap().0, 200);
}

#[test]
fn a_free_port_can_be_bound() {
    let port = free_port().unwrap();
    assert!(port > 1023);
}

#[test]
fn what_is_not_run_here_is_recorded_line_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    not_run(Some(record.as_os_str()), "git/fsync", "no strace\nhere");
    not_run(Some(record.as_os_str()), "store/postgres", "no server");
    not_run(None, "nobody", "counts");
    let text = std::fs::read_to_string(&record).unwrap();
    assert_eq!(text, "git/fsync: no strace here\nstore/postgres: no server\n");
}
