//! Whether runs that a host starts outlive what may happen to the service.

use super::cgroup::Groups;
use super::protocol::Hello;
use crate::process;

/// What becomes of runs when something is ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// They go on.
    GoOn,
    /// They die with it, for this reason.
    Die(String),
    /// The service is in no such thing.
    NotThere,
}

/// What runs survive. A restart of the service itself they always do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survival {
    /// The end of the service's cgroup, as of its systemd unit.
    pub cgroup: Fate,
    /// The end of the service's container.
    pub container: Fate,
}

impl Survival {
    /// Whether they survive whatever can happen to the service here.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        ![&self.cgroup, &self.container].into_iter().any(|fate| matches!(fate, Fate::Die(_)))
    }
}

/// `PROC_PID_INIT_INO` of the kernel's `include/linux/proc_ns.h`: the machine's own pid namespace.
const MACHINE: u64 = 0xEFFF_FFFC;

/// How this process and a host stand to each other.
pub(super) struct Standing {
    own: Groups,
    /// `None` if the host is in a pid namespace we cannot see into.
    host: Option<Groups>,
    own_namespace: u64,
    host_namespace: u64,
    own_pid: u32,
}

impl Standing {
    /// `seen_pid` is the host's pid as the kernel tells it here; 0 if it cannot be seen. `service` is this process if
    /// no other is named.
    pub(super) fn of(hello: &Hello, seen_pid: i32, service: Option<u32>) -> Self {
        let service = service.unwrap_or_else(std::process::id);
        Self {
            own: Groups::of(&service.to_string()).unwrap_or_default(),
            host: (seen_pid > 0).then(|| Groups::of(&seen_pid.to_string()).unwrap_or_default()),
            own_namespace: process::pid_namespace(service).unwrap_or_default(),
            host_namespace: hello.pid_namespace,
            own_pid: service,
        }
    }

    pub(super) fn survival(&self) -> Survival {
        let contained = self.own_namespace != MACHINE;
        let shared_group = self.host.as_ref().and_then(|host| self.own.ends_with_us(host));
        let cgroup = match shared_group {
            Some(group) => Fate::Die(format!("the host is in the service's group {group}")),
            None if self.own.any() => Fate::GoOn,
            // A container with a cgroup namespace shows its own group as the root.
            None => Fate::NotThere,
        };
        let container = if !contained {
            Fate::NotThere
        } else if self.own_namespace != self.host_namespace {
            Fate::GoOn
        } else if self.own_pid != 1 && self.host.as_ref().is_some_and(|host| *host != self.own) {
            // Containers that share a pid namespace still have a group each.
            Fate::GoOn
        } else {
            Fate::Die("the host is in the service's container".to_owned())
        };
        Survival { cgroup, container }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(own: &str, host: Option<&str>, namespaces: (u64, u64)) -> Survival {
        let (own_namespace, host_namespace) = namespaces;
        let (own, host) = (Groups::parse(own), host.map(Groups::parse));
        Standing { own, host, own_namespace, host_namespace, own_pid: 40 }.survival()
    }

    #[test]
    fn on_the_machine_the_group_decides() {
        let apart = standing("0::/a\n", Some("0::/orch-host-7\n"), (MACHINE, MACHINE));
        assert_eq!((&apart.cgroup, &apart.container), (&Fate::GoOn, &Fate::NotThere));
        assert!(apart.is_whole());
        let together = standing("0::/a\n", Some("0::/a\n"), (MACHINE, MACHINE));
        assert!(matches!(together.cgroup, Fate::Die(_)) && !together.is_whole());
        assert_eq!(standing("0::/\n", Some("0::/\n"), (MACHINE, MACHINE)).cgroup, Fate::NotThere);
    }

    #[test]
    fn in_a_container_the_namespace_decides() {
        assert!(matches!(standing("0::/\n", Some("0::/\n"), (5, 5)).container, Fate::Die(_)));
        assert_eq!(standing("0::/\n", None, (5, 6)).container, Fate::GoOn);
        assert_eq!(standing("0::/\n", None, (5, MACHINE)).container, Fate::GoOn);
        assert_eq!(standing("0::/\n", Some("0::/../libpod-1\n"), (5, 5)).container, Fate::GoOn);
    }
}
