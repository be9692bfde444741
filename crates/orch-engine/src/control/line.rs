//! What the repository file on the base branch says of a new issue: its line, and whose issues start.

use orch_rules::ids::RepositoryId;
use orch_rules::lane::Repository;
use orch_rules::pipeline::{Pipeline, default_pipeline};
use orch_rules::port_error::ForEffect;
use orch_rules::repository_file::{Variant, choose};

use super::orders::DESCRIPTION_CAP;
use super::{Control, ControlError, NewIssue};
use crate::perform::{PerformError, blocking};

/// What holds for a new issue.
pub(super) struct Chosen {
    /// The line it takes.
    pub pipeline: Pipeline,
    /// The variant that this is, if it is one.
    pub variant: Option<String>,
    /// Whose issues start; empty is everybody's.
    pub authors: Vec<String>,
}

impl Control {
    /// The line a new issue pins: the variant that is asked for or matches, or the repository's own, or the built-in
    /// one.
    ///
    /// # Errors
    /// [`ControlError::Refused`] if the settings or the pipeline cannot be used, or no variant has that name.
    pub(super) async fn line_of(&self, repository: &Repository, issue: &NewIssue) -> Result<Chosen, ControlError> {
        let context = self.engine.context(&repository.id)?;
        let (asked, title, labels) = (issue.variant.clone(), issue.title.clone(), issue.labels.clone());
        let read = blocking(move || {
            // An issue is people's word: trouble of the repository holds it, and refuses it no more than it must.
            let base = match context.forge.base() {
                Err(error) if error.for_effect() == ForEffect::Mend => context.workshop.known_base()?,
                base => base?.tip,
            };
            let settings = context.settings_at(&base)?;
            let file = settings.as_ref().as_ref().map_err(|p| PerformError::Lasting(p.clone()))?;
            let variant = match choose(&file.variants, asked.as_deref(), &title, &labels) {
                Ok(variant) => variant.cloned(),
                Err(why) => return Ok(Err(why)),
            };
            let path = variant.as_ref().map_or(&file.pipeline, |variant| &variant.pipeline).clone();
            let text = context.workshop.read(&base, &path, DESCRIPTION_CAP)?;
            Ok(Ok((text, path, variant, file.intake_authors.clone())))
        });
        let (text, path, variant, authors) = self.in_time(read).await?.map_err(|why| ControlError::Refused { why })?;
        let pipeline = match (text, &variant) {
            (Some(text), _) => orch_rules::pipeline::parse(&text, &path).map_err(|problems| ControlError::Refused {
                why: problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
            })?,
            // A variant is wanted as it is written, or not at all.
            (None, Some(Variant { name, .. })) => {
                let why = format!("the variant {name} names {path}, which is not on the base branch; commit it there");
                return Err(ControlError::Refused { why });
            }
            (None, None) => default_pipeline(),
        };
        Ok(Chosen { pipeline, variant: variant.map(|variant| variant.name), authors })
    }

    /// Whose issues start, as the repository file on the base branch says it now; empty is everybody's.
    ///
    /// # Errors
    /// [`ControlError::Refused`] if that cannot be read: then nobody's start counts.
    pub(super) async fn authors(&self, repository: &RepositoryId) -> Result<Vec<String>, ControlError> {
        Ok(self.settings(repository).await?.intake_authors)
    }
}
