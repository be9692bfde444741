//! Languages whose files say it in a line or two.

use camino::Utf8Path;

use super::{Found, Language, first, is_file, runs, text};

/// The ones that build, before those that glue.
pub(super) fn all(top: &Utf8Path) -> Vec<Language> {
    vec![
        tested(is_file(top, "Cargo.toml"), "cargo test", "Cargo.toml: a Rust project"),
        tested(is_file(top, "go.mod"), "go test ./...", "go.mod: a Go project"),
        maven(top),
        gradle(top),
        cmake(top),
        tested(is_file(top, "meson.build"), "meson setup build && meson test -C build", "meson.build: a Meson project"),
        mix(top),
        ruby(top),
        php(top),
    ]
}

fn tested(is: bool, command: &str, why: &str) -> Language {
    Language { test: is.then(|| Found::new(command, why)), ..Language::default() }
}

fn maven(top: &Utf8Path) -> Language {
    let command = if runs(top, "mvnw") { "./mvnw -q test" } else { "mvn -q test" };
    tested(is_file(top, "pom.xml"), command, "pom.xml: a Maven project")
}

fn gradle(top: &Utf8Path) -> Language {
    let command = if runs(top, "gradlew") { "./gradlew test" } else { "gradle test" };
    tested(first(top, &["build.gradle.kts", "build.gradle"]).is_some(), command, "build.gradle: a Gradle project")
}

fn cmake(top: &Utf8Path) -> Language {
    let lists = text(top, "CMakeLists.txt").unwrap_or_default().to_ascii_lowercase();
    let squeezed: String = lists.chars().filter(|c| !c.is_whitespace()).collect();
    tested(
        squeezed.contains("enable_testing(") || squeezed.contains("include(ctest)"),
        "cmake -S . -B build && cmake --build build && ctest --test-dir build --output-on-failure",
        "CMakeLists.txt enables tests",
    )
}

fn mix(top: &Utf8Path) -> Language {
    let is = is_file(top, "mix.exs");
    let set_up = is.then(|| Found::new("mix deps.get", "mix.exs"));
    Language { set_up, ..tested(is, "mix test", "mix.exs: an Elixir project") }
}

fn ruby(top: &Utf8Path) -> Language {
    let Some(file) = first(top, &["Gemfile.lock", "Gemfile"]) else { return Language::default() };
    let test = if is_file(top, ".rspec") || top.join("spec").is_dir() {
        Some(Found::new("bundle exec rspec", "a Ruby project with specs"))
    } else {
        is_file(top, "Rakefile").then(|| Found::new("bundle exec rake test", "a Ruby project with a Rakefile"))
    };
    Language { test, set_up: Some(Found::new("bundle install", file)), programs: None }
}

fn php(top: &Utf8Path) -> Language {
    let Some(manifest) = text(top, "composer.json") else { return Language::default() };
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap_or_default();
    let test = if manifest["scripts"].get("test").is_some() {
        Some(Found::new("composer test", "composer.json has a `test` script"))
    } else {
        first(top, &["phpunit.xml", "phpunit.xml.dist"]).map(|file| Found::new("vendor/bin/phpunit", file))
    };
    let file = first(top, &["composer.lock"]).unwrap_or("composer.json");
    Language { test, set_up: Some(Found::new("composer install --no-interaction", file)), programs: None }
}
