//! A repository whose branches live on a server: a clone for people to stand in, and the settings pushed there.

use camino::{Utf8Path, Utf8PathBuf};
use orch_git::{BranchName, CommitId, Forge, Git, Origin, Pushed, RemoteUrl};

use super::{InitArgs, git_failure};
use crate::doctor::server_fix;
use crate::exit::{Exit, Failure};
use crate::settings::forge::{ForgeEntry, forge_misfits};
use crate::settings::remote::{RemoteEntry, Server, remote_misfits};
use crate::settings::{self, Host, RepositoryEntry};

/// Whether the argument names a server and no folder, be it in a form that cannot be used.
pub fn is_address(path: &Utf8Path) -> bool {
    !path.exists() && (path.as_str().contains("://") || RemoteUrl::new(path.as_str()).is_ok())
}

/// Clones the repository that `args.path` names into `into`, or a folder of its name; gives the arguments for that clone.
///
/// # Errors
/// [`Exit::Settings`] for a credential that is none, [`Exit::Refused`] if the folder is there, else with what the server
/// said.
pub fn cloned(
    args: &InitArgs,
    into: Option<&Utf8Path>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<InitArgs, Failure> {
    let (host, _) = settings::load(env)?;
    let address = args.path.as_str();
    // It may hold a password, which nothing repeats.
    RemoteUrl::new(address).map_err(|why| Failure::new(Exit::Settings, why).fix("give the address anew"))?;
    let name = address.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or_default().trim_end_matches(".git");
    let folder = into.map_or_else(|| Utf8PathBuf::from(name), Utf8Path::to_path_buf);
    let folder = std::path::absolute(&folder).ok().and_then(|path| Utf8PathBuf::from_path_buf(path).ok());
    let folder = folder.ok_or_else(|| Failure::new(Exit::Settings, "this folder's name cannot be used").at(name))?;
    if folder.exists() {
        return Err(Failure::new(Exit::Refused, format!("{folder} is there already")).fix(format!(
            "name another folder with --into, or, if it is a clone of it: orch init --remote {address} {folder}"
        )));
    }
    let remote =
        RemoteEntry { url: Some(address.to_owned()), credential: args.credential.clone(), ..RemoteEntry::default() };
    let forge = ForgeEntry { kind: args.forge.clone(), url: args.forge_url.clone(), ..ForgeEntry::default() };
    let entry =
        RepositoryEntry { id: "new".to_owned(), path: folder.clone(), remote, forge, ..RepositoryEntry::default() };
    fits(&entry, &host)?;
    let git = Git::detect(env("PATH").unwrap_or_default()).map_err(git_failure)?;
    let server = host.server(&entry).ok_or_else(|| Failure::new(Exit::Settings, "the address cannot be used"))?;
    let remote = server.remote(&git).map_err(|why| Failure::new(Exit::Settings, why).at(server.credential()))?;
    remote.clone_for_people(folder.as_std_path()).map_err(|error| {
        let fix = server_fix(&error, &server);
        Failure::new(Exit::Repository, format!("it cannot be cloned: {error}")).at(address).fix(fix)
    })?;
    Ok(InitArgs { path: folder, remote: Some(address.to_owned()), ..args.clone() })
}

/// What speaks against a repository's remote, with what to write where.
///
/// # Errors
/// [`Exit::Settings`].
pub fn fits(entry: &RepositoryEntry, host: &Host) -> Result<(), Failure> {
    match remote_misfits(entry, host).into_iter().chain(forge_misfits(entry, host)).next() {
        None => Ok(()),
        Some((key, what, fix)) => {
            Err(Failure::new(Exit::Settings, format!("the {key} {what}")).at(host.paths.config_file.as_str()).fix(fix))
        }
    }
}

/// Pushes what was committed to `base` on top of `parent`, if the server's is there.
///
/// # Errors
/// Why it was not pushed, in words, with what to do.
pub fn push(server: &Server, git: &Git, top: &Utf8Path, base: &BranchName, parent: &CommitId) -> Result<(), String> {
    let remote = server.remote(git)?;
    let origin = Origin { source: top.into(), base: base.clone() };
    let here = Forge::at(git, origin, top.join(".git").as_std_path());
    let commit = here.tip(base).map_err(|error| error.to_string())?.ok_or_else(|| format!("{base} is gone"))?;
    match remote.push(&here, base, Some(parent), &commit) {
        Ok(Pushed::Moved | Pushed::Already) => Ok(()),
        Ok(Pushed::Stale { .. }) => Err(format!("{base} there is not where it is here")),
        Ok(Pushed::Refused { why }) => Err(format!("{} does not take it: {why}", server.url.authority())),
        Err(error) => Err(format!("{error}; {}", server_fix(&error, server))),
    }
}
