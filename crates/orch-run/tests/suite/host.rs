//! The host: one for each folder, never two starts of a run, and its end is not the end of its runs (X3).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use orch_run::host::{Home, Host, StartedBy, Starter};
use orch_run::{End, Error, Launched, RunDirectory, RunState};
use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;

use crate::bench::{Bench, Fifo, alive, in_time, kill, output, result, supervisor, supervisor_pid};

fn home(bench: &Bench) -> Home {
    Home { folder: bench.runs().with_file_name("host"), runs: bench.runs() }
}

fn environment(home: &Home) -> BTreeMap<OsString, OsString> {
    [("HOST_FOLDER", &home.folder), ("HOST_RUNS", &home.runs)].map(|(name, path)| (name.into(), path.into())).into()
}

fn host(bench: &Bench) -> Host {
    let home = home(bench);
    let environment = environment(&home);
    Host::new(home, Starter { program: supervisor(), environment })
}

/// A host that a person or a unit started, once it listens.
fn by_hand(bench: &Bench) -> Child {
    let mut child = Command::new(supervisor()).arg("host").envs(environment(&home(bench))).spawn().unwrap();
    let host = host(bench);
    in_time(move || {
        while host.met().unwrap().is_none() {
            assert!(child.try_wait().unwrap().is_none(), "it ended");
            std::thread::yield_now();
        }
        child
    })
}

/// Waits until no host holds the folder.
fn gone(bench: &Bench) {
    let lock = std::fs::File::open(home(bench).folder.join("lock")).unwrap();
    in_time(move || flock(&lock, FlockOperation::LockShared).unwrap());
}

/// A run whose agent has said its pid and waits at a gate.
fn at_gate(bench: &Bench, host: &Host, id: &str) -> (RunDirectory, i32, Fifo) {
    let (up, gate) = (bench.fifo(&format!("up-{id}")), bench.fifo(&format!("gate-{id}")));
    let run = bench.create(id, &bench.script(&format!("echo $$ > up-{id}; cat gate-{id}; echo over")));
    assert_eq!(host.launch(&run, &supervisor()).unwrap(), Launched::Started);
    (run, up.heard_pid(), gate)
}

fn ids(host: &Host) -> Vec<String> {
    host.list().unwrap().unwrap().into_iter().map(|run| run.run_id).collect()
}

fn parent(pid: i32) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_host_is_started_for_the_first_launch_and_is_the_parent_of_all() {
    let bench = Bench::new();
    let host = host(&bench);
    assert!(host.met().unwrap().is_none() && host.list().unwrap().is_none() && host.stop().unwrap().is_none());
    let (run, _, gate) = at_gate(&bench, &host, "one");
    let hello = host.met().unwrap().unwrap().hello;
    assert_eq!((hello.version, hello.program.as_str(), hello.started_by), (1, "example", StartedBy::Service));
    let supervisor_pid = supervisor_pid(&run);
    assert_eq!(parent(supervisor_pid), hello.pid);
    assert_ne!(parent(hello.pid), std::process::id().cast_signed(), "the host itself is not ours");
    assert_eq!(host.launch(&run, &supervisor()).unwrap(), Launched::AlreadyRunning);
    assert_eq!(ids(&host), ["one"]);
    gate.open_gate();
    assert_eq!(result(&run).end, End::Exited { code: 0 });
    assert_eq!(host.launch(&run, &supervisor()).unwrap(), Launched::AlreadyFinished);
    let asked = host.clone();
    in_time(move || {
        // A zombie would stay in /proc; each question is also an occasion to bury it.
        while Path::new(&format!("/proc/{supervisor_pid}")).exists() {
            assert!(asked.list().unwrap().unwrap().is_empty());
        }
    });
    assert_eq!(host.stop().unwrap(), Some(0));
    gone(&bench);
}

/// Who asked for a launch may be dead while the host carries it out: whoever comes next hears the host out first.
#[test]
fn a_launch_in_hand_is_heard_out() {
    let bench = Bench::new();
    let host = host(&bench);
    host.hear_out().unwrap();
    assert!(host.met().unwrap().is_none(), "no host is no reason to start one");
    let (asked, begin) = (bench.fifo("asked"), bench.fifo("begin"));
    let (at, slow) = (bench.clone_path(), bench.clone_path().join("slow"));
    let (at, program) = (at.display(), supervisor());
    let script = format!("#!/bin/sh\necho $$ > '{at}/asked'; cat '{at}/begin'; exec '{}' \"$@\"\n", program.display());
    std::fs::write(&slow, script).unwrap();
    std::fs::set_permissions(&slow, std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = bench.create("r", &bench.script("exit 0"));
    let (one, at) = (host.clone(), run.clone());
    let asking = std::thread::spawn(move || one.launch(&at, &slow));
    asked.heard_pid();
    assert_eq!(run.state().unwrap(), RunState::NotLaunched, "as the next service finds it");
    let (heard, is_heard) = std::sync::mpsc::channel();
    let next = host.clone();
    std::thread::spawn(move || heard.send(next.hear_out()));
    assert!(is_heard.recv_timeout(std::time::Duration::from_millis(200)).is_err(), "it is in hand");
    begin.open_gate();
    is_heard.recv().unwrap().unwrap();
    assert_ne!(run.state().unwrap(), RunState::NotLaunched);
    assert_eq!(asking.join().unwrap().unwrap(), Launched::Started);
}

#[test]
fn only_its_owner_can_reach_it() {
    let bench = Bench::new();
    let host = host(&bench);
    host.ensure().unwrap();
    let folder = home(&bench).folder;
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.clone()), 0o700);
    for file in ["host.sock", "key", "lock", "log"] {
        assert_eq!(mode(folder.join(file)), 0o600, "{file}");
    }
    let say = |lines: &str| {
        let stream = UnixStream::connect(folder.join("host.sock")).unwrap();
        (&stream).write_all(lines.as_bytes()).unwrap();
        in_time(move || {
            let mut answer = String::new();
            BufReader::new(stream).read_line(&mut answer).unwrap();
            answer
        })
    };
    let run = bench.create("one", &bench.script("exit 0"));
    let launch = format!(
        "{{\"launch\":{{\"run_directory\":{:?},\"supervisor_program\":{:?}}}}}\n",
        run.path().display().to_string(),
        supervisor().display().to_string()
    );
    assert!(say(&launch).contains("say hello first"), "a launch needs the key");
    assert!(say("{\"hello\":{\"version\":1,\"key\":\"0\"}}\n").contains("the key is another host's"));
    assert!(say("{\"stop\":{}}\n").contains("say hello first"));
    assert!(say("junk\n").contains("refused"));
    assert_eq!(run.state().unwrap(), RunState::NotLaunched);
    let _silent: Vec<_> = (0..100).map(|_| UnixStream::connect(folder.join("host.sock")).unwrap()).collect();
    let endless = UnixStream::connect(folder.join("host.sock")).unwrap();
    // The host hangs up in the middle of it.
    let _ = (&endless).write_all(&vec![b'x'; 1 << 20]);
    assert_eq!(host.launch(&run, &supervisor()).unwrap(), Launched::Started, "and nobody keeps others out");
    result(&run);
    host.stop().unwrap();
}

#[test]
fn however_a_host_ends_its_runs_go_on_and_the_next_one_knows_them() {
    let bench = Bench::new();
    let host = host(&bench);
    let mut runs = Vec::new();
    type Ending = fn(&Host, &Home, i32);
    let ends: [(&str, Ending); 4] = [
        ("asked", |host, _, _| assert!(host.stop().unwrap().is_some())),
        ("told", |_, _, pid| kill(pid, Signal::TERM)),
        ("killed", |_, _, pid| kill(pid, Signal::KILL)),
        ("cut-off", |_, home, _| std::fs::remove_file(home.folder.join("host.sock")).unwrap()),
    ];
    for (how, end) in ends {
        runs.push((how, at_gate(&bench, &host, how)));
        let pid = host.met().unwrap().unwrap().hello.pid;
        end(&host, &home(&bench), pid);
        gone(&bench);
        assert!(host.met().unwrap().is_none(), "{how}: its socket answers nobody");
        assert!(runs.iter().all(|(_, (_, agent, _))| alive(*agent)), "{how}");
    }
    assert_eq!(host.ensure().unwrap().hello.started_by, StartedBy::Service);
    assert_eq!(ids(&host), ["asked", "cut-off", "killed", "told"]);
    for (how, (run, _, gate)) in runs {
        assert_eq!(host.launch(&run, &supervisor()).unwrap(), Launched::AlreadyRunning, "{how}");
        gate.open_gate();
        assert_eq!(result(&run).end, End::Exited { code: 0 });
        assert_eq!(output(&run), b"go\nover\n");
    }
    host.stop().unwrap();
}

#[test]
fn racing_services_have_one_host() {
    let bench = Bench::new();
    let runs: Vec<_> = (0..8).map(|n| bench.create(&format!("run-{n}"), &bench.script("exit 0"))).collect();
    let racers: Vec<_> = runs
        .iter()
        .map(|run| {
            let (host, run) = (host(&bench), run.clone());
            std::thread::spawn(move || {
                let launched = host.launch(&run, &supervisor()).unwrap();
                (launched, host.met().unwrap().unwrap().hello.pid)
            })
        })
        .collect();
    let met = in_time(move || racers.into_iter().map(|racer| racer.join().unwrap()).collect::<Vec<_>>());
    assert!(met.iter().all(|answer| *answer == (Launched::Started, met[0].1)), "{met:?}");
    for run in &runs {
        result(run);
    }
    let second = Command::new(supervisor()).arg("host").envs(environment(&home(&bench))).status().unwrap();
    assert_eq!(second.code(), Some(8), "the place is taken");
    host(&bench).stop().unwrap();
}

#[test]
fn a_host_of_a_service_ends_with_it_or_with_its_last_run() {
    let bench = Bench::new();
    let host = host(&bench);
    host.ensure().unwrap();
    host.release().unwrap();
    gone(&bench);
    let (run, _, gate) = at_gate(&bench, &host, "one");
    host.release().unwrap();
    assert_eq!(ids(&host), ["one"], "it stays while a run lives");
    gate.open_gate();
    result(&run);
    gone(&bench);
}

#[test]
fn a_host_of_a_unit_stays_when_a_service_ends() {
    let bench = Bench::new();
    let mut child = by_hand(&bench);
    let host = host(&bench);
    host.release().unwrap();
    let met = host.ensure().unwrap();
    assert_eq!((met.hello.pid, met.hello.started_by), (child.id().cast_signed(), StartedBy::Hand));
    kill(child.id().cast_signed(), Signal::INT);
    assert!(in_time(move || child.wait().unwrap()).success());
}

#[test]
fn what_cannot_be_is_said_in_words() {
    let bench = Bench::new();
    let home = home(&bench);
    let starter = |program: &str| Starter { program: program.into(), environment: environment(&home) };
    let run = bench.create("one", &bench.script("exit 0"));
    for program in ["/bin/false", "/nonexistent/orch"] {
        let error = Host::new(home.clone(), starter(program)).launch(&run, &supervisor()).unwrap_err();
        assert!(matches!(error, Error::Host { .. } | Error::Io { .. }), "{error}");
    }
    let host = host(&bench);
    for program in ["/bin/false", "/nonexistent/orch"] {
        let error = host.launch(&run, Path::new(program)).unwrap_err();
        assert!(matches!(error, Error::Host { .. }), "{error}");
    }
    assert_eq!(run.state().unwrap(), RunState::NotLaunched);
    assert_eq!(host.launch(&run, &supervisor()).unwrap(), Launched::Started, "a failed launch may be repeated");
    result(&run);
    host.stop().unwrap();
}

#[test]
fn a_host_has_nothing_of_who_started_it() {
    let bench = Bench::new();
    let mut secret = Command::new("sh");
    // A variable and an open file of the service that happens to need the first host.
    secret.env("SECRET", "do-not-inherit").args(["-c", "exec 9</etc/passwd; exec \"$@\"", "sh"]);
    secret.arg(supervisor()).args(["host", "--between"]).env("HOST_FOLDER", home(&bench).folder);
    let (ours, theirs) = UnixStream::pair().unwrap();
    std::fs::create_dir(home(&bench).folder).unwrap();
    secret.env("HOST_RUNS", bench.runs()).stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)));
    assert!(secret.status().unwrap().success());
    drop(secret);
    let mut line = String::new();
    BufReader::new(ours).read_line(&mut line).unwrap();
    assert_eq!(line, "\"ready\"\n");
    let pid = host(&bench).met().unwrap().unwrap().hello.pid;
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let open: Vec<_> = files.filter_map(|file| std::fs::read_link(file.unwrap().path()).ok()).collect();
    assert!(!open.iter().any(|file| file == Path::new("/etc/passwd")), "{open:?}");
    host(&bench).stop().unwrap();
    gone(&bench);
    host(&bench).ensure().unwrap();
    let pid = host(&bench).met().unwrap().unwrap().hello.pid;
    let environment = std::fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    let mut names: Vec<_> = environment.split('\0').filter_map(|pair| Some(pair.split_once('=')?.0)).collect();
    names.sort_unstable();
    assert_eq!(names, ["HOST_FOLDER", "HOST_RUNS"]);
    host(&bench).stop().unwrap();
}
