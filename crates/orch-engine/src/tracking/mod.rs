//! Trackers: each project is followed by one loop, which looks at what hints name and lists what changed now and then. What
//! a webhook says is stored and looked at; nothing is done at its word.

mod comments;
mod look;
mod standing;
mod status;
mod sweep;
mod tell;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use orch_ports::intake::Intake;
use orch_ports::projection::ProjectionTarget;
use orch_ports::store::StoreError;
use orch_ports::tracker::{IssueTracker, TrackerState};
use orch_ports::{PortError, PortResult};
use orch_rules::connection::Connection;
use orch_rules::ids::{RepositoryId, Timestamp};
use orch_rules::observation::{Object, ObjectKind, ProjectSeen};
use orch_rules::tracker_states::ProjectStates;
use orch_text::Language;

pub use self::standing::TrackerStanding;
use crate::engine::Engine;
use crate::perform::blocking;

/// Pause after the store or a tracker could not be asked; it doubles up to [`LONGEST_AWAY`].
const AWAY: Duration = Duration::from_secs(1);
/// The longest of these pauses.
const LONGEST_AWAY: Duration = Duration::from_secs(60);

/// So long an issue that was filed and is no task yet is waited for: its base branch may not be seen yet.
const FILED_FOR: Duration = Duration::from_secs(600);

/// A tracker's project whose issues are a repository's.
#[derive(Clone)]
pub struct TrackedProject {
    /// Where its issues are.
    pub tracker: Arc<dyn IssueTracker>,
    /// Whose they are.
    pub repository: RepositoryId,
    /// How often it is asked what changed.
    pub every: Duration,
    /// Whether it is asked what changed, besides once at the start.
    pub asks: bool,
    /// It is set up to tell of changes by webhook.
    pub hears: bool,
    /// Of what is said below them.
    pub language: Language,
}

/// Every project that is followed.
pub(crate) struct Tracking {
    pub intake: Arc<dyn Intake>,
    pub boards: Vec<Arc<Board>>,
    /// In rows that this process has claimed: what an earlier one had is nobody's.
    pub owner: String,
}

/// One project, as this process knows it.
pub(crate) struct Board {
    pub project: TrackedProject,
    /// What rows of messages and of what is shown call it.
    pub target: String,
    state: Mutex<BoardState>,
    pub counts: HookCounts,
}

/// Requests that came to a webhook's address.
#[derive(Debug, Default)]
pub(crate) struct HookCounts {
    pub stored: AtomicU64,
    pub repeated: AtomicU64,
    pub ignored: AtomicU64,
    pub refused: AtomicU64,
}

#[derive(Default)]
struct BoardState {
    connection: Option<Connection>,
    states: ProjectStates,
    /// What is kept of the project, with its version.
    seen: Option<(i64, ProjectSeen)>,
    /// Issues that a list has shown to have changed, by their `changed`: they are not met again.
    met: BTreeMap<String, String>,
    /// Looks that no delivery asked for.
    unannounced: BTreeSet<String>,
    /// Issues that were filed a moment ago, and may be no tasks yet.
    filed: BTreeMap<String, Instant>,
    /// Things that people did in a row and no delivery told of.
    silence: u32,
    /// Since when that is so, once it is no chance any more.
    silent_since: Option<Timestamp>,
    /// Issues that are to be looked at before something is written over what a person set.
    wanted: BTreeSet<String>,
    /// Why it cannot be followed now.
    trouble: Option<String>,
    /// A state that was known was refused.
    states_doubted: bool,
}

/// Why a look ended without an end.
enum LookTrouble {
    Tracker(PortError),
    Store(StoreError),
}

impl From<PortError> for LookTrouble {
    fn from(error: PortError) -> Self {
        Self::Tracker(error)
    }
}

impl From<StoreError> for LookTrouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl std::fmt::Display for LookTrouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tracker(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
        }
    }
}

type Looked<T> = Result<T, LookTrouble>;

impl Board {
    fn of(project: TrackedProject) -> Self {
        let target = format!("tracker:{}", project.tracker.name());
        Self { project, target, state: Mutex::default(), counts: HookCounts::default() }
    }

    fn state(&self) -> MutexGuard<'_, BoardState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The project's states are read again.
    pub(crate) fn doubt_states(&self) {
        self.state().states_doubted = true;
    }

    pub(crate) fn name(&self) -> &str {
        self.project.tracker.name()
    }

    pub(crate) fn connection(&self) -> Option<Connection> {
        self.state().connection.clone()
    }

    fn states(&self) -> ProjectStates {
        self.state().states.clone()
    }

    /// The key under which an issue of it is filed.
    fn key(connection: &Connection, issue: &str) -> String {
        format!("{}:{issue}", connection.id)
    }

    fn object(&self) -> Object {
        Object::new(ObjectKind::Project, self.project.tracker.project())
    }

    /// Calls the tracker, off the loop's thread.
    async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn IssueTracker) -> PortResult<T> + Send + 'static,
    ) -> Looked<T> {
        let tracker = self.project.tracker.clone();
        match blocking(move || Ok(call(&*tracker))).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(LookTrouble::Store(StoreError::Failed { detail: "the call broke down".to_owned() })),
        }
    }

    /// An issue is to become a task.
    fn filed(&self, issue: &str) {
        self.state().filed.insert(issue.to_owned(), Instant::now());
    }

    /// It is one.
    fn became_task(&self, issue: &str) {
        self.state().filed.remove(issue);
    }

    /// It was filed so short a time ago that it may still become a task.
    fn was_filed(&self, issue: &str) -> bool {
        let mut state = self.state();
        state.filed.retain(|_, at| at.elapsed() < FILED_FOR);
        state.filed.contains_key(issue)
    }

    /// True if they are others than before.
    fn use_states(&self, found: &[(String, String)]) -> bool {
        let states = ProjectStates::of(found.iter().map(|(id, name)| (id.as_str(), name.as_str())));
        let mut state = self.state();
        let other = states != state.states;
        (state.states, state.states_doubted) = (states, false);
        other
    }
}

impl Engine {
    /// Issues of these projects become tasks, their moves are heard, and how the tasks stand is shown and said there.
    /// After [`Self::telling`] and [`Self::showing`].
    #[must_use]
    pub fn tracking(mut self, intake: Arc<dyn Intake>, projects: Vec<TrackedProject>) -> Self {
        let boards = projects.into_iter().map(|project| Arc::new(Board::of(project))).collect();
        let boards: Vec<Arc<Board>> = boards;
        if let Some(telling) = &mut self.telling {
            for board in &boards {
                telling.notifiers.push(Arc::new(comments::Comments::of(board.clone())));
                telling.targets.push(Arc::new(status::StatusTarget::of(board.clone())) as Arc<dyn ProjectionTarget>);
            }
        }
        let owner = format!("{}:{}", self.owner, uuid::Uuid::new_v4().simple());
        self.tracking = Some(Arc::new(Tracking { intake, boards, owner }));
        self
    }

    /// The loops that follow trackers, one for each project.
    pub(crate) fn followers(self: &Arc<Self>) -> tokio::task::JoinSet<()> {
        let mut loops = tokio::task::JoinSet::new();
        if let Some(tracking) = self.tracking.clone() {
            for board in &tracking.boards {
                loops.spawn(self.clone().follow_forever(tracking.clone(), board.clone()));
            }
        }
        loops
    }

    async fn follow_forever(self: Arc<Self>, tracking: Arc<Tracking>, board: Arc<Board>) {
        let mut pause = AWAY;
        let connection = loop {
            match self.connect(&tracking, &board).await {
                Ok(connection) => break connection,
                Err(error) => {
                    tracing::warn!(tracker = board.name(), %error, "it cannot be followed yet; trying again");
                    board.in_trouble(Some(error.to_string()));
                    rest(&mut pause, &error).await;
                }
            }
        };
        tracing::info!(tracker = board.name(), connection = connection.id, "followed");
        let mut news = self.news.subscribe();
        let mut sweeps = sweep::Sweeps::begin(board.project.every, board.project.asks);
        pause = AWAY;
        loop {
            news.borrow_and_update();
            if !self.may_work() {
                tokio::time::sleep(AWAY).await;
                continue;
            }
            let done = self.follow_once(&tracking, &board, &connection, &mut sweeps).await;
            board.in_trouble(done.as_ref().err().map(ToString::to_string));
            match done {
                Ok(Some(sleep)) => {
                    pause = AWAY;
                    drop(tokio::time::timeout(sleep, news.changed()).await);
                }
                Ok(None) => pause = AWAY,
                Err(error) => {
                    tracing::warn!(tracker = board.name(), %error, "it cannot be followed for now; trying again");
                    rest(&mut pause, &error).await;
                }
            }
        }
    }

    /// Which connection it is, and what is kept of the project.
    async fn connect(&self, tracking: &Tracking, board: &Board) -> Looked<Connection> {
        let Some(people) = self.people.clone() else {
            let detail = "this service does not know people".to_owned();
            return Err(StoreError::Failed { detail }.into());
        };
        let ours = board.call(|tracker| tracker.connection()).await?;
        let connection = people.connect(&ours).await?;
        tracking.intake.reclaim_looks(&tracking.owner).await?;
        let kept = tracking.intake.observed(&connection.id, &board.object()).await?;
        let seen = if kept.version == 0 {
            // Before anything of it is listed: what stands by then is no command.
            None
        } else {
            let seen: ProjectSeen = serde_json::from_str(&kept.body).unwrap_or_default();
            board.use_states(&seen.states);
            Some((kept.version, seen))
        };
        {
            let mut state = board.state();
            state.silent_since = seen.as_ref().and_then(|(_, seen)| seen.silent_since);
            state.seen = seen;
            state.connection = Some(connection.clone());
        }
        self.show_what_waits(board).await?;
        Ok(connection)
    }

    /// Reads the project's states; what waited for one of them is shown.
    async fn load_states(&self, board: &Board) -> Looked<Vec<(String, String)>> {
        let found = board.call(|tracker| tracker.states()).await?;
        let named = |state: TrackerState| (state.id, state.name);
        let found: Vec<(String, String)> = found.into_iter().map(named).collect();
        if board.use_states(&found) {
            self.show_what_waits(board).await?;
        }
        Ok(found)
    }

    /// One look or one sweep; how long to sleep if there is none to do.
    async fn follow_once(
        &self,
        tracking: &Tracking,
        board: &Board,
        connection: &Connection,
        sweeps: &mut sweep::Sweeps,
    ) -> Looked<Option<Duration>> {
        self.look_at_wanted(tracking, board, connection).await?;
        let (doubted, silent_since) = {
            let state = board.state();
            (state.states_doubted, state.silent_since)
        };
        if doubted {
            self.load_states(board).await?;
        }
        self.keep_silence(tracking, board, connection, silent_since).await?;
        if let Some(full) = sweeps.due() {
            self.sweep_tracker(tracking, board, connection, full).await?;
            sweeps.done(full);
            return Ok(None);
        }
        if let Some(look) = tracking.intake.claim_look(&connection.id, &tracking.owner).await? {
            self.look_in_full(tracking, board, connection, look).await?;
            return Ok(None);
        }
        let next = tracking.intake.next_look_due(&connection.id).await?;
        let now = self.store.now().await?;
        let until_look = next.map(|due| milliseconds(due, now));
        Ok(Some(until_look.map_or(sweeps.left(), |look| look.min(sweeps.left()))))
    }
}

impl Engine {
    /// What somebody set is looked at before it is written over.
    async fn look_at_wanted(&self, tracking: &Tracking, board: &Board, connection: &Connection) -> Looked<()> {
        let wanted = std::mem::take(&mut board.state().wanted);
        for issue in wanted {
            let object = Object::new(ObjectKind::Issue, issue);
            tracking.intake.hint(&connection.id, &object, self.store.now().await?).await?;
        }
        Ok(())
    }
}

fn milliseconds(due: Timestamp, now: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(due.since_ms(now)).unwrap_or(0).max(20))
}

/// Until a limit ends, else longer and longer.
async fn rest(pause: &mut Duration, error: &LookTrouble) {
    let limited = match error {
        LookTrouble::Tracker(error) => error.not_before(),
        LookTrouble::Store(_) => None,
    };
    let sleep = match limited {
        // By this process's clock, as the adapter's.
        Some(until) => milliseconds(until, crate::clock::now()),
        None => *pause,
    };
    *pause = (*pause * 2).min(LONGEST_AWAY);
    tokio::time::sleep(sleep.min(Duration::from_secs(3_600))).await;
}
