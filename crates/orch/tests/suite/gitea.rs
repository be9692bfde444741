//! A repository on a Gitea server: git over http beside the API, with the server's settings and troubles.

use std::os::unix::fs::PermissionsExt as _;

use orch_testkit::fake::gitea::hooks::post;
use orch_testkit::fake::gitea::{FakeGitea, GiteaFault};

use super::carried::{eventually, waits, world};
use super::fixture::run;
use super::git_server::{GitServer, TOKEN};
use super::remote::{Far, served, writes_a_file};

/// As a protected branch does it.
const PROTECTED: &str = "#!/bin/sh
while read old new ref; do
    [ \"$ref\" != refs/heads/main ] || { echo 'Not allowed to push to protected branch main' >&2; exit 1; }
done
";

struct Gitea {
    far: Far,
    git: GitServer,
    server: FakeGitea,
}

impl Gitea {
    fn new() -> Self {
        let world = world();
        let git = GitServer::new(&world.path("served"), &served(&world));
        let server = FakeGitea::start(&git.repository()).unwrap();
        server.set(|settings| settings.token = TOKEN.to_owned());
        let token = world.path("token");
        std::fs::write(&token, format!("{TOKEN}\n")).unwrap();
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
        let credential = format!("user = \"bot\"\ntoken_file = \"{}\"", token.display());
        let more = ["--forge", "gitea", "--forge-url", &server.page()];
        let far = Far::with(world, &git.url(), &credential, &writes_a_file(), &more);
        Self { far, git, server }
    }

    fn protects_main(&self) {
        self.server.set(|settings| settings.push_to_main = false);
        self.git.hook("pre-receive", PROTECTED);
    }
}

#[test]
fn an_issue_of_the_forge_is_taken_by_its_address() {
    let gitea = Gitea::new();
    let issue = ("Say hello in Dutch".to_owned(), "The greeter knows English only.".to_owned());
    gitea.server.set(|settings| settings.issue = Some(issue));
    let address = format!("{}/issues/7", gitea.server.page());
    let asked = |arguments: &[&str]| -> serde_json::Value {
        let output = gitea.far.world.run(&gitea.far.world.home(), arguments).unwrap().success();
        serde_json::from_str(&output.stdout).unwrap()
    };
    let task = asked(&["new", &address, "-d", "Soon.", "--backlog", "--json"]);
    assert_eq!(task["title"], "Say hello in Dutch");
    let shown = asked(&["show", task["id"].as_str().unwrap(), "--json"]);
    let description = format!("The greeter knows English only.\n\nSoon.\n\nFrom {address}");
    assert_eq!(shown["description"], description, "{shown}");
    // Nobody here can read this one.
    let task = asked(&["new", "https://github.com/acme/other/issues/3", "-d", "Soon.", "--backlog", "--json"]);
    assert_eq!(task["title"], "What other#3 asks for");
}

#[test]
fn doctor_tells_what_main_asks_for_and_what_to_do_about_it() {
    let gitea = Gitea::new();
    let doctor = || gitea.far.orch(&["doctor"]).split_whitespace().collect::<Vec<_>>().join(" ");
    let told = doctor();
    assert!(told.contains("Gitea 1.26.4 as orch-bot; work lands by a push"), "{told}");
    gitea.protects_main();
    let told = doctor();
    assert!(told.contains("work lands by a merge that keeps the commit"), "{told}");
    gitea.server.set(|settings| (settings.approvals, settings.admin, settings.dismiss_stale) = (1, true, true));
    let told = doctor();
    assert!(told.contains("none is ever approved") && told.contains("ask for no approvals"), "{told}");
    gitea.server.set(|settings| settings.fast_forward = false);
    let told = doctor();
    assert!(
        told.contains("no merge there keeps the tested commit") && told.contains("\"fast-forward only\""),
        "{told}"
    );
    gitea.server.set(|settings| settings.write_scope = false);
    let told = doctor();
    assert!(told.contains("may not write change requests") && told.contains("write:repository"), "{told}");
    gitea.server.fault(Some(GiteaFault::Status(503, Vec::new())));
    let told = doctor();
    assert!(told.contains("is not there for now") && told.contains("goes on by itself"), "{told}");
    gitea.server.fault(Some(GiteaFault::Garbage));
    let told = doctor();
    assert!(told.contains("something else than its API says") && told.contains("`forge_url`"), "{told}");
}

/// Main takes no push from anybody; the API is away in the middle, and the service is restarted meanwhile.
#[test]
fn an_issue_lands_where_main_takes_no_push() {
    let gitea = Gitea::new();
    gitea.protects_main();
    let service = gitea.far.up();
    let task = service.open("Say hello");
    service.until(&task, "asks for approval", |task| waits(task, "human"));
    eventually("its change request is open", || gitea.server.pulls().pop().ok_or("none".to_owned()));
    gitea.server.fault(Some(GiteaFault::Status(503, Vec::new())));
    service.approve(&task);
    service.until(&task, "is about to land", |task| task["stage"] == "landing" && waits(task, "lane"));
    let said = service.0.output();
    service.0.stop().unwrap();
    let service = gitea.far.up();
    gitea.server.fault(None);
    let done = service.done(&task);
    let landed = done["landed"].as_str().unwrap().to_owned();
    assert_eq!((gitea.git.tip("main").as_deref(), &done["retries"]), (Some(&*landed), &serde_json::json!(0)));
    eventually("every change request is merged", || {
        let pulls = gitea.server.pulls();
        if pulls.len() == 2 && pulls.iter().all(|pull| pull.merged) { Ok(()) } else { Err(format!("{pulls:?}")) }
    });
    gitea.far.keeps_to_itself(TOKEN, &[said, service.0.output(), gitea.far.orch(&["show", &task])]);
}

/// The API is away while it lands, and the service is restarted before that is back: it delays and loses nothing.
#[test]
fn an_issue_crosses_as_a_change_request_that_ends_merged_with_a_green_commit() {
    let gitea = Gitea::new();
    let service = gitea.far.up();
    let task = service.open("Say hello");
    service.until(&task, "asks for approval", |task| waits(task, "human"));
    let pull = eventually("its change request is open", || gitea.server.pulls().pop().ok_or("none".to_owned()));
    assert!(pull.open && pull.title == format!("{task}: Say hello") && pull.branch.contains(&task), "{pull:?}");
    gitea.server.fault(Some(GiteaFault::Status(503, Vec::new())));
    service.approve(&task);
    let done = service.done(&task);
    let landed = done["landed"].as_str().unwrap().to_owned();
    assert_eq!(gitea.git.tip("main").as_deref(), Some(&*landed), "the API is not needed for it");
    service.0.stop().unwrap();
    assert!(gitea.git.tip(&pull.branch).is_some(), "its branch stays until the change request is marked");
    let service = gitea.far.up();
    gitea.server.fault(None);
    eventually("all of it is over there", || {
        let pulls = gitea.server.pulls();
        let status = gitea.server.statuses(&landed).remove("orchestrion/check").unwrap_or_default().0;
        let over = pulls.len() == 1 && pulls[0].merged && status == "success" && gitea.git.tip(&pull.branch).is_none();
        if over { Ok(()) } else { Err(format!("{pulls:?} {status:?}")) }
    });
    assert!(gitea.server.pulls()[0].body.contains(&landed));
    gitea.far.keeps_to_itself(TOKEN, &[service.0.output(), gitea.far.orch(&["show", &task])]);
}

/// What the product shows is late when its API is away, and nothing else is: neither pushes nor the landing.
#[test]
fn an_api_that_is_away_delays_no_push() {
    let gitea = Gitea::new();
    let service = gitea.far.up();
    gitea.server.fault(Some(GiteaFault::Status(503, Vec::new())));
    let task = service.open("Say hello");
    service.until(&task, "asks for approval", |task| waits(task, "human"));
    gitea.far.orch(&["freeze", "--reason", "the release is being cut"]);
    service.approve(&task);
    service.until(&task, "waits to land", |task| waits(task, "frozen"));
    eventually("its whole work is published", || {
        let refs = run(&gitea.git.repository(), ["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
        let branch = refs.lines().find(|name| name.contains(&task)).ok_or(refs.clone())?.to_owned();
        let files = run(&gitea.git.repository(), ["ls-tree", "--name-only", &branch]);
        if files.contains(&format!("{task}.txt")) { Ok(()) } else { Err(files) }
    });
    assert!(gitea.server.pulls().is_empty());
    let told = gitea.far.orch(&["outbox", "show", &task]);
    assert!(told.contains("change_request at forge:") && told.contains("not shown yet"), "{told}");
    gitea.far.orch(&["unfreeze"]);
    service.done(&task);
    gitea.server.fault(None);
    eventually("what landed is told", || {
        let told = gitea.far.orch(&["outbox", "show", &task]);
        let left = run(&gitea.git.repository(), ["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
        if left == "main" && !told.contains("not shown yet") { Ok(()) } else { Err(format!("{left} {told}")) }
    });
}

#[test]
fn a_person_who_presses_merge_has_landed_it_and_one_who_stops_it_closes_it() {
    let gitea = Gitea::new();
    let service = gitea.far.up();
    let task = service.open("Say hello");
    service.until(&task, "asks for approval", |task| waits(task, "human"));
    gitea.far.orch(&["freeze", "--reason", "the release is being cut"]);
    service.approve(&task);
    service.until(&task, "waits to land", |task| waits(task, "frozen"));
    let pull = eventually("its whole work is published", || {
        let found = gitea.server.pulls().pop().ok_or("none".to_owned())?;
        let files = run(&gitea.git.repository(), ["ls-tree", "--name-only", &found.branch]);
        if files.contains(&format!("{task}.txt")) { Ok(found) } else { Err(files) }
    });
    assert_eq!(gitea.server.press(pull.number, "merge"), 200);
    gitea.far.orch(&["unfreeze"]);
    let done = service.done(&task);
    assert_eq!(done["retries"], 0, "nobody was blamed");
    let second = service.open("Say goodbye");
    service.until(&second, "asks for approval", |task| waits(task, "human"));
    eventually("its change request is open", || {
        if gitea.server.pulls().len() == 2 { Ok(()) } else { Err("not yet".to_owned()) }
    });
    gitea.far.orch(&["stop", &second]);
    eventually("the first is merged, the second closed, and their branches are gone", || {
        let ends: Vec<_> = gitea.server.pulls().iter().map(|pull| (pull.open, pull.merged)).collect();
        let left = run(&gitea.git.repository(), ["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
        let over = ends == [(false, true), (false, false)] && left == "main";
        if over { Ok(()) } else { Err(format!("{ends:?} {left}")) }
    });
}

/// One command makes the webhook and sees a test of it arrive; the same again mends what somebody changed there.
#[test]
fn connecting_makes_a_webhook_that_is_heard_and_again_repairs_it() {
    let gitea = Gitea::new();
    let service = gitea.far.up();
    let base = format!("http://127.0.0.1:{}", service.0.port());
    let address = format!("{base}/hooks/gitea/code");
    let connect = || gitea.far.orch(&["connect", "gitea", "--hook-address", &base]);
    let told = connect();
    assert!(told.contains("only administrators of a repository make webhooks") && told.contains("--no-hook"), "{told}");
    gitea.server.set(|settings| settings.admin = true);
    let told = gitea.far.orch(&["doctor"]);
    assert!(told.contains("no webhook is set up") && told.contains("orch connect gitea"), "{told}");
    let told = connect();
    assert!(told.contains(&format!("sends to {address}")) && told.contains("A test of it arrived"), "{told}");
    assert_eq!(gitea.server.hooks(), [(address.clone(), true, 7)]);
    assert!(gitea.far.orch(&["doctor"]).contains("its webhook sends to"));
    let file = gitea.far.world.config().with_file_name("gitea-code-hook-secret");
    let kept = || std::fs::read_to_string(&file).unwrap().trim().to_owned();
    let secret = kept();
    let push = r#"{"ref":"refs/heads/feature/x","repository":{"full_name":"acme/shop"}}"#;
    for (expected, at, body, key) in [
        (200, address.as_str(), push, secret.as_str()),
        (200, &address, push, &secret),
        (200, &address, r#"{"ref":"refs/heads/main","repository":{"full_name":"acme/other"}}"#, &secret),
        (401, &address, push, "another"),
        (404, &format!("{base}/hooks/gitea/nowhere"), push, &secret),
        (413, &address, &" ".repeat((1 << 20) + 1), &secret),
    ] {
        assert_eq!(post(at, "push", body, key), Some(expected), "{at} {}", body.len());
    }
    let counts: serde_json::Value = serde_json::from_str(&service.0.get("/api/v1/hooks").unwrap().1).unwrap();
    let of = |name: &str| counts.as_array().unwrap().iter().find(|row| row["repository"] == name).unwrap().clone();
    let code = of("code");
    assert_eq!((&code["stored"], &code["repeated"]), (&2.into(), &1.into()), "{code}");
    assert_eq!((&code["ignored"], &code["refused"], &of("")["refused"]), (&1.into(), &2.into(), &1.into()), "{counts}");
    gitea.server.switch_hooks_off();
    let told = gitea.far.orch(&["doctor"]);
    assert!(told.contains("is switched off, or does not send all that is needed"), "{told}");
    let told = connect();
    assert!(told.contains("A test of it arrived"), "{told}");
    assert_eq!(gitea.server.hooks(), [(address.clone(), true, 7)], "one, and no other");
    let newer = kept();
    assert_ne!(newer, secret, "a secret cannot be read there, nor changed");
    gitea.far.keeps_to_itself(TOKEN, &[service.0.output(), told.clone()]);
    gitea.far.keeps_to_itself(&newer, &[service.0.output(), told, gitea.far.orch(&["doctor"])]);
}
