//! What runs have of their own where root starts them: a number, and a folder for temporary files.

use std::collections::BTreeSet;
use std::time::Duration;

use orch_run::{Account, AccountRange, Confinement, End, Made, await_output, request_stop};

use crate::bench::{not_run_here, output, result, started};
use crate::how::{How, confined, here, open_bench};

const L1: How = How { level: Confinement::Account, made: Made::Plainly };
const SHARED: How = How { level: Confinement::Shared, made: Made::Plainly };
const L2: How = How { level: Confinement::Landlock, made: Made::Namespaces };
const OWN: How = How { level: Confinement::Bubblewrap, made: Made::Namespaces };

/// For a command to say its first word.
const PATIENCE: Duration = Duration::from_secs(60);

fn own(name: &str, used: &BTreeSet<u32>) -> Account {
    AccountRange::USUAL.account(name, used, &Account::named("nobody").unwrap()).unwrap()
}

#[test]
fn a_run_is_nothing_to_another_one() {
    const NAME: &str = "a_run_is_nothing_to_another_one";
    if !rustix::process::geteuid().is_root() || !AccountRange::USUAL.is_there() {
        not_run_here(NAME, "only root gives accounts away, where there are enough of them");
        return;
    }
    for level in [L1, SHARED, L2, OWN] {
        if !here(level, NAME) {
            continue;
        }
        let (ours, theirs) = (open_bench(), open_bench());
        let mut spec = confined(&theirs, level, "echo hush > mine; echo up; exec sleep 1000");
        let their_account = own("theirs", &BTreeSet::new());
        spec.env.insert("SECRET".to_owned(), "hush".to_owned());
        spec.plan.account = Some(their_account.clone());
        let run = theirs.start("theirs", &spec);
        assert!(await_output(&run, 0, PATIENCE).unwrap());
        let pid = started(&run)["agent"]["pid"].as_i64().unwrap();
        let script = format!(
            "kill -9 {pid} && echo KILLED; cat /proc/{pid}/environ && echo READ; cat {0}/mine && echo READ; \
             ls {0} && echo LISTED; echo x > {0}/left && echo WROTE; id -u; id -un; exit 0",
            theirs.clone_path().display()
        );
        let mut spec = confined(&ours, level, &script);
        let account = own("ours", &BTreeSet::from([their_account.uid]));
        assert_ne!(account.uid, their_account.uid);
        spec.plan.account = Some(account.clone());
        let (mine, ended) = ours.finish(&spec);
        let text = String::from_utf8_lossy(&output(&mine)).into_owned();
        assert_eq!(ended.end, End::Exited { code: 0 }, "{level:?}: {text}");
        for bad in ["KILLED", "READ", "LISTED", "WROTE", "hush"] {
            assert!(!text.contains(bad), "{level:?}: {text}");
        }
        assert!(text.contains(&account.uid.to_string()), "{level:?}: {text}");
        if level.level != Confinement::Shared {
            assert!(text.ends_with("\nrun\n"), "it knows its name: {level:?}: {text}");
        }
        assert!(!ended.limits.join(" ").contains("Other runs"), "{:?}", ended.limits);
        request_stop(&run).unwrap();
        assert_eq!(result(&run).end, End::Stopped);
    }
}

#[test]
fn a_later_run_is_handed_what_an_earlier_one_left_under_two_names() {
    let name = "a_later_run_is_handed_what_an_earlier_one_left_under_two_names";
    if !here(L2, name) {
        return;
    }
    if !rustix::process::geteuid().is_root() || !AccountRange::USUAL.is_there() {
        not_run_here(name, "only root gives accounts away, where there are enough of them");
        return;
    }
    let bench = open_bench();
    let mut used = BTreeSet::new();
    for (name, script) in
        [("earlier", "echo a > one && chmod 600 one && ln one two"), ("later", "echo b >> one && cat two")]
    {
        let mut spec = confined(&bench, L2, script);
        let account = own(name, &used);
        used.insert(account.uid);
        spec.plan.account = Some(account);
        let run = bench.start(name, &spec);
        assert_eq!(result(&run).end, End::Exited { code: 0 }, "{}", String::from_utf8_lossy(&output(&run)));
    }
}

#[test]
fn temporary_files_are_a_runs_own_where_it_sees_the_hosts() {
    if !here(L1, "temporary_files_are_a_runs_own_where_it_sees_the_hosts") {
        return;
    }
    let bench = open_bench();
    let name = format!("orch-left-{}", std::process::id());
    let outside = std::env::temp_dir().join(&name);
    std::fs::write(&outside, "hush").unwrap();
    let script = format!(
        "cat /tmp/{name} && echo READ; for at in /tmp /var/tmp \"$TMPDIR\"; do echo x > $at/{name}-made && echo made; done; \
         echo y > here && ls .. > /dev/null; exit 0"
    );
    let (run, ended) = bench.finish(&confined(&bench, L1, &script));
    let text = String::from_utf8_lossy(&output(&run)).into_owned();
    assert!(!text.contains("READ") && text.matches("made\n").count() == 3, "{text}");
    assert!(!ended.limits.join(" ").contains("shares /tmp"), "{:?}", ended.limits);
    assert!(bench.clone_path().join("here").exists(), "its own place is where it was");
    for folder in ["/tmp", "/var/tmp"] {
        assert!(!std::path::Path::new(folder).join(format!("{name}-made")).exists(), "{folder}");
    }
    std::fs::remove_file(outside).unwrap();
}
