//! The ways an agent ends, told apart (D4).

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use orch_run::{End, Phase, StopRequest, request_status, request_stop};
use rustix::process::Signal;

use crate::bench::{Bench, kill, output, result, supervisor_pid};

#[test]
fn exit_codes_are_kept() {
    for code in [0, 7, 143] {
        let bench = Bench::new();
        let (run, result) = bench.finish(&bench.script(&format!("echo out; echo err >&2; exit {code}")));
        assert_eq!(result.end, End::Exited { code });
        assert_eq!(output(&run), b"out\nerr\n");
        assert_eq!((result.output_bytes, result.output_truncated), (8, false));
        assert!(result.started_ms > 1_600_000_000_000 && result.ended_ms >= result.started_ms);
        assert!(result.survivors.is_empty());
    }
}

#[test]
fn an_agent_that_is_killed_is_no_agent_that_was_stopped() {
    let bench = Bench::new();
    let (_, result) = bench.finish(&bench.script("kill -SEGV $$"));
    assert_eq!(result.end, End::Signalled { signal: 11 });
}

#[test]
fn the_deadline_ends_a_talkative_agent() {
    let bench = Bench::new();
    let mut spec = bench.script("while :; do echo busy; sleep 0.05; done");
    spec.deadline_ms = 700;
    spec.stall_ms = 600_000;
    let (run, result) = bench.finish(&spec);
    assert_eq!(result.end, End::Deadline);
    assert!(output(&run).starts_with(b"busy\n"));
}

#[test]
fn silence_ends_an_agent_and_output_keeps_it() {
    let bench = Bench::new();
    // Talks for longer than the stall time, then falls silent.
    let mut spec = bench.script("for i in 1 2 3 4 5 6; do echo $i; sleep 0.5; done; exec sleep 1000");
    spec.stall_ms = 2_500;
    let (run, result) = bench.finish(&spec);
    assert_eq!(result.end, End::Stalled);
    assert_eq!(output(&run), b"1\n2\n3\n4\n5\n6\n");
}

#[test]
fn a_stop_request_ends_a_run_and_may_be_repeated() {
    let bench = Bench::new();
    let up = bench.fifo("up");
    let run = bench.start("run-1", &bench.script("echo here > up; exec sleep 1000"));
    up.heard();
    let status = request_status(&run).unwrap().unwrap();
    assert_eq!((status.run_id.as_str(), status.phase), ("run-1", Phase::Running));
    assert_eq!(request_stop(&run).unwrap(), StopRequest::Stopping);
    let again = request_stop(&run).unwrap();
    assert!(matches!(again, StopRequest::Stopping | StopRequest::NotRunning));
    assert_eq!(result(&run).end, End::Stopped);
    assert_eq!(request_stop(&run).unwrap(), StopRequest::NotRunning);
    assert_eq!(request_status(&run).unwrap(), None);
}

#[test]
fn sigterm_to_the_supervisor_is_a_stop_request() {
    let bench = Bench::new();
    let up = bench.fifo("up");
    let run = bench.start("run-1", &bench.script("echo here > up; exec sleep 1000"));
    up.heard();
    kill(supervisor_pid(&run), Signal::TERM);
    assert_eq!(result(&run).end, End::Stopped);
}

#[test]
fn a_polite_agent_may_tidy_up() {
    let bench = Bench::new();
    let up = bench.fifo("up");
    let script = "trap 'echo tidied; exit 0' TERM; echo here > up; while :; do sleep 0.1; done";
    let run = bench.start("run-1", &bench.script(script));
    up.heard();
    request_stop(&run).unwrap();
    assert_eq!(result(&run).end, End::Stopped);
    // Some shells also say that their child was terminated.
    assert!(output(&run).ends_with(b"tidied\n"));
}

#[test]
fn an_agent_deaf_to_sigterm_dies_after_its_grace() {
    let bench = Bench::new();
    let up = bench.fifo("up");
    let mut spec = bench.script("trap '' TERM; echo $$ > up; while :; do sleep 1; done");
    spec.stop_grace_ms = 800;
    let run = bench.start("run-1", &spec);
    let agent = up.heard_pid();
    let asked = Instant::now();
    request_stop(&run).unwrap();
    assert_eq!(result(&run).end, End::Stopped);
    assert!(asked.elapsed() >= Duration::from_millis(800));
    assert!(!crate::bench::alive(agent));
}

#[test]
fn what_cannot_be_started_says_why() {
    let bench = Bench::new();
    let (_, missing) = bench.finish(&bench.command(&["no-such-program"]));
    let End::SpawnFailed { error } = missing.end else { panic!("{:?}", missing.end) };
    assert!(error.contains("no-such-program") && error.contains("PATH"), "{error}");

    let mut spec = bench.script("exit 0");
    spec.cwd = bench.clone_path().join("gone");
    spec.finish = vec![vec!["true".into()]];
    let run = bench.start("run-2", &spec);
    let nowhere = result(&run);
    let End::SpawnFailed { error } = nowhere.end else { panic!("{:?}", nowhere.end) };
    assert!(error.contains("working directory"), "{error}");
    assert!(nowhere.finish.is_empty());
}

/// Another run of the same account may reach the socket; what it cannot read is the key.
#[test]
fn a_request_without_the_key_stops_nothing() {
    let bench = Bench::new();
    let up = bench.fifo("up");
    let run = bench.start("run-1", &bench.script("echo here > up; exec sleep 1000"));
    up.heard();
    let key = std::fs::read_to_string(run.path().join("control.key")).unwrap();
    assert_eq!(key.len(), 32);
    for request in ["stop\n".to_owned(), format!("stop {}\n", "0".repeat(32)), format!("stop {}\n", &key[1..])] {
        let mut stream = UnixStream::connect(run.path().join("socket")).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        assert!(answer.contains("the key is missing"), "{answer:?}");
        assert_eq!(request_status(&run).unwrap().unwrap().phase, Phase::Running);
    }
    assert_eq!(request_stop(&run).unwrap(), StopRequest::Stopping);
    assert_eq!(result(&run).end, End::Stopped);
}
