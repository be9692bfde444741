//! The local forge: a bare repository that owns all its objects.

use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use crate::error::{Error, Result};
use crate::git::Git;
use crate::locks;
use crate::objects::Idle;
use crate::patch_id::Patches;
use crate::process::{Call, Limits};
use crate::source::{Place, branches, find_branch};
use crate::standing::Listed;
use crate::words::{BranchName, CommitId};

/// Where the local forge's base branch comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The user's repository, absolute ([`Source::root`](crate::Source)).
    pub source: PathBuf,
    /// The base branch, of the same name here and there.
    pub base: BranchName,
}

/// A bare repository in Orchestrion's state directory, with its own copy of every object (no alternates), so that
/// nothing the user does in their repository can hurt work in progress.
///
/// The caller owns the state directory exclusively; within one process the methods may be called from several
/// threads, and git's own locks order the writers.
#[derive(Debug)]
pub struct Forge {
    pub(crate) git: Git,
    pub(crate) path: PathBuf,
    pub(crate) origin: Origin,
    /// The user's base tip that is known to be contained in ours: the base only moves forward, so it stays so, and
    /// looking again costs one process.
    pub(crate) contained: Mutex<Option<CommitId>>,
    /// Held by the one that takes over what the user committed.
    pub(crate) fetching: Mutex<()>,
    /// Readers of objects that wait for their next question.
    pub(crate) idle: Arc<Idle>,
    /// Movers of refs that wait for their next order: those that sync what they write, and those that do not.
    pub(crate) movers: [Arc<Idle>; 2],
    /// Writers of commits that wait for the next one.
    pub(crate) writers: Arc<Idle>,
    /// Changes that were named.
    pub(crate) patches: Patches,
    /// The branches as they were listed last.
    pub(crate) listed: Mutex<Option<Listed>>,
}

/// An opened local forge.
#[derive(Debug)]
pub struct Opened {
    /// The forge.
    pub forge: Forge,
    /// It did not exist before.
    pub created: bool,
    /// Locks of dead git processes that were removed.
    pub removed_locks: Vec<PathBuf>,
    /// Locks that a git process may still hold. Calls that need them fail with [`Error::Locked`] meanwhile.
    pub kept_locks: Vec<PathBuf>,
}

/// Settings of the forge itself, for a user who pushes to it or fetches from it with their own git.
const SETTINGS: &str = "\
[receive]
\tdenyNonFastForwards = true
\tautogc = false
\thideRefs = refs/orch
[uploadpack]
\thideRefs = refs/orch/pin
[gc]
\tauto = 0
[maintenance]
\tauto = false
[core]
\thooksPath = /dev/null
\tfsync = committed,loose-object,reference
";

/// How a repository is asked for objects: nothing in its own settings may start a program. `git fetch` clears the
/// pinned settings for the other side, so what matters travels in this command line, which a shell reads.
///
/// A promised but missing object would make the other side fetch, with programs its own settings name; git before
/// 2.39.4 has no switch against it, but does not fetch by a protocol that is not allowed.
pub(crate) const UPLOAD_PACK: &str = "GIT_ALLOW_PROTOCOL=none GIT_NO_LAZY_FETCH=1 exec git \
     -c safe.directory='*' -c core.fsmonitor=false -c core.hooksPath=/dev/null -c core.alternateRefsCommand=true \
     upload-pack";

impl Forge {
    /// Makes the local forge at `path` from the user's repository, or opens it if it is there. A crash at any point
    /// leaves either nothing at `path` or a whole forge; the rest of a crashed attempt is removed.
    ///
    /// `started` is when this process started: locks older than that are of dead processes ([`Forge::open`]).
    ///
    /// # Errors
    /// [`Error::NotARepository`], [`Error::Shallow`], [`Error::NoCommit`], [`Error::NoBranch`]; [`Error::BadPath`] for
    /// a path that is not absolute; [`Error::Occupied`] if `path` is something else than a local forge.
    pub fn create_from(git: &Git, origin: Origin, path: &Path, started: SystemTime) -> Result<Opened> {
        usable(path)?;
        usable(&origin.source)?;
        if fs::symlink_metadata(path).is_ok() {
            return Self::open(git, origin, path, started);
        }
        let source = Place::of(git, &origin.source)?;
        if source.shallow {
            return Err(Error::Shallow(origin.source));
        }
        let existing = branches(in_source(git, &origin.source), &origin.source)?.0;
        if existing.is_empty() {
            return Err(Error::NoCommit(origin.source));
        }
        find_branch(&origin.source, &existing, &origin.base)?;

        let unfinished = begin(git, path, &source.object_format, &origin.base)?;
        let base = origin.base.as_str();
        fetch(git, &unfinished)
            .arg(format!("--upload-pack={UPLOAD_PACK}"))
            .arg("--")
            .arg(&origin.source)
            .arg(format!("+refs/heads/{base}:refs/heads/{base}"))
            .arg(format!("+refs/heads/{base}:refs/orch/upstream/{base}"))
            .arg(format!("+refs/heads/{base}:refs/orch/taken/{base}"))
            .output()?;
        into_place(&unfinished, path)?;
        let mut opened = Self::open(git, origin, path, started)?;
        opened.created = true;
        Ok(opened)
    }

    /// Opens a local forge that [`Forge::create_from`] made, and removes the locks that dead git processes left in
    /// it: those older than `started`, if no git process works in it any more. The user's own repository is never
    /// touched by this.
    ///
    /// # Errors
    /// [`Error::NotARepository`], [`Error::Occupied`] (a repository, but not a bare one of ours), [`Error::NoBranch`].
    pub fn open(git: &Git, origin: Origin, path: &Path, started: SystemTime) -> Result<Opened> {
        usable(path)?;
        if !path.is_dir() {
            return Err(Error::NotARepository(path.to_path_buf()));
        }
        if !path.join("HEAD").is_file() || !path.join("objects").is_dir() {
            return Err(Error::Occupied(path.to_path_buf()));
        }
        let locks = locks::clear(path, started)?;
        if !locks::works_in(path) {
            crate::upkeep::remove_unfinished(path, started)?;
        }
        crate::upkeep::remove_torn(path)?;
        let forge = Self {
            git: git.clone(),
            path: path.to_path_buf(),
            origin,
            contained: Mutex::new(None),
            fetching: Mutex::new(()),
            listed: Mutex::new(None),
            idle: Arc::default(),
            movers: Default::default(),
            writers: Arc::default(),
            patches: Patches::default(),
        };
        if forge.resolve(&forge.base_ref())?.is_none() {
            return Err(Error::NoBranch {
                repository: forge.path,
                branch: forge.origin.base.to_string(),
                existing: Vec::new(),
            });
        }
        Ok(Opened { forge, created: false, removed_locks: locks.removed, kept_locks: locks.kept })
    }

    /// A forge of a moment, with the objects of another one: what it takes in goes with its folder, and the other's are
    /// read and nothing else. `objects` is the other's [`Forge::objects_folder`], `main` where the base branch is.
    ///
    /// # Errors
    /// [`Error::BadPath`] for a path that is not absolute; what keeps it from being written.
    pub fn borrowing(git: &Git, base: BranchName, main: &CommitId, objects: &Path, path: &Path) -> Result<Self> {
        usable(path)?;
        usable(objects)?;
        let format = if main.as_str().len() == 64 { "sha256" } else { "sha1" };
        let unfinished = begin(git, path, format, &base)?;
        for (name, line) in [
            ("objects/info/alternates".to_owned(), objects.display().to_string()),
            (format!("refs/heads/{base}"), main.to_string()),
        ] {
            let file = unfinished.join(name);
            fs::create_dir_all(file.parent().unwrap_or(&unfinished))
                .and_then(|()| fs::write(&file, line + "\n"))
                .map_err(|error| Error::io("write", &file, error))?;
        }
        into_place(&unfinished, path)?;
        Ok(Self::at(git, Origin { source: path.to_path_buf(), base }, path))
    }

    /// A forge that is only looked at: nothing is checked and nothing is removed.
    #[must_use]
    pub fn at(git: &Git, origin: Origin, path: &Path) -> Self {
        let (git, path) = (git.clone(), path.to_path_buf());
        let (idle, movers, patches) = (Arc::default(), Default::default(), Patches::default());
        Self {
            git,
            path,
            origin,
            contained: Mutex::new(None),
            fetching: Mutex::new(()),
            listed: Mutex::new(None),
            idle,
            movers,
            writers: Arc::default(),
            patches,
        }
    }

    /// Where the forge is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where its base branch comes from.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Kills every git that works for this process, with its children; none starts any more ([`Git::end`]).
    pub fn end(&self) {
        self.git.end();
    }

    /// Its objects: what a sandbox around a clone binds read-only, at this very path.
    #[must_use]
    pub fn objects_folder(&self) -> PathBuf {
        self.path.join("objects")
    }

    pub(crate) fn base_ref(&self) -> String {
        format!("refs/heads/{}", self.origin.base)
    }

    /// A call on the forge. It reads what runs have made, so it may not use all that a machine has.
    pub(crate) fn call(&self) -> Call {
        in_forge(&self.git, &self.path).limits(Limits::READING)
    }

    /// Where a ref, or any other name of a commit, points; `None` if git says that there is no such. A git that failed,
    /// or said something else, has not said so.
    pub(crate) fn resolve(&self, name: &str) -> Result<Option<CommitId>> {
        if let Some(commit) = loose_ref(&self.path, name) {
            return Ok(Some(commit));
        }
        if let Some(found) = self.objects()?.info(name)? {
            return commit_id("git cat-file", &found.id).map(Some);
        }
        // The same is said of a ref whose object is gone: that ref is there.
        let call = self.call().args(["rev-parse", "--verify", "--quiet", "--end-of-options"]).arg(name).quick();
        let shown = call.shown();
        let ended = call.run()?;
        match ended.code {
            Some(0) => Ok(Some(commit_id(&shown, &String::from_utf8_lossy(&ended.output))?)),
            Some(1) if ended.is_silent() => Ok(None),
            _ if String::from_utf8_lossy(&ended.stderr).contains("not a git repository") => {
                Err(Error::NotARepository(self.path.clone()))
            }
            _ => Err(ended.failed(shown)),
        }
    }
}

/// A bare repository beside `path` that is not whole yet; what an earlier try left there is removed.
pub(crate) fn begin(git: &Git, path: &Path, object_format: &str, base: &BranchName) -> Result<PathBuf> {
    let mut unfinished = path.as_os_str().to_os_string();
    unfinished.push(".unfinished");
    let unfinished = PathBuf::from(unfinished);
    crate::clone::remove_clone(&unfinished)?;
    let parent = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(parent).map_err(|error| Error::io("make the folder", parent, error))?;
    git.call(parent)
        .args(["init", "--quiet", "--bare", "--template="])
        .arg(format!("--object-format={object_format}"))
        .arg(format!("--initial-branch={base}"))
        .arg("--")
        .arg(&unfinished)
        .output()?;
    append(&unfinished.join("config"), SETTINGS)?;
    Ok(unfinished)
}

/// It is whole.
pub(crate) fn into_place(unfinished: &Path, path: &Path) -> Result<()> {
    sync_folder(unfinished)?;
    fs::rename(unfinished, path).map_err(|error| Error::io("move into place", path, error))?;
    sync_folder(path.parent().unwrap_or(Path::new("/")))
}

/// Where a ref is, read from its own file: git renames it into place as a whole. `None` says nothing: it may be packed,
/// point at another ref, or be kept in another way.
pub(crate) fn loose_ref(repository: &Path, name: &str) -> Option<CommitId> {
    if !name.starts_with("refs/") || name.contains(['^', '~', ':', '@']) || name.split('/').any(|part| part == "..") {
        return None;
    }
    let text = fs::read_to_string(repository.join(name)).ok()?;
    CommitId::new(text.strip_suffix('\n')?).ok()
}

pub(crate) fn in_forge(git: &Git, path: &Path) -> Call {
    // The working directory tells a later start that a git is at work here; see `locks`.
    let mut repository = std::ffi::OsString::from("--git-dir=");
    repository.push(path);
    git.call(path).arg(repository)
}

/// A call in the user's repository that reads none of the user's settings but the repository's own.
pub(crate) fn in_source(git: &Git, source: &Path) -> Call {
    git.call(source).setting("safe.directory", "*")
}

/// A fetch into a forge that brings only what it is asked for and leaves nothing else behind.
pub(crate) fn fetch(git: &Git, forge: &Path) -> Call {
    in_forge(git, forge).setting("fetch.writeCommitGraph", "false").args([
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-write-fetch-head",
        "--no-recurse-submodules",
        "--no-auto-maintenance",
        "--no-show-forced-updates",
    ])
}

pub(crate) fn commit_id(command: &str, answer: &str) -> Result<CommitId> {
    CommitId::new(answer.trim()).map_err(|_| Error::Unexpected {
        command: command.to_owned(),
        answer: format!("{:?} is not a commit id", answer.chars().take(200).collect::<String>()),
    })
}

/// A path that means the same in every working directory and fits in one line of git's own files.
pub(crate) fn usable(path: &Path) -> Result<()> {
    let bad = |reason| Err(Error::BadPath { path: path.to_path_buf(), reason });
    if !path.is_absolute() {
        return bad("it is not absolute");
    }
    if path.as_os_str().as_bytes().contains(&b'\n') {
        return bad("it contains a line break");
    }
    Ok(())
}

pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    fs::File::open(folder).and_then(|open| open.sync_all()).map_err(|error| Error::io("sync", folder, error))
}

fn append(file: &Path, text: &str) -> Result<()> {
    fs::OpenOptions::new()
        .append(true)
        .open(file)
        .and_then(|mut open| {
            open.write_all(text.as_bytes())?;
            open.sync_all()
        })
        .map_err(|error| Error::io("write", file, error))
}
