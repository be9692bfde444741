//! Conversations with a git that is kept: reading objects, one `git cat-file --batch-command` for many questions, the
//! orders of `refs`, and what `commits` has written.
//!
//! The process is kept for the next question for a moment, because a task asks often and a start costs more than the
//! answer. It sees what other gits write meanwhile: refs are read anew for every question, and packs when an object is
//! not found in those it knows.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::forge::Forge;
use crate::process::{Call, Running, readable, stop};

/// The largest tree or commit that is read.
pub(crate) const STRUCTURE_LIMIT: usize = 64 << 20;
/// A process that nobody asks for so long is ended.
const KEPT: Duration = Duration::from_secs(15);
/// So many are kept for each forge.
const MOST_KEPT: usize = 2;

/// Processes that wait for their next question.
#[derive(Debug, Default)]
pub(crate) struct Idle(Mutex<Vec<(Instant, Talk)>>);

impl Idle {
    fn kept(&self) -> MutexGuard<'_, Vec<(Instant, Talk)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn take(&self) -> Option<Talk> {
        self.kept().pop().map(|(_, talk)| talk)
    }

    pub(crate) fn give(self: &Arc<Self>, talk: Talk) {
        let mut kept = self.kept();
        if kept.len() >= MOST_KEPT {
            return;
        }
        if kept.is_empty() {
            let idle = Arc::downgrade(self);
            if std::thread::Builder::new().name("git-idle".to_owned()).spawn(move || end_unused(&idle)).is_err() {
                return;
            }
        }
        kept.push((Instant::now(), talk));
    }
}

/// Ends what nobody asks; lives only as long as something waits.
fn end_unused(idle: &Weak<Idle>) {
    loop {
        std::thread::sleep(KEPT);
        let Some(idle) = idle.upgrade() else { return };
        let mut kept = idle.kept();
        let unused = |at: &Instant| at.elapsed() >= KEPT;
        let (ended, left): (Vec<_>, Vec<_>) = kept.drain(..).partition(|(at, _)| unused(at));
        *kept = left;
        let over = kept.is_empty();
        drop(kept);
        drop(ended);
        if over {
            return;
        }
    }
}

/// One git process and the two ends of the conversation with it.
#[derive(Debug)]
pub(crate) struct Talk {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    words: Option<ChildStderr>,
    command: String,
    limit: Duration,
    running: Arc<Running>,
    /// It answered before.
    proven: bool,
    /// In the middle of an answer, or of no use any more.
    broken: bool,
    /// It was stopped; its number may be somebody else's now.
    stopped: bool,
}

/// A conversation with one git process about the objects of the forge.
pub(crate) struct ObjectReader<'f> {
    forge: &'f Forge,
    /// Always there, but while it is given back.
    talk: Option<Talk>,
    end: Instant,
}

/// An object, or its beginning.
pub(crate) struct Object {
    pub id: String,
    pub kind: String,
    /// Of the whole object.
    pub size: u64,
    /// At most as much as was asked for.
    pub bytes: Vec<u8>,
}

impl Forge {
    pub(crate) fn objects(&self) -> Result<ObjectReader<'_>> {
        let talk = match self.idle.take() {
            Some(talk) => talk,
            None => self.talk()?,
        };
        let end = Instant::now() + talk.limit;
        Ok(ObjectReader { forge: self, talk: Some(talk), end })
    }

    fn talk(&self) -> Result<Talk> {
        Talk::with(self.call().args(["cat-file", "--batch-command"]), &self.git.running)
    }
}

impl Talk {
    pub(crate) fn with(call: Call, running: &Arc<Running>) -> Result<Self> {
        let (mut child, command, limit) = call.start()?;
        let running = Arc::clone(running);
        let Some(output) = child.stdout.take() else {
            stop(&mut child, &running);
            return Err(Error::Unexpected { command, answer: "it has no output".to_owned() });
        };
        let (input, words) = (child.stdin.take(), child.stderr.take());
        let output = BufReader::with_capacity(32 << 10, output);
        Ok(Self { child, input, output, words, command, limit, running, proven: false, broken: false, stopped: false })
    }
}

impl ObjectReader<'_> {
    /// Name, kind and size of the object of that name; `None`: git says that there is none.
    pub(crate) fn info(&mut self, name: &str) -> Result<Option<Object>> {
        self.ask("info", name)
    }

    /// The object of that name (an id, or an id with `^{tree}`), with at most `most` bytes of it; `None`: no such.
    pub(crate) fn read(&mut self, name: &str, most: usize) -> Result<Option<Object>> {
        let Some(mut object) = self.ask("contents", name)? else { return Ok(None) };
        let kept = usize::try_from(object.size).unwrap_or(usize::MAX).min(most);
        let end = self.end;
        let talk = self.talk()?;
        talk.broken = true;
        object.bytes = vec![0; kept];
        talk.fill(&mut object.bytes, end)?;
        // The rest, and the line break after it, must be read before the next question.
        let mut rest = object.size - kept as u64 + 1;
        let mut sink = vec![0; 64 << 10];
        while rest > 0 {
            let part = usize::try_from(rest).unwrap_or(usize::MAX).min(sink.len());
            talk.fill(&mut sink[..part], end)?;
            rest -= part as u64;
        }
        talk.broken = false;
        Ok(Some(object))
    }

    fn talk(&mut self) -> Result<&mut Talk> {
        if self.talk.is_none() {
            self.talk = Some(self.forge.talk()?);
        }
        self.talk.as_mut().ok_or_else(|| Error::Unexpected {
            command: "git cat-file".to_owned(),
            answer: "there is nobody to ask".to_owned(),
        })
    }

    /// A question and the first line of its answer. A process that was kept may have been killed meanwhile: then another
    /// one is asked, once.
    fn ask(&mut self, verb: &str, name: &str) -> Result<Option<Object>> {
        debug_assert!(!name.contains('\n'), "one line, one question");
        let end = self.end;
        let talk = self.talk()?;
        let proven = std::mem::take(&mut talk.proven);
        match talk.ask(verb, name, end) {
            Err(error) if proven && !matches!(error, Error::TimedOut { .. }) => {
                self.talk = None;
                self.talk()?.ask(verb, name, end)
            }
            answer => answer,
        }
    }

    /// A tree or commit that must be there, whole.
    pub(crate) fn structure(&mut self, name: &str, kind: &str) -> Result<Object> {
        let object = self
            .read(name, STRUCTURE_LIMIT)?
            .ok_or_else(|| Error::NotFound { repository: self.forge.path.clone(), what: name.to_owned() })?;
        if object.kind != kind {
            return Err(Error::Unexpected {
                command: self.command(),
                answer: format!("{name} is a {}, not a {kind}", object.kind),
            });
        }
        if object.size > STRUCTURE_LIMIT as u64 {
            return Err(Error::TooLarge { command: self.command(), limit: STRUCTURE_LIMIT });
        }
        Ok(object)
    }

    fn command(&self) -> String {
        self.talk.as_ref().map_or_else(|| "git cat-file".to_owned(), |talk| talk.command.clone())
    }
}

impl Drop for ObjectReader<'_> {
    fn drop(&mut self) {
        if let Some(talk) = self.talk.take().filter(|talk| !talk.broken && talk.output.buffer().is_empty()) {
            self.forge.idle.give(talk);
        }
    }
}

impl Talk {
    /// A mover of refs takes an order.
    pub(crate) fn begins(&mut self) -> Result<()> {
        self.broken = true;
        let end = Instant::now() + self.limit;
        self.say("start\n")?;
        self.hear("start: ok\n", end)
    }

    /// It carries it out, whole or not at all.
    pub(crate) fn carries_out(&mut self, order: &str) -> Result<()> {
        let end = Instant::now() + self.limit;
        self.say(&format!("{order}prepare\ncommit\n"))?;
        self.hear("prepare: ok\n", end)?;
        self.hear("commit: ok\n", end)?;
        self.broken = false;
        Ok(())
    }

    /// A writer of objects writes down what stands in a file, and says its id.
    pub(crate) fn writes(&mut self, file: &str) -> Result<String> {
        self.broken = true;
        let end = Instant::now() + self.limit;
        self.say(&format!("{file}\n"))?;
        let id = self.line(end)?;
        self.broken = !id.ends_with('\n');
        Ok(id)
    }

    fn say(&mut self, words: &str) -> Result<()> {
        match self.input.as_mut().map_or(Ok(()), |input| input.write_all(words.as_bytes())) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failed(&error.to_string())),
        }
    }

    /// One line of its answer.
    fn line(&mut self, end: Instant) -> Result<String> {
        let mut line = Vec::new();
        self.wait(end)?;
        match (&mut self.output).take(4096).read_until(b'\n', &mut line) {
            Ok(_) => Ok(String::from_utf8_lossy(&line).into_owned()),
            Err(error) => Err(self.failed(&error.to_string())),
        }
    }

    fn hear(&mut self, expected: &str, end: Instant) -> Result<()> {
        match self.line(end)? {
            line if line == expected => Ok(()),
            line => Err(self.failed(&line)),
        }
    }

    fn ask(&mut self, verb: &str, name: &str, end: Instant) -> Result<Option<Object>> {
        self.broken = true;
        self.say(&format!("{verb} {name}\n"))?;
        let header = self.line(end)?;
        let Some(header) = header.strip_suffix('\n') else {
            return Err(self.failed(&format!("it ended early: {header}")));
        };
        // The whole name: half a sentence that happens to end in this word is no answer.
        if header.strip_prefix(name).is_some_and(|rest| matches!(rest, " missing" | " ambiguous")) {
            (self.broken, self.proven) = (false, true);
            return Ok(None);
        }
        let mut parts = header.split(' ');
        let (Some(id), Some(kind), Some(Ok(size)), None) =
            (parts.next(), parts.next(), parts.next().map(str::parse::<u64>), parts.next())
        else {
            return Err(self.failed(header));
        };
        let known = matches!(kind, "commit" | "tree" | "blob" | "tag");
        if !known || !matches!(id.len(), 40 | 64) || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(self.failed(header));
        }
        (self.broken, self.proven) = (false, true);
        Ok(Some(Object { id: id.to_owned(), kind: kind.to_owned(), size, bytes: Vec::new() }))
    }

    fn fill(&mut self, mut bytes: &mut [u8], end: Instant) -> Result<()> {
        while !bytes.is_empty() {
            self.wait(end)?;
            match self.output.read(bytes) {
                Ok(0) => return Err(self.failed("it ended early")),
                Ok(count) => bytes = &mut bytes[count..],
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(&error.to_string())),
            }
        }
        Ok(())
    }

    fn wait(&mut self, end: Instant) -> Result<()> {
        if !self.output.buffer().is_empty() {
            return Ok(());
        }
        match readable(self.output.get_ref(), end) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::TimedOut { command: self.command.clone(), limit: self.limit }),
            Err(error) => Err(self.failed(&error.to_string())),
        }
    }

    /// The process is of no use any more; its own words say why.
    fn failed(&mut self, reason: &str) -> Error {
        stop(&mut self.child, &self.running);
        self.stopped = true;
        let mut words = reason.as_bytes().to_vec();
        if let Some(stderr) = self.words.take() {
            words.extend_from_slice(b"\n");
            let _ = stderr.take(8192).read_to_end(&mut words);
        }
        Error::failed(self.command.clone(), Some(128), &words)
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        if self.stopped {
            return;
        }
        // It ends by itself when nobody can ask any more; a process that hangs is not waited for.
        drop(self.input.take());
        let ended = !self.broken
            && matches!(readable(self.output.get_ref(), Instant::now() + Duration::from_millis(500)), Ok(true))
            && matches!(self.output.read(&mut [0; 1]), Ok(0));
        if ended {
            self.running.forget(&self.child);
            let _ = self.child.wait();
        } else {
            stop(&mut self.child, &self.running);
        }
    }
}
