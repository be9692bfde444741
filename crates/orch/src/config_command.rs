//! `orch config`: the settings of this machine, from the command line.

use clap::{Args, Subcommand};

use crate::exit::{Exit, Failure};
use crate::init::REPOSITORY_FILE;
use crate::init::entries;
use crate::screen::{Screen, Style};
use crate::settings::{self, Host, Paths, keys};

/// Read and change the settings of this machine.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  orch config path\n  orch config get limits.max_runs\n  \
    orch config set limits.max_runs 4\n\nEvery setting is explained in the host file itself.")]
pub struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Where the settings and the state are
    Path,
    /// What holds: one setting, or all of them
    #[command(after_help = "Examples:\n  orch config get\n  orch config get limits.max_runs")]
    Get {
        /// As SECTION.NAME
        key: Option<String>,
    },
    /// Write a setting into the host file
    #[command(after_help = "Examples:\n  orch config set limits.max_runs 4\n  orch config set confinement.level L3")]
    Set {
        /// As SECTION.NAME
        key: String,
        /// A number, true or false, a word, or a TOML list
        value: String,
    },
}

/// Runs it.
///
/// # Errors
/// [`Exit::NotFound`] for an unknown setting, [`Exit::Settings`] for a value that cannot be used: nothing is written.
pub fn run(args: &ConfigArgs, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    match &args.command {
        ConfigCommand::Path => path(screen, env),
        ConfigCommand::Get { key } => get(key.as_deref(), screen, env),
        ConfigCommand::Set { key, value } => set(key, value, screen, env),
    }
}

fn path(screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let Paths { config_file, state } = Paths::of(env)?;
    screen.json(&serde_json::json!({"host_file": config_file, "state": state, "repository_file": REPOSITORY_FILE}));
    let row = |name: &str, value: &str| vec![screen.styled(Style::Faint, name), value.to_owned()];
    screen.table(&[
        row("this machine", config_file.as_str()),
        row("each repository", &format!("{REPOSITORY_FILE}, on its base branch")),
        row("state", state.as_str()),
    ]);
    Ok(())
}

/// Name and value of every setting, as TOML.
fn all(host: &Host) -> Vec<(String, Option<String>)> {
    keys::HOST.iter().map(|key| (format!("{}.{}", key.section, key.name), (key.get)(host))).collect()
}

fn known(key: &str) -> Result<(&str, &str), Failure> {
    let found = keys::HOST.iter().find(|row| format!("{}.{}", row.section, row.name) == key);
    found.map(|row| (row.section, row.name)).ok_or_else(|| {
        let failure = Failure::new(Exit::NotFound, format!("there is no setting {}", crate::screen::printable(key)));
        match meant(key).as_slice() {
            [] => failure
                .fix("orch config get lists them; agents, models and repositories stand in the file: orch config path"),
            near => failure.fix(format!("write {}; orch config get lists all", near.join(" or "))),
        }
    })
}

/// The settings that were probably meant, as `SECTION.NAME`: those of that name in any section, else a few that have it
/// as a part.
fn meant(key: &str) -> Vec<String> {
    let typed = key.to_lowercase().replace('-', "_");
    let name = typed.rsplit('.').next().unwrap_or_default();
    let those = |like: &dyn Fn(&str) -> bool| -> Vec<String> {
        let found = keys::HOST.iter().filter(|row| like(row.name));
        found.map(|row| format!("{}.{}", row.section, row.name)).collect()
    };
    let same = those(&|of| of == name);
    if !same.is_empty() {
        return same;
    }
    let near = those(&|of| of.split('_').any(|part| part == name));
    if near.len() > 3 { Vec::new() } else { near }
}

fn get(key: Option<&str>, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let (host, _) = settings::load(env)?;
    let mut rows = all(&host);
    if let Some(key) = key {
        known(key)?;
        rows.retain(|(name, _)| name == key);
    }
    let json: serde_json::Map<String, serde_json::Value> =
        rows.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    screen.json(&json);
    for (name, value) in &rows {
        let value = value.as_deref().unwrap_or("(not set)");
        screen.line(&if key.is_some() { value.to_owned() } else { format!("{name} = {value}") });
    }
    Ok(())
}

fn set(key: &str, value: &str, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let (section, name) = known(key)?;
    let paths = Paths::of(env)?;
    entries::set_value(&paths, section, name, value)?;
    let (host, _) = settings::load(env)?;
    let holds = all(&host).into_iter().find(|(of, _)| of == key).and_then(|(_, value)| value);
    screen.json(&serde_json::json!({"key": key, "value": holds, "file": paths.config_file}));
    screen.line(&format!("{key} = {} ({})", holds.as_deref().unwrap_or("(not set)"), paths.config_file));
    if let Ok(Some(_)) = crate::client::Caller::running(&paths.state) {
        screen.note("the running service takes it at its next start: orch down, then orch up");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_without_its_section_is_proposed_with_it() {
        for (typed, proposed) in [
            ("port", "service.port"),
            ("limits.port", "service.port"),
            ("max-runs", "limits.max_runs"),
            ("stall", "limits.run_stall_minutes"),
            ("days", ""),
            ("nonsense", ""),
            ("", ""),
        ] {
            let said = known(typed).unwrap_err().fix.unwrap_or_default();
            match proposed {
                "" => assert!(said.starts_with("orch config get lists them"), "{typed}: {said}"),
                one => assert!(said.contains(one), "{typed}: {said}"),
            }
        }
    }
}
