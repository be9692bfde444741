//! Runners.

pub mod confining;
mod hook;
pub mod host;
pub mod memory;
pub mod proxy;
pub mod put_back;
