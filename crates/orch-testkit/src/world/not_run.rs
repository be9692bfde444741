//! Tests that cannot run on a machine are counted, not passed.

use std::ffi::OsStr;
use std::io::Write;

/// Notes that the test `name` was not run here because of `reason`: says so, and adds a line to `record`, the file
/// named by `ORCH_TEST_NOT_RUN`. The test returns after that.
///
/// # Panics
/// If the record cannot be written: a test that nobody counts would look like one that passed.
#[track_caller]
#[expect(clippy::print_stdout, reason = "a test speaks to people through what libtest captures")]
pub fn not_run(record: Option<&OsStr>, name: &str, reason: &str) {
    let line = format!("{name}: {reason}").replace('\n', " ");
    println!("not run here: {line}");
    if let Some(path) = record {
        let written = std::fs::File::options()
            .create(true)
            .append(true)
            .open(path)
            .and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
        assert!(written.is_ok(), "cannot note in {path:?} that {line}: {written:?}");
    }
}
