//! Names of things. Each is its own type, so that a commit can never be passed where a code id is asked for.

use serde::{Deserialize, Serialize};

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The bare spelling.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }
    )+};
}

names! {
    /// A task's own identity: a UUID v7 made at intake. Never shown first; people use the [`WorkItemId`].
    TaskId,
    /// A repository's identity in the settings, for example `shop`.
    RepositoryId,
    /// `PREFIX-NNN`, unique per repository and prefix among tasks that are not cancelled (A2).
    WorkItemId,
    /// A stage of a pipeline, as spelled in the pipeline file.
    StageId,
    /// Hex name of a git commit.
    CommitId,
    /// Tree id without the task's documents folder: what CI and tests are bound to.
    CodeId,
    /// `git patch-id --stable` against the merge base: what a review is bound to.
    PatchId,
    /// SHA-256 (hex) of a pipeline's canonical form; a task pins the one it started with.
    PipelineDigest,
    /// A wait for a human, see [`crate::episode::Episode`].
    EpisodeId,
    /// One execution of the test command on one commit, see [`crate::check::Check`].
    CheckId,
    /// A host: a state folder with its runs and the processes that work on them, one after the other. Random.
    HostId,
    /// A deployment, see [`crate::deploy::Deployment`].
    DeploymentId,
    /// What a deploy hook deploys to, as named in the host's settings.
    DeployTarget,
}

/// Milliseconds since the Unix epoch, UTC, as the store read it together with the facts.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This moment plus `ms` milliseconds.
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
    /// Milliseconds from `earlier` to this moment; never negative (clocks jump).
    pub fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).max(0)
    }
}

/// Number of an attempt within its task, from 1. It is the attempt's fence: a result that carries an older
/// number changes nothing.
pub type AttemptNumber = u32;
