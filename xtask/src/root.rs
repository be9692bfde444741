//! Where the repository is.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The repository's root folder: the parent of this package's folder.
///
/// Cargo names the package's folder at run time; the folder it was compiled in is the answer for
/// a binary started by hand.
///
/// # Errors
/// If that folder has no parent or no `Cargo.toml` (the checkout was moved since the build).
pub fn find() -> Result<PathBuf> {
    let package =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let root = package.parent().map(Path::to_path_buf).context("the package's folder has no parent")?;
    anyhow::ensure!(
        root.join("Cargo.toml").is_file(),
        "no Cargo.toml in {}: run this as `cargo xtask` inside the checkout",
        root.display()
    );
    Ok(root)
}

/// The `cargo` that started us, or the one on the path.
pub fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
