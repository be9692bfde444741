//! Webhooks of a forge's product: what they say is only a reason to look.

use orch_rules::observation::Object;

/// Where a repository is on its forge, by what never changes there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgePlace {
    /// `gitea`: the beginning of the connection's id.
    pub product: String,
    /// The server's address.
    pub server: String,
    /// The repository's id there.
    pub project: String,
    /// Ids of our own account.
    pub accounts: Vec<String>,
}

/// What a webhook's request is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForgeHeard {
    /// Nobody can know that it is the product's.
    Refused(&'static str),
    /// The product's, and nothing that concerns us: the sender is told so, and nothing is stored.
    Ignored(String),
    /// Something happened.
    Told {
        /// The same key is the same delivery.
        key: String,
        /// What to look at; empty if that cannot be told.
        hints: Vec<Object>,
    },
}
