//! A look at the repository before anything is written, and what speaks against it.

use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};
use orch_git::{BaseFrom, BranchName, Error, Git, OwnRepository, RepoPath, Source, UserEnvironment};

use super::{InitArgs, REPOSITORY_FILE};
use crate::exit::{Exit, Failure};
use crate::settings;
use orch_rules::repository_file::RepositoryFile;
use orch_rules::work_item::DOCUMENTS;

/// What was found.
pub struct Look {
    /// As git tells it.
    pub source: Source,
    /// The top folder of the working tree.
    pub top: Utf8PathBuf,
    /// The branch that is kept green.
    pub base: BranchName,
    /// Why that one, in words; empty if there is nothing to say.
    pub base_from: String,
    /// The repository file, if the working tree or the base branch has one.
    pub file: Option<PresentFile>,
    /// The git program.
    pub git: Git,
}

/// A repository file that is there.
pub struct PresentFile {
    /// Its text.
    pub text: String,
    /// What it says.
    pub settings: RepositoryFile,
    /// Only the base branch has it; the person is on another branch.
    pub on_base_only: bool,
}

/// Looks at the repository of `args.path`.
pub fn look(args: &InitArgs, env: &dyn Fn(&str) -> Option<String>) -> Result<Look, Failure> {
    let git = Git::detect(env("PATH").unwrap_or_default()).map_err(git_failure)?;
    let path = absolute(&args.path)?;
    let mut file = match top_of(&path) {
        Some(top) => super::repository_file::present(&top)?,
        None => None,
    };
    let (wanted, base_from) = match (&args.base, &file) {
        (Some(base), _) => (base.clone(), "as you said".to_owned()),
        (None, Some(file)) => (file.settings.base_branch.clone(), format!("as set in {REPOSITORY_FILE}")),
        (None, None) => match orch_git::usual_base(&git, path.as_std_path()).map_err(git_failure)? {
            Some((base, from)) => (base.to_string(), base_words(from).to_owned()),
            None => (RepositoryFile::default().base_branch, String::new()),
        },
    };
    let base = BranchName::new(&wanted).map_err(|e| git_failure(e.into()))?;
    refuse_base(&base, &path)?;
    let user =
        UserEnvironment { home: env("HOME").map(Into::into), xdg_config_home: env("XDG_CONFIG_HOME").map(Into::into) };
    let source = Source::inspect(&git, &user, path.as_std_path(), &base).map_err(git_failure)?;
    let top = Utf8PathBuf::from_path_buf(source.root.clone()).map_err(|path| unreadable_name(&path))?;
    if source.bare {
        return Err(Failure::new(Exit::Repository, "this is a bare repository: it has no working tree to set up")
            .at(top.as_str())
            .fix("clone it (`git clone PATH`) and run `orch init` in the clone"));
    }
    if source.shallow {
        return Err(git_failure(Error::Shallow(source.root)));
    }
    if let Some(problem) = blocked_documents(&git, &source, &base).map_err(git_failure)? {
        return Err(problem);
    }
    if file.is_none() && source.current_branch.as_deref() != Some(base.as_str()) {
        file = super::repository_file::on_base(&OwnRepository { git: &git, top: top.as_std_path() }, &base)?;
    }
    Ok(Look { source, top, base, base_from, file, git })
}

fn base_words(from: BaseFrom) -> &'static str {
    match from {
        BaseFrom::Origin => "the default branch of origin",
        BaseFrom::Main => "the usual one",
        BaseFrom::Current => "the branch you are on",
    }
}

/// Git cannot have both a branch `feature` and one below `feature/`, where the tasks' branches are.
fn refuse_base(base: &BranchName, path: &Utf8Path) -> Result<(), Failure> {
    if base.as_str() != orch_rules::work_item::BRANCHES {
        return Ok(());
    }
    let what = format!("a base branch cannot be called `{base}`: the branches of tasks are called {base}/ID-TITLE");
    Err(Failure::new(Exit::Repository, what)
        .at(path.as_str())
        .fix(format!("give it another name: git branch -m {base} main, then orch init --base main")))
}

/// Papers of tasks are written below a folder of the repository; something else in its place stops every task.
pub fn blocked_documents(git: &Git, source: &Source, base: &BranchName) -> Result<Option<Failure>, Error> {
    let folder = RepoPath::new(DOCUMENTS)?;
    let obstacle = orch_git::obstacle_in(git, &source.root, &source.base_tip, &folder)?;
    Ok(obstacle.map(|obstacle| {
        let what = format!("{obstacle} on {base}, and the papers of tasks are written below {DOCUMENTS}");
        Failure::new(Exit::Repository, what)
            .at(source.root.display().to_string())
            .fix(format!("make it a folder all the way, and commit that to {base}"))
    }))
}

impl Look {
    /// The repository as its user works in it.
    pub fn own(&self) -> OwnRepository<'_> {
        OwnRepository { git: &self.git, top: self.top.as_std_path() }
    }
}

/// What works all the same, but differently than one might think.
pub fn warnings(source: &Source, base: &BranchName) -> Vec<String> {
    let mut warnings = Vec::new();
    if source.dirty {
        warnings
            .push(format!("there are uncommitted changes: the line works on what {base} has, and leaves them alone"));
    }
    if source.submodules {
        warnings.push(
            "the repository has submodules: they are carried as pointers and not fetched, so tests that need them \
             cannot pass"
                .to_owned(),
        );
    }
    if source.lfs {
        warnings.push(
            "the repository keeps files in LFS: they are carried as pointer files and not fetched, so tests that need \
             them cannot pass"
                .to_owned(),
        );
    }
    if source.identity.is_none() {
        warnings.push("git has no user name and address here: you cannot commit before you set them".to_owned());
    }
    warnings
}

/// The path, absolute.
fn absolute(path: &Utf8Path) -> Result<Utf8PathBuf, Failure> {
    let found = std::path::absolute(path).map_err(|error| {
        Failure::new(Exit::Repository, format!("the folder cannot be used: {error}"))
            .at(path.as_str())
            .fix("name an existing folder")
    })?;
    Utf8PathBuf::from_path_buf(found).map_err(|path| unreadable_name(&path))
}

fn unreadable_name(path: &Path) -> Failure {
    Failure::new(Exit::Repository, "the folder's name is not UTF-8, so no settings file can name it")
        .at(path.display().to_string())
        .fix("rename the folder")
}

/// The nearest folder at or above `path` that has a `.git`; without asking git.
pub fn top_of(path: &Utf8Path) -> Option<Utf8PathBuf> {
    path.ancestors().find(|folder| folder.join(".git").exists()).map(Utf8Path::to_path_buf)
}

/// What a failed git call means for the person.
pub fn git_failure(error: Error) -> Failure {
    let repository = |what: &str, place: &Path, fix: String| {
        Failure::new(Exit::Repository, what).at(place.display().to_string()).fix(fix)
    };
    match &error {
        Error::NotARepository(path) => repository(
            "this is not a git repository",
            path,
            "run it in one, or make one: git init && git add . && git commit -m \"First commit\"".to_owned(),
        ),
        Error::NoCommit(path) => repository(
            "the repository has no commit yet",
            path,
            "make one: git add . && git commit -m \"First commit\"".to_owned(),
        ),
        Error::NoBranch { repository: path, branch, existing } => {
            let fix = match existing.first() {
                Some(other) => format!(
                    "name the branch to keep green: `orch init --base {other}`, or `base_branch` in {REPOSITORY_FILE}; \
                     there are: {}",
                    existing.join(", ")
                ),
                None => "make a first commit".to_owned(),
            };
            repository(&format!("there is no branch `{branch}`"), path, fix)
        }
        Error::Shallow(path) => repository(
            "the repository is a shallow clone: its history is cut off, so nothing can be merged reliably",
            path,
            "fetch the rest: git fetch --unshallow".to_owned(),
        ),
        Error::GitMissing | Error::GitTooOld { .. } => Failure::new(Exit::Failed, error.to_string())
            .at("PATH")
            .fix(format!("install git {} or newer", orch_git::MINIMUM_VERSION)),
        Error::BadName(_) | Error::BadPath { .. } | Error::RemoteTaken { .. } => {
            Failure::new(Exit::Repository, error.to_string())
        }
        _ => Failure::new(Exit::Failed, error.to_string())
            .fix("mend what git names (is the disk full, may this user write there?), then try again"),
    }
}

/// A failure over the problems of a file of the repository.
/// `one` and `many` say what is wrong, in the singular and in the plural.
pub fn file_failure(one: &str, many: &str, problems: Vec<orch_rules::problem::Problem>) -> Failure {
    let points = problems
        .into_iter()
        .map(|p| crate::exit::Point {
            what: if p.path.is_empty() { p.what } else { format!("`{}`: {}", p.path, p.what) },
            place: p.line.map_or_else(|| p.file.clone(), |line| format!("{}:{line}", p.file)),
            fix: p.fix,
        })
        .collect();
    settings::wrong(one, many, points)
}
