//! An agent's run from clone to evidence. Every step is safe to repeat: after a restart the same effect finds the
//! run directory, waits for the same run, and collects once.

use std::collections::BTreeMap;

use camino::Utf8Path;
use orch_ports::agent::{AgentReport, Assignment};
use orch_ports::hosts::{RunKind, RunToBe};
use orch_ports::runner::{Keeps, Ordered, RunOrder, RunReport, Runner};
use orch_ports::store::Work;
use orch_ports::workshop::Overlay;
use orch_ports::{Port, PortError};
use orch_rules::actor::Actor;
use orch_rules::agent_files;
use orch_rules::attempt::{Attempt, Evidence, RunEnd, Usage};
use orch_rules::event::{Event, TaskEvent};
use orch_rules::facts::TaskFacts;
use orch_rules::found::{self, Finder};
use orch_rules::ids::{CommitId, TaskId};
use orch_rules::pipeline::{Stage, StageKind};
use orch_rules::port_error::ErrorKind;
use orch_rules::task::Task;
use orch_rules::work_item;

use super::by_facts::by_facts;
use super::kept::Kept;
use super::{PerformError, PerformResult, Performed, blocking, bring_home, known, said, set_up, task_file};
use crate::cache;
use crate::changes::Changes;
use crate::engine::Engine;
use crate::hosting::Placed;
use crate::orch_check;
use crate::prompt::{self, OwnPrompt, Subject};
use crate::repository_context::RepositoryContext;
use crate::work_folders;

/// Copies of what its set-up must not change, inside an attempt's place.
const KEPT: &str = "kept";

impl Engine {
    pub(super) async fn run_agent(&self, work: &Work, task: &TaskId, number: u32) -> PerformResult {
        // Each step in a box of its own, and nothing kept from one to the next: between them a run sleeps for hours.
        if let Begun::Over(performed) = Box::pin(self.begin_agent(work, task, number)).await? {
            return Ok(*performed);
        }
        self.until_over(&RepositoryContext::run_name(task, number)).await?;
        Box::pin(self.collect_agent(task, number)).await
    }

    /// Launches the run, unless it was.
    async fn begin_agent(&self, work: &Work, task: &TaskId, number: u32) -> Result<Begun, PerformError> {
        let (facts, _) = self.store.task_facts(task, &self.served().policy).await?;
        if !facts.unknown.is_empty() && !facts.task.position.is_terminal() {
            // Its outcome could not be decided on: nothing is paid for it now.
            let parts = orch_rules::unknown::words(&facts.unknown);
            return Err(PerformError::Unknown(format!("this release does not know the task's {parts}")));
        }
        let Some(attempt) = current(&facts, number) else { return Ok(Begun::over(Performed::nothing())) };
        let name = RepositoryContext::run_name(task, number);
        let run = RunToBe { name, kind: RunKind::Agent, task: task.clone() };
        if attempt.over.is_some() {
            // Its run is over, and only where it was there is something to fetch.
            self.must_have_been_here(task, &run.name).await?;
        } else if let Placed::GivenUp { host } = self.place(work, run).await? {
            self.tell_presumed_dead(task, number, &host).await?;
            let end = RunEnd::Lost { presumed_on: Some(host), session: false };
            return Ok(Begun::over(Performed::event(ended(&attempt, end, None, None, None))));
        }
        let context = self.context(&facts.task.repository)?;
        if self.limits.base_check && facts.task.base.is_none() {
            // Its branch is about to be cut: a tip that is news is tested beside it.
            self.fresh_base(&facts.task.repository).await?;
        }
        let (runner, changes) = (self.runner.clone(), self.changes.clone());
        let history = self.store.history(task).await?;
        let said = known::earlier(&history, &attempt) + &said::section(&history);
        blocking(move || begin(&context, &*runner, &facts, &attempt, &said, &changes)).await
    }

    /// What a run that is over was, and what it left.
    async fn collect_agent(&self, task: &TaskId, number: u32) -> PerformResult {
        let (facts, _) = self.store.task_facts(task, &self.served().policy).await?;
        let Some(attempt) = current(&facts, number) else { return Ok(Performed::nothing()) };
        let (context, runner) = (self.context(&facts.task.repository)?, self.runner.clone());
        let (row, ended) = (facts.task.clone(), attempt.clone());
        let performed = blocking(move || collect(&context, &*runner, &facts, &attempt)).await?;
        self.file_what_was_found(&row, &ended, &performed).await?;
        Ok(performed)
    }

    /// Before the end is told: the same drafts again are the same issues.
    async fn file_what_was_found(
        &self,
        task: &Task,
        attempt: &Attempt,
        performed: &Performed,
    ) -> Result<(), PerformError> {
        let Some(Event::Task { event: TaskEvent::RunEnded { evidence: Some(evidence), .. }, .. }) = &performed.event
        else {
            return Ok(());
        };
        let drafts = found::drafts(&Finder::of(task, attempt), &evidence.documents);
        for issue in &drafts {
            self.store.accept_issue(issue, &Actor::role(attempt.role)).await?;
        }
        if !drafts.is_empty() {
            self.nudge_intake();
        }
        Ok(())
    }

    /// Until a run is over. No thread waits for it, and nobody else's end is waited for.
    pub(crate) async fn until_over(&self, run: &str) -> Result<(), PerformError> {
        let (tell, told) = tokio::sync::oneshot::channel();
        let (runner, run) = (self.runner.clone(), run.to_owned());
        // Nobody may be left to be told.
        let tell = move || {
            let _gone = tell.send(());
        };
        blocking(move || Ok(runner.when_over(&run, Box::new(tell))?)).await?;
        // Dropped untold, it is for whoever looks to say why.
        let _ended = told.await;
        Ok(())
    }

    pub(super) async fn stop_run(&self, task: &TaskId, attempt: u32) -> PerformResult {
        let (facts, _) = self.store.task_facts(task, &self.served().policy).await?;
        // An attempt that this release does not know may have a run, too.
        let known = facts.attempt.is_some();
        if !facts.attempt.map_or(facts.task.attempt == attempt, |a| a.number == attempt && a.ended.is_none()) {
            return Ok(Performed::nothing());
        }
        let runner = self.runner.clone();
        let name = RepositoryContext::run_name(task, attempt);
        self.must_be_here(task, &name).await?;
        blocking(move || {
            if !runner.exists(&name) {
                if !known {
                    return Ok(());
                }
                return Err(PerformError::Passing("the run is not launched yet".to_owned()));
            }
            Ok(runner.stop(&name)?)
        })
        .await?;
        Ok(Performed::nothing())
    }
}

/// What came of beginning a run.
enum Begun {
    /// It is launched, now or earlier: it may be over.
    Launched,
    /// There is nothing to wait for.
    Over(Box<Performed>),
}

impl Begun {
    fn over(performed: Performed) -> Self {
        Self::Over(Box::new(performed))
    }
}

/// The attempt of that number, unless it has ended.
fn current(facts: &TaskFacts, number: u32) -> Option<Attempt> {
    facts.attempt.clone().filter(|attempt| attempt.number == number && attempt.ended.is_none())
}

fn begin(
    context: &RepositoryContext,
    runner: &dyn Runner,
    facts: &TaskFacts,
    attempt: &Attempt,
    said: &str,
    changes: &Changes,
) -> Result<Begun, PerformError> {
    let name = RepositoryContext::run_name(&attempt.task, attempt.number);
    if runner.was_launched(&name)? {
        return Ok(Begun::Launched);
    }
    let folder = context.work_folder(&name);
    let ended = |end, cut_from| Performed::event(ended(attempt, end, None, None, cut_from));
    if let Some(over) = attempt.over.as_ref() {
        // Nobody knows any more where it was: it is not launched again for that.
        tracing::warn!(run = name, "there is nothing left to collect");
        return Ok(Begun::over(ended(over.how.clone(), attempt.start.clone())));
    }
    if attempt.stop_requested {
        return Ok(Begun::over(Performed { leftovers: vec![folder], ..ended(RunEnd::Stopped, None) }));
    }
    runner.room().map_err(PerformError::NoRoom)?;
    if let Some(end) = host_lacks(context, runner, attempt) {
        return Ok(Begun::over(ended(end, None)));
    }
    runner.ensure(&prepare(context, facts, attempt, &folder, &name, said)?).map_err(PerformError::Launch)?;
    // Whoever waits for its output has a log to watch from now on.
    changes.run_launched();
    Ok(Begun::Launched)
}

/// What this host lacks for the attempt's agent, whatever its task: nobody's retry is spent on that.
fn host_lacks(context: &RepositoryContext, runner: &dyn Runner, attempt: &Attempt) -> Option<RunEnd> {
    let agent = context.agents.get(&attempt.role)?;
    if let Err(reason) = agent.ready() {
        return Some(RunEnd::host_lacks(reason));
    }
    let credential = agent.credential()?;
    let reason = runner.can_use(&credential).err()?;
    Some(RunEnd::Unavailable { credential, until: None, reason })
}

/// Of a run that is over.
fn collect(context: &RepositoryContext, runner: &dyn Runner, facts: &TaskFacts, attempt: &Attempt) -> PerformResult {
    let name = RepositoryContext::run_name(&attempt.task, attempt.number);
    let folder = context.work_folder(&name);
    let ended = |end, evidence, usage, cut_from| ended(attempt, end, evidence, usage, cut_from);
    let report = runner.wait(&name)?;
    never_began(runner, &name, &report)?;
    let report = RunReport { end: with_set_up(runner, &name, &report)?, ..report };
    let words = words_of(context, runner, attempt, &folder, &name, &report)?;
    let usage = Some(used(context, attempt, words.usage, &report));
    let credential = context.agents.get(&attempt.role).and_then(|agent| agent.credential());
    let end = words.end.unwrap_or_else(|| report.end.clone());
    let report = RunReport { end: by_facts(end, &report.end, report.metered.as_ref(), credential), ..report };
    match bring_home::bring_home(context, runner, facts, attempt, &folder, &report) {
        Ok(None) => {
            tracing::warn!(run = name, "its place is gone, and nothing of it was brought home before: it is lost");
            Ok(Performed::event(ended(RunEnd::LOST, None, usage, None)))
        }
        Ok(Some((start, evidence))) => {
            // What a quarantined run left is still written to, and for people to look at.
            let leftovers = if report.end == RunEnd::Quarantined { Vec::new() } else { vec![folder] };
            Ok(Performed { leftovers, ..Performed::event(ended(report.end, evidence, usage, start)) })
        }
        // It ran and cost money, whatever becomes of its work.
        Err(error) => Err(PerformError::Half {
            error: Box::new(error),
            event: ended(report.end, None, usage, attempt.start.clone()),
        }),
    }
}

fn ended(
    attempt: &Attempt,
    end: RunEnd,
    evidence: Option<Evidence>,
    usage: Option<Usage>,
    cut_from: Option<CommitId>,
) -> Event {
    let event = TaskEvent::RunEnded { attempt: attempt.number, end, evidence, usage, cut_from, trouble: None };
    Event::Task { task: attempt.task.clone(), event }
}

/// Stops a run that nobody waits for any more; what it cost, if it was ever launched. Blocks until it has ended.
pub(crate) fn late_usage(
    context: &RepositoryContext,
    runner: &dyn Runner,
    attempt: &Attempt,
    name: &str,
) -> Result<Option<Usage>, PerformError> {
    if !runner.was_launched(name)? {
        return Ok(None);
    }
    runner.stop(name)?;
    let report = runner.wait(name)?;
    let words = words_of(context, runner, attempt, &context.work_folder(name), name, &report)?;
    Ok(Some(used(context, attempt, words.usage, &report)))
}

/// What a run used: as its proxy counted it, else as its agent told it.
fn used(context: &RepositoryContext, attempt: &Attempt, told: Usage, report: &RunReport) -> Usage {
    let agent = context.agents.get(&attempt.role).map(|agent| agent.name().to_owned());
    Usage { agent, ..report.metered.as_ref().map_or(told, |metered| metered.usage.clone()) }
}

/// A run that the machine could not start is not an end of the attempt: it is forgotten, and launched anew.
pub(crate) fn never_began(runner: &dyn Runner, name: &str, report: &RunReport) -> Result<(), PerformError> {
    match &report.end {
        RunEnd::SpawnFailed { reason, .. } if runner.forget_unstarted(name)? => {
            Err(PerformError::Passing(reason.clone()))
        }
        _ => Ok(()),
    }
}

/// Cut or continue the branch in a clone of its own, write the task file, and say how the agent is run.
fn prepare(
    context: &RepositoryContext,
    facts: &TaskFacts,
    attempt: &Attempt,
    folder: &Utf8Path,
    name: &str,
    said: &str,
) -> Result<RunOrder, PerformError> {
    let agent = context.agents.get(&attempt.role).ok_or_else(|| {
        PerformError::Lasting(format!(
            "no agent is configured for the role {}; name one under [agents] in the host file",
            attempt.role.name()
        ))
    })?;
    let start = match &attempt.start {
        Some(start) => start.clone(),
        None => context.forge.base()?.tip,
    };
    // The first run has just cut the branch at `start`, a commit of the base branch.
    let base = facts.task.base.as_ref().unwrap_or(&start);
    let prompt = prompt_of(context, facts, attempt, base)?;
    let place = bring_home::workplace(context, facts, attempt, folder, base)?;
    let below = work_item::documents_folder(&facts.task.work_item);
    let judges = judges(facts, attempt);
    let given = judges.then(|| Overlay { from: base.clone(), patterns: agent_files::patterns() });
    let start = context.workshop.prepare(&place, &start, &set_aside(facts, attempt, &below), given.as_ref())?;
    let Some((documents, written)) = work_folders::folder_inside(&place.directory, &below)? else {
        let at = context.forge.base()?;
        if let Some(trouble) = context.no_place_for_documents(&at.tip, &at.branch)? {
            let target = context.repository.to_string();
            return Err(PortError::of_target(ErrorKind::Refused, Port::Forge, target, trouble).into());
        }
        return Err(PerformError::Lasting(format!(
            "something on the way to {below} is no folder at {start}; remove it from the branch {}",
            place.branch
        )));
    };
    let own = folder.join(bring_home::OWN);
    let kept = Kept::of(context, &facts.task.id, attempt.role);
    let assignment = Assignment {
        task: facts.task.id.clone(),
        work_item: facts.task.work_item.clone(),
        role: attempt.role,
        stage: attempt.stage.clone(),
        attempt: attempt.number,
        directory: place.directory.clone(),
        task_file: folder.join("task.md"),
        documents,
        result_file: own.join("result.json"),
        home: kept.home(),
        prompt,
        resume: kept.resume(&**agent, folder)?,
    };
    std::fs::create_dir_all(&own)?;
    std::fs::create_dir_all(&assignment.home)?;
    let settings = context.settings_at(base)?;
    let file = (*settings).as_ref().ok();
    let named = file.map(|file| context.named_by_check(base, file)).transpose()?.unwrap_or_default();
    let stage = facts.pipeline.stage(&attempt.stage);
    let sets_up = stage.is_none_or(Stage::sets_up);
    let lent = cache::lent(file.filter(|_| sets_up), context.program.cache.as_ref());
    let offered = orch_check::offer(context, facts, &place, &start, folder, &lent.environment)?.transpose()?;
    let known = known::section(file, &named, &context.program, base, sets_up, offered.is_some());
    std::fs::write(&assignment.task_file, task_file::render(facts, attempt, &start, &written) + &known + said)?;
    std::fs::write(assignment.prompt_file(), &assignment.prompt)?;
    std::fs::write(folder.join(bring_home::START_FILE), start.as_str())?;
    let launch = agent.launch(&assignment);
    for (path, text) in &launch.files {
        work_folders::write_inside(&assignment.home, path, text)?;
    }
    let keeps = given.map(|given| Keeps { patterns: given.patterns, repository: true, copy: folder.join(KEPT) });
    let environment = &context.program.check_environment;
    let snapshot = context.workshop.snapshot_command(&place, &start)?;
    let at = set_up::At { appears: context.program.appears.as_deref(), leaves: false };
    let set_up = set_up::of(file.filter(|_| sets_up), environment, &lent, keeps, &snapshot, &at);
    let mut told = vec![assignment.prompt_file(), assignment.task_file.clone()];
    told.extend(lent.files());
    // It reads what was fetched, and leaves nothing.
    let mut variables: BTreeMap<_, _> = launch.environment.into_iter().chain(lent.environment).collect();
    if let (Some(offered), Some(search)) = (&offered, variables.get_mut("PATH")) {
        *search = format!("{}:{search}", offered.folder);
    }
    told.extend(offered.into_iter().flat_map(|offered| offered.reads));
    Ok(RunOrder {
        name: name.to_owned(),
        ordered: Ordered::Agent,
        argv: launch.argv,
        directory: place.directory.clone(),
        appears: context.program.appears.clone(),
        environment: variables,
        set_up,
        result_file: Some(assignment.result_file),
        finish: vec![context.workshop.parcel_command(&place, &start)?],
        deadline_ms: context.program.run_deadline_ms,
        stall_ms: context.program.run_stall_ms,
        stop_grace_ms: context.program.stop_grace_ms,
        output_cap_bytes: context.program.output_cap_bytes,
        read_only: told,
        read_write: vec![own, assignment.home],
        model: launch.model,
        stop: launch.stop,
    })
}

/// Its role's words, the repository's own ones if its base branch has any.
fn prompt_of(
    context: &RepositoryContext,
    facts: &TaskFacts,
    attempt: &Attempt,
    base: &CommitId,
) -> Result<String, PerformError> {
    let stage = facts.pipeline.stage(&attempt.stage).ok_or_else(|| {
        PerformError::Lasting(format!("the pipeline of {} has no stage {}", facts.task.work_item, attempt.stage))
    })?;
    let own = OwnPrompt::read(&*context.workshop, base, attempt.role)?;
    let work_item = &facts.task.work_item;
    let subject = Subject { role: attempt.role, stage, pipeline: &facts.pipeline, work_item };
    Ok(prompt::render(&subject, own.as_ref()) + &prompt::memory(&*context.workshop, base)?)
}

/// Whether the attempt judges others' work: then what its agent reads by itself is the base branch's.
pub(super) fn judges(facts: &TaskFacts, attempt: &Attempt) -> bool {
    let stage = facts.pipeline.stage(&attempt.stage);
    stage.is_some_and(|stage| matches!(stage.kind, StageKind::Judge | StageKind::Check))
}

/// A judge's document of an earlier round must not lie there when the next one is asked: whatever stands there
/// afterwards is this attempt's word, even if it is the same to the letter (X13).
fn set_aside(facts: &TaskFacts, attempt: &Attempt, folder: &str) -> Vec<String> {
    let judges = |stage: &&Stage| matches!(stage.kind, StageKind::Judge | StageKind::Check);
    let documents = facts.pipeline.stage(&attempt.stage).filter(judges).map(|stage| stage.documents.as_slice());
    let plain = documents.unwrap_or_default().iter().filter(|pattern| !pattern.contains('*'));
    plain.map(|name| format!("{folder}/{name}")).collect()
}

/// What the agent's own words say of its run.
fn words_of(
    context: &RepositoryContext,
    runner: &dyn Runner,
    attempt: &Attempt,
    folder: &Utf8Path,
    name: &str,
    report: &RunReport,
) -> Result<AgentReport, PerformError> {
    let Some(agent) = context.agents.get(&attempt.role) else { return Ok(AgentReport::default()) };
    let result = report.result.as_ref().and_then(|result| result.as_ref().ok());
    if matches!(report.end, RunEnd::SpawnFailed { .. }) {
        return Ok(AgentReport::default());
    }
    let resumed = Kept::resumed(&**agent, folder)?;
    let mut output = runner.raw_output(name)?;
    let words = agent.report(&report.end, result, resumed.as_deref(), &mut *output);
    Kept::of(context, &attempt.task, attempt.role).leave(&**agent, words.session.as_deref())?;
    Ok(words)
}

/// How the run ended: one whose set-up failed never had an agent, unless its model was asked, which costs money.
fn with_set_up(runner: &dyn Runner, name: &str, report: &RunReport) -> Result<RunEnd, PerformError> {
    let asked = report.metered.as_ref().is_some_and(|metered| metered.requests > 0);
    Ok(match set_up::failed(runner, name, report)? {
        Some(reason) if asked => RunEnd::Failed { reason },
        Some(reason) => RunEnd::not_started(reason),
        None => report.end.clone(),
    })
}
