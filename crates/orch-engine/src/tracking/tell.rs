//! What an issue tells becomes events of its task, or an issue that is to become one. Stored with the look's end.

use orch_ports::intake::LookTold;
use orch_ports::store::Delivery;
use orch_ports::tracker::IssueDetail;
use orch_rules::actor::Actor;
use orch_rules::decide::intake::issue_key;
use orch_rules::event::{Event, TaskEvent};
use orch_rules::ids::{EpisodeId, WorkItemId};
use orch_rules::interpret::{Heard, Interpreted, IssueEvent, Word};
use orch_rules::issue::Issue;
use orch_rules::notice::Notice;
use orch_rules::observation::{Comment, IssueLook, text_hash};
use orch_rules::outbox::message::NewMessage;
use orch_rules::people::{HumanAnswer, Reply};
use orch_rules::task::Task;

use super::look::IssueAbout;
use super::{Board, Looked};
use crate::engine::Engine;

/// A rejection without a comment in time (A10).
const NO_REASON: &str =
    "Rejected on the board without a comment; look at what was asked for, and at the comments there.";
/// A start meets its own stop: it is heard once that is done, and looked for after so many milliseconds.
pub(super) const AFTER_STOP_MS: i64 = 2_000;
/// Longest words of one comment that are kept, in bytes.
const WORDS_CAP: usize = 16 * 1024;
/// Longest description of a task, in bytes.
const DESCRIPTION_CAP: usize = 256 * 1024;

impl Engine {
    /// What follows of a look. A start that has to wait for a stop is taken out of what was seen.
    pub(super) async fn told(
        &self,
        about: &IssueAbout<'_>,
        found: &mut Interpreted,
        look: &IssueLook,
    ) -> Looked<Vec<LookTold>> {
        let mut told = Vec::new();
        let mut stops = false;
        let events = std::mem::take(&mut found.events);
        for Heard { by, event } in events {
            let by = Actor::parse(&by);
            match (event, &about.task) {
                (IssueEvent::Start, Some(task)) => {
                    if stops {
                        put_off(found, look, about);
                    } else {
                        told.extend(started(about, task, by, as_started(about).await?.as_ref()));
                    }
                }
                (IssueEvent::Start, None) => {
                    if let Some(detail) = as_started(about).await? {
                        let issue = self.issue(about, &detail, look).await?;
                        told.push(about.issue_told(by, issue));
                        about.board.filed(&about.issue);
                    }
                }
                (IssueEvent::Stop, Some(task)) => {
                    stops = !task.position.is_terminal();
                    told.push(about.event(task, by, TaskEvent::StopRequested));
                }
                (IssueEvent::Answered { episode, word }, Some(task)) => {
                    told.push(about.event(task, by, answered(episode, word)));
                }
                (IssueEvent::Looked, Some(task)) => told.push(about.event(task, by, TaskEvent::Looked)),
                (IssueEvent::Commented { text, .. }, Some(task)) if !task.position.is_terminal() => {
                    let text = cut(text.trim(), WORDS_CAP);
                    if !text.is_empty() {
                        told.push(about.event(task, by, TaskEvent::Commented { text }));
                    }
                }
                (IssueEvent::SetAgain { episode }, Some(task)) => {
                    let occasion = format!("{}:{}", about.issue, about.version);
                    let notice = Notice::set_again(task, &episode, self.store.now().await?, occasion);
                    told.push(LookTold::Say(Box::new(NewMessage::of(notice, &about.board.target))));
                }
                (IssueEvent::StatusSeen { state }, task) => {
                    let state = about.states.name(&state).unwrap_or(&state).to_owned();
                    let task = task.as_ref().map(|task| task.work_item.to_string());
                    tracing::info!(task, state, by = by.wire(), "a status that is no command: no pipeline action");
                }
                (IssueEvent::Gone, Some(task)) if !task.position.is_terminal() => {
                    told.push(about.event(task, Actor::ORCH, TaskEvent::IssueGone));
                    let occasion = format!("{}:{}", about.issue, about.version);
                    told.extend(self.alerts(Notice::issue_gone(task, self.store.now().await?, occasion)));
                }
                (_, None | Some(_)) => {}
            }
        }
        Ok(told)
    }

    /// What everybody who wants such notices is told.
    pub(super) fn alerts(&self, notice: Notice) -> Vec<LookTold> {
        let wanting = self.telling.iter().flat_map(|telling| &telling.notifiers);
        let wanting = wanting.filter(|notifier| notifier.wants(&notice.kind));
        wanting.map(|notifier| LookTold::Say(Box::new(NewMessage::of(notice.clone(), notifier.name())))).collect()
    }

    async fn issue(&self, about: &IssueAbout<'_>, detail: &IssueDetail, look: &IssueLook) -> Looked<Issue> {
        let mut description = cut(&detail.description, DESCRIPTION_CAP);
        let ours = &about.connection.accounts;
        let comments = look.found.iter().flat_map(|read| &read.comments).filter(|comment| !ours.contains(&comment.by));
        let said: Vec<&Comment> = comments.filter(|comment| !comment.text.trim().is_empty()).collect();
        if !said.is_empty() {
            // Those who wrote before it started are heard, too.
            description.push_str("\n\n## Comments\n");
            for comment in said {
                description.push_str(&format!("\n{}\n", quoted(&cut(comment.text.trim(), WORDS_CAP))));
            }
            description = cut(&description, DESCRIPTION_CAP);
        }
        Ok(Issue {
            repository: about.repository.id.clone(),
            key: Board::key(about.connection, &about.issue),
            title: detail.title.clone(),
            description: description.trim().to_owned(),
            priority: detail.priority,
            variant: None,
            labels: Vec::new(),
            start: true,
            number: detail.number,
            depends_on: self.waits_for(about).await?,
        })
    }

    /// The tasks of the issues that it is blocked by (A16).
    async fn waits_for(&self, about: &IssueAbout<'_>) -> Looked<Vec<WorkItemId>> {
        let asked = about.issue.clone();
        let blocked = about.board.call(move |tracker| tracker.blocked_by(&asked)).await?;
        let mut found = Vec::new();
        for issue in blocked {
            let key = issue_key(&about.repository, &Board::key(about.connection, &issue));
            let Some(owner) = self.store.key_owner(&key).await? else { continue };
            if let Some(task) = self.store.task(&owner).await? {
                found.push(task.work_item);
            }
        }
        Ok(found)
    }
}

impl IssueAbout<'_> {
    fn event(&self, task: &Task, by: Actor, event: TaskEvent) -> LookTold {
        let event = Event::Task { task: task.id.clone(), event };
        let what = serde_json::to_string(&event).unwrap_or_default();
        let (source, key) = (self.connection.id.clone(), self.told_key(&by, &what));
        LookTold::Event(Delivery { source, key, by, event })
    }

    fn issue_told(&self, by: Actor, issue: Issue) -> LookTold {
        let key = self.told_key(&by, "start");
        LookTold::Issue { source: self.connection.id.clone(), key, by, issue: Box::new(issue) }
    }

    /// The same for what one look tells, however often it is made; a new one for the next.
    fn told_key(&self, by: &Actor, what: &str) -> String {
        format!("{}:{}:{}", self.issue, self.version, text_hash(&format!("{} {what}", by.wire())))
    }
}

/// A start that comes with a stop is heard once that is done: it stays unseen until then.
fn put_off(found: &mut Interpreted, look: &IssueLook, about: &IssueAbout<'_>) {
    let commands = about.states.commands();
    let mut history = look.found.iter().filter_map(|read| read.history.as_ref()).flatten();
    let start = history.rfind(|entry| commands.start.as_ref() == Some(&entry.to));
    if let Some(entry) = start {
        found.observation.moves.remove(&entry.id);
    }
    found.look_again_ms = Some(found.look_again_ms.map_or(AFTER_STOP_MS, |ms| ms.min(AFTER_STOP_MS)));
}

/// The issue as whoever started it had it before them: what was read before the start may be older than that.
async fn as_started(about: &IssueAbout<'_>) -> Looked<Option<IssueDetail>> {
    let issue = about.issue.clone();
    Ok(about.board.call(move |tracker| tracker.detail(&issue)).await?.found)
}

/// A person set the start status on an issue that is a task: what it says now counts while nothing was made of it.
fn started(about: &IssueAbout<'_>, task: &Task, by: Actor, detail: Option<&IssueDetail>) -> Vec<LookTold> {
    let mut told = Vec::new();
    if let Some(detail) = detail {
        let (title, description) = (detail.title.clone(), cut(&detail.description, DESCRIPTION_CAP));
        if (task.title.as_str(), task.description.as_str()) != (title.as_str(), description.as_str()) {
            told.push(about.event(task, by.clone(), TaskEvent::IssueRead { title, description }));
        }
    }
    told.push(about.event(task, by, TaskEvent::StartRequested { authors: Vec::new() }));
    told
}

fn answered(episode: EpisodeId, word: Word) -> TaskEvent {
    let reply = match word {
        Word::Approved => Reply::Approve,
        Word::Rejected { reason } => {
            let reason = reason.map(|words| cut(words.trim(), WORDS_CAP)).filter(|words| !words.is_empty());
            Reply::Reject { reason: reason.unwrap_or_else(|| NO_REASON.to_owned()) }
        }
        Word::Confirmed => Reply::Confirm,
        Word::GoOn => return TaskEvent::StartRequested { authors: Vec::new() },
    };
    TaskEvent::HumanAnswered { answer: HumanAnswer { episode: Some(episode), since: None, people: Vec::new(), reply } }
}

fn cut(text: &str, most: usize) -> String {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

fn quoted(text: &str) -> String {
    text.lines().map(|line| format!("> {line}")).collect::<Vec<_>>().join("\n")
}
