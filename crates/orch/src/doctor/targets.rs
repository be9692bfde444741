//! Deploy targets: is there a hook to run, are its secrets there, does what runs answer.

use std::os::unix::fs::PermissionsExt as _;

use camino::Utf8Path;
use orch_engine::DeployTerms;
use orch_vendors::agent::program::located;

use super::State::{Fail, Ok as Good, Warn};
use super::{Look, Told};
use crate::settings::RepositoryEntry;

/// How each of them stands.
pub fn targets(look: &Look) -> Vec<Told> {
    let host = &look.host;
    let told = |name: &String| {
        let users: Vec<&RepositoryEntry> =
            host.repositories.iter().filter(|entry| entry.target.as_ref() == Some(name)).collect();
        let Some(terms) = users.first().and_then(|entry| host.deploys(entry)) else {
            let fix = Some(format!("name it in a [[repository]]: target = \"{name}\""));
            return vec![(Warn, format!("{name}: no repository is deployed there"), fix)];
        };
        let mut found = of_hook(look, &terms);
        found.extend(terms.secrets.iter().filter_map(|secret| of_secret(&secret.file)));
        if found.is_empty() {
            found.push(of_answer(&terms));
        }
        found.into_iter().map(|(state, words, fix)| (state, format!("{name}: {words}"), fix)).collect()
    };
    host.targets.keys().flat_map(told).collect()
}

fn of_hook(look: &Look, terms: &DeployTerms) -> Vec<Told> {
    let path = (look.env)("PATH").unwrap_or_default();
    let program = terms.hook.first().map(String::as_str).unwrap_or_default();
    if located(program, &path, &|_| false).is_ok() {
        return Vec::new();
    }
    let fix = "put it there and make it executable, or name another one: hook of the target";
    vec![(Fail, format!("its hook {program} cannot be run"), Some(fix.to_owned()))]
}

fn of_secret(file: &Utf8Path) -> Option<Told> {
    let fix = |what: &str| Some(format!("{what} {file}"));
    match std::fs::metadata(file) {
        Err(error) => Some((Fail, format!("its secret {file} cannot be read: {error}"), fix("write it to"))),
        Ok(found) if found.permissions().mode() & 0o077 != 0 => {
            Some((Warn, format!("its secret {file} is open to other accounts"), fix("chmod 600")))
        }
        Ok(_) => None,
    }
}

/// Nothing may have been deployed there yet: no answer is no failure.
fn of_answer(terms: &DeployTerms) -> Told {
    let look = terms.health.look();
    let short = |revision: &str| revision.chars().take(12).collect::<String>();
    match look.revision {
        _ if !look.ok => {
            let fix = format!("see what was deployed there: orch deploy status {}", terms.target);
            (Warn, "gives no healthy answer now".to_owned(), Some(fix))
        }
        Some(revision) => (Good, format!("answers, revision {}", short(&revision)), None),
        None if terms.says_revision => {
            let fix = "say where it stands: revision of the target, or \"none\"".to_owned();
            (Fail, "answers, and says no revision: no deployment is ever healthy".to_owned(), Some(fix))
        }
        None => {
            (Warn, "answers; which revision runs it does not say, so whatever answers is taken for it".to_owned(), None)
        }
    }
}
