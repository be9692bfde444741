//! `orch backup`: a consistent copy of the database, also while the service writes.

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use crate::exit::{Exit, Failure};
use crate::screen::Screen;
use crate::settings;

/// Copy the database to a file while the service runs on.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  orch backup ~/orch-before-upgrade.db\n\n\
    To go back: stop the service, put the file in the place of orch.db in the state folder, start it again.")]
pub struct BackupArgs {
    /// The new file; must not exist
    pub file: Utf8PathBuf,
}

/// Refuses what cannot become the copy before the database is touched.
fn look(file: &Utf8Path) -> Result<(), Failure> {
    if file.symlink_metadata().is_ok() {
        return Err(Failure::new(Exit::Refused, "this file exists already and is not overwritten")
            .at(file.as_str())
            .fix("name a new file, or remove this one"));
    }
    let folder = file.parent().filter(|folder| !folder.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    if !folder.is_dir() {
        return Err(Failure::new(Exit::NotFound, "there is no such folder")
            .at(folder.as_str())
            .fix("make it, or name another one"));
    }
    Ok(())
}

/// Makes the copy.
///
/// # Errors
/// The store's; nothing is left at the target then.
pub fn run(args: &BackupArgs, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let (host, _) = settings::load(env)?;
    look(&args.file)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Internal, format!("no runtime: {e}")))?;
    runtime.block_on(async {
        let store = super::open_store(&host).await?;
        store.backup(&args.file).await.map_err(|error| super::store_failure(error).at(args.file.as_str()))
    })?;
    if screen.is_json() {
        screen.json(&serde_json::json!({"backup": args.file}));
    } else {
        screen.line(&format!("The database is copied to {}.", args.file));
    }
    Ok(())
}
