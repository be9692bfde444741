//! The repository of the state directory, made from a server.

use std::path::Path;
use std::time::SystemTime;

use super::{Remote, Result};
use crate::error::Error;
use crate::forge::{Forge, Opened, Origin, begin, into_place, usable};
use crate::words::CommitId;

/// Letters of a commit's name under SHA-256.
const SHA256_LENGTH: usize = 64;

impl Remote {
    /// As [`Forge::create_from`], from the base branch over there; the source of `origin` is not looked at. `None` if the
    /// server has no such branch. A crash at any point leaves either nothing at `path` or a whole repository.
    ///
    /// # Errors
    /// [`RemoteError`](super::RemoteError).
    pub fn create_forge(&self, origin: Origin, path: &Path, started: SystemTime) -> Result<Option<Opened>> {
        let local = |error| self.local(error);
        usable(path).map_err(local)?;
        if std::fs::symlink_metadata(path).is_ok() {
            return Forge::open(&self.git, origin, path, started).map(Some).map_err(local);
        }
        let begun = |format| begin(&self.git, path, format, &origin.base).map_err(local);
        let mut unfinished = begun("sha1")?;
        let at = |folder: &Path| Forge::at(&self.git, origin.clone(), folder);
        let Some(tip) = self.tip(&at(&unfinished), &origin.base)? else { return Ok(None) };
        if tip.as_str().len() == SHA256_LENGTH {
            unfinished = begun("sha256")?;
        }
        let forge = at(&unfinished);
        let Some(tip) = self.fetch(&forge, &origin.base)? else { return Ok(None) };
        begin_at(&forge, &tip).map_err(local)?;
        into_place(&unfinished, path).map_err(local)?;
        let mut opened = Forge::open(&self.git, origin, path, started).map_err(local)?;
        opened.created = true;
        Ok(Some(opened))
    }

    /// Clones it into `folder`, which must not exist, with a working tree for a person; what lets us in is not kept there.
    ///
    /// # Errors
    /// [`RemoteError`](super::RemoteError).
    pub fn clone_for_people(&self, folder: &Path) -> Result<()> {
        let local = |error| self.local(error);
        usable(folder).map_err(local)?;
        let parent = folder.parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(parent).map_err(|error| local(Error::io("make the folder", parent, error)))?;
        let call = self.call_from(parent).args(["clone", "--quiet", "--"]).arg(self.url().as_str()).arg(folder);
        self.succeeded(call).map(drop)
    }
}

/// The base branch is at `tip`, and was taken over from there.
fn begin_at(forge: &Forge, tip: &CommitId) -> std::result::Result<(), Error> {
    let base = &forge.origin().base;
    for name in [forge.base_ref(), format!("refs/orch/upstream/{base}"), format!("refs/orch/taken/{base}")] {
        forge.move_ref(&name, tip, None)?;
    }
    Ok(())
}
