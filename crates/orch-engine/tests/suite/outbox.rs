//! What people are told of, however their phone is doing.

use std::sync::{Arc, Mutex};

use orch_engine::control::{LaneCommand, TaskCommand};
use orch_ports::notifier::Notifier;
use orch_ports::outbox::{MessageFilter, MessageState};
use orch_ports::{Port, PortError, PortResult};
use orch_rules::episode::EpisodeKind;
use orch_rules::ids::Timestamp;
use orch_rules::notice::{Notice, NoticeKind};
use orch_rules::port_error::ErrorKind;
use orch_rules::task::{Task, Wait};
use orch_testkit::fake::Step;
use orch_text::{Language, NoticeText};

use crate::world::{SHORT, World, eventually, repository};

/// Somebody who is told, and does as the story says.
#[derive(Default)]
pub struct Phone {
    told: Mutex<Vec<(String, serde_json::Value)>>,
    fails: Mutex<Vec<ErrorKind>>,
    wants: Vec<NoticeKind>,
    /// "phone" if it has none.
    name: &'static str,
    credentials: Mutex<&'static str>,
    quiet_until: Mutex<Option<Timestamp>>,
}

impl Phone {
    pub fn new(fails: &[ErrorKind]) -> Arc<Self> {
        Arc::new(Self { fails: Mutex::new(fails.to_vec()), ..Self::default() })
    }
    fn kinds(&self) -> Vec<String> {
        let kind = |body: &serde_json::Value| body["kind"].as_str().unwrap().to_owned();
        self.told.lock().unwrap().iter().map(|(_, body)| kind(body)).collect()
    }
    pub async fn rang(&self, times: usize) -> Vec<String> {
        eventually("it rings", async || Some(self.kinds()).filter(|kinds| kinds.len() >= times)).await
    }
    fn body(&self, at: usize) -> serde_json::Value {
        self.told.lock().unwrap()[at].1.clone()
    }
}

impl Notifier for Phone {
    fn name(&self) -> &str {
        if self.name.is_empty() { "phone" } else { self.name }
    }
    fn wants(&self, kind: &NoticeKind) -> bool {
        self.wants.is_empty() && *kind != NoticeKind::Agent || self.wants.contains(kind)
    }
    fn fingerprint(&self) -> String {
        (*self.credentials.lock().unwrap()).to_owned()
    }
    fn quiet_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.quiet_until.lock().unwrap().filter(|end| *end > now)
    }
    fn notify(&self, key: &str, notice: &Notice) -> PortResult<()> {
        let mut fails = self.fails.lock().unwrap();
        if !fails.is_empty() {
            return Err(PortError::of_object(fails.remove(0), Port::Notifier, "phone", key, "away"));
        }
        let words = NoticeText::of(notice, Language::English);
        let body = serde_json::from_str(&notice.body(&words.text, &words.commands)).unwrap();
        self.told.lock().unwrap().push((key.to_owned(), body));
        Ok(())
    }
    fn look(&self) -> Result<String, String> {
        Ok("there".to_owned())
    }
}

async fn with(phone: &Arc<Phone>, more: &[(&str, &str)]) -> World {
    let mut world = World::with(more).await;
    world.notifiers.push(phone.clone());
    world
}

fn asked(task: &Task) -> bool {
    task.waits.contains(&Wait::Human { asked: EpisodeKind::Approval })
}

async fn states(world: &World) -> Vec<(String, MessageState)> {
    let mut rows = world.store.messages(&MessageFilter::default()).await.unwrap();
    rows.reverse();
    rows.into_iter().map(|row| (row.notice.kind.as_str().to_owned(), row.state)).collect()
}

/// Waits until exactly these messages stand so.
async fn until_states(world: &World, expected: &[(&str, MessageState)]) {
    let expected: Vec<_> = expected.iter().map(|(kind, state)| ((*kind).to_owned(), *state)).collect();
    eventually("the messages stand so", async || (states(world).await == expected).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_told_once_that_they_are_asked_and_once_that_it_is_done() {
    let phone = Phone::new(&[]);
    let world = with(&phone, &[]).await;
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until("approval is asked", &task.id, asked).await;
    phone.rang(1).await;
    let body = phone.body(0);
    assert_eq!((body["kind"].as_str(), body["work_item"].as_str()), (Some("asked"), Some("S-001")), "{body}");
    assert_eq!(body["commands"][0].as_str(), Some("orch approve S-001"));
    process.control.command(&task.work_item, TaskCommand::Approve, "Uma", "1".to_owned()).await.unwrap();
    world.until_done(&task).await;
    assert_eq!(phone.rang(2).await, ["asked", "done"]);
    until_states(&world, &[("asked", MessageState::Sent), ("done", MessageState::Sent)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_lose_nothing_and_what_was_answered_meanwhile_is_not_told() {
    let phone = Phone::new(&[ErrorKind::Unauthorised]);
    let world = with(&phone, &[]).await;
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until("approval is asked", &task.id, asked).await;
    let health = eventually("it is refused", async || {
        Some(world.store.health("phone").await.unwrap()).filter(|health| health.refused.is_some())
    })
    .await;
    assert_eq!(health.reason, "away");
    let view = process.control.outbox(&MessageFilter::default()).await.unwrap();
    assert_eq!((view.targets.len(), view.messages.len()), (1, 1));
    process.control.command(&task.work_item, TaskCommand::Approve, "Uma", "1".to_owned()).await.unwrap();
    world.until_done(&task).await;
    until_states(&world, &[("asked", MessageState::Queued), ("done", MessageState::Queued)]).await;
    process.kill().await;
    // Other credentials come with a restart.
    *phone.credentials.lock().unwrap() = "others";
    let _next = world.start("p2");
    assert_eq!(phone.rang(1).await, ["done"]);
    until_states(&world, &[("asked", MessageState::Dropped), ("done", MessageState::Sent)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_in_quiet_hours_and_of_what_is_over_not_at_all() {
    let phone = Phone::new(&[]);
    *phone.quiet_until.lock().unwrap() = Some(Timestamp(i64::MAX));
    let world = with(&phone, &[]).await;
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until("approval is asked", &task.id, asked).await;
    process.control.command(&task.work_item, TaskCommand::Approve, "Uma", "1".to_owned()).await.unwrap();
    world.until_done(&task).await;
    until_states(&world, &[("asked", MessageState::Queued), ("done", MessageState::Queued)]).await;
    assert_eq!(phone.kinds().len(), 0);
    *phone.quiet_until.lock().unwrap() = None;
    process.issue("Take away").await;
    assert_eq!(phone.rang(2).await, ["done", "asked"]);
}

/// What one target says of itself holds no other, and one message that it refuses holds none behind it.
#[tokio::test(flavor = "multi_thread")]
async fn the_trouble_of_one_target_is_its_own() {
    let hour = ErrorKind::RateLimited { until: Timestamp(i64::MAX / 2) };
    for trouble in [hour, ErrorKind::Unauthorised, ErrorKind::Refused, ErrorKind::Passing] {
        let phone = Phone::new(&[trouble]);
        let desk = Arc::new(Phone { name: "desk", ..Phone::default() });
        let mut world = with(&phone, &[]).await;
        world.notifiers.push(desk.clone());
        let process = world.start("p1");
        let task = process.issue("Add up").await;
        world.until("approval is asked", &task.id, asked).await;
        assert_eq!(desk.rang(1).await, ["asked"], "{trouble:?}");
        eventually("the phone was tried", async || phone.fails.lock().unwrap().is_empty().then_some(())).await;
        process.control.command(&task.work_item, TaskCommand::Approve, "Uma", "1".to_owned()).await.unwrap();
        world.until_done(&task).await;
        assert_eq!(desk.rang(2).await, ["asked", "done"], "{trouble:?}");
        let rings = matches!(trouble, ErrorKind::Refused | ErrorKind::Passing);
        if rings {
            phone.rang(1).await;
        } else {
            assert_eq!(phone.kinds(), Vec::<String>::new(), "{trouble:?}: it wants to be left alone");
        }
        assert!(!world.store.health("desk").await.unwrap().is_down());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_replayed_by_a_person_once() {
    let phone = Phone::new(&[ErrorKind::Refused]);
    let world = with(&phone, &[]).await;
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until("approval is asked", &task.id, asked).await;
    let dead = eventually("it is given up", async || {
        let dead = MessageFilter { state: Some(MessageState::Dead), ..MessageFilter::default() };
        world.store.messages(&dead).await.unwrap().pop()
    })
    .await;
    process.control.replay_message(dead.id).await.unwrap();
    assert_eq!(phone.rang(1).await, ["asked"]);
    until_states(&world, &[("asked", MessageState::Sent)]).await;
    let refused = process.control.replay_message(dead.id).await.unwrap_err().to_string();
    assert!(refused.contains("it was sent"), "{refused}");
    let missing = process.control.drop_message(999, "Uma").await.unwrap_err().to_string();
    assert!(missing.contains("orch outbox list"), "{missing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_task_and_a_freeze_are_told_to_those_who_want_it() {
    let wants = vec![NoticeKind::Held, NoticeKind::Frozen];
    let phone = Arc::new(Phone { wants, ..Phone::default() });
    let world = with(&phone, &[(".orch/pipeline.toml", SHORT)]).await;
    world.when(|act| act.is("developer").then(|| (String::new(), Step::fails(1))));
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let why = world.until_held(&task).await;
    phone.rang(1).await;
    assert_eq!(phone.body(0)["text"].as_str(), Some(why.as_str()));
    let freeze = LaneCommand::Freeze { reason: "red".to_owned(), cause: None, fixes: Vec::new() };
    process.control.lane_command(&repository(), freeze, "Uma", "f".to_owned()).await.unwrap();
    assert_eq!(phone.rang(2).await, ["held", "frozen"]);
    assert_eq!(phone.body(1)["text"].as_str(), Some("shop is frozen: red"));
}
