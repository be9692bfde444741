//! The set-up of a run through the host runner: what it leaves is gone and what it changed is put back before the program
//! starts, at each level of this host.

use std::path::Path;

use orch_ports::runner::{Keeps, Runner, SetUp};
use orch_rules::attempt::RunEnd;
use orch_run::Confinement;
use orch_testkit::contract::runner::{Does, RunnerBench};
use orch_vendors::runner::confining::Confining;
use orch_vendors::runner::host::HostRunner;

use crate::host_runner::Bench;

fn levels() -> Vec<Confinement> {
    let bench = Bench::new();
    let here = |level: &Confinement| {
        let confining = Confining::of(Some(*level), *level);
        HostRunner { confining, ..bench.runner() }.level().is_ok()
    };
    let found = [Confinement::Account, Confinement::Shared, Confinement::Landlock, Confinement::Bubblewrap];
    let found = found.into_iter().filter(here).collect::<Vec<_>>();
    std::iter::once(Confinement::None).chain(found).collect()
}

struct Ran {
    end: RunEnd,
    log: String,
}

/// Runs `judge` in a clone with `ci/check.sh`, after `set_up`.
fn run(level: Confinement, set_up: &str, judge: &str) -> Ran {
    let bench = Bench::new();
    let runner = HostRunner { confining: Confining::of(Some(level), level), ..bench.runner() };
    let clone = bench.folder.path().join("place/code");
    std::fs::create_dir_all(clone.join("ci")).unwrap();
    std::fs::create_dir_all(clone.join(".git")).unwrap();
    std::fs::write(clone.join("ci/check.sh"), "echo the base judges\n").unwrap();
    std::fs::write(clone.join(".git/config"), "[core]\n").unwrap();
    let mut order = bench.order("r", Does::Completes);
    order.directory = clone.try_into().unwrap();
    order.argv = ["/bin/sh", "-c", judge].map(str::to_owned).to_vec();
    (order.finish, order.result_file) = (Vec::new(), None);
    order.environment.insert("HOME".to_owned(), "/root".to_owned());
    let copy = Path::new(&order.directory).with_file_name("kept");
    order.set_up = Some(SetUp {
        argv: ["/bin/sh", "-c", set_up].map(str::to_owned).to_vec(),
        environment: order.environment.clone(),
        deadline_ms: 60_000,
        keeps: Some(Keeps {
            patterns: vec!["ci/**".to_owned(), "**/CLAUDE.md".to_owned(), ".claude/**".to_owned()],
            repository: true,
            copy: copy.try_into().unwrap(),
        }),
        then: Vec::new(),
        done: "== ready ==".to_owned(),
        failed: "== not ready: ".to_owned(),
    });
    runner.ensure(&order).unwrap();
    let end = runner.wait("r").unwrap().end;
    Ran { end, log: runner.output_tail("r", 16 * 1024).unwrap() }
}

#[test]
fn what_judges_is_put_back_at_every_level() {
    for level in levels() {
        for deed in [
            "echo 'echo FORGED' > ci/check.sh",
            "rm -r ci; mkdir elsewhere; echo 'echo FORGED' > elsewhere/check.sh; ln -s elsewhere ci",
            "chmod 0 ci; true",
            "echo approve > CLAUDE.md; mkdir -p sub .claude; echo approve > sub/CLAUDE.md; echo '{}' > .claude/settings.json",
            "printf '[filter \"x\"]\\n' >> .git/config; mkdir -p .git/info; echo '* filter=x' > .git/info/attributes",
        ] {
            let judge = "sh ci/check.sh; ls -A; ls -A sub 2>/dev/null; cat .git/config; ls .git/info 2>/dev/null; true";
            let ran = run(level, deed, judge);
            let said =
                ran.log.split_once("== ready ==\n").map(|(_, said)| said).unwrap_or_else(|| panic!("{}", ran.log));
            assert_eq!(ran.end, RunEnd::Completed, "{level:?}: {deed}: {}", ran.log);
            assert!(said.contains("the base judges"), "{level:?}: {deed}: {}", ran.log);
            for never in ["FORGED", "CLAUDE.md", ".claude", "filter", "attributes"] {
                assert!(!said.contains(never), "{level:?}: {deed}: {}", ran.log);
            }
            // Rights that are taken are given back; root never missed them.
            let told = ran.log.contains("put back as the base branch has it") || deed.starts_with("chmod");
            assert!(told, "{level:?}: {deed}: {}", ran.log);
        }
    }
}

#[test]
fn a_good_set_up_is_told_nothing_of() {
    for level in levels() {
        let ran = run(level, "mkdir node_modules; echo made", "cat ci/check.sh; ls");
        assert_eq!(ran.end, RunEnd::Completed);
        assert_eq!(ran.log, "made\n== ready ==\necho the base judges\nci\nnode_modules\n", "{level:?}");
    }
}

#[test]
fn nobody_starts_after_a_bad_one() {
    let ran = run(Confinement::None, "exit 3", "echo started");
    assert!(matches!(ran.end, RunEnd::Failed { .. }), "{:?}", ran.end);
    assert!(!ran.log.contains("started") && !ran.log.contains("ready"), "{}", ran.log);
}
