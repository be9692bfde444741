//! The ends of many runs, told by one thread: what sleeps for hours costs a watch in the kernel and a line in a table, no
//! thread of its own and no open file.
//!
//! A supervisor keeps its run's lock open for writing until it ends, however it ends, and the kernel tells of every such
//! file that is closed (inotify(7)). Whether the lock is free is then asked through a file that is open for reading only,
//! so that asking tells nobody anything. The kernel tells a moment before it frees the lock: a lock that is still taken is
//! looked at a few times more. Now and then all of them are looked at, for a word that was lost.

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::{FlockOperation, Mode, OFlags, flock, inotify, open};
use rustix::io::Errno;

use crate::directory::LOCK;
use crate::{Error, RunDirectory};

/// The name of the thread.
pub const THREAD: &str = "run-ends";

/// Between two looks at everything.
const SWEEP: Duration = Duration::from_secs(30);
/// The same where the kernel has no watch to give (`fs.inotify`).
const UNWATCHED: Duration = Duration::from_millis(500);
/// After a word of the kernel: so long until the lock is looked at again, then twice that, and so on, so many times.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LOOKS: u32 = 9;

type Tell = Box<dyn FnOnce() + Send>;

/// Tells the ends of runs. Copies tell by the same thread, which ends with the last of them.
#[derive(Clone, Default)]
pub struct Ends {
    teller: Arc<Mutex<Option<Teller>>>,
}

impl std::fmt::Debug for Ends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ends").finish_non_exhaustive()
    }
}

impl Ends {
    /// Calls `tell` when the run is over, or its end cannot be learned any more, and at once if that is so already. Whoever
    /// is told asks [`crate::wait`], which then does not wait. `tell` is called by the one thread for all: it must not block.
    /// It is dropped uncalled when the last copy of these ends is.
    ///
    /// # Errors
    /// [`Error::Io`] if the lock cannot be opened, or if there can be no thread.
    pub fn tell(&self, run: &RunDirectory, tell: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let lock = run.path().join(LOCK);
        // There from now on, so that it can be watched.
        drop(run.lock_file()?);
        let mut teller = self.teller.lock().unwrap_or_else(PoisonError::into_inner);
        if teller.is_none() {
            *teller = Some(Teller::start().map_err(|e| Error::io("watch", &lock, e))?);
        }
        if let Some(teller) = &*teller {
            teller.table.add(lock, Box::new(tell));
        }
        Ok(())
    }
}

/// The thread; it ends with this.
struct Teller {
    table: Arc<Table>,
}

impl Teller {
    fn start() -> Result<Self, std::io::Error> {
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        let table = Arc::new(Table {
            words: inotify::init(flags).ok(),
            bell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            runs: Mutex::default(),
        });
        let watching = Arc::clone(&table);
        std::thread::Builder::new().name(THREAD.to_owned()).stack_size(64 * 1024).spawn(move || watching.watch())?;
        Ok(Self { table })
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.table.lock().ended = true;
        self.table.ring();
    }
}

#[derive(Default)]
struct Awaited {
    by_lock: HashMap<PathBuf, AwaitedRun>,
    by_watch: HashMap<i32, PathBuf>,
    /// So many could not be watched.
    unwatched: usize,
    ended: bool,
}

struct AwaitedRun {
    tell: Vec<Tell>,
    watch: Option<i32>,
    /// When to look again, and how often that was done since the last word.
    again: Option<(Instant, u32)>,
}

struct Table {
    /// The kernel's words; `None`: it has none to give.
    words: Option<OwnedFd>,
    /// Rung when the table has changed.
    bell: OwnedFd,
    runs: Mutex<Awaited>,
}

impl Table {
    fn lock(&self) -> MutexGuard<'_, Awaited> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        let _full = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }

    fn add(&self, lock: PathBuf, tell: Tell) {
        let mut runs = self.lock();
        let runs = &mut *runs;
        let run = runs.by_lock.entry(lock.clone()).or_insert_with(|| {
            // Before the first look: what comes after it is told.
            let events = inotify::WatchFlags::CLOSE_WRITE | inotify::WatchFlags::ATTRIB;
            let watch = self.words.as_ref().and_then(|words| inotify::add_watch(words, &lock, events).ok());
            match watch {
                Some(watch) => drop(runs.by_watch.insert(watch, lock)),
                None => runs.unwatched += 1,
            }
            AwaitedRun { tell: Vec::new(), watch, again: None }
        });
        run.tell.push(tell);
        // The thread makes the first look, at once.
        run.again = Some((Instant::now(), LOOKS));
        self.ring();
    }

    fn watch(&self) {
        let mut swept = Instant::now();
        loop {
            let (every, next) = {
                let runs = self.lock();
                if runs.ended {
                    return;
                }
                let every = (!runs.by_lock.is_empty()).then_some(if runs.unwatched > 0 { UNWATCHED } else { SWEEP });
                let again = runs.by_lock.values().filter_map(|run| run.again.map(|(at, _)| at)).min();
                (every, again.into_iter().chain(every.map(|every| swept + every)).min())
            };
            self.sleep(next);
            self.hear();
            let now = Instant::now();
            let all = every.is_some_and(|every| now >= swept + every);
            if all {
                swept = now;
            }
            // Outside of the table: whoever is told may ask for the next.
            for tell in self.over(now, all) {
                tell();
            }
        }
    }

    fn sleep(&self, until: Option<Instant>) {
        let timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let bell = PollFd::new(&self.bell, PollFlags::IN);
        let _early = match &self.words {
            Some(words) => poll(&mut [bell, PollFd::new(words, PollFlags::IN)], timeout.as_ref()),
            None => poll(&mut [bell], timeout.as_ref()),
        };
        let _empty = rustix::io::read(&self.bell, &mut [0; 8]);
    }

    /// Notes what is to be looked at.
    fn hear(&self) {
        let Some(words) = &self.words else { return };
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(words, &mut buffer);
        let now = Instant::now();
        while let Ok(word) = reader.next() {
            let mut runs = self.lock();
            let runs = &mut *runs;
            if word.events().contains(inotify::ReadFlags::QUEUE_OVERFLOW) {
                runs.by_lock.values_mut().for_each(|run| run.again = Some((now, 0)));
            } else if let Some(run) = runs.by_watch.get(&word.wd()).and_then(|lock| runs.by_lock.get_mut(lock)) {
                run.again = Some((now, 0));
            }
        }
    }

    /// Looks at those whose time has come, or at all; who is to be told.
    fn over(&self, now: Instant, all: bool) -> Vec<Tell> {
        let mut runs = self.lock();
        let mut over = Vec::new();
        for (lock, run) in &mut runs.by_lock {
            let due = run.again.filter(|(at, _)| *at <= now);
            if due.is_none() && !all {
                continue;
            }
            if is_over(lock) {
                over.push(lock.clone());
            } else if let Some((_, looks)) = due {
                run.again = (looks < LOOKS).then(|| (now + FIRST_LOOK * (1 << looks), looks + 1));
            }
        }
        let mut tell = Vec::new();
        for lock in over {
            let Some(run) = runs.by_lock.remove(&lock) else { continue };
            tell.extend(run.tell);
            match (run.watch, &self.words) {
                (Some(watch), Some(words)) => {
                    runs.by_watch.remove(&watch);
                    let _gone = inotify::remove_watch(words, watch);
                }
                _ => runs.unwatched -= 1,
            }
        }
        tell
    }
}

/// Whether nobody holds the lock. What cannot be asked is for whoever waits to find out.
fn is_over(lock: &Path) -> bool {
    let Ok(file) = open(lock, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) else { return true };
    flock(&file, FlockOperation::NonBlockingLockShared) != Err(Errno::WOULDBLOCK)
}
