//! The API as a client sees it, over a fake control.

#![allow(clippy::unwrap_used, reason = "a panic in a test is how it fails")]

mod api;
mod document;
mod fake_front;
mod guard;
mod queue;
mod waits;
