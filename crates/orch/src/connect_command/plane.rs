//! `orch connect plane`: the issues of a project on a Plane server become a repository's.

use std::sync::Arc;

use camino::Utf8PathBuf;
use clap::Args;
use orch_ports::PortError;
use orch_ports::tracker::IssueTracker as _;
use orch_rules::tracker_states::{ProjectStates, StatusKey};
use orch_vendors::plane::{KeyChannel, PlaneApi, PlaneProject, PlaneSite, projects};

use super::keep;
use crate::exit::{Exit, Failure};
use crate::init::entries;
use crate::screen::{Screen, printable};
use crate::settings::remote::read_token;
use crate::settings::tracker::URL_VARIABLE;
use crate::settings::{self, Host};
use crate::wiring::trackers;

/// Carries the key where no file does.
const KEY_VARIABLE: &str = "ORCH_PLANE_API_KEY";
/// Carries the webhook's secret where no file does.
const SECRET_VARIABLE: &str = "ORCH_PLANE_WEBHOOK_SECRET";

/// What it is given.
#[derive(Debug, Args)]
pub struct PlaneArgs {
    /// The server, as people open it; ORCH_PLANE_API_URL if not given
    #[arg(long, value_name = "ADDRESS")]
    url: Option<String>,
    /// The workspace, as it stands in the address of its pages
    #[arg(long, value_name = "NAME")]
    workspace: Option<String>,
    /// The project: what its issues' numbers begin with, its name, or its id
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,
    /// The repository; may be left out if there is one
    #[arg(long, value_name = "ID")]
    repository: Option<String>,
    /// The tracker's name here; the repository's id if not given
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A file with the key; else ORCH_PLANE_API_KEY is kept in one
    #[arg(long, value_name = "FILE")]
    key_file: Option<Utf8PathBuf>,
    /// A file with the webhook's secret; else ORCH_PLANE_WEBHOOK_SECRET is kept in one
    #[arg(long, value_name = "FILE")]
    webhook_secret_file: Option<Utf8PathBuf>,
    /// Our account, where the server does not tell whose a key is (before 0.28)
    #[arg(long, value_name = "WHO")]
    account: Option<String>,
    /// Make the states of the line that the project lacks
    #[arg(long)]
    make_states: bool,
}

/// Runs it.
///
/// # Errors
/// What is missing or refused, and what to do.
pub fn run(args: &PlaneArgs, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let (host, _) = settings::load(env)?;
    let repository = repository(args, &host)?;
    let name = args.name.clone().unwrap_or_else(|| repository.clone());
    let known = host.trackers.iter().find(|entry| entry.name == name);
    let given = |option: &Option<String>, before: Option<String>, question: &str, flag: &str| {
        let found =
            option.clone().or(before).or_else(|| screen.ask_text(question)).filter(|text| !text.trim().is_empty());
        let fix = format!("give it: {flag}");
        found.ok_or_else(|| {
            Failure::new(Exit::Usage, format!("{} is not known", question.trim_end_matches(": "))).fix(fix)
        })
    };
    let url = known.and_then(|entry| entry.url.clone()).or_else(|| env(URL_VARIABLE));
    let url = given(&args.url, url, "The address of the Plane server: ", "--url https://…")?;
    let workspace = known.map(|entry| entry.workspace.clone());
    let workspace =
        given(&args.workspace, workspace, "The workspace, as in the address of its pages: ", "--workspace NAME")?;
    let site = PlaneSite::new(&url, &workspace).map_err(|why| Failure::new(Exit::Usage, why))?;
    let key_file = match args.key_file.clone().or_else(|| known.and_then(|entry| entry.key_file.clone())) {
        Some(file) => file,
        None => {
            let question = "An API key of the account that the service uses there: ";
            let key =
                given(&None, env(KEY_VARIABLE), question, &format!("set {KEY_VARIABLE}, or give --key-file FILE"))?;
            keep(&host, &format!("plane-{name}-key"), &key)?
        }
    };
    let file = key_file.clone();
    let api =
        PlaneApi::new(site.clone(), format!("the key, {key_file}"), Arc::<KeyChannel>::default(), None, move || {
            read_token(&file)
        });
    let known_project = known.map(|entry| entry.project.clone());
    let project = chosen(args.project.clone().or(known_project), projects(&api).map_err(|e| refused(&e))?, screen)?;
    let secret = match (&args.webhook_secret_file, known.and_then(|entry| entry.webhook_secret_file.clone())) {
        (Some(file), _) => Some(file.clone()),
        (None, known) => match env(SECRET_VARIABLE).filter(|secret| !secret.trim().is_empty()) {
            Some(secret) => Some(keep(&host, &format!("plane-{name}-webhook-secret"), &secret)?),
            None => known,
        },
    };
    let mut values = vec![
        ("name", name.as_str()),
        ("kind", "plane"),
        ("url", site.root()),
        ("workspace", workspace.as_str()),
        ("project", project.id.as_str()),
        ("repository", repository.as_str()),
        ("key_file", key_file.as_str()),
    ];
    values.extend(secret.as_ref().map(|file| ("webhook_secret_file", file.as_str())));
    values.extend(args.account.as_ref().map(|account| ("account", account.as_str())));
    entries::put_tracker(&host.paths, &name, &values)?;
    let (host, _) = settings::load(env)?;
    let entry = host.trackers.iter().find(|entry| entry.name == name);
    let entry = entry.ok_or_else(|| Failure::new(Exit::Internal, "the tracker was not written"))?;
    let tracker = trackers::one(entry, env)?;
    let access = tracker.access().map_err(|e| refused(&e))?;
    tracker.connection().map_err(|e| refused(&e))?;
    let whose = access.account.unwrap_or_else(|| "the account of the settings".to_owned());
    screen
        .line(&format!("Issues of {} ({}) are those of {repository}, as {whose}.", access.project, project.identifier));
    states(args, &tracker, screen)?;
    let address = format!("http://{}:{}/webhook/{name}", host.service.listen, host.service.port);
    if entry.webhook_secret_file.is_some() {
        screen.line(&format!("Its webhook is heard at {address}, or at what leads there from the Plane server."));
    } else {
        screen.line(&format!(
            "No webhook yet: changes are found within {} s by asking. To hear them at once, make one in the workspace's \
             settings (Webhooks; events: issues, issue comments) for {address}, or for what leads there from the Plane server, \
             and repeat this with {SECRET_VARIABLE}=plane_wh_…",
            entry.every_seconds
        ));
    }
    // States that were made are read at once; a new tracker, or another key's file, takes a start.
    let told = crate::repo_command::tell_service(&host);
    screen.line(match (told, known.is_some()) {
        (true, true) => {
            "The service reads the project's states again; after changes of [[tracker]] restart it: orch up"
        }
        (true, false) => "Restart the service: orch up",
        (false, _) => "Start the service: orch up",
    });
    screen.json(&serde_json::json!({
        "tracker": name, "project": project.id, "repository": repository, "webhook": address,
        "hears_webhooks": entry.webhook_secret_file.is_some(),
    }));
    Ok(())
}

fn repository(args: &PlaneArgs, host: &Host) -> Result<String, Failure> {
    let ids: Vec<&str> = host.repositories.iter().map(|entry| entry.id.as_str()).collect();
    let wrong = |what: String, fix: String| Failure::new(Exit::Usage, what).fix(fix);
    match (&args.repository, ids.as_slice()) {
        (Some(id), ids) if ids.contains(&id.as_str()) => Ok(id.clone()),
        (Some(id), _) => {
            Err(wrong(format!("there is no repository {}", printable(id)), format!("there are: {}", ids.join(", "))))
        }
        (None, [only]) => Ok((*only).to_owned()),
        (None, []) => {
            Err(wrong("no repository is registered on this host".to_owned(), "go to one and run: orch init".to_owned()))
        }
        (None, several) => Err(wrong(
            "there are several repositories".to_owned(),
            format!("name one: --repository, of {}", several.join(", ")),
        )),
    }
}

fn chosen(wanted: Option<String>, all: Vec<PlaneProject>, screen: &Screen) -> Result<PlaneProject, Failure> {
    let list = all.iter().map(|of| format!("{} ({})", of.identifier, of.name)).collect::<Vec<_>>().join(", ");
    let found = |wanted: &str| {
        all.iter()
            .find(|of| of.id == wanted || of.identifier.eq_ignore_ascii_case(wanted) || of.name == wanted)
            .cloned()
    };
    let wrong = |what: String| Failure::new(Exit::Usage, what).fix(format!("there are: {list}"));
    match (wanted, all.as_slice()) {
        (_, []) => {
            let what = "the key's account is a member of no project there";
            Err(Failure::new(Exit::Usage, what).fix("add the account to the project, as a member"))
        }
        (Some(wanted), _) => {
            found(&wanted).ok_or_else(|| wrong(format!("there is no project {} there", printable(&wanted))))
        }
        (None, [only]) => Ok(only.clone()),
        (None, _) => {
            screen.line(&format!("Projects: {list}"));
            let wanted = screen.ask_text("Which one: ").unwrap_or_default();
            found(wanted.trim()).ok_or_else(|| wrong("it is not known which project is meant: --project".to_owned()))
        }
    }
}

/// Makes the states that are missing, or tells of them.
fn states(args: &PlaneArgs, tracker: &orch_vendors::plane::PlaneTracker, screen: &Screen) -> Result<(), Failure> {
    let missing = || -> Result<Vec<StatusKey>, Failure> {
        let states = tracker.states().map_err(|e| refused(&e))?;
        Ok(ProjectStates::of(states.iter().map(|state| (state.id.as_str(), state.name.as_str()))).missing())
    };
    let found = missing()?;
    let names = |keys: &[StatusKey]| keys.iter().map(|key| key.name()).collect::<Vec<_>>().join(", ");
    if found.is_empty() {
        screen.line("It has every state of the line.");
    } else if args.make_states {
        for key in &found {
            tracker.make_state(key.name(), key.group()).map_err(|e| refused(&e))?;
        }
        screen.line(&format!("States that were made: {}.", names(&found)));
    } else {
        screen.line(&format!(
            "It has no state for {}; --make-states makes them, orch doctor tells what that means.",
            names(&found)
        ));
    }
    Ok(())
}

fn refused(error: &PortError) -> Failure {
    Failure::new(Exit::Failed, error.words.clone()).fix("put it right there or in the command, and repeat the command")
}
