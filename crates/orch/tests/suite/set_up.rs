//! The repository's set-up command, before real agents and tests, at the strongest level this host has.

use orch_testkit::git;

use super::carried::{Carried, script, summary, waits};

const PLAY: &str = r#"
[[play]]
title = "*"
[[play.act]]
role = "developer"
steps = [{ write = "notes/{id}.md", text = "{title}\n" }, { commit = "Say it" }]
"#;

fn carried(set_up: &str) -> Carried {
    let mut carried = Carried::small(&script(PLAY));
    carried.world.confined();
    std::fs::write(carried.repository.join(".gitignore"), "made.txt\n").unwrap();
    std::fs::write(carried.repository.join("lock.txt"), "as people have it\n").unwrap();
    git(&carried.repository, &["add", ".gitignore", "lock.txt"]).unwrap();
    carried.amend_settings("# command = \"npm ci\"", &format!("command = {}", toml::Value::from(set_up)));
    carried.amend_settings("\"sh test.sh\"", "\"sh test.sh && grep -q ready made.txt\"");
    carried
}

#[test]
fn agents_and_tests_find_what_the_set_up_made_and_git_does_not() {
    // What it does to a tracked file is its own, and nobody's work.
    let carried = carried("echo ready > made.txt; echo touched >> lock.txt; echo all is made");
    let service = carried.up();
    let id = service.open("Say hello");
    service.approve(&id);
    let task = service.done(&id);
    for attempt in task["attempt_list"].as_array().unwrap() {
        let log = service.log(&id, attempt["number"].as_u64().unwrap());
        // Who writes documents alone needs none.
        if matches!(attempt["role"].as_str(), Some("analyst" | "architect")) {
            assert!(!log.contains("set-up"), "{attempt}: {log}");
            continue;
        }
        assert!(log.starts_with("== set-up ==\nset-up| all is made\n== set-up done ==\n"), "{attempt}: {log}");
    }
    assert_eq!(task["retries"], 0, "{}", summary(&task));
    for taken in ["test -e made.txt", "grep -q touched lock.txt"] {
        assert_ne!(carried.test_commit("main", taken), Some(0), "it was committed: {taken}");
    }
}

#[test]
fn a_set_up_that_fails_starts_nobody_and_says_why() {
    let carried = carried("echo there is no registry; exit 9");
    let service = carried.up();
    let id = service.open("Say hello");
    service.approve(&id);
    // A start that fails is tried again, up to the cap; then a person is asked.
    let task = service.until(&id, "is held", |task| waits(task, "held"));
    let why = "the developer could not be started: the set-up of the clone failed: exit code 9; its last words: there \
               is no registry";
    assert!(task["waiting_on"].to_string().contains(why), "{}", summary(&task));
    assert!(service.log(&id, 3).ends_with("== set-up failed: exit code 9\n"));
}

/// Tried again and again it would be told of each task as if that were to blame.
#[test]
fn an_agent_whose_program_cannot_be_started_is_known_before_the_first_run() {
    for (program, why) in [
        ("/nonexistent/agent", "the agent's program /nonexistent/agent is not there"),
        ("/usr/bin/../nonexistent", "is not there"),
        ("no-such-agent --fast", "`no-such-agent` is in no folder of the PATH"),
        ("./agent.sh", "`./agent.sh` is a path within each run's own clone"),
        ("NOTES", "may not be executed: chmod +x"),
    ] {
        let carried = Carried::small(&script(PLAY));
        let notes = carried.world.path("notes");
        std::fs::write(&notes, "no program\n").unwrap();
        let program = if program == "NOTES" { notes.to_str().unwrap() } else { program };
        let file = carried.world.config();
        let settings = std::fs::read_to_string(&file).unwrap();
        let line = settings.lines().rfind(|line| line.starts_with("agent_command = ")).unwrap();
        std::fs::write(&file, settings.replace(line, &format!("agent_command = {program:?}"))).unwrap();
        let doctor = carried.world.run(&carried.repository, &["doctor"]).unwrap();
        assert!(doctor.stdout.contains(why.split(": ").next().unwrap()), "{program}: {}", doctor.stdout);
        let service = carried.up();
        let id = service.open("Say hello");
        let task = service.until(&id, "waits", |task| task["waiting_on"].to_string().contains(why));
        assert_eq!(task["attempts"], 0, "{program}: {}", summary(&task));
    }
}

#[test]
fn an_agent_is_found_by_a_way_through_other_folders() {
    let mut carried = Carried::small(&script(PLAY));
    carried.world.confined();
    let file = carried.world.config();
    let settings = std::fs::read_to_string(&file).unwrap();
    let own = carried.world.path("script.toml");
    let (folder, aside) = (own.parent().unwrap().display().to_string(), carried.world.path("aside"));
    std::fs::create_dir(&aside).unwrap();
    let told = settings.replace(&format!("={}", own.display()), &format!("={folder}/aside/../script.toml"));
    assert_ne!(told, settings);
    std::fs::write(&file, told).unwrap();
    let service = carried.up();
    let id = service.open("Say hello");
    service.approve(&id);
    assert_eq!(service.done(&id)["retries"], 0);
}
