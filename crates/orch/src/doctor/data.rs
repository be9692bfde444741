//! Whether the database is whole, and whether the forges have what it saw landing. Only looked at.

use orch_git::{BranchName, Forge, Git, Origin};
use orch_rules::ids::CommitId;

use super::State::{Fail, Ok as Good, Warn};
use super::{Look, Told};

/// The pages of the database.
pub fn database(look: &Look) -> Vec<Told> {
    let path = look.host.paths.database();
    if !matches!(look.host.store.address(), Ok(None)) {
        return vec![(Good, "PostgreSQL looks after itself".into(), None)];
    }
    if !path.exists() {
        return vec![(Good, format!("{path} is made by the first start"), None)];
    }
    match orch_store::damage(&path) {
        Ok(found) if found.is_empty() => vec![(Good, format!("{path} is whole"), None)],
        Ok(found) => {
            let fix = "stop the service, then: orch restore FOLDER, with the newest backup (orch backup) that is whole";
            found.into_iter().map(|words| (Fail, words, Some(fix.into()))).collect()
        }
        Err(error) => vec![(Fail, error.to_string(), Some("put a backup in its place: orch restore FOLDER".into()))],
    }
}

/// How long what is over is kept.
pub fn kept(look: &Look) -> Vec<Told> {
    let keep = &look.host.keep;
    let words = format!(
        "work that is done {} min, answers {} days, runs and their logs {} days ({} at most), what webhooks told {} days \
         (its text {}), messages {} days, dead letters {} days",
        keep.work_minutes,
        keep.answers_days,
        keep.runs_days,
        keep.most_runs,
        keep.deliveries_days,
        keep.bodies_days,
        keep.messages_days,
        keep.dead_letters_days
    );
    vec![(Good, words, None)]
}

/// Main of every forge, against what the database saw there last.
pub fn forges(look: &Look) -> Vec<Told> {
    let path = look.host.paths.database();
    let Ok(mains) = orch_store::mains(&path) else { return Vec::new() };
    let Ok(git) = Git::detect((look.env)("PATH").unwrap_or_default()) else { return Vec::new() };
    let told = mains.into_iter().filter_map(|(id, branch, main)| {
        let entry = look.host.repositories.iter().find(|entry| entry.id == id)?;
        let forge = look.host.paths.forge(&id);
        if !forge.exists() {
            let fix = "put a backup in its place: orch restore FOLDER; else the next start makes it from your repository, \
                       without what had not been taken home";
            return Some((Fail, format!("{id}: its forge {forge} is gone"), Some(fix.into())));
        }
        let origin = Origin { source: entry.path.clone().into(), base: BranchName::new(branch.as_str()).ok()? };
        let main = orch_git::CommitId::new(CommitId::from(main?).as_str()).ok()?;
        Some(match Forge::at(&git, origin, forge.as_std_path()).is_landed(&main) {
            Ok(true) => (Good, format!("{id}: {branch} has what landed"), None),
            Ok(false) => {
                let words = format!("{id}: {branch} of the forge lacks {main}, which this database saw there");
                let fix = "it was moved back, or the forge is older than the database: push the commit to the forge \
                           again, or restore a backup of both";
                (Fail, words, Some(fix.into()))
            }
            Err(error) => (Warn, format!("{id}: its forge cannot be asked: {error}"), None),
        })
    });
    let told: Vec<Told> = told.collect();
    if told.is_empty() { vec![(Good, "nothing has landed yet".into(), None)] } else { told }
}
