//! A forge in memory: commits are maps from paths to texts. Clones and checkouts are also written to disk, because
//! whoever asks for them looks there; what an agent does in a clone is told by [`FakeForge::work`].

mod branch_state;
mod evidence;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use orch_ports::forge::{
    Base, BranchOrder, BranchState, CandidateOrder, Collected, Diff, DiffOrder, Forge, Landing, Overlay, Workplace,
};
use orch_ports::{Port, PortError, PortResult};
use orch_rules::event::CandidateResult;
use orch_rules::ids::{CommitId, TaskId};
use orch_rules::lane::Candidate;
use orch_rules::path_pattern::any_matches;
use orch_rules::port_error::ErrorKind;
use orch_rules::scope::Scope;

use super::faults::{Fault, Faults};
use super::merge::{Tree, merge};

/// The branch that is kept green.
pub const MAIN: &str = "main";
/// First word of the command that packs; [`FakeForge::run_command`] knows it.
const PARCEL: &str = "fake-forge-parcel";

#[derive(Debug, Clone)]
struct Commit {
    parents: Vec<CommitId>,
    files: Tree,
}

#[derive(Debug, Clone)]
struct Clone {
    head: CommitId,
    /// With what is not committed yet.
    files: Tree,
    /// Where its head was when it was packed.
    packed: Option<CommitId>,
}

#[derive(Debug, Default)]
struct Code {
    commits: BTreeMap<CommitId, Commit>,
    branches: BTreeMap<String, CommitId>,
    /// Main in the user's own repository.
    users: Option<CommitId>,
    attempts: BTreeMap<(TaskId, u32), CommitId>,
    archive: BTreeMap<TaskId, CommitId>,
    clones: BTreeMap<Utf8PathBuf, Clone>,
    landed: Vec<CommitId>,
}

/// One user's view of the code.
#[derive(Debug, Clone)]
pub struct FakeForge {
    code: Arc<Mutex<Code>>,
    /// Calls: the names of the trait's methods.
    pub faults: Arc<Faults>,
}

/// A file's new text, or `None` to remove it.
pub type Edit<'t> = (&'t str, Option<&'t str>);

impl FakeForge {
    /// A repository with one commit.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let forge = Self { code: Arc::default(), faults: Faults::new() };
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        let mut code = forge.lock();
        let first = code.commit(Vec::new(), files, "first");
        code.branches.insert(MAIN.to_owned(), first.clone());
        code.users = Some(first);
        drop(code);
        forge
    }

    /// The same code, for another process.
    pub fn handle(&self) -> Self {
        Self { code: Arc::clone(&self.code), faults: Faults::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Code> {
        self.code.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Main's tip, without bringing it up to date.
    ///
    /// # Panics
    /// Never: there is always one.
    pub fn main(&self) -> CommitId {
        self.lock().branches.get(MAIN).cloned().unwrap_or_else(|| unreachable!("main is never removed"))
    }

    /// Files of a commit; none for an unknown one.
    pub fn files(&self, commit: &CommitId) -> Tree {
        self.lock().commits.get(commit).map(|c| c.files.clone()).unwrap_or_default()
    }

    /// Where a task branch is.
    pub fn branch(&self, name: &str) -> Option<CommitId> {
        self.lock().branches.get(name).cloned()
    }

    /// What was archived of a task.
    pub fn archived(&self, task: &TaskId) -> Option<CommitId> {
        self.lock().archive.get(task).cloned()
    }

    /// Everything that main was moved to by a landing, in order.
    pub fn landed(&self) -> Vec<CommitId> {
        self.lock().landed.clone()
    }

    /// An agent, or a person in a clone: change files and, with a message, commit them.
    pub fn work(&self, clone: &Utf8Path, edits: &[Edit<'_>], message: Option<&str>) {
        let mut code = self.lock();
        let Some(mut copy) = code.clones.get(clone).cloned() else { return };
        apply(&mut copy.files, edits);
        if let Some(message) = message {
            copy.head = code.commit(vec![copy.head.clone()], copy.files.clone(), message);
        }
        code.clones.insert(clone.to_owned(), copy);
    }

    /// Rewrites the history of a clone: its head is a commit without parents.
    pub fn rewrite(&self, clone: &Utf8Path) {
        let mut code = self.lock();
        let Some(mut copy) = code.clones.get(clone).cloned() else { return };
        copy.head = code.commit(Vec::new(), copy.files.clone(), "rewritten");
        code.clones.insert(clone.to_owned(), copy);
    }

    /// The user commits to main in their own repository; `pulled` brings what landed home first.
    pub fn user_commits(&self, edits: &[Edit<'_>], pulled: bool) -> CommitId {
        let mut code = self.lock();
        let main = code.branches.get(MAIN).cloned();
        let parent = if pulled { main } else { code.users.clone() };
        let commit = code.on_top(parent, edits);
        code.users = Some(commit.clone());
        commit
    }

    /// A person pushes a commit on top of a branch of the forge.
    pub fn push(&self, branch: &str, edits: &[Edit<'_>]) -> CommitId {
        let mut code = self.lock();
        let tip = code.branches.get(branch).or_else(|| code.branches.get(MAIN)).cloned();
        let commit = code.on_top(tip, edits);
        code.branches.insert(branch.to_owned(), commit.clone());
        commit
    }

    /// Carries out a command of [`Forge::parcel_command`]; others do nothing.
    pub fn run_command(&self, command: &[String]) {
        if let [name, clone, message] = command
            && name == PARCEL
        {
            let clone = Utf8Path::new(clone);
            let changed = {
                let code = self.lock();
                let copy = code.clones.get(clone);
                copy.is_some_and(|copy| code.commits.get(&copy.head).is_some_and(|head| head.files != copy.files))
            };
            if changed {
                self.work(clone, &[], Some(message));
            }
            if let Some(copy) = self.lock().clones.get_mut(clone) {
                copy.packed = Some(copy.head.clone());
            }
        }
    }

    /// A call with its faults.
    fn call<T>(&self, name: &str, body: impl FnOnce(&mut Code) -> PortResult<T>) -> PortResult<T> {
        self.faults.enter(name).map_err(|fault| match fault {
            Fault::Passing(words) => one(ErrorKind::Passing, words),
            Fault::Lasting(words) | Fault::Panic(words) => one(ErrorKind::Refused, words),
            Fault::Port(error) => error,
        })?;
        let done = body(&mut self.lock());
        self.faults.leave(name);
        done
    }
}

/// Trouble with what was asked for.
fn one(kind: ErrorKind, words: impl Into<String>) -> PortError {
    PortError::of_object(kind, Port::Forge, "fake", "what was asked for", words)
}

fn apply(files: &mut Tree, edits: &[Edit<'_>]) {
    for (path, text) in edits {
        match text {
            Some(text) => files.insert((*path).to_owned(), (*text).to_owned()),
            None => files.remove(*path),
        };
    }
}

/// Forty hex digits that depend on every byte and on where one part ends and the next begins.
fn digest<'t>(parts: impl IntoIterator<Item = &'t str>) -> String {
    let mut sums = [0xcbf2_9ce4_8422_2325_u64, 0x9e37_79b9_7f4a_7c15, 0x1234_5678_9abc_def1];
    for part in parts {
        for byte in part.bytes().map(u64::from).chain([256]) {
            for (sum, salt) in sums.iter_mut().zip([0_u64, 0x55, 0xaa]) {
                *sum = (*sum ^ byte ^ salt).wrapping_mul(0x0100_0000_01b3).rotate_left(5);
            }
        }
    }
    format!("{:016x}{:016x}{:08x}", sums[0], sums[1], sums[2] & 0xffff_ffff)
}

fn tree_digest<'t>(files: impl IntoIterator<Item = (&'t String, &'t String)>) -> String {
    digest(files.into_iter().flat_map(|(path, text)| [path.as_str(), text.as_str()]))
}

impl Code {
    fn commit(&mut self, parents: Vec<CommitId>, files: Tree, message: &str) -> CommitId {
        let tree = tree_digest(&files);
        let id = digest(parents.iter().map(CommitId::as_str).chain([tree.as_str(), message]));
        let id = CommitId(id);
        self.commits.insert(id.clone(), Commit { parents, files });
        id
    }

    fn on_top(&mut self, parent: Option<CommitId>, edits: &[Edit<'_>]) -> CommitId {
        let mut files = parent.as_ref().and_then(|p| self.commits.get(p)).map(|c| c.files.clone()).unwrap_or_default();
        apply(&mut files, edits);
        self.commit(parent.into_iter().collect(), files, "by a person")
    }

    fn known(&self, commit: &CommitId) -> PortResult<&Commit> {
        self.commits.get(commit).ok_or_else(|| one(ErrorKind::Gone, format!("there is no commit {commit}")))
    }

    fn tip(&self) -> PortResult<CommitId> {
        self.branches.get(MAIN).cloned().ok_or_else(|| one(ErrorKind::Gone, "there is no main"))
    }

    /// The commit and everything before it.
    fn ancestors(&self, commit: &CommitId) -> BTreeSet<CommitId> {
        let (mut found, mut waiting) = (BTreeSet::new(), vec![commit.clone()]);
        while let Some(next) = waiting.pop() {
            if let Some(commit) = self.commits.get(&next)
                && found.insert(next)
            {
                waiting.extend(commit.parents.iter().cloned());
            }
        }
        found
    }

    fn contains(&self, tip: &CommitId, commit: &CommitId) -> bool {
        self.ancestors(tip).contains(commit)
    }

    /// Files of the newest common ancestor: the one that contains all the others.
    fn merge_base(&self, one: &CommitId, other: &CommitId) -> Tree {
        let common: Vec<_> = self.ancestors(one).intersection(&self.ancestors(other)).cloned().collect();
        let newest = common.iter().max_by_key(|commit| self.ancestors(commit).len());
        newest.and_then(|commit| self.commits.get(commit)).map(|c| c.files.clone()).unwrap_or_default()
    }
}

/// The files, with what an overlay names as its commit has it.
fn laid_over(code: &Code, files: &Tree, overlay: Option<&Overlay>) -> PortResult<Tree> {
    let mut files = files.clone();
    if let Some(overlay) = overlay {
        let covered = |path: &str| any_matches(&overlay.patterns, path);
        files.retain(|path, _| !covered(path));
        let from = code.known(&overlay.from)?.files.clone();
        files.extend(from.into_iter().filter(|(path, _)| covered(path)));
    }
    Ok(files)
}

/// Puts a tree on disk, in place of whatever is there.
fn write_out(files: &Tree, directory: &Utf8Path) -> PortResult<()> {
    let write = || {
        if directory.exists() {
            std::fs::remove_dir_all(directory)?;
        }
        std::fs::create_dir_all(directory)?;
        for (path, text) in files {
            let file = directory.join(path);
            if let Some(folder) = file.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(file, text)?;
        }
        Ok::<_, std::io::Error>(())
    };
    write().map_err(|error| one(ErrorKind::Passing, format!("{directory}: {error}")))
}

fn not_main(branch: &str) -> PortResult<()> {
    if branch == MAIN {
        return Err(one(ErrorKind::Refused, "main is moved by landing only"));
    }
    Ok(())
}

impl Forge for FakeForge {
    fn base(&self) -> PortResult<Base> {
        self.call("base", |code| {
            let tip = code.tip()?;
            let users = code.users.clone().unwrap_or_else(|| tip.clone());
            if code.contains(&users, &tip) {
                code.branches.insert(MAIN.to_owned(), users.clone());
                return Ok(Base { tip: users, branch: MAIN.to_owned(), diverged: None });
            }
            let apart = !code.contains(&tip, &users);
            let diverged = apart.then(|| format!("{users} lacks what landed at {tip}"));
            Ok(Base { tip, branch: MAIN.to_owned(), diverged })
        })
    }

    fn accept_base(&self) -> PortResult<Base> {
        self.call("accept_base", |code| {
            let users = code.users.clone().ok_or_else(|| one(ErrorKind::Gone, "there is no main").widened())?;
            code.branches.insert(MAIN.to_owned(), users);
            Ok(())
        })?;
        self.base()
    }

    fn prepare(
        &self,
        place: &Workplace,
        start: &CommitId,
        aside: &[String],
        overlay: Option<&Overlay>,
    ) -> PortResult<CommitId> {
        self.call("prepare", |code| {
            let mut files = code.known(start)?.files.clone();
            let before = files.len();
            files.retain(|path, _| !aside.contains(path));
            let start = match files.len() == before {
                true => start.clone(),
                false => code.commit(vec![start.clone()], files.clone(), "set aside"),
            };
            write_out(&laid_over(code, &files, overlay)?, &place.directory)?;
            code.clones.insert(place.directory.clone(), Clone { head: start.clone(), files, packed: None });
            Ok(start)
        })
    }

    fn snapshot_command(&self, _: &Workplace, _: &CommitId) -> PortResult<Vec<String>> {
        self.call("snapshot_command", |_| Ok(vec!["true".to_owned()]))
    }

    fn parcel_command(&self, place: &Workplace, _: &CommitId) -> PortResult<Vec<String>> {
        self.call("parcel_command", |_| Ok(vec![PARCEL.to_owned(), place.directory.to_string(), place.message.clone()]))
    }

    fn collect(&self, place: &Workplace, start: &CommitId, scope: &Scope) -> PortResult<Collected> {
        self.call("collect", |code| {
            let before = code.known(start)?.files.clone();
            let Some(packed) = code.clones.get(&place.directory).and_then(|copy| copy.packed.clone()) else {
                return Err(one(ErrorKind::Missing, "the clone was not packed"));
            };
            let after = code.known(&packed)?.files.clone();
            let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            let changed = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
            let (kept, strayed): (Vec<_>, Vec<_>) = changed.partition(|name| scope.takes(name, false));
            let head = if strayed.is_empty() && code.contains(&packed, start) {
                packed
            } else if kept.is_empty() {
                start.clone()
            } else {
                let mut files = before.clone();
                for name in kept {
                    match after.get(name) {
                        Some(text) => files.insert(name.clone(), text.clone()),
                        None => files.remove(name),
                    };
                }
                code.commit(vec![start.clone()], files, &place.message)
            };
            code.attempts.insert((place.task.clone(), place.attempt), head.clone());
            let mut collected = code.collected(&place.work_item, start, &head)?;
            let strayed: Vec<String> = strayed.into_iter().cloned().collect();
            collected.evidence.left_out.extend(scope.left_out(&strayed));
            Ok(collected)
        })
    }

    fn checkout(&self, commit: &CommitId, directory: &Utf8PathBuf, overlay: Option<&Overlay>) -> PortResult<()> {
        self.call("checkout", |code| {
            let files = code.known(commit)?.files.clone();
            write_out(&laid_over(code, &files, overlay)?, directory)
        })
    }

    fn candidate(&self, order: &CandidateOrder, onto: &CommitId) -> PortResult<CandidateResult> {
        self.call("candidate", |code| {
            let base = code.merge_base(onto, &order.head);
            let (main, head) = (code.known(onto)?.files.clone(), code.known(&order.head)?.files.clone());
            Ok(match merge(&base, &main, &head) {
                Err(paths) => CandidateResult::Conflict { paths },
                Ok(files) if files == main => CandidateResult::Made {
                    candidate: Candidate { commit: onto.clone(), parent: onto.clone(), empty: true },
                },
                Ok(files) => {
                    let message =
                        format!("{}\n{} <{}> {}", order.message, order.identity.name, order.identity.email, order.at.0);
                    let commit = code.commit(vec![onto.clone()], files, &message);
                    CandidateResult::Made { candidate: Candidate { commit, parent: onto.clone(), empty: false } }
                }
            })
        })
    }

    fn land(&self, candidate: &CommitId, parent: &CommitId) -> PortResult<Landing> {
        self.call("land", |code| {
            if code.known(candidate)?.parents.first() != Some(parent) {
                return Err(one(ErrorKind::Refused, format!("{candidate} was not made on {parent}")));
            }
            let main = code.tip()?;
            if main == *parent {
                code.branches.insert(MAIN.to_owned(), candidate.clone());
                code.landed.push(candidate.clone());
                return Ok(Landing { landed: true, main: candidate.clone() });
            }
            Ok(Landing { landed: code.contains(&main, candidate), main })
        })
    }

    fn publish(&self, branch: &str, was: Option<&CommitId>, head: &CommitId) -> PortResult<()> {
        self.call("publish", |code| {
            not_main(branch)?;
            code.known(head)?;
            let now = code.branches.get(branch);
            if now == Some(head) {
                return Ok(());
            }
            if now != was {
                let place = now.map_or("is not there", CommitId::as_str);
                return Err(one(
                    ErrorKind::Conflict,
                    format!("{branch} is elsewhere ({place}): a person pushed to it"),
                ));
            }
            code.branches.insert(branch.to_owned(), head.clone());
            Ok(())
        })
    }

    fn branches(&self) -> PortResult<BTreeMap<String, CommitId>> {
        self.call("branches", |code| Ok(code.branches.clone()))
    }

    fn branch_state(&self, order: &BranchOrder) -> PortResult<BranchState> {
        self.call("branch_state", |code| code.branch_state(order))
    }

    fn clean_up(&self, task: &TaskId, branch: &str, head: Option<&CommitId>, archive: bool) -> PortResult<()> {
        self.call("clean_up", |code| {
            not_main(branch)?;
            if let (Some(tip), Some(head)) = (code.branches.get(branch).cloned(), head)
                && code.contains(head, &tip)
            {
                code.branches.remove(branch);
                if archive {
                    code.archive.insert(task.clone(), head.clone());
                }
            }
            code.attempts.retain(|(whose, _), _| whose != task);
            Ok(())
        })
    }

    fn diff(&self, order: &DiffOrder) -> PortResult<Diff> {
        self.call("diff", |code| {
            let to = code.known(&order.to)?.clone();
            let from = order.from.clone().or_else(|| to.parents.first().cloned());
            let before = from.map(|from| code.known(&from).cloned()).transpose()?.map(|c| c.files).unwrap_or_default();
            let wanted = |path: &String| {
                (order.only.is_empty() || order.only.contains(path))
                    && order.without.as_ref().is_none_or(|folder| !path.starts_with(&format!("{folder}/")))
            };
            let changed = to.files.iter().filter(|(path, text)| wanted(path) && before.get(*path) != Some(text));
            let text = changed.map(|(path, text)| format!("+++ b/{path}\n+{text}")).collect();
            Ok(Diff { text, cut: false })
        })
    }

    fn read(&self, commit: &CommitId, path: &str, cap: usize) -> PortResult<Option<String>> {
        self.call("read", |code| match code.known(commit)?.files.get(path) {
            Some(text) if text.len() > cap => {
                Err(one(ErrorKind::Refused, format!("{path} at {commit} is larger than {cap} bytes")))
            }
            found => Ok(found.cloned()),
        })
    }
}
