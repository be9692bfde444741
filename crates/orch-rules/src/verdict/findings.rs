//! The findings of a review: what stands under its `## Findings`, item by item, with a grade and an identity.
//!
//! An item is a list item, a table row, a heading or a paragraph that begins with its grade (`P0` to `P9`) or with a
//! name of its own (`P1-3`, `F-12`), or that has its grade in brackets or in bold type. Items under a heading that is
//! only a grade have that grade. A box that is ticked, text that is struck out, or one of [`CLOSED`] after the name
//! closes a finding. `P0: none` is no finding.

use serde::{Deserialize, Serialize};

use super::must_fix::{FINDINGS, Line, is_item, item_indent, scan, section};

/// The least grave grade that blocks: P0 and P1 do, P2 and on do not.
pub const BLOCKING: u8 = 1;

/// Words that close a finding, in brackets after its name or before a colon, a dash or the end of the line.
pub const CLOSED: [&str; 5] = ["RESOLVED", "FIXED", "CLOSED", "DONE", "WITHDRAWN"];

/// Most findings that are kept of one review; blocking ones go first.
pub const MOST: usize = 100;

/// Longest title that is kept, in characters.
const LONGEST: usize = 240;

/// A title of nothing but these words names no finding.
const NONE: [&str; 33] = [
    "0",
    "no",
    "none",
    "nothing",
    "n",
    "a",
    "not",
    "applicable",
    "found",
    "finding",
    "findings",
    "issue",
    "issues",
    "problem",
    "problems",
    "blocking",
    "blockers",
    "blocker",
    "open",
    "remaining",
    "remain",
    "left",
    "to",
    "report",
    "or",
    "and",
    "that",
    "block",
    "p0",
    "p1",
    "нет",
    "не",
    "замечаний",
];

/// Words that may stand before a grade.
const LABELS: [&str; 6] = ["SEVERITY", "PRIORITY", "GRADE", "LEVEL", "FINDING", "BLOCKING"];

/// One finding as a review tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its own name, in upper case: `P1-3`, `F-12`.
    pub id: Option<String>,
    /// 0 is the gravest; `None` if the review does not say.
    pub grade: Option<u8>,
    /// The review itself says that it is no longer open.
    pub closed: bool,
    /// The first file it names, without line numbers.
    pub file: Option<String>,
    /// Its first line as written, without marks; cut.
    pub title: String,
}

impl Finding {
    /// Open and grave enough to keep the change from passing.
    pub fn blocks(&self) -> bool {
        !self.closed && self.grade.is_some_and(|grade| grade <= BLOCKING)
    }

    /// What it is known by where it has no name: its file and the words of its title, without digits and signs.
    pub fn fingerprint(&self) -> String {
        let file = self.file.as_deref().unwrap_or_default();
        let title = self.title.to_lowercase();
        let title = if file.is_empty() { title } else { title.replace(&file.to_lowercase(), " ") };
        let words: Vec<&str> = title
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty() && !word.chars().all(|c| c.is_ascii_digit()))
            .collect();
        format!("{file}|{}", words.join(" "))
    }

    /// The same finding in another round: the same name, as long as they do not name different files; where one of them
    /// has no name, the same fingerprint.
    pub fn is_same(&self, other: &Self) -> bool {
        let files_differ = matches!((&self.file, &other.file), (Some(one), Some(two)) if one != two);
        match (&self.id, &other.id) {
            (Some(one), Some(two)) => one == two && !files_differ,
            _ => self.fingerprint() == other.fingerprint(),
        }
    }

    /// For people: `P1-3 the sum overflows`, `P0 no test`.
    pub fn sentence(&self) -> String {
        let name = self.id.clone().or_else(|| self.grade.map(|grade| format!("P{grade}")));
        [name.as_deref().unwrap_or_default(), &self.title].join(" ").trim().to_owned()
    }
}

/// The findings of a document's body; `None` if it has no section of that name.
pub fn extract(body: &str) -> Option<Vec<Finding>> {
    let lines = scan(body);
    let mut found = read(&lines[section(&lines, &[FINDINGS])?]);
    found.sort_by_key(|finding| !finding.blocks());
    found.truncate(MOST);
    Some(found)
}

fn read(section: &[Line<'_>]) -> Vec<Finding> {
    let base = item_indent(section);
    let mut found = Vec::new();
    // The heading above, if it is nothing but a grade; and what it says itself, until an item below says more.
    let mut above: Option<u8> = None;
    let mut waiting: Option<Finding> = None;
    let mut in_item = false;
    for line in section.iter().filter(|line| line.fence.is_none()) {
        let text = line.heading.map_or(line.text, |(_, title)| title);
        let item = is_item(line.text, base);
        if line.heading.is_some() {
            found.extend(waiting.take().filter(names_something));
            let own = item_of(text);
            in_item = own.as_ref().is_some_and(|own| own.id.is_some());
            above = own.as_ref().filter(|_| !in_item).and_then(|own| own.grade);
            match own {
                Some(own) if in_item => found.push(own),
                own => waiting = own,
            }
        } else if text.trim().is_empty() {
        } else if let Some(own) = item_of(text).filter(|_| item || !in_item || is_item(line.text, usize::MAX)) {
            waiting = None;
            in_item = item;
            found.push(own);
        } else if let (true, Some(grade)) = (item, above) {
            waiting = None;
            in_item = true;
            found.push(finding(None, Some(grade), false, text));
        } else if item {
            // Ungraded: a grade may stand on a line of its own below.
            in_item = true;
            waiting = Some(finding(None, None, false, text));
        } else if let Some(grade) = labelled(text).filter(|_| waiting.as_ref().is_some_and(|w| w.grade.is_none())) {
            found.extend(waiting.take().map(|finding| Finding { grade: Some(grade), ..finding }));
        } else if let Some(heading) = waiting.as_mut().filter(|waiting| waiting.title.is_empty()) {
            *heading = finding(None, heading.grade, heading.closed, text);
        }
    }
    found.extend(waiting);
    found.retain(names_something);
    found
}

fn names_something(finding: &Finding) -> bool {
    let title = finding.title.to_lowercase();
    let mut words = title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    (finding.grade.is_some() || finding.id.is_some())
        && (finding.id.is_some() && finding.title.is_empty() || !words.all(|word| NONE.contains(&word)))
}

fn finding(id: Option<String>, grade: Option<u8>, closed: bool, title: &str) -> Finding {
    let title = plain(title);
    let file = title.split_whitespace().find_map(path);
    Finding { id, grade, closed, file, title: title.chars().take(LONGEST).collect() }
}

/// Text without the marks of Markdown around it.
fn plain(text: &str) -> String {
    let text = text.trim_start_matches(|c: char| c == '|' || "-*+#".contains(c) || c.is_whitespace());
    let text: String = text.replace("~~", "").chars().filter(|c| !matches!(c, '*' | '`')).collect();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.trim_matches(|c: char| c.is_whitespace() || ":—–-|,;)]".contains(c)).to_owned()
}

/// What a line says as an item: its name, its grade, whether it is closed, its title. `None` if it has neither name nor
/// grade.
fn item_of(text: &str) -> Option<Finding> {
    let trimmed = text.trim();
    if trimmed.starts_with('|') {
        return row(trimmed);
    }
    let numbered = trimmed.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_numbered = numbered.len() < trimmed.len() && (numbered.starts_with(". ") || numbered.starts_with(") "));
    let rest = if is_numbered { &numbered[2..] } else { trimmed };
    let rest = ["- ", "* ", "+ "].iter().find_map(|mark| rest.strip_prefix(mark)).unwrap_or(rest).trim_start();
    let lower = rest.get(..3).unwrap_or_default().to_lowercase();
    let ticked = lower == "[x]";
    let rest = if ticked || lower == "[ ]" { &rest[3..] } else { rest };
    let struck = rest.trim_start().starts_with("~~");
    let lead = lead(rest);
    let grade = lead.grade.or_else(|| lead.id.is_none().then(|| marked(rest)).flatten());
    if lead.id.is_none() && grade.is_none() {
        return None;
    }
    Some(finding(lead.id, grade, ticked || struck || lead.closed, lead.rest))
}

/// What stands before an item's title.
struct Lead<'t> {
    id: Option<String>,
    grade: Option<u8>,
    closed: bool,
    rest: &'t str,
}

fn lead(text: &str) -> Lead<'_> {
    let mut lead = Lead { id: None, grade: None, closed: false, rest: text };
    for _ in 0..8 {
        let word = lead.rest.trim_start_matches(|c: char| c.is_whitespace() || "*_`~[](){}:,.;/—–-".contains(c));
        let before = lead.rest[..lead.rest.len() - word.len()].chars().next_back();
        let token = &word[..word.find(|c: char| !c.is_alphanumeric()).unwrap_or(word.len())];
        let after = &word[token.len()..];
        if lead.id.is_none()
            && let Some((id, rest)) = name(word)
        {
            lead.grade = lead.grade.or_else(|| grade(token));
            (lead.id, lead.rest) = (Some(id), rest);
        } else if let Some(found) = grade(token) {
            lead.grade = Some(lead.grade.map_or(found, |known| known.min(found)));
            lead.rest = after;
        } else if lead.id.is_none() && lead.grade.is_none() && LABELS.contains(&token.to_uppercase().as_str()) {
            lead.rest = after;
        } else if (lead.id.is_some() || lead.grade.is_some())
            && CLOSED.contains(&token.to_uppercase().as_str())
            && (matches!(before, Some('(' | '[')) || ends_a_status(after))
        {
            lead.closed = true;
            lead.rest = after;
        } else {
            lead.rest = word;
            break;
        }
    }
    lead
}

fn ends_a_status(after: &str) -> bool {
    let after = after.trim_start_matches(['*', '_', '`', '~', ')', ']']);
    let spaced = after.trim_start();
    spaced.is_empty() || spaced.starts_with([':', '—', '–', '.']) || (spaced != after && spaced.starts_with("- "))
}

/// `P1` is 1.
fn grade(token: &str) -> Option<u8> {
    match token.as_bytes() {
        [b'P' | b'p', digit] if digit.is_ascii_digit() => Some(digit - b'0'),
        _ => None,
    }
}

/// A finding's own name at the beginning of a text (`P1-3`, `F-12`), and what follows it.
fn name(text: &str) -> Option<(String, &str)> {
    let dash = text.find('-')?;
    let prefix = &text[..dash];
    let digits = text[dash + 1..].bytes().take_while(u8::is_ascii_digit).count();
    let rest = &text[dash + 1 + digits..];
    let known = grade(prefix).is_some() || prefix.eq_ignore_ascii_case("f");
    let ends = !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    (known && (1..=5).contains(&digits) && ends).then(|| (text[..dash + 1 + digits].to_uppercase(), rest))
}

/// A grade that stands anywhere in brackets or in bold type.
fn marked(text: &str) -> Option<u8> {
    text.match_indices(['P', 'p']).find_map(|(at, _)| {
        let found = grade(text.get(at..at + 2)?)?;
        let opens = text[..at].ends_with(['(', '[', '*', '`']);
        (opens && text[at + 2..].starts_with([')', ']', '*', '`'])).then_some(found)
    })
}

/// `Severity: P1` on a line of its own.
fn labelled(text: &str) -> Option<u8> {
    let word = text.trim().trim_start_matches(|c: char| !c.is_alphanumeric());
    let token = &word[..word.find(|c: char| !c.is_alphanumeric()).unwrap_or(word.len())];
    LABELS.contains(&token.to_uppercase().as_str()).then(|| lead(word).grade).flatten()
}

/// A table row: one cell is the grade or the name, the longest of the others the title.
fn row(text: &str) -> Option<Finding> {
    let cells: Vec<String> = text.trim_matches('|').split('|').map(plain).collect();
    let id = cells.iter().find_map(|cell| name(cell).filter(|(_, rest)| rest.is_empty()).map(|(id, _)| id));
    let of_name = id.as_deref().and_then(|id| grade(&id[..2]));
    let level = cells.iter().find_map(|cell| grade(cell)).or(of_name);
    if id.is_none() && level.is_none() {
        return None;
    }
    let closed = cells.iter().any(|cell| CLOSED.contains(&cell.to_uppercase().as_str()));
    let is_mark = |cell: &&String| grade(cell).is_some() || Some(cell.to_uppercase()) == id;
    let others: Vec<&String> = cells.iter().filter(|cell| !is_mark(cell)).collect();
    let title = others.iter().max_by_key(|cell| cell.len()).map_or("", |cell| cell.as_str());
    let file = others.iter().find_map(|cell| cell.split_whitespace().find_map(path));
    let read = finding(id, level, closed, title);
    Some(Finding { file: file.or(read.file.clone()), ..read })
}

/// The file a word names, without line numbers: `src/cart.rs` of `(src/cart.rs:12-14)`.
fn path(word: &str) -> Option<String> {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '/' | '_' | '.'));
    let word = word.split([':', '#']).next().unwrap_or_default().trim_end_matches(['.', '/']);
    let (folder, name) = word.rsplit_once('/').unwrap_or(("", word));
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let named = (1..=5).contains(&extension.len()) && extension.chars().all(|c| c.is_ascii_alphabetic());
    let is_path = named && stem.len() > 1 && !word.contains("//") || !folder.is_empty() && named;
    is_path.then(|| word.to_owned())
}
