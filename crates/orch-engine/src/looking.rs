//! How each repository stands: what makes one unusable is found by looking, written down, and taken back when it is
//! mended. The trouble of one is its own: its tasks wait for it, everybody else's go on.

use std::sync::Arc;

use orch_ports::store::{StoreError, StoreResult};
use orch_rules::ids::RepositoryId;
use orch_rules::lane::Repository;
use orch_rules::outage::{Outage, Source};
use orch_rules::repository_file::RepositoryFile;
use orch_rules::standing::{Standing, repository_stands};
use tokio::task::JoinSet;

use crate::engine::Engine;
use crate::perform::blocking;
use crate::repository_context::{REPOSITORY_FILE, RepositoryContext};

/// So often it is written again because somebody else wrote first.
const MOST_RELOADS: u32 = 20;

/// What a look found.
struct Seen {
    standing: Standing,
    /// What the base branch says of itself, if it could be read.
    base: Option<(String, bool)>,
}

impl Engine {
    /// Looks at a repository and writes down how it stands, if that is news.
    ///
    /// # Errors
    /// The store's.
    pub async fn look_at_repository(&self, repository: &RepositoryId) -> StoreResult<Standing> {
        let Some(context) = self.served().contexts.get(repository).cloned() else { return Ok(Standing::Well) };
        let Ok(Some(seen)) = blocking(move || Ok(look(&context))).await else {
            // Something that passes by itself, a busy lock for instance, is no news.
            return Ok(Standing::Well);
        };
        if let Some((branch, serial)) = seen.base {
            self.learn(repository, branch, serial).await?;
        }
        self.repository_stands(repository, &seen.standing).await?;
        Ok(seen.standing)
    }

    /// Looks at every repository, at all of them at once.
    pub(crate) async fn first_looks(self: Arc<Self>) {
        let mut looks = JoinSet::new();
        for repository in self.repositories() {
            let engine = Arc::clone(&self);
            looks.spawn(async move {
                if let Err(error) = engine.look_at_repository(&repository).await {
                    tracing::warn!(%error, %repository, "it could not be looked at");
                }
            });
        }
        let all = async { while looks.join_next().await.is_some() {} };
        let _late = tokio::time::timeout(self.limits.first_looks, all).await;
        looks.detach_all();
    }

    /// Looks again at every repository that could not be worked in. Never ends.
    pub(crate) async fn look_at_troubled_forever(self: Arc<Self>) {
        loop {
            tokio::time::sleep(self.limits.look_at_trouble).await;
            let Ok(queue) = self.store.queue().await else { continue };
            for outage in queue.outages {
                let Source::Repository { name } = &outage.source else { continue };
                if outage.failures == 0 {
                    continue;
                }
                if let Err(error) = self.look_at_repository(&RepositoryId(name.clone())).await {
                    tracing::warn!(%error, repository = name, "it could not be looked at");
                }
            }
        }
    }

    /// Writes down how a repository stands, and wakes whoever waits for it.
    pub(crate) async fn repository_stands(&self, repository: &RepositoryId, standing: &Standing) -> StoreResult<()> {
        let source = Source::Repository { name: repository.to_string() };
        for _ in 0..MOST_RELOADS {
            let known: Option<Outage> = self.store.queue().await?.outages.into_iter().find(|o| o.source == source);
            let now = self.store.now().await?;
            let Some(changes) = repository_stands(known.as_ref(), repository, standing, now) else { return Ok(()) };
            match self.store.apply(changes, None).await {
                Ok(applied) => {
                    match standing {
                        Standing::Well => tracing::info!(%repository, "it can be worked in"),
                        Standing::Notice(text) | Standing::Trouble(text) => tracing::warn!(%repository, "{text}"),
                    }
                    self.changes.happened();
                    if applied.queued {
                        self.nudge();
                    }
                    return Ok(());
                }
                Err(StoreError::Guard(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What the base branch says of the repository becomes its row.
    async fn learn(&self, repository: &RepositoryId, base_branch: String, serial: bool) -> StoreResult<()> {
        let known = self.store.repositories().await?.into_iter().find(|row| row.id == *repository);
        let Some(row) = known.filter(|row| row.serial != serial || row.base_branch != base_branch) else {
            return Ok(());
        };
        self.store.register(&Repository { base_branch, serial, ..row }).await.map(drop)
    }
}

/// `None`: nothing can be said now.
fn look(context: &RepositoryContext) -> Option<Seen> {
    let trouble = |text: String| Some(Seen { standing: Standing::Trouble(text), base: None });
    let base = match context.forge.base() {
        Ok(base) => base,
        Err(error) if error.passes() => return None,
        Err(error) => return trouble(error.words),
    };
    let settings = match context.settings_at(&base.tip) {
        Ok(settings) => settings,
        Err(error) if error.passes() => return None,
        Err(error) => return trouble(error.words),
    };
    let branch = &base.branch;
    match settings.as_ref() {
        Err(problems) => trouble(format!(
            "its settings on {branch} cannot be read: {problems}; mend {REPOSITORY_FILE} and commit it to {branch}"
        )),
        Ok(file) => {
            let blocked = match context.no_place_for_documents(&base.tip, branch) {
                Ok(blocked) => blocked,
                Err(error) if error.passes() => return None,
                Err(error) => return trouble(error.words),
            };
            let standing = match missing(context, file, branch).or(blocked) {
                Some(text) => Standing::Trouble(text),
                None => base.diverged.map_or(Standing::Well, Standing::Notice),
            };
            Some(Seen { standing, base: Some((base.branch, file.serial)) })
        }
    }
}

/// What no task can do without: known before the first run is paid.
fn missing(context: &RepositoryContext, file: &RepositoryFile, branch: &str) -> Option<String> {
    if context.agents.is_empty() {
        return Some(
            "no agent is configured for it; name one in the repository: orch init --agent claude_code, or codex, or \
             --agent-command CMD"
                .to_owned(),
        );
    }
    let none = file.check_command.as_ref().is_none_or(|command| command.trim().is_empty());
    none.then(|| {
        format!(
            "{branch} names no test command, so nothing could ever be green; set `command` under [check] in \
             {REPOSITORY_FILE} (orch init --test CMD writes it), and commit it to {branch}"
        )
    })
}
