//! Asking a host, and having one.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::protocol::{Answer, Hello, LiveRun, Request};
use super::start::{Greeting, Starter, start};
use super::survival::{Standing, Survival};
use super::{Home, KEY, PROTOCOL, open_folder, peer, short_socket_path};
use crate::{Error, Launched, RunDirectory, durable};

/// A host launches one run after the other; this is for the last of many on a busy machine.
const ANSWERS_WITHIN: Duration = Duration::from_secs(180);
const LONGEST_ANSWER: u64 = 16 << 20;
/// A host that holds the folder but does not listen yet is on its way.
const SETTLES_WITHIN: Duration = Duration::from_secs(15);
const BREATH: Duration = Duration::from_millis(10);
/// A host may end between its hello and the request; then the next one is asked.
const TRIES: u32 = 3;

/// The host of a folder, as those see it who need it. Nothing is held open: each question is a connection.
#[derive(Debug, Clone)]
pub struct Host {
    home: Home,
    starter: Starter,
}

/// A host that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    /// What it says of itself.
    pub hello: Hello,
    /// What its runs survive, seen from this process.
    pub survival: Survival,
}

impl Host {
    /// `starter` is used when no host answers.
    #[must_use]
    pub fn new(home: Home, starter: Starter) -> Self {
        Self { home, starter }
    }

    /// The host, if one answers; none is started.
    ///
    /// # Errors
    /// [`Error::Host`] if one lives and cannot be talked to, [`Error::Io`].
    pub fn met(&self) -> Result<Option<Met>, Error> {
        self.met_for(None)
    }

    /// The same, with what runs survive as it stands for the service with this process id.
    ///
    /// # Errors
    /// As [`Host::met`].
    pub fn met_for(&self, service: Option<u32>) -> Result<Option<Met>, Error> {
        Ok(Connection::open_for(&self.home, service)?.map(|connection| connection.met))
    }

    /// The host; it is started if none answers.
    ///
    /// # Errors
    /// [`Error::Host`] if there is none and none can be started, with the reason; [`Error::Io`].
    pub fn ensure(&self) -> Result<Met, Error> {
        self.connection().map(|connection| connection.met)
    }

    /// [`crate::launch`], by the host: started if none answers. Asked again if the host ended before it answered; that
    /// starts nothing twice.
    ///
    /// # Errors
    /// [`Error::Host`] with the words of the host or why there is none. Then the launch may be repeated.
    pub fn launch(&self, run: &RunDirectory, supervisor_program: &Path) -> Result<Launched, Error> {
        let request = Request::Launch {
            run_directory: run.path().to_owned(),
            supervisor_program: std::path::absolute(supervisor_program)
                .map_err(|e| Error::io("find", supervisor_program, e))?,
        };
        let mut last = io::Error::from(io::ErrorKind::UnexpectedEof);
        for _ in 0..TRIES {
            match self.connection()?.ask(&request) {
                Ok(Answer::Launched(told)) => return Ok(told.into()),
                Ok(Answer::Refused(problem)) => return Err(self.trouble(problem)),
                Ok(other) => return Err(self.not_understood(&other)),
                Err(error) => last = error,
            }
        }
        Err(self.trouble(format!("it does not answer a launch: {last}")))
    }

    /// Returns when the host, if there is one, has carried out whatever was asked of it before: it takes its clients in
    /// the order in which they came, the dead ones among them. A launch that was asked for by somebody who is dead either
    /// shows in [`RunDirectory::state`] then, or never will.
    ///
    /// # Errors
    /// As [`Host::met`].
    pub fn hear_out(&self) -> Result<(), Error> {
        self.met().map(drop)
    }

    /// The live runs; `None` if no host answers.
    ///
    /// # Errors
    /// As [`Host::met`].
    pub fn list(&self) -> Result<Option<Vec<LiveRun>>, Error> {
        match self.ask_one_that_lives(&Request::List {})? {
            None => Ok(None),
            Some(Answer::Runs(runs)) => Ok(Some(runs)),
            Some(other) => Err(self.not_understood(&other)),
        }
    }

    /// Ends the host and leaves its runs alone; how many go on. `None` if no host answers.
    ///
    /// # Errors
    /// As [`Host::met`].
    pub fn stop(&self) -> Result<Option<usize>, Error> {
        match self.ask_one_that_lives(&Request::Stop {})? {
            None => Ok(None),
            Some(Answer::Ending { runs }) => Ok(Some(runs)),
            Some(other) => Err(self.not_understood(&other)),
        }
    }

    /// The service that uses the host ends: a host that a service started ends with its last live run.
    ///
    /// # Errors
    /// As [`Host::met`].
    pub fn release(&self) -> Result<(), Error> {
        match self.ask_one_that_lives(&Request::Release {})? {
            None | Some(Answer::Ending { .. } | Answer::Staying { .. }) => Ok(()),
            Some(other) => Err(self.not_understood(&other)),
        }
    }

    fn ask_one_that_lives(&self, request: &Request) -> Result<Option<Answer>, Error> {
        let Some(mut connection) = Connection::open(&self.home)? else { return Ok(None) };
        connection.ask(request).map(Some).map_err(|e| self.trouble(format!("it gave no answer: {e}")))
    }

    fn connection(&self) -> Result<Connection, Error> {
        let until = Instant::now() + SETTLES_WITHIN;
        loop {
            if let Some(connection) = Connection::open(&self.home)? {
                return Ok(connection);
            }
            match start(&self.home, &self.starter)? {
                Greeting::Ready => {}
                Greeting::Refused(problem) => return Err(self.trouble(problem)),
                Greeting::Taken => std::thread::sleep(BREATH),
            }
            if Instant::now() > until {
                return Err(self.trouble("one lives there and does not answer; end it, then try again".into()));
            }
        }
    }

    fn trouble(&self, problem: String) -> Error {
        Error::Host { path: self.home.folder.clone(), problem }
    }

    fn not_understood(&self, answer: &Answer) -> Error {
        match answer {
            Answer::Refused(problem) => self.trouble(problem.clone()),
            _ => self.trouble("it answered something else than was asked".into()),
        }
    }
}

/// A connection that has been greeted.
struct Connection {
    met: Met,
    reader: BufReader<io::Take<UnixStream>>,
}

impl Connection {
    /// `None` if no host lives there.
    fn open(home: &Home) -> Result<Option<Self>, Error> {
        Self::open_for(home, None)
    }

    fn open_for(home: &Home, service: Option<u32>) -> Result<Option<Self>, Error> {
        let folder = match open_folder(&home.folder) {
            Ok(folder) => folder,
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let trouble = |problem: String| Error::Host { path: home.folder.clone(), problem };
        let stream = match UnixStream::connect(short_socket_path(&folder)) {
            Ok(stream) => stream,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                return Ok(None);
            }
            Err(e) => return Err(Error::io("connect to the host of", &home.folder, e)),
        };
        let peer = peer::of(&stream).map_err(|e| Error::io("see the host of", &home.folder, e))?;
        if !peer::is_ours(peer.uid) {
            return Err(trouble(format!("who listens there is user {}; name a state folder of your own", peer.uid)));
        }
        let key = durable::read(&folder, KEY).map_err(|e| Error::io("read", home.folder.join(KEY), e))?;
        let key = String::from_utf8_lossy(&key.unwrap_or_default()).into_owned();
        let limits =
            stream.set_read_timeout(Some(ANSWERS_WITHIN)).and_then(|()| stream.set_write_timeout(Some(ANSWERS_WITHIN)));
        limits.map_err(|e| Error::io("talk to the host of", &home.folder, e))?;
        let mut reader = BufReader::new(stream.take(LONGEST_ANSWER));
        let hello = match exchange(&mut reader, &Request::Hello { version: PROTOCOL, key }) {
            Ok(Answer::Hello(hello)) => hello,
            Ok(Answer::Refused(problem)) => return Err(trouble(problem)),
            Ok(_) => return Err(trouble("it is of a release this program does not understand; restart it".into())),
            // It ended, or has just taken the place of another.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(trouble(format!("it does not answer: {error}"))),
        };
        let survival = Standing::of(&hello, peer.pid, service).survival();
        Ok(Some(Self { met: Met { hello, survival }, reader }))
    }

    fn ask(&mut self, request: &Request) -> io::Result<Answer> {
        exchange(&mut self.reader, request)
    }
}

fn exchange(reader: &mut BufReader<io::Take<UnixStream>>, request: &Request) -> io::Result<Answer> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    let gone = |error: io::Error| match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => io::ErrorKind::UnexpectedEof.into(),
        _ => error,
    };
    reader.get_mut().get_mut().write_all(&line).map_err(gone)?;
    let mut answer = String::new();
    reader.read_line(&mut answer).map_err(gone)?;
    if answer.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_str(&answer)?)
}
