//! The loop: claim what is due, have it handled, sleep until something happens.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use orch_ports::store::{Claim, Job, StoreError, Work};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};

use crate::engine::{Engine, Step};
use crate::kinds::{Busy, Class};

/// No row is put off for longer; one that is was written by a clock that was ahead.
pub(crate) const LONGEST_WAIT_MS: i64 = 3_600_000;
/// Pause after the store could not be asked.
const STORE_AWAY: Duration = Duration::from_secs(2);
/// Pause while something is due and its class has no room. Its end wakes the loop, but another row may fall due
/// meanwhile, and the store only tells the earliest.
const NO_ROOM: Duration = Duration::from_millis(500);
/// What is being written when the service stops gets so long; all of it is safe to be repeated.
const DRAIN: Duration = Duration::from_secs(5);

/// What one handler has in hands: one row, or many issues.
struct Handling {
    works: Vec<Work>,
    class: Class,
    /// How many handlers broke down on it before this one.
    broken: u32,
}

struct WorkLoop {
    engine: Arc<Engine>,
    handlers: JoinSet<()>,
    rows: HashMap<Id, Handling>,
    busy: Busy,
    /// How often in a row something was due and nothing was claimed.
    misses: u32,
}

impl Engine {
    /// Work until `stop` turns true; then finish what is being written. Runs of agents and checks are left alone: they
    /// belong to their supervisors and are adopted by the next engine (X3).
    ///
    /// # Errors
    /// Only before the loop begins, if this store can never be used.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) -> Result<(), StoreError> {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
            taken = async {
                self.take_over().await?;
                // Before anything is claimed: what landed without this database's knowledge must not be begun again.
                self.compare_all().await;
                Ok::<_, StoreError>(())
            } => taken?,
        }
        // What no task could do without is known before the first run starts; a repository that hangs keeps nobody.
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
            () = self.clone().first_looks() => {}
        }
        // One sweep at a time, beside the loop: looking at everything must not keep anything waiting.
        let mut beside = JoinSet::new();
        let lease = tokio::spawn(self.clone().keep_lease());
        beside.spawn(self.clone().sweep_forever());
        beside.spawn(self.clone().upkeep_forever());
        beside.spawn(self.clone().look_at_troubled_forever());
        beside.spawn(self.clone().test_bases_forever());
        beside.spawn(self.clone().watch_targets_forever());
        beside.spawn(self.clone().hear_forges_forever());
        let (senders, followers) = (self.senders(), self.followers());
        let mut work =
            WorkLoop { engine: self, handlers: JoinSet::new(), rows: HashMap::new(), busy: Busy::default(), misses: 0 };
        let (mut held, mut superseded) = (work.engine.held.clone(), work.engine.superseded.subscribe());
        loop {
            let ours = *held.borrow_and_update() && work.engine.may_work();
            let sleep = if ours { work.claim_due().await } else { None };
            let mut told = false;
            tokio::select! {
                // Also if whoever could stop it is gone.
                _ = stop.wait_for(|stop| *stop) => break,
                () = work.engine.due.notified() => {}
                () = sleep_or_forever(sleep) => {}
                () = changed(&mut held) => told = true,
                _ = superseded.wait_for(|superseded| *superseded) => break,
                Some(ended) = work.handlers.join_next_with_id(), if !work.handlers.is_empty() => work.ended(ended),
            }
            if told {
                work.engine.held_again().await;
            }
        }
        drop((beside, senders, followers));
        work.engine.changes.close();
        // What waits for a run would wait for hours; what is being written is over in a moment.
        let drain = async {
            while work.busy.short() {
                match work.handlers.join_next_with_id().await {
                    Some(ended) => work.ended(ended),
                    None => break,
                }
            }
        };
        if tokio::time::timeout(DRAIN, drain).await.is_err() {
            tracing::warn!("something is still being written; the next start takes it over");
        }
        work.handlers.abort_all();
        lease.abort();
        if *superseded.borrow() {
            return Err(StoreError::Superseded { host: work.engine.hosting.name.clone() });
        }
        work.engine.leave().await;
        Ok(())
    }

    /// This process may work again: what a command was handling meanwhile is queued again. Hosts have leases.
    async fn held_again(&self) {
        const NOBODY: &str = "";
        let held = *self.held.borrow();
        if held && let Err(error) = self.store.reclaim(NOBODY).await {
            tracing::warn!(%error, "the work of another process is taken over at the next start");
        }
    }

    /// Queue again what dead processes of this host were handling.
    async fn take_over(&self) -> Result<(), StoreError> {
        loop {
            match self.join().await {
                Ok(()) => {}
                Err(error @ (StoreError::TooNew { .. } | StoreError::Unusable { .. })) => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "cannot join the hosts of the database; trying again");
                    tokio::time::sleep(STORE_AWAY).await;
                    continue;
                }
            }
            if let Some(telling) = &self.telling
                && let Err(error) = self.reclaim_outbox(&*telling.outbox).await
            {
                if matches!(error, StoreError::TooNew { .. } | StoreError::Unusable { .. }) {
                    return Err(error);
                }
                tracing::warn!(%error, "cannot take over the messages of an earlier process; trying again");
                tokio::time::sleep(STORE_AWAY).await;
                continue;
            }
            let taken = match self.store.reclaim(&self.owner).await {
                Ok(rows) => self.bring_near().await.map(|()| rows),
                Err(error) => Err(error),
            };
            match taken {
                Ok(0) => return Ok(()),
                Ok(rows) => {
                    tracing::info!(rows, "took over the work of an earlier process");
                    return Ok(());
                }
                Err(error @ (StoreError::TooNew { .. } | StoreError::Unusable { .. })) => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "cannot take over the work of an earlier process; trying again");
                    tokio::time::sleep(STORE_AWAY).await;
                }
            }
        }
    }
}

impl Engine {
    /// What waits for a moment that a clock ahead wrote is due now.
    async fn bring_near(&self) -> Result<(), StoreError> {
        let longest = if self.store.clock_was_ahead().await? { 0 } else { LONGEST_WAIT_MS };
        self.store.bring_near(longest).await.map(drop)
    }
}

impl WorkLoop {
    /// Claim and start handling everything that may be handled now; gives how long to sleep if nothing happens.
    async fn claim_due(&mut self) -> Option<Duration> {
        let engine = Arc::clone(&self.engine);
        let mut claimed = 0;
        loop {
            let mut more = false;
            for (kinds, limit) in self.busy.claims(&engine.limits) {
                let me = engine.me();
                let claim = Claim { owner: me.host.0, incarnation: me.number, limit, kinds };
                match engine.store.claim(claim).await {
                    Ok(works) => {
                        claimed += works.len();
                        more |= works.len() >= limit as usize;
                        let (issues, others): (Vec<_>, Vec<_>) =
                            works.into_iter().partition(|work| matches!(work.job, Job::Intake { .. }));
                        for work in others {
                            self.start(work, Step::Handle, 0);
                        }
                        if !issues.is_empty() {
                            self.start_intake(issues).await;
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot claim work; trying again");
                        return Some(STORE_AWAY);
                    }
                }
            }
            if !more {
                break;
            }
        }
        let kinds: Vec<_> = Job::kinds().collect();
        match (engine.store.next_due(&kinds, &engine.owner).await, engine.store.now().await) {
            (Ok(None), Ok(_)) => None,
            (Ok(Some(due)), Ok(now)) if due > now => {
                self.misses = 0;
                u64::try_from(due.since_ms(now)).ok().map(Duration::from_millis)
            }
            // Due by now, and not blocked: there was no room for it, or it fell due after the claim.
            (Ok(Some(_)), Ok(_)) => {
                self.misses = if claimed > 0 { 0 } else { self.misses.saturating_add(1) };
                let soon = Duration::from_millis(5) * (1 << self.misses.min(8));
                Some(if self.busy.full(&engine.limits) { NO_ROOM } else { soon.min(NO_ROOM) })
            }
            (Err(_), _) | (_, Err(_)) => Some(STORE_AWAY),
        }
    }

    /// Issues are decided together with all others that are due.
    async fn start_intake(&mut self, mut issues: Vec<Work>) {
        let (engine, me) = (Arc::clone(&self.engine), self.engine.me());
        let limit = engine.limits.max_intake;
        let claim = Claim { owner: me.host.0, incarnation: me.number, limit, kinds: vec!["intake"] };
        match engine.store.claim(claim).await {
            Ok(more) => issues.extend(more),
            Err(error) => tracing::warn!(%error, "cannot claim more issues; they are claimed with the next ones"),
        }
        let handle = self.handlers.spawn(engine.handle_issues(issues.clone()));
        self.begin(Class::Intake);
        self.rows.insert(handle.id(), Handling { works: issues, class: Class::Intake, broken: 0 });
    }

    fn start(&mut self, work: Work, step: Step, broken: u32) {
        let class = Class::of(work.job.kind());
        let (engine, handled) = (Arc::clone(&self.engine), work.clone());
        let handle = self.handlers.spawn(async move { engine.handle(handled, step).await });
        self.begin(class);
        self.rows.insert(handle.id(), Handling { works: vec![work], class, broken });
    }

    fn begin(&mut self, class: Class) {
        self.busy.begin(class);
        self.tell_intake();
    }

    /// Before the next claim: who stored an issue until now and told nobody, relied on it.
    fn tell_intake(&self) {
        self.engine.taking_in.store(self.busy.of(Class::Intake), Ordering::SeqCst);
    }

    /// A handler ended. One that panicked left its row claimed: it is queued again, or given up.
    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let (id, panic) = match ended {
            Ok((id, ())) => (id, None),
            Err(error) => (error.id(), error.try_into_panic().ok()),
        };
        let Some(Handling { works, class, broken }) = self.rows.remove(&id) else { return };
        self.busy.end(class);
        self.tell_intake();
        let Some(panic) = panic else { return };
        let words = format!("its handler broke down: {}", words(panic.as_ref()));
        for work in works {
            tracing::error!(work = work.id, kind = work.job.kind(), "{words}");
            match broken {
                0 => self.start(work, Step::Rescue(words.clone()), 1),
                1 => self.start(work, Step::Park(words.clone()), 2),
                _ => tracing::error!(work = work.id, "not even that could be written; the next start takes it over"),
            }
        }
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it did not say why").to_owned()
}

/// Never, once nobody is left who could change it.
async fn changed(held: &mut watch::Receiver<bool>) {
    if held.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn sleep_or_forever(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}
