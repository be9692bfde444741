//! Change requests: opened, edited, closed with their branch, and merged with everything that keeps them from it.

use serde_json::{Value, json};

use super::answers::{error, missing};
use super::{BOT, GiteaPull, Inside, Shared};
use crate::git;
use crate::model_server::http::Answer;

/// What is said while a check runs, of a conflict, and of what is merged already.
const LATER: &str = "Please try again later";

impl Shared {
    /// What pushes did to change requests: a new head is unchecked and may void approvals, a branch that is gone closes.
    pub(super) fn refresh(&self, inside: &mut Inside) {
        let (checks, voids) = (inside.settings.checks, inside.settings.dismiss_stale);
        for pull in inside.pulls.iter_mut().filter(|pull| pull.open) {
            match self.commit(&format!("refs/heads/{}", pull.branch)) {
                Some(tip) if tip == pull.head => {}
                Some(tip) => {
                    (pull.head, pull.unchecked) = (tip, checks);
                    if voids {
                        let of = inside.reviews.iter_mut().filter(|row| row.pull == pull.number);
                        of.for_each(|row| row.dismissed = true);
                    }
                }
                None => pull.open = false,
            }
        }
    }

    fn is_in_main(&self, sha: &str) -> bool {
        git(&self.repository, &["merge-base", "--is-ancestor", sha, "refs/heads/main"]).is_ok()
    }

    fn shown(&self, pull: &GiteaPull) -> Value {
        json!({
            "id": pull.number,
            "number": pull.number,
            "url": format!("http://{}/acme/shop/pulls/{}", self.authority, pull.number),
            "html_url": format!("http://{}/acme/shop/pulls/{}", self.authority, pull.number),
            "user": { "id": 2, "login": BOT },
            "title": pull.title,
            "body": pull.body,
            "state": if pull.open { "open" } else { "closed" },
            "merged": pull.merged,
            "mergeable": pull.open && pull.unchecked == 0,
            "head": { "ref": pull.branch, "sha": pull.head },
            "base": { "ref": "main", "sha": self.commit("refs/heads/main").unwrap_or_default() },
        })
    }

    pub(super) fn open_pull(&self, inside: &mut Inside, body: &Value) -> Answer {
        let text = |field: &str| body.get(field).and_then(Value::as_str).unwrap_or_default();
        let (branch, title) = (text("head"), text("title"));
        if title.is_empty() {
            return error(422, "[Title]: Required");
        }
        if branch == text("base") {
            return error(422, "Invalid PullRequest: There are no changes between the head and the base");
        }
        let Some(head) = self.commit(&format!("refs/heads/{branch}")).filter(|_| text("base") == "main") else {
            return missing();
        };
        if let Some(known) = inside.pulls.iter().find(|pull| pull.open && pull.branch == branch) {
            let ids = format!("id: {0}, issue_id: {0}", known.number);
            let rest = format!("head_repo_id: 1, base_repo_id: 1, head_branch: {branch}, base_branch: main");
            return error(409, &format!("pull request already exists for these targets [{ids}, {rest}]"));
        }
        let pull = GiteaPull {
            number: inside.next(),
            branch: branch.to_owned(),
            title: title.to_owned(),
            body: text("body").to_owned(),
            open: true,
            merged: false,
            head,
            unchecked: inside.settings.checks,
        };
        let answer = Answer::json(201, &self.shown(&pull));
        inside.pulls.push(pull);
        answer
    }

    pub(super) fn get_pull(&self, inside: &mut Inside, number: &str) -> Answer {
        let Some(pull) = inside.pulls.iter_mut().find(|pull| pull.number.to_string() == number) else {
            return missing();
        };
        let answer = Answer::json(200, &self.shown(pull));
        pull.unchecked = pull.unchecked.saturating_sub(1);
        answer
    }

    /// Any one of a branch, in no order that is promised.
    pub(super) fn pull_of(&self, inside: &Inside, branch: &str) -> Answer {
        match inside.pulls.iter().find(|pull| pull.branch == branch) {
            Some(pull) => Answer::json(200, &self.shown(pull)),
            None => missing(),
        }
    }

    pub(super) fn edit_pull(&self, inside: &mut Inside, number: &str, body: &Value) -> Answer {
        let Some(pull) = inside.pulls.iter_mut().find(|pull| pull.number.to_string() == number) else {
            return missing();
        };
        let text = |field: &str| body.get(field).and_then(Value::as_str);
        match text("state") {
            Some("open") if pull.merged => {
                return error(412, "cannot change state of this pull request, it was already merged");
            }
            Some(state) if !pull.merged => pull.open = state == "open",
            _ => {}
        }
        pull.title = text("title").unwrap_or(&pull.title).to_owned();
        pull.body = text("body").unwrap_or(&pull.body).to_owned();
        // Of all that is answered with 200 elsewhere, this is 201.
        Answer::json(201, &self.shown(pull))
    }

    pub(super) fn merge(&self, inside: &mut Inside, number: u64, body: &Value) -> Answer {
        let settings = inside.settings.clone();
        let approvals = inside
            .reviews
            .iter()
            .filter(|row| row.pull == number && row.state == "APPROVED" && !row.dismissed && row.user != BOT);
        let approved = approvals.count() as u64 >= settings.approvals;
        let Some(at) = inside.pulls.iter().position(|pull| pull.number == number) else { return missing() };
        let Some(mut pull) = inside.pulls.get(at).cloned() else { return missing() };
        let style = body.get("Do").and_then(Value::as_str).unwrap_or_default();
        let answer = match style {
            "" => error(422, "[Do]: Required"),
            _ if pull.merged => error(405, "The PR is already merged"),
            _ if !pull.open => missing(),
            "manually-merged" => self.marked(&mut pull, settings.manual_merge, body),
            "fast-forward-only" if !settings.fast_forward => {
                error(405, "fast-forward-only is not allowed an allowed merge style for this repository")
            }
            _ if body.get("head_commit_id").is_some_and(|sha| sha.as_str() != Some(&pull.head)) => {
                pull.unchecked = settings.checks;
                error(409, "head out of date")
            }
            _ if pull.unchecked > 0 => error(405, LATER),
            _ if settings.contexts.iter().any(|context| !green(inside, &pull.head, context)) => {
                error(405, "Not all required status checks successful")
            }
            _ if !approved => error(405, "Does not have enough approvals"),
            _ => self.merged(&mut pull, style),
        };
        if let Some(kept) = inside.pulls.get_mut(at) {
            *kept = pull;
        }
        answer
    }

    /// Merged by hand, somebody says.
    fn marked(&self, pull: &mut GiteaPull, allowed: bool, body: &Value) -> Answer {
        let commit = body.get("MergeCommitID").and_then(Value::as_str).unwrap_or_default();
        if !allowed {
            return error(405, "manually-merged is not allowed an allowed merge style for this repository");
        }
        if !self.is_in_main(commit) {
            return error(409, "Wrong commit ID");
        }
        (pull.open, pull.merged) = (false, true);
        Answer::body(200, "application/json", String::new())
    }

    fn merged(&self, pull: &mut GiteaPull, style: &str) -> Answer {
        let Some(main) = self.commit("refs/heads/main") else { return missing() };
        let run = |arguments: &[&str]| git(&self.repository, arguments).ok();
        let message = format!("{} (#{})", pull.title, pull.number);
        let names = ["-c", "user.name=Peter", "-c", "user.email=peter@example.org"];
        let commit = |parents: &[&str]| {
            let tree = run(&["merge-tree", "--write-tree", &main, &pull.head])?;
            run(&[&names[..], &["commit-tree", &tree, "-m", &message], parents].concat())
        };
        let new = match style {
            "fast-forward-only" => run(&["merge-base", "--is-ancestor", &main, &pull.head]).map(|_| pull.head.clone()),
            "merge" => commit(&["-p", &main, "-p", &pull.head]),
            "squash" => commit(&["-p", &main]),
            _ => return error(422, "[Do]: In"),
        };
        // A conflict, and a head that is behind.
        let Some(new) = new else { return error(405, LATER) };
        if run(&["update-ref", "refs/heads/main", &new, &main]).is_none() {
            return error(409, "PushRejected with remote message: cannot lock ref 'refs/heads/main'");
        }
        (pull.open, pull.merged) = (false, true);
        Answer::body(200, "application/json", String::new())
    }
}

fn green(inside: &Inside, sha: &str, context: &str) -> bool {
    let text = |body: &Value, field: &str| body.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let of = inside.statuses.iter().rev().find(|row| row.sha == sha && text(&row.body, "context") == context);
    of.is_some_and(|row| ["success", "skipped"].contains(&text(&row.body, "state").as_str()))
}
