//! `orch pull`.

use clap::Args;
use orch_git::{BranchName, Brought, Git, OwnRepository};
use orch_web::view::{AnswerView, RepositoryList};

use super::ids::{REPOSITORIES, repository};
use crate::client::{Caller, encoded};
use crate::exit::{Exit, Failure};
use crate::init::git_failure;
use crate::screen::{Screen, Style};
use crate::settings::Host;

/// Bring landed work home: to your base branch, whatever you have checked out.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  orch pull\n  orch pull shop\n  orch pull --push\n\n\
    Your own commits are never lost: where both sides have some, it says so and changes nothing.\n\
    --both merges them; --mine makes the line go on from your branch as it is, without what it lacks.")]
pub struct PullArgs {
    /// Which repository, if not the one you stand in
    #[arg(value_name = "REPO")]
    pub name: Option<String>,
    /// The same
    #[arg(long, value_name = "REPO", conflicts_with = "name")]
    pub repo: Option<String>,
    /// Merge where your branch and the line's have gone apart
    #[arg(long)]
    pub both: bool,
    /// Then push your base branch to the remote that it follows (else `origin`), as you would
    #[arg(long, conflicts_with = "mine")]
    pub push: bool,
    /// Make the line take your branch as it is, after you rewrote it; what only the line has is left out
    #[arg(long, conflicts_with = "both")]
    pub mine: bool,
}

/// Runs it.
///
/// # Errors
/// [`Exit::Refused`] if both sides have commits of their own; [`Exit::Repository`] with git's words.
pub fn run(
    args: &PullArgs,
    host: &Host,
    env: &dyn Fn(&str) -> Option<String>,
    caller: &Caller,
    screen: &Screen,
) -> Result<(), Failure> {
    let id = repository(args.name.as_deref().or(args.repo.as_deref()), caller)?;
    let known: RepositoryList = caller.read(REPOSITORIES)?;
    let row = known.repositories.iter().find(|row| row.id == id);
    let (Some(row), Some(entry)) = (row, host.repository(&id)) else {
        return Err(Failure::new(Exit::NotFound, format!("there is no repository {id}")).fix("orch repo list"));
    };
    if args.mine {
        let path = format!("/api/v1/repositories/{}/base/accept", encoded(&id));
        let answer: AnswerView = caller.send(&path, &serde_json::json!({}))?;
        screen.json(&answer);
        screen.line(&answer.text);
        return Ok(());
    }
    let git = Git::detect(env("PATH").unwrap_or_default()).map_err(git_failure)?;
    let own = OwnRepository { git: &git, top: entry.path.as_std_path() };
    let base = BranchName::new(&row.base_branch).map_err(|e| git_failure(e.into()))?;
    let forge = host.paths.forge(&id);
    if !forge.exists() {
        return Err(Failure::new(Exit::Refused, format!("nothing has landed in {id} yet: it has no forge"))
            .fix("start the line: orch up"));
    }
    let brought = own
        .bring_home(forge.as_std_path(), &base, args.both)
        .map_err(|error| not_brought(&error, entry.path.as_str()))?;
    told(&brought, &base, &id, screen)?;
    if args.push {
        let to = own.push_on(&base).map_err(|error| not_pushed(&error, entry.path.as_str(), &base))?;
        screen.json(&serde_json::json!({"repository": id, "branch": base.as_str(), "pushed_to": to}));
        screen.line(&format!("{}: {base} to {to}", screen.styled(Style::Good, "pushed")));
    }
    Ok(())
}

fn not_pushed(error: &orch_git::Error, place: &str, base: &BranchName) -> Failure {
    Failure::new(Exit::Repository, format!("{base} is at home, and was not pushed: {error}"))
        .at(place)
        .fix("do what git says there, then: orch pull --push")
}

fn told(brought: &Brought, base: &BranchName, id: &str, screen: &Screen) -> Result<(), Failure> {
    let short = |commit: &orch_git::CommitId| commit.as_str().chars().take(10).collect::<String>();
    match brought {
        Brought::Nothing => {
            screen.json(&serde_json::json!({"repository": id, "branch": base.as_str(), "moved": false}));
            screen.line(&format!("{base} has everything that landed"));
            Ok(())
        }
        Brought::Moved { from, to, merged, checked_out } => {
            screen.json(&serde_json::json!({
                "repository": id, "branch": base.as_str(), "moved": true, "merged": merged,
                "from": from.as_str(), "to": to.as_str(),
            }));
            let how = if *merged { "merged" } else { "brought home" };
            let place = match checked_out {
                Some(folder) => format!("checked out in {}", folder.display()),
                None => "checked out nowhere; no working tree was touched".to_owned(),
            };
            let how = screen.styled(Style::Good, how);
            screen.line(&format!("{how}: {base} is {} now, was {} ({place})", short(to), short(from)));
            Ok(())
        }
        Brought::Apart { mine, landed } => Err(Failure::new(
            Exit::Refused,
            format!(
                "your {base} ({}) and the line's ({}) have gone apart: each has commits that the other lacks; nothing \
                 was changed",
                short(mine),
                short(landed)
            ),
        )
        .fix(format!(
            "merge them: orch pull {id} --both; or, if you rewrote {base} and the line is to follow: orch pull {id} --mine"
        ))),
    }
}

fn not_brought(error: &orch_git::Error, place: &str) -> Failure {
    Failure::new(Exit::Repository, format!("it could not be brought home: {error}"))
        .at(place)
        .fix("do what git says there, then: orch pull")
}
