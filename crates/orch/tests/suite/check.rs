//! `orch check`: set-up and tests of the base branch by hand, as a run gets them.

use serde_json::Value;

use super::carried::{Carried, script};

fn carried() -> Carried {
    let mut carried =
        Carried::small(&script("[[play]]\ntitle = \"*\"\n[[play.act]]\nrole = \"developer\"\nsteps = []\n"));
    carried.world.confined();
    carried
}

/// What it says of the base branch; the exit code has to be the one given.
fn checked(carried: &Carried, code: i32) -> Value {
    let output = carried.world.run(&carried.repository, &["check", "--json"]).unwrap().code(code);
    serde_json::from_str(&output.stdout).unwrap()
}

fn left_over(carried: &Carried) -> Vec<String> {
    let names = std::fs::read_dir(carried.world.state()).unwrap().flatten();
    names.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| name.starts_with("check-")).collect()
}

#[test]
fn each_outcome_is_told_as_what_it_is() {
    let carried = carried();
    let green = checked(&carried, 0);
    assert_eq!((&green["outcome"], &green["reason"]), (&"green".into(), &Value::Null), "{green}");
    assert_eq!(green["set_up_seconds"], Value::Null);
    let amend = |from: &str, to: &str| carried.amend_settings(from, to);
    amend("# command = \"npm ci\"", "command = \"touch made\"");
    amend("\"sh test.sh\"", "\"test -e made\"");
    assert!(checked(&carried, 0)["set_up_seconds"].as_f64().is_some_and(|seconds| seconds > 0.0));
    for (command, outcome, words) in [
        ("exit 3", "red", "exit code 3"),
        ("no-such-program", "unknown", "is it installed on this host?"),
        ("sh test.sh && test -e others", "red", "exit code 1"),
    ] {
        amend("command = \"test -e made\"", &format!("command = \"{command}\""));
        let told = checked(&carried, 1);
        let reason = told["reason"].as_str().unwrap_or_default();
        assert!(told["outcome"] == outcome && reason.contains(words), "{command}: {told}");
        amend(&format!("command = \"{command}\""), "command = \"test -e made\"");
    }
    amend("command = \"touch made\"", "command = \"echo no registry; exit 5\"");
    let told = checked(&carried, 1);
    assert_eq!(told["outcome"], "unknown");
    assert!(told["reason"].as_str().unwrap().contains("exit code 5; its last words: no registry"), "{told}");
    assert_eq!(left_over(&carried), [""; 0]);
}

#[test]
fn a_working_tree_is_neither_used_nor_touched_and_a_service_may_run() {
    let carried = carried();
    std::fs::write(carried.repository.join("test.sh"), "exit 1\n").unwrap();
    let service = carried.up();
    assert_eq!(checked(&carried, 0)["outcome"], "green");
    let text = carried.orch(&["check"]);
    assert!(text.lines().last().unwrap().starts_with("green in "), "{text}");
    assert_eq!(std::fs::read_to_string(carried.repository.join("test.sh")).unwrap(), "exit 1\n");
    drop(service);
    assert_eq!(left_over(&carried), [""; 0]);
}

#[test]
fn a_main_that_is_red_is_told_before_anybody_works_on_it() {
    let mut carried = carried();
    carried.world.base_checked();
    carried.amend_settings("\"sh test.sh\"", "\"sh test.sh && echo two of three; exit 3\"");
    let service = carried.up();
    let id = service.open("Say hello");
    let task = service
        .until(&id, "says that main is red", |task| task["waiting_on"].to_string().contains("main itself is red"));
    let words = task["waiting_on"].to_string();
    assert!(words.contains("exit code 3; its last words: two of three;"), "{words}");
    assert_eq!(task["attempts"], 0);
    let board = carried.orch(&["board"]);
    assert!(board.contains("main itself is red"), "{board}");
    carried.amend_settings("; exit 3", "");
    service.until(&id, "goes on", |task| task["attempts"].as_u64() > Some(0));
}
