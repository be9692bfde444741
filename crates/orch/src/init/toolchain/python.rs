//! Python: a lock file names the tool; without one, an environment of the clone's own is made with what is in every Python.

use camino::Utf8Path;

use super::{Found, Language, first, is_file, text};

/// Lock file, how its tool makes the environment, and how that runs pytest.
const TOOLS: &[(&str, &str, &str)] = &[
    ("uv.lock", "uv sync --locked", "uv run"),
    ("poetry.lock", "poetry install", "poetry run"),
    ("Pipfile.lock", "pipenv sync --dev", "pipenv run"),
    ("pdm.lock", "pdm sync", "pdm run"),
];

/// What tests need beside the package, by the names that are usual; the first that is there is taken.
const REQUIREMENTS: &[&str] = &[
    "requirements-dev.txt",
    "requirements_dev.txt",
    "dev-requirements.txt",
    "requirements-test.txt",
    "requirements-tests.txt",
    "test-requirements.txt",
    "requirements/dev.txt",
    "requirements/test.txt",
    "requirements/tests.txt",
    "tests/requirements.txt",
    "test/requirements.txt",
];

/// Names of extras and dependency groups that hold what tests need.
const NAMES: &[&str] = &["test", "tests", "dev"];

enum TestTool {
    Pytest,
    Unittest,
    Tox,
}

pub(super) fn read(top: &Utf8Path) -> Language {
    let Some(runner) = runner(top) else { return Language::default() };
    if let Some((lock, install, run)) = TOOLS.iter().find(|(lock, ..)| is_file(top, lock)) {
        let words = match runner {
            TestTool::Pytest => "pytest",
            TestTool::Unittest => "python -m unittest",
            TestTool::Tox => "tox -e py",
        };
        let test = Found::new(format!("{run} {words}"), format!("a Python project with {lock}"));
        return Language { test: Some(test), set_up: Some(Found::new(*install, *lock)), programs: None };
    }
    let set_up = environment(top, &runner);
    let python = if set_up.is_some() { ".venv/bin/python" } else { "python3" };
    let (command, why) = match runner {
        TestTool::Tox => (".venv/bin/tox -e py".to_owned(), "tox.ini: tests run by tox"),
        TestTool::Pytest => (format!("{python} -m pytest"), "a Python project with tests"),
        TestTool::Unittest if is_file(top, "tests/__init__.py") => {
            (format!("{python} -m unittest"), "tests that use unittest")
        }
        TestTool::Unittest => {
            let folder = if top.join("tests").is_dir() { "tests" } else { "test" };
            (format!("{python} -m unittest discover -s {folder}"), "tests that use unittest")
        }
    };
    let programs = set_up.is_some().then_some(".venv/bin");
    Language { test: Some(Found::new(command, why)), set_up, programs }
}

fn runner(top: &Utf8Path) -> Option<TestTool> {
    let says = |name: &str| text(top, name).is_some_and(|t| t.contains("pytest"));
    let folder = ["tests", "test"].iter().map(|name| top.join(name)).find(|folder| folder.is_dir());
    let is_python = is_file(top, "pytest.ini")
        || ["pyproject.toml", "setup.cfg", "tox.ini"].iter().any(|name| says(name))
        || REQUIREMENTS.iter().any(|name| says(name));
    let packaged = ["pyproject.toml", "setup.py", "setup.cfg", "requirements.txt"].iter().any(|n| is_file(top, n));
    let tests = folder.map(|folder| tests_in(&folder)).unwrap_or_default();
    if text(top, "tox.ini").is_some_and(|t| t.contains("[testenv")) {
        return Some(TestTool::Tox);
    }
    if is_python || tests.iter().any(|test| test.contains("pytest")) {
        return Some(TestTool::Pytest);
    }
    match tests.as_slice() {
        [] => None,
        tests if tests.iter().any(|test| test.contains("unittest")) => Some(TestTool::Unittest),
        _ => packaged.then_some(TestTool::Pytest),
    }
}

/// The test files in a folder, at most a handful of them.
fn tests_in(folder: &Utf8Path) -> Vec<String> {
    let Ok(entries) = folder.read_dir_utf8() else { return Vec::new() };
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_owned())
        .filter(|name| name.ends_with(".py") && (name.starts_with("test") || name.ends_with("_test.py")))
        .collect();
    names.sort_unstable();
    names.iter().take(20).filter_map(|name| text(folder, name)).collect()
}

/// The command that makes `.venv`; `None` if the tests need nothing but Python.
fn environment(top: &Utf8Path, runner: &TestTool) -> Option<Found> {
    let mut parts: Vec<String> = Vec::new();
    let mut why: Vec<&str> = Vec::new();
    let mut pip = String::new();
    let mut texts = String::new();
    if matches!(runner, TestTool::Tox) {
        // It makes its own environments with what it is told to.
        parts.push("tox".to_owned());
        why.push("tox.ini");
    } else {
        for file in [first(top, &["requirements.txt"]), first(top, REQUIREMENTS)].into_iter().flatten() {
            parts.push(format!("-r {file}"));
            why.push(file);
            texts += &text(top, file).unwrap_or_default();
        }
        let manifest: toml::Table = text(top, "pyproject.toml").and_then(|t| t.parse().ok()).unwrap_or_default();
        let named = |table: Option<&toml::Value>| {
            let table = table?.as_table()?;
            NAMES.iter().find(|name| table.contains_key(**name)).map(|name| (*name, table[*name].to_string()))
        };
        let project = manifest.get("project").and_then(toml::Value::as_table);
        if project.is_some() || manifest.contains_key("build-system") || is_file(top, "setup.py") {
            match named(project.and_then(|project| project.get("optional-dependencies"))) {
                Some((extra, packages)) => {
                    parts.push(format!("-e '.[{extra}]'"));
                    texts += &packages;
                }
                None => parts.push("-e .".to_owned()),
            }
            why.push(first(top, &["pyproject.toml", "setup.py"]).unwrap_or("a package"));
        }
        if let Some((group, packages)) = named(manifest.get("dependency-groups")) {
            // Older pips do not know groups: https://pip.pypa.io/en/stable/news/ (25.1).
            ".venv/bin/pip install --quiet --upgrade pip && ".clone_into(&mut pip);
            parts.push(format!("--group {group}"));
            texts += &packages;
        }
        if matches!(runner, TestTool::Pytest) && !texts.contains("pytest") {
            parts.push("pytest".to_owned());
            if why.is_empty() {
                why.push("tests that need pytest");
            }
        }
    }
    if parts.is_empty() {
        return None;
    }
    let command = format!("python3 -m venv .venv && {pip}.venv/bin/pip install --quiet {}", parts.join(" "));
    Some(Found::new(command, why.join(", ")))
}
