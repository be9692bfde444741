//! `orch new`.

use camino::Utf8PathBuf;
use clap::Args;
use orch_web::view::{AnswerView, NewTaskRequest, TaskView};

use super::{ids, send, text, words};
use crate::client::{self, Caller};
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, Style};

/// Where new tasks go.
const PATH: &str = "/api/v1/tasks";
/// Its status if the service could not say yet what becomes of it.
const STORED: u16 = 202;

/// What became of an issue that was sent.
pub enum Sent {
    /// It is a task.
    Task(Box<TaskView>),
    /// It is kept, and becomes one when the service gets to it.
    Stored(AnswerView),
}

/// Sends a new issue.
///
/// # Errors
/// If the service does not answer, or the issue is not accepted.
pub fn open(request: &NewTaskRequest, caller: &Caller) -> Result<Sent, Failure> {
    let reply = caller.post(PATH, request)?;
    match reply.status {
        STORED => client::answer(reply, PATH).map(Sent::Stored),
        _ => client::answer(reply, PATH).map(|task| Sent::Task(Box::new(task))),
    }
}

/// Open a task and start it.
#[derive(Debug, Args)]
#[command(after_help = r#"Examples:
  orch new "Say hello in Dutch" -d "The greeter knows English only."
  orch new "Docs: how to start" -d "Nobody knows." --pipeline papers
  orch new "Faster start" --description-file brief.md --priority 5
  git log -1 --format=%b | orch new "Follow up" -d - --depends-on SHOP-003"#)]
pub struct NewArgs {
    /// What is wanted, in one line
    pub title: String,
    /// What is wanted, in Markdown; `-` reads it from stdin
    #[arg(long, short, value_name = "TEXT", allow_hyphen_values = true)]
    pub description: Option<String>,
    /// The same from a file; `-` reads it from stdin
    #[arg(long, value_name = "FILE", conflicts_with = "description")]
    pub description_file: Option<Utf8PathBuf>,
    /// Higher goes first; 0 is usual
    #[arg(long, short, value_name = "N", default_value_t = 0, allow_negative_numbers = true, value_parser = super::priority::whole)]
    pub priority: i32,
    /// Another line than the one that matches: a [[variant]] of .orch/orch.toml by its name, or `default`
    #[arg(long, value_name = "NAME")]
    pub pipeline: Option<String>,
    /// A label, which may choose the line; may be given several times, or several with commas
    #[arg(long = "label", value_name = "LABEL", value_delimiter = ',')]
    pub labels: Vec<String>,
    /// Leave it in the backlog: nothing starts
    #[arg(long)]
    pub backlog: bool,
    /// A task it waits for; may be given several times, or several with commas
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub depends_on: Vec<String>,
    /// Which repository; that of the current folder, or the only one, if left out
    #[arg(long, value_name = "REPO")]
    pub repo: Option<String>,
}

/// Runs it.
///
/// # Errors
/// If a text cannot be read, the service does not answer, or the task is not accepted.
pub fn run(args: &NewArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let description = words::given("description", args.description.as_deref(), args.description_file.as_deref())?;
    let description = description.unwrap_or_default();
    let repository = ids::repository(args.repo.as_deref(), caller)?;
    let other = |id: &String| ids::other_task(id, args.repo.as_deref(), caller);
    let depends_on = args.depends_on.iter().map(other).collect::<Result<_, _>>()?;
    let request = NewTaskRequest {
        title: args.title.clone(),
        description,
        repository: Some(repository),
        priority: args.priority,
        pipeline: args.pipeline.clone(),
        labels: args.labels.clone(),
        start: !args.backlog,
        depends_on,
    };
    let opened = open(&request, caller).map_err(|failure| match (failure.exit, &failure.fix) {
        (Exit::Usage, None) => failure.fix("give a title of one line, and with -d in Markdown what is wanted and why"),
        _ => failure,
    })?;
    let task = match opened {
        Sent::Task(task) => task,
        Sent::Stored(answer) => {
            send::tell(&answer, None, screen);
            return Ok(());
        }
    };
    screen.json(&task);
    let (id, title) = (screen.styled(Style::Strong, &task.id), text::clean(&task.title));
    screen.line(&text::fit(&format!("{id}  {title}"), screen.width()));
    if let Some(wait) = task.waiting_on.iter().find(|wait| ["held", "unlisted"].contains(&wait.kind.as_str())) {
        for part in text::wrap(&text::clean(&wait.text), screen.width()) {
            screen.line(&screen.styled(Style::Attention, &part));
        }
        // A script must hear that nothing will come of it as it is.
        return match wait.kind.as_str() {
            "held" => Err(Failure::new(Exit::Refused, format!("{} is kept, and nothing starts", task.id))
                .fix(format!("say it in other words: orch edit {0}, then: orch start {0}", task.id))),
            _ => Ok(()),
        };
    }
    let next = if args.backlog { format!("orch start {}", task.id) } else { format!("orch show {}", task.id) };
    let word = if args.backlog { "start it:" } else { "follow it:" };
    screen.line(&format!("{} {}", screen.styled(Style::Faint, word), screen.styled(Style::Command, &next)));
    Ok(())
}
