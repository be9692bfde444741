//! One repository's trouble is its own: the others run, the one says what is wrong everywhere people look, and is mended
//! while the service runs.

use std::path::{Path, PathBuf};

use orch_testkit::git;
use orch_testkit::world::{Running, World};
use serde_json::{Value, json};

use super::carried::{eventually, world};

const AGENT: &str = "#!/bin/sh\necho '# What is wanted' > \"$ORCH_DOCS_DIR/01-brd.md\"\n";

/// A world with an agent that writes the first paper.
struct Many {
    world: World,
    agent: String,
}

impl Many {
    fn new() -> Self {
        let world = world();
        let agent = world.path("agent.sh");
        std::fs::write(&agent, AGENT).unwrap();
        Self { agent: format!("sh {}", agent.display()), world }
    }

    fn folder(&self, id: &str) -> PathBuf {
        self.world.path(id)
    }

    fn create(&self, id: &str, branch: &str) -> PathBuf {
        let folder = self.folder(id);
        std::fs::create_dir_all(&folder).unwrap();
        git(&folder, &["init", "--quiet", "--initial-branch", branch]).unwrap();
        for (key, value) in [("user.name", "A User"), ("user.email", "user@example.org")] {
            git(&folder, &["config", key, value]).unwrap();
        }
        std::fs::write(folder.join("README"), "Hello\n").unwrap();
        git(&folder, &["add", "."]).unwrap();
        git(&folder, &["commit", "--quiet", "--message", "First"]).unwrap();
        folder
    }

    fn add(&self, id: &str) -> PathBuf {
        let folder = self.create(id, "main");
        self.init(&folder, id, &[]);
        folder
    }

    fn init(&self, folder: &Path, id: &str, more: &[&str]) -> String {
        let usual = ["init", "--yes", "--id", id, "--test", "true", "--agent-command", &self.agent];
        self.world.run(folder, &[&usual[..], more].concat()).unwrap().success().stdout
    }

    fn orch(&self, arguments: &[&str]) -> String {
        let output = self.world.run(&self.world.home(), arguments).unwrap();
        format!("{}{}", output.stdout, output.stderr)
    }
}

fn repositories(service: &Running) -> Value {
    let (status, body) = service.get("/api/v1/repositories").unwrap();
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// What is wrong with a repository, as the API tells it.
fn trouble(service: &Running, id: &str) -> Option<(bool, String)> {
    let list = repositories(service);
    let row = list["repositories"].as_array().unwrap().iter().find(|row| row["id"] == id).cloned();
    let trouble = row.unwrap_or_else(|| panic!("{id} is not in {list}"))["trouble"].clone();
    Some((trouble["holds"].as_bool()?, trouble["reason"].as_str().unwrap().to_owned()))
}

fn open(service: &Running, repository: &str) -> String {
    let issue = json!({"repository": repository, "title": "Say hello", "description": "In Dutch, please."});
    let (status, body) = service.post("/api/v1/tasks", &issue.to_string()).unwrap();
    assert!((200..300).contains(&status), "{status}: {body}");
    serde_json::from_str::<Value>(&body).unwrap()["id"].as_str().unwrap().to_owned()
}

fn waits(service: &Running, id: &str, kind: &str) -> Value {
    eventually(&format!("{id} waits for {kind}"), || {
        let (_, body) = service.get(&format!("/api/v1/tasks/{id}")).unwrap();
        let task: Value = serde_json::from_str(&body).unwrap();
        let found = task["waiting_on"].as_array().unwrap().iter().any(|wait| wait["kind"] == kind);
        if found { Ok(task) } else { Err(task["waiting_on"].to_string()) }
    })
}

fn until_well(service: &Running, id: &str) {
    eventually(&format!("{id} can be worked in"), || match trouble(service, id) {
        None => Ok(()),
        Some((_, reason)) => Err(reason),
    });
}

/// The forms in which one of several is unusable at a start: how it comes about, words that are told, how it is mended.
type Form = (&'static str, fn(&Many, &Path), &'static [&'static str], fn(&Many, &Path));

fn amend(folder: &Path, change: impl FnOnce(String) -> String) {
    let file = folder.join(".orch/orch.toml");
    let text = change(std::fs::read_to_string(&file).unwrap());
    std::fs::write(&file, text).unwrap();
    git(folder, &["commit", "--quiet", "--all", "--message", "Change the settings"]).unwrap();
}

fn documents(folder: &Path, make: impl FnOnce(&Path)) {
    make(folder);
    git(folder, &["add", "."]).unwrap();
    git(folder, &["commit", "--quiet", "--message", "Documents"]).unwrap();
}

fn no_documents(_: &Many, folder: &Path) {
    git(folder, &["rm", "--quiet", "--cached", "-r", "docs"]).unwrap();
    git(folder, &["commit", "--quiet", "--message", "No documents"]).unwrap();
}

const FORMS: &[Form] = &[
    (
        "gone",
        |_, folder| std::fs::rename(folder, folder.with_extension("away")).unwrap(),
        &["is not a repository any more", "orch repo move gone PATH"],
        |_, folder| std::fs::rename(folder.with_extension("away"), folder).unwrap(),
    ),
    (
        "moved",
        |_, folder| std::fs::rename(folder, folder.with_extension("there")).unwrap(),
        &["orch repo move moved PATH"],
        |many, folder| {
            let there = folder.with_extension("there");
            let said = many.orch(&["repo", "move", "moved", there.to_str().unwrap()]);
            assert!(said.contains("moved is at") && said.contains("the service knows"), "{said}");
        },
    ),
    (
        "found",
        |many, folder| {
            // As a service leaves it.
            let forge = many.world.state().join("forge/found.git");
            git(folder, &["config", "remote.orch.orchestrion", "true"]).unwrap();
            git(folder, &["config", "remote.orch.url", forge.to_str().unwrap()]).unwrap();
            std::fs::rename(folder, folder.with_extension("there")).unwrap();
        },
        &["orch repo move found PATH"],
        |many, folder| {
            let output = many.world.run(&folder.with_extension("there"), &["init", "--yes"]).unwrap().success();
            assert!(output.stdout.contains("recognised: it is `found`"), "{}", output.stdout);
        },
    ),
    (
        "renamed",
        |_, folder| drop(git(folder, &["branch", "--move", "trunk"]).unwrap()),
        &["there is no branch `main`", "trunk"],
        |_, folder| drop(git(folder, &["branch", "--move", "main"]).unwrap()),
    ),
    (
        "rebased",
        |_, folder| drop(git(folder, &["branch", "--move", "trunk"]).unwrap()),
        &["there is no branch `main`", "base_branch"],
        |_, folder| amend(folder, |text| text.replace("# base_branch = \"main\"", "base_branch = \"trunk\"")),
    ),
    (
        "broken",
        |_, folder| amend(folder, |text| text + "\n[check]\ncommand = 1\n"),
        &["its settings on main cannot be read", ".orch/orch.toml:", "commit it to main"],
        |_, folder| amend(folder, |text| text.replace("\n[check]\ncommand = 1\n", "\n")),
    ),
    (
        "untested",
        |_, folder| amend(folder, |text| text.replace("command = \"true\"", "# nothing")),
        &["names no test command", "orch init --test CMD"],
        |_, folder| amend(folder, |text| text.replace("# nothing", "command = \"true\"")),
    ),
    // The folder of papers, or one above it, is something else.
    (
        "linked",
        |_, folder| documents(folder, |place| std::os::unix::fs::symlink("doc", place.join("docs")).unwrap()),
        &["docs is a symbolic link on main", "docs/work-items", "commit that to main"],
        no_documents,
    ),
    (
        "filed",
        |_, folder| documents(folder, |place| std::fs::write(place.join("docs"), "not a folder\n").unwrap()),
        &["docs is a file on main", "commit that to main"],
        no_documents,
    ),
    (
        "deeper",
        |_, folder| {
            documents(folder, |place| {
                std::fs::create_dir(place.join("docs")).unwrap();
                std::fs::write(place.join("docs/work-items"), "a list\n").unwrap();
            });
        },
        &["docs/work-items is a file on main", "commit that to main"],
        no_documents,
    ),
    (
        "moduled",
        |_, folder| {
            let tip = git(folder, &["rev-parse", "HEAD"]).unwrap();
            git(folder, &["update-index", "--add", "--cacheinfo", &format!("160000,{},docs", tip.trim())]).unwrap();
            git(folder, &["commit", "--quiet", "--message", "A submodule"]).unwrap();
        },
        &["docs is a submodule on main", "commit that to main"],
        no_documents,
    ),
    (
        "taken",
        |_, folder| {
            git(folder, &["remote", "remove", "orch"]).unwrap_or_default();
            git(folder, &["remote", "add", "orch", "https://example.org/orch.git"]).unwrap();
        },
        &["a remote `orch` that Orchestrion did not make", "remote rename orch"],
        |_, folder| drop(git(folder, &["remote", "rename", "orch", "other"]).unwrap()),
    ),
    (
        "unnamed",
        |many, _| {
            let config = many.world.config();
            let text = std::fs::read_to_string(&config).unwrap();
            let at = text.find("id = \"unnamed\"").unwrap();
            let (before, own) = text.split_at(at);
            std::fs::write(&config, format!("{before}{}", own.replacen("agent_command", "# agent_command", 1)))
                .unwrap();
        },
        &["no agent is configured", "orch init --agent"],
        |many, folder| drop(many.init(folder, "unnamed", &[])),
    ),
];

#[test]
fn the_trouble_of_one_is_its_own_told_everywhere_and_mended_while_the_service_runs() {
    let many = Many::new();
    let well = many.add("well");
    for (id, break_it, ..) in FORMS {
        let folder = many.add(id);
        break_it(&many, &folder);
    }
    let service = many.world.start(&well, &[]).unwrap();
    let first = open(&service, "well");
    waits(&service, &first, "human");

    for (id, _, words, _) in FORMS {
        let reason = eventually(&format!("what is wrong with {id} is told"), || {
            trouble(&service, id).filter(|(holds, _)| *holds).ok_or_else(|| "nothing is wrong".to_owned())
        });
        for word in *words {
            assert!(reason.1.contains(word), "{id}: {word:?} is not in {}", reason.1);
        }
    }
    let plain = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (list, queue, board, doctor) = (
        plain(many.orch(&["repo", "list"])),
        plain(many.orch(&["queue"])),
        plain(many.orch(&["board"])),
        many.orch(&["doctor"]),
    );
    for (id, _, words, _) in FORMS {
        assert!(
            list.contains(words[0]) && queue.contains(words[0]) && board.contains(words[0]),
            "{id}: {list}\n{queue}\n{board}"
        );
        let told = doctor.lines().any(|line| line.contains(&format!("{id}: ")) && line.starts_with(['f', 'w', ' ']));
        assert!(told, "{id}: {doctor}");
    }
    assert!(doctor.contains("well: ") && !doctor.contains("all is well"), "{doctor}");
    let output = service.output();
    for (id, ..) in FORMS {
        assert!(output.contains(&format!("{id} cannot be worked in")), "{id}: {output}");
    }

    for (id, _, _, mend) in FORMS {
        mend(&many, &many.folder(id));
        until_well(&service, id);
        let task = open(&service, id);
        waits(&service, &task, "human");
    }
    assert!(service.stop().unwrap().success());
}

#[test]
fn tasks_of_a_repository_that_goes_away_wait_for_it_and_take_no_slot() {
    let many = Many::new();
    let (well, away) = (many.add("well"), many.add("away"));
    let service = many.world.start(&well, &[]).unwrap();
    service.post("/api/v1/repositories/reread", "{}").unwrap();
    // Started and held back, so that they begin only when the repository is away.
    service.post("/api/v1/repositories/away/lane/commands", r#"{"command":"pause"}"#).unwrap();
    let ids: Vec<String> = (0..3).map(|_| open(&service, "away")).collect();
    std::fs::rename(&away, away.with_extension("moved")).unwrap();
    service.post("/api/v1/repositories/away/lane/commands", r#"{"command":"resume"}"#).unwrap();
    // More than there are slots; each asks for one before anybody has seen that the repository is away.
    let _looked = service.post("/api/v1/repositories/reread", "{}").unwrap();
    for id in &ids {
        let task = waits(&service, id, "repository");
        assert!(task["waiting_on"][0]["text"].to_string().contains("orch repo move away PATH"), "{task}");
    }
    let other = open(&service, "well");
    waits(&service, &other, "human");
    std::fs::rename(away.with_extension("moved"), &away).unwrap();
    until_well(&service, "away");
    for id in &ids {
        let task = waits(&service, id, "human");
        assert_eq!(task["retries"], 0, "{task}");
    }
}

/// An issue is people's word: what is wrong with the repository holds it, and whoever mends that frees it.
#[test]
fn an_issue_is_taken_while_the_base_branch_is_rewritten_and_held_until_that_is_mended() {
    let many = Many::new();
    let shop = many.add("shop");
    let service = many.world.start(&shop, &[]).unwrap();
    let first = open(&service, "shop");
    waits(&service, &first, "human");
    git(&shop, &["commit", "--quiet", "--amend", "--message", "In other words"]).unwrap();
    let second = open(&service, "shop");
    let task = waits(&service, &second, "repository");
    let told = task["waiting_on"].to_string();
    assert!(told.contains("was rewritten or moved back") && told.contains("orch pull --mine"), "{told}");
    let attempts = task["attempt_list"].as_array().unwrap();
    assert!(attempts.iter().all(|attempt| attempt["outcome"] == "spawn_failed"), "nobody is paid for it: {attempts:?}");
    many.world.run(&shop, &["pull", "--mine"]).unwrap().success();
    until_well(&service, "shop");
    waits(&service, &second, "human");
    assert!(service.stop().unwrap().success());
}

/// What can never work is refused before anything is written.
#[test]
fn a_repository_without_room_for_papers_is_not_registered() {
    let many = Many::new();
    let folder = many.create("linked", "main");
    documents(&folder, |place| std::os::unix::fs::symlink("doc", place.join("docs")).unwrap());
    let usual = ["init", "--yes", "--id", "linked", "--test", "true", "--agent-command", &many.agent];
    let refused = many.world.run(&folder, &usual).unwrap().code(4);
    assert!(refused.stderr.contains("docs is a symbolic link on main"), "{}", refused.stderr);
    assert!(!folder.join(".orch").exists());
    no_documents(&many, &folder);
    many.init(&folder, "linked", &[]);
}

#[test]
fn repositories_are_added_and_taken_out_without_a_restart() {
    let many = Many::new();
    let first = many.add("first");
    let service = many.world.start(&first, &[]).unwrap();
    let second = many.create("second", "master");
    let said = many.init(&second, "second", &[]);
    assert!(said.contains("master") && said.contains("the branch you are on"), "{said}");
    assert!(!said.contains("orch up"), "it runs already: {said}");
    let id = open(&service, "second");
    let task = waits(&service, &id, "human");
    assert_eq!(task["repository"], "second");

    let refused = many.world.run(&second, &["repo", "remove", "second"]).unwrap().code(6);
    assert!(refused.stderr.contains(&id) && refused.stderr.contains("--stop-tasks"), "{}", refused.stderr);
    many.world.run(&second, &["repo", "remove", "second", "--stop-tasks"]).unwrap().success();
    assert_eq!(repositories(&service)["repositories"].as_array().unwrap().len(), 1);
    let board = many.orch(&["board", "--all"]);
    assert!(!board.contains("second"), "{board}");
}

#[test]
fn work_comes_home_to_the_base_branch_whatever_is_checked_out() {
    let many = Many::new();
    let home = many.add("home");
    let service = many.world.start(&home, &[]).unwrap();
    service.post("/api/v1/repositories/reread", "{}").unwrap();
    let forge = many.world.state().join("forge/home.git");
    let landed = |name: &str| {
        let folder = many.world.path(&format!("clone-{name}"));
        git(&many.world.home(), &["clone", "--quiet", forge.to_str().unwrap(), folder.to_str().unwrap()]).unwrap();
        std::fs::write(folder.join(name), "landed\n").unwrap();
        git(&folder, &["add", "."]).unwrap();
        let who = ["-c", "user.name=O", "-c", "user.email=o@example.org"];
        git(&folder, &[&who[..], &["commit", "--quiet", "--message", name]].concat()).unwrap();
        git(&folder, &["push", "--quiet", "origin", "HEAD:main"]).unwrap();
        git(&folder, &["rev-parse", "HEAD"]).unwrap()
    };
    let main = || git(&home, &["rev-parse", "main"]).unwrap();

    // On another branch: main moves, and no file of the working tree.
    git(&home, &["switch", "--quiet", "--create", "topic"]).unwrap();
    let topic = git(&home, &["rev-parse", "topic"]).unwrap();
    let one = landed("one");
    many.world.run(&home, &["pull"]).unwrap().success();
    assert_eq!((main(), git(&home, &["rev-parse", "HEAD"]).unwrap()), (one, topic));
    assert!(!home.join("one").exists());
    // Checked out in another working tree: there.
    let tree = many.world.path("tree");
    git(&home, &["worktree", "add", "--quiet", tree.to_str().unwrap(), "main"]).unwrap();
    let two = landed("two");
    many.add("other");
    // Who stands in that tree stands in its repository.
    many.world.run(&tree, &["pull"]).unwrap().success();
    assert_eq!(main(), two);
    assert!(tree.join("two").exists() && !home.join("two").exists());
    let again = many.world.run(&home, &["pull"]).unwrap().success();
    assert!(again.stdout.contains("has everything that landed"), "{}", again.stdout);
    // Gone apart: told, with what to do; nothing is changed before somebody says so.
    let three = landed("three");
    std::fs::write(tree.join("own"), "own\n").unwrap();
    git(&tree, &["add", "."]).unwrap();
    git(&tree, &["commit", "--quiet", "--message", "own"]).unwrap();
    let own = main();
    let apart = many.world.run(&home, &["pull"]).unwrap().code(6);
    assert!(apart.stderr.contains("gone apart") && apart.stderr.contains("--both"), "{}", apart.stderr);
    assert_eq!(main(), own);
    let notice = eventually("the service tells it", || {
        let _looked = many.orch(&["repo", "list"]);
        service.post("/api/v1/repositories/reread", "{}").unwrap();
        trouble(&service, "home").ok_or_else(|| "nothing is told".to_owned())
    });
    assert!(!notice.0 && notice.1.contains("orch pull"), "{notice:?}");
    many.world.run(&home, &["pull", "--both"]).unwrap().success();
    // And on to where the person has it from.
    let lost = many.world.run(&home, &["pull", "--push"]).unwrap().code(4);
    assert!(lost.stderr.contains("was not pushed") && lost.stderr.contains("origin"), "{}", lost.stderr);
    let far = many.world.path("far.git");
    git(&home, &["init", "--quiet", "--bare", far.to_str().unwrap()]).unwrap();
    git(&home, &["remote", "add", "upstream", far.to_str().unwrap()]).unwrap();
    git(&home, &["config", "branch.main.remote", "upstream"]).unwrap();
    let pushed = many.world.run(&home, &["pull", "--push"]).unwrap().success();
    assert!(pushed.stdout.contains("pushed: main to upstream main"), "{}", pushed.stdout);
    assert_eq!(git(&far, &["rev-parse", "main"]).unwrap(), main());
    assert!(tree.join("three").exists() && tree.join("own").exists());
    until_well(&service, "home");

    // Rewritten: the lane holds, until somebody says which one is right.
    let before = main();
    git(&tree, &["reset", "--quiet", "--hard", &three]).unwrap();
    let id = eventually("it is seen", || {
        service.post("/api/v1/repositories/reread", "{}").unwrap();
        trouble(&service, "home").filter(|(holds, _)| *holds).ok_or_else(|| "nothing is wrong".to_owned())
    });
    assert!(id.1.contains("rewritten or moved back") && id.1.contains("orch pull --mine"), "{id:?}");
    assert_eq!(git(&forge, &["rev-parse", "main"]).unwrap(), before);
    many.world.run(&home, &["pull", "--mine"]).unwrap().success();
    assert_eq!(git(&forge, &["rev-parse", "main"]).unwrap(), three);
    until_well(&service, "home");
}
