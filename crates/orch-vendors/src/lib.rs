//! Adapters: one room per port, one folder per product. Each implements a trait of `orch-ports` and nothing else
//! knows its product.

pub mod agent;
pub mod forge;
pub mod health;
mod no_answer;
pub mod notifier;
pub mod plane;
pub mod runner;
mod signature;
pub mod telegram;
pub mod workshop;
