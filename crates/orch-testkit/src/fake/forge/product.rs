//! What a product has besides branches, in memory: change requests with their reviews, statuses of commits.

use orch_ports::PortResult;
use orch_ports::change_requests::{
    ChangeRequest, ChangeRequestNumber, ChangeRequestState, ChangeRequestText, ChangeRequests, ForgeReview,
    Requirements, ReviewVerdict,
};
use orch_ports::forge_hook::{ForgeHeard, ForgePlace};
use orch_ports::tracker::HookRequest;
use orch_rules::ci::CommitStatus;
use orch_rules::ids::{CommitId, Timestamp};
use orch_rules::observation::Object;
use orch_rules::port_error::ErrorKind;

use super::{Code, FakeForge, MAIN, one};

/// What the product keeps, and what its administrators set.
#[derive(Debug, Clone, Default)]
pub(super) struct Product {
    requests: Vec<Request>,
    statuses: Vec<(CommitId, CommitStatus)>,
    reviews: Vec<(ChangeRequestNumber, ForgeReview)>,
    contexts: Vec<String>,
    no_marks: bool,
}

#[derive(Debug, Clone)]
struct Request {
    number: ChangeRequestNumber,
    branch: String,
    text: ChangeRequestText,
    state: ChangeRequestState,
    head: CommitId,
}

impl Request {
    fn shown(&self) -> ChangeRequest {
        let address = format!("https://fake.example.org/pulls/{}", self.number);
        let (branch, head) = (self.branch.clone(), self.head.clone());
        ChangeRequest { number: self.number, branch, state: self.state, head, address }
    }
}

impl Code {
    /// As the branches are now.
    fn product(&mut self) -> PortResult<&mut Product> {
        let branches = &self.branches;
        let product = self.product.as_mut().ok_or_else(|| one(ErrorKind::Refused, "it keeps branches only"))?;
        for request in product.requests.iter_mut().filter(|request| request.state == ChangeRequestState::Open) {
            match branches.get(&request.branch) {
                Some(tip) => request.head = tip.clone(),
                None => request.state = ChangeRequestState::Closed,
            }
        }
        Ok(product)
    }

    fn request(&mut self, number: ChangeRequestNumber) -> PortResult<&mut Request> {
        let found = self.product()?.requests.iter_mut().find(|request| request.number == number);
        found.ok_or_else(|| one(ErrorKind::Gone, format!("there is no change request {number}")))
    }
}

/// Beginning of the branches that candidates are tested from.
const LANDING: &str = "orch-landing/";

fn branch_of(candidate: &CommitId) -> String {
    format!("{LANDING}{}", candidate.as_str().get(..12).unwrap_or(candidate.as_str()))
}

impl FakeForge {
    /// From now on it has change requests, and main asks for these contexts.
    pub fn with_product(&self, contexts: &[&str]) {
        let product = &mut self.lock().product;
        product.get_or_insert_default().contexts = contexts.iter().map(|&name| name.to_owned()).collect();
    }

    /// CI says something of a commit.
    pub fn ci(&self, commit: &CommitId, context: &str, state: &str) {
        let (context, state) = (context.to_owned(), state.to_owned().into());
        let status = CommitStatus { context, state, description: String::new(), address: String::new() };
        let mut code = self.lock();
        let kept = code.product.get_or_insert_default();
        kept.statuses.push((commit.clone(), status));
    }

    /// Somebody reviews a change request: `APPROVED`, `REQUEST_CHANGES`, `COMMENT`.
    pub fn review(&self, number: ChangeRequestNumber, person: &str, state: &str, words: &str) {
        let mut code = self.lock();
        let Ok(commit) = code.request(number).map(|request| request.head.clone()) else { return };
        let product = code.product.get_or_insert_default();
        let at = product.reviews.len() as i64 + 1;
        let review = ForgeReview {
            id: at.to_string(),
            by: format!("id-of-{person}"),
            name: person.to_owned(),
            verdict: match state {
                "APPROVED" => ReviewVerdict::Approved,
                "REQUEST_CHANGES" => ReviewVerdict::ChangesRequested,
                _ => ReviewVerdict::Comment,
            },
            commit,
            dismissed: false,
            text: words.to_owned(),
            at: Timestamp(at),
        };
        product.reviews.push((number, review));
    }

    /// The newest change request of a branch.
    pub fn request_of(&self, branch: &str) -> Option<ChangeRequestNumber> {
        let mut code = self.lock();
        let requests = &code.product().ok()?.requests;
        requests.iter().rev().find(|request| request.branch == branch).map(|request| request.number)
    }

    /// Title and body of a change request.
    pub fn request_text(&self, number: ChangeRequestNumber) -> Option<ChangeRequestText> {
        self.lock().request(number).ok().map(|request| request.text.clone())
    }

    /// Nobody may say that something was merged by hand.
    pub fn forbid_marks(&self) {
        self.lock().product.get_or_insert_default().no_marks = true;
    }

    /// A person merges it by the button.
    pub fn press(&self, number: ChangeRequestNumber) {
        if let Ok(request) = self.lock().request(number) {
            request.state = ChangeRequestState::Merged;
        }
    }

    /// A branch goes.
    pub fn delete(&self, branch: &str) {
        self.lock().branches.remove(branch);
    }

    /// Somebody moves a branch, main among them.
    pub fn point(&self, branch: &str, commit: &CommitId) {
        self.lock().branches.insert(branch.to_owned(), commit.clone());
    }

    /// Candidates that are where CI runs.
    pub fn proposed(&self) -> Vec<CommitId> {
        let is_one = |(name, tip): (&String, &CommitId)| name.starts_with(LANDING).then(|| tip.clone());
        self.lock().branches.iter().filter_map(is_one).collect()
    }

    /// Names of the branches that are at a commit.
    pub fn branches_at(&self, commit: &CommitId) -> Vec<String> {
        let at = |(name, tip): (&String, &CommitId)| (tip == commit && name != MAIN).then(|| name.clone());
        self.lock().branches.iter().filter_map(at).collect()
    }
}

/// What webhooks of the forge are signed with.
pub const HOOK_SECRET: &str = "h00k-secret";

impl ChangeRequests for FakeForge {
    fn place(&self) -> PortResult<ForgePlace> {
        self.call("place", |_| {
            Ok(ForgePlace {
                product: "fake".to_owned(),
                server: "https://fake.example.org".to_owned(),
                project: "1".to_owned(),
                accounts: vec!["id-of-orch-bot".to_owned()],
            })
        })
    }

    /// The body is `KIND:ID`, or `nothing`; the header `signature` is the secret.
    fn heard(&self, request: &HookRequest) -> ForgeHeard {
        if request.headers.get("signature").map(String::as_str) != Some(HOOK_SECRET) {
            return ForgeHeard::Refused("it is not signed");
        }
        let body = String::from_utf8_lossy(&request.body).into_owned();
        match Object::parse(&body) {
            Some(object) => ForgeHeard::Told { key: body, hints: vec![object] },
            None => ForgeHeard::Ignored("it is about nothing".to_owned()),
        }
    }

    fn find(&self, branch: &str) -> PortResult<Option<ChangeRequest>> {
        self.call("find", |code| {
            let of = |request: &&Request| request.branch == branch;
            Ok(code.product()?.requests.iter().rev().find(of).map(Request::shown))
        })
    }

    fn open(&self, branch: &str, text: &ChangeRequestText) -> PortResult<ChangeRequest> {
        self.call("open", |code| {
            let head = code.branches.get(branch).cloned();
            let head = head.ok_or_else(|| one(ErrorKind::Missing, format!("there is no branch {branch} yet")))?;
            if code.contains(&code.tip()?, &head) {
                return Err(one(ErrorKind::Refused, format!("{branch} has nothing that main lacks")));
            }
            let requests = &mut code.product()?.requests;
            let open = |request: &&Request| request.branch == branch && request.state == ChangeRequestState::Open;
            if let Some(known) = requests.iter().find(open) {
                return Ok(known.shown());
            }
            let (number, state) = (requests.len() as u64 + 1, ChangeRequestState::Open);
            let request = Request { number, branch: branch.to_owned(), text: text.clone(), state, head };
            let shown = request.shown();
            requests.push(request);
            Ok(shown)
        })
    }

    fn look(&self, number: ChangeRequestNumber) -> PortResult<ChangeRequest> {
        self.call("look", |code| code.request(number).map(|request| request.shown()))
    }

    fn rewrite(&self, number: ChangeRequestNumber, text: &ChangeRequestText) -> PortResult<()> {
        self.call("rewrite", |code| {
            code.request(number)?.text = text.clone();
            Ok(())
        })
    }

    fn end(
        &self,
        number: ChangeRequestNumber,
        text: &ChangeRequestText,
        landed: Option<&CommitId>,
    ) -> PortResult<ChangeRequestState> {
        self.call("end", |code| {
            let marks = !code.product()?.no_marks;
            let request = code.request(number)?;
            if request.state == ChangeRequestState::Merged {
                return Ok(request.state);
            }
            request.text = text.clone();
            let merged = marks && landed.is_some() && request.state == ChangeRequestState::Open;
            request.state = if merged { ChangeRequestState::Merged } else { ChangeRequestState::Closed };
            Ok(request.state)
        })
    }

    fn reviews(&self, number: ChangeRequestNumber) -> PortResult<Vec<ForgeReview>> {
        self.call("reviews", |code| {
            code.request(number)?;
            let of = code.product()?.reviews.iter().filter(|(of, _)| *of == number);
            Ok(of.map(|(_, review)| review.clone()).collect())
        })
    }

    fn statuses(&self, commit: &CommitId) -> PortResult<Vec<CommitStatus>> {
        self.call("statuses", |code| {
            if !code.commits.contains_key(commit) {
                return Err(one(ErrorKind::Missing, format!("it does not have {commit} yet")));
            }
            let mut newest: Vec<CommitStatus> = Vec::new();
            for (_, status) in code.product()?.statuses.iter().filter(|(of, _)| of == commit) {
                newest.retain(|known| known.context != status.context);
                newest.push(status.clone());
            }
            Ok(newest)
        })
    }

    fn set_status(&self, commit: &CommitId, status: &CommitStatus) -> PortResult<()> {
        self.call("set_status", |code| {
            if !code.commits.contains_key(commit) {
                return Err(one(ErrorKind::Missing, format!("it does not have {commit} yet")));
            }
            code.product()?.statuses.push((commit.clone(), status.clone()));
            Ok(())
        })
    }

    fn propose(&self, candidate: &CommitId) -> PortResult<()> {
        self.call("propose", |code| {
            code.known(candidate)?;
            code.branches.insert(branch_of(candidate), candidate.clone());
            Ok(())
        })
    }

    fn withdraw(&self, candidate: &CommitId) -> PortResult<()> {
        self.call("withdraw", |code| {
            code.branches.remove(&branch_of(candidate));
            Ok(())
        })
    }

    fn requirements(&self) -> PortResult<Requirements> {
        self.call("requirements", |code| {
            Ok(Requirements {
                product: "Fake 1".to_owned(),
                account: Some("orch-bot".to_owned()),
                may_push: true,
                may_write: true,
                keeps_commit: true,
                approvals: 0,
                dismisses_stale: Some(false),
                contexts: code.product()?.contexts.clone(),
            })
        })
    }
}
