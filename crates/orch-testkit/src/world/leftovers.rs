//! Ending what outlives the service. Runs are meant to; a test's runs must not.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

/// Looks again while something was found: a process may have started another in between.
const ROUNDS: usize = 5;

/// Kills every process whose command line, environment or working directory names `folder`, except this one.
/// `folder` is a fresh temporary folder, so no other process can.
pub(super) fn end_all_that_name(folder: &Path) {
    for _ in 0..ROUNDS {
        let found = processes_that_name(folder);
        if found.is_empty() {
            return;
        }
        for process in found {
            // It may have ended by itself.
            let _ = kill_process(process, Signal::KILL);
        }
    }
}

fn processes_that_name(folder: &Path) -> Vec<Pid> {
    let own = std::process::id();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let name = folder.as_os_str().as_bytes();
    entries
        .filter_map(Result::ok)
        .filter(|entry| {
            let names = |file: &str| std::fs::read(entry.path().join(file)).is_ok_and(|bytes| contains(&bytes, name));
            let works_in = std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
            works_in || names("cmdline") || names("environ")
        })
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != own)
        .filter_map(|pid| Pid::from_raw(pid.try_into().ok()?))
        .collect()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && bytes.windows(part.len()).any(|window| window == part)
}
