//! `orch-check` within a run: its stage's gates, asked about what lies in the clone now. It has the run's rights and no
//! others, writes into a temporary folder that goes with it, and what it says decides nothing.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use orch_engine::orch_check::{COMMAND, CheckSheet, TestsToBe};
use orch_engine::{Program, RepositoryContext};
use orch_git::{BranchName, CommitId, Forge, Git};
use orch_ports::runner::Keeps;
use orch_rules::attempt::Evidence;
use orch_rules::check::CheckOutcome;
use orch_rules::gate::{GateResult, Outcome};
use orch_rules::ids::RepositoryId;
use orch_vendors::forge::local::LocalForge;
use orch_vendors::runner::put_back;
use orch_vendors::workshop::{GitWorkshop, Opening};

/// Bytes of red tests' output that are told.
const TOLD: u64 = 6 * 1024;
/// What `timeout` ends with when the time was over.
const TOO_LONG: i32 = 124;

/// Asks, and says what the gates say. 0: nothing is red; 1: something is, or is not known; 2: they could not be asked.
pub fn run(sheet: &Utf8Path, tests: bool, env: &dyn Fn(&str) -> Option<String>) -> ExitCode {
    let (text, code) = match asked(sheet, tests, env) {
        Ok(said) => (said.text(), u8::from(!said.passes())),
        Err(problem) => (format!("{COMMAND}: the gates could not be asked: {problem}\n"), 2),
    };
    let text = orch_run::sanitize_for_terminal(text.as_bytes());
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::from(code),
        Err(_) => ExitCode::from(2),
    }
}

/// What came of it.
struct GatesSaid {
    gates: Vec<GateResult>,
    evidence: Evidence,
    /// What could not be looked at.
    passed_over: Vec<String>,
}

fn asked(sheet: &Utf8Path, tests: bool, env: &dyn Fn(&str) -> Option<String>) -> Result<GatesSaid, String> {
    let sheet = CheckSheet::read(sheet)?;
    let place = Place::make(env)?;
    let parcel = place.0.join("parcel");
    let passed_over = pack(&sheet, &parcel)?;
    let context = context(&sheet, &place.0.join("forge"), env)?;
    let evidence = sheet.evidence(&context, &parcel)?;
    let mut gates = sheet.gates(&evidence, None);
    let wanted = if tests { sheet.tests(&context, &gates).map_err(|error| error.to_string())? } else { None };
    if let Some(wanted) = wanted {
        let tested = match wanted {
            Err(reason) => (CheckOutcome::Unknown { reason }, String::new()),
            Ok(tests) => test(&sheet, &context, &evidence, &tests, &place.0, env)?,
        };
        gates = sheet.gates(&evidence, Some(tested));
    }
    Ok(GatesSaid { gates, evidence, passed_over })
}

/// A folder of a moment.
struct Place(Utf8PathBuf);

impl Place {
    fn make(env: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        let above = Utf8PathBuf::from(env("TMPDIR").unwrap_or_else(|| "/tmp".to_owned()));
        let folder = above.join(format!("{COMMAND}-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&folder).map_err(|error| format!("cannot make {folder}: {error}"))?;
        Ok(Self(folder))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What is left of it is in nobody's way, and goes with the run.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Packs what lies in the clone; the answer is what was passed over.
fn pack(sheet: &CheckSheet, parcel: &Utf8Path) -> Result<Vec<String>, String> {
    let noted = sheet.noted();
    if Path::new(&noted).is_dir() {
        symlink(&noted, format!("{parcel}.begin")).map_err(|error| format!("{parcel}.begin: {error}"))?;
    }
    let argv = sheet.packing(parcel.as_str());
    let (program, arguments) = argv.split_first().ok_or("there is no command that looks at the clone")?;
    let ended = Command::new(program).args(arguments).current_dir(sheet.clone_folder()).stdin(Stdio::null()).output();
    let ended = ended.map_err(|error| format!("cannot start {program}: {error}"))?;
    if !ended.status.success() {
        let words = String::from_utf8_lossy(&ended.stderr);
        return Err(words.lines().last().unwrap_or("it is not known why").to_owned());
    }
    let nested = fs::read(format!("{parcel}.nested")).unwrap_or_default();
    let nested = nested.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(nested.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}

/// The repository as the service knows it, in a forge of a moment that borrows what the clone borrows.
fn context(
    sheet: &CheckSheet,
    folder: &Utf8Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<RepositoryContext, String> {
    let lookout = sheet.lookout();
    let git = Git::detect(env("PATH").unwrap_or_default()).map_err(|error| error.to_string())?;
    let base = BranchName::new(lookout.base.clone()).map_err(|error| error.to_string())?;
    let main = CommitId::new(lookout.main.to_string()).map_err(|error| error.to_string())?;
    let forge = Forge::borrowing(&git, base, &main, lookout.objects.as_std_path(), folder.as_std_path());
    let opening = Arc::new(Opening::opened(forge.map_err(|error| error.to_string())?));
    Ok(RepositoryContext {
        repository: RepositoryId::from(COMMAND),
        workshop: Arc::new(GitWorkshop::new(Arc::clone(&opening))),
        forge: Arc::new(LocalForge::new(opening)),
        agents: Default::default(),
        work_folders: folder.to_owned(),
        program: Program::default(),
        deploys: None,
        bring_home: String::new(),
        settings: Default::default(),
        shown_by: Vec::new(),
    })
}

/// Set-up and test command on a clean checkout of what was packed.
fn test(
    sheet: &CheckSheet,
    context: &RepositoryContext,
    evidence: &Evidence,
    tests: &TestsToBe,
    place: &Utf8Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<(CheckOutcome, String), String> {
    let code = place.join("code");
    let checkout = context.workshop.checkout(&evidence.head, &code, tests.overlay.as_ref());
    checkout.map_err(|error| error.to_string())?;
    let environment = sheet.environment(env);
    let output = place.join("output");
    let shell = |seconds: u32, command: &str| -> Result<Option<i32>, String> {
        let failed = |error: io::Error| format!("cannot run the tests: {error}");
        let log = File::create(&output).map_err(failed)?;
        let mut process = Command::new("timeout");
        process.args(["-k", "5", &seconds.to_string(), "/bin/sh", "-c", command]).current_dir(&code);
        process.env_clear().envs(&environment).stdin(Stdio::null());
        process.stdout(log.try_clone().map_err(failed)?).stderr(log);
        Ok(process.status().map_err(failed)?.code())
    };
    let file = &tests.file;
    if let Some(command) = &file.setup_command {
        let patterns = tests.overlay.as_ref().map(|overlay| overlay.patterns.clone()).unwrap_or_default();
        let keeps = Keeps { patterns, repository: false, copy: place.join("kept") };
        let ended = put_back::through(code.as_std_path(), &keeps, || shell(file.setup_timeout_seconds, command))??;
        if ended != Some(0) {
            let reason = format!("the set-up of the clone failed: {}", how(ended, file.setup_timeout_seconds));
            return Ok((CheckOutcome::Unknown { reason }, tail(&output)));
        }
    }
    Ok(match shell(file.check_timeout_seconds, &tests.command)? {
        Some(0) => (CheckOutcome::Passed, String::new()),
        ended => {
            let reason = how(ended, file.check_timeout_seconds);
            let outcome = match ended {
                Some(126 | 127) => CheckOutcome::Unknown { reason: format!("it could not be run: {reason}") },
                _ => CheckOutcome::Failed { reason },
            };
            (outcome, tail(&output))
        }
    })
}

fn how(ended: Option<i32>, seconds: u32) -> String {
    match ended {
        Some(TOO_LONG) => format!("timed out after {seconds} s"),
        Some(code) => format!("exit code {code}"),
        None => "ended by a signal".to_owned(),
    }
}

/// The end of what was printed.
fn tail(output: &Utf8Path) -> String {
    let text = fs::read(output).unwrap_or_default();
    let from = text.len().saturating_sub(usize::try_from(TOLD).unwrap_or(usize::MAX));
    orch_run::sanitize_for_terminal(&text[from..])
}

impl GatesSaid {
    fn passes(&self) -> bool {
        self.gates.iter().all(|gate| !matches!(gate.outcome, Outcome::Fail | Outcome::Unknown))
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for GateResult { gate, outcome, reason, must_fix, .. } in &self.gates {
            let word = match outcome {
                Outcome::Pass => "green",
                Outcome::Fail => "RED",
                Outcome::Pending => "not asked",
                Outcome::Unknown => "UNKNOWN",
                Outcome::NeedsHuman => "a person decides",
            };
            text += &format!("{word}: {}: {reason}\n", gate.name());
            if must_fix != reason {
                must_fix.lines().for_each(|line| text += &format!("    {line}\n"));
            }
        }
        for line in &self.evidence.left_out {
            text += &format!("left out: {line}\n");
        }
        for folder in &self.passed_over {
            text += &format!(
                "not looked at: {folder} is a repository of its own; its files are taken when you have ended\n"
            );
        }
        text + match self.passes() {
            true => "Nothing is red. Nothing was changed; the machine asks again when you have ended.\n",
            false => "This would not pass. Nothing was changed; mend it, and ask again.\n",
        }
    }
}
