//! Hosts that share a store: whose work a row is, and what becomes of it when its host is lost.

use std::sync::Arc;

use orch_ports::hosts::{Hosts, Incarnation, Joining, RunKind, RunPlace, RunToBe, TakenOver};
use orch_ports::store::{Claim, Finished, StoreError, Work};
use orch_rules::change::Change;
use orch_rules::effect::Effect;
use orch_rules::ids::Timestamp;
use orch_rules::lease::{LEASE_MS, Renewal};

use crate::harness::{World, on_both};
use crate::rows::*;

on_both!(
    of_two_processes_of_one_host_the_older_stops,
    a_lease_that_has_ended_claims_and_launches_nothing,
    a_run_is_claimed_by_the_host_that_has_it_and_by_no_other,
    a_row_about_anothers_run_is_handed_to_it,
    what_a_lost_host_handled_is_taken_over_but_not_its_agents,
    an_agent_of_a_lost_host_is_given_up_after_a_time_and_heard_of_later,
    a_check_of_a_lost_host_starts_elsewhere_at_once,
    a_hook_of_a_lost_host_is_never_given_up_and_never_begun_elsewhere,
    a_host_takes_as_many_agents_as_it_may,
    a_second_host_keeps_earlier_releases_out,
    a_host_that_was_left_for_another_folder_keeps_nobody_out,
    a_host_that_comes_back_beside_another_keeps_earlier_releases_out_again,
    runs_of_a_second_host_keep_earlier_releases_out_while_they_go_on,
    work_in_flight_of_an_earlier_release_gets_this_host,
    a_host_that_has_the_store_to_itself_has_all_that_stands_in_it,
);

pub fn joining(host: &str, lease_ms: Option<i64>) -> Joining {
    Joining {
        host: host.into(),
        name: format!("machine {host}"),
        release: "1.2.3".into(),
        kinds: kinds(),
        max_runs: 2,
        lease_ms,
    }
}

async fn join(world: &World, host: &str) -> Incarnation {
    world.hosts().join(&joining(host, Some(LEASE_MS))).await.unwrap()
}

/// Two hosts, and a row of `run_agent` that the first has placed.
async fn one_at_work(world: &World) -> (Incarnation, Incarnation, Work) {
    shop(&*world.store, &["a"]).await;
    let (one, two) = (join(world, "one").await, join(world, "two").await);
    write(&*world.store, vec![run_agent("a", 1)]).await.unwrap();
    let work = take(world, &one).await.remove(0);
    assert_eq!(place(world, &one, &agent("a", 1), &work).await, RunPlace::Here);
    (one, two, work)
}

fn agent(task: &str, attempt: u32) -> RunToBe {
    RunToBe { name: format!("{task}-{attempt}"), kind: RunKind::Agent, task: task.into() }
}

async fn take(world: &World, me: &Incarnation) -> Vec<Work> {
    let claim = Claim { owner: me.host.0.clone(), incarnation: me.number, limit: 9, kinds: kinds() };
    world.store.claim(claim).await.unwrap()
}

async fn place(world: &World, me: &Incarnation, run: &RunToBe, work: &Work) -> RunPlace {
    world.hosts().place_run(me, run, work).await.unwrap()
}

fn elsewhere(host: &str) -> RunPlace {
    RunPlace::Elsewhere { host: format!("machine {host}") }
}

/// Its lease ended so many milliseconds ago.
async fn lost(world: &World, host: &str, ago_ms: i64) {
    let until = world.store.now().await.unwrap().0 - ago_ms;
    world.raw(&format!("UPDATE hosts SET lease_until = {until} WHERE id = '{host}'")).await;
}

async fn again(world: &World, work: &Work) {
    let finish = how(work, Finished::Again { due: Timestamp(0), error: "busy".into() });
    world.store.apply(set(vec![], vec![]), finish).await.unwrap();
}

async fn of_two_processes_of_one_host_the_older_stops(world: World) {
    shop(&*world.store, &["a"]).await;
    let older = join(&world, "one").await;
    assert_eq!(world.hosts().renew(&older, LEASE_MS).await.unwrap(), Renewal::Prolonged);
    let younger = join(&world, "one").await;
    assert_eq!((older.number, younger.number), (1, 2));
    write(&*world.store, vec![wake("a")]).await.unwrap();
    assert!(take(&world, &older).await.is_empty());
    assert_eq!(take(&world, &younger).await.len(), 1);
    assert_eq!(world.hosts().renew(&older, LEASE_MS).await.unwrap(), Renewal::Superseded);
    assert_eq!(world.hosts().renew(&younger, LEASE_MS).await.unwrap(), Renewal::Prolonged);
    // A host that nobody knows any more is nobody's.
    world.store.reclaim("one").await.unwrap();
    world.hosts().leave(&younger).await.unwrap();
    assert!(world.hosts().hosts().await.unwrap().is_empty());
    assert_eq!(world.hosts().renew(&younger, LEASE_MS).await.unwrap(), Renewal::Superseded);
}

async fn a_lease_that_has_ended_claims_and_launches_nothing(world: World) {
    let (one, _, work) = one_at_work(&world).await;
    write(&*world.store, vec![run_agent("a", 2)]).await.unwrap();
    let second = take(&world, &one).await.remove(0);
    lost(&world, "one", 0).await;
    write(&*world.store, vec![wake("a")]).await.unwrap();
    assert!(take(&world, &one).await.is_empty());
    assert_eq!(place(&world, &one, &agent("a", 2), &second).await, RunPlace::Full);
    assert_eq!(place(&world, &one, &agent("a", 1), &work).await, RunPlace::Here, "what runs, runs");
    assert_eq!(world.hosts().renew(&one, LEASE_MS).await.unwrap(), Renewal::Regained);
    assert_eq!(take(&world, &one).await.len(), 1);
    assert_eq!(place(&world, &one, &agent("a", 2), &second).await, RunPlace::Here);
}

async fn a_run_is_claimed_by_the_host_that_has_it_and_by_no_other(world: World) {
    let (one, two, work) = one_at_work(&world).await;
    again(&world, &work).await;
    assert!(take(&world, &two).await.is_empty());
    assert_eq!(world.store.next_due(&kinds(), "two").await.unwrap(), None, "nothing of it wakes the other");
    assert!(world.store.next_due(&kinds(), "one").await.unwrap().is_some());
    // The next process of the same host goes on with it.
    let next = join(&world, "one").await;
    let row = take(&world, &next).await.remove(0);
    assert_eq!(place(&world, &next, &agent("a", 1), &row).await, RunPlace::Here);
    let stale = world.hosts().place_run(&one, &agent("a", 1), &work).await;
    assert!(matches!(stale, Err(StoreError::Stale { .. })), "{stale:?}");
    let end = Change::EndRun { name: "a-1".into(), host: "one".into() };
    world.store.apply(set(vec![], vec![end]), done(&row)).await.unwrap();
    assert!(world.hosts().runs(None).await.unwrap().is_empty());
}

async fn a_row_about_anothers_run_is_handed_to_it(world: World) {
    let (one, two, _) = one_at_work(&world).await;
    let stop = Effect::StopRun { task: "a".into(), attempt: 1 };
    write(&*world.store, vec![Change::Perform { effect: stop, due: Timestamp(0) }]).await.unwrap();
    let stop = take(&world, &two).await.remove(0);
    assert!(world.hosts().hand_over(&two.host, "a-1", &stop).await.unwrap());
    assert!(take(&world, &two).await.is_empty());
    let stop = take(&world, &one).await.remove(0);
    assert!(!world.hosts().hand_over(&one.host, "a-1", &stop).await.unwrap(), "it is here");
    // One that asks to launch it is told where it is.
    write(&*world.store, vec![run_agent("a", 9)]).await.unwrap();
    let row = take(&world, &two).await.remove(0);
    assert_eq!(place(&world, &two, &agent("a", 1), &row).await, elsewhere("one"));
}

async fn what_a_lost_host_handled_is_taken_over_but_not_its_agents(world: World) {
    let (one, two, work) = one_at_work(&world).await;
    write(&*world.store, vec![publish("a", "x"), wake("a")]).await.unwrap();
    let handled = take(&world, &one).await;
    assert_eq!(handled.len(), 2);
    assert_eq!(world.hosts().take_over(&two, 900_000).await.unwrap(), TakenOver::default(), "it lives");
    lost(&world, "one", 1_000).await;
    assert_eq!(world.hosts().take_over(&two, 900_000).await.unwrap(), TakenOver { work: 2, agents: 0 });
    assert_eq!(world.hosts().take_over(&two, 900_000).await.unwrap(), TakenOver::default());
    assert_eq!(take(&world, &two).await.len(), 2);
    let late = world.store.apply(set(vec![], vec![]), done(&handled[0])).await;
    assert!(matches!(late, Err(StoreError::Stale { .. })), "{late:?}");
    // Its agent is where it was: heard of again, it goes on as if nothing had been.
    let run = world.hosts().runs(Some(&"a".into())).await.unwrap().remove(0);
    assert_eq!((run.host_name.as_str(), run.state.as_str()), ("machine one", "launched"));
    assert!(run.lease_until < run.now);
    world.hosts().renew(&one, LEASE_MS).await.unwrap();
    world.store.apply(set(vec![], vec![]), done(&work)).await.unwrap();
    // Nobody takes over whose own lease has ended.
    lost(&world, "one", 1_000).await;
    write(&*world.store, vec![wake("a")]).await.unwrap();
    world.raw("UPDATE work SET state = 'running', owner = 'one' WHERE state = 'queued'").await;
    lost(&world, "two", 1_000).await;
    assert!(world.hosts().take_over(&two, 900_000).await.is_err());
}

async fn an_agent_of_a_lost_host_is_given_up_after_a_time_and_heard_of_later(world: World) {
    let (one, two, work) = one_at_work(&world).await;
    lost(&world, "one", 899_000).await;
    assert_eq!(world.hosts().take_over(&two, 900_000).await.unwrap(), TakenOver::default());
    lost(&world, "one", 900_000).await;
    assert_eq!(world.hosts().take_over(&two, 0).await.unwrap(), TakenOver::default(), "0 is never");
    assert_eq!(world.hosts().take_over(&two, 900_000).await.unwrap(), TakenOver { work: 1, agents: 1 });
    let row = take(&world, &two).await.remove(0);
    let given_up = RunPlace::GivenUp { host: "machine one".into() };
    assert_eq!(place(&world, &two, &agent("a", 1), &row).await, given_up, "never a second time under that name");
    world.store.apply(set(vec![], vec![]), done(&row)).await.unwrap();
    // It comes back: its word comes late, and it is told which of its runs nobody waits for.
    world.hosts().renew(&one, LEASE_MS).await.unwrap();
    let late = world.store.apply(set(vec![], vec![]), done(&work)).await;
    assert!(matches!(late, Err(StoreError::Stale { .. })), "{late:?}");
    let lost = world.hosts().lost_runs(&one.host).await.unwrap();
    assert_eq!(lost.iter().map(|run| run.name.as_str()).collect::<Vec<_>>(), ["a-1"]);
    assert!(world.hosts().lost_runs(&two.host).await.unwrap().is_empty());
    write(&*world.store, vec![Change::EndRun { name: "a-1".into(), host: one.host.clone() }]).await.unwrap();
    assert!(world.hosts().lost_runs(&one.host).await.unwrap().is_empty());
}

async fn a_hook_of_a_lost_host_is_never_given_up_and_never_begun_elsewhere(world: World) {
    shop(&*world.store, &["a"]).await;
    let (one, two) = (join(&world, "one").await, join(&world, "two").await);
    let hook = RunToBe { name: "deploy-1".into(), kind: RunKind::Hook, task: "a".into() };
    write(&*world.store, vec![publish("a", "x")]).await.unwrap();
    let work = take(&world, &one).await.remove(0);
    assert_eq!(place(&world, &one, &hook, &work).await, RunPlace::Here);
    // Its host comes back: nobody has ended it.
    let one = world.hosts().join(&joining(one.host.as_str(), Some(LEASE_MS))).await.unwrap();
    assert_eq!(world.hosts().runs(None).await.unwrap()[0].state, "launched");
    for hours in [1, 1_000] {
        lost(&world, "one", hours * 3_600_000).await;
        world.hosts().take_over(&two, 900_000).await.unwrap();
        let run = world.hosts().runs(None).await.unwrap().remove(0);
        assert_eq!((run.kind.as_str(), run.state.as_str()), ("hook", "launched"), "after {hours} h");
    }
    write(&*world.store, vec![publish("a", "y")]).await.unwrap();
    world.raw("UPDATE work SET host = NULL, state = 'queued'").await;
    let row = take(&world, &two).await.remove(0);
    assert_eq!(place(&world, &two, &hook, &row).await, elsewhere("one"));
    // Over, and asked for once more by a row that came late: not begun again.
    write(&*world.store, vec![Change::EndRun { name: "deploy-1".into(), host: one.host.clone() }]).await.unwrap();
    let late = place(&world, &two, &hook, &row).await;
    assert_eq!(late, RunPlace::GivenUp { host: "machine one".into() });
}

async fn a_check_of_a_lost_host_starts_elsewhere_at_once(world: World) {
    shop(&*world.store, &["a"]).await;
    let (one, two) = (join(&world, "one").await, join(&world, "two").await);
    let run = RunToBe { name: "check".into(), kind: RunKind::Check, task: "a".into() };
    let check = Effect::RunCheck { task: "a".into(), check: "check".into(), commit: "c".into(), lane: false };
    write(&*world.store, vec![Change::Perform { effect: check, due: Timestamp(0) }]).await.unwrap();
    for state in ["running", "queued"] {
        let work = take(&world, &one).await.remove(0);
        assert_eq!(place(&world, &one, &run, &work).await, RunPlace::Here);
        if state == "queued" {
            again(&world, &work).await;
        }
        lost(&world, "one", 1).await;
        assert_eq!(world.hosts().take_over(&two, 900_000).await.unwrap().work, 1, "{state}");
        let work = take(&world, &two).await.remove(0);
        assert_eq!(place(&world, &two, &run, &work).await, RunPlace::Here, "{state}");
        assert_eq!(world.hosts().lost_runs(&one.host).await.unwrap().len(), 1);
        world.raw("DELETE FROM runs").await;
        world.raw("UPDATE work SET host = NULL").await;
        again(&world, &work).await;
        world.hosts().renew(&one, LEASE_MS).await.unwrap();
    }
}

async fn a_host_takes_as_many_agents_as_it_may(world: World) {
    let (one, two, _) = one_at_work(&world).await;
    write(&*world.store, vec![run_agent("a", 2), run_agent("a", 3)]).await.unwrap();
    let [second, third] = <[Work; 2]>::try_from(take(&world, &one).await).unwrap();
    assert_eq!(place(&world, &one, &agent("a", 2), &second).await, RunPlace::Here);
    assert_eq!(place(&world, &one, &agent("a", 3), &third).await, RunPlace::Full);
    again(&world, &third).await;
    let third = take(&world, &two).await.remove(0);
    assert_eq!(place(&world, &two, &agent("a", 3), &third).await, RunPlace::Here, "another host has room");
}

async fn a_second_host_keeps_earlier_releases_out(world: World) {
    let reader = async || world.number("SELECT min_reader FROM meta").await;
    join(&world, "one").await;
    join(&world, "one").await;
    assert_eq!(reader().await, 1, "one host, whatever its processes");
    let two = join(&world, "two").await;
    assert_eq!(reader().await, 6);
    world.hosts().leave(&two).await.unwrap();
    assert_eq!(world.hosts().hosts().await.unwrap().len(), 1);
    assert_eq!(reader().await, 1, "it left nothing behind: an earlier release may come back");
}

async fn a_host_that_was_left_for_another_folder_keeps_nobody_out(world: World) {
    let reader = async || world.number("SELECT min_reader FROM meta").await;
    // Killed, and its lease over: only what it has on its hands counts.
    join(&world, "one").await;
    lost(&world, "one", 1).await;
    let two = join(&world, "two").await;
    assert_eq!(reader().await, 1, "a host that is gone with nothing on its hands");
    world.hosts().renew(&two, LEASE_MS).await.unwrap();
    assert_eq!(reader().await, 1);
}

async fn a_host_that_comes_back_beside_another_keeps_earlier_releases_out_again(world: World) {
    let reader = async || world.number("SELECT min_reader FROM meta").await;
    let one = join(&world, "one").await;
    lost(&world, "one", 1).await;
    join(&world, "two").await;
    assert_eq!(reader().await, 1);
    world.hosts().renew(&one, LEASE_MS).await.unwrap();
    assert_eq!(reader().await, 6, "two at work");
}

async fn runs_of_a_second_host_keep_earlier_releases_out_while_they_go_on(world: World) {
    let reader = async || world.number("SELECT min_reader FROM meta").await;
    let (one, two, work) = one_at_work(&world).await;
    assert_eq!(reader().await, 6);
    again(&world, &work).await;
    world.hosts().leave(&one).await.unwrap();
    assert_eq!(reader().await, 6, "its agent works, and the other host is there");
    // What it had on its hands is over.
    world.raw("UPDATE runs SET state = 'over'").await;
    world.raw("UPDATE work SET state = 'done', host = NULL").await;
    world.hosts().leave(&two).await.unwrap();
    assert_eq!(reader().await, 1);
}

async fn work_in_flight_of_an_earlier_release_gets_this_host(world: World) {
    shop(&*world.store, &["a"]).await;
    write(&*world.store, vec![run_agent("a", 1), publish("a", "x")]).await.unwrap();
    // An earlier release names its processes, and knows no hosts.
    assert_eq!(claim_as(&*world.store, "019a-process", 9).await.len(), 2);
    let one = join(&world, "one").await;
    assert_eq!(world.store.reclaim("one").await.unwrap(), 2);
    let rows = take(&world, &one).await;
    assert_eq!(rows.len(), 2);
    assert_eq!(place(&world, &one, &agent("a", 1), &rows[0]).await, RunPlace::Here);
    // The rows of a living host are nobody else's.
    let two = join(&world, "two").await;
    assert_eq!(world.store.reclaim("two").await.unwrap(), 0);
    assert!(take(&world, &two).await.is_empty());
}

async fn a_host_that_has_the_store_to_itself_has_all_that_stands_in_it(world: World) {
    let (_, _, work) = one_at_work(&world).await;
    again(&world, &work).await;
    let alone = world.hosts().join(&joining("copy", None)).await.unwrap();
    let hosts = world.hosts().hosts().await.unwrap();
    assert_eq!(hosts.iter().map(|host| host.id.as_str()).collect::<Vec<_>>(), ["copy"]);
    let row = take(&world, &alone).await.remove(0);
    assert_eq!(place(&world, &alone, &agent("a", 1), &row).await, RunPlace::Here);
}

impl World {
    fn hosts(&self) -> Arc<dyn Hosts> {
        self.hosts.clone()
    }
}
