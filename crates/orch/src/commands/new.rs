//! `orch new`.

use std::cell::Cell;

use camino::Utf8PathBuf;
use clap::Args;
use orch_web::view::{AnswerView, NewTaskRequest, RepositoryList, TaskView};
use sha2::{Digest, Sha256};

use super::draft::{self, Draft, IssueText};
use super::ids::REPOSITORIES;
use super::{from_address, ids, send, text, words};
use crate::client::{self, Caller};
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, Style};
use crate::settings;

/// Where new tasks go.
const PATH: &str = "/api/v1/tasks";
/// Its status if the service could not say yet what becomes of it.
const STORED: u16 = 202;
/// What a file of issues looks like.
const FORM: &str = "write `# title` and below it in Markdown what is wanted, once for each issue";
/// Stands below an empty text in the editor.
const HELP: &[&str] = &[
    "The first line is what is wanted, in one line. Then, after an empty line, in Markdown: what is wanted and why,",
    "and how one sees that it is done. Several at once: begin each with `# ` and its title.",
];

/// What became of an issue that was sent.
pub enum Sent {
    /// It is a task.
    Task(Box<TaskView>),
    /// It is kept, and becomes one when the service gets to it.
    Stored(AnswerView),
}

/// Sends a new issue; under a name it is one however often it is sent.
///
/// # Errors
/// If the service does not answer, or the issue is not accepted.
pub fn open(request: &NewTaskRequest, name: Option<&str>, caller: &Caller) -> Result<Sent, Failure> {
    let reply = match name {
        Some(name) => caller.post_as(PATH, request, name)?,
        None => caller.post(PATH, request)?,
    };
    match reply.status {
        STORED => client::answer(reply, PATH).map(Sent::Stored),
        _ => client::answer(reply, PATH).map(|task| Sent::Task(Box::new(task))),
    }
}

/// Open a task and start it.
#[derive(Debug, Args)]
#[command(after_help = r#"Examples:
  orch new                                   # in your editor
  orch new "Say hello in Dutch" -d "The greeter knows English only."
  orch new --file issues.md                  # one for each `# heading`
  orch new https://git.example.org/acme/shop/issues/7
  orch new "Docs: how to start" -d "Nobody knows." --pipeline papers
  orch new "Faster start" --description-file brief.md --priority 5
  git log -1 --format=%b | orch new "Follow up" -d - --depends-on SHOP-003"#)]
pub struct NewArgs {
    /// What is wanted, in one line, or the address of an issue; without it, at a terminal, your editor opens
    pub title: Option<String>,
    /// What is wanted, in Markdown; `-` reads it from stdin
    #[arg(long, short, value_name = "TEXT", allow_hyphen_values = true)]
    pub description: Option<String>,
    /// The same from a file; `-` reads it from stdin
    #[arg(long, value_name = "FILE", conflicts_with = "description")]
    pub description_file: Option<Utf8PathBuf>,
    /// Issues from a file, `-` is stdin: a first line and what belongs to it, or one for each `# heading` if it begins with
    /// one. Sent again, the same words open nothing twice
    #[arg(long, short, value_name = "FILE", conflicts_with_all = ["title", "description", "description_file"])]
    pub file: Option<Utf8PathBuf>,
    /// Write it in your editor ($VISUAL, $EDITOR)
    #[arg(long, short, conflicts_with = "file")]
    pub edit: bool,
    /// Open what stands in the file though the same words were opened from one before
    #[arg(long, requires = "file")]
    pub again: bool,
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

/// What was written before anybody is asked.
pub struct Written {
    issues: Vec<IssueText>,
    /// Names the text: what is sent again under it is not opened again. Without it each is a new one.
    name: Option<String>,
    draft: Option<Draft>,
}

/// Reads what is wanted: from the command line, a file, or the person's editor. `env` reads one environment variable.
///
/// # Errors
/// If a text cannot be read, or there is none.
pub fn written(args: &NewArgs, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<Written, Failure> {
    if let Some(file) = &args.file {
        let text = words::given("file", None, Some(file))?.unwrap_or_default();
        let issues = draft::issues(&text);
        if issues.is_empty() {
            return Err(Failure::new(Exit::Usage, "there is no issue in it").at(file.as_str()).fix(FORM));
        }
        let named = draft::name(&text).map(str::to_owned);
        let name = named.or_else(|| Some("file".to_owned())).filter(|_| !args.again);
        return Ok(Written { issues, name, draft: None });
    }
    let description = words::given("description", args.description.as_deref(), args.description_file.as_deref())?;
    let description = description.unwrap_or_default();
    let edits = args.edit || (args.title.is_none() && screen.is_interactive());
    let elsewhere = match &args.title {
        Some(address) if from_address::is_address(address) => {
            Some(from_address::read(address, &description, screen, env)?)
        }
        _ => None,
    };
    let description = elsewhere.as_ref().map_or(description, |issue| issue.description.clone());
    let title = match (&args.title, edits) {
        (Some(title), _) => elsewhere.as_ref().map_or(title, |issue| &issue.title).as_str(),
        (None, true) => "",
        (None, false) => {
            return Err(Failure::new(Exit::Usage, "there is no title, and no terminal to write it at")
                .fix("give one: orch new TITLE -d TEXT; or issues from a file: orch new --file FILE"));
        }
    };
    if !edits {
        let issues = vec![IssueText { title: title.to_owned(), description }];
        return Ok(Written { issues, name: None, draft: None });
    }
    let (host, _) = settings::load(env)?;
    let name = uuid::Uuid::now_v7().to_string();
    let text = draft::template(title, &description, HELP, &name);
    let (draft, text) = Draft::write(&host.paths.state, &name, &text, env)?;
    let issues = draft::issues(&text);
    if issues.is_empty() {
        draft.remove();
        screen.line("Nothing was written, and nothing is opened.");
        return Ok(Written { issues, name: None, draft: None });
    }
    Ok(Written { issues, name: Some(name), draft: Some(draft) })
}

impl Written {
    /// There is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.issues.is_empty()
    }

    /// The failure of a call that reached nobody, with where the text is.
    pub fn unsent(self, failure: Failure) -> Failure {
        match self.draft {
            Some(draft) => draft.kept(failure, "orch new --file"),
            None => failure,
        }
    }
}

/// Opens what was written.
///
/// # Errors
/// If the service does not answer, or a task is not accepted: what was written in an editor is kept then.
pub fn run(args: &NewArgs, written: Written, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let opened = Cell::new(0);
    let done = each(args, &written, &opened, caller, screen);
    let Some(draft) = written.draft else { return done };
    match done {
        // One that is held has its words in its task.
        Err(failure) if opened.get() < written.issues.len() => Err(draft.kept(failure, "orch new --file")),
        done => {
            draft.remove();
            done
        }
    }
}

/// Counts those that were `opened`.
fn each(
    args: &NewArgs,
    written: &Written,
    opened: &Cell<usize>,
    caller: &Caller,
    screen: &Screen,
) -> Result<(), Failure> {
    let repository = ids::repository(args.repo.as_deref(), caller)?;
    let other = |id: &String| ids::other_task(id, args.repo.as_deref(), caller);
    let depends_on = args.depends_on.iter().map(other).collect::<Result<Vec<_>, _>>()?;
    let titles: Vec<String> = written.issues.iter().map(|issue| issue.title.clone()).collect();
    let mut at = 0;
    let done = send::all(&titles, |title| {
        let (issue, number) = (&written.issues[at], at);
        at += 1;
        let request = NewTaskRequest {
            title: title.to_owned(),
            description: issue.description.clone(),
            repository: Some(repository.clone()),
            priority: args.priority,
            pipeline: args.pipeline.clone(),
            labels: args.labels.clone(),
            start: !args.backlog,
            depends_on: depends_on.clone(),
        };
        let name = written.name.as_ref().map(|name| key(name, &written.issues[..number], &request)).transpose()?;
        let asked = jiff::Timestamp::now();
        let sent = sent(&request, name.as_deref(), caller)?;
        opened.set(opened.get() + 1);
        tell(args, sent, name.map(|_| asked), screen)
    });
    if opened.get() > 0 && !args.backlog {
        held_back(&repository, caller, screen);
    }
    done
}

/// Says at once that nothing starts in this repository, and why: who looks at the board does it a day later.
fn held_back(repository: &str, caller: &Caller, screen: &Screen) {
    let Ok(known) = caller.read::<RepositoryList>(REPOSITORIES) else { return };
    let of_it = known.repositories.iter().find(|known| known.id == repository);
    let Some(trouble) = of_it.and_then(|known| known.trouble.as_ref()).filter(|trouble| trouble.holds) else { return };
    let what =
        if trouble.passes { "it starts by itself after this: " } else { "nothing starts before this is mended: " };
    let style = if trouble.passes { Style::Faint } else { Style::Attention };
    for part in text::wrap(&format!("{what}{}", text::clean(&trouble.reason)), screen.width()) {
        screen.line(&screen.styled(style, &part));
    }
}

/// Under this name an issue of a text is sent: by what is asked, and how often it was asked before in there.
fn key(name: &str, before: &[IssueText], request: &NewTaskRequest) -> Result<String, Failure> {
    let same = before.iter().filter(|b| b.title == request.title && b.description == request.description).count();
    let asked = serde_json::to_string(request)
        .map_err(|error| Failure::new(Exit::Internal, format!("the request cannot be written as JSON: {error}")))?;
    let hash = Sha256::digest(serde_json::json!([name, same, asked]).to_string());
    Ok(hash.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn sent(request: &NewTaskRequest, name: Option<&str>, caller: &Caller) -> Result<Sent, Failure> {
    open(request, name, caller).map_err(|failure| match (failure.exit, &failure.fix) {
        (Exit::Usage, None) => failure.fix("give a title of one line, and with -d in Markdown what is wanted and why"),
        _ => failure,
    })
}

/// `asked`: when one that may be there already was asked for.
fn tell(args: &NewArgs, sent: Sent, asked: Option<jiff::Timestamp>, screen: &Screen) -> Result<(), Failure> {
    let task = match sent {
        Sent::Task(task) => task,
        Sent::Stored(answer) => {
            send::tell(&answer, None, screen);
            return Ok(());
        }
    };
    screen.json(&task);
    let (id, title) = (screen.styled(Style::Strong, &task.id), text::clean(&task.title));
    screen.line(&text::fit(&format!("{id}  {title}"), screen.width()));
    // Sent before under the same name. The service tells milliseconds.
    let created = task.created_at.parse::<jiff::Timestamp>().ok();
    if asked.zip(created).is_some_and(|(asked, created)| created.as_millisecond() < asked.as_millisecond()) {
        let words = format!("was opened from these words before; once more: orch new --again … ({})", task.stage);
        screen.line(&screen.styled(Style::Faint, &words));
        return Ok(());
    }
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
