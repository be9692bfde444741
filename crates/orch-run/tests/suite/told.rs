//! Ends of many runs, told by one thread.

use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, MutexGuard, PoisonError};

use orch_run::{ENDS_THREAD, Ended, Ends, RunDirectory, RunState, request_stop, wait};
use rustix::process::Signal;

use crate::bench::{Bench, PATIENCE, ended, kill, supervisor_pid};

const SLEEPS: &str = "echo $$ > up; exec sleep 1000";

/// One test at a time: threads are counted.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    let alone = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    // The thread of the one before ends a moment after it is told to.
    while threads() > 0 {
        std::thread::yield_now();
    }
    alone
}

/// Hears the end of a run.
fn told(ends: &Ends, run: &RunDirectory) -> Receiver<()> {
    let (tell, told) = mpsc::channel();
    ends.tell(run, move || tell.send(()).unwrap()).unwrap();
    told
}

/// Threads of this process by this name. Other tests of this program have none of it.
fn threads() -> usize {
    let names = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    names
        .filter(|task| std::fs::read_to_string(task.path().join("comm")).is_ok_and(|n| n.trim() == ENDS_THREAD))
        .count()
}

#[test]
fn the_ends_of_many_runs_are_told_by_one_thread_with_no_file_open() {
    let _alone = alone();
    let (bench, ends) = (Bench::new(), Ends::default());
    let up = bench.fifo("up");
    let runs: Vec<_> = (0..12)
        .map(|n| {
            let run = bench.start(&format!("run-{n}"), &bench.script(SLEEPS));
            up.heard();
            run
        })
        .collect();
    let waiting: Vec<_> = runs.iter().map(|run| told(&ends, run)).collect();
    // A thread takes its name a moment after it began.
    while threads() == 0 {
        std::thread::yield_now();
    }
    assert_eq!(threads(), 1, "one for all of them");
    let own = bench.runs();
    let held = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let held = held.filter(|file| {
        std::fs::read_link(file.path())
            .is_ok_and(|to| to.starts_with(&own) && to.file_name().is_some_and(|n| n == "lock"))
    });
    assert_eq!(held.count(), 0);
    // Whoever merely looks ends nothing.
    for run in &runs {
        assert_eq!(run.state().unwrap(), RunState::Running);
    }
    // Stopped, killed together with its supervisor, and left to run: each is told of its own end alone.
    request_stop(&runs[0]).unwrap();
    waiting[0].recv_timeout(PATIENCE).unwrap();
    assert!(matches!(wait(&runs[0]).unwrap(), Ended::Finished(_)));
    kill(supervisor_pid(&runs[1]), Signal::KILL);
    waiting[1].recv_timeout(PATIENCE).unwrap();
    assert_eq!(ended(&runs[1]), Ended::Lost { tree_dead: true });
    for (run, waiting) in runs.iter().zip(&waiting).skip(2) {
        assert!(waiting.try_recv().is_err(), "{} still runs", run.run_id());
    }
    for run in &runs[2..] {
        request_stop(run).unwrap();
    }
    for waiting in &waiting[2..] {
        waiting.recv_timeout(PATIENCE).unwrap();
    }
    assert_eq!(threads(), 1, "and never another one");
}

#[test]
fn who_asks_late_or_twice_is_told() {
    let _alone = alone();
    let (bench, ends) = (Bench::new(), Ends::default());
    let up = bench.fifo("up");
    let run = bench.start("run-1", &bench.script(SLEEPS));
    up.heard();
    let (one, two) = (told(&ends, &run), told(&ends.clone(), &run));
    assert!(one.try_recv().is_err() && two.try_recv().is_err());
    request_stop(&run).unwrap();
    for waiting in [one, two, told(&ends, &run)] {
        waiting.recv_timeout(PATIENCE).unwrap();
    }
    // Nothing can be learned of what is gone.
    std::fs::remove_dir_all(run.path()).unwrap();
    assert!(ends.tell(&run, || {}).is_err());
}

#[test]
fn a_run_whose_directory_goes_is_told_of() {
    let _alone = alone();
    let (bench, ends) = (Bench::new(), Ends::default());
    let up = bench.fifo("up");
    let run = bench.start("run-1", &bench.script(SLEEPS));
    up.heard();
    let waiting = told(&ends, &run);
    let supervisor = supervisor_pid(&run);
    std::fs::remove_dir_all(run.path()).unwrap();
    waiting.recv_timeout(PATIENCE).unwrap();
    kill(supervisor, Signal::KILL);
}

#[test]
fn nobody_is_told_once_the_ends_are_gone() {
    let _alone = alone();
    let (bench, ends) = (Bench::new(), Ends::default());
    let up = bench.fifo("up");
    let run = bench.start("run-1", &bench.script(SLEEPS));
    up.heard();
    let waiting = told(&ends, &run);
    drop(ends);
    assert!(waiting.recv_timeout(PATIENCE).is_err(), "its end of the channel is dropped, and the thread with it");
    request_stop(&run).unwrap();
    ended(&run);
}
