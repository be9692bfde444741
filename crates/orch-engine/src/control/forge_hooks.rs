//! Webhooks of forges: stored before they are answered, and then looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use orch_ports::forge_hook::ForgeHeard;
use orch_ports::intake::NewDelivery;
use orch_ports::tracker::HookRequest;
use orch_rules::ids::RepositoryId;

use super::hooks::kept;
use super::{Control, ControlError, HookAnswer};
use crate::forge_news::ForgeHookCounts;
use crate::perform::blocking;

/// Headers that are kept.
const KEPT: [&str; 2] = ["x-gitea-event", "x-gitea-delivery"];
/// Requests for repositories that there are not are counted as those of this one.
const NOBODY: &str = "";

impl Control {
    /// Webhooks that came, by repository; of those that there are not under the empty name.
    pub fn forge_hooks(&self) -> BTreeMap<RepositoryId, ForgeHookCounts> {
        self.engine.forge_news.as_ref().map(|news| news.counts().clone()).unwrap_or_default()
    }

    /// A webhook's body was too long to be read.
    pub fn forge_hook_too_long(&self, repository: &str) {
        self.count(&self.known(repository), |counts| counts.refused += 1);
        tracing::warn!(repository, "a webhook was refused: its body is too long");
    }

    /// A webhook of a repository's forge.
    ///
    /// # Errors
    /// The store's.
    pub async fn forge_hook(&self, repository: &str, request: HookRequest) -> Result<HookAnswer, ControlError> {
        let id = self.known(repository);
        let Some(context) = self.engine.served().contexts.get(&id).cloned() else {
            self.count(&id, |counts| counts.refused += 1);
            return Ok(HookAnswer::Unknown);
        };
        let Some(news) = self.engine.forge_news.clone() else { return Ok(HookAnswer::Unknown) };
        let request = Arc::new(request);
        let (asked, unread) =
            (request.clone(), |_| ControlError::Unavailable { why: "it could not be read now".to_owned() });
        let heard = blocking(move || Ok(context.forge.change_requests().map(|product| product.heard(&asked))));
        let (key, hints) = match heard.await.map_err(unread)? {
            None => {
                self.count(&id, |counts| counts.refused += 1);
                return Ok(HookAnswer::Refused("the forge of this repository has no webhooks"));
            }
            Some(ForgeHeard::Refused(why)) => {
                self.count(&id, |counts| counts.refused += 1);
                tracing::warn!(repository, why, "a webhook was refused");
                return Ok(HookAnswer::Refused(why));
            }
            Some(ForgeHeard::Ignored(why)) => {
                let now = self.engine.store.now().await?;
                self.count(&id, |counts| (counts.ignored, counts.last) = (counts.ignored + 1, Some(now)));
                tracing::info!(repository, why, "a webhook was ignored");
                return Ok(HookAnswer::Ignored(why));
            }
            Some(ForgeHeard::Told { key, hints }) => (key, hints),
        };
        let connection = match self.engine.forge_connection(&news, &id).await {
            Ok(Some(connection)) => connection,
            Ok(None) => return Ok(HookAnswer::NotYet),
            Err(error) => {
                tracing::warn!(repository, error = error.words(), "a webhook came before its server could be asked");
                return Ok(HookAnswer::NotYet);
            }
        };
        let delivery = NewDelivery {
            connection: connection.id,
            key,
            headers: kept(&request, &KEPT),
            body: String::from_utf8_lossy(&request.body).into_owned(),
            hints,
            due: None,
        };
        let new = news.intake().deliver(delivery).await?;
        let now = self.engine.store.now().await?;
        self.count(&id, |counts| {
            *(if new { &mut counts.stored } else { &mut counts.repeated }) += 1;
            counts.last = Some(now);
        });
        news.told();
        Ok(HookAnswer::Stored)
    }

    /// The repository of that name; others are nobody's, so that strangers cannot fill a list.
    fn known(&self, repository: &str) -> RepositoryId {
        let id = RepositoryId(repository.to_owned());
        if self.engine.served().contexts.contains_key(&id) { id } else { RepositoryId(NOBODY.to_owned()) }
    }

    fn count(&self, repository: &RepositoryId, count: impl FnOnce(&mut ForgeHookCounts)) {
        if let Some(news) = &self.engine.forge_news {
            count(news.counts().entry(repository.clone()).or_default());
        }
    }
}
