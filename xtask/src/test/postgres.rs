//! A private, throw-away PostgreSQL cluster for one test run.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::apt;
use super::summary::Summary;
use crate::process;

/// Starting recovers nothing here, but the machine may be busy.
const START_LIMIT: Duration = Duration::from_secs(120);
/// A fast shutdown writes one checkpoint.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// A running server; dropping it stops the server and removes its folder.
pub struct Cluster {
    url: String,
    server: Option<Child>,
    folder: Option<TempDir>,
}

impl Cluster {
    /// Where it answers, for `ORCH_TEST_POSTGRES`: a superuser without a password.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let Some(mut server) = self.server.take() else {
            return;
        };
        // SIGINT is PostgreSQL's fast shutdown: sessions are ended, nothing waits for clients.
        if let Some(pid) = i32::try_from(server.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::INT);
        }
        let asked = Instant::now();
        while matches!(server.try_wait(), Ok(None)) && asked.elapsed() < STOP_LIMIT {
            thread::sleep(Duration::from_millis(10));
        }
        // Its data is thrown away in any case; what must not be is the caller's time.
        let _ = server.kill();
        let _ = server.wait();
        if let Some(Err(error)) = self.folder.take().map(TempDir::close) {
            eprintln!("a folder of PostgreSQL's is left behind: {error}");
        }
    }
}

/// Starts a cluster, installing PostgreSQL if it is missing; if that cannot be, `summary` says
/// why. `private` is a folder of this run for downloads. A server the caller's
/// `ORCH_TEST_POSTGRES` names is taken instead and left alone.
pub fn start(summary: &mut Summary, private: &Path) -> Option<Cluster> {
    if let Ok(url) = std::env::var("ORCH_TEST_POSTGRES") {
        return Some(Cluster { url, server: None, folder: None });
    }
    let programs = match programs() {
        Some(programs) => programs,
        None => {
            println!("PostgreSQL is missing");
            let installed = apt::install(&["postgresql"], private);
            match (installed, programs()) {
                (_, Some(programs)) => programs,
                (Ok(()), None) => {
                    summary.not_run("tool/postgres", "it was installed, and initdb is still not found");
                    return None;
                }
                (Err(reason), None) => {
                    summary.not_run("tool/postgres", reason);
                    return None;
                }
            }
        }
    };
    match launch(&programs) {
        Ok(cluster) => {
            println!("PostgreSQL answers at {}", cluster.url);
            Some(cluster)
        }
        Err(error) => {
            summary.not_run("tool/postgres", format!("it did not start: {error:#}"));
            None
        }
    }
}

/// The folder with `initdb` and `postgres`, newest version first.
fn programs() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    if let Ok(answer) = process::read(Command::new("pg_config").arg("--bindir")) {
        folders.push(PathBuf::from(answer.trim()));
    }
    if let Ok(entries) = std::fs::read_dir("/usr/lib/postgresql") {
        let mut versions: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        versions.sort_by_key(|path| version(path));
        folders.extend(versions.iter().rev().map(|path| path.join("bin")));
    }
    folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    folders.into_iter().find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

fn version(path: &Path) -> u32 {
    path.file_name().and_then(OsStr::to_str).and_then(|name| name.parse().ok()).unwrap_or(0)
}

/// Whose processes the server's are: PostgreSQL refuses to run as root.
#[derive(Clone, Copy)]
struct Account {
    uid: u32,
    gid: u32,
}

fn account() -> Result<Option<Account>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let passwd = std::fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    find_account(&passwd, "postgres")
        .map(Some)
        .context("PostgreSQL refuses to run as root, and there is no user `postgres` to run it as")
}

fn find_account(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields.as_slice() {
            [user, _, uid, gid, ..] if *user == name => {
                Some(Account { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
            }
            _ => None,
        }
    })
}

/// A command that runs as `account`, and is told to stop if we are killed.
fn command(program: &Path, account: Option<Account>) -> Command {
    // Without setpriv the server is only left behind by a SIGKILL of ours, which runs no clean-up.
    let setpriv = process::succeeds(Command::new("setpriv").args(["--pdeathsig", "INT", "true"]));
    let mut command = if setpriv {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "INT", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    if let Some(Account { uid, gid }) = account {
        command.uid(uid).gid(gid);
    }
    // Its own group: a Ctrl-C must reach the tests first and the server last.
    command.process_group(0).current_dir("/").stdin(Stdio::null());
    for inherited in ["PGDATA", "PGPORT", "PGHOST", "PGOPTIONS", "PGUSER", "LC_ALL", "LANG"] {
        command.env_remove(inherited);
    }
    command.env("LC_ALL", "C");
    command
}

fn launch(programs: &Path) -> Result<Cluster> {
    let account = account()?;
    let folder = folder(account)?;
    let data = folder.path().join("data");
    process::read(command(&programs.join("initdb"), account).arg("-D").arg(&data).args([
        "-A",
        "trust",
        "-U",
        "postgres",
        "--no-locale",
        "-E",
        "UTF8",
        // Only initdb itself does not wait for the disk; the server does (fsync stays on).
        "-N",
    ]))?;
    let mut reason = None;
    // Between our asking for a free port and the server's taking it another may take it.
    for _ in 0..3 {
        let port = free_port()?;
        match serve(programs, account, folder.path(), &data, port) {
            Ok(server) => {
                return Ok(Cluster {
                    url: format!("postgres://postgres@127.0.0.1:{port}/postgres"),
                    server: Some(server),
                    folder: Some(folder),
                });
            }
            Err(error) => reason = Some(error),
        }
    }
    Err(reason.unwrap_or_else(|| anyhow::anyhow!("it was never tried")))
}

/// A folder owned by `account` whose parents it may search.
fn folder(account: Option<Account>) -> Result<TempDir> {
    let candidates = [std::env::temp_dir(), PathBuf::from("/tmp"), PathBuf::from("/var/tmp")];
    let parent = candidates
        .iter()
        .find(|candidate| candidate.is_dir() && (account.is_none() || searchable_by_all(candidate)))
        .context("no temporary folder that the user `postgres` may enter")?;
    let folder = tempfile::Builder::new().prefix("orch-postgres-").tempdir_in(parent)?;
    if let Some(Account { uid, gid }) = account {
        std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid))?;
    }
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700))?;
    Ok(folder)
}

fn searchable_by_all(folder: &Path) -> bool {
    folder.ancestors().all(|part| part.metadata().is_ok_and(|metadata| metadata.mode() & 0o001 != 0))
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr()).context("no free port")?.port())
}

fn serve(programs: &Path, account: Option<Account>, sockets: &Path, data: &Path, port: u16) -> Result<Child> {
    let mut server = command(&programs.join("postgres"), account)
        .arg("-D")
        .arg(data)
        .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200", "-k"])
        .arg(sockets)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start postgres")?;
    let stderr = server.stderr.take().context("postgres has no standard error")?;
    match await_ready(stderr) {
        Ok(()) => Ok(server),
        Err(error) => {
            let _ = server.kill();
            let _ = server.wait();
            Err(error)
        }
    }
}

/// Waits for the server's own word; its later words are read and thrown away, so that it never
/// blocks on a full pipe.
fn await_ready(stderr: ChildStderr) -> Result<()> {
    let (sender, ready) = mpsc::channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(stderr);
        let mut said = String::new();
        loop {
            let mut line = Vec::new();
            if !matches!(reader.read_until(b'\n', &mut line), Ok(n) if n > 0) {
                let _ = sender.send(Err(said));
                return;
            }
            let line = String::from_utf8_lossy(&line);
            if line.contains("ready to accept connections") {
                break;
            }
            said.push_str(&line);
        }
        let _ = sender.send(Ok(()));
        let mut rest = [0; 4096];
        while matches!(reader.read(&mut rest), Ok(n) if n > 0) {}
    });
    match ready.recv_timeout(START_LIMIT) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(said)) => bail!("it ended at once and said: {}", said.trim()),
        Err(_) => bail!("it was not ready within {} s", START_LIMIT.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report_not_run(name: &str, reason: &str) {
        use std::io::Write;
        println!("not run here: {name}: {reason}");
        if let Some(file) = std::env::var_os("ORCH_TEST_NOT_RUN") {
            let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).unwrap();
            writeln!(file, "{name}: {reason}").unwrap();
        }
    }

    #[test]
    fn the_account_is_found_by_its_whole_name() {
        let passwd = "root:x:0:0::/root:/bin/sh\npostgres2:x:7:7::/:\npostgres:x:104:110::/var/lib:/bin/sh\n";
        let account = find_account(passwd, "postgres").unwrap();
        assert_eq!((account.uid, account.gid), (104, 110));
        assert!(find_account(passwd, "postgre").is_none());
    }

    #[test]
    fn a_private_folder_is_not_searchable_by_all() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        assert!(!searchable_by_all(folder.path()));
        assert!(searchable_by_all(Path::new("/usr")));
    }

    #[test]
    fn a_cluster_answers_and_leaves_nothing_behind() {
        let Some(programs) = programs() else {
            return report_not_run("xtask/postgres/cluster", "no initdb on this machine");
        };
        let cluster = launch(&programs).unwrap();
        let folder = cluster.folder.as_ref().unwrap().path().to_path_buf();
        let address =
            cluster.url.strip_prefix("postgres://postgres@").unwrap().strip_suffix("/postgres").unwrap().to_owned();
        std::net::TcpStream::connect(&address).unwrap();
        drop(cluster);
        assert!(!folder.exists());
        assert!(std::net::TcpStream::connect(&address).is_err());
    }
}
