//! Reading what Rust's test harness prints.
//!
//! Its lines are not a frozen format, but the machine-readable one is not stable; these have not
//! changed in years, and whatever is not understood fails the run by cargo's exit code.

/// What the lines so far said.
#[derive(Default)]
pub struct Tally {
    passed: usize,
    failures: Vec<Failure>,
    ignored: Vec<(String, String)>,
    /// The test program cargo announced last.
    target: String,
    /// A `running N tests` whose `test result:` has not come yet.
    open: bool,
    /// How many failures and ignored tests there were when it came.
    before: (usize, usize),
}

/// A failed test and the program it is in, as exactly as we know it.
#[derive(Clone)]
struct Failure {
    test: String,
    program: String,
}

/// What came of all test programs.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Number of tests the harness called ok.
    pub passed: usize,
    /// One line for each failure: the test and how to run its program again.
    pub failures: Vec<String>,
    /// Tests marked `#[ignore]`, with the reason given there.
    pub ignored: Vec<(String, String)>,
}

impl Tally {
    /// Takes one line of output, without its end.
    pub fn line(&mut self, line: &str) {
        let trimmed = line.trim_start();
        if line.starts_with(' ') {
            // Cargo indents its own words: `     Running …`, `   Doc-tests …`.
            if let Some(target) = trimmed.strip_prefix("Running ") {
                self.next_target(target);
            } else if let Some(krate) = trimmed.strip_prefix("Doc-tests ") {
                self.next_target(&format!("documentation of {krate}"));
            }
            return;
        }
        if let Some(count) = line.strip_prefix("running ") {
            if is_test_count(count) {
                self.close();
                self.open = true;
                self.before = (self.failures.len(), self.ignored.len());
            }
        } else if let Some(result) = line.strip_prefix("test result: ") {
            self.result(result);
        } else if let Some(test) = line.strip_prefix("test ") {
            self.test(test);
        } else if let Some(rerun) = line.strip_prefix("error: ").and_then(|line| line.split_once("rerun pass `")) {
            self.name_program(rerun.1.trim_end_matches('`'));
        }
    }

    fn next_target(&mut self, target: &str) {
        self.close();
        target.clone_into(&mut self.target);
    }

    /// Cargo says which package the program that just failed belongs to.
    fn name_program(&mut self, arguments: &str) {
        self.close();
        for failure in self.failures.iter_mut().filter(|failure| failure.program == self.target) {
            failure.program = format!("cargo test {arguments}");
        }
    }

    fn failure(&self, test: &str) -> Failure {
        Failure { test: test.to_owned(), program: self.target.clone() }
    }

    fn test(&mut self, test: &str) {
        let Some((name, outcome)) = test.rsplit_once(" ... ") else {
            return;
        };
        if outcome == "FAILED" {
            self.failures.push(self.failure(name));
        } else if let Some(reason) = outcome.strip_prefix("ignored") {
            let reason = reason.trim_start_matches(", ");
            let reason = if reason.is_empty() { "marked #[ignore]" } else { reason };
            self.ignored.push((name.to_owned(), reason.to_owned()));
        }
    }

    /// `ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s`
    fn result(&mut self, result: &str) {
        self.open = false;
        let (mut failed, mut ignored) = (0, 0);
        for part in result.split_once(". ").map_or("", |(_, parts)| parts).split("; ") {
            match part.split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "failed")) => failed = number.parse().unwrap_or(0),
                Some((number, "ignored")) => ignored = number.parse().unwrap_or(0),
                _ => {}
            }
        }
        // The numbers are the truth: a test's own output may break the line that names another.
        let unnamed = "a test whose name was lost in other output";
        self.failures.resize(self.before.0 + failed, self.failure(unnamed));
        self.ignored.resize(self.before.1 + ignored, (unnamed.to_owned(), "marked #[ignore]".to_owned()));
        self.before = (self.failures.len(), self.ignored.len());
    }

    fn close(&mut self) {
        if std::mem::take(&mut self.open) {
            self.failures.push(self.failure("it ended in the middle (crashed or killed)"));
        }
    }

    /// The outcome, given whether `cargo test` itself ended well.
    pub fn finish(mut self, success: bool) -> Outcome {
        self.close();
        let line = |failure: Failure| format!("{}  ({})", failure.test, failure.program);
        let mut failures: Vec<String> = self.failures.into_iter().map(line).collect();
        if !success && failures.is_empty() {
            failures.push("cargo test ended badly without naming a test; its words stand above".to_owned());
        }
        Outcome { passed: self.passed, failures, ignored: self.ignored }
    }
}

/// `1 test`, `12 tests`: a test may print `running late` itself.
fn is_test_count(text: &str) -> bool {
    text.strip_suffix(" tests")
        .or_else(|| text.strip_suffix(" test"))
        .is_some_and(|number| number.parse::<usize>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, success: bool) -> Outcome {
        let mut tally = Tally::default();
        text.lines().for_each(|line| tally.line(line));
        tally.finish(success)
    }

    const TWO_PROGRAMS: &str = "\
   Compiling orch-rules v0.1.0
     Running unittests src/lib.rs (target/debug/deps/orch_rules-1a)

running 3 tests
test card::title ... ok
test lane::order ... FAILED
test lane::slow ... ignored, needs an hour

failures:

---- lane::order stdout ----
thread 'lane::order' panicked at src/lane.rs:1:1

failures:
    lane::order

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

error: test failed, to rerun pass `-p orch-rules --lib`
   Doc-tests orch_rules

running 2 tests
test src/lib.rs - decide (line 3) ... ok
test src/lib.rs - decide (line 9) ... ignored

test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s
";

    #[test]
    fn programs_and_documentation_are_summed() {
        let outcome = read(TWO_PROGRAMS, false);
        assert_eq!(outcome.passed, 2);
        assert_eq!(outcome.failures, ["lane::order  (cargo test -p orch-rules --lib)"]);
        assert_eq!(
            outcome.ignored,
            [
                ("lane::slow".to_owned(), "needs an hour".to_owned()),
                ("src/lib.rs - decide (line 9)".to_owned(), "marked #[ignore]".to_owned()),
            ]
        );
    }

    #[test]
    fn the_numbers_are_the_truth() {
        let lost = "running 2 tests\nnoise test a ... FAILED\ntest b ... ok\n\
                    test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let outcome = read(lost, false);
        assert_eq!((outcome.passed, outcome.failures.len()), (1, 1));
        let printed = "running 1 test\ntest x ... FAILED\ntest y ... ignored\ntest a ... ok\n\
                       test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(read(printed, true), Outcome { passed: 1, ..Outcome::default() });
    }

    #[test]
    fn a_program_that_crashes_is_a_failure() {
        let text =
            "     Running tests/suite/main.rs (deps/suite-1)\nrunning 2 tests\ntest a ... ok\n     Running other\n";
        let outcome = read(text, false);
        assert_eq!(outcome.failures.len(), 1);
        assert!(outcome.failures[0].contains("tests/suite/main.rs"), "{outcome:?}");
    }

    #[test]
    fn a_crash_of_the_last_program_is_a_failure() {
        assert_eq!(read("running 1 test\n", true).failures.len(), 1);
    }

    #[test]
    fn a_bad_exit_that_names_nothing_is_a_failure() {
        assert_eq!(read("error: no such package\n", false).failures.len(), 1);
        assert_eq!(read("", true), Outcome::default());
    }

    #[test]
    fn a_test_that_prints_similar_words_changes_nothing() {
        assert_eq!(read("running late\ntest of patience\n  Runningx\n", true), Outcome::default());
    }
}
