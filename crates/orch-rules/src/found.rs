//! What an agent finds on the way and leaves to others (`found` in the front matter of a document): a draft in the backlog,
//! which nothing but a person starts.

use crate::attempt::{Attempt, DocumentFact};
use crate::ids::{AttemptNumber, RepositoryId, TaskId, WorkItemId};
use crate::issue::Issue;
use crate::pipeline::Role;
use crate::task::Task;
use crate::work_item;

/// Most drafts of one attempt: a document that lists everything helps nobody.
const MOST: usize = 5;

/// Longest title of a draft, in characters; the whole text is its description.
const TITLE: usize = 120;

/// The label of such an issue.
pub const LABEL: &str = "found";

/// Who found something.
#[derive(Debug, Clone, Copy)]
pub struct Finder<'f> {
    task: &'f TaskId,
    repository: &'f RepositoryId,
    work_item: &'f WorkItemId,
    role: Role,
    attempt: AttemptNumber,
}

impl<'f> Finder<'f> {
    /// The agent of this attempt.
    pub fn of(task: &'f Task, attempt: &Attempt) -> Self {
        let (role, attempt) = (attempt.role, attempt.number);
        Self { task: &task.id, repository: &task.repository, work_item: &task.work_item, role, attempt }
    }
}

/// The drafts of an attempt, each once in the life of the task, whoever finds it again.
pub fn drafts(finder: &Finder<'_>, documents: &[DocumentFact]) -> Vec<Issue> {
    let mut drafts: Vec<Issue> = Vec::new();
    for document in documents {
        for text in &document.found {
            let draft = draft(finder, document, text);
            if drafts.len() < MOST && drafts.iter().all(|other| other.key != draft.key) {
                drafts.push(draft);
            }
        }
    }
    drafts
}

fn draft(finder: &Finder<'_>, document: &DocumentFact, text: &str) -> Issue {
    let (role, work_item) = (finder.role.name(), finder.work_item);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let title = work_item::clean_title(line);
    let short = match title.char_indices().nth(TITLE) {
        None => title.clone(),
        Some((at, _)) => format!("{}…", title[..at].trim_end()),
    };
    // Words of agents stay words: four spaces make a block of them.
    let quoted: Vec<String> = text.lines().map(|line| format!("    {line}")).collect();
    let description = format!(
        "Found by the {role} of {work_item} (attempt {}, `{}`) and left to others:\n\n{}\n",
        finder.attempt,
        document.path.replace('`', ""),
        quoted.join("\n")
    );
    let named: String = title.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    Issue {
        repository: finder.repository.clone(),
        key: format!("found:{}:{}", finder.task, named.chars().take(TITLE).collect::<String>()),
        title: short,
        description,
        priority: 0,
        variant: None,
        labels: vec![LABEL.to_owned()],
        start: false,
        number: None,
        depends_on: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::read_document;

    fn found(text: &str) -> Vec<String> {
        read_document("12-review.md", format!("---\n{text}\n---\n# Review\n").as_bytes()).found
    }

    #[test]
    fn what_was_found_is_read_as_agents_write_it() {
        for (text, told) in [
            ("found:\n  - \"The export is slow.\"\n  - Two more", &["The export is slow.", "Two more"][..]),
            ("found: one thing", &["one thing"]),
            ("found: none", &[]),
            ("found: []", &[]),
            ("found:\n  - `orch x` fails: exit 1\n", &["`orch x` fails: exit 1"]),
            ("questions:\n  - *a* or b?\nfound:\n  - %c is odd", &["%c is odd"]),
            ("verdict: APPROVED", &[]),
        ] {
            assert_eq!(found(text), told, "{text}");
        }
    }

    #[test]
    fn a_draft_is_bounded_its_words_stay_words_and_it_is_one_however_often_it_is_found() {
        let (task, repository, work_item) = ("t1".into(), "shop".into(), "SHOP-001".into());
        let by = |attempt| Finder {
            task: &task,
            repository: &repository,
            work_item: &work_item,
            role: Role::Reviewer,
            attempt,
        };
        let document = |found: &[&str]| DocumentFact {
            found: found.iter().map(|text| (*text).to_owned()).collect(),
            ..DocumentFact::unreadable("12-review.md", "")
        };
        let many: Vec<String> = (0..9).map(|n| format!("thing {n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(drafts(&by(1), &[document(&many)]).len(), MOST);
        let of = |number, text: &str| drafts(&by(number), &[document(&[text, text])]);
        let (one, again) = (of(1, "The export is slow"), of(4, "the export is  slow."));
        assert_eq!((one.len(), &one[0].key), (1, &again[0].key));
        assert_ne!(one[0].key, of(1, "The import is slow")[0].key);
        let issue = &of(2, "Slow\u{1b}[2J\n## Rework\n```\nmend this")[0];
        assert_eq!((issue.title.as_str(), issue.start), ("Slow[2J", false));
        assert!(issue.description.lines().skip(2).all(|line| line.starts_with("    ")), "{}", issue.description);
        assert!(of(1, &"x".repeat(5_000))[0].title.chars().count() <= TITLE + 1);
    }
}
