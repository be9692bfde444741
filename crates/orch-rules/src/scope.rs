//! What of an attempt's work is its role's to deliver (X13). The rest is left out of the commit, by name.
//!
//! | stage kind | may deliver |
//! |---|---|
//! | author, judge, stage, deploy | the documents its stage names |
//! | check | these, and test files (see [`is_test_file`]) |
//! | build | everything but documents that stages of other roles name, and what agent programs leave lying about |
//! | land | nothing acts there |

use crate::gate::is_test_file;
use crate::ids::WorkItemId;
use crate::path_pattern::path_matches;
use crate::pipeline::{Pipeline, Role, Stage, StageKind, document_matches};
use crate::work_item::documents_folder;

/// What agent programs write into the folder they work in, for themselves. Lying there uncommitted it is nobody's work.
pub const TOOL_FILES: [&str; 6] = [
    "**/.claude/settings.local.json",
    "**/.claude/worktrees/**",
    "**/.aider*",
    "**/.codex/sessions/**",
    "**/.gemini/tmp/**",
    "**/.opencode/session/**",
];

/// Most paths that a sentence lists.
const LISTED: usize = 10;

/// What an attempt may deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    role: Option<Role>,
    /// The documents folder, with a `/` at its end.
    folder: String,
    /// Patterns of its own documents.
    own: Vec<String>,
    /// Patterns of documents that stages of other roles name; looked at where everything else is its own.
    others: Vec<String>,
    kind: StageKind,
}

impl Scope {
    /// Of attempts at a stage.
    pub fn of(pipeline: &Pipeline, stage: &Stage, work_item: &WorkItemId) -> Self {
        let strangers = pipeline.stages.iter().filter(|other| other.role != stage.role);
        Self {
            role: stage.role,
            folder: format!("{}/", documents_folder(work_item)),
            own: stage.documents.clone(),
            others: strangers.flat_map(|other| other.documents.clone()).collect(),
            kind: stage.kind,
        }
    }

    /// Whether a changed path (from the top of the repository) is its to deliver.
    pub fn owns(&self, path: &str) -> bool {
        let among = |patterns: &[String], name: &str| patterns.iter().any(|pattern| document_matches(pattern, name));
        match path.strip_prefix(&self.folder) {
            Some(name) if self.kind == StageKind::Build => among(&self.own, name) || !among(&self.others, name),
            Some(name) => among(&self.own, name),
            None => match self.kind {
                StageKind::Build => true,
                StageKind::Check => is_test_file(path),
                _ => false,
            },
        }
    }

    /// As [`Scope::owns`], of a path that lay there, committed or not.
    pub fn takes(&self, path: &str, uncommitted: bool) -> bool {
        let tool = || TOOL_FILES.iter().any(|pattern| path_matches(pattern, path));
        self.owns(path) && !(uncommitted && self.kind == StageKind::Build && tool())
    }

    /// Its role, for people.
    pub fn owner(&self) -> &'static str {
        self.role.map_or("nobody", Role::name)
    }

    /// What was left out, in a sentence.
    pub fn left_out(&self, paths: &[String]) -> Option<String> {
        (!paths.is_empty()).then(|| format!("{}: not for the {} to change", listed(paths), self.owner()))
    }

    /// What it may deliver, in words.
    pub fn words(&self) -> String {
        let documents = self.own.join(", ");
        match self.kind {
            StageKind::Build => "anything but other roles' documents".to_owned(),
            StageKind::Check if documents.is_empty() => "test files".to_owned(),
            StageKind::Check => format!("{documents} and test files"),
            _ if documents.is_empty() => "nothing".to_owned(),
            _ => documents,
        }
    }
}

/// The first few of many.
pub(crate) fn listed<T: AsRef<str>>(paths: &[T]) -> String {
    let mut listed: Vec<String> = paths.iter().take(LISTED).map(|path| path.as_ref().to_owned()).collect();
    if paths.len() > LISTED {
        listed.push(format!("and {} more", paths.len() - LISTED));
    }
    listed.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::StageId;
    use crate::pipeline::default_pipeline;

    #[test]
    fn truth_table() {
        let pipeline = default_pipeline();
        let docs = "docs/work-items/SHOP-001";
        let rows: &[(&str, &[&str], &[&str])] = &[
            (
                "analysis",
                &["{}/01-brd.md", "{}/05-risks.md"],
                &["{}/12-review.md", "a.rs", "{}x/01-brd.md", "tests/a.rs"],
            ),
            ("architecture", &["{}/06-adr/ADR-001-x.md"], &["{}/06-adr/x.md", "{}/01-brd.md", "docs/adr/1.md"]),
            (
                "development",
                &["a.rs", "tests/a.rs", "{}/notes.md", ".orch/orch.toml"],
                &["{}/12-review.md", "{}/01-brd.md"],
            ),
            ("review", &["{}/12-review.md"], &["a.rs", "tests/a.rs", "__pycache__/a.pyc"]),
            ("testing", &["{}/13-test-report.md", "tests/a.rs", "src/a_test.go"], &["a.rs", "{}/12-review.md"]),
        ];
        for (stage, own, strange) in rows {
            let stage = pipeline.stage(&StageId::from(*stage)).unwrap();
            let scope = Scope::of(&pipeline, stage, &"SHOP-001".into());
            for path in *own {
                assert!(scope.owns(&path.replace("{}", docs)), "{}: {path}", stage.id);
            }
            for path in *strange {
                assert!(!scope.owns(&path.replace("{}", docs)), "{}: {path}", stage.id);
            }
        }
    }

    #[test]
    fn what_a_tool_left_lying_is_nobodys_work() {
        let pipeline = default_pipeline();
        let stage = pipeline.stage(&StageId::from("development")).unwrap();
        let scope = Scope::of(&pipeline, stage, &"SHOP-001".into());
        for path in [".claude/settings.local.json", "web/.claude/settings.local.json", ".aider.chat.history.md"] {
            assert!(!scope.takes(path, true) && scope.takes(path, false), "{path}");
        }
        assert!(scope.takes(".claude/settings.json", true));
        let many: Vec<String> = (0..12).map(|n| format!("f{n}")).collect();
        let words = scope.left_out(&many).unwrap();
        assert!(words.ends_with("f9, and 2 more: not for the developer to change"), "{words}");
    }
}
