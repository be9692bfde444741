//! Why a task waits.

use fluent_bundle::{FluentArgs, FluentValue};
use orch_rules::budget::Scope;
use orch_rules::change::SLOT_RUNS;
use orch_rules::ids::WorkItemId;
use orch_rules::outage::Source;
use orch_rules::task::{PauseScope, Task, Wait};
use orch_rules::unknown::{Unknown, words};

use crate::asked::asked;
use crate::catalogue::{list, sentence};
use crate::language::Language;
use crate::outage::{lift, what_is_out};
use crate::reason::reason;
use crate::sentence::Sentence;
use crate::time::rfc3339;
use crate::word::{WordList, word};

/// The task that a sentence is about, as far as sentences name it: a row of a list is enough.
#[derive(Debug, Clone, Copy, Default)]
pub struct Subject<'t> {
    /// Its id for people.
    pub work_item: &'t str,
    /// Whose it is.
    pub repository: &'t str,
    /// The branch it is made on.
    pub branch: &'t str,
}

impl<'t> From<&'t Task> for Subject<'t> {
    fn from(task: &'t Task) -> Self {
        Self { work_item: task.work_item.as_str(), repository: task.repository.as_str(), branch: &task.branch }
    }
}

/// What a task waits for; its help is what can be done about it.
#[must_use]
pub fn wait<'t>(wait: &Wait, task: impl Into<Subject<'t>>, language: Language) -> Sentence {
    let task = task.into();
    let (id, repository) = (task.work_item, task.repository);
    let say = |message: &str, more: &[(&'static str, FluentValue<'_>)]| {
        let mut args = FluentArgs::new();
        args.set("id", id);
        args.set("repository", repository);
        for (name, value) in more {
            args.set(*name, value.clone());
        }
        sentence(language, message, &args)
    };
    match wait {
        Wait::Backlog => say("wait-backlog", &[]),
        Wait::Unlisted { author } => say("wait-unlisted", &[("author", author.to_string().into())]),
        Wait::Entry { place, behind } => placed(&say, "wait-entry", *place, behind.as_ref(), None),
        Wait::Frozen { reason: why } => say("wait-frozen", &[("reason", why.as_str().into())]),
        Wait::Dependency { on } => {
            let names: Vec<&str> = on.iter().map(WorkItemId::as_str).collect();
            say("wait-dependency", &[("on", list(language, &names).into()), ("count", on.len().into())])
        }
        Wait::Agent { attempt } => say("wait-agent", &[("attempt", (*attempt).into())]),
        Wait::Collecting { attempt, why } => {
            say("wait-collecting", &[("attempt", (*attempt).into()), ("why", why.as_str().into())])
        }
        Wait::Check { commit } => say("wait-check", &[("commit", short(commit.as_str()).into())]),
        Wait::Slot { key, max } if key == SLOT_RUNS => say("wait-slot-runs", &[("max", (*max).into())]),
        Wait::Slot { key, max } => say("wait-slot", &[("what", key.as_str().into()), ("max", (*max).into())]),
        Wait::Budget { key } => say("wait-budget", &[("scope", scope(key).into())]),
        Wait::Outage { source: Source::Repository { name }, reason: why, passes, .. } => {
            let id = if *passes { "wait-repository-not-yet" } else { "wait-repository" };
            say(id, &[("name", name.as_str().into()), ("reason", why.as_str().into())])
        }
        Wait::Outage { source, reason: why, until, named, probed_by, .. } => {
            let mut args = vec![("source", what_is_out(source, language).into()), ("reason", why.as_str().into())];
            args.push(("lift", lift(source).into()));
            if let Some(other) = probed_by {
                args.push(("other", other.as_str().into()));
                return say("wait-outage-probed", &args);
            }
            if let Some(until) = until {
                args.push(("until", rfc3339(*until).into()));
            }
            let message = match (named, until) {
                (false, None) => "wait-outage",
                (false, Some(_)) => "wait-outage-until",
                (true, None) => "wait-outage-named",
                (true, Some(_)) => "wait-outage-named-until",
            };
            say(message, &args)
        }
        Wait::Human { asked: kind } => asked(*kind, task.work_item, language),
        Wait::Lane { place, behind, doing } => {
            let doing = word(WordList::Place, doing, language);
            placed(&say, "wait-lane", *place, behind.as_ref(), Some(&doing))
        }
        Wait::Paused { scope: PauseScope::Task } => say("wait-paused", &[]),
        Wait::Paused { scope: PauseScope::Repository } => say("wait-paused-repository", &[]),
        Wait::Branch => say("wait-branch", &[("branch", task.branch.into())]),
        Wait::Hands { by } => say("wait-hands", &[("by", by.to_string().into()), ("branch", task.branch.into())]),
        Wait::Held { reason: why } => {
            let why = reason(why, task, language);
            let held = say("wait-held", &[("reason", why.text.into())]);
            Sentence { help: why.help.or(held.help), ..held }
        }
        Wait::Deploying { target, state, why } => {
            let why = why.lines().next().unwrap_or_default();
            let state = crate::deployment_state(state, language);
            let args = [("target", target.as_str().into()), ("state", state.into()), ("why", why.into())];
            say(if why.is_empty() { "wait-deploying" } else { "wait-deploying-why" }, &args)
        }
        Wait::Stopping => say("wait-stopping", &[]),
        Wait::StopAfterStep { step } => say("wait-stop-after-step", &[("step", step.as_str().into())]),
    }
}

/// That this release does not know all of a task, which it leaves alone therefore.
#[must_use]
pub fn unknown<'t>(unknown: &[Unknown], task: impl Into<Subject<'t>>, language: Language) -> Sentence {
    let mut args = FluentArgs::new();
    args.set("id", task.into().work_item);
    args.set("parts", words(unknown));
    sentence(language, "wait-unknown", &args)
}

type Say<'s> = dyn Fn(&str, &[(&'static str, FluentValue<'_>)]) -> Sentence + 's;

/// A place in a line, alone or behind another task.
fn placed(say: &Say<'_>, message: &str, place: u32, behind: Option<&WorkItemId>, doing: Option<&str>) -> Sentence {
    let mut args: Vec<(&'static str, FluentValue<'_>)> = vec![("place", place.into())];
    args.extend(doing.map(|doing| ("doing", doing.into())));
    match behind {
        None => say(message, &args),
        Some(behind) => {
            args.push(("behind", behind.as_str().into()));
            say(&format!("{message}-behind"), &args)
        }
    }
}

fn scope(key: &str) -> &'static str {
    match Scope::of(key) {
        Some(Scope::Task) => "task",
        Some(Scope::RepositoryDay) => "repository_day",
        Some(Scope::Day) => "day",
        None => "other",
    }
}

/// The beginning of a commit's name, as people quote it.
fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}
