//! The run directory itself.

use std::os::unix::fs::PermissionsExt;

use orch_run::{Error, RunDirectory, RunState, Spec, launch};

use crate::bench::{Bench, result, supervisor};

#[test]
fn creating_the_same_run_twice_is_one_run_and_another_spec_is_refused() {
    let bench = Bench::new();
    let spec = bench.script("exit 0");
    let first = bench.create("run-1", &spec);
    let second = bench.create("run-1", &spec);
    assert_eq!(first.path(), second.path());
    let other = bench.script("exit 1");
    let refused = RunDirectory::create(&bench.runs(), "run-1", &other).unwrap_err();
    assert!(matches!(refused, Error::SpecDiffers { .. }), "{refused}");
    assert_eq!(first.spec().unwrap(), spec);
    launch(&first, &supervisor()).unwrap();
    result(&first);
    let after = bench.create("run-1", &spec);
    assert_eq!(after.state().unwrap(), RunState::Finished);
}

#[test]
fn racing_creators_agree_on_one_spec() {
    let bench = Bench::new();
    let creators: Vec<_> = (0..8)
        .map(|n| {
            let (runs, spec) = (bench.runs(), bench.script(&format!("exit {}", n % 2)));
            std::thread::spawn(move || RunDirectory::create(&runs, "run-1", &spec).map(|_| spec))
        })
        .collect();
    let made: Vec<_> = creators.into_iter().map(|c| c.join().unwrap()).collect();
    let spec = RunDirectory::open(&bench.runs().join("run-1")).unwrap().spec().unwrap();
    for one in made {
        match one {
            Ok(created) => assert_eq!(created, spec),
            Err(error) => assert!(matches!(error, Error::SpecDiffers { .. }), "{error}"),
        }
    }
}

#[test]
fn only_the_owner_sees_a_run() {
    let bench = Bench::new();
    let mut spec = bench.script("exit 0");
    spec.env.insert("TOKEN".into(), "hush-hush".into());
    let (run, _) = bench.finish(&spec);
    let mode = |name: &str| std::fs::metadata(run.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("."), 0o700);
    for name in ["spec.json", "lock", "started.json", "output.log", "supervisor.log", "result.json"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    assert!(!format!("{spec:?}").contains("hush"), "a secret in debug output");
    let left: Vec<_> = std::fs::read_dir(run.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(left.is_empty(), "temporary files left: {left:?}");
}

#[test]
fn unusable_runs_are_refused_at_creation() {
    let bench = Bench::new();
    for id in ["", "..", "a/b", "-x", ".hidden", "näme", &"x".repeat(129)] {
        let refused = RunDirectory::create(&bench.runs(), id, &bench.script("exit 0")).unwrap_err();
        assert!(matches!(refused, Error::BadRunId { .. }), "{id:?}: {refused}");
    }
    let refused = |change: fn(&mut Spec), word: &str| {
        let mut spec = bench.script("exit 0");
        change(&mut spec);
        let error = RunDirectory::create(&bench.runs(), "bad", &spec).unwrap_err();
        assert!(error.to_string().contains(word), "{word}: {error}");
    };
    refused(|s| s.argv.clear(), "empty");
    refused(|s| s.finish.push(Vec::new()), "empty");
    refused(|s| s.argv.push("a\0b".into()), "NUL");
    refused(|s| s.cwd = "relative".into(), "working directory");
    refused(|s| s.result_file = Some("relative".into()), "result file");
    refused(|s| s.deadline_ms = 0, "deadline");
    refused(|s| s.finish_deadline_ms = 0, "deadline");
    refused(|s| drop(s.env.insert("A=B".into(), "c".into())), "A=B");
    refused(|s| drop(s.env.insert("ORCH_RUN_ID".into(), "c".into())), "ORCH_RUN_ID");
    assert!(!bench.runs().join("bad").exists(), "a refused run left a directory");
}

#[test]
fn a_directory_of_version_one_is_started_and_adopted() {
    let bench = Bench::new();
    let run = bench.create("run-1", &bench.script("exit 3"));
    let file = run.path().join("spec.json");
    let mut spec: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let members = spec.as_object_mut().unwrap();
    members.insert("version".into(), 1.into());
    for later in ["plan", "stop", "companion"] {
        assert!(members.remove(later).is_some());
    }
    std::fs::write(&file, spec.to_string()).unwrap();
    let run = RunDirectory::open(run.path()).unwrap();
    launch(&run, &supervisor()).unwrap();
    assert_eq!(crate::bench::result(&run).end, orch_run::End::Exited { code: 3 });
    // Its record of the run, as the former release wrote it, is read by this one.
    let file = run.path().join("result.json");
    let mut result: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    result.as_object_mut().unwrap().remove("limits").unwrap();
    std::fs::write(&file, result.to_string()).unwrap();
    assert_eq!(run.result().unwrap().unwrap().limits, Vec::<String>::new());
}

#[test]
fn a_newer_directory_is_refused_by_name_and_a_damaged_one_without_its_contents() {
    let bench = Bench::new();
    let mut spec = bench.script("exit 0");
    spec.env.insert("TOKEN".into(), "hush-hush".into());
    let run = bench.create("run-1", &spec);
    let file = run.path().join("spec.json");
    let text = std::fs::read_to_string(&file).unwrap();

    let version =
        |number: u32| text.replace(&format!("\"version\": {}", orch_run::VERSION), &format!("\"version\": {number}"));
    std::fs::write(&file, version(orch_run::READS + 1)).unwrap();
    let newer = RunDirectory::open(run.path()).unwrap_err();
    assert!(matches!(newer, Error::UnknownVersion { supported: orch_run::READS, .. }), "{newer}");
    // The next release's is adopted and not started.
    std::fs::write(&file, version(orch_run::VERSION + 1)).unwrap();
    assert_eq!(RunDirectory::open(run.path()).unwrap().run_id(), "run-1");
    let refused = launch(&run, &supervisor()).unwrap_err();
    assert!(refused.to_string().contains(&format!("version {}", orch_run::VERSION + 1)), "{refused}");
    assert_eq!(run.state().unwrap(), RunState::NotLaunched);

    std::fs::write(&file, text.replace("\"hush-hush\"", "[\"hush-hush\"]")).unwrap();
    let damaged = RunDirectory::open(run.path()).unwrap_err();
    assert!(matches!(damaged, Error::Damaged { .. }), "{damaged}");
    assert!(!damaged.to_string().contains("hush"), "{damaged}");

    std::fs::write(&file, text.replace("\"L0\"", "\"L7\"")).unwrap();
    assert!(matches!(RunDirectory::open(run.path()), Err(Error::Damaged { .. })));

    let empty = tempfile::tempdir().unwrap();
    let none = RunDirectory::open(empty.path()).unwrap_err();
    assert!(none.to_string().contains("no run directory"), "{none}");
}
