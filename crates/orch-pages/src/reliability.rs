//! What came in and could not be handled, what goes out and does not arrive.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use orch_ports::deliveries::{DeliveryFilter, DeliveryState};
use orch_ports::outbox::{MessageFilter, MessageState};
use orch_rules::ids::Timestamp;
use orch_web::view::{DeliveryView, MessageView, OutboxReport};
use serde::Deserialize;

use crate::Pages;
use crate::door::LoggedIn;
use crate::frame::{Frame, Menu};
use crate::marks::Glance;
use crate::parts::address;
use crate::reply::{self, Oops, page as shown};
use crate::say::{Html, Voice};

/// Rows of a list.
const ROWS: u32 = 50;

/// Which rows.
#[derive(Deserialize, Default)]
pub(crate) struct Asked {
    #[serde(default)]
    messages: String,
    #[serde(default)]
    deliveries: String,
}

struct TargetLine {
    mark: Html,
    name: String,
    state: String,
    reason: String,
}

struct Line {
    mark: Html,
    id: String,
    from: String,
    at: Html,
    text: String,
    state: String,
    error: String,
    task: Option<(String, String)>,
    again: bool,
    drop: bool,
}

#[derive(Template)]
#[template(path = "reliability.html")]
struct ReliabilityPage {
    f: Frame,
    targets: Vec<TargetLine>,
    messages: Vec<Line>,
    message_states: Vec<(&'static str, bool)>,
    deliveries: Vec<Line>,
    delivery_states: Vec<(&'static str, bool)>,
}

/// Both ways.
pub(crate) async fn page(
    State(pages): State<Pages>,
    visitor: LoggedIn,
    Query(asked): Query<Asked>,
) -> Result<Response, Oops> {
    let failed = |error| Oops::of(&visitor, error);
    let f = reply::frame(&pages, &visitor, Menu::Reliability, visitor.t("nav-reliability")).await?;
    let state = MessageState::ALL.into_iter().find(|state| state.as_str() == asked.messages);
    let outbox = MessageFilter { target: None, state, limit: ROWS };
    let outbox = OutboxReport::from(&pages.control.outbox(&outbox).await.map_err(failed)?);
    let state = DeliveryState::ALL.into_iter().find(|state| state.as_str() == asked.deliveries);
    let deliveries = DeliveryFilter { source: None, state, limit: ROWS };
    let deliveries = pages.control.deliveries(&deliveries).await.map_err(failed)?;
    let targets = outbox.targets.iter().map(|target| TargetLine {
        mark: if target.state == "ok" { Glance::Passed } else { Glance::Failed }.beside(),
        name: target.name.clone(),
        state: match target.state.as_str() {
            "ok" => f.t("target-ok"),
            "refused" => f.t("target-refused"),
            _ => f.t("target-down"),
        },
        reason: target.reason.clone().unwrap_or_default(),
    });
    let say = &f.say;
    Ok(shown(&ReliabilityPage {
        targets: targets.collect(),
        messages: outbox.messages.iter().map(|message| message_line(message, say, f.now)).collect(),
        message_states: MessageState::ALL.iter().map(|s| (s.as_str(), s.as_str() == asked.messages)).collect(),
        deliveries: deliveries
            .iter()
            .map(|detail| delivery_line(&DeliveryView::brief(detail), &visitor, f.now))
            .collect(),
        delivery_states: DeliveryState::ALL.iter().map(|s| (s.as_str(), s.as_str() == asked.deliveries)).collect(),
        f,
    }))
}

fn moment(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().map_or(0, |at| at.as_millisecond()))
}

fn mark(state: &str) -> Glance {
    match state {
        "dead" => Glance::Failed,
        "sent" | "accepted" | "looked" => Glance::Passed,
        "sending" | "handling" => Glance::Run,
        "dropped" => Glance::CalledOff,
        "refused" => Glance::Void,
        _ => Glance::Wait,
    }
}

fn message_line(message: &MessageView, say: &Voice, now: Timestamp) -> Line {
    let state = message.state.as_str();
    Line {
        mark: mark(state).beside(),
        id: message.id.to_string(),
        from: message.target.clone(),
        at: say.ago(moment(&message.made_at), now),
        text: message.text.clone(),
        state: state.to_owned(),
        error: message.error.clone().unwrap_or_default(),
        task: None,
        again: matches!(state, "dead" | "dropped" | "queued"),
        drop: matches!(state, "queued" | "dead"),
    }
}

fn delivery_line(delivery: &DeliveryView, visitor: &LoggedIn, now: Timestamp) -> Line {
    let state = delivery.state.as_str();
    let task = delivery.task.clone().zip(delivery.repository.as_ref());
    Line {
        mark: mark(state).beside(),
        id: delivery.id.clone(),
        from: delivery.source.clone(),
        at: visitor.say.ago(moment(&delivery.received_at), now),
        text: match &delivery.by {
            Some(by) => format!("{} · {by}", delivery.kind),
            None => delivery.kind.clone(),
        },
        state: state.to_owned(),
        error: delivery.text.clone().unwrap_or_default(),
        task: task.map(|(id, repository)| (format!("{}{}", visitor.base, address(repository, &id)), id)),
        again: matches!(state, "dead" | "waiting"),
        drop: matches!(state, "dead" | "waiting" | "queued"),
    }
}
