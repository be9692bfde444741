//! Runners.

pub mod confining;
pub mod host;
pub mod proxy;
pub mod put_back;
