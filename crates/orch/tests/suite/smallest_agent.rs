//! The agent of docs/agents.md, as it stands there.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const PAGE: &str = include_str!("../../../../docs/agents.md");

/// Writes it to `file`, with `more` before what it does.
pub fn write(file: &Path, more: &str) -> PathBuf {
    let (_, page) = PAGE.split_once("## The smallest one").unwrap();
    let (_, code) = page.split_once("```sh\n").unwrap();
    let (code, _) = code.split_once("```").unwrap();
    std::fs::write(file, format!("{more}\n{code}")).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
    file.to_owned()
}
