//! What is run before the agent: over with everything it started when the agent begins, at each level of this host.

use std::collections::BTreeMap;

use orch_run::{Before, Confinement, End, Spec, request_stop};

use crate::bench::{Bench, alive, output, result};
use crate::how::{confined, here};

fn before(script: &str) -> Before {
    let env = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
    Before { argv: ["sh", "-c", script].map(str::to_owned).to_vec(), env, deadline_ms: 600_000, whole: false }
}

/// A spec at each level that this host has.
fn levels(bench: &Bench, script: &str) -> Vec<Spec> {
    let spec = bench.script(script);
    let mut specs = vec![spec.clone()];
    for level in [Confinement::Landlock, Confinement::Bubblewrap] {
        if !here(level, "before") {
            continue;
        }
        let mut confined = confined(bench, level, script);
        confined.plan.scratch = Some(bench.runs().with_file_name(format!("scratch-{}", level.name())));
        specs.push(confined);
    }
    specs
}

#[test]
fn nothing_that_it_started_is_there_when_the_agent_begins() {
    for way in [
        "sh -c 'sleep 1000' >/dev/null 2>&1 &",
        "setsid sh -c 'sleep 1000' >/dev/null 2>&1 </dev/null &",
        "(setsid nohup sh -c 'trap \"\" TERM HUP INT; sleep 1000' >/dev/null 2>&1 </dev/null &) &",
    ] {
        let bench = Bench::new();
        // It writes a file again and again while it lives.
        let writes = way.replace("sleep 1000", "while :; do echo x >> grows; sleep 0.01; done");
        let agent = "a=$(wc -c < grows); sleep 0.3; b=$(wc -c < grows); echo \"$a $b\"; test \"$a\" = \"$b\"";
        for (number, mut spec) in levels(&bench, agent).into_iter().enumerate() {
            spec.stop_grace_ms = 200;
            spec.before = vec![before(&format!("{writes}\nwhile ! test -s grows; do sleep 0.01; done"))];
            let run = bench.start(&format!("run-{number}"), &spec);
            let ended = result(&run);
            let said = String::from_utf8_lossy(&output(&run)).into_owned();
            assert_eq!(ended.end, End::Exited { code: 0 }, "{way} at {:?}: {said}", spec.confinement);
            std::fs::remove_file(bench.clone_path().join("grows")).unwrap();
        }
    }
}

#[test]
fn an_agent_is_not_started_when_it_fails() {
    let bench = Bench::new();
    for (number, mut spec) in levels(&bench, "echo agent").into_iter().enumerate() {
        spec.before = vec![before("echo first"), before("echo second; exit 7"), before("echo third")];
        let run = bench.start(&format!("run-{number}"), &spec);
        assert_eq!(result(&run).end, End::Exited { code: 7 });
        assert_eq!(output(&run), b"first\nsecond\n");
    }
}

/// What only the agent may write is out of its reach: a setting there would be the agent's.
#[test]
fn it_writes_nothing_of_what_is_the_agents_own() {
    let bench = Bench::new();
    let own = bench.runs().with_file_name("own");
    std::fs::create_dir(&own).unwrap();
    for (number, mut spec) in levels(&bench, &format!("echo agent > '{}/agent'", own.display())).into_iter().enumerate()
    {
        if spec.confinement == Confinement::None {
            continue;
        }
        spec.plan.read_write = vec![own.clone()];
        spec.before = vec![before(&format!("echo set-up > '{}/planted'; exit 0", own.display()))];
        let run = bench.start(&format!("run-{number}"), &spec);
        let ended = result(&run);
        assert_eq!(ended.end, End::Exited { code: 0 }, "{}", String::from_utf8_lossy(&output(&run)));
        assert!(own.join("agent").exists() && !own.join("planted").exists(), "{:?}", spec.confinement);
        std::fs::remove_file(own.join("agent")).unwrap();
    }
}

#[test]
fn a_stop_ends_it_and_starts_nobody() {
    let bench = Bench::new();
    let up = bench.fifo("up");
    let mut spec = bench.script("echo agent");
    spec.stop_grace_ms = 200;
    spec.before = vec![before("echo $$ > up; exec sleep 1000")];
    let run = bench.start("run-1", &spec);
    let pid = up.heard_pid();
    request_stop(&run).unwrap();
    assert_eq!(result(&run).end, End::Stopped);
    assert!(output(&run).is_empty() && !alive(pid));
}

#[test]
fn its_deadline_is_its_own() {
    let bench = Bench::new();
    let mut spec = bench.script("echo agent");
    spec.stop_grace_ms = 200;
    spec.before = vec![Before { deadline_ms: 300, ..before("exec sleep 1000") }];
    let run = bench.start("run-1", &spec);
    assert_eq!(result(&run).end, End::Deadline);
}
