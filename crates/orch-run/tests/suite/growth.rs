//! How much of the disk a run may take.

use orch_run::{Confinement, End, Made};

use crate::how::{How, confined, open_bench};

#[test]
fn files_that_grow_too_much_together_end_a_run() {
    for (name, script, words) in [
        ("bytes", "for n in 1 2 3 4 5 6; do head -c 1000000 /dev/zero > f$n; done; exec sleep 1000", "grown by 6 MB"),
        ("files", "for n in $(seq 300); do : > f$n; done; exec sleep 1000", "more than 200"),
    ] {
        let bench = open_bench();
        // What was there is not counted: the first look is before its first word is waited for.
        std::fs::write(bench.clone_path().join("there"), vec![1; 9_000_000]).unwrap();
        let mut spec =
            confined(&bench, How { level: Confinement::None, made: Made::Plainly }, &format!("sleep 0.5; {script}"));
        (spec.plan.growth_bytes, spec.plan.growth_files) = (Some(5_000_000), Some(200));
        let (_, ended) = bench.finish(&spec);
        let End::Overgrown { reason } = ended.end else { panic!("{name}: {:?}", ended.end) };
        assert!(reason.contains(words), "{name}: {reason}");
    }
}
