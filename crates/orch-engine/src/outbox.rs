//! What people are told: written with the facts it tells of, sent by one loop for each target.

use std::sync::Arc;
use std::time::Duration;

use orch_ports::keep::Keep;
use orch_ports::notifier::Notifier;
use orch_ports::outbox::{Ended, Message, Outbox, TRIED_MS};
use orch_ports::store::StoreError;
use orch_ports::{Port, PortError, PortResult};
use orch_rules::change::Change;
use orch_rules::decide::Decision;
use orch_rules::ids::Timestamp;
use orch_rules::notice::Before;
use orch_rules::outbox::fate::{Fate, fate};
use orch_rules::outbox::message::NewMessage;
use orch_rules::outbox::target::{Health, Pace};
use orch_rules::outbox::{Next, after_failure};
use orch_rules::port_error::ErrorKind;

use crate::engine::Engine;

/// Pause after the store could not be asked.
const STORE_AWAY: Duration = Duration::from_secs(2);
/// Between two looks for rows that are kept long enough.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);
/// Rows that are removed at once.
const FORGOTTEN_AT_ONCE: u32 = 500;
/// A message that this release cannot judge is looked at again after so many milliseconds.
const LEFT_ALONE_MS: i64 = 24 * 60 * 60_000;

/// Where messages are kept, and who is told.
#[derive(Clone)]
pub(crate) struct Telling {
    pub outbox: Arc<dyn Outbox>,
    pub notifiers: Vec<Arc<dyn Notifier>>,
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
        self.telling = Some(Telling { outbox, notifiers });
        self
    }

    /// Somebody is told of something.
    pub(crate) fn tells(&self) -> bool {
        self.telling.as_ref().is_some_and(|telling| !telling.notifiers.is_empty())
    }

    /// Adds what people are told of a decision, for every target that wants it.
    pub(crate) fn tell_people(&self, before: &Before, decision: &mut Decision, now: Timestamp) {
        let Some(telling) = &self.telling else { return };
        for notice in before.notices(&decision.changes, now) {
            let wanting = telling.notifiers.iter().filter(|notifier| notifier.wants(&notice.kind));
            let messages = wanting.map(|notifier| NewMessage::of(notice.clone(), notifier.name()));
            decision.changes.changes.extend(messages.map(|message| Change::Say { message }));
        }
    }

    /// The loops that send, one for each target, and the one that forgets.
    pub(crate) fn senders(self: &Arc<Self>) -> tokio::task::JoinSet<()> {
        let mut loops = tokio::task::JoinSet::new();
        if let Some(telling) = self.telling.clone() {
            for notifier in telling.notifiers {
                loops.spawn(self.clone().send_forever(telling.outbox.clone(), notifier));
            }
            loops.spawn(forget_forever(telling.outbox, self.limits.retention.rows.clone()));
        }
        loops
    }

    async fn send_forever(self: Arc<Self>, outbox: Arc<dyn Outbox>, notifier: Arc<dyn Notifier>) {
        let mut news = self.news.subscribe();
        loop {
            news.borrow_and_update();
            let rest = match self.send_next(&*outbox, &notifier).await {
                Ok(rest) => rest,
                Err(error) => {
                    tracing::warn!(target_name = notifier.name(), %error, "the outbox cannot be read; trying again");
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

    /// Sends one message, if one is due and the target may be called.
    async fn send_next(&self, outbox: &dyn Outbox, notifier: &Arc<dyn Notifier>) -> Result<Rest, StoreError> {
        let name = notifier.name();
        let (health, now) = (outbox.health(name).await?, self.store.now().await?);
        match health.pace(now, &notifier.fingerprint()) {
            Pace::Stopped => return Ok(Rest::UntilNews),
            Pace::NotBefore(at) => return Ok(rest_until(at, now)),
            Pace::OneCall | Pace::Freely => {}
        }
        let Some(message) = outbox.claim_message(name, &self.owner).await? else {
            return Ok(outbox.next_message_due(name).await?.map_or(Rest::UntilNews, |due| rest_until(due, now)));
        };
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
        Ok(Rest::None)
    }
}

fn rest_until(at: Timestamp, now: Timestamp) -> Rest {
    Rest::For(Duration::from_millis(u64::try_from(at.since_ms(now)).unwrap_or(0).max(20)))
}

async fn away(error: &StoreError) {
    tracing::warn!(%error, "the end of a message cannot be written; trying again");
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
