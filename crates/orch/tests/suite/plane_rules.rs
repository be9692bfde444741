//! Every rule of how issues come in and what moves them, against one running service that a Plane server drives.

use orch_testkit::fake::plane::{PLANE_BOT, PLANE_STATES, PlaneRelease};
use serde_json::Value;

use super::carried::{Carried, Up, attempts_of, eventually, script, waits};
use super::plane::{HTML, PlaneBoard, one_task, tasks};

/// An analyst who asks first where the title says so, prints what it was told, and numbers its rounds.
const AGENTS: &str = r#"
[[play]]
title = "Ask me*"
[[play.act]]
role = "analyst"
round = 1
steps = [{ document = "01-brd.md", text = "---\nquestions: [\"Which colour?\"]\n---\n" }]
[[play.act]]
role = "analyst"
steps = [{ say = "told: {rework}" }, { document = "01-brd.md", text = "---\nwork_item: {id}\n---\n# Round {round}\n" }]
[[play]]
title = "*"
[[play.act]]
role = "analyst"
steps = [{ say = "told: {rework}" }, { document = "01-brd.md", text = "---\nwork_item: {id}\n---\n# Round {round}\n" }]
"#;

fn number(board: &PlaneBoard, issue: &str) -> u64 {
    let body: Value = serde_json::from_str(&board.server.body_of(issue, "ann")).unwrap();
    body["data"]["sequence_id"].as_u64().unwrap()
}

fn asks(service: &Up, task: &str) -> Value {
    service.until(task, "asks", |task| waits(task, "human"))
}

fn said_by(board: &PlaneBoard, issue: &str, who: &str) -> Vec<String> {
    board.server.comments(issue).into_iter().filter(|said| said.by == who).map(|said| said.html).collect()
}

#[test]
fn the_rules_of_the_board_hold() {
    let mut carried = Carried::small(&script(AGENTS));
    carried.world.set("ORCH_QG0_TITLE_MAX", "60");
    carried.world.set("ORCH_PLANE_BOT_ANALYST", "plane_api_analyst");
    let board = PlaneBoard::with(carried, PlaneRelease::V1_3, "every_seconds = 3600");
    board.server.account("analyst-bot", "plane_api_analyst");
    board.server.rename_state(&board.project, "Needs Input", "Waits");
    board.server.without_state(&board.project, "Architecture");
    let service = board.up();
    // A2: an id that is taken is passed over.
    let first = service.open("Of the built-in board");
    let (stays, greets) = (board.create("Stays where it is", "Backlog"), board.create("Приветствуй мир", "Backlog"));
    board.server.drag(&greets, "ann", "To Analyse");
    let task = one_task(&service, "Приветствуй мир");
    let seen = asks(&service, &task);
    assert_eq!(task, format!("IT-{:03}", number(&board, &greets)), "A2: the number is the issue's");
    assert_ne!(task, first);
    assert!(seen["branch"].as_str().unwrap().ends_with("-privetstvuy-mir"), "A3: {}", seen["branch"]);
    let taken = board.create("!!!", "To Analyse");
    let untitled = one_task(&service, "!!!");
    assert_eq!(untitled, format!("IT-{:03}", number(&board, &taken)));
    assert!(service.task(&untitled)["branch"].as_str().unwrap().ends_with("-untitled"), "A3");
    // A8, A12: words and other statuses are no commands, and nothing is written over them.
    board.shows(&service, &greets, "In Review");
    board.server.write(&greets, "ann", "<p>Approved</p>");
    board.server.write(&greets, PLANE_BOT, "<p>Rejected</p>");
    let commands = ["To Analyse", "Approved", "Rejected", "Confirm Deploy", "STOP", "In Review"];
    for (name, _) in PLANE_STATES.iter().filter(|(name, _)| !commands.contains(name)) {
        if !["Needs Input", "Architecture"].contains(name) {
            board.server.drag(&greets, "ann", name);
        }
    }
    board.server.drag(&greets, "ann", "Confirm Deploy");
    board.heard(&service, &greets, &task);
    let after = service.task(&task);
    assert!(waits(&after, "human") && attempts_of(&after, "analyst").len() == 1, "A8, A12, A13");
    assert_eq!(board.server.stands(&greets), "Confirm Deploy", "what a person set stays");
    // A9: the start status runs the analyst once more, who is idle.
    board.server.drag(&greets, "ann", "To Analyse");
    let analysed = |task: &Value, times: usize| attempts_of(task, "analyst").len() == times && waits(task, "human");
    service.until(&task, "has a second round", |task| analysed(task, 2));
    board.shows(&service, &greets, "In Review");
    // A10: a rejection takes the newest comment, without its tags.
    board.server.write(&greets, "ann", "<p>Wrong <b>colour</b></p>");
    board.server.drag(&greets, "ann", "Rejected");
    let again = service.until(&task, "has a third round", |task| analysed(task, 3));
    assert_eq!(again["retries"], 0);
    assert!(service.log(&task, 3).contains("Wrong **colour**"), "A10: {}", service.log(&task, 3));
    // A10: approved, it advances, and nothing is shown in between. A11: Architecture has a fallback here.
    board.shows(&service, &greets, "In Review");
    let before = board.server.moves(&greets).len();
    board.server.drag(&greets, "ann", "Approved");
    service.done(&task);
    board.shows(&service, &greets, "Done");
    let moves: Vec<(String, String)> = board.server.moves(&greets).split_off(before);
    assert_eq!(moves[0], ("ann".to_owned(), "Approved".to_owned()));
    let shown: Vec<&str> = moves[1..].iter().map(|(_, state)| state.as_str()).collect();
    assert!(moves[1..].iter().all(|(by, _)| by == PLANE_BOT), "{moves:?}");
    assert!(!shown.contains(&"In Review") && !shown.contains(&"Analysis"), "A10: {shown:?}");
    // A14, A15: who says what.
    let ready = said_by(&board, &greets, "analyst-bot");
    assert!(ready.iter().any(|said| said.contains("Approved") && said.contains("Rejected")), "{ready:?}");
    assert!(
        !said_by(&board, &greets, PLANE_BOT).is_empty(),
        "without a key of its own a role speaks as the shared one"
    );
    // A7: what fails the entry check is told so, with every reason and the limit.
    let long = board.server.create(&board.project, "ann", &"x".repeat(61), "<p></p>", "To Analyse");
    let refused = one_task(&service, &"x".repeat(61));
    service.until(&refused, "is refused", |task| waits(task, "held"));
    board.shows(&service, &long, "Blocked");
    eventually("the comment lists the reasons", || {
        let said = said_by(&board, &long, PLANE_BOT).join("\n");
        if said.contains("60") && said.contains("To Analyse") { Ok(()) } else { Err(said) }
    });
    // Started once more as it is, it is refused once more, and that is shown.
    board.server.drag(&long, "ann", "To Analyse");
    board.heard(&service, &long, &refused);
    board.shows(&service, &long, "Blocked");
    // A18, A9: questions. Where the project has no state for them they stand in a comment, and the start status goes on.
    let coloured = board.create("Ask me first", "To Analyse");
    let asked = one_task(&service, "Ask me first");
    asks(&service, &asked);
    eventually("the question is a comment", || {
        let said = said_by(&board, &coloured, "analyst-bot").join("\n");
        if said.contains("Which colour?") && !said.contains("move it to “Approved”") { Ok(()) } else { Err(said) }
    });
    // A11: states are read again on request; letter case and blanks do not matter.
    board.server.rename_state(&board.project, "Waits", "needs input ");
    assert_eq!(service.0.post("/api/v1/repositories/reread", "{}").unwrap().0, 200);
    board.shows(&service, &coloured, "needs input ");
    board.server.write(&coloured, "ann", "<p>Blue.</p>");
    board.server.drag(&coloured, "ann", "To Analyse");
    service.until(&asked, "goes on", |task| attempts_of(task, "analyst").len() == 2);
    board.heard(&service, &coloured, &asked);
    // A16, J: what blocks an issue is waited for.
    let waits_for = board.server.create(&board.project, "ann", "Waits for the other", HTML, "Backlog");
    board.server.block(&waits_for, &coloured);
    board.server.drag(&waits_for, "ann", "To Analyse");
    let waiting = one_task(&service, "Waits for the other");
    let held = service.until(&waiting, "waits", |task| waits(task, "dependency"));
    assert_eq!(attempts_of(&held, "analyst").len(), 0, "J");
    // I: STOP ends it at once, a second one does nothing, and the start status is another task.
    board.server.drag(&coloured, "ann", "STOP");
    service.until(&asked, "is stopped", |task| task["stage"] == "cancelled");
    board.shows(&service, &coloured, "Cancelled");
    asks(&service, &waiting);
    board.server.drag(&coloured, "ann", "STOP");
    // A4: what nobody started is no task.
    let titles: Vec<Value> = tasks(&service).iter().map(|task| task["title"].clone()).collect();
    assert_eq!(titles.len(), 6, "{titles:?}");
    assert!(!titles.contains(&"Stays where it is".into()) && board.server.stands(&stays) == "Backlog", "A4");
    let queue: Value = serde_json::from_str(&service.0.get("/queue").unwrap().1).unwrap();
    let hooks = &queue["trackers"][0]["webhooks"];
    assert!(hooks["stored"].as_u64() > Some(20) && hooks["refused"] == 0, "{queue}");
}
