//! The host, the doctor, the units, and what Ctrl-C means.

use std::path::Path;

use orch_testkit::world::Running;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::carried::{Carried, eventually, waits, world};
use super::restart::developer_waits;
use super::survive::open_to_signals;

fn status(carried: &Carried) -> Option<Value> {
    let said = carried.world.run(&carried.repository, &["host", "status", "--json"]).unwrap();
    (said.code == Some(0)).then(|| serde_json::from_str(&said.stdout).unwrap())
}

fn interrupt(service: &Running) {
    let pid = Pid::from_raw(i32::try_from(service.pid()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
}

/// A service with one agent that waits, and the task's id.
fn at_work(carried: &Carried) -> (super::carried::Up, String) {
    let service = carried.up();
    let id = service.open("Say hello");
    service.approve(&id);
    eventually("its agent waits", || {
        let task = service.task(&id);
        let at_work = task["stage"] == "development" && waits(&task, "agent") && !carried.agents().is_empty();
        if at_work { Ok(()) } else { Err(task.to_string()) }
    });
    (service, id)
}

/// Y12.
#[test]
fn ctrl_c_once_leaves_the_runs_and_names_them_twice_stops_them() {
    let carried = open_to_signals(Carried::small(&developer_waits()));
    let (service, _) = at_work(&carried);
    let agents = carried.agents();
    interrupt(&service.0);
    eventually("it names what goes on", || {
        let said = service.0.output();
        if said.contains("these runs go on: ") && said.contains("Ctrl-C again") { Ok(()) } else { Err(said) }
    });
    assert!(service.0.kill().is_ok());
    assert_eq!(carried.agents(), agents, "once: the agent goes on");
    let runs = status(&carried).unwrap()["runs"].as_array().unwrap().len();
    assert_eq!(runs, 1, "and the host knows it");

    let service = carried.up();
    interrupt(&service.0);
    eventually("it names what goes on", || {
        let said = service.0.output();
        if said.contains("Ctrl-C again") { Ok(()) } else { Err(said) }
    });
    interrupt(&service.0);
    eventually("twice: the agent ends", || if carried.agents().is_empty() { Ok(()) } else { Err(service.0.output()) });
}

#[test]
fn the_host_of_a_service_goes_with_it_when_nothing_runs() {
    let carried = open_to_signals(Carried::small(&developer_waits()));
    let service = carried.up();
    let met = eventually("a host is there", || status(&carried).ok_or_else(|| service.0.output()));
    assert_eq!((met["host"]["started_by"].as_str(), met["runs"].as_array().map(Vec::len)), (Some("service"), Some(0)));
    let pid = met["host"]["pid"].clone();
    assert!(service.0.stop().unwrap().success());
    eventually("the host has ended", || {
        let gone = status(&carried).is_none() && !Path::new(&format!("/proc/{pid}/cwd")).exists();
        if gone { Ok(()) } else { Err(format!("process {pid} is there")) }
    });
    carried.world.run(&carried.repository, &["host", "stop"]).unwrap().code(5);
}

#[test]
fn a_host_that_was_killed_is_replaced_at_the_next_launch() {
    let carried = open_to_signals(Carried::small(&developer_waits()));
    let service = carried.up();
    let pid = |met: &Value| i32::try_from(met["host"]["pid"].as_i64().unwrap()).unwrap();
    let first = eventually("a host is there", || status(&carried).ok_or_else(|| service.0.output()));
    kill_process(Pid::from_raw(pid(&first)).unwrap(), Signal::KILL).unwrap();
    let id = service.open("Say hello");
    service.approve(&id);
    let second = eventually("another one is there", || status(&carried).ok_or_else(|| service.0.output()));
    assert_ne!(pid(&second), pid(&first));
    carried.world.run(&carried.repository, &["host", "stop"]).unwrap().success();
    std::fs::write(carried.signal("go"), "").unwrap();
    service.done(&id);
}

#[test]
fn the_doctor_says_what_is_well_and_what_is_not() {
    let carried = open_to_signals(Carried::small(&developer_waits()));
    let doctor = |code| {
        let said = carried.world.run(&carried.repository, &["doctor", "--json"]).unwrap().code(code);
        serde_json::from_str::<Value>(&said.stdout).unwrap()
    };
    let of = |answer: &Value, name: &str| {
        let checks = answer["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == name).unwrap().clone()
    };
    let answer = doctor(0);
    for name in ["settings", "state", "git", "agents", "disk"] {
        let check = of(&answer, name);
        let expected = if name == "state" { &check["state"] } else { &Value::from("ok") };
        assert_eq!(&check["state"], expected, "{check}");
    }
    assert_eq!(of(&answer, "service")["state"], "warn", "none runs");
    let service = carried.up();
    eventually("a host is there", || status(&carried).ok_or_else(|| service.0.output()));
    let answer = doctor(0);
    assert_eq!(of(&answer, "service")["state"], "ok", "{answer}");
    assert!(of(&answer, "host")["words"].as_str().unwrap().contains("agents at work survive"), "{answer}");
    let text = carried.orch(&["doctor"]);
    assert!(text.lines().any(|line| line.starts_with("ok    git ")), "{text}");

    let host_file = carried.world.config();
    let settings = std::fs::read_to_string(&host_file).unwrap();
    std::fs::write(&host_file, format!("nonsense = 1\n{settings}")).unwrap();
    let answer = doctor(1);
    assert_eq!((of(&answer, "settings")["state"].as_str(), answer["state"].as_str()), (Some("fail"), Some("fail")));
}

#[test]
fn units_are_written_checked_and_removed() {
    let world = world();
    let orch = |words: &[&str]| world.run(&world.home(), words).unwrap();
    let dry = orch(&["service", "install", "--user", "--dry-run"]).success().stdout;
    assert!(dry.contains("KillMode=process") && dry.contains("systemctl --user enable --now"), "{dry}");
    let folder = world.home().join(".config/systemd/user");
    assert!(!folder.exists(), "a dry run writes nothing");
    orch(&["service", "install", "--user"]).success();
    let units = ["orch.service", "orch-host.service"].map(|name| folder.join(name));
    let service = std::fs::read_to_string(&units[0]).unwrap();
    assert!(service.contains(world.state().to_str().unwrap()), "{service}");
    let analyze = std::process::Command::new("systemd-analyze").args(["verify", "--user"]).args(&units).output();
    match analyze {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let ours: Vec<_> = said.lines().filter(|line| line.contains("orch")).collect();
            assert!(ours.is_empty(), "{said}");
        }
        Err(error) => {
            let name = "hosting::units_are_written_checked_and_removed";
            let why = format!("systemd-analyze: {error}");
            orch_testkit::world::not_run(std::env::var_os("ORCH_TEST_NOT_RUN").as_deref(), name, &why);
        }
    }
    orch(&["service", "install", "--user"]).success();
    orch(&["service", "uninstall", "--user"]).success();
    assert!(units.iter().all(|unit| !unit.exists()));
    std::fs::write(&units[0], "[Service]\nExecStart=/bin/true\n").unwrap();
    for action in ["install", "uninstall"] {
        let refused = orch(&["service", action, "--user"]).code(6);
        assert!(refused.stderr.contains("was not written by"), "{}", refused.stderr);
    }
}
