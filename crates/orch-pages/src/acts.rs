//! What people press. Every one of them is a command of the control surface, in the person's name; the page that it came
//! from says what became of it.

use axum::extract::{Path, State};
use axum::response::Response;
use orch_engine::control::{Answer, ControlError, LaneCommand, TaskCommand};
use orch_ports::deliveries::DeliveryId;
use orch_rules::identity::PeopleCommand;
use orch_rules::ids::{DeployTarget, EpisodeId, RepositoryId, StageId, WorkItemId};
use orch_rules::outage::Source;
use orch_rules::people::Reply;
use orch_rules::rights::PersonRole;

use crate::Pages;
use crate::fields::{FormFields, SentForm};
use crate::reply::{self, Oops, plain, told};
use crate::say::Voice;
use crate::task::TaskAddress;

/// What a form asks of a task; `Err`: in words, what is missing in it.
fn command(fields: &FormFields, say: &Voice) -> Result<TaskCommand, String> {
    let episode = fields.some("episode").map(EpisodeId);
    let reason = || fields.some("reason").ok_or_else(|| say.t("reason-missing"));
    let other = || fields.some("on").map(WorkItemId).ok_or_else(|| say.t("task-missing"));
    Ok(match fields.get("act") {
        "approve" => TaskCommand::Answer { episode, reply: Reply::Approve },
        "reject" => TaskCommand::Answer { episode, reply: Reply::Reject { reason: reason()? } },
        "confirm" => TaskCommand::Answer { episode, reply: Reply::Confirm },
        "answer" => {
            let text = fields.some("text").ok_or_else(|| say.t("answer-missing"))?;
            TaskCommand::Answer { episode, reply: Reply::Text { text } }
        }
        "budget" => {
            let dollars: u64 = fields.get("dollars").parse().unwrap_or(0);
            TaskCommand::RaiseBudget { by_micros: dollars.min(1_000_000) * 1_000_000 }
        }
        "start" => TaskCommand::Start,
        "stop" => TaskCommand::Stop,
        "retry" => TaskCommand::Retry,
        "retry_check" => TaskCommand::RetryCheck,
        "pause" => TaskCommand::Pause,
        "resume" => TaskCommand::Resume,
        "hands_off" => TaskCommand::HandsOff,
        "give_back" => TaskCommand::GiveBack,
        "send_back" => TaskCommand::SendBack { to: StageId(fields.get("to").to_owned()), reason: reason()? },
        "skip" => TaskCommand::Skip { reason: reason()? },
        "comment" => TaskCommand::Comment { text: fields.some("text").ok_or_else(|| say.t("comment-missing"))? },
        "depend" => TaskCommand::Depend { on: other()? },
        "undepend" => TaskCommand::Undepend { on: other()? },
        "priority" => {
            let priority = fields.get("priority").trim().parse().map_err(|_| say.t("priority-wrong"))?;
            TaskCommand::SetPriority { priority }
        }
        "edit" => TaskCommand::Edit {
            title: Some(fields.get("title").to_owned()),
            description: Some(fields.get("description").to_owned()),
            priority: fields.some("priority").and_then(|text| text.parse().ok()),
        },
        _ => return Err(say.t("act-unknown")),
    })
}

/// To the page it came from, which says what became of it.
fn answered(pages: &Pages, sent: &SentForm, back: &str, done: Result<Answer, ControlError>) -> Response {
    match done {
        Ok(answer) if answer.pending => told(pages, back, true, &sent.say().t("stored")),
        Ok(answer) => told(pages, back, true, &plain(&answer.text)),
        Err(error) => told(pages, back, false, &format!("{} {}", sent.say().t("not-done"), plain(&error.to_string()))),
    }
}

fn missing(pages: &Pages, sent: &SentForm, back: &str, why: &str) -> Response {
    told(pages, back, false, &format!("{} {why}", sent.say().t("not-done")))
}

/// A task's forms.
pub(crate) async fn task(
    State(pages): State<Pages>,
    Path(named): Path<TaskAddress>,
    sent: SentForm,
) -> Result<Response, Oops> {
    let sent = sent.acts()?;
    let back = sent.fields.back(&named.address());
    let asked = match command(&sent.fields, sent.say()) {
        Ok(asked) => asked,
        Err(why) => return Ok(missing(&pages, &sent, &back, &why)),
    };
    let done = pages.control.command(named.name(), asked, sent.visitor.actor(), sent.fields.key()).await;
    Ok(answered(&pages, &sent, &back, done))
}

/// A lane's forms.
pub(crate) async fn lane(
    State(pages): State<Pages>,
    Path(repository): Path<String>,
    sent: SentForm,
) -> Result<Response, Oops> {
    let sent = sent.acts()?;
    let back = sent.fields.back("/lane");
    let fields = &sent.fields;
    let asked = match fields.get("act") {
        "freeze" => match fields.some("reason") {
            Some(reason) => LaneCommand::Freeze { reason, cause: None, fixes: Vec::new() },
            None => return Ok(missing(&pages, &sent, &back, &sent.say().t("reason-missing"))),
        },
        "unfreeze" => LaneCommand::Unfreeze { force: fields.some("force") },
        "pause" => LaneCommand::Pause,
        "resume" => LaneCommand::Resume,
        _ => return Ok(missing(&pages, &sent, &back, &sent.say().t("act-unknown"))),
    };
    let done = pages.control.lane_command(&RepositoryId(repository), asked, sent.visitor.actor(), fields.key()).await;
    Ok(answered(&pages, &sent, &back, done))
}

/// A target's forms.
pub(crate) async fn target(
    State(pages): State<Pages>,
    Path(target): Path<String>,
    sent: SentForm,
) -> Result<Response, Oops> {
    let sent = sent.acts()?;
    let back = sent.fields.back("/deploys");
    let (target, by, fields) = (DeployTarget(target), sent.visitor.actor(), &sent.fields);
    let done = match fields.get("act") {
        "verify" => pages.control.verify_target(&target, fields.some("runs").as_deref(), by).await,
        "adopt" => pages.control.adopt_target(&target, by).await,
        "redeploy" => pages.control.redeploy(&target, None, by).await,
        "rollback" => pages.control.roll_back(&target, fields.some("to").as_deref(), by, fields.key()).await,
        _ => return Ok(missing(&pages, &sent, &back, &sent.say().t("act-unknown"))),
    };
    Ok(answered(&pages, &sent, &back, done))
}

/// What is out is tried again now.
pub(crate) async fn outage(State(pages): State<Pages>, sent: SentForm) -> Result<Response, Oops> {
    let sent = sent.acts()?;
    let back = sent.fields.back("/waiting");
    let (kind, name) = (sent.fields.get("kind"), sent.fields.get("name").to_owned());
    let Some(source) = Source::of(kind, name) else {
        return Ok(missing(&pages, &sent, &back, &sent.say().t("act-unknown")));
    };
    let done = pages.control.lift(&source, sent.visitor.actor()).await;
    Ok(answered(&pages, &sent, &back, done))
}

/// Messages and deliveries: once more, or never.
pub(crate) async fn reliability(State(pages): State<Pages>, sent: SentForm) -> Result<Response, Oops> {
    let sent = sent.acts()?;
    let back = sent.fields.back("/reliability");
    let (by, id) = (sent.visitor.actor(), sent.fields.get("id"));
    let done = match (sent.fields.get("act"), id.parse::<i64>(), id.parse::<DeliveryId>()) {
        ("replay_message", Ok(id), _) => pages.control.replay_message(id).await,
        ("drop_message", Ok(id), _) => pages.control.drop_message(id, by).await,
        ("replay_delivery", _, Ok(id)) => pages.control.replay_delivery(id, by).await,
        ("drop_delivery", _, Ok(id)) => pages.control.drop_delivery(id, by).await,
        _ => return Ok(missing(&pages, &sent, &back, &sent.say().t("act-unknown"))),
    };
    Ok(answered(&pages, &sent, &back, done))
}

/// Repositories: the settings read again, main taken as it is, work on a red base.
pub(crate) async fn repository(State(pages): State<Pages>, sent: SentForm) -> Result<Response, Oops> {
    let sent = sent.acts()?;
    let back = sent.fields.back("/repositories");
    let (by, id) = (sent.visitor.actor(), RepositoryId(sent.fields.get("repository").to_owned()));
    let done = match sent.fields.get("act") {
        "reread" => pages.control.reread().await,
        "accept_base" => pages.control.accept_base(&id, by).await,
        "accept_red_base" => pages.control.accept_red_base(&id, by).await,
        _ => return Ok(missing(&pages, &sent, &back, &sent.say().t("act-unknown"))),
    };
    Ok(answered(&pages, &sent, &back, done))
}

/// People: who is who, and who is let in.
pub(crate) async fn people(State(pages): State<Pages>, sent: SentForm) -> Result<Response, Oops> {
    let sent = sent.administers()?;
    let by = sent.visitor.actor();
    let person = sent.fields.get("person").trim().to_owned();
    let role = PersonRole::parse(sent.fields.get("role")).unwrap_or(PersonRole::Viewer);
    let asked = match sent.fields.get("act") {
        "invite" => {
            return Ok(match pages.control.invite(Some(&person), by).await {
                Ok(admission) => reply::with_cookie(
                    reply::to(pages.site.base(), "/people"),
                    &pages.site.set_cookie(crate::people::LINK, &admission.secret, 60),
                ),
                Err(error) => answered(&pages, &sent, "/people", Err(error)),
            });
        }
        "add" => PeopleCommand::Add { person, display: sent.fields.some("display"), language: None, role: Some(role) },
        "role" => PeopleCommand::Role { person, role },
        "forget" => PeopleCommand::Forget { person },
        "link" => PeopleCommand::Link { person, actor: sent.fields.get("account").trim().into() },
        "unlink" => PeopleCommand::Unlink { actor: sent.fields.get("account").trim().into() },
        _ => return Ok(missing(&pages, &sent, "/people", &sent.say().t("act-unknown"))),
    };
    let done = pages.control.people_command(asked, by).await;
    Ok(answered(&pages, &sent, "/people", done))
}
