//! Memory and wake-ups of a process and its descendants, from `/proc` (proc(5)).

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

/// What `/proc` says about a process and all its descendants at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample {
    /// Resident memory in KiB. Pages that several of them share are counted for each.
    pub resident_kib: u64,
    /// How often their threads have given up the processor to wait, since each began: each is
    /// followed by a wake-up.
    pub waits: u64,
}

/// Samples `pid` and its descendants.
///
/// # Errors
/// If `pid` itself is gone.
pub fn sample(pid: u32) -> Result<Sample> {
    let root = Path::new("/proc");
    anyhow::ensure!(root.join(pid.to_string()).is_dir(), "process {pid} is gone");
    let mut sum = Sample::default();
    for pid in descendants(pid, &parents(root)?) {
        let process = root.join(pid.to_string());
        sum.resident_kib += field(&read(&process.join("status")), "VmRSS");
        let Ok(threads) = std::fs::read_dir(process.join("task")) else {
            continue;
        };
        for thread in threads.flatten() {
            sum.waits += field(&read(&thread.path().join("status")), "voluntary_ctxt_switches");
        }
    }
    Ok(sum)
}

/// A process that ends while we look has no more to say.
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The number after `name:` in a `status` file; 0 if it is not there.
fn field(status: &str, name: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

fn parents(root: &Path) -> Result<BTreeMap<u32, u32>> {
    let entries = std::fs::read_dir(root).context("cannot read /proc")?;
    Ok(entries
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            Some((pid, parent(&read(&entry.path().join("stat")))?))
        })
        .collect())
}

/// `12 (na) me) S 7 …`: the name may hold anything, so the fields begin after the last bracket.
fn parent(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// `pid` and everything below it.
pub fn descendants(pid: u32, parents: &BTreeMap<u32, u32>) -> Vec<u32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&current) = found.get(next) {
        found.extend(parents.iter().filter(|(_, parent)| **parent == current).map(|(child, _)| *child));
        next += 1;
    }
    found
}

/// The children of `pid`.
///
/// # Errors
/// If `/proc` cannot be read.
pub fn children(pid: u32) -> Result<Vec<u32>> {
    Ok(parents(Path::new("/proc"))?.into_iter().filter(|(_, parent)| *parent == pid).map(|(child, _)| child).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_status_file() {
        let status = "Name:\torch\nVmRSS:\t    9216 kB\nvoluntary_ctxt_switches:\t41\nnonvoluntary_ctxt_switches:\t7\n";
        assert_eq!(field(status, "VmRSS"), 9216);
        assert_eq!(field(status, "voluntary_ctxt_switches"), 41);
        assert_eq!(field(status, "VmSwap"), 0);
    }

    #[test]
    fn a_name_may_hold_brackets() {
        assert_eq!(parent("12 (a) S 3 b) S 7 12 12"), Some(7));
        assert_eq!(parent(""), None);
    }

    #[test]
    fn a_family_is_found() {
        let parents = BTreeMap::from([(2, 1), (3, 2), (4, 1), (5, 9)]);
        let mut family = descendants(1, &parents);
        family.sort_unstable();
        assert_eq!(family, [1, 2, 3, 4]);
    }

    #[test]
    fn this_process_uses_memory() {
        let sample = sample(std::process::id()).unwrap();
        assert!(sample.resident_kib > 100, "{sample:?}");
        assert!(super::sample(u32::MAX).is_err());
    }
}
