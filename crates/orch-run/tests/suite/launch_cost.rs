//! What confinement costs at a launch. Figures for people; the bound is for accidents only.

use std::process::Command;
use std::time::{Duration, Instant};

use orch_run::{Confinement, End};

use crate::bench::{result, supervisor};
use crate::confined::{confined, here, open_bench};

#[test]
fn a_confined_launch_costs_little_more_than_a_bare_start() {
    const TIMES: u32 = 5;
    supervisor();
    let bare = Instant::now();
    for _ in 0..TIMES {
        assert!(Command::new("true").status().unwrap().success());
    }
    let bare = bare.elapsed() / TIMES;
    for level in Confinement::ALL {
        if !here(level, "a_confined_launch_costs_little_more_than_a_bare_start") {
            continue;
        }
        let bench = open_bench();
        let spec = confined(&bench, level, "exit 0");
        let begun = Instant::now();
        for n in 0..TIMES {
            assert_eq!(result(&bench.start(&format!("run-{n}"), &spec)).end, End::Exited { code: 0 });
        }
        let each = begun.elapsed() / TIMES;
        println!("a run of `exit 0` at {}: {each:?}, a bare start: {bare:?}", level.name());
        assert!(each < Duration::from_secs(20), "{level:?}: {each:?}");
    }
}
