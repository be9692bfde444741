//! Twenty hosts on one store: who is taken for dead when the store, a host or a clock goes away.

use std::collections::BTreeSet;

use orch_rules::lease::{LEASE_MS, OwnLease, RENEW_EVERY_MS, Renewal};

const HOSTS: usize = 20;
const STEP_MS: i64 = 500;

/// A generator that a seed names; good enough to scatter moments.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap_or(0) % limit.max(1)
    }
}

/// What goes wrong.
#[derive(Clone, Copy)]
struct Story {
    /// The store is away for so long, from second 100 on.
    store_away: i64,
    /// The first host dies at second 50.
    one_dies: bool,
    /// The second host is stopped for so long, from second 120 on, and goes on as if nothing had been.
    one_sleeps: i64,
}

#[derive(Default)]
struct End {
    living_taken: BTreeSet<usize>,
    /// How long after its death the dead one was found.
    found_after: Option<i64>,
    /// A host was at work while another one had taken its work over.
    worked_beside: bool,
}

/// Plays a story; `may_take_over` is the rule under test.
fn play(seed: u64, story: Story, may_take_over: fn(&OwnLease, i64) -> bool) -> End {
    let mut random = Random(seed);
    // Each host's monotonic clock began somewhere else than the store's.
    let offsets: Vec<i64> = (0..HOSTS).map(|_| random.below(1_000_000_000)).collect();
    let mut lease_until: Vec<i64> = (0..HOSTS).map(|_| 0).collect();
    let mut own = [OwnLease::default(); HOSTS];
    let mut next: Vec<i64> = (0..HOSTS).map(|_| random.below(RENEW_EVERY_MS)).collect();
    let away = 100_000..100_000 + story.store_away;
    let back: Vec<i64> =
        (0..HOSTS).map(|_| away.end + if story.store_away > 0 { random.below(15_000) } else { 0 }).collect();
    let asleep = 120_000..120_000 + story.one_sleeps;
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    let mut end = End::default();
    let mut now = 0;
    while now < away.end.max(asleep.end) + 300_000 {
        now += STEP_MS;
        for host in 0..HOSTS {
            let (dead, sleeps) = (host == 0 && story.one_dies && now > 50_000, host == 1 && asleep.contains(&now));
            if dead || sleeps {
                continue;
            }
            let clock = now + offsets[host];
            if now >= next[host] {
                // A host that slept asks at once, and a store that is away answers nobody.
                next[host] = now + RENEW_EVERY_MS;
                if now >= away.start && now < back[host] && story.store_away > 0 {
                    own[host].failed();
                } else {
                    let renewal = if lease_until[host] >= now { Renewal::Prolonged } else { Renewal::Regained };
                    lease_until[host] = now + LEASE_MS;
                    own[host].answered(clock, renewal);
                    // Whoever was taken for dead is told so by its lost fences and begins anew.
                    if taken.remove(&host) && renewal == Renewal::Prolonged {
                        end.worked_beside = true;
                    }
                }
            }
            end.worked_beside |= taken.contains(&host) && own[host].may_work(clock);
            if !may_take_over(&own[host], clock) {
                continue;
            }
            for (other, until) in lease_until.iter().enumerate() {
                if other != host && (1..now).contains(until) && taken.insert(other) {
                    if other == 0 && story.one_dies {
                        end.found_after.get_or_insert(now - 50_000);
                    } else if other != 1 || story.one_sleeps <= LEASE_MS {
                        end.living_taken.insert(other);
                    }
                }
            }
        }
    }
    end
}

fn stories() -> Vec<Story> {
    let mut stories = Vec::new();
    for store_away in [0, 1_000, 30_000, 50_000, 70_000, 600_000] {
        for one_sleeps in [0, 20_000, 45_000, 300_000] {
            stories.push(Story { store_away, one_dies: true, one_sleeps });
        }
    }
    stories
}

#[test]
fn a_living_host_is_never_taken_for_dead_and_a_dead_one_is_found() {
    for (nth, story) in stories().into_iter().enumerate() {
        for seed in 0..20 {
            let end = play(seed, story, OwnLease::may_take_over);
            let what = format!("story {nth}, seed {seed}, store away {} ms", story.store_away);
            assert!(end.living_taken.is_empty(), "{what}: {:?}", end.living_taken);
            assert!(!end.worked_beside, "{what}: two at work on one thing");
            let found = end.found_after.unwrap_or_else(|| panic!("{what}: the dead host was never found"));
            // In quiet times a lease; after the store was away a whole one more.
            let most = if story.store_away == 0 { LEASE_MS + 6_000 } else { story.store_away + 100_000 + 2 * LEASE_MS };
            assert!(found <= most, "{what}: found after {found} ms");
        }
    }
}

#[test]
fn without_the_rule_the_first_host_back_takes_all_others_for_dead() {
    let outage = Story { store_away: 70_000, one_dies: true, one_sleeps: 0 };
    let taken: usize = (0..20).map(|seed| play(seed, outage, OwnLease::may_work).living_taken.len()).sum();
    assert!(taken > 200, "{taken} of 380: the story no longer shows what the rule is for");
}
