//! The rules of Orchestrion as pure functions: facts in, changes out.
//!
//! Nothing here knows a clock, a network, a file or a database. What may be seen is in [`facts`]; what may be
//! wanted is in [`change`] and [`effect`]; the ordered rules are in [`decide`].

pub mod actor;
pub mod agent_files;
pub mod attempt;
pub mod base_branch;
pub mod base_check;
pub mod budget;
pub mod change;
pub mod check;
pub mod ci;
pub mod ci_files;
pub mod ci_watch;
pub mod claim;
pub mod connection;
pub mod convergence;
pub mod decide;
pub mod deploy;
pub mod ecosystem;
pub mod effect;
pub mod episode;
pub mod event;
pub mod facts;
pub mod forecast;
pub mod found;
pub mod gate;
pub mod identity;
pub mod ids;
pub mod interpret;
pub mod issue;
pub mod judgement;
pub mod landing_settings;
pub mod lane;
pub mod lease;
pub mod notice;
pub mod observation;
pub mod outage;
pub mod outbox;
pub mod path_pattern;
pub mod people;
pub mod pipeline;
pub mod port_error;
pub mod problem;
pub mod reason;
pub mod repository_file;
pub mod rights;
pub mod scope;
pub mod standing;
pub mod task;
pub mod toml_file;
pub mod tracker_states;
pub mod tracker_status;
pub mod unknown;
pub mod verdict;
pub mod work_item;

#[cfg(test)]
mod frozen_spellings;
