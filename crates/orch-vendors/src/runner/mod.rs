//! Runners.

pub mod confining;
pub mod host;
pub mod memory;
pub mod proxy;
pub mod put_back;
