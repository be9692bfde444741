//! What an act does in a real clone.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use orch_rules::pipeline::Role;
use orch_testkit::git;

use crate::place::{Attempt, Order, Place, everywhere, task_file};

fn developer(place: &mut Place, steps: &str) -> Attempt {
    let script = everywhere(&format!("[[play.act]]\nrole = \"developer\"\nsteps = [{steps}]"));
    let task = task_file("DEMO-001", "Say “hi” — ещё раз", None);
    let start = place.main();
    place.attempt(&Order { role: Role::Developer, id: "DEMO-001", task_file: &task, script: &script, start: &start })
}

#[test]
fn files_are_written_changed_and_removed_and_committed_with_the_clones_identity() {
    let mut place = Place::new();
    let attempt = developer(
        &mut place,
        r#"{ write = "new/{id}.txt", text = "{title}, {role}, {round}, {attempt}, {stage}, {unknown}\n" },
           { append = "src/a.txt", text = "three\n" }, { append = "fresh", text = "x" },
           { replace = { path = "src/a.txt", from = "two\n", to = "2\n" } }, { delete = "README.md" },
           { document = "sub/note.md", text = "of {id}" }, { say = "doing {id}" }, { commit = "Change {id}\n\nWhy." }"#,
    )
    .done();
    let expected = "Say “hi” — ещё раз, developer, 1, 1, stage-of-developer, {unknown}";
    assert_eq!(attempt.committed("new/DEMO-001.txt"), expected);
    assert_eq!(attempt.committed("src/a.txt"), "one\n2\nthree");
    assert_eq!(attempt.committed("fresh"), "x");
    assert_eq!(attempt.committed("docs/work-items/DEMO-001/sub/note.md"), "of DEMO-001");
    assert!(git(&attempt.clone, &["show", "HEAD:README.md"]).is_err());
    assert_eq!(attempt.git(&["status", "--porcelain"]), "");
    let commit = attempt.git(&["log", "-1", "--format=%an <%ae>%n%cn%n%B"]);
    assert!(commit.starts_with("Orchestrion <orch@example.invalid>\nOrchestrion\nChange DEMO-001\n\nWhy."), "{commit}");
    assert_eq!(commit.trim_end().lines().last(), Some("Refs: DEMO-001"), "{commit}");
    assert_eq!(attempt.git(&["rev-list", "--count", &format!("{}..HEAD", place.main())]), "1");
    assert!(attempt.said.contains("doing DEMO-001\n"), "{}", attempt.said);
}

#[test]
fn what_is_left_at_the_end_is_committed_unless_told_otherwise() {
    let mut place = Place::new();
    let left = developer(&mut place, r#"{ write = "x", text = "x" }"#).done();
    assert_eq!(left.committed("x"), "x");
    assert!(left.git(&["log", "-1", "--format=%B"]).ends_with("Refs: DEMO-001"));
    let kept = developer(&mut place, r#"{ write = "x", text = "x" }, { leave_uncommitted = true }"#).done();
    assert_eq!(kept.head(), place.main());
    assert_eq!(kept.git(&["status", "--porcelain"]), "?? x");
}

#[test]
fn exit_ends_at_once_and_the_usage_is_still_left() {
    let mut place = Place::new();
    let attempt = developer(
        &mut place,
        r#"{ usage = { input_tokens = 900, cached_tokens = 800, output_tokens = 7, cost_micros = 1234, model = "m" } },
           { write = "x", text = "x" }, { exit = 3 }, { say = "never" }"#,
    );
    assert_eq!(attempt.code, 3);
    assert!(!attempt.said.contains("never"));
    assert_eq!(attempt.head(), place.main());
    let expected = serde_json::json!({
        "usage": {"input_tokens": 900, "cached_tokens": 800, "output_tokens": 7}, "cost_micros": 1234, "model": "m"
    });
    assert_eq!(attempt.result, Some(expected));
}

#[test]
fn usage_is_counted_unless_the_script_reports_none() {
    let mut place = Place::new();
    let counted = developer(&mut place, r#"{ write = "x", text = "12345678" }"#).done().result.unwrap();
    assert_eq!(counted["usage"]["output_tokens"], 2);
    assert!(counted["usage"]["input_tokens"].as_u64().unwrap() > 0);
    assert!(counted["cost_micros"].as_u64().unwrap() > 30);
    assert_eq!(developer(&mut place, r#"{ write = "x", text = "x" }, { usage = {} }"#).done().result, None);
}

#[test]
fn a_script_that_cannot_be_followed_ends_with_65_and_says_why() {
    let mut place = Place::new();
    for (steps, words) in [
        (r#"{ replace = { path = "src/a.txt", from = "four", to = "4" } }"#, "found it 0 times"),
        (r#"{ replace = { path = "src/a.txt", from = "o", to = "0" } }"#, "found it 2 times"),
        (r#"{ write = "../out", text = "x" }"#, "does not lie in the clone"),
        (r#"{ write = "/tmp/out", text = "x" }"#, "does not lie in the clone"),
        (r#"{ commit = "nothing" }"#, "nothing to commit"),
    ] {
        let attempt = developer(&mut place, steps);
        assert_eq!(attempt.code, 65, "{steps}: {}", attempt.said);
        assert!(attempt.said.contains(words), "{steps}: {}", attempt.said);
        assert_eq!(attempt.head(), place.main());
    }
    assert!(!place.path("out").exists());
}

#[test]
fn a_missing_file_ends_with_70_and_a_broken_script_with_65() {
    let mut place = Place::new();
    let missing = developer(&mut place, r#"{ delete = "none" }"#);
    assert_eq!(missing.code, 70, "{}", missing.said);
    let start = place.main();
    let task = task_file("DEMO-001", "a", None);
    let order =
        Order { role: Role::Developer, id: "DEMO-001", task_file: &task, script: "[[play]]\nname = 1", start: &start };
    let broken = place.attempt(&order);
    assert_eq!(broken.code, 65);
    assert!(broken.said.contains("line 2") && broken.said.contains("name"), "{}", broken.said);
}

#[test]
fn without_the_contract_it_ends_with_64() {
    let mut out = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    let code = orch_testkit::scripted_agent::run_in(folder.path(), &|_| None, &mut out);
    assert_eq!(code, 64);
    assert!(String::from_utf8(out).unwrap().contains("ORCH_TASK_FILE is not set"));
}

#[test]
fn as_a_process_it_waits_for_a_file_and_goes_on_when_it_comes() {
    let place = Place::new();
    let signal = place.path("go");
    let script = everywhere(&format!(
        "[[play.act]]\nrole = \"developer\"\nsteps = [{{ wait_for_file = {:?} }}, {{ write = \"x\", text = \"x\" }}]",
        signal.to_str().unwrap()
    ));
    let task = task_file("DEMO-001", "a", None);
    let start = place.main();
    let order = Order { role: Role::Developer, id: "DEMO-001", task_file: &task, script: &script, start: &start };
    let clone = place.clone_at(&start, "clone");
    let mut child = Command::new(env!("CARGO_BIN_EXE_testkit-scripted-agent"))
        .current_dir(&clone)
        .envs(place.environment(&order, "development", 1))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.by_ref().map(Result::unwrap).any(|line| line.starts_with("waiting for ")));
    assert!(child.try_wait().unwrap().is_none() && !clone.join("x").exists());
    fs::write(place.path("other"), "").unwrap();
    fs::write(&signal, "").unwrap();
    assert_eq!(lines.map(Result::unwrap).last().as_deref(), Some("committed: developer's work for DEMO-001"));
    assert!(child.wait().unwrap().success());
    assert_eq!(git(&clone, &["show", "HEAD:x"]).unwrap(), "x");
}
