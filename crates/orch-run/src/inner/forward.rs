//! A door in a private network: what connects to a port of 127.0.0.1 is handed to a unix socket outside.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use super::fork::{Forked, close_here, end, fork};

/// Starts the process that holds the door open. It is nobody's child: the agent never meets it in its own waits.
///
/// `socket` is a path descriptor: whoever has it can connect, wherever the socket lies.
pub(super) fn start(port: u16, socket: &OwnedFd, report: BorrowedFd<'_>, null: &File) -> Result<(), String> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|e| format!("cannot open port {port}: {e}"))?;
    let to = PathBuf::from(format!("/proc/self/fd/{}", socket.as_raw_fd()));
    match fork().map_err(|e| format!("cannot start the forwarder: {e}"))? {
        Forked::Parent(child) => {
            let _ = rustix::process::waitpid(Some(child), rustix::process::WaitOptions::empty());
            Ok(())
        }
        Forked::Child => {
            // Once more, so that its parent is not the agent.
            if matches!(fork(), Ok(Forked::Child)) {
                let _ = rustix::process::setsid();
                // The agent's output and our report end when they end, not when we do.
                let _ = rustix::stdio::dup2_stdout(null);
                let _ = rustix::stdio::dup2_stderr(null);
                close_here(report);
                serve(&listener, &to);
            }
            end(0)
        }
    }
}

/// One thread for each direction of each connection: they sleep, and the agent's limits bound them.
fn serve(listener: &TcpListener, to: &PathBuf) {
    for inside in listener.incoming() {
        let Ok(inside) = inside else { continue };
        // Closed at once if nobody answers: the client sees that its proxy is gone.
        let Ok(outside) = UnixStream::connect(to) else { continue };
        let _ = relay(inside, outside);
    }
}

fn relay(inside: TcpStream, outside: UnixStream) -> io::Result<()> {
    let _ = inside.set_nodelay(true);
    let (mut from_outside, mut to_inside) = (outside.try_clone()?, inside.try_clone()?);
    let (mut from_inside, mut to_outside) = (inside, outside);
    let spawn =
        |body: Box<dyn FnOnce() + Send>| std::thread::Builder::new().stack_size(64 * 1024).spawn(body).map(drop);
    spawn(Box::new(move || {
        let _ = io::copy(&mut from_inside, &mut to_outside);
        let _ = to_outside.shutdown(Shutdown::Write);
    }))?;
    spawn(Box::new(move || {
        let _ = io::copy(&mut from_outside, &mut to_inside);
        let _ = to_inside.shutdown(Shutdown::Write);
    }))
}
