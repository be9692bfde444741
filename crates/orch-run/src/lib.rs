//! Runs: one execution of an agent or of a check, supervised by a process of its own.
//!
//! A *run* lives in a [`RunDirectory`] that belongs to the orchestrator and lies outside the clone
//! the agent works in. Everything the orchestrator and the supervisor tell each other goes through
//! the files of that directory, so a run outlives the process that launched it:
//!
//! | file | written by | meaning |
//! |---|---|---|
//! | `spec.json` | [`RunDirectory::create`] | what to run and its limits ([`Spec`]) |
//! | `lock` | supervisor | held exclusively (`flock`) = the run is alive |
//! | `started.json` | supervisor | who ran; for killing, not for knowing. Its existence forbids a second start |
//! | `output.log` | supervisor | stdout and stderr of the agent and of the finish commands, raw, capped |
//! | `socket` | supervisor | answers `stop` and `status` to who knows the key |
//! | `control.key` | supervisor | that key: a run of the same account that is kept from these folders cannot stop this one |
//! | `supervisor.log` | supervisor | its own troubles, in words |
//! | `result.json` | supervisor | written last ([`RunResult`]) |
//!
//! A run has two ends: its result, or *lost* = the lock is free, the run was started and there is
//! no result. A lost run is never started again; [`wait`] says whether its process tree was proved
//! dead.
//!
//! The life of a run is [`RunDirectory::create`], [`launch`], [`wait`], and perhaps
//! [`request_stop`]. The supervisor itself is [`supervise`], called by the hidden subcommand
//! [`SUBCOMMAND`] of the binary. A confined command is started through the hidden subcommand
//! [`CONFINE`], which calls [`confine`]; what this program itself does in a run before its agent is given to it there.
//!
//! Nothing here is asynchronous and no supervisor starts a thread: [`wait`] and [`launch`] block their
//! caller. Linux only: the supervisor stands on `/proc`, `pidfd` and subreapers.
#![deny(missing_docs)]

mod confinement;
mod directory;
mod durable;
mod ends;
mod error;
mod growth;
pub mod host;
mod inner;
mod launch;
mod process;
mod result;
mod secret;
mod spec;
mod started;
mod stop;
mod supervisor;
mod terminal;

mod wait;

pub use confinement::{
    Account, AccountRange, Companion, Confinement, KEY, MODEL_ADDRESS, Made, Plan, SCRATCH, StopStep, Trial, Tried,
    available, choose, find,
};
pub use directory::{OutputChunk, RunDirectory, RunState};
pub use ends::{Ends, THREAD as ENDS_THREAD};
pub use error::Error;
pub use growth::await_output;
pub use inner::{CONFINE, Inside, confine, private_network};
pub use launch::{Launched, launch};
pub use result::{AgentResult, End, FinishResult, RunResult};
pub use spec::{Before, INSIDE, Kind, OWN, Spec, StandardInput};
pub use stop::{Phase, Status, StopRequest, request_status, request_stop};
pub use supervisor::trial::Way;
pub use supervisor::{SUBCOMMAND, SupervisorEnd, supervise};
pub use terminal::sanitize_for_terminal;

pub use wait::{Ended, wait};

/// The run directory version this code writes and starts.
pub const VERSION: u32 = 2;

/// The newest version this code reads: a service that was set back adopts the runs of the release after it. The next
/// version may add to what is there and not change it.
pub const READS: u32 = VERSION + 1;

/// The environment variable that carries the run id to the agent, its checks and finish commands.
pub const RUN_ID_VARIABLE: &str = "ORCH_RUN_ID";

/// The environment variable by which processes left over by a lost run are found again: unlike the
/// run id it is unique on the machine.
pub const RUN_MARK_VARIABLE: &str = "ORCH_RUN_MARK";
