//! The project speaks of itself only: nothing of the place where it happened to be written.

use super::{File, Violation};

const RULE: &str = "words";

/// Words that name a place of work rather than the project.
const PLACES: &[&str] = &["../shared", "bash_jobs"];

/// Words that, followed by a number, name somebody's list of work.
const NUMBERED: &[&str] = &["issue #", "issue ", "session #", "session "];

/// Checks one text file, whatever its kind.
pub fn check(file: &File) -> Vec<Violation> {
    // This file names what it looks for; fixtures are what others sent, word for word.
    if file.path == "xtask/src/tidy/words.rs" || file.path.split('/').any(|part| part == "fixtures") {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        if let Some(word) = offence(line) {
            let words =
                format!("`{word}` belongs to a place of work, not to the project: say what is meant without it");
            found.push(Violation::new(&file.path, index + 1, RULE, words));
        }
    }
    found
}

fn offence(line: &str) -> Option<&str> {
    if let Some(place) = PLACES.iter().find(|place| line.contains(**place)) {
        return Some(place);
    }
    absolute_work_path(line).or_else(|| numbered(line))
}

/// `/work/` at the beginning of a path; not inside one, and not a route of ours (`/work/{id}`).
fn absolute_work_path(line: &str) -> Option<&str> {
    line.match_indices("/work/").find_map(|(at, word)| {
        let inside =
            line[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '}' | '.' | '_' | '-' | '~' | ')'));
        let route = line[at + word.len()..].starts_with(['{', ':', '*']);
        (!inside && !route).then_some(word)
    })
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

    #[test]
    fn a_project_that_speaks_of_itself() {
        for text in [
            "docs/work-items/7/",
            "`{state}/work/runs`",
            "GET /work/{id}",
            "the issue and its session",
            "an issue 's title",
            "tissue 3",
            "see ADR 3",
        ] {
            assert_eq!(check(&File::new("docs/a.md", text)), [], "{text}");
        }
    }

    #[test]
    fn words_of_a_place_of_work() {
        for text in
            ["see /work/main/x", "(../shared/a.md)", "/tmp/bash_jobs.0", "as Issue #3 says", "session 2", "issue 12"]
        {
            let found = check(&File::new("docs/a.md", &format!("fine\n{text}")));
            assert_eq!(found.iter().map(|violation| violation.line).collect::<Vec<_>>(), [2], "{text}");
        }
    }

    #[test]
    fn what_others_sent_is_kept_word_for_word() {
        assert_eq!(check(&File::new("crates/orch-vendors/src/tracker/plane/fixtures/a.json", "issue #3")), []);
    }
}
