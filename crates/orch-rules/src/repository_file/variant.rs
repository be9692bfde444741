//! Variants of the line: other pipeline files for some issues, chosen when an issue becomes a task.

use serde::{Deserialize, Serialize};

use super::{empty_fault, path_fault};
use crate::toml_file::{self, Problems, Table, nearest};

/// Longest name of a variant, in bytes.
const NAME_LONGEST: usize = 32;

/// The word for the line that is no variant, for those who want it although a variant would match.
pub const PLAIN: &str = "default";

/// One `[[variant]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// As people name it: a-z, 0-9 and `-`.
    pub name: String,
    /// Path of its pipeline file in the repository.
    pub pipeline: String,
    /// Issues that take it by themselves; none: only those for which it is asked by name.
    pub when: Vec<When>,
}

/// What an issue has to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by", content = "text")]
pub enum When {
    /// This label; letter case is ignored.
    Label(String),
    /// A title that begins so; letter case is ignored.
    Title(String),
}

impl When {
    fn read(text: &str) -> Option<Self> {
        let (by, rest) = text.split_once(':')?;
        let rest = rest.trim();
        match (by.trim(), rest.is_empty()) {
            ("label", false) => Some(Self::Label(rest.to_owned())),
            ("title", false) => Some(Self::Title(rest.to_owned())),
            _ => None,
        }
    }

    fn holds(&self, title: &str, labels: &[String]) -> bool {
        match self {
            Self::Label(wanted) => labels.iter().any(|label| label.trim().to_lowercase() == wanted.to_lowercase()),
            Self::Title(wanted) => title.trim_start().to_lowercase().starts_with(&wanted.to_lowercase()),
        }
    }
}

/// The variant an issue takes: the one that is asked for, else the first of the file that matches; `None` is the line of
/// `[line] pipeline`.
///
/// # Errors
/// In words for people, if the one that is asked for is unknown.
pub fn choose<'v>(
    variants: &'v [Variant],
    asked: Option<&str>,
    title: &str,
    labels: &[String],
) -> Result<Option<&'v Variant>, String> {
    let Some(asked) = asked else {
        return Ok(variants.iter().find(|variant| variant.when.iter().any(|when| when.holds(title, labels))));
    };
    if asked == PLAIN {
        return Ok(None);
    }
    named(variants, asked).map(Some)
}

/// The variant of this name.
///
/// # Errors
/// In words for people, if there is none.
pub fn named<'v>(variants: &'v [Variant], asked: &str) -> Result<&'v Variant, String> {
    let names: Vec<&str> = variants.iter().map(|variant| variant.name.as_str()).collect();
    variants.iter().find(|variant| variant.name == asked).ok_or_else(|| {
        let known = match (nearest(asked, names.iter().copied()), names.is_empty()) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, false) => format!("known are {} and {PLAIN}", names.join(", ")),
            (None, true) => "there is no [[variant]]".to_owned(),
        };
        format!("no pipeline is called `{asked}` in .orch/orch.toml; {known}")
    })
}

/// Reads all `[[variant]]` tables.
pub(super) fn read(problems: &mut Problems<'_>, root: &mut Table<'_>) -> Vec<Variant> {
    let mut variants: Vec<Variant> = Vec::new();
    for mut table in root.tables(problems, "variant") {
        for key in ["name", "pipeline"] {
            if !table.has(key) && !problems.is_broken() {
                let (what, fix) = (format!("`{key}` is missing"), format!("add {key} = \"…\""));
                problems.report("missing_key", Some(table.span()), table.path(), what, fix);
            }
        }
        let taken: Vec<String> = variants.iter().map(|variant| variant.name.clone()).collect();
        let name = one(problems, &mut table, "name", |name| name_fault(name, &taken));
        let pipeline = one(problems, &mut table, "pipeline", path_fault);
        let path = table.key_path("when");
        let mut when = Vec::new();
        for spelled in table.texts(problems, "when").unwrap_or_default() {
            match When::read(spelled.get_ref()) {
                Some(read) => when.push(read),
                None => {
                    let what = format!("{} is no condition", toml_file::quoted(spelled.get_ref()));
                    let fix = "write \"label:NAME\" or \"title:BEGINNING\"".to_owned();
                    problems.report("unusable_value", Some(spelled.span()), &path, what, fix);
                }
            }
        }
        table.finish(problems);
        if let (Some(name), Some(pipeline)) = (name, pipeline) {
            variants.push(Variant { name, pipeline, when });
        }
    }
    variants
}

fn one(
    problems: &mut Problems<'_>,
    table: &mut Table<'_>,
    key: &'static str,
    fault: impl Fn(&str) -> super::Fault,
) -> Option<String> {
    let path = table.key_path(key);
    let spelled = table.text(problems, key)?;
    let text = spelled.get_ref().trim();
    let Some((what, fix)) = fault(text) else { return Some(text.to_owned()) };
    let what = format!("{} {what}", toml_file::quoted(text));
    problems.report("unusable_value", Some(spelled.span()), &path, what, fix.to_owned());
    None
}

fn name_fault(name: &str, taken: &[String]) -> super::Fault {
    let spelled = name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
    empty_fault(name)
        .or((!spelled || name.len() > NAME_LONGEST)
            .then_some(("cannot be a variant's name", "use a-z, 0-9 and `-`, at most 32 characters")))
        .or((name == PLAIN).then_some(("is the line that is no variant", "choose another name")))
        .or(taken.iter().any(|t| t == name).then_some(("is a second variant of that name", "give each its own")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        [[variant]]
        name = "papers"
        pipeline = ".orch/papers.toml"
        when = ["label: Docs", "title:docs:"]
        [[variant]]
        name = "small"
        pipeline = ".orch/small.toml"
    "#;

    fn variants() -> Vec<Variant> {
        super::super::parse(FILE, "f").unwrap().variants
    }

    #[test]
    fn the_one_asked_for_wins_over_the_first_that_matches() {
        let all = variants();
        let labels = |labels: &[&str]| labels.iter().map(|&label| label.to_owned()).collect::<Vec<_>>();
        let chosen = |asked: Option<&str>, title: &str, of: &[&str]| {
            choose(&all, asked, title, &labels(of)).map(|variant| variant.map_or("", |variant| variant.name.as_str()))
        };
        assert_eq!(chosen(None, "Add a cart", &[]), Ok(""));
        assert_eq!(chosen(None, "Docs: add a cart", &[]), Ok("papers"));
        assert_eq!(chosen(None, "Add docs: a cart", &["shop"]), Ok(""), "the beginning counts, and nothing else");
        assert_eq!(chosen(None, "Add a cart", &["shop", " DOCS "]), Ok("papers"));
        assert_eq!(chosen(Some("small"), "docs: x", &["docs"]), Ok("small"));
        assert_eq!(chosen(Some(PLAIN), "docs: x", &["docs"]), Ok(""));
        assert!(chosen(Some("smal"), "x", &[]).unwrap_err().contains("did you mean `small`?"));
        let unknown = chosen(Some("nowhere-near"), "x", &[]).unwrap_err();
        assert!(unknown.contains("known are papers, small and default"), "{unknown}");
        assert!(choose(&[], Some("x"), "t", &[]).unwrap_err().contains("there is no [[variant]]"));
    }

    #[test]
    fn what_cannot_be_used_is_told_with_its_line() {
        let text = "[[variant]]\nname = \"a b\"\npipeline = \"/etc/x\"\nwhen = [\"docs\"]\n[[variant]]\nname = \"x\"\n\
                    [[variant]]\nname = \"y\"\npipeline = \"p\"\n[[variant]]\nname = \"y\"\npipeline = \"p\"\n\
                    [[variant]]\nname = \"default\"\npipeline = \"p\"\nwehn = []\n";
        let problems = super::super::parse(text, "f").unwrap_err();
        let at: Vec<_> = problems.iter().map(|p| (p.rule.as_str(), p.line.unwrap_or(0))).collect();
        let wanted = [
            ("unusable_value", 2),
            ("unusable_value", 3),
            ("unusable_value", 4),
            ("missing_key", 5),
            ("unusable_value", 11),
            ("unusable_value", 14),
            ("unknown_key", 16),
        ];
        assert_eq!(at, wanted, "{problems:#?}");
    }
}
