//! What a run printed: as it is, or as its agent reads it out to people; and the wait for more.

use std::time::{Duration, Instant};

use orch_ports::PortResult;
use orch_ports::agent::Agent;
use orch_ports::runner::Runner;
use orch_rules::ids::TaskId;
use orch_rules::lane::LaneState;
use serde::{Deserialize, Serialize};

use super::{Control, ControlError, TaskName};
use crate::perform::{PerformError, blocking};
use crate::repository_context::RepositoryContext;

/// Bytes after which a line without an end is a line all the same.
const LONGEST_LINE: usize = 1024 * 1024;
/// An offset in the log of a check is that in the log of one try, and above these bits which try, from 0.
const TRY_BITS: u32 = 40;
/// The offset in the log of one try.
const TRY_OFFSET: u64 = (1 << TRY_BITS) - 1;
/// How long one look waits in a thread of its own; a wait that nobody wants any more holds the thread so long.
const ONE_LOOK: Duration = Duration::from_secs(5);

/// Whose log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogOf {
    /// This attempt's; the newest one's if `None`.
    Attempt(Option<u32>),
    /// The test command's: the task's first check is 1; the newest one if `None`. All its tries, one after another.
    Check(Option<u32>),
}

/// Which part of which log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogAsk {
    /// Whose.
    pub of: LogOf,
    /// Where to begin: 0, or [`LogChunk::next`] of the part before.
    pub offset: u64,
    /// At most so many bytes of the raw log, but at least a line where lines are read out.
    pub max: usize,
    /// As its agent reads it out, line by line, instead of as it was printed; a check's is always as it was printed.
    pub readable: bool,
    /// How long to wait if there is nothing yet.
    pub patience: Duration,
}

/// Part of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogChunk {
    /// The run's name, for example `SHOP-001-attempt-3`.
    pub run: String,
    /// Which attempt of the task, or which of its checks.
    pub number: u32,
    /// Safe for a terminal and a page.
    pub text: String,
    /// Ask from here next.
    pub next: u64,
    /// Nothing more will come.
    pub ended: bool,
}

impl Control {
    /// Part of the log of an attempt or a check. Waits for more if there is nothing yet.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] if there was none of that number, or its log is gone.
    pub async fn log(&self, task: impl Into<TaskName>, ask: LogAsk) -> Result<LogChunk, ControlError> {
        let name_of_task = task.into();
        let until = Instant::now() + ask.patience;
        let mut ask = ask;
        loop {
            let seen = self.engine.changes.newest();
            let (chunk, name) = match ask.of {
                LogOf::Attempt(number) => self.part(&name_of_task, number, &ask).await?,
                LogOf::Check(number) => self.check_part(&name_of_task, number, &ask).await?,
            };
            let left = until.saturating_duration_since(Instant::now());
            if !chunk.text.is_empty() || chunk.ended || left.is_zero() || self.engine.changes.is_closing() {
                return Ok(chunk);
            }
            // Lines that tell people nothing were passed over.
            let passed = chunk.next > ask.offset;
            ask.offset = chunk.next;
            if !passed {
                self.wait_for_more(name, ask.offset & TRY_OFFSET, seen, left).await;
            }
        }
    }

    async fn part(
        &self,
        task: &TaskName,
        number: Option<u32>,
        ask: &LogAsk,
    ) -> Result<(LogChunk, String), ControlError> {
        let task = self.task_of(task).await?;
        let work_item = &task.work_item;
        let number = number.unwrap_or(task.attempt);
        if number == 0 || number > task.attempt {
            let what = match task.attempt {
                0 => format!("{work_item} has had no attempt yet"),
                newest => format!("{work_item} has no attempt {number}; the newest is {newest}"),
            };
            return Err(ControlError::NotFound { what });
        }
        let history = self.engine.store.history(&task.id).await?;
        let attempt = history.attempts.iter().find(|a| a.number == number);
        let ended = attempt.is_some_and(|a| a.ended.is_some());
        let context = self.engine.served().contexts.get(&task.repository).cloned();
        let agent = attempt.filter(|_| ask.readable).and_then(|a| context?.agents.get(&a.role).cloned());
        let (runner, name) = (self.engine.runner.clone(), RepositoryContext::run_name(&task.id, number));
        let (asked, LogAsk { offset, max, .. }) = (name.clone(), *ask);
        let read = blocking(move || {
            if !runner.exists(&asked) {
                return Ok(None);
            }
            Ok(Some(match agent {
                Some(agent) => read_out(&*runner, &*agent, &asked, (offset, max), ended)?,
                None => runner.output(&asked, offset, max)?,
            }))
        });
        let run = format!("{work_item}-attempt-{number}");
        let chunk = match self.found(&task.id, &name, &run, ended, read.await).await? {
            Some((text, next)) => LogChunk { run, number, ended: ended && next <= offset, text, next },
            None => LogChunk { run, number, text: String::new(), next: offset, ended },
        };
        Ok((chunk, name))
    }

    /// What was read of a run's log; `None`: it is asked for and not launched yet.
    async fn found<T>(
        &self,
        task: &TaskId,
        name: &str,
        run: &str,
        ended: bool,
        read: Result<Option<T>, PerformError>,
    ) -> Result<Option<T>, ControlError> {
        let what = match read {
            Ok(Some(found)) => return Ok(Some(found)),
            Ok(None) => match self.elsewhere(task, name).await? {
                Some(place) => format!("the log of {run} is not on this host: {place}"),
                None if !ended => return Ok(None),
                None => format!("the log of {run} is gone; logs of tasks that have ended are kept for a while only"),
            },
            Err(error) => format!("the log of {run} cannot be read: {}", error.words()),
        };
        Err(ControlError::NotFound { what })
    }

    async fn check_part(
        &self,
        task: &TaskName,
        number: Option<u32>,
        ask: &LogAsk,
    ) -> Result<(LogChunk, String), ControlError> {
        let task = self.task_of(task).await?;
        let work_item = &task.work_item;
        let history = self.engine.store.history(&task.id).await?;
        let mut checks: Vec<_> =
            history.checks.iter().map(|check| (check.id.clone(), check.outcome.is_some())).collect();
        // The lane's has no row of its own before it ends.
        checks.extend(history.lane.iter().filter_map(|entry| match &entry.state {
            LaneState::Testing { check, .. } => Some((check.clone(), false)),
            _ => None,
        }));
        let newest = u32::try_from(checks.len()).unwrap_or(u32::MAX);
        let number = number.unwrap_or(newest);
        let Some((check, ended)) = number.checked_sub(1).and_then(|at| checks.get(at as usize)).cloned() else {
            let what = match newest {
                0 => format!("{work_item} was not tested yet"),
                newest => format!("{work_item} has no check {number}; the newest is {newest}"),
            };
            return Err(ControlError::NotFound { what });
        };
        let (at, offset) = ((ask.offset >> TRY_BITS) as u32 + 1, ask.offset & TRY_OFFSET);
        let name = format!("{check}-{at}");
        let (runner, asked, following, max) =
            (self.engine.runner.clone(), name.clone(), format!("{check}-{}", at + 1), ask.max);
        let read = blocking(move || {
            if !runner.exists(&asked) {
                return Ok(None);
            }
            let (text, next) = runner.output(&asked, offset, max)?;
            Ok(Some((text, next, runner.exists(&following))))
        });
        let run = format!("{work_item}-check-{number}");
        // Its row in the database is of all its tries.
        let chunk = match self.found(&task.id, check.as_str(), &run, ended, read.await).await? {
            Some((text, next, more)) => {
                let over = text.is_empty() && next <= offset;
                let next = if over && more { u64::from(at) << TRY_BITS } else { ask.offset - offset + next };
                let first = at > 1 && offset == 0 && !text.is_empty();
                let text = if first { format!("== try {at} ==\n{text}") } else { text };
                LogChunk { run, number, text, next, ended: ended && over && !more }
            }
            None => LogChunk { run, number, text: String::new(), next: ask.offset, ended },
        };
        Ok((chunk, name))
    }

    /// Until the run prints, or anything is written: the end of an attempt is.
    async fn wait_for_more(&self, name: String, offset: u64, seen: u64, left: Duration) {
        let changes = &self.engine.changes;
        let runner = self.engine.runner.clone();
        let look = left.min(ONE_LOOK);
        let printed = async {
            let looked = blocking(move || Ok(runner.await_output(&name, offset, look)?)).await;
            if !matches!(looked, Ok(true)) {
                // It is over, or not launched: what follows is written.
                changes.after(seen, look).await;
            }
        };
        tokio::select! {
            _ = changes.after(seen, left) => {}
            () = printed => {}
        }
    }
}

/// Whole lines from `offset` on as their agent reads them out, and the next offset. `over`: nothing is added any more, so
/// the last line needs no end.
fn read_out(
    runner: &dyn Runner,
    agent: &dyn Agent,
    name: &str,
    (offset, max): (u64, usize),
    over: bool,
) -> PortResult<(String, u64)> {
    let most = max.max(LONGEST_LINE);
    let bytes = runner.raw_part(name, offset, most)?;
    let whole = match bytes.iter().rposition(|byte| *byte == b'\n') {
        _ if over && bytes.len() < most => bytes.len(),
        Some(end) => end + 1,
        None if bytes.len() >= most => bytes.len(),
        None => 0,
    };
    let mut text = String::new();
    for line in bytes[..whole].split_inclusive(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches(['\n', '\r']);
        if let Some(told) = agent.readable(line) {
            text.push_str(calm(&told).trim_end_matches('\n'));
            text.push('\n');
        }
    }
    Ok((text, offset + whole as u64))
}

/// Without anything that steers a terminal: colours and titles are dropped, other controls become a visible sign.
fn calm(text: &str) -> String {
    let mut calm = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => match sequence(rest.as_str()) {
                Some(length) => rest = rest.as_str()[length..].chars(),
                None => calm.push('\u{fffd}'),
            },
            '\n' | '\t' => calm.push(c),
            '\r' if rest.as_str().starts_with('\n') => {}
            c if c.is_control() => calm.push('\u{fffd}'),
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                calm.push('\u{fffd}');
            }
            c => calm.push(c),
        }
    }
    calm
}

/// Bytes of a control sequence behind its escape sign (ECMA-48, 5.4); `None` if it is none, or a long one.
fn sequence(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('[')?;
    let end = inner.bytes().take(64).position(|byte| !(0x20..=0x3f).contains(&byte))?;
    (0x40..=0x7e).contains(&inner.as_bytes()[end]).then_some(end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_out_steers_no_terminal() {
        for (text, wanted) in [
            ("a\u{1b}[31mb\u{1b}[0m\tc", "ab\tc"),
            ("\u{1b}]0;title\u{7}", "\u{fffd}]0;title\u{fffd}"),
            ("\u{1b}[2", "\u{fffd}[2"),
            ("\u{1b}", "\u{fffd}"),
            ("a\r\nb\rc", "a\nb\u{fffd}c"),
            ("\u{202e}x\u{9b}1m", "\u{fffd}x\u{fffd}1m"),
        ] {
            assert_eq!(calm(text), wanted, "{text:?}");
        }
    }
}
