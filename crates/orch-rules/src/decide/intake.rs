//! A new task: its row, its natural keys, and, if it starts at once, its place in the entry line.

use crate::change::{AuditLine, Change, ChangeSet, Guard};
use crate::facts::Policy;
use crate::ids::{PipelineDigest, TaskId, Timestamp, WorkItemId};
use crate::lane::{LaneEntry, LaneState, Line, Repository};
use crate::reason;
use crate::rights::Acting;
use crate::task::{Hold, Position, Task, Wait};
use crate::work_item;

/// What is known of an issue when it becomes a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intake {
    /// Identity for the new row.
    pub task: TaskId,
    /// One line; control characters are removed here.
    pub title: String,
    /// Markdown.
    pub description: String,
    /// Who wrote it.
    pub author: Acting,
    /// Higher goes first.
    pub priority: i32,
    /// Start at once.
    pub start: bool,
    /// Names the issue where it came from: one issue is one task.
    pub issue_key: String,
    /// Waits for these.
    pub depends_on: Vec<TaskId>,
    /// The pipeline it pins.
    pub pipeline: PipelineDigest,
    /// The variant of the line that this is, for people; `None`: none.
    pub variant: Option<String>,
    /// Whose issues start, as the repository file on the base branch says it now; empty is everybody's (X15).
    pub authors: Vec<String>,
    /// Next number to try.
    pub number: u32,
    /// The plain branch name is taken: use the one with the task's id (A3).
    pub disambiguate: bool,
}

/// The natural key of an issue.
pub fn issue_key(repository: &Repository, key: &str) -> String {
    format!("issue:{}:{key}", repository.id)
}

/// The natural key of a work item id (A2).
pub fn work_item_key(repository: &Repository, id: &WorkItemId) -> String {
    format!("work_item:{}:{id}", repository.id)
}

/// The natural key of a branch (A3).
pub fn branch_key(repository: &Repository, branch: &str) -> String {
    format!("branch:{}:{branch}", repository.id)
}

/// The change set that makes the task. A failing [`Guard::Unique`] names the key: the caller walks on to the next
/// number or the longer branch name, or finds that the issue has its task already.
pub fn intake(intake: &Intake, repository: &Repository, policy: &Policy, now: Timestamp) -> (Task, ChangeSet) {
    let id = work_item::work_item_id(&repository.prefix, u64::from(intake.number));
    let title = work_item::clean_title(&intake.title);
    let branch = if intake.disambiguate {
        work_item::disambiguated_branch(&id, &title, &intake.task)
    } else {
        work_item::branch(&id, &title)
    };
    let unlisted = !intake.author.is_one_of(&intake.authors);
    let reasons = if intake.start && !unlisted {
        work_item::entry_check(&title, &intake.description, policy)
    } else {
        Vec::new()
    };
    let refused = !reasons.is_empty();
    let enters = intake.start && !refused && !unlisted;
    let hold = refused.then_some(Hold::EntryRefused { reasons });
    let waits = match (&hold, enters) {
        (Some(hold), _) => vec![Wait::Held { reason: hold.reason() }],
        (None, true) => vec![Wait::Entry { place: 1, behind: None }],
        (None, false) if unlisted => vec![Wait::Unlisted { author: intake.author.actor.clone() }],
        (None, false) => vec![Wait::Backlog],
    };
    let task = Task {
        id: intake.task.clone(),
        repository: repository.id.clone(),
        work_item: id.clone(),
        title,
        description: intake.description.clone(),
        author: intake.author.actor.clone(),
        branch: branch.clone(),
        priority: intake.priority,
        position: if enters { Position::Entering } else { Position::Backlog },
        visit: u32::from(enters),
        pipeline: intake.pipeline.clone(),
        base: None,
        head: None,
        keys: None,
        attempt: 0,
        retries: 0,
        rework: None,
        claims: Vec::new(),
        convergence: crate::convergence::Convergence::default(),
        hold,
        paused: false,
        hands: None,
        branch_seen: None,
        replay_since: None,
        unlisted,
        stop: None,
        landed: None,
        brought: Vec::new(),
        deployment: None,
        waits,
        rule: "intake".to_owned(),
        created_at: now,
        started_at: enters.then_some(now),
        entered_at: now,
        ended_at: None,
        version: 1,
        beyond: Default::default(),
    };
    let owner = intake.task.clone();
    let unique = |key: String| Guard::Unique { key, owner: owner.clone() };
    let guards = vec![
        unique(issue_key(repository, &intake.issue_key)),
        unique(work_item_key(repository, &id)),
        unique(branch_key(repository, &branch)),
    ];
    let mut changes = vec![Change::InsertTask { task: task.clone() }];
    for on in &intake.depends_on {
        changes.push(Change::AddDependency { task: owner.clone(), on: on.clone() });
    }
    let text = match (&task.hold, enters) {
        (Some(hold), _) => hold.reason(),
        (None, true) => reason::created_and_started(),
        (None, false) if unlisted => reason::created_unlisted(intake.authors.join(", ")),
        (None, false) => reason::created_in_backlog(),
    };
    let text = match &intake.variant {
        Some(variant) => reason::created_with_variant(text, variant),
        None => text,
    };
    changes.push(Change::Audit {
        line: AuditLine {
            task: Some(owner.clone()),
            repository: repository.id.clone(),
            at: now,
            by: intake.author.actor.clone(),
            rule: "intake".to_owned(),
            text,
        },
    });
    if enters {
        changes.push(Change::PutLaneEntry {
            entry: LaneEntry {
                beyond: Default::default(),
                repository: repository.id.clone(),
                task: owner.clone(),
                work_item: id,
                line: Line::Entry,
                priority: intake.priority,
                position: now.0,
                head: None,
                validates: false,
                reverts: None,
                mends: false,
                state: LaneState::Queued,
            },
        });
    }
    if enters || !intake.depends_on.is_empty() {
        // What it waits for may have ended meanwhile: nothing else would tell it.
        changes.push(Change::Wake { task: owner });
    }
    if enters {
        changes.push(Change::WakeLane { repository: repository.id.clone() });
    }
    (task, ChangeSet { guards, changes })
}
