//! Whims of people beyond the usual orders.

use orch_rules::deploy::DeploymentState;
use orch_rules::effect::Effect;
use orch_rules::event::{Event, LaneEvent, TaskEvent};
use orch_rules::ids::{RepositoryId, StageId, TaskId};
use orch_rules::people::{BranchSeen, HumanAnswer, Reply, ReviewWord};
use orch_rules::pipeline::StageKind;

use super::random::Simulation;
use super::{Delivered, World};

/// Whose issues start: now and then somebody opens one whose does not.
pub fn authors(issues: u32) -> Vec<String> {
    if issues % 13 == 5 { vec!["zoe".to_owned()] } else { Vec::new() }
}

/// One order of a person who looks closely: it names an episode, a stage, a branch.
pub fn careful(simulation: &mut Simulation, task: &TaskId) -> TaskEvent {
    let world = &simulation.world;
    let row = world.tasks[task].clone();
    let episodes = world.episodes.get(task).map(Vec::as_slice).unwrap_or_default();
    let ids: Vec<_> = episodes.iter().map(|e| e.id.clone()).collect();
    let stages: Vec<StageId> =
        world.pipeline_of(&row).map(|p| p.stages.iter().map(|s| s.id.clone()).collect()).unwrap_or_default();
    let whim = &mut simulation.whim;
    match whim.below(13) {
        0..4 => {
            let reply = match whim.below(4) {
                0 => Reply::Approve,
                1 => Reply::Reject { reason: "look again".to_owned() },
                2 => Reply::Confirm,
                _ => Reply::Text { text: "the blue one".to_owned() },
            };
            let people = if whim.percent(10) { vec!["bob".to_owned()] } else { Vec::new() };
            let episode = whim.pick(&ids).cloned();
            TaskEvent::HumanAnswered { answer: HumanAnswer { episode, since: None, people, reply } }
        }
        4 => {
            let changed = whim.percent(50).then(|| format!("words {}", whim.below(3)));
            let priority = whim.percent(50).then(|| whim.below(4) as i32);
            TaskEvent::Edited { title: Some("another title".to_owned()), description: changed, priority }
        }
        5 => match whim.pick(&stages) {
            Some(to) => TaskEvent::SentBack { to: to.clone(), reason: "once more".to_owned() },
            None => TaskEvent::Looked,
        },
        6 => TaskEvent::Skipped { reason: "not needed".to_owned(), people: Vec::new() },
        7 => TaskEvent::HandsOff,
        8 | 9 => TaskEvent::GivenBack,
        10 => TaskEvent::PushSeen { tip: whim.percent(80).then(|| format!("push {}", whim.below(90)).into()) },
        11 => TaskEvent::Commented { text: "remember the till".to_owned() },
        _ => {
            let commit = row.head.unwrap_or_else(|| "older".into());
            let word = if whim.percent(50) {
                ReviewWord::Approved
            } else {
                ReviewWord::ChangesRequested { findings: "P1 it is slow".to_owned() }
            };
            TaskEvent::ForgeReviewed { commit, word, people: Vec::new() }
        }
    }
}

/// What is found on a branch.
pub fn found(world: &World, effect: &Effect, chance: usize, careless: bool) -> Option<Event> {
    let Effect::ObserveBranch { task, head, replay, .. } = effect else { return None };
    let mut delivered = Delivered::default();
    match chance % 3 {
        0 => delivered.changed.push("src/by_hand.rs".to_owned()),
        1 if careless => delivered.changed.push(".orch/orch.toml".to_owned()),
        _ => delivered.documents.push(super::with_front_matter("01-brd.md", &[("title", "text")], "")),
    }
    let name = format!("{}.push.{}.{chance}", world.name_of(task), world.now.0);
    let by = "bob".to_owned();
    let seen = match (world.pushed(task, &name, &delivered), chance % 5) {
        (None, _) | (_, 0) => BranchSeen::Same,
        (Some(evidence), 1) if careless => BranchSeen::Rewritten { by, evidence },
        (Some(_), 1) => BranchSeen::Gone,
        (Some(evidence), 2) if *replay => BranchSeen::Conflict { by, evidence, paths: vec!["src/lib.rs".to_owned()] },
        (Some(evidence), _) if *replay => BranchSeen::Replayed { by, tip: "pushed".into(), evidence },
        (Some(evidence), _) => BranchSeen::Pushed { by, evidence },
    };
    Some(Event::Task { task: task.clone(), event: TaskEvent::BranchSeen { head: head.clone(), seen } })
}

/// An effect of the lane failed for good.
pub fn lane_failed(repository: &RepositoryId, task: &TaskId, effect: &str) -> Event {
    let (task, effect, error) = (task.clone(), effect.to_owned(), "no disk".to_owned());
    Event::Lane { repository: repository.clone(), event: LaneEvent::EffectFailed { task, effect, error } }
}

/// Names of everything that a long enough run has to see.
pub fn everything() -> (Vec<&'static str>, Vec<&'static str>, Vec<&'static str>) {
    let rules = orch_rules::decide::task_rule_names().chain(orch_rules::decide::lane_rule_names()).collect();
    let kinds = StageKind::ALL.iter().map(|k| k.name()).collect();
    let guards = vec![
        "version",
        "repository_version",
        "fence",
        "slot_below",
        "lane_held",
        "not_frozen",
        "unique",
        "reserve",
        "outage_version",
    ];
    (rules, kinds, guards)
}

/// What becomes of a deployment. A revert has the files that run.
pub fn deployed(simulation: &mut Simulation, effect: &Effect, careless: bool) -> Event {
    let world = &simulation.world;
    let stopped = world.tasks.get(effect.task()).is_some_and(|task| task.stop.is_some());
    let reverts = matches!(effect, Effect::Deploy { reverts: Some(_), .. });
    let state = match (careless && !reverts, simulation.whim.below(3)) {
        (true, 0) => DeploymentState::Failed,
        (true, 1) => DeploymentState::RolledBack,
        (true, _) if stopped => DeploymentState::Cancelled,
        _ => DeploymentState::Healthy,
    };
    simulation.world.deployed(effect, state, "it did not answer")
}
