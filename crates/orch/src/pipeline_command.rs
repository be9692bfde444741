//! `orch pipeline show` and `orch pipeline check`: the line of a repository, drawn and proved.

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Subcommand};
use orch_rules::pipeline::{self, Pipeline};
use orch_rules::repository_file::{self, RepositoryFile, Variant, When};

use crate::exit::{Exit, Failure};
use crate::init::{self, file_failure};
use crate::screen::{Screen, Style};
use crate::settings;

/// Draw or check the line of a repository: its stages, gates and edges.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  orch pipeline show\n  orch pipeline show --repo shop\n  \
    orch pipeline check --variant papers\n  orch pipeline check .orch/pipeline.toml")]
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
        /// One [[variant]] of the repository file, or `default`; all if not given
        #[arg(long, value_name = "NAME")]
        variant: Option<String>,
    },
    /// Prove that it can be used; tell every problem at once.
    Check {
        /// The pipeline file; the current repository's if not given
        file: Option<Utf8PathBuf>,
        /// That of a registered repository, or of a folder, instead
        #[arg(long, value_name = "REPO", conflicts_with = "file")]
        repo: Option<String>,
        /// One [[variant]] of the repository file, or `default`; all if not given
        #[arg(long, value_name = "NAME", conflicts_with = "file")]
        variant: Option<String>,
    },
}

/// Draws or proves pipelines. `env` reads one environment variable.
///
/// # Errors
/// [`Exit::Settings`] with every problem of the pipeline or settings file, [`Exit::NotFound`] if the named file,
/// repository or variant does not exist.
pub fn run_pipeline(args: &PipelineArgs, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    match &args.action {
        PipelineAction::Show { repo, variant } => {
            show(&of_repository(&folder(repo.as_deref(), env)?, variant.as_deref())?, screen);
        }
        PipelineAction::Check { file: Some(file), .. } => {
            let protects = init::top_of(file.parent().unwrap_or(file)).and_then(|top| settings_of(&top).ok());
            check(&[of_file(file, None, &protects.unwrap_or_default())?], screen);
        }
        PipelineAction::Check { file: None, repo, variant } => {
            check(&of_repository(&folder(repo.as_deref(), env)?, variant.as_deref())?, screen);
        }
    }
    Ok(())
}

/// A pipeline and where it was found.
pub struct Found {
    /// The line.
    pub pipeline: Pipeline,
    /// `None`: the built-in line.
    pub file: Option<Utf8PathBuf>,
    /// `None`: the repository's own line.
    variant: Option<Variant>,
    /// One sentence each: it can be used, and is perhaps not what is wanted.
    warnings: Vec<String>,
}

impl Found {
    fn name(&self) -> String {
        let file = self.file.as_ref().map_or("the built-in line", |file| file.as_str());
        match &self.variant {
            Some(variant) => format!("variant {}, {file}", variant.name),
            None => file.to_owned(),
        }
    }
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

/// The pipelines of the working tree around `folder`: its own line, the built-in one if it has none, and every variant;
/// or the one that is asked for.
///
/// # Errors
/// [`Exit::Settings`] if one cannot be used; [`Exit::NotFound`] if there is none of this name.
pub fn of_repository(folder: &Utf8Path, asked: Option<&str>) -> Result<Vec<Found>, Failure> {
    let folder = std::path::absolute(folder).ok().and_then(|f| Utf8PathBuf::from_path_buf(f).ok());
    let Some(top) = folder.as_deref().and_then(init::top_of) else {
        if let Some(asked) = asked.filter(|asked| *asked != repository_file::PLAIN) {
            return Err(unknown(repository_file::named(&[], asked).err()));
        }
        return Ok(vec![built_in()]);
    };
    let settings = settings_of(&top)?;
    let mut found = Vec::new();
    if asked.is_none_or(|asked| asked == repository_file::PLAIN) {
        let file = top.join(&settings.pipeline);
        let none = !file.exists() && settings.pipeline == RepositoryFile::default().pipeline;
        found.push(if none { built_in() } else { of_file(&file, None, &settings)? });
    }
    let wanted = match asked.filter(|asked| *asked != repository_file::PLAIN) {
        Some(asked) => {
            vec![repository_file::named(&settings.variants, asked).map_err(|why| unknown(Some(why)))?]
        }
        None if asked.is_none() => settings.variants.iter().collect(),
        None => Vec::new(),
    };
    for variant in wanted {
        found.push(of_file(&top.join(&variant.pipeline), Some(variant), &settings)?);
    }
    Ok(found)
}

fn settings_of(top: &Utf8Path) -> Result<RepositoryFile, Failure> {
    Ok(init::read_repository_file(top)?.unwrap_or_default())
}

fn unknown(why: Option<String>) -> Failure {
    Failure::new(Exit::NotFound, why.unwrap_or_default()).fix("orch pipeline show draws every line there is")
}

fn built_in() -> Found {
    Found { pipeline: pipeline::default_pipeline(), file: None, variant: None, warnings: Vec::new() }
}

fn of_file(file: &Utf8Path, variant: Option<&Variant>, settings: &RepositoryFile) -> Result<Found, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let exit = match error.kind() {
            std::io::ErrorKind::NotFound => Exit::NotFound,
            _ => Exit::Settings,
        };
        let fix = match variant {
            Some(variant) => format!("write it, or correct `pipeline` of the [[variant]] {}", variant.name),
            None => "name a readable pipeline file, or leave it out for the current repository's".to_owned(),
        };
        Failure::new(exit, format!("the pipeline file cannot be read: {error}")).at(file.as_str()).fix(fix)
    })?;
    let pipeline = pipeline::parse(&text, file.as_str())
        .map_err(|problems| file_failure("point of the pipeline", "points of the pipeline", problems))?;
    let unguarded = if settings.protect_paths.is_empty() { Vec::new() } else { pipeline.unguarded() };
    let warnings = unguarded.iter().map(|stage| {
        format!(
            "{file}: the gates of `{stage}` leave out check_protected_paths, so nobody is asked there about {} ([protect] \
             paths); add it to `gates`",
            settings.protect_paths.join(", ")
        )
    });
    Ok(Found { warnings: warnings.collect(), pipeline, file: Some(file.to_path_buf()), variant: variant.cloned() })
}

/// One object for the line itself; with variants, all under `lines` as well.
fn answer(all: &[Found], of: impl Fn(&Found) -> serde_json::Value) -> serde_json::Value {
    let mut answer = all.first().map(&of).unwrap_or_default();
    if let (Some(fields), true) = (answer.as_object_mut(), all.len() > 1) {
        fields.insert("lines".to_owned(), all.iter().map(of).collect());
    }
    answer
}

fn show(all: &[Found], screen: &Screen) {
    for (index, found) in all.iter().enumerate() {
        let origin = match (&found.file, &found.variant) {
            (Some(_), Some(variant)) => {
                format!("{}; for {}, or: orch new --pipeline {}", found.name(), whom(variant), variant.name)
            }
            (Some(file), None) => format!("{file}; the line itself reads it from the base branch"),
            (None, _) => "the built-in line; a file .orch/pipeline.toml on the base branch replaces it".to_owned(),
        };
        if index > 0 {
            screen.line("");
        }
        screen.line(&screen.styled(Style::Faint, &origin));
        screen.line("");
        screen.line(pipeline::draw(&found.pipeline).trim_end());
        screen.line("");
        screen.line(pipeline::explain(&found.pipeline).trim_end());
        found.warnings.iter().for_each(|warning| screen.warn(warning));
    }
    screen.json(&answer(
        all,
        |found| serde_json::json!({ "file": found.file, "variant": found.variant, "pipeline": found.pipeline }),
    ));
}

/// Which issues take it by themselves.
fn whom(variant: &Variant) -> String {
    let one = |when: &When| match when {
        When::Label(label) => format!("the label {label}"),
        When::Title(title) => format!("titles that begin with {title}"),
    };
    let all: Vec<String> = variant.when.iter().map(one).collect();
    if all.is_empty() { "none by itself".to_owned() } else { all.join(", ") }
}

fn check(all: &[Found], screen: &Screen) {
    for found in all {
        let stages = found.pipeline.stages.len();
        screen.line(&format!(
            "{}: {}: {stages} stages, one entry, every stage leads to done, every way back is capped, one landing at most",
            screen.styled(Style::Good, "good"),
            found.name()
        ));
        found.warnings.iter().for_each(|warning| screen.warn(warning));
    }
    screen.json(&answer(all, |found| {
        let digest = &found.pipeline.digest;
        serde_json::json!({ "file": found.file, "variant": found.variant.as_ref().map(|v| &v.name), "ok": true, "digest": digest })
    }));
}
