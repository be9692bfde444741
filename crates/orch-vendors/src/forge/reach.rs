//! How a server is reached. What lets us in is read before each call, so that it may change while the service runs.

use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use orch_git::{BranchName, Forge, Git, Opened, Origin, Remote, RemoteError, RemoteTrouble, RemoteUrl};
use orch_ports::{Port, PortError, PortResult};
use orch_rules::ids::Timestamp;
use orch_rules::port_error::ErrorKind;

use crate::workshop::kind;

/// After a limit without a date, in milliseconds.
const LIMITED_MS: i64 = 60_000;

/// The first pause after a server was not reached twice in a row, in milliseconds; it doubles up to [`LONGEST_PAUSE_MS`].
const FIRST_PAUSE_MS: i64 = 2_000;
/// The longest one.
const LONGEST_PAUSE_MS: i64 = 60_000;

/// Calls of one channel at once: a server that hangs keeps no more of this host's hands than these.
const MOST_CALLS: usize = 4;
/// A call waits so long for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(5);
/// And is tried again after so many milliseconds.
const NO_TURN_MS: i64 = 2_000;

/// What shares one limit at a server: all repositories that one credential opens there.
#[derive(Debug, Default)]
pub struct Channel {
    state: Mutex<State>,
    /// A call has ended.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The server wants no call before.
    limited: Option<Timestamp>,
    /// Calls in a row that did not reach it, and why the last one did not.
    failures: u32,
    why: String,
    /// It is not called before: the others would only wait for it as well.
    away: Option<Timestamp>,
    /// Under way.
    calls: usize,
}

/// A turn to call a server, which is over when this is dropped.
pub(crate) struct Pass(Arc<Channel>);

/// The remote, and the turn to call it.
pub struct Turn {
    remote: Remote,
    _pass: Pass,
}

impl Deref for Turn {
    type Target = Remote;
    fn deref(&self) -> &Remote {
        &self.remote
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.state().calls -= 1;
        self.0.ended.notify_one();
    }
}

/// Why a server is not called now.
#[derive(Debug, PartialEq, Eq)]
enum Closed {
    Limited(Timestamp),
    Away { until: Timestamp, why: String },
}

impl Channel {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn closed(&self, now: Timestamp) -> Option<Closed> {
        let state = self.state();
        let limited = state.limited.filter(|until| now < *until).map(Closed::Limited);
        let away = || state.away.filter(|until| now < *until);
        limited.or_else(|| away().map(|until| Closed::Away { until, why: state.why.clone() }))
    }

    /// Takes a turn to call `server`; what kind of trouble keeps it from that, and in words.
    pub(crate) fn enter(self: &Arc<Self>, server: &str) -> Result<Pass, (ErrorKind, String)> {
        self.open(server)?;
        if !self.begin(TURN_WITHIN) {
            let words = format!("{server} has not answered {MOST_CALLS} calls yet; no more are made meanwhile");
            return Err((ErrorKind::RateLimited { until: now().plus_ms(NO_TURN_MS) }, words));
        }
        Ok(Pass(Arc::clone(self)))
    }

    /// Whether `server` may be called now.
    fn open(&self, server: &str) -> Result<(), (ErrorKind, String)> {
        let now = now();
        match self.closed(now) {
            Some(Closed::Limited(until)) => {
                let words = format!("{server} wants fewer requests; it is asked again then");
                Err((ErrorKind::RateLimited { until }, words))
            }
            Some(Closed::Away { until, why }) => {
                let seconds = until.since_ms(now).div_euclid(1_000) + 1;
                Err((ErrorKind::Passing, format!("{why} (asked again in {seconds} s)")))
            }
            None => Ok(()),
        }
    }

    pub(crate) fn limit(&self, until: Timestamp) {
        let mut state = self.state();
        state.limited = state.limited.max(Some(until));
    }

    /// A call did not reach it. One proves nothing; from the second in a row on it is left alone for a while.
    pub(crate) fn not_reached(&self, now: Timestamp, why: &str) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        why.clone_into(&mut state.why);
        if let Some(doublings) = state.failures.checked_sub(2) {
            state.away = Some(now.plus_ms((FIRST_PAUSE_MS << doublings.min(10)).min(LONGEST_PAUSE_MS)));
        }
    }

    /// Waits for a turn; `false`: none came.
    fn begin(&self, within: Duration) -> bool {
        let full = |state: &mut State| state.calls >= MOST_CALLS;
        let waited = self.ended.wait_timeout_while(self.state(), within, full).unwrap_or_else(PoisonError::into_inner);
        let (mut state, _) = waited;
        let free = !full(&mut state);
        if free {
            state.calls += 1;
        }
        free
    }

    pub(crate) fn reached(&self) {
        let mut state = self.state();
        (state.failures, state.away) = (0, None);
    }
}

/// Makes the remote with what lets us in now; says in words for people why it cannot.
type Make = Box<dyn Fn() -> Result<Remote, String> + Send + Sync>;

/// The way to one repository on a server.
pub struct Reach {
    url: RemoteUrl,
    /// The credential, as people know it.
    credential: String,
    make: Make,
    channel: Arc<Channel>,
}

impl Reach {
    /// The way to `url`. `credential` names what lets us in and where it is kept, for the words of errors; `make` reads it.
    pub fn new(
        url: RemoteUrl,
        credential: impl Into<String>,
        channel: Arc<Channel>,
        make: impl Fn() -> Result<Remote, String> + Send + Sync + 'static,
    ) -> Self {
        Self { url, credential: credential.into(), make: Box::new(make), channel }
    }

    /// The address.
    pub fn url(&self) -> &RemoteUrl {
        &self.url
    }

    /// Host and port, as people know the server.
    pub fn server(&self) -> &str {
        self.url.authority()
    }

    /// The remote for one call, and its turn.
    ///
    /// # Errors
    /// Rate limited while the server wants to be left alone, or while enough calls are under way; unauthorised if there is
    /// nothing to be let in with.
    pub fn remote(&self) -> PortResult<Turn> {
        let closed = |(kind, words)| self.trouble(kind, words);
        self.channel.open(self.server()).map_err(closed)?;
        let remote = (self.make)()
            .map_err(|why| self.trouble(ErrorKind::Unauthorised, format!("{}: {why}", self.credential)))?;
        Ok(Turn { remote, _pass: self.channel.enter(self.server()).map_err(closed)? })
    }

    /// Opens the repository of the state directory, which is made from the server if it is not there.
    ///
    /// # Errors
    /// The server's trouble, if it has to be asked.
    pub fn open(&self, git: &Git, origin: Origin, path: &Path, started: SystemTime) -> PortResult<Opened> {
        if path.exists() {
            let opened = Forge::open(git, origin, path, started);
            return opened.map_err(|error| self.trouble(kind(&error), error.to_string()));
        }
        let base = origin.base.clone();
        let made = self.remote()?.create_forge(origin, path, started).map_err(|error| self.told(error, None))?;
        made.ok_or_else(|| self.no_branch(&base))
    }

    /// A call came to its end: the server is there.
    pub fn answered(&self) {
        self.channel.reached();
    }

    /// The server has no base branch.
    pub fn no_branch(&self, base: &BranchName) -> PortError {
        let words = format!("{} has no branch {base}; push it there, or name another base branch", self.url);
        self.trouble(ErrorKind::Gone, words)
    }

    /// Trouble of the server with whatever it is asked.
    pub fn trouble(&self, kind: ErrorKind, words: impl Into<String>) -> PortError {
        PortError::of_target(kind, Port::Forge, self.url.to_string(), words)
    }

    /// A call that failed. What says nothing of one branch is the server's trouble with all of them.
    pub fn told(&self, error: RemoteError, branch: Option<&BranchName>) -> PortError {
        let mut words = error.to_string();
        let kind = match error.trouble {
            RemoteTrouble::Unreachable | RemoteTrouble::Slow => {
                self.channel.not_reached(now(), &words);
                ErrorKind::Passing
            }
            RemoteTrouble::RateLimited => {
                let until = now().plus_ms(LIMITED_MS);
                self.channel.limit(until);
                ErrorKind::RateLimited { until }
            }
            RemoteTrouble::Unauthorised => {
                words = format!(
                    "{words}; this is about the credential of this host and about nobody's task: {}. It is read again at each call",
                    self.credential
                );
                ErrorKind::Unauthorised
            }
            RemoteTrouble::Missing => ErrorKind::Missing,
            RemoteTrouble::TooLarge => {
                words.push_str("; raise remote_max_mb of the repository in the host file");
                ErrorKind::Refused
            }
            RemoteTrouble::Refused => ErrorKind::Refused,
            RemoteTrouble::InDoubt => ErrorKind::InDoubt,
            // This machine's git: of the branch if it is a fact.
            _ => match (error.local.as_deref().map(kind), branch) {
                (Some(kind), Some(branch)) if !kind.passes() => {
                    return PortError::of_object(kind, Port::Forge, self.url.to_string(), branch.to_string(), words);
                }
                (kind, _) => kind.unwrap_or(ErrorKind::Passing),
            },
        };
        self.trouble(kind, words)
    }
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_closed_until_the_latest_moment_that_was_named() {
        let channel = Channel::default();
        assert_eq!(channel.closed(Timestamp(1)), None);
        channel.limit(Timestamp(10));
        channel.limit(Timestamp(5));
        assert_eq!(channel.closed(Timestamp(9)), Some(Closed::Limited(Timestamp(10))));
        assert_eq!(channel.closed(Timestamp(10)), None);
    }

    #[test]
    fn a_server_that_is_away_is_left_alone_for_longer_and_longer() {
        let channel = Channel::default();
        let mut now = Timestamp(0);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            channel.not_reached(now, "no route");
            pauses.push(match channel.closed(now) {
                Some(Closed::Away { until, .. }) => until.since_ms(now) / 1_000,
                other => {
                    assert_eq!(other, None);
                    0
                }
            });
            now = now.plus_ms(LONGEST_PAUSE_MS);
        }
        assert_eq!(pauses, [0, 2, 4, 8, 16, 32, 60, 60, 60]);
        channel.reached();
        assert_eq!(channel.closed(now), None);
        channel.not_reached(now, "a blip");
        assert_eq!(channel.closed(now), None, "one connection that breaks is no outage");
    }
}
