//! What came of a run, and how it is told.

use std::process::ExitCode;
use std::time::Duration;

use super::libtest::Outcome;
use super::not_run::NotRun;

/// Counts, failures, what was not run, and where the time went.
#[derive(Default)]
pub struct Summary {
    /// Number of checks and tests that passed.
    pub passed: usize,
    failures: Vec<String>,
    not_run: Vec<NotRun>,
    times: Vec<(String, Duration)>,
}

impl Summary {
    /// Counts one failure and keeps the line that says what failed.
    pub fn fail(&mut self, line: String) {
        self.failures.push(line);
    }

    /// Counts one check or tool that this machine does not have.
    pub fn not_run(&mut self, name: &str, reason: impl Into<String>) {
        self.not_run.push(NotRun { name: name.to_owned(), reason: reason.into() });
    }

    /// Keeps the time a step took.
    pub fn time(&mut self, step: &str, took: Duration) {
        self.times.push((step.to_owned(), took));
    }

    /// Adds what the test programs said. A test that `reported` itself as not run returned early
    /// and was counted as passed: it is taken off.
    pub fn tests(&mut self, outcome: Outcome, reported: Vec<NotRun>) {
        self.passed += outcome.passed.saturating_sub(reported.len());
        self.failures.extend(outcome.failures);
        self.not_run.extend(reported);
        self.not_run.extend(outcome.ignored.into_iter().map(|(name, reason)| NotRun { name, reason }));
    }

    /// Prints everything; the last line is the count. Fails if anything failed, or if in CI
    /// something of the named set was not run.
    pub fn finish(mut self, ci: bool) -> ExitCode {
        if ci {
            self.refuse_missing();
        }
        println!("\n{}", self.text());
        if self.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn refuse_missing(&mut self) {
        let (required, rest) = std::mem::take(&mut self.not_run).into_iter().partition(NotRun::required_in_ci);
        self.not_run = rest;
        self.failures.extend(
            Vec::into_iter(required).map(|entry: NotRun| format!("{}: must run in CI: {}", entry.name, entry.reason)),
        );
    }

    fn text(&self) -> String {
        let mut text = String::from("where the time went\n");
        let total: Duration = self.times.iter().map(|(_, took)| *took).sum();
        let rows = self.times.iter().map(|(step, took)| (step.as_str(), *took));
        for (step, took) in rows.chain([("total", total)]) {
            text.push_str(&format!("  {step:<10}{:>9.1} s\n", took.as_secs_f64()));
        }
        if !self.not_run.is_empty() {
            text.push_str("\nnot run here\n");
            for entry in &self.not_run {
                text.push_str(&format!("  {}: {}\n", entry.name, entry.reason));
            }
        }
        if !self.failures.is_empty() {
            text.push_str("\nfailed\n");
            for line in &self.failures {
                text.push_str(&format!("  {line}\n"));
            }
        }
        text.push('\n');
        text.push_str(&self.count());
        text
    }

    fn count(&self) -> String {
        let mut count = format!("{} passed, {} failed", self.passed, self.failures.len());
        if !self.not_run.is_empty() {
            count.push_str(&format!(", {} skipped", self.not_run.len()));
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(passed: usize, failures: &[&str]) -> Outcome {
        Outcome { passed, failures: failures.iter().map(|&name| name.to_owned()).collect(), ignored: Vec::new() }
    }

    fn missing(name: &str) -> NotRun {
        NotRun { name: name.to_owned(), reason: "no server".to_owned() }
    }

    #[test]
    fn the_last_line_is_the_count() {
        let mut summary = Summary::default();
        summary.passed += 3;
        summary.tests(outcome(10, &["a", "b"]), Vec::new());
        summary.time("test", Duration::from_millis(1500));
        assert_eq!(summary.text().lines().last(), Some("13 passed, 2 failed"));
        assert!(summary.text().contains("test            1.5 s"), "{}", summary.text());
    }

    #[test]
    fn what_reported_itself_is_not_counted_as_passed() {
        let mut summary = Summary::default();
        summary.tests(outcome(10, &[]), vec![missing("store/postgres/a")]);
        assert_eq!(summary.count(), "9 passed, 0 failed, 1 skipped");
        assert!(summary.text().contains("store/postgres/a: no server"));
    }

    #[test]
    fn ci_fails_what_must_run_there() {
        let mut summary = Summary::default();
        summary.tests(outcome(10, &[]), vec![missing("store/postgres/a"), missing("web/browser")]);
        summary.refuse_missing();
        assert_eq!(summary.count(), "8 passed, 1 failed, 1 skipped");
        assert_eq!(summary.finish(true), ExitCode::FAILURE);
    }

    #[test]
    fn the_exit_code_follows_the_failures() {
        let mut summary = Summary::default();
        summary.tests(outcome(1, &[]), vec![missing("store/postgres/a")]);
        assert_eq!(summary.finish(false), ExitCode::SUCCESS);
        let mut summary = Summary::default();
        summary.fail("fmt".to_owned());
        assert_eq!(summary.finish(false), ExitCode::FAILURE);
    }
}
