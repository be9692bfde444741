//! Two hosts on one database, each with runs and places of its own: no attempt runs twice, whoever is lost or comes back.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use orch_engine::control::TaskCommand;
use orch_ports::store::StoreError;
use orch_rules::attempt::RunEnd;
use orch_rules::lease::Pace;
use orch_rules::task::{Position, Task};
use orch_testkit::fake::Step;

use orch_stories::host::TestHost;

use crate::world::{Process, World, eventually};

/// Short, and long enough for a busy machine: a renewal that is late makes nobody dead, it only makes others wait.
const PACE: Pace = Pace { lease_ms: 2_000, renew_every_ms: 200 };
/// Longer than any story.
const NEVER_SOON: i64 = 3_600_000;

/// Makes `name::sqlite` and `name::postgres` of each story.
macro_rules! on_both {
    ($($story:ident),+ $(,)?) => {$(
        mod $story {
            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                super::$story(crate::world::World::new().await).await;
            }
            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() {
                super::on_postgres(stringify!($story), super::$story).await;
            }
        }
    )+};
}

on_both!(
    what_lives_on_another_host_is_never_launched_beside_it,
    an_agent_of_a_lost_host_is_given_up_and_paid_for_when_it_is_heard_of,
    a_check_of_a_lost_host_starts_elsewhere_at_once,
    a_stop_finds_the_host_that_has_the_run,
    a_store_that_is_away_for_longer_than_a_lease_makes_nobody_dead,
    of_two_processes_of_one_host_the_older_one_ends,
    killed_again_and_again_no_attempt_runs_twice,
);

static SCHEMAS: AtomicU32 = AtomicU32::new(0);

/// Gives a story a world in a schema of its own.
pub async fn on_postgres<F: Future<Output = ()>>(name: &str, story: impl FnOnce(World) -> F) {
    let Ok(url) = std::env::var("ORCH_TEST_POSTGRES") else {
        let record = std::env::var_os("ORCH_TEST_NOT_RUN");
        let reason = "ORCH_TEST_POSTGRES does not name a PostgreSQL server";
        return orch_testkit::world::not_run(record.as_deref(), &format!("engine/two_hosts/{name}"), reason);
    };
    let number = SCHEMAS.fetch_add(1, Ordering::Relaxed);
    story(World::on_postgres(&url, &format!("hosts_{}_{number}", std::process::id())).await).await;
}

fn two(world: &World) -> [TestHost; 2] {
    ["one", "two"].map(|id| world.host(id, PACE))
}

/// Runs of this kind go on until the story ends them.
fn hang(world: &World, who: &'static str) {
    world.when(move |act| {
        act.is(who).then(|| {
            if who == "developer" {
                let _done = act.usual();
            }
            (String::new(), Step::Hangs)
        })
    });
}

fn until_hanging(host: &TestHost) -> String {
    tokio::task::block_in_place(|| host.runner.until_hanging(|_| true))
}

/// Until this process has looked once more for lost hosts, after a lease of its own without a gap.
fn until_it_may_take_over(process: &Process) {
    let faults = &process.store.faults;
    tokio::task::block_in_place(|| faults.until_called("take_over", faults.calls("take_over") + 2));
}

/// No run was launched on both; gives all of them.
fn launched(hosts: &[TestHost]) -> Vec<String> {
    let mut all: Vec<_> = hosts.iter().flat_map(|host| host.runner.launched()).collect();
    all.sort();
    let before = all.len();
    all.dedup();
    assert_eq!(all.len(), before, "a run was launched on two hosts: {all:?}");
    all
}

async fn audit(world: &World, task: &Task, rule: &str) -> Option<String> {
    world
        .history(task)
        .await
        .audit
        .into_iter()
        .find(|line| line.rule == rule)
        .map(|line| orch_text::answer(&line.text, orch_text::Language::English).text)
}

async fn what_lives_on_another_host_is_never_launched_beside_it(mut world: World) {
    world.policy.presume_dead_after_ms = NEVER_SOON;
    let hosts = two(&world);
    hang(&world, "developer");
    let first = world.start_on(&hosts[0]);
    let task = first.issue("Add up").await;
    let run = until_hanging(&hosts[0]);
    first.kill().await;
    // Another state folder on the same database. It is heard, it works, and it leaves that run alone.
    let second = world.start_on(&hosts[1]);
    until_it_may_take_over(&second);
    let other = second.issue("Take away").await;
    let theirs = until_hanging(&hosts[1]);
    hosts[1].runner.end(&theirs, Step::completes());
    world.until_done(&other).await;
    assert!(launched(&hosts).contains(&run));
    assert!(!hosts[1].runner.launched().contains(&run), "two agents on one attempt");
    let held = world.store.runs(Some(&task.id)).await.unwrap().remove(0);
    assert_eq!((held.host_name.as_str(), held.state.as_str()), ("one", "launched"));
    assert!(held.lease_until < held.now, "people are told that its host is not heard of");
    // The first one is started again, and goes on with it.
    let again = world.start_on(&hosts[0]);
    hosts[0].runner.end(&run, Step::completes());
    let done = world.until_done(&task).await;
    assert_eq!((done.attempt, done.retries), (2, 0));
    assert!(world.history(&task).await.attempts.iter().all(|a| a.ended.as_ref().unwrap().how == RunEnd::Completed));
    launched(&hosts);
    drop((again, second));
}

async fn an_agent_of_a_lost_host_is_given_up_and_paid_for_when_it_is_heard_of(mut world: World) {
    world.policy.presume_dead_after_ms = 1_000;
    let hosts = two(&world);
    hang(&world, "developer");
    let first = world.start_on(&hosts[0]);
    let task = first.issue("Add up").await;
    let run = until_hanging(&hosts[0]);
    first.kill().await;
    let second = world.start_on(&hosts[1]);
    let next = until_hanging(&hosts[1]);
    assert_ne!(run, next, "a new attempt, with a fence of its own");
    assert!(audit(&world, &task, "presumed_dead").await.unwrap().contains("host one"));
    hosts[1].runner.end(&next, Step::completes());
    let done = world.until_done(&task).await;
    let history = world.history(&task).await;
    let how = &history.attempts[0].ended.as_ref().unwrap().how;
    assert!(matches!(how, RunEnd::Lost { presumed_on: Some(_), .. }), "{how:?}");
    // Meanwhile its agent went on. It is told to stop, and what it cost is booked.
    assert!(hosts[0].runner.hanging().contains(&run));
    let again = world.start_on(&hosts[0]);
    eventually("it is heard of", async || audit(&world, &task, "heard_of_again").await).await;
    assert_eq!(hosts[0].runner.stops(&run), 1);
    let booked = world.history(&task).await.usage.iter().filter(|row| row.attempt == 1).count();
    assert_eq!(booked, 1);
    assert!(world.store.runs(None).await.unwrap().is_empty());
    assert_eq!(world.store_task(&task).await.attempt, done.attempt, "nothing else comes of it");
    for host in &hosts {
        let left = || std::fs::read_dir(&host.places).map_or(0, Iterator::count);
        eventually("nothing of the task is left on a host", async || (left() == 0).then_some(())).await;
    }
    launched(&hosts);
    drop((again, second));
}

async fn a_check_of_a_lost_host_starts_elsewhere_at_once(mut world: World) {
    world.policy.presume_dead_after_ms = NEVER_SOON;
    let hosts = two(&world);
    hang(&world, "check");
    let first = world.start_on(&hosts[0]);
    let task = first.issue("Add up").await;
    let check = until_hanging(&hosts[0]);
    first.kill().await;
    let second = world.start_on(&hosts[1]);
    assert_eq!(until_hanging(&hosts[1]), check, "the same check, in another place");
    hosts[1].runner.end(&check, Step::completes());
    world.until("it passed", &task.id, |task| task.landed.is_some() || !task.waits.is_empty()).await;
    // The first one's is stopped when it is heard of.
    let again = world.start_on(&hosts[0]);
    eventually("it is stopped", async || (hosts[0].runner.stops(&check) > 0).then_some(())).await;
    loop {
        if world.store_task(&task).await.position == Position::Done {
            break;
        }
        for host in &hosts {
            for run in host.runner.hanging() {
                host.runner.end(&run, Step::completes());
            }
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(world.store_task(&task).await.retries, 0, "nobody is blamed");
    drop((again, second));
}

async fn a_stop_finds_the_host_that_has_the_run(world: World) {
    let hosts = two(&world);
    hang(&world, "developer");
    let first = world.start_on(&hosts[0]);
    let task = first.issue("Add up").await;
    let run = until_hanging(&hosts[0]);
    let second = world.start_on(&hosts[1]);
    let stop = second.control.command(&task.work_item, TaskCommand::Stop, "Uma", "s".to_owned());
    stop.await.unwrap();
    eventually("its agent is asked to stop", async || (hosts[0].runner.stops(&run) > 0).then_some(())).await;
    world.until("it is cancelled", &task.id, |task| task.position == Position::Cancelled).await;
    assert!(hosts[1].runner.launched().is_empty());
    drop((first, second));
}

async fn a_store_that_is_away_for_longer_than_a_lease_makes_nobody_dead(mut world: World) {
    world.policy.presume_dead_after_ms = 1;
    world.policy.max_runs = 1;
    let hosts = two(&world);
    hang(&world, "developer");
    let processes = [world.start_on(&hosts[0]), world.start_on(&hosts[1])];
    let task = processes[0].issue("Add up").await;
    let running = async || hosts.iter().find(|host| !host.runner.hanging().is_empty());
    let host = eventually("it is at work", running).await;
    let run = host.runner.hanging().remove(0);
    for process in &processes {
        until_it_may_take_over(process);
    }
    world.away.store(true, Ordering::SeqCst);
    let renewals = u32::try_from(PACE.lease_ms / PACE.renew_every_ms * 3 / 2).unwrap();
    for process in &processes {
        let faults = &process.store.faults;
        tokio::task::block_in_place(|| faults.until_called("renew", faults.calls("renew") + renewals));
    }
    world.away.store(false, Ordering::SeqCst);
    for process in &processes {
        until_it_may_take_over(process);
    }
    let held = world.store.runs(None).await.unwrap();
    assert_eq!(held.iter().map(|run| run.state.as_str()).collect::<Vec<_>>(), ["launched"], "nobody is taken for dead");
    assert!(audit(&world, &task, "presumed_dead").await.is_none());
    host.runner.end(&run, Step::completes());
    assert_eq!(world.until_done(&task).await.attempt, 2);
    launched(&hosts);
}

async fn of_two_processes_of_one_host_the_older_one_ends(world: World) {
    let host = world.host("one", PACE);
    hang(&world, "developer");
    let older = world.start_on(&host);
    let task = older.issue("Add up").await;
    let run = until_hanging(&host);
    // As by a copy of the whole machine.
    let younger = world.start_on(&host);
    match older.loops.await.unwrap() {
        Err(error @ StoreError::Superseded { .. }) => assert!(error.to_string().contains("host one"), "{error}"),
        other => panic!("{other:?}"),
    }
    host.runner.end(&run, Step::completes());
    assert_eq!(world.until_done(&task).await.attempt, 2);
    drop(younger);
}

/// A generator that a seed names; good enough to scatter kills.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).unwrap_or(0) % limit.max(1)
    }
}

/// A variable of the test's environment that is a number.
fn number(variable: &str, default: u32) -> u32 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Whatever goes on there comes to its end, until the task has.
async fn end_runs_until_done(world: &World, task: &Task, hosts: &[TestHost]) {
    eventually("the task is done", async || {
        for host in hosts {
            for run in host.runner.hanging() {
                host.runner.end(&run, Step::completes());
            }
        }
        (world.store_task(task).await.position == Position::Done).then_some(())
    })
    .await;
}

/// `ORCH_TEST_KILL_ROUNDS` of them (5), by `ORCH_TEST_SEED` (1): in each a task, and one of the two processes killed at
/// some call; it comes back at once, or only after its host was taken for dead.
#[expect(clippy::print_stdout, reason = "what a hundred rounds came to")]
async fn killed_again_and_again_no_attempt_runs_twice(mut world: World) {
    const CALLS: [&str; 6] = ["claim", "apply", "place_run", "task_facts", "renew", "next_due"];
    world.policy.presume_dead_after_ms = 500;
    // Chance may kill in one visit whatever is tried.
    world.policy.lost_cap = 1_000;
    let (rounds, seed) = (number("ORCH_TEST_KILL_ROUNDS", 5), number("ORCH_TEST_SEED", 1));
    let (hosts, mut random) = (two(&world), Random(seed.into()));
    let works_long = Arc::new(AtomicBool::new(false));
    let long = Arc::clone(&works_long);
    world.when(move |act| {
        (act.is("developer") && long.load(Ordering::SeqCst)).then(|| {
            let _done = act.usual();
            (String::new(), Step::Hangs)
        })
    });
    let mut processes = hosts.each_ref().map(|host| Some(world.start_on(host)));
    let mut given_up = 0;
    for round in 0..rounds {
        works_long.store(random.below(2) == 0, Ordering::SeqCst);
        let opens = processes[random.below(2) as usize].as_ref().unwrap();
        let task = opens.issue(&format!("Round {round}")).await;
        let (victim, call) = (random.below(2) as usize, CALLS[random.below(6) as usize]);
        let process = processes[victim].take().unwrap();
        let calls = process.store.faults.calls(call) + random.below(6);
        eventually("it is somewhere", async || {
            let at_work = hosts.iter().any(|host| !host.runner.hanging().is_empty());
            let there = at_work || process.store.faults.calls(call) >= calls;
            (there || world.store_task(&task).await.position == Position::Done).then_some(())
        })
        .await;
        process.kill().await;
        let stays_away = random.below(3) == 0;
        if stays_away {
            end_runs_until_done(&world, &task, &hosts[1 - victim..2 - victim]).await;
        }
        processes[victim] = Some(world.start_on(&hosts[victim]));
        end_runs_until_done(&world, &task, &hosts).await;
        let attempts = world.history(&task).await.attempts;
        given_up += attempts.iter().filter(|a| matches!(a.ended.as_ref().unwrap().how, RunEnd::Lost { .. })).count();
    }
    let mut agents: Vec<_> = hosts.iter().flat_map(|host| host.runner.launched()).collect();
    // A check may be run again elsewhere; it changes nothing.
    agents.retain(|run| !run.contains("-check-"));
    agents.sort();
    let launched = agents.len();
    agents.dedup();
    assert_eq!(agents.len(), launched, "seed {seed}: an attempt ran twice: {agents:?}");
    assert_eq!(world.forge.landed().len(), rounds as usize, "seed {seed}: each lands once");
    println!("{rounds} rounds, seed {seed}: {launched} runs of agents, {given_up} given up with their host");
}
