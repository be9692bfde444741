//! `orch backup`: a consistent copy of the database, also while the service writes.

use camino::Utf8PathBuf;
use clap::Args;

use crate::exit::{Exit, Failure};
use crate::screen::Screen;
use crate::settings;

/// Copy the database to a file while the service runs on.
#[derive(Debug, Clone, Args)]
pub struct BackupArgs {
    /// The new file; must not exist.
    pub file: Utf8PathBuf,
}

/// Makes the copy.
///
/// # Errors
/// The store's; nothing is left at the target then.
pub fn run(args: &BackupArgs, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let (host, _) = settings::load(env)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Internal, format!("no runtime: {e}")))?;
    runtime.block_on(async {
        let store = super::open_store(&host).await?;
        store.backup(&args.file).await.map_err(super::store_failure)
    })?;
    if screen.is_json() {
        screen.json(&serde_json::json!({"backup": args.file}));
    } else {
        screen.line(&format!("The database is copied to {}.", args.file));
    }
    Ok(())
}
