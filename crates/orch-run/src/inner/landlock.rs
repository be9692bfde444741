//! Landlock: files by path, signals, abstract sockets and TCP, held by the kernel for this process and all it starts.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, NetPort, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus, Scope,
};

use super::Inner;
use crate::Confinement;
use crate::confinement::available_abi;
use crate::confinement::paths::{Access, ETC, SYSTEM};

/// The newest rights this code knows what to do about; an older kernel gives those it has.
const NEWEST: ABI = ABI::V7;

/// Devices that programs open; none of them is a disk, a memory or a terminal of somebody else.
const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];

/// Closes what the plan does not open. The answer is what this kernel could not give, one sentence each.
pub(super) fn close(inner: &Inner) -> Result<Vec<String>, String> {
    let private_network = inner.private_network;
    let failed = |e: &dyn std::fmt::Display| format!("Landlock refused a rule: {e}");
    let all = AccessFs::from_all(NEWEST);
    let mut ruleset = Ruleset::default().handle_access(all).map_err(|e| failed(&e))?;
    ruleset = ruleset.scope(Scope::Signal | Scope::AbstractUnixSocket).map_err(|e| failed(&e))?;
    if !private_network {
        ruleset = ruleset.handle_access(AccessNet::ConnectTcp).map_err(|e| failed(&e))?;
    }
    let mut created = ruleset.create().map_err(|e| failed(&e))?;
    for (access, path) in paths(inner) {
        // What is missing needs no rule.
        let Ok(fd) = PathFd::new(&path) else { continue };
        let mut rights = match access {
            Access::Read => AccessFs::from_read(NEWEST),
            Access::Write => all,
        };
        if !path.is_dir() {
            rights &= AccessFs::from_file(NEWEST);
        }
        created = created.add_rule(PathBeneath::new(fd, rights)).map_err(|e| failed(&e))?;
    }
    if let (false, Some(port)) = (private_network, inner.port) {
        created = created.add_rule(NetPort::new(port, AccessNet::ConnectTcp)).map_err(|e| failed(&e))?;
    }
    let status = created.restrict_self().map_err(|e| failed(&e))?;
    match status.ruleset {
        RulesetStatus::NotEnforced if inner.level < Confinement::Bubblewrap => {
            Err("this kernel has no Landlock; choose another level in [confinement] level".to_owned())
        }
        _ => Ok(missing(available_abi(), inner.level, inner.account.is_some())),
    }
}

fn paths(inner: &Inner) -> Vec<(Access, PathBuf)> {
    let read = |path: &&str| (Access::Read, PathBuf::from(path));
    let write = |path: &str| (Access::Write, PathBuf::from(path));
    let mut found: Vec<_> = inner.paths.iter().map(|bind| (bind.access, bind.at.clone())).collect();
    if inner.level == Confinement::Bubblewrap {
        // What may not be read is not there; what may not be written is mounted read-only as well.
        found.push(read(&"/"));
        found.extend(["/tmp", "/dev", "/proc"].into_iter().map(write));
        return found;
    }
    found.extend(SYSTEM.iter().chain(ETC).chain(&["/proc"]).map(read));
    if inner.spaces.is_some() {
        found.extend(["/tmp", "/dev"].into_iter().map(write));
        return found;
    }
    found.extend(DEVICES.iter().copied().filter(|path| Path::new(path).exists()).map(write));
    found
}

/// What is open at this level, and what an older kernel lacks of its promise. `account`: the run has one of its own.
fn missing(abi: i64, level: Confinement, account: bool) -> Vec<String> {
    let lacks =
        |since: i64, kernel: &str, what: &str| (abi < since).then(|| format!("{what}: that needs Linux {kernel}."));
    let mut found = Vec::new();
    if level < Confinement::Bubblewrap {
        found.extend(lacks(2, "5.19", "It cannot move files between folders"));
        found.extend(lacks(3, "6.2", "It may cut files short that it may not write"));
        found.extend(lacks(6, "6.12", "It may signal other processes of its account, and reach abstract sockets"));
        found.push("It sees the list of this host's processes.".to_owned());
    }
    if level < Confinement::Landlock {
        if let Some(old) = lacks(4, "6.7", "TCP connections are not limited") {
            found.push(old);
        } else {
            found.push("TCP reaches the port number of its proxy at any address; UDP is closed.".to_owned());
        }
        found.push("It may not listen, nor use named sockets.".to_owned());
        if !account {
            found.push("It may change modes and times of files of the service's account.".to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_and_what_an_older_kernel_lacks_is_told() {
        assert!(missing(1, Confinement::Bubblewrap, true).is_empty());
        assert_eq!(missing(7, Confinement::Landlock, true).len(), 1);
        let open = missing(7, Confinement::Shared, false).join(" ");
        for word in ["any address", "listen", "modes"] {
            assert!(open.contains(word), "{open}");
        }
        let old = missing(1, Confinement::Shared, false).join(" ");
        for word in ["5.19", "6.2", "6.7", "6.12"] {
            assert!(old.contains(word), "{old}");
        }
    }
}
