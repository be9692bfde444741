//! Webhooks of trackers: stored before they are answered, and then looked at.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use orch_ports::intake::NewDelivery;
use orch_ports::tracker::{HookHeard, HookRequest};

use super::{Control, ControlError};
use crate::perform::blocking;
use crate::tracking::{Board, TrackerStanding};

/// What a sender is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookAnswer {
    /// There is no such connection or repository.
    Unknown,
    /// Nobody can know that it is the product's.
    Refused(&'static str),
    /// Nothing that concerns us; nothing is stored.
    Ignored(String),
    /// It is stored, now or before.
    Stored,
    /// The product was not reached since the start; what is lost now is found by asking then.
    NotYet,
}

/// So much later, in milliseconds, what we did ourselves is looked at.
const OWN_ECHO_MS: i64 = 30_000;
/// Headers that are kept.
const KEPT: [&str; 2] = ["x-plane-event", "x-plane-delivery"];

impl Control {
    /// How the trackers stand that this process follows.
    pub fn trackers(&self) -> Vec<TrackerStanding> {
        self.engine.tracking.iter().flat_map(|tracking| &tracking.boards).map(|board| board.standing()).collect()
    }

    /// A webhook's body was too long to be read.
    pub fn hook_too_long(&self, connection: &str) {
        let boards = self.engine.tracking.iter().flat_map(|tracking| &tracking.boards);
        if let Some(board) = boards.into_iter().find(|board| board.name() == connection) {
            board.counts.refused.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(tracker = board.name(), "a webhook was refused: its body is too long");
        }
    }

    /// A webhook of the connection that the settings call so.
    ///
    /// # Errors
    /// The store's.
    pub async fn hook(&self, connection: &str, request: HookRequest) -> Result<HookAnswer, ControlError> {
        let Some(tracking) = self.engine.tracking.clone() else { return Ok(HookAnswer::Unknown) };
        let Some(board) = tracking.boards.iter().find(|board| board.name() == connection) else {
            return Ok(HookAnswer::Unknown);
        };
        let (tracker, request) = (board.project.tracker.clone(), Arc::new(request));
        let asked = request.clone();
        let unread = |_| ControlError::Unavailable { why: "the webhook could not be read now".to_owned() };
        let count = |of: &std::sync::atomic::AtomicU64| of.fetch_add(1, Ordering::Relaxed);
        let (project, key, hints, by) = match blocking(move || Ok(tracker.heard(&asked))).await.map_err(unread)? {
            HookHeard::Refused(why) => {
                count(&board.counts.refused);
                tracing::warn!(tracker = board.name(), why, "a webhook was refused");
                return Ok(HookAnswer::Refused(why));
            }
            HookHeard::Ignored(why) => {
                count(&board.counts.ignored);
                tracing::info!(tracker = board.name(), why, "a webhook was ignored");
                return Ok(HookAnswer::Ignored(why));
            }
            HookHeard::Told { project, key, hints, by } => (project, key, hints, by),
        };
        // One webhook tells of all projects of a workspace.
        let place = board.project.tracker.place();
        let of =
            |board: &&Arc<Board>| board.project.tracker.project() == project && board.project.tracker.place() == place;
        let Some(theirs) = tracking.boards.iter().find(of) else {
            count(&board.counts.ignored);
            let why = format!("project {project} is none of ours");
            tracing::info!(tracker = board.name(), why, "a webhook was ignored");
            return Ok(HookAnswer::Ignored(why));
        };
        let Some(connection) = theirs.connection() else { return Ok(HookAnswer::NotYet) };
        // What we did ourselves is known: it is looked at with whatever comes meanwhile. A person's own key may be theirs.
        let ours = by.is_some_and(|by| connection.accounts.contains(&by)) && !theirs.project.tracker.is_shared();
        let due = if ours { Some(self.engine.store.now().await?.plus_ms(OWN_ECHO_MS)) } else { None };
        theirs.announced(&hints);
        let delivery = NewDelivery {
            connection: connection.id,
            key,
            headers: kept(&request, &KEPT),
            body: String::from_utf8_lossy(&request.body).into_owned(),
            hints,
            due,
        };
        let new = tracking.intake.deliver(delivery).await?;
        count(if new { &theirs.counts.stored } else { &theirs.counts.repeated });
        self.engine.nudge();
        Ok(HookAnswer::Stored)
    }
}

/// These headers of a request, as JSON.
pub(super) fn kept(request: &HookRequest, names: &[&str]) -> String {
    let found = names.iter().filter_map(|name| Some(((*name).to_owned(), request.headers.get(*name)?.as_str().into())));
    serde_json::Value::Object(found.collect()).to_string()
}
