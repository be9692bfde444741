//! `report.json`: every commit that landed, tested once more on an empty checkout; and its issue's own test, which has
//! to fail on the commit before and pass on it.

use orch_testkit::sample::TEST_COMMAND;
use serde::Serialize;

use super::Trouble;
use super::checkouts::{Order, Ran, run_all};
use super::events::Events;
use super::folder::{Folder, Main, unwritten};
use super::journey::Traveller;
use super::story::Turn;
use super::terminal::Terminal;
use crate::exit::{Exit, Failure};

/// The whole file.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The project.
    pub repository: String,
    /// Main before the issues.
    pub base: String,
    /// Main after them.
    pub head: String,
    /// Run by `sh -c` in each checkout.
    pub test_command: &'static str,
    /// Main's first-parent line after `base`, oldest first.
    pub commits: Vec<TestedCommit>,
    /// What happened to the issues on their way.
    pub issues: Vec<Issue>,
}

/// One issue.
#[derive(Debug, Serialize)]
pub struct Issue {
    /// `PREFIX-NNN`.
    pub id: String,
    /// As opened.
    pub title: String,
    /// In the order of the way; empty if it went straight through.
    pub turns: Vec<Turn>,
}

/// One commit on main.
#[derive(Debug, Serialize)]
pub struct TestedCommit {
    /// Full name.
    pub commit: String,
    /// First line of its message.
    pub subject: String,
    /// Of the test command; 128 and the signal's number if a signal ended it, as a shell says.
    pub exit_code: i32,
    /// Of the test command.
    pub duration_ms: u64,
    /// The test that came with it; `null` if it carries none of the issues.
    pub proof: Option<Proof>,
}

/// An issue's own test.
#[derive(Debug, Serialize)]
pub struct Proof {
    /// The issue.
    pub issue: String,
    /// The test's file.
    pub path: String,
    /// Run alone, by `sh -c`.
    pub command: String,
    /// On the commit before, into which only this file was put.
    pub before_exit_code: i32,
    /// On the commit itself.
    pub after_exit_code: i32,
}

impl Proof {
    /// It fails without the change and passes with it.
    pub fn holds(&self) -> bool {
        self.before_exit_code != 0 && self.after_exit_code == 0
    }
}

/// A commit on main as git lists it.
struct Landed<'a> {
    commit: &'a str,
    subject: &'a str,
    by: Option<&'a Traveller>,
}

/// Tests every commit on main's first-parent line since `main.base` and writes `report.json`.
///
/// # Errors
/// [`Trouble::Interrupted`]; [`Trouble::Failed`] if a checkout cannot be made. A red test is no error.
pub fn test_every_commit(
    folder: &Folder,
    main: &Main,
    travellers: &[Traveller],
    env: &dyn Fn(&str) -> Option<String>,
    events: &Events,
    terminal: &mut Terminal,
) -> Result<Report, Trouble> {
    let range = format!("{}..{}", main.base, main.head);
    let listed = folder.git(&["log", "--first-parent", "--reverse", "--format=%H %s", &range])?;
    let landed: Vec<Landed<'_>> = listed.lines().map(|line| of_line(line, travellers)).collect();
    let orders: Vec<Order> = landed.iter().flat_map(orders).collect();
    let count = landed.len();
    let words = format!("testing {count} commits and what came with them, on empty checkouts");
    if !terminal.is_live() {
        terminal.say(&words);
    }
    let mut tell = |done: usize| terminal.draw(&[String::new(), format!("{words}: {done} of {}", orders.len())]);
    tell(0);
    let mut answers = run_all(folder, &orders, env, events, &mut tell)?.into_iter();
    terminal.draw(&[]);
    let commits = landed.iter().map(|landed| tested(landed, &mut answers)).collect();
    let issues = travellers.iter().map(|t| Issue {
        id: t.id().to_owned(),
        title: t.detail.task.title.clone(),
        turns: t.turns.clone(),
    });
    let report = Report {
        repository: main.repository.to_string(),
        base: main.base.clone(),
        head: main.head.clone(),
        test_command: TEST_COMMAND,
        commits,
        issues: issues.collect(),
    };
    let text = serde_json::to_string_pretty(&report)
        .map_err(|e| Failure::new(Exit::Internal, format!("the report cannot be written as JSON: {e}")))?;
    std::fs::write(folder.report(), text + "\n").map_err(|e| unwritten(&folder.report(), &e))?;
    Ok(report)
}

fn of_line<'a>(line: &'a str, travellers: &'a [Traveller]) -> Landed<'a> {
    let (commit, subject) = line.split_once(' ').unwrap_or((line, ""));
    Landed { commit, subject, by: travellers.iter().find(|traveller| traveller.landed() == Some(commit)) }
}

/// The name of the checkout of a commit, and of the file with its words.
pub fn checkout(commit: &str) -> String {
    format!("checkout-{}", commit.get(..10).unwrap_or(commit))
}

fn alone(proof: &str) -> String {
    let name = proof.trim_start_matches("tests/").trim_end_matches(".rs");
    format!("{TEST_COMMAND} --test {name}")
}

/// What is tried for one commit, in the order in which [`tested`] takes the answers.
fn orders(landed: &Landed<'_>) -> Vec<Order> {
    let (name, commit) = (checkout(landed.commit), landed.commit.to_owned());
    let all = TEST_COMMAND.to_owned();
    let Some(by) = landed.by else { return vec![Order { name, commit, with: None, commands: vec![all] }] };
    let alone = alone(&by.proof);
    let before = Order {
        name: format!("{name}-before"),
        commit: format!("{commit}^"),
        with: Some((commit.clone(), by.proof.clone())),
        commands: vec![alone.clone()],
    };
    vec![Order { name, commit, with: None, commands: vec![all, alone] }, before]
}

fn tested(landed: &Landed<'_>, answers: &mut impl Iterator<Item = Vec<Ran>>) -> TestedCommit {
    let code = |ran: Option<&Ran>| ran.map_or(-1, |ran| ran.exit_code);
    let own = answers.next().unwrap_or_default();
    let proof = landed.by.map(|by| Proof {
        issue: by.id().to_owned(),
        path: by.proof.clone(),
        command: alone(&by.proof),
        before_exit_code: code(answers.next().unwrap_or_default().first()),
        after_exit_code: code(own.get(1)),
    });
    let took = own.first().map(|ran| ran.took).unwrap_or_default();
    TestedCommit {
        commit: landed.commit.to_owned(),
        subject: landed.subject.to_owned(),
        exit_code: code(own.first()),
        duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        proof,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_holds_only_if_it_fails_before_and_passes_after() {
        let holds = |before_exit_code, after_exit_code| {
            let text = String::new;
            Proof { issue: text(), path: text(), command: text(), before_exit_code, after_exit_code }.holds()
        };
        assert!(holds(101, 0));
        assert!(!holds(0, 0), "it would pass without the change");
        assert!(!holds(101, 101));
        assert!(!holds(0, 101));
    }
}
