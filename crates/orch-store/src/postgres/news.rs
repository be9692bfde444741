//! What the processes on one database tell each other: that something has changed. Whoever hears it looks for itself; what
//! nobody hears costs time and nothing else.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use orch_ports::store::StoreResult;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_postgres::{AsyncMessage, Client, NoTls};

use super::connect;

const CHANNEL: &str = "orch_changes";
/// Told at most so often: each notification takes a lock of the whole server for a moment.
const EVERY: Duration = Duration::from_millis(50);
/// Before a connection that ended is made again.
const BREATH: Duration = Duration::from_secs(1);

/// Tells the others when `own` changes, and calls `heard` when one of them tells. Never ends; a server that is away is
/// asked again and again.
pub async fn relay(url: &str, mut own: watch::Receiver<u64>, heard: impl Fn() + Send + Sync) {
    loop {
        match Session::open(url).await {
            // Whatever was told meanwhile is looked for now.
            Ok(session) => {
                heard();
                session.serve(&mut own, &heard).await;
            }
            Err(error) => tracing::debug!(%error, "changes of others are not heard of"),
        }
        sleep(BREATH).await;
    }
}

struct Session {
    client: Client,
    heard: Arc<Notify>,
    ended: watch::Receiver<bool>,
}

impl Session {
    async fn open(url: &str) -> StoreResult<Self> {
        let (client, mut connection) =
            connect::config(url)?.connect(NoTls).await.map_err(|error| connect::failed(&error))?;
        let heard = Arc::new(Notify::new());
        let (end, ended) = watch::channel(false);
        let (tell, schema) = (Arc::clone(&heard), Arc::new(std::sync::OnceLock::<(i32, String)>::new()));
        let ours = Arc::clone(&schema);
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                let AsyncMessage::Notification(told) = message else { continue };
                // Another schema is another store; and nobody tells themselves.
                if ours.get().is_some_and(|(pid, schema)| told.process_id() != *pid && told.payload() == schema) {
                    tell.notify_one();
                }
            }
            // Nobody may listen any more.
            let _ = end.send(true);
        });
        let row = client.query_one("SELECT pg_backend_pid(), current_schema()::text", &[]).await;
        let row = row.map_err(|error| connect::failed(&error))?;
        let _first = schema.set((row.get(0), row.get(1)));
        client.batch_execute(&format!("LISTEN {CHANNEL}")).await.map_err(|error| connect::failed(&error))?;
        Ok(Self { client, heard, ended })
    }

    /// Until the connection ends.
    async fn serve(mut self, own: &mut watch::Receiver<u64>, heard: &(impl Fn() + Send + Sync)) {
        let mut next = Instant::now();
        loop {
            tokio::select! {
                () = over(&mut self.ended) => return,
                () = self.heard.notified() => heard(),
                changed = told_at(own, next) => {
                    if !changed {
                        // Nobody is left who could change anything.
                        return std::future::pending().await;
                    }
                    next = Instant::now() + EVERY;
                    let tell = format!("SELECT pg_notify('{CHANNEL}', current_schema()::text)");
                    if self.client.batch_execute(&tell).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// Returns when the connection has ended.
async fn over(ended: &mut watch::Receiver<bool>) {
    let _ = ended.wait_for(|ended| *ended).await;
}

/// Returns when something has changed, and not before that moment: whatever changes until then is told at once.
async fn told_at(own: &mut watch::Receiver<u64>, moment: Instant) -> bool {
    sleep_until(moment).await;
    own.changed().await.is_ok()
}
