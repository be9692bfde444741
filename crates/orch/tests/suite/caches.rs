//! Packages that were fetched, kept from run to run: read by all, filled by what is green on the base branch alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use orch_testkit::world::not_run;

use super::carried::{Carried, script};
use super::smallest_agent;

/// The test command of the project: it shows what is in the cache, and "fetches" one thing more.
const TEST: &str = r#"
log=$npm_config_cache/_cacache/log
mkdir -p "${log%/*}" && echo fetched >> "$log" && cat "$log" && test -s README
"#;

/// A repository whose tests fetch, on a machine that confines runs; `None`: it does not, and that is noted.
fn carried(test: &str, body: &str) -> Option<Carried> {
    let mut carried =
        Carried::small(&script("[[play]]\ntitle = \"*\"\n[[play.act]]\nrole = \"developer\"\nsteps = []\n"));
    carried.world.confined();
    std::fs::write(carried.repository.join("test.sh"), body).unwrap();
    std::fs::write(carried.repository.join("package.json"), "{}\n").unwrap();
    orch_testkit::git(&carried.repository, &["add", "--all"]).unwrap();
    carried.amend_settings("# of = []", "of = [\"npm\"]");
    have_own_files(&carried, test).then_some(carried)
}

/// Whether runs have files of their own on this machine; if not, the test is noted as not run.
pub fn have_own_files(carried: &Carried, test: &str) -> bool {
    let said = carried.world.run(&carried.repository, &["doctor"]).unwrap().stdout;
    let have = ["L3", "L2 "].iter().any(|level| said.contains(&format!("runs get level {level}")));
    if !have {
        let record = std::env::var_os("ORCH_TEST_NOT_RUN");
        not_run(record.as_deref(), test, "runs have no files of their own on this machine");
    }
    have
}

fn packed(carried: &Carried) -> PathBuf {
    carried.world.state().join("caches/code.tar")
}

/// What the tests of this repository kept; `None` if there is nothing.
fn kept(file: &Path) -> Option<String> {
    let read = Command::new("tar").arg("-xOf").arg(file).arg("npm/_cacache/log").output().unwrap();
    file.exists().then(|| String::from_utf8(read.stdout).unwrap())
}

#[test]
fn green_fills_it_everybody_reads_it_and_no_agent_writes_it() {
    let Some(carried) = carried("caches::green_fills_it_everybody_reads_it_and_no_agent_writes_it", TEST) else {
        return;
    };
    let file = packed(&carried);
    carried.orch(&["check"]);
    assert_eq!(kept(&file).as_deref(), Some("fetched\n"));
    // The same packages: it stays as it is, and is read.
    assert!(carried.orch(&["check"]).contains("fetched\nfetched\n"));
    assert_eq!(kept(&file).as_deref(), Some("fetched\n"));

    // An agent that poisons whatever it finds, and asks for another package so that the cache is renewed.
    let poison = format!(
        "#!/bin/sh\necho \"read: $(cat $npm_config_cache/_cacache/log)\"\n\
         for file in {0} $(find / -xdev -name '*.tar' -path '*cache*' 2>/dev/null); do\n\
         \x20   (echo evil >> \"$file\") 2>/dev/null; rm -f \"$file\" 2>/dev/null; (echo evil > \"$file\") 2>/dev/null\n\
         done\necho evil >> $npm_config_cache/_cacache/log\necho evil > ${{npm_config_cache%/*}}/evil\n\
         [ $ORCH_ROLE != developer ] || echo ' ' >> package.json\n",
        file.display(),
    );
    let agent = smallest_agent::write(&carried.world.path("agent.sh"), &poison);
    carried.orch(&["init", "--yes", "--agent-command", &format!("/bin/sh {}", agent.display())]);
    let service = carried.up();
    let id = service.open("Use another package");
    service.approve(&id);
    service.done(&id);
    let said = service.log(&id, 3);
    assert!(said.contains("read: fetched"), "{said}");
    // The candidate's test began with what was kept, and what it had at its end was kept when it landed.
    assert_eq!(kept(&file).as_deref(), Some("fetched\nfetched\n"));
    let bytes = std::fs::read(&file).unwrap();
    assert!(!bytes.windows(4).any(|part| part == b"evil"));
}

#[test]
fn what_is_red_or_too_large_is_not_kept() {
    let Some(carried) = carried("caches::what_is_red_or_too_large_is_not_kept", TEST) else { return };
    let (file, check) = (packed(&carried), |code| {
        carried.world.run(&carried.repository, &["check"]).unwrap().code(code);
    });
    carried.amend_settings("\"sh test.sh\"", "\"sh test.sh; exit 3\"");
    check(1);
    assert_eq!(kept(&file), None);
    carried.amend_settings("; exit 3\"", "\"");
    check(0);
    assert!(kept(&file).is_some());
    // What outgrows its bound begins anew.
    let host = carried.world.config();
    let text = std::fs::read_to_string(&host).unwrap();
    std::fs::write(&host, text.replace("# cache_mb = 2000", "cache_mb = 1")).unwrap();
    let large = "\"sh test.sh; head -c 3000000 /dev/urandom > $npm_config_cache/_cacache/large\"";
    carried.amend_settings("\"sh test.sh\"", large);
    check(0);
    assert_eq!(kept(&file), None);
    // And is not asked for at all with 0.
    let text = std::fs::read_to_string(&host).unwrap();
    std::fs::write(&host, text.replace("cache_mb = 1", "cache_mb = 0")).unwrap();
    carried.amend_settings(large, "\"test -z $npm_config_cache\"");
    check(0);
}

#[test]
fn what_a_set_up_made_is_kept_as_it_was_before_the_tests() {
    let name = "caches::what_a_set_up_made_is_kept_as_it_was_before_the_tests";
    let Some(carried) = carried(name, "test -s README\n") else { return };
    carried.amend_settings("# command = \"npm ci\"", "command = \"mkdir -p deps && echo made >> deps/log\"");
    let file = carried.world.state().join("caches/code.set-up.tar");
    let commit = |body: &str| {
        std::fs::write(carried.repository.join("test.sh"), body).unwrap();
        orch_testkit::git(&carried.repository, &["commit", "--quiet", "--all", "--message", "test"]).unwrap();
    };
    // Tests that write where it is packed, and into what it made.
    let packed = carried.world.state().join("check-*/places/cache/set-up.tar");
    let packed = packed.display().to_string().replace(' ', "?");
    commit(&format!("for file in {packed}; do echo evil > \"$file\" && echo wrote it; done; echo evil >> deps/log\n"));
    let said = carried.orch(&["check"]);
    assert!(said.contains("kept for later runs") && said.contains("wrote it"), "{said}");
    assert!(!file.exists(), "what the tests wrote is not taken");
    commit("cat deps/log; echo evil >> deps/log; test -s README\n");
    assert!(carried.orch(&["check"]).contains("kept for later runs") && file.exists());
    // The same commit has it as it is, another one has the set-up run over it.
    let again = carried.orch(&["check"]);
    assert!(
        again.contains("taken from an earlier run") && again.contains("made\n") && !again.contains("evil"),
        "{again}"
    );
    commit("cat deps/log; test -s README\n");
    let over = carried.orch(&["check"]);
    assert!(over.contains("made\nmade\n") && !over.contains("evil"), "{over}");
    carried.amend_settings("deps/log\"", "deps/log\"\nkeep = false");
    let bare = carried.orch(&["check"]);
    assert!(bare.contains("made\n") && !bare.contains("made\nmade") && !bare.contains("kept for"), "{bare}");
}
