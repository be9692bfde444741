//! Making a candidate and landing it.

use orch_ports::forge::Landing;
use orch_ports::workshop::CandidateOrder;
use orch_rules::event::{CandidateResult, Event, LaneEvent};
use orch_rules::ids::{CommitId, RepositoryId, TaskId};
use orch_rules::repository_file::RepositoryFile;

use super::check_run::left_by;
use super::{PerformResult, Performed, blocking};
use crate::engine::Engine;
use crate::repository_context::RepositoryContext;

impl Engine {
    pub(super) async fn build_candidate(
        &self,
        repository: &RepositoryId,
        task: &TaskId,
        (head, reverts): (&CommitId, bool),
        fence: i64,
    ) -> PerformResult {
        let Some(row) = self.store.task(task).await? else { return Ok(Performed::nothing()) };
        let context = self.context(repository)?;
        self.compare_one(repository).await?;
        let head = head.clone();
        let (main, result, settings) = blocking(move || {
            let base = context.forge.base()?;
            let file = context.settings_at(&base.tip)?;
            let documents_kept = file.as_ref().as_ref().ok().and_then(|file| file.documents_keep);
            if documents_kept == Some(0) && !reverts {
                // Its documents land nowhere: its head has to outlive its branch.
                context.workshop.archive(&row.id, &head)?;
            }
            let title = match reverts {
                true => format!("Revert \"{}\" ({})\n\nThis reverts commit {head}.", row.title, row.work_item),
                false => format!("{} ({})", row.title, row.work_item),
            };
            let mut order = CandidateOrder {
                head,
                work_item: row.work_item.clone(),
                documents_kept: documents_kept.filter(|_| !reverts),
                message: format!("{title}\n\nRefs: {}", row.work_item),
                identity: RepositoryContext::identity(&file),
                at: row.entered_at,
            };
            if reverts {
                order.head = context.workshop.reverse(&order)?;
            }
            let result = context.workshop.candidate(&order, &base.tip)?;
            let settings = match &result {
                CandidateResult::Made { candidate } if !candidate.empty => {
                    context.settings_faults(&base.tip, &candidate.commit)?
                }
                _ => Vec::new(),
            };
            Ok((base.tip, result, settings))
        })
        .await?;
        let event = LaneEvent::CandidateMade { task: task.clone(), fence, main, result, settings };
        Ok(Performed::event(Event::Lane { repository: repository.clone(), event }))
    }

    pub(super) async fn land(
        &self,
        repository: &RepositoryId,
        task: &TaskId,
        candidate: &CommitId,
        parent: &CommitId,
        fence: i64,
    ) -> PerformResult {
        let context = self.context(repository)?;
        let (candidate, parent, left) = (candidate.clone(), parent.clone(), left_by(task, candidate));
        let landing = blocking(move || {
            // Nothing lands on a main whose people took back what it stands on.
            let base = context.forge.base()?;
            let landing = context.forge.land(&candidate, &parent)?;
            let green = matches!(&landing, Landing::Landed { tip } if *tip == candidate)
                && tested_alike(&*context.settings_at(&parent)?, &*context.settings_at(&candidate)?);
            if let (Landing::Landed { tip }, Ok(file)) = (&landing, context.settings_at(&parent)?.as_ref())
                && *tip == candidate
            {
                context.keep_cache(file, &candidate, &left);
            }
            Ok((landing, base.tip, green))
        });
        let (landing, base, green) = landing.await?;
        let (main, landed, refused) = match landing {
            Landing::Landed { tip } => (tip, true, None),
            Landing::Moved { tip } => (tip, false, None),
            Landing::Refused(refused) => (base, false, Some(refused)),
        };
        if green {
            self.landed_is_green(repository, &main).await?;
        }
        let event = LaneEvent::LandEnded { task: task.clone(), fence, main, landed, refused };
        Ok(Performed::event(Event::Lane { repository: repository.clone(), event }))
    }
}

/// Whether a commit of the one settings file is tested as one of the other would be.
fn tested_alike(before: &Result<RepositoryFile, String>, after: &Result<RepositoryFile, String>) -> bool {
    match (before, after) {
        (Ok(before), Ok(after)) => {
            (&before.check_command, &before.setup_command) == (&after.check_command, &after.setup_command)
        }
        _ => false,
    }
}
