//! The process: listening, one thread for each connection, and the end.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::json;

use crate::config::{Config, Listen, Model, read_config};
use crate::credential::Credential;
use crate::exchange::{Exchange, Vendor};
use crate::heads::{After, answer, is_proxy_authorized};
use crate::journal::{Entry, Journal};
use crate::ledger::Ledger;
use crate::line::{Line, Patience, Socket};
use crate::message::{Body, Fault, Request, read_request};
use crate::plain;
use crate::tunnel::{self, Closed, Outside, Ways};
use crate::upstream::Upstream;

/// At the end, connections are cut and their threads have so long to write their counts.
const END_LIMIT: Duration = Duration::from_secs(5);
/// Enough for TLS and the buffers on the stack.
const STACK_BYTES: usize = 512 << 10;

/// Everything the threads share.
struct Shared {
    config: Config,
    vendor: Option<Vendor>,
    ledger: Ledger,
    journal: Journal,
    ways: Ways,
    outside: Box<dyn Outside>,
    open: Mutex<HashMap<u64, Socket>>,
    closed: Condvar,
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Listener {
    fn bind(listen: &Listen) -> Result<Self, String> {
        match listen {
            Listen::Tcp => {
                let failed = |e: io::Error| format!("cannot listen on 127.0.0.1: {e}");
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
                listener.set_nonblocking(true).map_err(failed)?;
                Ok(Self::Tcp(listener))
            }
            Listen::Unix(path) => {
                let failed = |e: io::Error| format!("cannot listen on {}: {e}", path.display());
                // What an earlier proxy of this run left.
                match std::fs::remove_file(path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                    _ => {}
                }
                let listener = UnixListener::bind(path).map_err(failed)?;
                // Root's runs have an account of their own; the run's directory and the key keep the others out.
                let mode = if rustix::process::geteuid().is_root() { 0o666 } else { 0o600 };
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(failed)?;
                listener.set_nonblocking(true).map_err(failed)?;
                Ok(Self::Unix(listener))
            }
        }
    }

    fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(|address| address.port()),
            Self::Unix(_) => None,
        }
    }

    fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp(listener) => listener.accept().map(|(socket, _)| Socket::Tcp(socket)),
            Self::Unix(listener) => listener.accept().map(|(socket, _)| Socket::Unix(socket)),
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener) => listener.as_fd(),
        }
    }
}

fn vendor(model: &Model, limit: Duration, ways: &Ways) -> Result<Vendor, String> {
    Ok(Vendor {
        credential: Credential::read(&model.name, &model.key_file, model.wire)?,
        upstream: Upstream::new(&model.name, &model.base_url, model.ca_file.as_deref(), limit)?.by(ways),
        model: model.clone(),
        key_refused: Mutex::new(None),
    })
}

fn prepare(file: &Path, outside: Box<dyn Outside>) -> Result<(Arc<Shared>, Listener), String> {
    let config = read_config(file)?;
    let ways = Ways::of(&config)?;
    let connect = Duration::from_millis(config.limits.connect_ms);
    let vendor = config.model.as_ref().map(|model| vendor(model, connect, &ways)).transpose()?;
    let (name, budget, prices) = match &config.model {
        Some(model) => (model.name.as_str(), model.budget, model.prices.clone()),
        None => ("", crate::config::Budget::default(), Vec::new()),
    };
    let directory = &config.run_directory;
    let failed = |e: io::Error| format!("{} cannot be written: {e}", directory.display());
    let ledger = Ledger::open(directory, name, budget, prices);
    if vendor.is_some() {
        ledger.save().map_err(failed)?;
    }
    let journal = Journal::open(directory, config.limits.journal_bytes).map_err(failed)?;
    let listener = Listener::bind(&config.listen)?;
    let open = Mutex::new(HashMap::new());
    let shared = Shared { config, vendor, ledger, journal, ways, outside, open, closed: Condvar::new() };
    Ok((Arc::new(shared), listener))
}

/// Serves one run: reads the configuration, says on `said` in one line of JSON whether it listens
/// (`{"ready":true,"port":…}`, the port `null` on a unix socket; or `{"ready":false,"problem":"…"}`), and works until
/// `stay` ends. Then it cuts what is under way, writes the counts and returns.
///
/// `false`: it could not start.
pub fn serve(file: &Path, stay: impl Read + AsFd, mut said: impl Write, outside: Box<dyn Outside>) -> bool {
    let (shared, listener) = match prepare(file, outside) {
        Ok(prepared) => prepared,
        Err(problem) => {
            let _nobody = writeln!(said, "{}", json!({"ready": false, "problem": problem}));
            return false;
        }
    };
    let told = writeln!(said, "{}", json!({"ready": true, "port": listener.port()})).and_then(|()| said.flush());
    if told.is_ok() {
        accept_until_end(&shared, &listener, stay);
    }
    drop(listener);
    end(&shared);
    if let Listen::Unix(path) = &shared.config.listen {
        let _gone = std::fs::remove_file(path);
    }
    true
}

fn accept_until_end(shared: &Arc<Shared>, listener: &Listener, mut stay: impl Read + AsFd) {
    let mut number = 0;
    let mut crowded = false;
    loop {
        let mut places = vec![PollFd::from_borrowed_fd(stay.as_fd(), PollFlags::IN)];
        if !crowded {
            places.push(PollFd::from_borrowed_fd(listener.as_fd(), PollFlags::IN));
        }
        // Without descriptors or threads it looks again in a moment instead of spinning.
        let moment = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        match poll(&mut places, crowded.then_some(&moment)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
        let (leaves, comes) = (!places[0].revents().is_empty(), places.get(1).is_some_and(|p| !p.revents().is_empty()));
        if leaves {
            match stay.read(&mut [0; 64]) {
                Ok(0) => return,
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return,
                _ => {}
            }
        }
        crowded = false;
        if comes {
            number += 1;
            crowded = match listener.accept() {
                Ok(socket) => admit(shared, socket, number).is_err(),
                Err(error) => !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionAborted),
            };
        }
    }
}

/// One connection's place among those that are open; given back also by a thread that panics.
struct Place {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        held(&self.shared.open).remove(&self.number);
        self.shared.closed.notify_all();
    }
}

fn admit(shared: &Arc<Shared>, socket: Socket, number: u64) -> io::Result<()> {
    let once_more = socket.try_clone()?;
    {
        let mut open = held(&shared.open);
        if open.len() >= shared.config.limits.connections {
            drop(open);
            let most = shared.config.limits.connections;
            refuse_crowd(shared, socket, most);
            return Ok(());
        }
        open.insert(number, once_more);
    }
    let place = Place { shared: shared.clone(), number };
    std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || connection(&place.shared, socket)).map(drop)
}

fn refuse_crowd(shared: &Shared, socket: Socket, most: usize) {
    let words = format!("{most} connections are open already");
    shared.journal.note(Entry { kind: "http", status: 503, refused: Some(words.clone()), ..Entry::default() });
    // A fresh connection has room for so little; it is not waited for.
    if let Ok(mut line) = Line::new(socket, None) {
        let text = format!(
            "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{words}",
            words.len()
        );
        let _lost = line.send(text.as_bytes(), Patience::of(Duration::from_millis(1), None));
    }
}

fn end(shared: &Shared) {
    let until = Instant::now() + END_LIMIT;
    let mut open = held(&shared.open);
    open.values().for_each(|socket| socket.shutdown(Shutdown::Both));
    while !open.is_empty() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        open = shared.closed.wait_timeout(open, left).unwrap_or_else(PoisonError::into_inner).0;
    }
    drop(open);
    if shared.vendor.is_some() {
        let _as_before = shared.ledger.save();
    }
}

/// Serves one connection until it ends.
fn connection(shared: &Shared, socket: Socket) {
    let Ok(watch) = socket.try_clone() else { return };
    let Ok(mut line) = Line::new(socket, None) else { return };
    let limits = &shared.config.limits;
    loop {
        if line.data().is_empty() && line.fill(Patience::of(Duration::from_millis(limits.idle_ms), None)).is_err() {
            return;
        }
        // From its first byte on a head has to come quickly.
        let request = match read_request(&mut line, Patience::of(Duration::from_millis(limits.head_ms), None)) {
            Ok(request) => request,
            Err(Fault::Line(_)) => return,
            Err(Fault::Bad(words)) => {
                return turn_away(shared, &mut line, 400, words, "");
            }
        };
        if request.method == "CONNECT" {
            return connect(shared, line, &request);
        }
        // A path may hold anything; a whole address begins with its scheme.
        if let Some(there) = plain::Address::read(&request.target)
            && shared.ways.is_inside(&there.host, there.port)
        {
            return forward(shared, line, &request, &there);
        }
        if !request.target.starts_with('/') {
            let words = "plain HTTP is not let out: use https; hosts are named in egress.allow, those of your own network in \
                         egress.allow_inside";
            return turn_away(shared, &mut line, 403, words, &request.target);
        }
        let Some(vendor) = &shared.vendor else {
            let words = "this run has no model; name one under [models] in the host file";
            return turn_away(shared, &mut line, 403, words, &request.target);
        };
        let Config { run_key, limits, .. } = &shared.config;
        let (ledger, journal, watch) = (&shared.ledger, &shared.journal, &watch);
        let exchange = Exchange { vendor, run_key, limits, ledger, journal, watch };
        if exchange.carry(&mut line, &request) == After::Close {
            return hang_up(&line, limits.head_ms);
        }
    }
}

/// Refuses in plain words and ends the connection.
fn turn_away(shared: &Shared, line: &mut Line, status: u16, words: &str, target: &str) {
    // Not its query: nobody knows what stands there.
    let target = target.split('?').next().unwrap_or_default().to_owned();
    shared.journal.note(Entry { kind: "http", target, status, refused: Some(words.to_owned()), ..Entry::default() });
    let extra: &[(&str, &str)] = match status {
        407 => &[("content-type", "text/plain"), ("proxy-authenticate", "Basic realm=\"orchestrion\"")],
        _ => &[("content-type", "text/plain"), ("x-should-retry", "false")],
    };
    let text = format!("Orchestrion: {words}\n");
    if answer(line, status, extra, text.as_bytes(), After::Close, &shared.config.limits).is_ok() {
        hang_up(line, shared.config.limits.head_ms);
    }
}

/// Ends a connection so that what was written arrives: what the other side still sends is read for a moment, for
/// closing over unread bytes would reset it.
fn hang_up(line: &Line, limit_ms: u64) {
    line.socket().shutdown(Shutdown::Write);
    let until = Instant::now() + Duration::from_millis(limit_ms.min(2_000));
    let Ok(mut socket) = line.socket().try_clone() else { return };
    let mut piece = [0; 4096];
    loop {
        match socket.read(&mut piece) {
            Ok(0) => return,
            Ok(_) if Instant::now() < until => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if crate::line::wait(socket.as_fd(), PollFlags::IN, Patience { until, watch: None }).is_err() {
                    return;
                }
            }
            _ => return,
        }
    }
}

fn connect(shared: &Shared, mut line: Line, request: &Request) {
    let began = Instant::now();
    let limits = &shared.config.limits;
    if !authorized(shared, &mut line, request) {
        return;
    }
    if !matches!(Body::of(&request.headers, Body::End), Ok(Body::End)) {
        return turn_away(shared, &mut line, 400, "CONNECT has no body", &request.target);
    }
    let Some(host) = reached(shared, &mut line, &request.target) else { return };
    let patience = Patience::of(Duration::from_millis(limits.idle_ms), None);
    if line.send(b"HTTP/1.1 200 Connection established\r\n\r\n", patience).is_err() {
        return;
    }
    let first = line.data().to_vec();
    relay(shared, &line, host, first, &request.target, began);
}

/// HTTP without TLS, to a host of the own network.
fn forward(shared: &Shared, mut line: Line, request: &Request, there: &plain::Address) {
    let began = Instant::now();
    if !authorized(shared, &mut line, request) {
        return;
    }
    let target = there.authority();
    let Some(host) = reached(shared, &mut line, &target) else { return };
    let mut first = plain::head(request, there);
    first.extend_from_slice(line.data());
    relay(shared, &line, host, first, &target, began);
}

/// Whether it names the run's key; if not, it is turned away: anybody on the machine reaches a port.
fn authorized(shared: &Shared, line: &mut Line, request: &Request) -> bool {
    let own = is_proxy_authorized(&request.headers, &shared.config.run_key);
    if !own {
        let words = "this proxy serves its own run only; HTTPS_PROXY of the run names its key";
        turn_away(shared, line, 407, words, &request.target);
    }
    own
}

/// A connection to `target`, `host:port`; without one the run is turned away.
fn reached(shared: &Shared, line: &mut Line, target: &str) -> Option<Socket> {
    let limit = Duration::from_millis(shared.config.limits.connect_ms);
    match tunnel::open(target, &shared.ways, &*shared.outside, limit) {
        Ok(host) => Some(Socket::Tcp(host)),
        Err(Closed::Refused(words)) => {
            turn_away(shared, line, 403, &words, target);
            None
        }
        Err(Closed::Unreachable(words)) => {
            turn_away(shared, line, 502, &words, target);
            None
        }
    }
}

/// Carries bytes both ways until the end, and notes them.
fn relay(shared: &Shared, line: &Line, host: Socket, first: Vec<u8>, target: &str, began: Instant) {
    let (Ok(mut run), Ok(host)) = (line.socket().try_clone(), Line::new(host, None)) else { return };
    let Ok(mut host) = host.socket().try_clone() else { return };
    let idle = Duration::from_millis(shared.config.limits.tunnel_idle_ms);
    let (bytes_out, bytes_in) = tunnel::relay(&mut run, &mut host, first, idle);
    shared.journal.note(Entry {
        kind: "connect",
        target: target.to_owned(),
        status: 200,
        bytes_out,
        bytes_in,
        ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        ..Entry::default()
    });
}
