//! `orch budget`.

use clap::Args;
use orch_engine::control::TaskCommand;

use super::ids::TaskArg;
use super::send;
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Add to the budget that keeps a task waiting.
///
/// A budget for a day or a repository pays every task that waits for it; all of them go on.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  orch budget SHOP-003 --raise 5\n  orch budget SHOP-003 --raise 2.50")]
pub struct BudgetArgs {
    #[command(flatten)]
    pub task: TaskArg,
    /// How much to add, in US dollars
    #[arg(long, value_name = "USD", allow_negative_numbers = true, value_parser = micros)]
    pub raise: u64,
}

/// Reads US dollars with at most six decimals, as millionths.
///
/// # Errors
/// With what to write instead.
fn micros(text: &str) -> Result<u64, String> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let read = || -> Option<u64> {
        let whole: u64 = whole.parse().ok().filter(|whole| *whole <= 1_000_000)?;
        let part: u64 = format!("{part:0<6}").parse().ok()?;
        Some(whole * 1_000_000 + part)
    };
    let fits = digits(whole) && digits(part) && part.len() <= 6;
    let micros = fits.then(read).flatten().filter(|micros| *micros > 0);
    micros.ok_or_else(|| "write US dollars from 0.01 to 1000000, for example 5 or 2.50".to_owned())
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such task, or refuses.
pub fn run(args: &BudgetArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    send::to_task(&args.task, &TaskCommand::RaiseBudget { by_micros: args.raise }, caller, screen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_read_exactly() {
        for (text, read) in [
            ("5", Some(5_000_000)),
            ("2.50", Some(2_500_000)),
            ("0.000001", Some(1)),
            ("1000000", Some(1_000_000_000_000)),
            ("0", None),
            ("-1", None),
            ("+1", None),
            ("1e3", None),
            ("0.0000001", None),
            ("1000001", None),
            ("", None),
        ] {
            assert_eq!(micros(text).ok(), read, "{text}");
        }
    }
}
