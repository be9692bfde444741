//! What stories stand on: the engine on a real SQLite store, with a forge and runs in memory that a test keeps while
//! processes come and go. Whoever speaks for people (the API) is tested over the same engine.
//!
//! Only tests depend on it: beside the test kit, which knows the ports alone, it knows the engine and a store.
#![deny(missing_docs)]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

pub mod host;
mod production;
pub mod store;
mod stored;
pub mod world;
