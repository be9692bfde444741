//! A Plane server drives the line: statuses command, comments do not, and what no webhook told is found all the same.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use orch_testkit::fake::FakePlane;
use orch_testkit::fake::plane::{
    PLANE_BOT, PLANE_KEY, PLANE_SECRET, PLANE_WORKSPACE, PlaneFault, PlaneHooks, PlaneRelease,
};
use serde_json::Value;

use super::carried::{Carried, Up, attempts_of, eventually, rounds, waits};

pub const HTML: &str = "<p>Say <b>hello</b> to whoever asks, in <i>their</i> language.</p>";

/// A service and the Plane server that drives it.
pub struct PlaneBoard {
    pub carried: Carried,
    pub server: FakePlane,
    pub project: String,
}

impl PlaneBoard {
    pub fn new(release: PlaneRelease, more: &str) -> Self {
        Self::with(Carried::small(&rounds()), release, more)
    }

    pub fn with(carried: Carried, release: PlaneRelease, more: &str) -> Self {
        let server = FakePlane::start(release).unwrap();
        let project = server.first_project();
        let board = Self { carried, server, project };
        board.settings(&board.tracker("shop", &board.project, more));
        board
    }

    pub fn secret(&self, name: &str, text: &str) -> String {
        let file = self.carried.world.path(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        file.display().to_string()
    }

    pub fn tracker(&self, name: &str, project: &str, more: &str) -> String {
        format!(
            "\n[[tracker]]\nname = \"{name}\"\nkind = \"plane\"\nurl = \"{}/\"\nworkspace = \"{PLANE_WORKSPACE}\"\n\
             project = \"{project}\"\nrepository = \"code\"\nkey_file = \"{}\"\nwebhook_secret_file = \"{}\"\n\
             requests_per_minute = 100000\n{more}\n",
            self.server.base(),
            self.secret("plane-key", PLANE_KEY),
            self.secret("plane-secret", PLANE_SECRET),
        )
    }

    pub fn settings(&self, text: &str) {
        let mut file = std::fs::OpenOptions::new().append(true).open(self.carried.world.config()).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// Starts the service, and waits until the project was looked at once.
    pub fn up(&self) -> Up {
        let service = self.carried.up();
        self.server.hook(&format!("http://127.0.0.1:{}/webhook/shop", service.0.port()), PLANE_SECRET);
        eventually("the tracker is followed", || {
            let queue = service.0.get("/queue").unwrap().1;
            let seen: Value = serde_json::from_str(&queue).unwrap();
            if seen["trackers"][0]["followed"] == true { Ok(()) } else { Err(service.0.output()) }
        });
        service
    }

    pub fn create(&self, title: &str, state: &str) -> String {
        self.server.create(&self.project, "ann", title, HTML, state)
    }

    /// Waits until the board shows this of an issue.
    pub fn shows(&self, service: &Up, issue: &str, state: &str) {
        eventually(&format!("the board shows {state}"), || {
            let stands = self.server.stands(issue);
            if stands == state { Ok(()) } else { Err(format!("{stands}\n{}", service.0.output())) }
        });
    }

    /// Waits until everything that happened to an issue was heard: what Ann writes last stands in the history of its task.
    pub fn heard(&self, service: &Up, issue: &str, task: &str) {
        self.server.settled(Duration::from_secs(60));
        let marker = format!("marker {}", self.server.comments(issue).len());
        self.server.write(issue, "ann", &format!("<p>{marker}</p>"));
        let tells = |line: &Value| line["text"].as_str().is_some_and(|text| text.contains(&marker));
        service.until(task, "hears the marker", |task| task["timeline"].as_array().unwrap().iter().any(tells));
    }

    /// Once the board shows the question, Ann answers it by a status.
    pub fn says(&self, service: &Up, issue: &str, task: &str, status: &str, comment: Option<&str>) {
        let asked = service.until(task, "asks", |task| waits(task, "human"));
        let before = attempts_of(&asked, "analyst").len();
        self.shows(service, issue, "In Review");
        if let Some(comment) = comment {
            self.server.write(issue, "ann", &format!("<p>{comment}</p>"));
        }
        self.server.drag(issue, "ann", status);
        service.until(task, &format!("heard {status}"), |task| {
            !waits(task, "human") || attempts_of(task, "analyst").len() > before || task["ended"] == true
        });
    }
}

/// Ids of all tasks, oldest first.
pub fn tasks(service: &Up) -> Vec<Value> {
    let (status, body) = service.0.get("/api/v1/tasks?ended=true&limit=200").unwrap();
    assert_eq!(status, 200, "{body}");
    let page: Value = serde_json::from_str(&body).unwrap();
    let mut all = page["tasks"].as_array().unwrap().clone();
    all.reverse();
    all
}

pub fn one_task(service: &Up, title: &str) -> String {
    eventually("the issue is a task", || {
        let all = tasks(service);
        let found = all.iter().find(|task| task["title"] == title).map(|task| task["id"].as_str().unwrap().to_owned());
        found.ok_or_else(|| format!("{all:?}\n{}", service.0.output()))
    })
}

#[test]
fn an_issue_crosses_by_what_people_set_on_their_board() {
    let board = PlaneBoard::new(PlaneRelease::V1_3, "every_seconds = 3600");
    let old = board.create("Always was there", "To Analyse");
    let service = board.up();
    let issue = board.create("Say hello", "Backlog");
    board.server.write(&issue, "ann", "<p>It should be short.</p>");
    board.server.drag(&issue, "ann", "To Analyse");
    let task = one_task(&service, "Say hello");
    let asked = service.until(&task, "asks for approval", |task| waits(task, "human"));
    let said = asked["description"].as_str().unwrap();
    assert!(said.contains("Say **hello**") && said.contains("> It should be short."), "{said}");
    assert!(asked["branch"].as_str().unwrap().ends_with("say-hello"), "{asked}");
    // Neither words nor our own account command, whatever they say.
    board.shows(&service, &issue, "In Review");
    board.server.write(&issue, PLANE_BOT, "<p>Approved</p>");
    board.server.drag(&issue, PLANE_BOT, "Approved");
    board.server.write(&issue, "ann", "<p>Approved. Please go on!</p>");
    board.server.drag(&issue, "ann", "In Review");
    board.says(&service, &issue, &task, "Rejected", Some("wrong <b>colour</b>"));
    let again = service
        .until(&task, "has a second round", |task| attempts_of(task, "analyst").len() == 2 && waits(task, "human"));
    assert_eq!(again["retries"], 0);
    assert!(service.log(&task, 2).contains("wrong **colour**"), "{}", service.log(&task, 2));
    board.says(&service, &issue, &task, "Approved", None);
    service.done(&task);
    assert_eq!(tasks(&service).len(), 1, "what stood before the service came is no command: {old}");
    let counted = board.server.settled(Duration::from_secs(60));
    assert!(counted.iter().all(|status| *status == Some(200)), "{counted:?}");
    let said = service.0.output();
    assert!(!said.contains(PLANE_KEY) && !said.contains(PLANE_SECRET));
}

#[test]
fn what_no_webhook_told_is_found_by_asking_and_what_came_twice_is_one() {
    for (release, more) in
        [(PlaneRelease::V1_3, "every_seconds = 1"), (PlaneRelease::V0_25, "every_seconds = 1\naccount = \"orch-bot\"")]
    {
        let board = PlaneBoard::new(release, more);
        let service = board.up();
        board.server.hooks(PlaneHooks::Lost);
        let issue = board.create("Lost", "To Analyse");
        let lost = one_task(&service, "Lost");
        board.says(&service, &issue, &lost, "Approved", None);
        board.server.hooks(PlaneHooks::Doubled);
        board.create("Doubled", "To Analyse");
        let doubled = one_task(&service, "Doubled");
        service.until(&doubled, "asks for approval", |task| waits(task, "human"));
        service.done(&lost);
        let titles: Vec<_> = tasks(&service).iter().map(|task| task["title"].as_str().unwrap().to_owned()).collect();
        assert_eq!(titles, ["Lost", "Doubled"], "{release:?}");
        assert_eq!(attempts_of(&service.task(&doubled), "analyst").len(), 1);
    }
}

#[test]
fn what_happens_while_nobody_is_here_or_there_is_made_good() {
    let board = PlaneBoard::new(PlaneRelease::V1_3, "every_seconds = 1");
    let service = board.up();
    let issue = board.create("Say hello", "To Analyse");
    let task = one_task(&service, "Say hello");
    service.until(&task, "asks for approval", |task| waits(task, "human"));
    board.server.fault(Some(PlaneFault::Status(503)));
    let second = board.create("While it was away", "To Analyse");
    service.0.stop().unwrap();
    board.server.drag(&issue, "ann", "STOP");
    let service = board.carried.up();
    board.server.fault(None);
    let away = one_task(&service, "While it was away");
    service.until(&task, "is stopped", |task| task["ended"] == true && task["stage"] == "cancelled");
    service.until(&away, "asks for approval", |task| waits(task, "human"));
    // The same issue starts anew, as another task.
    board.server.drag(&issue, "ann", "To Analyse");
    let anew = eventually("it starts anew", || {
        let all = tasks(&service);
        let of: Vec<_> = all.iter().filter(|task| task["title"] == "Say hello").collect();
        if of.len() == 2 { Ok(of[1]["id"].as_str().unwrap().to_owned()) } else { Err(format!("{all:?}")) }
    });
    assert_ne!(anew, task);
    // Stop and start at once are two commands.
    board.server.hooks(PlaneHooks::Held);
    board.server.drag(&second, "ann", "STOP");
    board.server.drag(&second, "ann", "To Analyse");
    board.server.release(|held| (0..held).rev().collect());
    service.until(&away, "is stopped", |task| task["ended"] == true && task["stage"] == "cancelled");
    eventually("and starts anew", || {
        let all = tasks(&service);
        let of = all.iter().filter(|task| task["title"] == "While it was away").count();
        if of == 2 { Ok(()) } else { Err(format!("{all:?}\n{}", service.0.output())) }
    });
}

#[test]
fn only_what_is_signed_and_ours_is_heard() {
    let board = PlaneBoard::new(PlaneRelease::V1_3, "every_seconds = 3600");
    let other = board.server.project("Other", "OTH");
    let service = board.up();
    let address = |name: &str| format!("http://127.0.0.1:{}/webhook/{name}", service.0.port());
    let send = |body: &str, secret: &str| FakePlane::send(&address("shop"), body, &FakePlane::signed(body, secret));
    board.server.hooks(PlaneHooks::Lost);
    let (issue, theirs) =
        (board.create("Ours", "To Analyse"), board.server.create(&other, "ann", "Theirs", HTML, "To Analyse"));
    let body = board.server.body_of(&issue, "ann");
    let unsigned = vec![("content-type".to_owned(), "application/json".to_owned())];
    assert_eq!(FakePlane::send(&address("shop"), &body, &unsigned), Some(401));
    assert_eq!(send(&body, "plane_wh_other"), Some(401));
    assert_eq!(FakePlane::send(&address("nobody"), &body, &FakePlane::signed(&body, PLANE_SECRET)), Some(404));
    assert_eq!(send(&" ".repeat(9 << 20), PLANE_SECRET), Some(413));
    assert_eq!(send(r#"{"version": "v2", "event": "workitem.updated", "data": {}}"#, PLANE_SECRET), Some(200));
    assert_eq!(send(&board.server.body_of(&theirs, "ann"), PLANE_SECRET), Some(200), "and ignored");
    assert!(tasks(&service).is_empty());
    assert_eq!(send("no json", PLANE_SECRET), Some(200), "and kept");
    for _ in 0..3 {
        assert_eq!(send(&body, PLANE_SECRET), Some(200));
    }
    let task = one_task(&service, "Ours");
    let asked = service.until(&task, "asks for approval", |task| waits(task, "human"));
    assert_eq!(attempts_of(&asked, "analyst").len(), 1, "a replay is a look");
    let listed: Value = serde_json::from_str(&service.0.get("/api/v1/deliveries").unwrap().1).unwrap();
    let told = listed["deliveries"].as_array().or(listed.as_array()).unwrap();
    let of_hooks: Vec<_> = told.iter().filter(|row| row["id"].as_str().is_some_and(|id| id.starts_with('w'))).collect();
    assert_eq!(of_hooks.len(), 2, "one that is read and one that is not: {listed}");
    assert_eq!(tasks(&service).len(), 1, "another project's issue is nobody's");
}

#[test]
fn what_fails_the_entry_check_starts_once_it_is_mended() {
    let board = PlaneBoard::new(PlaneRelease::V1_3, "every_seconds = 1");
    let service = board.up();
    let long = "x".repeat(230);
    let issue = board.create(&long, "To Analyse");
    let task = one_task(&service, &long);
    service.until(&task, "is refused", |task| waits(task, "held"));
    board.server.rename(&issue, "ann", "Say hello shortly");
    board.server.drag(&issue, "ann", "Backlog");
    board.server.drag(&issue, "ann", "To Analyse");
    let asked = service.until(&task, "asks for approval", |task| waits(task, "human"));
    assert_eq!(asked["title"], "Say hello shortly");
}

#[test]
fn doctor_tells_how_a_tracker_stands() {
    let board = PlaneBoard::new(PlaneRelease::V1_3, "");
    let doctor = || board.carried.world.run(&board.carried.repository, &["doctor"]).unwrap().stdout;
    let told = doctor();
    assert!(told.contains("project Shop, as orch-bot"), "{told}");
    board.server.without_state(&board.project, "STOP");
    board.server.without_state(&board.project, "To Analyse");
    let told = doctor();
    assert!(told.contains("nobody can say “stop” on the board"), "{told}");
    assert!(told.contains("“In Progress” says “start"), "{told}");
    board.server.fault(Some(PlaneFault::Redirect));
    let told = doctor();
    assert!(told.contains("sends us elsewhere") && told.contains("correct `url`"), "{told}");
    board.server.fault(None);
    board.secret("plane-key", "plane_api_wrong");
    let told = doctor();
    assert!(told.contains("does not accept the key") && !told.contains("plane_api_wrong"), "{told}");
}

#[test]
fn one_command_connects_a_project_and_the_same_again_repairs_it() {
    let mut carried = Carried::small(&rounds());
    let server = FakePlane::start(PlaneRelease::V1_3).unwrap();
    let other = server.project("Other", "OTH");
    server.without_state(&server.first_project(), "STOP");
    let connect = |carried: &Carried, more: &[&str]| {
        let base = format!("{}/", server.base());
        let mut arguments = vec!["connect", "plane", "--url", &base, "--workspace", PLANE_WORKSPACE];
        arguments.extend(more);
        carried.world.run(&carried.repository, &arguments).unwrap()
    };
    let said = connect(&carried, &["--project", "SHOP"]);
    assert!(said.stderr.contains("ORCH_PLANE_API_KEY"), "{}", said.stderr);
    carried.world.set("ORCH_PLANE_API_KEY", PLANE_KEY);
    let said = connect(&carried, &["--project", "NONE"]);
    assert!(said.stderr.contains("SHOP (Shop), OTH (Other)"), "{}", said.stderr);
    let said = connect(&carried, &["--project", "shop"]).success().stdout;
    assert!(said.contains("Issues of Shop (SHOP) are those of code, as orch-bot"), "{said}");
    assert!(said.contains("no state for STOP") && said.contains("/webhook/code"), "{said}");
    carried.world.set("ORCH_PLANE_WEBHOOK_SECRET", PLANE_SECRET);
    let said = carried.orch(&["connect", "plane", "--make-states"]);
    assert!(said.contains("States that were made: STOP") && said.contains("webhook is heard"), "{said}");
    let folder = carried.world.config().parent().unwrap().to_owned();
    for (file, text) in [("plane-code-key", PLANE_KEY), ("plane-code-webhook-secret", PLANE_SECRET)] {
        let file = folder.join(file);
        assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), text);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let written = std::fs::read_to_string(carried.world.config()).unwrap();
    assert!(written.matches("\n[[tracker]]").count() == 1 && !written.contains(PLANE_KEY), "{written}");
    let told = carried.world.run(&carried.repository, &["doctor"]).unwrap().stdout;
    assert!(told.contains("code: Plane at") && !told.contains(&other), "{told}");
}

#[test]
fn settings_that_cannot_be_meant_are_refused() {
    let board = PlaneBoard::new(PlaneRelease::V1_3, "");
    board.settings(&board.tracker("again", &board.project, ""));
    let said = board.carried.world.run(&board.carried.repository, &["up", "--port", "0"]).unwrap();
    assert!(said.stderr.contains("shop and again are one project"), "{}", said.stderr);
    let bad = PlaneBoard::new(PlaneRelease::V1_3, "");
    bad.settings(&bad.tracker("shop", "p", "").replace("repository = \"code\"", "repository = \"none\""));
    let said = bad.carried.world.run(&bad.carried.repository, &["doctor"]).unwrap();
    let said = format!("{}{}", said.stdout, said.stderr);
    assert!(said.contains("a second time") && said.contains("there is no such repository"), "{said}");
}
