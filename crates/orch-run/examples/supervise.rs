//! The smallest program that can be a supervisor: `supervise supervise <run directory>`, and the inner step of a
//! confined run: `supervise confine`.
//!
//! With `launch <run directory>` it launches the run with itself as supervisor, says how on
//! standard output, and then stays until its standard input ends. With `host` it is a host: of the folder named by
//! the variable `HOST_FOLDER`, whose runs lie in `HOST_RUNS`. The crate's tests use all three.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::ExitCode;

use orch_run::host::{BETWEEN, FOR_SERVICE, Home, HostEnd, StartedBy, serve, start_again};
use orch_run::{CONFINE, INSIDE, RunDirectory, SUBCOMMAND, confine, launch, supervise};

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    match words.as_slice() {
        [word, directory] if word == SUBCOMMAND => supervise(Path::new(directory)).into(),
        [word] if word == CONFINE => confine(|_, _| ExitCode::from(2)),
        [word, ..] if word == INSIDE => ExitCode::from(2),
        [word, socket] if word == "companion" => companion(socket),
        [word, directory] if word == "launch" => {
            let launched = std::env::current_exe().map_err(|error| error.to_string()).and_then(|program| {
                RunDirectory::open(Path::new(directory))
                    .and_then(|run| launch(&run, &program))
                    .map_err(|error| error.to_string())
            });
            let mut out = std::io::stdout();
            let told = writeln!(out, "{launched:?}").and_then(|()| out.flush());
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            match (launched, told) {
                (Ok(_), Ok(())) => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            }
        }
        [word] if word == "host" => host(StartedBy::Hand),
        [word, how] if word == "host" && how == FOR_SERVICE => host(StartedBy::Service),
        [word, how] if word == "host" && how == BETWEEN => {
            start_again().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
        }
        _ => ExitCode::from(2),
    }
}

fn host(started_by: StartedBy) -> ExitCode {
    let folder = |name: &str| std::env::var_os(name).map(Into::into).unwrap_or_default();
    let home = Home { folder: folder("HOST_FOLDER"), runs: folder("HOST_RUNS") };
    match serve(&home, "example", started_by) {
        Ok(HostEnd::Ended) => ExitCode::SUCCESS,
        Ok(HostEnd::Taken) => ExitCode::from(8),
        Err(_) => ExitCode::FAILURE,
    }
}

/// A companion: on a connection it says back the line it hears. `tcp` instead of a path: on a port of its own. When its
/// input ends it says so in the file `companion-over`.
fn companion(socket: &std::ffi::OsStr) -> ExitCode {
    let ready = if socket == "tcp" {
        TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| {
            let port = listener.local_addr()?.port();
            std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| echo(&stream, &stream)));
            Ok(format!(r#"{{"ready":true,"port":{port}}}"#))
        })
    } else {
        UnixListener::bind(socket).map(|listener| {
            std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| echo(&stream, &stream)));
            r#"{"ready":true}"#.to_owned()
        })
    };
    let Ok(ready) = ready else { return ExitCode::FAILURE };
    let mut out = std::io::stdout();
    if writeln!(out, "{ready}").and_then(|()| out.flush()).is_err() {
        return ExitCode::FAILURE;
    }
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    std::fs::write("companion-over", "over").map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

fn echo(from: impl Read, mut to: impl Write) {
    let mut line = String::new();
    if BufReader::new(from).read_line(&mut line).is_ok() {
        let _ = write!(to, "heard {line}");
    }
}
