//! Every text in every language.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod cards;
mod catalogues;
mod reasons;
mod waits;
