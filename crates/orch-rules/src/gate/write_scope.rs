//! Every path this attempt changed lies in its stage's write scope (X13).
//!
//! | stage kind | may write |
//! |---|---|
//! | author, judge, stage, deploy | the documents its stage names |
//! | check | these, and test files (see [`is_test_file`]) |
//! | build | everything but documents that stages of other roles name |
//! | land | nothing acts there |

use super::Conclusion;
use super::delivery::{Delivery, delivery};
use crate::facts::TaskFacts;
use crate::pipeline::{Stage, StageKind, document_matches};
use crate::work_item::documents_folder;

/// A path is a test file's if one of its folders has one of these names, letter case ignored.
pub const TEST_FOLDERS: [&str; 8] =
    ["test", "tests", "spec", "specs", "__tests__", "__test__", "__snapshots__", "testdata"];

/// … or if its file name has one of these words; words end at every sign that is no letter and where a small letter
/// meets a capital: `test_sum.py`, `sum.spec.ts`, `SumTest.java`, but neither `latest.rs` nor `inspect.rs`.
pub const TEST_WORDS: [&str; 5] = ["test", "tests", "spec", "specs", "conftest"];

/// Most paths that a reason lists.
const LISTED: usize = 10;

/// Whether a path (relative to the repository's root, `/` between its parts) is a test file's.
pub fn is_test_file(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let in_folder = folders.split('/').any(|folder| TEST_FOLDERS.contains(&folder.to_lowercase().as_str()));
    in_folder || words(name).iter().any(|word| TEST_WORDS.contains(&word.as_str()))
}

fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small_before = false;
    for c in name.chars() {
        if !c.is_alphabetic() || (c.is_uppercase() && small_before) {
            words.push(String::new());
        }
        small_before = c.is_lowercase();
        if c.is_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
    }
    words
}

pub(super) fn conclude(facts: &TaskFacts) -> Conclusion {
    let delivery = match delivery(facts) {
        Ok(delivery) => delivery,
        Err(conclusion) => return conclusion,
    };
    let Delivery { stage, evidence, .. } = &delivery;
    let owner = stage.role.map_or("nobody", crate::pipeline::Role::name);
    // Removed documents stand among the changed paths: there is no text of them to know.
    let folder = format!("{}/", documents_folder(&facts.task.work_item));
    let removed = evidence.changed.iter().filter_map(|path| path.strip_prefix(&folder));
    let documents = evidence.documents.iter().map(|document| document.path.as_str()).chain(removed);
    let code = evidence.changed.iter().map(String::as_str).filter(|path| !path.starts_with(&folder));
    let strayed: Vec<&str> = match stage.kind {
        StageKind::Build => documents.filter(|path| belongs_to_another(facts, stage, path)).collect(),
        kind => {
            let strange = documents.filter(|path| !names(stage, path));
            let is_free = |path: &&str| kind == StageKind::Check && is_test_file(path);
            strange.chain(code.filter(|path| !is_free(path))).collect()
        }
    };
    if !strayed.is_empty() {
        let more = strayed.len().saturating_sub(LISTED);
        let mut listed: Vec<String> = strayed.iter().take(LISTED).map(|path| (*path).to_owned()).collect();
        if more > 0 {
            listed.push(format!("and {more} more"));
        }
        let reason = format!(
            "attempt {} changed what its role ({owner}) may not write: {}",
            delivery.attempt,
            listed.join(", ")
        );
        return Conclusion::fail(
            reason.clone(),
            format!("{reason}\n\nTake these changes back; write {} only.", scope(stage)),
        );
    }
    let seen = u32::try_from(evidence.changed.len()).unwrap_or(u32::MAX);
    if stage.kind != StageKind::Build && evidence.changed_total > seen {
        return Conclusion::unknown(format!(
            "attempt {} changed {} paths; only {seen} of them are known, all in scope",
            delivery.attempt, evidence.changed_total
        ));
    }
    Conclusion::pass(format!("attempt {} kept to what its role ({owner}) may write", delivery.attempt))
}

fn names(stage: &Stage, path: &str) -> bool {
    stage.documents.iter().any(|pattern| document_matches(pattern, path))
}

fn belongs_to_another(facts: &TaskFacts, stage: &Stage, path: &str) -> bool {
    !names(stage, path) && facts.pipeline.stages.iter().any(|other| other.role != stage.role && names(other, path))
}

fn scope(stage: &Stage) -> String {
    let documents = stage.documents.join(", ");
    match stage.kind {
        StageKind::Build => "anything but other roles' documents".to_owned(),
        StageKind::Check if documents.is_empty() => "test files".to_owned(),
        StageKind::Check => format!("{documents} and test files"),
        _ if documents.is_empty() => "nothing".to_owned(),
        _ => documents,
    }
}
