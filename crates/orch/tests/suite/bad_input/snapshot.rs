//! What a folder tree holds, to tell whether a command changed anything.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Every path below a folder with its mode and content.
pub type Snapshot = BTreeMap<String, String>;

/// Looks at everything below `top` but what is below `ignore`.
pub fn take(top: &Path, ignore: &[String]) -> Snapshot {
    let mut found = Snapshot::new();
    walk(top, top, ignore, &mut found);
    found
}

/// Paths that are new, gone or different.
pub fn difference(before: &Snapshot, after: &Snapshot) -> Vec<String> {
    let paths: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    paths.into_iter().filter(|path| before.get(*path) != after.get(*path)).cloned().collect()
}

fn walk(top: &Path, folder: &Path, ignore: &[String], found: &mut Snapshot) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(top).unwrap().to_string_lossy().into_owned();
        if ignore.contains(&name) {
            continue;
        }
        let known = std::fs::symlink_metadata(&path).unwrap();
        let content = if known.is_symlink() {
            format!("{:?}", std::fs::read_link(&path).unwrap())
        } else if known.is_dir() {
            walk(top, &path, ignore, found);
            String::new()
        } else {
            format!("{:?}", std::fs::read(&path).unwrap())
        };
        found.insert(name, format!("{:o} {content}", known.permissions().mode()));
    }
}
