//! The journey of the demo's issues: opened at once, watched until each has ended or stands still, answered where
//! they ask.

use std::time::{Duration, Instant};

use orch_testkit::sample::Issue;
use orch_web::view::{AnswerView, CommandRequest, NewTaskRequest, TaskDetailView, TaskView};

use super::events::{Event, Events};
use super::folder::Folder;
use super::terminal::Terminal;
use super::up_process::UpProcess;
use super::{Trouble, picture};
use crate::client::{Caller, encoded};
use crate::exit::{Exit, Failure};
use crate::screen::Screen;

/// Between two looks: quick enough for an eye, idle for a machine.
const LOOK: Duration = Duration::from_millis(250);
/// A scripted journey takes seconds; one that takes this long stands still.
const BY_ITSELF: Duration = Duration::from_secs(10 * 60);
/// A person may read for a while.
const WITH_A_PERSON: Duration = Duration::from_secs(60 * 60);
/// For agents to end once they are called off.
const CALLED_OFF: Duration = Duration::from_secs(15);
/// Who approves if nobody is asked.
const DEMO: &str = "the demo";

/// Who answers when an issue asks for approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// The demo itself, at once.
    ByDemo,
    /// The person at this terminal, or at another one.
    Asked,
    /// The person at another terminal.
    Elsewhere,
}

/// One issue on its way.
#[derive(Debug, Clone)]
pub struct Traveller {
    /// As seen last.
    pub detail: TaskDetailView,
    /// From its opening until now or until it ended.
    pub took: Duration,
    /// The episode the person was asked about, if any.
    asked: Option<String>,
}

impl Traveller {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.detail.task.id
    }

    /// It is on main.
    pub fn landed(&self) -> Option<&str> {
        let task = &self.detail.task;
        task.landed.as_deref().filter(|_| task.ended && task.stage == "done")
    }

    /// Nothing moves it by itself any more.
    pub fn stands(&self) -> bool {
        let task = &self.detail.task;
        task.ended || task.waiting_on.iter().any(|wait| wait.kind == "held")
    }

    /// The open question for approval, if there is one.
    fn asks(&self) -> Option<String> {
        let open =
            self.detail.episodes.iter().find(|episode| episode.answer.is_none() && episode.kind == "approval")?;
        (!self.detail.task.ended).then(|| open.id.clone())
    }
}

/// The issues, and how to reach them.
pub struct Journey {
    caller: Caller,
    approval: Approval,
    begun: Instant,
    travellers: Vec<Traveller>,
    /// `orch` with the folder's settings.
    command: String,
    forge: String,
    /// Index of the traveller whose question stands on the screen.
    open_question: Option<usize>,
}

impl Journey {
    /// Opens the issues, one right after the other.
    ///
    /// # Errors
    /// What the service says.
    pub fn open(caller: Caller, approval: Approval, folder: &Folder, issues: &[Issue]) -> Result<Self, Failure> {
        let begun = Instant::now();
        let mut travellers = Vec::new();
        for issue in issues {
            let request = NewTaskRequest {
                title: issue.title.clone(),
                description: issue.description.clone(),
                repository: None,
                priority: 0,
                start: true,
                depends_on: Vec::new(),
            };
            let task: TaskView = caller.send("/api/v1/tasks", &request)?;
            let detail = caller.read(&path(&task.id))?;
            travellers.push(Traveller { detail, took: Duration::ZERO, asked: None });
        }
        let caller = if approval == Approval::ByDemo { caller.person(Some(DEMO.to_owned())) } else { caller };
        let (command, forge) = (folder.command().to_string(), folder.forge().to_string());
        Ok(Self { caller, approval, begun, travellers, command, forge, open_question: None })
    }

    /// The issues, in the order in which they were opened.
    pub fn travellers(&self) -> &[Traveller] {
        &self.travellers
    }

    /// Follows them until each has ended or is held.
    ///
    /// # Errors
    /// [`Trouble::Interrupted`]; [`Trouble::Failed`] if the service ends or it takes too long.
    pub fn watch(
        &mut self,
        service: &mut UpProcess,
        events: &Events,
        terminal: &mut Terminal,
        screen: &Screen,
        demo_begun: Instant,
    ) -> Result<(), Trouble> {
        if self.approval == Approval::Asked {
            events.read_lines(std::io::stdin(), Event::Typed);
        }
        let limit = if self.approval == Approval::ByDemo { BY_ITSELF } else { WITH_A_PERSON };
        let mut told = picture::Told::default();
        loop {
            if !service.lives() {
                return Err(service.ended().into());
            }
            self.look()?;
            if terminal.is_live() {
                if self.open_question.is_none() {
                    terminal.draw(&picture::block(screen, &self.travellers, demo_begun.elapsed()));
                }
            } else {
                for line in told.news(screen, &self.travellers, demo_begun.elapsed()) {
                    terminal.say(&line);
                }
            }
            if self.travellers.iter().all(Traveller::stands) {
                return Ok(());
            }
            if self.begun.elapsed() > limit {
                let minutes = limit.as_secs() / 60;
                let what = format!("the issues have not come to an end within {minutes} minutes");
                return Err(Failure::new(Exit::Failed, what).into());
            }
            self.answer(terminal, screen)?;
            if let Some(Event::Typed(typed)) = events.next(LOOK)? {
                self.typed(typed, terminal, screen)?;
            }
        }
    }

    fn look(&mut self) -> Result<(), Failure> {
        for traveller in &mut self.travellers {
            if traveller.detail.task.ended {
                continue;
            }
            traveller.detail = self.caller.read(&path(traveller.id()))?;
            traveller.took = self.begun.elapsed();
        }
        Ok(())
    }

    /// Answers, or asks the person, where a question is open that was not met before.
    fn answer(&mut self, terminal: &mut Terminal, screen: &Screen) -> Result<(), Failure> {
        if let Some(index) = self.open_question
            && self.travellers[index].asks() != self.travellers[index].asked
        {
            // It was answered elsewhere.
            terminal.say("");
            self.open_question = None;
        }
        for index in 0..self.travellers.len() {
            let traveller = &mut self.travellers[index];
            let Some(episode) = traveller.asks().filter(|episode| traveller.asked.as_ref() != Some(episode)) else {
                continue;
            };
            match self.approval {
                Approval::ByDemo => {
                    traveller.asked = Some(episode);
                    let id = traveller.id().to_owned();
                    self.send(&id, &CommandRequest::Approve)?;
                }
                Approval::Elsewhere => {
                    traveller.asked = Some(episode);
                    for line in picture::request(screen, traveller, &self.command, &self.forge) {
                        terminal.say(&line);
                    }
                }
                Approval::Asked if self.open_question.is_none() => {
                    traveller.asked = Some(episode);
                    terminal.settle();
                    for line in picture::request(screen, traveller, &self.command, &self.forge) {
                        terminal.say(&line);
                    }
                    terminal.ask(&picture::question(screen, traveller));
                    self.open_question = Some(index);
                }
                Approval::Asked => {}
            }
        }
        Ok(())
    }

    /// What the person typed, as an answer to the open question.
    fn typed(&mut self, typed: Option<String>, terminal: &mut Terminal, screen: &Screen) -> Result<(), Failure> {
        let Some(text) = typed else {
            // No more input: the other terminal remains.
            self.approval = Approval::Elsewhere;
            if self.open_question.take().is_some() {
                terminal.say("");
            }
            return Ok(());
        };
        let Some(index) = self.open_question else { return Ok(()) };
        let id = self.travellers[index].id().to_owned();
        let (word, reason) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
        let command = match word.to_lowercase().as_str() {
            "y" | "yes" => Some(CommandRequest::Approve),
            "r" | "reject" if !reason.trim().is_empty() => {
                Some(CommandRequest::Reject { reason: reason.trim().to_owned() })
            }
            "n" | "no" => None,
            _ => {
                terminal.ask(&picture::question(screen, &self.travellers[index]));
                return Ok(());
            }
        };
        self.open_question = None;
        match command {
            Some(command) => self.send(&id, &command)?,
            None => terminal.say(&picture::later(screen, &self.command, &id)),
        }
        Ok(())
    }

    /// Sends a command. A refusal means that somebody was quicker: what follows is seen at the next look.
    fn send(&self, id: &str, command: &CommandRequest) -> Result<(), Failure> {
        match self.caller.send::<AnswerView>(&format!("{}/commands", path(id)), command) {
            Err(failure) if failure.exit != Exit::Refused => Err(failure),
            _ => Ok(()),
        }
    }

    /// Stops what is still under way, so that no agent outlives the demo. Whatever fails here is left as it is: the
    /// demo is ending with a better reason.
    pub fn call_off(&mut self) {
        let deadline = Instant::now() + CALLED_OFF;
        let open: Vec<String> =
            self.travellers.iter().filter(|t| !t.detail.task.ended).map(|t| t.id().to_owned()).collect();
        let mut left: Vec<String> =
            open.into_iter().filter(|id| self.send(id, &CommandRequest::Stop).is_ok()).collect();
        while !left.is_empty() && Instant::now() < deadline {
            left.retain(|id| self.caller.read::<TaskDetailView>(&path(id)).is_ok_and(|detail| !detail.task.ended));
            std::thread::sleep(LOOK);
        }
    }
}

fn path(id: &str) -> String {
    format!("/api/v1/tasks/{}", encoded(id))
}
