//! A decision in the making: the facts as they would be, and the changes that make them so.

use crate::actor::Actor;
use crate::attempt::{Attempt, Evidence};
use crate::change::{AuditLine, Change, ChangeSet, Guard};
use crate::check::{Check, CheckKey};
use crate::claim::{self, Claim, ClaimKind};
use crate::effect::Effect;
use crate::episode::{Answer, Answered, Episode, EpisodeKind};
use crate::facts::{Dependencies, TaskFacts, Worker};
use crate::ids::{CheckId, CommitId, EpisodeId, StageId, Timestamp};
use crate::lane::{Freeze, LaneEntry, LaneState, Line, Repository};
use crate::outage::{Outage, Source};
use crate::pipeline::{Role, Stage, Target};
use crate::reason::{self, Reason};
use crate::task::{Hold, Position, Task, Wait};

use super::Denied;

/// The engine, in audit lines.
pub const ORCH: &Actor = &Actor::ORCH;

/// Works on a copy of the facts; the task row is written once, at the end, if it changed.
pub struct Draft {
    before: Task,
    pub facts: TaskFacts,
    pub now: Timestamp,
    pub denied: Denied,
    /// This decision adds to the budget that keeps the task waiting.
    pub raised: bool,
    guards: Vec<Guard>,
    changes: Vec<Change>,
}

impl Draft {
    pub fn new(facts: TaskFacts, now: Timestamp, denied: Denied) -> Self {
        Self { before: facts.task.clone(), facts, now, denied, raised: false, guards: Vec::new(), changes: Vec::new() }
    }

    /// Guards, then the task row, then everything else in the order it was wanted.
    pub fn into_changes(self) -> ChangeSet {
        let Self { before, facts, mut guards, mut changes, .. } = self;
        if facts.task == before && guards.is_empty() && changes.is_empty() {
            return ChangeSet::default();
        }
        // The lane decides about the same places: without this guard a lane that decided on what it saw a moment ago
        // would put back a place that was given up, or a task would overwrite a landing that has begun.
        if changes.iter().any(|c| matches!(c, Change::PutLaneEntry { .. } | Change::DeleteLaneEntry { .. })) {
            let Repository { id: repository, version, .. } = facts.repository;
            guards.insert(0, Guard::RepositoryVersion { repository, version });
        }
        // The lane passes over a task that rests, so it has to look when that begins or ends.
        let wake = Change::WakeLane { repository: facts.task.repository.clone() };
        if rests(&before) != rests(&facts.task) && !facts.lane.is_empty() && !changes.contains(&wake) {
            changes.push(wake);
        }
        guards.insert(0, Guard::Version { task: before.id, version: before.version });
        changes.insert(0, Change::PutTask { task: facts.task });
        ChangeSet { guards, changes }
    }

    pub fn guard(&mut self, guard: Guard) {
        self.guards.push(guard);
    }

    pub fn change(&mut self, change: Change) {
        self.changes.push(change);
    }

    pub fn perform(&mut self, effect: Effect) {
        self.perform_in(effect, 0);
    }

    /// The same so many milliseconds from now.
    pub fn perform_in(&mut self, effect: Effect, pause_ms: i64) {
        let due = self.now.plus_ms(pause_ms);
        self.changes.push(Change::Perform { effect, due });
    }

    pub fn audit(&mut self, by: &Actor, rule: &str, text: Reason) {
        self.changes.push(Change::Audit {
            line: AuditLine {
                task: Some(self.facts.task.id.clone()),
                repository: self.facts.task.repository.clone(),
                at: self.now,
                by: by.clone(),
                rule: rule.to_owned(),
                text,
            },
        });
    }

    /// Who acts in this role in the task's repository.
    pub fn worker(&self, role: Role) -> Option<&Worker> {
        self.facts.policy.workers.get(&self.facts.task.repository)?.get(&role)
    }

    /// What is known of a source.
    pub fn outage(&self, source: &Source) -> Outage {
        let known = self.facts.outages.iter().find(|outage| outage.source == *source);
        known.cloned().unwrap_or_else(|| Outage::none(source.clone()))
    }

    /// Why the task's repository cannot be worked in.
    pub fn repository_trouble(&self) -> Option<&Outage> {
        let of = Source::Repository { name: self.facts.task.repository.to_string() };
        self.facts.outages.iter().find(|outage| outage.is_closed() && outage.source == of)
    }

    /// Write an outage, tell those who wait for it, and have them looked at when its pause is over.
    pub fn put_outage(&mut self, outage: Outage) {
        let (key, version) = (outage.source.key(), outage.version);
        let guarded = self.guards.iter().any(|g| matches!(g, Guard::OutageVersion { key: k, .. } if *k == key));
        if !guarded {
            self.guard(Guard::OutageVersion { key: key.clone(), version });
        }
        if let Some(at) = outage.until.filter(|at| *at > self.now && outage.probe.is_none()) {
            let effect = Effect::WakeWaiters { task: self.facts.task.id.clone(), key: key.clone(), at };
            self.change(Change::Perform { effect, due: at });
        }
        self.facts.outages.retain(|known| known.source != outage.source);
        self.facts.outages.push(outage.clone());
        self.change(Change::PutOutage { outage });
        self.change(Change::WakeSlotWaiters { key });
    }

    /// The stage the task is in, by its pinned pipeline.
    pub fn stage(&self) -> Option<Stage> {
        self.facts.task.position.stage().and_then(|id| self.facts.pipeline.stage(id)).cloned()
    }

    /// The attempt of the present visit, if it is the newest one.
    pub fn visit_attempt(&self) -> Option<&Attempt> {
        self.facts.attempt.as_ref().filter(|a| a.visit == self.facts.task.visit)
    }

    /// What an attempt keeps the task waiting for: its agent, or that what it left comes home.
    pub fn at_work(&self) -> Option<Wait> {
        let attempt = self.facts.attempt.as_ref().filter(|attempt| attempt.ended.is_none())?;
        Some(match &attempt.over {
            None => Wait::Agent { attempt: attempt.number },
            Some(over) => Wait::Collecting { attempt: attempt.number, why: over.why.clone() },
        })
    }

    /// What the attempt of the present visit left.
    pub fn visit_evidence(&self) -> Option<&Evidence> {
        self.visit_attempt()?.ended.as_ref()?.evidence.as_ref()
    }

    /// The freeze that keeps this task, if there is one.
    pub fn freeze(&self) -> Option<&Freeze> {
        self.facts.repository.frozen.as_ref().filter(|freeze| !freeze.passes(&self.facts.task.id))
    }

    pub fn landing_entry(&self) -> Option<&LaneEntry> {
        self.facts.lane.iter().find(|e| e.line == Line::Landing)
    }

    pub fn entry_entry(&self) -> Option<&LaneEntry> {
        self.facts.lane.iter().find(|e| e.line == Line::Entry)
    }

    /// What rules of the decision leave on the row for people.
    pub fn rest(&mut self, rule: &str, waits: Vec<Wait>) {
        self.facts.task.waits = waits;
        rule.clone_into(&mut self.facts.task.rule);
    }

    /// Enter a position: a new visit, whatever was open about the old one is withdrawn.
    pub fn enter(&mut self, position: Position) {
        self.withdraw_episodes();
        let task = &mut self.facts.task;
        task.position = position;
        task.visit += 1;
        task.entered_at = self.now;
        self.facts.lost_in_visit = 0;
    }

    /// The same stage once more, with fresh eyes.
    pub fn enter_again(&mut self) {
        let position = self.facts.task.position.clone();
        self.enter(position);
    }

    /// Leave a green stage.
    pub fn advance(&mut self, stage: &Stage, rule: &str) {
        self.facts.task.convergence.passed(&stage.id);
        self.facts.task.claims.retain(|claim| claim.from != stage.id);
        match &stage.next {
            Target::Stage(next) => {
                self.audit(ORCH, rule, reason::stage_green(&stage.id, next));
                self.enter(Position::Stage(next.clone()));
            }
            Target::Done => self.finish(rule),
        }
    }

    /// Done: the end of the line.
    pub fn finish(&mut self, rule: &str) {
        self.audit(ORCH, rule, reason::delivered());
        self.end(Position::Done);
        self.clean_up(false);
    }

    /// What both ends have in common.
    pub fn end(&mut self, position: Position) {
        self.enter(position);
        let now = self.now;
        let task = &mut self.facts.task;
        task.ended_at = Some(now);
        task.hold = None;
        task.rework = None;
        task.claims.clear();
        let (id, repository) = (task.id.clone(), task.repository.clone());
        for line in [Line::Entry, Line::Landing] {
            self.give_up(line);
        }
        if !self.stop_run() {
            self.change(Change::CancelQueuedWork { task: id.clone() });
        }
        self.change(Change::WakeDependents { on: id });
        self.change(Change::WakeLane { repository });
        if self.facts.task.position == Position::Done && self.facts.task.stop.take().is_some() {
            self.audit(ORCH, "stop_too_late", reason::stop_too_late());
        }
    }

    /// Ask the agent that works to end; false if none does. Its launch may still be queued, and whoever cancelled that
    /// would never hear its end: so nothing is cancelled or cleaned up before the run has ended.
    pub fn stop_run(&mut self) -> bool {
        let Some(mut attempt) = self.facts.attempt.clone().filter(|a| a.ended.is_none()) else { return false };
        if !attempt.stop_requested {
            attempt.stop_requested = true;
            self.perform(Effect::StopRun { task: attempt.task.clone(), attempt: attempt.number });
            self.facts.attempt = Some(attempt.clone());
            self.change(Change::PutAttempt { attempt });
        }
        true
    }

    /// Remove what the task left on disk and on the forge; while an agent works, its end asks for it.
    pub fn clean_up(&mut self, archive: bool) {
        if self.facts.attempt.as_ref().is_some_and(|a| a.ended.is_none()) {
            return;
        }
        let Task { id: task, branch, head, .. } = self.facts.task.clone();
        self.perform(Effect::CleanUp { task, branch, head, archive });
    }

    /// Something is open that the next attempt at `to` is told, beside all that was open before.
    pub fn claim(&mut self, kind: ClaimKind, text: String, to: &Position) {
        let from = self.facts.task.position.stage().cloned().unwrap_or_else(|| StageId::from(""));
        let left = self.left_out(to);
        let task = &mut self.facts.task;
        claim::add(&mut task.claims, Claim { kind, from, text, head: task.head.clone() });
        task.rework = Some(claim::told(&task.claims) + &left);
    }

    /// What was left out of the attempt before, if the next one is at the same stage.
    fn left_out(&self, to: &Position) -> String {
        let attempt = self.visit_attempt().filter(|attempt| to.stage() == Some(&attempt.stage));
        let ended = attempt.and_then(|attempt| attempt.ended.as_ref());
        let lines = ended.and_then(|ended| ended.evidence.as_ref()).map(|evidence| evidence.left_out.as_slice());
        match lines.unwrap_or_default() {
            [] => String::new(),
            lines => format!("\n\nLeft out of the attempt before:\n\n- {}", lines.join("\n- ")),
        }
    }

    /// Red leads back (B2, B5, B6): one retry number for every cause, told apart only by the reason. The agent is told in
    /// words of its own, which are part of its prompt.
    pub fn send_back(
        &mut self,
        to: Position,
        cap: u32,
        rule: &str,
        claim: ClaimKind,
        reason: Reason,
        (told, must_fix): (&str, &str),
    ) {
        let text = if must_fix.trim().is_empty() { told.to_owned() } else { format!("{told}\n\n{must_fix}") };
        self.claim(claim, text, &to);
        let task = &mut self.facts.task;
        let from = task.position.name().to_owned();
        let stage = task.position.stage().cloned();
        // More of the same is not tried to the cap (X14).
        let stalled = stage.and_then(|stage| task.convergence.stalled(&stage)).filter(|_| task.retries < cap);
        let escalates = task.retries >= cap || stalled.is_some();
        if escalates {
            let reason = match stalled.clone() {
                Some(stalled) => reason::after_no_progress(reason.clone(), stalled),
                None => reason::after_retries(reason.clone(), task.retries),
            };
            task.hold = Some(Hold::Escalated { reason });
        } else {
            task.retries += 1;
        }
        self.audit(ORCH, rule, reason::sent_back(from, to.name(), reason));
        self.leave(Line::Landing);
        self.enter(to);
        if escalates {
            let why = stalled.unwrap_or_else(|| reason::retries_used_up(cap));
            self.audit(ORCH, "escalated", reason::person_has_to_look(why));
        }
    }

    pub fn hold(&mut self, hold: Hold, rule: &str) {
        self.audit(ORCH, rule, hold.reason());
        self.facts.task.hold = Some(hold);
    }

    /// Take a place in a line.
    pub fn join(&mut self, line: Line, head: Option<CommitId>, validates: bool) {
        let task = &self.facts.task;
        let entry = LaneEntry {
            beyond: Default::default(),
            repository: task.repository.clone(),
            task: task.id.clone(),
            work_item: task.work_item.clone(),
            line,
            priority: task.priority,
            position: self.now.0,
            head,
            validates,
            reverts: None,
            mends: false,
            state: LaneState::Queued,
        };
        // Who stands before it is seen only by a decision after this one.
        let task = entry.task.clone();
        self.put_entry(entry);
        self.change(Change::Wake { task });
    }

    /// Ask the lane to take back what a commit brought, before everybody else.
    pub fn take_back(&mut self, of: CommitId) {
        self.join(Line::Landing, None, false);
        let Some(mut entry) = self.landing_entry().cloned() else { return };
        (entry.reverts, entry.priority) = (Some(of), i32::MAX);
        self.put_entry(entry);
    }

    /// Write a place in a line and have the lane look at it.
    pub fn put_entry(&mut self, entry: LaneEntry) {
        self.facts.lane.retain(|e| e.line != entry.line);
        self.facts.lane.push(entry.clone());
        let repository = entry.repository.clone();
        self.change(Change::PutLaneEntry { entry });
        self.change(Change::WakeLane { repository });
    }

    /// Leave a line, if it stands in one. Whoever is to mend what it landed keeps its place: nobody else lands before.
    pub fn leave(&mut self, line: Line) {
        match self.facts.lane.iter().find(|e| e.line == line && e.mends).cloned() {
            Some(entry) if entry.state == LaneState::Mending => {}
            Some(entry) => self.put_entry(LaneEntry { state: LaneState::Mending, head: None, ..entry }),
            None => self.give_up(line),
        }
    }

    /// Give up a place in a line, if there is one.
    pub fn give_up(&mut self, line: Line) {
        if !self.facts.lane.iter().any(|e| e.line == line) {
            return;
        }
        self.facts.lane.retain(|e| e.line != line);
        let (repository, task) = (self.facts.task.repository.clone(), self.facts.task.id.clone());
        self.change(Change::DeleteLaneEntry { repository: repository.clone(), task, line });
        self.change(Change::WakeLane { repository });
    }

    /// Ask a human.
    pub fn ask(&mut self, kind: EpisodeKind, about: String, questions: Vec<String>) {
        let task = &self.facts.task;
        let episode = Episode {
            beyond: Default::default(),
            id: self.next_episode(),
            task: task.id.clone(),
            kind,
            visit: task.visit,
            about,
            questions,
            status_at_opening: None,
            opened_at: self.now,
            asked_again: false,
            answer: None,
        };
        self.put_episode(episode);
    }

    /// The same question as a new episode.
    pub fn ask_again(&mut self, old: Episode) {
        let (id, opened_at) = (self.next_episode(), self.now);
        self.put_episode(Episode { id, opened_at, asked_again: true, answer: None, ..old });
    }

    fn next_episode(&self) -> EpisodeId {
        let task = &self.facts.task;
        // Not their count: an older visit's question that was open is among the facts until it is answered.
        let number = |e: &Episode| e.id.as_str().rsplit('-').next().and_then(|last| last.parse::<u32>().ok());
        let of_visit = self.facts.episodes.iter().filter(|e| e.visit == task.visit);
        let next = of_visit.filter_map(number).max().unwrap_or(0) + 1;
        EpisodeId(format!("{}-{}-{next}", task.id, task.visit))
    }

    pub fn put_episode(&mut self, episode: Episode) {
        // In its place: the newest of a kind is the last that was asked, not the last that was answered.
        match self.facts.episodes.iter_mut().find(|e| e.id == episode.id) {
            Some(known) => *known = episode.clone(),
            None => self.facts.episodes.push(episode.clone()),
        }
        // The lane passes over a task that asks; about money it may ask in any stage of the lane, at any time.
        if episode.kind == EpisodeKind::Budget && self.landing_entry().is_some() {
            let repository = self.facts.task.repository.clone();
            self.change(Change::WakeLane { repository });
        }
        self.change(Change::PutEpisode { episode });
    }

    /// The newest episode of this kind in this visit.
    pub fn episode(&self, kind: EpisodeKind) -> Option<&Episode> {
        self.facts.episodes.iter().rev().find(|e| e.kind == kind && e.visit == self.facts.task.visit)
    }

    pub fn open_episode(&self, kind: EpisodeKind) -> Option<Episode> {
        self.episode(kind).filter(|e| e.is_open()).cloned()
    }

    pub fn answer(&mut self, mut episode: Episode, answer: Answer, by: &Actor) {
        episode.answer = Some(Answered { answer, by: by.clone(), at: self.now, text: None });
        self.put_episode(episode);
    }

    pub fn withdraw_episodes(&mut self) {
        let open: Vec<_> = self.facts.episodes.iter().filter(|e| e.is_open()).cloned().collect();
        for episode in open {
            self.answer(episode, Answer::Withdrawn, ORCH);
        }
    }

    /// What was asked about a commit that is no longer the head.
    pub fn withdraw_episodes_but_questions(&mut self) {
        let open = self.facts.episodes.iter().filter(|e| e.is_open() && e.kind != EpisodeKind::Questions);
        for episode in open.cloned().collect::<Vec<_>>() {
            self.answer(episode, Answer::Withdrawn, ORCH);
        }
    }

    /// Ask for the test command to be run on the head; `asked_by`: a person has it repeated.
    pub fn request_check(&mut self, commit: CommitId, key: CheckKey, asked_by: Option<Actor>) {
        let task = &self.facts.task;
        let check = Check {
            beyond: Default::default(),
            id: check_id(task, &commit, self.now),
            repository: task.repository.clone(),
            task: task.id.clone(),
            commit: commit.clone(),
            key,
            requested_at: self.now,
            outcome: None,
            excerpt: String::new(),
            first_red: None,
            asked_by,
            ended_at: None,
        };
        let effect = Effect::RunCheck { task: task.id.clone(), check: check.id.clone(), commit, lane: false };
        self.facts.checks.push(check.clone());
        self.change(Change::PutCheck { check });
        self.perform(effect);
    }

    /// Tasks that are waited for and not yet terminal, by work item.
    pub fn open_dependencies(&self) -> Vec<crate::ids::WorkItemId> {
        match &self.facts.dependencies {
            Dependencies::Known { open, .. } if self.facts.policy.dependencies => {
                open.iter().map(|d| d.work_item.clone()).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// What the lane sees as resting.
fn rests(task: &Task) -> bool {
    task.hold.is_some() || task.paused || task.stop.is_some()
}

/// Names a check by its task, commit and moment: it also names the run directory.
fn check_id(task: &Task, commit: &CommitId, now: Timestamp) -> CheckId {
    let short: String = commit.as_str().chars().take(12).collect();
    CheckId(format!("{}-check-{short}-{}", task.id, now.0))
}
