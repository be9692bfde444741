//! Reading objects: one `git cat-file --batch` for a whole question.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::forge::Forge;
use crate::process::{readable, stop};

/// The largest tree or commit that is read.
pub(crate) const STRUCTURE_LIMIT: usize = 64 << 20;

/// A conversation with one git process about the objects of the forge.
pub(crate) struct ObjectReader {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    words: Option<ChildStderr>,
    command: String,
    limit: Duration,
    end: Instant,
    repository: std::path::PathBuf,
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
    pub(crate) fn objects(&self) -> Result<ObjectReader> {
        let (mut child, command, limit) = self.call().args(["cat-file", "--batch"]).start()?;
        let Some(output) = child.stdout.take() else {
            stop(&mut child);
            return Err(Error::Unexpected { command, answer: "it has no output".to_owned() });
        };
        Ok(ObjectReader {
            input: child.stdin.take(),
            words: child.stderr.take(),
            output: BufReader::with_capacity(32 << 10, output),
            child,
            command,
            limit,
            end: Instant::now() + limit,
            repository: self.path.clone(),
        })
    }
}

impl ObjectReader {
    /// The object of that name (an id, or an id with `^{tree}`), with at most `most` bytes of it; `None`: no such.
    pub(crate) fn read(&mut self, name: &str, most: usize) -> Result<Option<Object>> {
        debug_assert!(!name.contains('\n'), "one line, one question");
        if let Some(input) = &mut self.input
            && let Err(error) = input.write_all(format!("{name}\n").as_bytes())
        {
            return Err(self.failed(&error.to_string()));
        }
        let mut header = Vec::new();
        self.wait()?;
        let mut output = (&mut self.output).take(4096);
        if let Err(error) = output.read_until(b'\n', &mut header) {
            return Err(self.failed(&error.to_string()));
        }
        let header = String::from_utf8_lossy(&header).trim_end().to_owned();
        if header.ends_with(" missing") || header.ends_with(" ambiguous") {
            return Ok(None);
        }
        let mut parts = header.split(' ');
        let (Some(id), Some(kind), Some(Ok(size))) = (parts.next(), parts.next(), parts.next().map(str::parse::<u64>))
        else {
            return Err(self.failed(&header));
        };
        let kept = usize::try_from(size).unwrap_or(usize::MAX).min(most);
        let mut bytes = vec![0; kept];
        self.fill(&mut bytes)?;
        // The rest, and the line break after it, must be read before the next question.
        let mut rest = size - kept as u64 + 1;
        let mut sink = vec![0; 64 << 10];
        while rest > 0 {
            let part = usize::try_from(rest).unwrap_or(usize::MAX).min(sink.len());
            self.fill(&mut sink[..part])?;
            rest -= part as u64;
        }
        Ok(Some(Object { id: id.to_owned(), kind: kind.to_owned(), size, bytes }))
    }

    /// A tree or commit that must be there, whole.
    pub(crate) fn structure(&mut self, name: &str, kind: &str) -> Result<Object> {
        let object = self
            .read(name, STRUCTURE_LIMIT)?
            .ok_or_else(|| Error::NotFound { repository: self.repository.clone(), what: name.to_owned() })?;
        if object.kind != kind {
            return Err(Error::Unexpected {
                command: self.command.clone(),
                answer: format!("{name} is a {}, not a {kind}", object.kind),
            });
        }
        if object.size > STRUCTURE_LIMIT as u64 {
            return Err(Error::TooLarge { command: self.command.clone(), limit: STRUCTURE_LIMIT });
        }
        Ok(object)
    }

    fn fill(&mut self, mut bytes: &mut [u8]) -> Result<()> {
        while !bytes.is_empty() {
            self.wait()?;
            match self.output.read(bytes) {
                Ok(0) => return Err(self.failed("it ended early")),
                Ok(count) => bytes = &mut bytes[count..],
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(&error.to_string())),
            }
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        if !self.output.buffer().is_empty() {
            return Ok(());
        }
        match readable(self.output.get_ref(), self.end) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::TimedOut { command: self.command.clone(), limit: self.limit }),
            Err(error) => Err(self.failed(&error.to_string())),
        }
    }

    /// The process is of no use any more; its own words say why.
    fn failed(&mut self, reason: &str) -> Error {
        stop(&mut self.child);
        let mut words = reason.as_bytes().to_vec();
        if let Some(stderr) = self.words.take() {
            words.extend_from_slice(b"\n");
            let _ = stderr.take(8192).read_to_end(&mut words);
        }
        Error::failed(self.command.clone(), Some(128), &words)
    }
}

impl Drop for ObjectReader {
    fn drop(&mut self) {
        // It ends by itself when nobody can ask any more; a process that hangs is not waited for.
        drop(self.input.take());
        if !matches!(readable(self.output.get_ref(), Instant::now() + Duration::from_millis(500)), Ok(true))
            || !self.output.buffer().is_empty()
        {
            stop(&mut self.child);
        } else {
            let mut rest = [0; 1];
            match self.output.read(&mut rest) {
                Ok(0) => {
                    let _ = self.child.wait();
                }
                _ => stop(&mut self.child),
            }
        }
    }
}
