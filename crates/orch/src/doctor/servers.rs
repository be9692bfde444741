//! Servers where branches live: is each reached, does it let us in, may we push.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use orch_git::{BranchName, Git, MayPush, Remote, RemoteError, RemoteTrouble};
use orch_rules::repository_file::RepositoryFile;

use orch_ports::PortError;
use orch_ports::change_requests::Requirements;
use orch_rules::port_error::ErrorKind;
use orch_vendors::forge::gitea::{GiteaApi, hooks, requirements};

use super::State::{Fail, Ok as Good, Warn};
use super::{Look, Told};
use crate::connect_command::hook_address;
use crate::init::read_repository_file;
use crate::settings::RepositoryEntry;
use crate::settings::forge::Product;
use crate::settings::remote::Server;
use crate::wiring::repositories::api;

/// The branch that is pushed and removed again.
const SCRATCH: &str = "orch-doctor";
/// A person waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// How each of them answers.
pub fn servers(look: &Look) -> Vec<Told> {
    let Ok(git) = Git::detect((look.env)("PATH").unwrap_or_default()) else { return Vec::new() };
    let mut told = Vec::new();
    for entry in &look.host.repositories {
        let Some(server) = look.host.server(entry) else { continue };
        let mut found = examine(&git, entry, &server);
        // Whoever is not let in by git gets no better answer from the API.
        if let Some(product) = look.host.product(entry).filter(|_| found.iter().all(|(state, ..)| *state != Fail)) {
            found.extend(asked(product, &base_of(entry), &hook_address(None, &look.host, &entry.id)));
        }
        told.extend(found.into_iter().map(|(state, words, fix)| (state, format!("{}: {words}", entry.id), fix)));
    }
    told
}

pub fn examine(git: &Git, entry: &RepositoryEntry, server: &Server) -> Vec<Told> {
    let remote = match server.remote(git) {
        Ok(remote) => remote.with_time_limit(PATIENCE),
        Err(why) => return vec![(Fail, why, Some(format!("mend it: {}", server.credential())))],
    };
    let base = BranchName::new(base_of(entry)).or_else(|_| BranchName::new(RepositoryFile::default().base_branch));
    let (Ok(base), Ok(scratch)) = (base, BranchName::new(SCRATCH)) else { return Vec::new() };
    let folder = std::env::temp_dir().join(format!("orch-doctor-{}", uuid::Uuid::new_v4().simple()));
    let told = ask(&remote, &base, &scratch, &folder)
        .unwrap_or_else(|error| vec![(Fail, error.to_string(), Some(fix(&error, server)))]);
    // In the folder of temporary files; what cannot be removed there is removed by the machine.
    drop(std::fs::remove_dir_all(&folder));
    told
}

fn base_of(entry: &RepositoryEntry) -> String {
    read_repository_file(&entry.path).ok().flatten().unwrap_or_default().base_branch
}

/// What a product says of main and of us.
fn asked(product: Product, main: &str, address: &str) -> Vec<Told> {
    let (page, credential, secret) = (product.page.clone(), product.credential(), product.hook_secret());
    let api = api(product, |_| Arc::default()).with_time_limit(PATIENCE);
    match requirements(&api, main) {
        Ok(found) => {
            let mut told = judged(&found, &page.to_string(), main, &credential);
            told.push(webhook(&api, address, secret.is_some()));
            told
        }
        Err(error) => {
            let fix = api_fix(&error, &credential);
            vec![(Fail, error.words, Some(fix))]
        }
    }
}

/// Whether the server tells us what happens; where it does not, it is found by asking.
fn webhook(api: &GiteaApi, address: &str, has_secret: bool) -> Told {
    let page = api.page();
    let fix = || Some("orch connect gitea makes and repairs it".to_owned());
    let asked = "what happens there is found by asking, once a minute";
    let without = |why: String| (Warn, format!("{page}: {why}; {asked}"), fix());
    if !has_secret {
        return without("no webhook is set up".to_owned());
    }
    match hooks(api, address) {
        Ok(Some(found)) => match found.iter().find(|hook| hook.active && hook.lacks.is_empty()) {
            Some(_) => (Good, format!("{page}: its webhook sends to {address}"), None),
            None if found.is_empty() => without(format!("no webhook sends to {address}")),
            None => without(format!("the webhook to {address} is switched off, or does not send all that is needed")),
        },
        // Administrators alone may see them.
        Ok(None) => (Good, format!("{page}: our account may not see whether its webhook is there"), None),
        Err(error) => (Warn, error.words, None),
    }
}

pub fn api_fix(error: &PortError, credential: &str) -> String {
    match error.kind {
        ErrorKind::Unauthorised => {
            format!(
                "put one there with the scopes write:repository and read:user: {credential}; it is read again at each call"
            )
        }
        ErrorKind::Gone | ErrorKind::Refused | ErrorKind::Malformed => {
            "correct `forge_url` in the host file, or let the account see the repository".to_owned()
        }
        ErrorKind::RateLimited { .. } => "try again in a minute".to_owned(),
        _ => "look whether the server is up and reached from here; what waits for it goes on by itself".to_owned(),
    }
}

pub fn judged(found: &Requirements, page: &str, main: &str, credential: &str) -> Vec<Told> {
    let account = found.account.as_deref().unwrap_or("its account");
    let mut told = Vec::new();
    if !found.may_write {
        let fix = format!("give the token write:repository, and {account} the right to write there: {credential}");
        told.push((Fail, format!("{page}: {account} may not write change requests and statuses"), Some(fix)));
    }
    let how = match (found.may_push, found.keeps_commit) {
        (true, _) => "work lands by a push",
        (false, true) => "work lands by a merge that keeps the commit",
        (false, false) => {
            let fix = format!(
                "let {account} push to {main}, or allow the merge style \"fast-forward only\" in the repository's settings"
            );
            let words =
                format!("{page}: {main} takes no push from {account}, and no merge there keeps the tested commit");
            told.push((Fail, words, Some(fix)));
            return told;
        }
    };
    if found.approvals > 0 && !found.may_push {
        let (state, words) = match found.dismisses_stale {
            Some(true) => (Fail, "and a push voids them: each landing is a new commit, so none is ever approved"),
            Some(false) => (Warn, "so a person approves the change request of each landing"),
            None => (
                Warn,
                "so a person approves the change request of each landing; it cannot be seen whether a push voids that",
            ),
        };
        let fix = format!("let {account} push to {main}, or ask for no approvals there");
        told.push((state, format!("{page}: {main} asks for {} approval(s), {words}", found.approvals), Some(fix)));
    }
    told.push((Good, format!("{} as {account}; {how}", found.product), None));
    told
}

fn ask(remote: &Remote, base: &BranchName, scratch: &BranchName, folder: &Path) -> Result<Vec<Told>, RemoteError> {
    let url = remote.url();
    let Some(tip) = remote.tip_from_nowhere(&folder.join("tip"), base)? else {
        let fix = format!("push it there, or name another one: orch init --base NAME (and commit that to {base})");
        return Ok(vec![(Fail, format!("{url} has no branch {base}"), Some(fix))]);
    };
    let tip: String = tip.as_str().chars().take(10).collect();
    Ok(match remote.may_push(&folder.join("push"), scratch)? {
        MayPush::Yes => vec![(Good, format!("{url}, {base} at {tip}; a branch could be pushed and removed"), None)],
        MayPush::Stays { branch, why } => {
            let fix = "let this account remove branches; those of tasks would stay as well".to_owned();
            vec![(Warn, format!("{url}: {branch} was pushed, and could not be removed: {why}"), Some(fix))]
        }
        MayPush::No { why } => {
            let fix = format!("let this account push branches, and {base}");
            vec![(Fail, format!("{url} takes no branch from us: {why}"), Some(fix))]
        }
    })
}

/// What a person does about it.
pub fn fix(error: &RemoteError, server: &Server) -> String {
    match error.trouble {
        RemoteTrouble::Unreachable | RemoteTrouble::Slow | RemoteTrouble::InDoubt => {
            "look whether the server is up and reached from here; what waits for it goes on by itself".to_owned()
        }
        RemoteTrouble::RateLimited => "try again in a minute".to_owned(),
        RemoteTrouble::Unauthorised => {
            format!("put one there that may read and push: {}; it is read again at each call", server.credential())
        }
        RemoteTrouble::Missing => {
            "correct `remote` in the host file, or let the account of the credential see the repository".to_owned()
        }
        RemoteTrouble::TooLarge => "raise remote_max_mb of the repository in the host file".to_owned(),
        RemoteTrouble::Refused => {
            "correct `remote` in the host file, or what is trusted: ca_file, known_hosts_file".to_owned()
        }
        _ => "git says what is wrong on this machine".to_owned(),
    }
}
