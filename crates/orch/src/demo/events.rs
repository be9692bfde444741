//! What may happen while the demo waits, in one line.

use std::io::BufRead;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::Trouble;
use crate::exit::{Exit, Failure};

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// Ctrl-C, or another request to end.
    Interrupted,
    /// The person typed a line; `None` once there will be no more.
    Typed(Option<String>),
    /// The service wrote a line; `None` once it writes no more.
    Said(Option<String>),
}

/// Where events arrive.
pub struct Events {
    tell: Sender<Event>,
    told: Receiver<Event>,
}

impl Events {
    /// From now on a request to end is an event and does not end the process.
    ///
    /// # Errors
    /// [`Exit::Internal`] if signals cannot be received.
    pub fn listen() -> Result<Self, Failure> {
        let failed = |e: std::io::Error| Failure::new(Exit::Internal, format!("signals cannot be received: {e}"));
        let (tell, told) = channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let mut kinds = Vec::new();
        for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
            let _entered = runtime.enter();
            kinds.push(signal(kind).map_err(failed)?);
        }
        let teller = tell.clone();
        thread::spawn(move || {
            runtime.block_on(async move {
                let [interrupt, terminate, hangup] = kinds.as_mut_slice() else { return };
                loop {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                        _ = hangup.recv() => {}
                    }
                    if teller.send(Event::Interrupted).is_err() {
                        return;
                    }
                }
            });
        });
        Ok(Self { tell, told })
    }

    /// Lines of `from` become events, made by `event`. The thread ends with the stream.
    pub fn read_lines(&self, from: impl std::io::Read + Send + 'static, event: fn(Option<String>) -> Event) {
        let tell = self.tell.clone();
        thread::spawn(move || {
            for line in std::io::BufReader::new(from).lines().map_while(Result::ok) {
                if tell.send(event(Some(line))).is_err() {
                    return;
                }
            }
            // Nobody may be waiting any more.
            let _ = tell.send(event(None));
        });
    }

    /// The next event within `limit`.
    ///
    /// # Errors
    /// [`Trouble::Interrupted`] for a request to end, so that nobody can forget to heed it.
    pub fn next(&self, limit: Duration) -> Result<Option<Event>, Trouble> {
        match self.told.recv_timeout(limit) {
            Ok(Event::Interrupted) => Err(Trouble::Interrupted),
            Ok(event) => Ok(Some(event)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            // It holds a sender itself, so the line never breaks.
            Err(RecvTimeoutError::Disconnected) => Err(Trouble::Interrupted),
        }
    }
}
