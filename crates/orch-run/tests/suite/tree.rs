//! No process outlives its run.

use orch_run::{End, request_stop};

use crate::bench::{Bench, Fifo, alive, result};

/// Starts a daemon as daemons do: forked twice, own session, no open outputs, deaf to SIGHUP.
const DAEMON: &str = "(setsid sh -c 'trap \"\" HUP; echo $$ > daemon; exec sleep 1000' \
                      </dev/null >/dev/null 2>&1 &)";

fn daemon(bench: &Bench) -> Fifo {
    bench.fifo("daemon")
}

#[test]
fn a_daemon_does_not_outlive_a_clean_exit() {
    let bench = Bench::new();
    let (born, gate) = (daemon(&bench), bench.fifo("gate"));
    let run = bench.start("run-1", &bench.script(&format!("{DAEMON}; cat gate; exit 3")));
    let pid = born.heard_pid();
    assert!(alive(pid));
    gate.open_gate();
    assert_eq!(result(&run).end, End::Exited { code: 3 });
    assert!(!alive(pid), "the daemon outlived its run");
}

#[test]
fn a_deaf_daemon_without_our_environment_dies_too() {
    let bench = Bench::new();
    let born = daemon(&bench);
    let script = "(setsid env -i LANG=C /bin/sh -c 'trap \"\" TERM HUP; echo $$ > daemon; \
                  while :; do /bin/sleep 1; done' </dev/null >/dev/null 2>&1 &); exec sleep 1000";
    let mut spec = bench.script(script);
    spec.stop_grace_ms = 300;
    let run = bench.start("run-1", &spec);
    let pid = born.heard_pid();
    request_stop(&run).unwrap();
    assert_eq!(result(&run).end, End::Stopped);
    assert!(!alive(pid), "the daemon outlived its run");
}

#[test]
fn a_tree_that_keeps_forking_is_killed() {
    let bench = Bench::new();
    let born = daemon(&bench);
    // Each generation starts the next and dies: there is always one that was not there before.
    let script = "cat > again <<'X'\n[ -e stop ] && exit\nsleep 0.01\n(setsid sh ./again &)\nX\n\
                  trap '' TERM; setsid sh ./again & echo $$ > daemon; wait; sleep 1000";
    let mut spec = bench.script(script);
    spec.stop_grace_ms = 100;
    let run = bench.start("run-1", &spec);
    born.heard();
    request_stop(&run).unwrap();
    let result = result(&run);
    // Should the test fail, this ends the chain.
    std::fs::write(bench.clone_path().join("stop"), "").unwrap();
    assert_eq!(result.end, End::Stopped);
    assert_eq!(result.survivors, Vec::<i32>::new());
}

#[test]
fn a_hundred_orphans_leave_no_zombies_and_no_doubt() {
    let bench = Bench::new();
    let script = "i=0; while [ $i -lt 100 ]; do (true &); i=$((i+1)); done; echo done";
    let (_, result) = bench.finish(&bench.script(script));
    assert_eq!(result.end, End::Exited { code: 0 });
    assert!(result.survivors.is_empty());
}

#[test]
fn a_finish_commands_daemon_dies_too() {
    let bench = Bench::new();
    let born = daemon(&bench);
    let mut spec = bench.script("exit 0");
    spec.finish = vec![vec!["sh".into(), "-c".into(), format!("{DAEMON}; cat gate")]];
    let gate = bench.fifo("gate");
    let run = bench.start("run-1", &spec);
    let pid = born.heard_pid();
    gate.open_gate();
    let result = result(&run);
    assert_eq!(result.finish[0].code, Some(0));
    assert!(!alive(pid));
}
