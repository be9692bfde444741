//! Agents.

pub mod command;
