//! The command line of bubblewrap (bwrap(1), 0.8 or newer).

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::paths::{Access, Bind, ETC};

/// Where bubblewrap is installed. Never looked up in a `PATH` that somebody else wrote.
pub(crate) fn program() -> Option<&'static str> {
    ["/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap"].into_iter().find(|path| Path::new(path).is_file())
}

/// Its own processes, queues, host name, control groups, network and session. Root needs no user namespace; with one,
/// root inside would be root outside.
pub(crate) fn namespaces(root: bool) -> Vec<&'static str> {
    let mut words = vec![
        "--die-with-parent",
        "--new-session",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
        "--unshare-net",
    ];
    if !root {
        words.push("--unshare-user");
    }
    words
}

/// All options: the system read-only, an own `/tmp`, and `binds`.
pub(crate) fn options(root: bool, binds: &[Bind], tmp: Option<&Path>, cwd: &Path) -> Vec<OsString> {
    let mut words: Vec<OsString> = namespaces(root).into_iter().map(OsString::from).collect();
    let mut say = |group: &[&OsStr]| words.extend(group.iter().map(|word| (*word).to_owned()));
    let os = OsStr::new;
    say(&[os("--hostname"), os("run"), os("--ro-bind"), os("/usr"), os("/usr")]);
    for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
        let path = format!("/{name}");
        match std::fs::read_link(&path) {
            Ok(target) => say(&[os("--symlink"), target.as_os_str(), os(&path)]),
            Err(_) => say(&[os("--ro-bind-try"), os(&path), os(&path)]),
        }
    }
    say(&[os("--dir"), os("/etc")]);
    for path in ETC {
        say(&[os("--ro-bind-try"), os(path), os(path)]);
    }
    say(&[os("--proc"), os("/proc"), os("--dev"), os("/dev"), os("--dir"), os("/run")]);
    match tmp {
        Some(tmp) => say(&[os("--bind"), tmp.as_os_str(), os("/tmp")]),
        None => say(&[os("--perms"), os("1777"), os("--tmpfs"), os("/tmp")]),
    }
    say(&[os("--dir"), os("/var"), os("--symlink"), os("../tmp"), os("/var/tmp")]);
    // Folders on the way would be root's alone.
    let mut made = std::collections::BTreeSet::new();
    for Bind { access, path, at } in binds {
        let above: Vec<&Path> = at.ancestors().skip(1).filter(|above| above.parent().is_some()).collect();
        for folder in above.into_iter().rev().filter(|above| *above != Path::new("/tmp")) {
            if made.insert(folder) {
                say(&[os("--dir"), folder.as_os_str()]);
            }
        }
        let option = match access {
            Access::Read => "--ro-bind-try",
            Access::Write => "--bind",
        };
        say(&[os(option), path.as_os_str(), at.as_os_str()]);
    }
    say(&[os("--remount-ro"), os("/"), os("--chdir"), cwd.as_os_str()]);
    words
}
