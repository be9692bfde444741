//! Files of a run directory that are whole or absent, also after a power cut.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, FallocateFlags, Mode, OFlags, fallocate, linkat, openat, renameat, unlinkat};

/// Tells temporary names of one process apart; the pid tells processes apart.
static NEXT_TEMPORARY: AtomicU64 = AtomicU64::new(0);

fn write_temporary(folder: BorrowedFd<'_>, name: &str, bytes: &[u8], synced: bool) -> io::Result<String> {
    let number = NEXT_TEMPORARY.fetch_add(1, Ordering::Relaxed);
    let temporary = format!(".{name}.{}.{number}", std::process::id());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(openat(folder, &temporary, flags, Mode::RUSR | Mode::WUSR)?);
    let written = file.write_all(bytes).and_then(|()| if synced { file.sync_all() } else { Ok(()) });
    if let Err(error) = written {
        let _ = unlinkat(folder, &temporary, AtFlags::empty());
        return Err(error);
    }
    Ok(temporary)
}

/// Puts `bytes` where nothing was, and waits for the disk once: the file is synced under its name, and the common file
/// systems keep the order of a name and of what is synced behind it. A power cut before this returns may leave it empty.
pub(crate) fn note(folder: impl AsFd, name: &str, bytes: &[u8]) -> io::Result<()> {
    let folder = folder.as_fd();
    put(folder, name, bytes, false)?;
    let file = openat(folder, name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    rustix::fs::fsync(file)?;
    Ok(())
}

/// Puts `bytes` in place of whatever `name` was.
pub(crate) fn replace(folder: impl AsFd, name: &str, bytes: &[u8]) -> io::Result<()> {
    let folder = folder.as_fd();
    put(folder, name, bytes, true)?;
    rustix::fs::fsync(folder)?;
    Ok(())
}

/// The same without waiting for the disk: after a power cut it is the old file, the new one or an empty one.
pub(crate) fn replace_unsynced(folder: impl AsFd, name: &str, bytes: &[u8]) -> io::Result<()> {
    put(folder.as_fd(), name, bytes, false)
}

fn put(folder: BorrowedFd<'_>, name: &str, bytes: &[u8], synced: bool) -> io::Result<()> {
    let temporary = write_temporary(folder, name, bytes, synced)?;
    if let Err(error) = renameat(folder, &temporary, folder, name) {
        let _ = unlinkat(folder, &temporary, AtFlags::empty());
        return Err(error.into());
    }
    Ok(())
}

/// Creates `name` with `bytes`; an existing file is left alone and answered with `AlreadyExists`. Its name is on the disk
/// with the next file of the folder that is put there by [`note`] or [`replace`]; before, a power cut may take the whole file
/// back.
pub(crate) fn create(folder: impl AsFd, name: &str, bytes: &[u8]) -> io::Result<()> {
    let folder = folder.as_fd();
    let temporary = write_temporary(folder, name, bytes, true)?;
    // A hard link, because it is the one way to name a whole file that never replaces another.
    let linked = linkat(folder, &temporary, folder, name, AtFlags::empty());
    let _ = unlinkat(folder, &temporary, AtFlags::empty());
    Ok(linked?)
}

/// Reads `name` whole; `None` if there is none.
pub(crate) fn read(folder: impl AsFd, name: &str) -> io::Result<Option<Vec<u8>>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match openat(folder.as_fd(), name, flags, Mode::empty()) {
        Ok(file) => file,
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut bytes = Vec::new();
    File::from(file).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Disk space set aside for a file that must be written when the disk may be full.
#[derive(Debug)]
pub(crate) struct Reserved {
    file: File,
    temporary: String,
    name: &'static str,
}

impl Reserved {
    /// Sets `room` bytes aside for `name`. A file system that cannot promise is taken as it is; one
    /// that has not the room is an error.
    pub(crate) fn new(folder: impl AsFd, name: &'static str, room: u64) -> io::Result<Self> {
        let temporary = format!(".{name}.reserved");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(folder, &temporary, flags, Mode::RUSR | Mode::WUSR)?;
        match fallocate(&file, FallocateFlags::empty(), 0, room) {
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Self { file: File::from(file), temporary, name })
    }

    /// Puts `bytes` in place of whatever the name was. May be repeated until it succeeds.
    pub(crate) fn replace(&self, folder: impl AsFd, bytes: &[u8]) -> io::Result<()> {
        let folder = folder.as_fd();
        // In place and cut afterwards: freeing the space first would give it to others.
        self.file.write_all_at(bytes, 0)?;
        self.file.set_len(bytes.len() as u64)?;
        self.file.sync_all()?;
        match renameat(folder, &self.temporary, folder, self.name) {
            // Nobody else moves it: a former attempt got this far and failed after it.
            Ok(()) | Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        rustix::fs::fsync(folder)?;
        Ok(())
    }
}
