//! One connection, plain or TLS. Every read and write has a deadline, and may end early because somebody else's
//! connection did.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustls::ClientConnection;

/// Bytes read at once.
const PIECE: usize = 16 << 10;

/// A stream socket.
#[derive(Debug)]
pub enum Socket {
    /// Over the network.
    Tcp(TcpStream),
    /// On this machine.
    Unix(UnixStream),
}

impl Socket {
    /// Another handle of the same connection.
    pub fn try_clone(&self) -> std::io::Result<Self> {
        Ok(match self {
            Self::Tcp(socket) => Self::Tcp(socket.try_clone()?),
            Self::Unix(socket) => Self::Unix(socket.try_clone()?),
        })
    }
    /// Ends the connection in these directions; one that is gone already is fine.
    pub fn shutdown(&self, how: Shutdown) {
        let _gone = match self {
            Self::Tcp(socket) => socket.shutdown(how),
            Self::Unix(socket) => socket.shutdown(how),
        };
    }
    fn set_nonblocking(&self) -> std::io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.set_nodelay(true).and_then(|()| socket.set_nonblocking(true)),
            Self::Unix(socket) => socket.set_nonblocking(true),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket) => socket.as_fd(),
            Self::Unix(socket) => socket.as_fd(),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(into),
            Self::Unix(socket) => socket.read(into),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, from: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(from),
            Self::Unix(socket) => socket.write(from),
        }
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Why a read or a write did not happen.
#[derive(Debug)]
pub enum Trouble {
    /// The deadline passed.
    Silent,
    /// The watched connection ended.
    Gone,
    /// The other side closed this one.
    Closed,
    /// The system or TLS says no.
    Broken(String),
}

impl Trouble {
    fn of(error: &std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Broken(error.to_string()),
        }
    }
    /// For people and the journal.
    pub fn words(&self) -> String {
        match self {
            Self::Silent => "no byte within the limit".to_owned(),
            Self::Gone => "the agent hung up".to_owned(),
            Self::Closed => "the connection was closed".to_owned(),
            Self::Broken(words) => words.clone(),
        }
    }
}

/// How long to wait, and whose end makes waiting pointless.
#[derive(Clone, Copy)]
pub struct Patience<'a> {
    /// Not after this.
    pub until: Instant,
    /// Its hang-up ends the wait.
    pub watch: Option<BorrowedFd<'a>>,
}

impl<'a> Patience<'a> {
    /// So long from now.
    pub fn of(limit: Duration, watch: Option<BorrowedFd<'a>>) -> Self {
        Self { until: Instant::now() + limit, watch }
    }
}

/// Waits until one of `wanted` is there on `on`.
pub fn wait(on: BorrowedFd<'_>, wanted: PollFlags, patience: Patience<'_>) -> Result<(), Trouble> {
    loop {
        let left = patience.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Trouble::Silent);
        }
        let limit = Timespec::try_from(left).map_err(|e| Trouble::Broken(e.to_string()))?;
        let mut places = vec![PollFd::from_borrowed_fd(on, wanted)];
        if let Some(watch) = patience.watch {
            places.push(PollFd::from_borrowed_fd(watch, PollFlags::RDHUP));
        }
        match poll(&mut places, Some(&limit)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Trouble::Broken(error.to_string())),
        }
        let gone = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
        if places.get(1).is_some_and(|place| place.revents().intersects(gone)) {
            return Err(Trouble::Gone);
        }
        if !places[0].revents().is_empty() {
            return Ok(());
        }
    }
}

/// A connection with what was read from it and not yet used.
pub struct Line {
    socket: Socket,
    tls: Option<Box<ClientConnection>>,
    buffer: Vec<u8>,
    start: usize,
}

impl Line {
    /// Takes over `socket`.
    pub fn new(socket: Socket, tls: Option<ClientConnection>) -> std::io::Result<Self> {
        socket.set_nonblocking()?;
        Ok(Self { socket, tls: tls.map(Box::new), buffer: Vec::new(), start: 0 })
    }

    /// The socket below.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Read and not yet used.
    pub fn data(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// The first `n` bytes of [`Self::data`] are used.
    pub fn used(&mut self, n: usize) {
        self.start += n;
        if self.start >= self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
    }

    /// Reads more, at least one byte.
    pub fn fill(&mut self, patience: Patience<'_>) -> Result<(), Trouble> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let mut piece = [0; PIECE];
        loop {
            let read = match &mut self.tls {
                Some(tls) => tls.reader().read(&mut piece),
                None => self.socket.read(&mut piece),
            };
            match read {
                Ok(0) => return Err(Trouble::Closed),
                Ok(n) => {
                    self.buffer.extend_from_slice(&piece[..n]);
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(Trouble::of(&error)),
            }
            self.flush(patience)?;
            wait(self.socket.as_fd(), PollFlags::IN, patience)?;
            self.pull()?;
        }
    }

    /// Takes TLS records from the socket.
    fn pull(&mut self) -> Result<(), Trouble> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        match tls.read_tls(&mut self.socket) {
            Ok(0) => return Err(Trouble::Closed),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(Trouble::of(&error)),
        }
        tls.process_new_packets().map(drop).map_err(|e| Trouble::Broken(format!("TLS: {e}")))
    }

    fn flush(&mut self, patience: Patience<'_>) -> Result<(), Trouble> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            match tls.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait(self.socket.as_fd(), PollFlags::OUT, patience)?;
                }
                Err(error) => return Err(Trouble::of(&error)),
            }
        }
        Ok(())
    }

    /// Finishes the TLS handshake, if there is one, so that its failures are told apart from the request's.
    pub fn handshake(&mut self, patience: Patience<'_>) -> Result<(), Trouble> {
        while self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            self.flush(patience)?;
            if self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
                wait(self.socket.as_fd(), PollFlags::IN, patience)?;
                let pulled = self.pull();
                // The alert that says why we do not trust them.
                let _told = self.flush(patience);
                pulled?;
            }
        }
        self.flush(patience)
    }

    /// Writes all of `bytes`.
    pub fn send(&mut self, mut bytes: &[u8], patience: Patience<'_>) -> Result<(), Trouble> {
        while !bytes.is_empty() {
            let written = match &mut self.tls {
                Some(tls) => tls.writer().write(bytes),
                None => self.socket.write(bytes),
            };
            match written {
                Ok(n) => bytes = &bytes[n..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait(self.socket.as_fd(), PollFlags::OUT, patience)?;
                }
                Err(error) => return Err(Trouble::of(&error)),
            }
            self.flush(patience)?;
        }
        Ok(())
    }

    /// Whether a connection at rest is still one: nothing came, not even its end.
    pub fn is_at_rest(&mut self) -> bool {
        if !self.data().is_empty() {
            return false;
        }
        let mut place = [PollFd::new(&self.socket, PollFlags::IN | PollFlags::RDHUP)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        if poll(&mut place, Some(&now)) == Ok(0) {
            return true;
        }
        // TLS sends session tickets after the handshake: those are no answer.
        let Some(tls) = &mut self.tls else { return false };
        let pulled = matches!(tls.read_tls(&mut self.socket), Ok(n) if n > 0);
        let plain = tls.process_new_packets().map(|state| (state.plaintext_bytes_to_read(), state.peer_has_closed()));
        pulled && matches!(plain, Ok((0, false)))
    }
}
