//! Installing Debian packages.

use std::path::Path;
use std::process::Command;

use crate::process;

/// Installs `packages` if this is root on a machine with apt.
///
/// # Errors
/// Words for a person: why it could not be installed, and what to do.
pub fn install(packages: &[&str], private: &Path) -> Result<(), String> {
    let names = packages.join(" ");
    if !process::succeeds(Command::new("apt-get").arg("--version")) {
        return Err(format!("it is not installed, and there is no apt-get here to install {names}"));
    }
    if !rustix::process::geteuid().is_root() {
        return Err(format!("it is not installed, and only root may: `sudo apt-get install {names}`"));
    }
    // Two installations at once break each other: on images with an apt hook that empties the
    // cache, the first to end deletes the other's archives. So the archives are private, and the
    // lock is waited for. apt does not make the folder for partial downloads itself.
    let archives = private.join("debs");
    std::fs::create_dir_all(archives.join("partial"))
        .map_err(|error| format!("cannot make {}: {error}", archives.display()))?;
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .arg("-o")
            .arg(format!("Dir::Cache::archives={}", archives.display()))
            .args(["-o", "DPkg::Lock::Timeout=300", "-y"])
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        process::stream(&mut command, |_| ()).is_ok_and(|status| status.success())
    };
    let install: Vec<&str> = ["install", "--no-install-recommends"].iter().chain(packages).copied().collect();
    // A new machine has no package lists yet.
    if apt(&install) || (apt(&["update"]) && apt(&install)) {
        Ok(())
    } else {
        Err(format!("it is not installed, and `apt-get install {names}` failed; its words stand above"))
    }
}
