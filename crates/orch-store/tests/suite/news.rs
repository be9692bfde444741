//! Processes on one PostgreSQL hear of each other's changes.

use std::time::{Duration, Instant};

use orch_store::postgres::relay;
use tokio::sync::watch;

use crate::harness::{On, PATIENCE, postgres, with_address};

struct Told {
    own: watch::Sender<u64>,
    heard: watch::Receiver<u32>,
}

fn process(at: &str) -> Told {
    let ((own, changes), (count, heard)) = (watch::channel(0), watch::channel(0));
    let url = at.to_owned();
    tokio::spawn(async move { relay(&url, changes, move || count.send_modify(|times| *times += 1)).await });
    Told { own, heard }
}

impl Told {
    fn change(&self) {
        self.own.send_modify(|change| *change += 1);
    }
    fn heard(&self) -> u32 {
        *self.heard.borrow()
    }
    async fn until_heard(&self, times: u32) {
        let mut heard = self.heard.clone();
        let heard = heard.wait_for(|heard| *heard >= times);
        drop(tokio::time::timeout(PATIENCE, heard).await.expect("nothing was heard").unwrap());
    }
}

#[test]
fn postgres_a_change_is_heard_elsewhere_and_many_are_told_seldom() {
    with_address("news", On::Postgres, |at| async move {
        let (one, two) = (process(&at), process(&at));
        // Each looks once when it begins to listen.
        one.until_heard(1).await;
        two.until_heard(1).await;
        one.change();
        two.until_heard(2).await;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(2) {
            one.change();
            tokio::task::yield_now().await;
        }
        two.until_heard(3).await;
        let most = 22 + u32::try_from(begun.elapsed().as_millis() / 50).unwrap();
        assert!(two.heard() <= most, "{} were told in {:?}", two.heard(), begun.elapsed());
        assert_eq!(one.heard(), 1, "nobody tells themselves");
        // A connection that ends is made again, and what was missed is looked for.
        let before = two.heard();
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE query LIKE '%orch_changes%' AND pid <> pg_backend_pid() AND datname = current_database()";
        postgres(&at).await.batch_execute(end).await.unwrap();
        two.until_heard(before + 1).await;
        one.change();
        two.until_heard(before + 2).await;
    });
}
