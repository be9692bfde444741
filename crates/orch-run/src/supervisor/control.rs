//! The socket in the run directory: one line in, one line out, nobody is waited for.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};

use rustix::fs::{AtFlags, Mode, OFlags, openat, unlinkat};

use crate::directory::{CONTROL_KEY, SOCKET};
use crate::stop::{Status, StopAnswer};
use crate::{RunDirectory, secret};

const MOST_CLIENTS: usize = 16;
const LONGEST_REQUEST: usize = 64;

/// The listening socket and those who have not finished their line yet.
#[derive(Debug)]
pub(super) struct Control {
    listener: UnixListener,
    clients: VecDeque<Client>,
    /// What a request has to name: another run of this account can reach the socket where nothing but Landlock keeps it,
    /// and cannot read the file with the key.
    key: String,
}

#[derive(Debug)]
struct Client {
    stream: UnixStream,
    line: Vec<u8>,
}

impl Control {
    pub(super) fn listen(run: &RunDirectory) -> io::Result<Self> {
        // A supervisor that was refused before its start may have left one; we hold the lock.
        let _ = unlinkat(run, SOCKET, AtFlags::empty());
        let key = secret::new_key()?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        File::from(openat(run, CONTROL_KEY, flags, Mode::RUSR | Mode::WUSR)?).write_all(key.as_bytes())?;
        let listener = UnixListener::bind(run.short_socket_path())?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, clients: VecDeque::new(), key })
    }

    /// Everything whose readability means work for [`Control::serve`].
    pub(super) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let clients = self.clients.iter().map(|client| client.stream.as_fd());
        std::iter::once(self.listener.as_fd()).chain(clients)
    }

    /// Answers whoever has asked; `true` if somebody asked to stop.
    pub(super) fn serve(&mut self, status: &Status) -> bool {
        while let Ok((stream, _)) = self.listener.accept() {
            if !of_the_run(&stream) && stream.set_nonblocking(true).is_ok() {
                // The oldest silent client goes: nobody can keep others out by saying nothing.
                if self.clients.len() == MOST_CLIENTS {
                    self.clients.pop_front();
                }
                self.clients.push_back(Client { stream, line: Vec::new() });
            }
        }
        let mut stop = false;
        self.clients.retain_mut(|client| match client.read_line() {
            Reading::Unfinished => true,
            Reading::Broken => false,
            Reading::Line(line) => {
                let mut words = line.splitn(2, |byte| *byte == b' ');
                let (asked, named) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                let answer = match asked {
                    _ if !secret::same(named, self.key.as_bytes()) => {
                        Ok(br#"{"error":"the key is missing; it stands in control.key beside this socket"}"#.to_vec())
                    }
                    b"stop" => {
                        stop = true;
                        serde_json::to_vec(&StopAnswer { stopping: true })
                    }
                    b"status" => serde_json::to_vec(status),
                    _ => Ok(br#"{"error":"unknown request; known are stop and status"}"#.to_vec()),
                };
                if let Ok(mut answer) = answer {
                    answer.push(b'\n');
                    // Fits into an empty socket buffer; who does not listen misses it.
                    let _ = client.stream.write_all(&answer);
                }
                false
            }
        });
        stop
    }
}

/// Whether the other end is, or was, a process of the run, or of an account that is neither ours nor root: those have
/// nothing to ask for. Who cannot be seen from here (a service in another container) is none of them.
fn of_the_run(stream: &UnixStream) -> bool {
    let Ok((pid, uid)) = peer(stream) else { return true };
    let strange = uid != 0 && uid != rustix::process::geteuid().as_raw();
    let below = || {
        let own = std::process::id().cast_signed();
        // Dead already: nobody waits for the answer, and whose it was cannot be told.
        let living = crate::process::look(pid).is_some();
        !living
            || crate::process::descendants_without(own, None).is_ok_and(|all| all.iter().any(|p| p.identity.pid == pid))
    };
    strange || (pid != 0 && below())
}

/// Pid and uid of the process that connected; pid 0 if it lives in a namespace that we do not see.
fn peer(stream: &UnixStream) -> io::Result<(i32, u32)> {
    use std::os::fd::AsRawFd;
    let mut credentials = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = libc::socklen_t::try_from(size_of::<libc::ucred>()).unwrap_or_default();
    #[expect(unsafe_code, reason = "the safe form has no word for a pid that is not seen from here")]
    // SAFETY: both pointers are to values that outlive the call, and the length is the first one's.
    let answer = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut credentials).cast(),
            &raw mut length,
        )
    };
    if answer == 0 { Ok((credentials.pid, credentials.uid)) } else { Err(io::Error::last_os_error()) }
}

enum Reading {
    Unfinished,
    Line(Vec<u8>),
    Broken,
}

impl Client {
    fn read_line(&mut self) -> Reading {
        let mut buffer = [0_u8; LONGEST_REQUEST];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Reading::Broken,
                Ok(count) => self.line.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Reading::Unfinished;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Reading::Broken,
            }
            if let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
                self.line.truncate(end);
                return Reading::Line(std::mem::take(&mut self.line));
            }
            if self.line.len() > LONGEST_REQUEST {
                return Reading::Broken;
            }
        }
    }
}
