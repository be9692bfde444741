//! Signals by which agents are asked to end (signal(7)).

use orch_ports::agent::StopStep;

/// SIGINT
pub(super) const INTERRUPT: i32 = 2;
/// SIGTERM
pub(super) const TERMINATE: i32 = 15;

/// One step.
pub(super) const fn step(signal: i32, wait_ms: u64) -> StopStep {
    StopStep { signal, wait_ms }
}
