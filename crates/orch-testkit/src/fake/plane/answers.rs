//! What is answered to which request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::issues::By;
use super::{Account, Inside, Issue, PLANE_WORKSPACE, PlaneRelease, Project, Said, Shared, State};
use crate::model_server::http::{Answer, Request};

/// The workspace's own id.
pub(super) const WORKSPACE_ID: &str = "6f7377a9-3a19-4a57-b774-dae3fa8fde7d";
/// The window in which requests are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// An error of a view.
pub(super) fn error(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "error": message }))
}

/// An error of the framework.
fn detail_error(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "detail": message }))
}

fn no_such_page() -> Answer {
    error(404, "Page not found.")
}

fn missing() -> Answer {
    error(404, "The requested resource does not exist.")
}

fn forbidden() -> Answer {
    detail_error(403, "You do not have permission to perform this action.")
}

fn time(us: i64) -> String {
    format!("{:.6}", jiff::Timestamp::from_microsecond(us).unwrap_or_default())
}

pub(super) fn detail(issue: &Issue) -> Value {
    json!({
        "id": issue.id, "type_id": null, "created_at": time(issue.made), "updated_at": time(issue.changed),
        "deleted_at": null, "point": null, "name": issue.name, "description_html": issue.html,
        "description_binary": null, "priority": issue.priority, "start_date": null, "target_date": null,
        "sequence_id": issue.number, "sort_order": 65535.0, "completed_at": null, "archived_at": null,
        "is_draft": false, "external_source": null, "external_id": null, "created_by": issue.by,
        "updated_by": issue.by, "project": issue.project, "workspace": WORKSPACE_ID, "parent": null,
        "state": issue.state, "estimate_point": null, "type": null, "assignees": [], "labels": [],
    })
}

pub(super) fn comment(issue: &Issue, said: &Said, release: PlaneRelease) -> Value {
    let (source, id) = said.external.clone().unzip();
    let mut body = json!({
        "id": said.id, "created_at": time(said.at), "updated_at": time(said.at), "deleted_at": null,
        "comment_html": said.html, "attachments": [], "access": "INTERNAL", "external_source": source,
        "external_id": id, "edited_at": null, "created_by": said.by, "updated_by": null,
        "project": issue.project, "workspace": WORKSPACE_ID, "issue": issue.id, "actor": said.by,
    });
    if release == PlaneRelease::V1_3 {
        body["description"] = json!("e5310541-fa9c-4619-9825-3169dbd7b5bb");
        body["parent"] = Value::Null;
    }
    body
}

fn state(state: &State, project: &str, release: PlaneRelease) -> Value {
    let mut body = json!({
        "id": state.id, "created_at": time(state.made), "updated_at": time(state.made), "deleted_at": null,
        "name": state.name, "description": "", "color": "#60646C", "slug": "", "sequence": 15000.0,
        "group": state.group, "is_triage": false, "default": state.name == "Backlog", "external_source": null,
        "external_id": null, "created_by": null, "updated_by": null, "project": project, "workspace": WORKSPACE_ID,
    });
    if release > PlaneRelease::V0_25 {
        body["slug"] = state.name.to_lowercase().replace(' ', "-").into();
    }
    body
}

fn account(of: &Account) -> Value {
    json!({
        "id": of.id, "first_name": of.name, "last_name": "", "email": format!("{}@example.test", of.name), "avatar": "",
        "avatar_url": null, "display_name": of.name,
    })
}

fn project(of: &Project, asker: &str) -> Value {
    json!({
        "id": of.id, "name": of.name, "identifier": of.identifier, "description": "", "network": 2,
        "is_member": of.members.iter().any(|member| member == asker), "member_role": 15, "workspace": WORKSPACE_ID,
    })
}

/// The value of a part of the query.
fn asked<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// A page, as the query asks for it.
fn paged(query: &str, most: usize, items: Vec<Value>) -> Answer {
    let per_page = match asked(query, "per_page").map(str::parse::<i64>) {
        None => most,
        Some(Ok(size)) if size > 1000 => return detail_error(400, "Invalid per_page value. Cannot exceed 1000."),
        Some(Ok(size)) if size < 1 => return error(500, "Something went wrong please try again later"),
        Some(Ok(size)) => usize::try_from(size).unwrap_or(most).min(most),
        Some(Err(_)) => return detail_error(400, "Invalid per_page parameter."),
    };
    let page = match asked(query, "cursor").map(|cursor| cursor.replace("%3A", ":")) {
        None => 0,
        // The first number, the size of a page, is ignored.
        Some(cursor) => match cursor.split(':').nth(1).and_then(|page| page.parse::<usize>().ok()) {
            Some(page) => page,
            None => return detail_error(400, "Invalid cursor parameter."),
        },
    };
    let total = items.len();
    let fields: Option<Vec<&str>> = asked(query, "fields").map(|fields| fields.split(',').collect());
    let of_page: Vec<Value> = items
        .into_iter()
        .skip(page * per_page)
        .take(per_page)
        .map(|mut item| {
            if let (Some(fields), Some(record)) = (&fields, item.as_object_mut()) {
                record.retain(|name, _| fields.contains(&name.as_str()));
            }
            item
        })
        .collect();
    Answer::json(
        200,
        &json!({
            "grouped_by": null, "sub_grouped_by": null, "total_count": total,
            "next_cursor": format!("{per_page}:{}:0", page + 1),
            "prev_cursor": format!("{per_page}:{}:1", i64::try_from(page).unwrap_or(0) - 1),
            "next_page_results": (page + 1) * per_page < total, "prev_page_results": page > 0,
            "count": of_page.len(), "total_pages": total.div_ceil(per_page), "total_results": total,
            "extra_stats": null, "results": of_page,
        }),
    )
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

impl Shared {
    pub(super) fn answer(self: &Arc<Self>, request: &Request) -> Answer {
        let mut inside = self.lock();
        let answer = inside.answer(request);
        drop(inside);
        self.changed.notify_all();
        self.deliver();
        answer
    }
}

impl Inside {
    fn answer(&mut self, request: &Request) -> Answer {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        if !path.ends_with('/') {
            let mut answer = Answer::body(301, "text/html", String::new());
            answer.headers.push(("location".to_owned(), format!("{path}/")));
            return answer;
        }
        let Some(key) = request.header("x-api-key") else {
            return detail_error(401, "Authentication credentials were not provided.");
        };
        let Some(asker) = self.accounts.iter().find(|account| account.key == key).cloned() else {
            return detail_error(403, "Given API token is not valid");
        };
        if let Some(seconds) = self.over_limit(key) {
            let body = json!({ "error_code": 5900, "error_message": "RATE_LIMIT_EXCEEDED" });
            let mut answer = Answer::json(429, &body);
            answer.headers.push(("retry-after".to_owned(), seconds.to_string()));
            return answer;
        }
        let Some(path) = path.strip_prefix("/api/v1/") else { return no_such_page() };
        let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        let method = request.method.as_str();
        match parts.as_slice() {
            ["users", "me"] if self.release > PlaneRelease::V0_25 => Answer::json(200, &account(&asker)),
            ["workspaces", PLANE_WORKSPACE, "projects"] => {
                let all = self.projects.iter().map(|of| project(of, &asker.name)).collect();
                paged(query, self.page, all)
            }
            ["workspaces", PLANE_WORKSPACE, "projects", id, rest @ ..] => {
                let (id, rest) = (*id, rest.to_vec());
                self.of_project(&asker, method, id, &rest, query, &request.body)
            }
            ["workspaces", workspace, ..] if *workspace != PLANE_WORKSPACE => forbidden(),
            _ => no_such_page(),
        }
    }

    /// Seconds until this key may be used again, if it may not now.
    fn over_limit(&mut self, key: &str) -> Option<u64> {
        let (most, now) = (self.most, Instant::now());
        let used = self.used.entry(key.to_owned()).or_default();
        while used.front().is_some_and(|at| now.duration_since(*at) >= WINDOW) {
            used.pop_front();
        }
        if used.len() >= most {
            let left = used.front().map_or(WINDOW, |oldest| WINDOW.saturating_sub(now.duration_since(*oldest)));
            return Some(left.as_secs() + 1);
        }
        used.push_back(now);
        None
    }

    fn of_project(
        &mut self,
        asker: &Account,
        method: &str,
        id: &str,
        rest: &[&str],
        query: &str,
        body: &Value,
    ) -> Answer {
        let Some(of) = self.projects.iter().find(|known| known.id == id).cloned() else {
            return if rest.is_empty() { missing() } else { forbidden() };
        };
        if !of.members.contains(&asker.name) {
            return forbidden();
        }
        let release = self.release;
        match (method, rest) {
            ("GET", []) => Answer::json(200, &project(&of, &asker.name)),
            ("GET", ["states"]) => paged(query, self.page, of.states.iter().map(|of| state(of, id, release)).collect()),
            ("POST", ["states"]) => self.make_state(id, body),
            ("GET", ["members"]) => {
                let members = self.accounts.iter().filter(|known| of.members.contains(&known.name));
                Answer::json(200, &members.map(account).collect())
            }
            (_, ["work-items", ..]) if release == PlaneRelease::V0_25 => no_such_page(),
            (_, ["issues" | "work-items", ..]) => self.of_issues(asker, method, &of, rest, query, body),
            _ => no_such_page(),
        }
    }

    fn make_state(&mut self, project: &str, body: &Value) -> Answer {
        let Some(name) = body["name"].as_str() else {
            return Answer::json(400, &json!({ "name": ["This field is required."] }));
        };
        if !body["color"].is_string() {
            return Answer::json(400, &json!({ "color": ["This field is required."] }));
        }
        if let Some(there) = self.state_named(project, name) {
            let message = "State with the same name already exists in the project";
            return Answer::json(409, &json!({ "error": message, "id": there.id }));
        }
        let group = body["group"].as_str().unwrap_or("backlog").to_owned();
        let made = State { id: self.id(3), name: name.to_owned(), group, made: self.now_us() };
        // 200, and not 201.
        let answer = Answer::json(200, &state(&made, project, self.release));
        if let Some(project) = self.projects.iter_mut().find(|known| known.id == project) {
            project.states.push(made);
        }
        answer
    }

    fn of_issues(
        &mut self,
        asker: &Account,
        method: &str,
        of: &Project,
        rest: &[&str],
        query: &str,
        body: &Value,
    ) -> Answer {
        let by = By { name: &asker.name, api: true };
        match (method, rest) {
            ("GET", [_]) => self.list(of, query),
            ("POST", [_]) => {
                let Some(name) = body["name"].as_str() else {
                    return Answer::json(400, &json!({ "name": ["This field is required."] }));
                };
                let html = body["description_html"].as_str().unwrap_or("<p></p>");
                let made = self.create(&of.id, by, name, html, body["state"].as_str().unwrap_or_default());
                self.issue(&made).map_or_else(missing, |issue| Answer::json(201, &detail(issue)))
            }
            (_, [_, id, ..]) if !is_uuid(id) => no_such_page(),
            (_, ["issues", _, "relations"]) => no_such_page(),
            ("POST", [_, id, "comments"]) => self.comment(id, by, body),
            (_, [_, id, below @ ..]) => {
                let found = self.issue(id).filter(|issue| issue.project == of.id && !issue.deleted).cloned();
                let Some(issue) = found else { return missing() };
                self.of_issue(method, &issue, below, query, by, body)
            }
            _ => no_such_page(),
        }
    }

    fn list(&self, of: &Project, query: &str) -> Answer {
        if asked(query, "order_by").is_some_and(|order| !["-updated_at", "created_at", "-created_at"].contains(&order))
        {
            return error(500, "Something went wrong please try again later");
        }
        let shown = |issue: &&Issue| issue.project == of.id && !issue.deleted && !issue.archived;
        let mut issues: Vec<&Issue> = self.issues.iter().filter(shown).collect();
        match asked(query, "order_by") {
            Some("-updated_at") => issues.sort_by_key(|issue| std::cmp::Reverse(issue.changed)),
            Some("created_at") => issues.sort_by_key(|issue| issue.made),
            _ => issues.sort_by_key(|issue| std::cmp::Reverse(issue.made)),
        }
        paged(query, self.page, issues.into_iter().map(detail).collect())
    }

    fn of_issue(
        &mut self,
        method: &str,
        issue: &Issue,
        below: &[&str],
        query: &str,
        by: By<'_>,
        body: &Value,
    ) -> Answer {
        match (method, below) {
            // A change is taken of an archived one all the same.
            ("PATCH", []) => self.patch(issue, by, body),
            ("GET", _) if issue.archived => missing(),
            ("GET", []) => Answer::json(200, &detail(issue)),
            ("GET", ["comments"]) => {
                let said = issue.comments.iter().rev();
                paged(query, self.page, said.map(|said| comment(issue, said, self.release)).collect())
            }
            ("GET", ["activities"]) => {
                let entries = issue.moves.iter().filter(|entry| !entry.late).map(|entry| {
                    let (old_id, old) = entry.old.clone().unzip();
                    let (new_id, new) = entry.new.clone().unzip();
                    let verb = if entry.field.is_some() { "updated" } else { "created" };
                    json!({
                        "id": entry.id, "created_at": time(entry.at), "updated_at": time(entry.at), "deleted_at": null,
                        "verb": verb, "field": entry.field, "old_value": old, "new_value": new,
                        "comment": "updated the state to", "attachments": [], "old_identifier": old_id,
                        "new_identifier": new_id, "epoch": 0.0, "project": issue.project, "workspace": WORKSPACE_ID,
                        "issue": issue.id, "issue_comment": null, "actor": entry.by,
                    })
                });
                paged(query, self.page, entries.collect())
            }
            ("GET", ["relations"]) => {
                let related = |id: &String| json!({ "project_id": issue.project, "issue_id": id });
                let there = |id: &&String| self.issue(id).is_some_and(|issue| !issue.deleted);
                let blocked: Vec<Value> = issue.blocked_by.iter().filter(there).map(related).collect();
                let of = self.issues.iter().filter(|other| other.blocked_by.contains(&issue.id));
                let blocking: Vec<Value> = of.map(|other| related(&other.id)).collect();
                Answer::json(
                    200,
                    &json!({
                        "blocking": blocking, "blocked_by": blocked, "duplicate": [], "relates_to": [],
                        "start_after": [], "start_before": [], "finish_after": [], "finish_before": [],
                    }),
                )
            }
            _ => detail_error(405, &format!("Method \"{method}\" not allowed.")),
        }
    }

    fn patch(&mut self, issue: &Issue, by: By<'_>, body: &Value) -> Answer {
        // Keys that it does not know are ignored without a word.
        if let Some(wanted) = body["state"].as_str() {
            if !is_uuid(wanted) {
                return Answer::json(400, &json!({ "state": [format!("“{wanted}” is not a valid UUID.")] }));
            }
            if self.state(&issue.project, wanted).is_none() {
                let words = format!("Invalid pk \"{wanted}\" - object does not exist.");
                return Answer::json(400, &json!({ "state": [words] }));
            }
            self.set_state(&issue.id, by, wanted);
        }
        if let Some(wanted) = body["state_id"].as_str() {
            self.tells_a_move_that_never_was(&issue.id, by, wanted);
        }
        self.issue(&issue.id).map_or_else(missing, |issue| Answer::json(200, &detail(issue)))
    }

    fn comment(&mut self, issue: &str, by: By<'_>, body: &Value) -> Answer {
        if self.issue(issue).is_none_or(|issue| issue.deleted) {
            // Not 404.
            return error(400, "The payload is not valid");
        }
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        let external = text("external_source").zip(text("external_id"));
        let there = self.issue(issue).and_then(|issue| {
            issue
                .comments
                .iter()
                .find(|said| external.is_some() && said.external == external)
                .map(|said| said.id.clone())
        });
        if let Some(id) = there {
            let message = "Work item comment with the same external id and external source already exists";
            return Answer::json(409, &json!({ "error": message, "id": id }));
        }
        let html = text("comment_html").unwrap_or_else(|| "<p></p>".to_owned());
        let id = self.say(issue, by, &html, external);
        let found = self.issue(issue).and_then(|issue| {
            let said = issue.comments.iter().find(|said| said.id == id)?;
            Some(comment(issue, said, self.release))
        });
        found.map_or_else(missing, |body| Answer::json(201, &body))
    }
}
