//! What people are told without having asked.

use orch_rules::ids::WorkItemId;
use orch_rules::notice::{Notice, NoticeKind};

use crate::language::Language;
use crate::outage::{lift, named_source};
use crate::reason::reason;
use crate::wait::Subject;

/// A notice in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeText {
    /// What happened, one sentence.
    pub text: String,
    /// Commands that answer it.
    pub commands: Vec<String>,
}

impl NoticeText {
    /// Of a notice, in the language of whoever gets it.
    #[must_use]
    pub fn of(notice: &Notice, language: Language) -> Self {
        let work_item = notice.work_item.as_ref().map(WorkItemId::as_str).unwrap_or_default();
        let subject = Subject { work_item, repository: notice.repository.as_str(), branch: "" };
        Self { text: reason(&notice.text, subject, language).text, commands: commands(notice) }
    }
}

fn commands(notice: &Notice) -> Vec<String> {
    let id = notice.work_item.as_ref().map(ToString::to_string).unwrap_or_default();
    let repository = &notice.repository;
    let commands: &[String] = match (&notice.kind, notice.text.code()) {
        (_, "asks_approval" | "asks_protected") => {
            &[format!("orch approve {id}"), format!("orch reject {id} --reason \"…\"")]
        }
        (_, "asks_questions") => &[format!("orch answer {id} \"…\"")],
        (_, "asks_confirmation" | "asks_deployment" | "asks_irreversible") => &[format!("orch confirm {id}")],
        (_, "asks_budget") => &[format!("orch budget {id} --raise USD"), format!("orch stop {id}")],
        (_, "issue_gone") => &[format!("orch resume {id}"), format!("orch stop {id}")],
        (_, "webhook_silent") => &["orch doctor".to_owned()],
        (NoticeKind::Asked, _) => &[format!("orch show {id}")],
        (NoticeKind::Held, _) => &[format!("orch show {id}"), format!("orch retry {id}")],
        (NoticeKind::Frozen, _) => &[format!("orch unfreeze --repo {repository}")],
        (NoticeKind::Red, _) => &[format!("orch freeze --repo {repository} --reason \"…\"")],
        (NoticeKind::Deployment, _) => &["orch deploy status".to_owned()],
        (NoticeKind::Outage, _) => return named_source(&notice.text).iter().map(lift).collect(),
        _ => &[],
    };
    commands.to_vec()
}
