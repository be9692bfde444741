//! Each registered repository: is it there, can it be worked in, is what the line needs on its base branch.

use orch_egress::credential::Credential;
use orch_git::{BranchName, Git, OwnRepository, Source, UserEnvironment};
use orch_rules::pipeline::Role;
use orch_rules::repository_file::RepositoryFile;
use orch_web::view::RepositoryList;

use super::State::{Fail, Ok as Good, Warn};
use super::{Look, Told};
use crate::client::Caller;
use crate::commands::ids::REPOSITORIES;
use crate::exit::Failure;
use crate::init::{REPOSITORY_FILE, blocked_documents, git_failure, on_base, read_repository_file, unseen_settings};
use crate::settings::{RepositoryEntry, model};

/// How each of them stands.
pub fn repositories(look: &Look) -> Vec<Told> {
    let Ok(git) = Git::detect((look.env)("PATH").unwrap_or_default()) else { return Vec::new() };
    let served = served(look);
    let mut told = Vec::new();
    for entry in &look.host.repositories {
        let mut found = of(look, &git, entry);
        // What the service found by looking: main that went apart or was rewritten is seen by it alone.
        let row = served.as_ref().and_then(|list| list.repositories.iter().find(|row| row.id == entry.id));
        if let Some(trouble) = row.and_then(|row| row.trouble.as_ref())
            && found.iter().all(|(state, ..)| *state == Good)
        {
            let state = if trouble.holds && !trouble.passes { Fail } else { Warn };
            found = vec![(state, trouble.reason.clone(), None)];
        }
        if let Some(row) = row {
            if let Some(freeze) = &row.frozen {
                let fix = Some(format!("lift it: orch unfreeze --repo {}", entry.id));
                found.push((Warn, format!("frozen by {}: {}", freeze.by, freeze.reason), fix));
            }
            if row.paused {
                found.push((Warn, "paused".to_owned(), Some(format!("orch resume --repo {}", entry.id))));
            }
        }
        told.extend(found.into_iter().map(|(state, words, fix)| (state, format!("{}: {words}", entry.id), fix)));
    }
    told
}

fn served(look: &Look) -> Option<RepositoryList> {
    Caller::running(&look.host.paths.state).ok()??.read(REPOSITORIES).ok()
}

fn of(look: &Look, git: &Git, entry: &RepositoryEntry) -> Vec<Told> {
    examine(look, git, entry).unwrap_or_else(|failure| {
        let mut told: Vec<Told> = failure
            .problems
            .iter()
            .map(|point| (Fail, format!("{}: {}", point.place, point.what), Some(point.fix.clone())))
            .collect();
        if told.is_empty() {
            told.push((Fail, failure.to_string(), failure.fix));
        }
        told
    })
}

fn examine(look: &Look, git: &Git, entry: &RepositoryEntry) -> Result<Vec<Told>, Failure> {
    let path = &entry.path;
    if entry.remote.url.is_some() {
        return Ok(on_server(look, entry));
    }
    if !path.join(".git").exists() {
        let id = &entry.id;
        let fix = format!("move it back, or: orch repo move {id} PATH (or take it out: orch repo remove {id})");
        return Ok(vec![(Fail, format!("{path} is not a repository any more"), Some(fix))]);
    }
    let mut told = Vec::new();
    let here = match read_repository_file(path) {
        Ok(file) => file,
        Err(failure) => {
            let words =
                failure.problems.first().map_or_else(|| failure.to_string(), |p| format!("{}: {}", p.place, p.what));
            told.push((
                Warn,
                format!("the settings in the working tree cannot be read: {words}"),
                Some(format!("mend {REPOSITORY_FILE} there")),
            ));
            None
        }
    };
    let usual = || orch_git::usual_base(git, path.as_std_path()).ok().flatten().map(|(base, _)| base.to_string());
    let base = here.map(|file| file.base_branch).or_else(usual).unwrap_or(RepositoryFile::default().base_branch);
    let base = BranchName::new(base).map_err(|e| git_failure(e.into()))?;
    let user = UserEnvironment {
        home: (look.env)("HOME").map(Into::into),
        xdg_config_home: (look.env)("XDG_CONFIG_HOME").map(Into::into),
    };
    let source = Source::inspect(git, &user, path.as_std_path(), &base).map_err(git_failure)?;
    if source.shallow {
        return Err(git_failure(orch_git::Error::Shallow(source.root)));
    }
    if let Some(failure) = blocked_documents(git, &source, &base).map_err(git_failure)? {
        return Err(failure);
    }
    let own = OwnRepository { git, top: path.as_std_path() };
    let Some(file) = on_base(&own, &base)? else {
        let fix = format!("commit {REPOSITORY_FILE} to {base}; orch init writes it");
        told.push((Fail, format!("{base} has no {REPOSITORY_FILE}, so no test command is known"), Some(fix)));
        return Ok(told);
    };
    if file.settings.check_command.as_ref().is_none_or(|command| command.trim().is_empty()) {
        let fix = format!("orch init --test CMD, and commit {REPOSITORY_FILE} to {base}");
        told.push((Fail, format!("{base} names no test command: nothing could be green"), Some(fix)));
    }
    told.extend(no_agent(look, entry));
    if let Some(words) = unseen_settings(git, &source, &base) {
        told.push((Warn, words, None));
    }
    let forge = look.host.paths.forge(&entry.id);
    match orch_git::forge_of(git, path.as_std_path()).map_err(git_failure)? {
        Some(other)
            if other != forge.as_std_path()
                && other.exists()
                && other.parent() != forge.parent().map(camino::Utf8Path::as_std_path) =>
        {
            let words = format!("its remote `orch` belongs to another state folder: {}", other.display());
            told.push((
                Fail,
                words,
                Some(format!("use that one (ORCH_STATE_DIR), or: git -C {path} remote remove orch")),
            ));
        }
        _ => {}
    }
    if told.is_empty() {
        told.push((Good, format!("{path}, {base}"), None));
    }
    Ok(told)
}

/// What this machine knows of a repository whose branches live on a server; the rest is the server's and the service's.
fn on_server(look: &Look, entry: &RepositoryEntry) -> Vec<Told> {
    if let Some(told) = no_agent(look, entry) {
        return vec![told];
    }
    let url = entry.remote.url.as_deref().unwrap_or_default();
    let here = if entry.path.join(".git").exists() { "" } else { " is away, which the line does not need" };
    vec![(Good, format!("{}{here}; its branches live at {url}", entry.path), None)]
}

fn no_agent(look: &Look, entry: &RepositoryEntry) -> Option<Told> {
    Role::ALL.iter().all(|role| look.host.agent(entry, *role).is_none()).then(|| {
        let fix = "orch init --agent claude_code, or codex, or --agent-command CMD".to_owned();
        (Fail, "no agent is configured for it".to_owned(), Some(fix))
    })
}

/// The credentials of the agents that are set: has each its key.
pub fn credentials(look: &Look) -> Vec<Told> {
    let host = &look.host;
    let mut names = std::collections::BTreeSet::new();
    for entry in &host.repositories {
        for program in Role::ALL.iter().filter_map(|role| host.agent(entry, *role)) {
            let usual = program.kind.credential().map(str::to_owned);
            names.extend(program.credential.clone().or(usual));
        }
    }
    let told = names.into_iter().map(|name| {
        let file = host.models.get(&name).and_then(|model| model.key_file.clone());
        let kept = host.paths.state.join("keys").join(&name);
        let variable = match name.as_str() {
            "anthropic" => "ANTHROPIC_API_KEY",
            "openai" => "OPENAI_API_KEY",
            _ => "",
        };
        let by_variable = !variable.is_empty() && (look.env)(variable).is_some_and(|key| !key.trim().is_empty());
        match file {
            // As the proxies of the runs read it.
            Some(file) => match host.models.get(&name).and_then(|entry| model::wire(&name, entry)) {
                None => (Good, format!("{name}: {file}"), None),
                Some(wire) => match Credential::read(&name, file.as_std_path(), wire) {
                    Ok(_) => (Good, format!("{name}: {file}"), None),
                    Err(words) => {
                        let fix =
                            "mend the file; what waits for it goes on by itself, at once with orch resume --credential";
                        (Fail, words, Some(format!("{fix} {name}")))
                    }
                },
            },
            None if by_variable => (Good, format!("{name}: {variable}"), None),
            None if kept.exists() => (Good, format!("{name}: as the service was given it"), None),
            None if variable.is_empty() => {
                (Fail, format!("{name}: it has no key"), Some(format!("name a file: models.{name}.key_file")))
            }
            None => {
                let fix = format!("export {variable}=… before orch up, or name a file: models.{name}.key_file");
                (Fail, format!("{name}: it has no key"), Some(fix))
            }
        }
    });
    told.collect()
}
