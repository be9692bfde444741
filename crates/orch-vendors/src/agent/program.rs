//! Whether an agent's program can be started, as far as its files say.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

/// The file that starting `program` runs; in words why there is none, and what to do. `search` are the folders of `PATH`;
/// `in_repository` tells whether the base branch has a file: a relative path is one in each run's own clone.
///
/// # Errors
/// The words.
pub fn located(program: &str, search: &str, in_repository: &dyn Fn(&str) -> bool) -> Result<PathBuf, String> {
    const WHERE: &str = "(agent_command of the repository, or [agents], in the host file)";
    let path = Path::new(program);
    if !program.contains('/') {
        let found = std::env::split_paths(search).map(|folder| folder.join(path)).find(|file| starts(file).is_ok());
        return found.ok_or_else(|| {
            format!(
                "the agent's program `{program}` is in no folder of the PATH: install it, put its folder on the PATH of \
                 the service, or name its whole path {WHERE}"
            )
        });
    }
    if path.is_absolute() {
        return match starts(path) {
            Ok(()) => Ok(path.to_path_buf()),
            Err(why) => Err(format!("the agent's program {program} {why}, or name another one {WHERE}")),
        };
    }
    let depth = path.components().try_fold(0_u32, |depth, part| match part {
        Component::ParentDir => depth.checked_sub(1),
        Component::Normal(_) => Some(depth + 1),
        _ => Some(depth),
    });
    let plain = path.components().filter(|part| *part != Component::CurDir).collect::<PathBuf>();
    match (depth, plain.to_str()) {
        (Some(_), Some(plain)) if in_repository(plain) => Ok(path.to_path_buf()),
        _ => Err(format!(
            "the agent's program `{program}` is a path within each run's own clone, and there is no such file: name its \
             whole path, from / on {WHERE}"
        )),
    }
}

/// As an adapter says it, with the environment that its program gets.
pub(super) fn obstacle(
    program: &str,
    environment: &BTreeMap<String, String>,
    in_repository: &dyn Fn(&str) -> bool,
) -> Option<String> {
    located(program, environment.get("PATH").map_or("", String::as_str), in_repository).err()
}

/// What is wrong with the file, and what to do.
fn starts(file: &Path) -> Result<(), String> {
    let found = match std::fs::metadata(file) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err("is not there: install it".to_owned());
        }
        Err(error) => return Err(format!("cannot be looked at: {error}; mend that")),
    };
    if !found.is_file() {
        return Err("is no file: name the program in it".to_owned());
    }
    if found.permissions().mode() & 0o111 == 0 {
        return Err(format!("may not be executed: chmod +x {}", file.display()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_cannot_be_started_is_told_with_what_to_do() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name).display().to_string();
        std::fs::create_dir_all(place.path().join("bin/deep")).unwrap();
        for (name, mode) in [("bin/agent", 0o755), ("bin/notes", 0o644)] {
            std::fs::write(place.path().join(name), "#!/bin/sh\n").unwrap();
            std::fs::set_permissions(place.path().join(name), std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let in_repository = |path: &str| path == "tools/agent";
        for (program, told) in [
            ("agent", ""),
            (&*at("bin/agent"), ""),
            (&*at("bin/deep/../agent"), ""),
            ("tools/agent", ""),
            ("./tools/agent", ""),
            ("no-agent", "is in no folder of the PATH"),
            ("notes", "is in no folder of the PATH"),
            ("", "is in no folder of the PATH"),
            (&*at("bin/none"), "is not there"),
            (&*at("none/../bin/agent"), "is not there"),
            (&*at("bin/deep"), "is no file"),
            (&*at("bin/agent/"), "cannot be looked at"),
            (&*at("bin/notes"), "chmod +x"),
            ("./agent", "within each run's own clone"),
            ("../agent", "within each run's own clone"),
            ("tools/../../agent", "within each run's own clone"),
            ("~/agent", "within each run's own clone"),
        ] {
            let found = located(program, &at("bin"), &in_repository);
            match told {
                "" => assert!(found.is_ok(), "{program}: {found:?}"),
                told => assert!(found.as_ref().is_err_and(|why| why.contains(told)), "{program}: {found:?}"),
            }
        }
    }
}
