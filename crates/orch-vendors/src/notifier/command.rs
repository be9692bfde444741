//! A program that is run for each notice, with the JSON object on its standard input.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use orch_ports::notifier::Notifier;
use orch_ports::{Port, PortError, PortResult};
use orch_rules::notice::{Notice, NoticeKind};
use orch_rules::port_error::ErrorKind;
use rustix::process::{Pid, Signal, kill_process_group};

use super::{Subscription, fingerprint};

/// How long the program may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// One `[[notify]]` of kind `command`.
pub struct CommandNotifier {
    /// Its name in the settings.
    pub name: String,
    /// Program and arguments; no shell.
    pub argv: Vec<String>,
    /// The program's whole environment, beside `ORCH_NOTICE_ID`.
    pub environment: BTreeMap<String, String>,
    /// What it is told of, and how.
    pub subscription: Subscription,
    /// After so long the program and what it started are killed; `None` is ten seconds.
    pub patience: Option<Duration>,
}

impl CommandNotifier {
    fn program(&self) -> &str {
        self.argv.first().map_or("", String::as_str)
    }

    fn error(&self, kind: ErrorKind, key: &str, what: &str) -> PortError {
        PortError::of_object(kind, Port::Notifier, self.name.as_str(), key, format!("`{}` {what}", self.program()))
    }
}

impl Notifier for CommandNotifier {
    fn name(&self) -> &str {
        &self.name
    }

    fn wants(&self, kind: &NoticeKind) -> bool {
        self.subscription.has(kind)
    }

    fn fingerprint(&self) -> String {
        fingerprint(&self.argv.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn notify(&self, key: &str, notice: &Notice) -> PortResult<()> {
        let mut command = Command::new(self.program());
        command
            .args(self.argv.iter().skip(1))
            .env_clear()
            .envs(&self.environment)
            .env("ORCH_NOTICE_ID", key)
            .stdin(Stdio::piped())
            // What it prints may hold a secret of its own, and nobody would read it here.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        let mut child = command
            .spawn()
            .map_err(|error| self.error(ErrorKind::Passing, key, &format!("cannot be started: {error}")))?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let (mut input, text) = (child.stdin.take(), self.subscription.body(notice));
        // A program that does not read must not keep us waiting.
        std::thread::spawn(move || {
            if let Some(input) = input.as_mut() {
                // One that needs no input ends without reading it.
                let _unread = input.write_all(text.as_bytes());
            }
        });
        let (ended, end) = mpsc::channel();
        std::thread::spawn(move || ended.send(child.wait()));
        let patience = self.patience.unwrap_or(PATIENCE);
        match end.recv_timeout(patience) {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(self.error(ErrorKind::Passing, key, &format!("ended with {status}"))),
            Ok(Err(error)) => Err(self.error(ErrorKind::InDoubt, key, &format!("cannot be waited for: {error}"))),
            Err(_) => {
                if let Some(group) = group {
                    // It may have ended in this moment.
                    let _gone = kill_process_group(group, Signal::KILL);
                }
                Err(self.error(
                    ErrorKind::InDoubt,
                    key,
                    &format!("took longer than {} s and was ended", patience.as_secs()),
                ))
            }
        }
    }

    fn look(&self) -> Result<String, String> {
        let program = self.program();
        let folders = self.environment.get("PATH").map(String::as_str).unwrap_or_default();
        let found = if program.contains('/') {
            std::path::Path::new(program).is_file()
        } else {
            folders.split(':').any(|folder| std::path::Path::new(folder).join(program).is_file())
        };
        if found { Ok(format!("`{program}` is there")) } else { Err(format!("`{program}` is not found")) }
    }
}
