//! Counts what is in a text.

pub mod lines;
pub mod report;
pub mod words;
