//! The papers of the project: decision records, changelog, map.

use super::{File, Violation};

const RULE: &str = "papers";

/// Checks the documents among `files` against the names of the crates.
pub fn check(files: &[File], crates: &[&str]) -> Vec<Violation> {
    let mut found = records(files);
    found.extend(changelog(files));
    found.extend(map(files, crates));
    found.extend(links(files));
    found
}

/// Every link of a document to a file of this tree leads to one.
fn links(files: &[File]) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        for (line, text) in file.text.lines().enumerate() {
            for (at, _) in text.match_indices("](") {
                let target = text[at + 2..].split(')').next().unwrap_or_default();
                let target = target.split('#').next().unwrap_or_default();
                // Another site, or a place on this very page.
                if target.is_empty() || target.contains(':') {
                    continue;
                }
                let path = joined(&file.path, target);
                // A folder is there if something is in it; a file of another kind than those read is not looked for.
                let there = files.iter().any(|other| {
                    other.path.strip_prefix(&path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                });
                if !there
                    && (path.ends_with(".md") || path.ends_with(".toml") || !path.contains('.'))
                    && !is_licence(&path)
                {
                    let words = format!("the link to `{target}` leads nowhere: name the file as it is called");
                    found.push(Violation::new(&file.path, line + 1, RULE, words));
                }
            }
        }
    }
    found
}

fn is_licence(path: &str) -> bool {
    path.starts_with("LICENSE")
}

/// `target` as the document at `from` means it, from the root of the tree.
fn joined(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

fn text<'a>(files: &'a [File], path: &str) -> Option<&'a str> {
    files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
}

/// `docs/adr/0001-title.md`, `0002-…`, each with a line `Status: …`.
fn records(files: &[File]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut numbers: Vec<(usize, &File)> = Vec::new();
    for file in files {
        let Some(name) = file.path.strip_prefix("docs/adr/") else {
            continue;
        };
        if name == "README.md" || !name.ends_with(".md") {
            continue;
        }
        let number =
            name.split_once('-').filter(|(number, _)| number.len() == 4).and_then(|(number, _)| number.parse().ok());
        match number {
            Some(number) => numbers.push((number, file)),
            None => found.push(Violation::new(&file.path, 0, RULE, "name it NNNN-title.md, with the next free number")),
        }
        let has_status = file.text.lines().any(|line| {
            line.trim_start_matches(['*', '-', ' ', '#'])
                .strip_prefix("Status:")
                .is_some_and(|rest| !rest.trim_matches(['*', ' ']).is_empty())
        });
        if !has_status {
            found.push(Violation::new(
                &file.path,
                0,
                RULE,
                "no `Status:` line: say proposed, accepted, or superseded by which",
            ));
        }
    }
    if numbers.is_empty() {
        found.push(Violation::new(
            "docs/adr",
            0,
            RULE,
            "no decision record: write down why the walls stand where they stand",
        ));
    }
    numbers.sort_by_key(|(number, _)| *number);
    for (index, (number, file)) in numbers.iter().enumerate() {
        let expected = index + 1;
        if *number != expected {
            let words = format!("number {number:04} where {expected:04} is next: numbers have no gaps and no doubles");
            found.push(Violation::new(&file.path, 0, RULE, words));
            break;
        }
    }
    found
}

fn changelog(files: &[File]) -> Option<Violation> {
    let path = "CHANGELOG.md";
    match text(files, path) {
        None => Some(Violation::new(path, 0, RULE, "missing: what changed for a user is told there")),
        Some(text) if !text.lines().any(|line| line.starts_with('#') && line.contains("Unreleased")) => {
            Some(Violation::new(path, 0, RULE, "no `Unreleased` heading: a change is told in the commit that makes it"))
        }
        Some(_) => None,
    }
}

fn map(files: &[File], crates: &[&str]) -> Vec<Violation> {
    let path = "ARCHITECTURE.md";
    let Some(text) = text(files, path) else {
        return vec![Violation::new(path, 0, RULE, "missing: the map of the crates is there")];
    };
    crates
        .iter()
        .filter(|name| !mentions(text, name))
        .map(|name| Violation::new(path, 0, RULE, format!("does not mention the crate `{name}`: say what it holds")))
        .collect()
}

/// Whether `name` stands in `text` as a whole word: `orch-run` does not mention `orch-runner`.
fn mentions(text: &str, name: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    text.match_indices(name)
        .any(|(at, _)| !text[..at].ends_with(part_of_name) && !text[at + name.len()..].starts_with(part_of_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn papers() -> Vec<File> {
        vec![
            File::new("ARCHITECTURE.md", "`orch-run` and `xtask`"),
            File::new("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n"),
            File::new("docs/adr/0001-one.md", "# One\n\nStatus: accepted\n"),
            File::new("docs/adr/0002-two.md", "# Two\n\n- **Status:** accepted\n"),
            File::new("docs/adr/README.md", "the list"),
        ]
    }

    fn words(files: &[File]) -> Vec<String> {
        check(files, &["orch-run", "xtask"]).into_iter().map(|violation| violation.to_string()).collect()
    }

    fn changed(path: &str, text: &str) -> Vec<String> {
        let mut files = papers();
        files.retain(|file| file.path != path);
        files.push(File::new(path, text));
        words(&files)
    }

    #[test]
    fn papers_in_order() {
        assert_eq!(words(&papers()), [""; 0]);
    }

    #[test]
    fn papers_missing() {
        assert_eq!(words(&[]).len(), 3);
    }

    #[test]
    fn links_lead_somewhere() {
        let good = "Status: accepted\n[a](0001-one.md) [b](../../ARCHITECTURE.md#words) [c](https://x.example) [d](#here) [e](.)\n";
        assert_eq!(changed("docs/adr/0002-two.md", good), [""; 0]);
        for bad in ["0003-none.md", "../ARCHITECTURE.md", "nowhere", "../../xtask/x.toml"] {
            let text = format!("Status: accepted\n\n[a]({bad})\n");
            let words = changed("docs/adr/0002-two.md", &text);
            assert!(words.len() == 1 && words[0].starts_with("docs/adr/0002-two.md:3:"), "{bad}: {words:?}");
        }
    }

    #[test]
    fn records_have_a_number_and_a_state() {
        assert_eq!(changed("docs/adr/0004-four.md", "Status: accepted").len(), 1);
        assert_eq!(changed("docs/adr/0002-again.md", "Status: accepted").len(), 1);
        assert_eq!(changed("docs/adr/notes.md", "Status: accepted").len(), 1);
        assert_eq!(changed("docs/adr/0002-two.md", "# Two\nStatus:\n").len(), 1);
    }

    #[test]
    fn the_changelog_has_a_place_for_the_next_change() {
        assert_eq!(changed("CHANGELOG.md", "# Changelog\n## 1.0\nUnreleased\n").len(), 1);
    }

    #[test]
    fn the_map_shows_every_crate() {
        assert_eq!(changed("ARCHITECTURE.md", "`orch-runner` `orch-rules` xtask").len(), 1);
    }
}
