//! Parts of pages, each the same wherever it stands.

use askama::Template;
use orch_ports::lists::ListedTask;
use orch_rules::actor::{Actor, ActorSource};
use orch_rules::ids::Timestamp;
use orch_rules::pipeline::Pipeline;
use orch_web::view::UsageView;

use crate::door::LoggedIn;
use crate::marks::{self, Glance};
use crate::say::{Html, Voice, escaped};

/// The address of a task within the site.
pub(crate) fn address(repository: &str, id: &str) -> String {
    format!("/t/{}/{}", segment(repository), segment(id))
}

/// One segment of an address.
pub(crate) fn segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// A task in a list.
#[derive(Template)]
#[template(path = "row.html")]
pub(crate) struct Row {
    pub key: String,
    class: &'static str,
    mark: Html,
    id: String,
    href: String,
    title: String,
    why: String,
    strip: Html,
    cost: Html,
    age: Html,
}

impl Row {
    pub fn of(task: &ListedTask, line: Option<&Pipeline>, visitor: &LoggedIn, now: Timestamp) -> Self {
        let say = &visitor.say;
        let mark = Glance::of(task, visitor.acts());
        let (repository, id) = (task.repository.as_str(), task.work_item.as_str());
        let cost = match (task.cost_micros, task.attempt) {
            (Some(micros), _) => Html(format!("<span class=\"num cost\">{}</span>", escaped(&say.money(micros)))),
            (None, 0) => Html("<span class=\"num cost dim\">–</span>".to_owned()),
            (None, _) => Html(format!("<span class=\"num cost none\">{}</span>", escaped(&say.t("unknown")))),
        };
        Self {
            key: format!("r-{}-{}", segment(repository), segment(id)).replace('%', "-"),
            class: mark.colour(),
            mark: mark.alone(say),
            id: id.to_owned(),
            href: format!("{}{}", visitor.base, address(repository, id)),
            title: task.shown.title.clone(),
            why: marks::why_of(task, line, say),
            strip: marks::strip(task, mark, line, say),
            cost,
            age: say.since(task.shown.ended_at.unwrap_or(task.shown.entered_at), now),
        }
    }
}

/// What runs cost that said so: `$1.89`, `≥ $1.89`, `unknown`, `–`.
pub(crate) fn cost(usage: &UsageView, say: &Voice) -> Html {
    let micros = usage.cost_usd.map(|usd| (usd * 1e6).round() as u64);
    let title = escaped(
        &say.w("cost-silent", &[("silent", &usage.unknown_runs.to_string()), ("runs", &usage.runs.to_string())]),
    );
    match (micros, usage.unknown_runs, usage.runs) {
        (None, _, 0) => Html("<span class=\"cost dim\">–</span>".to_owned()),
        (None, ..) => {
            Html(format!("<span class=\"cost none\" title=\"{title}\">{}</span>", escaped(&say.t("unknown"))))
        }
        (Some(micros), 0, _) => Html(format!("<span class=\"cost\">{}</span>", escaped(&say.money(micros)))),
        (Some(micros), ..) => {
            Html(format!("<span class=\"cost part\" title=\"{title}\">≥ {}</span>", escaped(&say.money(micros))))
        }
    }
}

/// Who did something: a person is round with the first letter, a machine is square.
pub(crate) fn face(actor: &Actor) -> Html {
    let icon = match actor.source() {
        ActorSource::Orch => "bot",
        ActorSource::Role => marks::role_icon(actor.id()),
        _ => {
            let first = actor.to_string().chars().next().unwrap_or('?').to_string();
            return Html(format!("<span class=\"av\" aria-hidden=\"true\">{}</span>", escaped(&first)));
        }
    };
    Html(format!(
        "<span class=\"av bot\" aria-hidden=\"true\"><svg viewBox=\"0 0 16 16\"><use href=\"#i-{icon}\"/></svg></span>"
    ))
}

/// What people call who did something.
pub(crate) fn called(actor: &Actor, say: &Voice) -> String {
    match actor.source() {
        ActorSource::Role => marks::role(actor.id(), say),
        _ => actor.to_string(),
    }
}

/// The face with the name.
pub(crate) fn who(actor: &Actor, say: &Voice) -> Html {
    Html(format!("<span class=\"who\">{}{}</span>", face(actor), escaped(&called(actor, say))))
}
