//! What every story stands on: a store on disk, code and runs in memory, and processes with an engine each.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use orch_engine::control::{Control, NewIssue};
use orch_engine::{DeployTerms, Engine, Hosting, Limits, Program, RepositoryContext};
use orch_ports::agent::Agent;
use orch_ports::notifier::Notifier;
use orch_ports::projection::ProjectionTarget;
use orch_ports::runner::{Ordered, RunOrder};
use orch_ports::store::{History, StoreError};
use orch_rules::facts::Policy;
use orch_rules::ids::{RepositoryId, TaskId};
use orch_rules::lane::Repository;
use orch_rules::lease::Pace;
use orch_rules::pipeline::Role;
use orch_rules::task::{Position, Task};
use orch_store::postgres::relay;
use orch_store::{PostgresStore, SqliteStore};
use orch_testkit::fake::forge::Edit;
use orch_testkit::fake::{FakeAgent, FakeForge, FakeRunner, Faults, PATIENCE, Step};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::host::{TestHost, runs};
use crate::store::{Backend, FaultyStore, Strange};

/// Build, review, land: short, so that stories can be many.
pub const SHORT: &str = r#"
[[stage]]
id = "make"
kind = "build"
role = "developer"
on_red = "make"
cap = 3

[[stage]]
id = "judge"
kind = "judge"
role = "reviewer"
documents = ["12-review.md"]
on_red = "make"
cap = 3

[[stage]]
id = "in"
kind = "land"
on_red = "make"
cap = 3
lands = true
next = "done"
"#;

/// What `a.txt` has.
pub const LINES: &str = "1\n2\n3\n4\n5\n6\n";

/// One run, as its script sees it.
pub struct Act {
    /// Where its code is.
    pub forge: FakeForge,
    /// What was asked for.
    pub order: RunOrder,
    /// A role, or `check`.
    pub who: String,
    /// Whose; empty for a check.
    pub work_item: String,
    /// Which try; 0 for a check.
    pub attempt: u32,
    /// The task file.
    pub brief: String,
}

impl Act {
    pub(crate) fn new(forge: FakeForge, order: &RunOrder) -> Self {
        let variable = |name: &str| order.environment.get(name).cloned().unwrap_or_default();
        let who =
            if order.ordered == Ordered::Agent { variable("ORCH_ROLE") } else { order.ordered.kind().as_str().into() };
        Self {
            forge,
            who,
            work_item: variable("ORCH_TASK_ID"),
            attempt: variable("ORCH_ATTEMPT").parse().unwrap_or(0),
            brief: std::fs::read_to_string(variable("ORCH_TASK_FILE")).unwrap_or_default(),
            order: order.clone(),
        }
    }
    /// Whether it is this one's turn.
    pub fn is(&self, who: &str) -> bool {
        self.who == who
    }
    /// Leaves a commit with these edits.
    pub fn commit(&self, edits: &[Edit<'_>]) {
        self.forge.work(&self.order.directory, edits, Some("work"));
    }
    /// Leaves a document of the task.
    pub fn document(&self, name: &str, text: &str) {
        self.commit(&[(&format!("docs/work-items/{}/{name}", self.work_item), Some(text))]);
    }
    /// What everybody does unless a story says otherwise.
    pub fn usual(&self) -> (String, Step) {
        match self.who.as_str() {
            "check" => return self.check(),
            // A run that packs what another one left.
            "" if self.order.finish.is_empty() => {
                self.forge.run_command(&self.order.argv);
                return (String::new(), Step::completes());
            }
            "analyst" => self.document("01-brd.md", "---\ntitle: wanted\n---\n"),
            "architect" => self.document("06-adr/ADR-001-way.md", "---\nstatus: accepted\n---\n"),
            "developer" => self.commit(&[(&format!("src/{}.txt", self.work_item), Some(&self.order.name))]),
            "reviewer" => self.document("12-review.md", &format!("---\nverdict: APPROVED\n---\n{}", self.order.name)),
            "tester" => self.document("13-test-report.md", "---\nresult: PASS\n---\n"),
            other => panic!("nobody is {other}"),
        }
        (String::new(), Step::completes_with(serde_json::json!({"cost_usd": 0.5})))
    }
    /// Red as long as a file says so.
    fn check(&self) -> (String, Step) {
        let red = std::fs::read_dir(self.order.directory.join("src")).into_iter().flatten().flatten();
        let red = red.map(|file| std::fs::read_to_string(file.path()).unwrap()).any(|text| text.contains("RED"));
        let failed = || ("FAIL: adds_up\nexpected 4, got 5\n".to_owned(), Step::fails(1));
        if red { failed() } else { (String::new(), Step::completes()) }
    }
}

pub(crate) type Rule = dyn Fn(&Act) -> Option<(String, Step)> + Send;

/// What outlives the processes of a story.
pub struct World {
    folder: tempfile::TempDir,
    /// Where others reach the database, too.
    address: Option<String>,
    /// The database.
    pub store: Arc<dyn Backend>,
    /// The repository `shop`.
    pub forge: FakeForge,
    /// The runs of the host that processes work for unless a story says otherwise.
    pub runner: FakeRunner,
    /// The agent of every role.
    pub agent: FakeAgent,
    rules: Arc<Mutex<Vec<Box<Rule>>>>,
    /// So many finish commands from now on do nothing.
    pub unfinished: Arc<AtomicUsize>,
    /// Of the processes that start from now on.
    pub policy: Policy,
    /// Of the processes that start from now on.
    pub limits: Limits,
    /// What the repository is deployed to, for the processes that start from now on.
    pub deploys: Option<Arc<DeployTerms>>,
    /// What a newer release wrote.
    pub strange: Arc<Strange>,
    /// The database answers nobody.
    pub away: Arc<AtomicBool>,
    /// Whether its processes hold the database.
    pub held: watch::Sender<bool>,
    /// Who is told of what happens.
    pub notifiers: Vec<Arc<dyn Notifier>>,
    /// Where the repository's tasks are shown.
    pub shown_by: Vec<Arc<dyn ProjectionTarget>>,
    processes: Mutex<Vec<(Arc<Faults>, FakeForge, FakeRunner)>>,
}

impl Drop for World {
    fn drop(&mut self) {
        // Nobody may wait for a fake any more, or the test would not end.
        for (store, forge, runner) in self.processes.lock().unwrap().iter() {
            store.kill();
            forge.faults.kill();
            runner.kill();
        }
    }
}

/// One `orch up`.
pub struct Process {
    /// What people ask.
    pub control: Control,
    /// As this process sees it.
    pub store: Arc<FaultyStore>,
    /// As this process sees it.
    pub forge: FakeForge,
    /// As this process sees it.
    pub runner: FakeRunner,
    /// True stops it.
    pub stop: watch::Sender<bool>,
    /// How it ended.
    pub loops: JoinHandle<Result<(), StoreError>>,
    /// Hears of the changes of other processes.
    pub listens: Option<JoinHandle<()>>,
}

/// The repository of every story.
pub fn repository() -> RepositoryId {
    RepositoryId::from("shop")
}

impl World {
    /// The short line.
    pub async fn new() -> Self {
        Self::with(&[(".orch/pipeline.toml", SHORT)]).await
    }

    /// With more files on the base branch; one of a name that is there already is there instead.
    pub async fn with(more: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("orch.db");
        let store = Arc::new(SqliteStore::open(path).unwrap());
        Self::on(store, folder, more).await
    }

    /// The short line, in a schema that is not there yet.
    pub async fn on_postgres(url: &str, schema: &str) -> Self {
        let begins = if url.contains('?') { '&' } else { '?' };
        let address = format!("{url}{begins}options=-csearch_path%3D{schema}");
        let store = PostgresStore::connect(&address).await.unwrap();
        let mut world =
            Self::on(Arc::new(store), tempfile::tempdir().unwrap(), &[(".orch/pipeline.toml", SHORT)]).await;
        world.address = Some(address);
        world
    }

    async fn on(store: Arc<dyn Backend>, folder: tempfile::TempDir, more: &[(&str, &str)]) -> Self {
        let mut files = vec![("a.txt", LINES), (".orch/orch.toml", "[check]\ncommand = \"test\"\n")];
        files.extend(more);
        let row = Repository {
            id: repository(),
            prefix: "S".to_owned(),
            base_branch: "main".to_owned(),
            serial: false,
            frozen: None,
            freeze_epoch: 0,
            paused: false,
            main: None,
            lane_fence: 0,
            version: 1,
        };
        store.register(&row).await.unwrap();
        let (forge, rules) = (FakeForge::new(&files), Arc::new(Mutex::new(Vec::<Box<Rule>>::new())));
        let unfinished = Arc::new(AtomicUsize::new(0));
        let runner = runs(&forge, &rules, &unfinished);
        let limits = Limits {
            // Whoever forgets to wake somebody is found out.
            sweep_every: Duration::from_secs(3600),
            answer_within: PATIENCE,
            first_retry: Duration::from_millis(5),
            look_for_room: Duration::from_millis(1),
            ..Limits::default()
        };
        let (policy, processes, strange) = (Policy::default(), Mutex::default(), Arc::default());
        let held = watch::Sender::new(true);
        Self {
            folder,
            address: None,
            store,
            forge,
            runner,
            agent: FakeAgent::default(),
            rules,
            unfinished,
            policy,
            limits,
            deploys: None,
            strange,
            away: Arc::default(),
            held,
            notifiers: Vec::new(),
            shown_by: Vec::new(),
            processes,
        }
    }

    /// From now on, whoever this has an opinion about does that.
    pub fn when(&self, rule: impl Fn(&Act) -> Option<(String, Step)> + Send + 'static) {
        self.rules.lock().unwrap().insert(0, Box::new(rule));
    }

    /// Where runs work.
    pub fn places(&self) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join("places")
    }

    /// Another host, with runs and places of its own.
    pub fn host(&self, id: &str, pace: Pace) -> TestHost {
        let places = self.places().with_file_name(format!("places-{id}"));
        let runner = runs(&self.forge, &self.rules, &self.unfinished);
        TestHost { id: id.to_owned(), runner, places, pace: Some(pace) }
    }

    /// An engine that does not run; every owner is a process of the one host.
    pub fn wire(&self, _owner: &str) -> (Arc<Engine>, Arc<FaultyStore>, FakeForge, FakeRunner) {
        let (runner, places) = (self.runner.clone(), self.places());
        self.wire_on(&TestHost { id: "here".to_owned(), runner, places, pace: None })
    }

    /// An engine of that host.
    pub fn wire_on(&self, host: &TestHost) -> (Arc<Engine>, Arc<FaultyStore>, FakeForge, FakeRunner) {
        let (forge, runner) = (self.forge.handle(), host.runner.handle());
        let (inner, faults) = (self.store.clone(), Faults::new());
        self.processes.lock().unwrap().push((faults.clone(), forge.clone(), runner.clone()));
        let store = Arc::new(FaultyStore {
            inner,
            faults,
            strange: self.strange.clone(),
            away: self.away.clone(),
            lose_wakes: AtomicI32::new(0),
            deliveries: Mutex::default(),
        });
        let agent: Arc<dyn Agent> = Arc::new(self.agent.clone());
        let context = RepositoryContext {
            repository: repository(),
            workshop: Arc::new(forge.clone()),
            forge: Arc::new(forge.clone()),
            agents: Role::ALL.into_iter().map(|role| (role, Arc::clone(&agent))).collect(),
            work_folders: host.places.clone(),
            program: Program::default(),
            deploys: self.deploys.clone(),
            bring_home: "git pull".to_owned(),
            settings: Default::default(),
            shown_by: self.shown_by.clone(),
        };
        let (policy, limits, ours) = (self.policy.clone(), self.limits.clone(), self.held.subscribe());
        let hosting = Hosting {
            hosts: store.clone(),
            id: host.id.as_str().into(),
            name: host.id.clone(),
            release: "1".to_owned(),
            pace: host.pace,
        };
        let engine = Engine::new(store.clone(), hosting, Arc::new(runner.clone()), vec![context], policy, limits, ours)
            .telling(self.store.clone(), self.notifiers.clone())
            .knowing(self.store.clone())
            .hearing(self.store.clone())
            .letting_in(self.store.clone());
        (Arc::new(engine), store, forge, runner)
    }

    /// One whose engine runs.
    pub fn start(&self, owner: &str) -> Process {
        self.run(self.wire(owner))
    }

    /// One on that host whose engine runs.
    pub fn start_on(&self, host: &TestHost) -> Process {
        self.run(self.wire_on(host))
    }

    fn run(&self, (engine, store, forge, runner): (Arc<Engine>, Arc<FaultyStore>, FakeForge, FakeRunner)) -> Process {
        let (stop, stopped) = watch::channel(false);
        let listens = self.address.clone().map(|url| {
            let (own, engine) = (engine.own_changes(), engine.clone());
            tokio::spawn(async move { relay(&url, own, move || engine.heard()).await })
        });
        let loops = tokio::spawn(engine.clone().run(stopped));
        Process { control: Control::of(engine), store, forge, runner, stop, loops, listens }
    }

    /// Everything that happened to a task.
    pub async fn history(&self, task: &Task) -> History {
        self.store.history(&task.id).await.unwrap()
    }

    /// Waits until a task is so.
    pub async fn until(&self, what: &str, task: &TaskId, holds: impl Fn(&Task) -> bool) -> Task {
        eventually(what, async || self.store.task(task).await.unwrap().filter(|task| holds(task))).await
    }

    /// Waits until it is done.
    pub async fn until_done(&self, task: &Task) -> Task {
        self.until("the task is done", &task.id, |task| task.position == Position::Done).await
    }

    /// Waits until it is held, and says why.
    pub async fn until_held(&self, task: &Task) -> String {
        let task = self.until("the task is held", &task.id, |task| task.hold.is_some()).await;
        orch_text::reason(&task.hold.clone().unwrap().reason(), &task, orch_text::Language::English).to_string()
    }

    /// Everything came to rest, and nothing happened twice or was left behind.
    pub async fn settled(&self, done: &[&Task]) {
        eventually("nothing is queued or held", async || {
            let queue = self.store.queue().await.unwrap();
            let unfinished = queue.counts.iter().any(|(_, state, _)| state != "cancelled");
            (!unfinished && queue.slots.iter().all(|(_, used)| *used == 0)).then_some(())
        })
        .await;
        let mut attempts = 0;
        for task in done {
            let (task, history) = (self.until_done(task).await, self.history(task).await);
            let mut booked: Vec<_> = history.usage.iter().map(|row| row.attempt).collect();
            booked.sort_unstable();
            assert_eq!(booked, (1..=task.attempt).collect::<Vec<_>>(), "each run is booked once");
            assert_eq!(self.forge.branch(&task.branch), None);
            attempts += task.attempt as usize;
        }
        let runs = self.runner.launched();
        let agents = runs.iter().filter(|name| !name.contains("-check-") && !name.contains("-pack-")).count();
        assert_eq!(agents, attempts, "each attempt is one run: {runs:?}");
        let landed = self.forge.landed();
        assert_eq!(landed.len(), done.len(), "each task lands once: {landed:?}");
        eventually("the places are empty", async || {
            let left = self.places().read_dir_utf8().map_or(0, |entries| entries.count());
            (left == 0).then_some(())
        })
        .await;
    }
}

/// An issue of this title; the same title is the same issue.
pub fn issue(title: &str, start: bool) -> NewIssue {
    NewIssue {
        variant: None,
        labels: Vec::new(),
        repository: None,
        title: title.to_owned(),
        description: "what is wanted".to_owned(),
        priority: 0,
        start,
        depends_on: Vec::new(),
        key: title.to_owned(),
    }
}

impl Process {
    /// A new issue of this title, started at once.
    pub async fn issue(&self, title: &str) -> Task {
        self.open(issue(title, true)).await
    }

    /// One that nobody has started yet.
    pub async fn backlog(&self, title: &str) -> Task {
        self.open(issue(title, false)).await
    }

    async fn open(&self, issue: NewIssue) -> Task {
        eventually("it is a task", async || self.control.open_issue(issue.clone(), "Uma").await.unwrap().task()).await
    }

    /// Waits until the sweep at the start is over: it looks at everything too.
    pub async fn swept(&self) {
        eventually("the first sweep is over", async || self.control.reconciler().last).await;
    }

    /// As by SIGKILL: nothing of it goes on.
    pub async fn kill(self) {
        self.store.faults.kill();
        self.forge.faults.kill();
        self.runner.kill();
        self.loops.abort();
        if let Some(listens) = self.listens {
            listens.abort();
        }
        let _ = self.loops.await;
    }
}

/// Looks again and again until there is an answer.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    let mut next_look = tokio::time::interval(Duration::from_millis(5));
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        next_look.tick().await;
    }
}
