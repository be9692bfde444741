//! Control groups: limits for a run as a whole, and a way to kill all of it at once (cgroups(7)).

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use super::Plan;

/// The groups of one run, one in each hierarchy that could be used.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    folders: Vec<PathBuf>,
    /// Processes and threads they may have, if that is limited.
    most: Option<u64>,
}

/// What came of the wishes of a plan.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) memory: bool,
    pub(crate) processes: bool,
}

/// A mounted hierarchy and where this process stands in it.
#[derive(Debug, PartialEq, Eq)]
struct Hierarchy {
    /// Version 1 controllers; empty for version 2.
    controllers: Vec<String>,
    here: PathBuf,
}

impl Groups {
    /// Makes groups called `name` beside ours. What the host does not allow is missing in the answer.
    pub(crate) fn make(name: &str, plan: &Plan) -> (Self, Given) {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let mut groups = Self { most: plan.processes, ..Self::default() };
        let mut given = Given::default();
        for hierarchy in hierarchies(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup")) {
            let folder = hierarchy.here.join(name);
            let has = |controller: &str| hierarchy.controllers.iter().any(|c| c == controller);
            let unified = hierarchy.controllers.is_empty();
            let wanted =
                unified || (has("memory") && plan.memory_bytes.is_some()) || (has("pids") && plan.processes.is_some());
            if !wanted || std::fs::create_dir(&folder).is_err() {
                continue;
            }
            if unified {
                // Refused where processes live in the group itself; then the limits are missing and told.
                let _ = std::fs::write(hierarchy.here.join("cgroup.subtree_control"), "+memory +pids");
            }
            let set = |file: &str, value: u64| std::fs::write(folder.join(file), value.to_string()).is_ok();
            if let Some(bytes) = plan.memory_bytes {
                given.memory |= set("memory.max", bytes) || set("memory.limit_in_bytes", bytes);
                let _ = std::fs::write(folder.join("memory.swap.max"), "0");
            }
            if let Some(most) = plan.processes {
                given.processes |= set("pids.max", most);
            }
            groups.folders.push(folder);
        }
        (groups, given)
    }

    /// Groups made by somebody who is gone.
    pub(crate) fn of(folders: Vec<PathBuf>) -> Self {
        Self { folders, most: None }
    }

    pub(crate) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Files a process joins by writing `0` to them.
    pub(crate) fn entrances(&self) -> Vec<File> {
        let open = |folder: &PathBuf| OpenOptions::new().write(true).open(folder.join("cgroup.procs")).ok();
        self.folders.iter().filter_map(open).collect()
    }

    /// Kills every process in them, as far as the kernel does that at once (`cgroup.kill`, Linux 5.14). Where it does
    /// not, none is made any more, so that who kills them one by one comes to an end.
    pub(crate) fn kill(&self) {
        for folder in &self.folders {
            let most = folder.join("pids.max");
            if most.exists() {
                let _ = std::fs::write(most, "0");
            }
            let file = folder.join("cgroup.kill");
            if file.exists() {
                let _ = std::fs::write(file, "1");
            }
        }
    }

    /// After [`Self::kill`]: processes may be made again, as many as before.
    pub(crate) fn reopen(&self) {
        let most = self.most.map_or("max".to_owned(), |most| most.to_string());
        for folder in &self.folders {
            let file = folder.join("pids.max");
            if file.exists() {
                let _ = std::fs::write(file, &most);
            }
        }
    }

    /// Removes them; only empty ones go.
    pub(crate) fn remove(&self) {
        for folder in &self.folders {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// Reads proc_pid_mountinfo(5) and `/proc/self/cgroup`.
fn hierarchies(mounts: &str, membership: &str) -> Vec<Hierarchy> {
    let mut found = Vec::new();
    for line in mounts.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let mut right = right.split(' ');
        let kind = right.next().unwrap_or_default();
        let options = right.nth(1).unwrap_or_default();
        let mut left = left.split(' ').skip(3);
        let (Some(root), Some(point)) = (left.next(), left.next()) else { continue };
        let of_line = |line: &str| -> Option<(Vec<String>, String)> {
            let mut parts = line.splitn(3, ':').skip(1);
            let names = parts.next()?.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
            Some((names, parts.next()?.to_owned()))
        };
        let mut members = membership.lines().filter_map(of_line);
        let member = match kind {
            "cgroup2" => members.find(|(names, _)| names.is_empty()),
            "cgroup" => members.find(|(names, _)| {
                !names.is_empty() && names.iter().all(|name| options.split(',').any(|option| option == name))
            }),
            _ => None,
        };
        let Some((controllers, path)) = member else { continue };
        // In a container the mount may show a part of the hierarchy only.
        let below = if root == "/" { path.as_str() } else { path.strip_prefix(root).unwrap_or("") };
        found.push(Hierarchy { controllers, here: Path::new(point).join(below.trim_start_matches('/')) });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_are_found_in_both_versions_and_in_containers() {
        let mounts = "25 1 0:22 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      26 1 0:23 /docker/x /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
                      27 1 0:24 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw\n\
                      28 1 0:25 / /proc rw - proc proc rw";
        let membership = "4:memory:/a/b\n3:pids:/docker/x/y\n1:name=systemd:/\n0::/user.slice";
        let of = |names: &[&str], here: &str| Hierarchy {
            controllers: names.iter().map(|name| (*name).to_owned()).collect(),
            here: here.into(),
        };
        assert_eq!(
            hierarchies(mounts, membership),
            [
                of(&["memory"], "/sys/fs/cgroup/memory/a/b"),
                of(&["pids"], "/sys/fs/cgroup/pids/y"),
                of(&[], "/sys/fs/cgroup/unified/user.slice"),
            ]
        );
    }
}
