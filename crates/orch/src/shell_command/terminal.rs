//! A terminal for a run, and the person's own one wired to it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::thread;

use camino::Utf8PathBuf;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};

/// How long one look at the run's terminal waits.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Both ends of a new terminal. When this process is gone the run is hung up.
pub struct RunTerminal {
    ours: File,
    /// Held, so that the terminal is there before and after the program has it.
    _theirs: OwnedFd,
    /// The device that the run opens.
    pub path: Utf8PathBuf,
}

impl RunTerminal {
    /// Makes one, as large as the person's.
    ///
    /// # Errors
    /// The system's.
    pub fn open() -> io::Result<Self> {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        let name = ptsname(&ours, Vec::new())?;
        let path = Utf8PathBuf::from(name.to_string_lossy().into_owned());
        let theirs =
            rustix::fs::open(path.as_std_path(), OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        let terminal = Self { ours: File::from(ours), _theirs: theirs, path };
        same_size(&terminal.ours);
        Ok(terminal)
    }

    /// The run has written something: its program is there.
    pub fn has_output(&self) -> bool {
        self.readable(&AT_ONCE)
    }

    fn readable(&self, patience: &Timespec) -> bool {
        let mut asked = [PollFd::new(&self.ours, PollFlags::IN)];
        matches!(poll(&mut asked, Some(patience)), Ok(1..)) && asked[0].revents().contains(PollFlags::IN)
    }

    /// Hands every key to the run and everything it writes to the person, until it is `over`.
    ///
    /// # Errors
    /// The system's.
    pub fn wire(&self, over: &dyn Fn() -> bool) -> io::Result<()> {
        let _raw = RawKeys::begin()?;
        let mut keys = self.ours.try_clone()?;
        let person = thread::spawn(move || {
            let mut piece = [0_u8; 4096];
            while let Ok(count @ 1..) = io::stdin().read(&mut piece) {
                if keys.write_all(&piece[..count]).is_err() {
                    return;
                }
            }
        });
        follow_size(self.ours.try_clone()?);
        let mut piece = [0_u8; 4096];
        loop {
            let ended = over();
            if self.readable(&PATIENCE) {
                let count = (&self.ours).read(&mut piece)?;
                let mut out = io::stdout().lock();
                out.write_all(&piece[..count])?;
                out.flush()?;
            } else if ended {
                return Ok(());
            } else if person.is_finished() {
                return Err(io::Error::other("your terminal is gone"));
            }
        }
    }
}

/// The run's terminal gets the size of the person's.
fn same_size(terminal: &impl AsFd) {
    if let Ok(size) = tcgetwinsize(io::stdout()) {
        let _unchanged = tcsetwinsize(terminal, size);
    }
}

/// The same whenever it changes.
fn follow_size(terminal: File) {
    use tokio::signal::unix::{SignalKind, signal};
    thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let Ok(mut changed) = signal(SignalKind::window_change()) else { return };
            while changed.recv().await.is_some() {
                same_size(&terminal);
            }
        });
    });
}

/// The person's terminal hands on every key as it is. Dropped: as it was.
struct RawKeys(Termios);

impl RawKeys {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for RawKeys {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &self.0);
    }
}
