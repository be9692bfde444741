//! Files are short, say what they are, and hold nothing unfinished.

use super::source::Source;
use super::{File, Violation, is_test_file};

/// The longest file one still reads in one sitting.
const LONGEST: usize = 500;

/// Files that may be longer, each with its reason.
const LONGER: &[(&str, &str)] = &[];

/// Calls and attributes of unfinished or sleeping work, with what to do instead.
const UNFINISHED: &[(&str, &str)] = &[
    ("todo!", "finish it or return an error"),
    ("unimplemented!", "finish it or return an error"),
    ("#[ignore", "a test that cannot run here reports itself as not run (CONTRIBUTING.md) and returns"),
];

const SLEEPS: &[&str] = &["thread::sleep", "time::sleep"];

/// Test files that may sleep, each with its reason.
const SLEEPING: &[(&str, &str)] = &[(
    "crates/orch/tests/suite/carried.rs",
    "the one bounded look-again of all end-to-end tests: for processes and files, which nobody announces",
)];

/// Checks one Rust file.
pub fn check(file: &File, source: &Source) -> Vec<Violation> {
    let mut found = Vec::from_iter(length(file, LONGER));
    found.extend(heading(file));
    found.extend(unfinished(file, source));
    found.extend(test_hooks(file, source));
    found
}

fn length(file: &File, exceptions: &[(&str, &str)]) -> Option<Violation> {
    let lines = file.text.lines().count();
    let excepted = exceptions.iter().any(|(path, _)| *path == file.path);
    (lines > LONGEST && !excepted).then(|| {
        let words = format!("{lines} lines; at most {LONGEST}: give each idea its own file");
        Violation::new(&file.path, 0, "length", words)
    })
}

fn heading(file: &File) -> Option<Violation> {
    let is_root = file.path.ends_with("src/lib.rs") || file.path.ends_with("src/main.rs");
    (is_root && !file.text.starts_with("//!")).then(|| {
        Violation::new(&file.path, 1, "heading", "a crate begins with `//!` and one sentence that says what it is")
    })
}

fn unfinished(file: &File, source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    for (line, code) in source.code_lines() {
        for (word, advice) in UNFINISHED {
            if contains_word(code, word) {
                found.push(Violation::new(&file.path, line, "unfinished", format!("`{word}`: {advice}")));
            }
        }
        let test = is_test_file(&file.path) || source.is_test_line(line);
        let excepted = SLEEPING.iter().any(|(path, _)| *path == file.path);
        if test && !excepted && SLEEPS.iter().any(|sleep| code.contains(sleep)) {
            let words = "a test does not sleep: wait for the event itself (a channel, a lock, a line of output)";
            found.push(Violation::new(&file.path, line, "sleep", words));
        }
    }
    for (line, comment) in &source.comments {
        for mark in ["FIXME", "TODO"] {
            if let Some(before) = comment.find(mark) {
                let line = line + comment[..before].matches('\n').count();
                let words = format!("`{mark}` in a comment: finish it, or say as a fact what does not work");
                found.push(Violation::new(&file.path, line, "unfinished", words));
            }
        }
    }
    found
}

fn contains_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

/// `cfg(test)` belongs on a module of tests; anywhere else production code and tested code differ.
fn test_hooks(file: &File, source: &Source) -> Vec<Violation> {
    let code = &source.code;
    let mut found = Vec::new();
    for start in ["cfg(test", "cfg_attr(test", "cfg!(test", "cfg(any(test", "cfg(all(test", "cfg(not(test"] {
        for (at, _) in code.match_indices(start) {
            if !is_allowed_hook(&code[at..], start) {
                let line = code[..at].matches('\n').count() + 1;
                let words = "`cfg(test)` on something other than a module: production code has no test hooks; pass what differs as an argument";
                found.push(Violation::new(&file.path, line, "test hook", words));
            }
        }
    }
    found
}

fn is_allowed_hook(code: &str, start: &str) -> bool {
    let Some(mut rest) = code.strip_prefix(start) else {
        return false;
    };
    match start {
        "cfg(test" => {
            let Some(after) = rest.strip_prefix(")]") else {
                return false;
            };
            rest = after.trim_start();
            // Other attributes may stand between.
            while rest.starts_with("#[") {
                let Some(end) = rest.find(']') else {
                    return false;
                };
                rest = rest[end + 1..].trim_start();
            }
            if let Some(visible) = rest.strip_prefix("pub") {
                rest = visible.trim_start();
                if rest.starts_with('(') {
                    rest = rest.split_once(')').map_or("", |(_, rest)| rest).trim_start();
                }
            }
            rest.starts_with("mod ")
        }
        // Lints say nothing about behaviour.
        "cfg_attr(test" => {
            let lint = rest.trim_start_matches([',', ' ', '\n']);
            lint.starts_with("allow(") || lint.starts_with("expect(")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<&'static str> {
        check(&File::new(path, text), &Source::parse(text)).into_iter().map(|violation| violation.rule).collect()
    }

    const SRC: &str = "crates/orch-git/src/clone.rs";
    const TEST: &str = "crates/orch-git/tests/suite/clone.rs";

    #[test]
    fn a_long_file_is_divided() {
        assert_eq!(rules(SRC, &"\n".repeat(LONGEST)), [""; 0]);
        assert_eq!(rules(SRC, &"\n".repeat(LONGEST + 1)), ["length"]);
        let long = File::new(SRC, &"\n".repeat(LONGEST + 1));
        assert_eq!(length(&long, &[(SRC, "a table")]), None);
    }

    #[test]
    fn a_crate_says_what_it_is() {
        assert_eq!(rules("crates/orch-git/src/lib.rs", "//! Git.\n"), [""; 0]);
        assert_eq!(rules("crates/orch-git/src/lib.rs", "mod a;\n"), ["heading"]);
        assert_eq!(rules(SRC, "mod a;\n"), [""; 0]);
    }

    #[test]
    fn nothing_is_left_unfinished() {
        assert_eq!(rules(SRC, "let todo = \"todo!()\"; my_todo!(); // done\n"), [""; 0]);
        for text in ["todo!()", "unimplemented!()", "#[ignore]\nfn a() {}", "#[ignore = \"slow\"]", "/* a\n FIXME b */"]
        {
            assert_eq!(rules(SRC, text), ["unfinished"], "{text}");
        }
    }

    #[test]
    fn tests_do_not_sleep() {
        let text = "std::thread::sleep(d);";
        assert_eq!(rules(SRC, text), [""; 0]);
        assert_eq!(rules(TEST, text), ["sleep"]);
        assert_eq!(rules(SRC, &format!("#[cfg(test)]\nmod tests {{\n{text}\n}}")), ["sleep"]);
    }

    #[test]
    fn production_code_has_no_test_hooks() {
        for text in [
            "#[cfg(test)]\nmod tests;",
            "#[cfg(test)]\n#[path = \"x\"]\npub(crate) mod tests {}",
            "#![cfg_attr(test, allow(clippy::unwrap_used))]",
            "#[cfg(unix)] fn a() {}",
        ] {
            assert_eq!(rules(SRC, text), [""; 0], "{text}");
        }
        for text in [
            "#[cfg(test)]\nfn a() {}",
            "#[cfg(test)]\nimpl A {}",
            "if cfg!(test) {}",
            "#[cfg(not(test))]\nmod a;",
            "#[cfg_attr(test, derive(Debug))]\nstruct A;",
        ] {
            assert_eq!(rules(SRC, text), ["test hook"], "{text}");
        }
    }
}
