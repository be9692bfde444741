//! Gitea and Forgejo: the contract, the servers' troubles, landing where main takes no push, and what real servers were
//! recorded to answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use orch_ports::PortError;
use orch_ports::change_requests::{ChangeRequestText, ChangeRequests};
use orch_ports::forge::{Forge, Landing};
use orch_rules::ci::{CommitStatus, StatusState};
use orch_rules::ids::CommitId;
use orch_rules::port_error::ErrorKind;
use orch_testkit::contract::change_requests::{ProductBench, suite};
use orch_testkit::contract::{self, Bench as _};
use orch_testkit::fake::gitea::{FakeGitea, GITEA_TOKEN, GiteaFault};
use orch_vendors::forge::gitea::{Gitea, GiteaApi, Page};
use orch_vendors::forge::remote::RemoteForge;
use serde::Deserialize;
use serde_json::Value;

use crate::fixture::run;
use crate::remote_forge::Bench;

struct Shop {
    git: Bench,
    server: FakeGitea,
    gitea: Gitea,
    token: Arc<Mutex<String>>,
}

impl Shop {
    fn new() -> Self {
        Self::patient(Duration::from_secs(30))
    }

    fn patient(patience: Duration) -> Self {
        let git = Bench::new();
        git.forge.base().unwrap();
        let server = FakeGitea::start(&git.server.repository()).unwrap();
        let token = Arc::new(Mutex::new(format!("{GITEA_TOKEN}\n")));
        let gitea = gitea(&git, &server.page(), &token, patience);
        Self { git, server, gitea, token }
    }

    fn served<const N: usize>(&self, arguments: [&str; N]) -> String {
        run(&self.git.server.repository(), arguments)
    }

    /// Main refuses a push, as a protected branch does.
    fn protects_main(&self) {
        self.server.set(|settings| settings.push_to_main = false);
        let hook = "#!/bin/sh\nwhile read old new ref; do [ \"$ref\" != refs/heads/main ] || { echo 'Not allowed to push to protected branch main' >&2; exit 1; }; done\n";
        self.git.server.hook("pre-receive", hook);
    }
}

fn gitea(git: &Bench, page: &str, token: &Arc<Mutex<String>>, patience: Duration) -> Gitea {
    let token = Arc::clone(token);
    let read = move || Ok(token.lock().unwrap().clone());
    let api = GiteaApi::new(Page::new(page).unwrap(), "credential `gitea`", Arc::default(), None, read);
    let forge = RemoteForge::new(Arc::clone(&git.opening), Arc::clone(&git.reach));
    Gitea::new(forge, Arc::clone(&git.opening), api.with_time_limit(patience))
}

impl ProductBench for Shop {
    fn product(&self) -> &dyn ChangeRequests {
        &self.gitea
    }
    fn push(&self, branch: &str) -> CommitId {
        let reference = format!("refs/heads/{branch}");
        let git = self.git.server.repository();
        let there =
            crate::fixture::plain(&git).args(["rev-parse", "--verify", "--quiet", &reference]).output().unwrap();
        let parent = if there.status.success() { reference.clone() } else { "refs/heads/main".to_owned() };
        let new = self.served(["commit-tree", "refs/heads/main^{tree}", "-p", &parent, "-m", branch]);
        self.served(["update-ref", &reference, &new]);
        CommitId(new)
    }
    fn delete(&self, branch: &str) {
        self.served(["update-ref", "-d", &format!("refs/heads/{branch}")]);
    }
    fn lands(&self, commit: &CommitId) {
        self.served(["update-ref", "refs/heads/main", commit.as_str()]);
    }
    fn empty(&self, branch: &str) {
        self.served(["update-ref", &format!("refs/heads/{branch}"), "refs/heads/main"]);
    }
    fn ci(&self, commit: &CommitId, context: &str, state: &str) {
        self.server.ci(commit.as_str(), context, state);
    }
    fn review(&self, number: u64, person: &str, state: &str, words: &str) {
        self.server.review(number, person, state, words);
    }
    fn press(&self, number: u64) {
        assert_eq!(self.server.press(number, "merge"), 200);
    }
    fn shown(&self, number: u64) -> (String, String) {
        let pull = self.server.pulls().into_iter().find(|pull| pull.number == number).unwrap();
        (pull.title, pull.body)
    }
    fn forbid_marks(&self) {
        self.server.set(|settings| settings.manual_merge = false);
    }
    fn candidate(&self) -> CommitId {
        let made = ProductBench::push(self, "made");
        // Whoever asks for a tip has its commits.
        assert_eq!(self.gitea.tip("made").unwrap().as_ref(), Some(&made));
        ProductBench::delete(self, "made");
        made
    }
    fn proposed(&self, commit: &CommitId) -> usize {
        self.served(["for-each-ref", "--format=%(objectname)", "refs/heads"]).matches(commit.as_str()).count()
    }
}

#[test]
fn it_keeps_the_contract() {
    contract::run(suite::<Shop>(), |_| Shop::new());
}

#[test]
fn it_keeps_the_contract_where_pages_are_small() {
    contract::run(suite::<Shop>(), |_| {
        let shop = Shop::new();
        shop.server.set(|settings| settings.page = 7);
        shop
    });
}

fn text() -> ChangeRequestText {
    ChangeRequestText { title: "SH-001 one".to_owned(), body: "One.\n".to_owned() }
}

fn green() -> CommitStatus {
    let (context, state) = ("orchestrion/check".to_owned(), StatusState::Success);
    CommitStatus { context, state, description: String::new(), address: String::new() }
}

/// No word of it has the token in it.
fn discreet(error: PortError, token: &str) -> PortError {
    assert!(!format!("{error:?} {error}").contains(token), "{error:?}");
    error
}

#[test]
fn a_servers_trouble_is_told_by_its_kind_and_not_blamed_on_one_object() {
    let limited = |error: &PortError| matches!(error.kind, ErrorKind::RateLimited { .. });
    let elsewhere = ("location", "http://127.0.0.1:9/acme/shop");
    for (fault, fits) in [
        (GiteaFault::Status(401, vec![]), (|e| e.kind == ErrorKind::Unauthorised) as fn(&PortError) -> bool),
        (GiteaFault::Status(429, vec![("retry-after", "30")]), limited),
        (GiteaFault::Status(503, vec![]), |e| e.kind == ErrorKind::Passing),
        (GiteaFault::Status(302, vec![elsewhere]), |e| e.kind == ErrorKind::Gone && e.words.contains("new address")),
        (GiteaFault::Status(423, vec![]), |e| e.kind == ErrorKind::Refused),
        (GiteaFault::Cut, |e| e.kind == ErrorKind::Passing),
        (GiteaFault::Flood, |e| e.kind == ErrorKind::Malformed),
        (GiteaFault::Hang, |e| e.kind == ErrorKind::Passing && e.words.contains("took too long")),
    ] {
        let shop = Shop::patient(Duration::from_secs(2));
        let head = shop.push("feature/a");
        shop.server.fault(Some(fault.clone()));
        let error = discreet(shop.gitea.statuses(&head).unwrap_err(), GITEA_TOKEN);
        assert!(fits(&error) && error.place.object.is_none(), "{fault:?}: {error:?}");
        if limited(&error) {
            let asked = shop.server.requests().len();
            let again = shop.gitea.look(1).unwrap_err();
            assert_eq!((again.kind, shop.server.requests().len()), (error.kind, asked), "it is left alone until then");
        }
    }
}

#[test]
fn a_credential_that_may_not_is_the_hosts_trouble_and_a_new_one_needs_no_restart() {
    let shop = Shop::new();
    let head = shop.push("feature/a");
    *shop.token.lock().unwrap() = "revoked-t0ken".to_owned();
    let error = discreet(shop.gitea.set_status(&head, &green()).unwrap_err(), "revoked-t0ken");
    assert!(error.kind == ErrorKind::Unauthorised && error.words.contains("credential `gitea`"), "{error:?}");
    *shop.token.lock().unwrap() = "t0ken\u{7}with\nlines".to_owned();
    let error = discreet(shop.gitea.set_status(&head, &green()).unwrap_err(), "t0ken\u{7}");
    assert_eq!(error.kind, ErrorKind::Unauthorised);
    *shop.token.lock().unwrap() = GITEA_TOKEN.to_owned();
    shop.server.set(|settings| settings.write_scope = false);
    let error = shop.gitea.open("feature/a", &text()).unwrap_err();
    assert!(error.kind == ErrorKind::Unauthorised && error.words.contains("write:repository"), "{error:?}");
    assert!(!shop.gitea.requirements().unwrap().may_write);
    shop.server.set(|settings| settings.write_scope = true);
    shop.gitea.open("feature/a", &text()).unwrap();
    assert!(shop.gitea.requirements().unwrap().may_write);
    assert!(shop.server.requests().iter().all(|line| !line.contains("oken")), "no address has it");
}

#[test]
fn what_may_have_arrived_is_asked_for_again_and_done_once() {
    let shop = Shop::new();
    shop.push("feature/a");
    // The comparison before it is answered.
    shop.gitea.statuses(&shop.push("feature/a")).unwrap();
    shop.server.fault(Some(GiteaFault::CutAfter));
    let head = CommitId(shop.git.server.tip("feature/a").unwrap());
    assert_eq!(shop.gitea.set_status(&head, &green()).unwrap_err().kind, ErrorKind::InDoubt);
    shop.server.fault(None);
    shop.gitea.set_status(&head, &green()).unwrap();
    assert_eq!(shop.server.statuses(head.as_str()).len(), 1);
    let first = shop.gitea.open("feature/a", &text()).unwrap();
    assert_eq!(shop.gitea.open("feature/a", &text()).unwrap().number, first.number);
    assert_eq!(shop.server.pulls().len(), 1);
}

#[test]
fn an_answer_that_is_none_is_said_to_be_so() {
    let shop = Shop::new();
    let head = shop.push("feature/a");
    shop.server.fault(Some(GiteaFault::Garbage));
    let error = shop.gitea.statuses(&head).unwrap_err();
    assert!(
        error.kind == ErrorKind::Malformed && error.words.contains("something else than its API says"),
        "{error:?}"
    );
}

#[test]
fn it_lands_by_the_merge_that_keeps_the_commit_where_main_takes_no_push() {
    let shop = Shop::new();
    let candidate = shop.git.candidate("b.txt");
    shop.protects_main();
    let landed = Landing::Landed { tip: candidate.commit.clone() };
    for _ in 0..2 {
        assert_eq!(shop.gitea.land(&candidate.commit, &candidate.parent).unwrap(), landed);
    }
    assert_eq!(shop.git.branch("main"), Some(candidate.commit.clone()));
    let left = shop.served(["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
    assert_eq!(left, "main", "the branch it came by is gone");
    assert!(shop.server.pulls().iter().all(|pull| pull.merged));
}

#[test]
fn a_main_that_moved_meanwhile_is_moved_and_nothing_else_happens() {
    let shop = Shop::new();
    let candidate = shop.git.candidate("b.txt");
    shop.protects_main();
    let theirs = shop.push("theirs");
    shop.lands(&theirs);
    let moved = Landing::Moved { tip: theirs.clone() };
    assert_eq!(shop.gitea.land(&candidate.commit, &candidate.parent).unwrap(), moved);
    assert_eq!(shop.git.branch("main"), Some(theirs));
}

#[test]
fn what_main_asks_for_is_refused_in_words_and_lands_once_it_is_there() {
    let shop = Shop::new();
    let candidate = shop.git.candidate("b.txt");
    shop.protects_main();
    let land = || match shop.gitea.land(&candidate.commit, &candidate.parent).unwrap() {
        Landing::Refused(refused) => refused.why,
        other => panic!("{other:?}"),
    };
    shop.server.set(|settings| settings.fast_forward = false);
    let why = land();
    assert!(
        why.contains("protected branch main") && why.contains("fast-forward only") && why.contains("orch-bot"),
        "{why}"
    );
    shop.server.set(|settings| (settings.fast_forward, settings.approvals) = (true, 1));
    let why = land();
    let pull = shop.server.pulls().into_iter().find(|pull| pull.open).unwrap();
    assert!(why.contains("approve") && why.contains(&format!("/pulls/{}", pull.number)), "{why}");
    shop.server.review(pull.number, "rev", "APPROVED", "good");
    let landed = Landing::Landed { tip: candidate.commit.clone() };
    assert_eq!(shop.gitea.land(&candidate.commit, &candidate.parent).unwrap(), landed);
}

#[test]
fn it_tells_what_main_asks_for_and_what_we_may() {
    let shop = Shop::new();
    let found = shop.gitea.requirements().unwrap();
    assert_eq!((found.product.as_str(), found.account.as_deref()), ("Gitea 1.26.4", Some("orch-bot")));
    assert!(found.may_push && found.may_write && found.keeps_commit && found.dismisses_stale == Some(false));
    shop.server.set(|settings| {
        (settings.push_to_main, settings.approvals, settings.contexts) = (false, 2, vec!["ci/*".to_owned()]);
    });
    let found = shop.gitea.requirements().unwrap();
    assert_eq!((found.may_push, found.approvals, found.dismisses_stale), (false, 2, None), "a writer may not know");
    assert_eq!(found.contexts, ["ci/*"]);
    shop.server.set(|settings| (settings.admin, settings.dismiss_stale) = (true, true));
    assert_eq!(shop.gitea.requirements().unwrap().dismisses_stale, Some(true));
}

#[derive(Deserialize)]
struct Exchange {
    method: String,
    sent: Option<Value>,
    status: u16,
    body: Value,
}

fn recorded() -> BTreeMap<String, Exchange> {
    serde_json::from_str(include_str!("../../src/forge/gitea/fixtures/1.26.4.json")).unwrap()
}

/// Asks the fake as a recorded client asked the server; status and body.
fn asked(shop: &Shop, method: &str, path: &str, body: Option<&Value>, token: &str) -> (u16, Value) {
    let address = shop.server.page().replace("/acme/shop", "/api/v1");
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("{address}{path}"))
        .header("authorization", format!("token {token}"))
        .header("content-type", "application/json");
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let body = body.map(Value::to_string);
    let mut response = match (method, body) {
        ("GET", _) => agent.run(request.body(()).unwrap()),
        (_, body) => agent.run(request.body(body.unwrap_or_default()).unwrap()),
    }
    .unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    (response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// Every field that the fake sends, the real server sends too, of the same type.
pub(crate) fn resembles(fake: &Value, real: &Value, at: &str) {
    match (fake, real) {
        (Value::Object(fake), Value::Object(real)) => {
            for (key, value) in fake {
                let found = real.get(key).unwrap_or_else(|| panic!("{at}: no real server sends `{key}`"));
                resembles(value, found, &format!("{at}.{key}"));
            }
        }
        (Value::Array(fake), Value::Array(real)) => {
            if let (Some(fake), Some(real)) = (fake.first(), real.first()) {
                resembles(fake, real, &format!("{at}[]"));
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        (fake, real) => {
            let same = std::mem::discriminant(fake) == std::mem::discriminant(real);
            assert!(same, "{at}: {fake} is not of the type of {real}");
        }
    }
}

/// The fake is held to the recordings: the same status, and no field that real servers do not send.
#[test]
fn the_fake_answers_as_the_recorded_server_did() {
    let recorded = recorded();
    let shop = Shop::new();
    let head = shop.push("pr/one");
    shop.empty("pr/equal");
    let same = |name: &str, path: &str, body: Option<Value>| {
        let exchange = &recorded[name];
        let body = body.or_else(|| exchange.sent.clone());
        let token = if name == "wrong token" { "bad" } else { GITEA_TOKEN };
        let (status, answer) = asked(&shop, &exchange.method, path, body.as_ref(), token);
        assert_eq!(status, exchange.status, "{name}: {answer}");
        resembles(&answer, &exchange.body, name);
        let message = |body: &Value| body.get("message").and_then(Value::as_str).map(str::to_owned);
        (message(&answer), message(&exchange.body), answer)
    };
    let words = |name: &str, path: &str, body: Option<Value>| {
        let (fake, real, _) = same(name, path, body);
        assert_eq!(fake, real, "{name}");
    };
    same("version", "/version", None);
    same("user", "/user", None);
    words("wrong token", "/user", None);
    same("repository", "/repos/acme/shop", None);
    words("no repository", "/repos/acme/nosuch", None);
    same("compared", "/repos/acme/shop/compare/main...pr%2Fone", None);
    same("equal", "/repos/acme/shop/compare/main...pr%2Fequal", None);
    words("compared with nothing", "/repos/acme/shop/compare/main...nosuch", None);
    let pulls = "/repos/acme/shop/pulls";
    let (.., opened) = same("opened", pulls, None);
    let one = format!("{pulls}/{}", opened["number"]);
    same("opened twice", pulls, None);
    words("equal names", pulls, None);
    words("no head", pulls, None);
    words("no title", pulls, None);
    same("got", &one, None);
    words("no pull", &format!("{pulls}/9999"), None);
    same("edited", &one, None);
    let merge = format!("{one}/merge");
    words("head out of date", &merge, None);
    words("no do", &merge, Some(serde_json::json!({})));
    words("try again", &merge, Some(serde_json::json!({ "Do": "merge" })));
    asked(&shop, "GET", &one, None, GITEA_TOKEN);
    shop.server.set(|settings| settings.contexts = vec!["ci/x".to_owned()]);
    words("contexts", &merge, Some(serde_json::json!({ "Do": "merge" })));
    shop.server.set(|settings| (settings.contexts, settings.approvals) = (Vec::new(), 1));
    words("approvals", &merge, Some(serde_json::json!({ "Do": "merge" })));
    same("protected branch", "/repos/acme/shop/branches/main", None);
    words("rules for a writer", "/repos/acme/shop/branch_protections", None);
    shop.server.set(|settings| settings.admin = true);
    same("rules", "/repos/acme/shop/branch_protections", None);
    let status = format!("/repos/acme/shop/statuses/{head}");
    same("no statuses", &format!("/repos/acme/shop/commits/{head}/status"), None);
    same("status", &status, None);
    words("status of an unknown sha", &format!("/repos/acme/shop/statuses/{}", "1".repeat(40)), None);
    words("commit unknown", &format!("/repos/acme/shop/git/commits/{}", "1".repeat(40)), None);
    same("all statuses", &format!("/repos/acme/shop/commits/{head}/status"), None);
    (0..74).for_each(|job| shop.server.ci(head.as_str(), &format!("ci/job-{job}"), "success"));
    let (.., page) = same("page 1", &format!("/repos/acme/shop/commits/{head}/status?limit=50"), None);
    assert_eq!(page["total_count"], recorded["page 1"].body["total_count"]);
    let (.., page) = same("page 2", &format!("/repos/acme/shop/commits/{head}/status?limit=50&page=2"), None);
    assert_eq!(page["total_count"], recorded["page 2"].body["total_count"]);
    let (.., page) = same("page beyond", &format!("/repos/acme/shop/commits/{head}/status?limit=10&page=9"), None);
    assert_eq!(page["state"], recorded["page beyond"].body["state"]);
    shop.server.review(opened["number"].as_u64().unwrap(), "rev", "APPROVED", "good");
    same("reviews", &format!("{one}/reviews"), None);
    same(
        "fast forward",
        &merge,
        Some(serde_json::json!({ "Do": "fast-forward-only", "head_commit_id": head.as_str() })),
    );
    same("merged", &one, None);
    words("merged twice", &merge, Some(serde_json::json!({ "Do": "merge" })));
    words("reopen merged", &one, None);
}
