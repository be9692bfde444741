//! A server of git repositories by HTTP on this machine, with a token, and with the troubles of real ones.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};

use crate::fixture::{checked, run, search_path};

/// The token that opens it.
pub const TOKEN: &str = "t0ken-of-the-server";

/// What the next requests meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// This status, before anything is looked at.
    Status(u16),
    /// The connection ends without an answer.
    Cut,
    /// No answer ever.
    Hang,
    /// A push is done, and its answer is lost.
    CutAfterPush,
    /// A push is swallowed, and its answer is lost.
    CutBeforePush,
    /// The credential may read and not write.
    ReadOnly,
    /// A redirect to another server.
    Redirect,
}

struct State {
    root: PathBuf,
    fault: Mutex<Option<Fault>>,
    /// Authorization heads, as they came.
    seen: Mutex<Vec<String>>,
    requests: Mutex<usize>,
    asked: Condvar,
}

/// The server; it ends with the test process.
pub struct GitServer {
    state: Arc<State>,
    port: u16,
}

impl GitServer {
    /// Serves `root/shop.git`, a bare repository that is made from `source`.
    pub fn new(root: &Path, source: &Path) -> Self {
        std::fs::create_dir_all(root).expect("a folder is made");
        let bare = root.join("shop.git");
        run(root, ["clone".as_ref(), "--quiet".as_ref(), "--bare".as_ref(), source.as_os_str(), bare.as_os_str()]);
        run(&bare, ["config", "http.receivepack", "true"]);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new(State {
            root: root.to_path_buf(),
            fault: Mutex::new(None),
            seen: Mutex::new(Vec::new()),
            requests: Mutex::new(0),
            asked: Condvar::new(),
        });
        let serving = Arc::clone(&state);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let state = Arc::clone(&serving);
                std::thread::spawn(move || drop(answer(&state, connection)));
            }
        });
        Self { state, port }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/shop.git", self.port)
    }

    pub fn repository(&self) -> PathBuf {
        self.state.root.join("shop.git")
    }

    /// From now on requests meet this, until it is changed.
    pub fn fault(&self, fault: Option<Fault>) {
        *self.state.fault.lock().expect("no panic") = fault;
    }

    /// Every credential that came, decoded by nobody.
    pub fn seen(&self) -> Vec<String> {
        self.state.seen.lock().expect("no panic").clone()
    }

    /// How many requests came, whatever became of them.
    pub fn requests(&self) -> usize {
        *self.state.requests.lock().expect("no panic")
    }

    /// Waits until so many have come.
    pub fn until_requests(&self, count: usize) {
        let requests = self.state.requests.lock().expect("no panic");
        drop(self.state.asked.wait_while(requests, |requests| *requests < count));
    }

    /// Makes a hook of the repository.
    pub fn hook(&self, name: &str, text: &str) {
        crate::fixture::program(&self.repository().join("hooks").join(name), text);
    }

    /// Where a branch is.
    pub fn tip(&self, branch: &str) -> Option<String> {
        let output = crate::fixture::plain(&self.repository())
            .args(["rev-parse", "--verify", "--quiet", &format!("refs/heads/{branch}")])
            .output()
            .expect("git starts");
        output.status.success().then(|| checked(output))
    }
}

fn answer(state: &State, connection: TcpStream) -> std::io::Result<()> {
    *state.requests.lock().expect("no panic") += 1;
    state.asked.notify_all();
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let (method, target) = line.split_once(' ').unwrap_or_default();
    let target = target.split(' ').next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut heads = Vec::new();
    loop {
        let mut head = String::new();
        reader.read_line(&mut head)?;
        match head.trim_end().split_once(": ") {
            Some((name, value)) => heads.push((name.to_ascii_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let head = |name: &str| heads.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let mut body = Vec::new();
    if head("expect").is_some() {
        (&connection).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    if head("transfer-encoding") == Some("chunked") {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size)?;
            let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk)?;
            body.extend(&chunk[..size]);
            if size == 0 {
                break;
            }
        }
    } else if let Some(size) = head("content-length").and_then(|size| size.parse().ok()) {
        body.resize(size, 0);
        reader.read_exact(&mut body)?;
    }
    let respond = |status: &str, more: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{more}\r\n", body.len());
        (&connection).write_all(head.as_bytes())?;
        (&connection).write_all(body)
    };
    let pushing = path.ends_with("/git-receive-pack");
    match *state.fault.lock().expect("no panic") {
        Some(Fault::Status(code)) => return respond(&format!("{code} No"), "", b""),
        Some(Fault::Cut) => return connection.shutdown(Shutdown::Both),
        Some(Fault::Redirect) => {
            return respond("302 Found", "Location: http://127.0.0.1:9/evil.git/info/refs\r\n", b"");
        }
        Some(Fault::Hang) => {
            // Until the other side has had enough.
            return reader.read(&mut [0]).map(drop);
        }
        Some(Fault::ReadOnly) if pushing || query.ends_with("git-receive-pack") => {
            return respond("403 Forbidden", "", b"");
        }
        Some(Fault::CutBeforePush) if pushing => return connection.shutdown(Shutdown::Both),
        _ => {}
    }
    if let Some(credential) = head("authorization") {
        state.seen.lock().expect("no panic").push(credential.to_owned());
    }
    // `bot:t0ken-of-the-server` in base64.
    if head("authorization") != Some("Basic Ym90OnQwa2VuLW9mLXRoZS1zZXJ2ZXI=") {
        return respond("401 Unauthorized", "WWW-Authenticate: Basic realm=\"forge\"\r\n", b"");
    }
    let output = backend(
        state,
        (method, path, query),
        head("content-type"),
        head("git-protocol"),
        head("content-encoding"),
        &body,
    )?;
    if pushing && *state.fault.lock().expect("no panic") == Some(Fault::CutAfterPush) {
        return connection.shutdown(Shutdown::Both);
    }
    let split = output.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(0);
    let cgi = String::from_utf8_lossy(&output[..split]).into_owned();
    let status = cgi.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let kept: String =
        cgi.lines().filter(|line| !line.starts_with("Status: ")).map(|line| format!("{line}\r\n")).collect();
    respond(status, &kept, output.get(split + 4..).unwrap_or_default())
}

fn backend(
    state: &State,
    (method, path, query): (&str, &str, &str),
    kind: Option<&str>,
    protocol: Option<&str>,
    encoding: Option<&str>,
    body: &[u8],
) -> std::io::Result<Vec<u8>> {
    let mut child = Command::new("git")
        .arg("http-backend")
        .env_clear()
        .env("PATH", search_path())
        .env("HOME", "/nonexistent")
        .env("GIT_PROJECT_ROOT", &state.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", kind.unwrap_or_default())
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", encoding.unwrap_or_default())
        .env("GIT_PROTOCOL", protocol.unwrap_or_default())
        .env("REMOTE_USER", "bot")
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().expect("its input");
    let body = body.to_vec();
    let feeding = std::thread::spawn(move || stdin.write_all(&body));
    let output = child.wait_with_output()?;
    drop(feeding.join());
    Ok(output.stdout)
}
