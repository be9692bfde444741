//! Expectations: what stands after a step, and what the step did.

use std::collections::BTreeSet;

use orch_rules::ids::RepositoryId;

use super::{Script, Words};
use crate::world::World;
use crate::world::showing::{hold_in_words, in_words, show_guards, show_wait};

impl Script {
    /// `expect SHOP-1 at STAGE retries N attempt N visit N priority N waits TEXT rule NAME held TEXT branch NAME`,
    /// `expect nothing changed`, `expect refused TEXT`, `expect accepted`, `expect effect TEXT`,
    /// `expect no effect [TEXT]`, `expect cancelled TEXT`, `expect guard NAME failed`, `expect rework SHOP-1 TEXT`,
    /// `expect no rework SHOP-1`, `expect head SHOP-1 COMMIT`, `expect main shop COMMIT`, `expect slots N`,
    /// `expect usage SHOP-1 N`, `expect audit TEXT`, `expect no audit TEXT`, `expect asked SHOP-1 N` (open episodes),
    /// `expect finding SHOP-1 TEXT STATE`, `expect blocking SHOP-1 N` (open findings that block),
    /// `expect verdict SHOP-1 TEXT TEXT` (which one, and what it is). TEXT is a part of what is there.
    pub(super) fn expect(&mut self, words: Words) -> Result<(), String> {
        let log = &self.world.log;
        let holds = |yes: bool, what: String| if yes { Ok(()) } else { Err(what) };
        match words {
            ["nothing", "changed"] => {
                let found = changed(&self.before, &self.world);
                holds(found.is_empty(), format!("changed: {found:?}"))
            }
            ["refused", text] => match &self.refused {
                Some(why) => holds(why.contains(text), format!("refused with: {why}")),
                None => Err("it was accepted".to_owned()),
            },
            ["accepted"] => holds(self.refused.is_none(), format!("refused: {:?}", self.refused)),
            ["effect", text] => {
                holds(log.effects.iter().any(|e| e.contains(text)), format!("asked: {:?}", log.effects))
            }
            ["no", "effect", rest @ ..] => {
                let text = rest.first().copied().unwrap_or_default();
                holds(!log.effects.iter().any(|e| e.contains(text)), format!("asked: {:?}", log.effects))
            }
            ["cancelled", text] => {
                holds(log.cancelled.iter().any(|e| e.contains(text)), format!("cancelled: {:?}", log.cancelled))
            }
            ["guard", name, "failed"] => {
                holds(log.failed.iter().any(|g| g.name() == *name), format!("failed: {}", show_guards(&log.failed)))
            }
            ["audit", text] => {
                holds(log.audit.iter().any(|l| in_words(&l.text).contains(text)), format!("told: {:?}", log.audit))
            }
            ["no", "audit", text] => {
                holds(!log.audit.iter().any(|l| in_words(&l.text).contains(text)), format!("told: {:?}", log.audit))
            }
            ["finding", id, text, state] => {
                let tracked = &self.world.tasks[&self.task(id)?].convergence.findings;
                let told: Vec<_> =
                    tracked.iter().map(|t| format!("{}: {}", t.finding.sentence(), t.state.name())).collect();
                let found = told.iter().any(|line| line.contains(text) && line.ends_with(&format!(": {state}")));
                holds(found, format!("there is: {told:#?}"))
            }
            ["blocking", id, n] => {
                let open = self.world.tasks[&self.task(id)?].convergence.open_blocking().count();
                holds(open.to_string() == *n, format!("{open} block"))
            }
            ["verdict", id, which, what] => {
                let told = self.world.show_judgements(&self.task(id)?);
                let found = told.iter().rev().find(|line| line.contains(which));
                holds(found.is_some_and(|line| line.contains(what)), format!("there is: {told:#?}"))
            }
            ["main", id, commit] => {
                let main = &self.world.main[&RepositoryId::from(*id)];
                holds(main.as_str() == *commit, format!("main is {main}"))
            }
            ["slots", n] => {
                let used = self.world.slots.values().map(BTreeSet::len).sum::<usize>();
                holds(used.to_string() == *n, format!("{used} are used"))
            }
            ["rework", id, text] => {
                let found = self.rework(id)?;
                holds(
                    found.as_ref().is_some_and(|r| r.contains(&text.replace("\\n", "\n"))),
                    format!("it is {found:?}"),
                )
            }
            ["no", "rework", id] => {
                let found = self.rework(id)?;
                holds(found.is_none(), format!("it is {found:?}"))
            }
            ["usage", id, n] => {
                let task = self.task(id)?;
                let spent: u64 =
                    self.world.usage.iter().filter(|(t, _, _)| t == &task).filter_map(|(_, _, u)| u.cost_micros).sum();
                holds(spent.to_string() == *n, format!("{spent} was spent"))
            }
            ["replied", id, text] => {
                let all = self.world.episodes.get(&self.task(id)?).map(Vec::as_slice).unwrap_or_default();
                let said: Vec<_> = all.iter().filter_map(|e| e.answer.as_ref()?.text.clone()).collect();
                holds(said.iter().any(|s| s == &text.replace("\\n", "\n")), format!("replied: {said:?}"))
            }
            ["asked", id, n] => {
                let task = self.task(id)?;
                let open = self.world.episodes.get(&task).map_or(0, |all| all.iter().filter(|e| e.is_open()).count());
                holds(open.to_string() == *n, format!("{open} episodes are open"))
            }
            ["head", id, commit] => {
                let head = &self.world.tasks[&self.task(id)?].head;
                holds(head.as_ref().is_some_and(|h| h.as_str() == *commit), format!("the head is {head:?}"))
            }
            [id, rest @ ..] => self.expect_task(id, rest),
            [] => Err("expect what?".to_owned()),
        }
    }

    /// What the newest attempt was told, or the next one will be.
    fn rework(&self, id: &str) -> Result<Option<String>, String> {
        let task = self.task(id)?;
        let attempt = self.world.newest_attempt(&task).filter(|a| a.ended.is_none());
        Ok(attempt.map_or_else(|| self.world.tasks[&task].rework.clone(), |a| a.rework.clone()))
    }

    fn expect_task(&self, id: &str, words: Words) -> Result<(), String> {
        let task = &self.world.tasks[&self.task(id)?];
        for pair in words.chunks(2) {
            let [key, wanted] = pair else { return Err(format!("{pair:?}: a word and a value")) };
            let found = match *key {
                "at" => task.position.name().to_owned(),
                "retries" => task.retries.to_string(),
                "attempt" => task.attempt.to_string(),
                "visit" => task.visit.to_string(),
                "priority" => task.priority.to_string(),
                "rule" => task.rule.clone(),
                "branch" => task.branch.clone(),
                "waits" => {
                    let all: Vec<_> = task.waits.iter().map(show_wait).collect();
                    let all = all.join(", ");
                    if all.contains(wanted) { (*wanted).to_owned() } else { all }
                }
                "held" => {
                    let hold = hold_in_words(task).unwrap_or_default();
                    let is = if wanted.is_empty() { hold.is_empty() } else { hold.contains(wanted) };
                    if is { (*wanted).to_owned() } else { format!("{hold:?}") }
                }
                other => return Err(format!("no task has {other}")),
            };
            if found != *wanted {
                return Err(format!("{id}: {key} is {found}, not {wanted}"));
            }
        }
        Ok(())
    }
}

/// What differs but versions, audit lines, and the words for people.
fn changed(before: &World, after: &World) -> Vec<&'static str> {
    let mut before = before.clone();
    let mut after = after.clone();
    for world in [&mut before, &mut after] {
        for task in world.tasks.values_mut() {
            task.version = 0;
            task.rule.clear();
        }
        world.repositories.values_mut().for_each(|r| r.version = 0);
        world.work.iter_mut().for_each(|w| w.state = crate::world::WorkState::UnderWay);
    }
    let pairs = [
        ("tasks", before.tasks == after.tasks),
        ("attempts", before.attempts == after.attempts),
        ("episodes", before.episodes == after.episodes),
        ("checks", before.checks == after.checks),
        ("lane", before.lane == after.lane),
        ("repositories", before.repositories == after.repositories),
        ("main", before.main == after.main),
        ("edges", before.edges == after.edges),
        ("work", before.work == after.work),
        ("slots", before.slots == after.slots),
        ("budgets", before.budgets == after.budgets),
        ("outages", before.outages == after.outages),
        ("keys", before.keys == after.keys),
        ("usage", before.usage == after.usage),
    ];
    pairs.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
}
