//! What answers where something was deployed.

use orch_rules::deploy::looks::Look;

/// Looks from outside at what runs on a target.
pub trait HealthLook: Send + Sync {
    /// One look, over a connection of its own. Blocks for a few seconds at most; whatever goes wrong is a look that is not
    /// well.
    fn look(&self) -> Look;
}
