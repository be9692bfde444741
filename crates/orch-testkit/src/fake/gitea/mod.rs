//! A Gitea server over HTTP: one repository, whose branches are a real bare repository's. It answers as the recorded servers
//! do, with their traps; what goes wrong is arranged from outside.

mod answers;
pub mod hooks;
mod pulls;

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::model_server::http::{self, Answer};

/// The token that opens it, unless another one is set.
pub const GITEA_TOKEN: &str = "g1tea-token-of-the-server";
/// The account that it belongs to.
pub const BOT: &str = "orch-bot";

/// What requests meet until it is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GiteaFault {
    /// This status with an empty message, and these headers, before anything is looked at.
    Status(u16, Vec<(&'static str, &'static str)>),
    /// The connection ends without an answer, before anything is done.
    Cut,
    /// What was asked is done, and the answer is lost.
    CutAfter,
    /// Nothing is ever answered.
    Hang,
    /// An answer that is no JSON.
    Garbage,
    /// More than anybody should read.
    Flood,
}

/// What the repository's administrators set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GiteaSettings {
    /// The token that opens it.
    pub token: String,
    /// Our account may push to main.
    pub push_to_main: bool,
    /// A merge of the style *fast-forward only* is allowed.
    pub fast_forward: bool,
    /// Somebody may say that a change request was merged by hand.
    pub manual_merge: bool,
    /// Approvals that main asks for.
    pub approvals: u64,
    /// A push voids them.
    pub dismiss_stale: bool,
    /// Title and text of the issue with the number seven.
    pub issue: Option<(String, String)>,
    /// Contexts that main asks for.
    pub contexts: Vec<String>,
    /// The token may write.
    pub write_scope: bool,
    /// The token's account administers the repository.
    pub admin: bool,
    /// Most items of a page.
    pub page: usize,
    /// So many reads of a change request find its check unfinished after each refusal.
    pub checks: u32,
}

impl Default for GiteaSettings {
    fn default() -> Self {
        Self {
            token: GITEA_TOKEN.to_owned(),
            push_to_main: true,
            fast_forward: true,
            manual_merge: true,
            approvals: 0,
            dismiss_stale: false,
            issue: None,
            contexts: Vec::new(),
            write_scope: true,
            admin: false,
            page: 50,
            checks: 1,
        }
    }
}

/// A change request as the server keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GiteaPull {
    /// Its number.
    pub number: u64,
    /// The branch.
    pub branch: String,
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// Neither closed nor merged.
    pub open: bool,
    /// It is merged.
    pub merged: bool,
    /// Where its branch was last.
    head: String,
    /// Reads until its check has ended.
    unchecked: u32,
}

#[derive(Debug, Clone)]
struct StatusRow {
    id: u64,
    sha: String,
    body: Value,
}

#[derive(Debug, Clone)]
struct ReviewRow {
    id: u64,
    pull: u64,
    user: String,
    state: String,
    body: String,
    commit: String,
    dismissed: bool,
}

#[derive(Default)]
struct Inside {
    fault: Option<GiteaFault>,
    settings: GiteaSettings,
    pulls: Vec<GiteaPull>,
    statuses: Vec<StatusRow>,
    reviews: Vec<ReviewRow>,
    hooks: Vec<hooks::HookRow>,
    hooks_lost: bool,
    requests: Vec<String>,
    last: u64,
}

impl Inside {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

struct Shared {
    repository: PathBuf,
    authority: String,
    inside: Mutex<Inside>,
    asked: Condvar,
}

/// The server; it ends with the test process.
pub struct FakeGitea {
    shared: Arc<Shared>,
}

impl FakeGitea {
    /// Serves a bare repository as `acme/shop`, whose main is `main`.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(repository: &Path) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let shared = Arc::new(Shared {
            repository: repository.to_path_buf(),
            authority: listener.local_addr()?.to_string(),
            inside: Mutex::default(),
            asked: Condvar::new(),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                std::thread::spawn(move || drop(shared.serve(&connection)));
            }
        });
        Ok(Self { shared })
    }

    /// The repository's page.
    pub fn page(&self) -> String {
        format!("http://{}/acme/shop", self.shared.authority)
    }

    /// From now on requests meet this, until it is changed.
    pub fn fault(&self, fault: Option<GiteaFault>) {
        self.shared.lock().fault = fault;
    }

    /// An administrator changes the settings.
    pub fn set(&self, change: impl FnOnce(&mut GiteaSettings)) {
        change(&mut self.shared.lock().settings);
    }

    /// Every change request, by number.
    pub fn pulls(&self) -> Vec<GiteaPull> {
        let mut inside = self.shared.lock();
        self.shared.refresh(&mut inside);
        inside.pulls.clone()
    }

    /// The newest status of each context of a commit: state and description.
    pub fn statuses(&self, sha: &str) -> BTreeMap<String, (String, String)> {
        let text = |body: &Value, field: &str| body.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let inside = self.shared.lock();
        let of = inside.statuses.iter().filter(|row| row.sha == sha);
        of.map(|row| (text(&row.body, "context"), (text(&row.body, "state"), text(&row.body, "description")))).collect()
    }

    /// CI says something of a commit.
    pub fn ci(&self, sha: &str, context: &str, state: &str) {
        let mut inside = self.shared.lock();
        let body = serde_json::json!({ "context": context, "state": state, "description": "", "target_url": "" });
        let id = inside.next();
        inside.statuses.push(StatusRow { id, sha: sha.to_owned(), body });
        self.shared.tell(&inside, "status", serde_json::json!({ "sha": sha, "context": context, "state": state }));
    }

    /// Somebody reviews a change request: `APPROVED`, `REQUEST_CHANGES`, `COMMENT`.
    pub fn review(&self, number: u64, user: &str, state: &str, body: &str) {
        let mut inside = self.shared.lock();
        self.shared.refresh(&mut inside);
        let commit = inside.pulls.iter().find(|pull| pull.number == number).map(|pull| pull.head.clone());
        let id = inside.next();
        let (user, state, body) = (user.to_owned(), state.to_owned(), body.to_owned());
        let commit = commit.unwrap_or_default();
        let event = match state.as_str() {
            "APPROVED" => "pull_request_approved",
            "REQUEST_CHANGES" => "pull_request_rejected",
            _ => "pull_request_comment",
        };
        inside.reviews.push(ReviewRow { id, pull: number, user, state, body, commit, dismissed: false });
        let told = serde_json::json!({ "action": "reviewed", "number": number, "pull_request": { "number": number } });
        self.shared.tell(&inside, event, told);
    }

    /// Somebody presses the button that merges, of this style. What the server says.
    pub fn press(&self, number: u64, style: &str) -> u16 {
        let mut inside = self.shared.lock();
        self.shared.refresh(&mut inside);
        if let Some(pull) = inside.pulls.iter_mut().find(|pull| pull.number == number) {
            pull.unchecked = 0;
        }
        self.shared.merge(&mut inside, number, &serde_json::json!({ "Do": style })).status
    }

    /// Somebody closes a change request.
    pub fn close(&self, number: u64) {
        let mut inside = self.shared.lock();
        if let Some(pull) = inside.pulls.iter_mut().find(|pull| pull.number == number) {
            pull.open = false;
        }
    }

    /// Every request that came: method and path.
    pub fn requests(&self) -> Vec<String> {
        self.shared.lock().requests.clone()
    }

    /// Waits until a request came that has this in its line.
    pub fn until_asked(&self, line: &str) {
        let waits = |inside: &mut Inside| !inside.requests.iter().any(|asked| asked.contains(line));
        drop(self.shared.asked.wait_while(self.shared.lock(), waits));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        while let Some(request) = http::read(&mut reader)? {
            let fault = {
                let mut inside = self.lock();
                inside.requests.push(format!("{} {}", request.method, request.path));
                self.asked.notify_all();
                inside.fault.clone()
            };
            let answer = match fault {
                Some(GiteaFault::Status(status, headers)) => {
                    let mut answer = answers::error(status, "");
                    answer
                        .headers
                        .extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
                    answer
                }
                Some(GiteaFault::Cut) => break,
                Some(GiteaFault::CutAfter) => {
                    let _lost = self.answer(&request);
                    break;
                }
                // Until the other side has had enough.
                Some(GiteaFault::Hang) => return reader.read(&mut [0]).map(drop),
                Some(GiteaFault::Garbage) => Answer::body(200, "text/html", "<h1>Welcome to the proxy</h1>".to_owned()),
                Some(GiteaFault::Flood) => Answer::body(200, "application/json", " ".repeat(9 << 20)),
                None => self.answer(&request),
            };
            http::write(stream, &answer)?;
        }
        stream.shutdown(Shutdown::Both)
    }
}
