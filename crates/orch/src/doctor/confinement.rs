//! Which levels of confinement this machine gives, and whether runs can start with what is set.

use std::path::Path;

use orch_run::{Confinement, Trial, Tried, available, choose, private_network};

use super::State::{Fail, Ok as Good, Warn};
use super::{Look, Told};

/// The level that runs get here; why it is not a higher one.
pub fn levels(look: &Look) -> Vec<Told> {
    let set = &look.host.confinement;
    let Ok(program) = std::env::current_exe() else {
        return vec![(Warn, "this program cannot find itself, so nothing was tried".to_owned(), None)];
    };
    let folder: &Path = look.host.paths.state.as_std_path();
    let trial = Trial { user: set.user.as_deref(), program: &program, folder, command: &[], env: &[] };
    told(&set.level, &set.min, &available(&trial), folder)
}

/// `state`: the state folder, in which runs work.
fn told(level: &str, min: &str, given: &[Tried], state: &Path) -> Vec<Told> {
    let named = |name: &str| Confinement::ALL.into_iter().find(|level| level.name() == name);
    let chosen = match choose(named(level), named(min).unwrap_or_default(), given) {
        Ok((chosen, _)) => chosen,
        Err(why) => return vec![(Fail, format!("no run can start: {why}"), None)],
    };
    let mut told = vec![(Good, format!("runs get level {} (at least {min} is wanted)", chosen.name()), None)];
    let hidden = state.components().any(|part| part.as_os_str().as_encoded_bytes().starts_with(b"."));
    if hidden && !private_network(chosen) {
        let what = format!(
            "runs at {} work below {}, and some tests and tools pass over what lies in a hidden folder",
            chosen.name(),
            state.display()
        );
        told.push((Warn, what, Some("set ORCH_STATE_DIR to a folder without a dot in its path".to_owned())));
    }
    // Who names a level does not want a higher one.
    let wanted = given.iter().filter(|(other, _)| named(level).is_none() && *other > chosen);
    for (higher, answer) in wanted {
        if let Err(why) = answer {
            told.push((Warn, format!("{} is not to be had: {why}", higher.name()), None));
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use orch_run::Made;

    #[test]
    fn what_is_missing_is_a_warning_unless_nothing_can_start() {
        let given = Confinement::ALL.map(|level| match level {
            Confinement::Bubblewrap => (level, Err("no bwrap".to_owned())),
            _ => (level, Ok(Made::Plainly)),
        });
        let plain = Path::new("/srv/orch");
        let lower = told("auto", "L2", &given, plain);
        assert_eq!(lower[0], (Good, "runs get level L2 (at least L2 is wanted)".to_owned(), None));
        assert_eq!(lower[1], (Warn, "L3 is not to be had: no bwrap".to_owned(), None));
        assert_eq!(told("auto", "L3", &given, plain)[0].0, Fail);
        // At L2 and above a run knows its directory by another path.
        let hidden = |level| told(level, "L0", &given, Path::new("/home/u/.local/state/orch")).len();
        assert_eq!((hidden("L0"), hidden("L1"), hidden("L2")), (2, 2, 1));
        assert_eq!(
            told("L0", "L0", &given, plain),
            [(Good, "runs get level L0 (at least L0 is wanted)".to_owned(), None)]
        );
    }
}
