//! What changed, told to a page that is looked at. It is told which tasks; what they look like now the page asks for, so a
//! page and its news are the same bytes.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use orch_ports::feed::{FeedFilter, FeedPlace};
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::Pages;
use crate::door::LoggedIn;

/// Most changes that are told at once.
const MOST: u32 = 500;
/// After so long without news a line says that the connection lives.
const STILL_HERE: Duration = Duration::from_secs(20);
/// Events that wait for a page that does not read.
const BEHIND: usize = 8;

/// Where to go on.
#[derive(Deserialize)]
pub(crate) struct Onward {
    after: Option<String>,
}

/// Events as they come.
pub(crate) struct EventStream(mpsc::Receiver<Event>);

impl Stream for EventStream {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|event| event.map(Ok))
    }
}

/// A stream of events that `tell` sends.
pub(crate) fn events<F: Future<Output = ()> + Send + 'static>(tell: impl FnOnce(mpsc::Sender<Event>) -> F) -> Response {
    let (sender, receiver) = mpsc::channel(BEHIND);
    tokio::spawn(tell(sender));
    let mut response = Sse::new(EventStream(receiver)).into_response();
    // Proxies that gather answers would hold news back.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// The feed, from where the page was made or the connection was lost.
pub(crate) async fn stream(
    State(pages): State<Pages>,
    _visitor: LoggedIn,
    Query(asked): Query<Onward>,
    headers: HeaderMap,
) -> Response {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let place = last.or(asked.after).map(|after| after.parse::<FeedPlace>()).transpose();
    let Ok(after) = place else { return (StatusCode::BAD_REQUEST, "no place in the feed").into_response() };
    events(move |sender| tell(pages, after, sender))
}

async fn tell(pages: Pages, mut after: Option<FeedPlace>, sender: mpsc::Sender<Event>) {
    if sender.send(Event::default().event("here").data("")).await.is_err() {
        return;
    }
    loop {
        let asked = Instant::now();
        let filter = FeedFilter { after, repository: None, task: None, limit: MOST };
        let part = tokio::select! {
            () = sender.closed() => return,
            part = pages.control.feed(filter, STILL_HERE) => part,
        };
        // The page comes again by itself, where it stopped.
        let Ok(part) = part else { return };
        let begins = after.is_none();
        after = Some(part.next);
        let event = Event::default().id(part.next.to_string());
        let event = if part.lost {
            event.event("lost").data("")
        } else if !part.changes.is_empty() {
            let mut names: Vec<String> = part
                .changes
                .iter()
                .map(|change| match &change.task {
                    Some(task) => format!("{}/{task}", change.repository),
                    None => change.repository.to_string(),
                })
                .collect();
            names.sort();
            names.dedup();
            event.event("changed").data(names.join(" "))
        } else if begins || asked.elapsed() >= STILL_HERE {
            event.event("here").data("")
        } else {
            // The service ends.
            return;
        };
        if sender.send(event).await.is_err() {
            return;
        }
    }
}
