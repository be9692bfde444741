//! What a role does that no play scripts: the documents it owes, well formed and to the point.
//!
//! Each document names its attempt. So a second round changes it, and only what an attempt wrote counts.

use orch_rules::pipeline::Role;

use super::assignment::Assignment;
use super::script::Step;

const REQUIREMENTS: &str = include_str!("documents/01-brd.md");
const SPECIFICATION: &str = include_str!("documents/02-spec.md");
const ACCEPTANCE: &str = include_str!("documents/03-acceptance.md");
const DECISION: &str = include_str!("documents/06-adr.md");
const REVIEW: &str = include_str!("documents/12-review.md");
const TEST_REPORT: &str = include_str!("documents/13-test-report.md");
const DEPLOY_LOG: &str = include_str!("documents/14-deploy-log.md");
const STAGING_LOG: &str = include_str!("documents/15-staging-log.md");
const NOTE: &str = include_str!("documents/note.md");

/// The steps of the role's default act.
pub(super) fn steps(assignment: &Assignment) -> Vec<Step> {
    let document = |path: &str, text: &str| Step::Document { path: path.to_owned(), text: text.to_owned() };
    let commit = |message: &str| Step::Commit(message.to_owned());
    match assignment.role {
        Role::Analyst => vec![
            document("01-brd.md", REQUIREMENTS),
            document("02-spec.md", SPECIFICATION),
            document("03-acceptance.md", ACCEPTANCE),
            commit("Requirements, specification and acceptance criteria of {id}"),
        ],
        Role::Architect => {
            vec![document("06-adr/ADR-001-smallest-change.md", DECISION), commit("Decision record of {id}")]
        }
        // There is nothing to know of the code; a note of its own never conflicts with another task's.
        Role::Developer => vec![
            Step::Write { path: "notes/{id}.md".to_owned(), text: NOTE.to_owned() },
            commit("Note what {id} asks for"),
        ],
        Role::Reviewer => vec![document("12-review.md", REVIEW), commit("Review of {id}")],
        Role::Tester => vec![document("13-test-report.md", TEST_REPORT), commit("Test report of {id}")],
        Role::Deployer if assignment.stage.contains("staging") => {
            vec![document("15-staging-log.md", STAGING_LOG), commit("Staging log of {id}")]
        }
        Role::Deployer => vec![document("14-deploy-log.md", DEPLOY_LOG), commit("Deploy log of {id}")],
    }
}
