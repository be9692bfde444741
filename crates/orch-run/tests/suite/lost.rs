//! A supervisor that dies leaves a lost run: proved dead, never repeated.

use std::process::Command;

use orch_run::{Ended, Launched, RunDirectory, RunState, SupervisorEnd, launch, request_stop};
use rustix::process::Signal;

use crate::bench::{Bench, alive, ended, in_time, kill, result, supervisor, supervisor_pid};

const AGENT: &str = "echo once >> effects; \
                     (setsid sh -c 'echo $$ > daemon; exec sleep 1000' </dev/null >/dev/null 2>&1 &); \
                     echo $$ > up; exec sleep 1000";

fn effects(bench: &Bench) -> usize {
    std::fs::read_to_string(bench.clone_path().join("effects")).unwrap().lines().count()
}

fn exit_code_of_supervising(run: &RunDirectory) -> Option<i32> {
    let path = run.path().to_owned();
    in_time(move || Command::new(supervisor()).arg("supervise").arg(path).status().unwrap().code())
}

#[test]
fn a_killed_supervisor_means_lost_with_nothing_left_and_no_second_run() {
    let bench = Bench::new();
    let (daemon, up) = (bench.fifo("daemon"), bench.fifo("up"));
    let run = bench.start("run-1", &bench.script(AGENT));
    let daemon = daemon.heard_pid();
    let agent = up.heard_pid();
    assert_eq!(run.state().unwrap(), RunState::Running);
    kill(supervisor_pid(&run), Signal::KILL);

    assert_eq!(ended(&run), Ended::Lost { tree_dead: true });
    assert!(!alive(agent) && !alive(daemon));
    assert_eq!(run.state().unwrap(), RunState::Lost);
    assert_eq!(launch(&run, &supervisor()).unwrap(), Launched::Lost);
    assert_eq!(exit_code_of_supervising(&run), Some(i32::from(SupervisorEnd::Lost.code())));
    assert_eq!(effects(&bench), 1);
    assert_eq!(run.result().unwrap(), None);
    // Asked again, also by a process that knows only the path.
    let reopened = RunDirectory::open(run.path()).unwrap();
    assert_eq!(ended(&reopened), Ended::Lost { tree_dead: true });
}

#[test]
fn a_run_of_the_same_name_elsewhere_is_left_alone() {
    let (bench, other) = (Bench::new(), Bench::new());
    let (up, other_up) = (bench.fifo("up"), other.fifo("up"));
    let script = "echo $$ > up; exec sleep 1000";
    let run = bench.start("same", &bench.script(script));
    let other_run = other.start("same", &other.script(script));
    up.heard();
    let bystander = other_up.heard_pid();
    kill(supervisor_pid(&run), Signal::KILL);
    assert_eq!(ended(&run), Ended::Lost { tree_dead: true });
    assert!(alive(bystander));
    request_stop(&other_run).unwrap();
    result(&other_run);
}

#[test]
fn a_machine_that_was_restarted_has_no_tree() {
    let bench = Bench::new();
    let up = bench.fifo("up");
    let run = bench.start("run-1", &bench.script("echo $$ > up; exec sleep 1000"));
    let agent = up.heard_pid();
    let mut record = crate::bench::started(&run);
    kill(supervisor_pid(&run), Signal::KILL);
    assert_eq!(ended(&run), Ended::Lost { tree_dead: true });
    assert!(!alive(agent));
    // After a restart the same pid may be anybody's.
    let mut bystander = Command::new("sleep").arg("1000").spawn().unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", bystander.id())).unwrap();
    let fields = stat.rsplit_once(')').unwrap().1;
    let start = fields.split_ascii_whitespace().nth(19).unwrap();
    let start: u64 = start.parse().unwrap();
    record["agent"] = serde_json::json!({"pid": bystander.id(), "start_time": start});
    record["boot_id"] = "another-boot".into();
    std::fs::write(run.path().join("started.json"), record.to_string()).unwrap();
    assert_eq!(ended(&run), Ended::Lost { tree_dead: true });
    let running = bystander.try_wait().unwrap().is_none();
    bystander.kill().unwrap();
    bystander.wait().unwrap();
    assert!(running, "a stranger was killed");
}

#[test]
fn a_torn_record_gives_no_proof() {
    let bench = Bench::new();
    let up = bench.fifo("up");
    let run = bench.start("run-1", &bench.script("echo $$ > up; exec sleep 1000"));
    up.heard();
    kill(supervisor_pid(&run), Signal::KILL);
    assert_eq!(ended(&run), Ended::Lost { tree_dead: true });
    std::fs::write(run.path().join("started.json"), "{").unwrap();
    assert_eq!(run.state().unwrap(), RunState::Lost);
    assert_eq!(ended(&run), Ended::Lost { tree_dead: false });
    assert_eq!(launch(&run, &supervisor()).unwrap(), Launched::Lost);
    // A power cut leaves an empty one: that it started was on the disk before, and nothing survives that.
    std::fs::write(run.path().join("started.json"), "").unwrap();
    assert_eq!(run.state().unwrap(), RunState::Lost);
    assert_eq!(ended(&run), Ended::Lost { tree_dead: true });
    assert_eq!(launch(&run, &supervisor()).unwrap(), Launched::Lost);
}
