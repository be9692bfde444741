//! What a run's files take of the disk together, and how many they are. Looked at while it runs, a piece at a time: the
//! supervisor has one thread, which has others to hear.

use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, openat, openat2, statat};

/// Between two looks at few files. Looks at many take longer, and so do the pauses: so many times as long as the look did.
const PAUSE: Duration = Duration::from_secs(1);
const TIMES: u32 = 10;
/// Entries that are looked at in one go.
const PIECE: usize = 2_000;
/// Between two pieces of a look.
const BETWEEN: Duration = Duration::from_millis(25);
/// Bytes of a block, stat(2).
const BLOCK: u64 = 512;
/// Folders that are still to be looked at. What is beyond is not looked at.
const WAITING: usize = 50_000;

/// How much a run may add.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GrowthBound {
    pub(crate) bytes: Option<u64>,
    pub(crate) files: Option<u64>,
}

/// Bytes and files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct DiskUse {
    bytes: u64,
    files: u64,
}

/// Watches folders grow.
#[derive(Debug)]
pub(super) struct DiskWatch {
    most: GrowthBound,
    folders: Vec<PathBuf>,
    /// As it was when it began: what the first look finds that was not changed since (a run cannot set that time).
    before: Option<DiskUse>,
    since: SystemTime,
    /// The top that is being looked at, and those that follow.
    top: Option<OwnedFd>,
    tops: Vec<PathBuf>,
    /// Folders below it, and the one that is open with its path.
    waiting: Vec<Vec<u8>>,
    open: Option<(Vec<u8>, Dir)>,
    so_far: DiskUse,
    begun: Instant,
    next: Instant,
}

impl DiskWatch {
    /// Of these folders and all below them; `None` where nothing is bounded.
    pub(super) fn of(most: GrowthBound, folders: Vec<PathBuf>) -> Option<Self> {
        (most.bytes.is_some() || most.files.is_some()).then(|| Self {
            most,
            folders,
            before: None,
            since: SystemTime::now(),
            top: None,
            tops: Vec::new(),
            waiting: Vec::new(),
            open: None,
            so_far: DiskUse::default(),
            begun: Instant::now(),
            next: Instant::now(),
        })
    }

    /// When it has to be asked again.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Looks a little further if it is time; in words what is too much.
    pub(super) fn look(&mut self, now: Instant) -> Option<String> {
        if now < self.next {
            return None;
        }
        if self.is_over() {
            self.begun = now;
            self.so_far = DiskUse::default();
            self.tops.clone_from(&self.folders);
        }
        for _ in 0..PIECE {
            if !self.step() {
                break;
            }
        }
        if !self.is_over() {
            self.next = Instant::now() + BETWEEN;
            return None;
        }
        let now = Instant::now();
        self.next = now + PAUSE.max(now.saturating_duration_since(self.begun) * TIMES);
        let before = *self.before.get_or_insert(self.so_far);
        self.most.beyond(self.so_far.bytes.saturating_sub(before.bytes), self.so_far.files.saturating_sub(before.files))
    }

    fn is_over(&self) -> bool {
        self.open.is_none() && self.waiting.is_empty() && self.tops.is_empty()
    }

    /// Looks at one thing more; `false`: there is none. Nothing on the way may be a link: what a run puts there leads
    /// nowhere. What goes meanwhile, and what may not be looked at, is not counted.
    fn step(&mut self) -> bool {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        if let Some((path, folder)) = &mut self.open {
            match folder.read() {
                Some(Ok(entry)) => {
                    let name = entry.file_name();
                    let found = folder.fd().and_then(|folder| statat(folder, name, AtFlags::SYMLINK_NOFOLLOW));
                    if let (Ok(found), false) = (found, matches!(name.to_bytes(), b"." | b"..")) {
                        let counts = self.before.is_some() || !changed_after(&found, self.since);
                        let is_folder = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
                        let names = if is_folder { 1 } else { wide(found.st_nlink).max(1) };
                        let bytes = u64::try_from(found.st_blocks).unwrap_or(0).saturating_mul(BLOCK) / names;
                        if counts || is_folder {
                            self.so_far.bytes = self.so_far.bytes.saturating_add(bytes);
                            self.so_far.files = self.so_far.files.saturating_add(1);
                        }
                        if is_folder && self.waiting.len() < WAITING {
                            self.waiting.push([path.as_slice(), name.to_bytes()].join(&b'/'));
                        }
                    }
                }
                Some(Err(_)) | None => self.open = None,
            }
            return true;
        }
        let inner = self.waiting.pop();
        if let (Some(path), Some(top)) = (inner, &self.top) {
            let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
            let relative = std::ffi::OsStr::from_bytes(path.strip_prefix(b"/").unwrap_or(&path));
            let opened = openat2(top, relative, flags, Mode::empty(), inside);
            self.open = opened.and_then(Dir::new).ok().map(|folder| (path, folder));
            return true;
        }
        let Some(top) = self.tops.pop() else { return false };
        self.top = openat(CWD, &top, flags, Mode::empty()).ok();
        let opened = self.top.as_ref().map(Dir::read_from);
        self.open = opened.and_then(Result::ok).map(|folder| (Vec::new(), folder));
        true
    }
}

/// By the time of its last change of any kind, which only the clock of the host sets.
fn changed_after(found: &Stat, since: SystemTime) -> bool {
    let since = since.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    #[allow(clippy::useless_conversion, reason = "as wide as this machine's kind of it is")]
    let changed = (i64::from(found.st_ctime), u64::try_from(found.st_ctime_nsec).unwrap_or(0));
    changed > (seconds, since.subsec_nanos().into())
}

/// As wide as this machine's kind of it may be.
fn wide(number: impl Into<u64>) -> u64 {
    number.into()
}

impl GrowthBound {
    fn beyond(self, bytes: u64, files: u64) -> Option<String> {
        let mb = |bytes: u64| bytes / 1_000_000;
        match self {
            Self { bytes: Some(most), .. } if bytes > most => {
                Some(format!("its files have grown by {} MB, more than {} MB", mb(bytes), mb(most)))
            }
            Self { files: Some(most), .. } if files > most => {
                Some(format!("it has made {files} files, more than {most}"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn whole(watch: &mut DiskWatch) -> Option<String> {
        assert!(watch.is_over(), "a look is begun anew");
        loop {
            // As if its pause were over.
            let said = watch.look(watch.next());
            if watch.is_over() {
                return said;
            }
        }
    }

    #[test]
    fn growth_is_counted_and_not_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("there"), vec![1; 3_000_000]).unwrap();
        let most = GrowthBound { bytes: Some(2_000_000), files: Some(3_000) };
        let mut watch = DiskWatch::of(most, vec![folder.path().to_owned()]).unwrap();
        watch.since += Duration::from_secs(1);
        assert_eq!(whole(&mut watch), None, "what was there is not its own");
        fs::create_dir_all(at("a/b/c")).unwrap();
        fs::write(at("a/b/c/one"), vec![1; 1_500_000]).unwrap();
        for name in ["again", "once more"] {
            fs::hard_link(at("a/b/c/one"), at(name)).unwrap();
            std::os::unix::fs::symlink("/usr", at(&format!("link {name}"))).unwrap();
        }
        assert_eq!(whole(&mut watch), None, "names cost nothing, and links lead nowhere");
        fs::write(at("a/two"), vec![1; 1_500_000]).unwrap();
        assert!(whole(&mut watch).is_some_and(|said| said.contains("grown by 3 MB, more than 2 MB")));
        fs::remove_file(at("a/two")).unwrap();
        assert_eq!(whole(&mut watch), None);
        for number in 0..3_001 {
            fs::write(at("a/b").join(number.to_string()), "").unwrap();
        }
        assert!(whole(&mut watch).is_some_and(|said| said.contains("files, more than 3000")));
    }

    #[test]
    fn what_is_written_before_the_first_look_is_over_is_growth() {
        let folder = tempfile::tempdir().unwrap();
        let most = GrowthBound { bytes: Some(2_000_000), files: None };
        let mut watch = DiskWatch::of(most, vec![folder.path().to_owned()]).unwrap();
        watch.since -= Duration::from_secs(1);
        fs::write(folder.path().join("at once"), vec![1; 3_000_000]).unwrap();
        assert_eq!(whole(&mut watch), None);
        assert!(whole(&mut watch).is_some_and(|said| said.contains("grown by 3 MB")));
    }

    #[test]
    fn without_a_bound_nothing_is_looked_at() {
        assert!(DiskWatch::of(GrowthBound { bytes: None, files: None }, Vec::new()).is_none());
    }
}
