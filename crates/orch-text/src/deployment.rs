//! How far a deployment is.

use fluent_bundle::FluentArgs;
use orch_rules::deploy::DeploymentState;

use crate::catalogue::sentence;
use crate::language::Language;

/// How far a deployment is, in words. A spelling of a newer release is shown as it is.
#[must_use]
pub fn deployment_state(state: &str, language: Language) -> String {
    let Some(known) = DeploymentState::ALL.into_iter().find(|known| known.name() == state) else {
        return state.to_owned();
    };
    let message = match known {
        DeploymentState::Queued => "deployment-queued",
        DeploymentState::Deploying => "deployment-deploying",
        DeploymentState::Checking => "deployment-checking",
        DeploymentState::RollingBack => "deployment-rolling-back",
        DeploymentState::Unknown => "deployment-unknown",
        DeploymentState::Healthy => "deployment-healthy",
        DeploymentState::Failed => "deployment-failed",
        DeploymentState::RolledBack => "deployment-rolled-back",
        DeploymentState::Broken => "deployment-broken",
        DeploymentState::Superseded => "deployment-superseded",
        DeploymentState::Cancelled => "deployment-cancelled",
    };
    sentence(language, message, &FluentArgs::new()).text
}
