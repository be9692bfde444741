//! Names that say nothing are not given: one word per idea, from the glossary.

use super::source::Source;
use super::{File, Violation};

const RULE: &str = "names";

/// Endings of type names, and names or endings of modules, that say nothing.
const EMPTY_WORDS: &[&str] =
    &["Manager", "Service", "Services", "Helper", "Helpers", "Util", "Utils", "Processor", "Processors"];

/// Names of modules that say nothing even alone.
const EMPTY_MODULES: &[&str] = &["common", "misc"];

/// Checks the declarations in a file and the file's own name.
pub fn check(file: &File, source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    for part in file.path.split('/') {
        let name = part.strip_suffix(".rs").unwrap_or(part);
        if is_empty_module(name) {
            found.push(Violation::new(&file.path, 0, RULE, advice("file or folder", name)));
        }
    }
    for (line, code) in source.code_lines() {
        let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
        while let Some(word) = words.next() {
            let kind = match word {
                "struct" | "enum" | "trait" | "type" | "union" | "mod" => word,
                _ => continue,
            };
            let Some(name) = words.next() else { break };
            let empty = if kind == "mod" { is_empty_module(name) } else { is_empty_type(name) };
            if empty {
                found.push(Violation::new(&file.path, line, RULE, advice(kind, name)));
            }
        }
    }
    found
}

fn is_empty_type(name: &str) -> bool {
    EMPTY_WORDS.iter().any(|word| name.ends_with(word))
}

fn is_empty_module(name: &str) -> bool {
    EMPTY_MODULES.contains(&name)
        || name.rsplit('_').next().is_some_and(|last| EMPTY_WORDS.iter().any(|word| last == word.to_lowercase()))
}

fn advice(kind: &str, name: &str) -> String {
    format!(
        "the {kind} `{name}` says nothing about its idea: name it after what it holds or does (glossary in ARCHITECTURE.md)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&File::new(path, text), &Source::parse(text)).len()
    }

    #[test]
    fn names_that_say_something() {
        let text = "struct Lane; mod clone; trait Forge {} type Answer = u8; impl tower::Service<R> for Router {} // struct XManager\n";
        assert_eq!(found("crates/orch-git/src/clone.rs", text), 0);
        assert_eq!(found("crates/orch-git/src/utility_pole.rs", "fn manager() {}"), 0);
    }

    #[test]
    fn names_that_say_nothing() {
        for text in [
            "struct LaneManager;",
            "pub enum TaskHelper {}",
            "mod utils;",
            "pub(crate) mod git_util {",
            "type XService = u8;",
        ] {
            assert_eq!(found("crates/orch-git/src/clone.rs", text), 1, "{text}");
        }
        assert_eq!(found("crates/orch-git/tests/common/mod.rs", ""), 1);
        assert_eq!(found("crates/orch-git/src/path_helpers.rs", ""), 1);
    }
}
