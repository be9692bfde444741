//! From settings to a working engine: the one place that chooses implementations.

pub mod backup;
pub mod hold;
pub mod local;
mod lock;
pub mod models;
pub mod notifiers;
pub mod restore;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use camino::Utf8Path;
use orch_engine::{Engine, House, Limits, Program};
use orch_git::{BranchName, Forge as GitForge, Git, Origin};
use orch_ports::agent::Agent;
use orch_ports::outbox::Outbox;
use orch_ports::store::{Store, StoreError};
use orch_rules::budget::Budgets;
use orch_rules::facts::Policy;
use orch_rules::ids::RepositoryId;
use orch_rules::lane::Repository;
use orch_rules::pipeline::Role;
use orch_run::Confinement;
use orch_store::{PostgresStore, SqliteStore};
use orch_vendors::agent::claude_code::{ClaudeCode, PermissionMode};
use orch_vendors::agent::codex::Codex;
use orch_vendors::agent::command::CommandAgent;
use orch_vendors::forge::local::LocalForge;
use orch_vendors::runner::confining::Confining;
use orch_vendors::runner::host::HostRunner;
use orch_vendors::runner::proxy::Proxies;
use tokio::sync::watch;

pub use lock::DataLock;

use crate::exit::{Exit, Failure};
use crate::init::{git_failure, read_repository_file};
use crate::settings::{AgentKind, AgentProgram, Host, RepositoryEntry};

/// Variables of the service that every check and agent gets, because tools do not work without them. None of them
/// is a secret.
pub const TOOL_VARIABLES: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOPATH",
    "GOCACHE",
    "GOMODCACHE",
    "JAVA_HOME",
    "XDG_CACHE_HOME",
];
/// Between asking a run to end and killing it.
const STOP_GRACE: Duration = Duration::from_secs(10);
/// Output kept per run.
const OUTPUT_CAP_BYTES: u64 = 64 << 20;

/// Everything one process needs to work, and the lock that it is the only one.
pub struct Wired {
    /// Ready to run.
    pub engine: Arc<Engine>,
    /// Where runs are, and how they are kept from the rest of this host.
    pub runner: HostRunner,
    /// Sentences for the person at the terminal.
    pub notes: Vec<String>,
    store: Opened,
    git: Git,
    /// Whether the database is this process's: the engine works only while it is.
    pub held: watch::Sender<bool>,
    _lock: DataLock,
}

/// A store, for everybody who keeps rows in it.
struct Stores {
    store: Arc<dyn Store>,
    outbox: Arc<dyn Outbox>,
    opened: Opened,
}

enum Opened {
    Sqlite(Arc<SqliteStore>),
    Postgres,
}

impl Wired {
    /// Flush and close what has to be closed.
    pub async fn close(self) {
        // Nobody waits for their answers any more, and one that hangs would stay for ever.
        self.git.end();
        if let Opened::Sqlite(store) = &self.store
            && let Err(error) = store.close().await
        {
            tracing::warn!(%error, "the database was not closed cleanly; nothing committed is lost");
        }
    }
}

/// Opens the store named by the settings.
pub async fn open_store(host: &Host) -> Result<Arc<dyn Store>, Failure> {
    open(host).await.map(|stores| stores.store)
}

async fn open(host: &Host) -> Result<Stores, Failure> {
    match host.store.address()? {
        Some(address) => {
            let store = Arc::new(PostgresStore::connect(address.reveal()).await.map_err(store_failure)?);
            Ok(Stores { store: store.clone(), outbox: store, opened: Opened::Postgres })
        }
        None => {
            keep_private(&host.paths.database())?;
            let store = Arc::new(
                SqliteStore::open(host.paths.database())
                    .map_err(|e| store_failure(e).at(host.paths.database().to_string()))?,
            );
            Ok(Stores { store: store.clone(), outbox: store.clone(), opened: Opened::Sqlite(store) })
        }
    }
}

/// The database is for this account alone; the files beside it take its mode.
fn keep_private(database: &Utf8Path) -> Result<(), Failure> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let failed = |file: &str, error: std::io::Error| {
        Failure::new(Exit::Failed, format!("the database cannot be closed to others: {error}"))
            .at(file)
            .fix("run orch as the user who owns the state folder")
    };
    match std::fs::File::options().write(true).create_new(true).mode(0o600).open(database) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(failed(database.as_str(), error));
        }
        _ => {}
    }
    for file in ["", "-wal", "-shm"].map(|end| format!("{database}{end}")) {
        let open = std::fs::metadata(&file).is_ok_and(|found| found.permissions().mode() & 0o077 != 0);
        if open {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).map_err(|e| failed(&file, e))?;
        }
    }
    Ok(())
}

/// A failing store in the form every failure is told in.
pub fn store_failure(error: StoreError) -> Failure {
    let fix = match &error {
        StoreError::TooNew { .. } => "install that release, or restore the backup",
        StoreError::Unusable { .. } => {
            "make sure that it is there and whole; else put a backup in its place while no service runs: orch restore FOLDER"
        }
        StoreError::Full { .. } => "free some space, then start again: nothing committed is lost",
        _ => "try again; if it stays, start orch up with ORCH_LOG=debug and look at what it says",
    };
    Failure::new(Exit::Failed, error.to_string()).fix(fix)
}

/// Takes the data, opens everything and registers the repositories.
///
/// `serving`: this process is the service, so its forges are the ones that the users' repositories know as `orch`.
pub async fn wire(
    host: &Host,
    lock: DataLock,
    env: &dyn Fn(&str) -> Option<String>,
    serving: bool,
) -> Result<Wired, Failure> {
    let started = SystemTime::now();
    let git = Git::detect(env("PATH").unwrap_or_default()).map_err(git_failure)?;
    let Stores { store, outbox, opened } = open(host).await?;
    let mut houses = Vec::new();
    let mut notes = Vec::new();
    for entry in &host.repositories {
        let (house, repository) = house(host, entry, &git, started, env, serving, &mut notes)
            .map_err(|failure| of_repository(failure, host, entry))?;
        store.register(&repository).await.map_err(store_failure)?;
        houses.push(house);
    }
    let supervisor = std::env::current_exe()
        .map_err(|e| Failure::new(Exit::Internal, format!("this program cannot find itself: {e}")))?;
    // Only the service starts runs: no other command keeps a key that happens to be in its environment.
    let keys = |name: &str| env(name).filter(|_| serving);
    let proxies = Proxies { access: models::access(host, &keys)?, program: supervisor.clone() };
    let runner = HostRunner {
        root: host.paths.runs().into(),
        supervisor,
        host: Some(crate::host::of(&host.paths)?),
        proxies: Some(proxies),
        confining: confining(host),
        free_disk_floor_bytes: host.limits.free_disk_floor_mb.saturating_mul(1_000_000),
    };
    let owner = uuid::Uuid::now_v7().to_string();
    let limits = Limits { max_checks: host.limits.max_checks, ..Limits::default() };
    let told = notifiers::all(host, &environment(TOOL_VARIABLES.iter().copied(), env))?;
    let (held, ours) = watch::channel(true);
    let engine = Engine::new(store, Arc::new(runner.clone()), houses, policy(host), limits, owner, ours);
    let engine = Arc::new(engine.telling(outbox, told));
    Ok(Wired { engine, runner, notes, store: opened, git, held, _lock: lock })
}

fn confining(host: &Host) -> Confining {
    let set = &host.confinement;
    let some = |n: u64| (n > 0).then_some(n);
    let level = |name: &str| Confinement::named(name);
    // Names that are no level do not get through the settings; should one, then nothing starts below the strongest.
    let min = level(&set.min).unwrap_or(Confinement::Bubblewrap);
    let mut confining = Confining::of(level(&set.level), min);
    confining.user.clone_from(&set.user);
    confining.read_only = set.read_only.iter().map(Into::into).collect();
    confining.memory_bytes = some(set.memory_mb.saturating_mul(1_000_000));
    confining.processes = some(set.processes);
    confining.file_bytes = some(set.disk_mb.saturating_mul(1_000_000));
    confining
}

fn policy(host: &Host) -> Policy {
    Policy {
        max_runs: host.limits.max_runs,
        title_max: host.limits.title_max,
        episode_expires_ms: i64::from(host.limits.episode_expire_hours) * 3_600_000,
        dependencies: host.switches.dependencies,
        serial: host.switches.serial,
        stop: host.switches.stop,
        budgets: budgets(&host.budgets),
        ..Policy::default()
    }
}

fn budgets(set: &crate::settings::Budgets) -> Budgets {
    let micros = |usd: u32| u64::from(usd) * 1_000_000;
    let limit = |usd: u32| (usd > 0).then(|| micros(usd));
    Budgets {
        run_micros: micros(set.run_usd),
        task_micros: limit(set.task_usd),
        repository_day_micros: limit(set.repository_day_usd),
        day_micros: limit(set.day_usd),
    }
}

/// A failure over one of several repositories names it, and the way to go on without it.
fn of_repository(failure: Failure, host: &Host, entry: &RepositoryEntry) -> Failure {
    if entry.path.join(".git").exists() {
        return if failure.place.is_some() { failure } else { failure.at(entry.path.as_str()) };
    }
    Failure::new(Exit::Repository, format!("the repository `{}` is not where it was", entry.id))
        .at(entry.path.as_str())
        .fix(format!(
            "move it back, or change its `path` (or take its [[repository]] out) in {}",
            host.paths.config_file
        ))
}

fn house(
    host: &Host,
    entry: &RepositoryEntry,
    git: &Git,
    started: SystemTime,
    env: &dyn Fn(&str) -> Option<String>,
    serving: bool,
    notes: &mut Vec<String>,
) -> Result<(House, Repository), Failure> {
    let file = read_repository_file(Utf8Path::new(&entry.path))?.unwrap_or_default();
    let base = BranchName::new(file.base_branch.clone()).map_err(|e| {
        Failure::new(Exit::Settings, e.to_string()).at(entry.path.join(crate::init::REPOSITORY_FILE).to_string())
    })?;
    let origin = Origin { source: entry.path.clone().into(), base };
    let path = host.paths.forge(&entry.id);
    let opened = GitForge::create_from(git, origin, path.as_std_path(), started).map_err(git_failure)?;
    if opened.created || serving {
        // Also later: another state folder may have been in use meanwhile.
        opened.forge.add_remote_to_source().map_err(git_failure)?;
    }
    if opened.created {
        notes.push(format!("{}: made its forge at {path}, and the remote `orch` in {}", entry.id, entry.path));
    }
    for lock in &opened.kept_locks {
        notes.push(format!("{}: {} is held by a git process; waiting for it", entry.id, lock.display()));
    }
    let tools = environment(TOOL_VARIABLES.iter().copied(), env);
    let mut agents: BTreeMap<Role, Arc<dyn Agent>> = BTreeMap::new();
    for role in Role::ALL {
        if let Some(program) = host.agent(entry, role) {
            agents.insert(role, agent(program, &tools, env));
        }
    }
    if agents.is_empty() {
        notes.push(format!(
            "{}: no agent is configured, so every run will fail; name one: orch init --agent claude_code, or codex, or \
             --agent-command CMD",
            entry.id
        ));
    }
    let minutes = |m: u32| u64::from(m) * 60_000;
    let house = House {
        repository: RepositoryId(entry.id.clone()),
        forge: Arc::new(LocalForge::new(opened.forge)),
        agents,
        places: host.paths.places().join(&entry.id),
        program: Program {
            check_environment: tools,
            run_deadline_ms: minutes(host.limits.run_deadline_minutes),
            run_stall_ms: minutes(host.limits.run_stall_minutes),
            stop_grace_ms: STOP_GRACE.as_millis() as u64,
            output_cap_bytes: OUTPUT_CAP_BYTES,
        },
        bring_home: format!("git -C {} pull --ff-only orch {}", quoted(entry.path.as_str()), file.base_branch),
        settings: Default::default(),
    };
    let repository = Repository {
        id: house.repository.clone(),
        prefix: entry.prefix.clone(),
        base_branch: file.base_branch,
        serial: is_serial(&house, notes)?,
        frozen: None,
        freeze_epoch: 0,
        paused: false,
        main: None,
        lane_fence: 0,
        version: 1,
    };
    Ok((house, repository))
}

/// The repository's rules come from its base branch, never from a working tree (X13).
fn is_serial(house: &House, notes: &mut Vec<String>) -> Result<bool, Failure> {
    let failed = |e: orch_ports::forge::ForgeError| Failure::new(Exit::Failed, e.to_string());
    let base = house.forge.base().map_err(failed)?;
    notes.extend(base.diverged.map(|text| format!("{}: {text}", house.repository)));
    match house.settings_at(&base.tip).map_err(failed)?.as_ref() {
        Ok(file) => Ok(file.serial),
        Err(problems) => Err(Failure::new(Exit::Settings, problems.clone())
            .at(format!("{} on its base branch", house.repository))
            .fix("mend the file, commit it to the base branch, and start again")),
    }
}

fn agent(
    program: AgentProgram,
    tools: &BTreeMap<String, String>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Arc<dyn Agent> {
    let AgentProgram { kind, command, program, model, credential, only_edits, pass_environment } = program;
    let mut environment_of = tools.clone();
    environment_of.extend(environment(pass_environment.iter().map(String::as_str), env));
    let named = |usual: &str, set: Option<String>| set.unwrap_or_else(|| usual.to_owned());
    match kind {
        AgentKind::Command => Arc::new(CommandAgent { argv: command, environment: environment_of }),
        AgentKind::ClaudeCode => Arc::new(ClaudeCode {
            program: named("claude", program),
            model,
            permission_mode: if only_edits { PermissionMode::AcceptEdits } else { PermissionMode::Bypass },
            credential: named("anthropic", credential),
            environment: environment_of,
        }),
        AgentKind::Codex => Arc::new(Codex {
            program: named("codex", program),
            model,
            credential: named("openai", credential),
            environment: environment_of,
        }),
    }
}

pub fn environment<'a>(
    names: impl Iterator<Item = &'a str>,
    env: &dyn Fn(&str) -> Option<String>,
) -> BTreeMap<String, String> {
    names.filter_map(|name| Some((name.to_owned(), env(name)?))).collect()
}

/// Who asks, for the audit trail: what the person says, else the account.
pub fn person(env: &dyn Fn(&str) -> Option<String>) -> String {
    ["ORCH_PERSON", "USER", "LOGNAME"]
        .iter()
        .find_map(|name| env(name).filter(|value| !value.trim().is_empty()))
        .unwrap_or_else(|| {
            let uid = rustix::process::getuid().as_raw();
            let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
            account(&accounts, uid).unwrap_or_else(|| format!("uid {uid}"))
        })
}

/// The name of an account; `accounts` as in passwd(5): `name:password:uid:…`, one a line.
fn account(accounts: &str, uid: u32) -> Option<String> {
    let fields = |line: &str| -> Option<(String, u32)> {
        let mut fields = line.split(':');
        let (name, _password, uid) = (fields.next()?, fields.next()?, fields.next()?);
        Some((name.to_owned(), uid.parse().ok()?))
    };
    accounts.lines().filter_map(fields).find(|(name, of)| *of == uid && !name.is_empty()).map(|(name, _)| name)
}

/// As a shell reads it back.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_a_name() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\nbroken\nann:x:1000:1000::/home/ann:/bin/sh\n";
        assert_eq!(account(accounts, 1000).as_deref(), Some("ann"));
        assert_eq!(account(accounts, 0).as_deref(), Some("root"));
        assert_eq!(account(accounts, 7), None);
    }

    #[test]
    fn who_asks_is_what_the_person_says_before_the_account() {
        let env = |name: &str| match name {
            "ORCH_PERSON" => Some(" ".to_owned()),
            "USER" => Some("zoë".to_owned()),
            _ => None,
        };
        assert_eq!(person(&env), "zoë");
    }

    #[test]
    fn a_failing_store_says_what_to_do() {
        for (error, exit) in [
            (StoreError::Unusable { detail: "file is not a database".to_owned() }, Exit::Failed),
            (StoreError::Full { detail: "write".to_owned() }, Exit::Failed),
            (StoreError::TooNew { min_reader: 3, reads: 2 }, Exit::Failed),
        ] {
            let failure = store_failure(error);
            assert_eq!(failure.exit, exit);
            assert!(failure.fix.is_some(), "{failure}");
        }
    }
}
