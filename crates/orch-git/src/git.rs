//! The git program and the environment every call of it gets.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::process::{Call, Running};

/// The oldest git that has everything used here (`merge-tree --write-tree` came with 2.38, `cat-file
/// --batch-command` with 2.36); it is the one of Debian 12.
pub const MINIMUM_VERSION: Version = Version { major: 2, minor: 39, patch: 0 };

/// A version of git.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 2 in 2.39.5.
    pub major: u32,
    /// 39 in 2.39.5.
    pub minor: u32,
    /// 5 in 2.39.5.
    pub patch: u32,
}

impl Version {
    /// Reads the answer of `git version`, for example `git version 2.39.5 (Apple Git-154)`.
    fn parse(answer: &str) -> Option<Self> {
        let number = answer.trim().strip_prefix("git version ")?.split_whitespace().next()?;
        let mut parts = number.split('.');
        Some(Self {
            major: parts.next()?.parse().ok()?,
            minor: parts.next()?.parse().ok()?,
            // Pre-releases read `2.40.0-rc1` or `2.40.GIT`.
            patch: parts
                .next()
                .map(|p| p.chars().take_while(char::is_ascii_digit).collect::<String>())
                .and_then(|p| p.parse().ok())
                .unwrap_or(0),
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.patch == 0 {
            write!(f, "{}.{}", self.major, self.minor)
        } else {
            write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
        }
    }
}

/// Settings that every git process gets, above any file. Each is here because its default, or somebody's file,
/// would run a program, lose work or change an answer.
const PINNED: &[(&str, &str)] = &[
    // By default git fsyncs packs but neither loose objects nor, before 2.36, refs.
    ("core.fsync", "committed,loose-object,reference"),
    ("core.fsyncMethod", "fsync"),
    // No program of somebody else's.
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.excludesFile", "/dev/null"),
    ("core.askPass", ""),
    ("credential.helper", ""),
    ("commit.gpgSign", "false"),
    // Packing happens when it is asked for, never in passing.
    ("gc.auto", "0"),
    ("gc.autoDetach", "false"),
    ("maintenance.auto", "false"),
    // One pack per fetch costs three fsyncs, a hundred loose objects cost a hundred.
    ("fetch.unpackLimit", "1"),
    ("fetch.recurseSubmodules", "false"),
    ("submodule.recurse", "false"),
    // Bytes in the tree are bytes on the disk.
    ("core.autocrlf", "false"),
    ("core.quotePath", "true"),
    ("core.bigFileThreshold", "32m"),
    ("init.defaultBranch", "main"),
    ("advice.detachedHead", "false"),
    ("protocol.allow", "never"),
    ("protocol.file.allow", "always"),
    // Two writers of one ref wait for each other instead of failing after a tenth of a second.
    ("core.filesRefLockTimeout", "5000"),
    ("core.packedRefsTimeout", "5000"),
];

/// The git program, found and old enough. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Git {
    program: PathBuf,
    search_path: OsString,
    version: Version,
    time_limit: Duration,
    pub(crate) running: Arc<Running>,
}

impl Git {
    /// Finds `git` in `search_path` (the form of `PATH`) and asks for its version.
    ///
    /// # Errors
    /// [`Error::GitMissing`], [`Error::GitTooOld`].
    pub fn detect(search_path: impl AsRef<OsStr>) -> Result<Self> {
        let search_path = search_path.as_ref().to_os_string();
        let program = std::env::split_paths(&search_path)
            // A relative entry would mean another program in every working directory.
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join("git"))
            .find(|program| {
                program
                    .metadata()
                    .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
            })
            .ok_or(Error::GitMissing)?;
        let (time_limit, running) = (Duration::from_secs(600), Arc::default());
        let mut git = Self { program, search_path, version: MINIMUM_VERSION, time_limit, running };
        let answer = git.call(Path::new("/")).arg("version").text()?;
        git.version = Version::parse(&answer)
            .ok_or_else(|| Error::Unexpected { command: "git version".to_owned(), answer: answer.clone() })?;
        if git.version < MINIMUM_VERSION {
            return Err(Error::GitTooOld { program: git.program, found: git.version });
        }
        Ok(git)
    }

    /// The same git with another limit on the wall time of each process (default ten minutes).
    #[must_use]
    pub fn with_time_limit(mut self, time_limit: Duration) -> Self {
        self.time_limit = time_limit;
        self
    }

    /// What `git version` answered.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The program, absolute.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Kills every git process that was started by this value or a clone of it and has not ended, with its children; none
    /// starts any more. For the end of this process: a git that hangs must not outlive it.
    pub fn end(&self) {
        self.running.end();
    }

    /// A call in `directory` with nothing inherited but the search path.
    pub(crate) fn call(&self, directory: &Path) -> Call {
        self.call_with(directory, &[])
    }

    /// As [`Git::call`], with settings after the pinned ones. Unlike [`Call::setting`] they stand in the environment,
    /// where no other account reads them.
    pub(crate) fn call_with(&self, directory: &Path, settings: &[(&str, &str)]) -> Call {
        let mut call = Call::new(&self.program, directory, self.time_limit, &self.running)
            .env("PATH", &self.search_path)
            .env("HOME", "/nonexistent")
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_EDITOR", "false")
            .env("GIT_PAGER", "cat")
            // A replaced object would make two readers of one id see two things.
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_ALLOW_PROTOCOL", "file")
            // Variables instead of `-c`: the command line stays readable in a process list.
            .env("GIT_CONFIG_COUNT", (PINNED.len() + settings.len()).to_string());
        for (index, (key, value)) in PINNED.iter().chain(settings).enumerate() {
            call = call.env(format!("GIT_CONFIG_KEY_{index}"), key).env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
        call
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared() {
        let read = |text| Version::parse(text).map(|v| (v.major, v.minor, v.patch));
        assert_eq!(read("git version 2.39.5\n"), Some((2, 39, 5)));
        assert_eq!(read("git version 2.39.5 (Apple Git-154)"), Some((2, 39, 5)));
        assert_eq!(read("git version 2.47.0.windows.1"), Some((2, 47, 0)));
        assert_eq!(read("git version 2.40.0-rc1"), Some((2, 40, 0)));
        assert_eq!(read("git version 2.40.GIT"), Some((2, 40, 0)));
        assert_eq!(read("hg 6"), None);
        assert!(Version { major: 2, minor: 38, patch: 9 } < MINIMUM_VERSION);
        assert!(Version { major: 3, minor: 0, patch: 0 } > MINIMUM_VERSION);
    }
}
