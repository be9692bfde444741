//! Real command line agents on the whole line: the service, its supervisors, confinement as strong as the machine has,
//! the proxy of each run with the real key, and behind it a vendor that follows a script. No model and no network but
//! loopback. `cargo xtask test` installs the pinned programs into `target/agents`; where they are missing these tests are
//! not run.

mod mishaps;
mod outages;
mod walk;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use orch_run::Trial;
use orch_testkit::git;
use orch_testkit::model_server::{Deed, ModelServer, Request, Step, Turn, Usage};
use orch_testkit::sample::{self, TEST_COMMAND};
use orch_testkit::world::not_run;
use serde_json::Value;

use crate::carried::{Carried, Up, create_small, summary, world};

/// For a request that a run is to make.
const PATIENCE: Duration = Duration::from_secs(180);

/// The vendor's key; no run may ever see it.
pub const KEY: &str = "sk-CANARY-of-the-real-key";

/// The agents that are wired with a vendor's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Claude,
    Codex,
}

impl Kind {
    fn program(self) -> &'static str {
        match self {
            Self::Claude => "@anthropic-ai/claude-code-linux-x64/claude",
            Self::Codex => "@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex",
        }
    }

    /// What its user calls it, and the settings the test needs besides; its kind is what `orch init` is told.
    fn set_up(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Claude => ("claude", "claude_code", ""),
            // A model that it does not know gets plain tools.
            Self::Codex => ("codex", "codex", "[agents.default]\nkind = \"codex\"\nmodel = \"mock-model\"\n"),
        }
    }

    /// Name of the `[models.<name>]` it uses, and of its API.
    pub fn credential(self) -> &'static str {
        match self {
            Self::Claude => "anthropic",
            Self::Codex => "openai",
        }
    }
}

/// A line whose roles are all played by one agent, and the vendor it asks.
pub struct Crew {
    pub kind: Kind,
    pub carried: Carried,
    pub server: ModelServer,
    /// By the marker of a conversation: what each of its answers costs.
    prices: RefCell<BTreeMap<String, Vec<Usage>>>,
}

impl Crew {
    /// `None`: the agent is not installed, which is noted under `test`.
    pub fn new(test: &str, kind: Kind, project: Project) -> Option<Self> {
        Self::with(test, kind, project, "")
    }

    /// With further tables in the host's settings.
    pub fn with(test: &str, kind: Kind, project: Project, more: &str) -> Option<Self> {
        // target/debug/deps/suite
        let own = std::env::current_exe().unwrap();
        let program = own.ancestors().nth(3).unwrap().join("agents/node_modules").join(kind.program());
        let record = std::env::var_os("ORCH_TEST_NOT_RUN");
        let name = format!("line/{}/{test}", kind.credential());
        if !program.is_file() {
            not_run(record.as_deref(), &name, &format!("{} is not installed", program.display()));
            return None;
        }
        let orch = Path::new(env!("CARGO_BIN_EXE_orch"));
        let folder = tempfile::tempdir().unwrap();
        let trial = Trial { user: None, program: orch, folder: folder.path(), command: &[], env: &[] };
        if let Err(problem) = orch_run::find(None, orch_run::Confinement::Landlock, &trial) {
            not_run(record.as_deref(), &name, &problem);
            return None;
        }
        let server = ModelServer::start().unwrap();
        let mut world = world();
        world.confined();
        // As its user installs it: a name on the search path that leads to the program.
        let (called, agent, table) = kind.set_up();
        let bin = world.path("bin");
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(&program, bin.join(called)).unwrap();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        world.set("PATH", &path);
        // One gets its key by a variable of the service, the other by a file.
        let key_file = match kind {
            Kind::Claude => {
                world.set("ANTHROPIC_API_KEY", KEY);
                String::new()
            }
            Kind::Codex => {
                let file = world.path("key");
                std::fs::write(&file, format!("{KEY}\n")).unwrap();
                std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
                format!("key_file = \"{}\"\n", file.display())
            }
        };
        let settings = format!(
            "{table}[models.{}]\nbase_url = \"{}\"\n{key_file}[limits]\nmax_runs = 8\n{more}",
            kind.credential(),
            server.address(),
        );
        std::fs::create_dir_all(world.config().parent().unwrap()).unwrap();
        std::fs::write(world.config(), settings).unwrap();
        let repository = world.path("code");
        let test = project.create(&repository);
        let init = ["init", "--yes", "--agent", agent, "--id", "code", "--prefix", "IT", "--test", test];
        world.run(&repository, &init).unwrap().success();
        let base = git(&repository, &["rev-parse", "main"]).unwrap();
        let carried = Carried { world, repository, base };
        Some(Self { kind, carried, server, prices: RefCell::default() })
    }

    pub fn up(&self) -> Up {
        self.carried.up()
    }

    /// Scripts a role of the task `id`: its `attempt` if it goes on in a session, else the beginning of one. Each answer
    /// costs something else.
    pub fn play(&self, who: Who<'_>, steps: impl IntoIterator<Item = Step>) {
        let marker = who.marker();
        let mut steps: Vec<Step> = steps.into_iter().collect();
        let first = 1_000 + 10 * marker.bytes().map(u64::from).sum::<u64>();
        let price =
            |at: usize| Usage { input: first + at as u64, cached: 300 + at as u64, written: 0, output: 7 + at as u64 };
        for (at, step) in steps.iter_mut().enumerate() {
            if let Deed::Turn(turn) | Deed::Cut(turn, _) | Deed::Silence(turn, _) | Deed::Incomplete(turn, _) =
                &mut step.deed
            {
                turn.usage = Some(price(at));
            }
        }
        // An answer that breaks off has told its input, and one token as the beginning of its output.
        let of = |(at, step): (usize, &Step)| match step.deed {
            Deed::Cut(..) | Deed::Silence(..) => Usage { output: 1, ..price(at) },
            _ => price(at),
        };
        let prices = steps.iter().enumerate().map(of).collect();
        self.prices.borrow_mut().insert(marker.clone(), prices);
        self.server.play(&marker, steps);
    }

    /// What `who` was told to have used, each of its steps counted once: input, cached, output.
    pub fn used(&self, who: Who<'_>) -> [u64; 3] {
        let prices = self.prices.borrow();
        let of = &prices[&who.marker()];
        [of.iter().map(|u| u.input).sum(), of.iter().map(|u| u.cached).sum(), of.iter().map(|u| u.output).sum()]
    }

    /// Waits until `count` requests of `who` have come.
    #[track_caller]
    pub fn requests(&self, who: Who<'_>, count: usize) -> Vec<Request> {
        let marker = who.marker();
        match self.server.await_requests(&marker, count, PATIENCE) {
            Some(requests) => requests,
            None => panic!("fewer than {count} requests of: {marker}"),
        }
    }

    /// Every request held the real key, which is the proxy's, and no answer of the line ever does.
    pub fn the_real_key_is_the_proxys(&self) {
        for request in self.server.requests() {
            let key = request.header("x-api-key").or(request.header("authorization")).unwrap_or_default();
            assert!(key.ends_with(KEY), "{key}");
            assert!(!request.says(KEY), "an agent has seen the key");
        }
    }

    /// A command that writes a document and commits it.
    pub fn document(name: &str, text: &str) -> Step {
        Step::shell(&format!(
            "mkdir -p \"$(dirname \"$ORCH_DOCS_DIR/{name}\")\" && cat > \"$ORCH_DOCS_DIR/{name}\" <<'END'\n{text}END\n\
             git add --all && git commit -qm \"$ORCH_TASK_ID {name}\""
        ))
    }

    /// The file tool of the agent, or a shell where it has none.
    pub fn write(&self, path: &Path, text: &str) -> Step {
        match self.kind {
            Kind::Claude => Step::tool("Write", serde_json::json!({"file_path": path, "content": text})),
            Kind::Codex => Step::shell(&format!("cat > '{}' <<'END'\n{text}END\n", path.display())),
        }
    }

    /// The process of an agent that was started as `who`.
    pub fn process(&self, who: Who<'_>) -> Option<u32> {
        let marker = who.marker();
        let (called, ..) = self.kind.set_up();
        processes().into_iter().find_map(|(id, words)| {
            let is = words.first().is_some_and(|word| Path::new(word).ends_with(called))
                && words.join(" ").contains(&marker);
            is.then_some(id)
        })
    }

    /// Scripts what the analyst owes.
    pub fn analyst(&self, id: &str) {
        let text = "---\nwork_item: IT\n---\n# What is wanted\n";
        self.play(Who::of("analyst", id), [Self::document("01-brd.md", text), Step::says("Analysed.")]);
    }

    /// Scripts what the architect owes.
    pub fn architect(&self, id: &str) {
        let text = "---\nstatus: accepted\n---\n# ADR-001: The smallest change\n";
        self.play(Who::of("architect", id), [Self::document("06-adr/ADR-001-small.md", text), Step::says("Decided.")]);
    }

    /// Scripts a reviewer who approves.
    pub fn reviewer(&self, id: &str) {
        self.play(Who::of("reviewer", id), [Self::document("12-review.md", APPROVED), Step::says("Approved.")]);
    }

    /// Scripts what the tester owes.
    pub fn tester(&self, id: &str) {
        let text = "---\nresult: PASS\n---\n# Tested\n";
        self.play(Who::of("tester", id), [Self::document("13-test-report.md", text), Step::says("Green.")]);
    }
}

/// A review that lets the change go on.
pub const APPROVED: &str = "---\nverdict: APPROVED\n---\n# Review\n\n## Findings\n\nNone that block.\n";

/// A role at a task, in its first session or in an attempt that goes on with it.
#[derive(Debug, Clone, Copy)]
pub struct Who<'a> {
    role: &'a str,
    id: &'a str,
    again: Option<u64>,
}

impl<'a> Who<'a> {
    pub fn of(role: &'a str, id: &'a str) -> Self {
        Self { role, id, again: None }
    }

    /// In the attempt of this number.
    pub fn again(role: &'a str, id: &'a str, attempt: u64) -> Self {
        Self { role, id, again: Some(attempt) }
    }

    /// What the agent is started with, and so part of everything it sends.
    fn marker(&self) -> String {
        let Self { role, id, again } = self;
        match again {
            None => format!("You are the {role} of {id}."),
            Some(attempt) => format!("You go on as the {role} of {id}; this is attempt {attempt}."),
        }
    }
}

/// What the line carries tasks for.
#[derive(Debug, Clone, Copy)]
pub enum Project {
    /// The sample project.
    Tally,
    /// Two files, whose tests take no time.
    Small,
}

impl Project {
    /// Its test command.
    fn create(self, repository: &Path) -> &'static str {
        match self {
            Self::Tally => {
                sample::create(repository).unwrap();
                TEST_COMMAND
            }
            Self::Small => {
                create_small(repository);
                "sh test.sh"
            }
        }
    }
}

/// The usage of an attempt as the service tells it: input, cached, output.
#[track_caller]
pub fn booked(task: &Value, attempt: usize) -> [u64; 3] {
    let usage = &task["attempt_list"][attempt]["usage"];
    ["input_tokens", "cached_tokens", "output_tokens"].map(|name| {
        let figure = usage[name].as_u64();
        assert!(figure.is_some(), "attempt {attempt} tells no {name}: {usage}\n{}", summary(task));
        figure.unwrap_or_default()
    })
}

/// Every process with its words.
pub fn processes() -> Vec<(u32, Vec<String>)> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    entries
        .filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            let words = std::fs::read(entry.path().join("cmdline")).ok()?;
            Some((id, words.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()))
        })
        .collect()
}

/// Whether `text` stands in one of the texts of a body.
pub fn tells(body: &Value, text: &str) -> bool {
    match body {
        Value::String(words) => words.contains(text),
        Value::Array(items) => items.iter().any(|item| tells(item, text)),
        Value::Object(fields) => fields.values().any(|field| tells(field, text)),
        _ => false,
    }
}

/// A turn that says this.
pub fn turn(text: &str) -> Turn {
    Turn { text: text.to_owned(), ..Turn::default() }
}
