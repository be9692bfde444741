//! The rules as people meet them: scenarios, a table of orders, random histories.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod deploys;
mod edge;
mod histories;
mod leases;
mod orders;
mod properties;
mod scenarios;
mod script;
mod simulated;
mod world;
