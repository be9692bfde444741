//! What a person is asked: the question, the text it is about, and the buttons.

use askama::Template;
use orch_engine::control::{TaskDetail, TaskName};
use orch_rules::episode::{Episode, EpisodeKind};
use orch_rules::forecast::Forecast;
use orch_rules::ids::Timestamp;

use crate::Pages;
use crate::door::LoggedIn;
use crate::markdown::{self, Document};
use crate::marks;
use crate::parts::{address, cost};
use crate::say::{Html, Voice, escaped, short};
use orch_web::view::UsageView;

/// Characters of a text in the inbox.
const EXCERPT: usize = 600;
/// Characters of it on the page of the task.
const WHOLE: usize = 4_000;

/// Where a question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// Among others.
    Inbox,
    /// On its task's page.
    One,
}

/// A question with its answers.
#[derive(Template)]
#[template(path = "asked.html")]
pub(crate) struct Asked {
    say: Voice,
    size: Size,
    key: String,
    headline: String,
    revision: String,
    ago: Html,
    title: String,
    id: String,
    by: String,
    role: String,
    cost: Html,
    href: String,
    act: String,
    csrf: String,
    press: String,
    back: String,
    episode: String,
    kind: &'static str,
    text: Html,
    questions: Vec<String>,
    acts: bool,
    reject: String,
    follows: String,
    forecast: String,
}

impl Asked {
    /// The open questions of a task.
    pub async fn of(pages: &Pages, detail: &TaskDetail, visitor: &LoggedIn, size: Size, now: Timestamp) -> Vec<Self> {
        let mut all = Vec::new();
        for episode in detail.history.episodes.iter().filter(|episode| episode.is_open()) {
            let text = match episode.kind {
                EpisodeKind::Approval => about(pages, detail, size).await,
                _ => Html::default(),
            };
            all.push(Self::one(detail, episode, visitor, size, text, now));
        }
        all
    }

    fn one(detail: &TaskDetail, episode: &Episode, visitor: &LoggedIn, size: Size, text: Html, now: Timestamp) -> Self {
        let (task, say) = (&detail.task, &visitor.say);
        let at = address(task.repository.as_str(), task.work_item.as_str());
        let stage = detail.pipeline.stages.iter().find(|stage| task.position.stage() == Some(&stage.id));
        let role = stage.and_then(|stage| stage.role).map(|role| marks::role(role.name(), say)).unwrap_or_default();
        let place = marks::place(task.position.name(), say);
        let (kind, headline) = match episode.kind {
            EpisodeKind::Approval => {
                ("approval", say.w("ask-approve", &[("stage", task.position.name()), ("name", &place)]))
            }
            EpisodeKind::Questions => ("questions", say.n("ask-questions", episode.questions.len() as u64)),
            EpisodeKind::ProtectedPaths => ("protected", say.t("ask-protected")),
            EpisodeKind::Budget => ("budget", say.t("ask-budget")),
            EpisodeKind::ConfirmDeploy => match episode.confirms() {
                Some((target, true)) => ("deploy", say.w1("ask-deploy-for-good", "name", target)),
                Some((target, false)) => ("deploy", say.w1("ask-deploy-to", "name", target)),
                None => ("deploy", say.t("ask-deploy")),
            },
        };
        let after = detail.pipeline.stages.iter().skip_while(|other| task.position.stage() != Some(&other.id)).nth(1);
        let follows = match (episode.kind, after) {
            (EpisodeKind::Approval, Some(after)) => {
                say.w1("approve-follows", "stage", marks::place(after.id.as_str(), say))
            }
            (EpisodeKind::Questions, _) => say.t("answer-follows"),
            (EpisodeKind::ProtectedPaths, _) => say.t("protected-follows"),
            _ => String::new(),
        };
        let forecast = match (&detail.forecast, episode.kind) {
            (Some(likely), EpisodeKind::Approval) => forecast_words(likely, say),
            _ => String::new(),
        };
        let used = UsageView::of(detail.history.usage.iter().map(|row| Some(&row.usage)));
        let reject = match role.is_empty() {
            true => say.t("send-back"),
            false => say.w1("send-back-to", "role", &role),
        };
        Self {
            key: format!("q-{}", episode.id.as_str().replace(|c: char| !c.is_ascii_alphanumeric(), "-")),
            size,
            headline,
            revision: short(&episode.about).to_owned(),
            ago: say.ago(episode.opened_at, now),
            title: task.title.clone(),
            id: task.work_item.to_string(),
            by: task.author.to_string(),
            role,
            cost: cost(&used, say),
            href: format!("{}{at}", visitor.base),
            act: format!("{}{at}/act", visitor.base),
            csrf: visitor.csrf.clone(),
            press: uuid::Uuid::now_v7().to_string(),
            back: if size == Size::Inbox { "/inbox".to_owned() } else { at },
            episode: episode.id.to_string(),
            kind,
            text,
            questions: episode.questions.clone(),
            acts: visitor.acts(),
            reject,
            follows,
            forecast,
            say: say.clone(),
        }
    }

    fn is_one(&self) -> bool {
        self.size == Size::One
    }
}

/// What comparable work cost from here on.
fn forecast_words(likely: &Forecast, say: &Voice) -> String {
    let (usual, least, most) =
        (say.money(likely.median_micros), say.money(likely.least_micros), say.money(likely.most_micros));
    let tasks = likely.tasks.to_string();
    say.w("forecast", &[("usual", &usual), ("least", &least), ("most", &most), ("tasks", &tasks)])
}

/// The document that an approval is about: the first one that the newest attempt wrote.
async fn about(pages: &Pages, detail: &TaskDetail, size: Size) -> Html {
    let task = &detail.task;
    let written = detail.history.attempts.iter().rev().find_map(|attempt| {
        let documents = &attempt.ended.as_ref()?.evidence.as_ref()?.documents;
        (!documents.is_empty()).then(|| documents.iter().map(|document| document.path.clone()).collect::<Vec<_>>())
    });
    let Some(mut written) = written else { return Html::default() };
    written.sort();
    let name = TaskName::from(task);
    let Ok(papers) = pages.control.papers(&name).await else { return Html::default() };
    let found = written.iter().find_map(|name| papers.iter().find(|paper| paper.path.ends_with(&format!("/{name}"))));
    let Some(paper) = found else { return Html::default() };
    let read = Document::read(&paper.text);
    // Rules among agents, and no text of a person's.
    if read.text.trim().is_empty() {
        let rows =
            read.fields.iter().map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(value)));
        return Html(format!("<dl class=\"front\">{}</dl>", rows.collect::<String>()));
    }
    markdown::excerpt(read.text, if size == Size::Inbox { EXCERPT } else { WHOLE })
}
