//! A reason of the rules as a sentence.

use fluent_bundle::{FluentArgs, FluentValue};
use orch_rules::reason::{Arg, Reason};

use crate::catalogue::{find, text};
use crate::language::Language;
use crate::outage::{lift, named_source, what_is_out};
use crate::sentence::Sentence;
use crate::time::rfc3339;
use crate::wait::Subject;
use crate::word::of_argument;

/// A reason in words; its help is what can be done about it. A code that there is no text for, because a newer release
/// gave it, is shown with its arguments.
#[must_use]
pub fn reason<'t>(reason: &Reason, subject: impl Into<Subject<'t>>, language: Language) -> Sentence {
    sentence(reason, subject.into(), language)
}

/// An answer to somebody who asked for something: what it is about, it says itself.
#[must_use]
pub fn answer(given: &Reason, language: Language) -> Sentence {
    reason(given, Subject::default(), language)
}

fn sentence(reason: &Reason, subject: Subject<'_>, language: Language) -> Sentence {
    let named = reason.args().find_map(|(name, arg)| match arg {
        Arg::Id(id) if name == "id" => Some(id.as_str()),
        _ => None,
    });
    let subject = Subject { work_item: named.unwrap_or(subject.work_item), ..subject };
    let mut args = FluentArgs::new();
    args.set("id", subject.work_item);
    args.set("repository", subject.repository);
    args.set("branch", subject.branch);
    // What an older release wrote does not name it.
    args.set("base", text(language, "the-base-branch", &FluentArgs::new()));
    let mut help = None;
    for (name, arg) in reason.args() {
        let value: FluentValue<'_> = match arg {
            Arg::Text(text) => of_argument(name, text, language).into(),
            Arg::Id(text) | Arg::Quote(text) => text.as_str().into(),
            Arg::Number(number) => (*number).into(),
            Arg::Time(time) => rfc3339(*time).into(),
            Arg::Reasons(reasons) => {
                let inner: Vec<Sentence> = reasons.iter().map(|one| sentence(one, subject, language)).collect();
                help = help.or_else(|| inner.iter().find_map(|sentence| sentence.help.clone()));
                inner.into_iter().map(|sentence| sentence.text).collect::<Vec<_>>().join("; ").into()
            }
            Arg::Other(value) => value.to_string().into(),
        };
        args.set(name.to_owned(), value);
    }
    if let Some(source) = named_source(reason) {
        args.set("out", what_is_out(&source, language));
        args.set("lift", lift(&source));
    }
    let message = format!("reason-{}", reason.code().replace('_', "-"));
    let known = find(language, &message, &args).unwrap_or_else(|| {
        let mut args = FluentArgs::new();
        args.set("reason", reason.to_string());
        Sentence { text: text(language, "unknown-reason", &args), help: None }
    });
    // Who knows what happened knows better what helps than who says what followed.
    Sentence { help: help.or(known.help), ..known }
}
