//! The host: the tiny parent of all runs, with a lifetime of its own.
//!
//! A supervisor is nobody's child, but it dies with the cgroup or the container it was started in. So the service does
//! not start supervisors: it asks the host, which lives in another cgroup, unit or container. The host calls
//! [`crate::launch`] with the supervisor program that the request *names*, so an upgraded service gets supervisors of
//! its own release from a host that was never restarted.
//!
//! In its folder ([`Home`]) lie:
//!
//! | file | meaning |
//! |---|---|
//! | `lock` | held (`flock`) = a host lives; one for each folder |
//! | `key` | what a request must show; new with every host. A confined agent of the same user cannot read it |
//! | `host.sock` | the socket; removed = the host ends |
//! | `log` | words of a host that nobody watches |
//!
//! It is synchronous and has one thread. It knows nothing that is lost with it: the end of a host leaves its runs
//! alone, and the next one lists them from their locks.

mod call;
mod cgroup;
mod peer;
mod protocol;
mod serve;
mod start;
mod survival;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open};

use crate::Error;

pub use call::{Host, Met};
pub use protocol::{Hello, LiveRun, StartedBy};
pub use serve::{HostEnd, serve};
pub use start::{BETWEEN, FOR_SERVICE, Starter, start_again};
pub use survival::{Fate, Survival};

/// The subcommand by which a program acts as host: `program host`.
pub const SUBCOMMAND: &str = "host";

/// The newest form of requests and answers this code knows. Requests are only ever added; a host answers one it does
/// not know with words.
pub const PROTOCOL: u32 = 1;

const SOCKET: &str = "host.sock";
const LOCK: &str = "lock";
const KEY: &str = "key";
const LOG: &str = "log";

/// Where a host lives, and whose runs it lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// The host's own folder, absolute; the owner's alone.
    pub folder: PathBuf,
    /// The folder of all run directories, absolute. Need not exist yet.
    pub runs: PathBuf,
}

impl Home {
    /// Makes the folder if it is missing and sees to it that nobody else can enter.
    fn make(&self) -> Result<OwnedFd, Error> {
        match rustix::fs::mkdir(&self.folder, Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(Error::io("make", &self.folder, error)),
        }
        let folder = open_folder(&self.folder)?;
        rustix::fs::fchmod(&folder, Mode::RWXU).map_err(|e| Error::io("close to others", &self.folder, e))?;
        Ok(folder)
    }
}

fn open_folder(path: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    open(path, flags, Mode::empty()).map_err(|e| Error::io("open", path, e))
}

/// A path to the socket that always fits into the 108 bytes a socket address has.
fn short_socket_path(folder: &OwnedFd) -> PathBuf {
    use std::os::fd::AsRawFd;
    PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd()))
}
