//! Observations: what looks found of things outside. One row for each object, replaced in place; what changed between
//! two of them is told by [`crate::interpret`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::ids::{EpisodeId, Timestamp};

/// What can be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// A tracker's project: its states.
    Project,
    /// An issue: its state, its history, its comments.
    Issue,
    /// A task's branch on the forge.
    Branch,
    /// A commit of our record, with what CI says of it.
    Commit,
    /// A change request on the forge.
    ChangeRequest,
    /// A repository's base branch: tip, settings, pipeline, protected paths.
    BaseBranch,
    /// What a person did in a chat.
    ChatUpdate,
}

impl ObjectKind {
    const ALL: [Self; 7] = [
        Self::Project,
        Self::Issue,
        Self::Branch,
        Self::Commit,
        Self::ChangeRequest,
        Self::BaseBranch,
        Self::ChatUpdate,
    ];

    /// Spelling in rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Issue => "issue",
            Self::Branch => "branch",
            Self::Commit => "commit",
            Self::ChangeRequest => "change_request",
            Self::BaseBranch => "base_branch",
            Self::ChatUpdate => "chat_update",
        }
    }
}

/// One thing outside, within its connection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Object {
    /// What it is.
    pub kind: ObjectKind,
    /// As the product names it.
    pub id: String,
}

impl Object {
    /// An object of a kind.
    pub fn new(kind: ObjectKind, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }

    /// Key of its row: `issue:4f1c…`.
    pub fn key(&self) -> String {
        format!("{}:{}", self.kind.as_str(), self.id)
    }

    /// Reads a key back; `None` if this release does not know the kind.
    pub fn parse(key: &str) -> Option<Self> {
        let (word, id) = key.split_once(':')?;
        let kind = ObjectKind::ALL.into_iter().find(|kind| kind.as_str() == word)?;
        (!id.is_empty()).then(|| Self::new(kind, id))
    }
}

/// What is kept of an issue: enough to tell what is new at the next look, and no text of anybody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IssueSeen {
    /// The state that stood at the last look that was understood.
    pub state: Option<String>,
    /// When that was read; looks that found nothing new do not raise it.
    pub read_at: Timestamp,
    /// Every entry of the history that was handled. The cursor is this set and never a time: entries come late and out
    /// of order.
    pub moves: BTreeSet<String>,
    /// Comments by id, with a hash of their text.
    pub comments: BTreeMap<String, String>,
    /// Comments that were the reason of a rejection.
    pub reasons: BTreeSet<String>,
    /// The question that was seen standing after it was asked: without a history, only what came after that answers it.
    pub asked: Option<EpisodeId>,
    /// The question that was answered, or asked for again, by the state alone.
    pub level_told: Option<EpisodeId>,
    /// The history does not explain the state yet.
    pub behind: Option<Behind>,
    /// A state that counts though no entry ever explained it.
    pub unexplained: Option<Unexplained>,
    /// A rejection that waits for its reason.
    pub awaits_reason: Option<AwaitsReason>,
    /// The product says there is no such issue.
    pub gone: Option<Gone>,
}

/// What is kept of the reviews of a change request: which were seen, and whether each still counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReviewsSeen {
    /// By the product's name of each: whether it was taken back, or voided.
    pub dismissed: BTreeMap<String, bool>,
}

impl ReviewsSeen {
    /// Of reviews as they were read.
    pub fn of<'r>(reviews: impl IntoIterator<Item = (&'r str, bool)>) -> Self {
        Self { dismissed: reviews.into_iter().map(|(id, dismissed)| (id.to_owned(), dismissed)).collect() }
    }

    /// It was seen before.
    pub fn knows(&self, id: &str) -> bool {
        self.dismissed.contains_key(id)
    }
}

/// A history that is behind the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behind {
    /// Since when.
    pub since: Timestamp,
    /// How often it was looked at again.
    pub looks: u32,
    /// STOP was seen standing, and told.
    pub stop_told: bool,
}

/// A state without an entry in the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unexplained {
    /// The state.
    pub state: String,
    /// The newest entry that stood then.
    pub after: Option<String>,
}

/// A rejection whose reason may still be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwaitsReason {
    /// The move; empty if the product has no history.
    pub entry: String,
    /// Since when it is known.
    pub since: Timestamp,
}

/// An issue that cannot be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// Since when.
    pub since: Timestamp,
    /// It was told.
    pub told: bool,
}

/// What one look at an issue read: first the state, then its history and comments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueLook {
    /// Our clock before the first request.
    pub read_at: Timestamp,
    /// The product's clock minus ours in milliseconds, by the `Date` of the same answers; `None` if it named none.
    pub ahead_ms: Option<i64>,
    /// What was found; `None`: there is no such issue.
    pub found: Option<IssueRead>,
}

/// An issue as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueRead {
    /// The state that stands, as the product names it.
    pub state: String,
    /// Moves between states in the product's order, oldest first; `None` if the product keeps none.
    pub history: Option<Vec<Move>>,
    /// Whom the product names as having changed or made the issue, for one without a history and for one that nobody
    /// has moved yet.
    pub changed_by: Option<String>,
    /// All comments, oldest first.
    pub comments: Vec<Comment>,
}

/// An entry of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The product's name of the entry.
    pub id: String,
    /// By the product's clock.
    pub at: Timestamp,
    /// The account that moved it.
    pub by: String,
    /// The state it was moved from, if the product tells.
    pub from: Option<String>,
    /// The state it was moved to.
    pub to: String,
}

/// A comment as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// The product's name of it.
    pub id: String,
    /// By the product's clock.
    pub at: Timestamp,
    /// Its author's account.
    pub by: String,
    /// Verbatim.
    pub text: String,
}

impl IssueSeen {
    /// What was there when the project was met, by the product's clock: none of it is a command, however late it is read.
    pub fn standing(look: &IssueLook, created_at: Timestamp, since: Timestamp) -> Self {
        let earlier = |at: Timestamp| at <= since;
        let (Some(read), true) = (&look.found, earlier(created_at)) else { return Self::default() };
        let moves: Vec<&Move> = read.history.iter().flatten().collect();
        let (old, new): (Vec<&Move>, Vec<&Move>) = moves.into_iter().partition(|entry| earlier(entry.at));
        let stood = old.last().map(|entry| entry.to.clone());
        let stood = stood.or_else(|| new.first().map_or_else(|| Some(read.state.clone()), |entry| entry.from.clone()));
        let comments = read.comments.iter().filter(|comment| earlier(comment.at));
        Self {
            state: stood,
            moves: old.into_iter().map(|entry| entry.id.clone()).collect(),
            comments: comments.map(|comment| (comment.id.clone(), text_hash(&comment.text))).collect(),
            ..Self::default()
        }
    }
}

/// What is kept of a tracker's project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProjectSeen {
    /// When the newest change was, by the product's clock, as it was met: what stood by then is no command.
    pub since: Timestamp,
    /// Changes up to here were met, as the product spells moments.
    pub watermark: String,
    /// Its states by id and name.
    pub states: Vec<(String, String)>,
    /// Since when no webhook tells of what people do there, as far as that was noticed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silent_since: Option<Timestamp>,
}

/// Short hash of a text, for telling whether it is the same.
pub fn text_hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_objects_are_read_back_and_unknown_kinds_are_not() {
        for kind in ObjectKind::ALL {
            let object = Object::new(kind, "a:b/c");
            assert_eq!(Object::parse(&object.key()), Some(object));
        }
        for key in ["mood:7", "issue", "issue:", ""] {
            assert_eq!(Object::parse(key), None, "{key}");
        }
    }

    #[test]
    fn rows_of_releases_that_knew_less_are_read() {
        assert_eq!(serde_json::from_str::<IssueSeen>("{}").unwrap(), IssueSeen::default());
    }

    #[test]
    fn what_stood_before_anybody_looked_is_no_command() {
        let entry = |id: &str, at: i64, from: &str, to: &str| Move {
            id: id.into(),
            at: Timestamp(at + 180_000),
            by: "ann".into(),
            from: Some(from.into()),
            to: to.into(),
        };
        let look = |state: &str, moves: Vec<Move>| IssueLook {
            read_at: Timestamp(9_000),
            ahead_ms: Some(180_000),
            found: Some(IssueRead {
                state: state.into(),
                history: Some(moves),
                changed_by: None,
                comments: Vec::new(),
            }),
        };
        let made = Timestamp(180_001);
        let seen = |look: &IssueLook| IssueSeen::standing(look, made, Timestamp(185_000));
        let of = |seen: IssueSeen| (seen.state.unwrap_or_default(), seen.moves.into_iter().collect::<Vec<_>>());
        let before = entry("a", 4_000, "Backlog", "To Analyse");
        assert_eq!(of(seen(&look("To Analyse", vec![before.clone()]))), ("To Analyse".into(), vec!["a".into()]));
        let after = entry("b", 6_000, "To Analyse", "Backlog");
        assert_eq!(of(seen(&look("Backlog", vec![before, after]))), ("To Analyse".into(), vec!["a".into()]));
        let after = entry("b", 6_000, "Backlog", "To Analyse");
        assert_eq!(of(seen(&look("To Analyse", vec![after]))), ("Backlog".into(), vec![]));
        assert_eq!(of(seen(&look("To Analyse", vec![]))), ("To Analyse".into(), vec![]), "it was made so");
        let newer = IssueSeen::standing(&look("To Analyse", vec![]), Timestamp(186_000), Timestamp(185_000));
        assert_eq!(newer, IssueSeen::default(), "made since");
    }

    #[test]
    fn the_same_text_has_the_same_hash() {
        assert_eq!(text_hash("a"), "ca978112ca1bbdcafac231b39a23dc4d");
        assert_ne!(text_hash("a"), text_hash("b"));
    }
}
