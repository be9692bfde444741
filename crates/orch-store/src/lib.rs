//! The durable memory of Orchestrion on SQLite and on PostgreSQL, behind [`orch_ports::Store`]. The only crate that
//! contains SQL.
//!
//! Every call of the store is a list of [`step::Step`]s made by pure functions: [`plan`] turns a change set into
//! steps, the read models likewise. An engine only runs steps in order inside one transaction and compares how many
//! rows each one touched with what it expected. There is one SQL text for both engines; what only PostgreSQL needs
//! stands in it as a comment, see [`postgres`].

mod access;
mod database;
mod deliveries;
mod deploys;
mod engine;
mod feed;
mod hosts;
mod intake;
mod lists;
mod outbox;
mod people;
mod projections;
mod read;
mod row;
mod spent;

pub mod plan;
pub mod postgres;
pub mod schema;
pub mod sqlite;
pub mod step;

pub use database::Database;
pub use postgres::PostgresStore;
pub use sqlite::{SqliteStore, damage, mains};
