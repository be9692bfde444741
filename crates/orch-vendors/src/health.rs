//! Looks over HTTP: is it well, and which revision does it say it is.

use std::time::Duration;

use orch_ports::health::HealthLook;
use orch_rules::deploy::looks::Look;
use serde_json::Value;
use ureq::Agent;

/// How long one look may take as a whole.
const PATIENCE: Duration = Duration::from_secs(5);
/// Of an answer.
const MOST_BYTES: u64 = 64 * 1024;
/// Stands in a text for the revision.
const REVISION: &str = "{revision}";

/// Where the revision stands in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevisionFrom {
    /// At a JSON pointer of the body.
    Json(String),
    /// In a header.
    Header(String),
    /// In the body, between these two texts.
    Text(String, String),
    /// Nowhere.
    Nowhere,
}

impl RevisionFrom {
    /// Reads `json:/revision`, `header:Name`, `text:revision={revision};` or `none`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "none" => Some(Self::Nowhere),
            Some(("json", pointer)) if pointer.starts_with('/') => Some(Self::Json(pointer.to_owned())),
            Some(("header", name))
                if !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') =>
            {
                Some(Self::Header(name.to_owned()))
            }
            Some(("text", text)) => {
                let (before, after) = text.split_once(REVISION)?;
                Some(Self::Text(before.to_owned(), after.to_owned()))
            }
            _ => None,
        }
    }

    fn found(&self, header: impl Fn(&str) -> Option<String>, body: &str) -> Option<String> {
        let found = match self {
            Self::Json(pointer) => {
                let value: Value = serde_json::from_str(body).ok()?;
                value.pointer(pointer)?.as_str()?.to_owned()
            }
            Self::Header(name) => header(name)?,
            Self::Text(before, after) => {
                let rest = body.split_once(before.as_str())?.1;
                let end = if after.is_empty() { rest.find(char::is_whitespace) } else { rest.find(after.as_str()) };
                rest[..end.unwrap_or(if after.is_empty() { rest.len() } else { 0 })].to_owned()
            }
            Self::Nowhere => return None,
        };
        Some(found.trim().to_owned()).filter(|found| !found.is_empty())
    }
}

/// What answers at an address.
pub struct HttpHealth {
    url: String,
    revision: RevisionFrom,
}

impl HttpHealth {
    /// A look at this address.
    pub fn new(url: String, revision: RevisionFrom) -> Self {
        Self { url, revision }
    }
}

impl HealthLook for HttpHealth {
    fn look(&self) -> Look {
        // A connection of its own each time: an old one may lead to what is gone.
        let config = Agent::config_builder()
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .user_agent("orchestrion")
            .build();
        let agent: Agent = config.into();
        let not_well = Look { ok: false, revision: None, over: false };
        let Ok(mut response) = agent.get(&self.url).call() else { return not_well };
        let ok = response.status().is_success();
        let headers = response.headers().clone();
        let Ok(body) = response.body_mut().with_config().limit(MOST_BYTES).read_to_string() else { return not_well };
        let header = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
        Look { ok, revision: self.revision.found(header, &body), over: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_found_where_the_settings_say() {
        let found = |how: &str, body: &str| {
            let header = |name: &str| (name == "X-Revision").then(|| " abc ".to_owned());
            RevisionFrom::parse(how).expect("it is one").found(header, body)
        };
        let abc = Some("abc".to_owned());
        assert_eq!(found("json:/build/revision", r#"{"build":{"revision":"abc"}}"#), abc);
        assert_eq!(found("json:/revision", r#"{"revision":7}"#), None);
        assert_eq!(found("json:/revision", "<html>"), None);
        assert_eq!(found("header:X-Revision", ""), abc);
        assert_eq!(found("header:X-Other", ""), None);
        assert_eq!(found("text:rev={revision};", "ok rev=abc; up"), abc);
        assert_eq!(found("text:rev={revision};", "ok rev=abc up"), None);
        assert_eq!(found("text:{revision}", "abc\n"), abc);
        assert_eq!(found("none", "abc"), None);
        for wrong in ["", "json", "json:revision", "header:", "header:a b", "text:nothing", "xml:/a"] {
            assert_eq!(RevisionFrom::parse(wrong), None, "{wrong}");
        }
    }
}
