//! Every path this attempt changed lies in its stage's [`Scope`] (X13), and nothing had to be refused. What an agent
//! leaves outside of its scope never gets here: it is left out when its work is brought home. A person's push is taken as
//! it is.

use super::Conclusion;
use super::delivery::{Delivery, delivery};
use crate::facts::TaskFacts;
use crate::pipeline::StageKind;
use crate::scope::{Scope, listed};
use crate::work_item::documents_folder;

/// A path is a test file's if one of its folders has one of these names, letter case ignored.
pub const TEST_FOLDERS: [&str; 8] =
    ["test", "tests", "spec", "specs", "__tests__", "__test__", "__snapshots__", "testdata"];

/// … or if its file name has one of these words; words end at every sign that is no letter and where a small letter
/// meets a capital: `test_sum.py`, `sum.spec.ts`, `SumTest.java`, but neither `latest.rs` nor `inspect.rs`.
pub const TEST_WORDS: [&str; 5] = ["test", "tests", "spec", "specs", "conftest"];

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

/// What ends a line for some reader of a name, or steers a terminal.
fn is_odd(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

pub(super) fn conclude(facts: &TaskFacts) -> Conclusion {
    let delivery = match delivery(facts) {
        Ok(delivery) => delivery,
        Err(conclusion) => return conclusion,
    };
    let Delivery { stage, evidence, attempt } = &delivery;
    if !evidence.refused.is_empty() {
        let reason = format!("attempt {attempt} left what cannot be taken: {}", evidence.refused.join("; "));
        let list = evidence.refused.iter().map(|line| format!("- {line}\n")).collect::<String>();
        return Conclusion::fail(reason, format!("This of attempt {attempt} could not be taken. Mend it:\n\n{list}"));
    }
    let scope = Scope::of(&facts.pipeline, stage, &facts.task.work_item);
    let folder = documents_folder(&facts.task.work_item);
    let documents: Vec<String> =
        evidence.documents.iter().map(|document| format!("{folder}/{}", document.path)).collect();
    if let Some(odd) = documents.iter().find(|path| path.chars().any(is_odd)) {
        let reason = format!("the document {odd:?} has a control character in its name, and no document may");
        return Conclusion::fail(reason.clone(), reason);
    }
    // Removed documents stand among the changed paths: there is no text of them to know.
    let strayed = documents.iter().chain(&evidence.changed).filter(|path| !scope.owns(path));
    let strayed: Vec<&str> = strayed.map(|path| path.strip_prefix(&format!("{folder}/")).unwrap_or(path)).collect();
    if !strayed.is_empty() {
        let reason =
            format!("attempt {attempt} changed what its role ({}) may not write: {}", scope.owner(), listed(&strayed));
        return Conclusion::fail(
            reason.clone(),
            format!("{reason}\n\nTake these changes back; write {} only.", scope.words()),
        );
    }
    let seen = u32::try_from(evidence.changed.len()).unwrap_or(u32::MAX);
    if stage.kind != StageKind::Build && evidence.changed_total > seen {
        return Conclusion::unknown(format!(
            "attempt {attempt} changed {} paths; only {seen} of them are known, all in scope",
            evidence.changed_total
        ));
    }
    Conclusion::pass(format!("attempt {attempt} kept to what its role ({}) may write", scope.owner()))
}
