//! Keeping the forge small.

use crate::error::Result;
use crate::forge::Forge;
use crate::words::TaskKey;

/// How thoroughly [`Forge::pack`] works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Joins small packs and loose objects; cost grows with what came since the last time.
    Quick,
    /// One pack, a commit graph, and unreachable objects older than two weeks removed; cost grows with the whole
    /// repository.
    Full,
}

impl Forge {
    /// Removes the attempt and pin refs of tasks whose clones are gone, and gives their number. Their archives stay.
    ///
    /// # Errors
    /// As every call of git.
    pub fn reap(&self, tasks: &[TaskKey]) -> Result<usize> {
        if tasks.is_empty() {
            return Ok(0);
        }
        let folders = tasks.iter().flat_map(|task| {
            // The slash: `ET-1` must not take `ET-10` with it.
            [format!("refs/orch/attempts/{task}/"), format!("refs/orch/pin/{task}/")]
        });
        let names = self.call().args(["for-each-ref", "--format=%(refname)"]).args(folders).text()?;
        if names.is_empty() {
            return Ok(0);
        }
        let orders: String = names.lines().map(|name| format!("option no-deref\ndelete {name}\n")).collect();
        self.call().args(["update-ref", "--stdin"]).input(orders).output()?;
        Ok(names.lines().count())
    }

    /// Packs objects. Nothing else here packs in passing, so this is called now and then; the time limit of
    /// [`Git`](crate::Git) bounds it, and a stopped packing harms nothing.
    ///
    /// # Errors
    /// [`Error::TimedOut`](crate::Error::TimedOut).
    pub fn pack(&self, packing: Packing) -> Result<()> {
        let call = match packing {
            Packing::Quick => self.call().args(["repack", "--quiet", "-d", "--geometric=2"]),
            Packing::Full => self.call().args(["gc", "--quiet", "--prune=2.weeks.ago"]),
        };
        call.output()?;
        Ok(())
    }
}
