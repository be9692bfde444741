//! Forges.

pub mod local;
