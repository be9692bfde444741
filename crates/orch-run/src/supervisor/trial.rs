//! A run of a moment, to see whether a level works here: in the folder of the real ones, with their account.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Pid, WaitOptions};

use super::site::Site;
use super::spawn;
use crate::confinement::cgroup::{Given, Groups};
use crate::{Account, Confinement, Kind, Made, Plan, Spec, StandardInput, Trial};

/// Folders made by this process so far.
static MADE: AtomicU64 = AtomicU64::new(0);

/// Makes the run and waits for its end. The error says in words what is in the way, and what to do.
pub(crate) fn run(trial: &Trial<'_>, level: Confinement, made: Made, account: Option<&Account>) -> Result<(), String> {
    let place = Place::make(trial.folder)?;
    let open = account.filter(|_| made == Made::Plainly);
    // Before the folder is looked at, and closed again before it is removed.
    let _way = open.map(|account| Way::open(trial.folder, account)).transpose()?;
    if let Some(account) = open
        && let Some(closed) = closed_on_the_way(trial.folder, account)
    {
        return Err(format!(
            "the account `{}` of runs cannot get to {}, for {} is closed to it; name a folder that it can get to, such \
             as /var/lib/orch, in ORCH_STATE_DIR",
            account.name,
            trial.folder.display(),
            closed.display()
        ));
    }
    let spec = place.spec(trial, level, made, account);
    let names = ("trial", "trial");
    let mut site = Site::prepare(&spec, &place.0.join("run"), names, (&Groups::default(), &Given::default()), None)?;
    site.program = trial.program.to_owned();
    let child = spawn::start(&site, &spec.argv, &spec.stdin)?;
    let mut said = Vec::new();
    let ended = rustix::process::waitpid(Pid::from_raw(child.pid()), WaitOptions::empty());
    let mut piece = [0_u8; 2048];
    while let Ok(count @ 1..) = rustix::io::read(&child.output, &mut piece) {
        said.extend_from_slice(&piece[..count]);
    }
    match ended {
        Ok(Some((_, status))) if status.exit_status() == Some(0) => Ok(()),
        Ok(_) => Err(format!(
            "a run cannot work in {}: {}",
            trial.folder.display(),
            crate::sanitize_for_terminal(&said).trim()
        )),
        Err(error) => Err(format!("the end of a run cannot be seen: {error}")),
    }
}

/// The place of the run, and folders above it that were made for it. Dropped: removed.
struct Place(PathBuf, Vec<PathBuf>);

impl Place {
    fn make(folder: &Path) -> Result<Self, String> {
        let failed = |path: &Path, e: std::io::Error| {
            format!("cannot make {}: {e}; name a folder that can be written in ORCH_STATE_DIR", path.display())
        };
        let missing = folder.ancestors().take_while(|above| !above.exists()).map(Path::to_owned).collect();
        let mut private = std::fs::DirBuilder::new();
        private.recursive(true).mode(0o700).create(folder).map_err(|e| failed(folder, e))?;
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let place = Self(folder.join(format!("trial-{}-{number}", std::process::id())), missing);
        let open = || -> std::io::Result<()> {
            for path in [place.0.clone(), place.0.join("code")] {
                std::fs::DirBuilder::new().create(&path)?;
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
            }
            Ok(())
        };
        open().map_err(|e| failed(&place.0, e))?;
        Ok(place)
    }

    fn spec(&self, trial: &Trial<'_>, level: Confinement, made: Made, account: Option<&Account>) -> Spec {
        let shell = ["/bin/sh", "-c", ": > tried"].map(str::to_owned).to_vec();
        Spec {
            kind: Kind::Check,
            argv: if trial.command.is_empty() { shell } else { trial.command.to_vec() },
            cwd: self.0.join("code"),
            env: trial.env.iter().cloned().collect(),
            stdin: StandardInput::Null,
            confinement: level,
            plan: Plan {
                account: account.cloned(),
                scratch: Some(self.0.join("scratch")),
                namespaces: made == Made::Namespaces,
                ..Plan::default()
            },
            stop: Vec::new(),
            companion: None,
            deadline_ms: 60_000,
            stall_ms: 0,
            stop_grace_ms: 0,
            before: Vec::new(),
            finish: Vec::new(),
            finish_deadline_ms: 60_000,
            result_file: None,
            output_cap_bytes: 0,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What is left of it holds nothing.
        let _ = std::fs::remove_dir_all(&self.0);
        for folder in &self.1 {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// The way of an account into a folder that is private to root: open for the account's group, and not for all.
/// Dropped: as it was, unless it is kept.
#[derive(Debug)]
pub struct Way(Option<(PathBuf, u32, u32)>);

impl Way {
    /// Opens it. A folder that others may enter already stays as it is.
    ///
    /// # Errors
    /// In words.
    pub fn open(folder: &Path, account: &Account) -> Result<Self, String> {
        let failed = |e: std::io::Error| format!("cannot open {} to the account of runs: {e}", folder.display());
        let meta = folder.metadata().map_err(failed)?;
        if enters(&meta, account) || meta.uid() != rustix::process::geteuid().as_raw() {
            return Ok(Self(None));
        }
        chown(folder, None, Some(account.gid)).map_err(failed)?;
        let way = Self(Some((folder.to_owned(), meta.gid(), meta.mode() & 0o7777)));
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o710)).map_err(failed)?;
        Ok(way)
    }

    /// It stays open.
    pub fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        let Some((folder, gid, mode)) = self.0.take() else { return };
        // Closed first; whoever sees it half done sees less.
        let _ = std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode));
        let _ = chown(&folder, None, Some(gid));
    }
}

fn enters(meta: &std::fs::Metadata, account: &Account) -> bool {
    let bit = match () {
        () if meta.uid() == account.uid => 0o100,
        () if meta.gid() == account.gid => 0o010,
        () => 0o001,
    };
    meta.mode() & bit != 0
}

/// The first folder from the root that the account may not enter.
fn closed_on_the_way(folder: &Path, account: &Account) -> Option<PathBuf> {
    let real = folder.canonicalize().ok()?;
    let mut above: Vec<&Path> = real.ancestors().collect();
    above.reverse();
    above.into_iter().find(|path| path.metadata().is_ok_and(|meta| !enters(&meta, account))).map(Path::to_owned)
}
