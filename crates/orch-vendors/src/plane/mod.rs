//! Plane, Community Edition from 0.23 on: issues, their states, history and comments by its API, and its webhooks. What two
//! releases do is recorded in `fixtures`; little of it is what one would guess. What releases differ in is found out by what
//! the server answers, not by its version, which it does not tell.

mod api;
mod channel;
mod hook;
mod html;
#[cfg(test)]
mod recorded_tests;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use orch_ports::PortResult;
use orch_ports::tracker::{
    DetailRead, HookHeard, HookRequest, IssueStory, IssueTracker, ListedIssue, TrackerAccess, TrackerState,
};
use orch_rules::connection::NewConnection;
use orch_rules::port_error::ErrorKind;
use orch_rules::rights::ConnectionKind;
use serde_json::{Value, json};
use ureq::http::Method;

pub use self::api::{PlaneApi, PlaneSite};
pub use self::channel::{A_MINUTE, KeyChannel};
use self::hook::is_uuid;
use self::wire::{Activity, Issue, Item, PlaneMember, Project, Relations, SaidThere, State, moves_of};

/// Records of a page, where all are wanted: as many as a server gives.
const WHOLE: usize = 1000;
/// Records of a page, where only what is new is wanted.
const NEWEST: usize = 100;
/// What makes the ids of our comments ours.
const EXTERNAL_SOURCE: &str = "orchestrion";
/// A colour of states that are made; people change it as they like.
const COLOUR: &str = "#60646C";

/// Reads a secret; says in words for people why it cannot.
type ReadSecret = Box<dyn Fn() -> Result<String, String> + Send + Sync>;

/// One project on a Plane server.
pub struct PlaneTracker {
    name: String,
    project: String,
    api: PlaneApi,
    /// The ways of role bots, by role.
    bots: BTreeMap<String, PlaneApi>,
    /// Our accounts, where the server does not tell whose a key is: by id, mail address or displayed name.
    named: Vec<String>,
    shared: bool,
    secret: ReadSecret,
    /// States by name, as they were read last.
    states: Mutex<BTreeMap<String, String>>,
}

/// A project that a key can see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaneProject {
    /// Its uuid.
    pub id: String,
    /// As people call it.
    pub name: String,
    /// What its issues' numbers begin with.
    pub identifier: String,
}

/// The projects that the key's account is a member of.
///
/// # Errors
/// [`orch_ports::PortError`].
pub fn projects(api: &PlaneApi) -> PortResult<Vec<PlaneProject>> {
    let all: Vec<Project> = api.pages("projects/", "", WHOLE, |_| false)?;
    let mine = all.into_iter().filter(|project| project.is_member);
    Ok(mine.map(|of| PlaneProject { id: of.id, name: of.name, identifier: of.identifier }).collect())
}

impl PlaneTracker {
    /// The project `project` of the workspace that `api` leads to. `secret` reads the webhook's secret.
    pub fn new(
        name: impl Into<String>,
        project: impl Into<String>,
        api: PlaneApi,
        secret: impl Fn() -> Result<String, String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            project: project.into(),
            api,
            bots: BTreeMap::new(),
            named: Vec::new(),
            shared: false,
            secret: Box::new(secret),
            states: Mutex::default(),
        }
    }

    /// What a role says is said with this key.
    #[must_use]
    pub fn with_bot(mut self, role: impl Into<String>, api: PlaneApi) -> Self {
        self.bots.insert(role.into(), api);
        self
    }

    /// These accounts are ours, too, or, with `shared`, a person's own.
    #[must_use]
    pub fn with_accounts(mut self, accounts: Vec<String>, shared: bool) -> Self {
        (self.named, self.shared) = (accounts, shared);
        self
    }

    fn path(&self, of: &str) -> String {
        format!("projects/{}/{of}", self.project)
    }

    /// Below an issue. This older path leads to everything but relations in every release.
    fn issue(&self, issue: &str, of: &str) -> PortResult<String> {
        // It becomes a part of an address.
        if !is_uuid(issue) {
            return Err(self.api.of(ErrorKind::Refused, issue, format!("`{issue}` is no issue's id")));
        }
        Ok(self.path(&format!("issues/{issue}/{of}")))
    }

    /// Whose account a key is; `None` if the server does not tell.
    fn whose(api: &PlaneApi) -> PortResult<Option<PlaneMember>> {
        let answer = api.ask(Method::GET, "users/me/", "", None)?;
        if answer.status == 404 { Ok(None) } else { api.read("users/me/", &answer).map(Some) }
    }

    fn members(&self) -> PortResult<Vec<PlaneMember>> {
        let path = self.path("members/");
        let answer = self.api.call(Method::GET, &path, "", None)?;
        if answer.status == 404 { Ok(Vec::new()) } else { self.api.read(&path, &answer) }
    }

    /// Ids of all our accounts.
    fn accounts(&self) -> PortResult<BTreeSet<String>> {
        let mut ours = BTreeSet::new();
        let mut unknown = 0;
        for api in std::iter::once(&self.api).chain(self.bots.values()) {
            match Self::whose(api)? {
                Some(account) => drop(ours.insert(account.id)),
                None => unknown += 1,
            }
        }
        let (ids, names): (Vec<&String>, Vec<&String>) = self.named.iter().partition(|named| is_uuid(named));
        ours.extend(ids.into_iter().cloned());
        let members = if names.is_empty() { Vec::new() } else { self.members()? };
        for name in names {
            let of = |account: &&PlaneMember| account.display_name == *name || account.email.as_ref() == Some(name);
            match members.iter().find(of) {
                Some(account) => drop(ours.insert(account.id.clone())),
                None => {
                    let words =
                        format!("nobody in the project is called {name}; name our account in `accounts` by its id");
                    return Err(self.api.trouble(ErrorKind::Refused, words));
                }
            }
        }
        if unknown > self.named.len() {
            // What we say ourselves would be taken for people's word.
            let words = "this release of Plane does not tell whose account a key is; name it in the settings: \
                         accounts = [\"mail address or displayed name\"]";
            return Err(self.api.trouble(ErrorKind::Refused, words));
        }
        Ok(ours)
    }

    /// An issue that is not found is gone only if its project is there.
    fn missing(&self) -> PortResult<()> {
        let path = self.path("");
        let answer = self.api.call(Method::GET, &path, "", None)?;
        if answer.is_fine() {
            return Ok(());
        }
        let words = format!(
            "{} has no project {}; give the project's id, as in the address of its pages",
            self.api.site(),
            self.project
        );
        Err(self.api.trouble(if answer.status == 404 { ErrorKind::Gone } else { ErrorKind::Passing }, words))
    }

    fn named_state(&self, name: &str) -> Option<String> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// What a change that was not done says of its issue.
    fn not_done(&self, issue: &str, answer: &api::PlaneAnswer) -> PortResult<()> {
        let there = self.detail(issue)?.found.is_some();
        let error = self.api.refused(issue, answer);
        if there {
            return Err(error);
        }
        Err(self.api.of(ErrorKind::Gone, issue, format!("{} has no issue {issue} any more", self.api.server())))
    }
}

impl IssueTracker for PlaneTracker {
    fn name(&self) -> &str {
        &self.name
    }

    fn project(&self) -> &str {
        &self.project
    }

    fn fingerprint(&self) -> String {
        self.api.fingerprint()
    }

    fn connection(&self) -> PortResult<NewConnection> {
        Ok(NewConnection {
            name: self.name.clone(),
            product: "plane".to_owned(),
            kind: ConnectionKind::Tracker,
            server: self.api.site().root().to_owned(),
            project: self.project.clone(),
            accounts: self.accounts()?.into_iter().collect(),
        })
    }

    fn is_shared(&self) -> bool {
        self.shared
    }

    fn states(&self) -> PortResult<Vec<TrackerState>> {
        let found: Vec<State> = self.api.pages(&self.path("states/"), "", WHOLE, |_| false)?;
        let found: Vec<TrackerState> = found.into_iter().filter_map(State::ours).collect();
        *self.states.lock().unwrap_or_else(PoisonError::into_inner) =
            found.iter().map(|state| (state.name.clone(), state.id.clone())).collect();
        Ok(found)
    }

    fn make_state(&self, name: &str, group: &str) -> PortResult<()> {
        let body = json!({ "name": name, "group": group, "color": COLOUR });
        let answer = self.api.call(Method::POST, &self.path("states/"), "", Some(&body))?;
        if answer.is_fine() || answer.status == 409 { Ok(()) } else { Err(self.api.refused(name, &answer)) }
    }

    fn list(&self, since: Option<&str>) -> PortResult<Vec<ListedIssue>> {
        // No release filters; the order is what lets us stop early. One that did not keep it would be read to its end.
        let query = "&order_by=-updated_at&fields=id,state,updated_at";
        let mut last: Option<String> = None;
        let mut ordered = true;
        let enough = |items: &[Item]| {
            for item in items {
                let changed = item.changed();
                ordered &= last.as_ref().is_none_or(|last| changed <= *last);
                last = Some(changed);
            }
            since.is_some_and(|since| ordered && last.as_ref().is_some_and(|last| last.as_str() < since))
        };
        let per_page = if since.is_some() { NEWEST } else { WHOLE };
        let items: Vec<Item> = self.api.pages(&self.path("issues/"), query, per_page, enough)?;
        let mut found = BTreeSet::new();
        let items = items.into_iter().map(Item::ours);
        // What changes between two pages moves to the first one, and what stood at the end of a page comes twice.
        let items = items.filter(|item| since.is_none_or(|since| item.changed.as_str() >= since));
        Ok(items.filter(|item| found.insert(item.id.clone())).collect())
    }

    fn detail(&self, issue: &str) -> PortResult<DetailRead> {
        let answer = self.api.call(Method::GET, &self.issue(issue, "")?, "", None)?;
        let (read_at, ahead_ms) = (answer.asked_at, answer.ahead_ms);
        let found = if answer.status == 404 {
            self.missing()?;
            None
        } else {
            Some(self.api.read::<Issue>(issue, &answer)?.ours())
        };
        Ok(DetailRead { read_at, ahead_ms, found })
    }

    fn story(&self, issue: &str) -> PortResult<IssueStory> {
        let path = self.issue(issue, "activities/")?;
        let entries: Vec<Activity> = self.api.pages(&path, "", WHOLE, |_| false)?;
        let unnamed = |entry: &Activity| {
            entry.field.as_deref() == Some("state") && entry.moved(|name| self.named_state(name)).is_none()
        };
        if entries.iter().any(unnamed) {
            self.states()?;
        }
        let made_by = entries.iter().find(|entry| entry.makes()).and_then(|entry| entry.actor.clone());
        let history = moves_of(&entries, |name| self.named_state(name));
        let mut comments: Vec<SaidThere> = self.api.pages(&self.issue(issue, "comments/")?, "", WHOLE, |_| false)?;
        // Of two pages the same one may come twice.
        comments.sort_by(|a, b| (&a.created_at, &a.id).cmp(&(&b.created_at, &b.id)));
        comments.dedup_by(|a, b| a.id == b.id);
        let comments = comments.into_iter().map(SaidThere::ours).collect();
        Ok(IssueStory { history: Some(history), made_by, comments })
    }

    fn blocked_by(&self, issue: &str) -> PortResult<Vec<String>> {
        self.issue(issue, "")?;
        // Only here, and only in newer releases.
        let path = self.path(&format!("work-items/{issue}/relations/"));
        let answer = self.api.call(Method::GET, &path, "", None)?;
        if answer.status == 404 {
            return Ok(Vec::new());
        }
        let found: Relations = self.api.read(issue, &answer)?;
        let own = found.blocked_by.into_iter().filter(|of| of.project_id == self.project && of.issue_id != issue);
        Ok(own.map(|of| of.issue_id).collect())
    }

    fn comment(&self, issue: &str, role: &str, key: &str, text: &str) -> PortResult<()> {
        let api = self.bots.get(role).unwrap_or(&self.api);
        let body = json!({
            "comment_html": html::html(text),
            "external_source": EXTERNAL_SOURCE,
            "external_id": key,
        });
        let answer = api.call(Method::POST, &self.issue(issue, "comments/")?, "", Some(&body))?;
        match answer.status {
            // SaidThere already: an earlier answer was lost.
            409 => Ok(()),
            _ if answer.is_fine() => Ok(()),
            _ => self.not_done(issue, &answer),
        }
    }

    fn set_state(&self, issue: &str, state: &str) -> PortResult<()> {
        let body = json!({ "state": state });
        let answer = self.api.call(Method::PATCH, &self.issue(issue, "")?, "", Some(&body))?;
        if !answer.is_fine() {
            return self.not_done(issue, &answer);
        }
        let became: Value = self.api.read(issue, &answer)?;
        if became.get("state").and_then(Value::as_str) == Some(state) {
            return Ok(());
        }
        let words = format!("{} took a new state for {issue} and did not keep it", self.api.server());
        Err(self.api.of(ErrorKind::Malformed, issue, words))
    }

    fn heard(&self, request: &HookRequest) -> HookHeard {
        match (self.secret)() {
            Ok(secret) => hook::heard(request, secret.trim(), &self.project),
            Err(_) => HookHeard::Refused("no secret is set for this webhook"),
        }
    }

    fn place(&self) -> String {
        self.api.site().to_string()
    }

    fn access(&self) -> PortResult<TrackerAccess> {
        let account = Self::whose(&self.api)?.map(|account| account.display_name);
        self.missing()?;
        let answer = self.api.call(Method::GET, &self.path(""), "", None)?;
        let project: Project = self.api.read(&self.project, &answer)?;
        // Whoever is no member may see a public project, and none of its issues.
        let _one: Vec<Item> = self.api.pages(&self.path("issues/"), "&fields=id,state,updated_at", 1, |_| true)?;
        Ok(TrackerAccess { product: "Plane".to_owned(), project: project.name, account })
    }
}
