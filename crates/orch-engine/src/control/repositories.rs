//! What a person does about repositories: read the settings again, take main as its people have it.

use orch_rules::actor::Actor;
use orch_rules::ids::RepositoryId;
use orch_rules::outage::Source;
use orch_rules::rights::Right;
use orch_rules::task::Wait;

use super::standing::Waiting;
use super::{Answer, Control, ControlError};
use crate::perform::blocking;

impl Control {
    /// Reads the settings again; what became of each repository stands with it afterwards.
    ///
    /// # Errors
    /// [`ControlError::Refused`] if they cannot be used: then everything stays as it was.
    pub async fn reread(&self) -> Result<Answer, ControlError> {
        if let Some(reread) = &self.reread {
            reread.reread().await.map_err(|why| ControlError::Refused { why })?;
            for repository in self.engine.repositories() {
                self.engine.look_at_repository(&repository).await?;
            }
        }
        let names = self.engine.repositories().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let text = if names.is_empty() { "no repository is served".to_owned() } else { format!("served: {names}") };
        Ok(Answer { text, pending: false })
    }

    /// Takes main as the repository's people have it now, though it lacks commits that ours has.
    ///
    /// # Errors
    /// [`ControlError::NotFound`]; [`ControlError::Refused`] if the repository cannot be worked in for another reason.
    pub async fn accept_base(&self, repository: &RepositoryId, by: impl Into<Actor>) -> Result<Answer, ControlError> {
        let by = by.into();
        self.allow(&by, Right::Steer).await?;
        let id = self.pick(Some(repository)).await?.id;
        let context = self.engine.context(&id).map_err(|e| ControlError::Refused { why: e.words() })?;
        let accepted = blocking(move || Ok(context.forge.accept_base()?)).await;
        let base = accepted.map_err(|e| ControlError::Refused { why: e.words() })?;
        tracing::info!(repository = %id, by = by.wire(), tip = %base.tip, "main was taken as its people have it");
        self.engine.look_at_repository(&id).await?;
        let tip: String = base.tip.as_str().chars().take(10).collect();
        Ok(Answer {
            text: format!(
                "{} of {id} is {tip} now, as yours; tasks under way still stand on what it was: send back or stop \
                 those that must not bring it home",
                base.branch
            ),
            pending: false,
        })
    }

    /// Tasks of a repository that cannot be worked in wait for that first of all, whatever else they wait for.
    pub(super) async fn tell_trouble(&self, tasks: &mut [Waiting<'_>]) -> Result<(), ControlError> {
        let outages = self.engine.store.outages().await?;
        for outage in outages.iter().filter(|outage| outage.is_closed()) {
            let Source::Repository { name } = &outage.source else { continue };
            let of_it = |task: &&mut Waiting<'_>| task.repository.as_str() == name && !task.ended;
            for task in tasks.iter_mut().filter(of_it) {
                // Its place in the line says that it starts by itself, which it does not now.
                let moot = |wait: &Wait| match wait {
                    Wait::Outage { source, .. } => *source == outage.source,
                    Wait::Entry { .. } => true,
                    _ => false,
                };
                task.waits.retain(|wait| !moot(wait));
                let wait = Wait::Outage {
                    source: outage.source.clone(),
                    reason: outage.reason.clone(),
                    until: None,
                    named: false,
                    probed_by: None,
                    passes: outage.passes,
                };
                task.waits.insert(0, wait);
            }
        }
        Ok(())
    }
}
