//! What a set-up made, kept from run to run: packed by the run of a test that is green on the base branch or lands, between
//! its set-up and its tests, when nothing of the set-up runs any more and nothing of the tests has begun.
//!
//! A run that finds it has it unpacked before its own set-up. Where every file is as it was, that is the result; where others
//! have changed than those that say what is fetched, the set-up runs over it; else it begins with nothing.

use std::fs::{self, File};
use std::io::{self, BufRead, Read};
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use orch_ports::error::PortResult;
use orch_ports::runner::Runner;
use orch_rules::ecosystem;
use sha2::{Digest, Sha256};

use crate::perform::set_up::{DONE, LINE};

/// The file in the folder that a test leaves it in.
pub(crate) const PACKED: &str = "set-up.tar";
/// Begins the line that its digest stands on.
const KEPT: &str = "kept for later runs: ";
/// Older than that it is made anew: what a set-up fetches without a lock file moves on.
const DAYS: u64 = 7;

/// What both scripts know: where they keep their own, and what lies in the clone besides git's.
pub(crate) const COMMON: &str = r#"
own=$HOME/.orch-set-up
here() { find . -mindepth 1 -path ./.git -prune -o -mindepth 1 -print0 | LC_ALL=C sort -z; }
"#;

/// Arguments: the folder to pack into, and blocks of 512 bytes that it may have. What set-ups leave behind for it is a file
/// with two lines: what says which packages there are, and all files.
const PACK: &str = r#"
[ -f "$own/ids" ] || exit 0
ulimit -f "$2" 2>/dev/null
here | LC_ALL=C comm -z -13 "$own/before" - >"$own/new" &&
    tar -cf "$own/tree.tar" --no-recursion --null -T "$own/new" 2>/dev/null &&
    tar -cf "$own/home.tar" -C "$HOME" --exclude=./.orch-set-up . 2>/dev/null &&
    tar -cf "$1/set-up.tar" -C "$own" ids tree.tar home.tar 2>/dev/null &&
    sum=$(sha256sum <"$1/set-up.tar") && printf 'set-up| kept for later runs: %s\n' "${sum%% *}" ||
    rm -f "$1/set-up.tar"
rm -rf "$own"
exit 0
"#;

/// Files beside those of ecosystems that say what a set-up makes.
const MORE: [&str; 16] = [
    "Pipfile",
    "Pipfile.lock",
    "pdm.lock",
    "bun.lock",
    "composer.json",
    "composer.lock",
    "mix.exs",
    "mix.lock",
    "pnpm-workspace.yaml",
    ".npmrc",
    ".yarnrc.yml",
    ".nvmrc",
    ".python-version",
    ".ruby-version",
    ".tool-versions",
    "rust-toolchain.toml",
];

/// Finds, in what `git ls-files -s` prints, the files that say what is fetched, wherever they lie (grep(1), `-E`).
pub(crate) fn manifests() -> String {
    let of = ecosystem::ALL.iter().flat_map(|ecosystem| ecosystem.files.iter());
    let mut names: Vec<String> = of.chain(&MORE).map(|name| name.replace('.', r"\.")).collect();
    names.sort();
    names.dedup();
    format!("[\t/]({}|[^/]*require[^/]*\\.(txt|in)|require[^/]*/[^/]*)$", names.join("|"))
}

/// The command that packs it.
pub(crate) fn command(folder: &Utf8Path, most_bytes: u64) -> Vec<String> {
    let script = format!("{COMMON}{PACK}");
    let words = ["/bin/sh", "-c", &script, "pack", folder.as_str(), &(most_bytes / 512).to_string()];
    words.map(str::to_owned).to_vec()
}

/// The file, if it is young enough to be used.
pub(crate) fn usable(file: Utf8PathBuf) -> Option<Utf8PathBuf> {
    let made = fs::metadata(&file).and_then(|found| found.modified()).ok()?;
    let age = SystemTime::now().duration_since(made).unwrap_or_default();
    (age < Duration::from_secs(DAYS * 24 * 3600)).then_some(file)
}

/// Removes what lies in `folder` unless it is, to the byte, what was packed before the tests of this run began: they write
/// where it lies. The run has ended and everything of it is dead.
///
/// # Errors
/// The runner's.
pub(crate) fn without_what_tests_wrote(folder: &Utf8Path, runner: &dyn Runner, run: &str) -> PortResult<()> {
    let file = folder.join(PACKED);
    if fs::symlink_metadata(&file).is_err() {
        return Ok(());
    }
    let said = digest_said(&mut *runner.raw_output(run)?);
    let plain = fs::symlink_metadata(&file).is_ok_and(|found| found.is_file());
    if !plain || said.is_none() || said != digest(&file).ok() {
        // It may be a folder by now; then nobody takes it.
        let _ = fs::remove_file(&file);
    }
    Ok(())
}

fn digest(file: &Utf8Path) -> io::Result<String> {
    let (mut hasher, mut file, mut part) = (Sha256::new(), File::open(file)?, vec![0; 1 << 16]);
    loop {
        match file.read(&mut part)? {
            0 => break,
            length => hasher.update(&part[..length]),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The digest in the log: the line right after the set-up's end, where only the packing prints.
fn digest_said(log: &mut dyn BufRead) -> Option<String> {
    let mut lines = log.split(b'\n').map_while(Result::ok);
    lines.find(|line| line == DONE.as_bytes())?;
    let line = String::from_utf8(lines.next()?).ok()?;
    Some(line.strip_prefix(LINE)?.strip_prefix(KEPT)?.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::process::Command;

    use orch_rules::repository_file::RepositoryFile;

    use super::*;
    use crate::cache::Lent;
    use crate::perform::set_up;

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            let place = Self(tempfile::Builder::new().prefix("a b").tempdir().unwrap());
            for folder in ["left", "caches"] {
                fs::create_dir(place.at(folder)).unwrap();
            }
            place
        }

        fn at(&self, name: &str) -> Utf8PathBuf {
            Utf8PathBuf::from_path_buf(self.0.path().canonicalize().unwrap().join(name)).unwrap()
        }

        /// A fresh checkout with these files, beside what every one has.
        fn checkout(&self, files: &[(&str, &str)]) {
            let _ = fs::remove_dir_all(self.at("code"));
            let _ = fs::remove_dir_all(self.at("home"));
            for (name, text) in [("package.json", "{}"), ("src/a.js", "a")].iter().chain(files) {
                let file = self.at("code").join(name);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, text).unwrap();
            }
            for step in [&["init", "--quiet"][..], &["add", "--all"]] {
                orch_testkit::git(self.at("code").as_std_path(), step).unwrap();
            }
        }

        /// A set-up in the checkout, which leaves what it made if it shall; what it printed.
        fn set_up(&self, command: &str, leaves: bool) -> String {
            let file = RepositoryFile { setup_command: Some(command.to_owned()), ..RepositoryFile::default() };
            let lent = Lent { kept: usable(self.at("caches/kept")), ..Lent::default() };
            let then = if leaves { self::command(&self.at("left"), 1 << 30) } else { Vec::new() };
            let at = set_up::At { appears: Some(&self.at("code")), leaves };
            let made = set_up::of(Some(&file), &BTreeMap::new(), &lent, None, &then, &at).unwrap();
            [made.argv, made.then].iter().filter(|words| !words.is_empty()).fold(String::new(), |said, words| {
                let mut command = Command::new(&words[0]);
                command.args(&words[1..]).current_dir(self.at("code")).env("HOME", self.at("home"));
                let output = command.output().unwrap();
                said + &String::from_utf8_lossy(&output.stdout)
            })
        }

        fn text(&self, name: &str) -> String {
            fs::read_to_string(self.at(name)).unwrap_or_default()
        }
    }

    /// Adds a line to something in the clone and in the home each time it runs.
    const SET_UP: &str =
        "mkdir -p deps \"$HOME/t\"; echo made >> 'deps/a b'; echo made >> \"$HOME/t/tool\"; ln -sf b deps/l";

    fn kept(place: &Place) -> String {
        place.checkout(&[]);
        let said = place.set_up(SET_UP, true);
        fs::rename(place.at("left/set-up.tar"), place.at("caches/kept")).unwrap();
        said
    }

    #[test]
    fn the_same_files_have_it_as_it_is_and_others_have_it_done_over() {
        let place = Place::new();
        assert!(kept(&place).contains("set-up| kept for later runs: "));
        let document = ("docs/work-items/SHOP-1/01-brd.md", "what a task writes");
        for (what, files, times) in [
            ("the same", &[][..], 1),
            ("a document of the line", &[document], 1),
            ("another source", &[("src/a.js", "b")], 2),
            ("one more source", &[("src/b.js", "b")], 2),
        ] {
            place.checkout(files);
            let said = place.set_up(SET_UP, false);
            assert_eq!(place.text("code/deps/a b"), "made\n".repeat(times), "{what}: {said}");
            assert_eq!(place.text("home/t/tool"), "made\n".repeat(times), "{what}");
            assert!(place.at("code/deps/l").is_symlink() && !place.at("home/.orch-set-up").exists(), "{what}");
        }
    }

    #[test]
    fn other_packages_or_another_command_begin_with_nothing() {
        let place = Place::new();
        kept(&place);
        for (what, file) in [
            ("a manifest", ("package.json", "{ }")),
            ("a lock file", ("package-lock.json", "{}")),
            ("one further down", ("apps/web/package.json", "{}")),
            ("requirements of a folder", ("requirements/dev.txt", "x")),
        ] {
            place.checkout(&[file]);
            place.set_up(SET_UP, false);
            assert_eq!(place.text("code/deps/a b"), "made\n", "{what}");
        }
        place.checkout(&[]);
        place.set_up(&format!("{SET_UP}; true"), false);
        assert_eq!(place.text("code/deps/a b"), "made\n");
    }

    #[test]
    fn what_is_in_the_commit_is_never_replaced_and_what_does_not_fit_is_made_anew() {
        let place = Place::new();
        kept(&place);
        place.checkout(&[("deps/a b", "mine\n")]);
        place.set_up(SET_UP, false);
        assert_eq!(place.text("code/deps/a b"), "mine\nmade\n");
        // One that cannot run twice.
        let once = "mkdir deps && echo made > deps/x && mkdir \"$HOME/t\"";
        place.checkout(&[]);
        place.set_up(once, true);
        fs::rename(place.at("left/set-up.tar"), place.at("caches/kept")).unwrap();
        place.checkout(&[("src/a.js", "b")]);
        let said = place.set_up(once, false);
        assert!(said.contains("made anew") && !said.contains("failed"), "{said}");
        assert_eq!(place.text("code/deps/x"), "made\n");
    }

    #[test]
    fn what_changes_files_of_the_commit_is_done_over_each_time() {
        let place = Place::new();
        place.checkout(&[]);
        let patching = format!("{SET_UP}; echo b >> src/a.js");
        place.set_up(&patching, true);
        fs::rename(place.at("left/set-up.tar"), place.at("caches/kept")).unwrap();
        place.checkout(&[]);
        place.set_up(&patching, false);
        assert_eq!((place.text("code/src/a.js"), place.text("code/deps/a b")), ("ab\n".into(), "made\nmade\n".into()));
    }

    #[test]
    fn the_digest_counts_only_where_no_test_can_have_printed_it() {
        let said = |log: &str| digest_said(&mut log.as_bytes());
        assert_eq!(said(&format!("x\n{DONE}\n{LINE}{KEPT}ab\ntest\n")).as_deref(), Some("ab"));
        for log in [
            format!("{LINE}{KEPT}ab\n{DONE}\ntest\n"),
            format!("{DONE}\ntest\n{LINE}{KEPT}ab\n"),
            format!("{DONE}\n{KEPT}ab\n"),
            format!("{LINE}{KEPT}ab\n"),
        ] {
            assert_eq!(said(&log), None, "{log}");
        }
    }
}
