//! The service's log, on stderr: for people at a terminal, else one line an event.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::screen::Screen;

/// `ORCH_LOG` chooses what is told (`info` if not set).
pub fn to_stderr(screen: &Screen, env: &dyn Fn(&str) -> Option<String>) {
    let wanted = env("ORCH_LOG").unwrap_or_else(|| "info".to_owned());
    let filter = tracing_subscriber::EnvFilter::try_new(wanted).unwrap_or_else(|_| "info".into());
    let layer = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    // Only a second call could fail, and there is none.
    let _ = if io::stderr().is_terminal() && !screen.is_json() {
        let shown = screen.clone();
        layer.with_timer(Clock(screen.zone().clone())).with_writer(move || Lines(shown.clone())).try_init()
    } else {
        layer.with_writer(io::stderr).try_init()
    };
}

/// The time of day where the person is.
struct Clock(TimeZone);

impl FormatTime for Clock {
    fn format_time(&self, to: &mut Writer<'_>) -> fmt::Result {
        write!(to, "{}", Timestamp::now().to_zoned(self.0.clone()).strftime("%H:%M:%S"))
    }
}

/// An event, in lines that fit on the terminal.
struct Lines(Screen);

impl Write for Lines {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.0.note(String::from_utf8_lossy(event).trim_end());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
