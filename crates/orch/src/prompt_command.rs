//! `orch prompt show`: what an agent of a repository's line is told it is and owes.

use camino::Utf8Path;
use clap::{Args, Subcommand, ValueEnum};
use orch_engine::prompt::{self, OwnPrompt, Subject};
use orch_rules::ids::WorkItemId;
use orch_rules::pipeline::{Pipeline, Role, Stage};

use crate::exit::{Exit, Failure};
use crate::init;
use crate::pipeline_command::{folder, of_repository};
use crate::screen::{Screen, Style};

/// Show what the agent of a role is told, and where its words come from.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  orch prompt show reviewer\n  orch prompt show developer --repo shop\n\n\
    To say it in your own words, commit .orch/agents/<role>.md to the base branch.\nWhat the machine reads is always added.")]
pub struct PromptArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub action: PromptAction,
}

/// What can be done with a prompt.
#[derive(Debug, Clone, Subcommand)]
pub enum PromptAction {
    /// Print it as an agent gets it, with ID for the task's id.
    Show {
        /// Whose
        role: RoleName,
        /// Name of a registered repository, or a folder; the current folder if not given
        #[arg(long, value_name = "REPO")]
        repo: Option<String>,
    },
}

/// A role on the command line.
#[derive(Debug, Clone, Copy)]
pub struct RoleName(Role);

impl ValueEnum for RoleName {
    fn value_variants<'a>() -> &'a [Self] {
        const {
            &[
                Self(Role::ALL[0]),
                Self(Role::ALL[1]),
                Self(Role::ALL[2]),
                Self(Role::ALL[3]),
                Self(Role::ALL[4]),
                Self(Role::ALL[5]),
            ]
        }
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.0.name()))
    }
}

/// Prints prompts. `env` reads one environment variable.
///
/// # Errors
/// [`Exit::Settings`] if the repository's own words or its pipeline cannot be used, [`Exit::NotFound`] if its line has no
/// such role.
pub fn run_prompt(args: &PromptArgs, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let PromptAction::Show { role: RoleName(role), repo } = &args.action;
    let folder = folder(repo.as_deref(), env)?;
    let lines: Vec<Pipeline> = of_repository(&folder, None)?.into_iter().map(|found| found.pipeline).collect();
    let own = own_words(&folder, *role)?;
    let stages: Vec<(&Pipeline, &Stage)> = lines
        .iter()
        .flat_map(|line| line.stages.iter().map(move |stage| (line, stage)))
        .filter(|(_, stage)| stage.role == Some(*role))
        .collect();
    if stages.is_empty() {
        let words = format!("no stage of this line has the role {}", role.name());
        return Err(Failure::new(Exit::NotFound, words).fix("look at the line: orch pipeline show"));
    }
    let file = own.as_ref().map(|own| own.path.as_str());
    let origin = match file {
        Some(path) => format!("{path}, and the contract; the line itself reads the file from the base branch"),
        None => format!("built-in; a file {} on the base branch replaces its first part", prompt::paths_of(*role)[0]),
    };
    let work_item = WorkItemId("ID".to_owned());
    for (pipeline, stage) in stages {
        let text = prompt::render(&Subject { role: *role, stage, pipeline, work_item: &work_item }, own.as_ref());
        screen.line(&screen.styled(Style::Faint, &format!("{} at {}: {origin}", role.name(), stage.id)));
        screen.line("");
        screen.line(crate::screen::printable(text.trim_end()).as_str());
        screen.line("");
        screen.json(&serde_json::json!({ "role": role.name(), "stage": stage.id, "file": file, "prompt": text }));
    }
    Ok(())
}

/// The words in the working tree around `folder`.
fn own_words(folder: &Utf8Path, role: Role) -> Result<Option<OwnPrompt>, Failure> {
    let folder = std::path::absolute(folder).ok().and_then(|f| camino::Utf8PathBuf::from_path_buf(f).ok());
    let Some(top) = folder.as_deref().and_then(init::top_of) else { return Ok(None) };
    for path in prompt::paths_of(role) {
        let file = top.join(&path);
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                return Err(Failure::new(Exit::Settings, format!("the prompt cannot be read: {error}"))
                    .at(file.as_str())
                    .fix("write Markdown into it, or remove it for the built-in prompt"));
            }
        };
        return prompt::usable(&path, text)
            .map(Some)
            .map_err(|error| Failure::new(Exit::Settings, error.to_string()).at(file.as_str()));
    }
    Ok(None)
}
