//! What runs cost, and what is likely to be spent next.

use orch_ports::lists::{Costs, SpentFilter};
use orch_ports::store::History;
use orch_rules::budget::DAY_MS;
use orch_rules::episode::EpisodeKind;
use orch_rules::forecast::{Forecast, forecast};
use orch_rules::ids::{RepositoryId, Timestamp};
use orch_rules::pipeline::Pipeline;
use orch_rules::task::Task;

use super::{Control, ControlError};

/// Landed tasks that a forecast looks back on.
const COMPARED: u32 = 50;

impl Control {
    /// What runs cost in the last so many days of UTC, today included, with so many of the dearest tasks; and since when
    /// that is.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for a repository that nobody knows, or the store's.
    pub async fn costs(
        &self,
        days: u32,
        repository: Option<&RepositoryId>,
        tasks: u32,
    ) -> Result<(Timestamp, Costs), ControlError> {
        let repository = match repository {
            Some(repository) => Some(self.pick(Some(repository)).await?.id),
            None => None,
        };
        let today = self.engine.store.now().await?.0.div_euclid(DAY_MS);
        let since = Timestamp((today + 1 - i64::from(days.max(1))) * DAY_MS);
        Ok((since, self.engine.store.spent(&SpentFilter { since, repository, tasks }).await?))
    }

    /// What the stages behind an open approval cost those that landed.
    pub(super) async fn forecast(
        &self,
        task: &Task,
        history: &History,
        pipeline: &Pipeline,
    ) -> Result<Option<Forecast>, ControlError> {
        let asked = history.episodes.iter().any(|episode| episode.is_open() && episode.kind == EpisodeKind::Approval);
        let Some(stage) = task.position.stage().filter(|_| asked) else { return Ok(None) };
        let landed = self.engine.store.landed_costs(&task.repository, COMPARED).await?;
        Ok(forecast(pipeline, stage, &landed))
    }
}
