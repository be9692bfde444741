//! The seccomp filter: system calls that no agent, test or build needs, and that reach beyond their process.

use std::collections::BTreeMap;

use super::Doors;
use seccompiler::SeccompCmpArgLen::Dword;
use seccompiler::SeccompCmpOp::{Eq, MaskedEq, Ne};
use seccompiler::{BpfProgram, SeccompAction, SeccompCondition, SeccompFilter, SeccompRule, apply_filter};

// Numbers of the kernel (asm-generic/ioctls.h, linux/resource.h): their types in `libc` differ between C libraries.
const TIOCSTI: u64 = 0x5412;
const TIOCLINUX: u64 = 0x541C;
const PRIO_PROCESS: u64 = 0;

/// Refused whatever the arguments are.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kcmp,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

/// System calls of the x32 interface have this bit; the list must hold for them, too.
#[cfg(target_arch = "x86_64")]
const X32: libc::c_long = 0x4000_0000;

/// The part of a socket's type that is the type; the rest are flags.
const TYPE: u64 = 0xf;

fn number(value: libc::c_int) -> u64 {
    u64::from(value.cast_unsigned())
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// A rule that matches when all of its conditions do.
fn when(conditions: &[(u8, seccompiler::SeccompCmpOp, u64)]) -> Result<SeccompRule, String> {
    let made: Result<Vec<_>, _> =
        conditions.iter().map(|(at, op, value)| SeccompCondition::new(*at, Dword, op.clone(), *value)).collect();
    made.and_then(SeccompRule::new).map_err(|e| format!("the seccomp filter is wrong: {e}"))
}

fn refusals(doors: &Doors) -> Result<Rules, String> {
    let mut rules: Rules = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    let (unix, inet, inet6, netlink) =
        (number(libc::AF_UNIX), number(libc::AF_INET), number(libc::AF_INET6), number(libc::AF_NETLINK));
    let mut sockets = vec![
        // Families other than these speak to the kernel or to hardware.
        when(&[(0, Ne, unix), (0, Ne, inet), (0, Ne, inet6), (0, Ne, netlink)])?,
        // Interfaces and routes are looked at by many programs; the other netlinks are not for them.
        when(&[(0, Eq, netlink), (2, Ne, number(libc::NETLINK_ROUTE))])?,
    ];
    for family in [inet, inet6] {
        sockets.push(when(&[(0, Eq, family), (1, MaskedEq(TYPE), number(libc::SOCK_RAW))])?);
        // Other protocols get around what holds for TCP.
        let (any, tcp, udp) = (0, number(libc::IPPROTO_TCP), number(libc::IPPROTO_UDP));
        sockets.push(when(&[(0, Eq, family), (2, Ne, any), (2, Ne, tcp), (2, Ne, udp)])?);
        if doors.network {
            sockets.push(when(&[(0, Eq, family), (1, MaskedEq(TYPE), number(libc::SOCK_DGRAM))])?);
        }
    }
    if doors.network {
        // Whom a named socket leads to nobody can tell here: sessions, keys and engines of the account.
        sockets.push(when(&[(0, Eq, unix)])?);
        // What listens here is reached from the whole network.
        rules.insert(libc::SYS_listen, Vec::new());
    }
    rules.insert(libc::SYS_socket, sockets);
    if doors.processes {
        rules.extend(others()?);
    }
    // Typing into the terminal of whoever reads there.
    rules.insert(libc::SYS_ioctl, vec![when(&[(1, Eq, TIOCSTI)])?, when(&[(1, Eq, TIOCLINUX)])?]);
    let namespaces = [
        libc::CLONE_NEWNS,
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
    ];
    let of_flag = |flag: &libc::c_int| when(&[(0, MaskedEq(number(*flag)), number(*flag))]);
    rules.insert(libc::SYS_clone, namespaces.iter().map(of_flag).collect::<Result<_, _>>()?);
    if doors.network {
        // Connects without asking the one that limits connections.
        let fast = number(libc::MSG_FASTOPEN);
        for (call, at) in [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)] {
            rules.insert(call, vec![when(&[(at, MaskedEq(fast), fast)])?]);
        }
    }
    #[cfg(target_arch = "x86_64")]
    {
        let again: Rules = rules.iter().map(|(call, rules)| (call | X32, rules.clone())).collect();
        rules.extend(again);
    }
    Ok(rules)
}

/// Limits and order of processes other than the one that asks: its account has more of them than the run's.
fn others() -> Result<Rules, String> {
    /// `IOPRIO_WHO_PROCESS`, ioprio_set(2).
    const PROCESS: u64 = 1;
    let of_other = || when(&[(0, Ne, 0)]);
    let mut rules = Rules::new();
    for call in [
        libc::SYS_prlimit64,
        libc::SYS_sched_setaffinity,
        libc::SYS_sched_setscheduler,
        libc::SYS_sched_setparam,
        libc::SYS_sched_setattr,
    ] {
        rules.insert(call, vec![of_other()?]);
    }
    rules.insert(libc::SYS_setpriority, vec![when(&[(0, Ne, PRIO_PROCESS)])?, when(&[(1, Ne, 0)])?]);
    rules.insert(libc::SYS_ioprio_set, vec![when(&[(0, Ne, PROCESS)])?, when(&[(1, Ne, 0)])?]);
    Ok(rules)
}

fn install(rules: Rules, answer: libc::c_int) -> Result<(), String> {
    let wrong = |e: &dyn std::fmt::Display| format!("the seccomp filter cannot be set: {e}");
    let arch = std::env::consts::ARCH.try_into().map_err(|e| wrong(&e))?;
    let answer = SeccompAction::Errno(answer.cast_unsigned());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, answer, arch).map_err(|e| wrong(&e))?;
    let program: BpfProgram = filter.try_into().map_err(|e| wrong(&e))?;
    apply_filter(&program).map_err(|e| wrong(&e))
}

/// Closes these calls for this process and all it starts.
pub(super) fn close(doors: &Doors) -> Result<(), String> {
    // Its flags lie in memory, where a filter cannot look. "There is no such call" makes libraries use `clone`.
    install(BTreeMap::from([(libc::SYS_clone3, Vec::new())]), libc::ENOSYS)?;
    install(refusals(doors)?, libc::EPERM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_compiles_for_every_level() {
        for (network, processes) in [(true, true), (false, true), (false, false)] {
            let rules = refusals(&Doors { network, processes }).unwrap();
            assert_eq!(rules.contains_key(&libc::SYS_sendto), network);
            assert_eq!(rules.contains_key(&libc::SYS_prlimit64), processes);
            let arch = std::env::consts::ARCH.try_into().unwrap();
            let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(1), arch).unwrap();
            assert!(BpfProgram::try_from(filter).unwrap().len() < 4096, "longer than the kernel takes");
        }
    }
}
