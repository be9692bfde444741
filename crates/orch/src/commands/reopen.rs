//! `orch reopen`.

use clap::Args;
use orch_web::view::{NewTaskRequest, TaskDetailView};

use super::ids::{self, TaskArg, TasksArg};
use super::new::{self, Sent};
use super::send;
use crate::client::Caller;
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, Style};

/// Open a task that has ended once more, as a new one with the same words.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  orch reopen SHOP-003\n  orch reopen 3 4 --backlog")]
pub struct ReopenArgs {
    #[command(flatten)]
    pub tasks: TasksArg,
    /// Leave it in the backlog: nothing starts
    #[arg(long)]
    pub backlog: bool,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer or knows no such task; [`Exit::Refused`] if it has not ended.
pub fn run(args: &ReopenArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    send::each(&args.tasks.ids, args.tasks.repo.as_deref(), |task| again(task, args.backlog, caller, screen))
}

fn again(task: &TaskArg, backlog: bool, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let named = ids::task(task, caller)?;
    let id = &named.id;
    let detail: TaskDetailView = caller.read(&named.address())?;
    if !detail.task.ended {
        return Err(Failure::new(Exit::Refused, format!("{id} has not ended: there is nothing to open again"))
            .fix(format!("see how it stands: orch show {id}")));
    }
    let request = NewTaskRequest {
        title: detail.task.title.clone(),
        description: detail.description.clone(),
        repository: Some(detail.task.repository.clone()),
        priority: detail.task.priority,
        pipeline: None,
        labels: Vec::new(),
        start: !backlog,
        depends_on: Vec::new(),
    };
    let task = match new::open(&request, None, caller)? {
        Sent::Task(task) => task,
        Sent::Stored(answer) => {
            send::tell(&answer, Some(id), screen);
            return Ok(());
        }
    };
    screen.json(&task);
    screen.line(&format!("{id} goes on as {}", screen.styled(Style::Strong, &task.id)));
    Ok(())
}
