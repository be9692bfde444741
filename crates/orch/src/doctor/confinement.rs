//! Which levels of confinement this machine gives, and whether runs can start with what is set.

use std::path::Path;

use orch_run::{Confinement, Trial, Tried, available, choose};

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
    told(&set.level, &set.min, &available(&trial))
}

fn told(level: &str, min: &str, given: &[Tried]) -> Vec<Told> {
    let named = |name: &str| Confinement::ALL.into_iter().find(|level| level.name() == name);
    let chosen = match choose(named(level), named(min).unwrap_or_default(), given) {
        Ok((chosen, _)) => chosen,
        Err(why) => return vec![(Fail, format!("no run can start: {why}"), None)],
    };
    let mut told = vec![(Good, format!("runs get level {} (at least {min} is wanted)", chosen.name()), None)];
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
        let lower = told("auto", "L2", &given);
        assert_eq!(lower[0], (Good, "runs get level L2 (at least L2 is wanted)".to_owned(), None));
        assert_eq!(lower[1], (Warn, "L3 is not to be had: no bwrap".to_owned(), None));
        assert_eq!(told("auto", "L3", &given)[0].0, Fail);
        assert_eq!(told("L0", "L0", &given), [(Good, "runs get level L0 (at least L0 is wanted)".to_owned(), None)]);
    }
}
