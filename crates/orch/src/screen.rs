//! The one place that talks to a person or a script: stdout for answers, stderr for everything else.

use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::OnceLock;

use jiff::tz::TimeZone;
use serde::Serialize;

use crate::commands::text::wrap;
use crate::exit::Failure;

/// How a piece of text is meant; what that looks like is decided here alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A heading or the name of a thing.
    Strong,
    /// Of lesser weight: hints, units, times.
    Faint,
    /// It is well.
    Good,
    /// A person should look.
    Attention,
    /// It is not well.
    Bad,
    /// A command to type.
    Command,
}

impl Style {
    /// Parameters of the SGR escape sequence (ECMA-48, 8.3.117).
    const fn code(self) -> &'static str {
        match self {
            Self::Strong => "1",
            Self::Faint => "2",
            Self::Good => "32",
            Self::Attention => "33",
            Self::Bad => "31",
            Self::Command => "36",
        }
    }
}

/// Where output goes and in which form. Two forms: text for people, or (`--json`) JSON for programs, in which case
/// stdout carries JSON and nothing else.
#[derive(Debug, Clone)]
pub struct Screen {
    json: bool,
    colour: bool,
    interactive: bool,
    width: usize,
    zone: TimeZone,
}

impl Screen {
    /// The screen of this process. `env` reads an environment variable: `NO_COLOR` (<https://no-color.org>), `TERM`
    /// and `COLUMNS` are honoured.
    pub fn of_process(json: bool, env: &dyn Fn(&str) -> Option<String>) -> Self {
        let terminal = io::stdout().is_terminal();
        let plain = env("NO_COLOR").is_some_and(|v| !v.is_empty()) || env("TERM").as_deref() == Some("dumb");
        let columns = env("COLUMNS").and_then(|c| c.parse().ok()).or_else(|| {
            let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
            (size.ws_col > 0).then_some(usize::from(size.ws_col))
        });
        Self {
            json,
            colour: terminal && !plain && !json,
            interactive: terminal && io::stdin().is_terminal(),
            width: columns.unwrap_or(100).clamp(40, 100),
            zone: zone(env("TZ").as_deref()),
        }
    }

    /// The time zone of the person.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// With colours always or never, whatever the terminal is.
    #[must_use]
    pub fn with_colour(self, colour: Option<bool>) -> Self {
        Self { colour: colour.unwrap_or(self.colour) && !self.json, ..self }
    }

    /// Answers are wanted as JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// A person sits in front of it and can be asked.
    pub fn is_interactive(&self) -> bool {
        self.interactive && !self.json
    }

    /// Columns of the terminal; 100 where there is none.
    pub fn width(&self) -> usize {
        self.width
    }

    /// One line of the answer for people. Says nothing under `--json`, so that a command can print both forms
    /// without asking which one is wanted.
    pub fn line(&self, text: &str) {
        if !self.json {
            written(text);
        }
    }

    /// What was shown goes from the terminal; where there is none, a line stands between.
    pub fn anew(&self) {
        self.line(if self.interactive { "\u{1b}[H\u{1b}[2J" } else { "" });
    }

    /// Why part of the answer was not written: then the command did not do what was asked.
    pub fn unwritten(&self) -> Option<&'static str> {
        UNWRITTEN.get().map(String::as_str)
    }

    /// The answer for programs, as one line. Says nothing without `--json`.
    pub fn json(&self, answer: &impl Serialize) {
        if !self.json {
            return;
        }
        match serde_json::to_string(answer) {
            Ok(text) => written(&text),
            // A map with keys that are no strings is a fault of ours; a script must not take silence for an answer.
            Err(error) => put(&mut io::stderr().lock(), &format!("{{\"error\":{{\"what\":\"{error}\"}}}}")),
        }
    }

    /// Something a person should know although the command goes on; on stderr in both forms.
    pub fn warn(&self, text: &str) {
        if self.json {
            put(&mut io::stderr().lock(), &serde_json::json!({ "warning": text }).to_string());
        } else {
            let word = if self.colour && io::stderr().is_terminal() {
                self.styled(Style::Attention, "warning:")
            } else {
                "warning:".to_owned()
            };
            put(&mut io::stderr().lock(), &self.fitted(&format!("{word} {text}"), 2));
        }
    }

    /// What goes to stderr, in lines that fit on the terminal there; where there is none, a log or a program has each
    /// thing on one line. Lines after the first of each are set in by `by`.
    fn fitted(&self, text: &str, by: usize) -> String {
        if !io::stderr().is_terminal() {
            return text.to_owned();
        }
        text.lines().map(|line| hanging(line, self.width, by)).collect::<Vec<_>>().join("\n")
    }

    /// A remark that is no part of the answer: on stderr, for people alone.
    pub fn note(&self, text: &str) {
        if !self.json {
            put(&mut io::stderr().lock(), &self.fitted(text, 2));
        }
    }

    /// Why the command failed, on stderr in the form that is wanted.
    pub fn failure(&self, failure: &Failure) {
        let text = if self.json { failure.json().to_string() } else { self.fitted(&failure.text(), 5) };
        put(&mut io::stderr().lock(), &text);
    }

    /// `text` in a style, or as it is where colours are not wanted.
    pub fn styled(&self, style: Style, text: &str) -> String {
        if self.colour { format!("\u{1b}[{}m{text}\u{1b}[0m", style.code()) } else { text.to_owned() }
    }

    /// Rows in columns, two spaces apart, each as wide as its widest cell; printed by [`Self::line`]. Cells may be
    /// styled.
    pub fn table(&self, rows: &[Vec<String>]) {
        for row in columns(rows) {
            self.line(&row);
        }
    }

    /// Asks a yes-or-no question; `None` where nobody can be asked or nobody answered. Just Enter is no.
    pub fn ask(&self, question: &str) -> Option<bool> {
        self.ask_or(question, false)
    }

    /// The same for what is usually wanted: just Enter is yes.
    pub fn ask_yes(&self, question: &str) -> Option<bool> {
        self.ask_or(question, true)
    }

    fn ask_or(&self, question: &str, enter: bool) -> Option<bool> {
        let answer = self.ask_text(&format!("{question} [{}] ", if enter { "Y/n" } else { "y/N" }))?;
        match answer.to_lowercase().as_str() {
            "" => Some(enter),
            word => Some(matches!(word, "y" | "yes" | "д" | "да")),
        }
    }

    /// Asks for one line; `None` where nobody can be asked or nobody answered.
    pub fn ask_text(&self, question: &str) -> Option<String> {
        if !self.is_interactive() {
            return None;
        }
        let mut out = io::stdout().lock();
        let shown = write!(out, "{question}").and_then(|()| out.flush());
        let mut answer = String::new();
        if shown.is_err() || io::stdin().lock().read_line(&mut answer).ok()? == 0 {
            return None;
        }
        Some(answer.trim().to_owned())
    }
}

/// As `TZ` says, else as the machine is set.
fn zone(named: Option<&str>) -> TimeZone {
    match named {
        Some("" | "UTC") => TimeZone::UTC,
        Some(name) => TimeZone::get(name).or_else(|_| TimeZone::posix(name)).unwrap_or_else(|_| TimeZone::system()),
        None => TimeZone::system(),
    }
}

/// The first line of the answer that could not be written, with the reason.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// Writes a line of the answer. A reader that went away (`orch board | head -1`) wanted no more: not an error. Anything
/// else, a full device for instance, is one.
fn written(text: &str) {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let _told = UNWRITTEN.set(error.to_string());
        }
        _ => {}
    }
}

/// Writes a line beside the answer. Nobody is left to tell it to if that fails.
fn put(to: &mut impl Write, text: &str) {
    let _gone = writeln!(to, "{text}").and_then(|()| to.flush());
}

/// A line in lines of at most `width` columns, those after the first set in by `by` more than it.
fn hanging(line: &str, width: usize, by: usize) -> String {
    let margin = line.len() - line.trim_start_matches(' ').len();
    let parts = wrap(line, width.saturating_sub(margin + by));
    let shown = parts.iter().enumerate().map(|(index, part)| {
        let margin = if index == 0 { margin } else { margin + by };
        format!("{:margin$}{part}", "")
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// Text from outside (a title, a path, a log line) made safe to print: control characters and the characters that
/// turn the writing direction (Unicode UAX #9, explicit formatting) are shown as escapes instead of obeyed. Keeps
/// line breaks and tabs.
pub fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        let turns =
            matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if (c.is_control() && c != '\n' && c != '\t') || turns {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}

fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (index, cell) in row.iter().enumerate() {
            if index == widths.len() {
                widths.push(0);
            }
            widths[index] = widths[index].max(seen_width(cell));
        }
    }
    rows.iter()
        .map(|row| {
            let mut line = String::new();
            for (index, cell) in row.iter().enumerate() {
                line.push_str(cell);
                if index + 1 < row.len() {
                    let gap = widths[index] - seen_width(cell) + 2;
                    line.extend(std::iter::repeat_n(' ', gap));
                }
            }
            line.trim_end().to_owned()
        })
        .collect()
}

/// Characters a person sees: escape sequences of [`Screen::styled`] take no room.
fn seen_width(text: &str) -> usize {
    let mut width = 0;
    let mut escaped = false;
    for c in text.chars() {
        match (escaped, c) {
            (false, '\u{1b}') => escaped = true,
            (true, 'm') => escaped = false,
            (true, _) => {}
            (false, _) => width += 1,
        }
    }
    width
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_is_styled() {
        let coloured = Screen { json: false, colour: true, interactive: false, width: 80, zone: TimeZone::UTC };
        let rows = vec![
            vec![coloured.styled(Style::Good, "ok"), "a".to_owned(), "last".to_owned()],
            vec!["longer".to_owned(), "бв".to_owned(), String::new()],
        ];
        assert_eq!(columns(&rows), ["\u{1b}[32mok\u{1b}[0m      a   last", "longer  бв"]);
    }

    #[test]
    fn text_from_outside_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\r\u{202e}c\n\td"), "a\\u{1b}[2Jb\\u{d}\\u{202e}c\n\td");
        assert_eq!(printable("Привет 🎼"), "Привет 🎼");
    }

    #[test]
    fn a_long_line_hangs_below_its_own_margin() {
        assert_eq!(hanging("  fix: do this and that now", 18, 5), "  fix: do\n       this and\n       that now");
        assert_eq!(hanging("short", 18, 5), "short");
        assert_eq!(hanging("", 18, 5), "");
    }

    #[test]
    fn no_colour_where_none_is_wanted() {
        let plain = Screen { json: false, colour: false, interactive: false, width: 80, zone: TimeZone::UTC };
        assert_eq!(plain.styled(Style::Bad, "x"), "x");
    }
}
