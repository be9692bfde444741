//! The command as its users run it.

use std::process::Command;

#[test]
fn counts_a_file() {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("command.txt");
    std::fs::write(&file, "one two\nthree\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tally")).arg(&file).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for row in ["lines       2", "words       3", "characters  14"] {
        assert!(text.lines().any(|line| line == row), "{row:?} is missing in\n{text}");
    }
}

#[test]
fn says_which_file_it_cannot_read() {
    let output = Command::new(env!("CARGO_BIN_EXE_tally")).arg("no-such-file").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no-such-file"));
}
