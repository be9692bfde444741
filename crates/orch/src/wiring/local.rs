//! A caller for one command: the running service, or, if none runs, its API in this process. Then what people ask
//! is decided and stored at once; whatever touches the world stays queued until `orch up`.

use std::path::{Path, PathBuf};
use std::sync::Once;

use orch_engine::control::Control;
use orch_web::Guard;

use super::hold::{self, Database};
use super::lock::SETTLING;
use super::{Occupant, occupy, wire};
use crate::client::{Caller, Here};
use crate::exit::{Exit, Failure};
use crate::screen::Screen;
use crate::settings::{self, Host};

/// That nothing moves.
static TOLD: Once = Once::new();

/// Runs `command` with a caller.
///
/// # Errors
/// The settings', the wiring's, or the command's.
pub fn with_caller(
    env: &dyn Fn(&str) -> Option<String>,
    screen: &Screen,
    command: impl FnOnce(&Caller) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (host, warnings) = settings::load(env)?;
    for warning in warnings {
        screen.warn(&warning.to_string());
    }
    let person = super::person(env);
    let lock =
        match occupy(&host.paths.state, screen)? {
            Occupant::Us(lock) => lock,
            Occupant::Service(caller) => return command(&caller.person(Some(person)).standing_in(here(&host))),
            Occupant::Silent => {
                return Err(Failure::new(
                Exit::Unreachable,
                format!("a service holds the data and has not answered for {} s", SETTLING.as_secs()),
            )
            .at(host.paths.state.to_string())
            .fix("if it is starting or stopping, try again in a moment; else look at its log and restart it: orch up"));
            }
        };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Internal, format!("no runtime: {e}")))?;
    let database = runtime.block_on(hold::ask(&host, None))?;
    let wired = runtime.block_on(wire(&host, lock, env, false))?;
    match &database {
        Database::Theirs(theirs) => {
            screen
                .warn(&format!("a service elsewhere has this database ({}); it handles what you ask", theirs.words()));
        }
        _ if host.repositories.is_empty() => {}
        // Once, however often a command asks.
        _ => TOLD.call_once(|| screen.warn("no service runs here, so nothing moves until you start one: orch up")),
    }
    let token = uuid::Uuid::new_v4().to_string();
    let guard = Guard::new(token.clone(), super::account());
    let control = match &database {
        Database::Ours | Database::Held(_) => Control::alone(wired.engine.clone()),
        Database::Theirs(_) => Control::accepting(wired.engine.clone()),
    };
    let router = orch_web::router(control, guard);
    let caller = Caller::local(router, token, runtime.handle().clone()).person(Some(person)).standing_in(here(&host));
    let done = command(&caller);
    drop(caller);
    if let Database::Theirs(theirs) = &database {
        runtime.block_on(theirs.tell());
    }
    runtime.block_on(wired.close());
    done
}

/// The registered repository around the current folder, the nearest one of several.
fn here(host: &Host) -> Option<Here> {
    let folder = std::env::current_dir().ok()?.canonicalize().ok()?;
    let real = |path: &Path| path.canonicalize().ok();
    // Another working tree of a repository lies anywhere.
    let linked = main_tree(&folder).and_then(|main| nearest(host, &main.canonicalize().ok()?, &real));
    linked.or_else(|| nearest(host, &folder, &real))
}

/// The main working tree of the linked one around this folder; `None` if it is no linked one.
fn main_tree(folder: &Path) -> Option<PathBuf> {
    let top = folder.ancestors().find(|above| above.join(".git").exists())?;
    // gitrepository-layout(5): a file there names the folder of this tree, `.git/worktrees/NAME` of the main one.
    let text = std::fs::read_to_string(top.join(".git")).ok()?;
    let own = top.join(text.strip_prefix("gitdir: ")?.trim_end());
    let all = own.parent().filter(|all| all.ends_with(".git/worktrees"))?;
    Some(all.parent()?.parent()?.to_path_buf())
}

/// `real` resolves the links of a path.
fn nearest(host: &Host, folder: &Path, real: &dyn Fn(&Path) -> Option<PathBuf>) -> Option<Here> {
    let around = host.repositories.iter().filter_map(|entry| {
        let path = real(entry.path.as_std_path()).filter(|path| folder.starts_with(path))?;
        Some((path.components().count(), entry))
    });
    let (_, entry) = around.max_by_key(|(depth, _)| *depth)?;
    Some(Here { id: entry.id.clone(), prefix: entry.prefix.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Paths, RepositoryEntry};

    #[test]
    fn one_stands_in_the_nearest_repository() {
        let paths = Paths { config_file: "/c".into(), state: "/s".into() };
        let entry = |id: &str, path: &str| RepositoryEntry {
            id: id.to_owned(),
            path: path.into(),
            prefix: id.to_uppercase(),
            ..RepositoryEntry::default()
        };
        let mut host = Host::with_defaults(paths);
        host.repositories = vec![entry("shop", "/w/shop"), entry("web", "/w/shop/web"), entry("gone", "/gone")];
        let real = |path: &Path| (path != Path::new("/gone")).then(|| path.to_path_buf());
        let at = |folder: &str| nearest(&host, Path::new(folder), &real).map(|here| here.id);
        assert_eq!(at("/w/shop").as_deref(), Some("shop"));
        assert_eq!(at("/w/shop/web/src").as_deref(), Some("web"));
        assert_eq!(at("/w/shopping"), None);
        assert_eq!(at("/gone"), None);
    }
}
