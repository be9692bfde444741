//! Landing on a main that takes no push from us: a change request of exactly the candidate, merged by the one style that
//! keeps the commit.

use std::time::{Duration, Instant};

use orch_ports::PortResult;
use orch_ports::change_requests::{ChangeRequest, ChangeRequestNumber, ChangeRequestText, ChangeRequests as _};
use orch_ports::forge::{Forge as _, Landing};
use orch_rules::ids::CommitId;
use orch_rules::lane::LandingRefused;
use orch_rules::port_error::ErrorKind;
use serde_json::json;
use ureq::http::Method;

use super::{Answered, Gitea, named};

/// So long the server is given to find out that a change request can be merged.
const MERGEABLE_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The branch that a candidate is tested and merged from.
pub(super) fn branch_of(candidate: &CommitId) -> String {
    format!("orch-landing/{}", candidate.as_str().get(..12).unwrap_or(candidate.as_str()))
}

impl Gitea {
    pub(super) fn land_by_merge(
        &self,
        candidate: &CommitId,
        parent: &CommitId,
        refused: &LandingRefused,
    ) -> PortResult<Landing> {
        let requirements = self.requirements()?;
        if !requirements.keeps_commit {
            let why = format!(
                "{}; and its merges would make another commit than the one that was tested: let {} push to main there, or \
                 allow the merge style \"fast-forward only\" in the repository's settings",
                refused.why,
                requirements.account.as_deref().unwrap_or("our account")
            );
            return Ok(Landing::Refused(LandingRefused { by: refused.by.clone(), why }));
        }
        let branch = branch_of(candidate);
        self.git.publish(&branch, None, candidate)?;
        let request = self.offer(candidate)?;
        self.until_mergeable(request.number, candidate)?;
        let body = json!({ "Do": "fast-forward-only", "head_commit_id": candidate.as_str() });
        let answer = self.api.call(Method::POST, &format!("/pulls/{}/merge", request.number), Some(body))?;
        let landing = self.after_merge(&answer, candidate, parent, request.number, &request.address)?;
        let waits = matches!(&landing, Landing::Refused(_)) && wants_people(&answer.message());
        if !waits {
            // A branch that stays after all is merged or stale, and harms nobody.
            let _stays = self.git.remove(&branch, candidate);
        }
        Ok(landing)
    }

    /// The change request that a candidate, whose branch is there, is merged by.
    pub(super) fn offer(&self, candidate: &CommitId) -> PortResult<ChangeRequest> {
        let text = ChangeRequestText {
            title: format!("Land {}", candidate.as_str().get(..12).unwrap_or_default()),
            body: format!("Orchestrion tests exactly {candidate} and merges it without changing it.\n"),
        };
        self.open(&branch_of(candidate), &text)
    }

    /// The server finds out in its own time whether it can be merged, and says 405 until then.
    fn until_mergeable(&self, number: ChangeRequestNumber, candidate: &CommitId) -> PortResult<()> {
        let begun = Instant::now();
        loop {
            let found = self.pull(number)?;
            if found.merged || found.mergeable && found.head.sha == candidate.as_str() {
                return Ok(());
            }
            // What keeps it from being mergeable, the answer to the merge tells.
            if begun.elapsed() > MERGEABLE_WITHIN {
                return Ok(());
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// What became of it: what git says of main first, then the words of the answer.
    fn after_merge(
        &self,
        answer: &Answered,
        candidate: &CommitId,
        parent: &CommitId,
        number: ChangeRequestNumber,
        address: &str,
    ) -> PortResult<Landing> {
        let tip = self.git.base()?.tip;
        if tip == *candidate || self.contains(&tip, candidate)? {
            return Ok(Landing::Landed { tip });
        }
        if tip != *parent {
            return Ok(Landing::Moved { tip });
        }
        let (by, message) = (self.api.server().to_owned(), answer.message());
        let refused = |why: String| Ok(Landing::Refused(LandingRefused { by, why }));
        match answer.status {
            405 if message.contains("try again later") => {
                let words = format!("{} is not ready to merge {address}: {message}", self.api.server());
                Err(self.api.of(ErrorKind::Passing, &named(number), words))
            }
            405 | 409 if wants_people(&message) => refused(format!(
                "the base branch wants approvals of people first: approve {address}, then try the task again ({message})"
            )),
            405 | 409 => refused(format!("it does not merge {address}: {message}")),
            _ => {
                let words = format!("{} did not say whether it merged {address}", self.api.server());
                Err(self.api.of(ErrorKind::InDoubt, &named(number), words))
            }
        }
    }

    fn contains(&self, tip: &CommitId, candidate: &CommitId) -> PortResult<bool> {
        let bare = self.opening.get(orch_ports::Port::Forge)?;
        bare.repository.contains(&bare.theirs(tip)?, &bare.theirs(candidate)?).map_err(bare.told())
    }
}

/// The server waits for people.
fn wants_people(message: &str) -> bool {
    ["approvals", "requested changes", "review requests"].iter().any(|words| message.contains(words))
}
