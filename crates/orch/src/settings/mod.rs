//! The host's settings: one file, `ORCH_*` variables above it, defaults below it.
//!
//! | room | idea |
//! |---|---|
//! | [`host`] | what is set, as types, with every default |
//! | [`keys`] | one row per setting: name, variable, kind, meaning; everything else is derived from these rows |
//! | [`model`] | what runs may reach: models and hosts |
//! | [`agent`] | who acts: rows of their own |
//! | [`notify`] | who is told of what happens |
//! | [`remote`] | where branches live on a server, and what lets us in |
//! | [`target`] | what repositories are deployed to |
//! | [`kind`] | what a value may look like, and reading one from TOML or from a variable |
//! | [`file`] | the file: every problem at once, with its line |
//! | [`variables`] | the variables: an unusable tuning value warns and falls back (L1) |
//! | [`paths`] | where the file and the state live |
//! | [`secret`] | secrets, which never stand in the file |
//! | [`example`] | the commented file that `orch init` writes |
//!
//! What a *repository* sets for itself (`.orch/orch.toml`) is no part of this: its rules come from the base branch
//! and may only tighten what the host allows.

mod agent;
#[cfg(test)]
mod belonging_tests;
pub mod confinement;
pub mod egress;
pub mod example;
pub mod file;
pub mod forge;
pub mod host;
mod keep;
pub mod keys;
mod kind;
pub mod model;
pub mod notify;
pub mod paths;
#[cfg(test)]
mod privacy_tests;
pub mod remote;
pub mod secret;
pub mod target;
#[cfg(test)]
pub mod tests;
pub mod tracker;
mod variables;

pub use agent::{AgentKind, AgentProgram};
pub use host::{Budgets, Host, RepositoryEntry};
pub use notify::NotifyEntry;
pub use paths::Paths;

use crate::exit::{Exit, Failure, Point};

/// Something that was set but cannot be used, and what holds instead. The service starts all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What is wrong and what holds instead.
    pub what: String,
    /// The variable or `file:line`.
    pub place: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Reads the settings of this host: defaults, above them the host file (none is fine), above it the variables.
/// `env` reads one environment variable.
///
/// # Errors
/// [`Exit::Settings`] with every problem of the file and of the variables that must not be guessed (address, port,
/// database), each with its place and what to do; [`Exit::Settings`] as well where no home folder is known.
pub fn load(env: &dyn Fn(&str) -> Option<String>) -> Result<(Host, Vec<Warning>), Failure> {
    let paths = Paths::of(env)?;
    let text = match std::fs::read_to_string(&paths.config_file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            return Err(Failure::new(Exit::Settings, format!("the host file cannot be read: {error}"))
                .at(paths.config_file.as_str())
                .fix("make it a readable UTF-8 file, or name another one in ORCH_CONFIG"));
        }
    };
    refuse_what_others_write(&paths.config_file)?;
    let name = paths.config_file.to_string();
    let (mut host, mut problems) = file::read(&name, &text, paths);
    let warnings = variables::apply(&mut host, env, &mut problems);
    problems.extend(state_shown_to_runs(&host));
    if problems.is_empty() { Ok((host, warnings)) } else { Err(wrong("setting", "settings", problems)) }
}

/// What runs may read must not hold the service's own state: its token, keys and other people's work.
fn state_shown_to_runs(host: &Host) -> Option<Point> {
    let shown = host.confinement.read_only.iter().find(|path| host.paths.state.starts_with(path))?;
    Some(Point {
        what: format!(
            "[confinement] read_only shows {shown} to every run, and with it the state folder {}",
            host.paths.state
        ),
        place: host.paths.config_file.to_string(),
        fix: "name the folders in it that runs need, or another state folder in ORCH_STATE_DIR".to_owned(),
    })
}

/// The host file names the commands that agents are: who may write it, may do what this account may.
fn refuse_what_others_write(file: &camino::Utf8Path) -> Result<(), Failure> {
    use std::os::unix::fs::MetadataExt;
    let Ok(found) = std::fs::metadata(file) else { return Ok(()) };
    // Many accounts are alone in their own group, and their files are the group's.
    let strangers = found.gid() != rustix::process::getegid().as_raw();
    if found.mode() & 0o002 == 0 && (found.mode() & 0o020 == 0 || !strangers) {
        return Ok(());
    }
    let what = "others may write the host file, and with it the commands of your agents";
    Err(Failure::new(Exit::Settings, what)
        .at(file.as_str())
        .fix(format!("look what is in it, then: chmod go-w {file}")))
}

/// A failure over all of `problems`; `one` and `many` say what is wrong, in the singular and in the plural.
pub fn wrong(one: &str, many: &str, problems: Vec<Point>) -> Failure {
    let what = match problems.len() {
        1 => format!("1 {one} is wrong; nothing was started or changed"),
        n => format!("{n} {many} are wrong; nothing was started or changed"),
    };
    Failure::several(Exit::Settings, what, problems)
}
