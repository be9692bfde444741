//! The whole line with the real service, real git and the scripted agent: what people do to tasks, and what comes of
//! it.

use orch_testkit::git;
use orch_testkit::sample::{TEST_COMMAND, conflicting_pair, script as of_issues, sent_back};
use orch_testkit::scripted_agent::Script;
use serde_json::json;

use super::carried::{Carried, attempts_of, eventually, rounds, script, summary, waits};

/// Two tasks on the same lines: the second candidate conflicts, its developer is told where and why, and both wishes
/// hold in the end.
#[test]
fn a_conflict_goes_back_to_its_developer() {
    let issues = conflicting_pair();
    let carried = Carried::tally(&of_issues(&issues));
    let service = carried.up();
    let [first, second] = [&issues[0], &issues[1]].map(|issue| service.open(&issue.title));
    // Both branches are cut before anything lands.
    for id in [&first, &second] {
        service.until(id, "asks for approval", |task| waits(task, "human"));
    }
    service.approve(&first);
    let landed = service.done(&first)["landed"].as_str().unwrap().to_owned();
    service.approve(&second);
    let task = service.done(&second);

    let developers = attempts_of(&task, "developer");
    assert_eq!(developers.len(), 2, "{}", summary(&task));
    assert_eq!(task["retries"], 1);
    let log = service.log(&second, developers[1]["number"].as_u64().unwrap());
    let [told, onto, path] = ["told: conflict with main", &landed, "- src/report.rs"].map(|words| log.contains(words));
    assert!(told && onto && path, "the developer is told of the conflict:\n{log}");
    assert_eq!(carried.landed_items(), [first, second]);
    for (commit, _) in carried.landed() {
        assert_eq!(carried.test_commit(&commit, TEST_COMMAND), Some(0), "{commit}");
    }
    for issue in &issues {
        let proof = format!("test -s {}", issue.proof);
        assert_eq!(carried.test_commit("main", &proof), Some(0), "{}", issue.title);
    }
}

/// B5: what the reviewer must have fixed reaches the developer word for word; and all of it can be taken along.
#[test]
fn a_review_sends_back_and_then_approves() {
    let issue = sent_back();
    let carried = Carried::tally(&of_issues(std::slice::from_ref(&issue)));
    let service = carried.up();
    let id = service.open(&issue.title);
    service.approve(&id);
    let task = service.done(&id);
    let developers = attempts_of(&task, "developer");
    assert_eq!((developers.len(), attempts_of(&task, "reviewer").len()), (2, 2), "{}", summary(&task));
    let log = service.log(&id, developers[1]["number"].as_u64().unwrap());
    assert!(log.contains("P0 `src/paragraphs.rs`: several blank lines in a row count as paragraphs"), "{log}");
    assert_eq!(carried.landed_items(), std::slice::from_ref(&id));
    assert_eq!(carried.test_commit("main", TEST_COMMAND), Some(0));
    exported(&carried, &id, &log);
}

/// One archive of a task holds its texts, its change and its logs, and a second one never takes its place.
fn exported(carried: &Carried, id: &str, log: &str) {
    let archive = carried.world.path("one task.tar.gz");
    let arguments = ["export", id, "--out", archive.to_str().unwrap()];
    carried.orch(&arguments);
    let folder = carried.world.path("taken along");
    std::fs::create_dir(&folder).unwrap();
    let unpack = std::process::Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&folder).status().unwrap();
    assert!(unpack.success());
    let read = |name: &str| std::fs::read_to_string(folder.join(id).join(name)).unwrap();
    assert!(read("change.diff").contains("src/paragraphs.rs"));
    assert!(read(&format!("documents/docs/work-items/{id}/12-review.md")).contains("APPROVED"));
    assert!(read("task.json").contains(&format!("\"id\": \"{id}\"")));
    assert!((1..=9).any(|attempt| {
        let path = folder.join(id).join(format!("attempts/{attempt}.log"));
        std::fs::read_to_string(path).is_ok_and(|text| text.trim_end() == log.trim_end())
    }));
    assert!(read("checks/1.log").contains("test result"), "{}", read("checks/1.log"));
    let again = carried.world.run(&carried.repository, &arguments).unwrap();
    assert!(again.stderr.contains("the archive cannot be made"), "{again:?}");
    let costs = carried.world.run(&carried.repository, &["costs", "--by", "task"]).unwrap().success();
    assert!(costs.stdout.contains("1 task landed") && costs.stdout.contains(id), "{}", costs.stdout);
}

/// A10: rejected means the analyst again, with the person's words; no retry is counted.
#[test]
fn a_rejection_is_the_analyst_again() {
    let carried = Carried::small(&rounds());
    let service = carried.up();
    let id = service.open("Say hello");
    service.until(&id, "asks for approval", |task| waits(task, "human"));
    carried.orch(&["reject", &id, "--reason", "Say it in French, please"]);
    let task = service.until(&id, "has a second round", |task| attempts_of(task, "analyst").len() == 2);
    assert_eq!(task["stage"], "analysis");
    service.approve(&id);
    let task = service.done(&id);
    assert_eq!(task["retries"], 0);
    assert!(!service.log(&id, 1).contains("French"));
    assert!(service.log(&id, 2).contains("Say it in French, please"), "{}", service.log(&id, 2));
    let document = format!("main:docs/work-items/{id}/01-brd.md");
    assert!(git(&carried.forge(), &["show", &document]).unwrap().contains("# Round 2"));
}

/// I: the agent and its tree end, the branch and the places go, the keys are free; a new start starts anew.
#[test]
fn a_stop_leaves_nothing_behind() {
    let carried = Carried::small(&waiting("developer", "go"));
    let service = carried.up();
    let id = service.open("Say hello");
    service.approve(&id);
    let agents =
        eventually("an agent is at work", || Some(carried.agents()).filter(|a| a.len() == 1).ok_or_else(String::new));
    service.until(&id, "is at work", |task| task["stage"] == "development" && waits(task, "agent"));
    let branches = || git(&carried.forge(), &["for-each-ref", "--format=%(refname)", "refs/heads/feature"]).unwrap();
    eventually("the branch is published", || (!branches().is_empty()).then_some(()).ok_or_else(String::new));

    carried.orch(&["stop", &id]);
    let task = service.until(&id, "ends", |task| task["ended"] == true);
    assert_eq!((&task["stage"], &task["waiting_on"]), (&"cancelled".into(), &json!([])));
    eventually("everything is gone", || {
        let (agents, branches) = (carried.agents(), branches());
        let places = std::fs::read_dir(carried.world.state().join("places/code")).map_or(0, Iterator::count);
        let clean = agents.is_empty() && branches.is_empty() && places == 0;
        clean.then_some(()).ok_or(format!("agents {agents:?}, branches {branches:?}, places {places}"))
    });
    assert!(!std::path::Path::new(&format!("/proc/{}", agents[0])).exists(), "the very process that was at work");
    assert!(carried.landed().is_empty());

    // Nothing of the cancelled one holds the next one back.
    std::fs::write(carried.signal("go"), "").unwrap();
    let again = service.open("Say hello");
    service.approve(&again);
    let task = service.done(&again);
    assert_eq!(attempts_of(&task, "analyst").len(), 1);
    assert_eq!(carried.landed_items(), [again]);
}

/// K: a frozen repository lets nothing in and lands nothing, and says so; then both go on by themselves.
#[test]
fn a_freeze_holds_entry_and_landing() {
    let carried = Carried::small(&waiting("tester", "go"));
    let service = carried.up();
    let lands = service.open("Say hello");
    service.approve(&lands);
    service.until(&lands, "is tested", |task| task["stage"] == "testing" && waits(task, "agent"));
    carried.orch(&["freeze", "--reason", "the release is being cut"]);
    let enters = service.open("Say goodbye");
    std::fs::write(carried.signal("go"), "").unwrap();
    for id in [&lands, &enters] {
        let task = service.until(id, "is held by the freeze", |task| waits(task, "frozen"));
        assert!(task["waiting_on"].to_string().contains("the release is being cut"), "{}", task["waiting_on"]);
    }
    assert!(carried.landed().is_empty());
    assert_eq!(service.task(&enters)["attempts"], 0);

    carried.orch(&["unfreeze"]);
    service.done(&lands);
    service.approve(&enters);
    service.done(&enters);
    assert_eq!(carried.landed_items(), [lands, enters]);
}

/// Y2: a pause lets what runs go on and starts nothing new; of one task, and of the repository.
#[test]
fn a_pause_starts_nothing_new() {
    let carried = Carried::small(&waiting("analyst", "go"));
    let service = carried.up();
    let id = service.open("Say hello");
    service.until(&id, "is at work", |task| waits(task, "agent"));
    carried.orch(&["pause", &id]);
    std::fs::write(carried.signal("go"), "").unwrap();
    let ended = |task: &serde_json::Value| task["attempt_list"][0]["outcome"] == "completed";
    service.until(&id, "lets its agent end", ended);
    service.command(&id, json!({"command": "approve"}));
    let task = service.until(&id, "rests", |task| waits(task, "paused"));
    assert_eq!(task["attempts"], 1, "{}", summary(&task));
    carried.orch(&["resume", &id]);
    service.done(&id);

    carried.orch(&["pause", "--repo", "code"]);
    let other = service.open("Say goodbye");
    let task = service.until(&other, "rests", |task| waits(task, "paused"));
    assert_eq!(task["attempts"], 0);
    carried.orch(&["resume", "--repo", "code"]);
    service.approve(&other);
    service.done(&other);
}

/// J: a task that depends on another starts when that one has ended, and its branch contains it.
#[test]
fn a_dependency_is_waited_for() {
    let carried = Carried::small(&waiting("analyst", "go"));
    let service = carried.up();
    let first = service.open("Say hello");
    service.until(&first, "is at work", |task| waits(task, "agent"));
    let second = service.open_with("Say goodbye", json!({"depends_on": [first]}));
    let task = service.until(&second, "waits", |task| waits(task, "dependency"));
    assert!(task["waiting_on"].to_string().contains(&first), "{}", task["waiting_on"]);
    let circle = carried.world.run(&carried.repository, &["depend", &first, "--on", &second]).unwrap().code(6);
    assert!(circle.stderr.contains(&first) && circle.stderr.contains(&second), "{}", circle.stderr);
    service.until(&second, "waits as before", |task| waits(task, "dependency") && !waits(task, "held"));
    std::fs::write(carried.signal("go"), "").unwrap();
    service.approve(&first);
    let landed = service.done(&first)["landed"].clone();
    service.approve(&second);
    let task = service.done(&second);
    assert_eq!(task["base"], landed, "cut from main with its predecessor in it");
    assert_eq!(carried.landed_items(), [first, second]);
}

/// K: one task at a time, first in, first out; three opened at once do not block one another.
#[test]
fn a_serial_repository_takes_them_in_order() {
    let carried = Carried::small(&Script::default());
    carried.amend_settings("# serial = false", "serial = true");
    let base = git(&carried.repository, &["rev-parse", "main"]).unwrap();
    let carried = Carried { base: base.clone(), ..carried };
    let service = carried.up();
    let ids = ["Say hello", "Say more", "Say goodbye"].map(|title| service.open(title));
    let mut before = base;
    for (index, id) in ids.iter().enumerate() {
        service.until(id, "asks for approval", |task| waits(task, "human"));
        for later in &ids[index + 1..] {
            let task = service.until(later, "stands in line", |task| waits(task, "entry"));
            assert_eq!((&task["attempts"], &task["base"]), (&0.into(), &json!(null)), "{}", summary(&task));
        }
        service.approve(id);
        let task = service.done(id);
        assert_eq!(task["base"], before, "cut from what its predecessor left");
        before = task["landed"].as_str().unwrap().to_owned();
    }
    assert_eq!(carried.landed_items(), ids);
}

/// Without a test command nothing is ever green: no agent is paid before there is one.
#[test]
fn no_test_command_is_known_before_the_first_run() {
    let carried = Carried::untested(&Script::default());
    carried.amend_settings("command = \"sh test.sh\"", "# command = \"make test\"");
    let service = carried.up();
    let id = service.open("Say hello");
    let task = service.until(&id, "stands still", |task| waits(task, "repository"));
    assert_eq!(task["attempts"], 0, "{}", summary(&task));
    assert!(task["waiting_on"].to_string().contains("names no test command"), "{}", task["waiting_on"]);

    carried.amend_settings("# command = \"make test\"", "command = \"sh test.sh\"");
    service.approve(&id);
    let task = service.done(&id);
    assert_eq!(attempts_of(&task, "developer").len(), 1, "{}", summary(&task));
    let messages: Vec<String> = carried.landed().into_iter().map(|(_, message)| message).collect();
    assert_eq!(messages.len(), 3, "the person's two commits and the task's: {messages:?}");
    assert!(messages[2].contains(&format!("Refs: {id}")));
}

/// Higher priority goes first, from the start or raised later; what runs is not disturbed.
#[test]
fn priority_decides_who_is_next() {
    let carried = Carried::small(&waiting("analyst", "go"));
    carried.amend_settings("# serial = false", "serial = true");
    let service = carried.up();
    let first = service.open("Say hello");
    service.until(&first, "is at work", |task| waits(task, "agent"));
    let usual = service.open("Say more");
    let raised = service.open("Say even more");
    let urgent = service.open_with("Say goodbye", json!({"priority": 5}));
    carried.orch(&["priority", &raised, "3"]);
    for (id, place) in [(&urgent, 2), (&raised, 3), (&usual, 4)] {
        let words = format!("number {place} in the line to start, behind {first}");
        service.until(id, &words, |task| task["waiting_on"].to_string().contains(&words));
    }
    std::fs::write(carried.signal("go"), "").unwrap();
    let order = [first, urgent, raised, usual];
    for id in &order {
        service.approve(id);
        service.done(id);
    }
    let landed = carried.landed_items();
    assert_eq!(landed.iter().filter(|item| !item.is_empty()).collect::<Vec<_>>(), order.iter().collect::<Vec<_>>());
}

/// A role that waits for the file `name` of the world; the others do what they always do.
fn waiting(role: &str, name: &str) -> Script {
    let own = match role {
        "analyst" => r##"{ document = "01-brd.md", text = "---\nwork_item: {id}\n---\n# {title}\n" }"##,
        "developer" => r#"{ write = "notes/{id}.md", text = "{title}\n" }"#,
        _ => r##"{ document = "13-test-report.md", text = "---\nresult: PASS\n---\n# {id}\n" }"##,
    };
    // Relative to the clone, which is four folders below the state: state/places/code/RUN/code.
    script(&format!(
        "[[play]]\ntitle = \"*\"\n[[play.act]]\nrole = \"{role}\"\nsteps = [\n  {{ say = \"at work\" }},\n  \
         {{ wait_for_file = \"../../../../../{name}\" }},\n  {own},\n]\n"
    ))
}
