//! What is answered to which request.

use serde_json::{Value, json};

use super::{BOT, Inside, Shared, StatusRow};
use crate::git;
use crate::model_server::http::{Answer, Request};

/// An error as the servers send it.
pub(super) fn error(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "message": message, "url": "http://127.0.0.1/api/swagger" }))
}

pub(super) fn missing() -> Answer {
    Answer::json(404, &json!({ "message": "not found", "url": "http://127.0.0.1/api/swagger", "errors": null }))
}

/// A list with how many there are on all pages.
fn counted(body: &Value, total: usize) -> Answer {
    let mut answer = Answer::json(200, body);
    answer.headers.push(("x-total-count".to_owned(), total.to_string()));
    answer
}

/// The letters behind `%XX`.
fn plain(text: &str) -> String {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&byte, after)) = rest.split_first() {
        let coded = (byte == b'%').then(|| after.get(..2)).flatten();
        let value = coded.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        (rest, _) = match value {
            Some(value) => (after.get(2..).unwrap_or_default(), out.push(value)),
            None => (after, out.push(byte)),
        };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn number(query: &str, name: &str) -> Option<usize> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}

impl Shared {
    pub(super) fn answer(&self, request: &Request) -> Answer {
        let mut inside = self.lock();
        if request.header("authorization") != Some(&format!("token {}", inside.settings.token)) {
            return error(401, "invalid username, password or token");
        }
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let Some(path) = path.strip_prefix("/api/v1/") else { return missing() };
        let method = request.method.as_str();
        if method != "GET" && !inside.settings.write_scope {
            let scopes = "required=[write:repository], token scope=read:repository";
            return error(403, &format!("token does not have at least one of required scope(s), {scopes}"));
        }
        if let Some(answer) = self.about_server(&inside, method, path) {
            return answer;
        }
        let Some(path) = path.strip_prefix("repos/acme/shop") else { return missing() };
        self.refresh(&mut inside);
        let parts: Vec<String> = path.split('/').skip(1).map(plain).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let body = &request.body;
        match (method, &parts[..]) {
            ("GET", ["pulls", pull, "reviews"]) => reviews(&inside, pull, query),
            ("GET", ["issues", "7"]) => match &inside.settings.issue {
                Some((title, body)) => Answer::json(200, &json!({ "number": 7, "title": title, "body": body })),
                None => missing(),
            },
            ("GET", ["branches", branch]) => self.branch(&inside, branch),
            ("GET", ["branch_protections"]) if !inside.settings.admin => {
                error(403, "user should be an owner or a collaborator with admin write of a repository")
            }
            ("GET", ["branch_protections"]) => protections(&inside),
            ("GET", ["compare", range]) => self.compare(range),
            ("GET", ["git", "commits", sha]) => match self.commit(sha) {
                Some(sha) => Answer::json(200, &json!({ "sha": sha })),
                None => error(404, &format!("commit doesn't exist: {sha}")),
            },
            ("GET", ["commits", sha, "status"]) => self.combined(&inside, sha, query),
            ("POST", ["statuses", sha]) => self.post_status(&mut inside, sha, body),
            ("POST", ["pulls"]) => self.open_pull(&mut inside, body),
            ("GET", ["pulls", pull]) => self.get_pull(&mut inside, pull),
            ("GET", ["pulls", "main", head @ ..]) => self.pull_of(&inside, &head.join("/")),
            ("PATCH", ["pulls", pull]) => self.edit_pull(&mut inside, pull, body),
            ("POST", ["pulls", pull, "merge"]) => {
                pull.parse().map_or_else(|_| missing(), |pull| self.merge(&mut inside, pull, body))
            }
            (method, ["hooks", rest @ ..]) => self.hook(&mut inside, method, rest, body),
            _ => missing(),
        }
    }

    fn about_server(&self, inside: &Inside, method: &str, path: &str) -> Option<Answer> {
        Some(match (method, path) {
            ("GET", "version") => Answer::json(200, &json!({ "version": "1.26.4" })),
            ("GET", "user") => Answer::json(200, &json!({ "id": 2, "login": BOT })),
            ("GET", "repos/acme/shop") => Answer::json(
                200,
                &json!({
                    "id": 1,
                    "full_name": "acme/shop",
                    "permissions": { "admin": inside.settings.admin, "push": true, "pull": true },
                    "allow_fast_forward_only_merge": inside.settings.fast_forward,
                    "allow_manual_merge": inside.settings.manual_merge,
                    "autodetect_manual_merge": false,
                    "archived": false,
                }),
            ),
            _ => return None,
        })
    }

    /// A commit that the repository has.
    pub(super) fn commit(&self, name: &str) -> Option<String> {
        git(&self.repository, &["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]).ok()
    }

    fn branch(&self, inside: &Inside, branch: &str) -> Answer {
        let Some(tip) = self.commit(&format!("refs/heads/{branch}")) else { return missing() };
        let settings = &inside.settings;
        let main = branch == "main";
        let protected = main && (!settings.push_to_main || settings.approvals > 0 || !settings.contexts.is_empty());
        Answer::json(
            200,
            &json!({
                "name": branch,
                "commit": { "id": tip },
                "protected": protected,
                "required_approvals": settings.approvals,
                "enable_status_check": !settings.contexts.is_empty(),
                "status_check_contexts": settings.contexts,
                "user_can_push": !main || settings.push_to_main,
                "user_can_merge": true,
                "effective_branch_protection_name": "",
            }),
        )
    }

    fn compare(&self, range: &str) -> Answer {
        let Some((base, head)) = range.split_once("...") else { return missing() };
        let ends = (self.commit(&format!("refs/heads/{base}")), self.commit(&format!("refs/heads/{head}")));
        let (Some(base), Some(head)) = ends else { return missing() };
        let count = git(&self.repository, &["rev-list", "--count", &format!("{base}..{head}")]).unwrap_or_default();
        Answer::json(200, &json!({ "total_commits": count.parse::<u64>().unwrap_or(0), "commits": [] }))
    }

    /// Combined for each page alone, as the servers do it.
    fn combined(&self, inside: &Inside, sha: &str, query: &str) -> Answer {
        let Some(sha) = self.commit(sha) else { return missing() };
        let limit = number(query, "limit").filter(|limit| *limit > 0).unwrap_or(30).min(inside.settings.page);
        let page = number(query, "page").unwrap_or(1).max(1);
        let mut newest: Vec<&StatusRow> = Vec::new();
        for row in inside.statuses.iter().rev().filter(|row| row.sha == sha) {
            if newest.iter().all(|known| known.body.get("context") != row.body.get("context")) {
                newest.push(row);
            }
        }
        let shown: Vec<_> = newest.iter().skip((page - 1) * limit).take(limit).map(|row| shown(row)).collect();
        let words = |word: &str| shown.iter().any(|status| status.get("status").and_then(Value::as_str) == Some(word));
        let state = match () {
            () if shown.is_empty() || words("pending") => "pending",
            () if words("failure") || words("error") => "failure",
            () => "success",
        };
        let statuses = if shown.is_empty() { Value::Null } else { json!(shown) };
        let body = json!({ "state": state, "sha": sha, "total_count": shown.len(), "statuses": statuses });
        counted(&body, newest.len())
    }

    fn post_status(&self, inside: &mut Inside, sha: &str, body: &Value) -> Answer {
        let Some(sha) = self.commit(sha) else { return error(500, "") };
        let id = inside.next();
        let row = StatusRow { id, sha, body: body.clone() };
        let answer = Answer::json(201, &shown(&row));
        inside.statuses.push(row);
        answer
    }
}

fn shown(row: &StatusRow) -> Value {
    let text = |field: &str| row.body.get(field).and_then(Value::as_str).unwrap_or_default();
    json!({
        "id": row.id,
        "status": text("state"),
        "context": text("context"),
        "description": text("description"),
        "target_url": text("target_url"),
        "creator": { "id": 2, "login": BOT },
    })
}

fn protections(inside: &Inside) -> Answer {
    let settings = &inside.settings;
    Answer::json(
        200,
        &json!([{
            "rule_name": "main",
            "enable_push": settings.push_to_main,
            "required_approvals": settings.approvals,
            "dismiss_stale_approvals": settings.dismiss_stale,
            "ignore_stale_approvals": false,
        }]),
    )
}

fn reviews(inside: &Inside, pull: &str, query: &str) -> Answer {
    if inside.pulls.iter().all(|known| known.number.to_string() != pull) {
        return missing();
    }
    let limit = number(query, "limit").unwrap_or(30).min(inside.settings.page);
    let page = number(query, "page").unwrap_or(1).max(1);
    let of: Vec<_> = inside.reviews.iter().filter(|row| row.pull.to_string() == pull).collect();
    let shown = of.iter().skip((page - 1) * limit).take(limit).map(|row| {
        json!({
            "id": row.id,
            "user": { "id": row.user.bytes().map(u64::from).sum::<u64>(), "login": row.user },
            "state": row.state,
            "body": row.body,
            "commit_id": row.commit,
            "stale": false,
            "official": row.state == "APPROVED",
            "dismissed": row.dismissed,
            "submitted_at": "2026-11-30T01:12:49Z",
        })
    });
    counted(&json!(shown.collect::<Vec<_>>()), of.len())
}
