//! How each repository stands: what makes one unusable is found by looking, written down, and taken back when it is
//! mended. The trouble of one is its own: its tasks wait for it, everybody else's go on.

use std::collections::BTreeMap;
use std::sync::Arc;

use orch_ports::PortResult;
use orch_ports::forge::{Base, Forge};
use orch_ports::store::{StoreError, StoreResult};
use orch_ports::workshop::NumbersSeen;
use orch_rules::base_branch::BaseBranch;
use orch_rules::ids::{CommitId, RepositoryId};
use orch_rules::lane::Repository;
use orch_rules::outage::{Outage, Source};
use orch_rules::repository_file::RepositoryFile;
use orch_rules::standing::{Standing, repository_stands};
use tokio::sync::broadcast;
use tokio::task::JoinSet;

use crate::base_looks::{self, Turn};
use crate::engine::Engine;
use crate::perform::{PerformError, blocking, no_product};
use crate::repository_context::{REPOSITORY_FILE, RepositoryContext};

/// So often it is written again because somebody else wrote first.
pub(crate) const MOST_RELOADS: u32 = 20;

/// What a look found.
struct Seen {
    standing: Standing,
    /// The base branch, if it could be read.
    base: Option<BaseBranch>,
}

impl Engine {
    /// Looks at a repository and writes down how it stands and what its base branch says, if that is news.
    ///
    /// # Errors
    /// The store's.
    pub async fn look_at_repository(&self, repository: &RepositoryId) -> StoreResult<Standing> {
        let Some(turn) = self.looks.turn(repository, false).await else { return Ok(Standing::Well) };
        self.look_in_turn(repository, turn).await
    }

    /// The base branch as it was seen last, after a look that began from now on; everybody who needs one at the same
    /// moment shares it. Nobody waits for it longer than [`crate::Limits::fresh_within`]: a git may hang.
    pub(crate) async fn fresh_base(&self, repository: &RepositoryId) -> StoreResult<Option<BaseBranch>> {
        let look = async {
            match self.looks.turn(repository, true).await {
                Some(turn) => self.look_in_turn(repository, turn).await.map(drop),
                None => Ok(()),
            }
        };
        if let Ok(looked) = tokio::time::timeout(self.limits.fresh_within, look).await {
            looked?;
        }
        Ok(self.store.base_seen(repository).await?.map(|seen| seen.base))
    }

    async fn look_in_turn(&self, repository: &RepositoryId, turn: Turn) -> StoreResult<Standing> {
        let Some(context) = self.served().contexts.get(repository).cloned() else { return Ok(Standing::Well) };
        let Some(row) = self.store.repositories().await?.into_iter().find(|row| row.id == *repository) else {
            return Ok(Standing::Well);
        };
        let known = self.store.base_seen(repository).await?;
        let before = known.clone().map(|seen| seen.base);
        let tested = self.limits.base_check;
        // The turn goes with the git that may hang, so that nobody begins another one beside it.
        let (asked, mut turn) = (row.clone(), turn);
        let looked = blocking(move || {
            let seen = look(&context, before, &asked, &mut turn.ended.numbers, tested);
            Ok((turn, seen))
        });
        let Ok((turn, Some(seen))) = looked.await else {
            // Something that passes by itself, a busy lock for instance, is no news.
            return Ok(Standing::Well);
        };
        if let Some(base) = &seen.base {
            self.learn(row, base).await?;
            let (version, before) = known.map_or((0, None), |seen| (seen.version, Some(seen.base)));
            if before.as_ref() != Some(base) && !self.store.see_base(repository, version, base).await? {
                tracing::warn!(%repository, "its base branch was looked at by another process");
            }
            self.base_was_seen(repository).await?;
        }
        self.repository_stands(repository, &seen.standing).await?;
        if seen.base.is_some_and(|base| base.tests.is_news(&base.tip)) {
            self.untested.notify_one();
        }
        turn.over();
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
            let Ok(outages) = self.store.outages().await else { continue };
            for outage in outages {
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
            let known: Option<Outage> = self.store.outages().await?.into_iter().find(|o| o.source == source);
            let now = self.store.now().await?;
            let Some(changes) = repository_stands(known.as_ref(), repository, standing, now) else {
                self.told_how_it_stands(repository, standing);
                return Ok(());
            };
            match self.store.apply(changes, None).await {
                Ok(applied) => {
                    self.told_how_it_stands(repository, standing);
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

    /// How repositories stand, each time one was looked at, from now on: to be told once, by whoever runs the engine.
    pub fn standings(&self) -> broadcast::Receiver<(RepositoryId, Standing)> {
        self.standings.subscribe()
    }

    fn told_how_it_stands(&self, repository: &RepositoryId, standing: &Standing) {
        // Nobody may be listening.
        let _ = self.standings.send((repository.clone(), standing.clone()));
    }

    /// Something was not done for a repository. If that is because it cannot be worked in, that is told already.
    pub(crate) async fn beside_trouble(&self, repository: &RepositoryId, error: PerformError, what: &str) {
        match self.look_at_repository(repository).await {
            Ok(Standing::Trouble(_)) => tracing::debug!(%repository, error = error.words(), "{what}"),
            _ => tracing::warn!(%repository, error = error.words(), "{what}"),
        }
    }

    /// What the base branch says of the repository becomes its row.
    async fn learn(&self, row: Repository, base: &BaseBranch) -> StoreResult<()> {
        let Ok(file) = base.settings() else { return Ok(()) };
        if row.serial == file.serial && row.base_branch == base.branch {
            return Ok(());
        }
        let row = Repository { base_branch: base.branch.clone(), serial: file.serial, ..row };
        self.store.register(&row).await.map(drop)
    }
}

/// `None`: nothing can be said now.
fn look(
    context: &RepositoryContext,
    before: Option<BaseBranch>,
    row: &Repository,
    numbers: &mut BTreeMap<String, NumbersSeen>,
    tested: bool,
) -> Option<Seen> {
    let base = match base_or_again(&*context.forge) {
        Ok(base) => base,
        Err(error) if error.passes() => {
            // A server that is away holds its repositories: what agents do meanwhile could not be delivered.
            let server = context.forge.offers().server.filter(|_| error.not_before().is_none())?;
            let text = format!(
                "{server} cannot be reached, and nothing of it starts or lands until it answers; nothing is lost, and it \
                 goes on by itself: {}",
                error.words
            );
            return Some(Seen { standing: Standing::Trouble(text), base: None });
        }
        Err(error) => {
            // What the forge has of it tells more than nothing.
            let mut known = || {
                let (tip, branch) = (context.workshop.known_base()?, row.base_branch.clone());
                base_looks::read(context, None, &Base { tip, branch, diverged: None }, &row.prefix, numbers)
            };
            let base = if before.is_none() { known().ok() } else { None };
            return Some(Seen { standing: Standing::Trouble(error.words), base });
        }
    };
    let read = match base_looks::read(context, before, &base, &row.prefix, numbers) {
        Ok(read) => read,
        Err(error) if error.passes() => return None,
        Err(error) => return Some(Seen { standing: Standing::Trouble(error.words), base: None }),
    };
    let branch = &base.branch;
    let standing = match read.settings() {
        Err(problems) => Standing::Trouble(format!(
            "its settings on {branch} cannot be read: {problems}; mend {REPOSITORY_FILE} and commit it to {branch}"
        )),
        Ok(file) => match missing(context, &file, branch)
            .or_else(|| no_program(context, &read.tip))
            .or_else(|| read.obstacle.clone())
            .or_else(|| read.tests.trouble(&row.id, branch, &read.tip).filter(|_| tested && file.check_ci.runs_here()))
        {
            Some(text) if read.tests.not_yet(branch, &read.tip).as_ref() == Some(&text) => Standing::NotYet(text),
            Some(text) => Standing::Trouble(text),
            None => {
                let notice = base.diverged.or_else(|| read.tests.notice(branch, &read.tip));
                notice.map_or(Standing::Well, Standing::Notice)
            }
        },
    };
    Some(Seen { standing, base: Some(read) })
}

/// Main's tip; a server is asked twice, because one connection that breaks says nothing of it.
fn base_or_again(forge: &dyn Forge) -> PortResult<Base> {
    match forge.base() {
        Err(error) if error.passes() && forge.offers().server.is_some() => forge.base(),
        found => found,
    }
}

/// An agent whose program is not there would be tried again and again, and its tasks would be told of it one by one.
fn no_program(context: &RepositoryContext, tip: &CommitId) -> Option<String> {
    // Too large to be read is there; what cannot be asked is not held against it.
    let in_repository = |path: &str| !matches!(context.workshop.read(tip, path, 1), Ok(None));
    context.agents.values().find_map(|agent| agent.obstacle(&in_repository))
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
    if file.check_ci.asks_forge() && context.forge.change_requests().is_none() {
        return Some(no_product());
    }
    (!file.is_tested()).then(|| {
        format!(
            "{branch} names no test command, so nothing could ever be green; set `command` under [check] in \
             {REPOSITORY_FILE} (orch init --test CMD writes it), and commit it to {branch}"
        )
    })
}
