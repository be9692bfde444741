//! A repository on a Gitea server: git over http beside the API, with the server's settings and troubles.

use std::os::unix::fs::PermissionsExt as _;

use orch_testkit::fake::gitea::{FakeGitea, GiteaFault};

use super::carried::{waits, world};
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
fn doctor_tells_what_main_asks_for_and_what_to_do_about_it() {
    let gitea = Gitea::new();
    let doctor = || gitea.far.orch(&["doctor"]);
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
    gitea.server.fault(Some(GiteaFault::Status(503, Vec::new())));
    service.approve(&task);
    gitea.server.until_asked("GET /api/v1/");
    let said = service.0.output();
    service.0.stop().unwrap();
    let service = gitea.far.up();
    gitea.server.fault(None);
    let done = service.done(&task);
    let landed = done["landed"].as_str().unwrap().to_owned();
    assert_eq!((gitea.git.tip("main").as_deref(), &done["retries"]), (Some(&*landed), &serde_json::json!(0)));
    assert!(gitea.server.pulls().iter().all(|pull| pull.merged), "{:?}", gitea.server.pulls());
    gitea.far.keeps_to_itself(TOKEN, &[said, service.0.output(), gitea.far.orch(&["show", &task])]);
}
