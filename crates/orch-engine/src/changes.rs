//! Tells those who wait that something was written. Nothing is lost if nobody is told: whoever waits looks for itself.

use std::time::Duration;

use tokio::sync::watch;

/// Changes that one process knows of; clones are the same.
#[derive(Clone)]
pub struct Changes {
    all: watch::Sender<State>,
    /// How many of them it made itself.
    own: watch::Sender<u64>,
    /// How many runs it launched: nothing is written for that.
    launched: watch::Sender<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct State {
    newest: u64,
    closing: bool,
}

impl Default for Changes {
    fn default() -> Self {
        // Begins anywhere, so that a number of an earlier process is none of this one's; below 2^53, for programs that
        // read JSON numbers as floats.
        let newest = uuid::Uuid::now_v7().as_u64_pair().1 & ((1 << 52) - 1);
        Self {
            all: watch::Sender::new(State { newest, closing: false }),
            own: watch::Sender::new(0),
            launched: watch::Sender::new(0),
        }
    }
}

impl Changes {
    /// Something was written, or a run was launched.
    pub fn happened(&self) {
        self.own.send_modify(|own| *own = own.wrapping_add(1));
        self.heard();
    }

    /// A run was launched.
    pub fn run_launched(&self) {
        self.launched.send_modify(|launched| *launched = launched.wrapping_add(1));
        self.happened();
    }

    /// Waits until a run is launched by this process after now.
    pub fn next_launch(&self) -> impl Future<Output = ()> + use<> {
        let mut launched = self.launched.subscribe();
        async move {
            if launched.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Another process on the same store wrote something.
    pub fn heard(&self) {
        self.all.send_modify(|state| state.newest += 1);
    }

    /// How many changes this process made, to tell others.
    pub fn own(&self) -> watch::Receiver<u64> {
        self.own.subscribe()
    }

    /// Nobody waits any longer: the service ends.
    pub fn close(&self) {
        self.all.send_modify(|state| state.closing = true);
    }

    /// The service ends.
    pub fn is_closing(&self) -> bool {
        self.all.borrow().closing
    }

    /// Number of the newest change. Read it before the store: what is read afterwards is at least as new.
    pub fn newest(&self) -> u64 {
        self.all.borrow().newest
    }

    /// Waits until the newest change is another than `seen`, for `patience` at most; `false` if it was in vain.
    pub async fn after(&self, seen: u64, patience: Duration) -> bool {
        let mut told = self.all.subscribe();
        let changed = told.wait_for(|state| state.newest != seen || state.closing);
        tokio::time::timeout(patience, changed).await.is_ok_and(|state| state.is_ok_and(|state| !state.closing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_change_ends_the_wait_and_silence_ends_with_patience() {
        let changes = Changes::default();
        let seen = changes.newest();
        let short = Duration::from_millis(1);
        assert!(!changes.after(seen, short).await);
        let (told, ()) = tokio::join!(changes.after(seen, LONG), async { changes.happened() });
        assert!(told);
        assert!(changes.after(seen, LONG).await, "what was missed is told at once");
        assert!(!changes.after(changes.newest(), short).await);
        changes.close();
        let begun = tokio::time::Instant::now();
        assert!(!changes.after(changes.newest(), LONG).await);
        assert!(begun.elapsed() < LONG, "an ending service keeps nobody");
    }
}
