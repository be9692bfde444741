//! Reasons as an open form: a code, and what it is about. Rules give them; sentences are made of them elsewhere, in the
//! language of whoever reads.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::Timestamp;

mod causes;
mod codes;
mod history;

pub use causes::*;
pub use history::*;

/// Why something is so. In a row it is one string, as a sentence was before there were codes: an older release shows it,
/// and a sentence that an older release wrote is a quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Reason {
    form: Form,
}

/// One argument of a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arg {
    /// A spelling of ours, which a text may choose its words by: a role, a gate.
    Text(String),
    /// A count.
    Number(i64),
    /// A moment.
    Time(Timestamp),
    /// What something is called: a work item, a commit, a path.
    Id(String),
    /// Words of somebody else, verbatim: a person, a program, a document.
    Quote(String),
    /// What stands behind it.
    Reasons(#[serde(with = "forms")] Vec<Reason>),
    /// Of a form that this release does not know.
    #[serde(untagged)]
    Other(Value),
}

/// Which form an argument has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgKind {
    /// See [`Arg::Text`].
    Text,
    /// See [`Arg::Number`].
    Number,
    /// See [`Arg::Time`].
    Time,
    /// See [`Arg::Id`].
    Id,
    /// See [`Arg::Quote`].
    Quote,
    /// See [`Arg::Reasons`].
    Reasons,
}

/// A code that this release gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Its spelling.
    pub name: &'static str,
    /// Its arguments, in the order they are given.
    pub args: &'static [(&'static str, ArgKind)],
}

/// All codes of this release.
pub fn codes() -> impl Iterator<Item = &'static Code> {
    [causes::CAUSES, history::HISTORY].into_iter().flatten()
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Form {
    code: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    args: BTreeMap<String, Arg>,
}

/// How every written form begins, and no sentence.
const BEGINS: &str = "{\"code\":";

impl Reason {
    fn of(code: &str) -> Self {
        Self { form: Form { code: code.to_owned(), args: BTreeMap::new() } }
    }

    fn with(mut self, name: &str, arg: Arg) -> Self {
        self.form.args.insert(name.to_owned(), arg);
        self
    }

    /// Which.
    pub fn code(&self) -> &str {
        &self.form.code
    }

    /// The words of one that is nothing but a quote.
    pub fn words(&self) -> Option<&str> {
        match self.form.args.get("words") {
            Some(Arg::Quote(words)) if self.code() == "quoted" && self.form.args.len() == 1 => Some(words),
            _ => None,
        }
    }

    /// What it is about, by name.
    pub fn args(&self) -> impl Iterator<Item = (&str, &Arg)> {
        self.form.args.iter().map(|(name, arg)| (name.as_str(), arg))
    }
}

impl From<String> for Reason {
    fn from(stored: String) -> Self {
        let form = stored.starts_with(BEGINS).then(|| serde_json::from_str(&stored).ok()).flatten();
        form.map_or_else(|| quoted(stored), |form| Self { form })
    }
}

impl From<&str> for Reason {
    fn from(stored: &str) -> Self {
        Self::from(stored.to_owned())
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        match reason.words() {
            Some(words) if !words.starts_with(BEGINS) => words.to_owned(),
            _ => serde_json::to_string(&reason.form).unwrap_or_default(),
        }
    }
}

/// For logs and traces: `gate_red (gate: check_write_scope, why: …)`; a quote is its words.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(words) = self.words() {
            return f.write_str(words);
        }
        f.write_str(self.code())?;
        let args: Vec<String> = self.args().map(|(name, arg)| format!("{name}: {arg}")).collect();
        if args.is_empty() { Ok(()) } else { write!(f, " ({})", args.join(", ")) }
    }
}

impl fmt::Display for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Id(text) | Self::Quote(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            Self::Time(time) => time.0.fmt(f),
            Self::Reasons(reasons) => {
                f.write_str(&reasons.iter().map(Reason::to_string).collect::<Vec<_>>().join("; "))
            }
            Self::Other(value) => value.fmt(f),
        }
    }
}

/// Reasons within a reason are written as what they are, not as strings in a string.
mod forms {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Form, Reason};

    pub fn serialize<S: Serializer>(reasons: &[Reason], serializer: S) -> Result<S::Ok, S::Error> {
        reasons.iter().map(|reason| &reason.form).collect::<Vec<_>>().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Reason>, D::Error> {
        Ok(Vec::<Form>::deserialize(deserializer)?.into_iter().map(|form| Reason { form }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(reason: &Reason) -> String {
        let Ok(Value::String(text)) = serde_json::to_value(reason) else { panic!("one string") };
        text
    }

    #[test]
    fn a_reason_is_one_string_and_is_read_back() {
        let inner = gate_red("check_write_scope", "src/a.rs: not for the \"judge\" to change");
        for reason in
            [inner.clone(), quarantined(3_u32), after_retries(vec![inner], 3_u32), quoted("as it was"), push_unseen()]
        {
            assert_eq!(Reason::from(written(&reason)), reason);
        }
        assert_eq!(written(&quarantined(3_u32)), r#"{"code":"quarantined","args":{"attempt":{"number":3}}}"#);
        assert_eq!(written(&push_unseen()), r#"{"code":"push_unseen"}"#);
    }

    #[test]
    fn a_sentence_of_an_older_release_is_a_quote_and_stays_what_it_is() {
        for old in ["stuck: attempt 3 left processes", "", "{", "{\"code\":", "{\"code\":7}", "{\"reason\":\"x\"}"] {
            let read = Reason::from(old);
            assert_eq!((read.code(), read.to_string().as_str()), ("quoted", old));
            assert_eq!(Reason::from(written(&read)), read);
        }
        // Words that look like a reason are words.
        let words = quoted(written(&push_unseen()));
        assert_eq!(Reason::from(written(&words)), words);
        assert_eq!(words.to_string(), written(&push_unseen()));
    }

    #[test]
    fn what_a_newer_release_wrote_is_kept_and_shown() {
        let newer = r#"{"code":"deploy_unhealthy","args":{"money":{"micros":[1,2]},"target":{"id":"shop"}}}"#;
        let read = Reason::from(newer);
        assert_eq!(read.to_string(), r#"deploy_unhealthy (money: {"micros":[1,2]}, target: shop)"#);
        assert_eq!(written(&read), newer);
    }
}
