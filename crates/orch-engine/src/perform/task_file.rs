//! The task file: what an agent is told (D1). Text that people wrote is fenced, so that it stays text (X15).

use std::fmt::Write;

use orch_rules::attempt::Attempt;
use orch_rules::facts::TaskFacts;
use orch_rules::ids::CommitId;
use orch_rules::pipeline::StageKind;
use orch_rules::work_item;

/// Markdown with a YAML front matter of scalars.
pub fn render(facts: &TaskFacts, attempt: &Attempt, start: &CommitId, documents: &[String]) -> String {
    let task = &facts.task;
    let mut text = String::new();
    let folder = work_item::documents_folder(&task.work_item);
    let fields = [
        ("id", task.work_item.to_string()),
        ("stage", attempt.stage.to_string()),
        ("role", attempt.role.name().to_owned()),
        ("attempt", attempt.number.to_string()),
        ("visit", attempt.visit.to_string()),
        ("branch", task.branch.clone()),
        ("start", start.to_string()),
        ("documents", folder.clone()),
    ];
    text.push_str("---\n");
    for (key, value) in fields {
        // JSON strings are YAML strings: no value can break out of its line.
        let _ = writeln!(text, "{key}: {}", serde_json::Value::String(value));
    }
    let _ = writeln!(text, "title: {}", serde_json::Value::String(task.title.clone()));
    text.push_str("---\n\n");
    let _ = writeln!(text, "# {}\n\n## Title\n", task.work_item);
    fenced(&mut text, &task.title);
    text.push_str("\n## Description\n\n");
    fenced(&mut text, &task.description);
    if let Some(rework) = &attempt.rework {
        text.push_str("\n## Rework\n\nThis was sent back. Mend exactly this:\n\n");
        fenced(&mut text, rework);
    }
    let judges = facts.pipeline.stage(&attempt.stage).is_some_and(|stage| stage.kind == StageKind::Judge);
    if let Some(earlier) = task.convergence.earlier().filter(|_| judges) {
        text.push_str("\n## Findings of earlier reviews\n\nKeep the name of each one that is still open.\n\n");
        fenced(&mut text, &earlier);
    }
    text.push_str("\n## Documents so far\n\n");
    if documents.is_empty() {
        text.push_str("None.\n");
    }
    for document in documents {
        // A name is its author's text: as a JSON string it stays on its line.
        let _ = writeln!(text, "- {}", serde_json::Value::String(format!("{folder}/{document}")));
    }
    if let Some(stage) = facts.pipeline.stage(&attempt.stage) {
        text.push_str("\n## You owe\n\n");
        for document in &stage.documents {
            let _ = writeln!(text, "- {folder}/{document}");
        }
        if stage.documents.is_empty() {
            text.push_str("- committed changes on this branch\n");
        }
    }
    text
}

/// A fence longer than any inside.
pub(crate) fn fenced(text: &mut String, body: &str) {
    let longest = body.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let _ = writeln!(text, "{fence}text\n{}\n{fence}", body.trim_end());
}
