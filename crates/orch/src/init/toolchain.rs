//! Which commands make a clone of a project ready and test it. Only names and small files are looked at; nothing is run.

mod node;
mod others;
mod python;

use std::os::unix::fs::PermissionsExt;

use camino::Utf8Path;

/// How a project is made ready and tested, as far as its files tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Detected {
    /// All ways to test it that were found, the one to take first.
    pub tests: Vec<Found>,
    /// What makes a new clone ready, for `sh -c` in the top folder; `None` if git's own files are enough.
    pub set_up: Option<Found>,
}

/// A command that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// For `sh -c` in the top folder.
    pub command: String,
    /// Why: the file and what it means.
    pub why: String,
}

/// What one language's files say.
#[derive(Debug, Default)]
struct Language {
    test: Option<Found>,
    set_up: Option<Found>,
    /// A folder of programs that the set-up makes, from the top: what the project wrote itself finds them on its PATH.
    programs: Option<&'static str>,
}

impl Found {
    fn new(command: impl Into<String>, why: impl Into<String>) -> Self {
        Self { command: command.into(), why: why.into() }
    }
}

/// Largest file that is looked into, in bytes. A manifest is small; an enormous one is no manifest.
const LARGEST: u64 = 4 << 20;

/// Looks at the top folder. What the project wrote for exactly this purpose goes before a target of its own, and that
/// before what its language usually means: a `Makefile` or `.ci/run` often calls the latter and more. Of several
/// languages, the one that builds goes before the one that glues; each of them is made ready.
pub fn detect(top: &Utf8Path) -> Detected {
    let languages: Vec<Language> = others::all(top).into_iter().chain([python::read(top), node::read(top)]).collect();
    let programs: Vec<&str> = languages.iter().filter_map(|language| language.programs).collect();
    let own = own(top);
    let asked_for = |language: &Language| language.test.is_some() || !own.is_empty();
    let set_ups: Vec<Found> = languages.iter().filter(|l| asked_for(l)).filter_map(|l| l.set_up.clone()).collect();
    let own = own.into_iter().map(|found| match programs.as_slice() {
        [] => found,
        folders => {
            let folders: Vec<String> = folders.iter().map(|folder| format!("$PWD/{folder}")).collect();
            Found { command: format!("PATH=\"{}:$PATH\" {}", folders.join(":"), found.command), ..found }
        }
    });
    let mut tests: Vec<Found> = own.collect();
    tests.extend(languages.iter().filter_map(|language| language.test.clone()));
    if tests.is_empty() {
        tests.extend(script(top));
    }
    let set_up = set_ups.into_iter().reduce(|all, next| {
        Found::new(format!("{} && {}", all.command, next.command), format!("{}, {}", all.why, next.why))
    });
    Detected { tests, set_up }
}

/// Programs that a command starts by a bare name and that none of the folders of `path` has. What a shell does by itself
/// and what the command puts on its own PATH are no programs of this machine.
pub fn missing(command: &str, path: &str) -> Vec<String> {
    const BUILT_IN: &[&str] = &["cd", "export", "set", "test", "[", "exit", ".", "exec", "true", "false", "echo", "("];
    let mut missing = Vec::new();
    for part in command.split(['&', ';', '|', '\n']) {
        let mut words = part.split_whitespace();
        let Some(program) = words.find(|word| !word.contains('=')) else { continue };
        let plain = program.chars().all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c));
        let there = || std::env::split_paths(path).any(|folder| folder.join(program).is_file());
        if plain && !BUILT_IN.contains(&program) && !there() && !missing.iter().any(|other| other == program) {
            missing.push(program.to_owned());
        }
    }
    missing
}

/// Words of a command that name an ecosystem whose packages can be kept, and its manifest, which says so where the command
/// is the project's own.
const ECOSYSTEMS: &[(&str, &[&str], &[&str])] = &[
    ("npm", &["npm", "npx"], &["package-lock.json", "npm-shrinkwrap.json"]),
    ("pnpm", &["pnpm"], &["pnpm-lock.yaml"]),
    ("yarn", &["yarn"], &["yarn.lock"]),
    ("pip", &["pip", "pip3", "tox", "nox"], &[]),
    ("uv", &["uv"], &["uv.lock"]),
    ("poetry", &["poetry"], &["poetry.lock"]),
    ("cargo", &["cargo"], &["Cargo.toml"]),
    ("go", &["go"], &["go.mod"]),
    ("bundler", &["bundle"], &["Gemfile"]),
    ("maven", &["mvn", "mvnw"], &["pom.xml"]),
    ("gradle", &["gradle", "gradlew"], &["build.gradle", "build.gradle.kts"]),
];

/// Ecosystems whose packages these commands fetch. One that says it fetches nothing finds its packages where the machine has
/// them, and a cache in that place would hide them.
pub fn caches(top: &Utf8Path, commands: &[&str]) -> Vec<String> {
    let words = |command: &str| -> Vec<String> {
        let words = command.split(|c: char| c.is_whitespace() || "&|;/()".contains(c));
        words.map(str::to_owned).collect()
    };
    let words: Vec<Vec<String>> =
        commands.iter().map(|command| words(command)).filter(|words| fetches(words)).collect();
    let used = ECOSYSTEMS.iter().filter(|(_, programs, manifests)| {
        words.iter().flatten().any(|word| programs.contains(&word.as_str()))
            || (!words.is_empty() && first(top, manifests).is_some())
    });
    used.map(|(name, ..)| (*name).to_owned()).collect()
}

/// Whether a command of these words may fetch anything. `--frozen` is a lock file's for most, and for Cargo `--offline`, too.
fn fetches(words: &[String]) -> bool {
    let has = |wanted: &str| words.iter().any(|word| word == wanted);
    let stays = ["--offline", "--no-index", "GOPROXY=off", "GOFLAGS=-mod=vendor", "-mod=vendor"];
    !(stays.into_iter().any(has) || (has("cargo") && has("--frozen")) || has("CARGO_NET_OFFLINE=true"))
}

/// What the project wrote for exactly this purpose.
fn own(top: &Utf8Path) -> Vec<Found> {
    let mut found = Vec::new();
    if is_file(top, ".ci/run") {
        let command = if runs(top, ".ci/run") { ".ci/run" } else { "sh .ci/run" };
        found.push(Found::new(command, "the project's own check script"));
    }
    let makefile = ["GNUmakefile", "makefile", "Makefile"].iter().find_map(|name| text(top, name));
    if makefile.is_some_and(|makefile| has_target(&makefile, "test")) {
        found.push(Found::new("make test", "the Makefile has a `test` target"));
    }
    let just = ["justfile", "Justfile", ".justfile"].iter().find_map(|name| text(top, name));
    if just.is_some_and(|recipes| has_target(&recipes, "test")) {
        found.push(Found::new("just test", "the justfile has a `test` recipe"));
    }
    found
}

/// A script that is called as if it tested, where nothing else was found.
fn script(top: &Utf8Path) -> Option<Found> {
    let name = ["test.sh", "tests.sh", "run_tests.sh", "run-tests.sh", "script/test", "scripts/test"]
        .into_iter()
        .find(|name| is_file(top, name))?;
    let command = if runs(top, name) { format!("./{name}") } else { format!("sh {name}") };
    Some(Found::new(command, format!("{name} is called as if it tested")))
}

fn is_file(top: &Utf8Path, name: &str) -> bool {
    top.join(name).is_file()
}

fn runs(top: &Utf8Path, name: &str) -> bool {
    std::fs::metadata(top.join(name)).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// The first of these files that is there.
fn first(top: &Utf8Path, names: &[&'static str]) -> Option<&'static str> {
    names.iter().copied().find(|name| is_file(top, name))
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

/// Whether a makefile or a justfile has a rule for `target`: a line of its own that names it before a colon.
fn has_target(makefile: &str, target: &str) -> bool {
    makefile.lines().any(|line| {
        line.split_once(':').is_some_and(|(names, rest)| {
            !line.starts_with(['\t', ' ', '#'])
                // `test := x` is a variable.
                && !rest.starts_with('=') && !rest.starts_with(":=")
                && names.split_whitespace().any(|name| name.trim_start_matches('@') == target)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Detected in a folder with these files; `!NAME` may be executed.
    fn project(files: &[(&str, &str)]) -> Detected {
        let dir = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(dir.path()).unwrap();
        for (name, content) in files {
            let file = top.join(name.trim_start_matches('!'));
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, content).unwrap();
            if name.starts_with('!') {
                std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        detect(top)
    }

    fn tests_of(files: &[(&str, &str)]) -> Vec<String> {
        project(files).tests.into_iter().map(|found| found.command).collect()
    }

    /// The first test command and the set-up; empty where there is none.
    fn commands(files: &[(&str, &str)]) -> (String, String) {
        let found = project(files);
        let command = |found: Option<Found>| found.map(|found| found.command).unwrap_or_default();
        (command(found.tests.into_iter().next()), command(found.set_up))
    }

    const NPM: &str = r#"{"scripts":{"test":"vitest"},"devDependencies":{"vitest":"1"}}"#;

    #[test]
    fn each_kind_of_project() {
        for (files, test, set_up) in [
            (vec![("Cargo.toml", "[package]")], "cargo test", ""),
            (vec![("go.mod", "module x")], "go test ./...", ""),
            (vec![("pom.xml", "<project/>")], "mvn -q test", ""),
            (vec![("pom.xml", "<project/>"), ("!mvnw", "")], "./mvnw -q test", ""),
            (vec![("build.gradle.kts", ""), ("!gradlew", "")], "./gradlew test", ""),
            (vec![("build.gradle", "")], "gradle test", ""),
            (vec![("mix.exs", "")], "mix test", "mix deps.get"),
            (vec![("Makefile", "all:\n\ttrue\ntest: all\n\ttrue\n")], "make test", ""),
            (vec![("justfile", "build:\n  true\n@test: build\n  true\n")], "just test", ""),
            (vec![(".ci/run", "#!/bin/sh\n")], "sh .ci/run", ""),
            (vec![("!.ci/run", "#!/bin/sh\n")], ".ci/run", ""),
            (vec![("!test.sh", "")], "./test.sh", ""),
            (vec![("scripts/test", "")], "sh scripts/test", ""),
            (
                vec![("CMakeLists.txt", "project(x)\nenable_testing()\n")],
                "cmake -S . -B build && cmake --build build && ctest --test-dir build --output-on-failure",
                "",
            ),
            (vec![("meson.build", "project('x', 'c')")], "meson setup build && meson test -C build", ""),
        ] {
            assert_eq!(commands(&files), (test.to_owned(), set_up.to_owned()), "{files:?}");
        }
    }

    #[test]
    fn a_lock_file_says_which_package_manager() {
        for (lock, test, set_up) in [
            ("package-lock.json", "npm test", "npm ci"),
            ("npm-shrinkwrap.json", "npm test", "npm ci"),
            ("pnpm-lock.yaml", "pnpm test", "pnpm install --frozen-lockfile"),
            ("yarn.lock", "yarn test", "yarn install --frozen-lockfile"),
            ("bun.lock", "bun run test", "bun install --frozen-lockfile"),
            // As many libraries are: no lock file, and none is to be made.
            ("README", "npm test", "npm install --no-package-lock"),
        ] {
            assert_eq!(commands(&[("package.json", NPM), (lock, "")]), (test.to_owned(), set_up.to_owned()), "{lock}");
        }
        let berry = [("package.json", NPM), ("yarn.lock", ""), (".yarnrc.yml", "")];
        assert_eq!(commands(&berry).1, "yarn install --immutable");
        let named = r#"{"packageManager":"pnpm@9.1.0","scripts":{"test":"x"},"dependencies":{"a":"1"}}"#;
        assert_eq!(commands(&[("package.json", named)]).0, "pnpm test");
        // Nothing to install.
        assert_eq!(commands(&[("package.json", r#"{"scripts":{"test":"node --test"}}"#)]).1, "");
        for (files, test, set_up) in [
            ([("pyproject.toml", "[tool.pytest]"), ("uv.lock", "")], "uv run pytest", "uv sync --locked"),
            ([("pyproject.toml", "[tool.poetry]\npytest"), ("poetry.lock", "")], "poetry run pytest", "poetry install"),
            ([("pytest.ini", ""), ("Pipfile.lock", "")], "pipenv run pytest", "pipenv sync --dev"),
            ([("Gemfile.lock", ""), (".rspec", "")], "bundle exec rspec", "bundle install"),
            ([("Gemfile.lock", ""), ("Rakefile", "")], "bundle exec rake test", "bundle install"),
            (
                [("composer.lock", ""), ("composer.json", r#"{"scripts":{"test":"phpunit"}}"#)],
                "composer test",
                "composer install --no-interaction",
            ),
        ] {
            assert_eq!(commands(&files), (test.to_owned(), set_up.to_owned()), "{files:?}");
        }
    }

    #[test]
    fn python_gets_an_environment_of_its_own() {
        const VENV: &str = "python3 -m venv .venv && .venv/bin/pip install --quiet";
        for (files, parts) in [
            (vec![("pyproject.toml", "[project]\nname = 'x'\n[tool.pytest.ini_options]")], "-e . pytest"),
            (
                vec![("pyproject.toml", "[project]\nname = 'x'\n[project.optional-dependencies]\ntest = ['pytest']\n")],
                "-e '.[test]'",
            ),
            (vec![("setup.py", ""), ("tests/test_a.py", "import pytest")], "-e . pytest"),
            (
                vec![("requirements.txt", "six"), ("requirements-dev.txt", "pytest"), ("tests/test_a.py", "")],
                "-r requirements.txt -r requirements-dev.txt",
            ),
        ] {
            let found = commands(&files);
            assert_eq!(found, (".venv/bin/python -m pytest".to_owned(), format!("{VENV} {parts}")), "{files:?}");
        }
        let groups = "[project]\nname = 'x'\n[dependency-groups]\ntests = ['pytest']\n";
        let upgraded =
            "python3 -m venv .venv && .venv/bin/pip install --quiet --upgrade pip && .venv/bin/pip install --quiet";
        assert_eq!(commands(&[("pyproject.toml", groups)]).1, format!("{upgraded} -e . --group tests"));
        // The library's own tests need no environment.
        let plain = [("tests/test_a.py", "import unittest"), ("a.py", "")];
        assert_eq!(commands(&plain), ("python3 -m unittest discover -s tests".to_owned(), String::new()));
        let package = [("tests/test_a.py", "import unittest"), ("tests/__init__.py", ""), ("setup.py", "")];
        assert_eq!(commands(&package).0, ".venv/bin/python -m unittest");
        let tox = [("tox.ini", "[testenv]\ncommands = pytest\n"), ("setup.py", "")];
        assert_eq!(commands(&tox), (".venv/bin/tox -e py".to_owned(), format!("{VENV} tox")));
    }

    #[test]
    fn what_the_project_wrote_itself_finds_what_its_set_up_made() {
        let files = [("Makefile", "test:\n\tpytest\n"), ("pyproject.toml", "[project]\nname='x'\n[tool.pytest]")];
        assert_eq!(commands(&files).0, "PATH=\"$PWD/.venv/bin:$PATH\" make test");
        let node = [("Makefile", "test:\n\tnpm test\n"), ("package.json", NPM), ("package-lock.json", "")];
        assert_eq!(commands(&node), ("make test".to_owned(), "npm ci".to_owned()));
    }

    #[test]
    fn a_program_that_is_not_here_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("npm"), "").unwrap();
        let path = dir.path().to_str().unwrap();
        for (command, names) in [
            ("npm ci", vec![]),
            ("npm ci && pnpm test; pnpm x | tee log", vec!["pnpm", "tee"]),
            ("PATH=\"$PWD/.venv/bin:$PATH\" make test", vec!["make"]),
            ("cd a && ./run && .venv/bin/python -m pytest && $TOOL x", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(missing(command, path), names, "{command}");
        }
    }

    #[test]
    fn every_language_is_made_ready() {
        let files =
            [("pyproject.toml", "[tool.pytest]"), ("uv.lock", ""), ("package.json", NPM), ("pnpm-lock.yaml", "")];
        assert_eq!(commands(&files).1, "uv sync --locked && pnpm install --frozen-lockfile");
    }

    #[test]
    fn packages_of_what_the_commands_use_are_kept() {
        let known: Vec<&str> = ECOSYSTEMS.iter().map(|(name, ..)| *name).collect();
        assert_eq!(known, orch_rules::ecosystem::ALL.iter().map(|known| known.name).collect::<Vec<_>>());
        let dir = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(dir.path()).unwrap();
        for (commands, names) in [
            (vec!["npm test", "npm ci"], vec!["npm"]),
            (vec![".venv/bin/python -m pytest", "python3 -m venv .venv && .venv/bin/pip install -e ."], vec!["pip"]),
            (vec!["uv run pytest", "uv sync --locked && pnpm install --frozen-lockfile"], vec!["pnpm", "uv"]),
            (vec!["./gradlew test"], vec!["gradle"]),
            (vec!["make test"], vec![]),
            (vec!["cargo test --offline"], vec![]),
            (vec!["CARGO_NET_OFFLINE=true cargo test"], vec![]),
            (vec!["cargo test --frozen"], vec![]),
            (vec!["uv run --frozen pytest"], vec!["uv"]),
            (vec!["go test -mod=vendor ./..."], vec![]),
            (vec!["cargo test --offline", "npm ci"], vec!["npm"]),
            (vec![], vec![]),
        ] {
            assert_eq!(caches(top, &commands), names, "{commands:?}");
        }
        std::fs::write(top.join("go.mod"), "").unwrap();
        assert_eq!(caches(top, &["make test"]), ["go"]);
        assert!(caches(top, &["GOPROXY=off go test ./..."]).is_empty(), "what is there is used");
        assert!(caches(top, &[]).is_empty());
    }

    #[test]
    fn what_is_no_test_is_not_taken_for_one() {
        let placeholder = r#"{"scripts":{"test":"echo \"Error: no test specified\" && exit 1"}}"#;
        for files in [
            [("package.json", placeholder)],
            [("package.json", "not json")],
            [("package.json", "{}")],
            [("Makefile", "test := 1\n# test: no\n\ttest: x\nlatest:\n")],
            [("justfile", "latest:\n test: x\ntest := 'x'\n")],
            [("pyproject.toml", "[project]")],
            [("CMakeLists.txt", "project(x)")],
            [("README.md", "pytest")],
            [("requirements.txt", "six")],
        ] {
            assert_eq!(tests_of(&files), [""; 0], "{files:?}");
        }
    }

    #[test]
    fn of_several_the_most_specific_goes_first() {
        let files = [
            ("package.json", r#"{"scripts":{"test":"x"}}"#),
            ("Cargo.toml", ""),
            ("Makefile", "lint test:\n"),
            (".ci/run", ""),
            ("test.sh", ""),
        ];
        assert_eq!(tests_of(&files), ["sh .ci/run", "make test", "cargo test", "npm test"]);
    }
}
