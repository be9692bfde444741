//! What an agent is told it is and owes (D1). Words of a role come from here or from the repository's base branch; what
//! the gates of its stage read is always added, so that no file of a repository can lose it.

mod memory;
mod own;
#[cfg(test)]
mod prompt_tests;

use orch_rules::ids::WorkItemId;
use orch_rules::pipeline::{GateName, Pipeline, Role, Stage, StageKind};
use orch_rules::verdict::tokens;
use orch_rules::work_item;

pub use memory::told as memory;
pub use own::{CAP, OwnPrompt, PromptError, paths_of, usable};

/// Added to every prompt.
const CONTRACT: &str = include_str!("contract.md");

/// What a prompt is rendered for.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Who is told.
    pub role: Role,
    /// Where in the line.
    pub stage: &'a Stage,
    /// The line: other roles' documents are out of scope.
    pub pipeline: &'a Pipeline,
    /// Of which task.
    pub work_item: &'a WorkItemId,
}

/// The built-in words of a role, before anything is put into them.
pub fn built_in(role: Role) -> &'static str {
    match role {
        Role::Analyst => include_str!("roles/analyst.md"),
        Role::Architect => include_str!("roles/architect.md"),
        Role::Developer => include_str!("roles/developer.md"),
        Role::Reviewer => include_str!("roles/reviewer.md"),
        Role::Tester => include_str!("roles/tester.md"),
        Role::Deployer => include_str!("roles/deployer.md"),
    }
}

/// The whole prompt in Markdown: the repository's own words for the role, or the built-in ones, then the contract of the
/// stage. `{id}`, `{folder}` and `{first}` stand in both for the work item, its documents folder and the first document the
/// stage names. The same for every attempt: what is to be mended stands in the task file.
pub fn render(subject: &Subject<'_>, own: Option<&OwnPrompt>) -> String {
    let folder = work_item::documents_folder(subject.work_item);
    let documents = &subject.stage.documents;
    let first = documents.first().map_or_else(|| folder.clone(), |name| format!("{folder}/{name}"));
    let words = [
        ("id", subject.work_item.to_string()),
        ("positive", listed(&tokens::POSITIVE)),
        ("negative", listed(&tokens::NEGATIVE)),
        ("first", first),
    ];
    let mut words: Vec<(&str, String)> = words.to_vec();
    let ask = documents.first().filter(|name| !name.contains('*')).map_or("questions.md", String::as_str);
    let ask = format!("{folder}/{ask}");
    words.push(("folder", folder));
    let gates: String = subject.stage.gates.iter().map(|gate| fill(contract_of(*gate), &words)).collect();
    words.extend([("ask", ask), ("owed", owed(subject)), ("scope", scope(subject)), ("gates", gates)]);
    let role = own.map_or_else(|| built_in(subject.role), |own| own.text.as_str());
    format!("{}\n\n{}", fill(role, &words[..5]).trim_end(), fill(CONTRACT, &words))
}

/// What a gate asks of the one whose work it looks at; empty if it looks at nothing of theirs.
fn contract_of(gate: GateName) -> &'static str {
    match gate {
        GateName::CheckDocumentWritten => include_str!("gates/document_written.md"),
        GateName::CheckNoQuestions => include_str!("gates/no_questions.md"),
        GateName::CheckDecisionRecord => include_str!("gates/decision_record.md"),
        GateName::CheckCodeChanged => include_str!("gates/code_changed.md"),
        GateName::CheckCiGreen => include_str!("gates/ci_green.md"),
        GateName::CheckProtectedPaths => include_str!("gates/protected_paths.md"),
        GateName::CheckSettings => include_str!("gates/settings.md"),
        GateName::CheckReviewerVerdict => include_str!("gates/reviewer_verdict.md"),
        GateName::CheckTestsPassed => include_str!("gates/tests_passed.md"),
        GateName::CheckStagingStatus => include_str!("gates/staging_status.md"),
        GateName::CheckDeployStatus => include_str!("gates/deploy_status.md"),
        // What may be written is said for every stage; the other two look at the lane.
        GateName::CheckWriteScope | GateName::CheckBranchMergeable | GateName::CheckStagingImageFresh => "",
    }
}

/// What the documents of the built-in lines are for, by their names.
fn purpose(document: &str) -> Option<&'static str> {
    Some(match document {
        "01-brd.md" => "why, for whom, what shall be different (`BR-`), what is out of scope",
        "02-spec.md" => "what exactly it shall do (`FR-`)",
        "03-acceptance.md" => "how one can tell that it does (`AC-`)",
        "04-test-plan.md" => "the test cases that prove the criteria (`TC-`)",
        "05-risks.md" => "what can go wrong, how likely, how it would be noticed",
        "06-adr/ADR-*.md" => "the decision, one file for each (`*` is number and slug: `ADR-001-totals-in-cents.md`)",
        "12-review.md" => "the review",
        "13-test-report.md" => "the test report",
        "14-deploy-log.md" => "what was deployed, and what came of it",
        "15-staging-log.md" => "what runs on staging, and what came of it",
        _ => return None,
    })
}

fn owed(subject: &Subject<'_>) -> String {
    let folder = work_item::documents_folder(subject.work_item);
    let line = |name: &String| {
        let purpose = purpose(name).map(|purpose| format!(": {purpose}")).unwrap_or_default();
        format!("- `{folder}/{name}`{purpose}\n")
    };
    let documents: String = subject.stage.documents.iter().map(line).collect();
    if documents.is_empty() { "- commits on this branch\n".to_owned() } else { documents }
}

/// As the gate on the write scope has it, in words.
fn scope(subject: &Subject<'_>) -> String {
    let folder = work_item::documents_folder(subject.work_item);
    match subject.stage.kind {
        StageKind::Build => {
            let others = subject.pipeline.stages.iter().filter(|stage| stage.role != subject.stage.role);
            let mut names: Vec<&str> = others.flat_map(|stage| stage.documents.iter().map(String::as_str)).collect();
            names.retain(|name| !subject.stage.documents.iter().any(|own| own == name));
            if names.is_empty() {
                return "You may change everything in this repository.".to_owned();
            }
            format!(
                "You may change everything in this repository but the documents of other roles in `{folder}`: {}.",
                listed(&names)
            )
        }
        StageKind::Check => {
            "You may write these documents and test files, and nothing else. Any other change is left out.".to_owned()
        }
        _ => "You may write these documents, and nothing else. Any other change is left out.".to_owned(),
    }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Puts words where their names stand in braces, in one pass: what is put in is not looked at again. Other braces stay.
fn fill(text: &str, words: &[(&str, String)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        let word =
            words.iter().find(|(name, _)| rest[1..].strip_prefix(name).is_some_and(|rest| rest.starts_with('}')));
        let length = match word {
            Some((name, value)) => {
                filled.push_str(value);
                name.len() + 2
            }
            None => {
                filled.push('{');
                1
            }
        };
        rest = &rest[length..];
    }
    filled.push_str(rest);
    filled
}
