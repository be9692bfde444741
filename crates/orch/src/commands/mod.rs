//! What people type, apart from setting up and running: one file per command. Each asks the API and tells the answer,
//! in words or (`--json`) as the service gave it.

pub mod answer;
pub mod approve;
pub mod board;
pub mod budget;
pub mod comment;
pub mod completions;
pub mod confirm;
pub mod costs;
pub mod deliveries;
pub mod depend;
pub mod deploy;
pub mod diff;
mod draft;
pub mod edit;
pub mod export;
pub mod freeze;
mod from_address;
pub mod give_back;
pub mod hands_off;
pub mod ids;
pub mod inbox;
mod judged;
pub mod logs;
pub mod new;
pub mod outbox;
pub mod pause;
pub mod people;
pub mod priority;
pub mod pull;
pub mod queue;
mod redacted;
pub mod reject;
pub mod reopen;
pub mod resume;
pub mod retry;
mod send;
pub mod send_back;
pub mod show;
pub mod skip;
pub mod start;
pub mod stop;
pub mod text;
pub mod unfreeze;
mod words;

#[cfg(test)]
mod judged_tests;
#[cfg(test)]
mod spelling_tests;
#[cfg(test)]
mod tests;
