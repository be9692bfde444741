//! What people do in the web application, and what the API does the same way.

use std::sync::Arc;

use super::hooks::Happened;
use super::{Entry, FakePlane, Inside, Issue, PlaneComment, PlaneRelease, Said, Shared};

/// Who changes something, by which way.
#[derive(Debug, Clone, Copy)]
pub(super) struct By<'a> {
    pub name: &'a str,
    /// The API and not the web application.
    pub api: bool,
}

impl FakePlane {
    /// Somebody makes an issue in a state; gives its id.
    pub fn create(&self, project: &str, by: &str, title: &str, html: &str, state: &str) -> String {
        let mut inside = self.shared.lock();
        let state = inside.state_named(project, state).map(|state| state.id).unwrap_or_default();
        let id = inside.create(project, By { name: by, api: false }, title, html, &state);
        self.shared.told(inside);
        id
    }

    /// Somebody drags an issue to another state.
    pub fn drag(&self, issue: &str, by: &str, state: &str) {
        let mut inside = self.shared.lock();
        let project = inside.issue(issue).map(|issue| issue.project.clone()).unwrap_or_default();
        if let Some(state) = inside.state_named(&project, state) {
            inside.set_state(issue, By { name: by, api: false }, &state.id);
        }
        self.shared.told(inside);
    }

    /// Somebody writes a comment; gives its id.
    pub fn write(&self, issue: &str, by: &str, html: &str) -> String {
        let mut inside = self.shared.lock();
        let id = inside.say(issue, By { name: by, api: false }, html, None);
        self.shared.told(inside);
        id
    }

    /// Somebody renames an issue.
    pub fn rename(&self, issue: &str, by: &str, title: &str) {
        let mut inside = self.shared.lock();
        let now = inside.now_us();
        let old = inside.issue_mut(issue).map(|issue| {
            issue.changed = now;
            std::mem::replace(&mut issue.name, title.to_owned())
        });
        if let Some(old) = old {
            let names = (Some(old), Some(title.to_owned()));
            inside.happened(Happened::updated(issue, by, "name", names));
        }
        self.shared.told(inside);
    }

    /// An issue is deleted, or archived: either way it is not found any more. The newer releases tell nobody.
    pub fn remove(&self, issue: &str, by: &str, archived: bool) {
        let mut inside = self.shared.lock();
        if let Some(issue) = inside.issue_mut(issue) {
            (issue.deleted, issue.archived) = (!archived, archived);
        }
        if inside.release == PlaneRelease::V0_25 && !archived {
            inside.happened(Happened::deleted(issue, by));
        }
        self.shared.told(inside);
    }

    /// An archived issue is put back.
    pub fn restore(&self, issue: &str) {
        let mut inside = self.shared.lock();
        let now = inside.now_us();
        if let Some(issue) = inside.issue_mut(issue) {
            (issue.deleted, issue.archived, issue.changed) = (false, false, now);
        }
    }

    /// An issue waits for another one.
    pub fn block(&self, issue: &str, on: &str) {
        let mut inside = self.shared.lock();
        let now = inside.now_us();
        if let Some(issue) = inside.issue_mut(issue) {
            issue.blocked_by.push(on.to_owned());
            issue.changed = now;
        }
    }

    /// The name of the state in which an issue is.
    pub fn stands(&self, issue: &str) -> String {
        let inside = self.shared.lock();
        let found = inside.issue(issue).and_then(|issue| inside.state(&issue.project, &issue.state));
        found.map(|state| state.name).unwrap_or_default()
    }

    /// Every comment below an issue, oldest first.
    pub fn comments(&self, issue: &str) -> Vec<PlaneComment> {
        let inside = self.shared.lock();
        let said = inside.issue(issue).map(|issue| issue.comments.clone()).unwrap_or_default();
        said.into_iter().map(|said| PlaneComment { by: inside.account_name(&said.by), html: said.html }).collect()
    }

    /// Every move of an issue: by whom, and to which state.
    pub fn moves(&self, issue: &str) -> Vec<(String, String)> {
        let inside = self.shared.lock();
        let moves = inside.issue(issue).map(|issue| issue.moves.clone()).unwrap_or_default();
        let of = moves.into_iter().filter(|entry| entry.field == Some("state"));
        of.map(|entry| (inside.account_name(&entry.by), entry.new.map(|(_, name)| name).unwrap_or_default())).collect()
    }
}

impl Shared {
    /// Deliveries of what happened leave.
    fn told(self: &Arc<Self>, inside: std::sync::MutexGuard<'_, Inside>) {
        drop(inside);
        self.changed.notify_all();
        self.deliver();
    }
}

impl Inside {
    pub(super) fn issue(&self, id: &str) -> Option<&Issue> {
        self.issues.iter().find(|issue| issue.id == id)
    }

    pub(super) fn issue_mut(&mut self, id: &str) -> Option<&mut Issue> {
        self.issues.iter_mut().find(|issue| issue.id == id)
    }

    pub(super) fn create(&mut self, project: &str, by: By<'_>, name: &str, html: &str, state: &str) -> String {
        let (id, made, account) = (self.id(4), self.now_us(), self.account_id(by.name));
        let first = self.projects.iter().find(|known| known.id == project).and_then(|project| project.states.first());
        let state = if state.is_empty() { first.map(|state| state.id.clone()) } else { Some(state.to_owned()) };
        let number = self.projects.iter_mut().find(|known| known.id == project).map_or(0, |project| {
            project.numbers += 1;
            project.numbers
        });
        let entry =
            Entry { id: self.id(5), at: made, by: account.clone(), field: None, old: None, new: None, late: false };
        self.issues.push(Issue {
            id: id.clone(),
            project: project.to_owned(),
            number,
            name: name.to_owned(),
            html: html.to_owned(),
            state: state.unwrap_or_default(),
            priority: "none".to_owned(),
            made,
            changed: made,
            by: account,
            deleted: false,
            archived: false,
            blocked_by: Vec::new(),
            moves: vec![entry],
            comments: Vec::new(),
        });
        if !(by.api && self.release == PlaneRelease::V0_25) {
            self.happened(Happened::created(&id, by.name));
        }
        id
    }

    pub(super) fn set_state(&mut self, issue: &str, by: By<'_>, state: &str) {
        let (now, account, entry) = (self.now_us(), self.account_id(by.name), self.id(5));
        let old_release = self.release == PlaneRelease::V0_25;
        let late = self.late_history;
        let Some(before) = self.issue(issue).cloned().filter(|issue| issue.state != state) else { return };
        let named = |inside: &Self, id: &str| {
            let name = inside.state(&before.project, id).map(|state| state.name).unwrap_or_default();
            (id.to_owned(), name)
        };
        let (old, new) = (named(self, &before.state), named(self, state));
        if let Some(issue) = self.issue_mut(issue) {
            state.clone_into(&mut issue.state);
            issue.changed = now;
            // Moves by the API stand in no history before 1.1.
            if !(by.api && old_release) {
                let (old, new) = (Some(old.clone()), Some(new.clone()));
                issue.moves.push(Entry { id: entry, at: now, by: account, field: Some("state"), old, new, late });
            }
        }
        let ids = (Some(old.0), Some(new.0));
        match (by.api, old_release) {
            (true, true) => {}
            (true, false) => self.happened(Happened::updated(issue, by.name, "state", ids)),
            (false, newer) => {
                self.happened(Happened::updated(issue, by.name, "state_id", ids));
                if newer {
                    self.happened(Happened::updated(issue, by.name, "state", (Some(old.1), Some(new.1))));
                }
            }
        }
    }

    /// A change by the API that names the state by another key: nothing moves, and the history says that it did.
    pub(super) fn tells_a_move_that_never_was(&mut self, issue: &str, by: By<'_>, state: &str) {
        let (at, account, id) = (self.now_us(), self.account_id(by.name), self.id(5));
        let Some(of) = self.issue(issue).cloned() else { return };
        let named = |id: &str| (id.to_owned(), self.state(&of.project, id).map(|state| state.name).unwrap_or_default());
        let (old, new) = (Some(named(&of.state)), Some(named(state)));
        if let Some(issue) = self.issue_mut(issue) {
            issue.moves.push(Entry { id, at, by: account, field: Some("state"), old, new, late: false });
        }
    }

    pub(super) fn say(&mut self, issue: &str, by: By<'_>, html: &str, external: Option<(String, String)>) -> String {
        let (id, at, account) = (self.id(6), self.now_us(), self.account_id(by.name));
        let said = Said { id: id.clone(), at, by: account, html: html.to_owned(), external };
        if let Some(issue) = self.issue_mut(issue) {
            issue.comments.push(said);
            issue.changed = at;
        }
        self.happened(Happened::said(issue, by.name, &id));
        id
    }
}
