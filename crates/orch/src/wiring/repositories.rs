//! The registered repositories, each for itself: none is opened before it is needed, and none keeps another from working.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use camino::{Utf8Path, Utf8PathBuf};
use orch_engine::cache::CachePlace;
use orch_engine::control::Reread;
use orch_engine::{Engine, Program, RepositoryContext};
use orch_git::{BranchName, Forge as GitForge, Git, Origin};
use orch_ports::agent::Agent;
use orch_ports::forge::Forge;
use orch_ports::store::Store;
use orch_ports::{Port, PortError, PortResult};
use orch_rules::ids::RepositoryId;
use orch_rules::lane::Repository;
use orch_rules::pipeline::Role;
use orch_rules::port_error::ErrorKind;
use orch_rules::repository_file::RepositoryFile;
use orch_vendors::forge::gitea::{Gitea, GiteaApi};
use orch_vendors::forge::local::LocalForge;
use orch_vendors::forge::reach::{Channel, Reach};
use orch_vendors::forge::remote::RemoteForge;
use orch_vendors::workshop::{GitWorkshop, Opening};

use super::{TOOL_VARIABLES, agent, environment, policy, quoted, store_failure};
use crate::exit::Failure;
use crate::init::{git_failure, read_repository_file};
use crate::settings::forge::Product;
use crate::settings::remote::Server;
use crate::settings::{self, Host, RepositoryEntry};

/// Between asking a run to end and killing it.
const STOP_GRACE: Duration = Duration::from_secs(10);
/// Output kept per run.
const OUTPUT_CAP_BYTES: u64 = 64 << 20;

/// Sentences for the person at the terminal.
#[derive(Clone, Default)]
pub struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn add(&self, note: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }

    /// Those that came up since the last time.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What contexts are made with.
#[derive(Clone)]
pub struct Making {
    pub git: Git,
    /// Locks in forges older than this are of dead processes.
    pub started: SystemTime,
    /// This process is the service, so its forges are the ones that the users' repositories know as `orch`.
    pub serving: bool,
    pub notes: Notes,
    pub doors: Doors,
    pub channels: Channels,
}

/// What limits calls of a server, by credential and server: kept when the settings are read again.
#[derive(Clone, Default)]
pub struct Channels(Arc<Mutex<BTreeMap<String, Arc<Channel>>>>);

impl Channels {
    fn of(&self, name: String) -> Arc<Channel> {
        let mut channels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(channels.entry(name).or_default())
    }
}

/// One at a time opens a forge: its context may be another one by now, after the settings were read again.
#[derive(Clone, Default)]
pub struct Doors(Arc<Mutex<BTreeMap<Utf8PathBuf, Arc<Mutex<()>>>>>);

impl Doors {
    fn of(&self, forge: &Utf8Path) -> Arc<Mutex<()>> {
        let mut doors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(doors.entry(forge.to_path_buf()).or_default())
    }
}

/// How programs are run on this host, in a repository of that name. Where a run has files of its own it knows its
/// directory by a short path without a dot, the same each time: tests and tools pass over what lies below a hidden folder,
/// as the state folder usually does, and some write the path into what they build.
pub fn program(host: &Host, repository: &str, env: &dyn Fn(&str) -> Option<String>) -> Program {
    let minutes = |m: u32| u64::from(m) * 60_000;
    let mut tools = environment(TOOL_VARIABLES.iter().copied(), env);
    tools.extend(settings::egress::environment(&host.egress));
    Program {
        check_environment: tools,
        own: std::env::current_exe().ok().and_then(|own| Utf8PathBuf::from_path_buf(own).ok()),
        appears: Some(Utf8Path::new("/repo").join(repository)),
        cache: (host.limits.cache_mb > 0).then(|| CachePlace {
            file: host.paths.state.join("caches").join(format!("{repository}.tar")),
            most_bytes: host.limits.cache_mb.saturating_mul(1_000_000),
        }),
        run_deadline_ms: minutes(host.limits.run_deadline_minutes),
        run_stall_ms: minutes(host.limits.run_stall_minutes),
        stop_grace_ms: STOP_GRACE.as_millis() as u64,
        output_cap_bytes: OUTPUT_CAP_BYTES,
    }
}

impl Making {
    /// A context for each registered repository, and its row; `known` are the rows as they were. What is wrong with one
    /// of them is found when it is looked at.
    pub fn contexts(
        &self,
        host: &Host,
        known: &[Repository],
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Vec<(RepositoryContext, Repository)> {
        let mut contexts = Vec::new();
        for entry in &host.repositories {
            let row = known.iter().find(|row| row.id.as_str() == entry.id);
            let usual = || {
                let found = orch_git::usual_base(&self.git, entry.path.as_std_path()).ok().flatten();
                found.map(|(base, _)| base.to_string())
            };
            let base = base_of(&entry.path, row.map(|row| row.base_branch.as_str()))
                .ok()
                .or_else(usual)
                .unwrap_or_else(|| RepositoryFile::default().base_branch);
            let context = self.context(host, entry, row, env);
            let repository = Repository {
                id: context.repository.clone(),
                prefix: entry.prefix.clone(),
                base_branch: base,
                // As the base branch said last; what it says now is found when it is looked at.
                serial: row.is_some_and(|row| row.serial),
                frozen: None,
                freeze_epoch: 0,
                paused: false,
                main: None,
                lane_fence: 0,
                version: 1,
            };
            contexts.push((context, repository));
        }
        contexts
    }

    fn context(
        &self,
        host: &Host,
        entry: &RepositoryEntry,
        row: Option<&Repository>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> RepositoryContext {
        let program = program(host, &entry.id, env);
        let tools = &program.check_environment;
        let mut agents: BTreeMap<Role, Arc<dyn Agent>> = BTreeMap::new();
        for role in Role::ALL {
            if let Some(acts) = host.agent(entry, role) {
                agents.insert(role, agent(acts, tools, env));
            }
        }
        let opening = OpeningOf {
            making: self.clone(),
            id: entry.id.clone(),
            source: entry.path.clone(),
            forge: host.paths.forge(&entry.id),
            base_known: row.map(|row| row.base_branch.clone()),
        };
        let (workshop, forge): (_, Arc<dyn Forge>) = match host.server(entry) {
            None => {
                let opening = Arc::new(Opening::new(move || opening.open()));
                (GitWorkshop::new(Arc::clone(&opening)), Arc::new(LocalForge::new(opening)))
            }
            Some(server) => {
                let reach = Arc::new(self.reach(server));
                let way = Arc::clone(&reach);
                let opening = Arc::new(Opening::asking(move |port| opening.open_on_server(&way, port)));
                let git = RemoteForge::new(Arc::clone(&opening), reach);
                let forge: Arc<dyn Forge> = match host.product(entry) {
                    Some(product) => {
                        let secret = product.clone();
                        let gitea = Gitea::new(git, Arc::clone(&opening), self.api(product));
                        Arc::new(gitea.hearing(move || secret.hook_secret()))
                    }
                    None => Arc::new(git),
                };
                (GitWorkshop::new(opening), forge)
            }
        };
        let bring_home = match &entry.remote.url {
            None => format!("{} pull {}", own_name(env), entry.id),
            Some(_) => format!("git -C {} pull", quoted(entry.path.as_str())),
        };
        RepositoryContext {
            repository: RepositoryId(entry.id.clone()),
            workshop: Arc::new(workshop),
            forge,
            agents,
            work_folders: host.paths.places().join(&entry.id),
            program,
            deploys: host.deploys(entry),
            bring_home,
            settings: Default::default(),
            shown_by: Vec::new(),
        }
    }
}

impl Making {
    /// The way to a product's API, in the channel of its credential there.
    pub fn api(&self, product: Product) -> GiteaApi {
        api(product, |name| self.channels.of(name))
    }

    fn reach(&self, server: Server) -> Reach {
        let git = self.git.clone();
        let (url, credential, channel) = (server.url.clone(), server.credential(), self.channels.of(server.channel()));
        Reach::new(url, credential, channel, move || server.remote(&git))
    }
}

/// The way to a product's API, which shares its limits with whatever else is in that channel.
pub fn api(product: Product, channel: impl FnOnce(String) -> Arc<Channel>) -> GiteaApi {
    let (page, credential, authorities) = (product.page.clone(), product.credential(), product.authorities());
    GiteaApi::new(page, credential, channel(product.channel()), authorities, move || product.token())
}

/// Writes the rows; gives the contexts.
///
/// # Errors
/// The store's.
pub async fn registered(
    store: &dyn Store,
    contexts: Vec<(RepositoryContext, Repository)>,
) -> Result<Vec<RepositoryContext>, Failure> {
    let mut all = Vec::new();
    for (context, repository) in contexts {
        store.register(&repository).await.map_err(store_failure)?;
        all.push(context);
    }
    Ok(all)
}

/// How one repository's forge is opened.
struct OpeningOf {
    making: Making,
    id: String,
    source: Utf8PathBuf,
    forge: Utf8PathBuf,
    /// The base branch as it was known last.
    base_known: Option<String>,
}

impl OpeningOf {
    fn open(&self) -> Result<GitForge, String> {
        let Self { making, id, source, forge: path, base_known } = self;
        if !source.join(".git").exists() {
            return Err(format!(
                "{source} is not a repository any more; move it back, or say where it is now: orch repo move {id} PATH \
                 (or take it out: orch repo remove {id})"
            ));
        }
        let usual = || orch_git::usual_base(&making.git, source.as_std_path()).ok().flatten();
        let base = base_of(source, base_known.as_deref())
            .or_else(|words| usual().map(|(base, _)| base.to_string()).ok_or(words))?;
        let base = BranchName::new(base).map_err(|e| e.to_string())?;
        let origin = Origin { source: source.clone().into(), base };
        let door = making.doors.of(path);
        let _alone = door.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = GitForge::create_from(&making.git, origin, path.as_std_path(), making.started)
            .map_err(|error| words(git_failure(error)))?;
        if opened.created || making.serving {
            // Also later: another state folder may have been in use meanwhile.
            opened.forge.add_remote_to_source().map_err(|error| words(git_failure(error)))?;
        }
        if opened.created {
            making.notes.add(format!("{id}: made its forge at {path}, and the remote `orch` in {source}"));
        }
        for lock in &opened.kept_locks {
            making.notes.add(format!("{id}: {} is held by a git process; waiting for it", lock.display()));
        }
        Ok(opened.forge)
    }
}

impl OpeningOf {
    /// The same of a repository whose branches live on a server: the folder of a person is not needed.
    fn open_on_server(&self, reach: &Reach, port: Port) -> PortResult<GitForge> {
        let Self { making, id, source, forge: path, base_known } = self;
        let refused = |words: String| PortError::of_target(ErrorKind::Refused, port, source.as_str(), words);
        let base = base_of(source, base_known.as_deref()).map_err(refused)?;
        let base = BranchName::new(base).map_err(|error| refused(error.to_string()))?;
        let origin = Origin { source: source.clone().into(), base };
        let door = making.doors.of(path);
        let _alone = door.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = reach.open(&making.git, origin, path.as_std_path(), making.started)?;
        if opened.created {
            making.notes.add(format!("{id}: made its workshop at {path} from {}", reach.url()));
        }
        for lock in &opened.kept_locks {
            making.notes.add(format!("{id}: {} is held by a git process; waiting for it", lock.display()));
        }
        Ok(opened.forge)
    }
}

/// How this program is called in a shell: by its name if the search path finds it, else by its path.
fn own_name(env: &dyn Fn(&str) -> Option<String>) -> String {
    let Ok(own) = std::env::current_exe() else { return "orch".to_owned() };
    let search = env("PATH").unwrap_or_default();
    let found = std::env::split_paths(&search).map(|folder| folder.join("orch")).find(|file| file.is_file());
    let same =
        found.and_then(|file| file.canonicalize().ok()).is_some_and(|file| Some(file) == own.canonicalize().ok());
    if same { "orch".to_owned() } else { quoted(&own.display().to_string()) }
}

/// The base branch that the working tree names; where its file cannot be read, the one that was `known`. What the line
/// goes by is on that branch, not in a working tree (X13).
fn base_of(source: &Utf8Path, known: Option<&str>) -> Result<String, String> {
    match read_repository_file(source) {
        Ok(Some(file)) => Ok(file.base_branch),
        // The person may be on another branch, that has none.
        Ok(None) => Ok(known.map_or_else(|| RepositoryFile::default().base_branch, str::to_owned)),
        Err(failure) => known.map(str::to_owned).ok_or_else(|| words(failure)),
    }
}

/// A failure as one sentence: what, where, and what to do.
fn words(failure: Failure) -> String {
    let points = failure.problems.iter().map(|point| format!("{}: {}; {}", point.place, point.what, point.fix));
    let points = points.collect::<Vec<_>>().join("; ");
    let mut text = if points.is_empty() { failure.to_string() } else { points };
    if let Some(fix) = &failure.fix {
        text.push_str(&format!("; {fix}"));
    }
    text
}

/// Reads the settings again while the service runs.
pub struct Rereading {
    pub(super) engine: Arc<Engine>,
    pub(super) store: Arc<dyn Store>,
    pub(super) making: Making,
}

#[async_trait]
impl Reread for Rereading {
    async fn reread(&self) -> Result<(), String> {
        let known = self.store.repositories().await.map_err(|error| error.to_string())?;
        let (contexts, policy) = {
            let env = |name: &str| std::env::var(name).ok();
            let (host, _) = settings::load(&env).map_err(words)?;
            (self.making.contexts(&host, &known, &env), policy(&host))
        };
        let contexts = registered(&*self.store, contexts).await.map_err(words)?;
        self.engine.serve(contexts, policy);
        Ok(())
    }
}
