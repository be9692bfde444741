//! `orch init`: makes a repository ready. Looks first, refuses what cannot work before anything is written, and
//! changes nothing when it is run again.

mod agents;
mod commit;
pub mod entries;
pub mod look;
pub mod on_server;
mod register;
mod repository_file;
mod toolchain;

use camino::Utf8PathBuf;
use clap::Args;
use orch_git::Source;
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::screen::{Screen, Style};
use crate::settings::Paths;

pub use commit::unseen_settings;
pub use look::{blocked_documents, file_failure, git_failure, top_of, warnings};
pub use register::id_from;
pub use repository_file::{REPOSITORY_FILE, SCHEMA_FILE, on_base, read as read_repository_file};

/// Make a repository ready: detects its test command, writes .orch/orch.toml, registers it on this machine.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  orch init\n  orch init --yes --test \"make check\" --agent-command my-agent\n  \
    orch init --agent claude_code\n  orch init --base trunk --prefix SHOP ../shop\n\n\
    Running it again changes nothing but what an argument names.")]
pub struct InitArgs {
    /// The repository, or a folder in it
    #[arg(default_value = ".")]
    pub path: Utf8PathBuf,
    /// Ask nothing and commit .orch/orch.toml (and nothing else) to the base branch
    #[arg(long, short)]
    pub yes: bool,
    /// The test command, run by `sh -c` on a clean checkout; detected if not given
    #[arg(long, value_name = "CMD")]
    pub test: Option<String>,
    /// What makes a new clone ready, run by `sh -c` before agents and tests; detected if not given, "" for nothing
    #[arg(long, value_name = "CMD")]
    pub setup: Option<String>,
    /// The program that acts as the agent in this repository
    #[arg(long, value_name = "CMD", conflicts_with = "agent")]
    pub agent_command: Option<String>,
    /// Claude Code or Codex acts, in every repository and role that names nobody else
    #[arg(long, value_name = "KIND", value_parser = ["claude_code", "codex"])]
    pub agent: Option<String>,
    /// First part of the work item ids: SHOP makes SHOP-001
    #[arg(long)]
    pub prefix: Option<String>,
    /// Name of the repository in commands
    #[arg(long)]
    pub id: Option<String>,
    /// The branch that is kept green
    #[arg(long, value_name = "BRANCH")]
    pub base: Option<String>,
    /// The server where its branches live from now on, as https://HOST/PATH or ssh://USER@HOST/PATH
    #[arg(long, value_name = "URL")]
    pub remote: Option<String>,
    /// What lets us in there: the name of a [credentials.NAME] of the host file
    #[arg(long, value_name = "NAME")]
    pub credential: Option<String>,
    /// The product that the server runs
    #[arg(long, value_name = "PRODUCT", value_parser = ["gitea", "forgejo"])]
    pub forge: Option<String>,
    /// Its page on that server, https://HOST/OWNER/NAME; the --remote, if that is by https
    #[arg(long, value_name = "URL", requires = "forge")]
    pub forge_url: Option<String>,
}

/// What was found and done; the answer under `--json`.
#[derive(Debug, Serialize)]
struct Answer {
    repository: register::Registered,
    base_branch: String,
    base_tip: String,
    test_command: Option<String>,
    test_command_from: Option<String>,
    test_commands_passed_over: Vec<String>,
    setup_command: Option<String>,
    setup_command_from: Option<String>,
    agents_found: Vec<String>,
    /// Files that were written, in the order they were.
    written: Vec<Utf8PathBuf>,
    commit: Commit,
    warnings: Vec<String>,
    next: Vec<Next>,
    #[serde(skip)]
    host_file_is_new: bool,
}

/// What became of the repository file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Commit {
    /// The base branch has it as it is.
    AlreadyThere,
    /// It was committed now.
    Made,
    /// It was committed now, and the server has it.
    Pushed,
    /// It is not committed.
    Open,
}

/// A command that comes next.
#[derive(Debug, Serialize)]
struct Next {
    command: String,
    why: String,
}

/// Makes a repository ready. `env` reads one environment variable.
///
/// # Errors
/// [`Exit::Repository`] if it cannot be worked on as it is, [`Exit::Settings`] if the host file, the repository file
/// or an argument is invalid, [`Exit::Refused`] if the id belongs to another repository; in all these cases nothing
/// was written. [`Exit::Failed`] if a file could not be written or the commit failed.
pub fn run_init(args: &InitArgs, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let (host, warned) = crate::settings::load(env)?;
    let mut warnings: Vec<String> = warned.iter().map(ToString::to_string).collect();
    let wish = register::Wish::of(args)?;
    let look = look::look(args, env)?;
    let (source, top) = (&look.source, look.top.as_path());
    if args.yes && source.identity.is_none() {
        return Err(Failure::new(
            Exit::Repository,
            "git has no user name and address here, so nothing can be committed",
        )
        .at(top.as_str())
        .fix("git config user.name \"Your Name\" && git config user.email you@example.org; or leave out --yes"));
    }
    let file = repository_file::plan(top, args, &look)?;
    warnings.extend(look::warnings(source, &look.base));
    let taken = taken_remote(&host, &look)?;
    if taken {
        warnings.push(format!(
            "{top} has a remote `orch` of yours, and the line needs that name: give yours another one, nothing starts \
             here before"
        ));
    }
    if file.command.is_none() {
        warnings.push(format!(
            "no test command found, so nothing starts here: run `orch init --test CMD`, or set `command` under [check] \
             in {REPOSITORY_FILE}"
        ));
    }
    let commands = [&file.command, &file.set_up.clone().map(|found| found.command), &args.agent_command];
    let path = env("PATH").unwrap_or_default();
    for program in commands.into_iter().flatten().flat_map(|command| toolchain::missing(command, &path)) {
        warnings.push(format!(
            "`{program}` is not on the PATH here: a run would not find it; install it, or name another command"
        ));
    }
    let agents_found = agents::on_path(env);
    // First what was found, then the questions about it.
    show_found(&file, &look, &host, args, &agents_found, screen);
    warnings.iter().for_each(|warning| screen.warn(warning));
    let wish = wish.agent(agents::wanted(args, &host, screen, &agents_found));

    let (setup_command, setup_command_from) = file.set_up.clone().map(|found| (found.command, found.why)).unzip();
    // Everything that can be refused was; from here on it is written.
    let moved = moved_here(&host, &look)?;
    if let Some(entry) = &moved {
        entries::set_path(&host.paths, &entry.id, top)?;
        screen.line(&format!("recognised: it is `{}`, which was at {}", entry.id, entry.path));
    }
    let host_file_is_new = !host.paths.config_file.exists();
    let repository = register::register(&host.paths, top, &wish)?;
    let mut written = Vec::new();
    if file.write(top)? {
        written.push(top.join(REPOSITORY_FILE));
    }
    written.extend(repository.written.iter().cloned());

    let agent = agents::set(&host, &repository);
    let mut steps = agents::steps(&host, &repository, &agents_found, env);
    if taken {
        steps.insert(0, (format!("git -C {top} remote rename orch OTHER"), "the line needs that name for its own"));
    }
    let commit = settle_commit(args, screen, source, &look)?;
    let commit = bring_to_server(commit, &look, &repository.id, screen, env)?;
    let tried = try_tests(args, screen, &host, &look, file.command.is_some(), env);
    // A running service follows at once.
    let serving = crate::repo_command::tell_service(&host);
    let file_names_tests = file.command.is_some();
    let answer = Answer {
        base_branch: look.base.to_string(),
        base_tip: source.base_tip.to_string(),
        test_command: file.command,
        test_command_from: file.from,
        test_commands_passed_over: file.passed_over,
        setup_command,
        setup_command_from,
        agents_found,
        written,
        next: next(&commit, &look, repository.remote.is_some(), &steps, file_names_tests.then_some(tried), serving),
        host_file_is_new,
        commit,
        warnings,
        repository,
    };
    show_done(&answer, screen, source, &host.paths, agent.as_deref());
    screen.json(&answer);
    Ok(())
}

/// Commits the repository file if that is wanted and possible.
fn settle_commit(args: &InitArgs, screen: &Screen, source: &Source, look: &look::Look) -> Result<Commit, Failure> {
    let on_base_only = look.file.as_ref().is_some_and(|file| file.on_base_only);
    if on_base_only || commit::is_in(&look.own(), &look.base)? {
        return Ok(Commit::AlreadyThere);
    }
    let on_base = source.current_branch.as_deref() == Some(look.base.as_str());
    if !on_base || source.identity.is_none() {
        return Ok(Commit::Open);
    }
    let wanted = args.yes || {
        let question = format!("Commit the two files under .orch, and nothing else, to {}?", look.base);
        screen.ask_yes(&question).unwrap_or(false)
    };
    if !wanted {
        return Ok(Commit::Open);
    }
    commit::make(&look.own())?;
    Ok(Commit::Made)
}

/// A commit that was made here is pushed where the line reads it, if its branches live on a server.
fn bring_to_server(
    commit: Commit,
    look: &look::Look,
    id: &str,
    screen: &Screen,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Commit, Failure> {
    let (host, _) = crate::settings::load(env)?;
    let server = host.repository(id).and_then(|entry| host.server(entry));
    let (Commit::Made, Some(server)) = (&commit, server) else { return Ok(commit) };
    match on_server::push(&server, &look.git, &look.top, &look.base, &look.source.base_tip) {
        Ok(()) => Ok(Commit::Pushed),
        Err(why) => {
            screen.warn(&format!("not pushed to {}: {why}", server.url));
            Ok(commit)
        }
    }
}

/// Offers to try set-up and tests at once; whether they were tried. What is wrong with them is told and stops nobody.
fn try_tests(
    args: &InitArgs,
    screen: &Screen,
    host: &crate::settings::Host,
    look: &look::Look,
    named: bool,
    env: &dyn Fn(&str) -> Option<String>,
) -> bool {
    let question = "Try set-up and tests of the base branch now, confined as a run gets them?";
    if args.yes || !named || screen.ask_yes(question) != Some(true) {
        return false;
    }
    match crate::check_command::check(host, &look.git, &look.top, screen, env) {
        Ok(checked) => checked.reason.iter().for_each(|reason| screen.warn(reason)),
        Err(failure) => screen.warn(&failure.to_string()),
    }
    screen.line("");
    true
}

/// `tried`: whether set-up and tests were; `None` if there is no test command.
fn next(
    commit: &Commit,
    look: &look::Look,
    on_server: bool,
    agent: &[(String, &str)],
    tried: Option<bool>,
    serving: bool,
) -> Vec<Next> {
    let one = |command: String, why: &str| Next { command, why: why.to_owned() };
    let mut next = Vec::new();
    if matches!(commit, Commit::Open) {
        if look.source.identity.is_none() {
            let command = "git config user.name \"Your Name\" && git config user.email you@example.org";
            next.push(one(command.to_owned(), "git does not know who you are yet"));
        }
        let elsewhere = look.own().checked_out_at(&look.base).ok().flatten();
        match elsewhere.filter(|folder| folder != look.top.as_std_path()) {
            // Git checks a branch out in one working tree only.
            Some(folder) => {
                let command = format!("cp -r .orch {0}/ && cd {0}", folder.display());
                next.push(one(command, "the settings are read from the base branch, which is checked out there"));
            }
            None if look.source.current_branch.as_deref() != Some(look.base.as_str()) => {
                next.push(one(format!("git switch {}", look.base), "the settings are read from the base branch"));
            }
            None => {}
        }
        next.push(one(commit::command(), "the line reads its settings from the base branch"));
    }
    if on_server && !matches!(commit, Commit::Pushed) {
        next.push(one(format!("git push origin {}", look.base), "and it reads that branch on the server"));
    }
    match tried {
        Some(true) => {}
        Some(false) => next.push(one("orch check".to_owned(), "try set-up and tests once, as a run gets them")),
        None => {
            next.push(one("orch init --test CMD".to_owned(), "name the command that tests it; nothing starts before"))
        }
    }
    next.extend(agent.iter().map(|(command, why)| one(command.clone(), why)));
    if !serving {
        next.push(one("orch up".to_owned(), "start the line"));
    }
    next.push(one("orch new \"What is to be done\"".to_owned(), "give it the first issue"));
    next
}

/// The person has a remote of the name that the line's own clone has to have.
fn taken_remote(host: &crate::settings::Host, look: &look::Look) -> Result<bool, Failure> {
    let forges = host.paths.forge("any");
    let theirs = orch_git::remote_of_user(&look.git, look.top.as_std_path()).map_err(git_failure)?;
    Ok(theirs.is_some_and(|named| named.parent() != forges.parent().map(camino::Utf8Path::as_std_path)))
}

/// The registered repository that this folder is, though its path is another one: its remote `orch` says so, and where
/// it was there is none any more.
fn moved_here(
    host: &crate::settings::Host,
    look: &look::Look,
) -> Result<Option<crate::settings::RepositoryEntry>, Failure> {
    if host.repositories.iter().any(|entry| entry.path == look.top) {
        return Ok(None);
    }
    let Some(forge) = orch_git::forge_of(&look.git, look.top.as_std_path()).map_err(git_failure)? else {
        return Ok(None);
    };
    let is_it = |entry: &&crate::settings::RepositoryEntry| {
        forge == host.paths.forge(&entry.id).as_std_path() && !entry.path.join(".git").exists()
    };
    Ok(host.repositories.iter().find(is_it).cloned())
}

fn show_found(
    file: &repository_file::Plan,
    look: &look::Look,
    host: &crate::settings::Host,
    args: &InitArgs,
    agents_found: &[String],
    screen: &Screen,
) {
    let strong = |text: &str| screen.styled(Style::Strong, text);
    let faint = |text: &str| screen.styled(Style::Faint, text);
    let two = |name: &str, value: String| vec![name.to_owned(), value];
    let tip: String = look.source.base_tip.as_str().chars().take(10).collect();
    let tests = match (&file.command, &file.from) {
        (Some(command), Some(from)) => format!("{}  {}", strong(command), faint(from)),
        (Some(command), None) => strong(command),
        (None, _) => screen.styled(Style::Bad, "none found"),
    };
    let from = if look.base_from.is_empty() { String::new() } else { format!(", {}", look.base_from) };
    let base = format!("{}  {}", strong(look.base.as_str()), faint(&format!("at {tip}{from}")));
    let mut rows = vec![two("repository", look.top.to_string()), two("base branch", base), two("tests", tests)];
    if !file.passed_over.is_empty() {
        rows.push(two("", faint(&format!("also found: {}", file.passed_over.join(", ")))));
    }
    if let Some(set_up) = &file.set_up {
        rows.push(two("set-up", format!("{}  {}", strong(&set_up.command), faint(&set_up.why))));
    }
    let named = args.agent_command.is_some() || args.agent.is_some() || host.default_agent.is_some();
    if !named && host.agents.is_empty() && !agents_found.is_empty() {
        rows.push(two("agents", format!("found: {}", agents_found.join(", "))));
    }
    screen.table(&rows);
    screen.line("");
}

fn show_done(answer: &Answer, screen: &Screen, source: &Source, paths: &Paths, agent: Option<&str>) {
    let good = |text: &str| screen.styled(Style::Good, text);
    let faint = |text: &str| screen.styled(Style::Faint, text);
    let repository = &answer.repository;
    let agent = match agent {
        Some(agent) => good(agent),
        None => screen.styled(Style::Attention, "none yet"),
    };
    screen.line(&format!("{} {}, work items {}-001 …; agent: {agent}", good("is"), repository.id, repository.prefix));
    if answer.written.is_empty() && !matches!(answer.commit, Commit::Made | Commit::Pushed) {
        screen.line(&format!("{}: everything is as it was", good("nothing to do")));
    }
    for file in &answer.written {
        let note = match *file == paths.config_file {
            true if answer.host_file_is_new => "      every setting of this machine, explained",
            true => "      the repository is registered there",
            false => "",
        };
        screen.line(&format!("{} {file}", good("wrote")));
        if !note.is_empty() {
            screen.line(&faint(note));
        }
    }
    match answer.commit {
        Commit::Made | Commit::Pushed => {
            let others = if source.dirty { "; your other changes are untouched" } else { "" };
            let pushed = if matches!(answer.commit, Commit::Pushed) { ", here and on the server" } else { "" };
            screen.line(&format!("{} .orch to {}{pushed}{others}", good("committed"), answer.base_branch));
        }
        Commit::Open => {
            screen.line(&format!("{} {REPOSITORY_FILE}", screen.styled(Style::Attention, "not committed")));
        }
        Commit::AlreadyThere => {}
    }
    screen.line("");
    screen.line(&screen.styled(Style::Strong, "Next"));
    for next in &answer.next {
        screen.line(&faint(&format!("  # {}", next.why)));
        screen.line(&format!("  {}", screen.styled(Style::Command, &next.command)));
    }
}
