//! What only one place in the product may do: read the environment, start git, speak SQL, know a
//! stage by its name.

use super::source::Source;
use super::{File, Violation, crate_of, is_production};

/// Checks one Rust file of a crate.
pub fn check(file: &File, source: &Source) -> Vec<Violation> {
    let Some(krate) = crate_of(&file.path) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if krate != "orch-store" {
        found.extend(sql(file, source));
    }
    if is_production(&file.path) {
        if krate != "orch" && !is_agent_program(&file.path) {
            found.extend(environment(file, source));
        }
        // The testkit plays the agent and the user, who both work with git in their own folders.
        if !matches!(krate, "orch-git" | "orch-testkit") {
            found.extend(git(file, source));
        }
        if krate != "orch-testkit" && !knows_the_default_pipeline(&file.path) {
            found.extend(stages(file, source));
        }
    }
    found
}

/// The scripted agent is a program: its contract is its environment.
fn is_agent_program(path: &str) -> bool {
    path.starts_with("crates/orch-testkit/") && (path.contains("agent") || path.contains("script"))
}

const ENVIRONMENT: &[&str] = &["env::var", "env::set_var", "env::remove_var", "env::set_current_dir"];

fn environment(file: &File, source: &Source) -> Vec<Violation> {
    in_production(source)
        .filter(|(_, code)| ENVIRONMENT.iter().any(|call| code.contains(call)))
        .map(|(line, _)| {
            let words = "only crates/orch reads the environment: take the value as an argument";
            Violation::new(&file.path, line, "environment", words)
        })
        .collect()
}

fn git(file: &File, source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    for (line, literal) in &source.literals {
        let starts =
            source.code.lines().nth(line - 1).is_some_and(|code| code.replace(' ', "").contains("Command::new(\"\")"));
        if (literal == "git" || literal.ends_with("/git")) && starts && !source.is_test_line(*line) {
            let words = "only orch-git starts git: its environment and configuration are pinned there";
            found.push(Violation::new(&file.path, *line, "git", words));
        }
    }
    found
}

fn sql(file: &File, source: &Source) -> Vec<Violation> {
    source
        .literals
        .iter()
        .filter(|(_, literal)| is_sql(literal))
        .map(|(line, _)| {
            let words = "only orch-store contains SQL: ask for it through the store's port";
            Violation::new(&file.path, *line, "sql", words)
        })
        .collect()
}

fn is_sql(literal: &str) -> bool {
    let words: Vec<&str> =
        literal.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect();
    let follows = |first: &str, second: &str| {
        words.iter().position(|word| *word == first).is_some_and(|at| words[at + 1..].contains(&second))
    };
    let pair = |first: &str, second: &str| words.windows(2).any(|pair| pair == [first, second]);
    follows("SELECT", "FROM")
        || follows("UPDATE", "SET")
        || pair("INSERT", "INTO")
        || pair("DELETE", "FROM")
        || pair("CREATE", "TABLE")
        || words.first() == Some(&"PRAGMA")
}

/// The ids of the stages of the default pipeline. A project names its stages itself; code matches
/// on a stage's kind.
const STAGES: &[&str] = &["analysis", "architecture", "development", "review", "testing", "deploy-staging", "deploy"];

fn knows_the_default_pipeline(path: &str) -> bool {
    path.starts_with("crates/orch-rules/src/pipeline/default") || path.contains("prompt")
}

fn stages(file: &File, source: &Source) -> Vec<Violation> {
    source
        .literals
        .iter()
        .filter(|(line, literal)| STAGES.contains(&literal.as_str()) && !source.is_test_line(*line))
        .filter(|(line, literal)| !is_everyday_word(source, *line, literal))
        .map(|(line, literal)| {
            let words = format!("\"{literal}\" is an id from a pipeline file: match on the stage's kind instead");
            Violation::new(&file.path, *line, "stage id", words)
        })
        .collect()
}

/// `deploy` is an id, but also the spelling of the kind (`StageKind::Deploy => "deploy"`) and an
/// everyday word; only where code is chosen by it, it is the id.
fn is_everyday_word(source: &Source, line: usize, literal: &str) -> bool {
    let code = source.code.lines().nth(line - 1).unwrap_or_default().replace(' ', "");
    let chooses = ["==\"\"", "!=\"\"", "\"\"=>", "\"\"|"].iter().any(|pattern| code.contains(pattern));
    literal == "deploy" && (!chooses || code.contains("::Deploy"))
}

fn in_production(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    source.code_lines().filter(|(line, _)| !source.is_test_line(*line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<&'static str> {
        check(&File::new(path, text), &Source::parse(text)).into_iter().map(|violation| violation.rule).collect()
    }

    fn in_test_module(text: &str) -> String {
        format!("#[cfg(test)]\nmod tests {{\n{text}\n}}\n")
    }

    #[test]
    fn only_the_binary_reads_the_environment() {
        let text = "let a = std::env::var(\"A\");";
        assert_eq!(rules("crates/orch-web/src/a.rs", text), ["environment"]);
        assert_eq!(rules("crates/orch-testkit/src/sample.rs", "env::vars_os()"), ["environment"]);
        assert_eq!(rules("crates/orch/src/a.rs", text), [""; 0]);
        assert_eq!(rules("crates/orch-testkit/src/scripted_agent.rs", text), [""; 0]);
        assert_eq!(rules("crates/orch-store/tests/suite/a.rs", text), [""; 0]);
        assert_eq!(rules("crates/orch-web/src/a.rs", &in_test_module(text)), [""; 0]);
        assert_eq!(rules("crates/orch-web/src/a.rs", "env!(\"CARGO_PKG_VERSION\")"), [""; 0]);
    }

    #[test]
    fn only_orch_git_starts_git() {
        let text = "let c = Command::new(\"git\");";
        assert_eq!(rules("crates/orch-engine/src/a.rs", text), ["git"]);
        assert_eq!(rules("crates/orch/src/a.rs", "Command::new( \"/usr/bin/git\" )"), ["git"]);
        assert_eq!(rules("crates/orch-git/src/a.rs", text), [""; 0]);
        assert_eq!(rules("crates/orch-engine/src/a.rs", "let a = \"git\";"), [""; 0]);
        assert_eq!(rules("crates/orch-engine/tests/suite/a.rs", text), [""; 0]);
    }

    #[test]
    fn only_the_store_speaks_sql() {
        for text in [
            "\"SELECT id FROM task\"",
            "\"INSERT INTO task VALUES (1)\"",
            "r#\"\n  UPDATE task\n  SET a = 1\"#",
            "\"DELETE FROM task\"",
            "\"PRAGMA journal_mode\"",
        ] {
            assert_eq!(rules("crates/orch-engine/src/a.rs", text), ["sql"], "{text}");
            assert_eq!(rules("crates/orch/tests/suite/a.rs", text), ["sql"], "{text}");
            assert_eq!(rules("crates/orch-store/src/a.rs", text), [""; 0]);
        }
        for text in ["\"select a task from the list\"", "\"UPDATE\"", "// SELECT a FROM b"] {
            assert_eq!(rules("crates/orch-engine/src/a.rs", text), [""; 0], "{text}");
        }
    }

    #[test]
    fn code_knows_kinds_and_not_ids() {
        assert_eq!(rules("crates/orch-engine/src/a.rs", "if stage == \"review\" {}"), ["stage id"]);
        assert_eq!(rules("crates/orch-rules/src/pipeline/default.rs", "\"review\""), [""; 0]);
        assert_eq!(rules("crates/orch-testkit/src/a.rs", "\"review\""), [""; 0]);
        assert_eq!(rules("crates/orch-engine/src/a.rs", &in_test_module("\"review\"")), [""; 0]);
        assert_eq!(rules("crates/orch-engine/src/a.rs", "\"the review found\""), [""; 0]);
        assert_eq!(rules("crates/orch-rules/src/a.rs", "Kind::Deploy => \"deploy\","), [""; 0]);
        assert_eq!(rules("crates/orch/src/a.rs", "row(\"deploy\", why)"), [""; 0]);
        assert_eq!(rules("crates/orch/src/a.rs", "match a { \"deploy\" => 1 }"), ["stage id"]);
        assert_eq!(rules("crates/orch-rules/src/a.rs", "a == \"deploy\""), ["stage id"]);
    }
}
