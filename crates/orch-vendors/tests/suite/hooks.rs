//! Hooks on a host, with real processes: what they alone are given.

use camino::Utf8Path;
use orch_ports::runner::{HookSecret, HookTerms, HookWalls, Ordered, RunOrder, Runner};
use orch_testkit::contract::runner::{Does, RunnerBench};
use orch_testkit::world::not_run;
use orch_vendors::runner::confining::Confining;
use orch_vendors::runner::host::HostRunner;

use crate::host_runner::Bench;

/// A hook with this script, and the secrets `DB` and `KEY`.
fn hook(bench: &Bench, name: &str, walls: HookWalls, script: &str) -> RunOrder {
    let folder = Utf8Path::from_path(bench.folder.path()).unwrap();
    let secrets = ["DB", "KEY"].map(|name| {
        let file = folder.join(format!("kept-{name}"));
        std::fs::write(&file, format!("hush-{name}")).unwrap();
        HookSecret { name: name.to_owned(), file }
    });
    let ordered = Ordered::Hook(HookTerms { walls, secrets: secrets.to_vec() });
    let argv = vec!["/bin/sh".to_owned(), "-c".to_owned(), script.to_owned()];
    let directory = folder.join(format!("place-{name}"));
    std::fs::create_dir_all(&directory).unwrap();
    let order = bench.order(name, Does::Completes);
    RunOrder { ordered, argv, directory, appears: None, result_file: None, finish: Vec::new(), ..order }
}

#[test]
fn a_hook_alone_gets_secrets_and_they_go_with_it() {
    let bench = Bench::new();
    let script = "cd \"$ORCH_SECRETS\" && stat -c '%a %n' DB KEY && cat DB KEY > '../../seen'";
    let mut order = hook(&bench, "r", HookWalls::Nothing, script);
    bench.runner().ensure(&order).unwrap();
    let report = bench.runner().wait("r").unwrap();
    assert_eq!(
        (report.exit_code, bench.runner().output_tail("r", 100).unwrap().as_str()),
        (Some(0), "400 DB\n400 KEY\n")
    );
    assert_eq!(std::fs::read_to_string(bench.folder.path().join("seen")).unwrap(), "hush-DBhush-KEY");
    assert!(!bench.folder.path().join("secrets/r").exists(), "they are still there");
    let spec = std::fs::read_to_string(bench.folder.path().join("runs/r/spec.json")).unwrap();
    assert!(spec.contains("\"kind\": \"hook\"") && !spec.contains("hush"), "{spec}");
    // Ordered again when it is over, it gets none.
    bench.runner().ensure(&order).unwrap();
    assert!(!bench.folder.path().join("secrets/r").exists());
    // Whoever names the folder in its environment and is no hook has none either.
    for (name, ordered) in [("agent", Ordered::Agent), ("check", Ordered::Check)] {
        let script = "test -z \"$ORCH_SECRETS\"".to_owned();
        order.environment.insert("ORCH_SECRETS".to_owned(), bench.folder.path().display().to_string());
        order.argv = vec!["/bin/sh".to_owned(), "-c".to_owned(), script];
        let order = RunOrder { name: name.to_owned(), ordered, ..order.clone() };
        bench.runner().ensure(&order).unwrap();
        assert_eq!(bench.runner().wait(name).unwrap().exit_code, Some(0), "{name}");
    }
}

#[test]
fn a_hook_without_its_secret_is_not_begun_and_gets_it_when_it_is_there() {
    let bench = Bench::new();
    let order = hook(&bench, "r", HookWalls::Nothing, "cat \"$ORCH_SECRETS/DB\"");
    let file = bench.folder.path().join("kept-DB");
    std::fs::remove_file(&file).unwrap();
    let told = bench.runner().ensure(&order).unwrap_err().to_string();
    assert!(told.contains("the secret DB") && told.contains("kept-DB"), "{told}");
    assert!(!bench.runner().exists("r"));
    std::fs::write(&file, "later").unwrap();
    bench.runner().ensure(&order).unwrap();
    assert_eq!(bench.runner().wait("r").unwrap().exit_code, Some(0));
    assert_eq!(bench.runner().output_tail("r", 100).unwrap(), "later");
    for name in ["", "../up", "a/b", "a b"] {
        let secret = HookSecret { name: name.to_owned(), file: "/dev/null".into() };
        let ordered = Ordered::Hook(HookTerms { walls: HookWalls::Nothing, secrets: vec![secret] });
        let order = RunOrder { name: "odd".to_owned(), ordered, ..order.clone() };
        assert!(bench.runner().ensure(&order).is_err(), "{name:?}");
    }
}

#[test]
fn a_hook_is_confined_as_its_order_says() {
    let bench = Bench::new();
    let confined = HostRunner { confining: Confining::of(None, orch_run::Confinement::Account), ..bench.runner() };
    let (level, _) = match confined.level() {
        Ok(found) => found,
        Err(reason) => {
            let record = std::env::var_os("ORCH_TEST_NOT_RUN");
            return not_run(record.as_deref(), "a_hook_is_confined_as_its_order_says", &reason);
        }
    };
    for (name, walls) in [("open", HookWalls::Nothing), ("walled", HookWalls::AsRuns)] {
        let order = hook(&bench, name, walls, "cat \"$ORCH_SECRETS/DB\"");
        confined.ensure(&order).unwrap();
        let report = confined.wait(name).unwrap();
        let said = confined.output_tail(name, 1000).unwrap();
        assert_eq!((report.exit_code, said.as_str()), (Some(0), "hush-DB"), "{name}");
        let level = if walls == HookWalls::Nothing { "L0" } else { level.name() };
        assert_eq!(report.level.unwrap().name(), level, "{name}");
    }
}

#[test]
fn only_an_agent_may_have_a_model() {
    let bench = Bench::new();
    let wire = orch_ports::agent::ModelWire::AnthropicMessages;
    let model = Some(orch_ports::agent::ModelAccess { wire, credential: "anthropic".to_owned() });
    let order = RunOrder { model, ..hook(&bench, "r", HookWalls::Nothing, "true") };
    for ordered in [order.ordered.clone(), Ordered::Check] {
        let told = bench.runner().ensure(&RunOrder { ordered, ..order.clone() }).unwrap_err().to_string();
        assert!(told.contains("only an agent may have a model"), "{told}");
    }
}
