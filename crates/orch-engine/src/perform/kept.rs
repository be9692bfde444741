//! What a role keeps from one attempt at a task to the next: a home of its own, and the session it was in.
//!
//! `<task>-<role>/home` among the places is the agent's to write. The session stands beside it, out of its reach, under the name
//! of the agent that had it: another kind of agent cannot go on with it. It all goes when the task has ended.

use std::io::{self, ErrorKind};

use camino::{Utf8Path, Utf8PathBuf};
use orch_ports::agent::Agent;
use orch_rules::ids::TaskId;
use orch_rules::pipeline::Role;

use crate::repository_context::RepositoryContext;

/// File in an attempt's place with the session that the attempt goes on with; it is asked for again when the run has
/// ended, and the newer one that the run leaves must not stand in for it then.
const RESUMED: &str = "resumed";

/// What `role` keeps at `task`.
pub(super) struct Kept {
    folder: Utf8PathBuf,
}

impl Kept {
    pub(super) fn of(context: &RepositoryContext, task: &TaskId, role: Role) -> Self {
        Self { folder: context.work_folder(&format!("{task}-{}", role.name())) }
    }

    /// Everything it has on disk.
    pub(super) fn folder(self) -> Utf8PathBuf {
        self.folder
    }

    /// Where the agent may write.
    pub(super) fn home(&self) -> Utf8PathBuf {
        self.folder.join("home")
    }

    /// The session that an attempt with this place goes on with, noted there; the same one when asked again.
    pub(super) fn resume(&self, agent: &dyn Agent, place: &Utf8Path) -> io::Result<Option<String>> {
        if let Some(noted) = read(&place.join(RESUMED))? {
            return Ok(session_of(agent, &noted));
        }
        let left = if agent.resumes() { read(&self.folder.join("session"))? } else { None }.unwrap_or_default();
        std::fs::write(place.join(RESUMED), &left)?;
        Ok(session_of(agent, &left))
    }

    /// The session that the attempt with this place was launched to go on with.
    pub(super) fn resumed(agent: &dyn Agent, place: &Utf8Path) -> io::Result<Option<String>> {
        Ok(read(&place.join(RESUMED))?.and_then(|noted| session_of(agent, &noted)))
    }

    /// Keeps the session that a run left; `None` makes the next attempt begin anew.
    pub(super) fn leave(&self, agent: &dyn Agent, session: Option<&str>) -> io::Result<()> {
        let file = self.folder.join("session");
        match session {
            // Torn by a crash it is no session any more: the agent knows its own spelling.
            Some(session) => std::fs::create_dir_all(&self.folder)
                .and_then(|()| std::fs::write(file, format!("{}\n{session}\n", agent.name()))),
            None => match std::fs::remove_file(file) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }
}

fn read(file: &Utf8Path) -> io::Result<Option<String>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn session_of(agent: &dyn Agent, kept: &str) -> Option<String> {
    let (name, session) = kept.split_once('\n')?;
    (name == agent.name() && !session.trim().is_empty()).then(|| session.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::BufRead;

    use orch_ports::agent::{AgentReport, Assignment, Launch};
    use orch_rules::attempt::RunEnd;
    use serde_json::Value;

    use super::*;

    struct Named(&'static str);

    impl Agent for Named {
        fn name(&self) -> &str {
            self.0
        }
        fn launch(&self, _: &Assignment) -> Launch {
            Launch::default()
        }
        fn report(&self, _: &RunEnd, _: Option<&Value>, _: Option<&str>, _: &mut dyn BufRead) -> AgentReport {
            AgentReport::default()
        }
    }

    #[test]
    fn a_session_is_gone_on_with_by_the_agent_that_had_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        let kept = Kept { folder: root.join("kept") };
        let (first, second, third) = (root.join("1"), root.join("2"), root.join("3"));
        for place in [&first, &second, &third] {
            std::fs::create_dir(place).unwrap();
        }
        let (ann, ben) = (Named("ann"), Named("ben"));
        assert_eq!(kept.resume(&ann, &first).unwrap(), None);
        kept.leave(&ann, Some("s1")).unwrap();
        // What the first attempt left is not what it began with, however often that is asked.
        assert_eq!(kept.resume(&ann, &first).unwrap(), None);
        assert_eq!(Kept::resumed(&ann, &first).unwrap(), None);
        assert_eq!(kept.resume(&ann, &second).unwrap().as_deref(), Some("s1"));
        kept.leave(&ann, Some("s2")).unwrap();
        assert_eq!(Kept::resumed(&ann, &second).unwrap().as_deref(), Some("s1"));
        assert_eq!(kept.resume(&ben, &third).unwrap(), None, "another agent's session");
        kept.leave(&ann, None).unwrap();
        kept.leave(&ann, None).unwrap();
        assert_eq!(read(&root.join("kept/session")).unwrap(), None);
    }
}
