//! The files of a run with a mount namespace of its own: the system's programs, parts of `/etc`, devices that are no
//! hardware, an own `/tmp`, and what the plan names, each where the run knows it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount, mount_change, move_mount,
    open_tree, unmount,
};

use super::Inner;
use super::spaces::Spaces;
use crate::confinement::paths::{Access, Bind, ETC};

/// Part of every name in here but `/dev`'s.
const INERT: u64 = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
const READ_ONLY: u64 = INERT | libc::MOUNT_ATTR_RDONLY;

/// Devices, none of which is a disk, a memory or somebody's terminal.
const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom", "tty"];

/// A part of the host's files on its way to the same path in the new root.
struct Part {
    at: PathBuf,
    tree: OwnedFd,
    folder: bool,
    attributes: u64,
}

/// A name in the root, and where it leads.
type Link = (String, PathBuf);

impl Part {
    /// Taken while the host's files are still there. `None`: there is nothing at that path.
    fn take(at: &Path, attributes: u64) -> Result<Option<Self>, String> {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
        let failed = |e: rustix::io::Errno| format!("cannot show {} to the run: {e}", at.display());
        let tree = match open_tree(CWD, at, flags) {
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            tree => tree.map_err(failed)?,
        };
        let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&tree).map_err(failed)?.st_mode);
        Ok(Some(Self { at: at.to_owned(), tree, folder: kind == rustix::fs::FileType::Directory, attributes }))
    }

    fn put(&self) -> io::Result<()> {
        if self.folder {
            std::fs::create_dir_all(&self.at)?;
        } else if !self.at.exists() {
            self.at.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            std::fs::write(&self.at, "")?;
        }
        restrict(self.tree.as_fd(), self.attributes, true)?;
        move_mount(&self.tree, "", CWD, &self.at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).map_err(Into::into)
    }
}

/// Gives this process, alone in its mount namespace, a root with nothing in it but what the run may see.
pub(super) fn build(inner: &Inner, spaces: &Spaces) -> Result<(), String> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |e: io::Error| format!("cannot make {what} for the run: {e}")
    };
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).map_err(|e| failed("a file system of its own")(e.into()))?;
    let (links, parts) = parts(inner, spaces)?;
    let tmp = match &spaces.tmp {
        Some(tmp) => Part::take(tmp, INERT)?.map(|part| Part { at: "/tmp".into(), ..part }),
        None => None,
    };
    let devices: Vec<Part> = DEVICES
        .iter()
        .filter_map(|name| Part::take(&Path::new("/dev").join(name), libc::MOUNT_ATTR_NOSUID).transpose())
        .collect::<Result<_, _>>()?;
    new_root(spaces.processes).map_err(failed("a root"))?;
    for (at, target) in links {
        symlink(target, at).map_err(failed("links"))?;
    }
    for folder in ["/etc", "/run", "/var", "/tmp"] {
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
    }
    symlink("../tmp", "/var/tmp").map_err(failed("/var/tmp"))?;
    dev(&devices).map_err(failed("/dev"))?;
    match tmp {
        Some(tmp) => tmp.put(),
        None => tmpfs("/tmp", "mode=1777"),
    }
    .map_err(failed("/tmp"))?;
    for part in &parts {
        part.put().map_err(failed(&part.at.display().to_string()))?;
    }
    let root = rustix::fs::open("/", rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC, rustix::fs::Mode::empty());
    root.map_err(Into::into)
        .and_then(|root| restrict(root.as_fd(), READ_ONLY, false))
        .map_err(failed("its root unchangeable"))
}

/// Puts `tmp` in the place of the host's folders for temporary files, and what the run may reach below those back where it was.
/// The rest of the host's files stays.
pub(super) fn own_tmp(tmp: &Path, paths: &[Bind]) -> Result<(), String> {
    let failed = |e: io::Error| e.to_string();
    super::spaces::unshare(rustix::thread::UnshareFlags::NEWNS).map_err(failed)?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).map_err(|e| failed(e.into()))?;
    let shared: Vec<&Path> =
        ["/tmp", "/var/tmp"].into_iter().map(Path::new).filter(|at| at.is_dir() && !at.is_symlink()).collect();
    let mut parts = Vec::new();
    for at in &shared {
        parts.extend(Part::take(tmp, INERT)?.map(|part| Part { at: at.to_path_buf(), ..part }));
    }
    for Bind { access, path, at } in paths {
        let hidden = shared.iter().any(|shared| at.starts_with(shared) && at != shared);
        if hidden || at == Path::new("/etc/passwd") {
            let attributes = if *access == Access::Read { READ_ONLY } else { INERT };
            parts.extend(Part::take(path, attributes)?.map(|part| Part { at: at.clone(), ..part }));
        }
    }
    parts.iter().try_for_each(Part::put).map_err(failed)
}

/// Links of the root, and what is shown, parents before what lies in them.
fn parts(inner: &Inner, spaces: &Spaces) -> Result<(Vec<Link>, Vec<Part>), String> {
    let mut links = Vec::new();
    let mut parts: Vec<Part> = Part::take(Path::new("/usr"), READ_ONLY)?.into_iter().collect();
    for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
        let path = format!("/{name}");
        match std::fs::read_link(&path) {
            Ok(target) => links.push((path, target)),
            Err(_) => parts.extend(Part::take(Path::new(&path), READ_ONLY)?),
        }
    }
    for path in ETC {
        parts.extend(Part::take(Path::new(path), READ_ONLY)?);
    }
    if !spaces.processes {
        // The processes are the host's, and so is what tells of them.
        parts.extend(Part::take(Path::new("/proc"), READ_ONLY | libc::MOUNT_ATTR_NOEXEC)?);
    }
    for Bind { access, path, at } in &inner.paths {
        let attributes = match access {
            Access::Read => READ_ONLY,
            Access::Write => INERT,
        };
        parts.extend(Part::take(path, attributes)?.map(|part| Part { at: at.clone(), ..part }));
    }
    Ok((links, parts))
}

/// An empty root in memory, and the host's gone.
fn new_root(processes: bool) -> io::Result<()> {
    let base = ["/tmp", "/run", "/usr"].into_iter().find(|path| Path::new(path).is_dir()).unwrap_or("/usr");
    tmpfs(base, "mode=755")?;
    rustix::process::chdir(base)?;
    if processes {
        // While the host's is there: the kernel gives one who is not root no more of it than there already is.
        std::fs::create_dir("proc")?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        mount(c"proc", c"proc", c"proc", flags, None::<&std::ffi::CStr>)?;
    }
    rustix::process::pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/").map_err(Into::into)
}

fn dev(devices: &[Part]) -> io::Result<()> {
    std::fs::create_dir("/dev")?;
    tmpfs("/dev", "mode=755")?;
    devices.iter().try_for_each(Part::put)?;
    for (name, target) in [("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")] {
        symlink(format!("/proc/self/{target}"), Path::new("/dev").join(name))?;
    }
    std::fs::create_dir("/dev/shm")?;
    std::fs::set_permissions("/dev/shm", std::fs::Permissions::from_mode(0o1777))?;
    std::fs::create_dir("/dev/pts")?;
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount(c"devpts", c"/dev/pts", c"devpts", flags, Some(c"newinstance,ptmxmode=0666,mode=620"))?;
    symlink("pts/ptmx", "/dev/ptmx")
}

fn tmpfs(at: &str, options: &str) -> io::Result<()> {
    let options = std::ffi::CString::new(options).map_err(io::Error::other)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount(c"tmpfs", at, c"tmpfs", flags, Some(options.as_c_str())).map_err(Into::into)
}

/// Adds `attributes` to a mount, and to all that are mounted below it if it is `whole` (mount_setattr(2), Linux 5.12).
fn restrict(mount: BorrowedFd<'_>, attributes: u64, whole: bool) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let wanted = libc::mount_attr { attr_set: attributes, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let flags = libc::AT_EMPTY_PATH | if whole { libc::AT_RECURSIVE } else { 0 };
    #[expect(unsafe_code, reason = "there is no safe form of mount_setattr")]
    // SAFETY: the path is an empty text with its end, the structure is plain data of the size that is named, and both
    // outlive the call.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const wanted,
            size_of::<libc::mount_attr>(),
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
