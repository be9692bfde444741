//! `orch pipeline show` and `orch pipeline check`: the line of a repository, drawn and proved.

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Subcommand};
use orch_rules::pipeline::{self, Pipeline};
use orch_rules::repository_file::RepositoryFile;

use crate::exit::{Exit, Failure};
use crate::init::{self, file_failure};
use crate::screen::{Screen, Style};
use crate::settings;

/// Draw or check the line of a repository: its stages, gates and edges.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  orch pipeline show\n  orch pipeline show --repo shop\n  \
    orch pipeline check .orch/pipeline.toml")]
pub struct PipelineArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub action: PipelineAction,
}

/// What can be done with a pipeline.
#[derive(Debug, Clone, Subcommand)]
pub enum PipelineAction {
    /// Draw it and explain every stage.
    Show {
        /// Name of a registered repository, or a folder; the current folder if not given
        #[arg(long, value_name = "REPO")]
        repo: Option<String>,
    },
    /// Prove that it can be used; tell every problem at once.
    Check {
        /// The pipeline file; the current repository's if not given
        file: Option<Utf8PathBuf>,
        /// That of a registered repository, or of a folder, instead
        #[arg(long, value_name = "REPO", conflicts_with = "file")]
        repo: Option<String>,
    },
}

/// Draws or proves a pipeline. `env` reads one environment variable.
///
/// # Errors
/// [`Exit::Settings`] with every problem of the pipeline or settings file, [`Exit::NotFound`] if the named file or
/// repository does not exist.
pub fn run_pipeline(args: &PipelineArgs, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    match &args.action {
        PipelineAction::Show { repo } => show(&of_repository(&folder(repo.as_deref(), env)?)?, screen),
        PipelineAction::Check { file: Some(file), .. } => check(&of_file(file)?, screen),
        PipelineAction::Check { file: None, repo } => check(&of_repository(&folder(repo.as_deref(), env)?)?, screen),
    }
    Ok(())
}

/// A pipeline and where it was found.
pub struct Found {
    /// The line.
    pub pipeline: Pipeline,
    /// `None`: the built-in line.
    pub file: Option<Utf8PathBuf>,
}

/// The folder of a registered repository, or the one that is named; the current one.
///
/// # Errors
/// [`Exit::NotFound`] if there is none of this name.
pub fn folder(repo: Option<&str>, env: &dyn Fn(&str) -> Option<String>) -> Result<Utf8PathBuf, Failure> {
    let Some(repo) = repo else { return Ok(Utf8PathBuf::from(".")) };
    let (host, _) = settings::load(env)?;
    if let Some(entry) = host.repository(repo) {
        return Ok(entry.path.clone());
    }
    let folder = Utf8PathBuf::from(repo);
    if folder.is_dir() {
        return Ok(folder);
    }
    let known: Vec<&str> = host.repositories.iter().map(|r| r.id.as_str()).collect();
    Err(Failure::new(Exit::NotFound, format!("there is no repository `{repo}`"))
        .at(host.paths.config_file.as_str())
        .fix(if known.is_empty() {
            "register one: run `orch init` in it".to_owned()
        } else {
            format!("registered are: {}", known.join(", "))
        }))
}

/// The pipeline of the working tree around `folder`; the built-in one if it has none.
///
/// # Errors
/// [`Exit::Settings`] if it cannot be used.
pub fn of_repository(folder: &Utf8Path) -> Result<Found, Failure> {
    let folder = std::path::absolute(folder).ok().and_then(|f| Utf8PathBuf::from_path_buf(f).ok());
    let Some(top) = folder.as_deref().and_then(init::top_of) else { return Ok(built_in()) };
    let named = init::read_repository_file(&top)?.unwrap_or_default().pipeline;
    let file = top.join(&named);
    if !file.exists() && named == RepositoryFile::default().pipeline {
        return Ok(built_in());
    }
    of_file(&file)
}

fn built_in() -> Found {
    Found { pipeline: pipeline::default_pipeline(), file: None }
}

fn of_file(file: &Utf8Path) -> Result<Found, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let exit = match error.kind() {
            std::io::ErrorKind::NotFound => Exit::NotFound,
            _ => Exit::Settings,
        };
        Failure::new(exit, format!("the pipeline file cannot be read: {error}"))
            .at(file.as_str())
            .fix("name a readable pipeline file, or leave it out for the current repository's")
    })?;
    let pipeline = pipeline::parse(&text, file.as_str())
        .map_err(|problems| file_failure("point of the pipeline", "points of the pipeline", problems))?;
    Ok(Found { pipeline, file: Some(file.to_path_buf()) })
}

fn show(found: &Found, screen: &Screen) {
    let origin = match &found.file {
        Some(file) => format!("{file}; the line itself reads it from the base branch"),
        None => "the built-in line; a file .orch/pipeline.toml on the base branch replaces it".to_owned(),
    };
    screen.line(&screen.styled(Style::Faint, &origin));
    screen.line("");
    screen.line(pipeline::draw(&found.pipeline).trim_end());
    screen.line("");
    screen.line(pipeline::explain(&found.pipeline).trim_end());
    screen.json(&serde_json::json!({ "file": found.file, "pipeline": found.pipeline }));
}

fn check(found: &Found, screen: &Screen) {
    let name = found.file.as_ref().map_or("the built-in line", |f| f.as_str());
    let stages = found.pipeline.stages.len();
    screen.line(&format!(
        "{}: {name}: {stages} stages, one entry, every stage leads to done, every way back is capped, one landing at most",
        screen.styled(Style::Good, "good")
    ));
    screen.json(&serde_json::json!({ "file": found.file, "ok": true, "digest": found.pipeline.digest }));
}
