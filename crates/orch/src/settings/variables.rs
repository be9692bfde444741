//! The `ORCH_*` variables, above the file.

use super::Warning;
use super::host::Host;
use super::keys::{self, Unusable};
use crate::exit::Point;

/// Puts the variables over what the file says. An unusable tuning value is a warning and what held before holds
/// on (L1); an unusable vital one is added to `problems`. An empty variable counts as not set.
pub fn apply(host: &mut Host, env: &dyn Fn(&str) -> Option<String>, problems: &mut Vec<Point>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for key in keys::HOST {
        let Some(variable) = key.variable else { continue };
        let Some(text) = env(variable.name).filter(|text| !text.trim().is_empty()) else { continue };
        match (key.kind.of_text(&text), variable.unusable) {
            (Ok(value), _) => (key.set)(host, value),
            (Err(found), Unusable::Fails) => problems.push(Point {
                what: format!("{} must be {}, found {found}", variable.name, key.kind.expected()),
                place: format!("variable {}", variable.name),
                fix: format!("correct it, or unset it and set `{}` under [{}]", key.name, key.section),
            }),
            (Err(found), Unusable::Warns) => warnings.push(Warning {
                what: format!(
                    "must be {}, found {found}; {} holds instead",
                    key.kind.expected(),
                    (key.get)(host).unwrap_or_else(|| "nothing".to_owned())
                ),
                place: variable.name.to_owned(),
            }),
        }
    }
    for name in keys::WITHOUT_EFFECT {
        if env(name).is_some_and(|text| !text.trim().is_empty()) {
            warnings.push(Warning {
                what: "is set, but nothing in this version acts on it".to_owned(),
                place: (*name).to_owned(),
            });
        }
    }
    if !host.service.listen.is_loopback() {
        warnings.push(Warning {
            what: format!("{} lets other machines reach the service", host.service.listen),
            place: "service.listen".to_owned(),
        });
    }
    warnings
}
