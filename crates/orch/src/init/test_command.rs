//! Which command tests a project. Only names and small files are looked at; nothing is run.

use std::os::unix::fs::PermissionsExt;

use camino::Utf8Path;

/// A way to test that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// For `sh -c` in the top folder.
    pub command: &'static str,
    /// Why: the file and what it means.
    pub why: &'static str,
}

/// Largest file that is looked into, in bytes. A manifest is small; an enormous one is no manifest.
const LARGEST: u64 = 4 << 20;

/// All ways that were found, the one to take first. What the project wrote for exactly this purpose goes before a
/// target of its own, and that before what its language usually means: a `Makefile` or `.ci/run` often calls the
/// latter and more. Of several languages, the one that builds goes before the one that glues.
pub fn detect(top: &Utf8Path) -> Vec<Found> {
    let mut found = Vec::new();
    let mut take = |when: bool, command, why| {
        if when {
            found.push(Found { command, why });
        }
    };
    let script = std::fs::metadata(top.join(".ci/run")).ok().filter(std::fs::Metadata::is_file);
    let runs = script.as_ref().is_some_and(|m| m.permissions().mode() & 0o111 != 0);
    take(runs, ".ci/run", "the project's own check script");
    take(script.is_some() && !runs, "sh .ci/run", "the project's own check script");
    let makefile = ["GNUmakefile", "makefile", "Makefile"].iter().find_map(|name| text(top, name));
    take(makefile.is_some_and(|m| has_target(&m, "test")), "make test", "the Makefile has a `test` target");
    take(is_file(top, "Cargo.toml"), "cargo test", "Cargo.toml: a Rust project");
    take(is_file(top, "go.mod"), "go test ./...", "go.mod: a Go project");
    take(is_file(top, "pom.xml"), "mvn -q test", "pom.xml: a Maven project");
    take(is_pytest(top), "python3 -m pytest", "a Python project with tests");
    take(text(top, "package.json").is_some_and(|p| has_npm_test(&p)), "npm test", "package.json has a `test` script");
    found
}

fn is_file(top: &Utf8Path, name: &str) -> bool {
    top.join(name).is_file()
}

fn text(top: &Utf8Path, name: &str) -> Option<String> {
    let file = top.join(name);
    let known = std::fs::metadata(&file).ok()?;
    // A FIFO would block, a huge file would fill the memory.
    if !known.is_file() || known.len() > LARGEST {
        return None;
    }
    std::fs::read(&file).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a makefile has a rule for `target`: a line of its own that names it before a colon.
fn has_target(makefile: &str, target: &str) -> bool {
    makefile.lines().any(|line| {
        line.split_once(':').is_some_and(|(names, rest)| {
            !line.starts_with(['\t', ' ', '#'])
                // `test := x` is a variable.
                && !rest.starts_with('=') && !rest.starts_with(":=")
                && names.split_whitespace().any(|name| name == target)
        })
    })
}

/// Whether a `package.json` has a test script other than the placeholder of `npm init`.
fn has_npm_test(manifest: &str) -> bool {
    let manifest: serde_json::Value = serde_json::from_str(manifest).unwrap_or_default();
    manifest["scripts"]["test"]
        .as_str()
        .is_some_and(|script| !script.trim().is_empty() && !script.contains("no test specified"))
}

fn is_pytest(top: &Utf8Path) -> bool {
    let says_pytest = |name| text(top, name).is_some_and(|t| t.contains("pytest"));
    let is_python = ["pyproject.toml", "setup.py", "setup.cfg", "requirements.txt"].iter().any(|n| is_file(top, n));
    is_file(top, "pytest.ini")
        || says_pytest("pyproject.toml")
        || says_pytest("setup.cfg")
        || says_pytest("tox.ini")
        || says_pytest("requirements-dev.txt")
        || (is_python && (top.join("tests").is_dir() || top.join("test").is_dir()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[(&str, &str)]) -> Vec<&'static str> {
        let dir = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(dir.path()).unwrap();
        for (name, content) in files {
            let file = top.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, content).unwrap();
        }
        detect(top).into_iter().map(|f| f.command).collect()
    }

    #[test]
    fn each_kind_of_project() {
        let npm = |script: &str| format!("{{\"scripts\":{{\"test\":\"{script}\"}}}}");
        for (files, command) in [
            (vec![("Cargo.toml", "[package]")], "cargo test"),
            (vec![("package.json", npm("vitest").as_str())], "npm test"),
            (vec![("go.mod", "module x")], "go test ./..."),
            (vec![("pyproject.toml", "[tool.pytest.ini_options]")], "python3 -m pytest"),
            (vec![("setup.py", ""), ("tests/test_a.py", "")], "python3 -m pytest"),
            (vec![("Makefile", "all:\n\ttrue\ntest: all\n\ttrue\n")], "make test"),
            (vec![("pom.xml", "<project/>")], "mvn -q test"),
            (vec![(".ci/run", "#!/bin/sh\n")], "sh .ci/run"),
        ] {
            assert_eq!(project(&files), [command], "{files:?}");
        }
    }

    #[test]
    fn what_is_no_test_is_not_taken_for_one() {
        let placeholder = r#"{"scripts":{"test":"echo \"Error: no test specified\" && exit 1"}}"#;
        assert_eq!(project(&[("package.json", placeholder)]), [""; 0]);
        assert_eq!(project(&[("package.json", "not json")]), [""; 0]);
        assert_eq!(project(&[("Makefile", "test := 1\n# test: no\n\ttest: x\nlatest:\n")]), [""; 0]);
        assert_eq!(project(&[("pyproject.toml", "[project]")]), [""; 0]);
        assert_eq!(project(&[("README.md", "pytest")]), [""; 0]);
    }

    #[test]
    fn of_several_the_most_specific_goes_first() {
        let files = [
            ("package.json", r#"{"scripts":{"test":"x"}}"#),
            ("Cargo.toml", ""),
            ("Makefile", "lint test:\n"),
            (".ci/run", ""),
        ];
        assert_eq!(project(&files), ["sh .ci/run", "make test", "cargo test", "npm test"]);
    }
}
