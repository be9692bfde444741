//! CONNECT: a tunnel to an allowed name, at an address that was looked at, or through the proxy of the network.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::address::is_public;
use crate::allow;
use crate::config::Config;
use crate::inside::InsideEntry;
use crate::line::Socket;
use crate::outer::OuterProxy;

/// The only port a tunnel goes to, but for hosts of the own network.
pub const PORT: u16 = 443;

/// The outside world, as tunnels see it.
pub trait Outside: Send + Sync {
    /// All addresses of a name.
    ///
    /// # Errors
    /// The name has none, or nobody could be asked.
    fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
    /// A connection to an address.
    ///
    /// # Errors
    /// Nobody listens, or no answer within `limit`.
    fn dial(&self, address: SocketAddr, limit: Duration) -> io::Result<TcpStream>;
}

/// The network of this host.
#[derive(Debug)]
pub struct Network;

impl Outside for Network {
    fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok((name, PORT).to_socket_addrs()?.map(|address| address.ip()).collect())
    }
    fn dial(&self, address: SocketAddr, limit: Duration) -> io::Result<TcpStream> {
        TcpStream::connect_timeout(&address, limit)
    }
}

/// Why there is no tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// It is not allowed: why, and which setting says so.
    Refused(String),
    /// The host cannot be reached.
    Unreachable(String),
}

/// What is let out, and by which way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ways {
    /// Names at [`PORT`], as in [`allow::pattern`].
    pub allow: Vec<String>,
    /// Hosts and addresses of the host's own network: reached directly.
    pub inside: Vec<InsideEntry>,
    /// Everything else is reached through it, and it looks up the names.
    pub proxy: Option<OuterProxy>,
}

impl Ways {
    /// Reads what a proxy is told.
    ///
    /// # Errors
    /// The entry that cannot be read, and its setting.
    pub fn of(config: &Config) -> Result<Self, String> {
        Self::read(&config.allow, &config.allow_inside, config.proxy.clone())
    }

    /// Reads `egress.allow` and `egress.allow_inside`.
    ///
    /// # Errors
    /// The entry that cannot be read, and its setting.
    pub fn read(allow: &[String], inside: &[String], proxy: Option<OuterProxy>) -> Result<Self, String> {
        let mut ways = Self { proxy, ..Self::default() };
        for entry in allow {
            let pattern = allow::pattern(entry);
            let pattern =
                pattern.ok_or_else(|| format!("egress.allow: {entry:?} is neither a name nor `*.` and a name"));
            ways.allow.push(pattern?);
        }
        for entry in inside {
            let read = InsideEntry::read(entry);
            ways.inside.push(read.ok_or_else(|| format!("egress.allow_inside: {entry:?} is no name and no address"))?);
        }
        Ok(ways)
    }

    /// Whether this is a host of the own network, by its name or its address.
    pub fn is_inside(&self, host: &str, port: u16) -> bool {
        let name = allow::name(host);
        let address = host.trim_matches(['[', ']']).parse().ok();
        self.inside.iter().any(|entry| {
            name.as_ref().is_some_and(|name| entry.names(name, port))
                || address.is_some_and(|address| entry.holds(address, port))
        })
    }
}

/// Opens a tunnel to `target`, `host:port`. The name is resolved here and its addresses are looked at; what is dialled is
/// one of these addresses and not the name again, so that a second answer of its owner changes nothing.
///
/// # Errors
/// [`Closed`].
pub fn open(target: &str, ways: &Ways, outside: &dyn Outside, limit: Duration) -> Result<TcpStream, Closed> {
    let refused = |words: String| Err(Closed::Refused(words));
    let Some((host, port)) = target.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?))) else {
        return refused("CONNECT names a host and a port".to_owned());
    };
    let inside = ways.is_inside(host, port);
    if port != PORT && !inside {
        return refused(format!(
            "only port {PORT} is let out; egress.allow names hosts, and no ports. A host of your own network with another \
             port is named in egress.allow_inside, as \"{host}:{port}\""
        ));
    }
    let until = Instant::now() + limit;
    let Some(name) = allow::name(host) else {
        let address = host.trim_matches(['[', ']']).parse().ok();
        return match address.filter(|_| inside) {
            Some(address) => dial(host, &[address], port, outside, until),
            None => refused(
                "a host is reached by its name, not by an address; egress.allow names the hosts, egress.allow_inside \
                 addresses of your own network"
                    .to_owned(),
            ),
        };
    };
    if !inside && !allow::allows(&ways.allow, &name) {
        return refused(format!(
            "{name} is not let out; to allow it, add \"{name}\" to egress.allow in the host file, or to egress.allow_inside if \
             it is a host of your own network"
        ));
    }
    if let Some(proxy) = ways.proxy.as_ref().filter(|_| !inside) {
        return proxy.open(&name, port, outside, until).map_err(Closed::Unreachable);
    }
    let addresses =
        outside.resolve(&name).map_err(|error| Closed::Unreachable(format!("{name} cannot be reached: {error}")))?;
    let known = |address: IpAddr| {
        let named = |entry: &InsideEntry| entry.names(&name, port) && entry.may_be(address);
        is_public(address) || ways.inside.iter().any(|entry| named(entry) || entry.holds(address, port))
    };
    if let Some(inside) = addresses.iter().find(|address| !known(**address)) {
        return refused(format!(
            "{name} has the address {inside}, which is not on the public internet, and egress.allow opens public hosts only; \
             if it is a host of your own network, add \"{name}\" to egress.allow_inside in the host file"
        ));
    }
    dial(&name, &addresses, port, outside, until)
}

fn dial(
    name: &str,
    addresses: &[IpAddr],
    port: u16,
    outside: &dyn Outside,
    until: Instant,
) -> Result<TcpStream, Closed> {
    let mut why = "its name has no address".to_owned();
    for address in addresses {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        match outside.dial(SocketAddr::new(*address, port), left) {
            Ok(socket) => return Ok(socket),
            Err(error) => why = error.to_string(),
        }
    }
    Err(Closed::Unreachable(format!("{name} cannot be reached: {why}")))
}

/// Bytes held per direction.
const ROOM: usize = 64 << 10;

/// One direction.
struct Flow {
    held: Vec<u8>,
    start: usize,
    ended: bool,
    told: bool,
    passed: u64,
}

impl Flow {
    fn new(held: Vec<u8>) -> Self {
        Self { held, start: 0, ended: false, told: false, passed: 0 }
    }
    fn is_empty(&self) -> bool {
        self.start == self.held.len()
    }
    fn wants_read(&self) -> bool {
        !self.ended && self.is_empty()
    }
    fn read(&mut self, from: &mut Socket) -> io::Result<()> {
        self.held.resize(ROOM, 0);
        self.start = 0;
        let read = quiet(from.read(&mut self.held));
        self.held.truncate(*read.as_ref().ok().and_then(Option::as_ref).unwrap_or(&0));
        self.ended = read? == Some(0);
        Ok(())
    }
    fn write(&mut self, to: &mut Socket) -> io::Result<()> {
        if let Some(n) = quiet(to.write(&self.held[self.start..]))? {
            self.start += n;
            self.passed += n as u64;
        }
        Ok(())
    }
}

fn quiet(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        other => other.map(Some),
    }
}

/// Carries bytes both ways until both sides have ended, one of them breaks, or neither says anything for `idle`.
/// `first` was read from the run already. Both sockets do not block. Returns bytes out and bytes in.
pub fn relay(run: &mut Socket, host: &mut Socket, first: Vec<u8>, idle: Duration) -> (u64, u64) {
    let (mut out, mut back) = (Flow::new(first), Flow::new(Vec::new()));
    while !(out.told && back.told) {
        let flags = |reads: bool, writes: bool| {
            let read = if reads { PollFlags::IN } else { PollFlags::empty() };
            if writes { read | PollFlags::OUT } else { read }
        };
        let on_run = flags(out.wants_read(), !back.is_empty());
        let on_host = flags(back.wants_read(), !out.is_empty());
        let Ok(limit) = Timespec::try_from(idle) else { break };
        let mut places =
            [PollFd::from_borrowed_fd(run.as_fd(), on_run), PollFd::from_borrowed_fd(host.as_fd(), on_host)];
        match poll(&mut places, Some(&limit)) {
            Ok(0) => break,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => break,
        }
        let (of_run, of_host) = (places[0].revents(), places[1].revents());
        let ended = PollFlags::HUP | PollFlags::ERR;
        if (of_run | of_host).intersects(PollFlags::ERR)
            || (of_run.intersects(ended) && !out.wants_read())
            || (of_host.intersects(ended) && !back.wants_read())
        {
            break;
        }
        let moved = step(&mut out, run, host).and_then(|()| step(&mut back, host, run));
        if moved.is_err() {
            break;
        }
    }
    run.shutdown(Shutdown::Both);
    host.shutdown(Shutdown::Both);
    (out.passed, back.passed)
}

/// Moves what can be moved in one direction without waiting.
fn step(flow: &mut Flow, from: &mut Socket, to: &mut Socket) -> io::Result<()> {
    if flow.wants_read() {
        flow.read(from)?;
    }
    if !flow.is_empty() {
        flow.write(to)?;
    }
    if flow.ended && flow.is_empty() && !flow.told {
        flow.told = true;
        to.shutdown(Shutdown::Write);
    }
    Ok(())
}
