//! The project speaks of itself only: nothing of the place where it happened to be written.

use std::path::Path;

use super::{File, Violation};

const RULE: &str = "words";

/// Words that, followed by a number, name somebody's list of work.
const NUMBERED: &[&str] = &["issue #", "issue ", "session #", "session "];

/// The folders that the checkout lies in, as paths into them begin: what a file says of them is of this machine alone.
/// Those below the top folder only, for of these every machine has some.
pub fn surroundings(root: &Path) -> Vec<String> {
    let deep = root.ancestors().filter(|folder| folder.components().count() > 2 && *folder != Path::new("/var/tmp"));
    deep.filter_map(Path::to_str).map(|folder| format!("{folder}/")).collect()
}

/// Checks one text file, whatever its kind. `surroundings`: those of the checkout.
pub fn check(file: &File, surroundings: &[String]) -> Vec<Violation> {
    // Fixtures are what others sent, word for word; the examples below are of no place.
    if file.path == "xtask/src/tidy/words.rs" || file.path.split('/').any(|part| part == "fixtures") {
        return Vec::new();
    }
    let depth = file.path.matches('/').count();
    let mut found = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let offence = surroundings.iter().find_map(|folder| path_into(line, folder));
        if let Some(word) = offence.or_else(|| leaves(line, depth)).or_else(|| numbered(line)) {
            let words =
                format!("`{word}` belongs to a place of work, not to the project: say what is meant without it");
            found.push(Violation::new(&file.path, index + 1, RULE, words));
        }
    }
    found
}

/// `folder` at the beginning of a path; not inside one, and not a route of ours (`/tasks/{id}`).
fn path_into<'l>(line: &'l str, folder: &str) -> Option<&'l str> {
    line.match_indices(folder).find_map(|(at, word)| {
        let inside =
            line[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '}' | '.' | '_' | '-' | '~' | ')'));
        let route = line[at + word.len()..].starts_with(['{', ':', '*']);
        (!inside && !route).then_some(word)
    })
}

/// A link that leads out of the repository from a file `depth` folders deep.
fn leaves(line: &str, depth: usize) -> Option<&str> {
    let up = "../".repeat(depth + 1);
    let at = line.find(&format!("]({up}"))? + 2;
    Some(&line[at..at + up.len()])
}

fn numbered(line: &str) -> Option<&str> {
    let lower = line.to_ascii_lowercase();
    NUMBERED.iter().find_map(|word| {
        lower.match_indices(word).find_map(|(at, _)| {
            let end = at + word.len();
            let begins = !lower[..at].ends_with(|c: char| c.is_alphanumeric());
            let number = lower[end..].starts_with(|c: char| c.is_ascii_digit());
            (begins && number).then(|| &line[at..=end])
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Vec<String> {
        surroundings(Path::new("/yard/checkout"))
    }

    #[test]
    fn only_folders_that_not_every_machine_has_name_a_place() {
        assert_eq!(here(), ["/yard/checkout/"]);
        assert_eq!(surroundings(Path::new("/home/ann/orch")), ["/home/ann/orch/", "/home/ann/"]);
        assert_eq!(surroundings(Path::new("/var/tmp/x")), ["/var/tmp/x/"]);
        assert!(surroundings(Path::new("/orch")).is_empty());
    }

    #[test]
    fn a_project_that_speaks_of_itself() {
        for text in [
            "docs/work-items/7/",
            "`{state}/yard/checkout/runs`",
            "GET /yard/checkout/{id}",
            "see [there](../a.md)",
            "the issue and its session",
            "an issue 's title",
            "tissue 3",
            "see ADR 3",
        ] {
            assert_eq!(check(&File::new("docs/a.md", text), &here()), [], "{text}");
        }
    }

    #[test]
    fn words_of_a_place_of_work() {
        for text in [
            "see /yard/checkout/x",
            "(/yard/checkout/)",
            "[there](../../elsewhere/a.md)",
            "as Issue #3 says",
            "session 2",
            "issue 12",
        ] {
            let found = check(&File::new("docs/a.md", &format!("fine\n{text}")), &here());
            assert_eq!(found.iter().map(|violation| violation.line).collect::<Vec<_>>(), [2], "{text}");
        }
    }

    #[test]
    fn what_others_sent_is_kept_word_for_word() {
        assert_eq!(check(&File::new("crates/orch-vendors/src/tracker/plane/fixtures/a.json", "issue #3"), &here()), []);
    }
}
