//! What a rollback hands on, verbatim (B5): the blocking findings of a review, or the failing part of a report.
//!
//! Which of both a document is, its content says: a `## Findings` section makes it a review.

use std::collections::BTreeSet;
use std::ops::Range;

/// Most bytes that are handed on.
pub const LIMIT: usize = 8 * 1024;

/// Stands where a text was cut.
pub const CUT_MARKER: &str = "\n[cut here: the document has more]";

/// Words that mark a failing line of a log or a test output; whole words, letter case ignored.
pub const FAILING: [&str; 11] =
    ["FAIL", "FAILED", "FAILURE", "FAILURES", "ERROR", "ERRORS", "PANIC", "PANICKED", "UNHEALTHY", "TIMEOUT", "FATAL"];

/// Titles of the section that sums a report up.
pub const SUMMARY: [&str; 2] = ["summary", "итог"];

/// Title of the section of a review that lists what was found.
pub const FINDINGS: &str = "findings";

/// The must-fix part of a document's body; empty if it has none.
pub fn extract(body: &str) -> String {
    let lines = scan(body);
    let found = match section(&lines, &[FINDINGS]) {
        Some(findings) => blocking(&lines[findings]),
        None => failing(&lines),
    };
    cut(found.trim_matches('\n').trim_end())
}

/// A text cut to [`LIMIT`] bytes, marker included, at a character boundary.
pub fn cut(text: &str) -> String {
    if text.len() <= LIMIT {
        return text.to_owned();
    }
    let mut end = LIMIT - CUT_MARKER.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{CUT_MARKER}", &text[..end])
}

/// One line with what Markdown makes of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'t> {
    pub text: &'t str,
    /// Level and title, outside of code fences.
    pub heading: Option<(usize, &'t str)>,
    /// Part of a code fence, its two fence lines included: the number of the fence.
    pub fence: Option<usize>,
}

pub(super) fn scan(body: &str) -> Vec<Line<'_>> {
    let mut open: Option<&str> = None;
    let mut fences = 0;
    body.lines()
        .map(|text| {
            let trimmed = text.trim_start();
            let marks = trimmed.len() - trimmed.trim_start_matches(['`', '~']).len();
            match open {
                Some(mark) => {
                    let closes =
                        trimmed.starts_with(mark) && trimmed.trim_end().trim_start_matches(['`', '~']).is_empty();
                    let line = Line { text, heading: None, fence: Some(fences) };
                    if closes {
                        open = None;
                    }
                    line
                }
                None if trimmed.starts_with("```") || trimmed.starts_with("~~~") => {
                    fences += 1;
                    open = Some(&trimmed[..marks]);
                    Line { text, heading: None, fence: Some(fences) }
                }
                None => {
                    let level = text.len() - text.trim_start_matches('#').len();
                    let heading = (1..=6).contains(&level).then(|| &text[level..]);
                    let heading = heading.filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t']));
                    let heading = heading.map(|rest| (level, rest.trim().trim_end_matches('#').trim_end()));
                    Line { text, heading, fence: None }
                }
            }
        })
        .collect()
}

/// The lines under the first second-level heading whose title starts with one of these words, up to the next heading
/// of that level or above.
pub(super) fn section(lines: &[Line<'_>], titles: &[&str]) -> Option<Range<usize>> {
    let opens = |(level, title): (usize, &str)| {
        let title = title.to_lowercase();
        let first = title.split(|c: char| !c.is_alphanumeric()).find(|word| !word.is_empty());
        level == 2 && first.is_some_and(|word| titles.contains(&word))
    };
    let start = lines.iter().position(|line| line.heading.is_some_and(opens))? + 1;
    let ends = |line: &Line<'_>| line.heading.is_some_and(|(level, _)| level <= 2);
    let end = lines[start..].iter().position(ends).map_or(lines.len(), |length| start + length);
    Some(start..end)
}

/// How grave a finding is: true blocks (P0, P1), false does not (P2 and on).
fn severity(text: &str) -> Option<bool> {
    text.split(|c: char| !c.is_alphanumeric()).find_map(|word| match word.as_bytes() {
        [b'P' | b'p', digit] if digit.is_ascii_digit() => Some(matches!(digit, b'0' | b'1')),
        _ => None,
    })
}

/// The P0 and P1 items of a findings section: list items, table rows or sub-sections, each with all its lines. If no
/// item is marked, all of the section: a review without marks must not hide what it found.
fn blocking(section: &[Line<'_>]) -> String {
    let mut blocks: Vec<Vec<&Line<'_>>> = Vec::new();
    let base = item_indent(section);
    for line in section {
        let starts = line.fence.is_none() && (line.heading.is_some() || is_item(line.text, base));
        match blocks.last_mut() {
            Some(block) if !starts => block.push(line),
            _ => blocks.push(vec![line]),
        }
    }
    let marked = section.iter().any(|line| line.fence.is_none() && severity(line.text).is_some());
    let mut kept: Vec<&str> = Vec::new();
    let mut under: Option<bool> = None;
    for block in blocks {
        let Some(first) = block.first() else { continue };
        let own = severity(first.text);
        let inside = || block.iter().any(|line| line.fence.is_none() && severity(line.text) == Some(true));
        let blocks_now = if first.heading.is_some() {
            // A heading speaks for the items below it until the next one.
            under = own;
            own == Some(true) || (own.is_none() && inside())
        } else {
            own.unwrap_or_else(|| inside() || under == Some(true))
        };
        if blocks_now || !marked {
            kept.extend(block.iter().map(|line| line.text));
        }
    }
    kept.join("\n")
}

pub(super) fn item_indent(section: &[Line<'_>]) -> usize {
    let items = section.iter().filter(|line| line.fence.is_none() && is_item(line.text, usize::MAX));
    items.map(|line| indent(line.text)).min().unwrap_or(0)
}

fn indent(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// A list item or table row that is indented by at most `deepest` bytes.
pub(super) fn is_item(text: &str, deepest: usize) -> bool {
    let trimmed = text.trim_start();
    let numbered = trimmed.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_numbered = numbered.len() < trimmed.len() && (numbered.starts_with(". ") || numbered.starts_with(") "));
    let is_bullet = ["- ", "* ", "+ ", "|"].iter().any(|mark| trimmed.starts_with(mark));
    (is_numbered || is_bullet) && indent(text) <= deepest
}

/// The failing part of a report or log: code fences that have a failing line, failing lines outside of them, and the
/// summary.
fn failing(lines: &[Line<'_>]) -> String {
    let summary = section(lines, &SUMMARY).unwrap_or(0..0);
    let fences: BTreeSet<usize> =
        lines.iter().filter(|line| is_failing(line.text)).filter_map(|line| line.fence).collect();
    let kept = lines.iter().enumerate().filter(|(at, line)| {
        !summary.contains(at)
            && match line.fence {
                Some(fence) => fences.contains(&fence),
                None => line.heading.is_none() && is_failing(line.text),
            }
    });
    let kept = kept.map(|(_, line)| line.text).collect::<Vec<_>>().join("\n");
    let sum = lines[summary].iter().map(|line| line.text).collect::<Vec<_>>().join("\n");
    let parts = [kept.as_str(), sum.trim_matches('\n')];
    parts.into_iter().filter(|part| !part.trim().is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// A line of a log that tells of a failure. `0 failed` and `failures: 0` tell of none.
fn is_failing(text: &str) -> bool {
    let upper = text.to_uppercase();
    let words: Vec<&str> = upper.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.iter().enumerate().any(|(at, word)| {
        let before = at.checked_sub(1).and_then(|before| words.get(before));
        let none = before.is_some_and(|count| matches!(*count, "0" | "NO")) || words.get(at + 1) == Some(&"0");
        FAILING.contains(word) && !none
    })
}
