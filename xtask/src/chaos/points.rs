//! Which steps of a life are killed at.

use super::trace::{Point, Step};

/// The steps worth a kill: of a row of steps of one kind by one thread (a folder that is removed file by file) the
/// first and the last, for what lies between leaves nothing else behind.
pub fn worthwhile(steps: &[Step]) -> Vec<Point> {
    let alike = |a: &Step, b: Option<&Step>| b.is_some_and(|b| a.point.kind == b.point.kind);
    let inner = |at: usize| {
        let step = &steps[at];
        let thread = step.thread;
        alike(step, steps[..at].iter().rfind(|other| other.thread == thread))
            && alike(step, steps[at + 1..].iter().find(|other| other.thread == thread))
    };
    (0..steps.len()).filter(|at| !inner(*at)).map(|at| steps[at].point).collect()
}

/// `count` of `all`, one from each of as many equal parts; where in its part is decided by `seed`.
pub fn spread(all: &[Point], count: usize, seed: u64) -> Vec<Point> {
    if count >= all.len() {
        return all.to_vec();
    }
    let part = |number: usize| number * all.len() / count;
    (0..count)
        .map(|number| {
            let (from, to) = (part(number), part(number + 1));
            all[from + below(seed, number, to - from)]
        })
        .collect()
}

/// A number below `limit`, by chance but always the same for the same `seed` and `number` (the finaliser of
/// SplitMix64).
pub fn below(seed: u64, number: usize, limit: usize) -> usize {
    let mut mixed = seed.wrapping_add((number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((mixed ^ (mixed >> 31)) % (limit.max(1) as u64)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::trace::Kind;
    use super::*;

    fn steps(kinds: &[(Kind, u32)]) -> Vec<Step> {
        let step = |(at, (kind, thread)): (usize, &(Kind, u32))| Step {
            point: Point { kind: *kind, number: at + 1 },
            thread: *thread,
            child: None,
            what: String::new(),
        };
        kinds.iter().enumerate().map(step).collect()
    }

    #[test]
    fn of_a_row_the_ends_are_taken() {
        use Kind::{Remove, Sync};
        let all = steps(&[(Remove, 1), (Remove, 2), (Remove, 1), (Remove, 1), (Sync, 1), (Remove, 1)]);
        let numbers: Vec<usize> = worthwhile(&all).iter().map(|point| point.number).collect();
        assert_eq!(numbers, [1, 2, 4, 5, 6]);
    }

    #[test]
    fn points_are_spread_and_repeatable() {
        let all = worthwhile(&steps(&(1..=100).map(|thread| (Kind::Sync, thread)).collect::<Vec<_>>()));
        let chosen = spread(&all, 10, 7);
        assert_eq!(chosen, spread(&all, 10, 7));
        assert_ne!(chosen, spread(&all, 10, 8));
        assert!(chosen.iter().enumerate().all(|(part, point)| (point.number - 1) / 10 == part), "{chosen:?}");
        assert_eq!(spread(&all, 1000, 7), all);
        assert_eq!(spread(&all, 0, 7), []);
    }
}
