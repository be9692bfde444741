//! The workshop: a bare repository in the state directory (`orch-git`), beside the user's own.

mod branch_state;
mod opening;
mod words;

use std::sync::Arc;

use camino::Utf8PathBuf;
use orch_git::{
    CandidateRequest, ChangeStatus, CloneRequest, CollectLimits, CollectRequest, Delivered, DocumentContent,
    DocumentLimits, EvidenceRequest, FileAt, Merged, ParcelRequest, SetAsideRequest, Signature, Weakened,
};
use orch_ports::workshop::{
    BranchOrder, BranchState, CandidateOrder, Collected, Diff, DiffOrder, LandedWork, Lookout, NumbersSeen, Overlay,
    Standing, Workplace, Workshop,
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
use orch_rules::work_item::{documents_folder, leaving};

pub use opening::{Bare, Opening};
pub(crate) use words::kind;

/// One repository's workshop, for whatever forge its branches live in.
pub struct GitWorkshop {
    opening: Arc<Opening>,
}

impl GitWorkshop {
    /// In the repository that this opens.
    pub fn new(opening: Arc<Opening>) -> Self {
        Self { opening }
    }

    fn bare(&self) -> PortResult<Bare> {
        self.opening.get(Port::Workshop)
    }
}

/// Bytes of a document that are read.
const DOCUMENT_CAP: usize = 256 * 1024;

impl Bare {
    /// Main, as it was brought here last.
    pub(crate) fn tip(&self) -> PortResult<orch_git::CommitId> {
        let base = &self.repository.origin().base;
        self.repository.tip(base).map_err(self.told())?.ok_or_else(|| {
            let words = format!("the branch {base} is gone from the local forge");
            PortError::of_object(ErrorKind::Gone, self.port, self.target(), base.as_str(), words)
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

    /// What git says of a delivery, with what was said when it was taken in.
    fn said(&self, place: &Workplace, start: &CommitId, delivered: Delivered, scope: &Scope) -> PortResult<Collected> {
        let mut collected = self.collected(&place.work_item, start, &delivered.head)?;
        let kept = Evidence::SENTENCES_KEPT;
        collected.evidence.left_out =
            scope.left_out(&delivered.strayed).into_iter().chain(delivered.told).take(kept).collect();
        collected.evidence.refused = delivered.refused.into_iter().take(kept).collect();
        Ok(collected)
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
            irreversible: false,
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
        Ok(Collected {
            evidence,
            patch_paths: found.patch_paths,
            patch_links: found.patch_links,
            patch_shrunk: found.patch_shrunk,
        })
    }
}

impl Workshop for GitWorkshop {
    fn prepare(
        &self,
        place: &Workplace,
        start: &CommitId,
        aside: &[String],
        overlay: Option<&Overlay>,
    ) -> PortResult<CommitId> {
        let bare = self.bare()?;
        let folder = place.directory.as_std_path();
        orch_git::remove_clone(folder).map_err(bare.told())?;
        let base = bare.tip()?;
        let (task, attempt, who) = (bare.key(&place.task)?, u64::from(place.attempt), bare.identity(&place.identity)?);
        let mut commit = bare.theirs(start)?;
        if !aside.is_empty() {
            let files = aside.iter().map(|name| bare.path(name)).collect::<PortResult<Vec<_>>>()?;
            let by = Signature { identity: who.clone(), seconds: seconds(place.at) };
            let message =
                format!("{}: set the earlier round's documents aside\n\nRefs: {}\n", place.work_item, place.work_item);
            let request =
                SetAsideRequest { task: &task, attempt, start: &commit, files: &files, message: &message, by: &by };
            if let Some(without) = bare.repository.set_aside(request).map_err(bare.told())? {
                commit = without;
            }
        }
        let request = CloneRequest {
            task: &task,
            attempt,
            commit: &commit,
            base: Some(&base),
            branch: &bare.branch(&place.branch)?,
            folder,
            identity: &who,
        };
        match overlay {
            None => bare.repository.clone_attempt(request).map_err(bare.told())?,
            Some(overlay) => {
                let covers = |path: &str| any_matches(&overlay.patterns, path);
                let overlay = orch_git::Overlay { from: &bare.theirs(&overlay.from)?, covers: &covers };
                bare.repository.clone_attempt_overlaid(request, overlay).map_err(bare.told())?;
            }
        }
        Ok(ours(&commit))
    }

    fn snapshot_command(&self, place: &Workplace, start: &CommitId) -> PortResult<Vec<String>> {
        let bare = self.bare()?;
        bare.packing(place, start, |request| bare.repository.snapshot_command(request))
    }

    fn lookout(&self, place: &Workplace, start: &CommitId) -> PortResult<Option<Lookout>> {
        /// A path that no argument has by chance.
        const PARCEL: &str = "/orch-check-parcel";
        let bare = self.bare()?;
        let place = Workplace { parcel: PARCEL.into(), ..place.clone() };
        let objects = Utf8PathBuf::from_path_buf(bare.repository.objects_folder());
        let Ok(objects) = objects else { return Ok(None) };
        Ok(Some(Lookout {
            command: bare.packing(&place, start, |request| bare.repository.looking_command(request))?,
            parcel: PARCEL.to_owned(),
            objects,
            base: bare.repository.origin().base.to_string(),
            main: ours(&bare.tip()?),
        }))
    }

    fn parcel_command(&self, place: &Workplace, start: &CommitId) -> PortResult<Vec<String>> {
        let bare = self.bare()?;
        bare.packing(place, start, |request| bare.repository.parcel_command(request))
    }

    fn collect(&self, place: &Workplace, start: &CommitId, scope: &Scope) -> PortResult<Collected> {
        let bare = self.bare()?;
        let documents = bare.path(&documents_folder(&place.work_item))?;
        let by = Signature { identity: bare.identity(&place.identity)?, seconds: seconds(place.at) };
        let delivered = bare
            .repository
            .collect(CollectRequest {
                parcel: place.parcel.as_std_path(),
                task: &bare.key(&place.task)?,
                attempt: u64::from(place.attempt),
                start: &bare.theirs(start)?,
                main: &bare.tip()?,
                documents: &documents,
                owns: &|path, uncommitted| scope.takes(path, uncommitted),
                message: &place.message,
                by: &by,
                limits: CollectLimits { file: place.largest_file, ..CollectLimits::default() },
                packed_again: place.packed_again,
            })
            .map_err(bare.told())?;
        bare.said(place, start, delivered, scope)
    }

    fn brought_home(&self, place: &Workplace, scope: &Scope) -> PortResult<Option<(CommitId, Collected)>> {
        let bare = self.bare()?;
        let (task, attempt) = (bare.key(&place.task)?, u64::from(place.attempt));
        let delivered = bare.repository.delivered(&task, attempt).map_err(bare.told())?;
        let start = bare.repository.attempt_start(&task, attempt).map_err(bare.told())?;
        let (Some(delivered), Some(start)) = (delivered, start.as_ref().map(ours)) else { return Ok(None) };
        let collected = bare.said(place, &start, delivered, scope)?;
        Ok(Some((start, collected)))
    }

    fn checkout(&self, commit: &CommitId, directory: &Utf8PathBuf, overlay: Option<&Overlay>) -> PortResult<()> {
        let bare = self.bare()?;
        let (commit, folder) = (bare.theirs(commit)?, directory.as_std_path());
        orch_git::remove_clone(folder).map_err(bare.told())?;
        let Some(overlay) = overlay else {
            return bare.repository.checkout_clean(&commit, folder).map_err(bare.told());
        };
        let covers = |path: &str| any_matches(&overlay.patterns, path);
        let overlay = orch_git::Overlay { from: &bare.theirs(&overlay.from)?, covers: &covers };
        bare.repository.checkout_overlaid(&commit, folder, overlay).map_err(bare.told())
    }

    fn candidate(&self, order: &CandidateOrder, onto: &CommitId) -> PortResult<CandidateResult> {
        let bare = self.bare()?;
        let signature = Signature { identity: bare.identity(&order.identity)?, seconds: seconds(order.at) };
        let main = bare.theirs(onto)?;
        let merged = bare
            .repository
            .candidate(CandidateRequest {
                main: &main,
                head: &bare.theirs(&order.head)?,
                message: &order.message,
                author: &signature,
                committer: &signature,
                keep_commits: false,
                leaving: &|folders| {
                    order.documents_kept.map_or_else(Vec::new, |keep| leaving(folders, &order.work_item, keep))
                },
            })
            .map_err(bare.told())?;
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

    fn reverse(&self, order: &CandidateOrder) -> PortResult<CommitId> {
        let bare = self.bare()?;
        let signature = Signature { identity: bare.identity(&order.identity)?, seconds: seconds(order.at) };
        let made = bare.repository.reverse(&bare.theirs(&order.head)?, &order.message, &signature);
        made.map(|commit| ours(&commit)).map_err(bare.told())
    }

    fn branch_state(&self, order: &BranchOrder, tip: &CommitId) -> PortResult<BranchState> {
        self.compare(order, tip)
    }

    fn contains(&self, commit: &CommitId, other: &CommitId) -> PortResult<bool> {
        let bare = self.bare()?;
        bare.repository.contains(&bare.theirs(commit)?, &bare.theirs(other)?).map_err(bare.told())
    }

    fn archive(&self, task: &TaskId, head: &CommitId) -> PortResult<()> {
        let bare = self.bare()?;
        bare.repository.archive_documents(&bare.key(task)?, &bare.theirs(head)?).map_err(bare.told())
    }

    fn forget(&self, task: &TaskId) -> PortResult<()> {
        let bare = self.bare()?;
        bare.repository.reap(&[bare.key(task)?]).map(drop).map_err(bare.told())
    }

    fn standing(
        &self,
        database: Option<&str>,
        known: Option<&CommitId>,
        before: Option<&(Option<CommitId>, CommitId)>,
    ) -> PortResult<Option<Standing>> {
        let bare = self.bare()?;
        let tip = bare.tip()?;
        if before.is_some_and(|(main, at)| main.as_ref() == known && *at == ours(&tip)) {
            return Ok(None);
        }
        let mut standing = Standing { tip: ours(&tip), foreign: false, lacks: None, landed: Vec::new() };
        if let Some(id) = database.filter(|_| before.is_none()) {
            let seen = bare.repository.databases().map_err(bare.told())?;
            if !seen.iter().any(|one| one == id) {
                standing.foreign = !seen.is_empty();
                bare.repository.note_database(id).map_err(bare.told())?;
            }
        }
        let since = known.map(|commit| bare.theirs(commit)).transpose()?;
        match &since {
            Some(since) if *since == tip => return Ok(Some(standing)),
            Some(since) if !bare.repository.is_landed(since).map_err(bare.told())? => standing.lacks = known.cloned(),
            _ => {
                let found = bare.repository.landed_work(since.as_ref()).map_err(bare.told())?;
                let landed = found.into_iter().rev().filter(|work| work.ours);
                let landed = landed.map(|w| LandedWork { work_item: w.work_item, commit: ours(&w.commit) });
                standing.landed = landed.collect();
            }
        }
        Ok(Some(standing))
    }

    fn has_landed(&self, commit: &CommitId) -> PortResult<bool> {
        let bare = self.bare()?;
        bare.repository.is_landed(&bare.theirs(commit)?).map_err(bare.told())
    }

    fn highest_number(&self, prefix: &str, before: Option<&NumbersSeen>) -> PortResult<Option<NumbersSeen>> {
        let bare = self.bare()?;
        let before = before
            .map(|seen| {
                let main = bare.theirs(&seen.main)?;
                Ok(orch_git::TakenNumbers { highest: seen.highest, main, branches: seen.branches })
            })
            .transpose()?;
        let seen = bare.repository.highest_number(prefix, before.as_ref()).map_err(bare.told())?;
        Ok(seen.map(|seen| NumbersSeen { highest: seen.highest, main: ours(&seen.main), branches: seen.branches }))
    }

    fn known_base(&self) -> PortResult<CommitId> {
        Ok(ours(&self.bare()?.tip()?))
    }

    fn obstacle(&self, commit: &CommitId, folder: &str) -> PortResult<Option<String>> {
        let bare = self.bare()?;
        bare.repository.obstacle(&bare.theirs(commit)?, &bare.path(folder)?).map_err(bare.told())
    }

    fn upkeep(&self) -> PortResult<Option<String>> {
        let bare = self.bare()?;
        let done = bare.repository.upkeep(std::time::SystemTime::now()).map_err(bare.told())?;
        Ok((!done.is_nothing()).then(|| {
            let (before, after) = done.packs;
            let refs = if done.refs { ", refs packed" } else { "" };
            format!("{before} packs became {after}{refs}, {} leftovers of dead gits removed", done.removed)
        }))
    }

    fn diff(&self, order: &DiffOrder) -> PortResult<Diff> {
        let bare = self.bare()?;
        let from = order.from.as_ref().map(|commit| bare.theirs(commit)).transpose()?;
        let only = order.only.iter().map(|name| bare.path(name)).collect::<PortResult<Vec<_>>>()?;
        let without = order.without.as_deref().map(|name| bare.path(name)).transpose()?;
        let to = bare.theirs(&order.to)?;
        let found = bare.repository.diff(from.as_ref(), &to, (&only, without.as_ref()), order.cap);
        let (bytes, cut) = found.map_err(bare.told())?;
        Ok(Diff { text: String::from_utf8_lossy(&bytes).into_owned(), cut })
    }

    fn read(&self, commit: &CommitId, name: &str, cap: usize) -> PortResult<Option<String>> {
        let bare = self.bare()?;
        Ok(match bare.repository.read_file(&bare.theirs(commit)?, &bare.path(name)?, cap).map_err(bare.told())? {
            FileAt::File { bytes, truncated: false, .. } => Some(String::from_utf8_lossy(&bytes).into_owned()),
            FileAt::File { .. } => {
                let words = format!("{name} at {commit} is larger than {cap} bytes");
                return Err(PortError::of_object(ErrorKind::Refused, bare.port, bare.target(), name, words));
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

pub(crate) fn ours(commit: &orch_git::CommitId) -> CommitId {
    CommitId::from(commit.as_str())
}
