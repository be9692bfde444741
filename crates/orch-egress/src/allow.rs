//! The names that a run may reach.

/// Well-known package registries, and what their clients need besides: the default of `egress.allow`. Anybody may
/// publish to most of them, so what an agent reads it could also write there with a key of its own; who cannot live with
/// that sets `egress.deny_default_registries`.
pub const REGISTRIES: &[&str] = &[
    // Rust
    "index.crates.io",
    "static.crates.io",
    "crates.io",
    "static.rust-lang.org",
    // JavaScript
    "registry.npmjs.org",
    "registry.yarnpkg.com",
    // Python
    "pypi.org",
    "files.pythonhosted.org",
    // Go
    "proxy.golang.org",
    "sum.golang.org",
    // Java and its relatives
    "repo.maven.apache.org",
    "repo1.maven.org",
    "plugins.gradle.org",
    "services.gradle.org",
    // Ruby
    "rubygems.org",
    "index.rubygems.org",
    // .NET
    "api.nuget.org",
    // PHP
    "repo.packagist.org",
    "packagist.org",
    // Elixir, Dart, Haskell
    "repo.hex.pm",
    "pub.dev",
    "hackage.haskell.org",
    // Debian
    "deb.debian.org",
];

/// A host's name in its one spelling: small letters, no dot at the end. `None` if it is no name: letters, digits and
/// dashes, with a last label that is no number, so that no spelling of an address passes.
pub fn name(text: &str) -> Option<String> {
    let text = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
    };
    let is_name = text.len() <= 253
        && text.split('.').all(label)
        && text.rsplit('.').next().is_some_and(|last| !last.starts_with(|c: char| c.is_ascii_digit()));
    is_name.then_some(text)
}

/// Reads an entry of the list: a name, or `*.` and a name. `None` if it is neither.
pub fn pattern(text: &str) -> Option<String> {
    match text.strip_prefix("*.") {
        Some(suffix) => name(suffix).map(|suffix| format!("*.{suffix}")),
        None => name(text),
    }
}

/// Whether the list lets this [`name`] out. `*.example.org` is every name below example.org, and not it.
pub fn allows(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_prefix('*') {
        Some(suffix) => name.len() > suffix.len() && name.ends_with(suffix),
        None => name == pattern,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_names_and_suffixes() {
        let list = ["pypi.org", "*.example.org"].map(str::to_owned);
        for good in ["pypi.org", "a.example.org", "a.b.example.org"] {
            assert!(allows(&list, good), "{good}");
        }
        for bad in ["a.pypi.org", "pypi.org.evil.com", "example.org", "evilexample.org", "xpypi.org", ".example.org"] {
            assert!(!allows(&list, bad), "{bad}");
        }
    }

    #[test]
    fn names_have_one_spelling_and_addresses_none() {
        assert_eq!(name("PyPI.org.").as_deref(), Some("pypi.org"));
        for bad in [
            "",
            ".",
            "a..b",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "[::1]",
            "::1",
            "a b.org",
            "a.org/x",
            "a@b.org",
            "пример.рф",
            "-a.org",
            "a.org..",
            "a.org:443",
            "*.org",
            "a%00.org",
        ] {
            assert_eq!(name(bad), None, "{bad}");
        }
        assert_eq!(pattern("*.Example.org").as_deref(), Some("*.example.org"));
        for bad in ["*", "*.", "a.*.org", "*a.org", "https://a.org"] {
            assert_eq!(pattern(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_registries_are_names() {
        for registry in REGISTRIES {
            assert_eq!(name(registry).as_deref(), Some(*registry));
        }
    }
}
