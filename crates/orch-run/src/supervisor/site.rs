//! Where the commands of one run are started: made ready once, before the first of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use super::companion::{Door, Running};
use crate::confinement::cgroup::{Given, Groups};
use crate::confinement::paths::{self, Access, Appears, Bind};
use crate::inner::{Inner, Limit, Spaces};
use crate::{Account, AccountRange, Before, Confinement, KEY, MODEL_ADDRESS, Spec};

/// The port of the companion inside of a private network, where every port is free.
pub(super) const INSIDE_PORT: u16 = 9797;

/// What all commands of a run have in common.
pub(super) struct Site {
    pub(super) spec: Spec,
    pub(super) run_id: String,
    pub(super) mark: String,
    pub(super) root: bool,
    /// The program of the inner step.
    pub(super) program: PathBuf,
    pub(super) paths: Vec<Bind>,
    /// The list of accounts that it sees, with its own.
    listed: Option<Bind>,
    pub(super) appears: Appears,
    /// Processes of the run join these.
    pub(super) entrances: Vec<File>,
    env: BTreeMap<String, String>,
    limits: Vec<(Limit, u64)>,
    port: Option<u16>,
    socket: Option<RawFd>,
    key: Option<String>,
    /// What holds and what does not, one sentence each.
    pub(super) words: Vec<String>,
}

impl Site {
    /// Makes the scratch folder and gives the run's account what it may write. The error is for people.
    pub(super) fn prepare(
        spec: &Spec,
        run_directory: &Path,
        (run_id, mark): (&str, &str),
        (groups, given): (&Groups, &Given),
        companion: Option<&Running>,
    ) -> Result<Self, String> {
        let root = rustix::process::geteuid().is_root();
        let confined = spec.confinement > Confinement::None;
        if confined && root && spec.plan.account.is_none() {
            return Err(
                "this service is root and the run has no account of its own; name one in [confinement] user".to_owned()
            );
        }
        let mut site = Self {
            spec: spec.clone(),
            run_id: run_id.to_owned(),
            mark: mark.to_owned(),
            root,
            program: "/proc/self/exe".into(),
            paths: Vec::new(),
            listed: None,
            appears: Appears::default(),
            entrances: groups.entrances(),
            env: paths::without_scratch(&spec.env),
            limits: Vec::new(),
            port: None,
            socket: None,
            key: companion.map(|companion| companion.key.clone()),
            words: Vec::new(),
        };
        if let Some(companion) = companion {
            match &companion.door {
                Door::Port(port) => site.port = Some(*port),
                Door::Socket(socket) => site.socket = Some(socket.as_raw_fd()),
            }
        }
        if !root {
            // Nobody but root can give files away.
            site.spec.plan.account = None;
        }
        if confined {
            make_scratch(spec)?;
            if site.has_own_files() {
                site.appears = Appears::of(spec);
            }
            site.env = paths::environment(&site.spec, crate::private_network(spec.confinement), &site.appears);
            site.paths = paths::of(&site.spec, run_directory, &site.appears);
            site.list_account()?;
        }
        if let Some(account) = site.spec.plan.account.as_ref().filter(|_| confined) {
            let writable = [&spec.cwd].into_iter().chain(&spec.plan.read_write).chain(&spec.plan.scratch);
            for path in writable {
                hand_over(path, account)
                    .and_then(|()| if account.own { close(path) } else { Ok(()) })
                    .map_err(|e| format!("cannot give {} to {}: {e}", path.display(), account.name))?;
            }
            if !account.own {
                site.words.push(format!("Other runs have its account `{}`, too.", account.name));
            }
        }
        site.limit(given);
        site.reach_companion();
        Ok(site)
    }

    /// The same place for a command before the agent: another environment, and, unless it is whole, nothing to
    /// write but the run's directory and its scratch folder. The error is for people.
    pub(super) fn before(&self, before: &Before, run_directory: &Path) -> Result<Self, String> {
        let mut spec = self.spec.clone();
        if !before.whole {
            spec.plan.read_write.clear();
        }
        spec.env.clone_from(&before.env);
        let entrances = self.entrances.iter().map(File::try_clone).collect::<io::Result<_>>();
        let confined = spec.confinement > Confinement::None;
        let mut site = Self {
            run_id: self.run_id.clone(),
            mark: self.mark.clone(),
            root: self.root,
            program: self.program.clone(),
            paths: if confined { paths::of(&spec, run_directory, &self.appears) } else { Vec::new() },
            listed: self.listed.clone(),
            appears: self.appears.clone(),
            entrances: entrances.map_err(|e| format!("cannot enter the control groups: {e}"))?,
            env: if confined {
                paths::environment(&spec, crate::private_network(spec.confinement), &self.appears)
            } else {
                paths::without_scratch(&before.env)
            },
            limits: self.limits.clone(),
            port: self.port,
            socket: self.socket,
            key: self.key.clone(),
            words: Vec::new(),
            spec,
        };
        site.reach_companion();
        Ok(site)
    }

    /// Makes the list of accounts of a run whose number is its own: programs ask who they are.
    fn list_account(&mut self) -> Result<(), String> {
        let (Some(account), Some(scratch)) = (&self.spec.plan.account, &self.spec.plan.scratch) else { return Ok(()) };
        if account.own {
            let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
            let file = scratch.join("passwd");
            let home = self.env.get("HOME").map(String::as_str).unwrap_or("/");
            std::fs::write(&file, account.listed(&accounts, home))
                .map_err(|e| format!("cannot write {}: {e}", file.display()))?;
            self.listed = Some(Bind { access: Access::Read, path: file, at: "/etc/passwd".into() });
        }
        Ok(())
    }

    /// Whether commands are started through the inner step.
    pub(super) fn has_inner(&self) -> bool {
        self.spec.confinement > Confinement::None || self.spec.plan.has_limits()
    }

    /// The whole environment of the run's commands, but for the run's own two variables.
    pub(super) fn env(&self) -> &BTreeMap<String, String> {
        &self.env
    }

    /// `words` with the companion's address and key in their places, and paths as they appear to the run.
    pub(super) fn with_companion(&self, words: &[String]) -> Vec<String> {
        let own = self.has_own_files();
        let straight = |word: &String| if own { paths::straight_word(word) } else { word.clone() };
        words.iter().map(|word| self.filled(&straight(word))).collect()
    }

    fn address(&self) -> Option<String> {
        let port = if self.socket.is_some() { Some(INSIDE_PORT) } else { self.port };
        port.map(|port| format!("127.0.0.1:{port}"))
    }

    fn filled(&self, word: &str) -> String {
        let word = self.appears.text(word);
        let (Some(address), Some(key)) = (self.address(), &self.key) else { return word };
        word.replace(MODEL_ADDRESS, &format!("http://{address}")).replace(KEY, key)
    }

    fn reach_companion(&mut self) {
        let filled: BTreeMap<_, _> = self.env.iter().map(|(name, value)| (name.clone(), self.filled(value))).collect();
        self.env = filled;
        if let (Some(address), Some(key)) = (self.address(), &self.key) {
            let proxy = format!("http://orch:{key}@{address}");
            for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
                self.env.insert(name.to_owned(), proxy.clone());
            }
            for name in ["NO_PROXY", "no_proxy"] {
                self.env.insert(name.to_owned(), "127.0.0.1,localhost".to_owned());
            }
        }
    }

    /// What the control groups do not give, limits of single processes may.
    fn limit(&mut self, given: &Given) {
        let plan = &self.spec.plan;
        if self.spec.confinement > Confinement::None {
            self.limits.push((Limit::Core, 0));
        }
        if let Some(bytes) = plan.memory_bytes {
            let mb = bytes / 1_000_000;
            if given.memory {
                self.words.push(format!("All its processes together have {mb} MB of memory."));
            } else {
                self.limits.push((Limit::Data, bytes));
                self.words.push(format!(
                    "Each of its processes has {mb} MB of memory; their sum is not limited: this host gives no control group for memory."
                ));
            }
        }
        if let Some(most) = plan.processes {
            if given.processes {
                self.words.push(format!("It has at most {most} processes and threads."));
            } else if plan.account.is_some() || (self.spec.confinement == Confinement::Bubblewrap && !self.root) {
                self.limits.push((Limit::Processes, most));
                self.words.push(match plan.account.as_ref().is_some_and(|account| account.own) {
                    true => format!("It has at most {most} processes and threads."),
                    false => format!("Runs of its account have at most {most} processes and threads together."),
                });
            } else {
                self.words.push(
                    "The number of its processes is not limited: this host gives no control group for it.".to_owned(),
                );
            }
        }
        if let Some(most) = plan.open_files {
            self.limits.push((Limit::OpenFiles, most));
            self.words.push(format!("Each of its processes has at most {most} files open."));
        }
        if let Some(bytes) = plan.file_bytes {
            self.limits.push((Limit::FileSize, bytes));
            let mb = bytes / 1_000_000;
            self.words.push(format!("None of its files grows beyond {mb} MB."));
        }
        if let Some(bytes) = plan.growth_bytes {
            self.words.push(format!("Its files together grow by at most {} MB.", bytes / 1_000_000));
        }
        if let Some(files) = plan.growth_files {
            self.words.push(format!("It makes at most {files} files."));
        }
    }

    /// The plan of the inner step that becomes `argv`, at a terminal if there is one, and tells through descriptor `report`.
    pub(super) fn inner(&self, argv: &[String], report: RawFd, terminal: Option<RawFd>) -> Inner {
        let level = self.spec.confinement;
        let in_bubblewrap = self.in_bubblewrap();
        let spaces = self.has_spaces();
        let mut env = self.env.clone();
        env.insert(crate::RUN_ID_VARIABLE.to_owned(), self.run_id.clone());
        env.insert(crate::RUN_MARK_VARIABLE.to_owned(), self.mark.clone());
        Inner {
            level,
            report,
            terminal,
            parent: (level < Confinement::Bubblewrap).then(|| std::process::id().cast_signed()),
            spaces: spaces.then(|| Spaces {
                supervisor: std::process::id().cast_signed(),
                user: !self.root,
                processes: level == Confinement::Bubblewrap,
                tmp: self.spec.plan.scratch.as_ref().map(|scratch| scratch.join("tmp")),
            }),
            private_network: in_bubblewrap || spaces,
            forward: self.socket.map(|socket| (INSIDE_PORT, socket)),
            port: self.port,
            limits: self.limits.clone(),
            account: self.spec.plan.account.clone().filter(|_| level > Confinement::None),
            cwd: paths::straight(&self.appears.path(&self.spec.cwd)),
            paths: self.binds(),
            tmp: self.own_tmp(),
            argv: self.with_companion(argv),
            env,
        }
    }

    /// Every path that it gets, and where.
    pub(super) fn binds(&self) -> Vec<Bind> {
        self.paths.iter().chain(&self.listed).cloned().collect()
    }

    /// What is its `/tmp` where it sees the host's files but for that. Landlock closes the host's to it.
    fn own_tmp(&self) -> Option<PathBuf> {
        let scratch = self.spec.plan.scratch.as_ref()?;
        (self.spec.confinement == Confinement::Account).then(|| scratch.join("tmp"))
    }

    fn has_spaces(&self) -> bool {
        self.spec.plan.namespaces && self.spec.confinement >= Confinement::Landlock
    }

    /// Whether its commands have a mount namespace of their own.
    fn has_own_files(&self) -> bool {
        self.in_bubblewrap() || self.has_spaces()
    }

    /// Whether bubblewrap stands between the supervisor and the inner step.
    pub(super) fn in_bubblewrap(&self) -> bool {
        self.spec.confinement == Confinement::Bubblewrap && !self.spec.plan.namespaces
    }

    pub(super) fn socket(&self) -> Option<RawFd> {
        self.socket
    }

    /// Removes what was made for this run alone.
    pub(super) fn clear(&self) {
        if let Some(scratch) = self.spec.plan.scratch.as_ref().filter(|_| self.spec.confinement > Confinement::None) {
            // The standard library follows no link on its way down.
            if let Err(error) = std::fs::remove_dir_all(scratch)
                && error.kind() != io::ErrorKind::NotFound
            {
                super::log::note(format_args!("cannot remove {}: {error}", scratch.display()));
            }
        }
    }
}

fn make_scratch(spec: &Spec) -> Result<(), String> {
    let Some(scratch) = &spec.plan.scratch else { return Ok(()) };
    for folder in [scratch.clone(), scratch.join("home"), scratch.join("tmp")] {
        match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(format!("cannot make {}: {error}", folder.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// What is of one account is nobody else's to enter.
fn close(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(found) if found.is_dir() => std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Gives `path` and all below it to `account`, before anything of the run is started. Links are given away themselves;
/// files with several names are left alone, for one of the names may lie elsewhere; but not those that an earlier run with
/// a number of its own made, whose places nobody else gets into.
fn hand_over(path: &Path, account: &Account) -> io::Result<()> {
    let meta = match path.symlink_metadata() {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if meta.is_dir() {
        for entry in std::fs::read_dir(path)? {
            hand_over(&entry?.path(), account)?;
        }
    }
    let of_a_run = account.own && AccountRange::USUAL.has(meta.uid());
    let shared = meta.is_file() && meta.nlink() > 1 && !of_a_run;
    if shared || (meta.uid(), meta.gid()) == (account.uid, account.gid) {
        return Ok(());
    }
    lchown(path, Some(account.uid), Some(account.gid))
}
