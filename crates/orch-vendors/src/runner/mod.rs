//! Runners.

pub mod host;
