//! The deploy line of a target: what is deployed next, and what comes of it. Pure: what happened goes in, what is to be done
//! comes out. Told twice, or late, nothing changes: every word names its deployment and the number of its hook.

use serde::{Deserialize, Serialize};

use super::looks::Seen;
use super::{Deployment, DeploymentState, Deploys, Hook, HookEnd, Running};
use crate::ids::{CommitId, DeployTarget, DeploymentId, RepositoryId, TaskId, Timestamp};

/// The line of a target. Deployments that are over stay as long as something follows from them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployLine {
    /// Whose.
    pub target: DeployTarget,
    /// The number of the last hook that was begun on it; it only rises, so that a late one can be told from a new one.
    pub hooks: i64,
    /// The place of the last one that joined.
    pub places: i64,
    /// What runs of each repository.
    pub runs: Vec<(RepositoryId, Running)>,
    /// Something else runs than what we brought, in words: nothing is deployed over it unasked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<String>,
    /// In the order of landing.
    pub deployments: Vec<Deployment>,
}

/// What is settled about a target beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetSettings {
    /// Its hook can bring the previous one back.
    pub rollback: bool,
}

/// What is to be done next on a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing, or something is under way.
    Nothing,
    /// Begin the hook of this one. What runs is looked at before.
    Deploy(DeploymentId),
    /// What runs contains it already.
    Supersede(DeploymentId),
}

/// Characters that are kept of what was said of one deployment.
const SAID_AT_MOST: usize = 4_000;

/// What an end means for those who wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// It runs.
    Delivered,
    /// It is on the base branch and does not run: its revert lands next.
    Revert,
    /// The same, and another change of its task mends it.
    Mend,
    /// The same of what was a revert itself, or a person's wish: the base branch is ahead of what runs, and a person says
    /// what is deployed.
    Ahead,
    /// Nothing was touched and the machine is to blame: it is begun again when that is mended.
    Again,
    /// Nothing runs as it should: the repository is frozen, and a person is told at once.
    Broken,
    /// What was done is not known: a person is told.
    Doubt,
}

/// Whether one commit contains another; what git says, read beforehand.
pub type Contains<'a> = &'a dyn Fn(&CommitId, &CommitId) -> bool;

impl DeployLine {
    /// Of a target on which nothing was deployed yet.
    pub fn of(target: DeployTarget) -> Self {
        Self { target, hooks: 0, places: 0, runs: Vec::new(), drift: None, deployments: Vec::new() }
    }

    /// One of its deployments.
    pub fn get(&self, id: &DeploymentId) -> Option<&Deployment> {
        self.deployments.iter().find(|one| one.id == *id)
    }

    fn get_mut(&mut self, id: &DeploymentId) -> Option<&mut Deployment> {
        self.deployments.iter_mut().find(|one| one.id == *id)
    }

    /// What runs of a repository.
    pub fn running(&self, repository: &RepositoryId) -> Option<&Running> {
        self.runs.iter().find(|(whose, _)| whose == repository).map(|(_, running)| running)
    }

    /// The one whose hook or looks go on, or of which nothing is known.
    pub fn under_way(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|one| one.state.is_under_way())
    }

    /// Takes its place behind all others. A second time it changes nothing. What nothing follows from any more goes.
    pub fn join(&mut self, mut deployment: Deployment) {
        if self.get(&deployment.id).is_none() {
            self.forget();
            self.places += 1;
            deployment.place = self.places;
            deployment.state = DeploymentState::Queued;
            self.deployments.push(deployment);
        }
    }

    /// Those that are over and came before what runs.
    fn forget(&mut self) {
        let runs: Vec<_> =
            self.deployments.iter().filter(|one| one.state == DeploymentState::Healthy).cloned().collect();
        let behind =
            |one: &Deployment| runs.iter().any(|newer| newer.repository == one.repository && newer.place > one.place);
        self.deployments.retain(|one| !one.state.is_over() || !behind(one));
    }

    /// What a repository waits to have taken back: it is on the base branch and does not run, or its task was stopped. All
    /// that landed after it holds it, too, until something runs that came later.
    pub fn unmended(&self, repository: &RepositoryId) -> impl Iterator<Item = &Deployment> {
        let own: Vec<_> = self.deployments.iter().filter(|one| one.repository == *repository).collect();
        let runs = own.iter().filter(|one| one.state == DeploymentState::Healthy).map(|one| one.place).max();
        own.into_iter().filter(move |one| one.is_bad() && runs.is_none_or(|place| place < one.place))
    }

    /// Whether a deployment that is in line has to wait: for the revert of what it holds, for a person, for what else runs.
    fn held(&self, deployment: &Deployment) -> bool {
        if deployment.why == Deploys::Again {
            return false;
        }
        let broken = |one: &&Deployment| one.state == DeploymentState::Broken;
        if self.drift.is_some()
            || self.deployments.iter().filter(broken).any(|bad| !deployment.mends(bad) && !deployment.reverts(bad))
        {
            return true;
        }
        let up_to = |one: &&Deployment| one.repository == deployment.repository && one.place <= deployment.place;
        let holds_its_revert = |bad: &Deployment| self.deployments.iter().filter(up_to).any(|one| one.reverts(bad));
        let holds_what_mends_it =
            |bad: &Deployment| self.deployments.iter().filter(up_to).any(|one| one.mends(bad) && !one.is_bad());
        let mut before = self.unmended(&deployment.repository).filter(|bad| bad.place < deployment.place);
        before.any(|bad| !holds_its_revert(bad) && !holds_what_mends_it(bad))
    }

    /// What is to be done now.
    pub fn next(&self, contains: Contains<'_>) -> Next {
        if self.under_way().is_some() {
            return Next::Nothing;
        }
        let queued = || self.deployments.iter().filter(|one| one.state == DeploymentState::Queued);
        for one in queued() {
            let runs = self.running(&one.repository);
            // Never a commit that what runs contains; the same one again only because a person said so.
            if one.why != Deploys::Again && runs.is_some_and(|runs| contains(&runs.candidate, &one.candidate)) {
                return Next::Supersede(one.id.clone());
            }
        }
        // What a person asked for, and then by place.
        let asked = queued().find(|one| one.why == Deploys::Again);
        match asked.or_else(|| queued().find(|one| !self.held(one))) {
            Some(one) => Next::Deploy(one.id.clone()),
            None => Next::Nothing,
        }
    }

    /// Keeps what was said of one, newest first: a sentence, and what was printed with it.
    pub fn note(&mut self, id: &DeploymentId, sentence: &str, printed: &str) {
        let Some(one) = self.get_mut(id) else { return };
        let (first, rest) = one.said.split_once('\n').unwrap_or((&one.said, ""));
        let first = if first.is_empty() { sentence.to_owned() } else { format!("{sentence}; {first}") };
        let rest = if printed.trim().is_empty() { rest } else { printed.trim_end() };
        let said = if rest.is_empty() { first } else { format!("{first}\n{rest}") };
        one.said = said.chars().take(SAID_AT_MOST).collect();
    }

    /// The revert of what does not run has the very files that run: nothing is deployed, and it is delivered.
    pub fn runs_already(&mut self, id: &DeploymentId, now: Timestamp) {
        let queued = |one: &&Deployment| one.state == DeploymentState::Queued;
        let Some(one) = self.get(id).filter(queued) else { return };
        let Some(runs) = self.running(&one.repository).cloned() else { return };
        self.ends(id, DeploymentState::Healthy, now);
        let Some(one) = self.get_mut(id) else { return };
        // What answers says the revision that was put there.
        one.revision.clone_from(&runs.revision);
        let (repository, now_runs) = (one.repository.clone(), Running { revision: runs.revision, ..Running::of(one) });
        self.runs.retain(|(whose, _)| *whose != repository);
        self.runs.push((repository, now_runs));
    }

    /// What runs contains it: it is delivered with that.
    pub fn superseded(&mut self, id: &DeploymentId, now: Timestamp) {
        if let Some(one) = self.get_mut(id).filter(|one| one.state == DeploymentState::Queued) {
            one.state = DeploymentState::Superseded;
            one.ended = Some(now);
        }
    }

    /// It did not come up, and what runs by now contains it: it is delivered with that.
    pub fn caught_up(&mut self, id: &DeploymentId, now: Timestamp) {
        if let Some(one) = self.get_mut(id).filter(|one| one.is_bad()) {
            one.state = DeploymentState::Superseded;
            one.ended = Some(now);
        }
    }

    /// What a rollback brings back: `to`, else the newest other revision than what was brought there last, of its repository,
    /// if it was healthy there. `rows`: newest first.
    pub fn healthy_before<'d>(&self, rows: &'d [Deployment], to: Option<&str>) -> Option<&'d Deployment> {
        let (repository, runs) = self.brought_last()?;
        rows.iter().find(|one| {
            let wanted = to.map_or(one.revision != runs.revision, |to| one.revision == to);
            one.target == self.target
                && one.repository == *repository
                && one.state == DeploymentState::Healthy
                && wanted
        })
    }

    /// What was brought last, if it is still watched: so long after it was found healthy. What was adopted meanwhile was
    /// brought by somebody else, and nothing is known of how it began.
    pub fn bakes(&self, bake_ms: i64, now: Timestamp) -> Option<&Deployment> {
        let (_, runs) = self.brought_last().filter(|_| self.under_way().is_none())?;
        let one = self.get(&runs.deployment).filter(|one| one.state == DeploymentState::Healthy && !one.degraded)?;
        let one = Some(one).filter(|one| one.revision == runs.revision)?;
        (one.healthy?.plus_ms(bake_ms) > now).then_some(one)
    }

    /// It was healthy, and is not any more; or it is again, as a person saw.
    pub fn degrades(&mut self, id: &DeploymentId, degraded: bool) {
        if let Some(one) = self.get_mut(id).filter(|one| one.state == DeploymentState::Healthy) {
            one.degraded = degraded;
        }
    }

    /// The repository that something was brought of last.
    pub fn brought_last(&self) -> Option<&(RepositoryId, Running)> {
        self.runs.last()
    }

    /// Its task is stopped. One that has not begun is called off; its change is on the base branch all the same, so its
    /// revert lands first. `false`: it has begun, and is waited for.
    pub fn stopped(&mut self, task: &TaskId, now: Timestamp) -> bool {
        let mut all = true;
        for one in self.deployments.iter_mut().filter(|one| one.task.as_ref() == Some(task)) {
            match one.state {
                DeploymentState::Queued => {
                    one.state = DeploymentState::Cancelled;
                    one.ended = Some(now);
                }
                state => all &= state.is_over(),
            }
        }
        all
    }

    /// The hook of a deployment is about to be begun, under the number that is given back; a deployment under way keeps
    /// its own. `None`: it is not its turn.
    pub fn begin(&mut self, id: &DeploymentId, contains: Contains<'_>, now: Timestamp) -> Option<i64> {
        if let Some(one) = self.get(id).filter(|one| one.state == DeploymentState::Deploying) {
            return one.hook.as_ref().map(|hook| hook.number);
        }
        if self.next(contains) != Next::Deploy(id.clone()) {
            return None;
        }
        let previous = self.get(id).and_then(|one| self.running(&one.repository)).cloned();
        let number = self.number();
        let one = self.get_mut(id)?;
        one.state = DeploymentState::Deploying;
        one.hook = Some(Hook { number, ended: None });
        one.previous = previous;
        one.started = Some(now);
        Some(number)
    }

    fn number(&mut self) -> i64 {
        self.hooks += 1;
        self.hooks
    }

    /// A hook has ended. Its exit code chooses what is looked for; it is no word about what runs.
    pub fn hook_ended(
        &mut self,
        id: &DeploymentId,
        number: i64,
        end: HookEnd,
        offers: TargetSettings,
        now: Timestamp,
    ) -> Option<Outcome> {
        let one = self.get_mut(id)?;
        let hook = one.hook.as_mut().filter(|hook| hook.number == number && hook.ended.is_none())?;
        hook.ended = Some(end.clone());
        let state = one.state;
        match (state, end) {
            (DeploymentState::Deploying | DeploymentState::RollingBack, HookEnd::Deadline | HookEnd::Lost) => {
                one.state = DeploymentState::Unknown;
                Some(Outcome::Doubt)
            }
            (DeploymentState::Deploying, HookEnd::NotBegun { .. } | HookEnd::Exited { code: 64 }) => {
                (one.state, one.infra, one.ended) = (DeploymentState::Failed, true, Some(now));
                Some(Outcome::Again)
            }
            (DeploymentState::Deploying, HookEnd::Exited { code: 0 | 1 }) => {
                one.state = DeploymentState::Checking;
                None
            }
            (DeploymentState::Deploying, HookEnd::Exited { .. } | HookEnd::Signalled) => {
                self.goes_back(id, offers);
                None
            }
            // Whatever it says: the looks tell whether the previous one is there.
            _ => None,
        }
    }

    /// One rollback, where there is something to go back to and a hook that does it; else only looks.
    fn goes_back(&mut self, id: &DeploymentId, offers: TargetSettings) {
        let number = self.hooks + 1;
        let Some(one) = self.get_mut(id) else { return };
        one.state = DeploymentState::RollingBack;
        if offers.rollback && !one.irreversible && !one.rollback_tried && one.previous.is_some() {
            one.rollback_tried = true;
            one.hook = Some(Hook { number, ended: None });
            self.hooks = number;
        }
    }

    /// What the looks found, after a hook has ended.
    pub fn looked(
        &mut self,
        id: &DeploymentId,
        number: i64,
        seen: Seen,
        offers: TargetSettings,
        now: Timestamp,
    ) -> Option<Outcome> {
        let one = self.get(id)?;
        let hook = one.hook.as_ref().filter(|hook| hook.number == number)?;
        let exit = hook.ended.clone()?;
        match (one.state, seen) {
            (DeploymentState::Checking, Seen::Candidate) if exit == (HookEnd::Exited { code: 0 }) => {
                Some(self.ends(id, DeploymentState::Healthy, now))
            }
            (DeploymentState::Checking, Seen::Previous) if exit == (HookEnd::Exited { code: 1 }) => {
                Some(self.ends(id, DeploymentState::Failed, now))
            }
            // Nothing was restarted: what ran before is there, whatever the hook said.
            (DeploymentState::Checking | DeploymentState::RollingBack, Seen::Previous) => {
                Some(self.ends(id, DeploymentState::RolledBack, now))
            }
            (DeploymentState::Checking, _) => {
                self.goes_back(id, offers);
                // Without a way back that is all there is to know.
                let tried = self.get(id).is_some_and(|one| one.hook.as_ref().is_some_and(|hook| hook.ended.is_some()));
                tried.then(|| self.ends(id, DeploymentState::Broken, now))
            }
            (DeploymentState::RollingBack, _) => Some(self.ends(id, DeploymentState::Broken, now)),
            _ => None,
        }
    }

    /// What runs is told of one that is in doubt or broken: by looks over a while after its hook was proved dead, or by a
    /// person. One that is in doubt and met by neither goes back, once.
    pub fn settled(
        &mut self,
        id: &DeploymentId,
        seen: Seen,
        offers: TargetSettings,
        now: Timestamp,
    ) -> Option<Outcome> {
        let one = self.get(id)?;
        match (one.state, seen) {
            (DeploymentState::Unknown | DeploymentState::Broken, Seen::Candidate) => {
                Some(self.ends(id, DeploymentState::Healthy, now))
            }
            (DeploymentState::Unknown, Seen::Previous) if !one.rollback_tried => {
                Some(self.ends(id, DeploymentState::Failed, now))
            }
            (DeploymentState::Unknown | DeploymentState::Broken, Seen::Previous) => {
                Some(self.ends(id, DeploymentState::RolledBack, now))
            }
            (DeploymentState::Unknown, Seen::Neither) => {
                let tried = one.rollback_tried;
                self.goes_back(id, offers);
                let begun = self.get(id).is_some_and(|one| one.rollback_tried) && !tried;
                (!begun).then(|| self.ends(id, DeploymentState::Broken, now))
            }
            _ => None,
        }
    }

    fn ends(&mut self, id: &DeploymentId, state: DeploymentState, now: Timestamp) -> Outcome {
        let Some(one) = self.get_mut(id) else { return Outcome::Doubt };
        // Where nothing ran before, nothing is worse than it was.
        let first = state == DeploymentState::Broken && one.previous.is_none();
        let state = if first { DeploymentState::Failed } else { state };
        one.state = state;
        one.ended = Some(now);
        let outcome = match (state, &one.why) {
            (DeploymentState::Healthy, _) => Outcome::Delivered,
            (DeploymentState::Broken, _) => Outcome::Broken,
            (_, Deploys::Change) if one.forward => Outcome::Mend,
            (_, Deploys::Change) => Outcome::Revert,
            (_, Deploys::Revert { .. } | Deploys::Again) => Outcome::Ahead,
        };
        if state == DeploymentState::Healthy {
            one.healthy = Some(now);
            let running = Running::of(one);
            let (repository, candidate) = (one.repository.clone(), one.candidate.clone());
            for broken in self.deployments.iter_mut().filter(|one| one.repository == repository) {
                if broken.state == DeploymentState::Broken {
                    // The same once more, and now it runs; or another one, and it does not.
                    let same = broken.candidate == candidate;
                    broken.state = if same { DeploymentState::Superseded } else { DeploymentState::Failed };
                }
            }
            self.runs.retain(|(whose, _)| *whose != repository);
            self.runs.push((repository, running));
        }
        outcome
    }

    /// The machine's trouble is mended: what it kept from being begun is in line again.
    pub fn again(&mut self, id: &DeploymentId) {
        if let Some(one) = self.get_mut(id).filter(|one| one.state == DeploymentState::Failed && one.infra) {
            (one.state, one.infra, one.ended) = (DeploymentState::Queued, false, None);
        }
    }

    /// A look beside the line met something else than what we brought, or what we brought again. Never asked while
    /// something is under way.
    pub fn drifted(&mut self, drift: Option<String>) {
        if self.under_way().is_none() {
            self.drift = drift;
        }
    }

    /// A person takes what runs of a repository for what is wanted.
    pub fn adopt(&mut self, repository: &RepositoryId, running: Running) {
        if self.under_way().is_none() {
            self.runs.retain(|(whose, _)| whose != repository);
            self.runs.push((repository.clone(), running));
            self.drift = None;
        }
    }
}
