//! The local forge: a bare repository in the state directory (`orch-git`), beside the user's own.

mod branch_state;
mod opening;
mod words;

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use orch_git::{
    CandidateRequest, ChangeStatus, CloneRequest, CollectLimits, CollectRequest, DocumentContent, DocumentLimits,
    Error, EvidenceRequest, FileAt, Forge as Repository, Landing as Landed, Merged, ParcelRequest, SetAsideRequest,
    Signature, Synced, Weakened,
};
use orch_ports::forge::{
    Base, BranchOrder, BranchState, CandidateOrder, Collected, Diff, DiffOrder, Forge, LandedWork, Landing,
    NumbersSeen, Overlay, Standing, Workplace,
};
use orch_ports::{Port, PortError, PortResult};
use orch_rules::attempt::{DocumentFact, Evidence, WeakenedTest};
use orch_rules::event::CandidateResult;
use orch_rules::gate::is_test_file;
use orch_rules::ids::{CodeId, CommitId, PatchId, TaskId, Timestamp, WorkItemId};
use orch_rules::lane::Candidate;
use orch_rules::path_pattern::any_matches;
use orch_rules::port_error::ErrorKind;
use orch_rules::scope::Scope;
use orch_rules::verdict::read_document;
use orch_rules::work_item::documents_folder;

pub use opening::Opening;

/// One repository's local forge.
#[derive(Debug)]
pub struct LocalForge {
    repository: Repository,
}

/// Bytes of a document that are read.
const DOCUMENT_CAP: usize = 256 * 1024;

impl LocalForge {
    /// Over an opened repository.
    pub fn new(repository: Repository) -> Self {
        Self { repository }
    }

    fn tip(&self) -> PortResult<orch_git::CommitId> {
        let base = &self.repository.origin().base;
        self.repository.tip(base).map_err(self.told())?.ok_or_else(|| {
            let words = format!("the branch {base} is gone from the local forge");
            PortError::of_object(ErrorKind::Gone, Port::Forge, self.target(), base.as_str(), words)
        })
    }

    fn packing(
        &self,
        place: &Workplace,
        start: &CommitId,
        command: impl Fn(ParcelRequest<'_>) -> Vec<String>,
    ) -> PortResult<Vec<String>> {
        Ok(command(ParcelRequest {
            parcel: place.parcel.as_std_path(),
            start: &self.theirs(start)?,
            base: Some(&self.tip()?),
            documents: &self.path(&documents_folder(&place.work_item))?,
            branch: &self.branch(&place.branch)?,
            overlaid: place.overlaid,
        }))
    }

    /// What git says of the commits from `start` to `head`.
    fn collected(&self, work_item: &WorkItemId, start: &CommitId, head: &orch_git::CommitId) -> PortResult<Collected> {
        let main = self.tip()?;
        let folder = documents_folder(work_item);
        let documents = self.path(&folder)?;
        let limits = DocumentLimits { each: DOCUMENT_CAP, ..DocumentLimits::default() };
        let request = EvidenceRequest {
            start: &self.theirs(start)?,
            main: &main,
            head,
            documents: &documents,
            limits,
            is_test: is_test_file,
        };
        let found = self.repository.evidence(request).map_err(self.told())?;
        let outside: Vec<_> = found
            .changed
            .iter()
            .filter(|c| !documents.contains(&c.path) || c.status == ChangeStatus::Deleted)
            .map(|c| c.path.clone())
            .collect();
        let patch_total = u32::try_from(found.patch_paths.len()).unwrap_or(u32::MAX);
        let evidence = Evidence {
            start: start.clone(),
            head: ours(head),
            base: ours(&main),
            code: CodeId::from(found.code_id.as_str()),
            patch: PatchId::from(found.patch_id.as_str()),
            commits: found.commits,
            documents: found.documents.iter().map(|d| fact(&folder, d)).collect(),
            changed_total: u32::try_from(outside.len()).unwrap_or(u32::MAX),
            changed: outside.into_iter().take(Evidence::PATHS_KEPT).collect(),
            protected: None,
            weakened_total: u32::try_from(found.weakened.len()).unwrap_or(u32::MAX),
            level: None,
            settings: Vec::new(),
            patch_total: Some(patch_total),
            left_out: Vec::new(),
            refused: Vec::new(),
            weakened: weakened(found.weakened),
        };
        Ok(Collected { evidence, patch_paths: found.patch_paths, patch_links: found.patch_links })
    }
}

impl Forge for LocalForge {
    fn base(&self) -> PortResult<Base> {
        let synced = self.repository.sync_base().map_err(self.unavailable())?;
        let (base, source) = (&self.repository.origin().base, self.repository.origin().source.display());
        let diverged = match &synced {
            Synced::Diverged { ours, theirs } => Some(format!(
                "{base} in {source} is at {}, which lacks what landed at {}; bring both together there: orch pull \
                 (then Orchestrion takes your commits over)",
                short(theirs),
                short(ours)
            )),
            Synced::Rewritten { ours, theirs, taken } => {
                let words = format!(
                    "{base} in {source} is at {}, which lacks {}: it was rewritten or moved back after Orchestrion took \
                     that commit over, and {base} here stands on it (at {}); nothing starts or lands on it. If yours is \
                     the right one: orch pull --mine; if the commit is to stay, bring both together: orch pull --both",
                    short(theirs),
                    short(taken),
                    short(ours)
                );
                return Err(PortError::of_target(ErrorKind::Conflict, Port::Forge, self.target(), words));
            }
            _ => None,
        };
        let tip = match synced {
            Synced::FastForwarded { to, .. } => to,
            _ => self.tip().map_err(PortError::widened)?,
        };
        Ok(Base { tip: ours(&tip), branch: base.to_string(), diverged })
    }

    fn accept_base(&self) -> PortResult<Base> {
        if let Synced::Rewritten { ours, theirs, .. } | Synced::Diverged { ours, theirs } =
            self.repository.sync_base().map_err(self.unavailable())?
        {
            self.repository.accept_base(&ours, &theirs).map_err(self.unavailable())?;
        }
        self.base()
    }

    fn prepare(
        &self,
        place: &Workplace,
        start: &CommitId,
        aside: &[String],
        overlay: Option<&Overlay>,
    ) -> PortResult<CommitId> {
        let folder = place.directory.as_std_path();
        orch_git::remove_clone(folder).map_err(self.told())?;
        let base = self.tip()?;
        let (task, attempt, who) = (self.key(&place.task)?, u64::from(place.attempt), self.identity(&place.identity)?);
        let mut commit = self.theirs(start)?;
        if !aside.is_empty() {
            let files = aside.iter().map(|name| self.path(name)).collect::<PortResult<Vec<_>>>()?;
            let by = Signature { identity: who.clone(), seconds: seconds(place.at) };
            let message =
                format!("{}: set the earlier round's documents aside\n\nRefs: {}\n", place.work_item, place.work_item);
            let request =
                SetAsideRequest { task: &task, attempt, start: &commit, files: &files, message: &message, by: &by };
            if let Some(without) = self.repository.set_aside(request).map_err(self.told())? {
                commit = without;
            }
        }
        let request = CloneRequest {
            task: &task,
            attempt,
            commit: &commit,
            base: Some(&base),
            branch: &self.branch(&place.branch)?,
            folder,
            identity: &who,
        };
        match overlay {
            None => self.repository.clone_attempt(request).map_err(self.told())?,
            Some(overlay) => {
                let covers = |path: &str| any_matches(&overlay.patterns, path);
                let overlay = orch_git::Overlay { from: &self.theirs(&overlay.from)?, covers: &covers };
                self.repository.clone_attempt_overlaid(request, overlay).map_err(self.told())?;
            }
        }
        Ok(ours(&commit))
    }

    fn snapshot_command(&self, place: &Workplace, start: &CommitId) -> PortResult<Vec<String>> {
        self.packing(place, start, |request| self.repository.snapshot_command(request))
    }

    fn parcel_command(&self, place: &Workplace, start: &CommitId) -> PortResult<Vec<String>> {
        self.packing(place, start, |request| self.repository.parcel_command(request))
    }

    fn collect(&self, place: &Workplace, start: &CommitId, scope: &Scope) -> PortResult<Collected> {
        let documents = self.path(&documents_folder(&place.work_item))?;
        let by = Signature { identity: self.identity(&place.identity)?, seconds: seconds(place.at) };
        let delivered = self
            .repository
            .collect(CollectRequest {
                parcel: place.parcel.as_std_path(),
                task: &self.key(&place.task)?,
                attempt: u64::from(place.attempt),
                start: &self.theirs(start)?,
                main: &self.tip()?,
                documents: &documents,
                owns: &|path, uncommitted| scope.takes(path, uncommitted),
                message: &place.message,
                by: &by,
                limits: CollectLimits::default(),
            })
            .map_err(self.told())?;
        let mut collected = self.collected(&place.work_item, start, &delivered.head)?;
        let kept = Evidence::SENTENCES_KEPT;
        collected.evidence.left_out =
            scope.left_out(&delivered.strayed).into_iter().chain(delivered.told).take(kept).collect();
        collected.evidence.refused = delivered.refused.into_iter().take(kept).collect();
        Ok(collected)
    }

    fn checkout(&self, commit: &CommitId, directory: &Utf8PathBuf, overlay: Option<&Overlay>) -> PortResult<()> {
        let (commit, folder) = (self.theirs(commit)?, directory.as_std_path());
        orch_git::remove_clone(folder).map_err(self.told())?;
        let Some(overlay) = overlay else {
            return self.repository.checkout_clean(&commit, folder).map_err(self.told());
        };
        let covers = |path: &str| any_matches(&overlay.patterns, path);
        let overlay = orch_git::Overlay { from: &self.theirs(&overlay.from)?, covers: &covers };
        self.repository.checkout_overlaid(&commit, folder, overlay).map_err(self.told())
    }

    fn candidate(&self, order: &CandidateOrder, onto: &CommitId) -> PortResult<CandidateResult> {
        let signature = Signature { identity: self.identity(&order.identity)?, seconds: seconds(order.at) };
        let main = self.theirs(onto)?;
        let merged = self
            .repository
            .candidate(CandidateRequest {
                main: &main,
                head: &self.theirs(&order.head)?,
                message: &order.message,
                author: &signature,
                committer: &signature,
                keep_commits: false,
            })
            .map_err(self.told())?;
        Ok(match merged {
            Merged::Conflict { paths } => CandidateResult::Conflict { paths },
            Merged::Empty => CandidateResult::Made {
                candidate: Candidate { commit: onto.clone(), parent: onto.clone(), empty: true },
            },
            Merged::Clean(made) => CandidateResult::Made {
                candidate: Candidate { commit: ours(&made.commit), parent: ours(&made.main), empty: false },
            },
        })
    }

    fn land(&self, candidate: &CommitId, parent: &CommitId) -> PortResult<Landing> {
        match self.repository.land(&self.theirs(parent)?, &self.theirs(candidate)?) {
            Ok(Landed::Moved) => Ok(Landing { landed: true, main: candidate.clone() }),
            Ok(Landed::Already) => Ok(Landing { landed: true, main: ours(&self.tip()?) }),
            Err(Error::StaleRef { .. }) => Ok(Landing { landed: false, main: ours(&self.tip()?) }),
            Err(error) => Err(self.told()(error)),
        }
    }

    fn publish(&self, name: &str, was: Option<&CommitId>, head: &CommitId) -> PortResult<()> {
        let was = was.map(|commit| self.theirs(commit)).transpose()?;
        self.repository
            .publish_branch(&self.branch(name)?, &self.theirs(head)?, was.as_ref())
            .map(drop)
            .map_err(self.told())
    }

    fn branches(&self) -> PortResult<BTreeMap<String, CommitId>> {
        let all = self.repository.branches().map_err(self.told())?;
        Ok(all.into_iter().map(|(name, tip)| (name, ours(&tip))).collect())
    }

    fn branch_state(&self, order: &BranchOrder) -> PortResult<BranchState> {
        self.compare(order)
    }

    fn clean_up(&self, task: &TaskId, name: &str, head: Option<&CommitId>, archive: bool) -> PortResult<()> {
        let (task, name) = (self.key(task)?, self.branch(name)?);
        if let (Some(tip), Some(head)) = (self.repository.tip(&name).map_err(self.told())?, head) {
            let head = self.theirs(head)?;
            // The newest head need not have been published yet.
            if tip == head || self.repository.contains(&head, &tip).map_err(self.told())? {
                if archive {
                    self.repository.archive_documents(&task, &head).map_err(self.told())?;
                }
                self.repository.delete_branch(&name, Some(&tip)).map_err(self.told())?;
            }
        }
        self.repository.reap(&[task]).map(drop).map_err(self.told())
    }

    fn standing(
        &self,
        database: Option<&str>,
        known: Option<&CommitId>,
        before: Option<&(Option<CommitId>, CommitId)>,
    ) -> PortResult<Option<Standing>> {
        let tip = self.tip()?;
        if before.is_some_and(|(main, at)| main.as_ref() == known && *at == ours(&tip)) {
            return Ok(None);
        }
        let mut standing = Standing { tip: ours(&tip), foreign: false, lacks: None, landed: Vec::new() };
        if let Some(id) = database.filter(|_| before.is_none()) {
            let seen = self.repository.databases().map_err(self.told())?;
            if !seen.iter().any(|one| one == id) {
                standing.foreign = !seen.is_empty();
                self.repository.note_database(id).map_err(self.told())?;
            }
        }
        let since = known.map(|commit| self.theirs(commit)).transpose()?;
        match &since {
            Some(since) if *since == tip => return Ok(Some(standing)),
            Some(since) if !self.repository.is_landed(since).map_err(self.told())? => standing.lacks = known.cloned(),
            _ => {
                let found = self.repository.landed_work(since.as_ref()).map_err(self.told())?;
                let landed = found.into_iter().rev().filter(|work| work.ours);
                let landed = landed.map(|w| LandedWork { work_item: w.work_item, commit: ours(&w.commit) });
                standing.landed = landed.collect();
            }
        }
        Ok(Some(standing))
    }

    fn has_landed(&self, commit: &CommitId) -> PortResult<bool> {
        self.repository.is_landed(&self.theirs(commit)?).map_err(self.told())
    }

    fn highest_number(&self, prefix: &str, before: Option<&NumbersSeen>) -> PortResult<Option<NumbersSeen>> {
        let before = before
            .map(|seen| {
                let main = self.theirs(&seen.main)?;
                Ok(orch_git::TakenNumbers { highest: seen.highest, main, branches: seen.branches })
            })
            .transpose()?;
        let seen = self.repository.highest_number(prefix, before.as_ref()).map_err(self.told())?;
        Ok(seen.map(|seen| NumbersSeen { highest: seen.highest, main: ours(&seen.main), branches: seen.branches }))
    }

    fn upkeep(&self) -> PortResult<Option<String>> {
        let done = self.repository.upkeep(std::time::SystemTime::now()).map_err(self.told())?;
        Ok((!done.is_nothing()).then(|| {
            let (before, after) = done.packs;
            let refs = if done.refs { ", refs packed" } else { "" };
            format!("{before} packs became {after}{refs}, {} leftovers of dead gits removed", done.removed)
        }))
    }

    fn known_base(&self) -> PortResult<CommitId> {
        Ok(ours(&self.tip()?))
    }

    fn obstacle(&self, commit: &CommitId, folder: &str) -> PortResult<Option<String>> {
        self.repository.obstacle(&self.theirs(commit)?, &self.path(folder)?).map_err(self.told())
    }

    fn diff(&self, order: &DiffOrder) -> PortResult<Diff> {
        let from = order.from.as_ref().map(|commit| self.theirs(commit)).transpose()?;
        let only = order.only.iter().map(|name| self.path(name)).collect::<PortResult<Vec<_>>>()?;
        let without = order.without.as_deref().map(|name| self.path(name)).transpose()?;
        let to = self.theirs(&order.to)?;
        let found = self.repository.diff(from.as_ref(), &to, (&only, without.as_ref()), order.cap);
        let (bytes, cut) = found.map_err(self.told())?;
        Ok(Diff { text: String::from_utf8_lossy(&bytes).into_owned(), cut })
    }

    fn read(&self, commit: &CommitId, name: &str, cap: usize) -> PortResult<Option<String>> {
        Ok(match self.repository.read_file(&self.theirs(commit)?, &self.path(name)?, cap).map_err(self.told())? {
            FileAt::File { bytes, truncated: false, .. } => Some(String::from_utf8_lossy(&bytes).into_owned()),
            FileAt::File { .. } => {
                let words = format!("{name} at {commit} is larger than {cap} bytes");
                return Err(PortError::of_object(ErrorKind::Refused, Port::Forge, self.target(), name, words));
            }
            FileAt::Absent | FileAt::Other(_) => None,
        })
    }
}

/// The weakened tests that are kept, deleted ones first.
fn weakened(mut found: Vec<Weakened>) -> Vec<WeakenedTest> {
    found.sort_by_key(|test| !test.deleted);
    let kept = found.into_iter().take(Evidence::WEAKENED_KEPT);
    kept.map(|test| {
        let mut diff = String::from_utf8_lossy(&test.diff).into_owned();
        diff.truncate(diff.floor_char_boundary(Evidence::DIFF_BYTES));
        WeakenedTest { path: test.path, deleted: test.deleted, removed_lines: test.removed_lines, diff }
    })
    .collect()
}

/// What the rules know of a document; one that was refused has no fields, with the reason.
fn fact(folder: &str, document: &orch_git::Document) -> DocumentFact {
    let name = document.path.strip_prefix(folder).unwrap_or(&document.path).trim_start_matches('/');
    match &document.content {
        DocumentContent::Read { bytes, .. } => read_document(name, bytes),
        DocumentContent::Refused(refusal) => DocumentFact::unreadable(name, format!("not read: {refusal:?}")),
    }
}

/// A date for git, which knows no time before 1970.
fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.0 / 1000).unwrap_or(0)
}

fn ours(commit: &orch_git::CommitId) -> CommitId {
    CommitId::from(commit.as_str())
}

/// The beginning of a commit's name, as people quote it.
fn short(commit: &orch_git::CommitId) -> &str {
    let id = commit.as_str();
    id.get(..10).unwrap_or(id)
}
