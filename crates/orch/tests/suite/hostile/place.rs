//! A machine with secrets, other people's work and a neighbour, and a runner that starts attacks in it.

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use camino::Utf8PathBuf;
use orch_egress::{Access, Budget, Limits, Model, Wire};
use orch_ports::agent::{MODEL_ADDRESS, ModelAccess, ModelWire};
use orch_ports::runner::{Ordered, RunOrder, Runner};
use orch_rules::attempt::RunEnd;
use orch_run::{Account, Confinement, Trial, find};
use orch_testkit::world::not_run;
use orch_vendors::runner::confining::Confining;
use orch_vendors::runner::host::HostRunner;
use orch_vendors::runner::proxy::Proxies;
use serde_json::Value;

use super::Row;

/// What every secret of the place begins with.
pub const CANARY: &str = "CANARY-not-to-be-seen";

const PERL: &str = "/usr/bin/perl";

/// Secrets and other people's work: none of it is the run's, and everybody may read it.
const GUARDED: [&str; 13] = [
    "home/.config/orch/host.toml",
    "home/.ssh/id_ed25519",
    "home/.cargo/credentials.toml",
    "home/.git-credentials",
    "home/.netrc",
    "state/orch.db",
    "state/token",
    "state/keys/anthropic",
    "state/scratch/other/home/session",
    "state/places/other/code/work.rs",
    "state/places/other/own/result.json",
    "state/forge/code.git/refs/heads/main",
    "state/forge/code.git/refs/heads/feature/other",
];

/// What a run may read and not write.
const SHARED: [&str; 2] = ["home/.cargo/registry/cache", "state/forge/code.git/objects/pack/pack-1.pack"];

/// `true` if this host has the level and the tools; else the test is listed as not run.
pub fn here(level: Confinement, test: &str) -> bool {
    let lacks = |why: &str| {
        not_run(std::env::var_os("ORCH_TEST_NOT_RUN").as_deref(), &format!("hostile/{}/{test}", level.name()), why);
    };
    if !Path::new(PERL).exists() {
        lacks("there is no perl at /usr/bin/perl");
        return false;
    }
    let folder = tempfile::tempdir().unwrap();
    mode(folder.path(), 0o755);
    let program = Path::new(env!("CARGO_BIN_EXE_orch"));
    let trial = Trial { user: None, program, folder: folder.path(), command: &[], env: &[] };
    let answer = find(Some(level), level, &trial);
    if let Err(problem) = &answer {
        lacks(problem);
    }
    answer.is_ok()
}

/// The place. Dropped: everything in it is ended.
pub struct Place {
    pub folder: tempfile::TempDir,
    pub level: Confinement,
    runner: HostRunner,
    /// A process of the runs' own account that is no part of any run.
    bystander: Child,
    /// Somebody else's services.
    service: TcpListener,
    _named: UnixListener,
    _abstract: UnixListener,
}

/// What an attack came to.
pub struct Ran {
    /// Name of the run.
    pub name: String,
    /// Where it worked.
    pub clone: PathBuf,
    /// What it printed, made safe to show.
    pub output: String,
    /// [`spelled`].
    pub end: String,
    /// What it said of itself.
    pub result: Option<Result<Value, String>>,
}

/// An end in words.
pub fn spelled(end: &RunEnd) -> String {
    match end {
        RunEnd::Completed => "completed".to_owned(),
        RunEnd::Failed { reason } | RunEnd::SpawnFailed { reason, .. } => reason.clone(),
        RunEnd::TimedOut => "timed out".to_owned(),
        RunEnd::Stalled => "stalled".to_owned(),
        RunEnd::Stopped => "stopped".to_owned(),
        other => format!("{other:?}"),
    }
}

pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

fn put(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

impl Place {
    pub fn new(level: Confinement) -> Self {
        let folder = tempfile::Builder::new().prefix("orch-hostile-").tempdir().unwrap();
        mode(folder.path(), 0o755);
        let at = |name: &str| folder.path().join(name);
        for name in GUARDED.iter().chain(&SHARED) {
            put(&at(name), &format!("{CANARY} {name}\n"));
            mode(&at(name), 0o666);
        }
        // The proxy takes no key that others may read.
        put(&at("state/keys/model"), &format!("sk-ant-api03-{CANARY}\n"));
        mode(&at("state/keys/model"), 0o600);
        for open in ["state/places/other/code", "state/forge/code.git/refs/heads", "state/forge/code.git/objects/pack"]
        {
            mode(&at(open), 0o777);
        }
        let service = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        service.set_nonblocking(true).unwrap();
        put(&at("sockets/note"), "named sockets\n");
        let named = UnixListener::bind(at("sockets/docker.sock")).unwrap();
        mode(&at("sockets/docker.sock"), 0o666);
        let name = SocketAddr::from_abstract_name(format!("{}-abstract", folder.path().display())).unwrap();
        let unnamed = UnixListener::bind_addr(&name).unwrap();
        let runner = HostRunner {
            root: at("state/runs"),
            supervisor: env!("CARGO_BIN_EXE_orch").into(),
            host: None,
            proxies: Some(Proxies {
                access: access(&at("state/keys/model")),
                program: env!("CARGO_BIN_EXE_orch").into(),
            }),
            confining: Confining::of(Some(level), level),
            free_disk_floor_bytes: 0,
            ends: orch_run::Ends::default(),
            terminal: None,
            free_memory_floor_bytes: 0,
        };
        let place =
            Self { bystander: bystander(level), folder, level, runner, service, _named: named, _abstract: unnamed };
        place.runner.ensure(&place.order("neighbour", &["-e", "sleep 100 while 1"])).unwrap();
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A run of perl in a place of its own.
    pub fn order(&self, name: &str, arguments: &[&str]) -> RunOrder {
        let place = self.path("state/places").join(name);
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        let (code, own) = (place.join("code"), place.join("own"));
        for folder in [&code, &own] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let told = [
            ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
            ("HOME", text(self.path("home"))),
            ("LC_ALL", "C.UTF-8".to_owned()),
            ("ATTACK_PLACE", text(self.folder.path().to_owned())),
            ("ATTACK_RUN", name.to_owned()),
            ("ATTACK_PORT", self.service.local_addr().unwrap().port().to_string()),
            ("ATTACK_PID", self.bystander.id().to_string()),
            ("ATTACK_SERVICE", std::process::id().to_string()),
            ("ATTACK_MODEL", MODEL_ADDRESS.to_owned()),
        ];
        let argv = std::iter::once(PERL).chain(arguments.iter().copied()).map(str::to_owned);
        RunOrder {
            name: name.to_owned(),
            ordered: Ordered::Agent,
            argv: argv.collect(),
            directory: Utf8PathBuf::try_from(code).unwrap(),
            appears: None,
            environment: told.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            set_up: None,
            result_file: Some(Utf8PathBuf::try_from(own.join("result.json")).unwrap()),
            finish: Vec::new(),
            deadline_ms: 60_000,
            stall_ms: 0,
            stop_grace_ms: 300,
            output_cap_bytes: 1 << 20,
            read_only: vec![Utf8PathBuf::try_from(self.path("state/forge/code.git/objects")).unwrap()],
            read_write: vec![Utf8PathBuf::try_from(own).unwrap()],
            model: Some(ModelAccess { wire: ModelWire::AnthropicMessages, credential: "anthropic".to_owned() }),
            stop: Vec::new(),
        }
    }

    /// Runs an attack to its end.
    pub fn run(&self, name: &str, row: &Row) -> Ran {
        let mut order = self.order(name, &["attack.pl"]);
        let program = format!("{}\n{}\n", include_str!("prelude.pl"), row.attack);
        std::fs::write(order.directory.join("attack.pl"), program).unwrap();
        (row.order)(&mut order);
        let mut runner = self.runner.clone();
        if self.level > Confinement::None {
            (row.limits)(&mut runner.confining);
        }
        self.finish(&runner, &order)
    }

    /// Runs an order to its end.
    pub fn finish(&self, runner: &HostRunner, order: &RunOrder) -> Ran {
        runner.ensure(order).unwrap();
        let report = runner.wait(&order.name).unwrap();
        let (output, _) = runner.output(&order.name, 0, 1 << 21).unwrap();
        let state = runner.state(&order.name).unwrap();
        assert_eq!(Some(state.level), report.level);
        assert_eq!(state.level.name(), self.level.name());
        Ran {
            name: order.name.clone(),
            clone: order.directory.clone().into(),
            output,
            end: spelled(&report.end),
            result: report.result,
        }
    }

    pub fn runner(&self) -> &HostRunner {
        &self.runner
    }

    /// What is no longer as it was, outside of the run.
    pub fn harm(&self) -> Vec<String> {
        let mut harm = Vec::new();
        for name in GUARDED.iter().chain(&SHARED) {
            let text = std::fs::read_to_string(self.path(name)).unwrap_or_default();
            if text != format!("{CANARY} {name}\n") {
                harm.push(format!("{name} was changed: {text:?}"));
            }
        }
        for (folder, count) in [
            ("home", 5),
            ("state/keys", 2),
            ("state/places/other/code", 1),
            ("state/forge/code.git", 2),
            ("state/forge/code.git/refs/heads", 2),
            ("state/forge/code.git/objects/pack", 1),
        ] {
            let found = std::fs::read_dir(self.path(folder)).unwrap().count();
            if found != count {
                harm.push(format!("{folder} has {found} entries instead of {count}"));
            }
        }
        // The kernel tells of the one, its record of the other.
        let bystander = std::fs::read_to_string(format!("/proc/{}/stat", self.bystander.id())).unwrap_or_default();
        if !bystander.contains(") S") && !bystander.contains(") R") {
            harm.push(format!("a process of nobody's run was ended: {bystander:?}"));
        }
        if self.path("state/runs/neighbour/result.json").exists() {
            harm.push("another run was ended".to_owned());
        }
        if self.service.accept().is_ok() {
            harm.push("another service of this machine was reached".to_owned());
        }
        harm
    }

    /// Whether nobody holds a lock on this file of the clone: a process that locked it is dead.
    pub fn is_free(&self, ran: &Ran, name: &str) -> bool {
        File::open(ran.clone.join(name)).unwrap().try_lock().is_ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.runner.stop("neighbour").and_then(|()| self.runner.wait("neighbour"));
        let _ = self.bystander.kill();
        let _ = self.bystander.wait();
    }
}

/// A model whose key is in this file and whose vendor nobody plays.
fn access(key_file: &Path) -> Access {
    let model = Model {
        name: "anthropic".to_owned(),
        wire: Wire::AnthropicMessages,
        base_url: "http://127.0.0.1:1".to_owned(),
        key_file: key_file.to_owned(),
        ca_file: None,
        vendor_tools: false,
        budget: Budget::default(),
        prices: Vec::new(),
    };
    Access {
        models: BTreeMap::from([("anthropic".to_owned(), model)]),
        allow: vec!["localhost".to_owned(), "crates.io".to_owned(), "*.example.org".to_owned()],
        limits: Limits::default(),
        ..Access::default()
    }
}

/// Sleeps with a secret in its environment, under the account that runs have.
fn bystander(level: Confinement) -> Child {
    let mut command = Command::new(PERL);
    command.args(["-e", "$| = 1; print qq(up\\n); sleep 100 while 1"]);
    command.env_clear().env("SECRET", CANARY).stdin(Stdio::null()).stdout(Stdio::piped()).current_dir("/");
    if is_root() && level > Confinement::None {
        let nobody = Account::named("nobody").unwrap();
        command.uid(nobody.uid).gid(nobody.gid);
    }
    let mut child = command.spawn().unwrap();
    let mut up = [0_u8; 3];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut up).unwrap();
    child
}
