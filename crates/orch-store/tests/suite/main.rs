//! One contract for both engines, then what only one of them has.

mod contract;
mod facts;
mod guards;
mod harness;
mod rows;
mod schema;
mod sqlite;
mod work;
