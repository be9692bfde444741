//! The command line agents that some tests drive, in the versions that `xtask/agents` pins.
//!
//! They are downloaded from the package registry, checked against the digests in the lock file, and none of their
//! scripts is run. They stay in `target/agents` and are never shipped.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::summary::Summary;
use crate::process;

/// What npm needs to know.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// Written last; holds the lock file that was installed.
const STAMP: &str = "installed";

/// Makes sure that the pinned agents are in `target/agents`, or lets `summary` say why not. The tests that need them
/// then say so one by one.
pub fn ensure(summary: &mut Summary, root: &Path) {
    let (pinned, folder) = (root.join("xtask/agents"), root.join("target/agents"));
    match current(&pinned, &folder) {
        Ok(true) => return,
        Ok(false) => {}
        Err(error) => return summary.fail(format!("agents: {error:#}")),
    }
    if !process::succeeds(Command::new("npm").arg("--version")) {
        return summary.not_run("tool/npm", "it is not installed, so no real agent is driven".to_owned());
    }
    println!("the pinned agents are missing");
    if let Err(error) = install(&pinned, &folder) {
        summary.not_run("tool/agents", format!("{error:#}"));
    }
}

/// Whether what is installed is what is pinned.
fn current(pinned: &Path, folder: &Path) -> Result<bool> {
    let lock = pinned.join(FILES[1]);
    let wanted = fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    Ok(fs::read(folder.join(STAMP)).is_ok_and(|installed| installed == wanted))
}

fn install(pinned: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let stamp = folder.join(STAMP);
    if stamp.exists() {
        fs::remove_file(&stamp)?;
    }
    for file in FILES {
        fs::copy(pinned.join(file), folder.join(file)).with_context(|| format!("cannot copy {file}"))?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder);
    let status = process::stream(&mut npm, |_| ())?;
    anyhow::ensure!(status.success(), "`npm ci` in {} failed; its words stand above", folder.display());
    fs::copy(pinned.join(FILES[1]), stamp)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A range would install another version next month, and what was recorded would no longer be what runs.
    #[test]
    fn every_package_is_pinned_by_version_and_digest() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("agents");
        let read = |file: &str| -> serde_json::Value {
            serde_json::from_slice(&fs::read(folder.join(file)).unwrap()).unwrap()
        };
        let (wanted, lock) = (read(FILES[0]), read(FILES[1]));
        let packages = lock["packages"].as_object().unwrap();
        for (name, version) in wanted["dependencies"].as_object().unwrap() {
            assert!(version.as_str().unwrap().starts_with(|c: char| c.is_ascii_digit()), "{name} {version}");
            assert_eq!(&packages[&format!("node_modules/{name}")]["version"], version);
        }
        for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
            assert!(package["integrity"].as_str().is_some_and(|digest| digest.starts_with("sha512-")), "{name}");
        }
    }

    #[test]
    fn what_is_installed_is_known_by_its_lock_file() {
        let folder = tempfile::tempdir().unwrap();
        let (pinned, installed) = (folder.path().join("pinned"), folder.path().join("installed"));
        for folder in [&pinned, &installed] {
            fs::create_dir(folder).unwrap();
        }
        assert!(current(&pinned, &installed).is_err(), "nothing is pinned");
        fs::write(pinned.join(FILES[1]), "1").unwrap();
        assert!(!current(&pinned, &installed).unwrap());
        fs::write(installed.join(STAMP), "1").unwrap();
        assert!(current(&pinned, &installed).unwrap());
        fs::write(pinned.join(FILES[1]), "2").unwrap();
        assert!(!current(&pinned, &installed).unwrap());
    }
}
