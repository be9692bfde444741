//! The engine of one process, and how one claimed row is handled to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use orch_ports::access::Access;
use orch_ports::people::People;
use orch_ports::projection::ProjectionTarget;
use orch_ports::runner::Runner;
use orch_ports::store::{Claim, Finish, Finished, InboxAnswer, Job, Store, StoreError, Work};
use orch_rules::actor::Actor;
use orch_rules::change::{Change, ChangeSet};
use orch_rules::effect::Effect;
use orch_rules::event::{Event, LaneEvent, TaskEvent};
use orch_rules::facts::Policy;
use orch_rules::ids::{CommitId, PipelineDigest, RepositoryId, Timestamp};
use orch_rules::lease::OwnLease;
use orch_rules::standing::Standing;
use tokio::sync::{Notify, broadcast, watch};

use crate::answers::Answers;
use crate::base_looks::BaseLooks;
use crate::changes::Changes;
use crate::compare::Compared;
use crate::forge_news::ForgeNews;
use crate::hosting::Hosting;
use crate::informed::Informed;
use crate::kinds::INTAKES;
use crate::main_ci::MainCi;
use crate::numbers::Numbers;
use crate::outbox::Telling;
use crate::perform::{CI_NEWS, PerformError};
use crate::repository_context::RepositoryContext;
use crate::sweep::SweepCount;
use crate::tracking::Tracking;
use crate::upkeep::Retention;

/// So often a row whose handler breaks down is tried before it is given up and shown.
pub(crate) const MOST_TRIES: u32 = 8;

/// How much at once, and how often to look without being told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Test commands at once.
    pub max_checks: u32,
    /// Decisions handled at once, and as many short effects beside them; agents are limited by their slots.
    pub max_handled: u32,
    /// New issues that are claimed together: they share a look and their commits.
    pub max_intake: u32,
    /// How often every unfinished task and lane is looked at (the net under lost wakes).
    pub sweep_every: Duration,
    /// Whether tasks are looked at that nobody was woken for.
    pub sweeps: bool,
    /// How long a person's command waits for its answer.
    pub answer_within: Duration,
    /// What people asked waits so long for a look at the base branch; then what was seen last counts.
    pub fresh_within: Duration,
    /// Pause before what failed in passing is tried again; it doubles from try to try.
    pub first_retry: Duration,
    /// Between two looks for room on a full host.
    pub look_for_room: Duration,
    /// How long things are kept that nobody needs any more.
    pub retention: Retention,
    /// Tasks that one sweep looks at; the next one goes on behind them.
    pub looks_a_sweep: u32,
    /// Between two looks at a repository that cannot be worked in.
    pub look_at_trouble: Duration,
    /// Between two questions whether a forge's CI has said something, where nobody tells.
    pub ask_ci_every: Duration,
    /// Whether the base branch is tested before work starts on it.
    pub base_check: bool,
    /// How long the first looks at the repositories may keep the work from beginning.
    pub first_looks: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_checks: 1,
            max_handled: 16,
            max_intake: 128,
            sweep_every: Duration::from_secs(60),
            sweeps: true,
            answer_within: Duration::from_secs(10),
            fresh_within: Duration::from_secs(5),
            first_retry: Duration::from_secs(1),
            look_for_room: Duration::from_secs(30),
            retention: Retention::default(),
            looks_a_sweep: 100,
            look_at_trouble: Duration::from_secs(3),
            ask_ci_every: Duration::from_secs(15),
            base_check: false,
            first_looks: Duration::from_secs(10),
        }
    }
}

/// What is worked on, and by which rules; replaced as a whole when the settings are read again.
pub(crate) struct Served {
    pub contexts: BTreeMap<RepositoryId, Arc<RepositoryContext>>,
    pub policy: Policy,
    /// What shows the tasks of these repositories.
    pub targets: Vec<Arc<dyn ProjectionTarget>>,
}

impl Served {
    fn of(contexts: Vec<RepositoryContext>, policy: Policy) -> Self {
        let contexts: BTreeMap<_, _> = contexts.into_iter().map(|h| (h.repository.clone(), Arc::new(h))).collect();
        let workers = contexts.iter().map(|(id, context)| (id.clone(), context.workers())).collect();
        let shown_by = contexts.values().flat_map(|context| context.targets()).collect();
        let target = |context: &Arc<RepositoryContext>| context.deploys.as_ref().map(|terms| terms.target.clone());
        let targets = contexts.iter().filter_map(|(id, context)| Some((id.clone(), target(context)?))).collect();
        Self { contexts, policy: Policy { workers, targets, ..policy }, targets: shown_by }
    }
}

/// Looks that may wait to be told; what is missed is looked at again.
const STANDINGS: usize = 256;

/// The engine of one process.
pub struct Engine {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) runner: Arc<dyn Runner>,
    served: RwLock<Arc<Served>>,
    /// Raised when something else is served.
    pub(crate) served_anew: watch::Sender<u64>,
    pub(crate) limits: Limits,
    pub(crate) answers: Answers,
    pub(crate) changes: Changes,
    /// Whose turn it is to look at a task again.
    turn: tokio::sync::Mutex<()>,
    pub(crate) swept: SweepCount,
    /// This host's id, as it stands in the rows that it has claimed.
    pub(crate) owner: String,
    pub(crate) hosting: Hosting,
    /// Which of this host's processes this is; the largest number before it has joined.
    pub(crate) incarnation: AtomicI64,
    pub(crate) lease: Mutex<OwnLease>,
    /// When the lease's clock began.
    pub(crate) clock: Instant,
    /// A younger process has this host's place.
    pub(crate) superseded: watch::Sender<bool>,
    pub(crate) due: Notify,
    /// Something was left behind that may have to be put in order.
    pub(crate) chores: Notify,
    /// What was found damaged in the database.
    pub(crate) damage: Mutex<Vec<String>>,
    /// What was held against each other last.
    pub(crate) compared: Compared,
    /// The looks at base branches.
    pub(crate) looks: BaseLooks,
    /// How repositories were found to stand.
    pub(crate) standings: broadcast::Sender<(RepositoryId, Standing)>,
    /// A base branch has a tip of which its tests say nothing yet.
    pub(crate) untested: Notify,
    /// Room for tests of base branches, beside those of tasks.
    pub(crate) base_checks: tokio::sync::Semaphore,
    /// Numbers of work items that were given out.
    pub(crate) numbers: Numbers,
    /// Pipelines that this process has kept.
    pub(crate) kept: Mutex<BTreeSet<PipelineDigest>>,
    /// Whether this process is the one that works on the store; another one may work on it while it is not.
    pub(crate) held: watch::Receiver<bool>,
    /// Who is who.
    pub(crate) people: Option<Arc<dyn People>>,
    pub(crate) access: Option<Arc<dyn Access>>,
    /// Who is told of what happens.
    pub(crate) telling: Option<Telling>,
    /// What the products of forges tell.
    pub(crate) forge_news: Option<Arc<ForgeNews>>,
    /// Commits of which a forge's CI has said something.
    pub(crate) ci_news: broadcast::Sender<CommitId>,
    /// What a forge's CI says of base branches.
    pub(crate) main_ci: MainCi,
    /// The trackers that are followed.
    pub(crate) tracking: Option<Arc<Tracking>>,
    /// Raised with every nudge, for everybody who waits for something to send.
    pub(crate) news: watch::Sender<u64>,
    /// Names that are known to be kept, by account.
    pub(crate) called: Mutex<BTreeMap<String, String>>,
    /// Handlers that make tasks of issues now.
    pub(crate) taking_in: AtomicU32,
}

/// What is to be done with a claimed row.
pub(crate) enum Step {
    /// Handle it.
    Handle,
    /// Its handler panicked, with these words: queue it again, or give it up.
    Rescue(String),
    /// Give it up, for this reason: failed, and shown.
    Park(String),
}

impl Engine {
    /// An engine that is not running yet, on the host of `hosting`. It claims and sweeps only while `held` says that no
    /// process that is no host may.
    pub fn new(
        store: Arc<dyn Store>,
        hosting: Hosting,
        runner: Arc<dyn Runner>,
        contexts: Vec<RepositoryContext>,
        policy: Policy,
        limits: Limits,
        held: watch::Receiver<bool>,
    ) -> Self {
        let room = usize::try_from(limits.max_checks).unwrap_or(1).max(1);
        Self {
            store,
            runner,
            served: RwLock::new(Arc::new(Served::of(contexts, policy))),
            served_anew: watch::Sender::new(0),
            limits,
            answers: Answers::default(),
            changes: Changes::default(),
            turn: tokio::sync::Mutex::new(()),
            swept: SweepCount::default(),
            owner: hosting.id.0.clone(),
            incarnation: AtomicI64::new(i64::MAX),
            lease: Mutex::new(OwnLease::of(hosting.pace.unwrap_or_default())),
            clock: Instant::now(),
            superseded: watch::Sender::new(false),
            hosting,
            due: Notify::new(),
            chores: Notify::new(),
            damage: Mutex::default(),
            compared: Compared::default(),
            looks: BaseLooks::default(),
            standings: broadcast::Sender::new(STANDINGS),
            untested: Notify::new(),
            base_checks: tokio::sync::Semaphore::new(room),
            numbers: Numbers::default(),
            kept: Mutex::default(),
            held,
            people: None,
            access: None,
            telling: None,
            forge_news: None,
            ci_news: broadcast::Sender::new(CI_NEWS),
            main_ci: MainCi::default(),
            tracking: None,
            news: watch::Sender::new(0),
            called: Mutex::default(),
            taking_in: AtomicU32::new(0),
        }
    }

    /// What is worked on now.
    pub(crate) fn served(&self) -> Arc<Served> {
        Arc::clone(&self.served.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on these repositories are worked on, by these rules. What is under way in one that is left out goes on
    /// to its end.
    pub fn serve(&self, contexts: Vec<RepositoryContext>, policy: Policy) {
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Served::of(contexts, policy));
        self.served_anew.send_modify(|times| *times = times.wrapping_add(1));
        // People made states on their boards, perhaps: of that no tracker tells.
        self.tracking.iter().flat_map(|tracking| &tracking.boards).for_each(|board| board.doubt_states());
        self.nudge();
    }

    /// Ids of the repositories that are worked on.
    pub fn repositories(&self) -> Vec<RepositoryId> {
        self.served().contexts.keys().cloned().collect()
    }

    /// How many changes this process made: others are told when it grows.
    pub fn own_changes(&self) -> watch::Receiver<u64> {
        self.changes.own()
    }

    /// Another process changed something: whoever waits for changes, and whoever works, looks for itself.
    pub fn heard(&self) {
        self.changes.heard();
        self.nudge();
    }

    /// Something was queued, by this process or another one.
    pub fn nudge(&self) {
        self.due.notify_one();
        self.news.send_modify(|news| *news = news.wrapping_add(1));
    }

    /// An issue was stored. Whoever is done with taking others in looks for more, so the loop is told only if there is
    /// somebody to give it to.
    pub(crate) fn nudge_intake(&self) {
        if self.taking_in.load(Ordering::SeqCst) < INTAKES {
            self.nudge();
        }
    }

    /// Without a running loop: handle what people asked and decide what follows, but leave the world alone. Effects
    /// stay queued for the service. Only for a caller that knows that no other process works on this store.
    ///
    /// # Errors
    /// The store's.
    pub async fn settle(&self) -> Result<(), StoreError> {
        // What a service that died was deciding would keep everything behind it waiting.
        self.store.reclaim(&self.owner).await?;
        loop {
            let claim =
                Claim { owner: self.owner.clone(), incarnation: i64::MAX, limit: 16, kinds: Job::DECISIONS.to_vec() };
            let works = self.store.claim(claim).await?;
            if works.is_empty() {
                return Ok(());
            }
            for work in works {
                self.handle(work, Step::Handle).await;
            }
        }
    }

    /// Bring one claimed row to its end. Never fails: what cannot be done now is queued again or parked (B10).
    pub(crate) async fn handle(&self, work: Work, mut step: Step) {
        let mut pause = Duration::from_millis(200);
        loop {
            let Err(error) = self.handle_once(&work, &step).await else { return };
            match (&error, &step) {
                (StoreError::Stale { .. }, _) => return,
                (StoreError::Missing { .. } | StoreError::Unreadable { .. }, Step::Handle | Step::Rescue(_)) => {
                    tracing::error!(%error, work = work.id, "parked");
                    step = Step::Park(error.to_string());
                }
                // A guard that kept failing, a full disk, a database that is away: nothing is lost, try again.
                _ => {
                    tracing::warn!(%error, work = work.id, "trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(30));
                }
            }
        }
    }

    async fn handle_once(&self, work: &Work, step: &Step) -> Result<(), StoreError> {
        match (step, &work.job) {
            (Step::Handle, Job::Inbox { inbox, by, event }) => {
                let answer = match self.informed(event).await? {
                    Informed::Ready(event) => self.absorb(&event, by, Some((work, true))).await?,
                    Informed::Refused(why) => self.refuse(work, why).await?,
                    Informed::Waits { base, why } => return self.put_off(work, *inbox, &base, why).await,
                };
                self.answers.give(*inbox, answer);
                Ok(())
            }
            (Step::Handle, Job::Intake { inbox, by, issue }) => self.take_in(work, *inbox, by, issue).await,
            (Step::Handle, Job::DecideTask { task }) => {
                // In the order they were claimed: of those that wait for one slot the most urgent is asked first.
                let _turn = self.turn.lock().await;
                let event = Event::Task { task: task.clone(), event: TaskEvent::Looked };
                self.absorb(&event, &Actor::ORCH, Some((work, false))).await.map(drop)
            }
            (Step::Handle, Job::DecideLane { repository }) => {
                let event = Event::Lane { repository: repository.clone(), event: LaneEvent::Looked };
                self.absorb(&event, &Actor::ORCH, Some((work, false))).await.map(drop)
            }
            (Step::Handle, Job::Perform { effect }) => {
                if !self.may_work() {
                    // Whoever takes this host for dead may do it meanwhile.
                    return self.again(work, "the lease of this host has ended".to_owned(), None).await;
                }
                let performed = self.perform(work, effect).await;
                self.conclude(work, effect, performed).await
            }
            // Of a deployment nobody knows how far it came: it is never given up.
            (Step::Rescue(words) | Step::Park(words), Job::Perform { effect: Effect::Deploy { .. } }) => {
                self.again(work, words.clone(), None).await
            }
            (Step::Rescue(words), Job::Perform { effect }) => {
                let words = words.clone();
                let again = work.attempt < MOST_TRIES;
                let error = if again { PerformError::Passing(words) } else { PerformError::Lasting(words) };
                self.conclude(work, effect, Err(error)).await
            }
            (Step::Rescue(words), _) if work.attempt < MOST_TRIES => self.again(work, words.clone(), None).await,
            (Step::Rescue(words) | Step::Park(words), _) => {
                self.finish(work, Finished::Failed { error: words.clone() }).await?;
                if let Job::Inbox { inbox, .. } | Job::Intake { inbox, .. } = &work.job {
                    let why = format!("it could not be handled and is kept as work {}: {words}", work.id);
                    self.answers.give(*inbox, InboxAnswer::Refused { why: why.into() });
                }
                Ok(())
            }
        }
    }

    /// Queue the row again, for later, and not before a port wants to be asked again.
    pub(crate) async fn again(
        &self,
        work: &Work,
        error: String,
        not_before: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let first = i64::try_from(self.limits.first_retry.as_millis()).unwrap_or(i64::MAX);
        let wait_ms = first.saturating_mul(1 << work.attempt.saturating_sub(1).min(6));
        let due = self.store.now().await?.plus_ms(wait_ms);
        let due = not_before.map_or(due, |then| due.max(then));
        self.finish(work, Finished::Again { due, error }).await
    }

    pub(crate) async fn finish(&self, work: &Work, how: Finished) -> Result<(), StoreError> {
        self.finish_with(work, how, Vec::new()).await
    }

    /// As [`Self::finish`], with what else is written then.
    pub(crate) async fn finish_with(
        &self,
        work: &Work,
        how: Finished,
        mut changes: Vec<Change>,
    ) -> Result<(), StoreError> {
        changes.extend(self.run_over(work).filter(|_| matches!(how, Finished::Done { .. })));
        let finish = Finish { work: work.id, fence: work.fence, how };
        self.store.apply(ChangeSet { guards: Vec::new(), changes }, Some(finish)).await?;
        self.changes.happened();
        self.nudge();
        Ok(())
    }
}
