//! `[[tracker]]`: where issues come from.

use camino::Utf8PathBuf;
use orch_vendors::plane::PlaneSite;

use super::host::Host;
use super::keys::{Key, narrow, on, quoted, tuning};
use super::kind::Kind;
use super::notify::LANGUAGES;
use super::remote::Misfit;

/// Products.
pub const KINDS: &[&str] = &["plane"];
/// Names the server of trackers without `url`.
pub const URL_VARIABLE: &str = "ORCH_PLANE_API_URL";
/// Roles that may speak with a key of their own: their file in `bots`, and the end of their variable.
pub const ROLES: &[&str] = &["analyst", "architect", "developer", "reviewer", "tester", "deployer", "stream"];

/// One `[[tracker]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackerEntry {
    /// Name in commands and in the webhook's address.
    pub name: String,
    /// One of [`KINDS`].
    pub kind: String,
    /// The server; `None`: as [`URL_VARIABLE`] says.
    pub url: Option<String>,
    /// The workspace, as addresses name it.
    pub workspace: String,
    /// The project's id.
    pub project: String,
    /// The repository whose issues they are.
    pub repository: String,
    /// A file with the key.
    pub key_file: Option<Utf8PathBuf>,
    /// A file with the webhook's secret.
    pub webhook_secret_file: Option<Utf8PathBuf>,
    /// A folder with a key for each of [`ROLES`].
    pub bots: Option<Utf8PathBuf>,
    /// Our account, where the server does not tell.
    pub account: Option<String>,
    /// The account is a person's own.
    pub shared_account: bool,
    /// Between two lists of what changed.
    pub every_seconds: u32,
    /// Calls of one key in a minute.
    pub requests_per_minute: u32,
    /// Of comments; one of the notifiers' languages.
    pub language: Option<String>,
    /// Authorities to trust.
    pub ca_file: Option<Utf8PathBuf>,
}

impl Default for TrackerEntry {
    fn default() -> Self {
        Self {
            name: String::new(),
            kind: String::new(),
            url: None,
            workspace: String::new(),
            project: String::new(),
            repository: String::new(),
            key_file: None,
            webhook_secret_file: None,
            bots: None,
            account: None,
            shared_account: false,
            every_seconds: 60,
            requests_per_minute: 60,
            language: None,
            ca_file: None,
        }
    }
}

fn shown(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| quoted(text))
}

fn file(file: Option<&Utf8PathBuf>) -> Option<String> {
    file.map(|file| quoted(file.as_str()))
}

/// `[switches] reconcile`
pub const RECONCILE: Key<Host> = Key {
    section: "switches",
    name: "reconcile",
    variable: tuning("ORCH_RECONCILE_ENABLED"),
    kind: Kind::Switch,
    required: false,
    doc: "Tasks are looked at now and then, and trackers are asked what changed. Off: an event that was lost stays lost.",
    set: |h, v| h.switches.reconcile = on(&v),
    get: |h| Some(h.switches.reconcile.to_string()),
};

/// `[switches] reconcile_trackers`
pub const RECONCILE_TRACKERS: Key<Host> = Key {
    section: "switches",
    name: "reconcile_trackers",
    variable: tuning("ORCH_RECONCILE_PLANE_ENABLED"),
    kind: Kind::Switch,
    required: false,
    doc: "Trackers are asked what changed. Off: only what a webhook tells is heard.",
    set: |h, v| h.switches.reconcile_trackers = on(&v),
    get: |h| Some(h.switches.reconcile_trackers.to_string()),
};

/// The rows of `[[tracker]]`.
pub const TRACKER: &[Key<TrackerEntry>] = &[
    Key {
        section: "tracker",
        name: "name",
        variable: None,
        kind: Kind::Id,
        required: true,
        doc: "Its name, and the end of its webhook's address: /webhook/NAME.",
        set: |t, v| t.name = v.into_text(),
        get: |t| shown(&t.name),
    },
    Key {
        section: "tracker",
        name: "kind",
        variable: None,
        kind: Kind::OneOf(KINDS),
        required: true,
        doc: "The product: `plane` is Plane's Community Edition from 0.23 on.",
        set: |t, v| t.kind = v.into_text(),
        get: |t| shown(&t.kind),
    },
    Key {
        section: "tracker",
        name: "url",
        variable: None,
        kind: Kind::WebAddress,
        required: false,
        doc: "The server, as people open it. Left out: the variable ORCH_PLANE_API_URL.",
        set: |t, v| t.url = Some(v.into_text()),
        get: |t| t.url.as_deref().map(quoted),
    },
    Key {
        section: "tracker",
        name: "workspace",
        variable: None,
        kind: Kind::Word,
        required: true,
        doc: "The workspace, as it stands in the address of its pages.",
        set: |t, v| t.workspace = v.into_text(),
        get: |t| shown(&t.workspace),
    },
    Key {
        section: "tracker",
        name: "project",
        variable: None,
        kind: Kind::Word,
        required: true,
        doc: "The project's id, as it stands in the address of its pages (a uuid).",
        set: |t, v| t.project = v.into_text(),
        get: |t| shown(&t.project),
    },
    Key {
        section: "tracker",
        name: "repository",
        variable: None,
        kind: Kind::Id,
        required: true,
        doc: "The id of the [[repository]] whose issues these are. An event of any other project is ignored.",
        set: |t, v| t.repository = v.into_text(),
        get: |t| shown(&t.repository),
    },
    Key {
        section: "tracker",
        name: "key_file",
        variable: None,
        kind: Kind::Path,
        required: true,
        doc: "A file with the API key on its first line, readable by you alone. Its account is the service's own: what it does \
              there commands nothing. Read at each call, so a new key needs no restart.",
        set: |t, v| t.key_file = Some(Utf8PathBuf::from(v.into_text())),
        get: |t| file(t.key_file.as_ref()),
    },
    Key {
        section: "tracker",
        name: "webhook_secret_file",
        variable: None,
        kind: Kind::Path,
        required: false,
        doc: "A file with the webhook's secret (plane_wh_…), readable by you alone. Left out: no webhook is heard, and changes \
              are found by asking.",
        set: |t, v| t.webhook_secret_file = Some(Utf8PathBuf::from(v.into_text())),
        get: |t| file(t.webhook_secret_file.as_ref()),
    },
    Key {
        section: "tracker",
        name: "bots",
        variable: None,
        kind: Kind::Path,
        required: false,
        doc: "A folder with keys of bots: the file analyst, architect, developer, reviewer, tester, deployer or stream in it. \
              The variable ORCH_PLANE_BOT_ANALYST and so on may carry one instead. A role without one speaks with the key.",
        set: |t, v| t.bots = Some(Utf8PathBuf::from(v.into_text())),
        get: |t| file(t.bots.as_ref()),
    },
    Key {
        section: "tracker",
        name: "account",
        variable: None,
        kind: Kind::Word,
        required: false,
        doc: "Our account there, by mail address, displayed name or id; needed where the server does not tell whose a key is \
              (Plane before 0.28).",
        set: |t, v| t.account = Some(v.into_text()),
        get: |t| t.account.as_deref().map(quoted),
    },
    Key {
        section: "tracker",
        name: "shared_account",
        variable: None,
        kind: Kind::Switch,
        required: false,
        doc: "The account is a person's own: a status that commands may be theirs. Whoever has the key can command then.",
        set: |t, v| t.shared_account = on(&v),
        get: |t| Some(t.shared_account.to_string()),
    },
    Key {
        section: "tracker",
        name: "every_seconds",
        variable: None,
        kind: Kind::Number(1, 3_600),
        required: false,
        doc: "Seconds between two lists of what changed, for what no webhook told. One request, if nothing did.",
        set: |t, v| t.every_seconds = narrow(v),
        get: |t| Some(t.every_seconds.to_string()),
    },
    Key {
        section: "tracker",
        name: "requests_per_minute",
        variable: None,
        kind: Kind::Number(5, 100_000),
        required: false,
        doc: "Requests that the server takes of one key in a minute (Plane's API_KEY_RATE_LIMIT).",
        set: |t, v| t.requests_per_minute = narrow(v),
        get: |t| Some(t.requests_per_minute.to_string()),
    },
    Key {
        section: "tracker",
        name: "language",
        variable: None,
        kind: Kind::OneOf(LANGUAGES),
        required: false,
        doc: "Of the comments that are written there; `en`, if left out.",
        set: |t, v| t.language = Some(v.into_text()),
        get: |t| t.language.as_deref().map(quoted),
    },
    Key {
        section: "tracker",
        name: "ca_file",
        variable: None,
        kind: Kind::Path,
        required: false,
        doc: "A PEM file with the authorities to trust instead of the machine's own.",
        set: |t, v| t.ca_file = Some(Utf8PathBuf::from(v.into_text())),
        get: |t| file(t.ca_file.as_ref()),
    },
];

/// What the single values cannot tell: the key, what is wrong with it, and what to do.
pub fn tracker_misfits(entry: &TrackerEntry, host: &Host) -> Vec<Misfit> {
    let mut found = Vec::new();
    let any = "https://plane.example.org".to_owned();
    if !entry.workspace.is_empty()
        && let Err(why) = PlaneSite::new(entry.url.as_ref().unwrap_or(&any), &entry.workspace)
    {
        let (key, fix) = if why.contains("workspace") {
            ("workspace", "take it from the address of the workspace's pages")
        } else {
            ("url", "give the address at which people open Plane")
        };
        found.push((key, format!("cannot be used: {why}"), fix.to_owned()));
    }
    let known = host.repositories.iter().any(|repository| repository.id == entry.repository);
    if !entry.repository.is_empty() && !known {
        let what = format!("is \"{}\", and there is no such repository", entry.repository);
        found.push(("repository", what, "give the id of a [[repository]]; orch init adds one".to_owned()));
    }
    found
}
