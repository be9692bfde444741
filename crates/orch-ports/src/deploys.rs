//! Deployments as they are kept: the line of each target as one row, and a row for each deployment that was ever in it.

use async_trait::async_trait;
use orch_rules::deploy::Deployment;
use orch_rules::deploy::line::DeployLine;
use orch_rules::ids::{DeployTarget, TaskId};

use crate::store::StoreResult;

/// Keeps deployments.
#[async_trait]
pub trait DeployLines: Send + Sync {
    /// The line of a target, with its version; an empty one of version 0 where nothing was deployed yet.
    async fn deploy_line(&self, target: &DeployTarget) -> StoreResult<(DeployLine, i64)>;
    /// Writes a line as a whole, and each deployment in it as a row; `false`, and nothing is written, if it has another version
    /// by now.
    async fn put_deploy_line(&self, line: &DeployLine, version: i64) -> StoreResult<bool>;
    /// All lines, by name.
    async fn deploy_lines(&self) -> StoreResult<Vec<DeployLine>>;
    /// All deployments of a task, oldest first.
    async fn deployments_of(&self, task: &TaskId) -> StoreResult<Vec<Deployment>>;
    /// The newest deployments, newest first.
    async fn deployments(&self, most: u32) -> StoreResult<Vec<Deployment>>;
}
