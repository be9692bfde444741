//! The contract of [`Runner`].

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use orch_ports::runner::{RunOrder, RunReport, Runner};
use orch_rules::attempt::RunEnd;
use serde_json::json;

use super::{Case, cases};
use crate::fake::PATIENCE;

/// What a run of the bench does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// Prints [`OUTPUT`] and ends with exit code 0.
    Completes,
    /// Ends with exit code 3.
    Fails,
    /// Leaves [`result`] in its result file, exit code 0.
    LeavesResult,
    /// Leaves no JSON object in its result file, exit code 0.
    LeavesNonsense,
    /// Goes on until it is let go (exit code 0) or stopped.
    Hangs,
    /// Its program does not exist.
    CannotStart,
}

/// What [`Does::Completes`] prints: colours and a bell are not for a terminal of ours.
pub const OUTPUT: &str = "first line\n\u{1b}[31msecond\u{1b}[0m line\u{7}\nlast line\n";

/// What [`Does::LeavesResult`] leaves.
pub fn result() -> serde_json::Value {
    json!({"cost_usd": 0.5})
}

/// A place for runs, and the means to see what they did.
pub trait RunnerBench: Sync {
    /// The runner of one process.
    type Runner: Runner + 'static;
    /// A runner over the same runs, as another process would have it.
    fn runner(&self) -> Self::Runner;
    /// An order for a run that does this; the same name and deed is the same order.
    fn order(&self, name: &str, does: Does) -> RunOrder;
    /// Blocks until a run that hangs has begun to.
    fn until_hanging(&self, name: &str);
    /// Lets a run that hangs go.
    fn let_go(&self, name: &str);
    /// Ends a run's supervisor, and nothing else; the run hangs.
    fn lose(&self, name: &str);
    /// How often the run's program was started.
    fn starts(&self, name: &str) -> usize;
    /// How often its finish commands ran.
    fn finishes(&self, name: &str) -> usize;
}

/// All cases.
pub fn suite<B: RunnerBench>() -> &'static [Case<B>] {
    const {
        cases![
            a_run_is_launched_once,
            a_run_is_known_once_it_was_launched,
            its_end_is_told_however_late_one_asks,
            an_exit_code_is_told,
            a_program_that_cannot_start_is_told,
            a_result_file_is_handed_on,
            finish_commands_run_whatever_the_end,
            waiting_ends_with_the_run,
            an_end_is_told_to_who_does_not_wait,
            a_later_process_meets_the_same_run,
            stopping_twice_is_stopping,
            stopping_what_is_over_changes_nothing,
            a_lost_run_is_told_and_never_started_again,
            output_is_read_from_any_place,
            output_is_waited_for,
            output_steers_no_terminal,
            the_tail_begins_with_a_whole_line,
            what_was_never_launched_is_an_error,
        ]
    }
}

/// Waits in a thread: a wait that does not end fails the case.
fn wait<B: RunnerBench>(bench: &B, name: &str) -> RunReport {
    let (told, end) = mpsc::channel();
    let (runner, run) = (bench.runner(), name.to_owned());
    thread::spawn(move || told.send(runner.wait(&run)));
    end.recv_timeout(PATIENCE).expect("the wait ends").unwrap()
}

fn launch<B: RunnerBench>(bench: &B, name: &str, does: Does) {
    bench.runner().ensure(&bench.order(name, does)).unwrap();
    if does == Does::Hangs {
        bench.until_hanging(name);
    }
}

fn a_run_is_launched_once<B: RunnerBench>(bench: &B) {
    let order = bench.order("r", Does::Completes);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| bench.runner().ensure(&order).unwrap());
        }
    });
    assert_eq!(wait(bench, "r").end, RunEnd::Completed);
    bench.runner().ensure(&order).unwrap();
    assert_eq!(bench.starts("r"), 1);
}

fn a_run_is_known_once_it_was_launched<B: RunnerBench>(bench: &B) {
    assert!(!bench.runner().exists("r") && !bench.runner().was_launched("r").unwrap());
    launch(bench, "r", Does::Hangs);
    assert!(bench.runner().exists("r") && !bench.runner().exists("r2"));
    assert!(bench.runner().was_launched("r").unwrap() && !bench.runner().was_launched("r2").unwrap());
    bench.let_go("r");
    wait(bench, "r");
    assert!(bench.runner().exists("r"));
}

fn its_end_is_told_however_late_one_asks<B: RunnerBench>(bench: &B) {
    launch(bench, "r", Does::Completes);
    let report = wait(bench, "r");
    assert_eq!(report, RunReport { level: report.level, ..RunReport::of(RunEnd::Completed, None, Some(0)) });
    assert_eq!(wait(bench, "r"), report);
}

fn an_exit_code_is_told<B: RunnerBench>(bench: &B) {
    launch(bench, "r", Does::Fails);
    let report = wait(bench, "r");
    assert_eq!((report.exit_code, report.end), (Some(3), RunEnd::Failed { reason: "exit code 3".to_owned() }));
}

fn a_program_that_cannot_start_is_told<B: RunnerBench>(bench: &B) {
    launch(bench, "r", Does::CannotStart);
    let report = wait(bench, "r");
    assert!(matches!(&report.end, RunEnd::SpawnFailed { reason, .. } if !reason.is_empty()), "{report:?}");
}

fn a_result_file_is_handed_on<B: RunnerBench>(bench: &B) {
    launch(bench, "good", Does::LeavesResult);
    launch(bench, "bad", Does::LeavesNonsense);
    assert_eq!(wait(bench, "good").result, Some(Ok(result())));
    let bad = wait(bench, "bad");
    assert!(matches!(&bad.result, Some(Err(why)) if !why.is_empty()), "{bad:?}");
    assert_eq!(bad.end, RunEnd::Completed, "a broken result file is no failure of the run");
}

fn finish_commands_run_whatever_the_end<B: RunnerBench>(bench: &B) {
    for (name, does) in [("good", Does::Completes), ("bad", Does::Fails)] {
        launch(bench, name, does);
        wait(bench, name);
        assert_eq!(bench.finishes(name), 1, "{name}");
    }
    launch(bench, "stopped", Does::Hangs);
    bench.runner().stop("stopped").unwrap();
    wait(bench, "stopped");
    assert_eq!(bench.finishes("stopped"), 1);
}

fn waiting_ends_with_the_run<B: RunnerBench>(bench: &B) {
    launch(bench, "r", Does::Hangs);
    let (told, end) = mpsc::channel();
    let runner = bench.runner();
    thread::spawn(move || told.send(runner.wait("r").unwrap().end));
    assert!(end.try_recv().is_err());
    bench.let_go("r");
    assert_eq!(end.recv_timeout(PATIENCE).unwrap(), RunEnd::Completed);
}

fn an_end_is_told_to_who_does_not_wait<B: RunnerBench>(bench: &B) {
    assert!(bench.runner().when_over("none", Box::new(|| {})).is_err(), "it was never launched");
    let runner = bench.runner();
    let hear = |name: &str| {
        let (tell, told) = mpsc::channel();
        runner.when_over(name, Box::new(move || tell.send(()).unwrap_or_default())).unwrap();
        told
    };
    for name in ["r", "lost", "stopped", "goes on"] {
        launch(bench, &name.replace(' ', "-"), Does::Hangs);
    }
    let (first, second) = (hear("r"), hear("r"));
    let (lost, stopped, goes_on) = (hear("lost"), hear("stopped"), hear("goes-on"));
    assert!(first.try_recv().is_err());
    bench.let_go("r");
    first.recv_timeout(PATIENCE).expect("its end is told");
    second.recv_timeout(PATIENCE).expect("to everybody");
    assert_eq!(runner.wait("r").unwrap().end, RunEnd::Completed);
    hear("r").recv_timeout(PATIENCE).expect("however late");
    bench.lose("lost");
    lost.recv_timeout(PATIENCE).expect("a lost one's too");
    runner.stop("stopped").unwrap();
    stopped.recv_timeout(PATIENCE).expect("and a stopped one's");
    assert!(goes_on.try_recv().is_err());
    bench.let_go("goes-on");
    goes_on.recv_timeout(PATIENCE).expect("in the end");
}

fn a_later_process_meets_the_same_run<B: RunnerBench>(bench: &B) {
    launch(bench, "r", Does::Hangs);
    let later = bench.runner();
    later.ensure(&bench.order("r", Does::Hangs)).unwrap();
    assert!(later.exists("r"));
    bench.let_go("r");
    assert_eq!(later.wait("r").unwrap().end, RunEnd::Completed);
    assert_eq!(bench.starts("r"), 1);
}

fn stopping_twice_is_stopping<B: RunnerBench>(bench: &B) {
    launch(bench, "r", Does::Hangs);
    bench.runner().stop("r").unwrap();
    bench.runner().stop("r").unwrap();
    assert_eq!(wait(bench, "r").end, RunEnd::Stopped);
    bench.runner().stop("r").unwrap();
    assert_eq!(wait(bench, "r").end, RunEnd::Stopped);
}

fn stopping_what_is_over_changes_nothing<B: RunnerBench>(bench: &B) {
    launch(bench, "r", Does::Completes);
    let report = wait(bench, "r");
    bench.runner().stop("r").unwrap();
    assert_eq!(wait(bench, "r"), report);
}

fn a_lost_run_is_told_and_never_started_again<B: RunnerBench>(bench: &B) {
    launch(bench, "r", Does::Hangs);
    bench.lose("r");
    assert_eq!(wait(bench, "r").end, RunEnd::LOST, "its processes can be proved dead");
    assert!(bench.runner().exists("r"));
    bench.runner().ensure(&bench.order("r", Does::Hangs)).unwrap();
    assert_eq!((wait(bench, "r").end, bench.starts("r")), (RunEnd::LOST, 1));
}

fn output_is_read_from_any_place<B: RunnerBench>(bench: &B) {
    launch(bench, "r", Does::Completes);
    wait(bench, "r");
    let runner = bench.runner();
    let (all, end) = runner.output("r", 0, 1 << 20).unwrap();
    assert!(all.starts_with("first line\n") && all.ends_with("last line\n"), "{all:?}");
    let (first, next) = runner.output("r", 0, 11).unwrap();
    assert_eq!((first.as_str(), next), ("first line\n", 11));
    let (mut rest, mut at) = (String::new(), next);
    while at < end {
        let (text, next) = runner.output("r", at, 1 << 20).unwrap();
        assert!(next > at);
        rest += &text;
        at = next;
    }
    assert_eq!(first + &rest, all);
    assert_eq!(runner.output("r", end, 100).unwrap(), (String::new(), end));
    assert_eq!(runner.output("r", end + 5, 100).unwrap(), (String::new(), end + 5), "nothing is there yet");
}

fn output_is_waited_for<B: RunnerBench>(bench: &B) {
    let nothing = Duration::from_millis(1);
    assert!(bench.runner().await_output("none", 0, nothing).is_err(), "it was never launched");
    launch(bench, "r", Does::Hangs);
    let printed = bench.runner().raw_part("r", 0, 1 << 20).unwrap().len() as u64;
    assert!(!bench.runner().await_output("r", printed, nothing).unwrap(), "it hangs silently");
    let (told, end) = mpsc::channel();
    let runner = bench.runner();
    thread::spawn(move || told.send(runner.await_output("r", printed, PATIENCE * 10)));
    bench.let_go("r");
    let more = end.recv_timeout(PATIENCE).expect("the wait ends with the run").unwrap();
    wait(bench, "r");
    let all = bench.runner().raw_part("r", 0, 1 << 20).unwrap();
    assert_eq!(more, all.len() as u64 > printed);
    launch(bench, "done", Does::Completes);
    wait(bench, "done");
    let runner = bench.runner();
    let all = runner.raw_part("done", 0, 1 << 20).unwrap();
    assert_eq!(all, OUTPUT.as_bytes(), "raw is as it was printed");
    assert_eq!(runner.raw_part("done", 6, 4).unwrap(), b"line");
    assert!(runner.await_output("done", 0, nothing).unwrap(), "what is there needs no wait");
    assert!(!runner.await_output("done", all.len() as u64, PATIENCE * 10).unwrap(), "nothing comes any more");
}

fn output_steers_no_terminal<B: RunnerBench>(bench: &B) {
    launch(bench, "r", Does::Completes);
    wait(bench, "r");
    for text in [bench.runner().output("r", 0, 1 << 20).unwrap().0, bench.runner().output_tail("r", 1 << 20).unwrap()] {
        assert!(text.contains("second"), "{text:?}");
        assert!(!text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{text:?}");
    }
}

fn the_tail_begins_with_a_whole_line<B: RunnerBench>(bench: &B) {
    launch(bench, "r", Does::Completes);
    wait(bench, "r");
    let runner = bench.runner();
    assert_eq!(runner.output_tail("r", 14).unwrap(), "last line\n");
    assert!(runner.output_tail("r", 1 << 20).unwrap().starts_with("first line\n"));
}

fn what_was_never_launched_is_an_error<B: RunnerBench>(bench: &B) {
    let runner = bench.runner();
    assert!(runner.wait("none").is_err() && runner.stop("none").is_err());
    assert!(runner.output("none", 0, 10).is_err() && runner.output_tail("none", 10).is_err());
}
