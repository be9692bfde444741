//! Child processes whose output is shown while it comes and read line by line.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::interrupt;

/// How long output is still awaited after the child itself has ended: something it left behind
/// may hold the pipe open for ever.
const DRAIN: Duration = Duration::from_secs(5);

enum Message {
    Line(Vec<u8>),
    EndOfOutput,
    Ended(std::io::Result<ExitStatus>),
}

/// Runs `command` in a process group of its own, prints its output (both streams, in the order
/// written) and gives every line, without its end, to `observe`.
///
/// # Errors
/// If the program cannot be started or waited for; a bad exit code is not an error.
pub fn stream(command: &mut Command, mut observe: impl FnMut(&str)) -> Result<ExitStatus> {
    let program = command.get_program().to_string_lossy().into_owned();
    let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
    let second = writer.try_clone().context("cannot make a pipe")?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(second)
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    // The command still owns the pipe's writing ends; while it does, the output has no end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let registered = interrupt::Registered::new(child.id());

    let (sender, messages) = mpsc::channel();
    let ended = sender.clone();
    thread::spawn(move || {
        let mut reader = BufReader::new(reader);
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(n) if n > 0) {
            if sender.send(Message::Line(std::mem::take(&mut line))).is_err() {
                return;
            }
        }
        let _ = sender.send(Message::EndOfOutput);
    });
    thread::spawn(move || {
        let _ = ended.send(Message::Ended(child.wait()));
    });

    let mut status = None;
    let mut output_ended = false;
    while status.is_none() || !output_ended {
        let message = match status {
            None => messages.recv().ok(),
            Some(_) => messages.recv_timeout(DRAIN).ok(),
        };
        match message {
            Some(Message::Line(bytes)) => {
                let line = String::from_utf8_lossy(&bytes);
                print!("{line}");
                observe(line.trim_end_matches(['\n', '\r']));
            }
            Some(Message::EndOfOutput) => output_ended = true,
            Some(Message::Ended(result)) => status = Some(result),
            None => break,
        }
    }
    drop(registered);
    status.with_context(|| format!("{program} was lost"))?.with_context(|| format!("cannot wait for {program}"))
}

/// Runs `command` quietly and returns what it wrote to its standard output.
///
/// # Errors
/// If it cannot be started or ends with a bad exit code; the message carries its own words.
pub fn read(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {shown}"))?;
    anyhow::ensure!(
        output.status.success(),
        "{shown} ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// As [`read`], with an input.
///
/// # Errors
/// As [`read`].
pub fn fed(command: &mut Command, input: &str) -> Result<String> {
    let shown = shown(command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start {shown}"))?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(input.as_bytes()).with_context(|| format!("{shown} does not read"))?;
    }
    let output = child.wait_with_output()?;
    anyhow::ensure!(
        output.status.success(),
        "{shown} ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Program and arguments; the whole environment would bury them.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(std::ffi::OsStr::to_string_lossy).collect();
    format!("`{}`", words.join(" "))
}

/// Whether `command` can be started and ends well; its output is thrown away.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_streams_arrive_in_the_order_written() {
        let mut lines = Vec::new();
        let status = stream(Command::new("sh").args(["-c", "echo one; echo two >&2; printf three; exit 7"]), |line| {
            lines.push(line.to_owned())
        })
        .unwrap();
        assert_eq!(lines, ["one", "two", "three"]);
        assert_eq!(status.code(), Some(7));
    }

    #[test]
    fn a_left_behind_holder_of_the_pipe_does_not_block_us_for_ever() {
        let mut left_behind = None;
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 600 & echo $!"]);
        let status = stream(&mut shell, |line| left_behind = line.parse().ok()).unwrap();
        assert!(status.success());
        let pid = left_behind.and_then(rustix::process::Pid::from_raw).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it was still there");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = stream(&mut Command::new("no-such-program-here"), |_| ()).unwrap_err();
        assert!(format!("{error:#}").contains("no-such-program-here"));
    }

    #[test]
    fn a_bad_exit_carries_the_programs_own_words() {
        let error = read(Command::new("sh").args(["-c", "echo because >&2; exit 3"])).unwrap_err();
        assert!(format!("{error:#}").contains("because"));
    }
}
