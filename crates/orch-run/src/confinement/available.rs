//! What this host can give.

use std::process::{Command, Stdio};

use super::{Account, Confinement, bubblewrap};

/// Every level, the strongest first, and why this host cannot give it. `user` is the account for runs if this process
/// is root.
///
/// Looks and tries: bubblewrap is started once, around `/bin/true`.
#[must_use]
pub fn available(user: Option<&str>) -> Vec<(Confinement, Result<(), String>)> {
    let account = if rustix::process::geteuid().is_root() {
        Account::named(user.unwrap_or(DEFAULT_USER)).map(Some)
    } else {
        Ok(None)
    };
    let answer = |level| match level {
        Confinement::None => Ok(()),
        Confinement::Account => match &account {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err("only a service that is root can give runs another account".to_owned()),
            Err(problem) => Err(problem.clone()),
        },
        Confinement::Landlock => account.clone().and(landlock()),
        Confinement::Bubblewrap => account.clone().and_then(|account| try_bubblewrap(account.is_some())),
    };
    Confinement::ALL.into_iter().map(|level| (level, answer(level))).collect()
}

/// The account of runs when the service is root and nothing else is set.
pub(crate) const DEFAULT_USER: &str = "nobody";

/// The level to use: `wanted`, else the strongest there is; never one below `min`.
///
/// # Errors
/// In words: what is missing, and how to go on without it.
pub fn choose(
    wanted: Option<Confinement>,
    min: Confinement,
    available: &[(Confinement, Result<(), String>)],
) -> Result<Confinement, String> {
    let missing = |from: Confinement| -> String {
        let of = available.iter().filter(|(level, _)| *level >= from);
        let words = of.filter_map(|(level, answer)| Some(format!("{}: {}", level.name(), answer.as_ref().err()?)));
        words.collect::<Vec<_>>().join("; ")
    };
    let best = match wanted {
        Some(level) if level < min => {
            return Err(format!(
                "[confinement] level is {} and min is {}; raise level, or lower min",
                level.name(),
                min.name()
            ));
        }
        Some(level) => available.iter().find(|(l, answer)| *l == level && answer.is_ok()),
        None => available.iter().find(|(_, answer)| answer.is_ok()),
    };
    match best {
        Some((level, _)) if *level >= min => Ok(*level),
        _ => Err(format!(
            "this host cannot confine runs to {} ({}); install what is missing, or accept less: set `min` under \
             [confinement] in the host file, down to \"L0\" for none",
            wanted.unwrap_or(min).name(),
            missing(wanted.unwrap_or(min))
        )),
    }
}

/// The kernel's Landlock ABI; 0 without Landlock.
pub(crate) fn landlock_abi() -> i64 {
    /// `LANDLOCK_CREATE_RULESET_VERSION`, landlock_create_ruleset(2).
    const VERSION: libc::c_uint = 1;
    #[expect(unsafe_code, reason = "the crate landlock does not tell the version")]
    // SAFETY: without a ruleset and with this flag the call only answers a number.
    let abi = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, VERSION) };
    abi.max(0)
}

fn landlock() -> Result<(), String> {
    if landlock_abi() == 0 {
        return Err("this kernel has no Landlock (5.13 or newer, with `landlock` among the security modules of its \
                    command line)"
            .to_owned());
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if !status.contains("\nSeccomp:") {
        return Err("this kernel has no seccomp".to_owned());
    }
    Ok(())
}

fn try_bubblewrap(root: bool) -> Result<(), String> {
    let program = bubblewrap::program()
        .ok_or("bubblewrap (bwrap) is not installed: install the package bubblewrap of your system")?;
    let tried = Command::new(program)
        .args(bubblewrap::namespaces(root))
        .args(["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--", "/bin/true"])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()
        .map_err(|error| format!("{program} cannot be started: {error}"))?;
    if tried.status.success() {
        return landlock();
    }
    let words = crate::sanitize_for_terminal(&tried.stderr);
    Err(format!(
        "bubblewrap does not work here ({}); in a container it needs the right to make namespaces",
        words.trim().trim_start_matches("bwrap: ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(l3: bool, l2: bool) -> Vec<(Confinement, Result<(), String>)> {
        let answer = |there: bool, why: &str| if there { Ok(()) } else { Err(why.to_owned()) };
        vec![
            (Confinement::Bubblewrap, answer(l3, "no bwrap")),
            (Confinement::Landlock, answer(l2, "old kernel")),
            (Confinement::Account, Err("not root".to_owned())),
            (Confinement::None, Ok(())),
        ]
    }

    #[test]
    fn the_strongest_is_chosen_and_never_one_below_the_least() {
        use Confinement::{Bubblewrap, Landlock, None as Unconfined};
        assert_eq!(choose(None, Landlock, &host(true, true)), Ok(Bubblewrap));
        assert_eq!(choose(None, Landlock, &host(false, true)), Ok(Landlock));
        assert_eq!(choose(Some(Landlock), Landlock, &host(true, true)), Ok(Landlock));
        assert_eq!(choose(None, Unconfined, &host(false, false)), Ok(Unconfined));
        let less = choose(None, Landlock, &host(false, false)).unwrap_err();
        assert!(less.contains("L3: no bwrap; L2: old kernel") && less.contains("`min`"), "{less}");
        let wanted = choose(Some(Bubblewrap), Landlock, &host(false, true)).unwrap_err();
        assert!(wanted.contains("no bwrap") && !wanted.contains("old kernel"), "{wanted}");
        let at_odds = choose(Some(Unconfined), Landlock, &host(true, true)).unwrap_err();
        assert!(at_odds.contains("lower min"), "{at_odds}");
    }
}
