//! Gitea and Forgejo: branches by git, change requests, statuses and reviews by their API. What the servers do is recorded
//! in `fixtures`; little of it is what one would guess.

pub(crate) mod api;
mod hook;
mod issue;
mod landing;
#[cfg(test)]
mod recorded_tests;
mod requirements;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use orch_ports::change_requests::{
    ChangeRequest, ChangeRequestNumber, ChangeRequestState, ChangeRequestText, ChangeRequests, ForgeReview,
    Requirements,
};
use orch_ports::forge::{Base, Forge, Landing, Offers};
use orch_ports::forge_hook::{ForgeHeard, ForgePlace};
use orch_ports::tracker::HookRequest;
use orch_ports::{Port, PortResult};
use orch_rules::ci::CommitStatus;
use orch_rules::ids::CommitId;
use orch_rules::port_error::ErrorKind;
use serde_json::{Value, json};
use ureq::http::Method;

use self::api::{Answered, part};
pub use self::api::{GiteaApi, Page};
pub use self::hook::{EVENTS, GiteaHook, hooks, make_hook, test_hook};
use self::landing::branch_of;
pub use self::requirements::requirements;
use self::wire::{CombinedStatus, Comparison, PullRequest, Review, SeenRepository, SeenStatus, User};
use crate::forge::remote::RemoteForge;
use crate::workshop::Opening;

/// Items that a page is asked for; a server gives fewer if it likes.
const PAGE: usize = 50;
/// No list has more pages than this.
const MOST_PAGES: usize = 200;

/// One repository on a Gitea or Forgejo server.
pub struct Gitea {
    git: RemoteForge,
    opening: Arc<Opening>,
    api: GiteaApi,
    hook_secret: WebhookSecret,
}

/// Reads the secret of the webhook; `None`: it has none.
type WebhookSecret = Box<dyn Fn() -> Option<String> + Send + Sync>;

impl Gitea {
    /// Branches as `git` has them, beside the workshop in the repository that `opening` opens; the rest by `api`.
    pub fn new(git: RemoteForge, opening: Arc<Opening>, api: GiteaApi) -> Self {
        Self { git, opening, api, hook_secret: Box::new(|| None) }
    }

    /// Its webhook is signed with what this reads.
    #[must_use]
    pub fn hearing(mut self, secret: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        self.hook_secret = Box::new(secret);
        self
    }

    fn main(&self) -> PortResult<String> {
        Ok(self.opening.get(Port::Forge)?.repository.origin().base.to_string())
    }

    fn pull(&self, number: ChangeRequestNumber) -> PortResult<PullRequest> {
        let answer = self.api.call(Method::GET, &format!("/pulls/{number}"), None)?;
        self.api.read(&named(number), &answer)
    }

    fn patch(&self, number: ChangeRequestNumber, body: Value) -> PortResult<ChangeRequest> {
        let answer = self.api.call(Method::PATCH, &format!("/pulls/{number}"), Some(body))?;
        self.api.read::<PullRequest>(&named(number), &answer).map(PullRequest::ours)
    }

    /// All pages of a list. `items` takes them out of an answer.
    fn pages<T>(
        &self,
        object: &str,
        path: &str,
        first: Answered,
        items: impl Fn(&Answered) -> PortResult<Vec<T>>,
    ) -> PortResult<Vec<T>> {
        let (mut answer, mut all) = (first, Vec::new());
        for page in 2..MOST_PAGES {
            let found = items(&answer)?;
            let last = found.is_empty();
            all.extend(found);
            if last || answer.total.is_some_and(|total| all.len() >= total) {
                return Ok(all);
            }
            answer = self.api.call(Method::GET, &format!("{path}?limit={PAGE}&page={page}"), None)?;
        }
        let words = format!("{} has no end of pages for {object}", self.api.server());
        Err(self.api.of(ErrorKind::Malformed, object, words))
    }

    /// Whether the server knows a commit.
    fn knows(&self, commit: &CommitId) -> PortResult<bool> {
        let answer = self.api.call(Method::GET, &format!("/git/commits/{}", part(commit.as_str())), None)?;
        Ok((200..300).contains(&answer.status))
    }

    fn not_there(&self, commit: &CommitId) -> orch_ports::PortError {
        let words = format!("{} does not have {} yet", self.api.server(), commit.as_str());
        self.api.of(ErrorKind::Missing, commit.as_str(), words)
    }
}

impl ChangeRequests for Gitea {
    fn fingerprint(&self) -> String {
        self.api.fingerprint()
    }

    fn place(&self) -> PortResult<ForgePlace> {
        let repository: SeenRepository = self.api.read("the repository", &self.api.call(Method::GET, "", None)?)?;
        let user: User = self.api.read("our account", &self.api.ask(Method::GET, "user", None)?)?;
        let (product, server) = ("gitea".to_owned(), self.api.page().root().to_owned());
        Ok(ForgePlace { product, server, project: repository.id.to_string(), accounts: vec![user.id.to_string()] })
    }

    fn heard(&self, request: &HookRequest) -> ForgeHeard {
        match (self.hook_secret)() {
            Some(secret) => hook::heard(request, secret.trim(), self.api.page().full_name()),
            None => ForgeHeard::Refused("no secret of its webhook is known here"),
        }
    }

    fn find(&self, branch: &str) -> PortResult<Option<ChangeRequest>> {
        let (main, object) = (self.main()?, format!("the change request of {branch}"));
        // The head may have slashes, the base may not.
        let head = branch.split('/').map(part).collect::<Vec<_>>().join("/");
        let answer = self.api.call(Method::GET, &format!("/pulls/{}/{head}", part(&main)), None)?;
        match self.api.read::<PullRequest>(&object, &answer) {
            Ok(found) => Ok(Some(found.ours())),
            Err(error) if error.kind == ErrorKind::Gone && error.place.object.is_some() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn open(&self, branch: &str, text: &ChangeRequestText) -> PortResult<ChangeRequest> {
        let (main, object) = (self.main()?, format!("the change request of {branch}"));
        let compared = self.api.call(Method::GET, &format!("/compare/{}...{}", part(&main), part(branch)), None)?;
        let compared: Comparison = match compared.status {
            // The branch comes with a push that is not there yet.
            404 => {
                let words = format!("{} has no branch {branch} yet", self.api.server());
                return Err(self.api.of(ErrorKind::Missing, &object, words));
            }
            _ => self.api.read(&object, &compared)?,
        };
        if compared.total_commits == 0 {
            let words =
                format!("{branch} has nothing that {main} lacks: a change request of it would be taken for merged");
            return Err(self.api.of(ErrorKind::Refused, &object, words));
        }
        let body = json!({ "head": branch, "base": main, "title": text.title, "body": text.body });
        let answer = self.api.call(Method::POST, "/pulls", Some(body))?;
        match (answer.status, existing(&answer.message())) {
            (409, Some(number)) => Ok(self.pull(number)?.ours()),
            _ => self.api.read::<PullRequest>(&object, &answer).map(PullRequest::ours),
        }
    }

    fn look(&self, number: ChangeRequestNumber) -> PortResult<ChangeRequest> {
        self.pull(number).map(PullRequest::ours)
    }

    fn rewrite(&self, number: ChangeRequestNumber, text: &ChangeRequestText) -> PortResult<()> {
        self.patch(number, json!({ "title": text.title, "body": text.body })).map(drop)
    }

    fn end(
        &self,
        number: ChangeRequestNumber,
        text: &ChangeRequestText,
        landed: Option<&CommitId>,
    ) -> PortResult<ChangeRequestState> {
        let found = self.look(number)?;
        if found.state == ChangeRequestState::Merged {
            return Ok(found.state);
        }
        if let (Some(commit), ChangeRequestState::Open) = (landed, found.state) {
            // First, because what is merged can still be rewritten.
            self.rewrite(number, text)?;
            let body = json!({ "Do": "manually-merged", "MergeCommitID": commit.as_str() });
            let answer = self.api.call(Method::POST, &format!("/pulls/{number}/merge"), Some(body))?;
            if answer.status == 200 || self.look(number)?.state == ChangeRequestState::Merged {
                return Ok(ChangeRequestState::Merged);
            }
            if answer.status >= 500 {
                return Err(self.api.refused(&named(number), &answer));
            }
        }
        // Where the repository's settings do not allow the mark.
        let closed = self.patch(number, json!({ "title": text.title, "body": text.body, "state": "closed" }))?;
        Ok(closed.state)
    }

    fn reviews(&self, number: ChangeRequestNumber) -> PortResult<Vec<ForgeReview>> {
        let (object, path) = (named(number), format!("/pulls/{number}/reviews"));
        let first = self.api.call(Method::GET, &format!("{path}?limit={PAGE}&page=1"), None)?;
        let read = |answer: &Answered| Ok(self.api.read::<Option<Vec<Review>>>(&object, answer)?.unwrap_or_default());
        let mut reviews = self.pages(&object, &path, first, read)?;
        reviews.sort_by_key(|review| review.id);
        Ok(reviews.into_iter().filter_map(Review::ours).collect())
    }

    fn statuses(&self, commit: &CommitId) -> PortResult<Vec<CommitStatus>> {
        let (object, path) = (commit.as_str(), format!("/commits/{}/status", part(commit.as_str())));
        let first = self.api.call(Method::GET, &format!("{path}?limit={PAGE}&page=1"), None)?;
        if first.status == 404 && !self.knows(commit)? {
            return Err(self.not_there(commit));
        }
        let read = |answer: &Answered| -> PortResult<Vec<SeenStatus>> {
            Ok(self.api.read::<CombinedStatus>(object, answer)?.statuses.unwrap_or_default())
        };
        // One that comes while pages are read moves others to the next page: the newest of each context counts.
        let mut newest: BTreeMap<String, SeenStatus> = BTreeMap::new();
        for status in self.pages(object, &path, first, read)? {
            match newest.get(&status.context) {
                Some(known) if known.id >= status.id => {}
                _ => drop(newest.insert(status.context.clone(), status)),
            }
        }
        Ok(newest.into_values().map(SeenStatus::ours).collect())
    }

    fn set_status(&self, commit: &CommitId, status: &CommitStatus) -> PortResult<()> {
        let body = json!({
            "context": status.context,
            "state": status.state.as_str(),
            "description": status.description,
            "target_url": status.address,
        });
        let answer = self.api.call(Method::POST, &format!("/statuses/{}", part(commit.as_str())), Some(body))?;
        // It answers 500 for a commit that it does not know.
        if matches!(answer.status, 404 | 500) && !self.knows(commit)? {
            return Err(self.not_there(commit));
        }
        self.api.read::<Value>(commit.as_str(), &answer).map(drop)
    }

    fn propose(&self, candidate: &CommitId) -> PortResult<()> {
        self.git.publish(&branch_of(candidate), None, candidate)?;
        if !self.requirements()?.may_push {
            self.offer(candidate)?;
        }
        Ok(())
    }

    fn withdraw(&self, candidate: &CommitId) -> PortResult<()> {
        let branch = branch_of(candidate);
        if self.git.tip(&branch)?.is_some() { self.git.remove(&branch, candidate) } else { Ok(()) }
    }

    fn requirements(&self) -> PortResult<Requirements> {
        requirements(&self.api, &self.main()?)
    }
}

impl Forge for Gitea {
    fn offers(&self) -> Offers {
        self.git.offers()
    }

    fn change_requests(&self) -> Option<&dyn ChangeRequests> {
        Some(self)
    }

    fn base(&self) -> PortResult<Base> {
        self.git.base()
    }

    fn accept_base(&self) -> PortResult<Base> {
        self.git.accept_base()
    }

    fn branches(&self) -> PortResult<BTreeMap<String, CommitId>> {
        self.git.branches()
    }

    fn tip(&self, branch: &str) -> PortResult<Option<CommitId>> {
        self.git.tip(branch)
    }

    fn publish(&self, branch: &str, expect: Option<&CommitId>, head: &CommitId) -> PortResult<()> {
        self.git.publish(branch, expect, head)
    }

    /// By a push, which keeps the commit; where main takes none from us, by the merge that keeps it too.
    fn land(&self, candidate: &CommitId, parent: &CommitId) -> PortResult<Landing> {
        match self.git.land(candidate, parent)? {
            Landing::Refused(refused) => self.land_by_merge(candidate, parent, &refused),
            ended => Ok(ended),
        }
    }

    fn remove(&self, branch: &str, expect: &CommitId) -> PortResult<()> {
        self.git.remove(branch, expect)
    }
}

fn named(number: ChangeRequestNumber) -> String {
    format!("change request {number}")
}

/// The number in `pull request already exists for these targets [id: 2, issue_id: 2, …]`: `issue_id` is the one.
fn existing(message: &str) -> Option<ChangeRequestNumber> {
    let (_, rest) = message.split_once("issue_id: ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
