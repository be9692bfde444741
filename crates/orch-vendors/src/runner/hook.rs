//! What a hook alone has on its host: secrets, each in a file of its own, for as long as it runs.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use orch_ports::runner::{HookTerms, Ordered, RunOrder, SECRETS_VARIABLE};

/// The terms of a hook; `None` for every other run.
pub(super) fn terms(order: &RunOrder) -> Option<&HookTerms> {
    match &order.ordered {
        Ordered::Hook(terms) => Some(terms),
        Ordered::Agent | Ordered::Check => None,
    }
}

/// Where its secrets lie, if it gets any.
pub(super) fn folder<'a>(order: &RunOrder, folder: &'a Path) -> Option<&'a Path> {
    terms(order).filter(|terms| !terms.secrets.is_empty()).map(|_| folder)
}

/// Its environment, which tells where the secrets are and none of them.
pub(super) fn environment(order: &RunOrder, secrets: &Path) -> BTreeMap<String, String> {
    let mut environment = order.environment.clone();
    environment.remove(SECRETS_VARIABLE);
    if let Some(folder) = folder(order, secrets) {
        environment.insert(SECRETS_VARIABLE.to_owned(), folder.display().to_string());
    }
    environment
}

/// Copies the secrets of a run that is about to be launched. What an earlier try left goes first.
///
/// # Errors
/// In words, with the file; never with what is in it.
pub(super) fn hand_out(order: &RunOrder, secrets: &Path) -> Result<(), String> {
    let Some((terms, folder)) = terms(order).zip(folder(order, secrets)) else { return Ok(()) };
    take_back(folder)?;
    let made = fs::DirBuilder::new().recursive(true).mode(0o711).create(folder.parent().unwrap_or(folder));
    made.and_then(|()| fs::DirBuilder::new().mode(0o700).create(folder))
        .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    for secret in &terms.secrets {
        let plain = !secret.name.is_empty() && secret.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !plain {
            return Err(format!("{:?} is no name of a secret: letters, digits and _ only", secret.name));
        }
        let told = |error| format!("the secret {} cannot be read from {}: {error}", secret.name, secret.file);
        let value = fs::read(&secret.file).map_err(told)?;
        let path = folder.join(&secret.name);
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o400).open(&path);
        file.and_then(|mut file| file.write_all(&value))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(())
}

/// Removes the secrets of a run that is over. That there are none is well.
///
/// # Errors
/// In words.
pub(super) fn take_back(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", folder.display()))
        }
        _ => Ok(()),
    }
}
