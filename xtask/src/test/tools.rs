//! Programs some tests use.

use std::path::Path;
use std::process::Command;

use super::apt;
use super::summary::Summary;
use crate::process;

/// A program and how to get it.
pub struct Tool {
    /// Name of the program.
    pub name: &'static str,
    /// The Debian packages it comes with.
    pub packages: &'static [&'static str],
    /// An argument with which it ends well at once.
    pub probe: &'static str,
}

/// Everything but PostgreSQL, which is more than a program.
pub const ALL: &[Tool] = &[
    Tool { name: "git", packages: &["git"], probe: "--version" },
    // What Rust links with; and, beside them, what a machine of a stranger is made of in tests.
    Tool { name: "cc", packages: &["gcc", "libc6-dev"], probe: "--version" },
    Tool { name: "unshare", packages: &["util-linux"], probe: "--version" },
    Tool { name: "mount", packages: &["mount"], probe: "--version" },
    Tool { name: "strace", packages: &["strace"], probe: "-V" },
    Tool { name: "bwrap", packages: &["bubblewrap"], probe: "--version" },
    // runc beside it: podman's own choice, crun, refuses machines with both kinds of cgroups mounted.
    Tool { name: "podman", packages: &["podman", "runc"], probe: "--version" },
];

/// Makes sure that `tool` is there, or lets `summary` say why it is not. `private` is a folder of
/// this run.
pub fn ensure(summary: &mut Summary, tool: &Tool, private: &Path) {
    let present = || process::succeeds(Command::new(tool.name).arg(tool.probe));
    if present() {
        return;
    }
    println!("{} is missing", tool.name);
    let reason = match apt::install(tool.packages, private) {
        Ok(()) if present() => return,
        Ok(()) => "it was installed and still does not start".to_owned(),
        Err(reason) => reason,
    };
    summary.not_run(&format!("tool/{}", tool.name), reason);
}
