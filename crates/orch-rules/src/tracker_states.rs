//! The states of a tracker's project and what the line means by them: found by name, each project by itself (A11).

use std::collections::BTreeMap;

use crate::episode::EpisodeKind;
use crate::interpret::CommandStates;

/// A state of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the state of that name")]
pub enum StatusKey {
    Backlog,
    ToAnalyse,
    InProgress,
    Analysis,
    NeedsInput,
    InReview,
    Approved,
    Rejected,
    Architecture,
    Development,
    Review,
    CodeReview,
    Testing,
    AwaitingDeploy,
    ConfirmDeploy,
    Deploying,
    Monitoring,
    Blocked,
    Stop,
    Done,
    Cancelled,
}

impl StatusKey {
    /// Every one, in the order of the line.
    pub const ALL: [Self; 21] = [
        Self::Backlog,
        Self::ToAnalyse,
        Self::InProgress,
        Self::Analysis,
        Self::NeedsInput,
        Self::InReview,
        Self::Approved,
        Self::Rejected,
        Self::Architecture,
        Self::Development,
        Self::Review,
        Self::CodeReview,
        Self::Testing,
        Self::AwaitingDeploy,
        Self::ConfirmDeploy,
        Self::Deploying,
        Self::Monitoring,
        Self::Blocked,
        Self::Stop,
        Self::Done,
        Self::Cancelled,
    ];

    /// As people name it on their board.
    pub fn name(self) -> &'static str {
        match self {
            Self::Backlog => "Backlog",
            Self::ToAnalyse => "To Analyse",
            Self::InProgress => "In Progress",
            Self::Analysis => "Analysis",
            Self::NeedsInput => "Needs Input",
            Self::InReview => "In Review",
            Self::Approved => "Approved",
            Self::Rejected => "Rejected",
            Self::Architecture => "Architecture",
            Self::Development => "Development",
            Self::Review => "Review",
            Self::CodeReview => "Code Review",
            Self::Testing => "Testing",
            Self::AwaitingDeploy => "Awaiting Deploy",
            Self::ConfirmDeploy => "Confirm Deploy",
            Self::Deploying => "Deploying",
            Self::Monitoring => "Monitoring after Deploy",
            Self::Blocked => "Blocked",
            Self::Stop => "STOP",
            Self::Done => "Done",
            Self::Cancelled => "Cancelled",
        }
    }

    /// Stands in for it where a project lacks it. What a person must be sure to have meant has none.
    pub fn fallback(self) -> Option<Self> {
        match self {
            Self::ToAnalyse
            | Self::Analysis
            | Self::Architecture
            | Self::Development
            | Self::Testing
            | Self::AwaitingDeploy
            | Self::Deploying
            | Self::Review => Some(Self::InProgress),
            Self::CodeReview => Some(Self::Review),
            Self::Monitoring => Some(Self::Done),
            _ => None,
        }
    }

    /// The group of states that it belongs to: `backlog`, `unstarted`, `started`, `completed`, `cancelled`.
    pub fn group(self) -> &'static str {
        match self {
            Self::Backlog => "backlog",
            Self::ToAnalyse => "unstarted",
            Self::Done => "completed",
            Self::Cancelled | Self::Stop => "cancelled",
            _ => "started",
        }
    }

    /// What a person says by setting it, in words; `None` for one that only shows how far an issue is.
    pub fn says(self) -> Option<&'static str> {
        match self {
            Self::ToAnalyse => Some("start, or go on after questions"),
            Self::Approved => Some("yes"),
            Self::Rejected => Some("no"),
            Self::ConfirmDeploy => Some("deploy to production"),
            Self::Stop => Some("stop"),
            _ => None,
        }
    }

    /// What shows that somebody is asked.
    pub fn of_question(kind: EpisodeKind) -> Self {
        match kind {
            EpisodeKind::Approval | EpisodeKind::ProtectedPaths => Self::InReview,
            EpisodeKind::Questions => Self::NeedsInput,
            EpisodeKind::ConfirmDeploy => Self::AwaitingDeploy,
            EpisodeKind::Budget => Self::Blocked,
        }
    }
}

/// The states of one project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectStates {
    own: BTreeMap<StatusKey, String>,
    names: BTreeMap<String, String>,
}

impl ProjectStates {
    /// Of states by id and name; letter case and outer blanks of a name do not matter.
    pub fn of<'a>(states: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut of = Self::default();
        for (id, name) in states {
            let plain = name.trim().to_lowercase();
            if let Some(key) = StatusKey::ALL.into_iter().find(|key| key.name().to_lowercase() == plain) {
                of.own.entry(key).or_insert_with(|| id.to_owned());
            }
            of.names.insert(id.to_owned(), name.trim().to_owned());
        }
        of
    }

    /// The state of this key that the project has itself.
    pub fn own(&self, key: StatusKey) -> Option<&str> {
        self.own.get(&key).map(String::as_str)
    }

    /// The state of this key, or what stands in for it.
    pub fn of_key(&self, key: StatusKey) -> Option<&str> {
        self.own(key).or_else(|| self.of_key(key.fallback()?))
    }

    /// As people call a state.
    pub fn name(&self, id: &str) -> Option<&str> {
        self.names.get(id).map(String::as_str)
    }

    /// Keys without a state of their own.
    pub fn missing(&self) -> Vec<StatusKey> {
        StatusKey::ALL.into_iter().filter(|key| self.own(*key).is_none()).collect()
    }

    /// The states that command.
    pub fn commands(&self) -> CommandStates {
        let of = |key| self.of_key(key).map(str::to_owned);
        CommandStates {
            start: of(StatusKey::ToAnalyse),
            start_by_fallback: self.own(StatusKey::ToAnalyse).is_none(),
            approve: of(StatusKey::Approved),
            reject: of(StatusKey::Rejected),
            confirm: of(StatusKey::ConfirmDeploy),
            stop: of(StatusKey::Stop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interpret::Command;

    fn all_but(missing: &[StatusKey]) -> ProjectStates {
        let has = StatusKey::ALL.into_iter().filter(|key| !missing.contains(key));
        ProjectStates::of(has.map(|key| (key.name(), key.name())))
    }

    #[test]
    fn names_are_found_whatever_their_letter_case_and_blanks() {
        let states = ProjectStates::of([("1", " to analyse "), ("2", "STOP"), ("3", "Stop it"), ("4", "IN PROGRESS")]);
        assert_eq!(states.of_key(StatusKey::ToAnalyse), Some("1"));
        assert_eq!((states.own(StatusKey::Stop), states.name("3")), (Some("2"), Some("Stop it")));
        assert_eq!(states.commands().meaning("2"), Some(Command::Stop));
        assert_eq!(states.commands().meaning("3"), None, "no other word stops");
        assert_eq!(states.commands().meaning("4"), None, "the start has a state of its own");
    }

    #[test]
    fn what_is_missing_is_stood_in_for_or_cannot_be_said() {
        use StatusKey as K;
        let missing = [K::ToAnalyse, K::CodeReview, K::Review, K::Monitoring, K::ConfirmDeploy, K::Stop];
        let states = all_but(&missing);
        let found = missing.map(|key| states.of_key(key));
        let progress = Some("In Progress");
        assert_eq!(found, [progress, progress, progress, Some("Done"), None, None]);
        assert_eq!(
            states.missing(),
            [K::ToAnalyse, K::Review, K::CodeReview, K::ConfirmDeploy, K::Monitoring, K::Stop]
        );
        let commands = states.commands();
        assert!(commands.start_by_fallback && commands.start.as_deref() == progress);
        assert_eq!((commands.confirm, commands.stop), (None, None));
        assert!(!all_but(&[]).commands().start_by_fallback && all_but(&[]).missing().is_empty());
    }

    #[test]
    fn what_commands_is_never_what_stands_in_but_for_the_start() {
        for key in StatusKey::ALL.into_iter().filter(|key| key.says().is_some() && *key != StatusKey::ToAnalyse) {
            assert_eq!(key.fallback(), None, "{key:?}");
        }
    }
}
