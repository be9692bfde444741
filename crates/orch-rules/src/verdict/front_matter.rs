//! YAML front matter: the block between two `---` lines at the top of a document.
//!
//! The text was written by an agent, so it is read within limits: its size, nesting and aliases are bounded, a key
//! given twice is an error, and only scalars are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The reason when a document has none.
pub const NO_FRONT_MATTER: &str = "the document has no front matter (a block between two `---` lines at its top)";

/// Largest front matter that is read, in bytes.
const LARGEST: usize = 64 * 1024;

/// Most questions that are kept, and the longest, in characters.
const MOST_QUESTIONS: usize = 50;
const LONGEST_QUESTION: usize = 2_000;

/// Lists of sentences, which agents write as they come.
const LISTS: [&str; 2] = ["questions", "found"];

/// A document cut in two.
pub(super) struct Parts<'t> {
    /// What stands between the two `---` lines, or why nothing does.
    pub front: Result<&'t str, String>,
    /// Everything after it, or the whole document if there is no front matter.
    pub body: &'t str,
}

/// What the front matter says.
#[derive(Debug, Default)]
pub(super) struct Front {
    pub fields: BTreeMap<String, String>,
    pub questions: Vec<String>,
    /// What was found on the way.
    pub found: Vec<String>,
}

/// Cuts a document (line ends already `\n`) into front matter and body. Blank lines before the first `---` are
/// skipped.
pub(super) fn split(text: &str) -> Parts<'_> {
    let none = || Parts { front: Err(NO_FRONT_MATTER.to_owned()), body: text };
    let mut rest = text;
    let opened = loop {
        let Some((line, after)) = take_line(rest) else { return none() };
        rest = after;
        match line.trim_end() {
            "" => {}
            "---" => break rest,
            _ => return none(),
        }
    };
    loop {
        let at = opened.len() - rest.len();
        let Some((line, after)) = take_line(rest) else {
            return Parts {
                front: Err("the front matter has no end: its second `---` line is missing".to_owned()),
                body: text,
            };
        };
        rest = after;
        if matches!(line.trim_end(), "---" | "...") {
            return Parts { front: Ok(&opened[..at]), body: rest };
        }
    }
}

fn take_line(text: &str) -> Option<(&str, &str)> {
    if text.is_empty() {
        return None;
    }
    Some(text.split_once('\n').unwrap_or((text, "")))
}

/// Reads the YAML of a front matter.
pub(super) fn read(yaml: &str) -> Result<Front, String> {
    if yaml.len() > LARGEST {
        return Err(format!("the front matter is larger than {} KiB", LARGEST / 1024));
    }
    if yaml.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Front::default());
    }
    // A question that is no YAML is a question all the same: it must reach a person.
    spelled(yaml).or_else(|error| asked_plainly(yaml).and_then(|yaml| spelled(&yaml).ok()).ok_or(error))
}

/// Twice: the first pass tells scalars from the rest, the second takes each scalar as it is spelled, so that a revision
/// such as `5e10` or `007` is not turned into a number.
fn spelled(yaml: &str) -> Result<Front, String> {
    let shape = load(yaml, Shape)?;
    load(yaml, Spelled { shape })
}

/// The front matter with each line under one of [`LISTS`] as text that YAML takes as it stands, whatever sign it begins with;
/// `None` if it has no such list. Nothing else is touched: what a verdict says is never guessed.
fn asked_plainly(yaml: &str) -> Option<String> {
    let mut asks = false;
    let mut found = false;
    let mut lines = Vec::new();
    for line in yaml.lines() {
        let text = line.trim_start();
        let indent = &line[..line.len() - text.len()];
        if indent.is_empty() && !text.starts_with('-') && !text.is_empty() {
            let (key, value) = text.split_once(':').unwrap_or((text, ""));
            asks = LISTS.iter().any(|list| key.trim().eq_ignore_ascii_case(list));
            if asks && !value.trim().is_empty() {
                found = true;
                lines.push(format!("{key}: {}", quoted(value)));
                continue;
            }
        } else if let Some(item) = text.strip_prefix('-').filter(|_| asks) {
            found = true;
            lines.push(format!("{indent}- {}", quoted(item)));
            continue;
        }
        lines.push(line.to_owned());
    }
    found.then(|| lines.join("\n"))
}

/// As YAML's single quotes have it; a text that is quoted as a whole loses its own quotes.
fn quoted(text: &str) -> String {
    let text = text.trim();
    let own = ['"', '\''].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote));
    format!("'{}'", own.unwrap_or(text).replace('\'', "''"))
}

fn load<'t, S: DeserializeSeed<'t>>(yaml: &'t str, seed: S) -> Result<S::Value, String> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 10_000,
            max_aliases: 16,
            max_anchors: 16,
            max_depth: 16,
            flow_nesting_limit: 16,
            max_documents: 1,
            max_nodes: 5_000,
            max_total_scalar_bytes: LARGEST,
            max_merge_keys: 0,
        },
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
        merge_keys: serde_saphyr::MergeKeyPolicy::Error,
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::AsString,
        with_snippet: false,
    };
    serde_saphyr::with_deserializer_from_str_with_options(yaml, options, |deserializer| seed.deserialize(deserializer))
        .map_err(|error| {
            // The last half of that sentence is for programmers.
            let text = error.to_string().replace(", set DuplicateKeyPolicy in Options if acceptable", "");
            format!("the front matter is not valid YAML: {}", text.lines().next().unwrap_or("unreadable"))
        })
}

/// What kind of node a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Scalar,
    Null,
    Nested,
}

/// Reads the keys of the mapping, in lower case, and the kind of each value.
struct Shape;

impl<'de> DeserializeSeed<'de> for Shape {
    type Value = Vec<Node>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Node>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Shape {
    type Value = Vec<Node>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping of field names to values")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Node>, A::Error> {
        let mut keys = BTreeSet::new();
        let mut nodes = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            let key = key.trim().to_lowercase();
            // YAML itself only forbids equal spellings; `Verdict` beside `verdict` is just as ambiguous.
            if keys.contains(&key) {
                return Err(A::Error::custom(format_args!("the field `{key}` is there twice")));
            }
            keys.insert(key);
            nodes.push(map.next_value::<Node>()?);
        }
        Ok(nodes)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Scalar)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }
    fn visit_i128<E>(self, _: i128) -> Result<Node, E> {
        Ok(Node::Scalar)
    }
    fn visit_u128<E>(self, _: u128) -> Result<Node, E> {
        Ok(Node::Scalar)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }
    fn visit_str<E>(self, _: &str) -> Result<Node, E> {
        Ok(Node::Scalar)
    }
    fn visit_bytes<E>(self, _: &[u8]) -> Result<Node, E> {
        Ok(Node::Nested)
    }
    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }
    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Node::Nested)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Node::Nested)
    }
}

/// Takes every scalar as spelled, the questions, and what was found.
struct Spelled {
    shape: Vec<Node>,
}

impl<'de> DeserializeSeed<'de> for Spelled {
    type Value = Front;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Front, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Spelled {
    type Value = Front;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping of field names to values")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Front, A::Error> {
        let mut front = Front::default();
        let mut nodes = self.shape.into_iter();
        while let Some(key) = map.next_key::<String>()? {
            let key = key.trim().to_lowercase();
            let node = nodes.next().unwrap_or(Node::Nested);
            match node {
                Node::Null => {
                    map.next_value::<IgnoredAny>()?;
                }
                Node::Nested if key == "questions" => front.questions = questions(map.next_value()?),
                Node::Nested if key == "found" => front.found = questions(map.next_value()?),
                Node::Nested => {
                    map.next_value::<IgnoredAny>()?;
                }
                Node::Scalar => {
                    let value = map.next_value::<String>()?.trim().to_owned();
                    match key.as_str() {
                        "questions" => front.questions = questions(Flat(vec![value.clone()])),
                        "found" => front.found = questions(Flat(vec![value.clone()])),
                        _ => {}
                    }
                    front.fields.insert(key, value);
                }
            }
        }
        Ok(front)
    }
}

/// Answers that agents write where there is no question.
const NO_QUESTION: [&str; 8] = ["", "none", "no", "false", "n/a", "-", "нет", "0"];

fn questions(found: Flat) -> Vec<String> {
    found
        .0
        .into_iter()
        .map(|question| question.trim().chars().take(LONGEST_QUESTION).collect::<String>())
        .filter(|question| !NO_QUESTION.contains(&question.to_lowercase().as_str()))
        .take(MOST_QUESTIONS)
        .collect()
}

/// A nested value as lines of text: one per list item. A mapping reads as `key: value`, because YAML makes one of
/// every unquoted question that has a colon in it.
struct Flat(Vec<String>);

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FlatVisitor)
    }
}

struct FlatVisitor;

impl<'de> Visitor<'de> for FlatVisitor {
    type Value = Flat;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of questions")
    }
    fn visit_bool<E>(self, value: bool) -> Result<Flat, E> {
        Ok(Flat(vec![value.to_string()]))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Flat, E> {
        Ok(Flat(vec![value.to_string()]))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Flat, E> {
        Ok(Flat(vec![value.to_string()]))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Flat, E> {
        Ok(Flat(vec![value.to_string()]))
    }
    fn visit_str<E>(self, value: &str) -> Result<Flat, E> {
        Ok(Flat(vec![value.to_owned()]))
    }
    fn visit_unit<E>(self) -> Result<Flat, E> {
        Ok(Flat(Vec::new()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Flat, A::Error> {
        let mut lines = Vec::new();
        while let Some(Flat(item)) = seq.next_element()? {
            if !item.is_empty() {
                lines.push(item.join("; "));
            }
        }
        Ok(Flat(lines))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Flat, A::Error> {
        let mut lines = Vec::new();
        while let Some((key, Flat(value))) = map.next_entry::<String, Flat>()? {
            lines.push(if value.is_empty() { key } else { format!("{key}: {}", value.join("; ")) });
        }
        Ok(Flat(lines))
    }
}
