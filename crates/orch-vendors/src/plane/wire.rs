//! What Plane says, as far as it is read. Fields that one release leaves out have a default.

use orch_ports::tracker::{IssueDetail, ListedIssue, TrackerState};
use orch_rules::ids::Timestamp;
use orch_rules::observation::{Comment, Move};
use serde::Deserialize;

use super::html::markdown;

pub(super) fn timestamp(text: &str) -> Timestamp {
    text.parse::<jiff::Timestamp>().map_or(Timestamp(0), |at| Timestamp(at.as_millisecond()))
}

/// A person or a bot.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct PlaneMember {
    pub id: String,
    pub email: Option<String>,
    pub display_name: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Project {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub identifier: String,
    /// Public ones are listed to those who are no members, and answer them 403.
    #[serde(default = "yes")]
    pub is_member: bool,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
pub(super) struct State {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub is_triage: bool,
}

impl State {
    pub fn ours(self) -> Option<TrackerState> {
        (!self.is_triage).then_some(TrackerState { id: self.id, name: self.name })
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Item {
    pub id: String,
    pub state: Option<String>,
    pub updated_at: String,
}

impl Item {
    /// When it changed, in a form that can be put in order: a whole second is told without its fraction.
    pub fn changed(&self) -> String {
        match self.updated_at.strip_suffix('Z') {
            Some(second) if !second.contains('.') => format!("{second}.000000Z"),
            _ => self.updated_at.clone(),
        }
    }

    pub fn ours(self) -> ListedIssue {
        let changed = self.changed();
        let changed_at = timestamp(&changed);
        ListedIssue { id: self.id, state: self.state.unwrap_or_default(), changed, changed_at }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Issue {
    pub name: String,
    #[serde(default)]
    pub description_html: Option<String>,
    pub state: Option<String>,
    #[serde(default)]
    pub sequence_id: Option<u32>,
    #[serde(default)]
    pub priority: Option<String>,
    pub created_at: String,
}

impl Issue {
    pub fn ours(self) -> IssueDetail {
        IssueDetail {
            state: self.state.unwrap_or_default(),
            title: self.name,
            description: markdown(self.description_html.as_deref().unwrap_or_default()),
            number: self.sequence_id,
            priority: match self.priority.as_deref() {
                Some("urgent") => 20,
                Some("high") => 10,
                Some("low") => -10,
                _ => 0,
            },
            created_at: timestamp(&self.created_at),
        }
    }
}

/// An entry of the history.
#[derive(Debug, Deserialize)]
pub(super) struct Activity {
    pub id: String,
    pub created_at: String,
    #[serde(default)]
    pub verb: Option<String>,
    #[serde(default)]
    pub field: Option<String>,
    #[serde(default)]
    pub old_value: Option<String>,
    #[serde(default)]
    pub new_value: Option<String>,
    #[serde(default)]
    pub old_identifier: Option<String>,
    #[serde(default)]
    pub new_identifier: Option<String>,
    #[serde(default)]
    pub actor: Option<String>,
}

impl Activity {
    /// The issue was made.
    pub fn makes(&self) -> bool {
        self.field.is_none() && self.verb.as_deref() == Some("created")
    }

    /// The move that this entry tells of, if it tells of one. `named` knows a state by its name.
    pub fn moved(&self, named: impl Fn(&str) -> Option<String>) -> Option<Move> {
        if self.field.as_deref() != Some("state") {
            return None;
        }
        let state =
            |id: &Option<String>, name: &Option<String>| id.clone().or_else(|| name.as_deref().and_then(&named));
        Some(Move {
            id: self.id.clone(),
            at: timestamp(&self.created_at),
            by: self.actor.clone().unwrap_or_default(),
            from: state(&self.old_identifier, &self.old_value),
            to: state(&self.new_identifier, &self.new_value)?,
        })
    }
}

/// The moves that a history tells of, oldest first. A request that names the new state by a key that the API does not know
/// changes nothing, and leaves an entry all the same: the next one then starts from where the one before it ended.
pub(super) fn moves_of(entries: &[Activity], named: impl Fn(&str) -> Option<String>) -> Vec<Move> {
    let mut told: Vec<Move> = entries.iter().filter_map(|entry| entry.moved(&named)).collect();
    told.sort_by_key(|entry| entry.at);
    let mut moves: Vec<Move> = Vec::new();
    for entry in told {
        let before = moves.len().checked_sub(2).and_then(|at| moves.get(at)).map(|before| before.to.clone());
        let never_was = moves.last().is_some_and(|last| {
            let stood = before.or_else(|| last.from.clone());
            entry.from.is_some() && entry.from != Some(last.to.clone()) && entry.from == stood && last.from == stood
        });
        if never_was {
            moves.pop();
        }
        moves.push(entry);
    }
    moves
}

#[derive(Debug, Deserialize)]
pub(super) struct SaidThere {
    pub id: String,
    pub created_at: String,
    #[serde(default)]
    pub comment_html: Option<String>,
    /// Whoever had the key; `created_by` may be anybody's word.
    #[serde(default)]
    pub actor: Option<String>,
}

impl SaidThere {
    pub fn ours(self) -> Comment {
        Comment {
            id: self.id,
            at: timestamp(&self.created_at),
            by: self.actor.unwrap_or_default(),
            text: markdown(self.comment_html.as_deref().unwrap_or_default()),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Relations {
    #[serde(default)]
    pub blocked_by: Vec<Related>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Related {
    pub project_id: String,
    pub issue_id: String,
}
