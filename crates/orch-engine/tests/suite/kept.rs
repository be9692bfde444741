//! What a role keeps between its attempts at a task.

use std::sync::{Arc, Mutex};

use orch_testkit::fake::Step;
use serde_json::json;

use crate::world::{Act, World};

/// Who, at which attempt, went on with which session, and found what in its home.
type Seen = (String, u32, Option<String>, Option<String>);

#[tokio::test(flavor = "multi_thread")]
async fn a_role_finds_its_session_and_its_home_again_until_the_task_has_ended() {
    let world = World::new().await;
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let noted = seen.clone();
    world.when(move |act: &Act| {
        if act.is("check") {
            return None;
        }
        let home = act.order.read_write.last().unwrap();
        let note = home.join("note");
        let found = std::fs::read_to_string(&note).ok();
        std::fs::write(&note, format!("{} {}", act.who, act.attempt)).unwrap();
        let resume = act.order.environment.get("FAKE_RESUME").cloned();
        noted.lock().unwrap().push((act.who.clone(), act.attempt, resume, found));
        let (output, _) = act.usual();
        let first = act.is("developer") && act.attempt == 1;
        if first {
            act.commit(&[("src/S-001.txt", Some("RED"))]);
        } else if act.is("developer") {
            act.commit(&[("src/S-001.txt", Some("green"))]);
        }
        let session = format!("session of {} {}", act.who, act.attempt);
        Some((output, Step::completes_with(json!({"session": session}))))
    });
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until_done(&task).await;
    world.settled(&[&task]).await;
    let seen = seen.lock().unwrap();
    let of = |who: &str| -> Vec<_> { seen.iter().filter(|(name, ..)| name == who).cloned().collect() };
    let developer = of("developer");
    assert_eq!(developer.len(), 2, "{seen:?}");
    assert_eq!((&developer[0].2, &developer[0].3), (&None, &None));
    assert_eq!(developer[1].2.as_deref(), Some(&*format!("session of developer {}", developer[0].1)));
    assert_eq!(developer[1].3.as_deref(), Some(&*format!("developer {}", developer[0].1)));
    assert!(of("reviewer").iter().all(|(_, _, resume, found)| (resume, found) == (&None, &None)), "another role's");
    // Every place is gone, its home with it: `settled` looked.
    assert!(std::fs::read_dir(world.places()).map_or(true, |mut left| left.next().is_none()));
}
