//! `orch edit`.

use camino::Utf8PathBuf;
use clap::Args;
use orch_engine::control::TaskCommand;
use orch_web::view::TaskDetailView;

use super::draft::{self, Draft};
use super::ids::{self, TaskArg};
use super::{send, words};
use crate::client::Caller;
use crate::exit::{Exit, Failure};
use crate::screen::Screen;
use crate::settings;

/// Change what a task says. A new description voids the approval of what was written for the old one.
#[derive(Debug, Args)]
#[command(after_help = r#"Examples:
  orch edit SHOP-003                         # in your editor
  orch edit SHOP-003 --title "Say hello in Dutch and Frisian"
  orch edit SHOP-003 --description-file brief.md --priority 5"#)]
pub struct EditArgs {
    #[command(flatten)]
    pub task: TaskArg,
    /// What is wanted, in one line
    #[arg(long, short, value_name = "TEXT")]
    pub title: Option<String>,
    /// What is wanted, in Markdown; `-` reads it from stdin
    #[arg(long, short, value_name = "TEXT", allow_hyphen_values = true)]
    pub description: Option<String>,
    /// The same from a file; `-` reads it from stdin
    #[arg(long, value_name = "FILE", conflicts_with = "description")]
    pub description_file: Option<Utf8PathBuf>,
    /// Title and description from a file as the editor has them: the first line, and what follows
    #[arg(long, short, value_name = "FILE", conflicts_with_all = ["title", "description", "description_file"])]
    pub file: Option<Utf8PathBuf>,
    /// Higher goes first; 0 is usual
    #[arg(long, short, value_name = "N", allow_negative_numbers = true, value_parser = super::priority::whole)]
    pub priority: Option<i32>,
}

/// Stands below the words of the task in the editor.
const HELP: &[&str] = &[
    "The first line is the title; what follows after an empty line is the description, in Markdown.",
    "Another description voids the approval of what was written for this one.",
];

/// What is to be changed.
pub struct TaskEdit {
    command: Option<TaskCommand>,
    draft: Option<Draft>,
}

impl EditArgs {
    fn says_something(&self) -> bool {
        let texts = self.title.is_some() || self.description.is_some() || self.description_file.is_some();
        texts || self.file.is_some() || self.priority.is_some()
    }
}

/// Something to be asked of whoever answers.
type Question<'q> = dyn FnMut(&Caller) -> Result<(), Failure> + 'q;

/// Reads the change: from the command line, a file, or, if neither says any, the person's editor. `ask` runs something
/// with whoever answers.
///
/// # Errors
/// If a text cannot be read, or the task cannot be.
pub fn changed(
    args: &EditArgs,
    screen: &Screen,
    env: &dyn Fn(&str) -> Option<String>,
    ask: &dyn Fn(&mut Question<'_>) -> Result<(), Failure>,
) -> Result<TaskEdit, Failure> {
    let priority = args.priority;
    if let Some(file) = &args.file {
        let text = words::given("file", None, Some(file))?.unwrap_or_default();
        let (title, description) = parted(&text);
        let command = TaskCommand::Edit { title: Some(title), description: Some(description), priority };
        return Ok(TaskEdit { command: Some(command), draft: None });
    }
    if args.says_something() {
        let description = words::given("description", args.description.as_deref(), args.description_file.as_deref())?;
        let command = TaskCommand::Edit { title: args.title.clone(), description, priority };
        return Ok(TaskEdit { command: Some(command), draft: None });
    }
    if !screen.is_interactive() {
        return Err(Failure::new(Exit::Usage, "nothing is to be changed: give a title, a description or a priority")
            .fix("or change it in your editor, at a terminal"));
    }
    let mut detail: Option<TaskDetailView> = None;
    ask(&mut |caller| {
        detail = Some(caller.read(&ids::task(&args.task, caller)?.address())?);
        Ok(())
    })?;
    let detail = detail.ok_or_else(|| Failure::new(Exit::Internal, "the task was not read"))?;
    let (host, _) = settings::load(env)?;
    let name = format!("{}-{}", detail.task.id, uuid::Uuid::now_v7());
    let before = (detail.task.title.clone(), detail.description.trim().to_owned());
    let text = draft::template(&before.0, &before.1, HELP, &name);
    let (draft, text) = Draft::write(&host.paths.state, &name, &text, env)?;
    let after = parted(&text);
    if after == before || after.0.is_empty() {
        draft.remove();
        screen.line("Nothing was changed.");
        return Ok(TaskEdit { command: None, draft: None });
    }
    let (title, description) = after;
    let title = Some(title).filter(|title| *title != before.0);
    let description = Some(description).filter(|description| *description != before.1);
    Ok(TaskEdit { command: Some(TaskCommand::Edit { title, description, priority }), draft: Some(draft) })
}

/// The first line, and what follows: a heading further down opens no other issue here.
fn parted(text: &str) -> (String, String) {
    let one = draft::one(text);
    (one.title, one.description)
}

/// Sends it.
///
/// # Errors
/// If the service does not answer, knows no such task, or refuses: what was written in an editor is kept then.
pub fn run(args: &EditArgs, changed: TaskEdit, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let Some(command) = &changed.command else { return Ok(()) };
    let done = send::to_task(&args.task, command, caller, screen);
    match (done, changed.draft) {
        (Err(failure), Some(draft)) => Err(draft.kept(failure, &format!("orch edit {} --file", args.task.id))),
        (done, draft) => {
            draft.into_iter().for_each(Draft::remove);
            done
        }
    }
}

impl TaskEdit {
    /// There is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.command.is_none()
    }

    /// The failure of a call that reached nobody, with where the text is.
    pub fn unsent(self, args: &EditArgs, failure: Failure) -> Failure {
        match self.draft {
            Some(draft) => draft.kept(failure, &format!("orch edit {} --file", args.task.id)),
            None => failure,
        }
    }
}
