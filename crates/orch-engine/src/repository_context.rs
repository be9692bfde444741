//! A repository as the engine works in it: its forge, its agents, its work_folders on disk.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use camino::Utf8PathBuf;
use orch_ports::PortResult;
use orch_ports::agent::Agent;
use orch_ports::forge::Forge;
use orch_ports::projection::ProjectionTarget;
use orch_ports::workshop::{Collected, Identity, Workshop};
use orch_rules::attempt::{Evidence, ProtectedPaths};
use orch_rules::facts::Worker;
use orch_rules::gate::is_test_file;
use orch_rules::ids::{CommitId, RepositoryId, TaskId};
use orch_rules::landing_settings::{self, Stored};
use orch_rules::path_pattern::any_matches;
use orch_rules::pipeline::Role;
use orch_rules::repository_file::{self, RepositoryFile};
use orch_rules::work_item::DOCUMENTS;

use crate::cache::{self, CachePlace, Leaves};
use crate::deploy_terms::DeployTerms;
use crate::outbox::change_request::ChangeRequestTarget;

/// Path of the repository's own settings, on its base branch.
pub const REPOSITORY_FILE: &str = ".orch/orch.toml";

/// Bytes of the repository file that are read; more is no settings file.
pub(crate) const FILE_CAP: usize = 256 * 1024;

/// How programs are run in a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Program {
    /// Whole environment of checks; agents get their own from their adapter.
    pub check_environment: BTreeMap<String, String>,
    /// This program, which runs ask the gates with before they end ([`crate::orch_check`]); `None`: they cannot.
    pub own: Option<Utf8PathBuf>,
    /// The path that runs know their directory by, where they have files of their own.
    pub appears: Option<Utf8PathBuf>,
    /// Where the packages that were fetched in this repository are kept; `None`: nothing is.
    pub cache: Option<CachePlace>,
    /// An agent is ended after so long.
    pub run_deadline_ms: u64,
    /// An agent is ended after so long without output; 0 is never.
    pub run_stall_ms: u64,
    /// Between asking a run to end and killing it.
    pub stop_grace_ms: u64,
    /// Output kept per run.
    pub output_cap_bytes: u64,
}

/// One repository with everything the engine needs to work in it.
pub struct RepositoryContext {
    /// Which.
    pub repository: RepositoryId,
    /// Where its code is worked on.
    pub workshop: Arc<dyn Workshop>,
    /// Where its branches live.
    pub forge: Arc<dyn Forge>,
    /// Who acts, by role.
    pub agents: BTreeMap<Role, Arc<dyn Agent>>,
    /// Clones and checkouts, one folder each.
    pub work_folders: Utf8PathBuf,
    /// How programs are run.
    pub program: Program,
    /// What it is deployed to; `None`: nothing.
    pub deploys: Option<Arc<DeployTerms>>,
    /// The command that brings landed work into the user's own repository.
    pub bring_home: String,
    /// Settings as last read, by the commit they were read from.
    pub settings: SettingsCell,
    /// Where its tasks are shown, beside the product of its forge.
    pub shown_by: Vec<Arc<dyn ProjectionTarget>>,
}

/// Remembers the repository file of the newest base commit that was asked for.
#[derive(Debug, Default)]
pub struct SettingsCell(Mutex<Option<(CommitId, Settings)>>);

/// The repository file, or in words for people why it is unusable.
type Settings = Arc<Result<RepositoryFile, String>>;

impl RepositoryContext {
    /// Everything that shows its tasks.
    pub(crate) fn targets(&self) -> Vec<Arc<dyn ProjectionTarget>> {
        let product = ChangeRequestTarget::of(&self.repository, &self.forge);
        let product = product.map(|target| Arc::new(target) as Arc<dyn ProjectionTarget>);
        product.into_iter().chain(self.shown_by.iter().cloned()).collect()
    }

    /// The repository's settings at a commit of its base branch (X13: gates come from there). Blocks.
    ///
    /// # Errors
    /// The forge's; an unusable file is the inner error, in words for people.
    pub fn settings_at(&self, base: &CommitId) -> PortResult<Settings> {
        let remembered = self.settings.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((commit, settings)) = remembered
            && &commit == base
        {
            return Ok(settings);
        }
        let parsed = match self.workshop.read(base, REPOSITORY_FILE, FILE_CAP)? {
            None => Ok(RepositoryFile::default()),
            Some(text) => repository_file::parse(&text, REPOSITORY_FILE)
                .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
        };
        let settings = Arc::new(parsed);
        *self.settings.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((base.clone(), settings.clone()));
        Ok(settings)
    }

    /// Why no paper of a task can be written at a commit of the base branch. Blocks.
    ///
    /// # Errors
    /// The forge's.
    pub fn no_place_for_documents(&self, base: &CommitId, branch: &str) -> PortResult<Option<String>> {
        Ok(self.workshop.obstacle(base, DOCUMENTS)?.map(|obstacle| {
            format!(
                "{obstacle} on {branch}, and the papers of tasks are written below {DOCUMENTS}, which has to be a folder \
                 all the way: make it one and commit that to {branch}"
            )
        }))
    }

    /// What is wrong with the repository's settings at `commit` that is not so at `base`. Blocks.
    ///
    /// # Errors
    /// The forge's, if it may pass.
    pub fn settings_faults(&self, base: &CommitId, commit: &CommitId) -> PortResult<Vec<String>> {
        let reader = |at: CommitId| move |path: &str| self.stored(&at, path);
        let mut faults = landing_settings::faults(reader(base.clone()), reader(commit.clone()))?;
        faults.truncate(Evidence::SENTENCES_KEPT);
        Ok(faults)
    }

    fn stored(&self, at: &CommitId, path: &str) -> PortResult<Stored> {
        match self.workshop.read(at, path, FILE_CAP) {
            Ok(Some(text)) => Ok(Stored::Text(text)),
            // A link, or a file on the way, is there and is none.
            Ok(None) => Ok(self.workshop.obstacle(at, path)?.map_or(Stored::Absent, Stored::Unreadable)),
            Err(error) if error.is_fact() => Ok(Stored::Unreadable(error.words)),
            Err(error) => Err(error),
        }
    }

    /// Completes what git says of a task's whole change by what it does to the repository's own settings and to its
    /// protected paths. Blocks.
    ///
    /// # Errors
    /// The forge's.
    pub fn look_at_change(&self, work: Collected) -> PortResult<Evidence> {
        let Collected { mut evidence, patch_paths: paths, patch_links: links, patch_shrunk: shrunk } = work;
        let settings = self.settings_at(&evidence.base)?;
        let file = settings.as_ref().clone().unwrap_or_default();
        if paths.iter().any(|path| landing_settings::concerns(path, &file)) {
            evidence.settings = self.settings_faults(&evidence.base, &evidence.head)?;
        }
        if let Some(deploys) = &self.deploys {
            evidence.irreversible = paths.iter().any(|path| any_matches(&deploys.irreversible, path));
        }
        evidence.protected = self.protected(&evidence.base, &paths, &links, &shrunk)?;
        Ok(evidence)
    }

    /// Files at a commit of the base branch that its test command names. Blocks.
    ///
    /// # Errors
    /// The forge's, if it may pass.
    pub fn named_by_check(&self, base: &CommitId, file: &RepositoryFile) -> PortResult<Vec<String>> {
        let mut named = Vec::new();
        for word in file.named_by_check() {
            match self.workshop.read(base, &word, FILE_CAP) {
                Ok(None) => {}
                // It is there and larger than that.
                Ok(Some(_)) => named.push(word),
                Err(error) if error.is_fact() => named.push(word),
                Err(error) => return Err(error),
            }
        }
        Ok(named)
    }

    /// What a change touches of the paths that are protected at a commit of the base branch; `None` if its settings are
    /// unusable: then nothing is known, which never passes. Blocks.
    ///
    /// # Errors
    /// The forge's.
    fn protected(
        &self,
        base: &CommitId,
        paths: &[String],
        links: &[String],
        shrunk: &[String],
    ) -> PortResult<Option<ProtectedPaths>> {
        let settings = self.settings_at(base)?;
        let Ok(file) = settings.as_ref() else { return Ok(None) };
        let mut patterns = file.protected();
        patterns.extend(self.named_by_check(base, file)?);
        let tests = shrunk.iter().filter(|path| file.protect_tests && is_test_file(path));
        Ok(Some(ProtectedPaths::touched(paths, links, &patterns).with(tests)))
    }

    /// Who acts in which role, as far as outages go.
    pub fn workers(&self) -> BTreeMap<Role, Worker> {
        let worker = |agent: &Arc<dyn Agent>| Worker { agent: agent.name().to_owned(), credential: agent.credential() };
        self.agents.iter().map(|(role, agent)| (*role, worker(agent))).collect()
    }

    /// Everything a run of this name has on disk besides its run directory.
    pub fn work_folder(&self, name: &str) -> Utf8PathBuf {
        self.work_folders.join(name)
    }

    /// How a test at a commit leaves what is to be kept. Blocks.
    ///
    /// # Errors
    /// The workshop's.
    pub fn leaves(&self, file: &RepositoryFile, commit: &CommitId, name: &str) -> PortResult<Option<Leaves>> {
        let Some(place) = &self.program.cache else { return Ok(None) };
        let key = self.cache_key(file, commit)?;
        Ok(place.leaves(file, &key, &self.work_folder(name)))
    }

    /// Keeps what a green test at a commit left under that name. Nothing hangs on it. Blocks.
    pub fn keep_cache(&self, file: &RepositoryFile, commit: &CommitId, name: &str) {
        let (Some(place), folder) = (&self.program.cache, self.work_folder(name)) else { return };
        if !folder.is_dir() {
            return;
        }
        let kept = self.cache_key(file, commit).map_err(|error| error.to_string());
        let kept = kept.and_then(|key| place.keep(file, &key, &folder).map_err(|error| error.to_string()));
        if let Err(error) = kept {
            tracing::warn!(repository = %self.repository, error, "what a test fetched and its set-up made was not kept");
        }
        if let Err(error) = std::fs::remove_dir_all(&folder) {
            tracing::warn!(%folder, %error, "a place on disk could not be removed");
        }
    }

    fn cache_key(&self, file: &RepositoryFile, commit: &CommitId) -> PortResult<String> {
        cache::key(file, |name| match self.workshop.read(commit, name, cache::READ_AT_MOST) {
            // It is no file, or larger than that.
            Err(error) if error.is_fact() => Ok(None),
            read => read,
        })
    }

    /// Name of an attempt's run.
    pub fn run_name(task: &TaskId, attempt: u32) -> String {
        format!("{task}-{attempt}")
    }

    /// Who commits, by the repository's settings.
    pub fn identity(settings: &Result<RepositoryFile, String>) -> Identity {
        let file = settings.as_ref().cloned().unwrap_or_default();
        Identity { name: file.commit_name, email: file.commit_email }
    }
}
