//! `cargo xtask chaos --seconds N`: kills and faults of the machine over two repositories with a stream of issues, until
//! the time is up; then peace, and a look from outside at everything that was accepted.

mod blow;
mod clock;
mod look;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use self::blow::{BLOWS, Blow, Dice};
use self::clock::{Clock, JUMPS};
use super::audit::processes;
use crate::sandbox::http::{self, Request};
use crate::sandbox::{Running, Sandbox};
use crate::{interrupt, process};

/// The line: what one agent makes lands.
const PIPELINE: &str = include_str!("storm_pipeline.toml");
/// The agent, the test command and the git of a storm.
const AGENT: &str = include_str!("storm_agent.sh");
const GIT: &str = include_str!("storm_git.sh");
/// An answer of the service.
const ANSWER: Duration = Duration::from_secs(20);
/// After the last fault everything that was accepted has so long to end.
const PEACE: Duration = Duration::from_secs(300);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Rounds by what happened in them.
    pub rounds: BTreeMap<String, u32>,
    /// What could not be done on this machine.
    pub not_run: BTreeSet<String>,
    /// Counts of what was seen at the end.
    pub counts: BTreeMap<&'static str, usize>,
    /// Runs by the level they were confined to.
    pub levels: BTreeMap<String, usize>,
    /// What must not be, in words.
    pub violations: Vec<String>,
}

impl Outcome {
    /// The last line.
    pub fn json(&self, seed: u64) -> Value {
        json!({
            "seed": seed, "rounds": self.rounds.values().sum::<u32>(), "by_kind": self.rounds, "counts": self.counts,
            "levels": self.levels, "not_run": self.not_run, "violations": self.violations,
        })
    }
}

struct Storm<'s> {
    sandbox: &'s Sandbox,
    running: Option<Running>,
    dice: Dice,
    /// Key of every request, with the task once it was accepted.
    orders: BTreeMap<String, Option<String>>,
    outcome: Outcome,
    /// The state folder is a small file system of its own.
    small_disk: bool,
    /// Made so far.
    backups: u32,
    /// Its wall clock, where it can be had.
    clock: Option<Clock>,
    /// Descriptors the next service gets; 0: as many as we have.
    descriptors: u32,
    /// Services started so far: every other one confines its runs as far as this machine can.
    starts: u32,
    /// What had run when a backup was put back: it runs again.
    ran_before: Vec<String>,
    /// What each run has said, by the name of its directory.
    heard: BTreeMap<String, String>,
    /// What the runs of tests that ended well are called by: the beginning of the commit.
    green: BTreeSet<String>,
}

/// Rounds until the time is up, or so many; then the look from outside.
///
/// # Errors
/// If the sandbox cannot be made, or the service cannot be started in peace.
pub fn run(binary: &Path, time: Duration, most_rounds: u32, seed: u64) -> Result<Outcome> {
    let sandbox = Sandbox::with_agent(binary, AGENT, "true")?;
    prepare(&sandbox)?;
    let disk = Disk::small(&sandbox.path("state"));
    let mut storm = Storm {
        sandbox: &sandbox,
        running: None,
        small_disk: disk.0.is_some(),
        backups: 0,
        dice: Dice(seed),
        orders: BTreeMap::new(),
        outcome: Outcome::default(),
        descriptors: 0,
        starts: 0,
        ran_before: Vec::new(),
        heard: BTreeMap::new(),
        green: BTreeSet::new(),
        clock: Clock::made(sandbox.folder(), binary)?,
    };
    let begun = Instant::now();
    let (mut round, mut deck) = (0, Vec::new());
    while begun.elapsed() < time && round < most_rounds && !interrupt::happened() {
        if deck.is_empty() {
            deck = storm.dice.shuffled(BLOWS);
        }
        let blow = deck.pop().unwrap_or(Blow::Service);
        storm.round(round, blow)?;
        round += 1;
    }
    storm.peace()?;
    let Storm { outcome, .. } = storm;
    if !outcome.violations.is_empty() {
        std::mem::forget(disk);
        eprintln!("the sandbox is kept: {}", sandbox.keep().display());
    }
    Ok(outcome)
}

/// A file system of its own that is small enough to be filled.
struct Disk(Option<PathBuf>);

impl Disk {
    fn small(folder: &Path) -> Self {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=96m,mode=0700", "tmpfs"]).arg(folder);
        let made = fs::create_dir_all(folder).is_ok() && process::succeeds(&mut mount);
        Self(made.then(|| folder.to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Some(folder) = &self.0 {
            let _ = process::succeeds(Command::new("umount").arg("-l").arg(folder));
        }
    }
}

fn prepare(sandbox: &Sandbox) -> Result<()> {
    let real = process::read(Command::new("/bin/sh").args(["-c", "command -v git"]))?;
    let filled = |text: &str| {
        text.replace("@REAL@", real.trim()).replace("@FAULT@", &sandbox.path("fault").display().to_string())
    };
    fs::write(sandbox.path("agent.sh"), AGENT)?;
    fs::create_dir_all(sandbox.path("bin"))?;
    program(&sandbox.path("bin/git"), &filled(GIT))?;
    // The test command says which commit it was run on.
    let test = filled("\"echo tested $('@REAL@' rev-parse HEAD)\"");
    let settings = fs::read_to_string(sandbox.path("repository/.orch/orch.toml"))?;
    let tested = settings.replace("\"true\"", &test);
    anyhow::ensure!(tested != settings, "the test command is not where it was: {settings}");
    sandbox.commit_file(".orch/pipeline.toml", PIPELINE)?;
    sandbox.commit_file(".orch/orch.toml", &tested)?;
    sandbox.second("other", "OTH")
}

fn program(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}

impl Storm<'_> {
    fn round(&mut self, number: u32, blow: Blow) -> Result<()> {
        self.ensure_up()?;
        self.listen()?;
        for (repository, n) in [("repository", 0), ("other", 1)] {
            self.order(&format!("{repository} {number} {n}"), repository);
        }
        self.ask_again();
        thread::sleep(Duration::from_millis(20 + self.dice.roll(700)));
        match self.strike(blow)? {
            true => *self.outcome.rounds.entry(blow.name()).or_default() += 1,
            false => drop(self.outcome.not_run.insert(blow.name())),
        }
        Ok(())
    }

    /// Gives whether it could be done here.
    fn strike(&mut self, blow: Blow) -> Result<bool> {
        let long = Duration::from_millis(300 + self.dice.roll(1500));
        match blow {
            Blow::Service => self.kill(&["up"]),
            Blow::ServiceAndGits => self.kill(&["up", "git"]),
            Blow::Everything => self.kill(&["up", "git", "host", "supervise", "agent.sh"]),
            Blow::Host => self.kill(&["host"]),
            Blow::Supervisors => self.kill(&["supervise"]),
            Blow::Proxies => return self.kill_proxies(),
            Blow::Gits => self.kill(&["git"]),
            Blow::Stopped => self.running = None,
            Blow::Paused => self.signal(&["up"], Signal::STOP, long),
            Blow::Git(how) => {
                // One in three, for a while.
                fs::write(self.sandbox.path("fault"), how)?;
                thread::sleep(long + Duration::from_secs(1));
                fs::remove_file(self.sandbox.path("fault"))?;
            }
            Blow::Descriptors => {
                self.running = None;
                self.descriptors = 80;
                self.ensure_up()?;
                thread::sleep(long + Duration::from_secs(1));
                (self.running, self.descriptors) = (None, 0);
            }
            Blow::FullDisk => return self.fill_disk(long),
            Blow::OlderDatabase => return self.put_back(false),
            Blow::Restored => return self.put_back(true),
            Blow::Clock => return self.move_clock(long),
        }
        Ok(true)
    }

    fn kill(&mut self, kinds: &[&str]) {
        self.signal(kinds, Signal::KILL, Duration::ZERO);
        if kinds.contains(&"up") {
            self.running = None;
        }
    }

    /// Processes of the sandbox of these kinds: `up`, `host`, `supervise`, a script, `git` for every git of the service.
    fn signal(&self, kinds: &[&str], signal: Signal, long: Duration) {
        let all = processes(self.sandbox.folder());
        let is = |line: &str| {
            kinds.iter().any(|kind| match *kind {
                "git" => line.starts_with("git ") || line.contains("/git ") || line.contains("bin/git"),
                "agent.sh" => line.contains("agent.sh"),
                kind => line.split(' ').nth(1) == Some(kind),
            })
        };
        let own = self.running.as_ref().map(|running| running.pid);
        let picked = all.into_iter().filter(|(pid, line)| is(line) || (kinds.contains(&"up") && Some(*pid) == own));
        let picked: Vec<Pid> = picked.filter_map(|(pid, _)| Pid::from_raw(i32::try_from(pid).ok()?)).collect();
        for pid in &picked {
            let _ = kill_process(*pid, signal);
        }
        if signal == Signal::STOP {
            thread::sleep(long);
            for pid in &picked {
                let _ = kill_process(*pid, Signal::CONT);
            }
        }
    }

    /// The clock is away for a while, with a git that fails, so that something is put off by it; then it is right again.
    fn move_clock(&mut self, long: Duration) -> Result<bool> {
        let at = usize::try_from(self.dice.roll(1000)).unwrap_or(0) % JUMPS.len();
        let Some(clock) = &self.clock else { return Ok(false) };
        clock.jump(JUMPS[at])?;
        fs::write(self.sandbox.path("fault"), "fails")?;
        thread::sleep(long + Duration::from_secs(1));
        fs::remove_file(self.sandbox.path("fault"))?;
        clock.jump(0)?;
        Ok(true)
    }

    /// The state folder is a small disk of its own where that can be had; it fills, and has room again.
    fn fill_disk(&mut self, long: Duration) -> Result<bool> {
        let ballast = self.sandbox.path("state/ballast");
        if !self.small_disk {
            return Ok(false);
        }
        let mut fill = Command::new("dd");
        fill.args(["if=/dev/zero", "bs=64k"]).arg(format!("of={}", ballast.display()));
        // It ends with the disk.
        let _ = fill.stderr(std::process::Stdio::null()).status();
        thread::sleep(long + Duration::from_secs(1));
        fs::remove_file(&ballast)?;
        Ok(true)
    }

    /// A backup, some more work, and the backup put back: what landed meanwhile must be met again. `whole`: with its
    /// forges, as `orch restore` does; else the database alone, and the forges keep what landed.
    fn put_back(&mut self, whole: bool) -> Result<bool> {
        self.backups += 1;
        let backup = self.sandbox.path(&format!("backup-{}", self.backups));
        process::read(self.sandbox.orch().arg("backup").arg(&backup))?;
        thread::sleep(Duration::from_millis(500 + self.dice.roll(1500)));
        self.running = None;
        self.kill(&["host", "supervise", "agent.sh", "git"]);
        // What ran after the backup runs again: that is what an older database means.
        self.ran_before = self.said("ran ")?;
        if whole {
            process::read(self.sandbox.orch().arg("restore").arg(&backup))?;
        } else {
            let database = self.sandbox.path("state/orch.db");
            for suffix in ["-wal", "-shm"] {
                let _ = fs::remove_file(format!("{}{suffix}", database.display()));
            }
            fs::copy(backup.join("orch.db"), database)?;
        }
        Ok(true)
    }

    /// Only a run that is confined has one.
    fn kill_proxies(&mut self) -> Result<bool> {
        if !self.confined() {
            self.running = None;
            self.ensure_up()?;
        }
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            if processes(self.sandbox.folder()).iter().any(|(_, line)| line.split(' ').nth(1) == Some("egress")) {
                self.kill(&["egress"]);
                return Ok(true);
            }
            thread::sleep(LOOK / 10);
        }
        Ok(false)
    }

    /// Whether the service that runs now confines its runs.
    fn confined(&self) -> bool {
        self.starts.is_multiple_of(2)
    }

    fn ensure_up(&mut self) -> Result<()> {
        if self.running.as_mut().is_some_and(|running| !running.ended()) {
            return Ok(());
        }
        self.running = None;
        let path = format!("{}:{}", self.sandbox.path("bin").display(), std::env::var("PATH").unwrap_or_default());
        let begun = Instant::now();
        self.starts += 1;
        let (level, least) = if self.confined() { ("auto", "L0") } else { ("L0", "L0") };
        loop {
            let clock = self.clock.as_ref().map(Clock::variables);
            let mut variables = vec![
                ("PATH", path.as_str()),
                ("ORCH_CONFINEMENT_LEVEL", level),
                ("ORCH_CONFINEMENT_MIN", least),
                ("ORCH_BASE_CHECK_ENABLED", "false"),
                ("ORCH_MAX_CONCURRENCY", "4"),
                ("ORCH_FREE_DISK_FLOOR_MB", "8"),
            ];
            variables.extend(clock.iter().flatten().map(|(name, value)| (*name, value.as_str())));
            let started = self.sandbox.up_with(&variables, self.descriptors);
            match started {
                Ok(running) => {
                    self.running = Some(running);
                    return Ok(());
                }
                // One that was killed still holds the lock for a moment, or its fault goes on.
                Err(error) if begun.elapsed() > Duration::from_secs(60) => return Err(error),
                Err(_) => thread::sleep(LOOK),
            }
        }
    }

    fn ask(&self, path: &str, body: Option<&Value>, key: Option<&str>) -> Result<(u16, Value)> {
        let running = self.running.as_ref().context("nobody runs")?;
        let token = fs::read_to_string(self.sandbox.path("state/token"))?;
        http::ask(running.port, token.trim(), &Request { path, body, key }, ANSWER)
    }

    fn order(&mut self, key: &str, repository: &str) {
        let body =
            json!({"title": format!("Storm {key}"), "repository": repository, "description": "long enough to be read"});
        let known = self.orders.get(key).cloned().flatten();
        let answer = self.ask("/api/v1/tasks", Some(&body), Some(key));
        let accepted = match &answer {
            Ok((200 | 201, task)) => task["id"].as_str().map(str::to_owned),
            // It could not now, or it is stored and not decided yet: it is asked again.
            Ok((202 | 503 | 429, _)) | Err(_) => None,
            Ok((status, words)) => {
                self.outcome.violations.push(format!("{key} was refused: {status} {words}"));
                None
            }
        };
        if let (Some(known), Some(id)) = (&known, &accepted)
            && known != id
        {
            self.outcome.violations.push(format!("{key} was {known} and became {id}"));
        }
        self.orders.insert(key.to_owned(), accepted.or(known));
    }

    /// What nobody knows the answer of.
    fn ask_again(&mut self) {
        let open: Vec<String> = self.orders.iter().filter(|(_, id)| id.is_none()).map(|(key, _)| key.clone()).collect();
        for key in open.into_iter().take(5) {
            let repository = key.split(' ').next().unwrap_or_default().to_owned();
            self.order(&key, &repository);
        }
    }

    /// Everything that was accepted ends; then it is looked at.
    fn peace(&mut self) -> Result<()> {
        let _ = fs::remove_file(self.sandbox.path("fault"));
        self.running = None;
        self.ensure_up()?;
        // Orders that a restored backup forgot are given again: their keys are the same.
        for key in self.orders.keys().cloned().collect::<Vec<_>>() {
            let repository = key.split(' ').next().unwrap_or_default().to_owned();
            self.orders.insert(key.clone(), None);
            self.order(&key, &repository);
        }
        let begun = Instant::now();
        let tasks = loop {
            let (_, answer) = self.ask("/api/v1/tasks?ended=true&limit=1000", None, None)?;
            let tasks = answer["tasks"].as_array().cloned().unwrap_or_default();
            let rests = |task: &Value| task["ended"] == true || held(task);
            if tasks.iter().all(rests) || begun.elapsed() > PEACE || interrupt::happened() {
                break tasks;
            }
            thread::sleep(LOOK);
        };
        self.look(&tasks)?;
        self.running = None;
        let left = {
            let begun = Instant::now();
            loop {
                let found = processes(self.sandbox.folder());
                if found.is_empty() || begun.elapsed() > Duration::from_secs(20) {
                    break found;
                }
                thread::sleep(LOOK);
            }
        };
        if !left.is_empty() {
            self.outcome.violations.push(format!("processes left: {left:?}"));
        }
        Ok(())
    }
}

fn held(task: &Value) -> bool {
    let waits = task["waiting_on"].as_array().map_or(&[][..], Vec::as_slice);
    waits.iter().any(|wait| matches!(wait["kind"].as_str(), Some("held" | "human")))
}
