//! `orch diff`.

use clap::Args;
use orch_web::view::DiffView;

use super::ids::{self, TaskArg};
use crate::client::{Caller, encoded};
use crate::exit::Failure;
use crate::screen::{Screen, Style, printable};

/// Show what a task changes: its branch against the base branch, or, once it landed, its commit.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  orch diff SHOP-003\n  orch diff 3 Cargo.toml\n  orch diff 3 | less -R\n\n\
    The task's papers are left out: orch show 3 --docs")]
pub struct DiffArgs {
    #[command(flatten)]
    pub task: TaskArg,
    /// These files alone, from the top of the repository
    pub paths: Vec<String>,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such task, or cannot read the change.
pub fn run(args: &DiffArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let task = ids::task(&args.task, caller)?;
    let (id, of) = (&task.id, format!("{}/diff", task.address()));
    let asked: Vec<String> = match args.paths.as_slice() {
        [] => vec![of],
        paths => paths.iter().map(|path| format!("{of}?path={}", encoded(path))).collect(),
    };
    let mut views = Vec::new();
    for path in &asked {
        views.push(caller.read::<DiffView>(path)?);
    }
    let all = DiffView {
        diff: views.iter().map(|view| view.diff.as_str()).collect(),
        cut: views.iter().any(|view| view.cut),
    };
    screen.json(&all);
    if all.diff.trim().is_empty() {
        screen.line(&format!("{id} changes nothing{}", if args.paths.is_empty() { "" } else { " there" }));
    }
    for line in lines(&all.diff, screen) {
        screen.line(&line);
    }
    if all.cut {
        screen.warn("it is too long to be shown whole; name files: orch diff ID FILE");
    }
    Ok(())
}

/// A diff for people: coloured as git does, nothing of it obeyed by the terminal.
pub fn lines(diff: &str, screen: &Screen) -> Vec<String> {
    let style = |line: &str| match line.as_bytes() {
        [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] => Some(Style::Strong),
        [b'+', ..] => Some(Style::Good),
        [b'-', ..] => Some(Style::Bad),
        [b'@', ..] => Some(Style::Command),
        [b'd', b'i', b'f', b'f', ..] => Some(Style::Strong),
        _ => None,
    };
    let shown = diff.lines().map(|line| {
        let safe = printable(line);
        style(line).map_or_else(|| safe.clone(), |style| screen.styled(style, &safe))
    });
    shown.collect()
}
