//! What somebody wrote in an issue there.

use orch_ports::PortResult;
use serde::Deserialize;
use ureq::http::Method;

use super::api::GiteaApi;

/// As the API has it.
#[derive(Deserialize)]
struct IssueBody {
    title: String,
    #[serde(default)]
    body: String,
}

impl GiteaApi {
    /// Title and text of an issue of the repository.
    ///
    /// # Errors
    /// When the server does not tell.
    pub fn issue(&self, number: u64) -> PortResult<(String, String)> {
        let answer = self.call(Method::GET, &format!("/issues/{number}"), None)?;
        let IssueBody { title, body } = self.read(&format!("issue {number}"), &answer)?;
        Ok((title, body))
    }
}
