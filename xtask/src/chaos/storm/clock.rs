//! A wall clock that jumps, for the service and all it starts: a library that is loaded before theirs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::process;

const SOURCE: &str = include_str!("../storm_clock.c");
/// Seconds that the clock is away: an hour, a day, more than a year, ten years, in both directions.
pub(super) const JUMPS: [i64; 6] = [3600, -3600, 86_400, -400 * 86_400, 366 * 86_400, 3650 * 86_400];

/// The library, and the file that says how far away the clock is.
pub(super) struct Clock {
    library: PathBuf,
    away: PathBuf,
}

impl Clock {
    /// `None` where no such library can be made, or `binary` would not load it.
    pub(super) fn made(folder: &Path, binary: &Path) -> Result<Option<Self>> {
        let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
        fs::write(&source, SOURCE)?;
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-O", "-o"]).arg(&library).arg(&source).arg("-ldl");
        // A static program asks nobody for the time.
        let loads = fs::read(binary)?.windows(9).any(|bytes| bytes == b"ld-linux-" || bytes == b"/ld-musl-");
        Ok((loads && process::succeeds(&mut compile)).then(|| Self { library, away: folder.join("clock.away") }))
    }

    /// What a process has to be started with.
    pub(super) fn variables(&self) -> [(&'static str, String); 2] {
        let text = |path: &Path| path.display().to_string();
        [("LD_PRELOAD", text(&self.library)), ("ORCH_STORM_CLOCK", text(&self.away))]
    }

    /// So many seconds away from now on; 0 is right again.
    pub(super) fn jump(&self, seconds: i64) -> Result<()> {
        match seconds {
            0 => fs::remove_file(&self.away)?,
            seconds => fs::write(&self.away, seconds.to_string())?,
        }
        Ok(())
    }
}
