//! What a Plane server's people meant comes about although webhooks are lost, servers differ and secrets change.

use orch_testkit::fake::FakePlane;
use orch_testkit::fake::plane::{PLANE_BOT, PLANE_KEY, PLANE_SECRET, PLANE_WORKSPACE, PlaneHooks, PlaneRelease};
use orch_testkit::git;
use serde_json::Value;

use super::carried::{Carried, Up, attempts_of, create_small, eventually, rounds, waits};
use super::plane::{HTML, PlaneBoard, one_task, tasks};

/// A line of two stages whose landing somebody confirms.
const CONFIRMED: &str = r#"
[[stage]]
id = "development"
kind = "build"
role = "developer"
on_red = "development"
cap = 3
next = "landing"

[[stage]]
id = "landing"
kind = "land"
on_red = "development"
cap = 3
lands = true
confirm = true
next = "done"
"#;

fn queue(service: &Up) -> Value {
    serde_json::from_str(&service.0.get("/queue").unwrap().1).unwrap()
}

#[test]
fn a_silent_webhook_is_noticed_told_once_and_loses_nothing() {
    let board = PlaneBoard::new(PlaneRelease::V1_3, "every_seconds = 1");
    let told = board.carried.world.path("told");
    board.settings(&format!(
        "\n[[notify]]\nname = \"file\"\nkind = \"command\"\nevents = [\"tracker\"]\ncommand = [\"sh\", \"-c\", \"cat >> '{}'; echo >> '{0}'\"]\n",
        told.display()
    ));
    let service = board.up();
    assert_eq!(queue(&service)["trackers"][0]["webhook_silent_since"], Value::Null);
    board.server.hooks(PlaneHooks::Lost);
    let [made, moved, stopped] = ["Made so", "Moved", "Stopped"].map(|title| {
        let state = if title == "Made so" { "To Analyse" } else { "Backlog" };
        board.create(title, state)
    });
    board.server.drag(&moved, "ann", "To Analyse");
    board.server.drag(&stopped, "ann", "To Analyse");
    let [first, second, third] = ["Made so", "Moved", "Stopped"].map(|title| one_task(&service, title));
    board.says(&service, &made, &first, "Approved", None);
    board.says(&service, &moved, &second, "Rejected", Some("too long"));
    board.server.drag(&stopped, "ann", "STOP");
    service.until(&third, "is stopped", |task| task["stage"] == "cancelled");
    service.done(&first);
    assert_eq!(attempts_of(&service.task(&second), "analyst").len(), 2);
    eventually("the silence is seen", || {
        let queue = queue(&service);
        if queue["trackers"][0]["webhook_silent_since"].is_string() { Ok(()) } else { Err(queue.to_string()) }
    });
    let doctor = board.carried.world.run(&board.carried.repository, &["doctor"]).unwrap().stdout;
    assert!(doctor.contains("no webhook told of what people do there"), "{doctor}");
    let shown = board.carried.orch(&["queue"]);
    assert!(shown.contains("changes are found by asking"), "{shown}");
    // Known to the next service, which tells nobody again.
    service.0.stop().unwrap();
    let service = board.up();
    assert!(queue(&service)["trackers"][0]["webhook_silent_since"].is_string());
    board.server.hooks(PlaneHooks::Sent);
    board.create("Heard again", "Backlog");
    eventually("it is heard again", || {
        let queue = queue(&service);
        if queue["trackers"][0]["webhook_silent_since"].is_null() { Ok(()) } else { Err(queue.to_string()) }
    });
    let notices = std::fs::read_to_string(&told).unwrap();
    assert_eq!(notices.matches("\"kind\":\"tracker\"").count(), 1, "{notices}");
}

#[test]
fn two_projects_of_two_servers_run_at_once_each_by_its_own_states() {
    let board = PlaneBoard::new(PlaneRelease::V1_3, "every_seconds = 3600");
    let other = board.carried.world.path("other");
    create_small(&other);
    let script = board.carried.world.path("script.toml");
    let program = board.carried.world.program();
    let agent = format!("/usr/bin/env ORCH_SCRIPT={} {} scripted-agent", script.display(), program.display());
    let init = ["init", "--yes", "--base", "main", "--id", "other", "--prefix", "OT", "--agent-command", &agent];
    board.carried.world.run(&other, &[&init[..], &["--test", "sh test.sh"]].concat()).unwrap().success();
    let old = FakePlane::start(PlaneRelease::V0_25).unwrap();
    let project = old.first_project();
    for state in ["To Analyse", "Analysis", "Architecture", "Code Review", "Confirm Deploy"] {
        old.without_state(&project, state);
    }
    old.rename_state(&project, "In Review", " IN REVIEW");
    board.settings(&format!(
        "\n[[tracker]]\nname = \"old\"\nkind = \"plane\"\nurl = \"{}\"\nworkspace = \"{PLANE_WORKSPACE}\"\nproject = \"{project}\"\n\
         repository = \"other\"\nkey_file = \"{}\"\nwebhook_secret_file = \"{}\"\naccount = \"{PLANE_BOT}\"\n\
         requests_per_minute = 100000\nevery_seconds = 1\n",
        old.base(),
        board.secret("old-key", PLANE_KEY),
        board.secret("old-secret", "plane_wh_old"),
    ));
    let service = board.up();
    old.hook(&format!("http://127.0.0.1:{}/webhook/old", service.0.port()), "plane_wh_old");
    eventually("both are followed", || {
        let queue = queue(&service);
        let followed = |at: usize| queue["trackers"][at]["followed"] == true;
        if followed(0) && followed(1) { Ok(()) } else { Err(queue.to_string()) }
    });
    let issue = board.create("Of the new one", "To Analyse");
    let theirs = old.create(&project, "ann", "Of the old one", HTML, "Backlog");
    old.drag(&theirs, "ann", "In Progress");
    let (ours, of_old) = (one_task(&service, "Of the new one"), one_task(&service, "Of the old one"));
    assert!(ours.starts_with("IT-") && of_old.starts_with("OT-"), "{ours} {of_old}");
    for (server, issue, task, shown) in
        [(&board.server, &issue, &ours, "In Review"), (&old, &theirs, &of_old, " IN REVIEW")]
    {
        service.until(task, "asks", |task| waits(task, "human"));
        eventually("the question is shown", || {
            let stands = server.stands(issue);
            if stands == shown { Ok(()) } else { Err(format!("{stands}\n{}", service.0.output())) }
        });
        server.drag(issue, "ann", "Approved");
    }
    service.done(&ours);
    service.done(&of_old);
    let log = |repository: &str| {
        let forge = board.carried.world.state().join(format!("forge/{repository}.git"));
        git(&forge, &["log", "--format=%B", "main"]).unwrap()
    };
    assert!(log("code").contains(&format!("Refs: {ours}")) && !log("code").contains("OT-"), "A1");
    assert!(log("other").contains(&format!("Refs: {of_old}")) && !log("other").contains("IT-"), "A1");
    assert_eq!(tasks(&service).len(), 2);
}

#[test]
fn production_is_confirmed_on_the_board_and_by_nothing_else() {
    let board = PlaneBoard::new(PlaneRelease::V1_3, "every_seconds = 3600");
    let repository = &board.carried.repository;
    std::fs::write(repository.join(".orch/pipeline.toml"), CONFIRMED).unwrap();
    git(repository, &["add", "--all"]).unwrap();
    git(repository, &["commit", "--quiet", "--message", "Ask before it lands"]).unwrap();
    let service = board.up();
    let issue = board.create("Say hello", "To Analyse");
    let task = one_task(&service, "Say hello");
    service.until(&task, "asks", |task| waits(task, "human"));
    board.shows(&service, &issue, "Awaiting Deploy");
    board.server.drag(&issue, PLANE_BOT, "Confirm Deploy");
    board.server.drag(&issue, "ann", "Approved");
    board.server.drag(&issue, "ann", "Rejected");
    board.heard(&service, &issue, &task);
    let asked = service.task(&task);
    assert!(waits(&asked, "human") && attempts_of(&asked, "developer").len() == 1, "A13, A10: {asked}");
    // A secret that changes is read at the next request: no restart.
    board.secret("plane-secret", "plane_wh_another");
    board.secret("plane-key", "plane_api_another");
    board.server.rekey(PLANE_BOT, "plane_api_another");
    board.server.hook(&format!("http://127.0.0.1:{}/webhook/shop", service.0.port()), "plane_wh_another");
    board.server.drag(&issue, "ann", "Confirm Deploy");
    service.done(&task);
    board.shows(&service, &issue, "Done");
    let refused = FakePlane::send(
        &format!("http://127.0.0.1:{}/webhook/shop", service.0.port()),
        "{}",
        &FakePlane::signed("{}", PLANE_SECRET),
    );
    assert_eq!(refused, Some(401), "the old one counts no more");
    assert!(queue(&service)["trackers"][0]["webhooks"]["refused"].as_u64() > Some(0), "counted");
}

#[test]
fn an_answer_that_cannot_be_told_from_what_stood_before_is_asked_for_again() {
    let board = PlaneBoard::with(Carried::small(&rounds()), PlaneRelease::V1_3, "every_seconds = 3600");
    // Without a state that shows the question there is only the time, which no two clocks tell alike.
    board.server.without_state(&board.project, "In Review");
    let service = board.up();
    let issue = board.create("Say hello", "To Analyse");
    let task = one_task(&service, "Say hello");
    eventually("it asks for it again", || {
        board.server.drag(&issue, "ann", "Backlog");
        board.server.drag(&issue, "ann", "Approved");
        let said: Vec<String> = board.server.comments(&issue).into_iter().map(|said| said.html).collect();
        let again = said.iter().any(|said| said.contains("Please set it again"));
        if again || !waits(&service.task(&task), "human") { Ok(()) } else { Err(said.join("\n")) }
    });
    eventually("it is heard", || {
        let seen = service.task(&task);
        if seen["stage"] != "analysis" {
            return Ok(());
        }
        board.server.drag(&issue, "ann", "Backlog");
        board.server.drag(&issue, "ann", "Approved");
        Err(seen.to_string())
    });
}
