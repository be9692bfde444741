//! Lists of what changed, for what no webhook told: at the start everything, later what is new since the last one. They
//! make hints and nothing else; a list without news writes nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use orch_ports::tracker::ListedIssue;
use orch_rules::connection::Connection;
use orch_rules::ids::Timestamp;
use orch_rules::interpret::Command;
use orch_rules::observation::{IssueSeen, Object, ObjectKind, ProjectSeen};

use super::{Board, Looked, Tracking};
use crate::engine::Engine;

/// Between two full lists.
const FULL_EVERY: Duration = Duration::from_secs(3_600);
/// So many things that people did in a row, and of which no delivery told, are no chance.
const SILENT_AFTER: u32 = 3;

/// When the next lists are due.
pub(super) struct Sweeps {
    every: Duration,
    /// False: only once.
    again: bool,
    next: Instant,
    /// `None`: none was made yet.
    next_full: Option<Instant>,
}

impl Sweeps {
    pub fn begin(every: Duration, again: bool) -> Self {
        Self { every, again, next: Instant::now(), next_full: None }
    }

    /// Whether one is due now, and whether it is a full one.
    pub fn due(&self) -> Option<bool> {
        let now = Instant::now();
        let asks = self.again || self.next_full.is_none();
        (asks && now >= self.next).then(|| self.next_full.is_none_or(|next| now >= next))
    }

    pub fn done(&mut self, full: bool) {
        let now = Instant::now();
        self.next = now + self.every;
        if full {
            self.next_full = Some(now + FULL_EVERY);
        }
    }

    pub fn left(&self) -> Duration {
        let left = self.next.saturating_duration_since(Instant::now());
        if self.again || self.next_full.is_none() { left.max(Duration::from_millis(20)) } else { FULL_EVERY }
    }
}

impl Board {
    /// Up to when, by the product's clock, things stood there when the project was met.
    pub(super) fn since(&self) -> Timestamp {
        self.state().seen.as_ref().map_or(Timestamp(i64::MAX), |(_, seen)| seen.since)
    }

    /// A look is over: whether anything came of it, and whether no delivery had announced it. True if the webhook is taken
    /// for silent from now on.
    pub(super) fn heard_of(&self, unannounced: bool, told: bool, now: Timestamp) -> bool {
        let mut state = self.state();
        if told {
            state.silence = if unannounced { state.silence.saturating_add(1) } else { 0 };
        }
        let silent = self.project.hears && state.silence >= SILENT_AFTER && state.silent_since.is_none();
        if silent {
            state.silent_since = Some(now);
            tracing::error!(
                tracker = self.name(),
                "no webhook told of the last {SILENT_AFTER} things that people did there; changes are found by asking"
            );
        }
        silent
    }

    /// A delivery told of these.
    pub(crate) fn announced(&self, hints: &[Object]) {
        let mut state = self.state();
        for object in hints {
            state.unannounced.remove(&object.id);
        }
        (state.silence, state.silent_since) = (0, None);
    }
}

impl Engine {
    pub(super) async fn sweep_tracker(
        &self,
        tracking: &Tracking,
        board: &Board,
        connection: &Connection,
        full: bool,
    ) -> Looked<()> {
        let known = board.state().seen.clone();
        let states = if full { self.load_states(board).await? } else { Vec::new() };
        let Some((version, seen)) = known else {
            return self.first_sweep(tracking, board, connection, states).await;
        };
        let since = (!full).then(|| seen.watermark.clone());
        let items = board.call(move |tracker| tracker.list(since.as_deref())).await?;
        let newest = items.iter().map(|item| item.changed.clone()).max().unwrap_or_default();
        let watermark = newest.max(seen.watermark.clone());
        let hints = if full {
            self.differing(tracking, connection, board, &seen, &items).await?
        } else {
            self.changed(tracking, connection, board, &items).await?
        };
        for issue in hints {
            // What happened while nobody was here was told to nobody.
            if !full {
                board.state().unannounced.insert(issue.clone());
            }
            let object = Object::new(ObjectKind::Issue, issue);
            tracking.intake.hint(&connection.id, &object, self.store.now().await?).await?;
        }
        let mut after = ProjectSeen { watermark, ..seen.clone() };
        if full {
            after.states = states;
        }
        self.keep_project(tracking, board, connection, version, &seen, after).await
    }

    /// Whether its webhook is silent outlives this process: it is told once.
    pub(super) async fn keep_silence(
        &self,
        tracking: &Tracking,
        board: &Board,
        connection: &Connection,
        silent_since: Option<Timestamp>,
    ) -> Looked<()> {
        let Some((version, seen)) = board.state().seen.clone() else { return Ok(()) };
        let after = ProjectSeen { silent_since, ..seen.clone() };
        self.keep_project(tracking, board, connection, version, &seen, after).await
    }

    /// What is there when the project is met for the first time stands, and says nothing.
    async fn first_sweep(
        &self,
        tracking: &Tracking,
        board: &Board,
        connection: &Connection,
        states: Vec<(String, String)>,
    ) -> Looked<()> {
        let items = board.call(|tracker| tracker.list(None)).await?;
        // What changed behind the newest of it is new, by the same clock.
        let since = items.iter().map(|item| item.changed_at).max().unwrap_or_default();
        let watermark = items.iter().map(|item| item.changed.clone()).max().unwrap_or_default();
        let seen = ProjectSeen { since, watermark, states, ..ProjectSeen::default() };
        let before = ProjectSeen::default();
        self.keep_project(tracking, board, connection, 0, &before, seen).await
    }

    /// Writes it if it is news.
    async fn keep_project(
        &self,
        tracking: &Tracking,
        board: &Board,
        connection: &Connection,
        version: i64,
        before: &ProjectSeen,
        after: ProjectSeen,
    ) -> Looked<()> {
        if after == *before {
            return Ok(());
        }
        let body = serde_json::to_string(&after).unwrap_or_default();
        if tracking.intake.observe(&connection.id, &board.object(), version, &body).await? {
            board.state().seen = Some((version + 1, after));
        } else {
            // Another host follows it, too.
            let kept = tracking.intake.observed(&connection.id, &board.object()).await?;
            board.state().seen = Some((kept.version, serde_json::from_str(&kept.body).unwrap_or_default()));
        }
        Ok(())
    }

    /// Of what changed since the last list: what is known, and what is to start.
    async fn changed(
        &self,
        tracking: &Tracking,
        connection: &Connection,
        board: &Board,
        items: &[ListedIssue],
    ) -> Looked<Vec<String>> {
        let commands = board.states().commands();
        let mut hints = Vec::new();
        let mut met = BTreeMap::new();
        for item in items {
            let before = board.state().met.get(&item.id).cloned();
            met.insert(item.id.clone(), item.changed.clone());
            if before.as_ref() == Some(&item.changed) {
                continue;
            }
            let object = Object::new(ObjectKind::Issue, item.id.as_str());
            let known = tracking.intake.observed(&connection.id, &object).await?.version > 0;
            let named = board.states().name(&item.state).is_some();
            if known || !named || commands.meaning(&item.state) == Some(Command::Start) {
                hints.push(item.id.clone());
            }
        }
        board.state().met = met;
        Ok(hints)
    }

    /// Of everything that is there: what differs from what is kept, and what is kept and not there.
    async fn differing(
        &self,
        tracking: &Tracking,
        connection: &Connection,
        board: &Board,
        seen: &ProjectSeen,
        items: &[ListedIssue],
    ) -> Looked<Vec<String>> {
        let commands = board.states().commands();
        let kept = tracking.intake.all_observed(&connection.id, ObjectKind::Issue).await?;
        let mut kept: BTreeMap<String, IssueSeen> = kept
            .into_iter()
            .map(|(object, observed)| (object.id, serde_json::from_str(&observed.body).unwrap_or_default()))
            .collect();
        let mut hints = Vec::new();
        for item in items {
            let new = item.changed >= seen.watermark;
            let hint = match kept.remove(&item.id) {
                Some(known) => new || known.state.as_ref() != Some(&item.state),
                None => new && commands.meaning(&item.state) == Some(Command::Start),
            };
            if hint {
                hints.push(item.id.clone());
            }
        }
        let gone = kept.into_iter().filter(|(_, known)| !known.gone.is_some_and(|gone| gone.told));
        hints.extend(gone.map(|(id, _)| id));
        Ok(hints)
    }
}
