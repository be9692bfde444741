//! Looking at an issue: its state first, then what happened to it; what that means is told by the rules.

use orch_ports::PortError;
use orch_ports::intake::{Look, LookEnd, Observed};
use orch_rules::connection::Connection;
use orch_rules::decide::intake::issue_key;
use orch_rules::episode::Episode;
use orch_rules::ids::{RepositoryId, TaskId};
use orch_rules::interpret::{Command, OpenQuestion, OwnWrite, Seen, Tracker, interpret};
use orch_rules::lane::Repository;
use orch_rules::notice::Notice;
use orch_rules::observation::{IssueLook, IssueRead, IssueSeen, ObjectKind};
use orch_rules::outbox::projection::object_of;
use orch_rules::task::Task;
use orch_rules::tracker_states::{ProjectStates, StatusKey};

use super::status::STATUS;
use super::tell::AFTER_STOP_MS;
use super::{Board, LookTrouble, Looked, Tracking};
use crate::engine::Engine;

/// A look that failed in passing is made again after so many milliseconds.
const AGAIN_MS: i64 = 5_000;
/// One whose trouble is the object's own, after so many.
const LATER_MS: i64 = 60_000;

/// What a look has to know.
pub(super) struct IssueAbout<'a> {
    pub board: &'a Board,
    pub connection: &'a Connection,
    pub repository: Repository,
    pub states: ProjectStates,
    /// The product's id of the issue.
    pub issue: String,
    /// What is kept of it.
    pub version: i64,
    /// The task that it is, if it is one.
    pub task: Option<Task>,
    /// It was announced by no delivery.
    pub unannounced: bool,
}

/// The status that a look found standing at a task's issue.
struct Standing {
    task: TaskId,
    state: String,
    /// Whether one of our accounts set it, if the product tells.
    by_us: Option<bool>,
    /// Somebody started what is held: if it is held for the same once more, that is to be shown once more.
    anew: bool,
}

impl Engine {
    /// Brings a claimed look to its end; what cannot be read now is looked at again.
    pub(super) async fn look_in_full(
        &self,
        tracking: &Tracking,
        board: &Board,
        connection: &Connection,
        look: Look,
    ) -> Looked<()> {
        let seen = tracking.intake.observed(&connection.id, &look.object).await?;
        let unannounced = board.state().unannounced.remove(&look.object.id);
        let ended = match look.object.kind {
            ObjectKind::Issue => self.look_at_issue(board, connection, &look, &seen, unannounced).await,
            _ => Ok((LookEnd::default(), None)),
        };
        let mut stands = None;
        let (end, trouble) = match ended {
            Ok((end, standing)) => {
                stands = standing;
                (end, None)
            }
            Err(LookTrouble::Store(error)) => (self.look_again(AGAIN_MS, error.to_string()).await?, None),
            Err(LookTrouble::Tracker(error)) => {
                if unannounced {
                    board.state().unannounced.insert(look.object.id.clone());
                }
                let (end, whole) = self.after_trouble(&error).await?;
                tracing::warn!(tracker = board.name(), issue = look.object.id, %error, "an issue cannot be read now");
                (end, whole.then_some(error))
            }
        };
        let told = !end.told.is_empty();
        let kept = tracking.intake.end_look(&look, seen.version, end).await?;
        // Only now may it be written over: what it commands is stored.
        if let Some(Standing { task, state, by_us, anew }) = stands.filter(|_| kept) {
            self.saw_shown(&board.target, &task, STATUS, &state, by_us).await?;
            if let (Some(telling), true) = (&self.telling, anew) {
                telling.outbox.doubt_projection(&board.target, &object_of(&task), STATUS).await?;
            }
        }
        if told {
            self.changes.happened();
            self.nudge();
        }
        trouble.map_or(Ok(()), |error| Err(error.into()))
    }

    async fn look_again(&self, after_ms: i64, error: String) -> Looked<LookEnd> {
        let again = Some(self.store.now().await?.plus_ms(after_ms));
        Ok(LookEnd { again, error: Some(error), ..LookEnd::default() })
    }

    /// When to look again, and whether the tracker as a whole is in trouble.
    async fn after_trouble(&self, error: &PortError) -> Looked<(LookEnd, bool)> {
        let whole = error.place.object.is_none();
        let pause = if error.passes() { AGAIN_MS } else { LATER_MS };
        Ok((self.look_again(if whole { 0 } else { pause }, error.words.clone()).await?, whole))
    }

    async fn look_at_issue(
        &self,
        board: &Board,
        connection: &Connection,
        look: &Look,
        kept: &Observed,
        unannounced: bool,
    ) -> Looked<(LookEnd, Option<Standing>)> {
        let issue = look.object.id.clone();
        let Some(repository) = self.repository_row(&board.project.repository).await? else {
            return Ok((LookEnd::default(), None));
        };
        let key = issue_key(&repository, &Board::key(connection, &issue));
        let task = match self.store.key_owner(&key).await? {
            Some(id) => self.store.task(&id).await?,
            None => None,
        };
        if task.is_some() {
            board.became_task(&issue);
        }
        let stops = task.as_ref().is_some_and(|task| task.stop.is_some() && !task.position.is_terminal());
        if stops || (task.is_none() && board.was_filed(&issue)) {
            // What is said meanwhile is heard by what comes of it.
            let again = Some(self.store.now().await?.plus_ms(AFTER_STOP_MS));
            return Ok((LookEnd { again, ..LookEnd::default() }, None));
        }
        let asked = issue.clone();
        let detail = board.call(move |tracker| tracker.detail(&asked)).await?;
        if let Some(found) = &detail.found
            && board.states().name(&found.state).is_none()
        {
            // Made since they were read.
            self.load_states(board).await?;
        }
        let states = board.states();
        let commands = states.commands();
        let known = kept.version > 0;
        let starts = detail.found.as_ref().is_some_and(|of| commands.meaning(&of.state) == Some(Command::Start));
        if !known && !starts {
            // Nothing can come of it, and nothing of it is kept (A4).
            return Ok((LookEnd::default(), None));
        }
        let mut read = IssueLook { read_at: detail.read_at, ahead_ms: detail.ahead_ms, found: None };
        if let Some(found) = &detail.found {
            let asked = issue.clone();
            let story = board.call(move |tracker| tracker.story(&asked)).await?;
            read.found = Some(IssueRead {
                state: found.state.clone(),
                history: story.history,
                changed_by: story.made_by,
                comments: story.comments,
            });
        }
        let before = match (known, &detail.found) {
            (true, _) => serde_json::from_str(&kept.body).unwrap_or_default(),
            (false, Some(found)) => IssueSeen::standing(&read, found.created_at, board.since()),
            (false, None) => IssueSeen::default(),
        };
        let about =
            IssueAbout { board, connection, repository, states, issue, version: kept.version, task, unannounced };
        self.interpreted(&about, &before, &read).await
    }

    async fn interpreted(
        &self,
        about: &IssueAbout<'_>,
        before: &IssueSeen,
        look: &IssueLook,
    ) -> Looked<(LookEnd, Option<Standing>)> {
        let questions = match &about.task {
            Some(task) => questions(&self.store.history(&task.id).await?.episodes, &about.states),
            None => Vec::new(),
        };
        let tracker = Tracker {
            connection: about.connection.id.clone(),
            accounts: about.connection.accounts.iter().cloned().collect(),
            shared_account: about.board.project.tracker.is_shared(),
            commands: about.states.commands(),
        };
        let now = self.store.now().await?;
        let writes = self.writes_of(about).await?;
        let seen = Seen { before, look, writes: &writes, questions: &questions, tracker: &tracker, now };
        let mut found = interpret(seen);
        let mut told = self.told(about, &mut found, look).await?;
        if about.board.heard_of(about.unannounced, !told.is_empty(), now) {
            told.extend(self.alerts(Notice::webhook_silent(about.board.name(), &about.repository.id, now)));
        }
        let observation = (found.observation != *before).then(|| Observed {
            version: about.version,
            body: serde_json::to_string(&found.observation).unwrap_or_default(),
        });
        let again = found.look_again_ms.map(|ms| now.plus_ms(ms));
        let stands = about.task.as_ref().zip(look.found.as_ref()).map(|(task, read)| {
            let newest = read.history.as_ref().and_then(|moves| moves.last()).filter(|newest| newest.to == read.state);
            let by_us = newest.map(|newest| tracker.accounts.contains(&newest.by));
            let starts = about.states.commands().meaning(&read.state) == Some(Command::Start);
            let anew = starts && task.hold.is_some() && !told.is_empty();
            Standing { task: task.id.clone(), state: read.state.clone(), by_us, anew }
        });
        Ok((LookEnd { observation, again, error: None, told }, stands))
    }

    /// Our own writes of an issue's status: among moves they are known by these.
    async fn writes_of(&self, about: &IssueAbout<'_>) -> Looked<Vec<OwnWrite>> {
        let (Some(task), Some(telling)) = (&about.task, &self.telling) else { return Ok(Vec::new()) };
        let row = telling.outbox.projection(&about.board.target, &object_of(&task.id), STATUS).await?;
        Ok(row.map(|row| row.state.own_writes()).unwrap_or_default())
    }

    async fn repository_row(&self, id: &RepositoryId) -> Looked<Option<Repository>> {
        Ok(self.store.repositories().await?.into_iter().find(|row| row.id == *id))
    }
}

/// What is open, with the state that shows it.
fn questions(episodes: &[Episode], states: &ProjectStates) -> Vec<OpenQuestion> {
    let open = episodes.iter().filter(|episode| episode.is_open());
    open.map(|episode| OpenQuestion {
        episode: episode.id.clone(),
        kind: episode.kind,
        opened_at: episode.opened_at,
        shown_as: states.own(StatusKey::of_question(episode.kind)).unwrap_or_default().to_owned(),
    })
    .collect()
}
