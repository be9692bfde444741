//! The local forge: branches live in the workshop's own bare repository, and main follows the user's repository on this
//! host. Its users push and fetch there by its path.

use std::collections::BTreeMap;
use std::sync::Arc;

use orch_git::{Error, Synced};
use orch_ports::forge::{Base, Forge, Landing, Offers};
use orch_ports::{Port, PortError, PortResult};
use orch_rules::ids::CommitId;
use orch_rules::port_error::ErrorKind;

use super::short;
use crate::workshop::{Bare, Opening, ours};

/// One repository's local forge.
pub struct LocalForge {
    opening: Arc<Opening>,
}

impl LocalForge {
    /// In the repository that this opens.
    pub fn new(opening: Arc<Opening>) -> Self {
        Self { opening }
    }

    fn bare(&self) -> PortResult<Bare> {
        self.opening.get(Port::Forge)
    }
}

impl Forge for LocalForge {
    fn offers(&self) -> Offers {
        Offers::default()
    }

    fn base(&self) -> PortResult<Base> {
        self.opening.looked(self.bare().and_then(|bare| base(&bare)))
    }

    fn accept_base(&self) -> PortResult<Base> {
        let bare = self.bare()?;
        if let Synced::Rewritten { ours, theirs, .. } | Synced::Diverged { ours, theirs } =
            bare.repository.sync_base().map_err(bare.unavailable())?
        {
            bare.repository.accept_base(&ours, &theirs).map_err(bare.unavailable())?;
        }
        self.base()
    }

    fn branches(&self) -> PortResult<BTreeMap<String, CommitId>> {
        let bare = self.bare()?;
        let all = bare.repository.branches().map_err(bare.told())?;
        Ok(all.into_iter().map(|(name, tip)| (name, ours(&tip))).collect())
    }

    fn tip(&self, name: &str) -> PortResult<Option<CommitId>> {
        let bare = self.bare()?;
        Ok(bare.repository.tip(&bare.branch(name)?).map_err(bare.told())?.as_ref().map(ours))
    }

    fn publish(&self, name: &str, expect: Option<&CommitId>, head: &CommitId) -> PortResult<()> {
        let bare = self.bare()?;
        let expect = expect.map(|commit| bare.theirs(commit)).transpose()?;
        let published = bare.repository.publish_branch(&bare.branch(name)?, &bare.theirs(head)?, expect.as_ref());
        published.map(drop).map_err(bare.told())
    }

    fn land(&self, candidate: &CommitId, parent: &CommitId) -> PortResult<Landing> {
        let bare = self.bare()?;
        match bare.repository.land(&bare.theirs(parent)?, &bare.theirs(candidate)?) {
            Ok(_) => Ok(Landing::Landed { tip: ours(&bare.tip()?) }),
            Err(Error::StaleRef { .. }) => Ok(Landing::Moved { tip: ours(&bare.tip()?) }),
            Err(error) => Err(bare.told()(error)),
        }
    }

    fn remove(&self, name: &str, expect: &CommitId) -> PortResult<()> {
        let bare = self.bare()?;
        bare.repository.delete_branch(&bare.branch(name)?, Some(&bare.theirs(expect)?)).map_err(bare.told())
    }
}

fn base(bare: &Bare) -> PortResult<Base> {
    let synced = bare.repository.sync_base().map_err(bare.unavailable())?;
    let (base, source) = (&bare.repository.origin().base, bare.repository.origin().source.display());
    let diverged = match &synced {
        Synced::Diverged { ours, theirs } => Some(format!(
            "{base} in {source} is at {}, which lacks what landed at {}; bring both together there: orch pull \
             (then Orchestrion takes your commits over)",
            short(theirs),
            short(ours)
        )),
        Synced::Rewritten { ours, theirs, taken } => {
            let words = format!(
                "{base} in {source} is at {}, which lacks {}: it was rewritten or moved back after Orchestrion took \
                 that commit over, and {base} here stands on it (at {}); nothing starts or lands on it. If yours is \
                 the right one: orch pull --mine; if the commit is to stay, bring both together: orch pull --both",
                short(theirs),
                short(taken),
                short(ours)
            );
            return Err(PortError::of_target(ErrorKind::Conflict, Port::Forge, bare.target(), words));
        }
        _ => None,
    };
    let tip = match synced {
        Synced::FastForwarded { to, .. } => to,
        _ => bare.tip().map_err(PortError::widened)?,
    };
    Ok(Base { tip: ours(&tip), branch: base.to_string(), diverged })
}
