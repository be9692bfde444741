//! Trackers: is each reached, does it let us in, has its project the states of the line.

use orch_ports::PortError;
use orch_ports::tracker::IssueTracker as _;
use orch_rules::port_error::ErrorKind;
use orch_rules::tracker_states::{ProjectStates, StatusKey};
use orch_web::view::{QueueReport, TrackerView};

use super::State::{Fail, Ok as Good, Warn};
use super::{Look, Told};
use crate::client::Caller;
use crate::settings::tracker::TrackerEntry;
use crate::wiring::trackers;

/// How each of them answers.
pub fn trackers(look: &Look) -> Vec<Told> {
    if look.host.trackers.is_empty() {
        return vec![(
            Good,
            "issues come from the built-in board; [[tracker]] in the host file changes that".into(),
            None,
        )];
    }
    let mut told = Vec::new();
    let standing = standing(look);
    for entry in &look.host.trackers {
        if let Some(since) =
            standing.iter().find(|of| of.name == entry.name).and_then(|of| of.webhook_silent_since.as_ref())
        {
            let words = format!("{}: since {since} no webhook told of what people do there", entry.name);
            let fix = "switch the webhook on again in the workspace's settings: Plane switches one off for good after an \
                       event that could not be delivered; until then changes are found by asking";
            told.push((Warn, words, Some(fix.to_owned())));
        }
        let found = match trackers::one(entry, look.env) {
            Ok(tracker) => examine(entry, &tracker).unwrap_or_else(|error| {
                let fix = fix(&error);
                vec![(Fail, error.words, Some(fix))]
            }),
            Err(failure) => vec![(Fail, failure.to_string(), failure.fix.clone())],
        };
        told.extend(found.into_iter().map(|(state, words, fix)| (state, format!("{}: {words}", entry.name), fix)));
    }
    told
}

/// How the service sees them, if it runs.
fn standing(look: &Look) -> Vec<TrackerView> {
    let report: Option<QueueReport> =
        Caller::running(&look.host.paths.state).ok().flatten().and_then(|caller| caller.read("/queue").ok());
    report.map(|report| report.trackers).unwrap_or_default()
}

fn examine(entry: &TrackerEntry, tracker: &orch_vendors::plane::PlaneTracker) -> Result<Vec<Told>, PortError> {
    let access = tracker.access()?;
    let accounts = tracker.connection()?.accounts.len();
    let whose = access.account.unwrap_or_else(|| "the account of the settings".to_owned());
    let bots = if accounts > 1 { format!(" and {} more of ours", accounts - 1) } else { String::new() };
    let mut told = vec![(
        Good,
        format!("{} at {}, project {}, as {whose}{bots}", access.product, tracker.place(), access.project),
        None,
    )];
    let states = tracker.states()?;
    let states = ProjectStates::of(states.iter().map(|state| (state.id.as_str(), state.name.as_str())));
    told.extend(missing(&states));
    if entry.webhook_secret_file.is_none() {
        let words = format!("no webhook is heard; changes are found within {} s by asking", entry.every_seconds);
        let fix = "make a webhook and name the file with its secret: docs/plane.md".to_owned();
        told.push((Warn, words, Some(fix)));
    }
    if entry.shared_account {
        let words = "its account is a person's own: whoever has the key can approve and deploy".to_owned();
        told.push((
            Warn,
            words,
            Some("give the service an account of its own, and take shared_account out".to_owned()),
        ));
    }
    Ok(told)
}

/// States that the project lacks, and what that means.
fn missing(states: &ProjectStates) -> Vec<Told> {
    let missing = states.missing();
    let mut told = Vec::new();
    let commanding = missing.iter().filter_map(|key| Some((*key, key.says()?)));
    for (key, says) in commanding {
        let name = key.name();
        let words = match key.fallback() {
            Some(other) => format!("it has no state “{name}”: “{}” says “{says}” there", other.name()),
            None => format!("it has no state “{name}”: nobody can say “{says}” on the board"),
        };
        told.push((Warn, words, Some(format!("make a state of that name (group {})", key.group()))));
    }
    let shown: Vec<&str> = missing.iter().filter(|key| key.says().is_none()).map(|key| key.name()).collect();
    if !shown.is_empty() {
        let words = format!("it has no state of its own for {}", shown.join(", "));
        told.push((Good, words, None));
    }
    if missing.contains(&StatusKey::ToAnalyse) && missing.contains(&StatusKey::InProgress) {
        let fix = "make a state “To Analyse” (group unstarted)".to_owned();
        told.push((Fail, "nothing can be started there".to_owned(), Some(fix)));
    }
    told
}

fn fix(error: &PortError) -> String {
    match error.kind {
        ErrorKind::Unauthorised => {
            "put a key there whose account is a member of the project; it is read again at each call".to_owned()
        }
        ErrorKind::RateLimited { .. } => "try again in a minute".to_owned(),
        ErrorKind::Gone | ErrorKind::Refused | ErrorKind::Malformed => {
            "correct `url`, `workspace` and `project` of the tracker in the host file".to_owned()
        }
        _ => "look whether the server is up and reached from here; what waits for it goes on by itself".to_owned(),
    }
}
