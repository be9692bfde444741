//! The words and traits of the world outside the rules: what the engine asks of a store, a workshop, a forge, a runner and an
//! agent. No I/O here, no fakes; those live in the adapters and in the test kit.

pub mod access;
pub mod agent;
pub mod change_requests;
pub mod chat;
pub mod deliveries;
pub mod deploys;
pub mod error;
pub mod feed;
pub mod forge;
pub mod forge_hook;
pub mod health;
pub mod hosts;
pub mod intake;
pub mod keep;
pub mod lists;
pub mod notifier;
pub mod outbox;
pub mod people;
pub mod projection;
pub mod runner;
pub mod store;
pub mod tracker;
pub mod workshop;

pub use error::{Place, Port, PortError, PortResult};
pub use store::Store;
