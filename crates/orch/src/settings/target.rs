//! `[target.<name>]`: what repositories are deployed to.

use std::sync::Arc;

use camino::Utf8PathBuf;
use orch_engine::DeployTerms;
use orch_ports::runner::HookSecret;
use orch_rules::deploy::looks::LookPlan;
use orch_vendors::health::{HttpHealth, RevisionFrom};

use super::Host;
use super::host::RepositoryEntry;
use super::keys::{Key, array, narrow, on, quoted, words};
use super::kind::Kind;
use super::remote::Misfit;

/// One `[target.<name>]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetEntry {
    /// Program and arguments.
    pub hook: Vec<String>,
    /// The hook knows `--rollback`.
    pub rollback: bool,
    /// `revert` or `fix-forward`.
    pub on_failure: String,
    /// Patterns of paths.
    pub irreversible: Vec<String>,
    /// What is looked at.
    pub url: String,
    /// Where the revision stands in its answer.
    pub revision: String,
    /// Minutes.
    pub deadline_minutes: u32,
    /// Looks after a hook.
    pub looks: u32,
    /// Milliseconds between two of them.
    pub look_every_ms: u32,
    /// Seconds.
    pub settle_seconds: u32,
    /// Minutes; 0: not at all.
    pub bake_minutes: u32,
    /// Seconds; 0: never.
    pub watch_seconds: u32,
    /// Files.
    pub secrets: Vec<Utf8PathBuf>,
    /// `TARGET_SERVICE`.
    pub service: Option<String>,
    /// `TARGET_PORT`.
    pub port: Option<String>,
    /// `COMPOSE_PROFILE`.
    pub profile: Option<String>,
}

impl Default for TargetEntry {
    fn default() -> Self {
        Self {
            hook: Vec::new(),
            rollback: false,
            on_failure: ON_FAILURE[0].to_owned(),
            irreversible: Vec::new(),
            url: String::new(),
            revision: "json:/revision".to_owned(),
            deadline_minutes: 10,
            looks: LookPlan::AFTER_DEPLOY.looks,
            look_every_ms: LookPlan::AFTER_DEPLOY.every_ms,
            settle_seconds: 60,
            bake_minutes: 0,
            watch_seconds: 60,
            secrets: Vec::new(),
            service: None,
            port: None,
            profile: None,
        }
    }
}

/// What becomes of a change that does not run.
const ON_FAILURE: &[&str] = &["revert", "fix-forward"];

const fn key(name: &'static str, kind: Kind, doc: &'static str) -> Key<TargetEntry> {
    Key { section: "target", name, variable: None, kind, required: false, doc, set: |_, _| {}, get: |_| None }
}

/// The rows of `[target.<name>]`.
pub const TARGET: &[Key<TargetEntry>] = &[
    Key {
        required: true,
        set: |t, v| t.hook = words(v),
        get: |t| (!t.hook.is_empty()).then(|| array(&t.hook)),
        ..key(
            "hook",
            Kind::Command,
            "The program that brings a commit there, with its arguments; a path has to be absolute. docs/deploy.md says what it is \
             given and what its exit code means.",
        )
    },
    Key {
        set: |t, v| t.rollback = on(&v),
        get: |t| Some(t.rollback.to_string()),
        ..key(
            "rollback",
            Kind::Switch,
            "The hook brings the one before back when `--rollback` is added to its arguments.",
        )
    },
    Key {
        set: |t, v| t.on_failure = v.into_text(),
        get: |t| Some(quoted(&t.on_failure)),
        ..key(
            "on_failure",
            Kind::OneOf(ON_FAILURE),
            "What becomes of a change that does not run: its revert lands, or it stays on the base branch, where nothing else lands \
             until its task has mended it.",
        )
    },
    Key {
        set: |t, v| t.irreversible = words(v),
        get: |t| Some(array(&t.irreversible)),
        ..key(
            "irreversible",
            Kind::Patterns,
            "A change to one of these paths does something there that cannot be taken back: it is not rolled back and not reverted, \
             and whoever confirms it is told.",
        )
    },
    Key {
        required: true,
        set: |t, v| t.url = v.into_text(),
        get: |t| (!t.url.is_empty()).then(|| quoted(&t.url)),
        ..key(
            "url",
            Kind::WebAddress,
            "What is looked at: healthy is an answer 2xx within 5 seconds, without a redirect.",
        )
    },
    Key {
        set: |t, v| t.revision = v.into_text(),
        get: |t| Some(quoted(&t.revision)),
        ..key(
            "revision",
            Kind::Revision,
            "Where the answer says which commit runs: `json:/POINTER`, `header:NAME`, `text:…{revision}…`, or `none`: then \
             whatever answers is taken for what was deployed.",
        )
    },
    Key {
        set: |t, v| t.deadline_minutes = narrow(v),
        get: |t| Some(t.deadline_minutes.to_string()),
        ..key(
            "deadline_minutes",
            Kind::Number(1, 1_440),
            "Minutes after which a hook is stopped. What it did is not known then: looks or a person tell.",
        )
    },
    Key {
        set: |t, v| t.looks = narrow(v),
        get: |t| Some(t.looks.to_string()),
        ..key(
            "looks",
            Kind::Number(3, 1_000),
            "Looks after a hook; three good ones in a row and no bad one after the first are healthy.",
        )
    },
    Key {
        set: |t, v| t.look_every_ms = narrow(v),
        get: |t| Some(t.look_every_ms.to_string()),
        ..key(
            "look_every_ms",
            Kind::Number(50, 600_000),
            "Milliseconds between two of them. After a rollback it is a second at most.",
        )
    },
    Key {
        set: |t, v| t.settle_seconds = narrow(v),
        get: |t| Some(t.settle_seconds.to_string()),
        ..key(
            "settle_seconds",
            Kind::Number(0, 3_600),
            "Seconds after the end of a hook of which nobody knows what it did, before looks are believed.",
        )
    },
    Key {
        set: |t, v| t.bake_minutes = narrow(v),
        get: |t| Some(t.bake_minutes.to_string()),
        ..key(
            "bake_minutes",
            Kind::Number(0, 1_440),
            "Minutes for which what was found healthy is looked at still, although its task is done. Three bad looks of the last \
             ten freeze the repository; nothing is rolled back by that. 0: not at all.",
        )
    },
    Key {
        set: |t, v| t.watch_seconds = narrow(v),
        get: |t| Some(t.watch_seconds.to_string()),
        ..key(
            "watch_seconds",
            Kind::Number(0, 86_400),
            "Seconds between two looks at what runs; 0: only before a deployment. What nobody here brought holds the line.",
        )
    },
    Key {
        set: |t, v| t.secrets = words(v).into_iter().map(Utf8PathBuf::from).collect(),
        get: |t| Some(array(&t.secrets.iter().map(ToString::to_string).collect::<Vec<_>>())),
        ..key(
            "secrets",
            Kind::Paths,
            "Files that the hook alone is given, under their names (letters, digits and _), in the folder $ORCH_SECRETS.",
        )
    },
    Key {
        set: |t, v| t.service = Some(v.into_text()),
        get: |t| t.service.as_deref().map(quoted),
        ..key("service", Kind::Word, "TARGET_SERVICE of the hook.")
    },
    Key {
        set: |t, v| t.port = Some(v.into_text()),
        get: |t| t.port.as_ref().map(ToString::to_string),
        ..key("port", Kind::Number(1, 65_535), "TARGET_PORT of the hook.")
    },
    Key {
        set: |t, v| t.profile = Some(v.into_text()),
        get: |t| t.profile.as_deref().map(quoted),
        ..key("profile", Kind::Word, "COMPOSE_PROFILE of the hook.")
    },
];

/// `target` of a `[[repository]]`.
pub const OF_REPOSITORY: Key<RepositoryEntry> = Key {
    section: "repository",
    name: "target",
    variable: None,
    kind: Kind::Id,
    required: false,
    doc: "The [target.NAME] that what lands is deployed to, before its task is done. Repositories may share one.",
    set: |r, v| r.target = Some(v.into_text()),
    get: |r| r.target.as_deref().map(quoted),
};

/// What is wrong with a target: the key, what, and what to do.
pub fn misfits(entry: &TargetEntry) -> Vec<Misfit> {
    let mut found = Vec::new();
    if let Some(program) = entry.hook.first().filter(|program| program.contains('/') && !program.starts_with('/')) {
        let what = format!("begins with \"{program}\", and no folder belongs to it");
        found.push(("hook", what, "write its absolute path".to_owned()));
    }
    let plain = |file: &&Utf8PathBuf| {
        let name = file.file_name().unwrap_or_default();
        name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    if let Some(file) = entry.secrets.iter().find(plain) {
        let what = format!("names {file}, whose name is no name of a secret");
        found.push(("secrets", what, "call the file by letters, digits and _ alone".to_owned()));
    }
    found
}

/// What is wrong with the target of a repository.
pub fn repository_misfits(entry: &RepositoryEntry, host: &Host) -> Vec<Misfit> {
    match &entry.target {
        Some(name) if !host.targets.contains_key(name) => {
            let what = format!("is \"{name}\", and there is no [target.{name}]");
            vec![("target", what, "add it, with hook and url".to_owned())]
        }
        _ => Vec::new(),
    }
}

impl Host {
    /// What a repository is deployed to.
    pub fn deploys(&self, entry: &RepositoryEntry) -> Option<Arc<DeployTerms>> {
        let name = entry.target.as_ref()?;
        let target = self.targets.get(name)?;
        let revision = RevisionFrom::parse(&target.revision)?;
        let after_deploy = LookPlan { looks: target.looks, every_ms: target.look_every_ms, ..LookPlan::AFTER_DEPLOY };
        let back = LookPlan::AFTER_ROLLBACK;
        let seconds = |seconds: u32| u64::from(seconds) * 1_000;
        Some(Arc::new(DeployTerms {
            target: name.as_str().into(),
            hook: target.hook.clone(),
            rollback: target.rollback,
            forward: target.on_failure == ON_FAILURE[1],
            irreversible: target.irreversible.clone(),
            deadline_ms: seconds(target.deadline_minutes) * 60,
            after_deploy,
            after_rollback: LookPlan { every_ms: back.every_ms.min(target.look_every_ms), ..back },
            bake_ms: seconds(target.bake_minutes) * 60,
            watch_ms: seconds(target.watch_seconds),
            settle_ms: seconds(target.settle_seconds),
            says_revision: revision != RevisionFrom::Nowhere,
            secrets: target.secrets.iter().filter_map(secret).collect(),
            names: [target.service.clone(), target.port.clone(), target.profile.clone()],
            health: Arc::new(HttpHealth::new(target.url.clone(), revision)),
        }))
    }
}

fn secret(file: &Utf8PathBuf) -> Option<HookSecret> {
    Some(HookSecret { name: file.file_name()?.to_owned(), file: file.clone() })
}
