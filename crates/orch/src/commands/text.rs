//! Pieces of human output: what fits on a line, how long ago, how much.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use orch_web::view::{TaskView, UsageView};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::screen::{Screen, Style, printable};

/// Text from the service on one line, safe to print.
pub fn clean(text: &str) -> String {
    printable(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Columns that `text` takes; escape sequences of styles take none.
pub fn width(text: &str) -> usize {
    let mut plain = String::with_capacity(text.len());
    let mut escaped = false;
    for c in text.chars() {
        match (escaped, c) {
            (false, '\u{1b}') => escaped = true,
            (true, 'm') => escaped = false,
            (true, _) => {}
            (false, c) => plain.push(c),
        }
    }
    plain.width()
}

/// `text` cut to `most` columns, with `…` where something is missing.
pub fn fit(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut fitted = String::new();
    let (mut used, mut escaped) = (0, false);
    for c in text.chars() {
        if escaped || c == '\u{1b}' {
            escaped = c != 'm';
            fitted.push(c);
            continue;
        }
        let columns = c.width().unwrap_or(0);
        if used + columns + 1 > most {
            break;
        }
        used += columns;
        fitted.push(c);
    }
    fitted.truncate(fitted.trim_end().len());
    fitted.push('…');
    if fitted.contains('\u{1b}') {
        // The end of a style may have been cut off.
        fitted.push_str("\u{1b}[0m");
    }
    fitted
}

/// `1 task`, `3 tasks`, `2 repositories`.
pub fn counted<N: std::fmt::Display + PartialEq + From<u8>>(count: N, what: &str) -> String {
    match what.strip_suffix('y') {
        _ if count == N::from(1) => format!("{count} {what}"),
        Some(stem) => format!("{count} {stem}ies"),
        None => format!("{count} {what}s"),
    }
}

/// `text` filled up to `columns`.
pub fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// `text` in lines of at most `most` columns, broken between words; a word that is longer stays whole. A command
/// (`orch …` up to the next punctuation) stays on one line if it fits on one, so that it can be copied.
pub fn wrap(text: &str, most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for piece in pieces(text, most) {
        if !line.is_empty() && width(&line) + 1 + width(&piece) > most {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&piece);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Words, and whole commands of at most `most` columns.
fn pieces(text: &str, most: usize) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let ends = |word: &&str| word.ends_with([',', ';', ')', '.']);
        let length = match words[at].trim_start_matches('(') {
            "orch" => words[at..].iter().position(ends).map_or(words.len() - at, |end| end + 1),
            _ => 1,
        };
        let whole = words[at..at + length].join(" ");
        if width(&whole) <= most {
            pieces.push(whole);
        } else {
            pieces.extend(words[at..at + length].iter().map(|&word| word.to_owned()));
        }
        at += length;
    }
    pieces
}

/// A moment of the API; `None` for a spelling that is no moment.
fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// How long it took from one moment of the API to another: `40s`, `12m`, `3h`, `2d`; empty if one is no moment.
pub fn between(from: &str, to: &str) -> String {
    moment(to).map(|to| since(from, to)).unwrap_or_default()
}

/// How long ago a moment of the API is, as [`between`].
pub fn since(from: &str, now: Timestamp) -> String {
    let Some(from) = moment(from) else { return String::new() };
    let seconds = now.as_second().saturating_sub(from.as_second()).max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// How long until a moment of the API, as [`between`]; rounded up, so that it is never over too early.
pub fn until(at: &str, now: Timestamp) -> String {
    let Some(at) = moment(at) else { return String::new() };
    let seconds = at.as_second().saturating_sub(now.as_second()).max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", (seconds + 59) / 60),
        3600..86_400 => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// A moment of the API as `2026-11-20 23:26:22`, as clocks show it where the person is.
pub fn local(at: &str, zone: &TimeZone) -> String {
    match moment(at) {
        Some(at) => at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        None => clean(at),
    }
}

/// One line in which commits are named by their beginnings.
pub fn with_short_commits(text: &str) -> String {
    let is_commit = |word: &str| word.len() == 40 && word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let words = text.split_whitespace().map(|word| if is_commit(word) { short(word) } else { clean(word) });
    words.collect::<Vec<_>>().join(" ")
}

/// The beginning of a commit's name.
pub fn short(commit: &str) -> String {
    clean(commit.get(..10).unwrap_or(commit))
}

/// `950`, `45.2k`, `1.2M`.
fn tokens(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..999_950 => tenth(count as f64 / 1e3, "k"),
        _ => tenth(count as f64 / 1e6, "M"),
    }
}

fn tenth(value: f64, unit: &str) -> String {
    let text = format!("{value:.1}");
    format!("{}{unit}", text.strip_suffix(".0").unwrap_or(&text))
}

/// What runs used: `45.2k in (38k cached) / 12.1k out · $0.21`. What is not known is said, never shown as zero.
pub fn usage(usage: &UsageView) -> String {
    let cached = usage.cached_tokens.map(|count| format!(" ({} cached)", tokens(count))).unwrap_or_default();
    figures(usage, &cached)
}

/// The same without the cached part, for a column.
pub fn usage_short(usage: &UsageView) -> String {
    figures(usage, "")
}

fn figures(usage: &UsageView, cached: &str) -> String {
    if usage.runs == 0 {
        return "nothing yet".to_owned();
    }
    let mut parts = Vec::new();
    if usage.input_tokens.is_some() || usage.output_tokens.is_some() {
        let known = |count: Option<u64>| count.map_or_else(|| "?".to_owned(), tokens);
        parts.push(format!("{} in{cached} / {} out", known(usage.input_tokens), known(usage.output_tokens)));
    }
    if let Some(cost) = usage.cost_usd {
        parts.push(money(cost));
    }
    if parts.is_empty() {
        return "unknown".to_owned();
    }
    if usage.runs > 1 && usage.unknown_runs > 0 {
        parts.push(format!("{} of {} runs not fully known", usage.unknown_runs, usage.runs));
    } else if usage.cost_usd.is_none() {
        parts.push("cost unknown".to_owned());
    }
    parts.join(" · ")
}

/// US dollars; less than a cent with its part of one.
pub fn money(usd: f64) -> String {
    if usd > 0.0 && usd < 0.01 { format!("${usd:.4}") } else { format!("${usd:.2}") }
}

/// The names of models as people say them: without the provider and the family's prefix (D5).
pub fn models(usage: &UsageView) -> String {
    let short = |model: &String| {
        let name = model.rsplit('/').next().unwrap_or(model);
        clean(name.strip_prefix("claude-").unwrap_or(name))
    };
    usage.models.iter().map(short).collect::<Vec<_>>().join(", ")
}

/// What the state of a task asks of the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A person is asked.
    Asks,
    /// It does not go on by itself.
    Stuck,
    /// Something works on it.
    Works,
    /// It waits and goes on by itself.
    Waits,
    /// It was delivered.
    Done,
    /// It was called off.
    CalledOff,
}

impl Mark {
    /// Of a task.
    pub fn of(task: &TaskView) -> Self {
        if task.ended {
            return if task.stage == "cancelled" { Self::CalledOff } else { Self::Done };
        }
        let waits = |mark: &Self| task.waiting_on.iter().any(|wait| Self::of_kind(&wait.kind) == *mark);
        [Self::Asks, Self::Stuck, Self::Works].into_iter().find(waits).unwrap_or(Self::Waits)
    }

    /// Of an unfinished task that waits for this before all.
    pub fn of_kind(wait: &str) -> Self {
        match wait {
            "human" => Self::Asks,
            "held" | "budget" => Self::Stuck,
            "agent" | "check" | "deploying" | "stopping" | "stop_after_step" => Self::Works,
            _ => Self::Waits,
        }
    }

    /// One column, and how it is meant.
    pub fn sign(self) -> (&'static str, Style) {
        match self {
            Self::Asks => ("●", Style::Attention),
            Self::Stuck => ("■", Style::Bad),
            Self::Works => ("▸", Style::Good),
            Self::Waits => ("·", Style::Faint),
            Self::Done => ("✓", Style::Good),
            Self::CalledOff => ("✗", Style::Faint),
        }
    }

    /// Styled for this screen.
    pub fn shown(self, screen: &Screen) -> String {
        let (sign, style) = self.sign();
        screen.styled(style, sign)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit() {
        assert_eq!(fit("abcdef", 6), "abcdef");
        assert_eq!(fit("abcdef", 5), "abcd…");
        assert_eq!(fit("ab cdef", 4), "ab…");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("\u{1b}[32mabcdef\u{1b}[0m", 5), "\u{1b}[32mabcd…\u{1b}[0m");
        assert_eq!(wrap("a bb ccc dddd", 5), ["a bb", "ccc", "dddd"]);
        assert_eq!(wrap("do it: orch stop A-1, or wait", 14), ["do it:", "orch stop A-1,", "or wait"]);
        assert_eq!(wrap("orch stop A-1", 9), ["orch stop", "A-1"]);
        assert_eq!(width("\u{1b}[32mok\u{1b}[0m日"), 4);
        assert_eq!(
            with_short_commits("lands e3578d06f42190ab4765baf9297847e104ead673 \u{1b}[2J now"),
            "lands e3578d06f4 \\u{1b}[2J now"
        );
        assert_eq!(clean(" a\n\tb\u{1b}[2J "), "a b\\u{1b}[2J");
    }

    #[test]
    fn times_are_short() {
        let at = |text: &str| text.parse().unwrap();
        for (to, words) in [
            ("2026-01-01T00:00:59Z", "59s"),
            ("2026-01-01T00:59:59Z", "59m"),
            ("2026-01-01T23:59:59Z", "23h"),
            ("2026-02-01T00:00:00Z", "31d"),
            ("2025-01-01T00:00:00Z", "0s"),
        ] {
            assert_eq!(since("2026-01-01T00:00:00Z", at(to)), words);
        }
        assert_eq!(since("soon", at("2026-01-01T00:00:00Z")), "");
        assert_eq!(local("2026-01-01T00:00:00.5Z", &TimeZone::UTC), "2026-01-01 00:00:00");
        let east = TimeZone::fixed(jiff::tz::offset(3));
        assert_eq!(local("2026-01-01T22:00:00Z", &east), "2026-01-02 01:00:00");
    }

    #[test]
    fn unknown_figures_never_look_like_zero() {
        let mut sum = UsageView { runs: 1, unknown_runs: 1, ..UsageView::default() };
        assert_eq!(usage(&sum), "unknown");
        sum.output_tokens = Some(12_100);
        assert_eq!(usage(&sum), "? in / 12.1k out · cost unknown");
        sum = UsageView {
            runs: 3,
            unknown_runs: 1,
            input_tokens: Some(45_200),
            cached_tokens: Some(38_000),
            output_tokens: Some(999_999),
            cost_usd: Some(0.21),
            models: vec!["anthropic/claude-sonnet-5".to_owned()],
        };
        assert_eq!(usage(&sum), "45.2k in (38k cached) / 1M out · $0.21 · 1 of 3 runs not fully known");
        assert_eq!(models(&sum), "sonnet-5");
        assert_eq!(usage(&UsageView::default()), "nothing yet");
    }
}
