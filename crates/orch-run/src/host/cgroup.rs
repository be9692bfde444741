//! Control groups as far as a run's life depends on them: who is ended together with whom, and leaving a group.
//!
//! Facts: cgroups(7) for `/proc/PID/cgroup`, proc_pid_mountinfo(5). systemd ends a unit by its group in the unified
//! hierarchy or, on version 1, in `name=systemd`; container engines use `freezer` and `pids` on version 1.

use std::io;
use std::path::{Path, PathBuf};

/// Hierarchies of version 1 by which processes are ended together.
const DEADLY: [&str; 3] = ["name=systemd", "freezer", "pids"];
/// What a host calls its own group, followed by its process id.
const OWN_GROUP: &str = "orch-host-";

/// The groups of one process, as the reader's cgroup namespace shows them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Groups(Vec<Group>);

/// One hierarchy: its name (empty for the unified one) and the path in it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    hierarchy: String,
    path: String,
}

impl Groups {
    /// `process` is a pid or `self`.
    pub(super) fn of(process: &str) -> io::Result<Self> {
        Ok(Self::parse(&std::fs::read_to_string(format!("/proc/{process}/cgroup"))?))
    }

    /// Lines `number:controllers:path`.
    pub(super) fn parse(text: &str) -> Self {
        let mut groups = Vec::new();
        for line in text.lines() {
            let mut parts = line.splitn(3, ':');
            let (Some(_), Some(names), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
            let names = if names.is_empty() { vec![""] } else { names.split(',').collect() };
            for name in names {
                if name.is_empty() || DEADLY.contains(&name) {
                    groups.push(Group { hierarchy: name.to_owned(), path: path.to_owned() });
                }
            }
        }
        Self(groups)
    }

    /// The group in which `other` would be ended together with this process: `other` is in it or below it. The root
    /// of a hierarchy is never ended.
    pub(super) fn ends_with_us(&self, other: &Self) -> Option<&str> {
        self.below_root().find_map(|own| {
            let theirs = other.0.iter().find(|group| group.hierarchy == own.hierarchy)?;
            let inside = theirs.path == own.path || theirs.path.starts_with(&format!("{}/", own.path));
            inside.then_some(own.path.as_str())
        })
    }

    /// Whether there is a group that could be ended.
    pub(super) fn any(&self) -> bool {
        self.below_root().next().is_some()
    }

    /// The group a person would name: the first below the root.
    pub(super) fn name(&self) -> String {
        self.below_root().next().map_or_else(|| "/".to_owned(), |group| group.path.clone())
    }

    fn below_root(&self) -> impl Iterator<Item = &Group> {
        self.0.iter().filter(|group| group.path != "/")
    }
}

/// Moves this process out of every group in which it could be ended, into a new one beside it. Returns what was left,
/// and why others could not be, in words.
pub(super) fn leave() -> (Vec<String>, Vec<String>) {
    let (mut left, mut kept) = (Vec::new(), Vec::new());
    let groups = Groups::of("self").unwrap_or_default();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    for group in groups.below_root() {
        let gone = folder_beside(&mounts, group)
            .ok_or_else(|| "its folder is not mounted here".to_owned())
            .and_then(|beside| move_to(&beside).map_err(|error| format!("{}: {error}", beside.display())));
        match gone {
            Ok(()) => left.push(group.path.clone()),
            Err(why) => kept.push(format!("{} ({why})", group.path)),
        }
    }
    (left, kept)
}

fn move_to(beside: &Path) -> io::Result<()> {
    remove_empty_ones(beside);
    let group = beside.join(format!("{OWN_GROUP}{}", std::process::id()));
    std::fs::create_dir(&group)?;
    std::fs::write(group.join("cgroup.procs"), std::process::id().to_string()).inspect_err(|_| {
        let _ = std::fs::remove_dir(&group);
    })
}

/// Former hosts cannot remove the group they are in. The kernel removes only what is empty.
fn remove_empty_ones(beside: &Path) {
    for entry in std::fs::read_dir(beside).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(OWN_GROUP)) {
            let _ = std::fs::remove_dir(entry.path());
        }
    }
}

/// The folder of the group above `group`.
fn folder_beside(mountinfo: &str, group: &Group) -> Option<PathBuf> {
    for line in mountinfo.lines() {
        let (place, kind) = line.split_once(" - ")?;
        let place: Vec<&str> = place.split(' ').collect();
        let mut kind = kind.split(' ');
        let (system, _source, options) = (kind.next()?, kind.next()?, kind.next().unwrap_or_default());
        let fits = match group.hierarchy.as_str() {
            "" => system == "cgroup2",
            name => system == "cgroup" && options.split(',').any(|option| option == name),
        };
        let (Some(root), Some(point)) = (place.get(3), place.get(4)) else { continue };
        if !fits {
            continue;
        }
        let inside = if *root == "/" { &group.path } else { group.path.strip_prefix(root)? };
        let above = Path::new(inside).parent()?;
        return Some(Path::new(point).join(above.strip_prefix("/").unwrap_or(above)));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "9:name=systemd:/\n8:pids:/s/a\n6:freezer,blkio:/s/a\n4:memory:/m\n0::/s/orch.service\n";

    #[test]
    fn one_ends_with_the_other_in_its_group_or_below_it() {
        let own = Groups::parse(HYBRID);
        assert!(own.any());
        assert_eq!(own.name(), "/s/a");
        let with = |text: &str| own.ends_with_us(&Groups::parse(text)).map(str::to_owned);
        assert_eq!(with("0::/s/orch.service\n").as_deref(), Some("/s/orch.service"));
        assert_eq!(with("0::/s/orch.service/x\n8:pids:/\n").as_deref(), Some("/s/orch.service"));
        assert_eq!(with("6:blkio,freezer:/s/a\n").as_deref(), Some("/s/a"));
        assert_eq!(with("0::/s/orch.service2\n8:pids:/\n6:freezer:/s\n4:memory:/m\n"), None);
        let root = Groups::parse("0::/\n9:name=systemd:/\n");
        assert!(!root.any() && root.ends_with_us(&root).is_none());
    }

    #[test]
    fn the_group_above_is_found_where_it_is_mounted() {
        let mounts = "30 20 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
                      31 30 0:27 / /sys/fs/cgroup/pids rw,x shared:1 - cgroup cgroup rw,pids\n\
                      32 30 0:28 /box /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let beside = |hierarchy: &str, path: &str| {
            folder_beside(mounts, &Group { hierarchy: hierarchy.into(), path: path.into() })
        };
        assert_eq!(beside("pids", "/a/b"), Some("/sys/fs/cgroup/pids/a".into()));
        assert_eq!(beside("pids", "/a"), Some("/sys/fs/cgroup/pids".into()));
        assert_eq!(beside("", "/box/a/b"), Some("/sys/fs/cgroup/unified/a".into()));
        assert_eq!(beside("", "/other"), None);
        assert_eq!(beside("freezer", "/a"), None);
    }
}
