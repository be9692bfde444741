//! A forge that is a repository on any git server: branches live there, and are pushed with the old value named. Nothing of
//! the server's product is used, so main has to be one that our account may push to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use orch_git::{BranchName, Error, Pushed, Remote, RemoteError, RemoteTrouble, Synced};
use orch_ports::forge::{Base, Forge, Landing, Offers};
use orch_ports::{Port, PortError, PortResult};
use orch_rules::ids::CommitId;
use orch_rules::lane::LandingRefused;
use orch_rules::port_error::ErrorKind;

use super::reach::{Reach, Turn};
use super::short;
use crate::workshop::{Bare, Opening, ours};

/// So long it is not tried again whether a credential that may only read may push by now.
const READS_ONLY_FOR: Duration = Duration::from_secs(300);

/// git says of a refusal that it is about the name, and not about who pushes what: another branch is in its way.
fn of_its_name(why: &str) -> bool {
    ["cannot lock ref", "failed to update ref"].iter().any(|words| why.contains(words))
}

/// One repository's forge on a server.
pub struct RemoteForge {
    opening: Arc<Opening>,
    reach: Arc<Reach>,
    /// A credential with which a push was not allowed, when, and in what words. Reading works with it, so that the next look
    /// would find nothing wrong, and the next push the same trouble.
    reads_only: Mutex<Option<(Remote, Instant, PortError)>>,
}

impl RemoteForge {
    /// Branches that are reached by `reach`, beside the workshop in the repository that `opening` opens.
    pub fn new(opening: Arc<Opening>, reach: Arc<Reach>) -> Self {
        Self { opening, reach, reads_only: Mutex::new(None) }
    }

    /// What a push came to.
    fn pushed(
        &self,
        bare: &Bare,
        remote: &Remote,
        branch: Option<&BranchName>,
        pushed: Result<Pushed, RemoteError>,
    ) -> PortResult<Pushed> {
        pushed.map_err(|error| {
            let refused = error.trouble == RemoteTrouble::Unauthorised;
            let told = self.reach.told(error, branch);
            if refused && remote.tip(&bare.repository, &bare.repository.origin().base).is_ok() {
                let mut known = self.reads_only.lock().unwrap_or_else(PoisonError::into_inner);
                *known = Some((remote.clone(), Instant::now(), told.clone()));
            }
            told
        })
    }

    /// The remote for reading main: not while it is known that nothing could be pushed there.
    fn for_work(&self) -> PortResult<Turn> {
        let remote = self.reach.remote()?;
        let mut known = self.reads_only.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some((with, since, told)) if with.is_let_in_as(&remote) && since.elapsed() < READS_ONLY_FOR => {
                return Err(told.clone());
            }
            _ => *known = None,
        }
        Ok(remote)
    }

    fn bare(&self) -> PortResult<Bare> {
        self.opening.get(Port::Forge)
    }

    /// The workshop's main follows the server's, which is told.
    fn follow(&self, remote: &Remote, bare: &Bare) -> PortResult<orch_git::CommitId> {
        let base = &bare.repository.origin().base;
        let tip = remote.fetch(&bare.repository, base).map_err(|error| self.reach.told(error, None))?;
        self.reach.answered();
        let tip = tip.ok_or_else(|| self.reach.no_branch(base))?;
        match bare.repository.follow_base(&tip).map_err(bare.unavailable())? {
            Synced::Contained | Synced::FastForwarded { .. } => Ok(tip),
            Synced::Diverged { ours, .. } | Synced::Rewritten { ours, .. } => {
                let words = format!(
                    "{base} at {} is at {}, which lacks what Orchestrion has seen or landed there ({}): it was rewritten or \
                     moved back; nothing starts or lands on it. If the server's is the right one: orch pull --mine; else \
                     push that commit there again",
                    self.reach.url(),
                    short(&tip),
                    short(&ours)
                );
                Err(self.reach.trouble(ErrorKind::Conflict, words))
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
        self.reach.url().to_string()
    }

    /// The server's host, as people know it.
    fn host(&self) -> String {
        self.reach.server().to_owned()
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
}

impl Forge for RemoteForge {
    fn offers(&self) -> Offers {
        Offers { server: Some(self.host()) }
    }

    fn base(&self) -> PortResult<Base> {
        let found = self.bare().and_then(|bare| {
            let remote = self.for_work()?;
            let tip = self.follow(&remote, &bare)?;
            Ok(Base { tip: ours(&tip), branch: bare.repository.origin().base.to_string(), diverged: None })
        });
        self.opening.looked(found)
    }

    fn accept_base(&self) -> PortResult<Base> {
        let bare = self.bare()?;
        let base = &bare.repository.origin().base;
        let fetched = self.reach.remote()?.fetch(&bare.repository, base);
        let tip = fetched.map_err(|error| self.reach.told(error, None))?;
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
        let all = self.reach.remote()?.branches(&bare.repository).map_err(|error| self.reach.told(error, None))?;
        Ok(all.into_iter().map(|(name, tip)| (name.to_string(), ours(&tip))).collect())
    }

    fn tip(&self, name: &str) -> PortResult<Option<CommitId>> {
        let bare = self.bare()?;
        let branch = bare.branch(name)?;
        let fetched = self.reach.remote()?.fetch(&bare.repository, &branch);
        let tip = fetched.map_err(|error| self.reach.told(error, Some(&branch)))?;
        Ok(tip.as_ref().map(ours))
    }

    fn publish(&self, name: &str, expect: Option<&CommitId>, head: &CommitId) -> PortResult<()> {
        let bare = self.bare()?;
        let (branch, head) = (self.task_branch(&bare, name)?, bare.theirs(head)?);
        let expect = expect.map(|commit| bare.theirs(commit)).transpose()?;
        bare.has(&head)?;
        let remote = self.reach.remote()?;
        let pushed = remote.push(&bare.repository, &branch, expect.as_ref(), &head);
        let pushed = self.pushed(&bare, &remote, Some(&branch), pushed)?;
        // Nobody moved it, so a look at it would find nothing to go by, and it would be published again at once.
        let not_yet = match &pushed {
            Pushed::Stale { found } if *found == expect => Some(
                "another branch is in its way: `feature` leaves no room for `feature/…`, nor that for `feature/…/…`",
            ),
            Pushed::Refused { why } if expect.is_none() && of_its_name(why) => Some(why.as_str()),
            _ => None,
        };
        if let Some(why) = not_yet {
            let words = format!("{} does not take {branch}: {why}; it is tried again", self.host());
            return Err(PortError::of_object(
                ErrorKind::Missing,
                Port::Forge,
                self.target(),
                branch.to_string(),
                words,
            ));
        }
        self.not_moved(&branch, pushed)
    }

    fn land(&self, candidate: &CommitId, parent: &CommitId) -> PortResult<Landing> {
        let bare = self.bare()?;
        let (base, parent, candidate) = (&bare.repository.origin().base, bare.theirs(parent)?, bare.theirs(candidate)?);
        bare.repository.stands_on(&candidate, &parent).map_err(bare.told())?;
        let remote = self.reach.remote()?;
        let pushed = remote.push(&bare.repository, base, Some(&parent), &candidate);
        match self.pushed(&bare, &remote, None, pushed)? {
            Pushed::Moved | Pushed::Already => {
                let tip = self.follow(&remote, &bare)?;
                Ok(Landing::Landed { tip: ours(&tip) })
            }
            // It may be there all the same: this very landing, or a person's.
            Pushed::Stale { .. } => {
                let tip = self.follow(&remote, &bare)?;
                let landed = bare.repository.contains(&tip, &candidate).map_err(bare.told())?;
                Ok(if landed { Landing::Landed { tip: ours(&tip) } } else { Landing::Moved { tip: ours(&tip) } })
            }
            Pushed::Refused { why } => Ok(Landing::Refused(LandingRefused { by: self.host(), why })),
        }
    }

    fn remove(&self, name: &str, expect: &CommitId) -> PortResult<()> {
        let bare = self.bare()?;
        let branch = self.task_branch(&bare, name)?;
        let remote = self.reach.remote()?;
        let pushed = remote.remove(&bare.repository, &branch, &bare.theirs(expect)?);
        let pushed = self.pushed(&bare, &remote, Some(&branch), pushed)?;
        if matches!(pushed, Pushed::Stale { found: None }) { Ok(()) } else { self.not_moved(&branch, pushed) }
    }
}
