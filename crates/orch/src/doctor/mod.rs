//! `orch doctor`: what this machine can and cannot do, in words.

mod checks;
mod confinement;
mod data;
mod repositories;
mod servers;
mod targets;
mod trackers;
mod way_out;

pub use servers::{api_fix, examine as examine_server, fix as server_fix, judged};

use clap::Args;
use serde::Serialize;

use crate::commands::text::wrap;
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, Style, printable};
use crate::settings::{self, Host, Paths};

/// Look whether everything is in order here, and say what to do where it is not.
///
/// Nothing is changed or started here. At a server where branches live, the branch `orch-doctor` is pushed and removed
/// again: whether that may be done is found out in no other way.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  orch doctor\n  orch doctor --json\n\n\
    Ends with 1 if something fails; a warning is no failure.")]
pub struct DoctorArgs {}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing to do.
    Ok,
    /// It works, but not as well as it could.
    Warn,
    /// Something does not work.
    Fail,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }

    const fn style(self) -> Style {
        match self {
            Self::Ok => Style::Good,
            Self::Warn => Style::Attention,
            Self::Fail => Style::Bad,
        }
    }
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check's name.
    pub name: &'static str,
    /// How it stands.
    pub state: State,
    /// What was found, without a full stop.
    pub words: String,
    /// What to do, if there is something to do.
    pub fix: Option<String>,
}

/// What a check may look at.
pub struct Look<'a> {
    /// Reads one environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The settings; the defaults if they do not load.
    pub host: Host,
    /// Why they do not load.
    pub settings: Result<Vec<settings::Warning>, Failure>,
}

/// One row of the table.
pub struct Check {
    /// One word.
    pub name: &'static str,
    /// Looks, and says what it found: state, words, what to do.
    pub look: fn(&Look) -> Vec<Told>,
}

/// State, words and what to do.
pub type Told = (State, String, Option<String>);

/// Looks at everything.
///
/// # Errors
/// [`Exit::Failed`] if a check failed; [`Exit::Settings`] if not even the places are known.
pub fn run(_: &DoctorArgs, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let paths = Paths::of(env)?;
    let (host, settings) = match settings::load(env) {
        Ok((host, warnings)) => (host, Ok(warnings)),
        Err(failure) => (Host::with_defaults(paths), Err(failure)),
    };
    let look = Look { env, host, settings };
    let findings = examine(checks::ALL, &look);
    for line in lines(&findings, screen) {
        screen.line(&line);
    }
    let worst = findings.iter().map(|finding| finding.state).max().unwrap_or(State::Ok);
    screen.json(&serde_json::json!({"state": worst, "checks": findings}));
    match count(&findings, State::Fail) {
        0 => Ok(()),
        1 => Err(Failure::new(Exit::Failed, "1 check failed").fix("do what stands beside it")),
        n => Err(Failure::new(Exit::Failed, format!("{n} checks failed")).fix("do what stands beside them")),
    }
}

fn examine(checks: &[Check], look: &Look) -> Vec<Finding> {
    let named = |check: &Check| {
        let name = check.name;
        (check.look)(look).into_iter().map(move |(state, words, fix)| Finding { name, state, words, fix })
    };
    checks.iter().flat_map(named).collect()
}

fn count(findings: &[Finding], state: State) -> usize {
    findings.iter().filter(|finding| finding.state == state).count()
}

/// The table for people: state, name, words; what to do below the words.
fn lines(findings: &[Finding], screen: &Screen) -> Vec<String> {
    let wide = findings.iter().map(|finding| finding.name.len()).max().unwrap_or(0);
    let mut lines = Vec::new();
    let mut last = "";
    for finding in findings {
        let state = screen.styled(finding.state.style(), &format!("{:4}", finding.state.word()));
        // A check that found several things names itself once.
        let name = if finding.name == last { "" } else { finding.name };
        last = finding.name;
        let name = screen.styled(Style::Strong, &format!("{name:wide$}"));
        let room = screen.width().saturating_sub(wide + 8);
        for (index, part) in wrap(&printable(&finding.words), room).into_iter().enumerate() {
            lines.push(match index {
                0 => format!("{state}  {name}  {part}"),
                _ => format!("{:1$}{part}", "", wide + 8),
            });
        }
        for part in finding.fix.iter().flat_map(|fix| wrap(&printable(fix), room)) {
            lines.push(format!("{:1$}{2}", "", wide + 8, screen.styled(Style::Faint, &part)));
        }
    }
    let told = |state, one: &str, many: &str| match count(findings, state) {
        0 => None,
        1 => Some(format!("1 {one}")),
        n => Some(format!("{n} {many}")),
    };
    let sum = [told(State::Fail, "failure", "failures"), told(State::Warn, "warning", "warnings")];
    let sum: Vec<String> = sum.into_iter().flatten().collect();
    lines.push(String::new());
    lines.push(if sum.is_empty() { "all is well".to_owned() } else { sum.join(", ") });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lines_up_and_counts() {
        let finding = |name, state, words: &str, fix: Option<&str>| Finding {
            name,
            state,
            words: words.to_owned(),
            fix: fix.map(str::to_owned),
        };
        let findings = [
            finding("git", State::Ok, "2.47.3", None),
            finding("agents", State::Fail, "no `x` on the PATH", Some("install it")),
            finding("agents", State::Warn, "a\u{1b}[2J", None),
        ];
        let screen = Screen::of_process(false, &|name| (name == "NO_COLOR").then(|| "1".to_owned()));
        insta::assert_snapshot!(lines(&findings, &screen).join("\n"), @r"
        ok    git     2.47.3
        fail  agents  no `x` on the PATH
                      install it
        warn          a\u{1b}[2J

        1 failure, 1 warning
        ");
        assert_eq!(lines(&findings[..1], &screen).last().map(String::as_str), Some("all is well"));
        let long = finding("repositories", State::Fail, &"a word ".repeat(40), Some(&"another ".repeat(40)));
        let told = lines(&[long], &screen);
        assert!(told.iter().all(|line| line.chars().count() <= 100), "{told:#?}");
        assert!(told[1].starts_with(&" ".repeat(20)) && told.len() > 6, "{told:#?}");
    }

    #[test]
    fn every_check_has_a_name_of_its_own() {
        let mut names: Vec<_> = checks::ALL.iter().map(|check| check.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), checks::ALL.len());
    }
}
