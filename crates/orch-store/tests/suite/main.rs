//! One contract for both engines, then what only one of them has.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic in a case is how it fails; the lint allows it in test functions only"
)]

mod access;
mod budgets;
mod contract;
mod deliveries;
mod deploys;
mod facts;
mod feed;
mod guards;
mod harness;
mod holding;
mod hosts;
mod intake;
mod issues;
mod lists;
mod news;
mod not_known;
mod order;
mod outbox;
mod people;
mod projections;
mod rows;
mod schema;
mod spellings;
mod sqlite;
mod upkeep;
mod work;
