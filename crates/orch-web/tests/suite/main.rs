//! The API as a client sees it, over a real engine on a real store.

#![allow(clippy::unwrap_used, reason = "a panic in a test is how it fails")]

mod api;
mod document;
mod fixtures;
mod guard;
mod outbox;
mod queue;
mod read;
mod served;
mod waits;
