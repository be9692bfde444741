//! From the end of a run to what git says of its work. The run's last command has packed it; where that failed, which is
//! the machine's trouble, the command is run again, and nobody else's work with it.

use camino::Utf8Path;
use orch_ports::runner::{Ordered, RunOrder, RunReport, Runner};
use orch_ports::workshop::{Collected, Workplace};
use orch_rules::attempt::{Attempt, Evidence, RunEnd};
use orch_rules::facts::TaskFacts;
use orch_rules::ids::CommitId;
use orch_rules::port_error::ErrorKind;
use orch_rules::repository_file::RepositoryFile;
use orch_rules::scope::Scope;

use super::PerformError;
use crate::repository_context::RepositoryContext;

/// File beside the clone that tells where an attempt started, for a later process.
pub(super) const START_FILE: &str = "start";
/// What an agent may write besides its clone, inside an attempt's place.
pub(super) const OWN: &str = "own";
/// The clone inside an attempt's place.
const CODE: &str = "code";
/// The parcel, inside of what it may write.
const PARCEL: &str = "parcel";
/// What is not whole after so many packs is not whole in the clone.
const MOST_PACKED: u32 = 4;
/// Packing takes moments.
const PACKING_MS: u64 = 300_000;

/// Where an attempt started, and what git says it did.
pub(super) type BroughtHome = (Option<CommitId>, Option<Evidence>);

/// The place an attempt works in.
pub(super) fn workplace(
    context: &RepositoryContext,
    facts: &TaskFacts,
    attempt: &Attempt,
    folder: &Utf8Path,
    base: &CommitId,
) -> Result<Workplace, PerformError> {
    let work_item = &facts.task.work_item;
    let settings = context.settings_at(base)?;
    let largest_mb =
        settings.as_ref().as_ref().map_or_else(|_| RepositoryFile::default(), Clone::clone).deliver_file_mb;
    Ok(Workplace {
        packed_again: false,
        largest_file: u64::from(largest_mb) * 1_000_000,
        task: facts.task.id.clone(),
        work_item: work_item.clone(),
        attempt: attempt.number,
        branch: facts.task.branch.clone(),
        directory: folder.join(CODE),
        parcel: folder.join(OWN).join(PARCEL),
        overlaid: super::agent_run::judges(facts, attempt),
        message: format!("{work_item}: what the {} left\n\nRefs: {work_item}", attempt.role.name()),
        identity: RepositoryContext::identity(&settings),
        at: attempt.requested_at,
    })
}

/// Where it started, and what git says it did. A run that never started, or whose processes may still write, has
/// nothing to bring home.
///
/// `None`: its place is gone, and nothing of it was brought home before; or it stands on a commit that the forge does not
/// have. That is what a database or a forge that went back finds of what ran after it.
pub(super) fn bring_home(
    context: &RepositoryContext,
    runner: &dyn Runner,
    facts: &TaskFacts,
    attempt: &Attempt,
    folder: &Utf8Path,
    report: &RunReport,
) -> Result<Option<BroughtHome>, PerformError> {
    if matches!(report.end, RunEnd::SpawnFailed { .. } | RunEnd::Quarantined) {
        return Ok(Some((attempt.start.clone(), None)));
    }
    let stage = facts.pipeline.stage(&attempt.stage).ok_or_else(|| {
        PerformError::Lasting(format!("the pipeline of {} has no stage {}", facts.task.work_item, attempt.stage))
    })?;
    let scope = Scope::of(&facts.pipeline, stage, &facts.task.work_item);
    let Some(start) = started_at(folder)? else {
        let known = attempt.start.as_ref().or(facts.task.base.as_ref()).cloned();
        let base = known.map_or_else(|| Ok(context.forge.base()?.tip), Ok::<_, PerformError>)?;
        let place = workplace(context, facts, attempt, folder, &base)?;
        let Some((start, collected)) = context.workshop.brought_home(&place, &scope)? else { return Ok(None) };
        return Ok(Some((Some(start), Some(looked_at(context, collected, report)?))));
    };
    match taken_home(context, runner, facts, (attempt, &start), folder, report, &scope) {
        Err(_) if !context.workshop.contains(&start, &start)? => Ok(None),
        taken => taken.map(|evidence| Some((Some(start), Some(evidence)))),
    }
}

/// What was packed of the work, or is packed once more, as the forge has it now.
fn taken_home(
    context: &RepositoryContext,
    runner: &dyn Runner,
    facts: &TaskFacts,
    (attempt, start): (&Attempt, &CommitId),
    folder: &Utf8Path,
    report: &RunReport,
    scope: &Scope,
) -> Result<Evidence, PerformError> {
    let mut place = workplace(context, facts, attempt, folder, facts.task.base.as_ref().unwrap_or(start))?;
    place.packed_again = packed(runner, attempt) >= MOST_PACKED;
    let collected = match context.workshop.collect(&place, start, scope) {
        Err(error) if error.kind == ErrorKind::Missing => {
            let why = report.unfinished.as_ref().map_or(error.words.clone(), |end| format!("{error} ({end})"));
            tracing::warn!(task = %attempt.task, attempt = attempt.number, why, "what it left is packed again");
            pack_again(context, runner, attempt, &place, start)?;
            place.packed_again = packed(runner, attempt) >= MOST_PACKED;
            context.workshop.collect(&place, start, scope)?
        }
        collected => collected?,
    };
    // *Nothing* is a grave word, and a git that did not do what it said looks like it: it is believed when it comes twice.
    let collected = if report.end == RunEnd::Completed && found_nothing(&collected) {
        pack_again(context, runner, attempt, &place, start)?;
        context.workshop.collect(&place, start, scope)?
    } else {
        collected
    };
    looked_at(context, collected, report)
}

/// The evidence, with what the base branch's settings say of it. The patterns are the base branch's, so no change lifts its
/// own protection. An unusable file protects nothing that could be named: unknown, which never passes.
fn looked_at(context: &RepositoryContext, collected: Collected, report: &RunReport) -> Result<Evidence, PerformError> {
    let mut evidence = context.look_at_change(collected)?;
    evidence.level = report.level;
    Ok(evidence)
}

fn found_nothing(collected: &Collected) -> bool {
    let evidence = &collected.evidence;
    evidence.is_empty() && evidence.refused.is_empty() && evidence.left_out.is_empty()
}

fn packing(attempt: &Attempt, number: u32) -> String {
    format!("{}-pack-{number}", RepositoryContext::run_name(&attempt.task, attempt.number))
}

/// So often it was packed again.
fn packed(runner: &dyn Runner, attempt: &Attempt) -> u32 {
    (1..).take_while(|number| runner.exists(&packing(attempt, *number))).last().unwrap_or(0)
}

/// Runs the packing command as a run of its own, in the same place and as confined as the agent was. One that an earlier
/// process began is waited for.
fn pack_again(
    context: &RepositoryContext,
    runner: &dyn Runner,
    attempt: &Attempt,
    place: &Workplace,
    start: &CommitId,
) -> Result<(), PerformError> {
    let begun = packed(runner, attempt);
    if begun > 0 {
        runner.wait(&packing(attempt, begun))?;
    }
    let name = packing(attempt, begun + 1);
    runner.ensure(&RunOrder {
        name: name.clone(),
        ordered: Ordered::Agent,
        argv: context.workshop.parcel_command(place, start)?,
        directory: place.directory.clone(),
        appears: context.program.appears.clone(),
        environment: context.program.check_environment.clone(),
        set_up: None,
        result_file: None,
        finish: Vec::new(),
        deadline_ms: PACKING_MS,
        stall_ms: 0,
        stop_grace_ms: context.program.stop_grace_ms,
        output_cap_bytes: context.program.output_cap_bytes,
        read_only: Vec::new(),
        read_write: place.parcel.parent().map(Utf8Path::to_owned).into_iter().collect(),
        model: None,
        stop: Vec::new(),
    })?;
    match runner.wait(&name)?.end {
        RunEnd::Completed => Ok(()),
        end => {
            let last = runner.output_tail(&name, 1000).unwrap_or_default();
            let last = last.lines().last().unwrap_or_default().to_owned();
            Err(PerformError::Passing(format!(
                "the command that packs what attempt {} left: {end:?} {last}",
                attempt.number
            )))
        }
    }
}

/// `None`: the place is gone.
fn started_at(folder: &Utf8Path) -> Result<Option<CommitId>, PerformError> {
    let file = folder.join(START_FILE);
    match std::fs::read_to_string(&file) {
        Ok(text) => Ok(Some(CommitId::from(text.trim()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PerformError::Passing(format!("{file}: {error}"))),
    }
}
