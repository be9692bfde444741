//! The two directions between the local forge and the user's repository.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::forge::{Forge, UPLOAD_PACK, commit_id, fetch, in_source, loose_ref};
use crate::git::Git;
use crate::source::{branches, find_branch};
use crate::words::CommitId;

/// The remote's name in the user's repository.
const REMOTE: &str = "orch";

/// What [`Forge::sync_base`] found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Synced {
    /// The base branch here contains the user's; nothing was changed.
    Contained,
    /// The user's was ahead; ours was moved to it.
    FastForwarded {
        /// Where ours was.
        from: CommitId,
        /// Where it is now.
        to: CommitId,
    },
    /// Each has commits the other has not; nothing was changed.
    Diverged {
        /// Our base tip.
        ours: CommitId,
        /// The user's.
        theirs: CommitId,
    },
    /// The user's no longer has a commit that was taken over from it: they rewrote it, or moved it back. Nothing was
    /// changed.
    Rewritten {
        /// Our base tip, which has that commit.
        ours: CommitId,
        /// The user's.
        theirs: CommitId,
        /// The commit: their tip when it was taken over last.
        taken: CommitId,
    },
}

/// What [`Forge::add_remote_to_source`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteAdded {
    /// It was made.
    Added,
    /// It was ours but named another place.
    Updated,
    /// It was there.
    Unchanged,
}

impl Forge {
    /// Takes over what the user committed to the base branch in their own repository. One git process if their tip
    /// is the one already taken over.
    ///
    /// # Errors
    /// [`Error::NoBranch`] if the user's branch is gone; [`Error::StaleRef`] if ours moved meanwhile (call again).
    pub fn sync_base(&self) -> Result<Synced> {
        let source = &self.origin.source;
        let base = self.origin.base.as_str();
        let theirs_ref = format!("refs/heads/{base}");
        if !source.is_dir() {
            return Err(Error::NotARepository(source.clone()));
        }
        let theirs = self.theirs(&theirs_ref)?;
        if self.is_contained(&theirs) {
            return Ok(Synced::Contained);
        }
        // One fetches; who finds its answer already there does not wait for it.
        let _fetching = self.fetching.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if self.is_contained(&theirs) {
            return Ok(Synced::Contained);
        }
        fetch(&self.git, &self.path)
            .arg(format!("--upload-pack={UPLOAD_PACK}"))
            .arg("--")
            .arg(source)
            .arg(format!("+{theirs_ref}:refs/orch/upstream/{base}"))
            .output()?;
        // It may have moved again; what was fetched is what is compared.
        let missing = |name: &str| Error::NotFound { repository: self.path.clone(), what: name.to_owned() };
        let seen = format!("refs/orch/upstream/{base}");
        let theirs = self.resolve(&seen)?.ok_or_else(|| missing(&seen))?;
        let synced = self.take_over(&theirs)?;
        if matches!(synced, Synced::Contained | Synced::FastForwarded { .. }) {
            self.contains_now(&theirs);
        }
        Ok(synced)
    }

    /// Takes over the base branch of a server, where it is at `theirs`, a commit that was fetched.
    ///
    /// # Errors
    /// [`Error::StaleRef`] if ours moved meanwhile (call again).
    pub fn follow_base(&self, theirs: &CommitId) -> Result<Synced> {
        let _fetching = self.fetching.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.move_ref_unsynced(&format!("refs/orch/upstream/{}", self.origin.base), theirs)?;
        self.take_over(theirs)
    }

    /// Our base branch follows `theirs` as far as that is a fast-forward.
    fn take_over(&self, theirs: &CommitId) -> Result<Synced> {
        let base = self.origin.base.as_str();
        let missing = |name: &str| Error::NotFound { repository: self.path.clone(), what: name.to_owned() };
        let ours = self.resolve(&self.base_ref())?.ok_or_else(|| missing(&self.base_ref()))?;
        let call = self.call().args(["rev-list", "--left-right", "--count"]).arg(format!("{ours}...{theirs}"));
        let shown = call.shown();
        let answer = call.text()?;
        let count = |text: Option<&str>| text.and_then(|t| t.parse::<u64>().ok());
        let mut counts = answer.split_whitespace();
        let (Some(ahead), Some(behind)) = (count(counts.next()), count(counts.next())) else {
            return Err(Error::Unexpected { command: shown, answer });
        };
        let taken_ref = format!("refs/orch/taken/{base}");
        // Forges of earlier releases have none: for them nothing was ever rewritten.
        let taken = self.resolve(&taken_ref)?;
        if let Some(taken) = taken.as_ref().filter(|taken| *taken != theirs)
            && !self.contains(theirs, taken)?
        {
            return Ok(Synced::Rewritten { ours, theirs: theirs.clone(), taken: taken.clone() });
        }
        if behind > 0 && ahead > 0 {
            return Ok(Synced::Diverged { ours, theirs: theirs.clone() });
        }
        if behind > 0 {
            match self.move_ref_for_good(&self.base_ref(), theirs, Some(Some(&ours))) {
                // A git that did its work and failed afterwards.
                Err(Error::StaleRef { found: Some(found), .. }) if found == *theirs => {}
                moved => moved?,
            }
        }
        if taken.as_ref() != Some(theirs) {
            self.move_ref_unsynced(&taken_ref, theirs)?;
        }
        Ok(if behind == 0 { Synced::Contained } else { Synced::FastForwarded { from: ours, to: theirs.clone() } })
    }

    /// Takes the user's base branch as it is, though it lacks commits that were taken over from it or landed here:
    /// what only ours has is kept under `refs/orch/left/` and nowhere else. `theirs` is what the user saw.
    ///
    /// # Errors
    /// [`Error::StaleRef`] if the user's branch, or ours, is elsewhere by now.
    pub fn accept_base(&self, ours: &CommitId, theirs: &CommitId) -> Result<()> {
        let base = self.origin.base.as_str();
        let seen = format!("refs/orch/upstream/{base}");
        let found = self.resolve(&seen)?;
        if found.as_ref() != Some(theirs) {
            return Err(Error::StaleRef { name: seen, expected: Some(theirs.clone()), found });
        }
        self.move_ref_unsynced(&format!("refs/orch/left/{ours}"), ours)?;
        self.move_ref_for_good(&self.base_ref(), theirs, Some(Some(ours)))?;
        self.move_ref_unsynced(&format!("refs/orch/taken/{base}"), theirs)?;
        self.contains_now(theirs);
        Ok(())
    }

    fn is_contained(&self, theirs: &CommitId) -> bool {
        self.contained.lock().unwrap_or_else(std::sync::PoisonError::into_inner).as_ref() == Some(theirs)
    }

    fn contains_now(&self, theirs: &CommitId) {
        *self.contained.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(theirs.clone());
    }

    /// The tip of the base branch in the user's repository: from the file of the ref, else from git.
    fn theirs(&self, name: &str) -> Result<CommitId> {
        let source = &self.origin.source;
        if let Some(tip) = loose_ref(&source.join(".git"), name) {
            return Ok(tip);
        }
        let call = in_source(&self.git, source).args(["rev-parse", "--verify", "--quiet", name]).quick();
        let shown = call.shown();
        let ended = call.run()?;
        match ended.code {
            Some(0) => commit_id(&shown, &String::from_utf8_lossy(&ended.output)),
            Some(1) if ended.is_silent() => {
                let existing = branches(in_source(&self.git, source), source)?.0;
                find_branch(source, &existing, &self.origin.base)
            }
            _ if String::from_utf8_lossy(&ended.stderr).contains("not a git repository") => {
                Err(Error::NotARepository(source.clone()))
            }
            _ => Err(ended.failed(shown)),
        }
    }

    /// Makes the forge known in the user's repository as the remote `orch`, so that `git fetch orch` brings the
    /// work home. A remote of that name which the user made is left alone, and so is that of another state folder
    /// whose forge is still there. Safe to call at every start.
    ///
    /// # Errors
    /// [`Error::RemoteTaken`].
    pub fn add_remote_to_source(&self) -> Result<RemoteAdded> {
        let source = &self.origin.source;
        let call = in_source(&self.git, source).args(["config", "--local", "-z", "--get-regexp", r"^remote\.orch\."]);
        let shown = call.shown();
        let ended = call.run()?;
        if !matches!(ended.code, Some(0 | 1)) {
            return Err(ended.failed(shown));
        }
        let value = |key: &str| {
            ended
                .output
                .split(|byte| *byte == 0)
                .find_map(|entry| entry.strip_prefix(format!("remote.{REMOTE}.{key}\n").as_bytes()).map(<[u8]>::to_vec))
        };
        let url = value("url");
        let here = self.path.as_os_str().as_bytes();
        if url.as_deref() == Some(here) && value("fetch").is_some() {
            return Ok(RemoteAdded::Unchanged);
        }
        let ours = value("orchestrion").is_some();
        if !ours && !ended.output.is_empty() && url.as_deref() != Some(here) {
            return Err(Error::RemoteTaken { repository: source.clone(), name: REMOTE.to_owned(), by: None });
        }
        let other = url.as_deref().map(|url| Path::new(OsStr::from_bytes(url)));
        // A copy of the folder names the forge of the one that it was copied from: beside ours, and no other service's.
        if let Some(other) = other.filter(|other| other.parent() != self.path.parent() && other.join("HEAD").is_file())
        {
            let by = Some(other.to_path_buf());
            return Err(Error::RemoteTaken { repository: source.clone(), name: REMOTE.to_owned(), by });
        }
        let set = |key: &str, value: &std::ffi::OsStr| {
            in_source(&self.git, source)
                .args(["config", "--local", "--replace-all"])
                .arg(format!("remote.{REMOTE}.{key}"))
                .arg(value)
                .output()
        };
        // The mark first: after a crash in between the rest is still recognised as ours.
        set("orchestrion", "true".as_ref())?;
        set("fetch", format!("+refs/heads/*:refs/remotes/{REMOTE}/*").as_ref())?;
        set("url", self.path.as_os_str())?;
        Ok(if url.is_some() { RemoteAdded::Updated } else { RemoteAdded::Added })
    }
}

/// The forge that the remote `orch` of a user's repository names; `None` without such a remote of ours.
///
/// # Errors
/// [`Error::NotARepository`].
pub fn forge_of(git: &Git, source: &Path) -> Result<Option<PathBuf>> {
    if remote_value(git, source, "orchestrion")?.is_none() {
        return Ok(None);
    }
    Ok(remote_value(git, source, "url")?.map(path))
}

/// What a remote `orch` names that the user made in their repository; `None` if there is none, or it is ours.
///
/// # Errors
/// [`Error::NotARepository`].
pub fn remote_of_user(git: &Git, source: &Path) -> Result<Option<PathBuf>> {
    if remote_value(git, source, "orchestrion")?.is_some() {
        return Ok(None);
    }
    Ok(remote_value(git, source, "url")?.map(path))
}

fn path(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

/// A setting of the remote `orch` of a user's repository.
fn remote_value(git: &Git, source: &Path, key: &str) -> Result<Option<Vec<u8>>> {
    let call = in_source(git, source).args(["config", "--local", "-z", "--get"]).arg(format!("remote.{REMOTE}.{key}"));
    let shown = call.shown();
    let ended = call.run()?;
    match ended.code {
        Some(0) => Ok(Some(ended.output.strip_suffix(b"\0").unwrap_or(&ended.output).to_vec())),
        Some(1) => Ok(None),
        _ if String::from_utf8_lossy(&ended.stderr).contains("not a git repository") => {
            Err(Error::NotARepository(source.to_path_buf()))
        }
        _ => Err(ended.failed(shown)),
    }
}
