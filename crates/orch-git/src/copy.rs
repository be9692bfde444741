//! A copy of a forge while it is in use, and putting one back.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::forge::{in_forge, sync_folder, usable};
use crate::git::Git;

/// So often a copy is begun again because a packing took files away under it.
const MOST_ROUNDS: u32 = 5;

/// Copies the forge at `from` to the new folder `to`, while others may write to it: refs first, then every object, so that
/// whatever a ref names is there; then git says whether it is whole. Objects that no ref names come along: a candidate
/// that is being tested is one.
///
/// # Errors
/// [`Error::Occupied`] if `to` is there; [`Error::Unexpected`] if the copy is not whole.
pub fn copy_forge(git: &Git, from: &Path, to: &Path) -> Result<()> {
    usable(from)?;
    usable(to)?;
    if fs::symlink_metadata(to).is_ok() {
        return Err(Error::Occupied(to.to_path_buf()));
    }
    if !from.join("HEAD").is_file() || !from.join("objects").is_dir() {
        return Err(Error::NotARepository(from.to_path_buf()));
    }
    for folder in ["objects/info", "objects/pack", "refs"] {
        let folder = to.join(folder);
        fs::create_dir_all(&folder).map_err(|error| Error::io("make the folder", &folder, error))?;
    }
    // A ref that is being packed is in the one place or in the other: loose ones first, then the packed.
    copy_below(from, to, Path::new("refs"), &|name| !name.ends_with(".lock"))?;
    for file in ["packed-refs", "HEAD", "config"] {
        copy(&from.join(file), &to.join(file))?;
    }
    let unfinished = |name: &str| name.starts_with("tmp_") || name.starts_with("incoming-") || name.ends_with(".lock");
    let mut seen = BTreeSet::new();
    for _ in 0..MOST_ROUNDS {
        let listed = copy_below(from, to, Path::new("objects"), &|name| !unfinished(name))?;
        // What was packed meanwhile is in a pack that is new: until nothing is, something may be missing.
        if listed == seen {
            break;
        }
        seen = listed;
    }
    whole(git, to)?;
    sync_folder(to)
}

/// Whether every object that a ref of a repository needs is there.
fn whole(git: &Git, forge: &Path) -> Result<()> {
    in_forge(git, forge).args(["fsck", "--connectivity-only", "--no-dangling"]).output().map(drop)
}

/// Copies the files below a folder that are not there yet; gives the names of all that were seen.
fn copy_below(from: &Path, to: &Path, below: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<BTreeSet<PathBuf>> {
    let (mut waiting, mut seen) = (vec![below.to_path_buf()], BTreeSet::new());
    while let Some(folder) = waiting.pop() {
        let target = to.join(&folder);
        fs::create_dir_all(&target).map_err(|error| Error::io("make the folder", &target, error))?;
        let entries = match fs::read_dir(from.join(&folder)) {
            // Emptied by a packing meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries.map_err(|error| Error::io("list", &from.join(&folder), error))?,
        };
        for entry in entries.flatten().filter(|entry| wanted(&entry.file_name().to_string_lossy())) {
            let name = folder.join(entry.file_name());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => waiting.push(name),
                Ok(kind) if kind.is_file() => {
                    if !to.join(&name).exists() {
                        copy(&from.join(&name), &to.join(&name))?;
                    }
                    seen.insert(name);
                }
                _ => {}
            }
        }
    }
    Ok(seen)
}

/// One that is gone again is left out: whatever it held is elsewhere.
fn copy(from: &Path, to: &Path) -> Result<()> {
    match fs::copy(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("copy", from, error)),
        Ok(_) => fs::File::open(to).and_then(|open| open.sync_all()).map_err(|error| Error::io("sync", to, error)),
    }
}
