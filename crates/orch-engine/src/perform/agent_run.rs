//! An agent's run from clone to evidence. Every step is safe to repeat: after a restart the same effect finds the
//! run directory, waits for the same run, and collects once.

use camino::Utf8PathBuf;
use orch_ports::agent::Assignment;
use orch_ports::forge::Workplace;
use orch_ports::runner::{RunOrder, RunReport};
use orch_rules::attempt::{Attempt, Evidence, RunEnd, Usage};
use orch_rules::event::{Event, TaskEvent};
use orch_rules::facts::TaskFacts;
use orch_rules::ids::{CommitId, TaskId};
use orch_rules::work_item;

use super::{PerformError, PerformResult, Performed, blocking, task_file};
use crate::engine::Engine;
use crate::house::House;

/// File beside the clone that tells where an attempt started, for a later process.
const START_FILE: &str = "start";
/// The clone inside an attempt's place.
const CODE: &str = "code";

impl Engine {
    pub(super) async fn run_agent(&self, task: &TaskId, number: u32) -> PerformResult {
        let (facts, _) = self.store.task_facts(task, &self.policy).await?;
        let current = facts.attempt.clone().filter(|a| a.number == number && a.ended.is_none());
        let Some(attempt) = current else { return Ok(Performed::nothing()) };
        let house = self.house(&facts.task.repository)?;
        let runner = self.runner.clone();
        let name = House::run_name(task, number);
        let ended = blocking(move || {
            let place = workplace(&house, &facts, &attempt, &name);
            let folder = house.place(&name);
            if !runner.exists(&name) {
                let order = prepare(&house, &facts, &attempt, &place, &folder, &name)?;
                runner.ensure(&order)?;
            }
            let report = runner.wait(&name)?;
            let start = CommitId::from(std::fs::read_to_string(folder.join(START_FILE))?.trim());
            let evidence = collect(&house, &place, &start, &report)?;
            let usage = usage(&house, &attempt, &report);
            Ok(Ended { report, evidence, usage, start, folder })
        })
        .await?;
        let event = TaskEvent::RunEnded {
            attempt: number,
            end: ended.report.end,
            evidence: ended.evidence,
            usage: Some(ended.usage),
            cut_from: Some(ended.start),
        };
        Ok(Performed { event: Some(Event::Task { task: task.clone(), event }), leftovers: vec![ended.folder] })
    }

    pub(super) async fn stop_run(&self, task: &TaskId, attempt: u32) -> PerformResult {
        let (facts, _) = self.store.task_facts(task, &self.policy).await?;
        if !facts.attempt.is_some_and(|a| a.number == attempt && a.ended.is_none()) {
            return Ok(Performed::nothing());
        }
        let runner = self.runner.clone();
        let name = House::run_name(task, attempt);
        blocking(move || {
            if !runner.exists(&name) {
                return Err(PerformError::Passing("the run is not launched yet".to_owned()));
            }
            Ok(runner.stop(&name)?)
        })
        .await?;
        Ok(Performed::nothing())
    }
}

struct Ended {
    report: RunReport,
    evidence: Option<Evidence>,
    usage: Usage,
    start: CommitId,
    folder: Utf8PathBuf,
}

fn workplace(house: &House, facts: &TaskFacts, attempt: &Attempt, name: &str) -> Workplace {
    let settings = facts.repository.main.as_ref().and_then(|main| house.settings_at(main).ok());
    let identity = settings.map_or_else(|| House::identity(&Ok(Default::default())), |s| House::identity(&s));
    Workplace {
        task: facts.task.id.clone(),
        work_item: facts.task.work_item.clone(),
        attempt: attempt.number,
        branch: facts.task.branch.clone(),
        directory: house.place(name).join(CODE),
        identity,
    }
}

/// Cut or continue the branch in a clone of its own, write the task file, and say how the agent is run.
fn prepare(
    house: &House,
    facts: &TaskFacts,
    attempt: &Attempt,
    place: &Workplace,
    folder: &Utf8PathBuf,
    name: &str,
) -> Result<RunOrder, PerformError> {
    let agent = house.agents.get(&attempt.role).ok_or_else(|| {
        PerformError::Lasting(format!(
            "no agent is configured for the role {}; name one under [agents] in the host file",
            attempt.role.name()
        ))
    })?;
    let start = match &attempt.start {
        Some(start) => start.clone(),
        None => house.forge.base()?.tip,
    };
    house.forge.prepare(place, &start)?;
    let documents = place.directory.join(work_item::documents_folder(&facts.task.work_item));
    let written = files_below(&documents);
    std::fs::create_dir_all(&documents)?;
    let assignment = Assignment {
        task: facts.task.id.clone(),
        work_item: facts.task.work_item.clone(),
        role: attempt.role,
        stage: attempt.stage.clone(),
        attempt: attempt.number,
        directory: place.directory.clone(),
        task_file: folder.join("task.md"),
        documents,
        result_file: folder.join("result.json"),
    };
    std::fs::write(&assignment.task_file, task_file::render(facts, attempt, &start, &written))?;
    std::fs::write(folder.join(START_FILE), start.as_str())?;
    let launch = agent.launch(&assignment);
    let message =
        format!("{}: what the {} left\n\nRefs: {}", facts.task.work_item, attempt.role.name(), facts.task.work_item);
    Ok(RunOrder {
        name: name.to_owned(),
        check: false,
        argv: launch.argv,
        directory: place.directory.clone(),
        environment: launch.environment,
        result_file: Some(assignment.result_file),
        finish: house.forge.leftover_commands(place, &message),
        deadline_ms: house.program.run_deadline_ms,
        stall_ms: house.program.run_stall_ms,
        stop_grace_ms: house.program.stop_grace_ms,
        output_cap_bytes: house.program.output_cap_bytes,
    })
}

/// What git says. A run that never started, or whose processes may still write, has nothing to collect.
fn collect(
    house: &House,
    place: &Workplace,
    start: &CommitId,
    report: &RunReport,
) -> Result<Option<Evidence>, PerformError> {
    match report.end {
        RunEnd::SpawnFailed { .. } | RunEnd::Quarantined => Ok(None),
        _ => Ok(Some(house.forge.collect(place, start)?)),
    }
}

/// Unknown stays unknown; what is known is taken from the result file alone (D2).
fn usage(house: &House, attempt: &Attempt, report: &RunReport) -> Usage {
    match (&report.result, house.agents.get(&attempt.role)) {
        (Some(Ok(value)), Some(agent)) => agent.usage(value),
        _ => Usage::default(),
    }
}

/// Names of the files below a folder of a fresh clone, before any agent was in it. Links are named, not followed.
fn files_below(folder: &Utf8PathBuf) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.clone()];
    while let Some(next) = waiting.pop() {
        for entry in next.read_dir_utf8().into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                waiting.push(entry.path().to_owned());
            } else if let Ok(name) = entry.path().strip_prefix(folder) {
                found.push(name.to_string());
            }
        }
    }
    found.sort();
    found
}
