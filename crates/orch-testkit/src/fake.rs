//! Stateful stand-ins for what the ports stand for. They keep what the traits promise (the suites in
//! [`crate::contract`] prove it), and everything that goes wrong is arranged from outside, see [`Faults`].

pub mod agent;
mod faults;
pub mod forge;
pub mod gitea;
mod merge;
pub mod plane;
pub mod production;
pub mod receiver;
pub mod runner;
pub mod target;
pub mod telegram;

pub use agent::FakeAgent;
pub use faults::{Fault, Faults, Gate, PATIENCE, Side};
pub use forge::FakeForge;
pub use gitea::FakeGitea;
pub use plane::FakePlane;
pub use production::FakeProduction;
pub use receiver::FakeReceiver;
pub use runner::{FakeRunner, Step};
pub use target::FakeTarget;
pub use telegram::FakeTelegram;
