//! `orch logs`.

use clap::Args;
use orch_engine::SET_UP_LINE;
use orch_web::view::LogView;

use super::ids::{self, TaskArg};
use crate::client::Caller;
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, printable};

/// The newest check, in the API.
const NEWEST_CHECK: u32 = 0;
/// So long the service waits with its answer for something new, in seconds.
const WAIT: u32 = 25;

/// Show what an agent does, or did: its output, one line an event; or what a set-up or the tests printed.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  orch logs SHOP-003 --follow\n  orch logs SHOP-003 --attempt 2 --raw > attempt-2.log\n  \
                  orch logs SHOP-003 --check\n  orch logs SHOP-003 --check=1 --setup\n  orch logs --service --follow"
)]
pub struct LogsArgs {
    /// The task: `SHOP-001`, `shop-1`, or `1` in its repository
    #[arg(required_unless_present = "service", conflicts_with = "service")]
    pub id: Option<String>,
    /// The repository it is of, if several have that id; that of the current folder, or the only one, if left out
    #[arg(long, value_name = "REPO")]
    pub repo: Option<String>,
    /// The log of the service itself, if `orch up --detach` started it
    #[arg(long, conflicts_with_all = ["attempt", "check", "setup", "raw"])]
    pub service: bool,
    /// Which attempt; the newest if left out
    #[arg(long, short = 'n', value_name = "N")]
    pub attempt: Option<u32>,
    /// The log of the tests instead: the newest check, or the one of this number (orch show counts them)
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, conflicts_with = "attempt")]
    pub check: Option<Option<u32>>,
    /// Only what the set-up printed, before the agent or the tests
    #[arg(long)]
    pub setup: bool,
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
    let asked = TaskArg { id: args.id.clone().unwrap_or_default(), repo: args.repo.clone() };
    let named = ids::task(&asked, caller)?;
    let id = &named.id;
    if args.follow && caller.is_alone() {
        // Nobody would see the run end, and this process would keep the service from starting.
        return Err(Failure::new(Exit::Unreachable, "no service runs, so there is nothing to follow")
            .fix(format!("start it: orch up; what was printed so far: orch logs {id}")));
    }
    let task = named.address();
    let (whose, mut number) = match args.check {
        Some(number) => ("check", number),
        None => ("attempt", args.attempt),
    };
    let mut printed = Printed::default();
    let (mut offset, mut told) = (0, false);
    let readable = !args.raw && !args.setup;
    let how = format!("readable={readable}&wait={}", if args.follow { WAIT } else { 0 });
    loop {
        let which = match number {
            Some(number) => format!("&{whose}={number}"),
            None if args.check.is_some() => format!("&{whose}={NEWEST_CHECK}"),
            None => String::new(),
        };
        let part: LogView = caller.read(&format!("{task}/log?{how}{which}&offset={offset}"))?;
        // A newer one must not continue at this one's offset.
        number = Some(part.number);
        let nothing_new = part.next <= offset;
        let last = part.ended || (nothing_new && !args.follow);
        // The last part is told even if it is empty: a program reads there that nothing more will come.
        if !part.text.is_empty() || last {
            screen.json(&part);
        }
        for line in printed.take(&part.text).iter().filter_map(|line| wanted(line, args.setup)) {
            told = true;
            screen.line(line);
        }
        offset = part.next;
        if last {
            break;
        }
    }
    if let Some(line) = printed.rest().as_deref().and_then(|line| wanted(line, args.setup)) {
        told = true;
        screen.line(line);
    }
    if !told && !screen.is_json() {
        let what = if args.setup { "has no set-up" } else { "printed nothing" };
        screen.note(&format!("{whose} {} of {id} {what}", number.unwrap_or_default()));
    }
    Ok(())
}

/// The line as it is to be shown; `None`: it is not asked for.
fn wanted(line: &str, set_up: bool) -> Option<&str> {
    match (line.strip_prefix(SET_UP_LINE), set_up) {
        (Some(printed), true) => Some(printed),
        (None, true) => line.starts_with("== set-up").then_some(line),
        (_, false) => Some(line),
    }
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
    fn the_set_up_is_shown_by_its_lines_alone() {
        let log = ["== set-up ==", "set-up| Collecting pytest", "== set-up done ==", "3 passed"];
        let shown: Vec<_> = log.iter().filter_map(|line| wanted(line, true)).collect();
        assert_eq!(shown, ["== set-up ==", "Collecting pytest", "== set-up done =="]);
        assert_eq!(log.iter().filter_map(|line| wanted(line, false)).count(), 4);
    }

    #[test]
    fn lines_come_out_whole_and_harmless() {
        let mut printed = Printed::default();
        assert_eq!(printed.take("a"), [""; 0]);
        assert_eq!(printed.take("b\r\n\nc\u{1b}[2J\nd"), ["ab", "", "c\\u{1b}[2J"]);
        assert_eq!(printed.rest().as_deref(), Some("d"));
    }
}
