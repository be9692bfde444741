//! `orch shell`: a person in the clone that a run gets.

use std::io::Write;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::carried::{Carried, eventually, script};
use super::terminal::{read_until, terminal};

const PLAY: &str = r#"
[[play]]
title = "*"
[[play.act]]
role = "developer"
steps = [{ write = "greeting.txt", text = "{title}\n" }, { commit = "Say it" }]
"#;

fn carried() -> Carried {
    let mut carried = Carried::small(&script(PLAY));
    carried.world.confined();
    carried.amend_settings("# command = \"npm ci\"", "command = \"echo ready > made.txt\"");
    carried
}

fn left_over(carried: &Carried) -> Vec<String> {
    let names = std::fs::read_dir(carried.world.state()).unwrap().flatten();
    names.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| name.starts_with("check-")).collect()
}

#[test]
fn a_command_runs_in_the_clone_of_the_base_or_of_a_task_and_is_told_as_what_it_was() {
    let carried = carried();
    std::fs::write(carried.repository.join("test.sh"), "exit 1\n").unwrap();
    let shell = |arguments: &[&str], code: i32| {
        let arguments: Vec<&str> = ["shell"].into_iter().chain(arguments.iter().copied()).collect();
        carried.world.run(&carried.repository, &arguments).unwrap().code(code)
    };
    let made = shell(&["--", "sh", "-c", "pwd; cat made.txt test.sh; git rev-parse HEAD; test -e greeting.txt"], 1);
    let main = orch_testkit::git(&carried.repository, &["rev-parse", "main"]).unwrap();
    for part in ["/repo/code", "ready", "test -s README", &main] {
        assert!(made.stdout.contains(part), "{part}: {}", made.stdout);
    }
    assert!(made.stderr.contains("the command failed: exit code 1"), "{}", made.stderr);
    let told: Value = serde_json::from_str(&shell(&["--json", "--", "sh", "-c", "exit 7"], 1).stdout).unwrap();
    assert_eq!((&told["exit_code"], &told["commit"]), (&7.into(), &main.as_str().into()), "{told}");
    let told = shell(&[], 2).stderr;
    assert!(told.contains("there is none") && told.contains("orch shell -- make test"), "{told}");
    assert!(shell(&["--", "no-such-program"], 1).stderr.contains("no-such-program"));

    let service = carried.up();
    let id = service.open("Say hello");
    assert!(shell(&[&id, "--", "test", "!", "-e", "greeting.txt"], 0).stdout.contains("set-up done"));
    service.approve(&id);
    service.until(&id, "has work", |task| task["checks"].as_array().is_some_and(|checks| !checks.is_empty()));
    assert!(shell(&[&id, "--", "cat", "greeting.txt", "made.txt"], 0).stdout.contains("Say hello\nready"));
    service.done(&id);
    assert!(shell(&["1", "--", "cat", "greeting.txt"], 0).stdout.contains("Say hello"));
    shell(&["99", "--", "true"], 7);
    carried.amend_settings("command = \"echo ready > made.txt\"", "command = \"exit 5\"");
    let failed = shell(&["--", "true"], 1).stderr;
    assert!(failed.contains("the set-up of the clone failed: exit code 5"), "{failed}");
    assert_eq!(left_over(&carried), [""; 0]);
}

#[test]
fn a_person_has_a_terminal_of_their_own_in_there() {
    let carried = carried();
    let (mut ours, theirs) = terminal();
    let mut command = carried.world.command(&carried.repository, &["shell"]);
    let theirs = |()| Stdio::from(theirs.try_clone().unwrap());
    command.env("SHELL", "/bin/sh").stdin(theirs(())).stdout(theirs(())).stderr(theirs(()));
    let mut running = command.spawn().unwrap();
    let mut seen = String::new();
    read_until(&mut ours, "exit ends it.", &mut seen);
    ours.write_all(b"test -t 0 && test -t 2 && cat made.txt && echo at $((40 + 2)); pwd\n").unwrap();
    read_until(&mut ours, "at 42", &mut seen);
    read_until(&mut ours, "\n/repo/code", &mut seen);
    assert!(seen.contains("ready\r\n"), "{seen}");
    // Ctrl-C ends what runs in the shell, and not the shell.
    // Said by the very process that is to hear it: a shell that has not handed on its terminal yet misses it.
    ours.write_all(b"sh -c 'echo asleep at $((42 + 2)); exec sleep 600'\n").unwrap();
    read_until(&mut ours, "asleep at 44", &mut seen);
    ours.write_all(b"\x03").unwrap();
    ours.write_all(b"echo awake at $((41 + 2))\n").unwrap();
    read_until(&mut ours, "awake at 43", &mut seen);
    ours.write_all(b"exit 4\n").unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(0), "{seen}");
    assert_eq!(left_over(&carried), [""; 0]);
}

#[test]
fn a_shell_whose_person_is_gone_ends_and_leaves_nothing() {
    let carried = carried();
    for hung_up in [true, false] {
        a_person_goes(&carried, hung_up);
    }
}

/// By a signal, or because nobody is at the other end any more.
fn a_person_goes(carried: &Carried, hung_up: bool) {
    let (mut ours, theirs) = terminal();
    let mut command = carried.world.command(&carried.repository, &["shell"]);
    let theirs = |()| Stdio::from(theirs.try_clone().unwrap());
    command.env("SHELL", "/bin/sh").stdin(theirs(())).stdout(theirs(())).stderr(theirs(()));
    let mut running = command.spawn().unwrap();
    read_until(&mut ours, "exit ends it.", &mut String::new());
    assert_eq!(left_over(carried).len(), 1);
    let pid = Pid::from_raw(i32::try_from(running.id()).unwrap()).unwrap();
    drop(command);
    if hung_up {
        kill_process(pid, Signal::HUP).unwrap();
    } else {
        drop(ours);
    }
    eventually("it ends", || match running.try_wait().unwrap() {
        Some(_) => Ok(()),
        None => Err("it runs".to_owned()),
    });
    assert_eq!(left_over(carried), [""; 0]);
}
