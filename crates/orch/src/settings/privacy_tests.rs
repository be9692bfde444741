//! What is private stays private: the host file, the state folder, and what runs may read of it.

use std::os::unix::fs::PermissionsExt;

use camino::Utf8PathBuf;

use super::paths::settle_state;
use super::{Host, Warning, load};
use crate::exit::Failure;

/// Loads a host file that shows `path` to runs, beside the state folder `/s`.
fn with_read_only(path: &str) -> Result<(Host, Vec<Warning>), Failure> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("host.toml");
    std::fs::write(&file, format!("[confinement]\nread_only = [\"{path}\"]\n")).unwrap();
    load(&|name| match name {
        "ORCH_CONFIG" => file.to_str().map(str::to_owned),
        "ORCH_STATE_DIR" => Some("/s".to_owned()),
        _ => None,
    })
}

#[test]
fn a_host_file_that_others_may_write_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("host.toml");
    std::fs::write(&file, "").unwrap();
    let named = |name: &str| match name {
        "ORCH_CONFIG" => file.to_str().map(str::to_owned),
        "ORCH_STATE_DIR" => Some("/s".to_owned()),
        _ => None,
    };
    for (mode, believed) in [(0o600, true), (0o644, true), (0o666, false), (0o602, false)] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let loaded = load(&named);
        assert_eq!(loaded.is_ok(), believed, "{mode:o}");
        if let Err(failure) = loaded {
            assert!(failure.text().contains("chmod go-w"), "{failure}");
        }
    }
}

#[test]
fn what_runs_may_read_does_not_hold_the_state() {
    for (path, fine) in [("/s", false), ("/", false), ("/s/places", true), ("/sibling", true)] {
        let loaded = with_read_only(path);
        assert_eq!(loaded.is_ok(), fine, "{path}");
        if let Err(failure) = loaded {
            assert!(failure.text().contains("ORCH_STATE_DIR"), "{failure}");
        }
    }
}

#[test]
fn the_state_folder_is_closed_whatever_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let state = Utf8PathBuf::from_path_buf(folder.path().join("a/state")).unwrap();
    let mode = |path: &Utf8PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let open = |bits| std::fs::set_permissions(&state, std::fs::Permissions::from_mode(bits)).unwrap();
    settle_state(&state).unwrap();
    assert_eq!(mode(&state), 0o700);
    for bits in [0o755, 0o777, 0o711] {
        open(bits);
        settle_state(&state).unwrap();
        assert_eq!(mode(&state), 0o700, "empty, {bits:o}");
    }
    // Somebody's folder with other things in it is not ours to close; one that others write is no place for state.
    std::fs::write(state.join("letter"), "").unwrap();
    open(0o755);
    settle_state(&state).unwrap();
    assert_eq!(mode(&state), 0o755);
    open(0o777);
    assert!(settle_state(&state).unwrap_err().text().contains("ORCH_STATE_DIR"));
    open(0o1777);
    assert!(settle_state(&state).is_err());
    std::fs::write(state.join("lock"), "").unwrap();
    open(0o777);
    settle_state(&state).unwrap();
    assert_eq!(mode(&state), 0o700, "its lock says whose it is");
}
