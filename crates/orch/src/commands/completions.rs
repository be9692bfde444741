//! `orch completions`.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::exit::Failure;
use crate::screen::Screen;

/// Print a script that completes `orch` in a shell.
#[derive(Debug, Args)]
#[command(after_help = r#"Examples:
  orch completions bash > ~/.local/share/bash-completion/completions/orch
  orch completions zsh > "${fpath[1]}/_orch"
  orch completions fish > ~/.config/fish/completions/orch.fish"#)]
pub struct CompletionsArgs {
    /// Which shell
    pub shell: Shell,
}

/// Runs it; `command` is the whole of `orch`.
///
/// # Errors
/// None.
pub fn run(args: &CompletionsArgs, mut command: Command, screen: &Screen) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "orch", &mut script);
    let script = String::from_utf8_lossy(&script);
    screen.json(&serde_json::json!({ "shell": args.shell.to_string(), "script": script }));
    screen.line(script.trim_end());
    Ok(())
}
