//! Figures of git (`cargo xtask bench`).
//!
//! `collect_one_line`: bringing home a change of one line in a repository of 30,000 files, from the end of the agent to the
//! evidence, against what a person would type (`git commit --all`); of that `pack_one_line` within the run and
//! `take_in_one_line` in the service. Medians.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Instant, SystemTime};

use orch_git::{
    BranchName, CloneRequest, CollectLimits, CollectRequest, DocumentLimits, EvidenceRequest, Forge, Git, Identity,
    Origin, ParcelRequest, RepoPath, Signature, TaskKey,
};

/// Files of the repository, so many in a folder.
const FILES: (usize, usize) = (30_000, 30);
/// Attempts that are timed.
const ROUNDS: u64 = 11;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let names: Vec<_> = std::env::args().skip(1).collect();
    let own = ["collect_one_line", "pack_one_line", "take_in_one_line"];
    if !names.is_empty() && !own.iter().any(|one| names.iter().any(|name| name == one)) {
        return ExitCode::SUCCESS;
    }
    match one_line() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&*error),
    }
}

fn one_line() -> Outcome<()> {
    let place = tempfile::tempdir()?;
    let source = place.path().join("source");
    written(&source)?;
    let search = std::env::var_os("PATH").unwrap_or_default();
    let origin = Origin { source: source.clone(), base: BranchName::new("main")? };
    let made = Forge::create_from(&Git::detect(search)?, origin, &place.path().join("forge.git"), SystemTime::now())?;
    let (mut packing, mut taking, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for attempt in 1..=ROUNDS {
        let (pack, take) = collected(&made.forge, place.path(), attempt)?;
        packing.push(pack);
        taking.push(take);
        changed(&source, attempt + 100)?;
        let begun = Instant::now();
        git(&source, &["commit", "--quiet", "--all", "--message", "one line"])?;
        bare.push(since(begun));
    }
    let both = packing.iter().zip(&taking).map(|(one, other)| one + other).collect();
    tell("collect_one_line", median(both), Some(median(bare)), "[{\"value_at_most\":150.0}]");
    tell("pack_one_line", median(packing), None, "[]");
    tell("take_in_one_line", median(taking), None, "[]");
    Ok(())
}

/// Milliseconds within the run, and in the service.
fn collected(forge: &Forge, place: &Path, attempt: u64) -> Outcome<(f64, f64)> {
    let main = forge.tip(&BranchName::new("main")?)?.ok_or("main is gone")?;
    let (clone, parcel) = (place.join(format!("clone {attempt}")), place.join(format!("parcel {attempt}")));
    let (task, documents) = (TaskKey::new("T-1")?, RepoPath::new("docs/work-items/T-1")?);
    let (branch, identity) = (BranchName::new("feature/T-1-x")?, Identity::new("Robot", "robot@example.org")?);
    forge.clone_attempt(CloneRequest {
        task: &task,
        attempt,
        commit: &main,
        base: Some(&main),
        branch: &branch,
        folder: &clone,
        identity: &identity,
    })?;
    changed(&clone, attempt)?;
    let command = forge.parcel_command(ParcelRequest {
        parcel: &parcel,
        start: &main,
        base: Some(&main),
        documents: &documents,
        branch: &branch,
        overlaid: false,
    });
    let begun = Instant::now();
    let status = Command::new(&command[0]).args(&command[1..]).current_dir(&clone).status()?;
    let packing = since(begun);
    if !status.success() {
        return Err("it was not packed".into());
    }
    let begun = Instant::now();
    let delivered = forge.collect(CollectRequest {
        parcel: &parcel,
        task: &task,
        attempt,
        start: &main,
        main: &main,
        documents: &documents,
        owns: &|_, _| true,
        message: "what it left",
        by: &Signature { identity, seconds: 1 },
        limits: CollectLimits::default(),
        packed_again: false,
    })?;
    let (limits, is_test) = (DocumentLimits::default(), |_: &str| false);
    let found = forge.evidence(EvidenceRequest {
        start: &main,
        main: &main,
        head: &delivered.head,
        documents: &documents,
        limits,
        is_test,
    })?;
    let taking = since(begun);
    if found.changed.len() != 1 {
        return Err(format!("{} files changed", found.changed.len()).into());
    }
    Ok((packing, taking))
}

fn written(source: &Path) -> Outcome<()> {
    for number in 0..FILES.0 {
        let folder = source.join(format!("part-{}/deep", number / FILES.1));
        if number % FILES.1 == 0 {
            std::fs::create_dir_all(&folder)?;
        }
        std::fs::write(folder.join(format!("file-{number}.txt")), format!("file {number}\n").repeat(20))?;
    }
    for words in [
        &["init", "--quiet", "--initial-branch=main"][..],
        &["config", "user.name", "Uma"],
        &["config", "user.email", "uma@example.org"],
        &["add", "--all"],
        &["commit", "--quiet", "--message", "all of it"],
    ] {
        git(source, words)?;
    }
    Ok(())
}

fn changed(folder: &Path, how: u64) -> Outcome<()> {
    let file = folder.join("part-7/deep/file-217.txt");
    let text = std::fs::read_to_string(&file)?;
    Ok(std::fs::write(file, text + &format!("line {how}\n"))?)
}

fn git(folder: &Path, words: &[&str]) -> Outcome<()> {
    let status = Command::new("git").args(words).current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").status()?;
    if status.success() { Ok(()) } else { Err(format!("git {} failed", words.join(" ")).into()) }
}

fn since(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn tell(name: &str, value: f64, baseline: Option<f64>, goals: &str) {
    let baseline = baseline.map_or("null".to_owned(), |ms| ms.to_string());
    println!("{{\"name\":\"{name}\",\"value\":{value},\"unit\":\"ms\",\"baseline\":{baseline},\"goals\":{goals}}}");
}

#[expect(clippy::print_stderr, reason = "whoever measures must hear why there is no figure")]
fn complain(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("{error}");
    ExitCode::FAILURE
}
