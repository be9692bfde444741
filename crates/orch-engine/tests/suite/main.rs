//! Stories: the engine on a real SQLite store, with a forge and runs in memory that the test keeps while processes
//! come and go.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod answers;
mod bad_releases;
mod base;
mod base_tests;
mod check_again;
mod ci;
mod circle;
mod deliveries;
mod deploys;
mod documents;
mod faults;
mod forge_hooks;
mod forward;
mod found;
mod freezing;
mod intake;
mod kept;
mod killed;
mod landing;
mod landing_settings;
mod line;
mod many;
mod not_known;
mod one_holder;
mod one_prefix;
mod outage;
mod outbox;
mod people;
mod protected;
mod redeploys;
mod reviews;
mod set_up;
mod showing;
mod sweep;
mod taking_back;
mod told;
mod two_hosts;
mod who;

use orch_stories::{store, world};
