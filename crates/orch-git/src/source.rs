//! A look at the user's own repository, before anything is built on it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::git::Git;
use crate::process::Call;
use crate::words::{BranchName, CommitId, Identity};

/// Where the user's own git settings are. [`Source::inspect`] is the only place that reads them: whether the user
/// has an identity, and what counts as changed in their folder, is theirs to say.
#[derive(Debug, Clone, Default)]
pub struct UserEnvironment {
    /// The value of `HOME`.
    pub home: Option<OsString>,
    /// The value of `XDG_CONFIG_HOME`.
    pub xdg_config_home: Option<OsString>,
}

/// What was found in the user's repository. Nothing in it was changed.
#[derive(Debug, Clone)]
pub struct Source {
    /// The top folder of the working tree; of a bare repository, the repository itself. Absolute.
    pub root: PathBuf,
    /// There is no working tree.
    pub bare: bool,
    /// History is cut off; [`Forge::create_from`](crate::Forge::create_from) refuses it.
    pub shallow: bool,
    /// The base branch has a `.gitmodules`. Submodules are carried as pointers and never fetched.
    pub submodules: bool,
    /// The base branch has files kept in LFS. They are carried as pointer files and never fetched.
    pub lfs: bool,
    /// The tip of the base branch.
    pub base_tip: CommitId,
    /// The branch the user is on; `None`: a detached head.
    pub current_branch: Option<String>,
    /// A tracked file differs from the last commit. What is not committed is not seen by the line.
    pub dirty: bool,
    /// There are files that git neither tracks nor ignores.
    pub untracked: bool,
    /// The user's name and address; `None`: one of them is not set.
    pub identity: Option<Identity>,
}

impl Source {
    /// Looks at the repository that contains `path`.
    ///
    /// # Errors
    /// [`Error::NotARepository`], [`Error::NoCommit`], [`Error::NoBranch`] for `base`.
    pub fn inspect(git: &Git, user: &UserEnvironment, path: &Path, base: &BranchName) -> Result<Self> {
        let call = || as_user(git, user, path);
        let place = Place::of(git, path)?;
        let root =
            if place.bare { place.git_dir } else { absolute(&call().args(["rev-parse", "--show-toplevel"]).output()?) };
        let (branches, current_branch) = branches(call(), &root)?;
        if branches.is_empty() {
            return Err(Error::NoCommit(root));
        }
        let base_tip = find_branch(&root, &branches, base)?;
        let (submodules, lfs) = pointers(call(), &base_tip)?;
        let (dirty, untracked) = if place.bare { (false, false) } else { changes(call())? };
        Ok(Self {
            identity: identity(call())?,
            root,
            bare: place.bare,
            shallow: place.shallow,
            submodules,
            lfs,
            base_tip,
            current_branch,
            dirty,
            untracked,
        })
    }
}

/// Why a branch is taken for the one that is kept green.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaseFrom {
    /// The default branch of the remote `origin`.
    Origin,
    /// It is called `main`.
    Main,
    /// The user is on it.
    Current,
}

/// The branch that is kept green where nobody names one: the default branch of `origin`, else `main`, else the one the
/// user is on. `None`: there is no such branch.
///
/// # Errors
/// [`Error::NotARepository`].
pub fn usual_base(git: &Git, path: &Path) -> Result<Option<(BranchName, BaseFrom)>> {
    Place::of(git, path)?;
    let call = || git.call(path).setting("safe.directory", "*");
    let (branches, current) = branches(call(), path)?;
    let there = |name: &str| branches.iter().any(|(branch, _)| branch == name).then(|| BranchName::new(name).ok());
    let ended = call().args(["symbolic-ref", "--quiet", "refs/remotes/origin/HEAD"]).run()?;
    let origin = String::from_utf8_lossy(&ended.output).into_owned();
    let origin = origin.trim().strip_prefix("refs/remotes/origin/").and_then(there).flatten();
    let current = || current.as_deref().and_then(there).flatten();
    Ok(None
        .or_else(|| origin.map(|name| (name, BaseFrom::Origin)))
        .or_else(|| there("main").flatten().map(|name| (name, BaseFrom::Main)))
        .or_else(|| current().map(|name| (name, BaseFrom::Current))))
}

fn as_user(git: &Git, user: &UserEnvironment, path: &Path) -> Call {
    let mut call = git.call(path).without_env("GIT_CONFIG_NOSYSTEM").without_env("GIT_CONFIG_GLOBAL");
    if let Some(home) = &user.home {
        call = call.env("HOME", home);
    }
    if let Some(folder) = &user.xdg_config_home {
        call = call.env("XDG_CONFIG_HOME", folder);
    }
    call
}

/// What kind of repository a path is in.
pub(crate) struct Place {
    pub bare: bool,
    pub shallow: bool,
    /// `sha1` or `sha256`.
    pub object_format: String,
    pub git_dir: PathBuf,
}

impl Place {
    pub(crate) fn of(git: &Git, path: &Path) -> Result<Self> {
        if !path.is_dir() {
            return Err(Error::NotARepository(path.to_path_buf()));
        }
        // The user named this folder; whose it is, is theirs to know.
        let call = git.call(path).setting("safe.directory", "*").args([
            "rev-parse",
            "--is-bare-repository",
            "--is-shallow-repository",
            "--show-object-format",
            "--absolute-git-dir",
        ]);
        let shown = call.shown();
        let ended = call.run()?;
        if ended.code != Some(0) {
            if String::from_utf8_lossy(&ended.stderr).contains("not a git repository") {
                return Err(Error::NotARepository(path.to_path_buf()));
            }
            return Err(ended.failed(shown));
        }
        let mut lines = ended.output.splitn(4, |byte| *byte == b'\n');
        let mut next = || lines.next().unwrap_or_default();
        Ok(Self {
            bare: next() == b"true",
            shallow: next() == b"true",
            object_format: String::from_utf8_lossy(next()).into_owned(),
            git_dir: absolute(next()),
        })
    }
}

fn absolute(line: &[u8]) -> PathBuf {
    PathBuf::from(std::ffi::OsStr::from_bytes(line.strip_suffix(b"\n").unwrap_or(line)))
}

pub(crate) type Branches = Vec<(String, CommitId)>;

/// All branches with their tips, and the one the user is on.
pub(crate) fn branches(call: Call, root: &Path) -> Result<(Branches, Option<String>)> {
    let call =
        call.args(["for-each-ref", "--sort=-HEAD", "--format=%(HEAD)%(objectname) %(refname:lstrip=2)", "refs/heads"]);
    let shown = call.shown();
    let answer = call.text_raw()?;
    let mut branches = Vec::new();
    let mut current = None;
    for line in answer.lines() {
        let read = line.split_at_checked(1).and_then(|(mark, rest)| {
            let (id, name) = rest.split_once(' ')?;
            Some((mark, CommitId::new(id).ok()?, name.to_owned()))
        });
        let Some((mark, tip, name)) = read else {
            return Err(Error::Unexpected { command: shown, answer: format!("{line:?} in {}", root.display()) });
        };
        if mark == "*" {
            current = Some(name.clone());
        }
        branches.push((name, tip));
    }
    Ok((branches, current))
}

pub(crate) fn find_branch(root: &Path, branches: &Branches, wanted: &BranchName) -> Result<CommitId> {
    branches.iter().find(|(name, _)| name == wanted.as_str()).map(|(_, tip)| tip.clone()).ok_or_else(|| {
        Error::NoBranch {
            repository: root.to_path_buf(),
            branch: wanted.to_string(),
            existing: branches.iter().map(|(name, _)| name.clone()).take(20).collect(),
        }
    })
}

/// Whether a commit has submodules, and files kept in LFS.
fn pointers(call: Call, commit: &CommitId) -> Result<(bool, bool)> {
    let call = call
        .args(["grep", "-l", "-z", "-I", "--no-recurse-submodules", "-e", "^[^#]*filter=lfs", "-e", r"^\[submodule"])
        .args([commit.as_str(), "--", ":(top,glob)**/.gitattributes", ":(top).gitmodules"]);
    let shown = call.shown();
    let ended = call.run()?;
    match ended.code {
        Some(0) => {
            let files = || ended.output.split(|byte| *byte == 0).filter(|name| !name.is_empty());
            Ok((
                files().any(|name| name.ends_with(b".gitmodules")),
                files().any(|name| name.ends_with(b".gitattributes")),
            ))
        }
        // Nothing found.
        Some(1) => Ok((false, false)),
        _ => Err(ended.failed(shown)),
    }
}

/// Whether tracked files are changed, and whether there are untracked ones.
fn changes(call: Call) -> Result<(bool, bool)> {
    let answer = call.args(["status", "--porcelain", "-z", "--no-renames", "--ignore-submodules=all"]).output()?;
    let entries = || answer.split(|byte| *byte == 0).filter(|entry| !entry.is_empty());
    Ok((entries().any(|entry| !entry.starts_with(b"??")), entries().any(|entry| entry.starts_with(b"??"))))
}

fn identity(call: Call) -> Result<Option<Identity>> {
    let call = call.args(["config", "-z", "--get-regexp", r"^user\.(name|email)$"]);
    let shown = call.shown();
    let ended = call.run()?;
    match ended.code {
        Some(0) => {}
        Some(1) => return Ok(None),
        _ => return Err(ended.failed(shown)),
    }
    // Later entries win: the repository's own come after the user's.
    let value = |key: &str| {
        String::from_utf8_lossy(&ended.output)
            .split('\0')
            .filter_map(|entry| entry.split_once('\n'))
            .filter(|(found, _)| *found == key)
            .map(|(_, value)| value.to_owned())
            .next_back()
    };
    Ok(value("user.name").zip(value("user.email")).and_then(|(name, email)| Identity::new(name, email).ok()))
}
