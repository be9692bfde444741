//! The right to be the one process that works on a database: a session's advisory lock, held by a connection of its
//! own. The server lets go of it when the connection ends, however it ends.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use orch_ports::store::{StoreError, StoreResult};
use tokio::sync::{Notify, watch};
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, NoTls};

use super::connect;

/// First half of the lock's name; the other half is the schema, so that each has a service of its own.
const LOCK: i32 = 7_041_778;
/// Between two looks whether the lock is still held. A connection that the network lost is found out by this alone.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A look that takes longer is none.
const LOOK_WITHIN: Duration = Duration::from_secs(10);
/// What an accepting process says to the one that holds the lock.
const CHANNEL: &str = "orch_work";
/// Whether this very connection holds the lock.
const HELD: &str = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND classid = $1::int8::oid AND objid = hashtext(current_schema())::int8::bit(32)::int8::oid AND objsubid = 2
    AND pid = pg_backend_pid())";
/// Who holds it.
const HOLDER: &str = "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.granted
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.classid = $1::int8::oid AND l.objid = hashtext(current_schema())::int8::bit(32)::int8::oid AND l.objsubid = 2";

/// The process that works on a database, as others are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its process.
    pub pid: u32,
    /// Where it serves; `None` for a command that only passes by.
    pub address: Option<String>,
    /// Name of its machine.
    pub host: String,
}

impl Holder {
    /// As the session is named on the server, which cuts names to 63 bytes: what may be cut comes last.
    fn session_name(&self) -> String {
        format!("orch {} {} {}", self.pid, self.address.as_deref().unwrap_or("-"), self.host)
    }

    fn from_session_name(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix("orch ")?.splitn(3, ' ');
        let (pid, address, host) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
        Some(Self { pid, address: (address != "-").then(|| address.to_owned()), host: host.to_owned() })
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Some(address) => write!(f, "process {} on {} serves it on {address}", self.pid, self.host),
            None => write!(f, "process {} on {} works on it", self.pid, self.host),
        }
    }
}

/// What came of asking for the lock.
#[derive(Debug)]
pub enum Taken {
    /// Held from now on.
    Held(ServiceLock),
    /// Somebody else holds it; `None` if they did not say who they are, or have just let go.
    By(Option<Holder>),
}

/// Held for as long as it lives and its connection does.
#[derive(Debug)]
pub struct ServiceLock {
    client: Client,
    ended: watch::Receiver<bool>,
    told: Arc<Notify>,
}

impl ServiceLock {
    /// Asks for the lock of the database at `url`, without waiting for it.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] if the server cannot be reached, or if a pooler stands before it that gives each
    /// transaction another connection: there no session holds anything.
    pub async fn take(url: &str, me: &Holder) -> StoreResult<Taken> {
        let (client, ended, told) = session(url, Some(me)).await?;
        let lock = Self { client, ended, told };
        let row = lock
            .client
            .query_one("SELECT pg_try_advisory_lock($1, hashtext(current_schema())), pg_backend_pid()", &[&LOCK]);
        let row = row.await.map_err(|e| connect::failed(&e))?;
        if !row.get::<_, bool>(0) {
            let holder = lock.client.query_opt(HOLDER, &[&i64::from(LOCK)]).await.map_err(|e| connect::failed(&e))?;
            return Ok(Taken::By(holder.and_then(|row| Holder::from_session_name(row.get(0)))));
        }
        lock.refuse_pooler(url, row.get(1)).await?;
        lock.client.batch_execute(&format!("LISTEN {CHANNEL}")).await.map_err(|e| connect::failed(&e))?;
        Ok(Taken::Held(lock))
    }

    /// A pooler in transaction mode hands the connection that took the lock to whoever asks next.
    async fn refuse_pooler(&self, url: &str, backend: i32) -> StoreResult<()> {
        let pooled = || StoreError::Unusable {
            detail:
                "its address is that of a connection pooler in transaction mode, through which no service can keep the \
                     database to itself; name the server's own address, or a pool in session mode"
                    .into(),
        };
        let mut others = Vec::new();
        for _ in 0..3 {
            let (other, ..) = session(url, None).await?;
            other.batch_execute("BEGIN").await.map_err(|e| connect::failed(&e))?;
            let row = other.query_one("SELECT pg_backend_pid()", &[]).await.map_err(|_| pooled())?;
            others.push(other);
            let mine = self.client.query_one("SELECT pg_backend_pid()", &[]).await.map_err(|_| pooled())?;
            if row.get::<_, i32>(0) == backend || mine.get::<_, i32>(0) != backend || !self.holds().await {
                return Err(pooled());
            }
        }
        Ok(())
    }

    /// Whether this session still has it.
    async fn holds(&self) -> bool {
        let name = i64::from(LOCK);
        let params: [&(dyn ToSql + Sync); 1] = [&name];
        let look = self.client.query_one(HELD, &params);
        matches!(tokio::time::timeout(LOOK_WITHIN, look).await, Ok(Ok(row)) if row.get(0))
    }

    /// Returns when it is not held any more.
    pub async fn lost(&self) {
        let mut ended = self.ended.clone();
        loop {
            tokio::select! {
                _ = ended.wait_for(|ended| *ended) => return,
                () = tokio::time::sleep(LOOK_EVERY) => {
                    if !self.holds().await {
                        return;
                    }
                }
            }
        }
    }

    /// Returns when another process has stored something for the one that holds this.
    pub async fn told(&self) {
        self.told.notified().await;
    }
}

/// Tells the process that holds the lock of the database at `url` that something was stored for it.
///
/// # Errors
/// The server's.
pub async fn tell_service(url: &str) -> StoreResult<()> {
    let (client, ..) = session(url, None).await?;
    client.batch_execute(&format!("NOTIFY {CHANNEL}")).await.map_err(|e| connect::failed(&e))
}

/// A connection of its own, whether it has ended, and what it is told.
async fn session(url: &str, me: Option<&Holder>) -> StoreResult<(Client, watch::Receiver<bool>, Arc<Notify>)> {
    let mut config = connect::config(url)?;
    if let Some(me) = me {
        config.application_name(me.session_name());
    }
    config.keepalives_idle(Duration::from_secs(10));
    let (client, mut connection) =
        config.connect(NoTls).await.map_err(|e| StoreError::Unusable { detail: connect::words(&e) })?;
    let (end, ended) = watch::channel(false);
    let told = Arc::new(Notify::new());
    let tell = Arc::clone(&told);
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if matches!(message, AsyncMessage::Notification(_)) {
                tell.notify_one();
            }
        }
        // Nobody may listen any more.
        let _ = end.send(true);
    });
    Ok((client, ended, told))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_read_back_from_the_name_of_its_session() {
        let service = Holder { pid: 7, address: Some("[::1]:8500".into()), host: "a.example.org".into() };
        assert_eq!(Holder::from_session_name(&service.session_name()), Some(service.clone()));
        let command = Holder { address: None, ..service };
        assert_eq!(Holder::from_session_name(&command.session_name()), Some(command));
        for name in ["", "psql", "orch", "orch x - h", "orchestrion"] {
            assert_eq!(Holder::from_session_name(name), None, "{name}");
        }
    }
}
