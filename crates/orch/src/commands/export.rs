//! `orch export`.

use std::fs::File;
use std::io::{self, Read, Seek, Write};

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;
use orch_web::view::{DeployReport, DiffView, LogView, PapersView, ShownReport, TaskDetailView};

use super::ids::{self, Named, TaskArg};
use super::redacted::{self, Redactor};
use super::text::counted;
use crate::client::Caller;
use crate::exit::{Exit, Failure};
use crate::screen::Screen;

/// Bytes of a log in one answer.
const PART: u32 = 1024 * 1024;
/// Most deployments that are asked for; those of the task are among the newest.
const DEPLOYMENTS: u32 = 1_000;

/// What stands in the archive's first file.
const ABOUT: &str = "\
This is everything that Orchestrion keeps of one task.

task.json        everything known of it: attempts, gates' evidence, verdicts, findings, who decided, cost
issue.md         what was asked for
documents/       what its agents wrote
change.diff      its whole change
attempts/N.txt   what the agent of attempt N did, line by line; N.log is that as it was printed
checks/N.log     what the tests printed, all tries
outside.json     what is shown of it outside
deployments.json where it was deployed

What looks like a secret was left out and reads [left out]. A log that is missing was not kept any more.
";

/// Write everything that is kept of a task into one archive: texts, evidence, logs.
///
/// What looks like a secret is left out of every text. Logs that the service no longer keeps are missing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  orch export SHOP-003\n  orch export 3 --out /tmp/shop-3.tar.gz")]
pub struct ExportArgs {
    #[command(flatten)]
    pub task: TaskArg,
    /// Where to write it; ID.tar.gz in this folder if left out. What is there is never overwritten.
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<Utf8PathBuf>,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such task, or the archive cannot be written.
pub fn run(args: &ExportArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let task = ids::task(&args.task, caller)?;
    let out = args.out.clone().unwrap_or_else(|| format!("{}.tar.gz", task.id).into());
    let file = File::create_new(&out).map_err(|error| {
        let fix = match error.kind() {
            io::ErrorKind::AlreadyExists => "name another file: --out FILE",
            _ => "name a file in a folder of yours: --out FILE",
        };
        Failure::new(Exit::Failed, format!("the archive cannot be made: {error}")).at(out.as_str()).fix(fix)
    })?;
    let written = Archive::new(file, task.id.clone()).write(&task, caller);
    let (files, bytes) = written.inspect_err(|_| {
        // Half an archive is none. What cannot be removed either is told by the error itself.
        let _half = std::fs::remove_file(&out);
    })?;
    screen.json(&serde_json::json!({"file": out, "files": files, "bytes": bytes}));
    screen.line(&format!("{out}: {}, {}", counted(files, "file"), size(bytes)));
    Ok(())
}

/// `3.4 MB`.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// An archive that is being written.
struct Archive {
    tar: tar::Builder<GzEncoder<File>>,
    top: String,
    files: u64,
}

impl Archive {
    fn new(file: File, top: String) -> Self {
        Self { tar: tar::Builder::new(GzEncoder::new(file, Compression::default())), top, files: 0 }
    }

    /// How many files, and how many bytes the archive has.
    fn write(mut self, task: &Named, caller: &Caller) -> Result<(u64, u64), Failure> {
        let at = task.address();
        let detail: TaskDetailView = caller.read(&at)?;
        self.text("README.txt", ABOUT)?;
        self.value("task.json", &detail)?;
        self.text("issue.md", &format!("# {}\n\n{}\n", detail.task.title, detail.description))?;
        let papers: PapersView = caller.read(&format!("{at}/documents"))?;
        for paper in &papers.documents {
            self.text(&format!("documents/{}", within(&paper.path)), &paper.text)?;
        }
        let change: DiffView = caller.read(&format!("{at}/diff"))?;
        let cut = if change.cut { "\n(there is more of it)\n" } else { "" };
        self.text("change.diff", &format!("{}{cut}", change.diff))?;
        for attempt in &detail.attempt_list {
            let number = attempt.number;
            self.log(&format!("attempts/{number}.txt"), &format!("{at}/log?attempt={number}&readable=true"), caller)?;
            self.log(&format!("attempts/{number}.log"), &format!("{at}/log?attempt={number}"), caller)?;
        }
        for number in 1..=detail.checks.len() {
            self.log(&format!("checks/{number}.log"), &format!("{at}/log?check={number}"), caller)?;
        }
        self.value("outside.json", &caller.read::<ShownReport>(&format!("{at}/shown"))?)?;
        let mut deploys: DeployReport = caller.read(&format!("/api/v1/deployments?limit={DEPLOYMENTS}"))?;
        let repository = &detail.task.repository;
        deploys.deployments.retain(|one| one.work_item.as_ref() == Some(&task.id) && one.repository == *repository);
        self.value("deployments.json", &deploys.deployments)?;
        let file = self.tar.into_inner().and_then(GzEncoder::finish).map_err(unwritten)?;
        file.sync_all().map_err(unwritten)?;
        Ok((self.files, file.metadata().map_err(unwritten)?.len()))
    }

    fn value(&mut self, name: &str, value: &impl serde::Serialize) -> Result<(), Failure> {
        let internal = |error| Failure::new(Exit::Internal, format!("{name} cannot be written as JSON: {error}"));
        let mut value = serde_json::to_value(value).map_err(internal)?;
        redacted::json(&mut value);
        self.file(name, serde_json::to_string_pretty(&value).map_err(internal)?.as_bytes())
    }

    fn text(&mut self, name: &str, text: &str) -> Result<(), Failure> {
        self.file(name, Redactor::text(text).as_bytes())
    }

    /// A log of any length, part by part; one that is not kept any more is left out.
    fn log(&mut self, name: &str, address: &str, caller: &Caller) -> Result<(), Failure> {
        let mut kept = tempfile::tempfile().map_err(unwritten)?;
        let (mut redactor, mut begun, mut offset) = (Redactor::default(), String::new(), 0);
        loop {
            let part: LogView = match caller.read(&format!("{address}&max={PART}&offset={offset}")) {
                Ok(part) => part,
                Err(gone) if gone.exit == Exit::NotFound => return Ok(()),
                Err(failure) => return Err(failure),
            };
            begun.push_str(&part.text);
            let whole = begun.rfind('\n').map_or(0, |end| end + 1);
            let (lines, rest) = begun.split_at(whole);
            for line in lines.lines().filter_map(|line| redactor.line(line)) {
                writeln!(kept, "{line}").map_err(unwritten)?;
            }
            begun = rest.to_owned();
            if part.ended || part.next <= offset {
                break;
            }
            offset = part.next;
        }
        if let Some(line) = redactor.line(&begun).filter(|line| !line.is_empty()) {
            writeln!(kept, "{line}").map_err(unwritten)?;
        }
        let length = kept.stream_position().map_err(unwritten)?;
        kept.rewind().map_err(unwritten)?;
        self.append(name, length, kept)
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.append(name, bytes.len() as u64, bytes)
    }

    fn append(&mut self, name: &str, length: u64, content: impl Read) -> Result<(), Failure> {
        let mut header = tar::Header::new_gnu();
        header.set_size(length);
        header.set_mode(0o644);
        header.set_mtime(u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0));
        self.files += 1;
        self.tar.append_data(&mut header, format!("{}/{name}", self.top), content).map_err(unwritten)
    }
}

fn unwritten(error: io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("the archive cannot be written: {error}"))
        .fix("make room there, or name another file: --out FILE")
}

/// A path from the repository that stays inside the archive, whatever it is called.
fn within(path: &str) -> Utf8PathBuf {
    Utf8Path::new(path).components().filter(|part| matches!(part, camino::Utf8Component::Normal(_))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_document_leaves_the_archive() {
        for (path, inside) in
            [("docs/a.md", "docs/a.md"), ("../../etc/x", "etc/x"), ("/etc/x", "etc/x"), ("a/./b", "a/b")]
        {
            assert_eq!(within(path), inside);
        }
        assert_eq!((size(1), size(3_400_000)), ("1 kB".to_owned(), "3.4 MB".to_owned()));
    }
}
