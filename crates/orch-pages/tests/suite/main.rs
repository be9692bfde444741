//! The pages as a browser asks for them, over a real engine on a real store.

#![allow(clippy::unwrap_used, reason = "a panic in a test is how it fails")]

mod access;
mod acts;
mod hostile;
mod looks;
mod visit;
