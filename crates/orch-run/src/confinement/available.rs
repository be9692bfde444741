//! What this host can give.

use std::path::Path;

use super::{Account, Confinement, bubblewrap};
use crate::supervisor::trial;

/// With what levels are tried: with what runs will have.
#[derive(Debug, Clone, Copy)]
pub struct Trial<'a> {
    /// The account for runs if this process is root; `None` is `nobody`.
    pub user: Option<&'a str>,
    /// The program whose hidden subcommand [`crate::CONFINE`] is the inner step.
    pub program: &'a Path,
    /// The folder that the places of runs lie in. It is made if it is not there.
    pub folder: &'a Path,
    /// A command that has to work at the level, and its environment; empty: a shell that writes a file.
    pub command: &'a [String],
    /// The environment of the command.
    pub env: &'a [(String, String)],
}

/// How a level is made on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// Without namespaces.
    Plainly,
    /// With namespaces that the inner step makes itself.
    Namespaces,
    /// By bubblewrap.
    Bubblewrap,
}

/// What came of trying a level: how it is made, or in words why this host cannot give it.
pub type Tried = (Confinement, Result<Made, String>);

/// Every level, the strongest first.
///
/// Nothing is concluded from what is installed: a run is made in the folder, with the account, and writes there.
#[must_use]
pub fn available(trial: &Trial<'_>) -> Vec<Tried> {
    Confinement::ALL.into_iter().map(|level| (level, offered(trial, level))).collect()
}

/// The level to use, tried from the strongest on: `wanted`, else the strongest there is; never one below `min`.
///
/// # Errors
/// As [`choose`].
pub fn find(wanted: Option<Confinement>, min: Confinement, trial: &Trial<'_>) -> Result<(Confinement, Made), String> {
    let candidates = Confinement::ALL.into_iter().filter(|level| *level >= min && wanted.is_none_or(|w| w == *level));
    let found = candidates.into_iter().find_map(|level| Some((level, offered(trial, level).ok()?)));
    // A refusal also names what there is instead.
    found.map_or_else(|| choose(wanted, min, &available(trial)), Ok)
}

/// How this host makes the level, tried.
fn offered(trial: &Trial<'_>, level: Confinement) -> Result<Made, String> {
    let account = if rustix::process::geteuid().is_root() {
        Some(Account::named(trial.user.unwrap_or(DEFAULT_USER))).transpose()?
    } else {
        None
    };
    let tried = |made| trial::run(trial, level, made, account.as_ref()).map(|()| made);
    match level {
        Confinement::None => Ok(Made::Plainly),
        Confinement::Account if account.is_none() => {
            Err("only a service that is root can give runs another account".to_owned())
        }
        Confinement::Account => tried(Made::Plainly),
        Confinement::Shared => seccomp().and_then(|()| landlock()).and_then(|()| tried(Made::Plainly)),
        Confinement::Landlock => seccomp().and_then(|()| landlock()).and_then(|()| tried(Made::Namespaces)),
        Confinement::Bubblewrap => seccomp().and_then(|()| {
            tried(Made::Namespaces).or_else(|own| by_bubblewrap(tried).map_err(|other| format!("{own}; {other}")))
        }),
    }
}

fn by_bubblewrap(tried: impl Fn(Made) -> Result<Made, String>) -> Result<Made, String> {
    if bubblewrap::program().is_none() {
        return Err("bubblewrap (bwrap), which may be allowed what orch is not, is not installed".to_owned());
    }
    tried(Made::Bubblewrap)
        .map_err(|words| format!("{words}; in a container bubblewrap needs the right to make namespaces"))
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
    available: &[Tried],
) -> Result<(Confinement, Made), String> {
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
    let next = available.iter().find(|(level, answer)| *level < min && answer.is_ok());
    match best {
        Some((level, Ok(made))) if *level >= min => Ok((*level, *made)),
        _ => Err(format!(
            "this host cannot confine runs to {} ({}); install what is missing, or accept less: set `min` under \
             [confinement] in the host file to {}",
            wanted.unwrap_or(min).name(),
            missing(wanted.unwrap_or(min)),
            match next {
                Some((Confinement::None, _)) | None => "\"L0\", for no confinement at all".to_owned(),
                Some((level, _)) => format!("\"{}\", which this host has ({})", level.name(), level.words()),
            }
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
    Ok(())
}

fn seccomp() -> Result<(), String> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if !status.contains("\nSeccomp:") {
        return Err("this kernel has no seccomp".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(l3: bool, l2: bool) -> Vec<Tried> {
        let answer = |there: bool, why: &str| if there { Ok(Made::Namespaces) } else { Err(why.to_owned()) };
        vec![
            (Confinement::Bubblewrap, answer(l3, "no namespaces")),
            (Confinement::Landlock, answer(l2, "no mounts")),
            (Confinement::Shared, Ok(Made::Plainly)),
            (Confinement::Account, Err("not root".to_owned())),
            (Confinement::None, Ok(Made::Plainly)),
        ]
    }

    #[test]
    fn the_strongest_is_chosen_and_never_one_below_the_least() {
        use Confinement::{Bubblewrap, Landlock, None as Unconfined, Shared};
        let level = |wanted, min, host: &[Tried]| choose(wanted, min, host).map(|(level, _)| level);
        assert_eq!(level(None, Landlock, &host(true, true)), Ok(Bubblewrap));
        assert_eq!(level(None, Landlock, &host(false, true)), Ok(Landlock));
        assert_eq!(level(Some(Landlock), Landlock, &host(true, true)), Ok(Landlock));
        assert_eq!(level(None, Unconfined, &host(false, false)), Ok(Shared));
        assert_eq!(level(None, Shared, &host(false, false)), Ok(Shared));
        let less = level(None, Landlock, &host(false, false)).unwrap_err();
        assert!(less.contains("L3: no namespaces; L2: no mounts") && less.contains("\"L2-open\""), "{less}");
        let wanted = level(Some(Bubblewrap), Landlock, &host(false, true)).unwrap_err();
        assert!(wanted.contains("no namespaces") && !wanted.contains("no mounts"), "{wanted}");
        let at_odds = level(Some(Unconfined), Landlock, &host(true, true)).unwrap_err();
        assert!(at_odds.contains("lower min"), "{at_odds}");
    }
}
