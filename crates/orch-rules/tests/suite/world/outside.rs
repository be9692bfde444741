//! What the world answers: agents, git, the test command, people who make issues.

use orch_rules::attempt::{Attempt, DocumentFact, Evidence, ProtectedPaths, RunEnd, Usage, WeakenedTest};
use orch_rules::change::Guard;
use orch_rules::check::CheckOutcome;
use orch_rules::decide::intake::{Intake, intake};
use orch_rules::deploy::{DeploymentState, TaskDeployment};
use orch_rules::effect::Effect;
use orch_rules::episode::{Answer, Episode, EpisodeKind, confirmation};
use orch_rules::event::{CandidateResult, Event, LaneEvent, TaskEvent};
use orch_rules::ids::{CheckId, CodeId, CommitId, PatchId, RepositoryId, TaskId};
use orch_rules::lane::{Candidate, LaneState};
use orch_rules::pipeline::StageKind;
use orch_rules::task::Task;
use orch_rules::verdict::read_document;

use super::{Absorbed, Work, World};

/// What the base branch protects.
const PROTECTED: [&str; 2] = [".orch/**", "tests/ci/**"];

/// What an agent left behind.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// Documents of the work item.
    pub documents: Vec<DocumentFact>,
    /// Paths elsewhere.
    pub changed: Vec<String>,
    /// Git could not be read.
    pub unreadable: bool,
    /// Which paths are protected could be read.
    pub protection: bool,
    /// Tests that lost something.
    pub weakened: Vec<WeakenedTest>,
    /// What is wrong with settings that would land.
    pub settings: Vec<String>,
}

impl Default for Delivered {
    fn default() -> Self {
        Self {
            documents: Vec::new(),
            changed: Vec::new(),
            unreadable: false,
            protection: true,
            weakened: Vec::new(),
            settings: Vec::new(),
        }
    }
}

/// A document with front matter and a body.
pub fn with_front_matter(path: &str, fields: &[(&str, &str)], body: &str) -> DocumentFact {
    let fields: String = fields.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
    read_document(path, format!("---\n{fields}---\n{body}\n").as_bytes())
}

impl World {
    /// What satisfies every gate of the stage an attempt works on.
    pub fn good_work(&self, attempt: &Attempt) -> Delivered {
        let task = &self.tasks[&attempt.task];
        let Some(stage) = self.pipeline_of(task).and_then(|p| p.stage(&attempt.stage)) else {
            return Delivered::default();
        };
        let path = stage.documents.first().map(|p| p.replace('*', "001-choice")).unwrap_or_default();
        let candidate = attempt.start.as_ref().map_or("", CommitId::as_str);
        let fields: Vec<(&str, &str)> = match stage.kind {
            StageKind::Build => {
                return Delivered { changed: vec!["src/lib.rs".to_owned()], ..Delivered::default() };
            }
            StageKind::Judge => vec![("verdict", "APPROVED")],
            StageKind::Check => vec![("result", "PASS")],
            StageKind::Stage => vec![("staging_status", "SUCCESS"), ("revision", candidate)],
            StageKind::Deploy => vec![("deploy_status", "SUCCESS")],
            StageKind::Author | StageKind::Land => vec![("title", "text")],
        };
        Delivered { documents: vec![with_front_matter(&path, &fields, "# Text")], ..Delivered::default() }
    }

    /// What git says of a delivery.
    pub fn evidence(&self, attempt: &Attempt, delivered: &Delivered) -> Option<Evidence> {
        if delivered.unreadable {
            return None;
        }
        let task = &self.tasks[&attempt.task];
        let base = self.main[&task.repository].clone();
        let start = attempt.start.clone().unwrap_or_else(|| base.clone());
        let nothing = delivered.documents.is_empty() && delivered.changed.is_empty();
        let name = format!("{}.{}", task.work_item, attempt.number);
        let (code, patch) = match (&task.keys, delivered.changed.is_empty()) {
            (Some(keys), true) => (keys.code.clone(), keys.patch.clone()),
            (None, true) => (CodeId(format!("code of {start}")), PatchId("no patch".to_owned())),
            (_, false) => (CodeId(format!("code of {name}")), PatchId(format!("patch of {name}"))),
        };
        Some(Evidence {
            irreversible: self.irreversible(attempt, delivered),
            head: if nothing { start.clone() } else { CommitId(name) },
            start,
            base,
            code,
            patch,
            commits: u32::from(!nothing),
            documents: delivered.documents.clone(),
            changed_total: delivered.changed.len() as u32,
            changed: delivered.changed.clone(),
            protected: delivered.protection.then(|| self.protected(attempt, delivered)),
            weakened: delivered.weakened.clone(),
            weakened_total: delivered.weakened.len() as u32,
            level: None,
            settings: delivered.settings.clone(),
            patch_total: None,
            left_out: Vec::new(),
            refused: Vec::new(),
        })
    }

    /// Whether what the task's whole change touches can be taken back.
    fn irreversible(&self, attempt: &Attempt, delivered: &Delivered) -> bool {
        let all = self.attempts.get(&attempt.task).map(Vec::as_slice).unwrap_or_default();
        let mut evidence = all.iter().filter_map(|a| a.ended.as_ref()?.evidence.as_ref());
        let before = evidence.any(|e| Some(&e.head) == attempt.start.as_ref() && e.irreversible);
        before || delivered.changed.iter().any(|path| path.starts_with("migrations/"))
    }

    /// What the task's whole change touches: what it touched where this attempt started, and what the attempt adds.
    fn protected(&self, attempt: &Attempt, delivered: &Delivered) -> ProtectedPaths {
        let all = self.attempts.get(&attempt.task).map(Vec::as_slice).unwrap_or_default();
        let evidence = all.iter().filter_map(|a| a.ended.as_ref()?.evidence.as_ref());
        let mut before =
            evidence.filter(|e| Some(&e.head) == attempt.start.as_ref()).filter_map(|e| e.protected.clone());
        let mut paths: Vec<String> = before.next_back().map(|p| p.paths).unwrap_or_default();
        paths.extend(delivered.changed.iter().cloned());
        ProtectedPaths::touched(&paths, &[], &PROTECTED.map(str::to_owned))
    }

    /// What git says of commits that a person pushed on top of a head; `name` is the newest.
    pub fn pushed(&self, task: &TaskId, name: &str, delivered: &Delivered) -> Option<Evidence> {
        let row = self.tasks.get(task)?;
        let newest = self.newest_attempt(task)?;
        let attempt = Attempt { start: row.head.clone(), ..newest.clone() };
        let mut evidence = self.evidence(&attempt, delivered)?;
        evidence.head = name.into();
        if !delivered.changed.is_empty() {
            evidence.code = CodeId(format!("code of {name}"));
            evidence.patch = PatchId(format!("patch of {name}"));
        }
        Some(evidence)
    }

    /// The end of a run, as its effect tells it.
    pub fn run_ended(&self, attempt: &Attempt, end: RunEnd, delivered: Option<&Delivered>, cost: Option<u64>) -> Event {
        let evidence = delivered.and_then(|d| self.evidence(attempt, d));
        let cut_from = attempt.start.clone().or_else(|| {
            let task = &self.tasks[&attempt.task];
            self.main.get(&task.repository).cloned()
        });
        let usage = cost.map(|cost| Usage { cost_micros: Some(cost), ..Usage::default() });
        let event = TaskEvent::RunEnded { attempt: attempt.number, end, evidence, usage, cut_from, trouble: None };
        Event::Task { task: attempt.task.clone(), event }
    }

    /// The effect left the queue: its outcome is an event now.
    pub fn answered(&mut self, effect: &Effect) {
        if let Some(at) = self.work.iter().position(|w| &w.effect == effect) {
            self.work.remove(at);
        }
    }

    /// Effects that come back without an event.
    pub fn perform_silent(&mut self) {
        self.work.retain(|w| {
            !matches!(w.effect, Effect::PublishBranch { .. } | Effect::CleanUp { .. } | Effect::StopRun { .. })
        });
    }

    /// Workers take everything that is due.
    pub fn take_all(&mut self) {
        self.work.iter_mut().for_each(|w| w.state = super::WorkState::UnderWay);
    }

    pub fn check_ended(&self, effect: &Effect, outcome: CheckOutcome, excerpt: &str) -> Option<Event> {
        let Effect::RunCheck { task, check, lane, .. } = effect else { return None };
        let (check, excerpt) = (check.clone(), excerpt.to_owned());
        Some(if *lane {
            let repository = self.tasks.get(task)?.repository.clone();
            Event::Lane {
                repository,
                event: LaneEvent::CheckEnded { task: task.clone(), check, outcome, excerpt, first_red: None },
            }
        } else {
            Event::Task {
                task: task.clone(),
                event: TaskEvent::CheckEnded { check, outcome, excerpt, first_red: None },
            }
        })
    }

    /// Remember what was tested green, for the promise about main.
    pub fn remember_check(&mut self, effect: &Effect, outcome: &CheckOutcome) {
        if let (Effect::RunCheck { commit, lane: true, .. }, CheckOutcome::Passed) = (effect, outcome) {
            self.tested.insert(commit.clone());
        }
    }

    /// Make a candidate on main as it is now.
    pub fn candidate_made(&mut self, effect: &Effect, conflict: Option<Vec<String>>, empty: bool) -> Option<Event> {
        self.candidate_with(effect, conflict, empty, Vec::new())
    }

    /// As [`World::candidate_made`], with what is wrong with settings in it.
    pub fn candidate_with(
        &mut self,
        effect: &Effect,
        conflict: Option<Vec<String>>,
        empty: bool,
        settings: Vec<String>,
    ) -> Option<Event> {
        let (Effect::BuildCandidate { repository, task, fence, .. }
        | Effect::BuildRevert { repository, task, fence, .. }) = effect
        else {
            return None;
        };
        let main = self.main[repository].clone();
        let result = match conflict {
            Some(paths) => CandidateResult::Conflict { paths },
            None => {
                let commit = CommitId(format!("{}.c{fence}", self.name_of(task)));
                CandidateResult::Made { candidate: Candidate { commit, parent: main.clone(), empty } }
            }
        };
        let event = LaneEvent::CandidateMade { task: task.clone(), fence: *fence, main, result, settings };
        Some(Event::Lane { repository: repository.clone(), event })
    }

    /// A repository is deployed from now on; what does not run is mended, or taken back.
    pub fn deploys(&mut self, repository: &str, forward: bool) {
        self.policy.targets.insert(repository.into(), "production".into());
        self.forward.extend(forward.then(|| "production".into()));
    }

    /// How far a deployment is; one that has ended is done with.
    pub fn deployed(&mut self, effect: &Effect, state: DeploymentState, why: &str) -> Event {
        let Effect::Deploy { task, target, deployment, irreversible, reverts, .. } = effect else {
            unreachable!("{effect:?} deploys nothing")
        };
        let reverts = reverts.is_some();
        let deployment = TaskDeployment {
            id: deployment.clone(),
            target: target.clone(),
            state,
            infra: false,
            irreversible: *irreversible,
            forward: !reverts && (*irreversible || self.forward.contains(target)),
            told: false,
            why: why.to_owned(),
            failed: None,
        };
        if deployment.has_failed() || deployment.wants_mending() {
            *self.trips.entry(task.clone()).or_default() += 1;
        }
        Event::Task { task: task.clone(), event: TaskEvent::DeploymentSeen { deployment } }
    }

    /// Compare-and-set of main; asks first whether main has the candidate already.
    pub fn land(&mut self, effect: &Effect) -> Option<Event> {
        let Effect::Land { repository, task, candidate, parent, fence } = effect else { return None };
        let main = self.main[repository].clone();
        let has = self.landed.iter().any(|(_, commit)| commit == candidate);
        let lands = has || &main == parent;
        if lands && !has {
            self.watch_landing(task, candidate);
            self.main.insert(repository.clone(), candidate.clone());
            self.landed.push((task.clone(), candidate.clone()));
        }
        let main = self.main[repository].clone();
        let event = LaneEvent::LandEnded { task: task.clone(), fence: *fence, main, landed: lands, refused: None };
        Some(Event::Lane { repository: repository.clone(), event })
    }

    /// What a task landed, apart from reverts.
    fn brought(&self, task: &TaskId) -> impl Iterator<Item = &CommitId> {
        let own = self.landed.iter().filter(move |(whose, commit)| whose == task && !self.reverts.contains(commit));
        own.map(|(_, commit)| commit)
    }

    /// The change of a task that was stopped is on main.
    pub(super) fn left_on_main(&self, task: &TaskId) -> bool {
        let reverts = self.landed.iter().filter(|(whose, commit)| whose == task && self.reverts.contains(commit));
        self.brought(task).count() != reverts.count()
    }

    fn watch_landing(&mut self, task: &TaskId, candidate: &CommitId) {
        let name = self.name_of(task);
        if !self.tested.contains(candidate) {
            self.broken(format!("{candidate} of {name} landed untested"));
        }
        let takes_back = |row| self.landing_entry(row).is_some_and(|entry| entry.reverts.is_some());
        if self.tasks.get(task).is_some_and(takes_back) {
            self.reverts.insert(candidate.clone());
            return;
        }
        let allowed = 1 + self.trips.get(task).copied().unwrap_or(0);
        if self.brought(task).count() >= allowed {
            self.broken(format!("{name} lands once too often"));
        }
        let Some(row) = self.tasks.get(task) else { return };
        if row.position.name() != "done" {
            let missing = self.unvalidated(row, candidate);
            self.violations.extend(missing);
        }
        let Some(row) = self.tasks.get(task) else { return };
        let landing = matches!(self.landing_entry(row).map(|e| &e.state), Some(LaneState::Landing { .. }));
        // Merged by hand while the landing was under way is the one way to be done already.
        if !landing && row.position.name() != "done" {
            self.broken(format!("{name} lands and the lane does not know"));
        }
    }

    /// What the pipeline wants of a candidate before it lands and nobody gave: its staging run, its confirmation.
    fn unvalidated(&self, task: &Task, candidate: &CommitId) -> Vec<String> {
        let stage = task.position.stage().and_then(|id| self.pipeline_of(task)?.stage(id));
        let Some(stage) = stage else { return vec![format!("{} lands from {}", task.work_item, task.position.name())] };
        let mut missing = Vec::new();
        let staged = |a: &Attempt| {
            a.visit == task.visit
                && a.start.as_ref() == Some(candidate)
                && a.ended.as_ref().is_some_and(|e| e.how == RunEnd::Completed)
        };
        if stage.kind == StageKind::Stage && !self.attempts.get(&task.id).is_some_and(|all| all.iter().any(staged)) {
            missing.push(format!("{candidate} of {} landed without its staging run", task.work_item));
        }
        let to = self.policy.targets.get(&task.repository).map_or(stage.id.as_str(), |target| target.as_str());
        let change = task.keys.as_ref().map(|keys| confirmation(&keys.patch, to, keys.irreversible));
        let confirmed = |e: &Episode| {
            e.kind == EpisodeKind::ConfirmDeploy
                && Some(&e.about) == change.as_ref()
                && e.answer.as_ref().is_some_and(|a| a.answer == Answer::Approved)
        };
        if stage.confirm && !self.episodes.get(&task.id).is_some_and(|all| all.iter().any(confirmed)) {
            missing.push(format!("{candidate} of {} landed without its confirmation", task.work_item));
        }
        missing.extend(self.ungranted(task));
        missing.extend(self.unreviewed(task, candidate));
        missing
    }

    /// Protected paths that would land and nobody granted: a grant names the patch of the task's head.
    fn ungranted(&self, task: &Task) -> Option<String> {
        let patch = &task.keys.as_ref()?.patch;
        let all = self.attempts.get(&task.id).map(Vec::as_slice).unwrap_or_default();
        let mut evidence = all.iter().rev().filter_map(|a| a.ended.as_ref()?.evidence.as_ref());
        let touched = &evidence.find(|e| Some(&e.head) == task.head.as_ref())?.protected.as_ref()?.paths;
        let granted = |e: &Episode| {
            e.kind == EpisodeKind::ProtectedPaths
                && e.about.starts_with(patch.as_str())
                && touched.iter().all(|path| e.about.contains(path.as_str()))
                && e.answer.as_ref().is_some_and(|a| a.answer == Answer::Approved)
        };
        let asked = self.episodes.get(&task.id).map(Vec::as_slice).unwrap_or_default();
        let fine = touched.is_empty() || asked.iter().any(granted);
        (!fine).then(|| format!("{} landed a change to protected paths that nobody granted", task.work_item))
    }

    /// Somebody pushes to main.
    pub fn push(&mut self, repository: &RepositoryId) {
        self.pushes += 1;
        let commit = CommitId(format!("{repository}-push-{}", self.pushes));
        self.main.insert(repository.clone(), commit);
    }

    /// The effect that waits for the end of a task's newest attempt, if it does.
    pub fn find_work(&self, task: &TaskId, kind: &str) -> Option<Effect> {
        self.work.iter().map(|Work { effect, .. }| effect).find(|e| e.task() == task && e.kind() == kind).cloned()
    }

    pub fn check_of(&self, task: &TaskId) -> Option<(Effect, CheckId)> {
        let effect = self.find_work(task, "run_check")?;
        let Effect::RunCheck { check, .. } = &effect else { return None };
        let check = check.clone();
        Some((effect, check))
    }

    /// An issue becomes a task; walks on while a number or a branch is taken. `Err` names the task.
    pub fn intake(&mut self, repository: &RepositoryId, wanted: Intake) -> Absorbed {
        let mut wanted = wanted;
        for _ in 0..50 {
            let Some(row) = self.repositories.get(repository).cloned() else {
                return Absorbed::Refused("no such repository".to_owned());
            };
            let (task, changes) = intake(&wanted, &row, &self.policy, self.moment());
            match self.apply(&changes) {
                Ok(()) => {
                    self.log.rules.push((task.work_item.to_string(), vec!["intake"]));
                    return Absorbed::Accepted {
                        answer: format!("{} {}", task.work_item, task.branch),
                        trace: vec!["intake"],
                    };
                }
                Err(failed) => {
                    let taken = |what: &str| {
                        failed.iter().any(|g| matches!(g, Guard::Unique { key, .. } if key.starts_with(what)))
                    };
                    if taken("issue:") {
                        return Absorbed::Refused("this issue has its task already".to_owned());
                    }
                    if taken("work_item:") {
                        wanted.number += 1;
                    } else if wanted.disambiguate {
                        return Absorbed::Refused("no branch name is free".to_owned());
                    } else {
                        wanted.disambiguate = true;
                    }
                }
            }
        }
        Absorbed::Refused("no number is free".to_owned())
    }
}
