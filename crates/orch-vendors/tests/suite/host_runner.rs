//! `HostRunner` under the contract of runners, with real processes.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use camino::Utf8Path;
use orch_ports::runner::{Ordered, RunOrder, Runner};
use orch_rules::attempt::RunEnd;
use orch_testkit::contract::{self, runner::Does, runner::RunnerBench};
use orch_vendors::runner::confining::Confining;
use orch_vendors::runner::host::HostRunner;

/// The program that acts as supervisor; `cargo test --test suite` alone does not build it.
fn supervisor() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let program = own.parent().and_then(Path::parent).unwrap().join("examples/host_supervisor");
    let build = "build it with `cargo build -p orch-vendors --examples`";
    assert!(program.is_file(), "{} is missing: {build}", program.display());
    program
}

pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }
    fn file(&self, name: &str, what: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.{what}"))
    }
    fn lines(&self, name: &str, what: &str) -> usize {
        std::fs::read_to_string(self.file(name, what)).map_or(0, |text| text.lines().count())
    }
}

impl RunnerBench for Bench {
    type Runner = HostRunner;
    fn runner(&self) -> HostRunner {
        HostRunner {
            root: self.folder.path().join("runs"),
            supervisor: supervisor(),
            host: None,
            proxies: None,
            confining: Confining::none(),
            free_disk_floor_bytes: 0,
            ends: orch_run::Ends::default(),
            terminal: None,
            free_memory_floor_bytes: 0,
        }
    }
    fn order(&self, name: &str, does: Does) -> RunOrder {
        let path = |what| self.file(name, what).to_str().unwrap().to_owned();
        let (up, go) = (path("up"), path("go"));
        for fifo in [&up, &go] {
            if !Path::new(fifo).exists() {
                assert!(Command::new("mkfifo").arg(fifo).status().unwrap().success());
            }
        }
        let deed = match does {
            Does::Completes => "printf 'first line\\n\\033[31msecond\\033[0m line\\007\\nlast line\\n'".to_owned(),
            Does::Fails => "exit 3".to_owned(),
            Does::LeavesResult => format!("printf '{}' > \"$RESULT\"", contract::runner::result()),
            Does::LeavesNonsense => "printf '[1' > \"$RESULT\"".to_owned(),
            Does::Hangs => format!("echo up > '{up}'; read go < '{go}'; exit 0"),
            Does::CannotStart => String::new(),
        };
        let result = self.file(name, "result");
        let script = format!("echo once >> '{}'; {deed}", path("starts"));
        let argv = match does {
            Does::CannotStart => vec!["/nonexistent/program".to_owned()],
            _ => vec!["/bin/sh".to_owned(), "-c".to_owned(), script],
        };
        let finish = format!("echo once >> '{}'", path("finishes"));
        RunOrder {
            name: name.to_owned(),
            ordered: Ordered::Agent,
            argv,
            directory: Utf8Path::from_path(self.folder.path()).unwrap().to_owned(),
            appears: Some("/repo/shop".into()),
            environment: BTreeMap::from([
                ("PATH".to_owned(), std::env::var("PATH").unwrap()),
                ("RESULT".to_owned(), result.to_str().unwrap().to_owned()),
            ]),
            set_up: None,
            result_file: Some(result.try_into().unwrap()),
            finish: vec![vec!["/bin/sh".to_owned(), "-c".to_owned(), finish]],
            deadline_ms: 600_000,
            stall_ms: 0,
            stop_grace_ms: 60_000,
            output_cap_bytes: 1 << 20,
            read_only: Vec::new(),
            read_write: Vec::new(),
            model: None,
            stop: Vec::new(),
        }
    }
    fn until_hanging(&self, name: &str) {
        std::fs::read(self.file(name, "up")).unwrap();
    }
    fn let_go(&self, name: &str) {
        let mut gate = std::fs::OpenOptions::new().write(true).open(self.file(name, "go")).unwrap();
        gate.write_all(b"go\n").unwrap();
    }
    fn lose(&self, name: &str) {
        let started = std::fs::read(self.folder.path().join("runs").join(name).join("started.json")).unwrap();
        let started: serde_json::Value = serde_json::from_slice(&started).unwrap();
        let pid = started["supervisor"]["pid"].as_i64().unwrap();
        assert!(Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success());
    }
    fn starts(&self, name: &str) -> usize {
        self.lines(name, "starts")
    }
    fn finishes(&self, name: &str) -> usize {
        self.lines(name, "finishes")
    }
}

#[test]
fn it_keeps_the_contract() {
    contract::run(contract::runner::suite(), |_| Bench::new());
}

#[test]
fn a_run_that_was_made_and_not_launched_is_launched_as_it_was_made() {
    let bench = Bench::new();
    let order = bench.order("r", Does::Completes);
    // A process that ended between the two steps: there is no supervisor to launch.
    let nobody = HostRunner { supervisor: "/nonexistent/supervisor".into(), ..bench.runner() };
    assert!(nobody.ensure(&order).is_err());
    assert!(!bench.runner().exists("r"));
    let mut other = order.clone();
    other.environment.insert("TMPDIR".to_owned(), "/elsewhere".to_owned());
    bench.runner().ensure(&other).unwrap();
    assert_eq!(bench.runner().wait("r").unwrap().exit_code, Some(0));
    assert_eq!(bench.starts("r"), 1);
}

#[test]
fn a_run_that_cannot_be_read_counts_as_launched() {
    let bench = Bench::new();
    bench.runner().ensure(&bench.order("r", Does::Completes)).unwrap();
    bench.runner().wait("r").unwrap();
    let folder = bench.folder.path().join("runs/r");
    std::fs::write(folder.join("spec.json"), "{\"version\": 999}").unwrap();
    assert!(bench.runner().exists("r"), "its agent may be at work");
    assert!(bench.runner().wait("r").is_err());
}

/// Nobody can work on a full disk: what failed then is not the program's.
#[test]
fn what_failed_on_a_full_disk_is_lost() {
    let bench = Bench::new();
    for (name, does) in [("fails", Does::Fails), ("completes", Does::Completes)] {
        bench.runner().ensure(&bench.order(name, does)).unwrap();
        bench.runner().wait(name).unwrap();
    }
    let full = HostRunner { free_disk_floor_bytes: u64::MAX, ..bench.runner() };
    assert_eq!(full.wait("fails").unwrap().end, RunEnd::LOST);
    assert_eq!(full.wait("completes").unwrap().end, RunEnd::Completed);
    assert!(matches!(bench.runner().wait("fails").unwrap().end, RunEnd::Failed { .. }));
}

#[test]
fn below_a_floor_of_disk_or_memory_there_is_no_room() {
    let folder = tempfile::tempdir().unwrap();
    let runner = |disk, memory| HostRunner {
        root: folder.path().to_owned(),
        supervisor: "/bin/false".into(),
        host: None,
        proxies: None,
        confining: Confining::none(),
        ends: orch_run::Ends::default(),
        terminal: None,
        free_disk_floor_bytes: disk,
        free_memory_floor_bytes: memory,
    };
    assert_eq!(runner(0, 0).room(), Ok(()));
    assert_eq!(runner(1, 1).room(), Ok(()));
    let short = runner(u64::MAX, 1).room().unwrap_err();
    assert!(short.contains("free_disk_floor_mb") && short.contains("MB"), "{short}");
    let short = runner(1, u64::MAX).room().unwrap_err();
    assert!(short.contains("free_memory_floor_mb") && short.contains("MB"), "{short}");
}

#[test]
fn a_confined_run_tells_its_level_and_limits_and_leaves_no_scratch() {
    let bench = Bench::new();
    let mut confining = Confining::of(None, orch_run::Confinement::Account);
    confining.processes = Some(500);
    let runner = HostRunner { confining, ..bench.runner() };
    let Ok((level, _)) = runner.level() else {
        return orch_testkit::world::not_run(
            std::env::var_os("ORCH_TEST_NOT_RUN").as_deref(),
            "a_confined_run_tells_its_level_and_limits_and_leaves_no_scratch",
            "this host confines nothing",
        );
    };
    let mut order = bench.order("r", Does::Completes);
    order.directory = Utf8Path::from_path(bench.folder.path()).unwrap().join("clone");
    std::fs::create_dir(&order.directory).unwrap();
    order.argv = ["/bin/sh", "-c", "echo $HOME $(pwd) $GIVEN > here; ls .."].map(str::to_owned).to_vec();
    order.environment.insert("HOME".to_owned(), "/root".to_owned());
    order.environment.insert("GIVEN".to_owned(), format!("--file={}/task.md", order.directory));
    (order.finish, order.result_file) = (Vec::new(), None);
    runner.ensure(&order).unwrap();
    let report = runner.wait("r").unwrap();
    assert_eq!(report.exit_code, Some(0), "{report:?} {}", runner.output_tail("r", 4096).unwrap());
    assert_eq!(report.level.unwrap().name(), level.name());
    let state = runner.state("r").unwrap();
    assert_eq!(state.level.name(), level.name());
    assert!(state.limits.iter().any(|words| words.contains("500 processes")), "{state:?}");
    let here = std::fs::read_to_string(order.directory.join("here")).unwrap();
    let (at, home) = match orch_run::private_network(level) {
        true => ("/repo/shop".to_owned(), "/run/scratch/home".to_owned()),
        // Without files of its own it knows the host's.
        false => (order.directory.to_string(), bench.folder.path().join("scratch/r/home").display().to_string()),
    };
    assert_eq!(here.trim(), format!("{home} {at} --file={at}/task.md"));
    assert!(!bench.folder.path().join("scratch/r").exists());
}

#[test]
fn below_the_least_level_nothing_starts() {
    let bench = Bench::new();
    let least = Confining::of(Some(orch_run::Confinement::None), orch_run::Confinement::Landlock);
    let runner = HostRunner { confining: least, ..bench.runner() };
    assert!(runner.room().unwrap_err().contains("lower min"));
    assert!(runner.ensure(&bench.order("r", Does::Completes)).is_err());
    assert!(!runner.exists("r"));
}
