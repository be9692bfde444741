//! `orch-check`: what an agent asks before it ends. The very gates of its stage, asked within its run about what lies in its
//! clone, so that a slip costs a minute and not an attempt.
//!
//! What is needed for that is written beside the task file when the run is made. Nothing of what it says is believed
//! afterwards: when the run is over the service asks for itself.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use orch_ports::PortResult;
use orch_ports::workshop::{Lookout, Overlay, Workplace};
use orch_rules::attempt::Evidence;
use orch_rules::check::{Check, CheckKey, CheckOutcome};
use orch_rules::decide::gates_if_ended;
use orch_rules::facts::{Moment, Policy, TaskFacts};
use orch_rules::gate::{GateResult, Outcome, Want};
use orch_rules::ids::{CheckId, CommitId};
use orch_rules::repository_file::RepositoryFile;
use orch_rules::scope::Scope;
use serde::{Deserialize, Serialize};

use crate::perform::check_terms;
use crate::repository_context::{Program, RepositoryContext};

/// The command's name.
pub const COMMAND: &str = "orch-check";
/// The hidden subcommand that it is.
pub const SUBCOMMAND: &str = "gates-here";
/// Folder of the command in an attempt's place; what it needs lies beside that.
const FOLDER: &str = "bin";
const SHEET: &str = "check.json";

/// What the command needs, as it is written into an attempt's place.
#[derive(Debug, Serialize, Deserialize)]
pub struct CheckSheet {
    facts: TaskFacts,
    place: Workplace,
    start: CommitId,
    lookout: Lookout,
    /// The path that the run knows its clone by, where it has files of its own.
    appears: Option<Utf8PathBuf>,
    /// The environment of tests.
    environment: BTreeMap<String, String>,
    /// Names of variables that the run has besides, and tests have too.
    lent: Vec<String>,
}

/// The tests as the line will run them.
#[derive(Debug)]
pub struct TestsToBe {
    /// Settings of the base branch.
    pub file: RepositoryFile,
    /// Their test command.
    pub command: String,
    /// What comes from the base branch.
    pub overlay: Option<Overlay>,
}

/// What the run that is made gets of the command.
pub(crate) struct Offered {
    /// First on the path of the agent's programs.
    pub folder: Utf8PathBuf,
    /// What the run has to be able to read.
    pub reads: Vec<Utf8PathBuf>,
}

/// Writes command and sheet into the place of an attempt; `None` where there is nothing that could be asked.
///
/// # Errors
/// What keeps it from being written.
pub(crate) fn offer(
    context: &RepositoryContext,
    facts: &TaskFacts,
    place: &Workplace,
    start: &CommitId,
    folder: &Utf8Path,
    lent: &BTreeMap<String, String>,
) -> PortResult<Option<io::Result<Offered>>> {
    let Program { own, check_environment, appears, .. } = &context.program;
    let (Some(own), Some(lookout)) = (own, context.workshop.lookout(place, start)?) else { return Ok(None) };
    let sheet = CheckSheet {
        // Of the host and of others nothing is told.
        facts: TaskFacts { policy: Policy::default(), outages: Vec::new(), ..facts.clone() },
        place: place.clone(),
        start: start.clone(),
        lookout,
        appears: appears.clone(),
        environment: check_environment.clone(),
        lent: lent.keys().cloned().collect(),
    };
    Ok(Some(write(&sheet, own, folder)))
}

fn write(sheet: &CheckSheet, own: &Utf8Path, folder: &Utf8Path) -> io::Result<Offered> {
    let (programs, file) = (folder.join(FOLDER), folder.join(SHEET));
    std::fs::write(&file, serde_json::to_vec(sheet)?)?;
    std::fs::create_dir_all(&programs)?;
    let command = programs.join(COMMAND);
    let quoted = |path: &Utf8Path| format!("'{}'", path.as_str().replace('\'', r"'\''"));
    std::fs::write(&command, format!("#!/bin/sh\nexec {} {SUBCOMMAND} {} \"$@\"\n", quoted(own), quoted(&file)))?;
    std::fs::set_permissions(&command, std::fs::Permissions::from_mode(0o755))?;
    Ok(Offered { reads: vec![programs.clone(), file, own.to_owned()], folder: programs })
}

impl CheckSheet {
    /// Reads it.
    ///
    /// # Errors
    /// In words.
    pub fn read(file: &Utf8Path) -> Result<Self, String> {
        let text = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
        serde_json::from_slice(&text).map_err(|error| format!("{file}: {error}; it was written by another release"))
    }

    /// The clone, as this run knows it.
    pub fn clone_folder(&self) -> &Utf8Path {
        let real = &self.place.directory;
        self.appears.as_deref().filter(|_| !real.is_dir()).unwrap_or(real)
    }

    /// Where the objects are that the clone borrows, the base branch, and where it was.
    pub fn lookout(&self) -> &Lookout {
        &self.lookout
    }

    /// What the set-up was noted to have left; it may not be there.
    pub fn noted(&self) -> String {
        format!("{}.begin", self.place.parcel)
    }

    /// The command that packs what lies in the clone into `parcel`.
    pub fn packing(&self, parcel: &str) -> Vec<String> {
        let word = |word: &String| if *word == self.lookout.parcel { parcel.to_owned() } else { word.clone() };
        self.lookout.command.iter().map(word).collect()
    }

    /// The environment of tests; `own` gives the variables of this process: what was made for the run alone is known there.
    pub fn environment(&self, own: &dyn Fn(&str) -> Option<String>) -> BTreeMap<String, String> {
        const RUNS: [&str; 15] = [
            "HOME",
            "TMPDIR",
            "USER",
            "LOGNAME",
            "CARGO_HOME",
            "RUSTUP_HOME",
            "GIT_CONFIG_NOSYSTEM",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "http_proxy",
            "https_proxy",
            "NO_PROXY",
            "no_proxy",
            "ORCH_RUN_ID",
            "ORCH_RUN_MARK",
        ];
        let names = RUNS.into_iter().chain(self.lent.iter().map(String::as_str));
        let runs = names.filter_map(|name| Some((name.to_owned(), own(name)?)));
        let mut environment = self.environment.clone();
        environment.extend(runs.collect::<Vec<_>>());
        environment
    }

    /// What git says of what was packed into `parcel`, as it would be said if the attempt ended now.
    ///
    /// # Errors
    /// In words.
    pub fn evidence(&self, context: &RepositoryContext, parcel: &Utf8Path) -> Result<Evidence, String> {
        let place = Workplace { parcel: parcel.to_owned(), packed_again: true, ..self.place.clone() };
        let facts = &self.facts;
        let stage = facts.attempt.as_ref().and_then(|attempt| facts.pipeline.stage(&attempt.stage));
        let stage = stage.ok_or("the task stands in no stage that this release knows")?;
        let scope = Scope::of(&facts.pipeline, stage, &facts.task.work_item);
        let collected = context.workshop.collect(&place, &self.start, &scope);
        collected.and_then(|collected| context.look_at_change(collected)).map_err(|error| error.to_string())
    }

    /// What the gates would say; `tested`: what the tests said of it, with the end of what they printed.
    pub fn gates(&self, evidence: &Evidence, tested: Option<(CheckOutcome, String)>) -> Vec<GateResult> {
        let mut facts = self.facts.clone();
        let now = facts.attempt.as_ref().map(|attempt| attempt.requested_at).unwrap_or_default();
        facts.checks.extend(tested.map(|(outcome, excerpt)| Check {
            id: CheckId::from(COMMAND),
            repository: facts.task.repository.clone(),
            task: facts.task.id.clone(),
            commit: evidence.head.clone(),
            key: CheckKey::Code(evidence.code.clone()),
            requested_at: now,
            outcome: Some(outcome),
            excerpt,
            first_red: None,
            asked_by: None,
            ended_at: Some(now),
            beyond: Default::default(),
        }));
        gates_if_ended(facts, evidence.clone(), Moment { now })
    }

    /// The tests, if a gate wants them here and nothing is red without them; in words why they cannot be run.
    ///
    /// # Errors
    /// The workshop's.
    pub fn tests(
        &self,
        context: &RepositoryContext,
        said: &[GateResult],
    ) -> PortResult<Option<Result<TestsToBe, String>>> {
        let wanted = said.iter().any(|gate| gate.wants == Some(Want::Check));
        if !wanted || said.iter().any(|gate| gate.outcome == Outcome::Fail) {
            return Ok(None);
        }
        Ok(check_terms(context, context.workshop.known_base()?, &self.facts)?.transpose())
    }
}
