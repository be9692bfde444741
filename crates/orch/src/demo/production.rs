//! Where the demo's releases run: a hook puts one into a folder, and a small service beside the demo answers for it. It reads
//! a setting that no test reads, so that a release can be green and not run.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use orch_web::view::{DeployReport, DeploymentView};

use super::folder::{Folder, unwritten};
use super::up_process::UpProcess;
use crate::exit::{Exit, Failure};

/// Its name in settings and answers.
const TARGET: &str = "production";
/// Which commit a release is.
const REVISION: &str = ".revision";
/// How wide its page is.
const SETTINGS: &str = "service.conf";
/// A look that says nothing is not waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// Deployments of a demo, and many more.
const MOST: u32 = 100;

/// Puts the hook there, tells the settings of it, and answers from now on for what the hook brings.
///
/// # Errors
/// [`Exit::Failed`] with what could not be done.
pub fn furnish(folder: &Folder) -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (address, listener) =
        listener.map_err(|e| Failure::new(Exit::Failed, format!("nothing can listen on 127.0.0.1: {e}")))?;
    let (place, hook) = (folder.top().join("production"), folder.top().join("deploy"));
    let quoted = shlex::try_quote(place.as_str())
        .map_err(|e| Failure::new(Exit::Failed, format!("a path cannot be written for a shell: {e}")))?;
    let text = format!(
        "#!/bin/sh\n# Puts a release where it runs: its files, and which commit it is.\nset -e\nplace={quoted}\n\
         release=$ORCH_ARTIFACT revision=$EXPECTED_REVISION\n\
         if [ \"$1\" = --rollback ]; then release=$ORCH_PREVIOUS_ARTIFACT revision=$ORCH_PREVIOUS_REVISION; fi\n\
         echo \"deploys $revision\"\nrm -rf \"$place.new\"\nmkdir \"$place.new\"\ncp -R \"$release/.\" \"$place.new\"\n\
         printf %s \"$revision\" > \"$place.new/{REVISION}\"\nrm -rf \"$place\"\nmv \"$place.new\" \"$place\"\n"
    );
    write(&hook, &text)?;
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).map_err(|e| unwritten(&hook, &e))?;
    let file = folder.top().join("host.toml");
    let host = std::fs::read_to_string(&file).map_err(|e| unwritten(&file, &e))?;
    let target = format!(
        "target = \"{TARGET}\"\n\n[target.{TARGET}]\nhook = [{:?}]\nrollback = true\nurl = \"http://{address}/health\"\n\
         look_every_ms = 50\nlooks = 4\nwatch_seconds = 0\n",
        hook.as_str()
    );
    write(&file, &format!("{}\n{target}", host.trim_end()))?;
    std::thread::spawn(move || {
        for asked in listener.incoming().flatten() {
            // Whoever hung up has no answer to get.
            let _gone = answer(asked, &place);
        }
    });
    Ok(())
}

fn write(file: &Utf8Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text).map_err(|e| unwritten(file, &e))
}

fn answer(asked: TcpStream, place: &Utf8PathBuf) -> std::io::Result<()> {
    asked.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(asked);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let (status, body) = health(place);
    let length = body.len();
    write!(reader.get_mut(), "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

/// A page of no columns can be set by nobody.
fn health(place: &Utf8Path) -> (&'static str, String) {
    let Ok(revision) = std::fs::read_to_string(place.join(REVISION)) else {
        return ("503 Service Unavailable", "nothing runs here".to_owned());
    };
    let settings = std::fs::read_to_string(place.join(SETTINGS)).unwrap_or_default();
    match settings.lines().any(|line| line.trim() == "columns = 0") {
        true => ("503 Service Unavailable", format!("{SETTINGS}: a page of no columns")),
        false => ("200 OK", serde_json::json!({ "revision": revision }).to_string()),
    }
}

/// Everything that was deployed, oldest first.
///
/// # Errors
/// If the service does not answer.
pub fn deployments(service: &UpProcess) -> Result<Vec<DeploymentView>, Failure> {
    let report: DeployReport = service.caller()?.read(&format!("/api/v1/deployments?limit={MOST}"))?;
    Ok(report.deployments.into_iter().rev().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_that_sets_no_columns_does_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(folder.path()).unwrap();
        assert!(health(place).0.starts_with("503"), "nothing was deployed");
        std::fs::write(place.join(REVISION), "abc").unwrap();
        assert_eq!(health(place), ("200 OK", r#"{"revision":"abc"}"#.to_owned()));
        std::fs::write(place.join(SETTINGS), "columns = 0\n").unwrap();
        assert!(health(place).0.starts_with("503"));
        std::fs::write(place.join(SETTINGS), "columns = 80\n").unwrap();
        assert!(health(place).0.starts_with("200"));
    }
}
