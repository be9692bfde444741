//! A webhook: one POST of a JSON object, signed as [Standard Webhooks](https://www.standardwebhooks.com) has it, so that
//! the receiver's libraries know it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use orch_ports::notifier::Notifier;
use orch_ports::{Port, PortError, PortResult};
use orch_rules::ids::Timestamp;
use orch_rules::notice::{Notice, NoticeKind};
use orch_rules::port_error::ErrorKind;
use sha2::Sha256;
use ureq::Agent;
use ureq::http::Response;

use super::{Subscription, fingerprint};
use crate::no_answer;

/// How long one call may take as a whole.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// After a limit without a date, in milliseconds.
const LIMITED_MS: i64 = 60_000;
/// The longest that a limit's date is believed, in seconds.
const LONGEST_LIMIT_S: i64 = 24 * 60 * 60;
/// What a secret begins with that is written as base64.
const ENCODED: &str = "whsec_";

/// One `[[notify]]` of kind `webhook` or `slack`.
pub struct Webhook {
    name: String,
    url: String,
    /// What bodies are signed with; `None` sends them unsigned.
    secret: Option<Vec<u8>>,
    subscription: Subscription,
    /// It takes the text of a message, and not an object for programs.
    slack: bool,
    fingerprint: String,
    agent: Agent,
}

impl Webhook {
    /// A webhook to `url`, signed with `secret` if there is one.
    pub fn new(name: String, url: String, secret: Option<&str>, subscription: Subscription) -> Self {
        let config = Agent::config_builder()
            // The body and the address may be seen by nobody but the receiver.
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(PATIENCE))
            .user_agent("orchestrion")
            .build();
        let fingerprint = fingerprint(&[&url, secret.unwrap_or_default()]);
        let secret = secret.map(|secret| {
            let encoded = secret.strip_prefix(ENCODED).and_then(|text| STANDARD.decode(text).ok());
            encoded.unwrap_or_else(|| secret.as_bytes().to_vec())
        });
        Self { name, url, secret, subscription, slack: false, fingerprint, agent: config.into() }
    }

    /// A chat that takes what Slack takes; its address is the secret.
    pub fn slack(name: String, url: String, subscription: Subscription) -> Self {
        Self { slack: true, ..Self::new(name, url, None, subscription) }
    }

    /// `v1,` and the signature of `id.timestamp.body`.
    fn signature(&self, id: &str, timestamp: u64, body: &str) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_ref()?).ok()?;
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }

    /// Scheme and host: the rest of an address is often its secret.
    fn place(&self) -> String {
        let (scheme, rest) = self.url.split_once("://").unwrap_or(("", &self.url));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        format!("{scheme}://{host}")
    }

    fn error(&self, kind: ErrorKind, key: &str, what: &str) -> PortError {
        PortError::of_object(kind, Port::Notifier, self.name.as_str(), key, format!("{} {what}", self.place()))
    }
}

impl Notifier for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn wants(&self, kind: &NoticeKind) -> bool {
        self.subscription.has(kind)
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    fn notify(&self, key: &str, notice: &Notice) -> PortResult<()> {
        let timestamp = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let body = if self.slack { self.subscription.slack(notice) } else { self.subscription.body(notice) };
        let mut request = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json")
            .header("webhook-id", key)
            .header("webhook-timestamp", timestamp.to_string());
        if let Some(signature) = self.signature(key, timestamp, &body) {
            request = request.header("webhook-signature", signature);
        }
        match request.send(body) {
            Ok(response) => self.judge(key, &response, timestamp),
            Err(error) => {
                let kind = match &error {
                    ureq::Error::BadUri(_) => ErrorKind::Refused,
                    error => no_answer::kind(error, true),
                };
                Err(self.error(kind, key, &format!("cannot be told: {}", words(&error))))
            }
        }
    }

    fn look(&self) -> Result<String, String> {
        let signed = match (self.slack, &self.secret) {
            (true, _) => "as Slack takes it",
            (false, Some(_)) => "signed",
            (false, None) => "not signed",
        };
        match self.agent.head(&self.url).call() {
            // Whatever it says to a HEAD: somebody is there.
            Ok(response) => Ok(format!("{} answers (status {}); {signed}", self.place(), response.status().as_u16())),
            Err(error) => Err(format!("{} does not answer: {}", self.place(), words(&error))),
        }
    }
}

impl Webhook {
    fn judge<B>(&self, key: &str, response: &Response<B>, now_s: u64) -> PortResult<()> {
        let status = response.status().as_u16();
        let kind = match status {
            200..=299 => return Ok(()),
            401 | 403 => ErrorKind::Unauthorised,
            400 | 406 | 413 | 415 | 422 => ErrorKind::Refused,
            408 | 425 | 500..=599 => ErrorKind::Passing,
            429 => ErrorKind::RateLimited { until: self.until(response, now_s) },
            // The receiver is not there (yet), or is elsewhere: people mend that, and nothing is lost meanwhile.
            _ => ErrorKind::Missing,
        };
        Err(self.error(kind, key, &format!("answered with status {status}")))
    }

    fn until<B>(&self, response: &Response<B>, now_s: u64) -> Timestamp {
        let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let seconds = after.and_then(|text| text.trim().parse::<i64>().ok());
        let pause = seconds.map_or(LIMITED_MS, |seconds| seconds.clamp(1, LONGEST_LIMIT_S) * 1_000);
        Timestamp(i64::try_from(now_s).unwrap_or(0) * 1_000).plus_ms(pause)
    }
}

/// The error without the address.
fn words(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "it took too long".to_owned(),
        ureq::Error::HostNotFound => "its name is not known".to_owned(),
        ureq::Error::ConnectionFailed => "it cannot be reached".to_owned(),
        ureq::Error::BadUri(_) => "its address is not one".to_owned(),
        ureq::Error::Io(error) => error.to_string(),
        _ => "the connection broke".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_of_the_standard() {
        // The example of the specification.
        let hook = Webhook::new(
            "x".into(),
            "https://example.com/hook?token=s3cret".into(),
            Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            Subscription::default(),
        );
        assert_eq!(
            hook.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#).as_deref(),
            Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        );
        assert_eq!(hook.place(), "https://example.com");
    }

    #[test]
    fn a_fingerprint_changes_with_address_and_secret_and_shows_neither() {
        let of =
            |url: &str, secret| Webhook::new("x".into(), url.into(), secret, Subscription::default()).fingerprint();
        let first = of("https://a/s3cret", Some("k3y"));
        assert_eq!(first, of("https://a/s3cret", Some("k3y")));
        assert!(first != of("https://b/s3cret", Some("k3y")) && first != of("https://a/s3cret", None));
        assert!(!first.contains("s3cret") && !first.contains("k3y"));
    }
}
