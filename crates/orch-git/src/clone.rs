//! Working copies: one per attempt for an agent, and clean ones for checks.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::evidence::tree_of;
use crate::forge::{Forge, usable};
use crate::process::Limits;
use crate::tree::{self, Difference, Entry};
use crate::words::{BranchName, CommitId, Identity, TaskKey};

/// An agent's working copy to be made.
#[derive(Debug, Clone, Copy)]
pub struct CloneRequest<'a> {
    /// Whose it is; with `attempt`, the name of the pin.
    pub task: &'a TaskKey,
    /// Which attempt of the task.
    pub attempt: u64,
    /// What is checked out.
    pub commit: &'a CommitId,
    /// The base branch's tip, given as the local branch `orch-base`: what a conflict is resolved against.
    pub base: Option<&'a CommitId>,
    /// The local branch it is on.
    pub branch: &'a BranchName,
    /// Where it is made; must not exist, or be an empty folder. Absolute.
    pub folder: &'a Path,
    /// Who the agent's commits are by.
    pub identity: &'a Identity,
}

/// Paths that a checkout takes from another commit.
#[derive(Clone, Copy)]
pub struct Overlay<'a> {
    /// That commit.
    pub from: &'a CommitId,
    /// Which paths, from the top of the repository; bytes that are no UTF-8 read as U+FFFD.
    pub covers: &'a dyn Fn(&str) -> bool,
}

/// A copy of a clone's index as it was made; the packing script knows the name.
const BEGUN: &str = "index.begun";

impl Forge {
    /// Makes a working copy that shares the forge's objects, on a local branch at an exact commit, and pins that
    /// commit for as long as the copy lives ([`Forge::unpin`], [`Forge::reap`]).
    ///
    /// It has no remote: there is nothing to push to and nothing to fetch from. Submodules are empty folders and
    /// LFS files are their pointers; neither is fetched.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown commit; [`Error::Occupied`] if the folder has anything in it.
    pub fn clone_attempt(&self, request: CloneRequest<'_>) -> Result<()> {
        self.clone_with(request, &[])
    }

    /// As [`Forge::clone_attempt`], with some paths as another commit has them in the folder, but for git as they are on
    /// the branch: nothing of the overlay shows as a change or is committed (`skip-worktree` of git-update-index(1), and
    /// `info/exclude` for what only the other commit has).
    ///
    /// # Errors
    /// As [`Forge::clone_attempt`], of either commit.
    pub fn clone_attempt_overlaid(&self, request: CloneRequest<'_>, overlay: Overlay<'_>) -> Result<()> {
        let found = self.differing(request.commit, overlay)?;
        self.clone_with(request, &found)
    }

    fn clone_with(&self, request: CloneRequest<'_>, overlaid: &[Difference]) -> Result<()> {
        self.pin(request.task, request.attempt, request.commit)?;
        let own = Some((request.branch, request.identity));
        if overlaid.is_empty() {
            self.check_out(request.commit, request.folder, own)?;
            // Whether anybody used it since can be told by a plain file.
            let index = request.folder.join(".git/index");
            let begun = request.folder.join(".git").join(BEGUN);
            std::fs::copy(&index, &begun).map_err(|error| Error::io("copy", &index, error))?;
        } else {
            self.lay_over(request.commit, request.folder, own, overlaid)?;
            self.hide(request.commit, request.folder, overlaid)?;
        }
        match request.base {
            None => Ok(()),
            Some(base) => write(&request.folder.join(".git/refs/heads/orch-base"), format!("{base}\n").as_bytes()),
        }
    }

    /// Makes a clean working copy of an exact commit, on no branch, for a check. The caller keeps the commit
    /// reachable meanwhile, or young: packing spares objects of the last two weeks.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown commit; [`Error::Occupied`] if the folder has anything in it.
    pub fn checkout_clean(&self, commit: &CommitId, folder: &Path) -> Result<()> {
        self.check_out(commit, folder, None)
    }

    /// As [`Forge::checkout_clean`], with some paths as another commit has them: what that commit has there is put in
    /// place, what it does not have there is left out. Names in the index and not in the file system are compared and
    /// replaced, so no link of the one commit can lead the other's files astray. `HEAD` is the commit asked for; its
    /// index is what was checked out. One git process if nothing differs there, four more else.
    ///
    /// # Errors
    /// As [`Forge::checkout_clean`], of either commit.
    pub fn checkout_overlaid(&self, commit: &CommitId, folder: &Path, overlay: Overlay<'_>) -> Result<()> {
        let found = self.differing(commit, overlay)?;
        if found.is_empty() {
            self.check_out(commit, folder, None)
        } else {
            self.lay_over(commit, folder, None, &found)
        }
    }

    /// Where the two commits differ in what the overlay covers.
    fn differing(&self, commit: &CommitId, overlay: Overlay<'_>) -> Result<Vec<Difference>> {
        let mut objects = self.objects()?;
        let own = tree_of(&mut objects, commit)?;
        let other = tree_of(&mut objects, overlay.from)?;
        let mut found = tree::differences(&mut objects, &own, &other)?;
        found.retain(|found| (overlay.covers)(&String::from_utf8_lossy(&found.path)));
        Ok(found)
    }

    /// The files of a commit with the other side of these differences; the index is the same.
    fn lay_over(
        &self,
        commit: &CommitId,
        folder: &Path,
        own: Option<(&BranchName, &Identity)>,
        found: &[Difference],
    ) -> Result<()> {
        self.lay_out(commit, folder, own)?;
        self.in_layout(commit, folder, &["read-tree", commit.as_str()], Vec::new())?;
        self.set_index(commit, folder, found, |found| found.is.as_ref())?;
        self.in_layout(commit, folder, &["checkout-index", "--all", "--force", "--index"], Vec::new())?;
        self.laid_out(commit, folder)
    }

    /// Puts one side of differences into the index: git-update-index(1), `--index-info`. What is left out first, so that
    /// nothing is in the way of what comes.
    fn set_index(
        &self,
        commit: &CommitId,
        folder: &Path,
        found: &[Difference],
        side: fn(&Difference) -> Option<&Entry>,
    ) -> Result<()> {
        let mut lines = Vec::new();
        let nothing = format!("0 {}", "0".repeat(commit.as_str().len()));
        for gone in found.iter().filter(|found| side(found).is_none()) {
            lines.extend([nothing.as_bytes(), b"\t", &gone.path, b"\0"].concat());
        }
        for (path, entry) in found.iter().filter_map(|found| Some((&found.path, side(found)?))) {
            lines.extend([&entry.raw_mode, &b" "[..], entry.id.as_bytes(), b"\t", path, b"\0"].concat());
        }
        self.in_layout(commit, folder, &["update-index", "--replace", "-z", "--index-info"], lines)?;
        // One that did nothing would let a change be judged by its own tests, so it is looked at.
        let listed = self.in_layout(commit, folder, &["ls-files", "--stage", "-z"], Vec::new())?;
        if overlaid(&listed, found, side) { Ok(()) } else { Err(nothing_done("git update-index")) }
    }

    /// Makes the index the commit's again and tells git to take no notice of the files that differ from it.
    fn hide(&self, commit: &CommitId, folder: &Path, found: &[Difference]) -> Result<()> {
        self.set_index(commit, folder, found, |found| found.was.as_ref())?;
        let mut known = Vec::new();
        let mut exclude = Vec::new();
        for found in found {
            if found.was.is_some() {
                known.extend([&found.path[..], b"\0"].concat());
            } else if !found.path.contains(&b'\n') {
                exclude.push(b'/');
                for byte in &found.path {
                    // gitignore(5)
                    if b"\\*?[ ".contains(byte) {
                        exclude.push(b'\\');
                    }
                    exclude.push(*byte);
                }
                exclude.push(b'\n');
            }
        }
        self.in_layout(commit, folder, &["update-index", "--skip-worktree", "-z", "--stdin"], known)?;
        write(&folder.join(".git/info/exclude"), &exclude)
    }

    /// What `git clone --shared --no-checkout` would leave, written directly (gitrepository-layout(5)), then one git
    /// process for the files: nothing of the forge's refs, no remote, no sample hooks.
    fn check_out(&self, commit: &CommitId, folder: &Path, own: Option<(&BranchName, &Identity)>) -> Result<()> {
        self.lay_out(commit, folder, own)?;
        let arguments = ["read-tree", "--reset", "-u", "--no-recurse-submodules", commit.as_str()];
        self.in_layout(commit, folder, &arguments, Vec::new())?;
        self.laid_out(commit, folder)
    }

    /// A checkout without an index, or with no file of a commit that has some, did nothing, whatever it says.
    fn laid_out(&self, commit: &CommitId, folder: &Path) -> Result<()> {
        let files = fs::read_dir(folder).map_err(|error| Error::io("list", folder, error))?;
        let any = files.flatten().any(|entry| entry.file_name() != ".git");
        if folder.join(".git/index").is_file() && (any || self.is_empty(commit)?) {
            return Ok(());
        }
        Err(nothing_done("git read-tree"))
    }

    fn is_empty(&self, commit: &CommitId) -> Result<bool> {
        let mut objects = self.objects()?;
        let tree = tree_of(&mut objects, commit)?;
        Ok(tree::read(&mut objects, &tree)?.is_empty())
    }

    /// The folder with its repository, without a file.
    fn lay_out(&self, commit: &CommitId, folder: &Path, own: Option<(&BranchName, &Identity)>) -> Result<()> {
        usable(folder)?;
        fs::create_dir_all(folder).map_err(|error| Error::io("make the folder", folder, error))?;
        let mut entries = fs::read_dir(folder).map_err(|error| Error::io("list", folder, error))?;
        if entries.next().is_some() {
            return Err(Error::Occupied(folder.to_path_buf()));
        }
        let repository = folder.join(".git");
        for part in ["objects/info", "objects/pack", "refs/heads", "refs/tags", "info"] {
            let part = repository.join(part);
            fs::create_dir_all(&part).map_err(|error| Error::io("make the folder", &part, error))?;
        }
        let mut alternates = self.objects_folder().into_os_string();
        alternates.push("\n");
        write(&repository.join("objects/info/alternates"), alternates.as_encoded_bytes())?;
        let format_version = if commit.as_str().len() == 64 { "1\n[extensions]\n\tobjectFormat = sha256" } else { "0" };
        let mut settings = format!("[core]\n\trepositoryformatversion = {format_version}\n{CLONE_SETTINGS}");
        let head = match own {
            None => format!("{commit}\n"),
            Some((branch, identity)) => {
                settings.push_str(&format!(
                    "[user]\n\tname = {}\n\temail = {}\n",
                    quoted(identity.name()),
                    quoted(identity.email())
                ));
                let tip = repository.join("refs/heads").join(branch.as_str());
                if let Some(parent) = tip.parent() {
                    fs::create_dir_all(parent).map_err(|error| Error::io("make the folder", parent, error))?;
                }
                write(&tip, format!("{commit}\n").as_bytes())?;
                format!("ref: refs/heads/{branch}\n")
            }
        };
        write(&repository.join("config"), settings.as_bytes())?;
        write(&repository.join("HEAD"), head.as_bytes())
    }

    /// Runs git in a folder that was just laid out: nobody else has been in it yet, so its settings are our own.
    fn in_layout(&self, commit: &CommitId, folder: &Path, arguments: &[&str], input: Vec<u8>) -> Result<Vec<u8>> {
        let mut git_dir = std::ffi::OsString::from("--git-dir=");
        git_dir.push(folder.join(".git"));
        let call = self
            .git
            .call(folder)
            .arg(git_dir)
            .arg("--work-tree=.")
            .args(arguments)
            .input(input)
            .limits(Limits::READING);
        let shown = call.shown();
        let ended = call.run()?;
        if ended.code == Some(0) {
            return Ok(ended.output);
        }
        let failure = ended.failed(shown);
        if matches!(failure, Error::Failed { .. }) && self.resolve(&format!("{commit}^{{commit}}"))?.is_none() {
            return Err(Error::NotFound { repository: self.path.clone(), what: commit.to_string() });
        }
        Err(failure)
    }

    /// Keeps a commit and all it needs, for as long as a copy of it lives.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown commit.
    pub fn pin(&self, task: &TaskKey, attempt: u64, commit: &CommitId) -> Result<()> {
        // Not synced: a power cut that takes the pin back also ended the run that needed it.
        self.move_ref_unsynced(&pin_ref(task, attempt), commit)
    }

    /// Lets go of what [`Forge::pin`] kept.
    ///
    /// # Errors
    /// As every call of git.
    pub fn unpin(&self, task: &TaskKey, attempt: u64) -> Result<()> {
        self.remove_ref(&pin_ref(task, attempt), None)
    }
}

/// Whether a listing (mode, id and stage, tab, path) has every path as it was ordered.
fn overlaid(listed: &[u8], ordered: &[Difference], side: fn(&Difference) -> Option<&Entry>) -> bool {
    let lines = listed.split(|byte| *byte == 0);
    let listed: HashMap<&[u8], &[u8]> = lines
        .filter_map(|line| {
            let tab = line.iter().position(|byte| *byte == b'\t')?;
            Some((&line[tab + 1..], &line[..tab]))
        })
        .collect();
    ordered.iter().all(|change| match (side(change), listed.get(change.path.as_slice())) {
        (None, there) => there.is_none(),
        (Some(entry), there) => there.is_some_and(|there| String::from_utf8_lossy(there).contains(&entry.id)),
    })
}

fn nothing_done(command: &str) -> Error {
    Error::Unexpected { command: command.to_owned(), answer: "it did nothing".to_owned() }
}

pub(crate) fn pin_ref(task: &TaskKey, attempt: u64) -> String {
    format!("refs/orch/pin/{task}/{attempt}")
}

const CLONE_SETTINGS: &str = "\
[core]
\tfilemode = true
\tbare = false
\tlogallrefupdates = true
\tautocrlf = false
\thooksPath = /dev/null
\tfsmonitor = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
[commit]
\tgpgSign = false
[push]
\tdefault = nothing
[advice]
\tdetachedHead = false
";

/// A value for a git settings file.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn write(file: &Path, content: &[u8]) -> Result<()> {
    fs::write(file, content).map_err(|error| Error::io("write", file, error))
}

/// Removes a working copy with whatever is in it; one that is not there is fine. Folders without write permission
/// (package caches make such) are opened first; symbolic links are removed, never followed. No process may be at
/// work in it any more.
///
/// # Errors
/// [`Error::Io`] with the path that resisted.
pub fn remove_clone(folder: &Path) -> Result<()> {
    let gone = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
    match fs::symlink_metadata(folder) {
        Err(error) if gone(&error) => return Ok(()),
        Err(error) => return Err(Error::io("look at", folder, error)),
        Ok(found) if !found.is_dir() => {
            return fs::remove_file(folder).map_err(|error| Error::io("remove", folder, error));
        }
        Ok(_) => {}
    }
    match fs::remove_dir_all(folder) {
        Ok(()) => return Ok(()),
        Err(error) if gone(&error) => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {}
        Err(error) => return Err(Error::io("remove", folder, error)),
    }
    open_folders(folder)?;
    fs::remove_dir_all(folder).map_err(|error| Error::io("remove", folder, error))
}

/// Gives the owner all rights on every folder in a tree.
fn open_folders(folder: &Path) -> Result<()> {
    let mut waiting: Vec<PathBuf> = vec![folder.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        let found = fs::symlink_metadata(&folder).map_err(|error| Error::io("look at", &folder, error))?;
        let mode = found.permissions().mode();
        if mode & 0o700 != 0o700 {
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode | 0o700))
                .map_err(|error| Error::io("open the folder", &folder, error))?;
        }
        for entry in fs::read_dir(&folder).map_err(|error| Error::io("list", &folder, error))? {
            let entry = entry.map_err(|error| Error::io("list", &folder, error))?;
            // The entry's own kind: a link to a folder is not a folder.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                waiting.push(entry.path());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_without_rights_are_opened_and_links_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let outside = place.path().join("outside");
        fs::create_dir(&outside).unwrap();
        let clone = place.path().join("clone");
        let inner = clone.join("cache/module");
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("file"), "x").unwrap();
        std::os::unix::fs::symlink(&outside, clone.join("link")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let shut = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        shut(&outside, 0o555);
        shut(&inner, 0o555);
        shut(&clone.join("cache"), 0o500);
        open_folders(&clone).unwrap();
        assert_eq!((mode(&inner), mode(&clone.join("cache")), mode(&outside)), (0o755, 0o700, 0o555));
        shut(&inner, 0o555);
        remove_clone(&clone).unwrap();
        assert!(!clone.exists() && outside.exists());
        remove_clone(&clone).unwrap();
    }

    #[test]
    fn settings_values_are_quoted() {
        assert_eq!(quoted(r#"A "B" \ C; # d"#), r#""A \"B\" \\ C; # d""#);
    }
}
