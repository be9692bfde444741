//! `orch backup`: one whole of the database and the forges, also while the service writes.

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use orch_git::{Git, copy_forge};

use crate::exit::{Exit, Failure};
use crate::init::git_failure;
use crate::screen::Screen;
use crate::settings::{self, Host};

/// The database in a backup.
pub(super) const DATABASE: &str = "orch.db";
/// The forges in a backup.
pub(super) const FORGES: &str = "forge";

/// Copy the database and the forges to a folder while the service runs on.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  orch backup ~/orch-before-upgrade\n\n\
    To go back: stop the service, then orch restore FOLDER.\nWhat landed after the backup is met again at the next start.")]
pub struct BackupArgs {
    /// The new folder; must not exist
    pub folder: Utf8PathBuf,
}

/// Refuses what cannot become the copy before anything is touched.
fn look(folder: &Utf8Path) -> Result<Utf8PathBuf, Failure> {
    if folder.symlink_metadata().is_ok() {
        return Err(Failure::new(Exit::Refused, "this exists already and is not overwritten")
            .at(folder.as_str())
            .fix("name a new folder, or remove this one"));
    }
    let parent = folder.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    if !parent.is_dir() {
        return Err(Failure::new(Exit::NotFound, "there is no such folder")
            .at(parent.as_str())
            .fix("make it, or name another one"));
    }
    let absolute = parent.canonicalize_utf8().map_err(|error| not_made(parent, &error))?;
    Ok(absolute.join(folder.file_name().unwrap_or("backup")))
}

fn not_made(at: &Utf8Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("the backup cannot be made: {error}")).at(at.as_str())
}

/// Makes the copy.
///
/// # Errors
/// The store's and git's; nothing is left at the target then.
pub fn run(args: &BackupArgs, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let (host, _) = settings::load(env)?;
    let folder = look(&args.folder)?;
    let git = Git::detect(env("PATH").unwrap_or_default()).map_err(git_failure)?;
    let unfinished = folder.with_file_name(format!(".{}.unfinished", folder.file_name().unwrap_or("backup")));
    let _ = std::fs::remove_dir_all(&unfinished);
    let made = copy(&host, &git, &unfinished)
        .and_then(|forges| std::fs::rename(&unfinished, &folder).map(|()| forges).map_err(|e| not_made(&folder, &e)));
    let forges = made.inspect_err(|_| drop(std::fs::remove_dir_all(&unfinished)))?;
    if screen.is_json() {
        screen.json(&serde_json::json!({"backup": folder, "forges": forges}));
    } else {
        let forges = if forges.len() == 1 { "its forge".to_owned() } else { format!("{} forges", forges.len()) };
        screen.line(&format!("The database and {forges} are copied to {folder}."));
    }
    Ok(())
}

/// The database first: whatever it names is in a forge that is copied later.
fn copy(host: &Host, git: &Git, folder: &Utf8Path) -> Result<Vec<String>, Failure> {
    settings::paths::create_private(folder)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Internal, format!("no runtime: {e}")))?;
    runtime.block_on(async {
        let store = super::open_store(host).await?;
        let database = folder.join(DATABASE);
        store.backup(&database).await.map_err(|error| super::store_failure(error).at(database.as_str()))
    })?;
    let mut copied = Vec::new();
    for entry in &host.repositories {
        let from = host.paths.forge(&entry.id);
        // Registered, and not started yet.
        if !from.exists() {
            continue;
        }
        let to = folder.join(FORGES).join(format!("{}.git", entry.id));
        copy_forge(git, from.as_std_path(), to.as_std_path()).map_err(git_failure)?;
        copied.push(entry.id.clone());
    }
    Ok(copied)
}
