//! `orch repo`: the repositories of this machine.

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Subcommand};
use orch_engine::control::TaskCommand;
use orch_git::Git;
use orch_web::view::{AnswerView, RepositoryList};

use crate::client::{Caller, encoded};
use crate::commands::ids::REPOSITORIES;
use crate::commands::text::wrap;
use crate::exit::{Exit, Failure};
use crate::init::{self, InitArgs, entries, git_failure, top_of};
use crate::screen::{Screen, Style, printable};
use crate::settings::{self, Host};
use crate::wiring::local::with_caller;

/// List, add, move and take out the repositories of this machine. A running service follows at once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  orch repo list\n  orch repo add ~/work/shop\n  \
    orch repo move shop ~/other/shop\n  orch repo remove shop")]
pub struct RepoArgs {
    #[command(subcommand)]
    command: RepoCommand,
}

#[derive(Debug, Subcommand)]
enum RepoCommand {
    /// Where each is, and whether it can be worked in
    #[command(visible_alias = "ls")]
    List,
    /// The same as orch init in it; an address is cloned first, and its branches live on that server
    #[command(after_help = "Examples:\n  orch repo add ~/work/shop\n  \
        orch repo add https://git.example.org/team/shop.git --credential forge --yes")]
    Add {
        #[command(flatten)]
        init: InitArgs,
        /// The folder that an address is cloned into; one of its name if not given
        #[arg(long, value_name = "FOLDER")]
        into: Option<Utf8PathBuf>,
    },
    /// Say where a repository is now
    #[command(visible_alias = "mv", after_help = "Example:\n  orch repo move shop ~/work/shop")]
    Move {
        /// Its name in commands
        id: String,
        /// Its folder now
        path: Utf8PathBuf,
    },
    /// Take a repository out of this machine's settings; its folder is left as it is
    #[command(visible_alias = "rm", after_help = "Example:\n  orch repo remove shop --stop-tasks")]
    Remove {
        /// Its name in commands
        id: String,
        /// Cancel its tasks that have not ended
        #[arg(long)]
        stop_tasks: bool,
    },
}

/// Runs it.
///
/// # Errors
/// The settings', or with what is wrong and what to do.
pub fn run(args: &RepoArgs, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    match &args.command {
        RepoCommand::List => list(screen, env),
        RepoCommand::Add { init, into } if init::on_server::is_address(&init.path) => {
            init::run_init(&init::on_server::cloned(init, into.as_deref(), env)?, screen, env)
        }
        RepoCommand::Add { init, .. } => init::run_init(init, screen, env),
        RepoCommand::Move { id, path } => move_to(id, path, screen, env),
        RepoCommand::Remove { id, stop_tasks } => remove(id, *stop_tasks, screen, env),
    }
}

fn entry<'h>(host: &'h Host, id: &str) -> Result<&'h settings::RepositoryEntry, Failure> {
    host.repository(id).ok_or_else(|| {
        let known = host.repositories.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>().join(", ");
        let fix = if known.is_empty() { "orch init registers one".to_owned() } else { format!("there are: {known}") };
        Failure::new(Exit::NotFound, format!("there is no repository {}", printable(id))).fix(fix)
    })
}

fn list(screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let (host, _) = settings::load(env)?;
    let known: RepositoryList = with_value(screen, env, |caller| caller.read(REPOSITORIES))?;
    let mut rows = Vec::new();
    let (mut json, mut why) = (Vec::new(), Vec::new());
    for entry in &host.repositories {
        let row = known.repositories.iter().find(|row| row.id == entry.id);
        let trouble = row.and_then(|row| row.trouble.as_ref());
        let base = row.map_or_else(String::new, |row| row.base_branch.clone());
        let (style, stands) = match trouble {
            Some(trouble) if trouble.passes => (Style::Attention, "not yet"),
            Some(trouble) if trouble.holds => (Style::Bad, "cannot be worked in"),
            Some(_) => (Style::Attention, "look"),
            None => (Style::Good, "ok"),
        };
        let place = entry.remote.url.clone().unwrap_or_else(|| entry.path.to_string());
        let stands = screen.styled(style, stands);
        rows.push(vec![entry.id.clone(), entry.prefix.clone(), base.clone(), stands, place]);
        why.extend(trouble.map(|trouble| (entry.id.clone(), style, printable(&trouble.reason))));
        json.push(serde_json::json!({
            "id": entry.id, "prefix": entry.prefix, "base_branch": base, "path": entry.path,
            "remote": entry.remote.url, "trouble": trouble,
        }));
    }
    screen.json(&serde_json::json!({"repositories": json}));
    if rows.is_empty() {
        screen.line("No repository yet. Begin in one with: orch init");
    }
    screen.table(&rows);
    for (id, style, words) in why {
        screen.line("");
        screen.line(&screen.styled(Style::Strong, &id));
        for part in wrap(&words, screen.width().saturating_sub(2)) {
            screen.line(&format!("  {}", screen.styled(style, &part)));
        }
    }
    Ok(())
}

fn move_to(id: &str, path: &Utf8Path, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let (host, _) = settings::load(env)?;
    let entry = entry(&host, id)?;
    let absolute = std::path::absolute(path).ok().and_then(|path| Utf8PathBuf::from_path_buf(path).ok());
    let Some(top) = absolute.and_then(|path| top_of(&path)) else {
        return Err(Failure::new(Exit::Repository, "this is not a git repository")
            .at(path.as_str())
            .fix("name the folder that has the repository now"));
    };
    if let Some(other) = host.repositories.iter().find(|other| other.path == top && other.id != id) {
        return Err(Failure::new(Exit::Refused, format!("{top} is registered as `{}`", other.id))
            .fix(format!("take that one out first: orch repo remove {}", other.id)));
    }
    let git = Git::detect(env("PATH").unwrap_or_default()).map_err(git_failure)?;
    let forge = orch_git::forge_of(&git, top.as_std_path()).map_err(git_failure)?;
    if let Some(other) = forge.filter(|forge| forge != host.paths.forge(id).as_std_path() && forge.exists()) {
        let what = format!("the remote `orch` of {top} names {}: it is another repository", other.display());
        return Err(Failure::new(Exit::Refused, what)
            .fix(format!("name the folder `{id}` was moved to; if it is this one: git -C {top} remote remove orch")));
    }
    let old = entry.path.clone();
    entries::set_path(&host.paths, id, &top)?;
    let served = tell_service(&host);
    screen.json(&serde_json::json!({"id": id, "path": top, "was": old, "served": served}));
    screen.line(&format!("{id} is at {top} now, was at {old}{}", served_words(served)));
    Ok(())
}

fn remove(id: &str, stop_tasks: bool, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let (host, _) = settings::load(env)?;
    entry(&host, id)?;
    let open: Vec<String> = with_value(screen, env, |caller| {
        let list = caller.tasks(&format!("repository={}", encoded(id)), usize::MAX)?;
        let ids: Vec<String> = list.tasks.into_iter().filter(|task| !task.ended).map(|task| task.id).collect();
        if stop_tasks {
            for task in &ids {
                let path = format!("/api/v1/repositories/{}/tasks/{}/commands", encoded(id), encoded(task));
                let _answer: AnswerView = caller.send(&path, &TaskCommand::Stop)?;
            }
        }
        Ok(ids)
    })?;
    if !open.is_empty() && !stop_tasks {
        let what = format!("{id} has {} that have not ended: {}", tasks(open.len()), open.join(", "));
        return Err(Failure::new(Exit::Refused, what)
            .fix(format!("let them end, or cancel them with it: orch repo remove {id} --stop-tasks")));
    }
    entries::take_out(&host.paths, id)?;
    let served = tell_service(&host);
    screen.json(&serde_json::json!({"id": id, "cancelled": open, "served": served}));
    screen.line(&format!("{id} is taken out{}; its folder and its forge are left as they are", served_words(served)));
    Ok(())
}

fn tasks(count: usize) -> String {
    if count == 1 { "1 task".to_owned() } else { format!("{count} tasks") }
}

fn served_words(served: bool) -> &'static str {
    if served { " (the service knows)" } else { "" }
}

/// A running service reads the settings again; false if none runs.
pub fn tell_service(host: &Host) -> bool {
    let Ok(Some(caller)) = Caller::running(&host.paths.state) else { return false };
    caller.send::<AnswerView>("/api/v1/repositories/reread", &serde_json::json!({})).is_ok()
}

fn with_value<T>(
    screen: &Screen,
    env: &dyn Fn(&str) -> Option<String>,
    ask: impl FnOnce(&Caller) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut value = None;
    with_caller(env, screen, |caller| {
        value = Some(ask(caller)?);
        Ok(())
    })?;
    value.ok_or_else(|| Failure::new(Exit::Internal, "the command gave no answer"))
}
