//! What tests take from npm, in the versions that a folder of `xtask` pins: the command line agents, and what drives and
//! checks the dashboard in a browser.
//!
//! They are downloaded from the package registry, checked against the digests in the lock file, and none of their
//! scripts is run. They stay in `target` and are never shipped.

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

/// Makes sure that what `xtask/NAME` pins is in `target/NAME`, or lets `summary` say why not, and whether it is there.
/// The tests that need it then say so one by one.
pub fn ensure(summary: &mut Summary, root: &Path, name: &str) -> bool {
    let (pinned, folder) = (root.join("xtask").join(name), root.join("target").join(name));
    match current(&pinned, &folder) {
        Ok(true) => return true,
        Ok(false) => {}
        Err(error) => {
            summary.fail(format!("{name}: {error:#}"));
            return false;
        }
    }
    if !process::succeeds(Command::new("npm").arg("--version")) {
        summary.not_run("tool/npm", format!("it is not installed, so nothing of {name} is"));
        return false;
    }
    println!("what {name} pins is missing");
    match install(&pinned, &folder) {
        Ok(()) => true,
        Err(error) => {
            summary.not_run(&format!("tool/{name}"), format!("{error:#}"));
            false
        }
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
        for pinned in ["agents", "browser"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(pinned);
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
