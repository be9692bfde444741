//! The host itself: one thread that waits for requests, for the end of children and for its own end.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock, openat, unlinkat};
use rustix::process::WaitOptions;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};

use super::cgroup::{self, Groups};
use super::protocol::{Answer, Hello, LONGEST_REQUEST, LiveRun, Request, StartedBy};
use super::start::{Greeting, greet};
use super::{Home, KEY, LOCK, PROTOCOL, SOCKET, peer, short_socket_path};
use crate::secret::{new_key, same};
use crate::{Error, RunDirectory, RunState, durable, process};

const MOST_CLIENTS: usize = 64;
/// Who does not take the answer misses it: nobody may hold up the others.
const TAKES_WITHIN: Duration = Duration::from_secs(2);

/// How a host process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostEnd {
    /// It was asked to, or its socket was removed. Its runs go on.
    Ended,
    /// Another host lives in the folder; nothing was done.
    Taken,
}

/// Serves until SIGTERM, SIGINT or a stop request comes, or the socket is removed. Runs go on in every case.
///
/// Call it in a process that has no other thread: it takes over signals, adopts orphans and reaps every child.
/// `program` is the release, for people. A host that a service started leaves the service's cgroup where it may, and
/// says on standard output, a socket then, when it listens.
///
/// # Errors
/// [`Error::Io`] if it cannot begin; it does not end by an error later.
pub fn serve(home: &Home, program: &str, started_by: StartedBy) -> Result<HostEnd, Error> {
    let begun = Serving::begin(home, program, started_by);
    if started_by == StartedBy::Service {
        greet(&match &begun {
            Ok(Some(_)) => Greeting::Ready,
            Ok(None) => Greeting::Taken,
            Err(error) => Greeting::Refused(error.to_string()),
        });
    }
    match begun? {
        None => Ok(HostEnd::Taken),
        Some(mut serving) => {
            serving.until_ended();
            Ok(HostEnd::Ended)
        }
    }
}

struct Serving {
    home: Home,
    hello: Hello,
    key: String,
    listener: UnixListener,
    clients: VecDeque<Client>,
    /// Becomes readable when a child ends.
    child: UnixStream,
    /// Becomes readable when a signal asks us to end.
    end: UnixStream,
    /// Tells that the socket was removed.
    watch: OwnedFd,
    /// The service that started us has ended.
    released: bool,
    folder: OwnedFd,
    /// Held as long as we live.
    _lock: OwnedFd,
}

struct Client {
    stream: UnixStream,
    received: Vec<u8>,
    greeted: bool,
}

impl Serving {
    /// `None` if another host lives in the folder.
    fn begin(home: &Home, program: &str, started_by: StartedBy) -> Result<Option<Self>, Error> {
        let failed = |action: &'static str| move |error: io::Error| Error::io(action, &home.folder, error);
        let folder = home.make()?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let lock = openat(&folder, LOCK, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|e| Error::io("open", home.folder.join(LOCK), e))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(Error::io("lock", home.folder.join(LOCK), error)),
        }
        let (child, end) = signals().map_err(failed("catch signals for the host of"))?;
        if started_by == StartedBy::Service {
            let _ = rustix::process::setsid();
            let (left, kept) = cgroup::leave();
            for group in left {
                note(format_args!("left the service's group {group}"));
            }
            for group in kept {
                note(format_args!("stays in the service's group {group}"));
            }
        }
        let own = rustix::process::getpid();
        rustix::process::set_child_subreaper(Some(own))
            .map_err(|e| Error::io("adopt the supervisors of", &home.folder, e))?;
        let key = new_key().map_err(failed("make a key for"))?;
        durable::replace(&folder, KEY, key.as_bytes()).map_err(failed("write the key of"))?;
        // One that was killed left its socket; the lock says that it is gone.
        let _ = unlinkat(&folder, SOCKET, AtFlags::empty());
        let listener = UnixListener::bind(short_socket_path(&folder)).map_err(failed("listen in"))?;
        listener.set_nonblocking(true).map_err(failed("listen in"))?;
        // Until here the folder alone keeps others out.
        rustix::fs::chmodat(&folder, SOCKET, Mode::RUSR | Mode::WUSR, AtFlags::empty())
            .map_err(|e| Error::io("close to others", home.folder.join(SOCKET), e))?;
        let watch = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
            .and_then(|watch| {
                add_watch(&watch, &home.folder, WatchFlags::DELETE | WatchFlags::MOVED_FROM | WatchFlags::MOVE_SELF)?;
                Ok(watch)
            })
            .map_err(|e| Error::io("watch", &home.folder, e))?;
        let hello = Hello {
            version: PROTOCOL,
            pid: own.as_raw_nonzero().get(),
            cgroup: Groups::of("self").unwrap_or_default().name(),
            pid_namespace: process::pid_namespace(std::process::id()).unwrap_or_default(),
            program: program.to_owned(),
            started_by,
        };
        let (home, clients) = (home.clone(), VecDeque::new());
        let serving =
            Self { home, hello, key, listener, clients, child, end, watch, released: false, folder, _lock: lock };
        Ok(Some(serving))
    }

    fn until_ended(&mut self) {
        loop {
            self.wait();
            if drain(&self.end) || self.socket_is_gone() {
                break;
            }
            let reaped = drain(&self.child) && reap();
            if reaped && self.released && self.live().is_empty() {
                break;
            }
            if self.answer_all() {
                break;
            }
        }
        // So that nobody connects to nobody; the lock, freed a moment later, is what counts.
        let _ = unlinkat(&self.folder, SOCKET, AtFlags::empty());
    }

    fn wait(&self) {
        let mut fds = vec![
            PollFd::new(&self.listener, PollFlags::IN),
            PollFd::new(&self.child, PollFlags::IN),
            PollFd::new(&self.end, PollFlags::IN),
            PollFd::new(&self.watch, PollFlags::IN),
        ];
        fds.extend(self.clients.iter().map(|client| PollFd::from_borrowed_fd(client.stream.as_fd(), PollFlags::IN)));
        // An interruption is a signal, which is looked for next.
        let _ = poll(&mut fds, None);
    }

    /// Whether somebody removed or replaced our socket, as whoever removes the state folder does: then nobody can
    /// reach us any more.
    fn socket_is_gone(&self) -> bool {
        let mut events = [0_u8; 4096];
        let mut any = false;
        while matches!(rustix::io::read(&self.watch, &mut events), Ok(1..)) {
            any = true;
        }
        any && rustix::fs::stat(self.home.folder.join(SOCKET)).is_err()
    }

    /// Answers whoever has asked; `true` if we shall end.
    fn answer_all(&mut self) -> bool {
        while let Ok((stream, _)) = self.listener.accept() {
            let ours = peer::of(&stream).is_ok_and(|peer| peer::is_ours(peer.uid));
            if ours && stream.set_nonblocking(true).is_ok() {
                // The oldest goes: nobody can keep others out by saying nothing.
                if self.clients.len() == MOST_CLIENTS {
                    self.clients.pop_front();
                }
                self.clients.push_back(Client { stream, received: Vec::new(), greeted: false });
            }
        }
        let mut end = false;
        for mut client in std::mem::take(&mut self.clients) {
            let mut open = client.receive();
            while let Some(line) = client.next_line() {
                let (answer, ends) = self.answer(&line, &mut client.greeted);
                end |= ends;
                open &= client.say(&answer);
            }
            if open {
                self.clients.push_back(client);
            }
        }
        end
    }

    fn answer(&mut self, line: &[u8], greeted: &mut bool) -> (Answer, bool) {
        let request = match serde_json::from_slice(line) {
            Ok(Request::Hello { key, .. }) if same(key.as_bytes(), self.key.as_bytes()) => {
                *greeted = true;
                return (Answer::Hello(self.hello.clone()), false);
            }
            Ok(Request::Hello { .. }) => {
                return (Answer::Refused("the key is another host's; read it again".into()), false);
            }
            Ok(_) if !*greeted => return (Answer::Refused("say hello first".into()), false),
            Ok(request) => request,
            Err(error) => {
                // serde_json names the place; the text itself may be anything.
                let words = format!(
                    "this host ({}) does not know such a request: {:?} error",
                    self.hello.program,
                    error.classify()
                );
                return (Answer::Refused(words), false);
            }
        };
        match request {
            Request::Launch { run_directory, supervisor_program } => {
                let launched =
                    RunDirectory::open(&run_directory).and_then(|run| crate::launch(&run, &supervisor_program));
                (launched.map_or_else(|e| Answer::Refused(e.to_string()), |told| Answer::Launched(told.into())), false)
            }
            Request::List {} | Request::Hello { .. } => (Answer::Runs(self.live()), false),
            Request::Stop {} => (Answer::Ending { runs: self.live().len() }, true),
            Request::Release {} => {
                let runs = self.live().len();
                self.released = self.hello.started_by == StartedBy::Service;
                if self.released && runs == 0 {
                    return (Answer::Ending { runs }, true);
                }
                (Answer::Staying { runs }, false)
            }
        }
    }

    /// The runs whose locks are held, in the order of their ids.
    fn live(&self) -> Vec<LiveRun> {
        let entries = std::fs::read_dir(&self.home.runs).into_iter().flatten().flatten();
        let mut live: Vec<LiveRun> = entries
            .filter_map(|entry| {
                let run = RunDirectory::open(&entry.path()).ok()?;
                let lives = matches!(run.state(), Ok(RunState::Running));
                lives.then(|| LiveRun { run_id: run.run_id().to_owned(), run_directory: run.path().to_owned() })
            })
            .collect();
        live.sort_by(|a, b| a.run_id.cmp(&b.run_id));
        live
    }
}

impl Client {
    /// Takes what has come; `false` if no more will.
    fn receive(&mut self) -> bool {
        let mut buffer = [0_u8; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
            if self.received.len() > LONGEST_REQUEST {
                self.received.clear();
                return false;
            }
        }
    }

    fn next_line(&mut self) -> Option<Vec<u8>> {
        let end = self.received.iter().position(|byte| *byte == b'\n')?;
        let rest = self.received.split_off(end + 1);
        let mut line = std::mem::replace(&mut self.received, rest);
        line.pop();
        Some(line)
    }

    fn say(&mut self, answer: &Answer) -> bool {
        let Ok(mut line) = serde_json::to_vec(answer) else { return false };
        line.push(b'\n');
        let patient =
            self.stream.set_nonblocking(false).and_then(|()| self.stream.set_write_timeout(Some(TAKES_WITHIN)));
        patient.and_then(|()| self.stream.write_all(&line)).and_then(|()| self.stream.set_nonblocking(true)).is_ok()
    }
}

/// A line for the log, which is standard error.
fn note(words: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{words}");
}

fn signals() -> io::Result<(UnixStream, UnixStream)> {
    let (child, child_write) = UnixStream::pair()?;
    let (end, end_write) = UnixStream::pair()?;
    child.set_nonblocking(true)?;
    end.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(SIGCHLD, child_write)?;
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        signal_hook::low_level::pipe::register(signal, end_write.try_clone()?)?;
    }
    Ok((child, end))
}

/// Empties a socket; `true` if there was something in it.
fn drain(mut socket: &UnixStream) -> bool {
    let mut buffer = [0_u8; 64];
    let mut any = false;
    while matches!(socket.read(&mut buffer), Ok(1..)) {
        any = true;
    }
    any
}

/// Buries ended supervisors, which are our children by adoption, and what was left by killed ones.
fn reap() -> bool {
    let mut any = false;
    while matches!(rustix::process::wait(WaitOptions::NOHANG), Ok(Some(_))) {
        any = true;
    }
    any
}
