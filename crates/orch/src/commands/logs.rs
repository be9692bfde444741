//! `orch logs`.

use clap::Args;
use orch_web::view::{LogView, TaskDetailView};

use super::ids::{self, TaskArg};
use crate::client::Caller;
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, printable};

/// So long the service waits with its answer for something new, in seconds.
const WAIT: u32 = 25;

/// Show what an agent does, or did: its output, one line an event.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  orch logs SHOP-003 --follow\n  orch logs SHOP-003 --attempt 2 --raw > attempt-2.log"
)]
pub struct LogsArgs {
    #[command(flatten)]
    pub task: TaskArg,
    /// Which attempt; the newest if left out
    #[arg(long, short = 'n', value_name = "N")]
    pub attempt: Option<u32>,
    /// Go on until the run has ended
    #[arg(long, short)]
    pub follow: bool,
    /// As the agent printed it, instead of one line an event
    #[arg(long)]
    pub raw: bool,
}

/// Runs it. With `--json` every part of the log is one line, the last one with `"ended"` or at the present end.
///
/// # Errors
/// If the service does not answer, or there is no such log.
pub fn run(args: &LogsArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let named = ids::task(&args.task, caller)?;
    let id = &named.id;
    if args.follow && caller.is_alone() {
        // Nobody would see the run end, and this process would keep the service from starting.
        return Err(Failure::new(Exit::Unreachable, "no service runs, so there is nothing to follow")
            .fix(format!("start it: orch up; what was printed so far: orch logs {id}")));
    }
    let task = named.address();
    // The newest attempt now: a newer one must not continue at this one's offset.
    let attempt = match args.attempt {
        Some(attempt) => attempt,
        None => caller.read::<TaskDetailView>(&task)?.task.attempts,
    };
    if attempt == 0 {
        return Err(Failure::new(Exit::NotFound, format!("no agent has worked on {id} yet"))
            .fix(format!("see what it waits for: orch show {id}")));
    }
    let mut printed = Printed::default();
    let (mut offset, mut told) = (0, false);
    let how = format!("attempt={attempt}&readable={}&wait={}", !args.raw, if args.follow { WAIT } else { 0 });
    loop {
        let part: LogView = caller.read(&format!("{task}/log?{how}&offset={offset}"))?;
        let nothing_new = part.next <= offset;
        let last = part.ended || (nothing_new && !args.follow);
        // The last part is told even if it is empty: a program reads there that nothing more will come.
        if !part.text.is_empty() || last {
            screen.json(&part);
        }
        told |= !part.text.is_empty();
        for line in printed.take(&part.text) {
            screen.line(&line);
        }
        offset = part.next;
        if last {
            break;
        }
    }
    if let Some(rest) = printed.rest() {
        screen.line(&rest);
    }
    if !told && !screen.is_json() {
        screen.note(&format!("attempt {attempt} of {id} printed nothing"));
    }
    Ok(())
}

/// Whole lines out of parts that end anywhere.
#[derive(Default)]
struct Printed {
    begun: String,
}

impl Printed {
    fn take(&mut self, text: &str) -> Vec<String> {
        self.begun.push_str(text);
        let Some(end) = self.begun.rfind('\n') else { return Vec::new() };
        let whole: Vec<String> =
            self.begun[..end].split('\n').map(|line| printable(line.strip_suffix('\r').unwrap_or(line))).collect();
        self.begun.drain(..=end);
        whole
    }

    fn rest(self) -> Option<String> {
        (!self.begun.is_empty()).then(|| printable(&self.begun))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_whole_and_harmless() {
        let mut printed = Printed::default();
        assert_eq!(printed.take("a"), [""; 0]);
        assert_eq!(printed.take("b\r\n\nc\u{1b}[2J\nd"), ["ab", "", "c\\u{1b}[2J"]);
        assert_eq!(printed.rest().as_deref(), Some("d"));
    }
}
