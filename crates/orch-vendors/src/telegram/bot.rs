//! Calls of one bot.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::Agent;

use super::refusal::{BotRefusal, refusal};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long one call may take as a whole, beside the time that it asks to be kept waiting for.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is read, in bytes: a hundred updates fit in many times.
const LONGEST: u64 = 8 * 1024 * 1024;

/// A bot at a server. The token is a part of every address, so no address is ever shown.
pub struct Bot {
    base: String,
    token: String,
    agent: Agent,
}

impl Bot {
    /// The bot of `token` at `base`, for example `https://api.telegram.org`.
    #[must_use]
    pub fn new(base: &str, token: &str) -> Self {
        let config = Agent::config_builder()
            // The address holds the token: nobody else may see it.
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .user_agent("orchestrion")
            .build();
        Self { base: base.trim_end_matches('/').to_owned(), token: token.to_owned(), agent: config.into() }
    }

    /// Calls a method; it may keep us waiting for `waiting` beside what any call may take.
    ///
    /// # Errors
    /// What the server refused, or why nobody knows.
    pub fn call<T: DeserializeOwned>(&self, method: &str, body: &Value, waiting: Duration) -> Result<T, BotRefusal> {
        let address = format!("{}/bot{}/{method}", self.base, self.token);
        let sent = self
            .agent
            .post(&address)
            .header("content-type", "application/json")
            .config()
            .timeout_global(Some(PATIENCE + waiting))
            .build()
            .send(body.to_string());
        let mut response = sent.map_err(|error| unanswered(&error))?;
        let status = response.status().as_u16();
        let text = response
            .body_mut()
            .with_config()
            .limit(LONGEST)
            .read_to_string()
            .map_err(|_| BotRefusal::InDoubt("its answer broke off"))?;
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        if status == 200 && answer["ok"] == true {
            return serde_json::from_value(answer["result"].clone())
                .map_err(|_| BotRefusal::InDoubt("its answer cannot be understood"));
        }
        Err(refusal(status, &answer))
    }
}

/// The error without the address.
fn unanswered(error: &ureq::Error) -> BotRefusal {
    match error {
        ureq::Error::HostNotFound => BotRefusal::Passing("its name is not known"),
        ureq::Error::ConnectionFailed => BotRefusal::Passing("it cannot be reached"),
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
            BotRefusal::Passing("it cannot be reached")
        }
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            BotRefusal::Passing("nobody listens there")
        }
        ureq::Error::Timeout(_) => BotRefusal::InDoubt("it took too long"),
        _ => BotRefusal::InDoubt("the connection broke"),
    }
}
