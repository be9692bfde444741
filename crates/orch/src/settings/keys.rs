//! One row per setting. Reading, unknown keys, variables, the example file, the reference and the JSON Schema are
//! all made from these rows; a new setting is a row here and a field in [`super::host`].

pub use super::agent::AGENT;
use super::host::{Host, RepositoryEntry};
use super::kind::{Kind, Value};
use super::secret::Secret;
use camino::Utf8PathBuf;

/// A setting of a `T`.
pub struct Key<T: 'static> {
    /// The table it stands in; for agents and repositories the table is the `T` itself.
    pub section: &'static str,
    /// Its name in the table.
    pub name: &'static str,
    /// The variable that stands above the file.
    pub variable: Option<Variable>,
    /// What it may be.
    pub kind: Kind,
    /// It must be there.
    pub required: bool,
    /// For people: one or two sentences.
    pub doc: &'static str,
    /// Puts a value that fits [`Self::kind`] into its place.
    pub set: fn(&mut T, Value),
    /// What holds, as a TOML literal; `None` if it is not set.
    pub get: fn(&T) -> Option<String>,
}

/// An environment variable.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What happens if it cannot be used.
    pub unusable: Unusable,
}

/// What an unusable variable means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// A warning; the file or the default holds (L1).
    Warns,
    /// The service does not start: guessing would open another port or another database.
    Fails,
}

pub(super) const fn tuning(name: &'static str) -> Option<Variable> {
    Some(Variable { name, unusable: Unusable::Warns })
}
pub(super) const fn vital(name: &'static str) -> Option<Variable> {
    Some(Variable { name, unusable: Unusable::Fails })
}

/// Numbers are bounded by their kind, so none is cut here.
pub(super) fn narrow(value: Value) -> u32 {
    match value {
        Value::Number(n) => u32::try_from(n).unwrap_or(u32::MAX),
        _ => 0,
    }
}
/// Whether it is a switch that is on.
pub(super) fn on(value: &Value) -> bool {
    matches!(value, Value::Switch(true))
}
/// The words of a value.
pub(super) fn words(value: Value) -> Vec<String> {
    match value {
        Value::Words(words) => words,
        other => vec![other.into_text()],
    }
}

/// A TOML literal of a text.
pub fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}
/// A TOML literal of texts.
pub(super) fn array(words: &[String]) -> String {
    format!("[{}]", words.iter().map(|w| quoted(w)).collect::<Vec<_>>().join(", "))
}

/// Sections of the file in their order, each with what it is about.
pub const SECTIONS: &[(&str, &str)] = &[
    ("service", "Where `orch up` listens."),
    ("store", "Where everything durable is kept. With nothing set: SQLite in the state folder."),
    ("limits", "Tuning."),
    ("fleet", "Hosts that share one PostgreSQL database."),
    (
        "keep",
        "How long what is over is kept; then it is removed in small pieces, beside the work. Tasks and their history stay.",
    ),
    (
        "budgets",
        "What runs may cost, in whole US dollars. 0 is no limit. What is not covered waits and asks: orch budget.",
    ),
    ("confinement", "How runs are kept from the rest of this host."),
    ("egress", "What runs reach besides their models: hosts on port 443, through the proxy of each run."),
    (
        "egress.mirrors",
        "Registries of your own network that package managers of runs ask instead of the public ones. They are reached as if \
         `allow_inside` named them.",
    ),
    ("switches", "Kill switches. What \"off\" means is spelled out for each."),
];

/// `[service]`, `[store]`, `[limits]`, `[fleet]`, `[keep]`, `[budgets]`, `[confinement]`, `[egress]`, `[switches]`.
pub const HOST: &[Key<Host>] = &[
    Key {
        section: "service",
        name: "listen",
        variable: vital("ORCH_LISTEN"),
        kind: Kind::Address,
        required: false,
        doc: "Address to listen on. Anything but a loopback address lets other machines in (they still need the token).",
        set: |h, v| {
            if let Value::Address(address) = v {
                h.service.listen = address;
            }
        },
        get: |h| Some(quoted(&h.service.listen.to_string())),
    },
    Key {
        section: "service",
        name: "port",
        variable: vital("ORCH_PORT"),
        kind: Kind::Number(0, 65535),
        required: false,
        doc: "TCP port; 0 lets the system choose one. `orch up --port` stands above it.",
        set: |h, v| h.service.port = u16::try_from(narrow(v)).unwrap_or(u16::MAX),
        get: |h| Some(h.service.port.to_string()),
    },
    Key {
        section: "service",
        name: "public_url",
        variable: vital("ORCH_PUBLIC_URL"),
        kind: Kind::WebAddress,
        required: false,
        doc: "How browsers reach the dashboard behind a proxy, with the path it is served under if there is one, for example \
              \"https://example.org/orch\". Its name is answered to, and with https cookies are sent over TLS alone.",
        set: |h, v| h.service.public_url = Some(v.into_text()),
        get: |h| h.service.public_url.as_deref().map(quoted),
    },
    Key {
        section: "store",
        name: "url",
        variable: vital("ORCH_STORE_URL"),
        kind: Kind::Database,
        required: false,
        doc: "A PostgreSQL database, for example \"postgres://orch@db.example/orch\". A password stands in \
              `password_file`, never here; the variable may carry one.",
        set: |h, v| h.store.url = Some(Secret::new(v.into_text())),
        get: |_| None,
    },
    Key {
        section: "store",
        name: "password_file",
        variable: None,
        kind: Kind::Path,
        required: false,
        doc: "A file with the database password on its first line, readable by you alone.",
        set: |h, v| h.store.password_file = Some(Utf8PathBuf::from(v.into_text())),
        get: |h| h.store.password_file.as_ref().map(|f| quoted(f.as_str())),
    },
    Key {
        section: "limits",
        name: "max_runs",
        variable: tuning("ORCH_MAX_CONCURRENCY"),
        kind: Kind::Number(1, 256),
        required: false,
        doc: "Agents at work at once.",
        set: |h, v| h.limits.max_runs = narrow(v),
        get: |h| Some(h.limits.max_runs.to_string()),
    },
    Key {
        section: "limits",
        name: "max_checks",
        variable: tuning("ORCH_MAX_CHECKS"),
        kind: Kind::Number(1, 256),
        required: false,
        doc: "Runs of a test command at once.",
        set: |h, v| h.limits.max_checks = narrow(v),
        get: |h| Some(h.limits.max_checks.to_string()),
    },
    Key {
        section: "limits",
        name: "title_max",
        variable: tuning("ORCH_QG0_TITLE_MAX"),
        kind: Kind::Number(10, 10_000),
        required: false,
        doc: "Longest title that passes the entry check, in characters.",
        set: |h, v| h.limits.title_max = narrow(v),
        get: |h| Some(h.limits.title_max.to_string()),
    },
    Key {
        section: "limits",
        name: "episode_expire_hours",
        variable: tuning("ORCH_EPISODE_EXPIRE_HOURS"),
        kind: Kind::Number(0, 8_760),
        required: false,
        doc: "Hours after which a question that nobody answered is asked once more; 0 is never. Time never approves.",
        set: |h, v| h.limits.episode_expire_hours = narrow(v),
        get: |h| Some(h.limits.episode_expire_hours.to_string()),
    },
    Key {
        section: "limits",
        name: "run_deadline_minutes",
        variable: tuning("ORCH_RUN_DEADLINE_MINUTES"),
        kind: Kind::Number(1, 10_080),
        required: false,
        doc: "Minutes after which a run is stopped.",
        set: |h, v| h.limits.run_deadline_minutes = narrow(v),
        get: |h| Some(h.limits.run_deadline_minutes.to_string()),
    },
    Key {
        section: "limits",
        name: "run_stall_minutes",
        variable: tuning("ORCH_RUN_STALL_MINUTES"),
        kind: Kind::Number(1, 10_080),
        required: false,
        doc: "Minutes without any output after which a run is stopped.",
        set: |h, v| h.limits.run_stall_minutes = narrow(v),
        get: |h| Some(h.limits.run_stall_minutes.to_string()),
    },
    Key {
        section: "limits",
        name: "free_disk_floor_mb",
        variable: tuning("ORCH_FREE_DISK_FLOOR_MB"),
        kind: Kind::Number(0, 1_000_000_000),
        required: false,
        doc: "Megabytes of free disk below which nothing starts; 0 switches the floor off.",
        set: |h, v| h.limits.free_disk_floor_mb = u64::from(narrow(v)),
        get: |h| Some(h.limits.free_disk_floor_mb.to_string()),
    },
    Key {
        section: "limits",
        name: "free_memory_floor_mb",
        variable: tuning("ORCH_FREE_MEMORY_FLOOR_MB"),
        kind: Kind::Number(0, 1_000_000_000),
        required: false,
        doc: "Megabytes of memory that is to be had, below which nothing starts; 0 switches the floor off.",
        set: |h, v| h.limits.free_memory_floor_mb = u64::from(narrow(v)),
        get: |h| Some(h.limits.free_memory_floor_mb.to_string()),
    },
    super::confinement::LEVEL,
    super::confinement::MIN,
    super::confinement::USER,
    super::confinement::READ_ONLY,
    super::confinement::MEMORY,
    super::confinement::PROCESSES,
    super::confinement::DISK,
    super::confinement::GROWTH,
    super::confinement::FILES,
    super::confinement::OPEN_FILES,
    super::egress::ALLOW,
    super::egress::ALLOW_INSIDE,
    super::egress::PROXY,
    super::egress::PROXY_CREDENTIAL,
    super::egress::DENY,
    super::egress::SILENCE,
    super::egress::CA_FILE,
    super::egress::NPM,
    super::egress::PIP,
    super::egress::CARGO,
    super::egress::GO,
    super::egress::BUNDLER,
    Key {
        section: "limits",
        name: "cache_mb",
        variable: None,
        kind: Kind::Number(0, 1_000_000),
        required: false,
        doc: "Megabytes of fetched packages that are kept for each repository whose `[cache] of` names some; more begins anew. \
              0: none are kept.",
        set: |h, v| {
            if let Value::Number(n) = v {
                h.limits.cache_mb = n;
            }
        },
        get: |h| Some(h.limits.cache_mb.to_string()),
    },
    Key {
        section: "fleet",
        name: "presume_dead_after_minutes",
        variable: tuning("ORCH_PRESUME_DEAD_AFTER_MINUTES"),
        kind: Kind::Number(0, 10_080),
        required: false,
        doc: "Minutes without a sign of life from another host after which the agents that it ran are taken for dead and \
              started anew; 0 is never. Checks start elsewhere at once.",
        set: |h, v| h.fleet.presume_dead_after_minutes = narrow(v),
        get: |h| Some(h.fleet.presume_dead_after_minutes.to_string()),
    },
    super::keep::WORK_MINUTES,
    super::keep::ANSWERS_DAYS,
    super::keep::BODIES_DAYS,
    super::keep::DELIVERIES_DAYS,
    super::keep::MESSAGES_DAYS,
    super::keep::DEAD_LETTERS_DAYS,
    super::keep::RUNS_DAYS,
    super::keep::MOST_RUNS,
    Key {
        section: "budgets",
        name: "run_usd",
        variable: None,
        kind: Kind::Number(1, 1_000_000),
        required: false,
        doc: "Set aside for each run when it starts, while any budget is set; what it really cost is booked when it ends. The whole amount counts if that stays unknown.",
        set: |h, v| h.budgets.run_usd = narrow(v),
        get: |h| Some(h.budgets.run_usd.to_string()),
    },
    Key {
        section: "budgets",
        name: "task_usd",
        variable: None,
        kind: Kind::Number(0, 1_000_000),
        required: false,
        doc: "All runs of one task; less than `run_usd` covers none.",
        set: |h, v| h.budgets.task_usd = narrow(v),
        get: |h| Some(h.budgets.task_usd.to_string()),
    },
    Key {
        section: "budgets",
        name: "repository_day_usd",
        variable: None,
        kind: Kind::Number(0, 1_000_000),
        required: false,
        doc: "All runs of one repository on one day (UTC).",
        set: |h, v| h.budgets.repository_day_usd = narrow(v),
        get: |h| Some(h.budgets.repository_day_usd.to_string()),
    },
    Key {
        section: "budgets",
        name: "day_usd",
        variable: None,
        kind: Kind::Number(0, 1_000_000),
        required: false,
        doc: "All runs of this host on one day (UTC).",
        set: |h, v| h.budgets.day_usd = narrow(v),
        get: |h| Some(h.budgets.day_usd.to_string()),
    },
    Key {
        section: "switches",
        name: "base_check",
        variable: tuning("ORCH_BASE_CHECK_ENABLED"),
        kind: Kind::Switch,
        required: false,
        doc: "The base branch is tested once per commit that did not land here, and nothing starts on a red one. Off: the \
              first developer finds out.",
        set: |h, v| h.switches.base_check = on(&v),
        get: |h| Some(h.switches.base_check.to_string()),
    },
    Key {
        section: "switches",
        name: "dependencies",
        variable: tuning("ORCH_TASK_DEPS_ENABLED"),
        kind: Kind::Switch,
        required: false,
        doc: "A task waits for those it depends on. Off: the edges are kept and ignored.",
        set: |h, v| h.switches.dependencies = on(&v),
        get: |h| Some(h.switches.dependencies.to_string()),
    },
    Key {
        section: "switches",
        name: "serial",
        variable: tuning("ORCH_SERIAL_GATE_ENABLED"),
        kind: Kind::Switch,
        required: false,
        doc: "Repositories that set `serial` carry one task at a time. Off: every task enters, and its branch is cut, \
              at once.",
        set: |h, v| h.switches.serial = on(&v),
        get: |h| Some(h.switches.serial.to_string()),
    },
    Key {
        section: "switches",
        name: "stop",
        variable: tuning("ORCH_STOP_STATUS_ENABLED"),
        kind: Kind::Switch,
        required: false,
        doc: "A task can be stopped. Off: a stop is ignored.",
        set: |h, v| h.switches.stop = on(&v),
        get: |h| Some(h.switches.stop.to_string()),
    },
    super::tracker::RECONCILE,
    super::tracker::RECONCILE_TRACKERS,
];

/// `[[repository]]`
pub const REPOSITORY: &[Key<RepositoryEntry>] = &[
    Key {
        section: "repository",
        name: "id",
        variable: None,
        kind: Kind::Id,
        required: true,
        doc: "Its name in commands. Never change it: the history is kept under it.",
        set: |r, v| r.id = v.into_text(),
        get: |r| (!r.id.is_empty()).then(|| quoted(&r.id)),
    },
    Key {
        section: "repository",
        name: "path",
        variable: None,
        kind: Kind::Path,
        required: true,
        doc: "Its folder.",
        set: |r, v| r.path = Utf8PathBuf::from(v.into_text()),
        get: |r| (!r.path.as_str().is_empty()).then(|| quoted(r.path.as_str())),
    },
    Key {
        section: "repository",
        name: "prefix",
        variable: None,
        kind: Kind::Prefix,
        required: true,
        doc: "First part of its work item ids: SHOP makes SHOP-001.",
        set: |r, v| r.prefix = v.into_text(),
        get: |r| (!r.prefix.is_empty()).then(|| quoted(&r.prefix)),
    },
    Key {
        section: "repository",
        name: "agent_command",
        variable: None,
        kind: Kind::Command,
        required: false,
        doc: "The program that acts in every role here, instead of what `[agents]` says.",
        set: |r, v| r.agent_command = Some(words(v)),
        get: |r| r.agent_command.as_ref().map(|words| array(words)),
    },
    super::remote::URL,
    super::remote::NAME,
    super::remote::TIMEOUT,
    super::remote::SIZE,
    super::forge::KIND,
    super::forge::URL,
    super::forge::CREDENTIAL,
    super::forge::HOOK_SECRET,
    super::forge::HOOK_ADDRESS,
    super::target::OF_REPOSITORY,
];

/// Variables known from the field on which nothing in this version acts. Whoever sets one is told so.
pub const WITHOUT_EFFECT: &[&str] = &[
    "ORCH_PLANE_WEB_URL",
    "ORCH_GITEA_PUBLIC_URL",
    "ORCH_TRACKER_MODE",
    "ORCH_RECONCILE_SKIP_BLOCKED_ENABLED",
    "ORCH_MERGE_GATE_ENABLED",
    "ORCH_MERGE_GATE_REPOS",
    "ORCH_PREMERGE_REBASE_ALWAYS",
    "ORCH_TASK_DEPS_SOURCE",
    "ORCH_SERIAL_GATE_REPOS",
    "ORCH_SERIAL_GATE_FREEZE_ENABLED",
    "ORCH_STAGING_INFRA_TOLERANCE_ENABLED",
    "ORCH_IMAGE_FRESHNESS_ENABLED",
    "ORCH_IMAGE_FRESHNESS_REPOS",
];
