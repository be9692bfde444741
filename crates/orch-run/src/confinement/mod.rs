//! Levels of confinement: how the processes of a run are kept from the rest of the machine.

mod account;
mod available;
pub(crate) mod bubblewrap;
pub(crate) mod cgroup;
pub(crate) mod paths;
mod plan;

pub use account::{Account, AccountRange};
pub(crate) use available::landlock_abi as available_abi;
pub use available::{Made, Trial, Tried, available, choose, find};
pub use plan::{Companion, KEY, MODEL_ADDRESS, Plan, SCRATCH, StopStep};

use serde::{Deserialize, Serialize};

/// How the processes of a run are kept from the rest of the machine. Recorded in every result, so
/// nobody takes an unconfined run for a confined one. A higher level is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Confinement {
    /// Level 0: the run may do whatever the user may who started the orchestrator.
    #[default]
    #[serde(rename = "L0")]
    None,
    /// Level 1: an account of its own. Needs an orchestrator that is root.
    #[serde(rename = "L1")]
    Account,
    /// Landlock and seccomp alone, for a host that gives no namespaces: it has the host's network, and without root
    /// the service's account. Some doors stay open, so it is never taken for level 2.
    #[serde(rename = "L2-open")]
    Shared,
    /// Level 2: Landlock and seccomp keep it to its files in a file system and a network of its own; with root also an
    /// account of its own.
    #[serde(rename = "L2")]
    Landlock,
    /// Level 3: processes of its own as well. Made by bubblewrap, or as level 2 by the inner step itself.
    #[serde(rename = "L3")]
    Bubblewrap,
}

impl Confinement {
    /// All levels, the strongest first.
    pub const ALL: [Self; 5] = [Self::Bubblewrap, Self::Landlock, Self::Shared, Self::Account, Self::None];

    /// `L0` to `L3`, and `L2-open`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "L0",
            Self::Account => "L1",
            Self::Shared => "L2-open",
            Self::Landlock => "L2",
            Self::Bubblewrap => "L3",
        }
    }

    /// What it is, in a few words for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::None => "no confinement",
            Self::Account => "an account of its own",
            Self::Shared => "Landlock and seccomp in this host's network, with doors left open",
            Self::Landlock => "own files and network",
            Self::Bubblewrap => "own files, processes and network",
        }
    }

    /// The level of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}
