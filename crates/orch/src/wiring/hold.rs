//! One database has one service: on PostgreSQL the lock of a state folder says nothing about the processes of others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use orch_engine::Engine;
use orch_store::postgres::{Holder, ServiceLock, Taken, relay, tell_service};
use tokio::sync::watch;

use super::store_failure;
use crate::exit::{Exit, Failure};
use crate::settings::Host;
use crate::settings::secret::Secret;

/// A command that passes by holds a database for a moment.
const SETTLING: Duration = Duration::from_secs(5);
/// Between two tries to get a lost database back.
const BREATH: Duration = Duration::from_secs(1);

/// Whose a database is.
pub enum Database {
    /// This process's: nobody can reach it without the lock of the state folder.
    Ours,
    /// This process's, as long as the server says so.
    Held(Hold),
    /// Another process's.
    Theirs(Theirs),
}

/// A PostgreSQL database that this process alone works on.
pub struct Hold {
    lock: ServiceLock,
    me: Holder,
    url: Secret,
}

/// A PostgreSQL database that another process works on.
pub struct Theirs {
    holder: Option<Holder>,
    url: Secret,
}

/// Asks for the database of the settings. `address` is where this process serves, if it does.
///
/// # Errors
/// The server's, and a pooler's through which no session holds anything.
pub async fn ask(host: &Host, address: Option<String>) -> Result<Database, Failure> {
    let Some(url) = host.store.address()? else { return Ok(Database::Ours) };
    let me = Holder { pid: std::process::id(), address, host: machine() };
    let begun = Instant::now();
    loop {
        match ServiceLock::take(url.reveal(), &me).await.map_err(store_failure)? {
            Taken::Held(lock) => return Ok(Database::Held(Hold { lock, me, url })),
            Taken::By(holder) => {
                let passes_by = holder.as_ref().is_none_or(|holder| holder.address.is_none());
                if !passes_by || begun.elapsed() > SETTLING {
                    return Ok(Database::Theirs(Theirs { holder, url }));
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Tells other processes on a PostgreSQL database what this engine changes, and hears what they change.
///
/// # Errors
/// An address that cannot be read.
pub fn share_changes(host: &Host, engine: &Arc<Engine>) -> Result<(), Failure> {
    if let Some(url) = host.store.address()? {
        let (own, engine) = (engine.own_changes(), engine.clone());
        tokio::spawn(async move { relay(url.reveal(), own, move || engine.heard()).await });
    }
    Ok(())
}

/// The name of this machine.
pub fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

impl Theirs {
    /// Whose it is.
    pub fn words(&self) -> String {
        self.holder.as_ref().map_or_else(|| "another process works on it".to_owned(), ToString::to_string)
    }

    /// Why no second service starts.
    pub fn refusal(&self) -> Failure {
        Failure::new(Exit::Taken, format!("this database is in use: {}", self.words()))
            .fix("use that service, stop it, or name another database in ORCH_STORE_URL")
    }

    /// Tells that process that something was stored for it.
    pub async fn tell(&self) {
        if let Err(error) = tell_service(self.url.reveal()).await {
            tracing::warn!(%error, "the service was not told; it finds what was stored at its next look");
        }
    }
}

impl Hold {
    /// Keeps the database for the engine, which works only while `held` says that it is ours: a connection that ended is
    /// made again. Returns once another process has it.
    pub async fn keep(mut self, held: &watch::Sender<bool>, engine: &Arc<Engine>) -> Failure {
        loop {
            tokio::select! {
                () = self.lock.told() => {
                    engine.nudge();
                    continue;
                }
                () = self.lock.lost() => {}
            }
            held.send_replace(false);
            tracing::warn!("the connection that holds the database ended: nothing is begun until it is held again");
            loop {
                match ServiceLock::take(self.url.reveal(), &self.me).await {
                    Ok(Taken::Held(lock)) => {
                        self.lock = lock;
                        break;
                    }
                    // The server may not have noticed yet that our own session is gone.
                    Ok(Taken::By(Some(other))) if other != self.me => {
                        return Theirs { holder: Some(other), url: self.url }.refusal();
                    }
                    Ok(Taken::By(_)) | Err(_) => tokio::time::sleep(BREATH).await,
                }
            }
            held.send_replace(true);
            tracing::info!("the database is held again");
        }
    }
}
