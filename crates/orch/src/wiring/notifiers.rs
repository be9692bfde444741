//! From settings to who is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use orch_ports::notifier::Notifier;
use orch_rules::notice::NoticeKind;
use orch_vendors::notifier::Wants;
use orch_vendors::notifier::command::CommandNotifier;
use orch_vendors::notifier::webhook::Webhook;

use crate::exit::Failure;
use crate::settings::{Host, NotifyEntry, secret};

/// Every `[[notify]]`, in the order of the file.
///
/// # Errors
/// A secret that cannot be read.
pub fn all(host: &Host, tools: &BTreeMap<String, String>) -> Result<Vec<Arc<dyn Notifier>>, Failure> {
    host.notify.iter().map(|entry| one(entry, tools)).collect()
}

/// One of them.
///
/// # Errors
/// A secret that cannot be read.
pub fn one(entry: &NotifyEntry, tools: &BTreeMap<String, String>) -> Result<Arc<dyn Notifier>, Failure> {
    let wants = Wants(entry.events.iter().cloned().map(NoticeKind::from).collect());
    let name = entry.name.clone();
    if let Some(argv) = &entry.command {
        let (argv, environment) = (argv.clone(), tools.clone());
        return Ok(Arc::new(CommandNotifier { name, argv, environment, wants, patience: None }));
    }
    let secret = match &entry.secret_file {
        Some(file) => Some(secret::read(&format!("the secret of the notifier `{name}`"), file)?),
        None => None,
    };
    let url = entry.url.clone().unwrap_or_default();
    Ok(Arc::new(Webhook::new(name, url, secret.as_ref().map(|secret| secret.reveal()), wants)))
}
