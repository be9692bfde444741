//! Reading a TOML file that a person wrote, so that all its problems are reported at once.
//!
//! A [`Table`] is asked for each key it may have; a key nobody asked for is unknown. Every complaint carries its line.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::Problem;

/// The problems of one file while it is being read.
#[derive(Debug)]
pub struct Problems<'t> {
    text: &'t str,
    file: String,
    found: Vec<Problem>,
    /// Lines that are no TOML; what was recovered from them is not worth a second complaint.
    broken: Vec<usize>,
}

impl<'t> Problems<'t> {
    /// For the file `file` with this content.
    pub fn new(text: &'t str, file: &str) -> Self {
        Self { text, file: file.to_owned(), found: Vec::new(), broken: Vec::new() }
    }

    /// Line of a byte offset, from 1.
    pub fn line_of(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
    }

    /// Adds a problem at a byte range of the text; `None` if it has no place.
    pub fn report(&mut self, rule: &str, at: Option<Range<usize>>, path: &str, what: String, fix: String) {
        let line = at.map(|range| self.line_of(range.start));
        self.report_line(rule, line, path, what, fix);
    }

    /// Adds a problem at a line.
    pub fn report_line(&mut self, rule: &str, line: Option<usize>, path: &str, what: String, fix: String) {
        if line.is_some_and(|line| self.broken.contains(&line)) {
            return;
        }
        let problem =
            Problem { rule: rule.to_owned(), file: self.file.clone(), line, path: path.to_owned(), what, fix };
        if !self.found.contains(&problem) {
            self.found.push(problem);
        }
    }

    /// Whether the text was no TOML; then what seems to be missing may only have been lost.
    pub fn is_broken(&self) -> bool {
        !self.broken.is_empty()
    }

    /// How many there are so far.
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// All, in the order of their lines.
    pub fn into_sorted(mut self) -> Vec<Problem> {
        let place = |problem: &Problem| (problem.line.unwrap_or(usize::MAX), problem.path.clone());
        self.found.sort_by_cached_key(place);
        self.found
    }
}

/// Parses the text; what is no TOML is reported, the rest is recovered.
pub fn document<'t>(problems: &mut Problems<'t>) -> Table<'t> {
    let (root, errors) = DeTable::parse_recoverable(problems.text);
    for error in errors {
        let line = error.span().map(|span| problems.line_of(span.start));
        problems.report_line(
            "toml_syntax",
            line,
            "",
            format!("not valid TOML: {}", error.message()),
            "correct the line, see https://toml.io".to_owned(),
        );
        // Only now: several errors of one line are all told, in the order they were found.
        problems.broken.extend(line);
        if line.is_none() {
            problems.broken.push(usize::MAX);
        }
    }
    let span = root.span();
    Table { entries: root.into_inner(), path: String::new(), span, known: Vec::new() }
}

/// A table whose keys are being asked for.
#[derive(Debug)]
pub struct Table<'t> {
    entries: DeTable<'t>,
    path: String,
    span: Range<usize>,
    known: Vec<&'static str>,
}

impl<'t> Table<'t> {
    /// Byte range of the table's header.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Path of this table in the file; empty for the whole file.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Path of a key of this table.
    pub fn key_path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Byte range of a value, if the key is there.
    pub fn span_of(&self, key: &str) -> Option<Range<usize>> {
        self.entries.get(key).map(Spanned::span)
    }

    /// Whether the key is there, whatever its value.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The spellings of all keys that are there.
    pub fn keys(&self) -> Vec<String> {
        self.entries.keys().map(|key| key.get_ref().to_string()).collect()
    }

    fn take(&mut self, key: &'static str) -> Option<(Spanned<DeValue<'t>>, String)> {
        self.known.push(key);
        let path = self.key_path(key);
        self.entries.remove(key).map(|value| (value, path))
    }

    fn wrong(problems: &mut Problems<'_>, value: &Spanned<DeValue<'_>>, path: &str, wanted: &str, example: &str) {
        problems.report(
            "wrong_type",
            Some(value.span()),
            path,
            format!("expected {wanted}, found {}", described(value.get_ref())),
            format!("write {example}"),
        );
    }

    /// A text.
    pub fn text(&mut self, problems: &mut Problems<'_>, key: &'static str) -> Option<Spanned<String>> {
        let (value, path) = self.take(key)?;
        let span = value.span();
        match value.get_ref() {
            DeValue::String(text) => Some(Spanned::new(span, text.to_string())),
            _ => {
                Self::wrong(problems, &value, &path, "a text", "it in quotes: \"…\"");
                None
            }
        }
    }

    /// A truth value.
    pub fn truth(&mut self, problems: &mut Problems<'_>, key: &'static str) -> Option<Spanned<bool>> {
        let (value, path) = self.take(key)?;
        match value.get_ref() {
            DeValue::Boolean(truth) => Some(Spanned::new(value.span(), *truth)),
            _ => {
                Self::wrong(problems, &value, &path, "true or false", "true or false, without quotes");
                None
            }
        }
    }

    /// A whole number within `range`.
    pub fn number(
        &mut self,
        problems: &mut Problems<'_>,
        key: &'static str,
        range: std::ops::RangeInclusive<u32>,
    ) -> Option<Spanned<u32>> {
        let (value, path) = self.take(key)?;
        let DeValue::Integer(integer) = value.get_ref() else {
            Self::wrong(
                problems,
                &value,
                &path,
                "a whole number",
                &format!("a number from {} to {}", range.start(), range.end()),
            );
            return None;
        };
        let digits = integer.as_str().replace('_', "");
        match i128::from_str_radix(&digits, integer.radix()).ok().and_then(|n| u32::try_from(n).ok()) {
            Some(number) if range.contains(&number) => Some(Spanned::new(value.span(), number)),
            _ => {
                problems.report(
                    "out_of_range",
                    Some(value.span()),
                    &path,
                    format!("{integer} is out of range"),
                    format!("write a number from {} to {}", range.start(), range.end()),
                );
                None
            }
        }
    }

    /// A list of texts; items of another type are reported one by one.
    pub fn texts(&mut self, problems: &mut Problems<'_>, key: &'static str) -> Option<Vec<Spanned<String>>> {
        let (value, path) = self.take(key)?;
        let DeValue::Array(items) = value.get_ref() else {
            Self::wrong(problems, &value, &path, "a list of texts", "texts in brackets: [\"…\"]");
            return None;
        };
        let mut texts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match item.get_ref() {
                DeValue::String(text) => texts.push(Spanned::new(item.span(), text.to_string())),
                _ => Self::wrong(problems, item, &format!("{path}[{index}]"), "a text", "it in quotes: \"…\""),
            }
        }
        Some(texts)
    }

    /// A table; an absent one reads as empty.
    pub fn table(&mut self, problems: &mut Problems<'_>, key: &'static str) -> Table<'t> {
        let empty =
            Table { entries: DeTable::new(), path: self.key_path(key), span: self.span.clone(), known: Vec::new() };
        let Some((value, path)) = self.take(key) else { return empty };
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(entries) => Table { entries, path, span, known: Vec::new() },
            other => {
                let value = Spanned::new(span, other);
                Self::wrong(problems, &value, &path, "a table", "{ … }, or a section of that name");
                empty
            }
        }
    }

    /// A table whose keys are names chosen by the person; each value must be a table.
    pub fn named_tables(&mut self, problems: &mut Problems<'_>, key: &'static str) -> BTreeMap<String, Table<'t>> {
        let Table { entries, path, .. } = self.table(problems, key);
        let mut tables = BTreeMap::new();
        for (name, value) in entries {
            let name = name.into_inner().into_owned();
            let path = format!("{path}.{name}");
            let span = value.span();
            match value.into_inner() {
                DeValue::Table(entries) => {
                    tables.insert(name, Table { entries, path, span, known: Vec::new() });
                }
                other => {
                    let value = Spanned::new(span, other);
                    Self::wrong(problems, &value, &path, "a table", "{ … }");
                }
            }
        }
        tables
    }

    /// A list of tables (`[[key]]`); items of another type are reported.
    pub fn tables(&mut self, problems: &mut Problems<'_>, key: &'static str) -> Vec<Table<'t>> {
        let Some((value, path)) = self.take(key) else { return Vec::new() };
        let span = value.span();
        let items = match value.into_inner() {
            DeValue::Array(items) => items,
            other => {
                let value = Spanned::new(span, other);
                Self::wrong(problems, &value, &path, &format!("a list of tables ([[{key}]])"), "[{ … }]");
                return Vec::new();
            }
        };
        let mut tables = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            let span = item.span();
            match item.into_inner() {
                DeValue::Table(entries) => tables.push(Table { entries, path, span, known: Vec::new() }),
                other => Self::wrong(problems, &Spanned::new(span, other), &path, "a table", "{ … }"),
            }
        }
        tables
    }

    /// Reports every key nobody asked for.
    pub fn finish(self, problems: &mut Problems<'_>) {
        for key in self.entries.keys() {
            let spelled = key.get_ref();
            let mut known = self.known.clone();
            known.sort_unstable();
            let fix = match nearest(spelled, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("remove it; known keys here: {}", known.join(", ")),
            };
            let path = self.key_path(spelled);
            problems.report("unknown_key", Some(key.span()), &path, format!("unknown key `{spelled}`"), fix);
        }
    }
}

/// A text of the file in quotes, cut to what fits a message; control characters are escaped.
pub fn quoted(text: &str) -> String {
    const SHOWN: usize = 40;
    let head: String = text.chars().take(SHOWN).collect();
    if head.len() < text.len() { format!("{head:?}…") } else { format!("{head:?}") }
}

fn described(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => {
            format!("the text {}", quoted(text))
        }
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {}", number.as_str()),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(moment) => format!("the date {moment}"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// The candidate that is spelled most like `word`, if one is near enough to be meant.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = word.to_lowercase().replace('_', "-");
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase().replace('_', "-")), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() * 2 / 5).max(1))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's edit distance. Words longer than any key of ours are not compared: a file is untrusted text.
fn distance(left: &str, right: &str) -> usize {
    const LONGEST: usize = 64;
    let left: Vec<char> = left.chars().take(LONGEST + 1).collect();
    let right: Vec<char> = right.chars().take(LONGEST + 1).collect();
    if left.len() > LONGEST || right.len() > LONGEST {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
