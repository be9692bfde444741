//! A vendor that does not serve: a pause of the credential and no fault of the task.

use std::time::{SystemTime, UNIX_EPOCH};

use orch_testkit::model_server::{Deed, Step};
use serde_json::{Value, json};

use super::{Crew, Kind, Project, Who};
use crate::carried::{Up, attempts_of, summary, waits};

#[test]
fn claude_code_waits_for_its_vendor() {
    let Some(crew) = Crew::new("outages", Kind::Claude, Project::Small) else { return };
    outages(&crew);
}

#[test]
fn codex_waits_for_its_vendor() {
    let Some(crew) = Crew::new("outages", Kind::Codex, Project::Small) else { return };
    outages(&crew);
}

/// One after the other, for each is told of all tasks of the host. The first task walks to main meanwhile.
fn outages(crew: &Crew) {
    let service = crew.up();
    a_key_is_refused(crew, &service);
    a_short_limit_passes(crew, &service);
    an_overload_pauses(crew, &service);
    a_limit_with_a_moment_passes(crew, &service);
    crew.the_real_key_is_the_proxys();
}

/// 401: one pause, one line that tells of it, no retry; a person ends it, and the task lands.
fn a_key_is_refused(crew: &Crew, service: &Up) {
    let id = "IT-001";
    crew.play(Who::of("analyst", id), [error(crew, 401, "the key is not valid", &[])]);
    service.open("Say hello");
    let task = service.until(id, "waits for its vendor", |task| waits(task, "outage"));
    assert_eq!((attempts_of(&task, "analyst").len(), &task["retries"]), (1, &0.into()), "{}", summary(&task));
    assert_eq!(task["attempt_list"][0]["outcome"], "unavailable");
    assert!(task["attempt_list"][0]["reason"].as_str().unwrap().contains("key"), "{}", task["attempt_list"][0]);
    let outage = the_outage(crew, service);
    assert_eq!((&outage["named"], &outage["failures"], &outage["waiting"]), (&json!(false), &json!(1), &json!([id])));
    // Another task does not find out for itself.
    let other = service.open("Say goodbye");
    service.until(&other, "waits, too", |task| waits(task, "outage"));
    let asked = crew.requests(Who::of("analyst", id), 1).len();
    // Besides the proxy's own question whether it is the key.
    let all = crew.server.requests();
    let posts = all.iter().filter(|request| request.method == "POST").count();
    assert_eq!(posts, asked, "the other one's agent was started");
    service.command(&other, json!({"command": "stop"}));
    let told = task["timeline"].to_string().matches("is not served").count();
    assert_eq!(told, 1, "{}", summary(&task));

    for (role, again) in [("analyst", true), ("analyst", false)] {
        let who = if again { Who::again(role, id, 2) } else { Who::of(role, id) };
        crew.play(who, [Crew::document("01-brd.md", "---\nwork_item: IT\n---\n# Wanted\n"), Step::says("Done.")]);
    }
    crew.architect(id);
    crew.play(
        Who::of("developer", id),
        [Step::shell("echo hello > hello && git add hello && git commit -qm 'Say hello'"), Step::says("Done.")],
    );
    crew.reviewer(id);
    crew.tester(id);
    crew.carried.orch(&["resume", "--credential", crew.kind.credential()]);
    service.approve(id);
    let task = service.done(id);
    assert_eq!((&task["retries"], task["attempts"].as_u64()), (&0.into(), Some(6)), "{}", summary(&task));
    assert_eq!(crew.carried.landed_items(), [id]);
}

/// 429 for a moment: the agent's own affair.
fn a_short_limit_passes(crew: &Crew, service: &Up) {
    let id = "IT-003";
    let limit = error(crew, 429, "slowly", &[("retry-after", "1")]);
    crew.play(
        Who::of("analyst", id),
        [limit, Crew::document("01-brd.md", "---\nwork_item: IT\n---\n# Wanted\n"), Step::says("Done.")],
    );
    service.open("Say more");
    let task = service.until(id, "asks for approval", |task| waits(task, "human"));
    assert_eq!((attempts_of(&task, "analyst").len(), &task["retries"]), (1, &0.into()), "{}", summary(&task));
    assert_eq!(outages_of(service), json!([]));
}

/// 529: a pause that nobody named the end of, and a person ends it.
fn an_overload_pauses(crew: &Crew, service: &Up) {
    let id = "IT-004";
    crew.play(Who::of("analyst", id), [error(crew, 529, "Overloaded", &[])]);
    service.open("Say much more");
    let task = service.until(id, "waits for its vendor", |task| waits(task, "outage"));
    assert_eq!((&task["attempt_list"][0]["outcome"], &task["retries"]), (&"unavailable".into(), &0.into()));
    assert_eq!(the_outage(crew, service)["named"], false);
    serve_again(crew, id);
    crew.carried.orch(&["resume", "--credential", crew.kind.credential()]);
    let task = service.until(id, "asks for approval", |task| waits(task, "human"));
    assert_eq!(task["retries"], 0, "{}", summary(&task));
}

/// A used-up allowance with a moment: until then nothing starts, then it goes on by itself.
fn a_limit_with_a_moment_passes(crew: &Crew, service: &Up) {
    let id = "IT-005";
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let limit = match crew.kind {
        Kind::Claude => error(
            crew,
            429,
            "This request would exceed your account's rate limit",
            &[
                ("anthropic-ratelimit-unified-status", "rejected"),
                ("anthropic-ratelimit-unified-reset", &(now + 5).to_string()),
            ],
        ),
        Kind::Codex => {
            let more = [("resets_in_seconds", json!(5))];
            Step::open_ai_error(429, "usage_limit_reached", "The usage limit has been reached", &more)
        }
    };
    crew.play(Who::of("analyst", id), [limit]);
    service.open("Say the most");
    let task = service.until(id, "waits for its vendor", |task| waits(task, "outage"));
    assert_eq!(task["attempt_list"][0]["outcome"], "unavailable");
    let outage = the_outage(crew, service);
    assert_eq!(outage["named"], true, "{outage}");
    serve_again(crew, id);
    let task = service.until(id, "asks for approval", |task| waits(task, "human"));
    assert_eq!((attempts_of(&task, "analyst").len(), &task["retries"]), (2, &0.into()), "{}", summary(&task));
    assert_eq!(outages_of(service), json!([]));
}

fn serve_again(crew: &Crew, id: &str) {
    for who in [Who::again("analyst", id, 2), Who::of("analyst", id)] {
        crew.play(who, [Crew::document("01-brd.md", "---\nwork_item: IT\n---\n# Wanted\n"), Step::says("Done.")]);
    }
}

/// An error as the vendor words it.
fn error(crew: &Crew, status: u16, words: &str, headers: &[(&str, &str)]) -> Step {
    let kind = match (crew.kind, status) {
        (Kind::Claude, 401) => "authentication_error",
        (Kind::Claude, 429) => "rate_limit_error",
        (Kind::Claude, _) => "overloaded_error",
        (Kind::Codex, 401) => "invalid_api_key",
        (Kind::Codex, 429) => "rate_limit_exceeded",
        (Kind::Codex, _) => "server_error",
    };
    let Kind::Codex = crew.kind else { return Step::error(status, kind, words, headers) };
    let mut step = Step::open_ai_error(status, kind, words, &[]);
    if let Deed::Refuse { headers: own, .. } = &mut step.deed {
        own.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    }
    step
}

fn outages_of(service: &Up) -> Value {
    let (status, body) = service.0.get("/queue").unwrap();
    assert_eq!(status, 200, "{body}");
    serde_json::from_str::<Value>(&body).unwrap()["outages"].clone()
}

/// The only one, of the agent's credential.
#[track_caller]
fn the_outage(crew: &Crew, service: &Up) -> Value {
    let outages = outages_of(service);
    let list = outages.as_array().unwrap();
    assert_eq!(list.len(), 1, "{outages}");
    assert_eq!((&list[0]["kind"], &list[0]["name"]), (&"credential".into(), &crew.kind.credential().into()));
    list[0].clone()
}
