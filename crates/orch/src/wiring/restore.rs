//! `orch restore`: puts a backup in the place of the database and the forges.

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use orch_git::{Git, copy_forge};

use super::backup::{DATABASE, FORGES};
use super::{Occupant, occupy};
use crate::exit::{Exit, Failure};
use crate::init::git_failure;
use crate::screen::Screen;
use crate::settings::{self, Host};

/// Put a backup in the place of the database and the forges.
///
/// What is there now is moved aside into the state folder, not removed. No service may run.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  orch restore ~/orch-before-upgrade\n  orch up\n\n\
    The next start compares both: what it finds on main and not in the database is told and taken over.")]
pub struct RestoreArgs {
    /// A folder that orch backup made
    pub folder: Utf8PathBuf,
}

/// Puts it back.
///
/// # Errors
/// [`Exit::Taken`] while a service runs; [`Exit::NotFound`] if it is no backup. Until everything is copied, nothing that is
/// there is touched.
pub fn run(args: &RestoreArgs, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let (host, _) = settings::load(env)?;
    let backup =
        args.folder.canonicalize_utf8().ok().filter(|folder| folder.join(DATABASE).is_file()).ok_or_else(|| {
            Failure::new(Exit::NotFound, format!("this is no backup: there is no {DATABASE} in it"))
                .at(args.folder.as_str())
                .fix("name a folder that orch backup made")
        })?;
    let Occupant::Us(_lock) = occupy(&host.paths.state, screen)? else {
        return Err(Failure::new(Exit::Taken, "a service works on the state folder")
            .at(host.paths.state.as_str())
            .fix("stop it first, then restore"));
    };
    let git = Git::detect(env("PATH").unwrap_or_default()).map_err(git_failure)?;
    let aside = put_back(&host, &git, &backup)?;
    if screen.is_json() {
        screen.json(&serde_json::json!({"restored": backup, "aside": aside}));
    } else {
        screen.line(&format!("Restored from {backup}. What was there before is in {aside}."));
        screen.line("Start the service: orch up");
    }
    Ok(())
}

fn put_back(host: &Host, git: &Git, backup: &Utf8Path) -> Result<Utf8PathBuf, Failure> {
    let state = &host.paths.state;
    let failed = |at: &Utf8Path, error: &std::io::Error| {
        Failure::new(Exit::Failed, format!("the backup cannot be put back: {error}")).at(at.as_str())
    };
    let fresh = state.join("restoring");
    let _ = std::fs::remove_dir_all(&fresh);
    settings::paths::create_private(&fresh)?;
    std::fs::copy(backup.join(DATABASE), fresh.join(DATABASE)).map_err(|e| failed(&fresh, &e))?;
    let damage = orch_store::damage(&fresh.join(DATABASE)).map_err(super::store_failure)?;
    if let Some(words) = damage.first() {
        return Err(Failure::new(Exit::Failed, format!("this backup is damaged: {words}"))
            .at(backup.as_str())
            .fix("use an older one"));
    }
    let forges = forges(&backup.join(FORGES)).map_err(|e| failed(backup, &e))?;
    for name in &forges {
        let (from, to) = (backup.join(FORGES).join(name), fresh.join(FORGES).join(name));
        copy_forge(git, from.as_std_path(), to.as_std_path()).map_err(git_failure)?;
    }
    // Everything is here: now the places change hands. Runs that are at work go on and are met again.
    let aside = free_name(state);
    settings::paths::create_private(&aside.join(FORGES))?;
    let replace = |name: &Utf8Path| -> Result<(), Failure> {
        match std::fs::rename(state.join(name), aside.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(&state.join(name), &error));
            }
            _ => {}
        }
        match std::fs::rename(fresh.join(name), state.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(&state.join(name), &error)),
            _ => Ok(()),
        }
    };
    settings::paths::create_private(&state.join(FORGES))?;
    for name in &forges {
        replace(&Utf8Path::new(FORGES).join(name))?;
    }
    for suffix in ["-wal", "-shm", ""] {
        replace(Utf8Path::new(&format!("{DATABASE}{suffix}")))?;
    }
    let _ = std::fs::remove_dir_all(&fresh);
    Ok(aside)
}

fn forges(folder: &Utf8Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    match folder.read_dir_utf8() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        entries => {
            for entry in entries? {
                names.push(entry?.file_name().to_owned());
            }
        }
    }
    names.sort();
    Ok(names)
}

/// A folder in the state folder that is not there yet.
fn free_name(state: &Utf8Path) -> Utf8PathBuf {
    let mut names = (1_u32..).map(|n| state.join(format!("before-restore-{n}")));
    names.find(|name| name.symlink_metadata().is_err()).unwrap_or_else(|| state.join("before-restore"))
}
