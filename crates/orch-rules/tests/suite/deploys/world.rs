//! A production that does as it likes, and people who are slow.

use std::collections::{BTreeMap, BTreeSet};

use orch_rules::deploy::line::{DeployLine, Next, Outcome, TargetSettings};
use orch_rules::deploy::looks::Seen;
use orch_rules::deploy::{Deployment, DeploymentState, Deploys, HookEnd, Running};
use orch_rules::ids::{CommitId, DeploymentId, RepositoryId, TaskId, Timestamp};

use super::Without;

pub const REPOSITORIES: [&str; 2] = ["web", "api"];

pub struct Random(u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit.max(1)
    }
    pub fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

/// The commits of a repository, in a row; each with the changes that it holds.
#[derive(Default)]
struct Main(Vec<BTreeSet<u32>>);

/// A hook at work: what it does, and how it ends.
struct AtWork {
    id: DeploymentId,
    number: i64,
    rollback: bool,
}

pub struct World {
    pub random: Random,
    pub line: DeployLine,
    mains: BTreeMap<RepositoryId, Main>,
    /// Changes that do not run.
    bad: BTreeSet<u32>,
    changes: u32,
    deployments: u32,
    /// What really runs; none: nothing does.
    truth: BTreeMap<RepositoryId, Option<CommitId>>,
    hook: Option<AtWork>,
    /// Hooks that were lost and may act still.
    late: Vec<(RepositoryId, Option<CommitId>)>,
    last_number: i64,
    offers: TargetSettings,
    pub quiet: bool,
    without: Option<Without>,
    now: i64,
    pub seen: BTreeMap<&'static str, u32>,
}

fn commit(repository: &RepositoryId, index: usize) -> CommitId {
    CommitId(format!("{repository}-{index:05}"))
}

/// In a row: the later holds the earlier.
fn contains(a: &CommitId, b: &CommitId) -> bool {
    let parts = |commit: &CommitId| commit.0.rsplit_once('-').map(|(r, n)| (r.to_owned(), n.to_owned())).unwrap();
    let (a, b) = (parts(a), parts(b));
    a.0 == b.0 && a.1 >= b.1
}

impl World {
    pub fn new(seed: u64, without: Option<Without>) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1));
        let offers = TargetSettings { rollback: !random.one_in(4) };
        let repositories = REPOSITORIES.map(RepositoryId::from);
        let mut world = Self {
            random,
            line: DeployLine::of("production".into()),
            mains: BTreeMap::new(),
            bad: BTreeSet::new(),
            changes: 0,
            deployments: 0,
            truth: BTreeMap::new(),
            hook: None,
            late: Vec::new(),
            last_number: 0,
            offers,
            quiet: false,
            without,
            now: 0,
            seen: BTreeMap::new(),
        };
        for repository in repositories {
            world.mains.insert(repository.clone(), Main(vec![BTreeSet::new()]));
            world.truth.insert(repository, None);
        }
        world
    }

    fn time(&mut self) -> Timestamp {
        self.now += 1;
        Timestamp(self.now)
    }

    fn lacks(&self, rule: Without) -> bool {
        self.without == Some(rule)
    }

    /// Somebody puts something there that could run.
    pub fn by_hand(&mut self) {
        let repository = RepositoryId::from(REPOSITORIES[self.random.below(2) as usize]);
        let at = self.random.below(self.mains[&repository].0.len() as u64) as usize;
        let is_deployed = self.line.running(&repository).is_some() && self.line.under_way().is_none();
        if is_deployed && self.mains[&repository].0[at].is_disjoint(&self.bad) {
            self.truth.insert(repository.clone(), Some(commit(&repository, at)));
            *self.seen.entry("by hand").or_default() += 1;
        }
    }

    /// What runs of a repository and was not brought there.
    fn met(&self) -> Option<(RepositoryId, CommitId)> {
        let other = |(whose, runs): &(RepositoryId, Running)| {
            Some((whose.clone(), self.well(whose)?)).filter(|(_, at)| *at != runs.candidate)
        };
        self.line.runs.iter().find_map(other)
    }

    pub fn well(&self, repository: &RepositoryId) -> Option<CommitId> {
        let runs = self.truth[repository].clone()?;
        let holds = &self.mains[repository].0[runs.0.rsplit_once('-').unwrap().1.parse::<usize>().unwrap()];
        holds.is_disjoint(&self.bad).then_some(runs)
    }

    fn join(&mut self, repository: &RepositoryId, why: Deploys, at: usize) {
        let task = format!("task-{}", self.deployments + 1);
        let forward = why == Deploys::Change && self.random.one_in(4);
        let irreversible = forward && self.random.one_in(2);
        self.join_of(repository, why, at, (&task, forward, irreversible));
    }

    fn join_of(
        &mut self,
        repository: &RepositoryId,
        why: Deploys,
        at: usize,
        (task, forward, irreversible): (&str, bool, bool),
    ) {
        self.deployments += 1;
        let candidate = commit(repository, at);
        // What a person asks for passes everything.
        let why = if self.lacks(Without::Hold) { Deploys::Again } else { why };
        let id = DeploymentId(format!("d-{}", self.deployments));
        let deployment = Deployment::of(id, "production".into(), repository.clone())
            .bringing(candidate, why)
            .mended_by(irreversible, forward)
            .for_task(task.into(), None);
        self.line.join(deployment.clone());
        let before = self.line.clone();
        self.line.join(deployment);
        assert_eq!(self.line, before, "joined twice");
    }

    pub fn land(&mut self) {
        let repository = RepositoryId::from(REPOSITORIES[self.random.below(2) as usize]);
        self.changes += 1;
        if !self.quiet && self.random.one_in(3) {
            self.bad.insert(self.changes);
        }
        let change = self.changes;
        let main = self.mains.get_mut(&repository).unwrap();
        let mut holds = main.0.last().unwrap().clone();
        holds.insert(change);
        main.0.push(holds);
        let at = main.0.len() - 1;
        self.join(&repository, Deploys::Change, at);
    }

    /// The revert of what a deployment brought: what its commit has more than the one before it.
    fn revert(&mut self, id: &DeploymentId) {
        let one = self.line.get(id).unwrap().clone();
        let at: usize = one.candidate.0.rsplit_once('-').unwrap().1.parse().unwrap();
        let main = self.mains.get_mut(&one.repository).unwrap();
        let brought: BTreeSet<_> = main.0[at].difference(&main.0[at - 1]).copied().collect();
        let holds = main.0.last().unwrap().difference(&brought).copied().collect();
        main.0.push(holds);
        let at = main.0.len() - 1;
        self.join(&one.repository, Deploys::Revert { of: id.clone() }, at);
    }

    /// What it brought is replaced by another change of its task.
    fn mend(&mut self, id: &DeploymentId) {
        let one = self.line.get(id).unwrap().clone();
        let at: usize = one.candidate.0.rsplit_once('-').unwrap().1.parse().unwrap();
        self.changes += 1;
        if !self.quiet && self.random.one_in(3) {
            self.bad.insert(self.changes);
        }
        let change = self.changes;
        let main = self.mains.get_mut(&one.repository).unwrap();
        let brought: BTreeSet<_> = main.0[at].difference(&main.0[at - 1]).copied().collect();
        let mut holds: BTreeSet<_> = main.0.last().unwrap().difference(&brought).copied().collect();
        holds.insert(change);
        if self.quiet {
            // Others landed on top of it here, which its lane would not let them.
            holds.retain(|change| !self.bad.contains(change));
        }
        main.0.push(holds);
        let at = main.0.len() - 1;
        let task = one.task.clone().unwrap();
        self.join_of(&one.repository, Deploys::Change, at, (task.as_str(), true, one.irreversible));
    }

    /// Of a task that is stopped: everything of it that is on main.
    fn revert_all(&mut self, id: &DeploymentId) {
        let one = self.line.get(id).unwrap().clone();
        self.revert(id);
        let left: Vec<_> = self.line.unmended(&one.repository).filter(|bad| bad.task == one.task).cloned().collect();
        for bad in left.into_iter().filter(|bad| bad.id != *id) {
            self.revert(&bad.id);
        }
    }

    /// What follows from a word of the line.
    fn follow(&mut self, id: &DeploymentId, outcome: Option<Outcome>) {
        let Some(outcome) = outcome else { return };
        *self
            .seen
            .entry(match outcome {
                Outcome::Delivered => "delivered",
                Outcome::Revert => "revert",
                Outcome::Mend => "mend",
                Outcome::Ahead => "ahead",
                Outcome::Again => "again",
                Outcome::Broken => "broken",
                Outcome::Doubt => "doubt",
            })
            .or_default() += 1;
        let one = self.line.get(id).unwrap().clone();
        match outcome {
            Outcome::Delivered => {
                assert_eq!(one.state, DeploymentState::Healthy);
                assert_eq!(self.well(&one.repository), Some(one.candidate), "healthy, and it does not run");
            }
            Outcome::Revert => {
                assert_eq!(one.why, Deploys::Change);
                self.revert(id);
            }
            Outcome::Mend => {
                assert!(one.forward && one.why == Deploys::Change);
                if !self.lacks(Without::Mend) {
                    self.mend(id);
                }
            }
            Outcome::Broken if one.forward && !self.lacks(Without::Mend) => self.mend(id),
            Outcome::Again => self.line.again(id),
            Outcome::Ahead | Outcome::Broken | Outcome::Doubt => {}
        }
    }

    /// One turn of who carries out what the line says.
    pub fn turn(&mut self) {
        let under_way = self.line.deployments.iter().filter(|one| one.state.is_under_way()).count();
        assert!(under_way <= 1, "two at once on a target");
        if self.line.under_way().is_none() && !self.lacks(Without::Drift) {
            let met = self.met().map(|(_, at)| at.0);
            self.line.drifted(met);
        }
        match self.line.next(&contains) {
            Next::Nothing => {}
            Next::Supersede(id) => {
                let now = self.time();
                self.line.superseded(&id, now);
            }
            Next::Deploy(id) => self.deploy(&id),
        }
        self.carry_on();
    }

    fn deploy(&mut self, id: &DeploymentId) {
        assert!(self.hook.is_none(), "two hooks at once");
        let now = self.time();
        let number = self.line.begin(id, &contains, now).expect("its turn");
        // The process died before the launch: the next one asks again, and has the same hook to launch.
        assert_eq!(self.line.begin(id, &contains, now), Some(number));
        assert!(number > self.last_number, "the numbers of hooks rise");
        self.last_number = number;
        let one = self.line.get(id).unwrap().clone();
        let passes = one.why == Deploys::Again && !self.lacks(Without::Hold);
        if !passes {
            let runs = self.line.running(&one.repository).filter(|_| one.why != Deploys::Again);
            if let Some(runs) = runs {
                assert!(!contains(&runs.candidate, &one.candidate), "what runs contains it");
            }
            let at: usize = one.candidate.0.rsplit_once('-').unwrap().1.parse().unwrap();
            let holds = &self.mains[&one.repository].0[at];
            for bad in self.line.unmended(&one.repository).filter(|bad| bad.place < one.place) {
                let bad_at: usize = bad.candidate.0.rsplit_once('-').unwrap().1.parse().unwrap();
                let main = &self.mains[&one.repository].0;
                let brought: BTreeSet<_> = main[bad_at].difference(&main[bad_at - 1]).copied().collect();
                assert!(holds.is_disjoint(&brought), "{} brings back what {} brought", one.id, bad.id);
            }
        }
        self.hook = Some(AtWork { id: id.clone(), number, rollback: false });
        if self.lacks(Without::Once) && !self.quiet && self.random.one_in(8) {
            // Another one of the same, which nobody knows of.
            self.late.push((one.repository.clone(), Some(one.candidate)));
        }
    }

    /// A hook that the line began by itself, a hook that ends, looks.
    fn carry_on(&mut self) {
        let Some(one) = self.line.under_way().cloned() else { return };
        let hook = one.hook.clone().unwrap();
        if hook.ended.is_none() {
            if self.hook.is_none() {
                assert_eq!(one.state, DeploymentState::RollingBack);
                assert!(hook.number > self.last_number, "the numbers of hooks rise");
                self.last_number = hook.number;
                self.hook = Some(AtWork { id: one.id.clone(), number: hook.number, rollback: true });
            }
            if self.lacks(Without::Adopt) && !self.quiet && self.random.one_in(6) {
                let (now, offers) = (self.time(), self.offers);
                let end = HookEnd::Exited { code: 1 };
                self.late.push((one.repository.clone(), Some(one.candidate.clone())));
                self.hook = None;
                self.line.hook_ended(&one.id, hook.number, end, offers, now);
            } else if self.quiet || self.random.one_in(2) {
                self.hook_ends(&one);
            }
            return;
        }
        if one.state == DeploymentState::Unknown {
            return self.settle(&one);
        }
        let seen = self.look(&one);
        let (now, offers) = (self.time(), self.offers);
        let outcome = self.line.looked(&one.id, hook.number, seen, offers, now);
        self.follow(&one.id, outcome);
        let before = self.line.clone();
        if before.get(&one.id).is_some_and(|one| one.state.is_over()) {
            assert_eq!(self.line.looked(&one.id, hook.number, seen, offers, now), None);
            assert_eq!(self.line, before, "looked twice");
        }
    }

    fn look(&self, one: &Deployment) -> Seen {
        if self.lacks(Without::Looks) {
            return match one.hook.as_ref().and_then(|hook| hook.ended.clone()) {
                Some(HookEnd::Exited { code: 0 }) if one.state == DeploymentState::Checking => Seen::Candidate,
                Some(HookEnd::Exited { code: 0 | 1 }) => Seen::Previous,
                _ => Seen::Neither,
            };
        }
        match self.well(&one.repository) {
            Some(runs) if runs == one.candidate => Seen::Candidate,
            Some(runs) if one.previous.as_ref().is_some_and(|previous| previous.candidate == runs) => Seen::Previous,
            _ => Seen::Neither,
        }
    }

    fn hook_ends(&mut self, one: &Deployment) {
        let Some(AtWork { id, number, rollback }) = self.hook.take() else { return };
        let to = if rollback {
            one.previous.as_ref().map(|runs| runs.candidate.clone())
        } else {
            Some(one.candidate.clone())
        };
        let kind = if self.quiet { 0 } else { self.random.below(14) };
        let (does, end) = match kind {
            0..5 => (Some(to), HookEnd::Exited { code: 0 }),
            5 => (None, HookEnd::Exited { code: 0 }),
            6 => (None, HookEnd::Exited { code: 1 }),
            7 => (Some(to), HookEnd::Exited { code: 1 }),
            8 => (Some(None), HookEnd::Exited { code: 2 }),
            9 => (Some(None), HookEnd::Signalled),
            10 => (None, HookEnd::NotBegun { reason: "no such program".to_owned() }),
            11 => (None, HookEnd::Exited { code: 64 }),
            12 => (self.random.one_in(2).then_some(to), HookEnd::Deadline),
            _ => {
                if let Some(to) = to.filter(|_| self.random.one_in(2)) {
                    self.late.push((one.repository.clone(), Some(to)));
                }
                (None, HookEnd::Lost)
            }
        };
        if let Some(does) = does {
            self.truth.insert(one.repository.clone(), does);
        }
        let (now, offers) = (self.time(), self.offers);
        let outcome = self.line.hook_ended(&id, number, end.clone(), offers, now);
        if outcome != Some(Outcome::Again) {
            // Told twice, and by the hook before.
            let before = self.line.clone();
            assert_eq!(self.line.hook_ended(&id, number, end, offers, now), None);
            assert_eq!(self.line.hook_ended(&id, number - 1, HookEnd::Exited { code: 0 }, offers, now), None);
            assert_eq!(self.line, before, "an end was told twice");
        }
        self.follow(&id, outcome);
    }

    /// Its hook is proved dead, or a person says so, and what runs is looked at over a while.
    fn settle(&mut self, one: &Deployment) {
        assert_eq!(self.line.next(&contains), Next::Nothing, "nobody deploys where nobody knows what runs");
        if !self.quiet && !self.random.one_in(4) {
            return;
        }
        let waits = !self.lacks(Without::Settle);
        let mine: Vec<_> = self.late.extract_if(.., |(repository, _)| waits && *repository == one.repository).collect();
        for (repository, to) in mine {
            self.truth.insert(repository, to);
        }
        let (seen, now, offers) = (self.look(one), self.time(), self.offers);
        let outcome = self.line.settled(&one.id, seen, offers, now);
        self.follow(&one.id, outcome);
    }

    /// Hooks that nobody waits for any more act late.
    fn late_ones(&mut self) {
        if self.lacks(Without::Settle) || self.lacks(Without::Once) || self.lacks(Without::Adopt) {
            for (repository, to) in std::mem::take(&mut self.late) {
                self.truth.insert(repository, to);
            }
        }
    }

    /// People: stop a task, ask for a deployment of what is on main.
    pub fn person(&mut self) {
        self.late_ones();
        if let Some((repository, at)) = self.met().filter(|_| self.line.drift.is_some()) {
            let runs = self.line.running(&repository).cloned().unwrap();
            let revision = at.0.clone();
            self.line.adopt(&repository, Running { candidate: at, revision, ..runs });
        }
        if !self.quiet && self.random.one_in(3) {
            let queued: Vec<_> =
                self.line.deployments.iter().filter(|one| one.state == DeploymentState::Queued).collect();
            let rests = |task: &Option<TaskId>| {
                self.line
                    .deployments
                    .iter()
                    .all(|one| one.task != *task || one.state.is_over() || one.state == DeploymentState::Queued)
            };
            let change = queued.into_iter().find(|one| one.why == Deploys::Change && rests(&one.task)).cloned();
            if let Some(one) = change {
                let now = self.time();
                assert!(self.line.stopped(one.task.as_ref().unwrap(), now), "it had not begun");
                if !self.lacks(Without::Stop) {
                    self.revert_all(&one.id);
                }
                *self.seen.entry("stopped").or_default() += 1;
            }
            return;
        }
        // The newest of main is deployed whatever is held, where something is held.
        for repository in REPOSITORIES.map(RepositoryId::from) {
            let stuck = self
                .line
                .unmended(&repository)
                .any(|bad| bad.state == DeploymentState::Broken || bad.why != Deploys::Change);
            let asked = self.line.deployments.iter().any(|one| {
                one.why == Deploys::Again && (one.state == DeploymentState::Queued || one.state.is_under_way())
            });
            if stuck && !asked && self.line.under_way().is_none() {
                if self.quiet {
                    // What a person deploys, a person has mended.
                    let main = self.mains.get_mut(&repository).unwrap();
                    let holds = main.0.last().unwrap().difference(&self.bad).copied().collect();
                    main.0.push(holds);
                }
                let at = self.mains[&repository].0.len() - 1;
                self.join(&repository, Deploys::Again, at);
            }
        }
    }
}

impl World {
    pub fn shown(&self) -> String {
        let one = |one: &Deployment| {
            let task = one.task.as_ref().map_or("", |task| task.as_str());
            format!(
                "{:3} {} {} {task} {:?} {} {}{}{}\n",
                one.place,
                one.id,
                one.candidate,
                one.why,
                one.state.name(),
                if one.forward { "forward " } else { "" },
                if one.irreversible { "irreversible " } else { "" },
                if one.infra { "infra" } else { "" },
            )
        };
        self.line.deployments.iter().map(one).collect()
    }
}
