//! The process beside a run: when it starts, how the run reaches it, when it ends.

use std::collections::BTreeMap;
use std::path::PathBuf;

use orch_run::{Companion, Confinement, End, Spec, request_stop};
use rustix::process::Signal;

use crate::bench::{Bench, alive, kill, output, result, started, supervisor};
use crate::confined::{confined, here, open_bench};

/// One that answers, on a socket or on a port.
fn answering(socket: Option<&str>) -> Companion {
    let words = [supervisor().to_str().unwrap(), "companion", socket.unwrap_or("tcp")].map(str::to_owned);
    Companion {
        argv: words.to_vec(),
        env: BTreeMap::new(),
        socket: socket.map(PathBuf::from),
        key: "sesame".to_owned(),
    }
}

fn shell(script: &str) -> Companion {
    let argv = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    Companion { argv, ..answering(None) }
}

/// Says a line to its companion, by the address it was given, and prints the answer.
const ASKS: &str = "a=${ADDRESS#http://}; exec 3<>/dev/tcp/${a%:*}/${a#*:} && echo $KEY >&3 && head -n 1 <&3";

fn asking(spec: &mut Spec, companion: Companion) {
    spec.argv = ["bash", "-c", ASKS].map(str::to_owned).to_vec();
    spec.env.insert("ADDRESS".into(), orch_run::MODEL_ADDRESS.into());
    spec.env.insert("KEY".into(), orch_run::KEY.into());
    spec.companion = Some(companion);
}

#[test]
fn a_run_reaches_its_companion_at_every_level() {
    for (level, socket) in [
        (Confinement::Bubblewrap, Some("egress/socket")),
        (Confinement::Landlock, Some("egress/socket")),
        (Confinement::Shared, None),
        (Confinement::Account, None),
        (Confinement::None, None),
    ] {
        let name = "a_run_reaches_its_companion_at_every_level";
        if !here(level, name) {
            continue;
        }
        let bench = open_bench();
        let mut spec = confined(&bench, level, "");
        asking(&mut spec, answering(socket));
        spec.finish = vec![["sh", "-c", "echo $HTTPS_PROXY $no_proxy"].map(str::to_owned).to_vec()];
        let (run, ended) = bench.finish(&spec);
        let text = String::from_utf8_lossy(&output(&run)).into_owned();
        assert_eq!(ended.end, End::Exited { code: 0 }, "{level:?} {socket:?}: {text}");
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("heard sesame"), "{level:?} {socket:?}: {text}");
        let proxy = lines.next().unwrap();
        assert!(proxy.starts_with("http://orch:sesame@127.0.0.1:"), "{proxy}");
        assert!(proxy.ends_with(" 127.0.0.1,localhost"), "{proxy}");
        assert!(run.path().join("companion-over").exists(), "its last words came before the result");
    }
}

#[test]
fn a_companion_that_cannot_be_used_is_no_start_and_says_why() {
    for (script, word) in [
        (r#"echo '{"ready":false,"problem":"no key for the model"}'"#, "no key for the model"),
        ("echo hello", "not what was agreed"),
        ("exit 0", "without a word"),
        (r#"echo '{"ready":true}'"#, "names no port"),
    ] {
        let bench = Bench::new();
        let mut spec = bench.script("echo ran > here");
        spec.companion = Some(shell(script));
        let (_, ended) = bench.finish(&spec);
        let End::SpawnFailed { error } = ended.end else { panic!("{script}: {:?}", ended.end) };
        assert!(error.contains(word), "{script}: {error}");
        assert!(!bench.clone_path().join("here").exists());
    }
}

#[test]
fn a_companion_that_does_not_end_is_ended_and_one_that_dies_ends_nothing() {
    let bench = Bench::new();
    let (born, gate) = (bench.fifo("born"), bench.fifo("gate"));
    let clone = bench.clone_path();
    let clone = clone.display();
    let mut spec = bench.script("cat gate; exit 4");
    let deaf = format!(
        "trap '' TERM INT HUP; echo '{{\"ready\":true,\"port\":1}}'; echo $$ > {clone}/born; while :; do sleep 1; done"
    );
    spec.companion = Some(shell(&deaf));
    let run = bench.start("run-1", &spec);
    let pid = born.heard_pid();
    gate.open_gate();
    let ended = result(&run);
    assert_eq!((ended.end, ended.companion_died), (End::Exited { code: 4 }, false));
    assert!(!alive(pid), "the companion outlived its run");

    let run = bench.start("run-2", &spec);
    kill(born.heard_pid(), Signal::KILL);
    gate.open_gate();
    let ended = result(&run);
    assert_eq!((ended.end, ended.companion_died), (End::Exited { code: 4 }, true));
    assert!(ended.survivors.is_empty());
}

#[test]
fn a_companion_is_no_part_of_the_tree_that_is_stopped() {
    let bench = Bench::new();
    let (up, born) = (bench.fifo("up"), bench.fifo("born"));
    let clone = bench.clone_path();
    // Its last word comes after the agent's end, and it is not asked to end by a signal.
    let script = format!(
        "trap 'echo signalled > {0}/wrong' TERM; echo '{{\"ready\":true,\"port\":1}}'; echo $$ > {0}/born; cat > /dev/null; \
         echo last > {0}/counted",
        clone.display()
    );
    let mut spec = bench.script("echo $$ > up; (setsid sleep 1000 &); exec sleep 1000");
    spec.companion = Some(shell(&script));
    let run = bench.start("run-1", &spec);
    let companion = born.heard_pid();
    up.heard();
    assert_ne!(started(&run)["agent"]["pid"].as_i64(), Some(i64::from(companion)));
    request_stop(&run).unwrap();
    let ended = result(&run);
    assert_eq!(ended.end, End::Stopped);
    assert!(ended.survivors.is_empty() && !alive(companion));
    assert!(clone.join("counted").exists() && !clone.join("wrong").exists());
}
