//! A model vendor that follows a script: real agents work against it, with no model and no key.
//!
//! It speaks the Anthropic Messages API and the OpenAI Responses API over plain HTTP on loopback, as real command line
//! agents were recorded to need it. A script belongs to a conversation; step *n* answers its *n*-th request, the last
//! step repeats. Nothing sleeps: an answer that must wait waits for a [`Gate`], silence lasts until the client leaves.
//!
//! ```no_run
//! use orch_testkit::model_server::{ModelServer, Step};
//! let server = ModelServer::start()?;
//! server.play("T-001", [Step::shell("git commit -qam x"), Step::says("Done.")]);
//! let base_url = server.address();
//! # Ok::<(), std::io::Error>(())
//! ```

mod anthropic;
pub(crate) mod http;
mod responses;
mod script;
#[cfg(test)]
mod wire_tests;

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use http::Request;
use http::{Answer, Piece};
pub use script::{Deed, Step, ToolCall, Turn, Usage};
use serde_json::{Value, json};

/// The server. Dropping it closes every connection and ends its threads.
#[derive(Debug)]
pub struct ModelServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Scripts by the marker of their conversation, each with the number of requests it has answered.
    conversations: BTreeMap<String, (Vec<Step>, usize)>,
    requests: Vec<Request>,
    open_gates: Vec<String>,
    connections: Vec<TcpStream>,
    /// Answers so far, for ids that are unique.
    answers: u64,
    closed: bool,
}

/// A name by which an answer waits until a test lets it go.
pub type Gate = String;

impl ModelServer {
    /// Listens on a free port of the loopback address.
    ///
    /// # Errors
    /// The system's.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let with = shared.clone();
        let listening = std::thread::spawn(move || listen(&listener, &with));
        Ok(Self { address, shared, listening: Some(listening) })
    }

    /// `http://127.0.0.1:PORT`: the base of both APIs (`/v1/messages`, `/v1/responses`).
    pub fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets the script of the conversation that `marker` stands in: in the key it sends, in the id of its session, or
    /// anywhere in what it says. Of several markers the longest one holds; the empty one stands in every request.
    /// A conversation that was playing begins anew.
    pub fn play(&self, marker: &str, steps: impl IntoIterator<Item = Step>) {
        self.shared.lock().conversations.insert(marker.to_owned(), (steps.into_iter().collect(), 0));
    }

    /// Lets go every answer that waits for this gate, and those to come.
    pub fn open(&self, gate: &str) {
        self.shared.lock().open_gates.push(gate.to_owned());
        self.shared.changed.notify_all();
    }

    /// Every request so far, in the order of their arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// Waits until `count` requests of the conversation of `marker` have come, and gives them; `None` if that takes
    /// longer than `patience`. A request that waits for a gate has come.
    pub fn await_requests(&self, marker: &str, count: usize, patience: Duration) -> Option<Vec<Request>> {
        let until = Instant::now() + patience;
        let mut state = self.shared.lock();
        loop {
            let of: Vec<_> = state.requests.iter().filter(|r| r.conversation.as_deref() == Some(marker)).collect();
            if of.len() >= count {
                return Some(of.into_iter().cloned().collect());
            }
            let left = until.checked_duration_since(Instant::now())?;
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
        // The listener only looks when somebody comes.
        drop(TcpStream::connect(self.address));
        if let Some(listening) = self.listening.take() {
            drop(listening.join());
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the gate; false if the server closes first.
    fn pass(&self, gate: &str) -> bool {
        let mut state = self.lock();
        while !state.closed && !state.open_gates.iter().any(|open| open == gate) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.closed
    }

    /// Notes the request and takes its step, with the number of the answer.
    fn step(&self, request: &mut Request, counts: bool) -> (Option<Step>, u64) {
        let mut state = self.lock();
        state.answers += 1;
        let answer = state.answers;
        let markers = state.conversations.keys().filter(|marker| request.bears(marker));
        request.conversation = markers.max_by_key(|marker| marker.len()).cloned();
        state.requests.push(request.clone());
        self.changed.notify_all();
        let conversation = request.conversation.as_ref().and_then(|marker| state.conversations.get_mut(marker));
        let Some((steps, played)) = conversation.filter(|_| counts) else { return (None, answer) };
        let step = steps.get(*played).or(steps.last()).cloned();
        *played += 1;
        (step, answer)
    }
}

fn listen(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut serving = Vec::new();
    for stream in listener.incoming() {
        let mut state = shared.lock();
        if state.closed {
            break;
        }
        let Ok(stream) = stream else { continue };
        if let Ok(copy) = stream.try_clone() {
            state.connections.push(copy);
        }
        let shared = shared.clone();
        serving.push(std::thread::spawn(move || drop(serve(&stream, &shared))));
    }
    for stream in std::mem::take(&mut shared.lock().connections) {
        drop(stream.shutdown(std::net::Shutdown::Both));
    }
    for thread in serving {
        drop(thread.join());
    }
}

/// Answers the requests of one connection until one side closes it.
fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(mut request) = http::read(&mut reader)? {
        let answer = answer(&mut request, shared);
        let Some(answer) = answer else { break };
        let stays = http::write(stream, &answer)?;
        if answer.pieces.contains(&Piece::Silence) {
            // Until the client leaves, or the server closes.
            drop(io::copy(&mut reader.by_ref(), &mut io::sink()));
        }
        if !stays {
            break;
        }
    }
    drop(stream.shutdown(std::net::Shutdown::Both));
    Ok(())
}

/// `None`: the server closes.
fn answer(request: &mut Request, shared: &Shared) -> Option<Answer> {
    let path = request.path.split('?').next().unwrap_or_default().to_owned();
    let anthropic = match (request.method.as_str(), path.as_str()) {
        ("POST", "/v1/messages") => true,
        ("POST", "/v1/responses") => false,
        (method, path) => {
            let answer = match (method, path) {
                ("HEAD", "/") => Answer::body(200, "text/plain", String::new()),
                ("POST", "/v1/messages/count_tokens") => Answer::json(200, &json!({"input_tokens": 1000})),
                _ => Answer::json(404, &anthropic::error("not_found_error", "there is nothing here")),
            };
            drop(shared.step(request, false));
            return Some(answer);
        }
    };
    // A request without tools is one that an agent makes beside its work, for a title or the like.
    let works = request.body.get("tools").and_then(Value::as_array).is_some_and(|tools| !tools.is_empty());
    let (step, number) = shared.step(request, works);
    let step = step.unwrap_or_else(|| Step::says("Nothing is scripted here."));
    if let Some(gate) = &step.gate
        && !shared.pass(gate)
    {
        return None;
    }
    Some(if anthropic {
        anthropic::answer(&step.deed, &request.body, number)
    } else {
        responses::answer(&step.deed, &request.body, number)
    })
}
