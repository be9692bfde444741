//! The log of an attempt or a check: its newest lines, a search, and what comes.

use std::time::Duration;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::response::sse::Event;
use orch_engine::control::{LogAsk, LogOf, TaskDetail};
use serde::Deserialize;

use super::head::TaskTab;
use super::{Head, TaskAddress, read};
use crate::Pages;
use crate::door::LoggedIn;
use crate::events::events;
use crate::frame::{Frame, Menu};
use crate::marks;
use crate::reply::{self, Oops, page as shown};
use crate::say::{Html, escaped};

/// Lines on a page.
const LINES: usize = 500;
/// Bytes that are read at once.
const PART: usize = 1024 * 1024;
/// Bytes of a log that are read for one page; what is before them is left out, and said.
const MOST: u64 = 16 * 1024 * 1024;
/// How long one question for more waits.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which log, and what is looked for.
#[derive(Debug, Deserialize, Default, Clone)]
pub(crate) struct Asked {
    attempt: Option<u32>,
    check: Option<u32>,
    #[serde(default)]
    q: String,
    #[serde(default)]
    raw: String,
    /// From this line on; without it the newest.
    from: Option<usize>,
    offset: Option<u64>,
}

impl Asked {
    fn of(&self) -> LogOf {
        match self.check {
            Some(number) => LogOf::Check(Some(number)),
            None => LogOf::Attempt(self.attempt),
        }
    }

    fn ask(&self, offset: u64, patience: Duration) -> LogAsk {
        LogAsk { of: self.of(), offset, max: PART, readable: self.raw.is_empty(), patience }
    }

    fn query(&self) -> String {
        match (self.check, self.attempt) {
            (Some(check), _) => format!("check={check}"),
            (None, Some(attempt)) => format!("attempt={attempt}"),
            (None, None) => "v=newest".to_owned(),
        }
    }
}

struct Which {
    href: String,
    name: String,
    here: bool,
}

struct LogLine {
    number: usize,
    text: Html,
}

#[derive(Template)]
#[template(path = "log.html")]
struct LogPage {
    f: Frame,
    head: Head,
    which: Vec<Which>,
    name: String,
    q: String,
    raw: bool,
    query: String,
    lines: Vec<LogLine>,
    found: usize,
    older: Option<usize>,
    newer: bool,
    follow: String,
    trouble: String,
}

/// A log.
pub(crate) async fn page(
    State(pages): State<Pages>,
    visitor: LoggedIn,
    Path(named): Path<TaskAddress>,
    Query(mut asked): Query<Asked>,
) -> Result<Response, Oops> {
    let detail = read(&pages, &visitor, &named).await?;
    if asked.check.is_none() && asked.attempt.is_none() {
        asked.attempt = Some(detail.task.attempt).filter(|attempt| *attempt > 0);
    }
    let mut f = reply::frame(&pages, &visitor, Menu::Board, named.id.clone()).await?;
    f.of = format!("{}/{}", named.repository, named.id);
    f.up = Some("/board");
    let head = Head::of(&detail, &visitor, TaskTab::Log, f.now);
    let (text, next, ended, trouble) = whole(&pages, &named, &asked).await;
    let all: Vec<&str> = text.lines().collect();
    let wanted = asked.q.trim().to_lowercase();
    let found = if wanted.is_empty() { 0 } else { all.iter().filter(|l| l.to_lowercase().contains(&wanted)).count() };
    let last = all.len();
    let begin = asked.from.map_or(last.saturating_sub(LINES), |from| from.saturating_sub(1).min(last));
    let end = (begin + LINES).min(last);
    let lines = (begin..end).map(|at| LogLine { number: at + 1, text: marked(all[at], &wanted) }).collect();
    let newer = end < last;
    let follow = match !ended && !newer && trouble.is_empty() {
        true => format!("{}/log/events?{}&raw={}&offset={next}", head.href, asked.query(), asked.raw),
        false => String::new(),
    };
    Ok(shown(&LogPage {
        which: which(&detail, &visitor, &asked, &head.href),
        name: match (asked.check, asked.attempt) {
            (Some(check), _) => f.say.w1("log-of-check", "check", check),
            (None, attempt) => f.say.w1("log-of-attempt", "attempt", attempt.unwrap_or(0)),
        },
        q: asked.q.clone(),
        raw: !asked.raw.is_empty(),
        query: asked.query(),
        lines,
        found,
        older: (begin > 0).then(|| begin.saturating_sub(LINES) + 1),
        newer,
        follow,
        trouble,
        head,
        f,
    }))
}

/// A log from its beginning, as far as a page reads; where to go on, whether it has ended, and what went wrong.
async fn whole(pages: &Pages, named: &TaskAddress, asked: &Asked) -> (String, u64, bool, String) {
    let (mut text, mut offset) = (String::new(), 0);
    loop {
        match pages.control.log(named.name(), asked.ask(offset, Duration::ZERO)).await {
            Ok(part) => {
                text.push_str(&part.text);
                let stands = part.next <= offset;
                offset = part.next;
                if part.ended || stands || text.len() as u64 >= MOST {
                    return (text, offset, part.ended, String::new());
                }
            }
            Err(error) => return (text, offset, true, reply::plain(&error.to_string())),
        }
    }
}

fn which(detail: &TaskDetail, visitor: &LoggedIn, asked: &Asked, href: &str) -> Vec<Which> {
    let say = &visitor.say;
    let attempts = detail.history.attempts.iter().map(|attempt| Which {
        href: format!("{href}/log?attempt={}", attempt.number),
        name: format!("{} {}", attempt.number, marks::role(attempt.role.name(), say)),
        here: asked.check.is_none() && asked.attempt == Some(attempt.number),
    });
    let checks = detail.history.checks.iter().enumerate().map(|(at, _)| {
        let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
        Which {
            href: format!("{href}/log?check={number}"),
            name: say.w1("log-of-check", "check", number),
            here: asked.check == Some(number),
        }
    });
    attempts.chain(checks).collect()
}

/// A line with what was looked for marked in it.
fn marked(line: &str, wanted: &str) -> Html {
    let lower = line.to_lowercase();
    // Where small letters are longer than capitals, places differ: then nothing is marked.
    if wanted.is_empty() || lower.len() != line.len() {
        return Html(escaped(line));
    }
    let (mut out, mut at) = (String::new(), 0);
    while let Some(found) = lower[at..].find(wanted) {
        let (begin, end) = (at + found, at + found + wanted.len());
        let (Some(before), Some(hit)) = (line.get(at..begin), line.get(begin..end)) else { break };
        out.push_str(&format!("{}<mark>{}</mark>", escaped(before), escaped(hit)));
        at = end;
    }
    out.push_str(&escaped(line.get(at..).unwrap_or_default()));
    Html(out)
}

/// What a log goes on with, as it is printed.
pub(crate) async fn follow(
    State(pages): State<Pages>,
    _visitor: LoggedIn,
    Path(named): Path<TaskAddress>,
    Query(asked): Query<Asked>,
) -> Response {
    events(move |sender| async move {
        let mut offset = asked.offset.unwrap_or(0);
        loop {
            let begun = std::time::Instant::now();
            let part = tokio::select! {
                () = sender.closed() => return,
                part = pages.control.log(named.name(), asked.ask(offset, PATIENCE)) => part,
            };
            let Ok(part) = part else { return };
            offset = part.next;
            let event = match part.text.is_empty() {
                false => Event::default().event("lines").data(part.text.trim_end_matches('\n').replace('\r', "")),
                true if part.ended => Event::default().event("ended").data(""),
                // The service ends.
                true if begun.elapsed() < PATIENCE / 2 => return,
                true => Event::default().event("here").data(""),
            };
            let over = part.text.is_empty() && part.ended;
            if sender.send(event).await.is_err() || over {
                return;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_is_marked_and_the_rest_is_text() {
        for (line, wanted, html) in [
            ("a <b> B", "b", "a &lt;<mark>b</mark>&gt; <mark>B</mark>"),
            ("x", "", "x"),
            ("<script>", "<s", "<mark>&lt;s</mark>cript&gt;"),
            ("Ошибка", "ошиб", "<mark>Ошиб</mark>ка"),
            ("İx", "x", "İx"),
        ] {
            assert_eq!(marked(line, wanted).0, html);
        }
    }
}
