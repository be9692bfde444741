//! A root with Debian's base, git, a C compiler and nothing else, and commands in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Form;

/// What a stranger has installed besides what is essential.
const PACKAGES: [&str; 5] = ["mount", "git", "gcc", "libc6-dev", "ca-certificates"];

/// The root. Dropped: removed.
pub struct CleanRoot {
    folder: tempfile::TempDir,
    rustup: PathBuf,
    cargo: PathBuf,
}

/// What a command in it said, on both outputs, and how it ended.
pub struct Said {
    pub text: String,
    pub code: Option<i32>,
}

impl CleanRoot {
    /// Made of the files of this machine's packages.
    ///
    /// # Errors
    /// In words: what this machine lacks for it.
    pub fn make() -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("only root can make a root".to_owned());
        }
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let home = variable("HOME").ok_or("no home folder is known")?;
        let rustup = variable("RUSTUP_HOME").unwrap_or_else(|| home.join(".rustup"));
        let cargo = variable("CARGO_HOME").unwrap_or_else(|| home.join(".cargo")).join("bin");
        if !rustup.join("toolchains").is_dir() || !cargo.join("cargo").exists() {
            return Err("Rust is not installed by rustup here".to_owned());
        }
        let packages = closure()?;
        // Beside the test's own program: names of the same files, if that is on the same file system.
        let beside = std::env::current_exe().map_err(|e| e.to_string())?;
        let beside = beside.parent().ok_or("this program lies nowhere")?;
        let made = tempfile::Builder::new().prefix("clean-root-").tempdir_in(beside);
        let root = Self { folder: made.map_err(|e| e.to_string())?, rustup, cargo };
        root.fill(&packages).map_err(|e| format!("the root cannot be made: {e}"))?;
        Ok(root)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    fn fill(&self, packages: &BTreeSet<String>) -> std::io::Result<()> {
        fs::set_permissions(self.folder.path(), Permissions::from_mode(0o755))?;
        let listed = Command::new("dpkg-query").arg("--listfiles").args(packages).output()?;
        for path in String::from_utf8_lossy(&listed.stdout).lines().filter(|line| line.starts_with('/')) {
            self.take(Path::new(path))?;
        }
        // What packages make when they are installed.
        for folder in ["/usr/bin", "/etc/alternatives"] {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                if fs::read_link(&path).is_ok_and(|to| path.starts_with("/etc") || to.starts_with("/etc/alternatives"))
                {
                    self.take(&path)?;
                }
            }
        }
        for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
            if let Ok(target) = fs::read_link(Path::new("/").join(name)) {
                symlink(target, self.at(name))?;
            }
        }
        self.take(Path::new("/etc/ld.so.cache"))?;
        for folder in ["proc", "dev", "tmp", "src", "run", "root/.rustup", "root/.cargo/bin", "usr/local/bin"] {
            fs::create_dir_all(self.at(folder))?;
        }
        for folder in ["home/ann/.rustup", "home/ann/.cargo/bin", "home/ann/closed/tmp", "root/tmp", "usr/local/share"]
        {
            fs::create_dir_all(self.at(folder))?;
        }
        fs::write(
            self.at("etc/passwd"),
            "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
        )?;
        fs::write(self.at("etc/group"), "root:x:0:\nann:x:1000:\nnogroup:x:65534:\n")?;
        for owned in ["", ".cargo", "closed", "closed/tmp"] {
            chown(self.at("home/ann").join(owned), Some(1000), Some(1000))?;
        }
        for closed in ["root", "home/ann", "home/ann/closed"] {
            fs::set_permissions(self.at(closed), Permissions::from_mode(0o700))?;
        }
        fs::set_permissions(self.at("usr/local/share"), Permissions::from_mode(0o777))?;
        link(Path::new(env!("CARGO_BIN_EXE_orch")), &self.at("usr/local/bin/orch"))?;
        let xtask = Path::new(env!("CARGO_BIN_EXE_orch")).with_file_name("xtask");
        if xtask.is_file() {
            link(&xtask, &self.at("usr/local/bin/xtask"))?;
        }
        fs::write(self.at("usr/local/share/line.sh"), script("line.sh"))?;
        let source = self.at("tmp/narrow.c");
        fs::write(&source, script("narrow.c"))?;
        let built = Command::new("cc").arg("-o").arg(self.at("usr/local/bin/narrow")).arg(&source).status()?;
        if built.success() { Ok(()) } else { Err(std::io::Error::other("cc does not work")) }
    }

    /// Gives the root the same name of a file of this machine.
    fn take(&self, path: &Path) -> std::io::Result<()> {
        let Ok(meta) = path.symlink_metadata() else { return Ok(()) };
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
        // `/bin/sh` is a file of `/usr/bin` where the one is a link to the other.
        let real = parent.canonicalize()?.join(name);
        let to = self.folder.path().join(real.strip_prefix("/").map_err(std::io::Error::other)?);
        if meta.is_dir() {
            return fs::create_dir_all(to);
        }
        if real.parent() == Some(Path::new("/")) || to.symlink_metadata().is_ok() {
            return Ok(());
        }
        to.parent().map_or(Ok(()), fs::create_dir_all)?;
        if meta.is_symlink() { symlink(fs::read_link(&real)?, to) } else { link(&real, &to) }
    }

    /// A program of this name that says no, as in a container that may make no namespace.
    pub fn give_bubblewrap_that_fails(&self) {
        let stub = self.at("usr/bin/bwrap");
        fs::write(
            &stub,
            "#!/bin/sh\necho 'bwrap: Creating new namespace failed: Operation not permitted' >&2\nexit 1\n",
        )
        .unwrap();
        fs::set_permissions(&stub, Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs a command in it, alone: its processes, network and mounts end with it.
    pub fn run(&self, form: &Form, command: &[&str]) -> Said {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let mut entering = Command::new("unshare");
        entering
            .args(["--mount", "--pid", "--net", "--ipc", "--fork", "--kill-child", "sh", "-c"])
            .arg(script("enter.sh"))
            .arg("enter")
            .arg(self.folder.path())
            .args([form.account, form.umask, form.narrowed])
            .args(command)
            .env("ORCH_TEST_RUSTUP", &self.rustup)
            .env("ORCH_TEST_CARGO", &self.cargo)
            .env("ORCH_TEST_SOURCE", source)
            .env("ORCH_TEST_SET", form.set)
            .env("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null());
        let output = entering.output().unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        Said { text, code: output.status.code() }
    }
}

fn script(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/bare").join(name)).unwrap()
}

/// One more name of a file, or a copy where that cannot be.
fn link(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop))
}

/// Essential packages, those a stranger has, and what they all need.
fn closure() -> Result<BTreeSet<String>, String> {
    let format = "${Package}\t${Essential}\t${Pre-Depends}, ${Depends}\t${Provides}\n";
    let asked = Command::new("dpkg-query").args(["--show", "--showformat", format]).output();
    let asked = asked.map_err(|e| format!("this machine has no packages of Debian: {e}"))?;
    let text = String::from_utf8_lossy(&asked.stdout).into_owned();
    let mut needs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut provided: BTreeMap<&str, &str> = BTreeMap::new();
    let mut wanted: Vec<&str> = PACKAGES.to_vec();
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [package, essential, depends, provides] = fields[..] else { continue };
        if essential == "yes" {
            wanted.push(package);
        }
        needs.insert(package, depends.split([',', '|']).map(bare_name).filter(|n| !n.is_empty()).collect());
        provided.extend(provides.split(',').map(bare_name).filter(|n| !n.is_empty()).map(|of| (of, package)));
    }
    let mut found = BTreeSet::new();
    while let Some(next) = wanted.pop() {
        let package = if needs.contains_key(next) { Some(next) } else { provided.get(next).copied() };
        match package {
            Some(package) if found.insert(package.to_owned()) => wanted.extend(&needs[package]),
            None if PACKAGES.contains(&next) => return Err(format!("the package {next} is not installed")),
            _ => {}
        }
    }
    Ok(found)
}

/// `libc6` of ` libc6:amd64 (>= 2.36)`.
fn bare_name(word: &str) -> &str {
    word.trim().split([' ', ':', '(']).next().unwrap_or_default()
}
