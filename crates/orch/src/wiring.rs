//! From settings to a working engine: the one place that chooses implementations.

pub mod backup;
pub mod hold;
mod host_id;
pub mod local;
mod lock;
pub mod models;
pub mod notifiers;
pub(crate) mod repositories;
pub mod restore;
pub mod trackers;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use camino::Utf8Path;
use orch_engine::{Engine, Hosting, Limits, Retention};
use orch_git::Git;
use orch_ports::access::Access;
use orch_ports::agent::Agent;
use orch_ports::chat::Chat;
use orch_ports::hosts::Hosts;
use orch_ports::intake::Intake;
use orch_ports::keep::Keep;
use orch_ports::outbox::Outbox;
use orch_ports::people::People;
use orch_ports::store::{Store, StoreError};
use orch_rules::actor::Actor;
use orch_rules::budget::Budgets;
use orch_rules::facts::Policy;
use orch_rules::lease::Pace;
use orch_run::Confinement;
use orch_store::{PostgresStore, SqliteStore};
use orch_vendors::agent::claude_code::{ClaudeCode, PermissionMode};
use orch_vendors::agent::codex::Codex;
use orch_vendors::agent::command::CommandAgent;
use orch_vendors::runner::confining::Confining;
use orch_vendors::runner::host::HostRunner;
use orch_vendors::runner::proxy::Proxies;
use tokio::sync::watch;

pub use lock::{DataLock, Occupant, occupy};
pub use repositories::{Notes, Rereading, program};

use crate::exit::{Exit, Failure};
use crate::init::git_failure;
use crate::settings::{self, AgentKind, AgentProgram, Host};
use repositories::{Channels, Doors, Making, registered};

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
/// Everything one process needs to work, and the lock that it is the only one.
pub struct Wired {
    /// Ready to run.
    pub engine: Arc<Engine>,
    /// Where runs are, and how they are kept from the rest of this host.
    pub runner: HostRunner,
    /// The chats in which people answer.
    pub chats: Vec<Arc<dyn Chat>>,
    /// Sentences for the person at the terminal, as they come up.
    pub notes: Notes,
    /// Reads the settings again.
    pub rereading: Arc<Rereading>,
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
    hosts: Arc<dyn Hosts>,
    people: Arc<dyn People>,
    access: Arc<dyn Access>,
    intake: Arc<dyn Intake>,
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
            let (outbox, hosts, people, access) = (store.clone(), store.clone(), store.clone(), store.clone());
            let (intake, opened) = (store.clone(), Opened::Postgres);
            Ok(Stores { store, outbox, hosts, people, access, intake, opened })
        }
        None => {
            keep_private(&host.paths.database())?;
            let store = Arc::new(
                SqliteStore::open(host.paths.database())
                    .map_err(|e| store_failure(e).at(host.paths.database().to_string()))?,
            );
            let (outbox, hosts, people, access) = (store.clone(), store.clone(), store.clone(), store.clone());
            let opened = Opened::Sqlite(store.clone());
            let intake = store.clone();
            Ok(Stores { store, outbox, hosts, people, access, intake, opened })
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
        StoreError::Superseded { .. } => "look which process that is, and end the one that is too many",
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
    let git = Git::detect(env("PATH").unwrap_or_default()).map_err(git_failure)?;
    let Stores { store, outbox, hosts, people, access, intake, opened } = open(host).await?;
    let (notes, doors, channels) = (Notes::default(), Doors::default(), Channels::default());
    let making = Making { git, started: SystemTime::now(), serving, notes, doors, channels };
    let known = store.repositories().await.map_err(store_failure)?;
    let contexts = registered(&*store, making.contexts(host, &known, env)).await?;
    // Only the service starts runs: no other command keeps a key that happens to be in its environment.
    let keys = |name: &str| env(name).filter(|_| serving);
    let runner =
        HostRunner { host: Some(crate::host::of(&host.paths)?), ..runner_in(host, &host.paths.runs(), &keys)? };
    let hosting = Hosting {
        hosts,
        id: host_id::of(&host.paths.state)?,
        name: hold::machine(),
        release: env!("CARGO_PKG_VERSION").to_owned(),
        // Nobody reaches a database in the state folder but who holds the folder.
        pace: matches!(opened, Opened::Postgres).then(Pace::default),
    };
    let (max_checks, base_check) = (host.limits.max_checks, host.switches.base_check);
    let (retention, sweeps) = (retention(&host.keep), host.switches.reconcile);
    let limits = Limits { max_checks, base_check, retention, sweeps, ..Limits::default() };
    let told = notifiers::all(host, &environment(TOOL_VARIABLES.iter().copied(), env))?;
    let (held, ours) = watch::channel(true);
    let engine = Engine::new(store.clone(), hosting, Arc::new(runner.clone()), contexts, policy(host), limits, ours);
    // What another command decides is shown and said there as well, by the service; only that needs them whole.
    let projects = trackers::all(host, env).or_else(|failure| if serving { Err(failure) } else { Ok(Vec::new()) })?;
    let engine = engine.telling(outbox, told.notifiers).showing(told.cards).knowing(people).letting_in(access);
    let engine = Arc::new(engine.hearing(intake.clone()).tracking(intake, projects));
    let (notes, git) = (making.notes.clone(), making.git.clone());
    let rereading = Arc::new(Rereading { engine: engine.clone(), store, making });
    Ok(Wired { engine, runner, chats: told.chats, notes, rereading, store: opened, git, held, _lock: lock })
}

/// A runner whose run directories are in `root`; it starts its supervisors itself. `keys` gives those of models.
pub fn runner_in(host: &Host, root: &Utf8Path, keys: &dyn Fn(&str) -> Option<String>) -> Result<HostRunner, Failure> {
    let supervisor = std::env::current_exe()
        .map_err(|e| Failure::new(Exit::Internal, format!("this program cannot find itself: {e}")))?;
    let proxies = Proxies { access: models::access(host, keys)?, program: supervisor.clone() };
    let mut confining = confining(host);
    confining.shown = shown(host)?;
    Ok(HostRunner {
        root: root.into(),
        supervisor,
        host: None,
        proxies: Some(proxies),
        confining,
        free_disk_floor_bytes: host.limits.free_disk_floor_mb.saturating_mul(1_000_000),
        ends: orch_run::Ends::default(),
        terminal: None,
        free_memory_floor_bytes: host.limits.free_memory_floor_mb.saturating_mul(1_000_000),
    })
}

/// Files that tools of runs find above their directory.
fn shown(host: &Host) -> Result<Vec<(PathBuf, PathBuf)>, Failure> {
    use std::os::unix::fs::PermissionsExt;

    let Some(text) = settings::egress::cargo_config(&host.egress) else { return Ok(Vec::new()) };
    let folder = host.paths.state.join("tools/cargo");
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Failed, format!("it cannot be written: {error}")).at(folder.as_str())
    };
    std::fs::create_dir_all(&folder).map_err(failed)?;
    for open in [folder.as_path(), folder.parent().unwrap_or(&folder)] {
        std::fs::set_permissions(open, std::fs::Permissions::from_mode(0o755)).map_err(failed)?;
    }
    std::fs::write(folder.join("config.toml"), text).map_err(failed)?;
    std::fs::set_permissions(folder.join("config.toml"), std::fs::Permissions::from_mode(0o644)).map_err(failed)?;
    Ok(vec![(folder.into(), "/repo/.cargo".into())])
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
    confining.accounts = Some(orch_run::AccountRange::USUAL).filter(|_| set.user.is_none());
    confining.growth_bytes = some(set.growth_mb.saturating_mul(1_000_000));
    confining.growth_files = some(set.growth_files);
    confining.open_files = some(set.open_files);
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
        presume_dead_after_ms: i64::from(host.fleet.presume_dead_after_minutes) * 60_000,
        ..Policy::default()
    }
}

fn retention(set: &crate::settings::host::KeepFor) -> Retention {
    let days = |days: u32| i64::from(days) * Keep::DAY_MS;
    Retention {
        rows: Keep {
            work_ms: i64::from(set.work_minutes) * 60_000,
            answers_ms: days(set.answers_days),
            bodies_ms: days(set.bodies_days),
            deliveries_ms: days(set.deliveries_days),
            sent_ms: days(set.messages_days),
            dead_ms: days(set.dead_letters_days),
        },
        runs: Duration::from_secs(u64::from(set.runs_days) * 24 * 3600),
        most_runs: usize::try_from(set.most_runs).unwrap_or(usize::MAX),
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

/// The account of this process, as the machine names it.
pub fn account() -> Actor {
    let uid = rustix::process::getuid().as_raw();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    Actor::local(uid).known_as(account_name(&accounts, uid).unwrap_or_else(|| format!("uid {uid}")))
}

/// What a request says of who asks: what the person says, else the account's name. It tells those apart who share a
/// token, and proves nothing.
pub fn person(env: &dyn Fn(&str) -> Option<String>) -> String {
    let said = env("ORCH_PERSON").map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    said.unwrap_or_else(|| account().to_string())
}

/// The name of an account; `accounts` as in passwd(5): `name:password:uid:…`, one a line.
fn account_name(accounts: &str, uid: u32) -> Option<String> {
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
        assert_eq!(account_name(accounts, 1000).as_deref(), Some("ann"));
        assert_eq!(account_name(accounts, 0).as_deref(), Some("root"));
        assert_eq!(account_name(accounts, 7), None);
    }

    #[test]
    fn who_asks_is_what_the_person_says_before_the_account() {
        let env = |name: &str| match name {
            "ORCH_PERSON" => Some(" zoë ".to_owned()),
            _ => None,
        };
        assert_eq!(person(&env), "zoë");
        let blank = |name: &str| (name != "HOME").then(|| " ".to_owned());
        assert_eq!(person(&blank), account().to_string(), "a variable that anybody sets is no account");
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
