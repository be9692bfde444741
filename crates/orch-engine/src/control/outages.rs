//! What a person does about an outage.

use orch_ports::store::StoreError;
use orch_rules::actor::Actor;
use orch_rules::ids::RepositoryId;
use orch_rules::outage::{Outage, Source, lift};
use orch_rules::rights::Right;

use super::{Answer, Control, ControlError};
use crate::looking::MOST_RELOADS;

impl Control {
    /// What failed, over or not.
    ///
    /// # Errors
    /// The store's.
    pub async fn outages(&self) -> Result<Vec<Outage>, ControlError> {
        Ok(self.engine.store.outages().await?)
    }

    /// Lift an outage by hand: what waits for it starts at once.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] if nothing is out under this name; or the store's.
    pub async fn lift(&self, source: &Source, by: impl Into<Actor>) -> Result<Answer, ControlError> {
        let by = &by.into();
        self.allow(by, Right::Steer).await?;
        let store = &self.engine.store;
        for _ in 0..MOST_RELOADS {
            let known: Vec<Outage> = store.outages().await?.into_iter().filter(Outage::is_closed).collect();
            let Some(outage) = known.iter().find(|outage| outage.source == *source) else {
                return Err(ControlError::NotFound { what: nothing(source, &known) });
            };
            let repositories: Vec<_> = store.repositories().await?.into_iter().map(|row| row.id).collect();
            match store.apply(lift(outage, by, &repositories, store.now().await?), None).await {
                Ok(_) => {
                    self.moved().await?;
                    return Ok(Answer { text: "lifted: what waited for it starts".to_owned(), pending: false });
                }
                Err(StoreError::Guard(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ControlError::Refused { why: "it changes all the time; try again".to_owned() })
    }

    /// Lets work begin on a base branch whose present tip is not green, so that a task can mend it.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for an unknown repository, [`ControlError::Refused`] if nothing is known against it.
    pub async fn accept_red_base(
        &self,
        repository: &RepositoryId,
        by: impl Into<Actor>,
    ) -> Result<Answer, ControlError> {
        let by = by.into();
        self.allow(&by, Right::Steer).await?;
        let repository = self.pick(Some(repository)).await?.id;
        let seen = self.engine.store.base_seen(&repository).await?;
        let refused = |why: String| ControlError::Refused { why };
        let Some(seen) = seen.map(|seen| seen.base) else {
            return Err(refused(format!("the base branch of {repository} was not seen yet; try again")));
        };
        if seen.tests.clone().accept(&seen.tip, &by) {
            self.engine.tell_base(&repository, |base| _ = base.tests.accept(&seen.tip, &by)).await?;
            self.engine.look_at_repository(&repository).await?;
            self.moved().await?;
            let tip: String = seen.tip.as_str().chars().take(10).collect();
            let text = format!("work begins on {} at {tip} although it is not green", seen.branch);
            return Ok(Answer { text, pending: false });
        }
        Err(refused(format!(
            "{} of {repository} is not known to be red; what waits waits for something else",
            seen.branch
        )))
    }
}

fn nothing(source: &Source, known: &[Outage]) -> String {
    let names: Vec<_> = known.iter().map(|outage| outage.source.key()).collect();
    let rest = if names.is_empty() { "nothing is out".to_owned() } else { format!("out: {}", names.join(", ")) };
    format!("nothing is known to be wrong with {}; {rest} (orch queue)", source.key())
}
