//! Files that a set-up must not change: copied before it, compared and put back after it.
//!
//! The copy is made while nobody has been in the directory yet. Putting back is done within the run, by the last step before
//! its program, when everything that the set-up started is dead: what the set-up left may lead anywhere, and leads only
//! where the run may go.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use orch_ports::runner::{Keeps, SetUp};
use orch_rules::agent_files::home_names;
use orch_rules::path_pattern::any_matches;
use orch_run::{Before, OWN};
use serde::{Deserialize, Serialize};

/// What [`inside`] is told to do.
const READY: &str = "ready";
/// The list of what is kept, beside the copies.
const LIST: &str = "list.json";
/// Paths that are named in the log.
const NAMED: usize = 20;
/// Git's own state in a clone. Objects are named by what they are; modules belong to submodules, which a set-up may fetch.
const STATE: &str = ".git";
const NOT_STATE: [&str; 2] = [".git/objects", ".git/modules"];
/// The last step compares files; it waits for nobody.
const READY_MS: u64 = 600_000;

/// What is kept.
#[derive(Debug, Serialize, Deserialize)]
struct List {
    patterns: Vec<String>,
    repository: bool,
    /// By their paths below the directory.
    kept: Vec<(Vec<u8>, Kept)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Kept {
    /// Number of its copy, and whether it may be executed.
    File { copy: usize, executable: bool },
    /// A symbolic link, and where it leads.
    Link(Vec<u8>),
}

/// The commands of a set-up, and, where something is kept, its copy made now. `scratch`: where a confined run has its home,
/// which is cleared of what its program would read there.
///
/// # Errors
/// What could not be copied, in words.
pub(super) fn steps(set_up: Option<&SetUp>, directory: &Path, scratch: Option<&Path>) -> Result<Vec<Before>, String> {
    let Some(set_up) = set_up else { return Ok(Vec::new()) };
    let copy = match &set_up.keeps {
        None => String::new(),
        Some(keeps) => {
            keep(directory, keeps).map_err(|e| format!("cannot copy what is kept in {}: {e}", keeps.copy))?;
            keeps.copy.to_string()
        }
    };
    let scratch = scratch.and_then(Path::to_str).unwrap_or_default();
    let own = [OWN, READY, &set_up.done, &set_up.failed, &copy, scratch].map(str::to_owned).to_vec();
    let env = || set_up.environment.clone();
    let mut steps = vec![
        Before { argv: set_up.argv.clone(), env: env(), deadline_ms: set_up.deadline_ms, whole: false },
        Before { argv: own, env: env(), deadline_ms: READY_MS, whole: false },
    ];
    if !set_up.then.is_empty() {
        steps.push(Before { argv: set_up.then.clone(), env: env(), deadline_ms: READY_MS, whole: true });
    }
    Ok(steps)
}

/// What this program does within a run: words as [`steps`] puts them behind [`OWN`], and the run's environment.
pub fn inside(words: &[String], env: &BTreeMap<String, String>) -> ExitCode {
    let [word, done, failed, copy, scratch] = words else { return ExitCode::from(2) };
    if word != READY {
        return ExitCode::from(2);
    }
    let ended =
        if copy.is_empty() { Ok(Vec::new()) } else { put_back(Path::new(copy), Path::new("."), home(env, scratch)) };
    match ended {
        Ok(changed) => {
            let mut text = String::new();
            for path in changed.iter().take(NAMED) {
                text += "set-up| put back as the base branch has it: ";
                text += &orch_run::sanitize_for_terminal(path).replace('\n', " ");
                text.push('\n');
            }
            if changed.len() > NAMED {
                text += &format!("set-up| and {} more\n", changed.len() - NAMED);
            }
            said(&(text + done))
        }
        Err(problem) => {
            let problem = orch_run::sanitize_for_terminal(problem.as_bytes()).replace('\n', " ");
            said(&format!("{failed}it changed files that judge it, and they cannot be put back: {problem}"));
            ExitCode::FAILURE
        }
    }
}

/// Into the log of the run.
fn said(words: &str) -> ExitCode {
    match writeln!(io::stdout(), "{words}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The home that was made for this run alone; never anybody's own.
fn home<'e>(env: &'e BTreeMap<String, String>, scratch: &str) -> Option<&'e Path> {
    env.get("HOME").map(Path::new).filter(|home| !scratch.is_empty() && home.starts_with(scratch))
}

/// Does something in `directory` and puts back what is kept of it then.
///
/// # Errors
/// What could not be copied or put back, in words.
pub fn through<T>(directory: &Path, keeps: &Keeps, deed: impl FnOnce() -> T) -> Result<T, String> {
    keep(directory, keeps).map_err(|e| format!("cannot copy what is kept in {}: {e}", keeps.copy))?;
    let done = deed();
    put_back(keeps.copy.as_std_path(), directory, None)?;
    Ok(done)
}

fn covered(list: (&[String], bool), path: &Path) -> bool {
    let (patterns, repository) = list;
    if path.starts_with(STATE) {
        return repository && !NOT_STATE.iter().any(|not| path.starts_with(not));
    }
    any_matches(patterns, &path.to_string_lossy())
}

/// Copies what is kept; a copy that is there is replaced.
fn keep(directory: &Path, keeps: &Keeps) -> io::Result<()> {
    let copy = keeps.copy.as_std_path();
    if let Err(error) = fs::remove_dir_all(copy)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    fs::create_dir_all(copy)?;
    // The run's account has to read it, whatever the mask of this process is.
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    mode(copy, 0o755)?;
    let mut list = List { patterns: keeps.patterns.clone(), repository: keeps.repository, kept: Vec::new() };
    for path in files(directory, &|path| covered((&keeps.patterns, keeps.repository), path))? {
        let from = directory.join(&path);
        let kept = if from.is_symlink() {
            Kept::Link(fs::read_link(&from)?.into_os_string().into_vec())
        } else {
            let number = list.kept.len();
            let to = copy.join(number.to_string());
            let executable = fs::metadata(&from)?.permissions().mode() & 0o100 != 0;
            fs::copy(&from, &to)?;
            mode(&to, 0o644)?;
            Kept::File { copy: number, executable }
        };
        list.kept.push((path.into_os_string().into_vec(), kept));
    }
    let file = copy.join(LIST);
    fs::write(&file, serde_json::to_vec(&list)?)?;
    mode(&file, 0o644)
}

/// All that is no folder below `directory` and is wanted, by its path from there. Follows no link.
fn files(directory: &Path, wanted: &dyn Fn(&Path) -> bool) -> io::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(folder) = waiting.pop() {
        for entry in opened(&directory.join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if !entry.file_type()?.is_dir() {
                if wanted(&path) {
                    found.insert(path);
                }
            } else if !NOT_STATE.iter().any(|not| path == Path::new(not)) {
                waiting.push(path);
            }
        }
    }
    Ok(found)
}

/// The entries of a folder, its rights given back if they were taken away.
fn opened(folder: &Path) -> io::Result<fs::ReadDir> {
    fs::read_dir(folder).or_else(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
            fs::read_dir(folder)
        }
        _ => Err(error),
    })
}

/// Makes everything that is kept what it was, and removes what was added to it. The paths that were not so, as bytes.
fn put_back(copy: &Path, directory: &Path, home: Option<&Path>) -> Result<Vec<Vec<u8>>, String> {
    let file = copy.join(LIST);
    let list = fs::read(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let list: List = serde_json::from_slice(&list).map_err(|e| format!("{}: {e}", file.display()))?;
    let at = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
    let mut changed = Vec::new();
    let there = files(directory, &|path| covered((&list.patterns, list.repository), path));
    let known: BTreeSet<&[u8]> = list.kept.iter().map(|(path, _)| path.as_slice()).collect();
    for path in there.map_err(|e| at(directory, e))? {
        if !known.contains(path.as_os_str().as_bytes()) {
            remove(&directory.join(&path)).map_err(|e| at(&path, e))?;
            // With the folders that were there for it alone.
            let mut above = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
            while above.next().is_some_and(|above| fs::remove_dir(directory.join(above)).is_ok()) {}
            changed.push(path.into_os_string().into_vec());
        }
    }
    for (path, kept) in &list.kept {
        let name = Path::new(OsStr::from_bytes(path));
        if !same(directory, name, kept, copy) {
            write(directory, name, kept, copy).map_err(|e| at(name, e))?;
            changed.push(path.clone());
        }
    }
    if let (true, Some(home)) = (list.repository, home) {
        for name in [".gitconfig", ".config/git"].into_iter().chain(home_names()) {
            let path = home.join(name);
            if path.symlink_metadata().is_ok() {
                remove(&path).map_err(|e| at(&path, e))?;
                changed.push(path.into_os_string().into_vec());
            }
        }
    }
    Ok(changed)
}

fn same(directory: &Path, name: &Path, kept: &Kept, copy: &Path) -> bool {
    let path = directory.join(name);
    // Each folder on the way has to be one.
    let mut above = name.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
    let led_away = above.any(|above| directory.join(above).symlink_metadata().is_ok_and(|found| !found.is_dir()));
    let Ok(found) = path.symlink_metadata() else { return false };
    match kept {
        _ if led_away => false,
        Kept::Link(target) => {
            found.is_symlink() && fs::read_link(&path).is_ok_and(|there| there.as_os_str().as_bytes() == target)
        }
        Kept::File { copy: number, executable } => {
            let copied = copy.join(number.to_string());
            found.is_file()
                && (found.permissions().mode() & 0o100 != 0) == *executable
                && fs::metadata(&copied).is_ok_and(|copied| copied.len() == found.len())
                && matches!((fs::read(&path), fs::read(&copied)), (Ok(there), Ok(copied)) if there == copied)
        }
    }
}

fn write(directory: &Path, name: &Path, kept: &Kept, copy: &Path) -> io::Result<()> {
    let mut folder = directory.to_path_buf();
    for part in name.parent().into_iter().flat_map(Path::components) {
        folder.push(part);
        match folder.symlink_metadata() {
            Ok(found) if found.is_dir() => {
                if found.permissions().mode() & 0o700 != 0o700 {
                    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
                }
                continue;
            }
            Ok(_) => fs::remove_file(&folder)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        fs::create_dir(&folder)?;
    }
    let path = directory.join(name);
    if path.symlink_metadata().is_ok() {
        remove(&path)?;
    }
    match kept {
        Kept::Link(target) => symlink(OsString::from_vec(target.clone()), &path),
        Kept::File { copy: number, executable } => {
            fs::write(&path, fs::read(copy.join(number.to_string()))?)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(if *executable { 0o755 } else { 0o644 }))
        }
    }
}

/// Removes what is there, whatever it is, and follows no link.
fn remove(path: &Path) -> io::Result<()> {
    let removed = |path: &Path| {
        if path.symlink_metadata()?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
    };
    removed(path).or_else(|error| match (error.kind(), path.parent()) {
        (io::ErrorKind::PermissionDenied, Some(parent)) => {
            fs::set_permissions(parent, fs::Permissions::from_mode(0o755))?;
            removed(path)
        }
        _ => Err(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place(tempfile::TempDir);

    impl Place {
        /// A clone with its own state, kept with these patterns.
        fn new(patterns: &[&str]) -> Self {
            let place = Self(tempfile::tempdir().unwrap());
            for (path, text) in [
                ("ci/check.sh", "test ! -e BROKEN"),
                ("src/a.py", "a"),
                ("CLAUDE.md", "rules"),
                (".git/config", "[core]"),
                (".git/HEAD", "ref"),
                (".git/objects/ab/c", "o"),
            ] {
                place.put(path, text);
            }
            fs::create_dir(place.0.path().join("home")).unwrap();
            symlink("CLAUDE.md", place.at("AGENTS.md")).unwrap();
            let keeps = Keeps {
                patterns: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
                repository: true,
                copy: place.0.path().join("copy").try_into().unwrap(),
            };
            keep(&place.0.path().join("code"), &keeps).unwrap();
            place
        }
        fn at(&self, path: &str) -> PathBuf {
            self.0.path().join("code").join(path)
        }
        fn put(&self, path: &str, text: &str) {
            fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
            fs::write(self.at(path), text).unwrap();
        }
        fn text(&self, path: &str) -> String {
            fs::read_to_string(self.at(path)).unwrap_or_default()
        }
        fn back(&self) -> Vec<String> {
            let home = self.0.path().join("home");
            let changed = put_back(&self.0.path().join("copy"), &self.0.path().join("code"), Some(&home)).unwrap();
            changed.iter().map(|path| String::from_utf8_lossy(path).into_owned()).collect()
        }
    }

    const PATTERNS: &[&str] = &["ci/**", "**/CLAUDE.md", "AGENTS.md", ".claude/**"];

    #[test]
    fn what_a_set_up_may_write_stays() {
        let place = Place::new(PATTERNS);
        place.put("node_modules/x.js", "x");
        place.put("src/a.py", "other");
        place.put(".git/objects/cd/e", "new");
        assert_eq!(place.back(), Vec::<String>::new());
        assert_eq!((place.text("src/a.py").as_str(), place.text(".git/objects/cd/e").as_str()), ("other", "new"));
    }

    #[test]
    fn every_way_to_change_what_is_kept_is_undone() {
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("check.sh"), "exit 0").unwrap();
        type Deed<'d> = &'d dyn Fn(&Place);
        let deeds: &[(&str, Deed)] = &[
            ("written", &|place| place.put("ci/check.sh", "exit 0")),
            ("removed", &|place| fs::remove_file(place.at("ci/check.sh")).unwrap()),
            ("made a folder", &|place| {
                fs::remove_file(place.at("ci/check.sh")).unwrap();
                place.put("ci/check.sh/x", "");
            }),
            ("its folder led away", &|place| {
                fs::remove_dir_all(place.at("ci")).unwrap();
                symlink(elsewhere.path(), place.at("ci")).unwrap();
            }),
            ("itself led away", &|place| {
                fs::remove_file(place.at("ci/check.sh")).unwrap();
                symlink(elsewhere.path().join("check.sh"), place.at("ci/check.sh")).unwrap();
            }),
            ("its rights taken", &|place| {
                fs::set_permissions(place.at("ci/check.sh"), fs::Permissions::from_mode(0o755)).unwrap();
            }),
            ("one beside it", &|place| place.put("ci/more.sh", "exit 0")),
            ("one in a folder", &|place| place.put("sub/CLAUDE.md", "approve")),
            ("settings of an agent", &|place| place.put(".claude/settings.json", "{}")),
            ("a link of that name", &|place| symlink(elsewhere.path(), place.at(".claude")).unwrap()),
            ("another link", &|place| {
                fs::remove_file(place.at("AGENTS.md")).unwrap();
                symlink("src/a.py", place.at("AGENTS.md")).unwrap();
            }),
            ("settings of git", &|place| place.put(".git/config", "[filter \"x\"]")),
            ("attributes of git", &|place| place.put(".git/info/attributes", "* filter=x")),
            ("hooks of git", &|place| place.put(".git/hooks/post-commit", "x")),
            ("settings of git at home", &|place| {
                fs::write(place.0.path().join("home/.gitconfig"), "[filter \"x\"]").unwrap();
            }),
            ("settings of an agent at home", &|place| {
                fs::create_dir_all(place.0.path().join("home/.agents/skills")).unwrap();
            }),
        ];
        for (deed, does) in deeds {
            let place = Place::new(PATTERNS);
            does(&place);
            assert!(!place.back().is_empty(), "{deed}: nobody saw it");
            assert_eq!(place.back(), Vec::<String>::new(), "{deed}: it is still there");
            assert_eq!(place.text("ci/check.sh"), "test ! -e BROKEN", "{deed}");
            assert_eq!(place.text(".git/config"), "[core]", "{deed}");
            for gone in ["ci/more.sh", "sub/CLAUDE.md", ".claude", ".git/hooks/post-commit", ".git/info/attributes"] {
                assert!(place.at(gone).symlink_metadata().is_err(), "{deed}: {gone}");
            }
            assert_eq!(fs::read_dir(place.0.path().join("home")).unwrap().count(), 0, "{deed}");
        }
        assert_eq!(fs::read_to_string(elsewhere.path().join("check.sh")).unwrap(), "exit 0", "no link is followed");
    }

    #[test]
    fn what_cannot_be_compared_is_an_error() {
        let place = Place::new(PATTERNS);
        fs::remove_file(place.0.path().join("copy").join(LIST)).unwrap();
        assert!(put_back(&place.0.path().join("copy"), &place.0.path().join("code"), None).is_err());
    }
}
