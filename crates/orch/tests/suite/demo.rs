//! `orch demo`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use orch_testkit::git;
use orch_testkit::sample::{TEST_COMMAND, demo_issues};
use orch_testkit::world::World;
use serde_json::Value;

use super::carried::{eventually, test_commit, world};

/// A world in which the demo's folder is made inside the world.
fn demo_world() -> World {
    let mut world = world();
    let temporary = world.path("tmp");
    std::fs::create_dir(&temporary).unwrap();
    // Must not reach the demo: it has settings and data of its own.
    world.set("TMPDIR", temporary.to_str().unwrap()).set("ORCH_MAX_CONCURRENCY", "none").set("ORCH_PERSON", "Zoë");
    world
}

fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Every issue lands as one tested commit, whatever happens to it on its way; the answer and the report say so, and are
/// right.
#[test]
fn seven_issues_land_whatever_happens_to_them() {
    let world = demo_world();
    let home = world.home();
    let output = world.run(&home, &["demo", "--json", "--keep"]).unwrap().success();
    let answers: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(answers.len(), 1, "stdout has the answer and nothing else:\n{}", output.stdout);
    let answer: Value = serde_json::from_str(answers[0]).unwrap();

    let issues = demo_issues();
    let tasks = answer["tasks"].as_array().unwrap();
    assert_eq!((tasks.len(), issues.len()), (7, 7));
    for (task, issue) in tasks.iter().zip(&issues) {
        assert_eq!((&task["title"], &task["stage"]), (&issue.title.clone().into(), &"done".into()));
        assert_eq!(task["waiting_on"], serde_json::json!([]));
        for figure in ["input_tokens", "output_tokens"] {
            assert!(task["usage"][figure].as_u64().unwrap() > 0, "{task}");
        }
        assert!(task["usage"]["cost_usd"].as_f64().unwrap() > 0.0 && task["usage"]["cached_tokens"] == 0, "{task}");
    }
    assert!(answer["duration_ms"].as_u64().unwrap() > 0);
    turns_are_told(tasks);

    let main = &answer["main"];
    let [repository, base, head] = ["repository", "base", "head"].map(|name| main[name].as_str().unwrap());
    assert_eq!(main["test_command"], TEST_COMMAND);
    let repository = Path::new(repository);
    for name in ["main", "orch/main"] {
        assert_eq!(git(repository, &["rev-parse", name]).unwrap(), head, "{name}");
    }
    let range = format!("{base}..{head}");
    let line = git(repository, &["rev-list", "--first-parent", "--reverse", &range]).unwrap();
    let line: Vec<&str> = line.lines().collect();
    assert_eq!(line.len(), issues.len() + 2, "one commit for each issue, one that did not run and its revert");
    was_deployed(&answer["deployments"], &tasks[5]["id"], head);

    let report = std::fs::read_to_string(repository.with_file_name("report.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    let tested = report["commits"].as_array().unwrap();
    assert_eq!(tested.iter().map(|c| c["commit"].as_str().unwrap()).collect::<Vec<_>>(), line);
    assert!(tested.iter().all(|c| c["exit_code"] == 0 && c["duration_ms"].is_u64()), "{report}");
    assert_eq!(report["issues"].as_array().unwrap().len(), issues.len());

    for (index, commit) in line.iter().enumerate() {
        let message = git(repository, &["log", "-1", "--format=%B", commit]).unwrap();
        if tested[index]["proof"].is_null() {
            assert!(message.contains("heading above"), "what did not run, and its revert: {message}");
            continue;
        }
        let by = |task: &&Value| message.lines().any(|l| l == format!("Refs: {}", task["id"].as_str().unwrap()));
        let task = tasks.iter().find(by).unwrap_or_else(|| panic!("{commit} names no issue:\n{message}"));
        let issue = issues.iter().find(|issue| task["title"] == issue.title).unwrap();
        // The proof came with the change, and fails without it.
        let proof = &tested[index]["proof"];
        assert_eq!((&proof["issue"], &proof["path"]), (&task["id"], &issue.proof.clone().into()));
        assert!(proof["before_exit_code"] != 0 && proof["after_exit_code"] == 0, "{report}");
        // The report is believed for the others once it was right about the one that mended a conflict.
        if !issue.title.contains("capitals") && !issue.title.contains("tab") {
            continue;
        }
        let before =
            format!("git checkout --quiet {commit} -- {} && {TEST_COMMAND} --test {}", issue.proof, issue.proof_name());
        let parent = git(repository, &["rev-parse", &format!("{commit}^")]).unwrap();
        assert_ne!(test_commit(repository, &world, &parent, &before), Some(0), "{} before", issue.title);
        let after = format!("{TEST_COMMAND} --test {}", issue.proof_name());
        assert_eq!(test_commit(repository, &world, commit, &after), Some(0), "{} after", issue.title);
    }
    let built = git(repository, &["show", "main:src/main.rs"]).unwrap();
    assert!(built.contains("const HEADING: &str = \"Counted by tally\""), "the answer is in what is built:\n{built}");

    assert_eq!(entries(&home), Vec::<String>::new(), "the person's own settings and data are not touched");
    assert_eq!(entries(&world.state()), Vec::<String>::new());
    let folder = repository.parent().unwrap();
    let shown = Command::new(folder.join("orch")).args(["show", "--json", "1"]).output().unwrap();
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!((&shown["stage"], &shown["id"]), (&"done".into(), &tasks[0]["id"]), "the folder's own orch");
}

/// Everything runs that landed, in that order; what did not run was rolled back, its revert is what runs, and it came again.
fn was_deployed(deployments: &Value, id: &Value, head: &str) {
    let all = deployments.as_array().unwrap();
    let of = |one: &Value| format!("{} {}", one["why"].as_str().unwrap(), one["state"].as_str().unwrap());
    let own: Vec<_> = all.iter().filter(|one| one["work_item"] == *id).map(of).collect();
    assert_eq!(own, ["change rolled_back", "revert healthy", "change healthy"], "{deployments}");
    let others = all.iter().filter(|one| one["work_item"] != *id);
    assert!(others.clone().all(|one| of(one) == "change healthy") && others.count() == 6, "{deployments}");
    assert!(all.iter().all(|one| one["repository"] == "tally" && one["target"] == "production"), "{deployments}");
    assert_eq!(all.last().unwrap()["revision"], head);
}

/// One goes straight through; each of the others has its turn, and exactly one of the two on the same lines.
fn turns_are_told(tasks: &[Value]) {
    let turns = |index: usize| tasks[index]["turns"].as_array().unwrap();
    let back = |index: usize, from: &str, told: &[&str]| {
        let turn = &turns(index)[0];
        assert_eq!((&turn["what"], &turn["from"]), (&"sent_back".into(), &from.into()), "{turn}");
        let words = turn["told"].as_str().unwrap();
        assert!(told.iter().all(|part| words.contains(part)), "word for word: {turn}");
    };
    assert!(turns(0).is_empty() && tasks[0]["attempts"] == 5, "{}", tasks[0]);
    back(1, "review", &["- P0 `src/paragraphs.rs`: several blank lines in a row count as paragraphs, and so does"]);
    back(2, "development", &["tests/longest_word.rs", "Some(\"größe\")", "Some(\"tables\")"]);
    let second = if turns(3).is_empty() { 4 } else { 3 };
    assert!(turns(7 - second).is_empty(), "{}", tasks[7 - second]);
    back(second, "landing", &["conflict with main", "- src/report.rs", "- tests/command.rs"]);
    let asked = |index: usize| {
        let turn = turns(index).iter().find(|turn| turn["what"] == "asked").unwrap().clone();
        (turn["kind"].clone(), turn["about"][0].clone(), turn["answer"].clone(), turn["by"].clone())
    };
    let by = "the demo".into();
    let question = "Which words should the heading have?".into();
    back(5, "landing", &["did not run on production"]);
    assert_eq!(asked(5), ("questions".into(), question, "Counted by tally".into(), by));
    assert_eq!(asked(6), ("protected_paths".into(), "Cargo.toml".into(), "approved".into(), "the demo".into()));
}

/// Without `--keep` nothing is left; without `--json` people read what landed, what it cost and how to see more.
#[test]
fn nothing_is_left_behind() {
    let world = demo_world();
    let output = world.run(&world.home(), &["demo"]).unwrap().success();
    for words in [
        "What landed",
        "red → green",
        "What happened on the way",
        "review sent it back: P0",
        "did not run on production",
        "; its revert landed",
        "What it cost",
        "the money is invented",
        "orch demo --keep",
        "approved by the demo",
    ] {
        assert!(output.stdout.contains(words), "{words:?} is missing:\n{}", output.stdout);
    }
    assert!(!output.stdout.contains('\u{1b}'), "no terminal, no escape sequences");
    assert_eq!(entries(&world.path("tmp")), Vec::<String>::new());
}

/// With `--manual` it tells what to type elsewhere and waits; Ctrl-C ends service and agents and removes the folder.
#[test]
fn a_person_approves_or_has_enough() {
    let world = demo_world();
    let home = world.home();
    let said = world.path("said");
    let file = std::fs::File::create(&said).unwrap();
    let mut demo = world.command(&home, &["demo", "--manual"]).stdout(file).stderr(Stdio::null()).spawn().unwrap();
    let command = |verb: &str, id: &str| {
        eventually(&format!("it says how to {verb} {id}"), || {
            let text = std::fs::read_to_string(&said).unwrap();
            let line = text.lines().map(str::trim).find(|line| line.contains(&format!(" {verb} TALLY-00{id}")));
            line.map(str::to_owned).ok_or(text)
        })
    };
    // Exactly as printed, in another terminal, which knows nothing of the demo.
    let typed = command("approve", "1");
    let answer = Command::new("sh").args(["-c", &typed]).env_remove("ORCH_CONFIG").output().unwrap();
    assert!(answer.status.success(), "`{typed}`: {}", String::from_utf8_lossy(&answer.stderr));
    command("reject", "2");
    // What the person answers is what is built, quotation marks and all.
    let words = r#"Zoë's "count""#;
    let asked = command("answer", "6").replace("\"…\"", "-");
    let mut answering = Command::new("sh").args(["-c", &asked]).stdin(Stdio::piped()).spawn().unwrap();
    answering.stdin.take().unwrap().write_all(words.as_bytes()).unwrap();
    assert!(answering.wait().unwrap().success(), "{asked}");
    let typed = command("approve", "6");
    assert!(Command::new("sh").args(["-c", &typed]).output().unwrap().status.success(), "{typed}");
    for id in ["TALLY-001", "TALLY-006"] {
        eventually(&format!("{id} lands"), || {
            let text = std::fs::read_to_string(&said).unwrap();
            text.contains(&format!("{id}  done")).then_some(()).ok_or(text)
        });
    }
    let top = entries(&world.path("tmp")).into_iter().find(|name| name.starts_with("orch-demo-")).unwrap();
    let forge = world.path("tmp").join(top).join("state/forge/tally.git");
    let built = git(&forge, &["show", "main:src/main.rs"]).unwrap();
    assert!(built.contains(r#"const HEADING: &str = "Zoë's \"count\"";"#), "{built}");
    let interrupted = Command::new("kill").args(["-INT", &demo.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    assert_eq!(demo.wait().unwrap().code(), Some(1));
    assert_eq!(entries(&world.path("tmp")), Vec::<String>::new(), "{}", std::fs::read_to_string(&said).unwrap());
}
