//! What leaves: written with the facts it tells of, sent by one loop for each channel.

pub(crate) mod change_request;
mod showing;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use orch_ports::keep::Keep;
use orch_ports::notifier::Notifier;
use orch_ports::outbox::{Ended, Message, Outbox, TRIED_MS};
use orch_ports::projection::ProjectionTarget;
use orch_ports::store::StoreError;
use orch_ports::{Port, PortError, PortResult};
use orch_rules::attempt::Attempt;
use orch_rules::change::Change;
use orch_rules::decide::Decision;
use orch_rules::ids::{TaskId, Timestamp};
use orch_rules::notice::{Before, Notice, NoticeKind, NoticeRun};
use orch_rules::outbox::fate::{Fate, fate};
use orch_rules::outbox::message::NewMessage;
use orch_rules::outbox::target::{Health, Pace};
use orch_rules::outbox::{Next, after_failure};
use orch_rules::port_error::ErrorKind;
use tokio::task::JoinSet;

use crate::engine::Engine;

/// Pause after the store could not be asked.
const STORE_AWAY: Duration = Duration::from_secs(2);
/// Between two looks whether a credential that was refused is another one by now.
const STOPPED: Duration = Duration::from_secs(60);
/// Between two looks for rows that are kept long enough.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);
/// Rows that are removed at once.
const FORGOTTEN_AT_ONCE: u32 = 500;
/// A message that this release cannot judge is looked at again after so many milliseconds.
const LEFT_ALONE_MS: i64 = 24 * 60 * 60_000;

/// Where what leaves is kept, who is told, and what shows tasks besides the connections of their repositories.
#[derive(Clone)]
pub(crate) struct Telling {
    pub outbox: Arc<dyn Outbox>,
    pub notifiers: Vec<Arc<dyn Notifier>>,
    pub targets: Vec<Arc<dyn ProjectionTarget>>,
}

/// Everything that goes out by one channel: its limits and outages are one.
struct OutChannel {
    name: String,
    notifier: Option<Arc<dyn Notifier>>,
    targets: Vec<Arc<dyn ProjectionTarget>>,
}

impl OutChannel {
    fn fingerprint(&self) -> String {
        let shown = || self.targets.first().map(|target| target.fingerprint());
        self.notifier.as_ref().map(|notifier| notifier.fingerprint()).or_else(shown).unwrap_or_default()
    }

    /// How long what is shown has to wait for the channel's pace.
    fn wait(&self) -> Duration {
        self.targets.iter().map(|target| target.wait()).max().unwrap_or_default()
    }
}

/// How long a sender rests.
enum Rest {
    /// Not at all.
    None,
    /// Until something is written.
    UntilNews,
    /// So long, or until something is written.
    For(Duration),
}

impl Engine {
    /// People are told of what happens, by these.
    #[must_use]
    pub fn telling(mut self, outbox: Arc<dyn Outbox>, notifiers: Vec<Arc<dyn Notifier>>) -> Self {
        self.telling = Some(Telling { outbox, notifiers, targets: Vec::new() });
        self
    }

    /// Tasks are shown there, beside where the connections of their repositories show them. After [`Self::telling`].
    #[must_use]
    pub fn showing(mut self, targets: Vec<Arc<dyn ProjectionTarget>>) -> Self {
        if let Some(telling) = &mut self.telling {
            telling.targets = targets;
        }
        self
    }

    /// Somebody is told of something.
    pub(crate) fn tells(&self) -> bool {
        self.telling.as_ref().is_some_and(|telling| !telling.notifiers.is_empty())
    }

    /// Adds what people are told of a decision, for every target that wants it.
    pub(crate) fn tell_people(&self, before: &Before, decision: &mut Decision, now: Timestamp) {
        if self.tells() {
            for notice in before.notices(&decision.changes, now) {
                decision.changes.changes.extend(self.messages(&notice));
            }
        }
    }

    /// A notice for every target that wants it.
    pub(crate) fn messages(&self, notice: &Notice) -> Vec<Change> {
        let notifiers = self.telling.iter().flat_map(|telling| &telling.notifiers);
        let wanting = notifiers.filter(|notifier| notifier.wants(&notice.kind));
        wanting.map(|notifier| Change::Say { message: NewMessage::of(notice.clone(), notifier.name()) }).collect()
    }

    /// The loops that send, one for each channel, and the one that forgets.
    pub(crate) fn senders(self: &Arc<Self>) -> JoinSet<()> {
        let mut loops = JoinSet::new();
        if let Some(telling) = &self.telling {
            loops.spawn(self.clone().send_by_all(telling.outbox.clone()));
            loops.spawn(forget_forever(telling.outbox.clone(), self.limits.retention.rows.clone()));
        }
        loops
    }

    /// One loop for each channel; those that come with other settings get theirs.
    async fn send_by_all(self: Arc<Self>, outbox: Arc<dyn Outbox>) {
        let (mut served, mut loops, mut known) = (self.served_anew.subscribe(), JoinSet::new(), BTreeSet::new());
        loop {
            served.borrow_and_update();
            for name in self.channels() {
                if known.insert(name.clone()) {
                    loops.spawn(self.clone().send_forever(outbox.clone(), name));
                }
            }
            if served.changed().await.is_err() {
                return;
            }
        }
    }

    /// What earlier processes of this host were sending is sent again.
    pub(crate) async fn reclaim_outbox(&self, outbox: &dyn Outbox) -> Result<(), StoreError> {
        outbox.reclaim_messages(&self.owner).await?;
        outbox.reclaim_projections(&self.owner).await.map(drop)
    }

    pub(crate) fn channels(&self) -> BTreeSet<String> {
        let told = self.telling.iter().flat_map(|telling| telling.notifiers.iter().map(|one| one.name().to_owned()));
        told.chain(self.targets().iter().map(|target| target.channel().to_owned())).collect()
    }

    fn channel(&self, name: &str) -> OutChannel {
        let mut told = self.telling.iter().flat_map(|telling| telling.notifiers.iter());
        OutChannel {
            name: name.to_owned(),
            notifier: told.find(|notifier| notifier.name() == name).cloned(),
            targets: self.targets().into_iter().filter(|target| target.channel() == name).collect(),
        }
    }

    async fn send_forever(self: Arc<Self>, outbox: Arc<dyn Outbox>, channel: String) {
        let mut news = self.news.subscribe();
        loop {
            news.borrow_and_update();
            let rest = match self.send_next(&*outbox, &self.channel(&channel)).await {
                Ok(rest) => rest,
                Err(error) => {
                    tracing::warn!(channel, %error, "the outbox cannot be read; trying again");
                    Rest::For(STORE_AWAY)
                }
            };
            let until_news = news.changed();
            match rest {
                Rest::None => {}
                Rest::UntilNews => drop(until_news.await),
                Rest::For(pause) => drop(tokio::time::timeout(pause, until_news).await),
            }
        }
    }

    /// Sends one message, or shows one thing, if one is due and the channel may be used. Messages go first.
    async fn send_next(&self, outbox: &dyn Outbox, channel: &OutChannel) -> Result<Rest, StoreError> {
        if !self.may_work() {
            // Whoever takes this host for dead may send it meanwhile.
            return Ok(Rest::For(STORE_AWAY));
        }
        let (health, now) = (outbox.health(&channel.name).await?, self.store.now().await?);
        match health.pace(now, &channel.fingerprint()) {
            // A credential may change in its file, of which nobody tells.
            Pace::Stopped => return Ok(Rest::For(STOPPED)),
            Pace::NotBefore(at) => return Ok(rest_until(at, now)),
            Pace::OneCall | Pace::Freely => {}
        }
        let mut due = None;
        let notifier = channel.notifier.as_ref();
        if let Some(end) = notifier.and_then(|notifier| notifier.quiet_until(now)) {
            due = Some(end);
        } else if let Some(notifier) = notifier {
            if let Some(message) = outbox.claim_message(notifier.name(), &self.owner).await? {
                self.send(outbox, notifier, message, health, now).await;
                return Ok(Rest::None);
            }
            due = outbox.next_message_due(notifier.name()).await?;
        }
        if channel.targets.is_empty() {
            return Ok(due.map_or(Rest::UntilNews, |due| rest_until(due, now)));
        }
        // What is shown is rendered once its turn has come, and a message that comes meanwhile goes before it.
        let wait = channel.wait();
        if !wait.is_zero() {
            let later = now.plus_ms(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
            return Ok(rest_until(due.map_or(later, |due| due.min(later)), now));
        }
        match self.show_next(outbox, channel, health).await? {
            Ok(()) => Ok(Rest::None),
            Err(later) => {
                let next = [due, later].into_iter().flatten().min();
                Ok(next.map_or(Rest::UntilNews, |at| rest_until(at, now)))
            }
        }
    }

    async fn send(
        &self,
        outbox: &dyn Outbox,
        notifier: &Arc<dyn Notifier>,
        mut message: Message,
        health: Health,
        now: Timestamp,
    ) {
        // It is ours now, so it has to be brought to an end however long the store is away.
        let facts = loop {
            match outbox.message_facts(&message.notice).await {
                Ok(facts) => break facts,
                Err(error) => away(&error).await,
            }
        };
        let (ended, health) = match fate(&message.notice, &facts) {
            Fate::Drop(why) => (Ended::Dropped { why: why.to_owned() }, None),
            Fate::Wait(_) => (Ended::Wait { due: now.plus_ms(LEFT_ALONE_MS) }, None),
            Fate::Send => {
                while let Err(error) = self.look_up(&mut message.notice).await {
                    away(&error).await;
                }
                let answer = notify(notifier, &message).await;
                let (ended, health) = judge(&message, answer, health, &notifier.fingerprint(), now);
                (ended, Some(health))
            }
        };
        loop {
            match outbox.end_message(&message, ended.clone(), health.as_ref()).await {
                Ok(()) | Err(StoreError::Stale { .. }) => break,
                Err(error) => away(&error).await,
            }
        }
    }
}

impl Engine {
    /// What is needed to say it below its task's issue, if it has one.
    async fn look_up(&self, notice: &mut Notice) -> Result<(), StoreError> {
        let Some(task) = notice.task.clone() else { return Ok(()) };
        notice.issue = self.issue_of(&task).await?;
        if notice.issue.is_some() && matches!(notice.kind, NoticeKind::Asked | NoticeKind::Done | NoticeKind::Agent) {
            let history = self.store.history(&task).await?;
            let usage = |number| {
                let of = history.usage.iter().filter(move |row| row.attempt == number);
                of.map(|row| row.usage.clone()).collect()
            };
            let run = |attempt: &Attempt| NoticeRun { usage: usage(attempt.number), attempt: attempt.clone() };
            notice.runs = history.attempts.iter().map(run).collect();
        }
        Ok(())
    }

    /// The key under which a task's issue at a tracker is filed, where there are trackers.
    async fn issue_of(&self, task: &TaskId) -> Result<Option<String>, StoreError> {
        match &self.tracking {
            Some(tracking) if !tracking.boards.is_empty() => tracking.intake.issue_of(task).await,
            _ => Ok(None),
        }
    }
}

fn rest_until(at: Timestamp, now: Timestamp) -> Rest {
    Rest::For(Duration::from_millis(u64::try_from(at.since_ms(now)).unwrap_or(0).max(20)))
}

async fn away(error: &StoreError) {
    tracing::warn!(%error, "what became of something sent cannot be written; trying again");
    tokio::time::sleep(STORE_AWAY).await;
}

/// Calls the target, off the loop's thread.
async fn notify(notifier: &Arc<dyn Notifier>, message: &Message) -> PortResult<()> {
    let (caller, key, notice) = (notifier.clone(), message.key.clone(), message.notice.clone());
    let call = tokio::task::spawn_blocking(move || caller.notify(&key, &notice));
    call.await.unwrap_or_else(|_| {
        let words = "the notifier broke down";
        Err(PortError::of_object(ErrorKind::InDoubt, Port::Notifier, notifier.name(), message.key.as_str(), words))
    })
}

/// What an answer means for the message and for its target.
fn judge(
    message: &Message,
    answer: PortResult<()>,
    mut health: Health,
    fingerprint: &str,
    now: Timestamp,
) -> (Ended, Health) {
    let target = message.target.as_str();
    let Err(PortError { kind, words, .. }) = answer else {
        if health.is_down() {
            tracing::info!(target_name = target, "notices arrive again");
        }
        health.served();
        return (Ended::Sent, health);
    };
    tracing::warn!(target_name = target, row = message.id, error = %words, "a notice did not arrive");
    if health.failed(kind, &message.notice.object(), fingerprint, &words, now) {
        tracing::error!(target_name = target, error = %words, "notices do not arrive: nothing is sent but to find out");
    }
    let ended = match after_failure(kind, message.tries, message.made_at, now, TRIED_MS) {
        Next::Again { due } => Ended::Again { due, error: words },
        Next::Dead => Ended::Dead { error: words },
        Next::Ended => Ended::Dropped { why: words },
    };
    (ended, health)
}

async fn forget_forever(outbox: Arc<dyn Outbox>, keep: Keep) {
    loop {
        match outbox.forget_messages(&keep, FORGOTTEN_AT_ONCE).await {
            Ok(rows) if rows >= u64::from(FORGOTTEN_AT_ONCE) => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "old messages cannot be removed; trying again later"),
        }
        tokio::time::sleep(FORGET_EVERY).await;
    }
}
