//! A user's repository and a local forge made from it.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;

use orch_git::*;
use tempfile::TempDir;

pub fn search_path() -> std::ffi::OsString {
    std::env::var_os("PATH").expect("PATH is set")
}

pub fn git() -> Git {
    Git::detect(search_path()).expect("git is installed")
}

/// Git as a user, or an agent in its clone, would run it; with none of the settings of this machine.
pub fn plain(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", search_path())
        .env("HOME", "/nonexistent")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("LC_ALL", "C");
    command
}

pub fn checked(output: Output) -> String {
    assert!(
        output.status.success(),
        "{:?}: {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub fn run<A: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = A>) -> String {
    checked(plain(folder).args(arguments).output().expect("git starts"))
}

pub fn put(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder is made");
    fs::write(path, content).expect("a file is written");
}

/// Commits everything in a working copy.
pub fn commit(folder: &Path, message: &str) -> CommitId {
    run(folder, ["add", "--all"]);
    run(folder, ["commit", "--quiet", "--allow-empty", "-m", message]);
    head(folder)
}

pub fn head(folder: &Path) -> CommitId {
    id(&run(folder, ["rev-parse", "HEAD"]))
}

pub fn id(text: &str) -> CommitId {
    CommitId::new(text.trim()).expect("a commit id")
}

pub fn branch(name: &str) -> BranchName {
    BranchName::new(name).expect("a branch name")
}

pub fn task(name: &str) -> TaskKey {
    TaskKey::new(name).expect("a task key")
}

pub fn path(name: &str) -> RepoPath {
    RepoPath::new(name).expect("a path")
}

pub fn robot() -> Identity {
    Identity::new("Robot", "robot@example.org").expect("an identity")
}

/// A user's repository with two commits on `main`.
pub fn user_repository(folder: &Path) {
    fs::create_dir_all(folder).expect("a folder is made");
    run(folder, ["init", "--quiet", "--initial-branch=main"]);
    run(folder, ["config", "user.name", "Uma"]);
    run(folder, ["config", "user.email", "uma@example.org"]);
    put(folder, "README.md", "hello\n");
    commit(folder, "one");
    put(folder, "src/lib.txt", "a\nb\nc\nd\ne\nf\ng\nh\n");
    put(folder, "docs/guide.md", "guide\n");
    commit(folder, "two");
}

pub struct World {
    pub root: TempDir,
    pub source: PathBuf,
    pub forge: Forge,
}

impl World {
    pub fn new() -> Self {
        Self::with(&git())
    }

    /// Blanks and letters outside ASCII are in every path of every test.
    pub fn with(git: &Git) -> Self {
        let root = tempfile::Builder::new().prefix("orch git ü ").tempdir().expect("a folder");
        let source = root.path().join("my repö");
        user_repository(&source);
        let origin = Origin { source: source.clone(), base: branch("main") };
        let forge = Forge::create_from(git, origin, &root.path().join("state dir/forge.git"), SystemTime::now())
            .expect("a forge is made")
            .forge;
        Self { root, source, forge }
    }

    pub fn main(&self) -> CommitId {
        self.forge.tip(&branch("main")).expect("the forge answers").expect("main exists")
    }

    pub fn place(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// A clone for the first attempt of a task, at `commit`.
    pub fn clone_at(&self, key: &str, commit: &CommitId) -> PathBuf {
        let folder = self.place(&format!("clones/{key} é"));
        self.forge
            .clone_attempt(CloneRequest {
                task: &task(key),
                attempt: 1,
                commit,
                base: None,
                branch: &branch(&format!("feature/{key}-x")),
                folder: &folder,
                identity: &robot(),
            })
            .expect("a clone is made");
        folder
    }

    /// What the first attempt of a task makes of `files`, from main's tip; an empty content removes the file.
    pub fn attempt(&self, key: &str, files: &[(&str, &str)]) -> CommitId {
        let start = self.main();
        let clone = self.clone_at(key, &start);
        for (name, content) in files {
            if content.is_empty() {
                fs::remove_file(clone.join(name)).expect("the file is there");
            } else {
                put(&clone, name, content);
            }
        }
        commit(&clone, &format!("work of {key}"));
        self.collect(&clone, &task(key), 1, &start).expect("it is collected")
    }

    /// Where a clone's parcel goes.
    pub fn parcel(&self, clone: &Path) -> PathBuf {
        let mut parcel = clone.as_os_str().to_os_string();
        parcel.push(".parcel");
        PathBuf::from(parcel)
    }

    /// The last command of a run in a clone, with a bare environment.
    pub fn pack(&self, clone: &Path, start: &CommitId) -> Output {
        self.pack_from(clone, start, false)
    }

    /// The same, of a clone that may have an overlay.
    pub fn pack_from(&self, clone: &Path, start: &CommitId, overlaid: bool) -> Output {
        let request = ParcelRequest {
            parcel: &self.parcel(clone),
            start,
            base: None,
            documents: &path("docs/work-items/ET-001"),
            branch: &branch("feature/ET-001-x"),
            overlaid,
        };
        let words = self.forge.parcel_command(request);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(clone).env_clear().env("PATH", search_path()).env("HOME", "/nonexistent");
        command.output().expect("sh starts")
    }

    /// What comes home of a clone that was packed.
    pub fn take(
        &self,
        clone: &Path,
        key: &TaskKey,
        attempt: u64,
        start: &CommitId,
        owns: &dyn Fn(&str, bool) -> bool,
    ) -> Result<Delivered> {
        self.take_packed(clone, (key, attempt), start, owns, true)
    }

    /// As [`World::take`], of what was packed for the first time, or again and again.
    pub fn take_packed(
        &self,
        clone: &Path,
        (key, attempt): (&TaskKey, u64),
        start: &CommitId,
        owns: &dyn Fn(&str, bool) -> bool,
        packed_again: bool,
    ) -> Result<Delivered> {
        self.forge.collect(CollectRequest {
            packed_again,
            parcel: &self.parcel(clone),
            task: key,
            attempt,
            start,
            main: &self.main(),
            documents: &path("docs/work-items/ET-001"),
            owns,
            message: "what was left\n\nRefs: ET-001",
            by: &Signature { identity: robot(), seconds: 1_700_000_000 },
            limits: CollectLimits::default(),
        })
    }

    /// The head of all that lies in a clone.
    pub fn collect(&self, clone: &Path, key: &TaskKey, attempt: u64, start: &CommitId) -> Result<CommitId> {
        checked(self.pack(clone, start));
        let delivered = self.take(clone, key, attempt, start, &|_, _| true)?;
        assert_eq!(delivered.refused, Vec::<String>::new());
        Ok(delivered.head)
    }

    /// The head of a clone in the forge, past all that is asked of a delivery.
    pub fn fetch(&self, clone: &Path) -> CommitId {
        let from = clone.to_str().expect("a path of text");
        run(self.forge.path(), ["fetch", "--quiet", from, "+HEAD:refs/orch/fetched"]);
        head(clone)
    }

    pub fn merged(&self, main: &CommitId, head: &CommitId) -> Merged {
        let by = Signature { identity: robot(), seconds: 1_700_000_000 };
        self.forge
            .candidate(CandidateRequest {
                main,
                head,
                message: "Add the thing\n\nRefs: ET-001",
                author: &by,
                committer: &by,
                keep_commits: false,
                leaving: &|_| Vec::new(),
            })
            .expect("the merge is computed")
    }

    pub fn candidate(&self, main: &CommitId, head: &CommitId) -> Candidate {
        match self.merged(main, head) {
            Merged::Clean(candidate) => candidate,
            other => panic!("a candidate was expected: {other:?}"),
        }
    }

    pub fn evidence(&self, start: &CommitId, main: &CommitId, head: &CommitId) -> Evidence {
        self.forge
            .evidence(EvidenceRequest {
                start,
                main,
                head,
                documents: &path("docs/work-items/ET-001"),
                limits: DocumentLimits::default(),
                is_test: |path| path.contains("test"),
            })
            .expect("evidence is read")
    }

    /// Git on the forge, past the crate.
    pub fn in_forge(&self, arguments: &[&str]) -> String {
        run(self.forge.path(), arguments)
    }
}

/// Says that a test cannot run on this machine.
pub fn not_run_here(name: &str, reason: &str) {
    eprintln!("not run here: {name}: {reason}");
    if let Some(list) = std::env::var_os("ORCH_TEST_NOT_RUN") {
        let mut open = fs::OpenOptions::new().create(true).append(true).open(list).expect("the list opens");
        writeln!(open, "{name}: {reason}").expect("the list is written");
    }
}

/// Makes a program. Another process writes it: were it open for writing here, a child that another test starts in
/// this moment would inherit that, and starting the program would fail as "text file busy".
pub fn program(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
    let mut writer = Command::new("sh")
        .args(["-c", "cat >\"$1\" && chmod 755 \"$1\"", "sh"])
        .arg(path)
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("sh starts");
    let mut stdin = writer.stdin.take().expect("its input");
    stdin.write_all(text.as_bytes()).expect("it is written");
    drop(stdin);
    assert!(writer.wait().expect("sh ends").success());
}
