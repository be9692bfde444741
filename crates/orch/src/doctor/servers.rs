//! Servers where branches live: is each reached, does it let us in, may we push.

use std::path::Path;
use std::time::Duration;

use orch_git::{BranchName, Git, MayPush, Remote, RemoteError, RemoteTrouble};
use orch_rules::repository_file::RepositoryFile;

use super::State::{Fail, Ok as Good, Warn};
use super::{Look, Told};
use crate::init::read_repository_file;
use crate::settings::RepositoryEntry;
use crate::settings::remote::Server;

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
        let found = examine(&git, entry, &server);
        told.extend(found.into_iter().map(|(state, words, fix)| (state, format!("{}: {words}", entry.id), fix)));
    }
    told
}

fn examine(git: &Git, entry: &RepositoryEntry, server: &Server) -> Vec<Told> {
    let remote = match server.remote(git) {
        Ok(remote) => remote.with_time_limit(PATIENCE),
        Err(why) => return vec![(Fail, why, Some(format!("mend it: {}", server.credential())))],
    };
    let base = read_repository_file(&entry.path).ok().flatten().unwrap_or_default().base_branch;
    let base = BranchName::new(base).or_else(|_| BranchName::new(RepositoryFile::default().base_branch));
    let (Ok(base), Ok(scratch)) = (base, BranchName::new(SCRATCH)) else { return Vec::new() };
    let folder = std::env::temp_dir().join(format!("orch-doctor-{}", uuid::Uuid::new_v4().simple()));
    let told = ask(&remote, &base, &scratch, &folder)
        .unwrap_or_else(|error| vec![(Fail, error.to_string(), Some(fix(&error, server)))]);
    // In the folder of temporary files; what cannot be removed there is removed by the machine.
    drop(std::fs::remove_dir_all(&folder));
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
