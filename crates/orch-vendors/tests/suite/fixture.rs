//! What the git server of `orch-git`'s tests stands on.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

pub fn search_path() -> OsString {
    std::env::var_os("PATH").unwrap()
}

/// Git as a person runs it, with none of the settings of this machine.
pub fn plain(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", search_path())
        .env("HOME", "/nonexistent")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("LC_ALL", "C")
        .args(["-c", "user.name=Uma", "-c", "user.email=uma@example.org"]);
    command
}

pub fn checked(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub fn run<A: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = A>) -> String {
    checked(plain(folder).args(arguments).output().unwrap())
}

/// Writes a program by another process: a file that this one has open for writing cannot be started by a fork of it.
pub fn program(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let writes = ["-c", "cat >\"$1\" && chmod 755 \"$1\"", "sh"];
    let mut writer = Command::new("sh").args(writes).arg(path).stdin(Stdio::piped()).spawn().unwrap();
    writer.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
}
