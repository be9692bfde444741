//! From settings to the trackers that are followed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use orch_engine::TrackedProject;
use orch_rules::connection::{NewConnection, each_its_own};
use orch_rules::ids::RepositoryId;
use orch_rules::rights::ConnectionKind;
use orch_text::Language;
use orch_vendors::plane::{KeyChannel, PlaneApi, PlaneSite, PlaneTracker};

use crate::exit::{Exit, Failure};
use crate::settings::Host;
use crate::settings::remote::read_token;
use crate::settings::tracker::{ROLES, TrackerEntry, URL_VARIABLE};

/// What limits calls with one key at one server.
type KeyChannels = BTreeMap<(String, String), Arc<KeyChannel>>;

/// Every tracker of the settings.
///
/// # Errors
/// Settings that cannot be used.
pub fn all(host: &Host, env: &dyn Fn(&str) -> Option<String>) -> Result<Vec<TrackedProject>, Failure> {
    let mut channels = KeyChannels::new();
    let mut projects = Vec::new();
    let mut connections = Vec::new();
    for entry in &host.trackers {
        let site = site(entry, env)?;
        connections.push(NewConnection {
            name: entry.name.clone(),
            product: entry.kind.clone(),
            kind: ConnectionKind::Tracker,
            server: site.root().to_owned(),
            project: entry.project.clone(),
            accounts: Vec::new(),
        });
        projects.push(TrackedProject {
            tracker: Arc::new(tracker(entry, site, env, &mut channels)),
            repository: RepositoryId(entry.repository.clone()),
            every: Duration::from_secs(u64::from(entry.every_seconds)),
            asks: host.switches.reconcile && host.switches.reconcile_trackers,
            hears: entry.webhook_secret_file.is_some(),
            language: entry.language.as_deref().and_then(Language::of_tag).unwrap_or_default(),
        });
    }
    each_its_own(&connections)
        .map_err(|why| Failure::new(Exit::Settings, why).at(host.paths.config_file.to_string()))?;
    Ok(projects)
}

/// One of them, by itself.
///
/// # Errors
/// Settings that cannot be used.
pub fn one(entry: &TrackerEntry, env: &dyn Fn(&str) -> Option<String>) -> Result<PlaneTracker, Failure> {
    Ok(tracker(entry, site(entry, env)?, env, &mut KeyChannels::new()))
}

fn site(entry: &TrackerEntry, env: &dyn Fn(&str) -> Option<String>) -> Result<PlaneSite, Failure> {
    let url = entry.url.clone().or_else(|| env(URL_VARIABLE)).filter(|url| !url.trim().is_empty());
    let missing = || {
        Failure::new(Exit::Settings, format!("the tracker `{}` names no server", entry.name))
            .fix(format!("add a line `url = \"https://…\"` to it, or set {URL_VARIABLE}"))
    };
    PlaneSite::new(&url.ok_or_else(missing)?, &entry.workspace)
        .map_err(|why| Failure::new(Exit::Settings, format!("the tracker `{}` cannot be used: {why}", entry.name)))
}

fn tracker(
    entry: &TrackerEntry,
    site: PlaneSite,
    env: &dyn Fn(&str) -> Option<String>,
    channels: &mut KeyChannels,
) -> PlaneTracker {
    let mut channel = |key: &str| {
        let most = usize::try_from(entry.requests_per_minute).unwrap_or(usize::MAX);
        let of = (site.server().to_owned(), key.to_owned());
        channels.entry(of).or_insert_with(|| Arc::new(KeyChannel::new(most))).clone()
    };
    let authorities = || entry.ca_file.as_ref().map(Into::into);
    let by_file = |name: String, file: &Utf8Path, channel: Arc<KeyChannel>| {
        let file: Utf8PathBuf = file.to_owned();
        let credential = format!("key of {name}, {file}");
        PlaneApi::new(site.clone(), credential, channel, authorities(), move || read_token(&file))
    };
    let key_file = entry.key_file.clone().unwrap_or_default();
    let api = by_file(format!("the tracker `{}`", entry.name), &key_file, channel(key_file.as_str()));
    let secret = entry.webhook_secret_file.clone();
    let secret = move || match &secret {
        Some(file) => read_token(file),
        None => Err("the tracker names no webhook_secret_file".to_owned()),
    };
    let named = entry.account.iter().cloned().collect();
    let mut of = PlaneTracker::new(&entry.name, &entry.project, api, secret).with_accounts(named, entry.shared_account);
    for role in ROLES {
        let variable = format!("ORCH_PLANE_BOT_{}", role.to_uppercase());
        let file = entry.bots.as_ref().map(|folder| folder.join(role)).filter(|file| file.exists());
        let api = match (env(&variable).filter(|key| !key.trim().is_empty()), file) {
            (Some(key), _) => {
                let credential = format!("key of the role {role}, {variable}");
                PlaneApi::new(site.clone(), credential, channel(&variable), authorities(), move || Ok(key.clone()))
            }
            (None, Some(file)) => by_file(format!("the role {role}"), &file, channel(file.as_str())),
            (None, None) => continue,
        };
        of = of.with_bot(*role, api);
    }
    of
}
