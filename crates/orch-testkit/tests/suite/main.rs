//! The scripted agent on real clones, the sample project under its own test command, and the world with a stand-in
//! for the binary.
#![expect(clippy::unwrap_used, reason = "in a helper of tests, too, a panic is how a test fails")]

mod acts;
mod defaults;
mod fakes;
mod model_server;
mod place;
mod rounds;
mod sample;
mod targets;
mod world;
