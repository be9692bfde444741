//! `orch service`: the units by which systemd runs the service and, apart from it, the host of runs.

mod text;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Subcommand};

use crate::exit::{Exit, Failure};
use crate::screen::{Screen, Style};
use crate::settings::Paths;

use text::Unit;

/// Run as systemd units, one for the service and one for the host of runs.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  orch service install --dry-run\n  orch service install --user\n  orch service uninstall --user"
)]
pub struct UnitsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Write the units and say how to start them.
    Install(Where),
    /// Remove the units; settings, state and agents at work stay.
    Uninstall(Where),
}

#[derive(Debug, Clone, Args)]
struct Where {
    /// For you alone; the default unless you are root
    #[arg(long, conflicts_with = "system")]
    user: bool,
    /// For the machine, as the account `orch`; the default for root
    #[arg(long)]
    system: bool,
    /// Show what would be written or removed, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// Whose units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    User,
    System,
}

impl Scope {
    fn systemctl(self) -> &'static str {
        match self {
            Self::User => "systemctl --user",
            Self::System => "systemctl",
        }
    }
}

/// Writes or removes the units.
///
/// # Errors
/// [`Exit::Refused`] if a file of that name is not ours, [`Exit::Failed`] if it cannot be written.
pub fn run(args: &UnitsArgs, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let (Action::Install(place) | Action::Uninstall(place)) = &args.action;
    let root = rustix::process::geteuid().is_root();
    let scope = if place.system || (root && !place.user) { Scope::System } else { Scope::User };
    let folder = folder(scope, env)?;
    let files: Vec<(Utf8PathBuf, String)> = match &args.action {
        Action::Install(_) => {
            let unit = unit(scope, env)?;
            refuse_what_is_no_line(&unit)?;
            text::all(&unit).into_iter().map(|(name, text)| (folder.join(name), text)).collect()
        }
        Action::Uninstall(_) => text::NAMES.iter().map(|name| (folder.join(name), String::new())).collect(),
    };
    for (file, _) in &files {
        refuse_what_is_not_ours(file)?;
    }
    match &args.action {
        Action::Install(_) => install(&folder, &files, scope, place.dry_run, screen),
        Action::Uninstall(_) => uninstall(&files, scope, place.dry_run, screen),
    }
}

fn folder(scope: Scope, env: &dyn Fn(&str) -> Option<String>) -> Result<Utf8PathBuf, Failure> {
    match scope {
        Scope::System => Ok("/etc/systemd/system".into()),
        // systemd.unit(5), "User Unit Search Path".
        Scope::User => {
            let absolute = |name: &str| env(name).map(Utf8PathBuf::from).filter(|path| path.is_absolute());
            let base = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
            base.map(|base| base.join("systemd/user")).ok_or_else(|| {
                Failure::new(Exit::Settings, "no home folder is known").at("HOME").fix("set HOME to an absolute path")
            })
        }
    }
}

fn unit(scope: Scope, env: &dyn Fn(&str) -> Option<String>) -> Result<Unit, Failure> {
    let program = std::env::current_exe()
        .ok()
        .and_then(|path| Utf8PathBuf::from_path_buf(path).ok())
        .ok_or_else(|| Failure::new(Exit::Internal, "this program cannot find itself"))?;
    Ok(match scope {
        Scope::System => Unit { program, ..Unit::system() },
        Scope::User => {
            let paths = Paths::of(env)?;
            Unit {
                program,
                account: None,
                state: paths.state,
                config: paths.config_file,
                search_path: env("PATH").unwrap_or_else(|| text::SEARCH_PATH.to_owned()),
            }
        }
    })
}

/// A unit is read line by line: whatever would begin another one is no part of a value.
fn refuse_what_is_no_line(unit: &Unit) -> Result<(), Failure> {
    let values = [
        ("the path of this program", unit.program.as_str()),
        ("ORCH_STATE_DIR", unit.state.as_str()),
        ("ORCH_CONFIG", unit.config.as_str()),
        ("PATH", unit.search_path.as_str()),
    ];
    match values.into_iter().find(|(_, value)| value.chars().any(char::is_control)) {
        None => Ok(()),
        Some((name, _)) => Err(Failure::new(Exit::Settings, format!("{name} has a control character in it"))
            .at(name)
            .fix("a unit cannot hold it: take it out, a line break for example")),
    }
}

fn refuse_what_is_not_ours(file: &Utf8Path) -> Result<(), Failure> {
    match std::fs::read_to_string(file) {
        Ok(text) if !text.starts_with(text::MARK) => {
            Err(Failure::new(Exit::Refused, "this unit was not written by orch service install")
                .at(file.as_str())
                .fix("move it away, then try again"))
        }
        _ => Ok(()),
    }
}

fn install(
    folder: &Utf8Path,
    files: &[(Utf8PathBuf, String)],
    scope: Scope,
    dry_run: bool,
    screen: &Screen,
) -> Result<(), Failure> {
    let failed = |file: &Utf8Path, error: std::io::Error| {
        Failure::new(Exit::Failed, format!("the unit cannot be written: {error}"))
            .at(file.as_str())
            .fix("as root for --system, as yourself for --user")
    };
    if !dry_run {
        std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    }
    for (file, text) in files {
        if dry_run {
            screen.line(&screen.styled(Style::Strong, file.as_str()));
            screen.line(text);
        } else {
            std::fs::write(file, text).map_err(|error| failed(file, error))?;
            screen.line(&format!("wrote {file}"));
        }
    }
    let mut commands = Vec::new();
    if scope == Scope::System {
        let home = Unit::system().state;
        commands.push(format!("useradd --system --home-dir {home} --shell /usr/sbin/nologin orch"));
    }
    commands.push(format!("{} daemon-reload", scope.systemctl()));
    commands.push(format!("{} enable --now {}", scope.systemctl(), text::NAMES.join(" ")));
    if scope == Scope::User {
        commands.push("loginctl enable-linger    # so that it runs while you are not logged in".to_owned());
    }
    tell(files, &commands, dry_run, screen);
    Ok(())
}

fn uninstall(files: &[(Utf8PathBuf, String)], scope: Scope, dry_run: bool, screen: &Screen) -> Result<(), Failure> {
    let there: Vec<_> = files.iter().filter(|(file, _)| file.exists()).cloned().collect();
    for (file, _) in &there {
        if dry_run {
            screen.line(&format!("would remove {file}"));
            continue;
        }
        std::fs::remove_file(file).map_err(|error| {
            Failure::new(Exit::Failed, format!("the unit cannot be removed: {error}"))
                .at(file.as_str())
                .fix("as root for --system, as yourself for --user")
        })?;
        screen.line(&format!("removed {file}"));
    }
    if there.is_empty() {
        screen.line("no unit of orch is installed here");
    }
    // A unit whose file is gone can still be stopped.
    let commands = [
        format!("{} disable --now orch.service orch-host.service", scope.systemctl()),
        format!("{} daemon-reload", scope.systemctl()),
    ];
    tell(&there, &commands, dry_run, screen);
    Ok(())
}

fn tell(files: &[(Utf8PathBuf, String)], commands: &[String], dry_run: bool, screen: &Screen) {
    let names: Vec<_> = files.iter().map(|(file, _)| file).collect();
    screen.json(&serde_json::json!({"files": names, "dry_run": dry_run, "next": commands}));
    if files.is_empty() {
        return;
    }
    screen.line("Then:");
    for command in commands {
        screen.line(&format!("  {}", screen.styled(Style::Command, command)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_another_line_is_refused() {
        let whole = Unit { state: "/var/lib/orch with blanks".into(), ..Unit::system() };
        assert!(refuse_what_is_no_line(&whole).is_ok());
        let line = "/s\nExecStartPre=/bin/touch /owned";
        for unit in [
            Unit { state: line.into(), ..Unit::system() },
            Unit { config: "/c\r[Service]".into(), ..Unit::system() },
            Unit { search_path: "/bin:\u{1b}[2J".to_owned(), ..Unit::system() },
            Unit { program: "/opt/a\nb/orch".into(), ..Unit::system() },
        ] {
            assert_eq!(refuse_what_is_no_line(&unit).unwrap_err().exit, Exit::Settings, "{unit:?}");
        }
    }
}
