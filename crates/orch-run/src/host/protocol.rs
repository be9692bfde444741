//! What is said on the host's socket: one JSON object a line, both ways, answers in the order of the requests.
//!
//! The spellings are frozen: a service of one release speaks to the host of another.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Launched;

/// The longest request: two paths and their names.
pub(super) const LONGEST_REQUEST: usize = 32 * 1024;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    /// The first of every connection; without it nothing else is answered.
    Hello { version: u32, key: String },
    /// Launch a run with this supervisor, unless it was ever launched.
    Launch { run_directory: PathBuf, supervisor_program: PathBuf },
    /// Which runs live.
    List {},
    /// End, and leave the runs alone.
    Stop {},
    /// The service that started this host ends: end with the last live run, now if there is none.
    Release {},
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Hello(Hello),
    Launched(Told),
    /// Not done, and why, for people.
    Refused(String),
    Runs(Vec<LiveRun>),
    /// It ends, with so many runs going on.
    Ending {
        runs: usize,
    },
    /// Of a release: it stays, because somebody else started it or runs go on.
    Staying {
        runs: usize,
    },
}

/// [`Launched`] as it is spelled on the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Told {
    Started,
    AlreadyRunning,
    AlreadyFinished,
    Lost,
}

impl From<Launched> for Told {
    fn from(launched: Launched) -> Self {
        match launched {
            Launched::Started => Self::Started,
            Launched::AlreadyRunning => Self::AlreadyRunning,
            Launched::AlreadyFinished => Self::AlreadyFinished,
            Launched::Lost => Self::Lost,
        }
    }
}

impl From<Told> for Launched {
    fn from(told: Told) -> Self {
        match told {
            Told::Started => Self::Started,
            Told::AlreadyRunning => Self::AlreadyRunning,
            Told::AlreadyFinished => Self::AlreadyFinished,
            Told::Lost => Self::Lost,
        }
    }
}

/// Who started a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartedBy {
    /// A service that found none. The host ends with it when no run is left.
    Service,
    /// A person, a unit or a container.
    Hand,
}

/// What a host says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The newest protocol it knows.
    pub version: u32,
    /// Its process id, in its own pid namespace.
    pub pid: i32,
    /// Its cgroup as it sees it itself, for people.
    pub cgroup: String,
    /// The inode of its pid namespace.
    pub pid_namespace: u64,
    /// The release of its program, for people.
    pub program: String,
    /// Who started it.
    pub started_by: StartedBy,
}

/// A run that is alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveRun {
    /// Its id.
    pub run_id: String,
    /// Its directory.
    pub run_directory: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_are_frozen() {
        let request = |request: Request| serde_json::to_string(&request).unwrap();
        assert_eq!(request(Request::Hello { version: 1, key: "k".into() }), r#"{"hello":{"version":1,"key":"k"}}"#);
        assert_eq!(
            request(Request::Launch { run_directory: "/r/1".into(), supervisor_program: "/p".into() }),
            r#"{"launch":{"run_directory":"/r/1","supervisor_program":"/p"}}"#
        );
        assert_eq!(request(Request::List {}), r#"{"list":{}}"#);
        assert_eq!(request(Request::Stop {}), r#"{"stop":{}}"#);
        assert_eq!(request(Request::Release {}), r#"{"release":{}}"#);
        let answer = |answer: Answer| serde_json::to_string(&answer).unwrap();
        for (told, word) in [
            (Told::Started, "started"),
            (Told::AlreadyRunning, "already_running"),
            (Told::AlreadyFinished, "already_finished"),
            (Told::Lost, "lost"),
        ] {
            assert_eq!(answer(Answer::Launched(told)), format!(r#"{{"launched":"{word}"}}"#));
        }
        assert_eq!(answer(Answer::Refused("no".into())), r#"{"refused":"no"}"#);
        assert_eq!(answer(Answer::Runs(Vec::new())), r#"{"runs":[]}"#);
        assert_eq!(answer(Answer::Ending { runs: 2 }), r#"{"ending":{"runs":2}}"#);
        assert_eq!(answer(Answer::Staying { runs: 2 }), r#"{"staying":{"runs":2}}"#);
        let hello = Hello {
            version: 1,
            pid: 7,
            cgroup: "/a".into(),
            pid_namespace: 9,
            program: "0.1".into(),
            started_by: StartedBy::Service,
        };
        assert_eq!(
            answer(Answer::Hello(hello)),
            r#"{"hello":{"version":1,"pid":7,"cgroup":"/a","pid_namespace":9,"program":"0.1","started_by":"service"}}"#
        );
    }

    #[test]
    fn what_a_later_release_adds_is_passed_over() {
        let later = r#"{"launch":{"run_directory":"/r","supervisor_program":"/p","more":1}}"#;
        assert!(serde_json::from_str::<Request>(later).is_ok());
    }
}
