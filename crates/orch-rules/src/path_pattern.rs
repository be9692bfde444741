//! Patterns of paths in a repository: which ones are protected, which ones a check takes from the base branch.
//!
//! `*` stands for any text within one segment, `**` as a whole segment for any number of segments, none included. A
//! pattern that ends in a plain name means the file of that name, and everything below a folder of that name.

use crate::pipeline::segment_matches;

/// Whether a path (from the top of the repository, `/` between its parts) matches one of the patterns.
pub fn any_matches(patterns: &[String], path: &str) -> bool {
    patterns.iter().any(|pattern| path_matches(pattern, path))
}

/// Whether a path matches a pattern.
pub fn path_matches(pattern: &str, path: &str) -> bool {
    let patterns: Vec<&str> = pattern.trim_end_matches('/').split('/').collect();
    let segments: Vec<&str> = path.split('/').collect();
    // A name in the last place, and nothing that already says how deep, covers what is below it.
    let covers_below = patterns.last().is_some_and(|last| !last.contains('*'));
    let (mut at, mut seen) = (0, 0);
    // Where to go on if what follows the last `**` does not fit: one segment more is left to it.
    let mut again: Option<(usize, usize)> = None;
    loop {
        let done = at == patterns.len();
        if done && (seen == segments.len() || covers_below) {
            return true;
        }
        if !done && patterns[at] == "**" {
            again = Some((at + 1, seen));
            at += 1;
            continue;
        }
        if !done && seen < segments.len() && segment_matches(patterns[at], segments[seen]) {
            at += 1;
            seen += 1;
            continue;
        }
        match again {
            Some((after, from)) if from < segments.len() => {
                again = Some((after, from + 1));
                (at, seen) = (after, from + 1);
            }
            _ => return false,
        }
    }
}

/// Whether a pattern may match something below a path. One that begins with `**` may match anywhere, and is not asked.
pub fn may_match_below(pattern: &str, path: &str) -> bool {
    let mut patterns = pattern.trim_end_matches('/').split('/').peekable();
    if patterns.peek() == Some(&"**") {
        return false;
    }
    for segment in path.split('/') {
        match patterns.next() {
            Some("**") => return true,
            Some(pattern) if segment_matches(pattern, segment) => {}
            _ => return false,
        }
    }
    patterns.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_table() {
        let rows: &[(&str, &[&str], &[&str])] = &[
            // pattern, what it matches, what it does not
            (".orch/**", &[".orch", ".orch/orch.toml", ".orch/agents/x.md"], &[".orchid", "a/.orch/x", ".orch2/x"]),
            (".orch", &[".orch", ".orch/orch.toml", ".orch/a/b"], &[".orchid", "a/.orch"]),
            (".ci/", &[".ci", ".ci/run"], &[".cid/run"]),
            (".ci/*", &[".ci/run"], &[".ci", ".ci/a/b"]),
            ("*.toml", &["Cargo.toml"], &["a/Cargo.toml", "Cargo.toml.bak"]),
            ("**/*.toml", &["Cargo.toml", "a/Cargo.toml", "a/b/c.toml"], &["a/b/c.tom"]),
            ("**", &["a", "a/b", "a/b/c"], &[]),
            (
                "tests/**/golden/*.txt",
                &["tests/golden/a.txt", "tests/x/golden/a.txt", "tests/golden/b/golden/a.txt"],
                &["tests/golden/a.bin", "tests/golden/a/b.txt", "golden/a.txt"],
            ),
            ("a/**/b", &["a/b", "a/x/b", "a/x/b/y", "a/b/c/b"], &["a/x", "b", "a"]),
            ("**/x/**", &["x", "x/a", "a/x", "a/x/b"], &["a/y", "xx"]),
            ("a/**/b/**/c*", &["a/b/c", "a/b/x/cd", "a/b/x/b/y/c"], &["a/c", "a/b/x"]),
            ("Makefile", &["Makefile"], &["makefile", "a/Makefile"]),
        ];
        for (pattern, good, bad) in rows {
            for path in *good {
                assert!(path_matches(pattern, path), "{pattern} should match {path}");
            }
            for path in *bad {
                assert!(!path_matches(pattern, path), "{pattern} should not match {path}");
            }
        }
        assert!(!any_matches(&[], "a"));
        assert!(any_matches(&["x".to_owned(), "a/*".to_owned()], "a/b"));
    }

    #[test]
    fn what_may_lie_below() {
        for (pattern, good, bad) in [
            (".github/workflows/**", &[".github", ".github/workflows"][..], &["x", ".github/other", "a/.github"][..]),
            ("a/*/b", &["a", "a/x"], &["a/x/b", "b"]),
            ("a/**/b", &["a", "a/x", "a/x/y"], &["b"]),
            ("ci", &[], &["ci", "c"]),
            ("**/CLAUDE.md", &[], &["a"]),
        ] {
            for path in good {
                assert!(may_match_below(pattern, path), "{pattern} below {path}");
            }
            for path in bad {
                assert!(!may_match_below(pattern, path), "{pattern} below {path}");
            }
        }
    }

    /// A pattern of many `**` on a deep path ends soon: it never goes back behind the last one.
    #[test]
    fn a_wild_pattern_is_no_trap() {
        let path = "a/".repeat(2000) + "b";
        assert!(!path_matches(&("**/a/".repeat(200) + "c"), &path));
    }
}
