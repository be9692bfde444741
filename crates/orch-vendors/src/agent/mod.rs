//! Agents.

mod calm;
pub mod claude_code;
pub mod codex;
pub mod command;
mod json_lines;
pub mod program;
pub mod ready;
#[cfg(test)]
mod recorded;
mod stop;
mod told;
