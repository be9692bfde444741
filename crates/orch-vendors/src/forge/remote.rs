//! A forge that is a repository on any git server: branches live there, and are pushed with the old value named. Nothing of
//! the server's product is used, so main has to be one that our account may push to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use orch_git::{BranchName, Error, Pushed, Remote, RemoteError, RemoteTrouble, Synced};
use orch_ports::forge::{Base, Forge, Landing};
use orch_ports::{Port, PortError, PortResult};
use orch_rules::ids::{CommitId, Timestamp};
use orch_rules::lane::LandingRefused;
use orch_rules::port_error::ErrorKind;

use super::short;
use crate::workshop::{Bare, Opening, kind, ours};

/// After a limit without a date, in milliseconds.
const LIMITED_MS: i64 = 60_000;

/// One repository's forge on a server.
pub struct RemoteForge {
    opening: Arc<Opening>,
    remote: Remote,
}

impl RemoteForge {
    /// Branches at `remote`, beside the workshop in the repository that `opening` opens.
    pub fn new(opening: Arc<Opening>, remote: Remote) -> Self {
        Self { opening, remote }
    }

    fn bare(&self) -> PortResult<Bare> {
        self.opening.get(Port::Forge)
    }

    /// The workshop's main follows the server's, which is told.
    fn follow(&self, bare: &Bare) -> PortResult<orch_git::CommitId> {
        let base = &bare.repository.origin().base;
        let tip = self.remote.fetch(&bare.repository, base).map_err(|error| self.told(error, None))?;
        let tip = tip.ok_or_else(|| {
            let words =
                format!("{} has no branch {base}; push it there, or name another base branch", self.remote.url());
            PortError::of_target(ErrorKind::Gone, Port::Forge, self.target(), words)
        })?;
        match bare.repository.follow_base(&tip).map_err(bare.unavailable())? {
            Synced::Contained | Synced::FastForwarded { .. } => Ok(tip),
            Synced::Diverged { ours, .. } | Synced::Rewritten { ours, .. } => {
                let words = format!(
                    "{base} at {} is at {}, which lacks what Orchestrion has seen or landed there ({}): it was rewritten or \
                     moved back; nothing starts or lands on it. If the server's is the right one: orch pull --mine; else \
                     push that commit there again",
                    self.remote.url(),
                    short(&tip),
                    short(&ours)
                );
                Err(PortError::of_target(ErrorKind::Conflict, Port::Forge, self.target(), words))
            }
        }
    }

    /// A branch that is not main; the server may keep nobody from moving that.
    fn task_branch(&self, bare: &Bare, name: &str) -> PortResult<BranchName> {
        let branch = bare.branch(name)?;
        if name.eq_ignore_ascii_case(bare.repository.origin().base.as_str()) {
            return Err(bare.told()(Error::BaseBranch(branch)));
        }
        Ok(branch)
    }

    fn target(&self) -> String {
        self.remote.url().to_string()
    }

    /// The server's host, as people know it.
    fn host(&self) -> String {
        self.remote.url().authority().to_owned()
    }

    /// A push of a task branch that did not move it.
    fn not_moved(&self, branch: &BranchName, pushed: Pushed) -> PortResult<()> {
        let (kind, words) = match pushed {
            Pushed::Moved | Pushed::Already => return Ok(()),
            Pushed::Stale { found } => {
                let place = found.map_or("is not there".to_owned(), |tip| format!("is at {tip}"));
                (ErrorKind::Conflict, format!("{branch} {place}: somebody moved it"))
            }
            Pushed::Refused { why } => (ErrorKind::Refused, format!("{} does not take {branch}: {why}", self.host())),
        };
        Err(PortError::of_object(kind, Port::Forge, self.target(), branch.to_string(), words))
    }

    /// A call that failed. What says nothing of one branch is the server's trouble with all of them.
    fn told(&self, error: RemoteError, branch: Option<&BranchName>) -> PortError {
        let words = error.to_string();
        let kind = match error.trouble {
            RemoteTrouble::Unreachable | RemoteTrouble::Slow => ErrorKind::Passing,
            RemoteTrouble::RateLimited => ErrorKind::RateLimited { until: now().plus_ms(LIMITED_MS) },
            RemoteTrouble::Unauthorised => ErrorKind::Unauthorised,
            RemoteTrouble::Missing => ErrorKind::Missing,
            RemoteTrouble::Refused => ErrorKind::Refused,
            RemoteTrouble::InDoubt => ErrorKind::InDoubt,
            // This machine's git: of the branch if it is a fact.
            _ => match (error.local.as_deref().map(kind), branch) {
                (Some(kind), Some(branch)) if !kind.passes() => {
                    return PortError::of_object(kind, Port::Forge, self.target(), branch.to_string(), words);
                }
                (kind, _) => kind.unwrap_or(ErrorKind::Passing),
            },
        };
        PortError::of_target(kind, Port::Forge, self.target(), words)
    }
}

impl Forge for RemoteForge {
    fn base(&self) -> PortResult<Base> {
        let found = self.bare().and_then(|bare| {
            let tip = self.follow(&bare)?;
            Ok(Base { tip: ours(&tip), branch: bare.repository.origin().base.to_string(), diverged: None })
        });
        self.opening.looked(found)
    }

    fn accept_base(&self) -> PortResult<Base> {
        let bare = self.bare()?;
        let base = &bare.repository.origin().base;
        let tip = self.remote.fetch(&bare.repository, base).map_err(|error| self.told(error, None))?;
        if let Some(tip) = tip
            && let Synced::Rewritten { ours, theirs, .. } | Synced::Diverged { ours, theirs } =
                bare.repository.follow_base(&tip).map_err(bare.unavailable())?
        {
            bare.repository.accept_base(&ours, &theirs).map_err(bare.unavailable())?;
        }
        self.base()
    }

    fn branches(&self) -> PortResult<BTreeMap<String, CommitId>> {
        let bare = self.bare()?;
        let all = self.remote.branches(&bare.repository).map_err(|error| self.told(error, None))?;
        Ok(all.into_iter().map(|(name, tip)| (name.to_string(), ours(&tip))).collect())
    }

    fn tip(&self, name: &str) -> PortResult<Option<CommitId>> {
        let bare = self.bare()?;
        let branch = bare.branch(name)?;
        let tip = self.remote.fetch(&bare.repository, &branch).map_err(|error| self.told(error, Some(&branch)))?;
        Ok(tip.as_ref().map(ours))
    }

    fn publish(&self, name: &str, expect: Option<&CommitId>, head: &CommitId) -> PortResult<()> {
        let bare = self.bare()?;
        let (branch, head) = (self.task_branch(&bare, name)?, bare.theirs(head)?);
        let expect = expect.map(|commit| bare.theirs(commit)).transpose()?;
        bare.has(&head)?;
        let pushed = self.remote.push(&bare.repository, &branch, expect.as_ref(), &head);
        self.not_moved(&branch, pushed.map_err(|error| self.told(error, Some(&branch)))?)
    }

    fn land(&self, candidate: &CommitId, parent: &CommitId) -> PortResult<Landing> {
        let bare = self.bare()?;
        let (base, parent, candidate) = (&bare.repository.origin().base, bare.theirs(parent)?, bare.theirs(candidate)?);
        bare.repository.stands_on(&candidate, &parent).map_err(bare.told())?;
        let pushed = self.remote.push(&bare.repository, base, Some(&parent), &candidate);
        match pushed.map_err(|error| self.told(error, None))? {
            Pushed::Moved | Pushed::Already => {
                let tip = self.follow(&bare)?;
                Ok(Landing::Landed { tip: ours(&tip) })
            }
            // It may be there all the same: this very landing, or a person's.
            Pushed::Stale { .. } => {
                let tip = self.follow(&bare)?;
                let landed = bare.repository.contains(&tip, &candidate).map_err(bare.told())?;
                Ok(if landed { Landing::Landed { tip: ours(&tip) } } else { Landing::Moved { tip: ours(&tip) } })
            }
            Pushed::Refused { why } => Ok(Landing::Refused(LandingRefused { by: self.host(), why })),
        }
    }

    fn remove(&self, name: &str, expect: &CommitId) -> PortResult<()> {
        let bare = self.bare()?;
        let branch = self.task_branch(&bare, name)?;
        let pushed = self.remote.remove(&bare.repository, &branch, &bare.theirs(expect)?);
        let pushed = pushed.map_err(|error| self.told(error, Some(&branch)))?;
        if matches!(pushed, Pushed::Stale { found: None }) { Ok(()) } else { self.not_moved(&branch, pushed) }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
