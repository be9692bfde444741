//! The base branch as it was seen last: an observation. Who may approve, whose issues start and which line an issue
//! takes is decided from it, never by asking git.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base_check::BaseTests;
use crate::ids::CommitId;
use crate::pipeline::{self, Pipeline, default_pipeline};
use crate::repository_file::{self, REPOSITORY_FILE, RepositoryFile, Variant, choose};

/// What is kept of a base branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseBranch {
    /// Its name.
    pub branch: String,
    /// Its tip, which everything here was read at.
    pub tip: CommitId,
    /// The repository file.
    pub settings: FileSeen,
    /// The pipeline files that the repository file names, by path.
    #[serde(default)]
    pub pipelines: BTreeMap<String, FileSeen>,
    /// The highest number of a work item that stands in the forge, by prefix.
    #[serde(default)]
    pub highest: BTreeMap<String, u32>,
    /// Why no paper of a task can be written there, in words for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<String>,
    /// What its tests say.
    #[serde(default, skip_serializing_if = "BaseTests::is_empty")]
    pub tests: BaseTests,
}

/// A file at a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileSeen {
    /// What it says.
    Text(String),
    /// It is not there.
    Absent,
    /// It is there and cannot be read; in words for people.
    Unreadable(String),
}

/// What the repository file says of a new issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineChosen {
    /// The line it takes.
    pub pipeline: Pipeline,
    /// The variant that this is, by name, if it is one.
    pub variant: Option<String>,
    /// Whose issues start; empty is everybody's.
    pub authors: Vec<String>,
}

impl BaseBranch {
    /// The repository file; defaults where there is none.
    ///
    /// # Errors
    /// In words for people, everything that is wrong with it.
    pub fn settings(&self) -> Result<RepositoryFile, String> {
        settings_of(&self.settings)
    }

    /// Its lines, to be asked for many issues.
    pub fn lines(&self) -> Lines<'_> {
        Lines { base: self, file: self.settings(), read: BTreeMap::new() }
    }

    /// The line that one issue takes, see [`Lines::line`].
    ///
    /// # Errors
    /// As there.
    pub fn line(&self, asked: Option<&str>, title: &str, labels: &[String]) -> Result<LineChosen, String> {
        self.lines().line(asked, title, labels)
    }
}

/// The lines of a base branch: each of its files is read once.
#[derive(Debug)]
pub struct Lines<'b> {
    base: &'b BaseBranch,
    file: Result<RepositoryFile, String>,
    /// By path, and whether a variant names it.
    read: BTreeMap<(String, bool), Result<Pipeline, String>>,
}

impl Lines<'_> {
    /// The line that an issue takes: the variant that is asked for or matches, or the repository's own, or the built-in
    /// one.
    ///
    /// # Errors
    /// In words for people, if the settings or the pipeline cannot be used, or no variant has that name.
    pub fn line(&mut self, asked: Option<&str>, title: &str, labels: &[String]) -> Result<LineChosen, String> {
        let file = self.file.as_ref().map_err(Clone::clone)?;
        let variant = choose(&file.variants, asked, title, labels)?;
        let path = variant.map_or(&file.pipeline, |variant| &variant.pipeline);
        let pipeline = self
            .read
            .entry((path.clone(), variant.is_some()))
            .or_insert_with(|| read(self.base.pipelines.get(path).unwrap_or(&FileSeen::Absent), path, variant))
            .clone()?;
        let variant = variant.map(|variant| variant.name.clone());
        Ok(LineChosen { pipeline, variant, authors: file.intake_authors.clone() })
    }
}

fn read(seen: &FileSeen, path: &str, variant: Option<&Variant>) -> Result<Pipeline, String> {
    match (seen, variant) {
        (FileSeen::Text(text), _) => pipeline::parse(text, path)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
        (FileSeen::Unreadable(words), _) => Err(words.clone()),
        // A variant is wanted as it is written, or not at all.
        (FileSeen::Absent, Some(Variant { name, .. })) => {
            Err(format!("the variant {name} names {path}, which is not on the base branch; commit it there"))
        }
        (FileSeen::Absent, None) => Ok(default_pipeline()),
    }
}

/// See [`BaseBranch::settings`].
///
/// # Errors
/// In words for people, everything that is wrong with it.
pub fn settings_of(seen: &FileSeen) -> Result<RepositoryFile, String> {
    match seen {
        FileSeen::Absent => Ok(RepositoryFile::default()),
        FileSeen::Unreadable(words) => Err(words.clone()),
        FileSeen::Text(text) => repository_file::parse(text, REPOSITORY_FILE)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
    }
}

/// The pipeline files that a repository file names.
pub fn pipelines_of(file: &RepositoryFile) -> Vec<String> {
    let mut paths = vec![file.pipeline.clone()];
    paths.extend(file.variants.iter().map(|variant| variant.pipeline.clone()));
    paths.sort();
    paths.dedup();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE_STAGE: &str =
        "[[stage]]\nid = \"in\"\nkind = \"land\"\non_red = \"stay\"\nlands = true\nnext = \"done\"\n";

    fn base(settings: &str, pipelines: &[(&str, FileSeen)]) -> BaseBranch {
        BaseBranch {
            branch: "main".to_owned(),
            tip: "a".into(),
            settings: FileSeen::Text(settings.to_owned()),
            pipelines: pipelines.iter().map(|(path, seen)| ((*path).to_owned(), seen.clone())).collect(),
            highest: BTreeMap::new(),
            obstacle: None,
            tests: BaseTests::default(),
        }
    }

    #[test]
    fn what_is_not_there_is_built_in_and_what_cannot_be_read_is_said() {
        let nothing = BaseBranch { settings: FileSeen::Absent, ..base("", &[]) };
        assert_eq!(nothing.line(None, "Add up", &[]).unwrap().pipeline, default_pipeline());
        let broken = base("[people]\napprove = 7\n", &[]);
        assert!(broken.settings().unwrap_err().contains(".orch/orch.toml"));
        assert!(broken.line(None, "Add up", &[]).is_err());
        let large = FileSeen::Unreadable("too large".to_owned());
        assert_eq!(base("", &[(".orch/pipeline.toml", large)]).line(None, "x", &[]).unwrap_err(), "too large");
        let faulty = FileSeen::Text("[[stage]]\nid = 7\n".to_owned());
        assert!(base("", &[(".orch/pipeline.toml", faulty)]).line(None, "x", &[]).is_err());
    }

    #[test]
    fn a_variant_is_taken_as_it_is_written_or_not_at_all() {
        let settings = "[[variant]]\nname = \"papers\"\npipeline = \"papers.toml\"\nwhen = [\"label:docs\"]\n";
        let written = base(settings, &[("papers.toml", FileSeen::Text(ONE_STAGE.to_owned()))]);
        let line = written.line(None, "Tell how", &["docs".to_owned()]).unwrap();
        assert_eq!((line.variant.as_deref(), line.pipeline.stages.len()), (Some("papers"), 1));
        let lost = base(settings, &[]).line(Some("papers"), "Tell how", &[]).unwrap_err();
        assert!(lost.contains("papers.toml, which is not on the base branch"), "{lost}");
        assert_eq!(pipelines_of(&written.settings().unwrap()), [".orch/pipeline.toml", "papers.toml"]);
    }

    #[test]
    fn a_row_reads_back_and_an_older_one_too() {
        let base = base("x", &[("p", FileSeen::Absent)]);
        let row = serde_json::to_string(&base).unwrap();
        assert_eq!(serde_json::from_str::<BaseBranch>(&row).unwrap(), base);
        assert_eq!(
            row,
            r#"{"branch":"main","tip":"a","settings":{"text":"x"},"pipelines":{"p":"absent"},"highest":{}}"#
        );
        let short = r#"{"branch":"main","tip":"a","settings":"absent"}"#;
        assert_eq!(serde_json::from_str::<BaseBranch>(short).unwrap().settings, FileSeen::Absent);
    }
}
