//! Whose CI counts: the forge's statuses of exactly that commit, our own test command, or both.

use std::time::Duration;

use orch_rules::ids::CommitId;
use orch_rules::outage::Source;
use orch_rules::task::Task;

use crate::outbox::Phone;
use crate::world::{Process, SHORT, World, eventually, repository};

async fn deciding(whose: &str) -> World {
    let file = format!("[check]\ncommand = \"test\"\nci = \"{whose}\"\n");
    let mut world = World::with(&[(".orch/pipeline.toml", SHORT), (".orch/orch.toml", &file)]).await;
    world.forge.on_server("git.example.org", true);
    world.limits.ask_ci_every = Duration::from_millis(5);
    world
}

/// The task's head, once it is published.
async fn head(world: &World, task: &Task) -> CommitId {
    let published = async || {
        let row = world.store.task(&task.id).await.unwrap()?;
        row.head
            .filter(|head| world.forge.branch(&row.branch).as_ref() == Some(head) && row.base.as_ref() != Some(head))
    };
    eventually("its head is published", published).await
}

/// The candidate, once CI can see it.
async fn candidate(world: &World) -> CommitId {
    eventually("a candidate is proposed", async || world.forge.proposed().into_iter().next()).await
}

/// Whoever waits has asked this often since.
async fn asked(process: &Process, times: u32) {
    let before = process.forge.faults.calls("statuses");
    eventually("it is asked", async || (process.forge.faults.calls("statuses") >= before + times).then_some(())).await;
}

fn tested_here(world: &World) -> bool {
    world.runner.launched().iter().any(|name| name.contains("-check-"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quick_context_before_a_slow_one_lands_nothing() {
    let world = deciding("forge").await;
    world.forge.with_product(&["lint", "test"]);
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let commit = head(&world, &task).await;
    world.forge.ci(&commit, "lint", "success");
    asked(&process, 3).await;
    assert_eq!(world.history(&task).await.attempts.len(), 1, "nobody goes on");
    world.forge.ci(&commit, "test", "success");
    let candidate = candidate(&world).await;
    world.forge.ci(&candidate, "lint", "success");
    world.forge.ci(&candidate, "test", "pending");
    // Somebody who waits may be anywhere on the way: the next one goes on.
    process.kill().await;
    let process = world.start("p2");
    asked(&process, 3).await;
    assert_eq!(world.forge.landed(), []);
    world.forge.ci(&candidate, "test", "success");
    let done = world.until_done(&task).await;
    assert_eq!((done.landed, world.forge.landed(), done.retries), (Some(candidate.clone()), vec![candidate], 0));
    world.settled(&[&task]).await;
    assert!(!tested_here(&world) && world.forge.proposed().is_empty(), "{:?}", world.forge.proposed());
}

/// Nothing is named and nothing is protected: what the base branch usually has counts.
#[tokio::test(flavor = "multi_thread")]
async fn red_sends_it_back_with_the_words_of_ci_and_both_have_to_be_green() {
    let world = deciding("both").await;
    world.forge.with_product(&[]);
    world.forge.ci(&world.forge.main(), "ci/test", "success");
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let first = head(&world, &task).await;
    world.forge.ci(&first, "ci/other", "success");
    asked(&process, 2).await;
    world.forge.ci(&first, "ci/test", "failure");
    let sent_back = world.until("it is sent back", &task.id, |task| task.retries == 1).await;
    let told = eventually("the next one is told", async || {
        let facts = world.store.task_facts(&task.id, &world.policy).await.unwrap().0;
        facts.task.claims.first().map(|claim| claim.text.clone())
    });
    assert!(told.await.contains("ci/test: failure"), "{sent_back:?}");
    let second = eventually("there is another head", async || {
        let row = world.store.task(&task.id).await.unwrap().unwrap();
        row.head.filter(|head| *head != first && world.forge.branch(&row.branch).as_ref() == Some(head))
    })
    .await;
    world.forge.ci(&second, "ci/test", "success");
    let candidate = candidate(&world).await;
    world.forge.ci(&candidate, "ci/test", "skipped");
    world.until_done(&task).await;
    assert!(tested_here(&world));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_red_after_the_landing_is_told_and_takes_nothing_back() {
    let mut world = deciding("forge").await;
    let phone = Phone::new(&[]);
    world.limits.sweep_every = Duration::from_millis(20);
    world.notifiers = vec![phone.clone()];
    world.forge.with_product(&["test"]);
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.forge.ci(&head(&world, &task).await, "test", "success");
    let landed = candidate(&world).await;
    world.forge.ci(&landed, "test", "success");
    world.until_done(&task).await;
    world.forge.ci(&landed, "test", "failure");
    let standing = async || {
        let outages = world.store.outages().await.unwrap();
        let of = |source: &Source| matches!(source, Source::Repository { name } if *name == repository().to_string());
        outages.into_iter().find(|outage| of(&outage.source) && outage.reason.contains("failure of test"))
    };
    let notice = eventually("it is told", standing).await;
    assert!(!notice.is_closed(), "nobody waits for it");
    assert_eq!(world.forge.main(), landed);
    assert!(phone.rang(2).await.contains(&"red".to_owned()));
    world.forge.ci(&landed, "test", "success");
    eventually("it is no longer said", async || standing().await.is_none().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forge_without_ci_is_told_before_anybody_is_paid() {
    let world = deciding("forge").await;
    let process = world.start("p1");
    process.backlog("Add up").await;
    let trouble = eventually("the repository is in trouble", async || {
        world.store.outages().await.unwrap().into_iter().find(|outage| outage.is_closed())
    })
    .await;
    assert!(trouble.reason.contains("keeps branches only") && trouble.reason.contains("ci = \"own\""), "{trouble:?}");
}
