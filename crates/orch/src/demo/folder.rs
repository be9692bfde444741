//! The throw-away folder: a project, settings and state of its own, and a script for the agent.
//!
//! ```text
//! orch-demo-XXXXXX/
//!   orch          this program with the folder's settings; type its path instead of `orch`
//!   tally/        the project: a git repository
//!   host.toml     settings
//!   state/        what the service keeps
//!   script.toml   what the agent does
//!   service.log   what the service says
//!   report.json   what became of every commit on main
//!   deploy        puts a release into production/
//!   production/   what runs
//! ```

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use orch_rules::repository_file::{REPOSITORY_FILE, RepositoryFile};
use orch_run::{Confinement, Trial};
use orch_testkit::git;
use orch_testkit::sample::{self, BASE_BRANCH, Issue, TEST_COMMAND};
use tempfile::TempDir;

use crate::exit::{Exit, Failure};

/// The project's name in commands.
pub const PROJECT: &str = "tally";
/// The local forge as a remote of the project.
const FORGE: &str = "orch";

/// The folder. Removed when dropped, unless it is to be kept.
pub struct Folder {
    held: TempDir,
    top: Utf8PathBuf,
    program: Utf8PathBuf,
    /// How the demo's runs are confined.
    level: Confinement,
}

/// The project's main branch before the issues, and after.
#[derive(Debug, Clone)]
pub struct Main {
    /// The project.
    pub repository: Utf8PathBuf,
    /// Its tip before the issues were opened.
    pub base: String,
    /// Its tip now.
    pub head: String,
}

/// The project is built and tested with real tools.
///
/// # Errors
/// [`Exit::Failed`] if one is missing.
pub fn look_for_tools(env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    for (tool, fix) in [("git", "install git 2.39 or newer"), ("cargo", "install Rust: https://rustup.rs")] {
        let why = match Command::new(tool).arg("--version").stdin(Stdio::null()).output() {
            Ok(asked) if asked.status.success() => continue,
            // In its own words: it may be there, and lack only a tool chain.
            Ok(asked) => String::from_utf8_lossy(&asked.stderr).trim().lines().next().unwrap_or_default().to_owned(),
            Err(error) => error.to_string(),
        };
        let path = env("PATH").unwrap_or_default();
        let what = format!("the demo needs `{tool}`, which does not run here: {why}");
        return Err(Failure::new(Exit::Failed, what).at(format!("PATH={path}")).fix(fix));
    }
    Ok(())
}

impl Folder {
    /// A new one, where temporary files belong.
    ///
    /// # Errors
    /// [`Exit::Failed`] if it cannot be made.
    pub fn create() -> Result<Self, Failure> {
        let failed = |e: std::io::Error| {
            Failure::new(Exit::Failed, format!("the folder of the demo cannot be made: {e}"))
                .at(std::env::temp_dir().display().to_string())
                .fix("name a writable folder in TMPDIR")
        };
        let no_text = || std::io::Error::other("its path is not UTF-8");
        let held = tempfile::Builder::new().prefix("orch-demo-").tempdir().map_err(failed)?;
        // Git and the service name folders without links in them.
        let top = held.path().canonicalize().map_err(failed)?;
        let top = Utf8PathBuf::from_path_buf(top).map_err(|_| failed(no_text()))?;
        let program = std::env::current_exe().map_err(failed)?;
        let program = Utf8PathBuf::from_path_buf(program).map_err(|_| failed(no_text()))?;
        if rustix::process::geteuid().is_root() {
            // The account of runs passes; what it may see inside has modes of its own.
            std::fs::set_permissions(&top, std::fs::Permissions::from_mode(0o711)).map_err(failed)?;
        }
        Ok(Self { held, top, program, level: Confinement::None })
    }

    /// Finds the strongest level at which the project's tools and the agent run in here, and says it in one sentence.
    ///
    /// # Errors
    /// [`Exit::Failed`] if not even an unconfined run can.
    pub fn choose_level(&mut self, env: &dyn Fn(&str) -> Option<String>) -> Result<String, Failure> {
        let both = r#"cargo --version > tried && "$0" --version >> tried"#;
        let command = ["/bin/sh", "-c", both, self.program.as_str()].map(str::to_owned);
        let named = |name: &&str| Some(((*name).to_owned(), env(name)?));
        let variables: Vec<(String, String)> = crate::wiring::TOOL_VARIABLES.iter().filter_map(named).collect();
        let state = self.state();
        let trial = Trial {
            user: None,
            program: self.program.as_std_path(),
            folder: state.as_std_path(),
            command: &command,
            env: &variables,
        };
        let failed = |why| Failure::new(Exit::Failed, format!("no run can start here: {why}")).at(self.top.as_str());
        let (level, _) = orch_run::find(None, Confinement::None, &trial).map_err(failed)?;
        self.level = level;
        let words = format!("Its runs are confined at {} ({})", level.name(), level.words());
        if level >= Confinement::Landlock {
            return Ok(format!("{words}."));
        }
        let why = orch_run::choose(None, Confinement::Landlock, &orch_run::available(&trial)).err().unwrap_or_default();
        Ok(format!("{words}: {why}."))
    }

    /// Its path.
    pub fn top(&self) -> &Utf8Path {
        &self.top
    }
    /// The project.
    pub fn project(&self) -> Utf8PathBuf {
        self.top.join(PROJECT)
    }
    /// What the service keeps.
    pub fn state(&self) -> Utf8PathBuf {
        self.top.join("state")
    }
    /// What the service says.
    pub fn log(&self) -> Utf8PathBuf {
        self.top.join("service.log")
    }
    /// What became of every commit on main.
    pub fn report(&self) -> Utf8PathBuf {
        self.top.join("report.json")
    }
    /// The program with this folder's settings, as a person types it.
    pub fn command(&self) -> Utf8PathBuf {
        self.top.join("orch")
    }
    /// The local forge: a bare repository.
    pub fn forge(&self) -> Utf8PathBuf {
        self.state().join("forge").join(format!("{PROJECT}.git"))
    }

    /// This program, working on this folder alone: none of the person's settings reach it.
    pub fn orch(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(self.project()).args(arguments).stdin(Stdio::null());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ORCH_")) {
            command.env_remove(name);
        }
        command.envs(self.settings());
        // Its agent is a script of ours: it may be seen wherever it runs, confined as well as the machine can.
        command.env("ORCH_CONFINEMENT_LEVEL", self.level.name()).env("ORCH_CONFINEMENT_MIN", "L0");
        // The person's git configuration may sign commits or run hooks.
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        command
    }

    fn settings(&self) -> [(&'static str, Utf8PathBuf); 2] {
        [("ORCH_CONFIG", self.top.join("host.toml")), ("ORCH_STATE_DIR", self.state())]
    }

    /// Puts the project and everything the demo needs into it. Returns the commit that main stands on.
    ///
    /// # Errors
    /// [`Exit::Failed`] with what could not be done.
    pub fn furnish(&self, issues: &[Issue]) -> Result<String, Failure> {
        sample::create(self.project().as_std_path()).map_err(|e| Failure::new(Exit::Failed, e.to_string()))?;
        let script = self.top.join("script.toml");
        let text = toml::to_string(&sample::script(issues))
            .map_err(|e| Failure::new(Exit::Internal, format!("the demo's script cannot be written: {e}")))?;
        write(&script, &text)?;
        let [(config, host), (state, kept)] = self.settings();
        let command = format!(
            "#!/bin/sh\n# The demo's own orch: none of your settings, none of your data.\n{config}={} {state}={} exec {} \"$@\"\n",
            quoted(&host)?,
            quoted(&kept)?,
            quoted(&self.program)?
        );
        write(&self.command(), &command)?;
        std::fs::set_permissions(self.command(), std::fs::Permissions::from_mode(0o755))
            .map_err(|e| unwritten(&self.command(), &e))?;
        // An agent gets no variable that is not named; `env` hands it the one it needs.
        let agent = format!(
            "/usr/bin/env {} {} scripted-agent",
            quoted_text(&format!("ORCH_SCRIPT={script}"))?,
            quoted(&self.program)?
        );
        let arguments = ["init", "--yes", "--json", "--id", PROJECT, "--test", TEST_COMMAND, "--agent-command", &agent];
        let made = self.orch(&arguments).output();
        let made = made.map_err(|e| Failure::new(Exit::Failed, format!("this program cannot start itself: {e}")))?;
        if !made.status.success() {
            let said = String::from_utf8_lossy(&made.stderr);
            return Err(Failure::new(Exit::Failed, format!("orch init failed: {}", said.trim())));
        }
        self.protect(sample::PROTECTED)?;
        self.git(&["rev-parse", BASE_BRANCH])
    }

    /// From now on a change to `path` asks a person, as one to the settings does.
    fn protect(&self, path: &str) -> Result<(), Failure> {
        let file = self.project().join(REPOSITORY_FILE);
        let text = std::fs::read_to_string(&file).map_err(|e| unwritten(&file, &e))?;
        let mut paths = RepositoryFile::default().protect_paths;
        paths.push(path.to_owned());
        let listed: Vec<String> = paths.iter().map(|path| format!("\"{path}\"")).collect();
        let changed = text.replacen("[protect]\n", &format!("[protect]\npaths = [{}]\n", listed.join(", ")), 1);
        write(&file, &changed)?;
        self.git(&["commit", "--quiet", "--message", &format!("Protect {path}"), "--", REPOSITORY_FILE])?;
        Ok(())
    }

    /// Git in the project.
    ///
    /// # Errors
    /// [`Exit::Failed`] with what git says.
    pub fn git(&self, arguments: &[&str]) -> Result<String, Failure> {
        git(self.project().as_std_path(), arguments).map_err(|e| Failure::new(Exit::Failed, e.to_string()))
    }

    /// Does what `orch show` says brings the work home, and says where main stands then.
    ///
    /// # Errors
    /// [`Exit::Failed`] with what git says.
    pub fn bring_home(&self, base: String) -> Result<Main, Failure> {
        self.git(&["pull", "--quiet", "--ff-only", FORGE, BASE_BRANCH])?;
        let head = self.git(&["rev-parse", "HEAD"])?;
        Ok(Main { repository: self.project(), base, head })
    }

    /// It stays.
    pub fn keep(&mut self) {
        self.held.disable_cleanup(true);
    }

    /// It goes.
    ///
    /// # Errors
    /// [`Exit::Failed`] if something in it cannot be removed.
    pub fn remove(self) -> Result<(), Failure> {
        let top = self.top.clone();
        let first = self.held.close();
        // A process that is just ending may have written in between.
        let again = |_| if top.exists() { std::fs::remove_dir_all(&top) } else { Ok(()) };
        first.or_else(again).map_err(|e| {
            Failure::new(Exit::Failed, format!("the folder of the demo cannot be removed: {e}"))
                .at(top.as_str())
                .fix(format!("remove it yourself: rm -rf {top}"))
        })
    }
}

fn write(file: &Utf8Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text).map_err(|e| unwritten(file, &e))
}

/// A file of the folder could not be written.
pub fn unwritten(file: &Utf8Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("a file of the demo cannot be written: {error}"))
        .at(file.as_str())
        .fix("look for free space; another place can be named in TMPDIR")
}

fn quoted(path: &Utf8Path) -> Result<String, Failure> {
    quoted_text(path.as_str())
}

/// As a shell reads it back.
fn quoted_text(text: &str) -> Result<String, Failure> {
    shlex::try_quote(text)
        .map(std::borrow::Cow::into_owned)
        .map_err(|e| Failure::new(Exit::Failed, format!("a path cannot be written for a shell: {e}")))
}
