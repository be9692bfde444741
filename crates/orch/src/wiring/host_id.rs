//! Which host a state folder is.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

use camino::Utf8Path;
use orch_rules::ids::HostId;
use serde::{Deserialize, Serialize};

use crate::exit::{Exit, Failure};

/// In the state folder.
const FILE: &str = "host.json";

#[derive(Debug, Serialize, Deserialize)]
struct Marked {
    id: String,
    /// Of the file itself. A copy of the folder has another one, and is another host: the runs of the first are not there.
    inode: u64,
}

/// The id of the host that a state folder is; drawn the first time, and for every copy of the folder.
///
/// # Errors
/// [`Exit::Failed`] if the file can be neither read nor written.
pub fn of(state: &Utf8Path) -> Result<HostId, Failure> {
    let path = state.join(FILE);
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Failed, format!("which host this is cannot be kept: {error}"))
            .at(path.to_string())
            .fix("run orch as the user who owns the state folder")
    };
    match known(&path) {
        Ok(Some(id)) => return Ok(id),
        Ok(None) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    // Beside it and renamed: a process that ends meanwhile leaves no half of it.
    let fresh = state.join(format!("{FILE}.new"));
    let mut file = File::options().create(true).truncate(true).write(true).mode(0o600).open(&fresh).map_err(failed)?;
    let marked = Marked { id: uuid::Uuid::new_v4().to_string(), inode: file.metadata().map_err(failed)?.ino() };
    let text = serde_json::to_vec(&marked).map_err(|error| failed(error.into()))?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&fresh, &path).map_err(failed)?;
    File::open(state).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(marked.id.into())
}

/// `None` if it is another folder's, or unreadable.
fn known(path: &Utf8Path) -> std::io::Result<Option<HostId>> {
    let mut file = File::open(path)?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let inode = file.metadata()?.ino();
    let marked = serde_json::from_str::<Marked>(&text).ok();
    Ok(marked.filter(|marked| marked.inode == inode && !marked.id.is_empty()).map(|marked| marked.id.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_folder_keeps_its_id_and_a_copy_has_another() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| Utf8Path::from_path(folder.path()).unwrap().join(name);
        let (first, copy, moved) = (at("first"), at("copy"), at("moved"));
        std::fs::create_dir(&first).unwrap();
        let id = of(&first).unwrap();
        assert_eq!(of(&first).unwrap(), id);
        std::fs::create_dir(&copy).unwrap();
        std::fs::copy(first.join(FILE), copy.join(FILE)).unwrap();
        let other = of(&copy).unwrap();
        assert_ne!(other, id);
        assert_eq!(of(&copy).unwrap(), other);
        std::fs::rename(&first, &moved).unwrap();
        assert_eq!(of(&moved).unwrap(), id, "a folder that is moved is the same host");
        std::fs::write(moved.join(FILE), "{").unwrap();
        let again = of(&moved).unwrap();
        assert!(again != id && of(&moved).unwrap() == again);
    }
}
