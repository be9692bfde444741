//! The crate against the real git program, in throw-away folders.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test that cannot go on should say where, and people read what it prints"
)]

mod candidates;
mod clones;
mod cost;
mod delivery;
mod evidence;
mod fixture;
mod forge;
mod git_server;
mod hostile;
mod landing;
mod machine;
mod parcels;
mod refusals;
mod remote;
mod remote_made;
mod set_aside;
mod source;
mod ssh_server;
mod standing;
