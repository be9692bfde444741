//! What is set on a host. The defaults stand here and nowhere else.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use camino::Utf8PathBuf;
use orch_rules::pipeline::Role;

use super::agent::AgentProgram;
use super::confinement::Confine;
use super::egress::Egress;
use super::forge::ForgeEntry;
use super::model::ModelEntry;
use super::notify::NotifyEntry;
use super::paths::Paths;
use super::remote::{CredentialEntry, RemoteEntry};
use super::secret::Secret;
use super::target::TargetEntry;
use super::tracker::TrackerEntry;

/// All settings of one host, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Where the file and the state live.
    pub paths: Paths,
    /// `[service]`
    pub service: Listen,
    /// `[store]`
    pub store: Store,
    /// `[limits]`
    pub limits: Limits,
    /// `[fleet]`
    pub fleet: Fleet,
    /// `[keep]`
    pub keep: KeepFor,
    /// `[confinement]`
    pub confinement: Confine,
    /// `[budgets]`
    pub budgets: Budgets,
    /// `[switches]`
    pub switches: Switches,
    /// `[models.<name>]`
    pub models: BTreeMap<String, ModelEntry>,
    /// `[egress]`
    pub egress: Egress,
    /// `[agents.default]`: for every role without its own.
    pub default_agent: Option<AgentProgram>,
    /// `[agents.<role>]`
    pub agents: BTreeMap<Role, AgentProgram>,
    /// `[credentials.<name>]`
    pub credentials: BTreeMap<String, CredentialEntry>,
    /// `[target.<name>]`
    pub targets: BTreeMap<String, TargetEntry>,
    /// `[[notify]]`, in the order of the file. Names are distinct.
    pub notify: Vec<NotifyEntry>,
    /// `[[tracker]]`, in the order of the file. Names are distinct.
    pub trackers: Vec<TrackerEntry>,
    /// `[[repository]]`, in the order of the file. Ids and paths are distinct.
    pub repositories: Vec<RepositoryEntry>,
}

impl Host {
    /// What holds when nothing is set.
    pub fn with_defaults(paths: Paths) -> Self {
        Self {
            paths,
            service: Listen::default(),
            store: Store::default(),
            limits: Limits::default(),
            fleet: Fleet::default(),
            keep: KeepFor::default(),
            confinement: Confine::default(),
            budgets: Budgets::default(),
            switches: Switches::default(),
            models: BTreeMap::new(),
            egress: Egress::default(),
            default_agent: None,
            agents: BTreeMap::new(),
            credentials: BTreeMap::new(),
            targets: BTreeMap::new(),
            notify: Vec::new(),
            trackers: Vec::new(),
            repositories: Vec::new(),
        }
    }

    /// The program that acts as `role` in `repository`: the repository's own, else the role's, else the default;
    /// `None` if none of them is set.
    pub fn agent(&self, repository: &RepositoryEntry, role: Role) -> Option<AgentProgram> {
        let of_role = self.agents.get(&role).or(self.default_agent.as_ref());
        match &repository.agent_command {
            Some(command) => Some(AgentProgram {
                command: command.clone(),
                pass_environment: of_role.map(|a| a.pass_environment.clone()).unwrap_or_default(),
                ..AgentProgram::default()
            }),
            None => of_role.cloned(),
        }
    }

    /// The registered repository of this id.
    pub fn repository(&self, id: &str) -> Option<&RepositoryEntry> {
        self.repositories.iter().find(|r| r.id == id)
    }
}

/// `[service]`: where `orch up` listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Address to bind.
    pub listen: IpAddr,
    /// TCP port; 0 lets the system choose.
    pub port: u16,
    /// How browsers reach the dashboard, if not where it listens: behind a proxy.
    pub public_url: Option<String>,
}

impl Default for Listen {
    fn default() -> Self {
        Self { listen: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 8500, public_url: None }
    }
}

/// `[store]`: where everything durable is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Store {
    /// A `postgres://` address; `None` is SQLite in the state folder. May carry a password only if it came from
    /// the variable, so it is a secret either way.
    pub url: Option<Secret>,
    /// A file with the database password.
    pub password_file: Option<Utf8PathBuf>,
}

/// `[limits]`: tuning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Agents at once.
    pub max_runs: u32,
    /// Runs of the test command at once.
    pub max_checks: u32,
    /// Longest title that passes the entry check, in characters.
    pub title_max: u32,
    /// Minutes after which a run is stopped.
    pub run_deadline_minutes: u32,
    /// Minutes without output after which a run is stopped.
    pub run_stall_minutes: u32,
    /// Hours after which a question that nobody answered is asked once more; 0 is never.
    pub episode_expire_hours: u32,
    /// Megabytes (10^6 bytes) of free disk below which nothing starts; 0 switches the floor off.
    pub free_disk_floor_mb: u64,
    /// Megabytes (10^6 bytes) of memory that is to be had, below which nothing starts; 0 switches the floor off.
    pub free_memory_floor_mb: u64,
    /// Megabytes (10^6 bytes) that the fetched packages of one repository may have; 0: none are kept.
    pub cache_mb: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_runs: 2,
            max_checks: 1,
            title_max: 200,
            run_deadline_minutes: 60,
            run_stall_minutes: 15,
            episode_expire_hours: 0,
            free_disk_floor_mb: 512,
            free_memory_floor_mb: 128,
            cache_mb: 2_000,
        }
    }
}

/// `[fleet]`: hosts that share a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fleet {
    /// Minutes after a host was last known to live until the agents on it are taken for dead; 0 is never.
    pub presume_dead_after_minutes: u32,
}

impl Default for Fleet {
    fn default() -> Self {
        Self { presume_dead_after_minutes: 15 }
    }
}

/// `[keep]`: how long what is over is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeepFor {
    /// Minutes: finished work.
    pub work_minutes: u32,
    /// Days: answers to what was asked.
    pub answers_days: u32,
    /// Days: bodies of what webhooks told.
    pub bodies_days: u32,
    /// Days: that a webhook told it.
    pub deliveries_days: u32,
    /// Days: messages that were sent.
    pub messages_days: u32,
    /// Days: dead letters.
    pub dead_letters_days: u32,
    /// Days: run directories with their logs.
    pub runs_days: u32,
    /// So many run directories at most.
    pub most_runs: u32,
}

impl Default for KeepFor {
    fn default() -> Self {
        Self {
            work_minutes: 10,
            answers_days: 30,
            bodies_days: 7,
            deliveries_days: 90,
            messages_days: 30,
            dead_letters_days: 90,
            runs_days: 30,
            most_runs: 500,
        }
    }
}

/// `[budgets]`: what runs may cost, in whole US dollars; 0 is no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budgets {
    /// Set aside for each run while any budget is set.
    pub run_usd: u32,
    /// All runs of one task.
    pub task_usd: u32,
    /// All runs of one repository on one day.
    pub repository_day_usd: u32,
    /// All runs on one day.
    pub day_usd: u32,
}

impl Default for Budgets {
    fn default() -> Self {
        Self { run_usd: 2, task_usd: 0, repository_day_usd: 0, day_usd: 0 }
    }
}

/// `[switches]`: kill switches; they need no rebuild (L2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switches {
    /// Off: the base branch is not tested before work starts on it.
    pub base_check: bool,
    /// Off: edges are kept and ignored.
    pub dependencies: bool,
    /// Off: a task enters and its branch is cut at the start, whatever its repository sets.
    pub serial: bool,
    /// Off: a stop asked for by status is ignored.
    pub stop: bool,
    /// Off: nothing is looked at that nobody was woken for, and trackers are not asked.
    pub reconcile: bool,
    /// Off: trackers are not asked what changed.
    pub reconcile_trackers: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            base_check: true,
            dependencies: true,
            serial: true,
            stop: true,
            reconcile: true,
            reconcile_trackers: true,
        }
    }
}

/// A repository that is worked on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepositoryEntry {
    /// Name in commands and rows, `[a-z0-9-]+`.
    pub id: String,
    /// Its folder, absolute.
    pub path: Utf8PathBuf,
    /// First part of its work item ids.
    pub prefix: String,
    /// Acts in every role here, instead of what `[agents]` says.
    pub agent_command: Option<Vec<String>>,
    /// Where its branches live on a server.
    pub remote: RemoteEntry,
    /// What that server runs.
    pub forge: ForgeEntry,
    /// What it is deployed to.
    pub target: Option<String>,
}
