//! A workshop and its forge in memory: commits are maps from paths to texts. Clones and checkouts are also written to disk, because
//! whoever asks for them looks there; what an agent does in a clone is told by [`FakeForge::work`].

mod branch_state;
mod evidence;
mod product;
mod workshop;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use orch_ports::change_requests::ChangeRequests;
use orch_ports::forge::{Base, Forge, Landing, Offers};
use orch_ports::{Port, PortError, PortResult};
use orch_rules::ids::{CommitId, TaskId};
use orch_rules::lane::LandingRefused;
use orch_rules::port_error::ErrorKind;

pub use self::product::HOOK_SECRET;
use self::product::Product;
use super::faults::{Fault, Faults};
use super::merge::{Tree, apply};

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
    /// Why that repository cannot be found.
    away: Option<String>,
    attempts: BTreeMap<(TaskId, u32), (CommitId, CommitId, Vec<String>)>,
    archive: BTreeMap<TaskId, CommitId>,
    clones: BTreeMap<Utf8PathBuf, Clone>,
    landed: Vec<CommitId>,
    /// Nothing is taken onto main.
    refuses: Option<LandingRefused>,
    /// The next landing happens, and nobody hears of it.
    keeps_silent: bool,
    /// It is on a server of this name; whether that answers.
    server: Option<(String, bool)>,
    /// It has change requests.
    product: Option<Product>,
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

    /// Merges main into a clone; where both changed a file, the clone's stays.
    pub fn merge_main(&self, clone: &Utf8Path) {
        let mut code = self.lock();
        let (Some(mut copy), Ok(main)) = (code.clones.get(clone).cloned(), code.tip()) else { return };
        let theirs = code.commits.get(&main).map(|commit| commit.files.clone()).unwrap_or_default();
        for (path, text) in theirs {
            copy.files.entry(path).or_insert(text);
        }
        copy.head = code.commit(vec![copy.head.clone(), main], copy.files.clone(), "merges main");
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

    /// From now on whoever keeps main takes nothing onto it; `None`: everything again.
    pub fn refuse_landings(&self, refused: Option<LandingRefused>) {
        self.lock().refuses = refused;
    }

    /// The next landing happens, and its caller does not hear of it.
    pub fn keep_silent(&self) {
        self.lock().keeps_silent = true;
    }

    /// It is on a server, which answers or is away for every call.
    pub fn on_server(&self, name: &str, answers: bool) {
        self.lock().server = Some((name.to_owned(), answers));
    }

    /// A person moves main forward to a branch.
    pub fn merges(&self, branch: &str) {
        let mut code = self.lock();
        code.users = code.branches.get(branch).cloned();
    }

    /// The user moves their own repository away, or back.
    pub fn moved_away(&self, words: Option<&str>) {
        self.lock().away = words.map(str::to_owned);
    }

    /// A person pushes a commit on top of a branch of the forge.
    pub fn push(&self, branch: &str, edits: &[Edit<'_>]) -> CommitId {
        let mut code = self.lock();
        let tip = code.branches.get(branch).or_else(|| code.branches.get(MAIN)).cloned();
        let commit = code.on_top(tip, edits);
        code.branches.insert(branch.to_owned(), commit.clone());
        commit
    }

    /// Carries out a command of [`orch_ports::workshop::Workshop::parcel_command`]; others do nothing.
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
        let mut code = self.lock();
        if let Some((server, false)) = &code.server {
            return Err(one(ErrorKind::Passing, format!("{server} gives no answer")).widened());
        }
        let done = body(&mut code);
        drop(code);
        self.faults.leave(name);
        done
    }
}

/// Trouble with what was asked for.
fn one(kind: ErrorKind, words: impl Into<String>) -> PortError {
    PortError::of_object(kind, Port::Forge, "fake", "what was asked for", words)
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

    /// Main follows the user's, if that is ahead; tells the user's if both went apart.
    fn follow_users(&mut self) -> PortResult<Option<CommitId>> {
        let tip = self.tip()?;
        let users = self.users.clone().unwrap_or_else(|| tip.clone());
        if self.contains(&users, &tip) {
            self.branches.insert(MAIN.to_owned(), users);
            return Ok(None);
        }
        Ok((!self.contains(&tip, &users)).then_some(users))
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

fn not_main(branch: &str) -> PortResult<()> {
    if branch == MAIN {
        return Err(one(ErrorKind::Refused, "main is moved by landing only"));
    }
    Ok(())
}

impl Forge for FakeForge {
    fn offers(&self) -> Offers {
        Offers { server: self.lock().server.clone().map(|(name, _)| name) }
    }

    fn change_requests(&self) -> Option<&dyn ChangeRequests> {
        self.lock().product.is_some().then_some(self)
    }

    fn base(&self) -> PortResult<Base> {
        self.call("base", |code| {
            code.away.as_ref().map_or(Ok(()), |words| Err(one(ErrorKind::Gone, words).widened()))?;
            let apart = code.follow_users()?;
            let tip = code.tip()?;
            let diverged = apart.map(|users| format!("{users} lacks what landed at {tip}"));
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

    fn branches(&self) -> PortResult<BTreeMap<String, CommitId>> {
        self.call("branches", |code| Ok(code.branches.clone()))
    }

    fn tip(&self, branch: &str) -> PortResult<Option<CommitId>> {
        self.call("tip", |code| Ok(code.branches.get(branch).cloned()))
    }

    fn publish(&self, branch: &str, expect: Option<&CommitId>, head: &CommitId) -> PortResult<()> {
        self.call("publish", |code| {
            not_main(branch)?;
            code.known(head)?;
            let now = code.branches.get(branch);
            if now == Some(head) {
                return Ok(());
            }
            if now != expect {
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

    fn land(&self, candidate: &CommitId, parent: &CommitId) -> PortResult<Landing> {
        self.call("land", |code| {
            if code.known(candidate)?.parents.first() != Some(parent) {
                return Err(one(ErrorKind::Refused, format!("{candidate} was not made on {parent}")));
            }
            code.follow_users()?;
            let tip = code.tip()?;
            if code.contains(&tip, candidate) {
                return Ok(Landing::Landed { tip });
            }
            if tip != *parent {
                return Ok(Landing::Moved { tip });
            }
            if let Some(refused) = &code.refuses {
                return Ok(Landing::Refused(refused.clone()));
            }
            code.branches.insert(MAIN.to_owned(), candidate.clone());
            code.landed.push(candidate.clone());
            if code.keeps_silent {
                code.keeps_silent = false;
                return Err(one(ErrorKind::InDoubt, "the connection broke while it landed"));
            }
            Ok(Landing::Landed { tip: candidate.clone() })
        })
    }

    fn remove(&self, branch: &str, expect: &CommitId) -> PortResult<()> {
        self.call("remove", |code| {
            not_main(branch)?;
            match code.branches.get(branch) {
                Some(tip) if tip != expect => Err(one(ErrorKind::Conflict, format!("{branch} is at {tip}"))),
                _ => {
                    code.branches.remove(branch);
                    Ok(())
                }
            }
        })
    }
}
