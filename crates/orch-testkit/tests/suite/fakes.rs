//! The fakes keep the contracts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use camino::{Utf8Path, Utf8PathBuf};
use orch_ports::agent::Agent;
use orch_ports::change_requests::ChangeRequests;
use orch_ports::forge::Forge;
use orch_ports::runner::{Ordered, RunOrder, RunReport};
use orch_ports::workshop::{Workplace, Workshop};
use orch_rules::attempt::RunEnd;
use orch_rules::ids::{CommitId, TaskId};
use orch_testkit::contract::change_requests::ProductBench;
use orch_testkit::contract::{self, Bench, agent::AgentBench, agent::Told, runner::Does, runner::RunnerBench};
use orch_testkit::fake::forge::{Edit, MAIN};
use orch_testkit::fake::{FakeAgent, FakeForge, FakeRunner, Step};

#[derive(Default)]
struct Fake(FakeAgent);

impl AgentBench for Fake {
    fn agent(&self) -> &dyn Agent {
        &self.0
    }
    fn told(&self) -> Told {
        let usage = serde_json::json!({"input_tokens": 5, "cached_tokens": 3, "output_tokens": 7});
        let result = serde_json::json!({"model": "m", "cost_usd": 0.21, "usage": usage});
        Told { result: Some(result), output: String::new() }
    }
    fn tells_money(&self) -> bool {
        true
    }
    fn exit_0_in_vain(&self) -> Option<String> {
        None
    }
}

#[test]
fn the_fake_agent_keeps_the_contract() {
    contract::run(contract::agent::suite(), |_| Fake::default());
}

struct Code {
    folder: tempfile::TempDir,
    forge: FakeForge,
}

impl Bench for Code {
    fn workshop(&self) -> &dyn Workshop {
        &self.forge
    }
    fn forge(&self) -> &dyn Forge {
        &self.forge
    }
    fn merges(&self, branch: &str) {
        self.forge.merges(branch);
    }
    fn directory(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(name)
    }
    fn work(&self, place: &Workplace, edits: &[Edit<'_>], message: Option<&str>) {
        self.forge.work(&place.directory, edits, message);
    }
    fn rewrite(&self, place: &Workplace) {
        self.forge.rewrite(&place.directory);
    }
    fn run_commands(&self, _: &Workplace, commands: &[Vec<String>]) {
        commands.iter().for_each(|command| self.forge.run_command(command));
    }
    fn user_commits(&self, edits: &[Edit<'_>], pulled: bool) -> CommitId {
        self.forge.user_commits(edits, pulled)
    }
    fn push(&self, branch: &str, edits: &[Edit<'_>]) -> CommitId {
        self.forge.push(branch, edits)
    }
    fn branch(&self, name: &str) -> Option<CommitId> {
        self.forge.branch(name)
    }
    fn archived(&self, task: &TaskId) -> Option<CommitId> {
        self.forge.archived(task)
    }
    fn files(&self, directory: &Utf8PathBuf) -> BTreeMap<String, String> {
        let (mut found, mut waiting) = (BTreeMap::new(), vec![directory.clone()]);
        while let Some(folder) = waiting.pop() {
            for entry in folder.read_dir_utf8().unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    waiting.push(entry.path().to_owned());
                } else {
                    let name = entry.path().strip_prefix(directory).unwrap().to_string();
                    found.insert(name, std::fs::read_to_string(entry.path()).unwrap());
                }
            }
        }
        found
    }
}

impl ProductBench for Code {
    fn product(&self) -> &dyn ChangeRequests {
        self.forge.change_requests().unwrap()
    }
    fn push(&self, branch: &str) -> CommitId {
        self.forge.push(branch, &[(branch, Some("one more"))])
    }
    fn delete(&self, branch: &str) {
        self.forge.delete(branch);
    }
    fn lands(&self, commit: &CommitId) {
        self.forge.point(MAIN, commit);
    }
    fn empty(&self, branch: &str) {
        self.forge.point(branch, &self.forge.main());
    }
    fn ci(&self, commit: &CommitId, context: &str, state: &str) {
        self.forge.ci(commit, context, state);
    }
    fn review(&self, number: u64, person: &str, state: &str, words: &str) {
        self.forge.review(number, person, state, words);
    }
    fn press(&self, number: u64) {
        self.forge.press(number);
    }
    fn shown(&self, number: u64) -> (String, String) {
        self.forge.request_text(number).map(|text| (text.title, text.body)).unwrap()
    }
    fn forbid_marks(&self) {
        self.forge.forbid_marks();
    }
    fn candidate(&self) -> CommitId {
        let made = ProductBench::push(self, "made");
        self.forge.delete("made");
        made
    }
    fn proposed(&self, commit: &CommitId) -> usize {
        self.forge.branches_at(commit).len()
    }
}

#[test]
fn the_fake_forge_keeps_the_contract() {
    let code = || Code { folder: tempfile::tempdir().unwrap(), forge: FakeForge::new(contract::workshop::FIRST) };
    contract::run(contract::workshop::suite(), |_| code());
    contract::run(contract::forge::suite(), |_| code());
    contract::run(contract::forge::beside(), |_| code());
    contract::run(contract::branches::suite(), |_| code());
    contract::run(contract::change_requests::suite(), |_| {
        let code = code();
        code.forge.with_product(&[]);
        code
    });
}

type Names = Arc<Mutex<Vec<String>>>;

struct Runs {
    runner: FakeRunner,
    started: Names,
    finished: Names,
}

impl Runs {
    fn new() -> Self {
        let (started, finished) = (Names::default(), Names::default());
        let (starts, ends) = (started.clone(), finished.clone());
        let script = move |order: &RunOrder| {
            starts.lock().unwrap().push(order.name.clone());
            let over = |result| Step::Ends(RunReport::of(RunEnd::Completed, result, Some(0)));
            let step = match order.argv[0].as_str() {
                "Fails" => Step::fails(3),
                "Hangs" => Step::Hangs,
                "LeavesResult" => over(Some(Ok(contract::runner::result()))),
                "LeavesNonsense" => over(Some(Err("no object".to_owned()))),
                "CannotStart" => {
                    let end = RunEnd::not_started("there is no such program");
                    Step::Ends(RunReport::of(end, None, None))
                }
                _ => Step::completes(),
            };
            (contract::runner::OUTPUT.to_owned(), step)
        };
        let finish = move |command: &[String]| ends.lock().unwrap().push(command[0].clone());
        Self { runner: FakeRunner::new(script, finish), started, finished }
    }
}

impl RunnerBench for Runs {
    type Runner = FakeRunner;
    fn runner(&self) -> FakeRunner {
        self.runner.handle()
    }
    fn order(&self, name: &str, does: Does) -> RunOrder {
        RunOrder {
            name: name.to_owned(),
            ordered: Ordered::Agent,
            argv: vec![format!("{does:?}")],
            directory: "/".into(),
            appears: None,
            environment: BTreeMap::new(),
            set_up: None,
            result_file: None,
            finish: vec![vec![name.to_owned()]],
            deadline_ms: 0,
            stall_ms: 0,
            stop_grace_ms: 0,
            output_cap_bytes: 0,
            read_only: Vec::new(),
            read_write: Vec::new(),
            model: None,
            stop: Vec::new(),
        }
    }
    fn until_hanging(&self, name: &str) {
        self.runner.until_hanging(|run| run == name);
    }
    fn let_go(&self, name: &str) {
        assert!(self.runner.end(name, Step::completes()));
    }
    fn lose(&self, name: &str) {
        assert!(self.runner.end(name, Step::lost()));
    }
    fn starts(&self, name: &str) -> usize {
        self.started.lock().unwrap().iter().filter(|run| *run == name).count()
    }
    fn finishes(&self, name: &str) -> usize {
        self.finished.lock().unwrap().iter().filter(|run| *run == name).count()
    }
}

#[test]
fn the_fake_runner_keeps_the_contract() {
    contract::run(contract::runner::suite(), |_| Runs::new());
}
