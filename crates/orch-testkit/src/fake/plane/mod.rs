//! A Plane server over HTTP: a workspace with projects, states, issues, their history and comments, and its webhook. It
//! answers and tells as the recorded releases do, with their traps; what goes wrong is arranged from outside.

mod answers;
mod hooks;
mod issues;

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufReader, Read as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

pub use self::hooks::PlaneHooks;
use self::hooks::{Happened, Sent};
use crate::model_server::http::{self, Answer};

/// The key of our account, unless another one is set.
pub const PLANE_KEY: &str = "plane_api_0123456789abcdef0123456789abcdef";
/// The webhook's secret.
pub const PLANE_SECRET: &str = "plane_wh_0123456789abcdef0123456789abcdef";
/// The account that [`PLANE_KEY`] belongs to.
pub const PLANE_BOT: &str = "orch-bot";
/// The workspace, as addresses name it.
pub const PLANE_WORKSPACE: &str = "acme";
/// Every state of the line; what a new project has, too.
pub const PLANE_STATES: [(&str, &str); 22] = [
    ("Backlog", "backlog"),
    ("Todo", "unstarted"),
    ("To Analyse", "unstarted"),
    ("In Progress", "started"),
    ("Analysis", "started"),
    ("Needs Input", "started"),
    ("In Review", "started"),
    ("Approved", "started"),
    ("Rejected", "started"),
    ("Architecture", "started"),
    ("Development", "started"),
    ("Review", "started"),
    ("Code Review", "started"),
    ("Testing", "started"),
    ("Awaiting Deploy", "started"),
    ("Confirm Deploy", "started"),
    ("Deploying", "started"),
    ("Monitoring after Deploy", "started"),
    ("Blocked", "started"),
    ("STOP", "cancelled"),
    ("Done", "completed"),
    ("Cancelled", "cancelled"),
];

/// Which release it is, as far as they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlaneRelease {
    /// 0.25.3: nothing tells whose a key is, changes by the API are told to nobody and stand in no history, those of people
    /// are told twice.
    V0_25,
    /// 1.3.1.
    V1_3,
}

/// What requests meet until it is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaneFault {
    /// This status, before anything is looked at.
    Status(u16),
    /// The change is saved, and 500 is answered; reads are not concerned.
    SavedAnd500,
    /// The connection ends without an answer, before anything is done.
    Cut,
    /// What was asked is done, and the answer is lost.
    CutAfter,
    /// Nothing is ever answered.
    Hang,
    /// An answer that is no JSON.
    Page,
    /// The request is sent to another address.
    Redirect,
}

#[derive(Debug, Clone)]
struct Account {
    id: String,
    name: String,
    key: String,
}

#[derive(Debug, Clone)]
struct State {
    id: String,
    name: String,
    group: String,
    made: i64,
}

#[derive(Debug, Clone)]
struct Project {
    id: String,
    name: String,
    identifier: String,
    states: Vec<State>,
    /// Names of its members.
    members: Vec<String>,
    numbers: u32,
}

#[derive(Debug, Clone)]
struct Issue {
    id: String,
    project: String,
    number: u32,
    name: String,
    html: String,
    state: String,
    priority: String,
    made: i64,
    changed: i64,
    by: String,
    deleted: bool,
    archived: bool,
    blocked_by: Vec<String>,
    moves: Vec<Entry>,
    comments: Vec<Said>,
}

/// An entry of the history.
#[derive(Debug, Clone)]
struct Entry {
    id: String,
    at: i64,
    by: String,
    /// `None`: it was made.
    field: Option<&'static str>,
    old: Option<(String, String)>,
    new: Option<(String, String)>,
    /// It is not in the history yet.
    late: bool,
}

#[derive(Debug, Clone)]
struct Said {
    id: String,
    at: i64,
    by: String,
    html: String,
    external: Option<(String, String)>,
}

/// A comment as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaneComment {
    /// Name of its author.
    pub by: String,
    /// HTML.
    pub html: String,
}

struct Inside {
    release: PlaneRelease,
    fault: Option<PlaneFault>,
    accounts: Vec<Account>,
    projects: Vec<Project>,
    issues: Vec<Issue>,
    requests: Vec<String>,
    /// By key: when it was used.
    used: BTreeMap<String, VecDeque<Instant>>,
    /// Requests of one key in a minute.
    most: usize,
    /// Its clock, before the real one in microseconds.
    ahead_us: i64,
    /// Its clock stands there.
    stands_us: Option<i64>,
    last_us: i64,
    last: u64,
    late_history: bool,
    page: usize,
    hooks: Vec<(String, String)>,
    mode: PlaneHooks,
    held: Vec<Happened>,
    sent: Vec<Sent>,
    /// Deliveries that are on their way.
    flying: usize,
}

struct Shared {
    authority: String,
    inside: Mutex<Inside>,
    changed: Condvar,
}

/// The server; it ends with the test process.
pub struct FakePlane {
    shared: Arc<Shared>,
}

impl FakePlane {
    /// A server of this release with one project, `Shop` (`SHOP`), in which our account and `ann` are members.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(release: PlaneRelease) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let inside = Inside {
            release,
            fault: None,
            accounts: Vec::new(),
            projects: Vec::new(),
            issues: Vec::new(),
            requests: Vec::new(),
            used: BTreeMap::new(),
            most: 1_000_000,
            ahead_us: 0,
            stands_us: None,
            last_us: 0,
            last: 0,
            late_history: false,
            page: 1000,
            hooks: Vec::new(),
            mode: PlaneHooks::Sent,
            held: Vec::new(),
            sent: Vec::new(),
            flying: 0,
        };
        let authority = listener.local_addr()?.to_string();
        let shared = Arc::new(Shared { authority, inside: Mutex::new(inside), changed: Condvar::new() });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                std::thread::spawn(move || drop(shared.serve(&connection)));
            }
        });
        let server = Self { shared };
        server.account(PLANE_BOT, PLANE_KEY);
        server.account("ann", "plane_api_ann");
        server.project("Shop", "SHOP");
        Ok(server)
    }

    /// Its address.
    pub fn base(&self) -> String {
        format!("http://{}", self.shared.authority)
    }

    /// From now on requests meet this, until it is changed.
    pub fn fault(&self, fault: Option<PlaneFault>) {
        self.shared.lock().fault = fault;
    }

    /// So many requests of one key are taken in a minute.
    pub fn limit(&self, most: usize) {
        self.shared.lock().most = most;
    }

    /// Most records of a page.
    pub fn page(&self, most: usize) {
        self.shared.lock().page = most;
    }

    /// Its clock is so far ahead of ours.
    pub fn ahead(&self, ms: i64) {
        self.shared.lock().ahead_us = ms * 1000;
    }

    /// From now on its clock stands at this moment, in milliseconds, until it is set again.
    pub fn stand(&self, ms: i64) {
        self.shared.lock().stands_us = Some(ms * 1000);
    }

    /// From now on moves stand in the history only later; false: those that were late stand there now.
    pub fn late_history(&self, late: bool) {
        let mut inside = self.shared.lock();
        inside.late_history = late;
        if !late {
            inside.issues.iter_mut().flat_map(|issue| &mut issue.moves).for_each(|entry| entry.late = false);
        }
    }

    /// Somebody has an account with this key, in every project that there is; gives its id.
    pub fn account(&self, name: &str, key: &str) -> String {
        let mut inside = self.shared.lock();
        let id = inside.id(1);
        inside.accounts.push(Account { id: id.clone(), name: name.to_owned(), key: key.to_owned() });
        inside.projects.iter_mut().for_each(|project| project.members.push(name.to_owned()));
        id
    }

    /// A key is replaced.
    pub fn rekey(&self, name: &str, key: &str) {
        let mut inside = self.shared.lock();
        let account = inside.accounts.iter_mut().find(|account| account.name == name);
        if let Some(account) = account {
            key.clone_into(&mut account.key);
        }
    }

    /// A new project of everybody, with every state; gives its id.
    pub fn project(&self, name: &str, identifier: &str) -> String {
        let mut inside = self.shared.lock();
        let (id, made) = (inside.id(2), inside.now_us());
        let states = PLANE_STATES.map(|(name, group)| State {
            id: inside.id(3),
            name: name.to_owned(),
            group: group.to_owned(),
            made,
        });
        let members = inside.accounts.iter().map(|account| account.name.clone()).collect();
        let (name, identifier) = (name.to_owned(), identifier.to_owned());
        inside.projects.push(Project { id: id.clone(), name, identifier, states: states.into(), members, numbers: 0 });
        id
    }

    /// Somebody is no member of a project any more.
    pub fn expel(&self, project: &str, name: &str) {
        let mut inside = self.shared.lock();
        if let Some(project) = inside.projects.iter_mut().find(|known| known.id == project) {
            project.members.retain(|member| member != name);
        }
    }

    /// The id of the project that is there from the beginning.
    pub fn first_project(&self) -> String {
        self.shared.lock().projects.first().map(|project| project.id.clone()).unwrap_or_default()
    }

    /// A state is removed from a project.
    pub fn without_state(&self, project: &str, name: &str) {
        let mut inside = self.shared.lock();
        if let Some(project) = inside.projects.iter_mut().find(|known| known.id == project) {
            project.states.retain(|state| state.name != name);
        }
    }

    /// A state is called something else.
    pub fn rename_state(&self, project: &str, name: &str, new: &str) {
        let mut inside = self.shared.lock();
        let project = inside.projects.iter_mut().find(|known| known.id == project);
        if let Some(state) = project.and_then(|project| project.states.iter_mut().find(|state| state.name == name)) {
            new.clone_into(&mut state.name);
        }
    }

    /// Every request that came: method and path.
    pub fn requests(&self) -> Vec<String> {
        self.shared.lock().requests.clone()
    }

    /// Waits until this is so of the requests; whether it became so.
    pub fn until_asked(&self, patience: Duration, mut so: impl FnMut(&[String]) -> bool) -> bool {
        let guard = self.shared.lock();
        let waits = |inside: &mut Inside| !so(&inside.requests);
        let waited = self.shared.changed.wait_timeout_while(guard, patience, waits);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl Inside {
    fn id(&mut self, kind: u32) -> String {
        self.last += 1;
        format!("{kind:08x}-0000-4000-8000-{:012x}", self.last)
    }

    /// Its clock in microseconds; no two moments are one.
    fn now_us(&mut self) -> i64 {
        let now = self.stands_us.unwrap_or_else(|| jiff::Timestamp::now().as_microsecond() + self.ahead_us);
        self.last_us = if now > self.last_us || self.last_us - now > 1_000_000 { now } else { self.last_us + 1 };
        self.last_us
    }

    fn account_id(&self, name: &str) -> String {
        self.accounts.iter().find(|account| account.name == name).map(|account| account.id.clone()).unwrap_or_default()
    }

    fn account_name(&self, id: &str) -> String {
        self.accounts.iter().find(|account| account.id == id).map(|account| account.name.clone()).unwrap_or_default()
    }

    fn state_named(&self, project: &str, name: &str) -> Option<State> {
        let project = self.projects.iter().find(|known| known.id == project)?;
        project.states.iter().find(|state| state.name == name).cloned()
    }

    fn state(&self, project: &str, id: &str) -> Option<State> {
        let project = self.projects.iter().find(|known| known.id == project)?;
        project.states.iter().find(|state| state.id == id).cloned()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(self: &Arc<Self>, stream: &TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        while let Some(request) = http::read(&mut reader)? {
            let fault = {
                let mut inside = self.lock();
                inside.requests.push(format!("{} {}", request.method, request.path));
                self.changed.notify_all();
                inside.fault.clone()
            };
            let reads = request.method == "GET";
            let answer = match fault {
                Some(PlaneFault::Status(status)) => {
                    Answer::body(status, "text/html", "<html>a gateway</html>".to_owned())
                }
                Some(PlaneFault::SavedAnd500) if !reads => {
                    let _saved = self.answer(&request);
                    answers::error(500, "Something went wrong please try again later")
                }
                Some(PlaneFault::Cut) => break,
                Some(PlaneFault::CutAfter) => {
                    let _lost = self.answer(&request);
                    break;
                }
                // Until the other side has had enough.
                Some(PlaneFault::Hang) => return reader.read(&mut [0]).map(drop),
                Some(PlaneFault::Page) => Answer::body(200, "text/html", "<h1>Welcome to Plane</h1>".to_owned()),
                Some(PlaneFault::Redirect) => {
                    let mut answer = Answer::json(301, &Value::Null);
                    answer.headers.push(("location".to_owned(), "https://plane.example.org/login?next=x".to_owned()));
                    answer
                }
                _ => self.answer(&request),
            };
            http::write(stream, &self.dated(answer))?;
        }
        stream.shutdown(Shutdown::Both)
    }

    /// With the server's clock, in whole seconds.
    fn dated(&self, mut answer: Answer) -> Answer {
        let us = {
            let inside = self.lock();
            inside.stands_us.unwrap_or_else(|| jiff::Timestamp::now().as_microsecond() + inside.ahead_us)
        };
        let date = jiff::Timestamp::from_microsecond(us).unwrap_or_default();
        answer.headers.push(("date".to_owned(), date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()));
        answer
    }
}
