//! Ingest, decide and apply, perform, recover: the loop around the rules.
//!
//! The engine knows no product: what it needs of the world are the traits of `orch-ports`. It holds no state that
//! matters: every claim, answer and wait is a row, so that killing it at any point costs time and nothing else.

mod answers;
mod base_checks;
mod base_looks;
pub mod cache;
mod changes;
mod clock;
mod compare;
pub mod control;
mod deploy_terms;
mod engine;
mod forge_news;
mod handle;
mod hosting;
mod informed;
mod intake;
mod kept_set_up;
mod kinds;
mod looking;
mod main_ci;
mod numbers;
pub mod orch_check;
mod outbox;
mod perform;
pub mod prompt;
mod pushes;
mod repository_context;
mod sweep;
mod tracking;
mod upkeep;
mod watching;
mod work_folders;
mod work_loop;

pub use deploy_terms::{DeployTerms, HookVerb};
pub use engine::{Engine, Limits};
pub use forge_news::ForgeHookCounts;
pub use hosting::Hosting;
pub use perform::{SET_UP_DONE, SET_UP_LINE, check_order, check_outcome};
pub use repository_context::{Program, RepositoryContext};
pub use sweep::Reconciler;
pub use tracking::{TrackedProject, TrackerStanding};
pub use upkeep::Retention;
