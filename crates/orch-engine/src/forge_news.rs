//! What the products of forges tell: each repository's product is a connection, its webhooks are stored and looked at, and
//! nothing is done at their word. Where none comes, the same is found by asking.

mod reviews;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use orch_ports::intake::{Intake, Look, LookEnd, Observed};
use orch_ports::store::StoreError;
use orch_rules::connection::{Connection, NewConnection};
use orch_rules::ids::{CommitId, RepositoryId, Timestamp};
use orch_rules::observation::ObjectKind;
use orch_rules::rights::ConnectionKind;
use tokio::sync::Notify;

use crate::engine::Engine;
use crate::perform::{PerformError, blocking};

/// A look that failed is made again after so long, in milliseconds.
const AGAIN_MS: i64 = 30_000;
/// Pause after the store could not be asked.
const AWAY: Duration = Duration::from_secs(2);
/// So often looks are asked for that nobody told this process of.
const UNTOLD: Duration = Duration::from_secs(60);
/// No delivery, or no asking, for so long, in milliseconds: what events would tell is asked for. Events are never sent
/// again, and those that come say nothing of one that was lost.
const SILENT_MS: i64 = 600_000;

/// The webhooks of one repository since this process began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForgeHookCounts {
    /// Stored, and looked at.
    pub stored: u64,
    /// Known already: looked at once more.
    pub repeated: u64,
    /// Nothing that concerns us.
    pub ignored: u64,
    /// Not signed, wrongly signed, or too long.
    pub refused: u64,
    /// The newest that was signed, by the store's clock.
    pub last: Option<Timestamp>,
}

/// What this process knows of the products.
pub(crate) struct ForgeNews {
    intake: Arc<dyn Intake>,
    /// In rows that this process has claimed: what an earlier one had is nobody's.
    owner: String,
    connections: Mutex<BTreeMap<RepositoryId, Connection>>,
    counts: Mutex<BTreeMap<RepositoryId, ForgeHookCounts>>,
    /// When what events would tell was last asked for.
    asked: Mutex<BTreeMap<RepositoryId, Timestamp>>,
    /// Something is to be looked at.
    due: Notify,
}

impl ForgeNews {
    pub(crate) fn intake(&self) -> &dyn Intake {
        &*self.intake
    }

    pub(crate) fn told(&self) {
        self.due.notify_one();
    }

    pub(crate) fn counts(&self) -> MutexGuard<'_, BTreeMap<RepositoryId, ForgeHookCounts>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connections(&self) -> MutexGuard<'_, BTreeMap<RepositoryId, Connection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Events arrive, and it was asked not long ago whether one was lost.
    fn is_told(&self, repository: &RepositoryId, now: Timestamp) -> bool {
        let last = self.counts().get(repository).and_then(|counts| counts.last);
        let asked = self.asked().get(repository).copied();
        is_recent(last, now) && is_recent(asked, now)
    }

    fn asked(&self) -> MutexGuard<'_, BTreeMap<RepositoryId, Timestamp>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_recent(time: Option<Timestamp>, now: Timestamp) -> bool {
    time.is_some_and(|time| now.since_ms(time) < SILENT_MS)
}

impl Engine {
    /// The products of forges are heard.
    #[must_use]
    pub fn hearing(mut self, intake: Arc<dyn Intake>) -> Self {
        self.forge_news = Some(Arc::new(ForgeNews {
            intake,
            owner: format!("{}:{}", self.owner, uuid::Uuid::now_v7().simple()),
            connections: Mutex::default(),
            counts: Mutex::default(),
            asked: Mutex::default(),
            due: Notify::new(),
        }));
        self
    }

    /// The connection of a repository's product; `None` if its forge has none, or nobody knows who is who.
    ///
    /// # Errors
    /// The product's, before it was asked once.
    pub(crate) async fn forge_connection(
        &self,
        news: &ForgeNews,
        repository: &RepositoryId,
    ) -> Result<Option<Connection>, PerformError> {
        if let Some(known) = news.connections().get(repository).cloned() {
            return Ok(Some(known));
        }
        let (Some(people), context) = (&self.people, self.context(repository)?) else { return Ok(None) };
        let asked = blocking(move || Ok(context.forge.change_requests().map(|product| product.place()).transpose()?));
        let Some(place) = asked.await? else { return Ok(None) };
        let connection = NewConnection {
            name: repository.to_string(),
            product: place.product,
            kind: ConnectionKind::Forge,
            server: place.server,
            project: place.project,
            accounts: place.accounts,
        };
        let connection = people.connect(&connection).await?;
        news.connections().insert(repository.clone(), connection.clone());
        Ok(Some(connection))
    }

    /// Looks at what webhooks named. Never ends.
    pub(crate) async fn hear_forges_forever(self: Arc<Self>) {
        let Some(news) = self.forge_news.clone() else { return };
        if let Err(error) = news.intake.reclaim_looks(&news.owner).await {
            tracing::warn!(%error, "looks of an earlier process are made when they are told of again");
        }
        loop {
            let mut pause = UNTOLD;
            if self.may_work() {
                for repository in self.repositories() {
                    if let Err(error) = self.look_at_told(&news, &repository).await {
                        // A server that is away is not asked more often for it.
                        if matches!(error, PerformError::Store(_)) {
                            pause = AWAY;
                        }
                        tracing::warn!(%repository, error = error.words(), "what its forge told is looked at later");
                    }
                }
            }
            drop(tokio::time::timeout(pause, news.due.notified()).await);
        }
    }

    async fn look_at_told(&self, news: &ForgeNews, repository: &RepositoryId) -> Result<(), PerformError> {
        if self.context(repository)?.forge.change_requests().is_none() {
            return Ok(());
        }
        let Some(connection) = self.forge_connection(news, repository).await? else { return Ok(()) };
        while let Some(look) = news.intake.claim_look(&connection.id, &news.owner).await? {
            let seen = news.intake.observed(&connection.id, &look.object).await?;
            let looked = self.look_at_object(&connection, repository, &look, &seen).await;
            let end = match looked {
                Ok(body) => {
                    let observation = body.map(|body| Observed { version: seen.version + 1, body });
                    LookEnd { observation, told: Vec::new(), again: None, error: None }
                }
                Err(PerformError::Store(error)) => return Err(error.into()),
                Err(error) => {
                    let again = Some(self.store.now().await?.plus_ms(AGAIN_MS));
                    LookEnd { observation: None, told: Vec::new(), again, error: Some(error.words()) }
                }
            };
            match news.intake.end_look(&look, seen.version, end).await {
                Ok(_) | Err(StoreError::Stale { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// What is kept of it from now on, if that is news.
    async fn look_at_object(
        &self,
        connection: &Connection,
        repository: &RepositoryId,
        look: &Look,
        seen: &Observed,
    ) -> Result<Option<String>, PerformError> {
        let id = look.object.id.as_str();
        let base = self.store.base_seen(repository).await?.map(|seen| seen.base);
        match look.object.kind {
            ObjectKind::Branch if base.as_ref().is_none_or(|base| base.branch == id) => {
                self.look_at_repository(repository).await?;
                self.compare_one(repository).await?;
                self.look_at_main_ci(repository, false).await?;
                Ok(None)
            }
            ObjectKind::Branch => {
                self.look_at_branches_of(repository).await.map_err(PerformError::Passing)?;
                Ok(None)
            }
            ObjectKind::Commit => {
                self.ci_told(&CommitId::from(id));
                if base.is_some_and(|base| base.tip.as_str() == id) {
                    self.look_at_main_ci(repository, true).await?;
                }
                Ok(None)
            }
            ObjectKind::ChangeRequest => match id.parse() {
                Ok(number) => self.look_at_change_request(connection, repository, number, seen).await,
                Err(_) => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// Asks for what events would tell, where none arrive.
    pub(crate) async fn look_at_untold(&self, repository: &RepositoryId) -> Result<(), PerformError> {
        let Some(news) = self.forge_news.clone() else { return Ok(()) };
        let now = self.store.now().await?;
        if news.is_told(repository, now) {
            return Ok(());
        }
        self.look_for_reviews(&news, repository).await?;
        news.asked().insert(repository.clone(), now);
        Ok(())
    }
}
