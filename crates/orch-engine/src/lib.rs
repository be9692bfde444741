//! Ingest, decide and apply, perform, recover: the loop around the rules.
//!
//! The engine knows no product: what it needs of the world are the traits of `orch-ports`. It holds no state that
//! matters: every claim, answer and wait is a row, so that killing it at any point costs time and nothing else.

mod answers;
mod changes;
mod compare;
pub mod desk;
mod engine;
mod handle;
mod house;
mod kinds;
mod looking;
mod outbox;
mod perform;
mod places;
pub mod prompt;
mod pushes;
mod sweep;
mod upkeep;
mod work_loop;

pub use engine::{Engine, Limits};
pub use house::{House, Program};
pub use sweep::Reconciler;
pub use upkeep::Retention;
