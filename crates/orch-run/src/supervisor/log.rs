//! The run's output and the supervisor's own words.

use std::fs::File;
use std::io::{self, Write};

use rustix::fs::{Mode, OFlags, openat};

use crate::RunDirectory;
use crate::directory::OUTPUT;

/// One line for `supervisor.log`, which is our standard error. A full disk must not end a run, so
/// a line that cannot be written is dropped.
pub(super) fn note(words: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{words}");
}

/// `output.log`: takes everything, keeps what fits.
#[derive(Debug)]
pub(super) struct OutputLog {
    sink: Box<dyn Sink>,
    room: u64,
    received: u64,
    /// Set once bytes were dropped; from then on nothing more is kept, so the log has no holes.
    cut: bool,
}

trait Sink: Write + std::fmt::Debug {}
impl<T: Write + std::fmt::Debug> Sink for T {}

impl OutputLog {
    pub(super) fn create(run: &RunDirectory, cap: u64) -> io::Result<Self> {
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(run, OUTPUT, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(Self::over(Box::new(File::from(file)), cap))
    }

    fn over(sink: Box<dyn Sink>, cap: u64) -> Self {
        Self { sink, room: cap, received: 0, cut: false }
    }

    /// Takes a piece of output. Never fails: what cannot be kept is counted.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.received += bytes.len() as u64;
        if self.cut {
            return;
        }
        let fits = usize::try_from(self.room).unwrap_or(usize::MAX);
        let kept = &bytes[..bytes.len().min(fits)];
        if let Err(error) = self.sink.write_all(kept) {
            note(format_args!("{OUTPUT} cannot be written: {error}; the run goes on without it"));
            self.cut_here("it could not be written");
            return;
        }
        self.room -= kept.len() as u64;
        if kept.len() < bytes.len() {
            self.cut_here("its limit is reached");
        }
    }

    fn cut_here(&mut self, why: &str) {
        self.cut = true;
        let _ = writeln!(self.sink, "\n[orch: the log is cut here, {why}; the run goes on]");
    }

    pub(super) fn received(&self) -> u64 {
        self.received
    }

    pub(super) fn truncated(&self) -> bool {
        self.cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that is full after some bytes.
    #[derive(Debug)]
    struct FullAfter(usize);

    impl Write for FullAfter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let written = bytes.len().min(self.0);
            self.0 -= written;
            Ok(written)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_counted_and_marked() {
        let mut log = OutputLog::over(Box::new(FullAfter(5)), 100);
        log.take(b"abc");
        assert!(!log.truncated());
        log.take(b"defg");
        log.take(b"hi");
        assert!(log.truncated());
        assert_eq!(log.received(), 9);
    }
}
