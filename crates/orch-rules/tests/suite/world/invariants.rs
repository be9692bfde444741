//! What holds after every step, whatever happened.

use std::collections::BTreeSet;

use orch_rules::change::SLOT_RUNS;
use orch_rules::effect::Effect;
use orch_rules::lane::{LaneState, Line};
use orch_rules::task::Position;
use orch_rules::task::{Task, Wait};

use super::{Wake, World};

impl World {
    /// Everything that does not hold, in words; also what was noticed while change sets were applied.
    pub fn check(&mut self) -> Vec<String> {
        let mut found = std::mem::take(&mut self.violations);
        self.check_attempts(&mut found);
        self.check_outages(&mut found);
        self.check_lanes(&mut found);
        self.check_stopped(&mut found);
        for task in self.tasks.values() {
            if task.position.is_terminal() {
                self.check_terminal(task, &mut found);
            } else if !self.wakes.contains(&Wake::Task(task.id.clone())) {
                self.check_alive(task, &mut found);
            }
        }
        found
    }

    fn check_attempts(&self, found: &mut Vec<String>) {
        let mut running = BTreeSet::new();
        for (task, attempts) in &self.attempts {
            let alive: Vec<_> = attempts.iter().filter(|a| a.ended.is_none()).map(|a| a.number).collect();
            if alive.len() > 1 {
                found.push(format!("{} has {} running attempts", self.name_of(task), alive.len()));
            }
            if alive.first().is_some_and(|a| *a != self.tasks[task].attempt) {
                found.push(format!("the running attempt of {} is not its newest", self.name_of(task)));
            }
            for number in alive {
                running.insert(format!("{task}:{number}"));
                let launches =
                    |e: &Effect| matches!(e, Effect::RunAgent { task: t, attempt } if t == task && *attempt == number);
                if !self.work.iter().any(|w| launches(&w.effect)) {
                    found.push(format!("attempt {number} of {} runs and nobody waits for its end", self.name_of(task)));
                }
            }
        }
        for (task, hands) in self.tasks.values().filter_map(|t| Some((t, t.hands.as_ref()?))) {
            let working = self.newest_attempt(&task.id).filter(|a| a.ended.is_none());
            if working.is_some_and(|a| !a.stop_requested) {
                found.push(format!("an agent works on {} in the hands of {}", task.work_item, hands.by));
            }
        }
        if self.slots.get(SLOT_RUNS).is_some_and(|held| *held != running) {
            found.push(format!("slots are held by {:?}, running are {running:?}", self.slots[SLOT_RUNS]));
        }
        for (name, budget) in &self.budgets {
            if !budget.reserved.keys().all(|holder| running.contains(holder)) {
                found.push(format!("budget {name} keeps reservations of ended runs: {:?}", budget.reserved));
            }
        }
    }

    /// One run at most goes first, it runs, and a pause that nobody tries to end has its alarm.
    fn check_outages(&self, found: &mut Vec<String>) {
        for (key, outage) in &self.outages {
            if let Some(probe) = &outage.probe {
                let attempt = self.newest_attempt(&probe.task);
                if !attempt.is_some_and(|a| a.number == probe.attempt && a.ended.is_none()) {
                    found.push(format!("{key} waits for a run that is over: {probe:?}"));
                }
            } else if let Some(until) = outage.until.filter(|until| until.0 > self.now.0)
                && !self.alarms.contains(&(until, key.clone()))
            {
                found.push(format!("{key} is out and nobody looks when its pause is over"));
            }
        }
    }

    fn check_stopped(&self, found: &mut Vec<String>) {
        let stopped = self.tasks.values().filter(|task| task.position == Position::Cancelled);
        for task in stopped.filter(|task| self.left_on_main(&task.id)) {
            found.push(format!("{} was stopped and its change is on main", task.work_item));
        }
    }

    fn check_lanes(&self, found: &mut Vec<String>) {
        for id in self.repositories.keys() {
            let count =
                |is: fn(&LaneState) -> bool| self.lane.values().filter(|e| &e.repository == id && is(&e.state)).count();
            // A candidate that a person confirmed lands while the next one is tested; that one is then made anew.
            if count(|s| matches!(s, LaneState::Building { .. } | LaneState::Testing { .. })) > 1 {
                found.push(format!("the lane of {id} makes or tests two candidates at once"));
            }
            if count(|s| matches!(s, LaneState::Landing { .. })) > 1 {
                found.push(format!("the lane of {id} lands two candidates at once"));
            }
        }
        for entry in self.lane.values() {
            let Some(task) = self.tasks.get(&entry.task) else {
                found.push(format!("a place of nobody: {}", entry.work_item));
                continue;
            };
            let asked = |kind| self.find_work(&entry.task, kind).is_some();
            let served = match &entry.state {
                LaneState::Building { .. } if entry.reverts.is_some() => asked("build_revert"),
                LaneState::Building { .. } => asked("build_candidate"),
                LaneState::Testing { .. } => asked("run_check"),
                LaneState::Landing { .. } => asked("land"),
                _ => true,
            };
            if !served {
                found.push(format!("{}: {} and nobody does it", entry.work_item, entry.state.name()));
            }
            if entry.line == Line::Landing
                && entry.reverts.is_none()
                && entry.state != LaneState::Mending
                && entry.head != task.head
            {
                found.push(format!("{} stands in line with an older head", entry.work_item));
            }
        }
    }

    fn check_terminal(&self, task: &Task, found: &mut Vec<String>) {
        let name = &task.work_item;
        if self.lane.values().any(|e| e.task == task.id) {
            found.push(format!("{name} is {} and stands in a line", task.position.name()));
        }
        if self.episodes.get(&task.id).is_some_and(|all| all.iter().any(|e| e.is_open())) {
            found.push(format!("{name} is {} and asks a human", task.position.name()));
        }
        let ending = self.newest_attempt(&task.id).is_some_and(|a| a.ended.is_none());
        let idle = |e: &Effect| {
            !matches!(
                e,
                Effect::PublishBranch { .. }
                    | Effect::ObserveBranch { .. }
                    | Effect::CleanUp { .. }
                    | Effect::StopRun { .. }
            )
        };
        let queued = self
            .work
            .iter()
            .find(|w| w.effect.task() == &task.id && w.state == super::WorkState::Queued && idle(&w.effect));
        if !ending && let Some(work) = queued {
            found.push(format!("{name} is {} and {} is queued", task.position.name(), work.effect.kind()));
        }
        if task.ended_at.is_none() || !task.waits.is_empty() {
            found.push(format!("{name} is {} and waits or has no end", task.position.name()));
        }
    }

    /// Every reason for waiting is true: something or somebody will end it.
    fn check_alive(&self, task: &Task, found: &mut Vec<String>) {
        let name = &task.work_item;
        if task.waits.is_empty() {
            found.push(format!("{name} stands at {} and waits for nothing", task.position.name()));
        }
        for wait in &task.waits {
            let attempt = self.newest_attempt(&task.id);
            let runs = attempt.is_some_and(|a| a.ended.is_none());
            let stands = |line| self.lane.contains_key(&(task.repository.clone(), line, task.id.clone()));
            let repository = &self.repositories[&task.repository];
            let holds = match wait {
                Wait::Backlog => task.position.name() == "backlog" && !task.unlisted,
                Wait::Unlisted { .. } => task.position.name() == "backlog" && task.unlisted,
                Wait::Entry { .. } => stands(Line::Entry),
                Wait::Frozen { .. } => repository.frozen.is_some(),
                // The other one's end wakes it; so does everything that changes the edges.
                Wait::Dependency { on } => !on.is_empty(),
                Wait::Agent { .. } | Wait::Collecting { .. } | Wait::Stopping => runs,
                Wait::Check { .. } => self.find_work(&task.id, "run_check").is_some(),
                Wait::Slot { .. } | Wait::Budget { .. } => true,
                Wait::Outage { source, until, .. } => {
                    self.outages.get(&source.key()).is_some_and(|o| o.is_closed() && o.until == *until)
                }
                Wait::Human { asked } => {
                    self.episodes.get(&task.id).is_some_and(|all| all.iter().any(|e| e.is_open() && e.kind == *asked))
                }
                Wait::Lane { .. } => stands(Line::Landing),
                Wait::Paused { scope } => match scope {
                    orch_rules::task::PauseScope::Task => task.paused,
                    orch_rules::task::PauseScope::Repository => repository.paused,
                },
                Wait::Branch => self.find_work(&task.id, "observe_branch").is_some(),
                Wait::Hands { by } => task.hands.as_ref().is_some_and(|hands| &hands.by == by),
                Wait::Held { .. } => task.hold.is_some(),
                Wait::Deploying { .. } => self.find_work(&task.id, "deploy").is_some(),
                Wait::StopAfterStep { .. } => task.stop.is_some(),
            };
            if !holds {
                found.push(format!("{name} waits for what is not so: {wait:?}"));
            }
        }
    }
}
