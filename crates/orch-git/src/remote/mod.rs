//! A repository on a server: its tips, fetching, and pushes that name the old value.
//!
//! The rest of this crate speaks to files alone. A call here opens one protocol for itself, brings its credential by
//! its own environment (never in an argument, an address or a file), follows no redirect, and ends within a limit.

mod access;
mod create;
mod probe;
mod trouble;
mod url;

use std::path::Path;
use std::time::Duration;

pub use access::{Access, Secret};
pub use probe::MayPush;
pub use trouble::{RemoteError, RemoteTrouble};
pub use url::RemoteUrl;

use crate::error::Error;
use crate::forge::{Forge, commit_id};
use crate::git::Git;
use crate::process::{Call, Ended};
use crate::words::{BranchName, CommitId, RemoteName};

type Result<T> = std::result::Result<T, RemoteError>;

/// Settings of every call to a server, after the pinned ones.
const SETTINGS: &[(&str, &str)] = &[
    // A redirect would carry the credential to where nobody sent it.
    ("http.followRedirects", "false"),
    ("http.sslVerify", "true"),
    // Less than a kilobyte a second for a minute is a connection that died without a word.
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "60"),
    ("push.default", "nothing"),
    ("push.followTags", "false"),
    ("push.recurseSubmodules", "no"),
];

/// How a push ended. In doubt is not among them: see [`RemoteTrouble::InDoubt`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// The branch is where it was to go, or gone if it was to be removed; this call moved it.
    Moved,
    /// It was so before.
    Already,
    /// The branch is not where the caller believed it to be; nothing was moved.
    Stale {
        /// Where it is; `None`: it does not exist.
        found: Option<CommitId>,
    },
    /// The server does not take it: a protected branch, a hook, an archived repository.
    Refused {
        /// In the server's words, at most 2,000 bytes.
        why: String,
    },
}

/// A repository on a server.
#[derive(Debug, Clone)]
pub struct Remote {
    git: Git,
    name: RemoteName,
    url: RemoteUrl,
    access: Access,
    proxy: Option<String>,
    authorities: Option<String>,
    largest: Option<u64>,
}

impl Remote {
    /// A remote that is reached by `git`, whose time limit bounds each call; two minutes are plenty for an ordinary
    /// repository, the first fetch of a large one may want more ([`Remote::with_time_limit`]).
    ///
    /// # Errors
    /// [`RemoteTrouble::Refused`] if the kind of access does not fit the address (a key for https, a token for ssh).
    pub fn new(git: &Git, name: RemoteName, url: RemoteUrl, access: Access) -> Result<Self> {
        access.fits(&url).map_err(|why| RemoteError::new(RemoteTrouble::Refused, &url, why))?;
        let git = git.clone().with_time_limit(Duration::from_secs(120));
        Ok(Self { git, name, url, access, proxy: None, authorities: None, largest: None })
    }

    /// The same remote with another limit on the wall time of each call.
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.git = self.git.with_time_limit(limit);
        self
    }

    /// The same remote through an HTTP proxy, as `http://host:port`; for https only.
    #[must_use]
    pub fn with_proxy(mut self, proxy: impl Into<String>) -> Self {
        self.proxy = Some(proxy.into());
        self
    }

    /// The same remote with a file of certificate authorities (PEM) that are trusted instead of the machine's.
    #[must_use]
    pub fn with_authorities(mut self, file: impl Into<String>) -> Self {
        self.authorities = Some(file.into());
        self
    }

    /// The same remote, of which nothing is fetched that makes a file of more bytes ([`RemoteTrouble::TooLarge`]).
    #[must_use]
    pub fn with_size_limit(mut self, bytes: u64) -> Self {
        self.largest = Some(bytes);
        self
    }

    /// Whether the server lets both in as the same account, by the same token or key.
    #[must_use]
    pub fn is_let_in_as(&self, other: &Self) -> bool {
        self.access == other.access
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &RemoteUrl {
        &self.url
    }

    /// Every branch with its tip.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn branches(&self, forge: &Forge) -> Result<Vec<(BranchName, CommitId)>> {
        self.listed(forge, "refs/heads/*")
    }

    /// Where a branch is; `None` if it does not exist.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn tip(&self, forge: &Forge, branch: &BranchName) -> Result<Option<CommitId>> {
        // The pattern matches the end of a name, so `refs/heads/x/refs/heads/main` may answer as well.
        let found = self.listed(forge, &format!("refs/heads/{branch}"))?;
        Ok(found.into_iter().find(|(name, _)| name == branch).map(|(_, tip)| tip))
    }

    fn listed(&self, forge: &Forge, pattern: &str) -> Result<Vec<(BranchName, CommitId)>> {
        let call = self.call(forge).args(["ls-remote", "--quiet", "--refs", "--"]).arg(self.url.as_str()).arg(pattern);
        let shown = call.shown();
        let answer = self.succeeded(call)?;
        let mut found = Vec::new();
        for line in String::from_utf8_lossy(&answer).lines() {
            let Some((id, name)) = line.split_once("\trefs/heads/") else { continue };
            // A name that git allows and this crate does not is no branch of ours.
            if let Ok(name) = BranchName::new(name) {
                found.push((name, commit_id(&shown, id).map_err(|error| self.local(error))?));
            }
        }
        Ok(found)
    }

    /// Brings a branch with its objects into the forge, as `refs/orch/remote/<name>/<branch>`, and says where it is.
    /// `None` if the server has no such branch; what was fetched before then stays.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn fetch(&self, forge: &Forge, branch: &BranchName) -> Result<Option<CommitId>> {
        let Some(tip) = self.tip(forge, branch)? else { return Ok(None) };
        let seen = format!("refs/orch/remote/{}/{branch}", self.name);
        let local = |error| self.local(error);
        if forge.resolve(&seen).map_err(local)?.as_ref() == Some(&tip) {
            return Ok(Some(tip));
        }
        let call = self
            .call(forge)
            .args(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"])
            .args(["--no-auto-maintenance", "--no-show-forced-updates", "--"])
            .arg(self.url.as_str())
            .arg(format!("+refs/heads/{branch}:{seen}"));
        self.succeeded(match self.largest {
            Some(bytes) => call.largest_file(bytes),
            None => call,
        })
        .map_err(|error| self.cut_off(forge, error))?;
        // It may have moved since it was listed; what was fetched is what is told.
        forge.resolve(&seen).map_err(local)
    }

    /// Moves a branch from `expected` (`None`: it must not exist) to `head`, a commit of the forge. Asking again is
    /// safe: a branch that is there already is [`Pushed::Already`].
    ///
    /// # Errors
    /// [`RemoteError`]; [`RemoteTrouble::InDoubt`] if the connection was lost while the push was under way and the
    /// branch is not at `head`: it may still get there.
    pub fn push(
        &self,
        forge: &Forge,
        branch: &BranchName,
        expected: Option<&CommitId>,
        head: &CommitId,
    ) -> Result<Pushed> {
        self.move_branch(forge, branch, expected, Some(head))
    }

    /// Removes a branch that is at `expected`. One that is not there is [`Pushed::Already`].
    ///
    /// # Errors
    /// As [`Remote::push`].
    pub fn remove(&self, forge: &Forge, branch: &BranchName, expected: &CommitId) -> Result<Pushed> {
        self.move_branch(forge, branch, Some(expected), None)
    }

    fn move_branch(
        &self,
        forge: &Forge,
        branch: &BranchName,
        expected: Option<&CommitId>,
        to: Option<&CommitId>,
    ) -> Result<Pushed> {
        let name = format!("refs/heads/{branch}");
        let call = self
            .call(forge)
            .args(["push", "--porcelain", "--no-progress", "--no-verify", "--no-signed"])
            // The old value is named in the same call, so a branch that somebody moved meanwhile is never overwritten.
            .arg(format!("--force-with-lease={name}:{}", expected.map_or("", CommitId::as_str)))
            .arg("--")
            .arg(self.url.as_str())
            .arg(format!("{}:{name}", to.map_or("", CommitId::as_str)));
        let shown = call.shown();
        let ended = match call.run() {
            Ok(ended) => ended,
            Err(error @ Error::TimedOut { .. }) => {
                return self.look_after(forge, branch, to, RemoteTrouble::Slow, error.to_string());
            }
            Err(error) => return Err(self.local(error)),
        };
        let output = String::from_utf8_lossy(&ended.output).into_owned();
        match trouble::pushed(&output) {
            Some(trouble::Said::Moved) if ended.code == Some(0) => Ok(Pushed::Moved),
            Some(trouble::Said::Already) if ended.code == Some(0) => Ok(Pushed::Already),
            Some(trouble::Said::Stale) => {
                let found = self.tip(forge, branch)?;
                Ok(if found.as_ref() == to { Pushed::Already } else { Pushed::Stale { found } })
            }
            Some(trouble::Said::Refused(why)) => {
                let why = [why, trouble::spoken(&ended.stderr)].join("\n");
                Ok(Pushed::Refused { why: trouble::short(why.trim()) })
            }
            _ if to.is_none() && trouble::is_gone_already(&ended.stderr) => Ok(Pushed::Already),
            _ => {
                let found = self.failed(&shown, &ended);
                if found.trouble.is_before_sending() {
                    return Err(found);
                }
                self.look_after(forge, branch, to, found.trouble, found.words)
            }
        }
    }

    /// A push ended without a word about its branch: whether it arrived is looked at, once.
    fn look_after(
        &self,
        forge: &Forge,
        branch: &BranchName,
        to: Option<&CommitId>,
        trouble: RemoteTrouble,
        words: String,
    ) -> Result<Pushed> {
        match self.tip(forge, branch) {
            Ok(found) if found.as_ref() == to => Ok(Pushed::Moved),
            _ => {
                let words = format!("{words}\n(whether the push arrives is open: {trouble})");
                Err(RemoteError::new(RemoteTrouble::InDoubt, &self.url, words))
            }
        }
    }

    /// A call in the forge with this remote's protocol, credential and limits.
    fn call(&self, forge: &Forge) -> Call {
        let mut repository = std::ffi::OsString::from("--git-dir=");
        repository.push(forge.path());
        self.call_from(forge.path()).arg(repository)
    }

    /// The same from a folder, of no repository.
    fn call_from(&self, folder: &Path) -> Call {
        let mut settings = SETTINGS.to_vec();
        if let Some(proxy) = &self.proxy {
            settings.push(("http.proxy", proxy));
        }
        if let Some(file) = &self.authorities {
            settings.push(("http.sslCAInfo", file));
        }
        let helper = self.access.helper(&self.url);
        if let Some((key, value)) = &helper {
            settings.push((key, value));
        }
        let call = self
            .git
            .call_with(folder, &settings)
            .env("GIT_ALLOW_PROTOCOL", self.url.scheme())
            .env("GIT_SSH_VARIANT", "ssh");
        self.access.environment().into_iter().fold(call, |call, (key, value)| call.env(key, value))
    }

    fn succeeded(&self, call: Call) -> Result<Vec<u8>> {
        let shown = call.shown();
        match call.run() {
            Ok(ended) if ended.code == Some(0) => Ok(ended.output),
            Ok(ended) => Err(self.failed(&shown, &ended)),
            Err(error @ Error::TimedOut { .. }) => {
                Err(RemoteError::new(RemoteTrouble::Slow, &self.url, error.to_string()))
            }
            Err(error) => Err(self.local(error)),
        }
    }

    fn failed(&self, shown: &str, ended: &Ended) -> RemoteError {
        match trouble::of_words(&String::from_utf8_lossy(&ended.stderr)) {
            Some(trouble) => RemoteError::new(trouble, &self.url, trouble::spoken(&ended.stderr)),
            None => self.local(ended.failed(shown.to_owned())),
        }
    }

    /// A fetch that failed: because of the limit, if what it was writing has grown to that. The kernel ends the writer
    /// without a word, and what it wrote would stay.
    fn cut_off(&self, forge: &Forge, error: RemoteError) -> RemoteError {
        let Some(largest) = self.largest else { return error };
        let packs = std::fs::read_dir(forge.objects_folder().join("pack")).into_iter().flatten().flatten();
        let full = packs.filter(|file| {
            let unfinished = file.file_name().as_encoded_bytes().starts_with(b"tmp_");
            unfinished && file.metadata().is_ok_and(|found| found.len() >= largest)
        });
        let mut cut = error.trouble == RemoteTrouble::TooLarge;
        for file in full {
            cut = true;
            // What stays is removed with the next upkeep.
            drop(std::fs::remove_file(file.path()));
        }
        if !cut {
            return error;
        }
        let words = format!("more than {} MB in one file", largest.div_ceil(1_000_000));
        RemoteError::new(RemoteTrouble::TooLarge, &self.url, words)
    }

    /// A failure of this machine: of the git program, the disk, the forge's own folder.
    fn local(&self, error: Error) -> RemoteError {
        RemoteError::local(error, &self.url)
    }
}
