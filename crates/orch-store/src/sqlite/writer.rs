//! The one writer: a thread that takes whatever waits, commits it together and answers after the commit.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use orch_ports::store::{StoreError, StoreResult};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::connection::{checkpointing, failed, writing};
use super::readers::closed;
use super::run::run;
use crate::step::{Answer, Step};

/// At most so many callers share a commit: bounds how long the first of them waits.
const GROUP: usize = 256;
/// While callers come in groups, the writer waits so long for as many as came last time: those that were just answered
/// ask again within that time, and share a flush of the disk instead of paying for one each. A lone caller never waits.
const GATHER: Duration = Duration::from_micros(300);
/// Pages of the log after which it is moved into the database file beside the writer (4 MB).
const PASSIVE_PAGES: u32 = 1_000;
/// Pages of the log above which the writer itself makes it start again (64 MB): under a load without a pause the
/// passive checkpoints alone let it grow without end.
const RESTART_PAGES: u32 = 16_384;
/// How long the writer waits for readers before it gives a restart up until the log has grown further.
const RESTART_PATIENCE: Duration = Duration::from_millis(100);

type Reply = oneshot::Sender<StoreResult<Vec<Answer>>>;

enum Asked {
    Write { steps: Vec<Step>, synced: bool, reply: Reply },
    Close { reply: oneshot::Sender<()> },
}

/// A handle to the thread. When the last handle goes, the thread ends what it was given and closes the file.
#[derive(Debug)]
pub(super) struct Writer {
    asked: mpsc::Sender<Asked>,
}

impl Writer {
    /// Opens the file and starts the thread.
    pub(super) fn open(path: &Utf8Path) -> StoreResult<Self> {
        let connection = writing(path)?;
        let (asked, inbox) = mpsc::channel();
        let path = path.to_owned();
        thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || serve(connection, &path, &inbox))
            .map_err(|e| StoreError::Unusable { detail: format!("no thread for the writer: {e}") })?;
        Ok(Self { asked })
    }

    /// Returns after the commit; if it is `synced`, after it is on disk with all that was committed before.
    pub(super) async fn write(&self, steps: Vec<Step>, synced: bool) -> StoreResult<Vec<Answer>> {
        let (reply, answer) = oneshot::channel();
        self.asked.send(Asked::Write { steps, synced, reply }).map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// All of them stand behind each other, so that they share a commit; returns after the last one is on disk.
    pub(super) async fn write_all(&self, all: Vec<Vec<Step>>) -> Vec<StoreResult<Vec<Answer>>> {
        let asked = all.into_iter().map(|steps| {
            let (reply, answer) = oneshot::channel();
            self.asked.send(Asked::Write { steps, synced: true, reply }).map(|()| answer).map_err(|_| closed())
        });
        let mut written = Vec::new();
        for answer in asked.collect::<Vec<_>>() {
            written.push(match answer {
                Ok(answer) => answer.await.unwrap_or_else(|_| Err(closed())),
                Err(error) => Err(error),
            });
        }
        written
    }

    /// Returns after the file is closed.
    pub(super) async fn close(&self) -> StoreResult<()> {
        let (reply, answer) = oneshot::channel();
        self.asked.send(Asked::Close { reply }).map_err(|_| closed())?;
        answer.await.map_err(|_| closed())
    }
}

fn serve(mut connection: Connection, path: &Utf8Path, inbox: &mpsc::Receiver<Asked>) {
    let pages = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&pages);
    let hook = move |_: &mut rusqlite::hooks::Wal, pages: i32| {
        seen.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
        Ok(())
    };
    if let Err(error) = connection.wal_hook(Some(hook)) {
        tracing::error!(%error, "the size of the log is unknown: it is only moved when the store closes");
    }
    let mut log = Log { pages, passive_at: PASSIVE_PAGES, restart_at: RESTART_PAGES, beside: Beside::new(path) };
    let mut closing = None;
    let mut usual = 1;
    let mut disk = Disk { synced: true };
    while closing.is_none() {
        let Ok(first) = inbox.recv() else { break };
        let mut group = Vec::new();
        let mut to_disk = false;
        let mut next = Some(first);
        let until = Instant::now() + GATHER;
        while let Some(asked) = next.take() {
            match asked {
                Asked::Write { steps, synced, reply } => {
                    to_disk |= synced;
                    group.push((steps, reply));
                }
                Asked::Close { reply } => closing = Some(reply),
            }
            if group.len() < GROUP && closing.is_none() {
                next = inbox.try_recv().ok();
            }
            if next.is_none() && group.len() < usual && closing.is_none() {
                next = inbox.recv_timeout(until.saturating_duration_since(Instant::now())).ok();
            }
        }
        // Halved, not replaced: when callers become fewer, the waiting ends after a few groups.
        usual = group.len().max(usual / 2);
        let (steps, replies): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        let answers = match disk.sync(&connection, to_disk) {
            Ok(()) => commit(&connection, &steps),
            Err(error) => steps.iter().map(|_| Err(copy(&error))).collect(),
        };
        for (reply, answer) in replies.into_iter().zip(answers) {
            // A caller that went away does not undo what it asked for.
            let _ = reply.send(answer);
        }
        log.care(&connection);
    }
    drop(log);
    // The last connection to go moves the log into the file and removes it.
    if let Err((_, error)) = connection.close() {
        tracing::error!(%error, "the database file was not closed cleanly; its log stays beside it and is read next time");
    }
    if let Some(reply) = closing {
        let _ = reply.send(());
    }
}

/// Whether a commit waits for the disk. One that does takes those with it that did not: they are before it in the log.
struct Disk {
    synced: bool,
}

impl Disk {
    fn sync(&mut self, connection: &Connection, synced: bool) -> StoreResult<()> {
        if synced != self.synced {
            // It counts when the statement is prepared, so it is never one of the kept ones.
            let level = if synced { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" };
            connection.execute_batch(level).map_err(|e| failed(&e))?;
            self.synced = synced;
        }
        Ok(())
    }
}

/// Answers in the order of the group, after the commit.
fn commit(connection: &Connection, group: &[Vec<Step>]) -> Vec<StoreResult<Vec<Answer>>> {
    match together(connection, group) {
        Ok(answers) => answers,
        // One large item must not take the small ones with it when the disk is nearly full.
        Err(StoreError::Full { .. }) if group.len() > 1 => group
            .iter()
            .map(|steps| match together(connection, std::slice::from_ref(steps)) {
                Ok(mut answers) => answers.pop().unwrap_or_else(|| Ok(Vec::new())),
                Err(error) => Err(error),
            })
            .collect(),
        // Nothing of the group is known to be on the disk, so nobody is told that it is.
        Err(error) => group.iter().map(|_| Err(copy(&error))).collect(),
    }
}

/// One transaction for all of them. The error means that nothing was written.
///
/// A savepoint per item makes a failing guard cost only itself, but also makes SQLite copy every page that each item
/// touches. Guards fail seldom, so the group runs without savepoints first, and again with them if one item failed.
fn together(connection: &Connection, group: &[Vec<Step>]) -> StoreResult<Vec<StoreResult<Vec<Answer>>>> {
    if group.is_empty() {
        return Ok(Vec::new());
    }
    let mut item_failed = false;
    let plain = transaction(connection, || {
        let mut answers = Vec::with_capacity(group.len());
        for steps in group {
            let answer = run(connection, steps).inspect_err(|_| item_failed = true)?;
            answers.push(Ok(answer));
        }
        Ok(answers)
    });
    // A commit that failed is never tried again: after a failed flush a second one may succeed without the data.
    match (plain, item_failed) {
        (Err(_), true) if group.len() > 1 => {
            transaction(connection, || group.iter().map(|steps| apart(connection, steps)).collect())
        }
        (Err(error), true) => Ok(vec![Err(error)]),
        (other, _) => other,
    }
}

/// One item in a savepoint: its own answer, or the error of the whole transaction.
fn apart(connection: &Connection, steps: &[Step]) -> StoreResult<StoreResult<Vec<Answer>>> {
    say(connection, "SAVEPOINT item")?;
    let answer = run(connection, steps);
    if let Err(error) = &answer {
        // Some errors (disk full, input/output) roll the whole transaction back by themselves.
        if connection.is_autocommit() {
            return Err(copy(error));
        }
        say(connection, "ROLLBACK TO item")?;
    }
    say(connection, "RELEASE item")?;
    Ok(answer)
}

/// Commits what `work` did, or undoes it.
fn transaction<T>(connection: &Connection, work: impl FnOnce() -> StoreResult<T>) -> StoreResult<T> {
    say(connection, "BEGIN IMMEDIATE")?;
    let done = work().and_then(|value| say(connection, "COMMIT").map(|()| value));
    if !connection.is_autocommit()
        && let Err(error) = say(connection, "ROLLBACK")
    {
        tracing::error!(%error, "a transaction could not be rolled back");
    }
    done
}

fn say(connection: &Connection, sql: &str) -> StoreResult<()> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute([])).map(drop).map_err(|e| failed(&e))
}

/// The same error for another caller of the group.
pub(super) fn copy(error: &StoreError) -> StoreError {
    match error {
        StoreError::Full { detail } => StoreError::Full { detail: detail.clone() },
        StoreError::Unusable { detail } => StoreError::Unusable { detail: detail.clone() },
        StoreError::Failed { detail } => StoreError::Failed { detail: detail.clone() },
        other => StoreError::Failed { detail: other.to_string() },
    }
}

/// Keeps the log short.
struct Log {
    pages: Arc<AtomicU32>,
    passive_at: u32,
    restart_at: u32,
    beside: Beside,
}

impl Log {
    fn care(&mut self, connection: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages + PASSIVE_PAGES < self.passive_at {
            // The log started again.
            self.passive_at = PASSIVE_PAGES;
            self.restart_at = RESTART_PAGES;
        }
        if pages >= self.restart_at {
            match restart(connection) {
                Ok(()) => self.restart_at = RESTART_PAGES,
                Err(error) => {
                    tracing::warn!(%error, pages, "readers keep the log from starting again");
                    self.restart_at = pages + RESTART_PAGES / 4;
                }
            }
        } else if pages >= self.passive_at {
            self.passive_at = pages + PASSIVE_PAGES;
            self.beside.checkpoint();
        }
    }
}

fn restart(connection: &Connection) -> StoreResult<()> {
    let patience = |time| connection.busy_timeout(time).map_err(|e| failed(&e));
    patience(RESTART_PATIENCE)?;
    let busy = connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get::<_, i64>(0));
    patience(Duration::from_secs(5))?;
    match busy {
        Ok(0) => Ok(()),
        Ok(_) => Err(StoreError::Failed { detail: "the log is being read".into() }),
        Err(error) => Err(failed(&error)),
    }
}

/// The thread that moves the log into the file while the writer goes on. Started when first needed.
struct Beside {
    path: Utf8PathBuf,
    thread: Option<(mpsc::SyncSender<()>, thread::JoinHandle<()>)>,
}

impl Beside {
    fn new(path: &Utf8Path) -> Self {
        Self { path: path.to_owned(), thread: None }
    }

    fn checkpoint(&mut self) {
        if self.thread.is_none() {
            let (ask, asked) = mpsc::sync_channel(1);
            let path = self.path.clone();
            let started = thread::Builder::new().name("store-log".into()).spawn(move || checkpoint_loop(&path, &asked));
            match started {
                Ok(thread) => self.thread = Some((ask, thread)),
                Err(error) => tracing::warn!(%error, "no thread for checkpoints"),
            }
        }
        if let Some((ask, _)) = &self.thread {
            // One that is asked for already will see these pages too.
            let _ = ask.try_send(());
        }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if let Some((ask, thread)) = self.thread.take() {
            drop(ask);
            // It holds a connection; the writer's must be the last one to close.
            if thread.join().is_err() {
                tracing::error!("the checkpoint thread died");
            }
        }
    }
}

fn checkpoint_loop(path: &Utf8Path, asked: &mpsc::Receiver<()>) {
    let connection = match checkpointing(path) {
        Ok(connection) => connection,
        Err(error) => {
            tracing::warn!(%error, "no checkpoints beside the writer");
            return;
        }
    };
    while asked.recv().is_ok() {
        if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            tracing::warn!(%error, "a checkpoint failed; the next one goes on");
        }
    }
}
