//! Places on disk: folders of clones and checkouts, removed when they are of no use any more.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use crate::perform::{PerformError, blocking};

/// Best effort: what stays is found by the clean-up of its task.
pub async fn remove_if_possible(places: Vec<Utf8PathBuf>) {
    if let Err(error) = remove(places).await {
        tracing::warn!(error = %error.words(), "a place on disk could not be removed");
    }
}

/// Removes folders with all that is in them; one that is not there is fine.
pub async fn remove(places: Vec<Utf8PathBuf>) -> Result<(), PerformError> {
    if places.is_empty() {
        return Ok(());
    }
    blocking(move || {
        places.iter().try_for_each(|place| {
            remove_tree(place).map_err(|error| PerformError::Passing(format!("{place} cannot be removed: {error}")))
        })
    })
    .await
}

/// What is in a folder; nothing if it is not there.
pub fn list(root: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>> {
    match root.read_dir_utf8() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path().to_owned())).collect(),
    }
}

/// Folders without write permission (package caches make such) are opened first; links are removed, never followed.
fn remove_tree(place: &Utf8Path) -> io::Result<()> {
    let gone = |error: io::Error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) };
    match fs::remove_dir_all(place) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            open_folders(place)?;
            fs::remove_dir_all(place).or_else(gone)
        }
        done => done.or_else(gone),
    }
}

fn open_folders(place: &Utf8Path) -> io::Result<()> {
    let mut waiting = vec![place.as_std_path().to_owned()];
    while let Some(folder) = waiting.pop() {
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                waiting.push(entry.path());
            }
        }
    }
    Ok(())
}

/// Makes the folder `below` in `root` and gives it, with the names of the files that are in it; `None` if something on
/// the way is no folder. A fresh clone holds what an earlier attempt committed: a link there leads out of it.
///
/// # Errors
/// When a folder cannot be made or read.
pub fn folder_inside(root: &Utf8Path, below: &str) -> io::Result<Option<(Utf8PathBuf, Vec<String>)>> {
    let mut folder = root.to_owned();
    for part in below.split('/') {
        folder.push(part);
        match fs::symlink_metadata(&folder) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => fs::create_dir(&folder)?,
            Err(error) => return Err(error),
        }
    }
    let mut names = Vec::new();
    let mut waiting = vec![folder.clone()];
    while let Some(next) = waiting.pop() {
        for entry in next.read_dir_utf8()? {
            // A name that is no text names no document.
            let Ok(entry) = entry else { continue };
            if entry.file_type()?.is_dir() {
                waiting.push(entry.path().to_owned());
            } else if let Ok(name) = entry.path().strip_prefix(&folder) {
                names.push(name.to_string());
            }
        }
    }
    names.sort();
    Ok(Some((folder, names)))
}

/// Writes a file below `root`, a folder that an agent wrote before. Whatever stands in the way of the file or of a
/// folder above it is removed: a link there would lead out of it.
///
/// # Errors
/// The system's, and `path` not being below `root`.
pub fn write_inside(root: &Utf8Path, path: &Utf8Path, text: &str) -> io::Result<()> {
    let outside = || io::Error::new(ErrorKind::InvalidInput, format!("{path} is not below {root}"));
    let below = path.strip_prefix(root).map_err(|_| outside())?;
    let parts: Vec<_> = below.components().collect();
    let Some((file, folders)) = parts.split_last() else { return Err(outside()) };
    if parts.iter().any(|part| !matches!(part, Utf8Component::Normal(_))) {
        return Err(outside());
    }
    let mut folder = root.to_owned();
    for part in folders {
        folder.push(part);
        match fs::symlink_metadata(&folder) {
            Ok(found) if found.is_dir() => continue,
            Ok(_) => fs::remove_file(&folder)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        fs::create_dir(&folder)?;
    }
    let path = folder.join(file);
    match fs::symlink_metadata(&path) {
        Ok(found) if found.is_dir() => remove_tree(&path)?,
        Ok(_) => fs::remove_file(&path)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    fs::File::create_new(&path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn temporary() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        (folder, path)
    }

    #[test]
    fn a_link_on_the_way_leads_nowhere() {
        let (_held, root) = temporary();
        let (outside, clone) = (root.join("outside"), root.join("clone"));
        fs::create_dir(&outside).unwrap();
        fs::create_dir_all(clone.join("docs")).unwrap();
        symlink(&outside, clone.join("docs/work-items")).unwrap();
        assert_eq!(folder_inside(&clone, "docs/work-items/T-001").unwrap(), None);
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    }

    #[test]
    fn documents_are_named_and_their_folder_is_made() {
        let (_held, root) = temporary();
        let (folder, names) = folder_inside(&root, "docs/T-001").unwrap().unwrap();
        assert!(folder.is_dir() && names.is_empty());
        fs::create_dir(folder.join("06-adr")).unwrap();
        fs::write(folder.join("06-adr/ADR-001.md"), "").unwrap();
        symlink("/", folder.join("root")).unwrap();
        let (_, names) = folder_inside(&root, "docs/T-001").unwrap().unwrap();
        assert_eq!(names, ["06-adr/ADR-001.md", "root"]);
    }

    #[test]
    fn folders_without_rights_are_removed_and_what_links_point_at_is_not() {
        let (_held, root) = temporary();
        let (outside, place) = (root.join("outside"), root.join("place"));
        fs::create_dir(&outside).unwrap();
        fs::create_dir_all(place.join("cache/module")).unwrap();
        fs::write(place.join("cache/module/file"), "").unwrap();
        symlink(&outside, place.join("link")).unwrap();
        fs::set_permissions(place.join("cache/module"), fs::Permissions::from_mode(0o555)).unwrap();
        // Root may do anything, so only another user needs the folders opened.
        open_folders(&place).unwrap();
        remove_tree(&place).unwrap();
        remove_tree(&place).unwrap();
        assert!(!place.exists() && outside.exists());
    }

    #[test]
    fn a_file_is_written_inside_whatever_an_agent_left_there() {
        let (_held, root) = temporary();
        let (outside, home) = (root.join("outside"), root.join("home"));
        fs::create_dir(&outside).unwrap();
        fs::create_dir_all(home.join("c/role.md")).unwrap();
        fs::write(outside.join("role.md"), "theirs").unwrap();
        symlink(&outside, home.join("a")).unwrap();
        fs::create_dir(home.join("b")).unwrap();
        symlink(outside.join("role.md"), home.join("b/role.md")).unwrap();
        for folder in ["a", "b", "c", "d/e"] {
            let file = home.join(folder).join("role.md");
            write_inside(&home, &file, "ours").unwrap();
            write_inside(&home, &file, "ours").unwrap();
            assert_eq!(fs::read_to_string(file).unwrap(), "ours");
        }
        assert_eq!(fs::read_to_string(outside.join("role.md")).unwrap(), "theirs");
        for path in ["outside/x", "home", "home/../outside/x"] {
            assert!(write_inside(&home, &root.join(path), "ours").is_err(), "{path}");
        }
    }
}
