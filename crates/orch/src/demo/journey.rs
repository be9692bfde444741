//! The journey of the demo's issues: opened at once, watched until each has ended or stands still, answered where
//! they ask.

use std::time::{Duration, Instant};

use orch_engine::control::TaskCommand;
use orch_testkit::sample::Issue;
use orch_web::view::{AnswerRequest, AnswerView, EpisodeView, LogView, NewTaskRequest, ReplyRequest, TaskDetailView};

use super::events::{Event, Events};
use super::folder::Folder;
use super::story::Turn;
use super::terminal::Terminal;
use super::up_process::UpProcess;
use super::{Trouble, asking, picture, story};
use crate::client::{Caller, encoded};
use crate::commands::new::{self, Sent};
use crate::exit::{Exit, Failure};
use crate::screen::Screen;

/// Between two looks: quick enough for an eye, idle for a machine.
const LOOK: Duration = Duration::from_millis(250);
/// A scripted journey takes seconds; one that takes this long goes nowhere.
const BY_ITSELF: Duration = Duration::from_secs(10 * 60);
/// Without any change, which a busy machine makes rare.
const STANDS_STILL: Duration = Duration::from_secs(4 * 60);
/// A person may read for a while.
const WITH_A_PERSON: Duration = Duration::from_secs(60 * 60);
/// For agents to end once they are called off.
const CALLED_OFF: Duration = Duration::from_secs(15);
/// Who approves if nobody is asked.
const DEMO: &str = "the demo";

/// What the demo says to a question for which the issue names no answer.
const AS_WRITTEN: &str = "As the issue says.";

/// Who answers when an issue asks.
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
    /// The test that proves it, as a path of the project.
    pub proof: String,
    /// What happened to it that does not happen to every issue; known once it stands.
    pub turns: Vec<Turn>,
    /// What the demo answers to its questions.
    answer: String,
    /// The episode that was answered, or the person was asked about, last.
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

    /// The open question, if there is one.
    pub fn asks(&self) -> Option<&EpisodeView> {
        self.detail.episodes.iter().find(|episode| episode.answer.is_none() && !self.detail.task.ended)
    }

    /// The open question, unless it was met before.
    fn asks_anew(&self) -> Option<&EpisodeView> {
        self.asks().filter(|open| self.asked.as_ref() != Some(&open.id))
    }

    /// What the demo says to a question.
    fn reply(&self, open: &EpisodeView) -> ReplyRequest {
        if open.kind == "questions" { ReplyRequest::Text { text: self.answer.clone() } } else { ReplyRequest::Approve }
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
    /// Every issue has asked something: all branches are cut from the same main, before anything lands.
    all_have_asked: bool,
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
                pipeline: None,
                labels: Vec::new(),
                start: true,
                depends_on: Vec::new(),
            };
            let task = match new::open(&request, None, &caller)? {
                Sent::Task(task) => task,
                Sent::Stored(answer) => return Err(Failure::new(Exit::Failed, answer.text)),
            };
            let detail = caller.read(&path(&task.id))?;
            let answer = issue.answer.clone().unwrap_or_else(|| AS_WRITTEN.to_owned());
            let proof = issue.proof.clone();
            travellers.push(Traveller { detail, took: Duration::ZERO, proof, answer, asked: None, turns: Vec::new() });
        }
        let caller = if approval == Approval::ByDemo { caller.person(Some(DEMO.to_owned())) } else { caller };
        let (command, forge) = (folder.command().to_string(), folder.forge().to_string());
        Ok(Self { caller, approval, begun, travellers, command, forge, open_question: None, all_have_asked: false })
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
        let mut moved = (Vec::new(), Instant::now());
        loop {
            if !service.lives() {
                return Err(service.ended().into());
            }
            self.look()?;
            if let Some(why) = service.cannot_start() {
                return Err(Failure::new(Exit::Failed, format!("no run can start here: {why}")).into());
            }
            let states: Vec<_> = self.travellers.iter().map(|t| (t.id().to_owned(), t.detail.clone())).collect();
            if states != moved.0 {
                moved = (states, Instant::now());
            } else if self.approval == Approval::ByDemo && moved.1.elapsed() > STANDS_STILL {
                return Err(self.stands_still().into());
            }
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

    /// What each waits for that does not come.
    fn stands_still(&self) -> Failure {
        let open = self.travellers.iter().filter(|traveller| !traveller.stands());
        let waits: Vec<String> = open.map(|t| format!("{}: {}", t.id(), picture::state(&t.detail))).collect();
        let minutes = STANDS_STILL.as_secs() / 60;
        Failure::new(Exit::Failed, format!("nothing has changed for {minutes} minutes ({})", waits.join("; ")))
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

    /// Reads what the runs that mended something were told: for the report, once nothing moves any more.
    ///
    /// # Errors
    /// What the service says.
    pub fn read_turns(&mut self) -> Result<(), Failure> {
        for traveller in &mut self.travellers {
            let mut logs = Vec::new();
            for attempt in story::told_runs(&traveller.detail) {
                let log = format!("{}/log?attempt={attempt}&offset=0", path(traveller.id()));
                logs.push(if attempt == 0 { String::new() } else { self.caller.read::<LogView>(&log)?.text });
            }
            traveller.turns = story::turns(&traveller.detail, &logs);
        }
        Ok(())
    }

    /// Answers, or asks the person, where a question is open that was not met before.
    fn answer(&mut self, terminal: &mut Terminal, screen: &Screen) -> Result<(), Failure> {
        if let Some(index) = self.open_question
            && self.travellers[index].asks().map(|open| &open.id) != self.travellers[index].asked.as_ref()
        {
            // It was answered elsewhere.
            terminal.say("");
            self.open_question = None;
        }
        self.all_have_asked |= self.travellers.iter().all(|t| t.stands() || !t.detail.episodes.is_empty());
        for index in 0..self.travellers.len() {
            let traveller = &mut self.travellers[index];
            let Some(open) = traveller.asks_anew().cloned() else { continue };
            match self.approval {
                Approval::ByDemo if !self.all_have_asked => {}
                Approval::ByDemo => {
                    let (id, reply) = (traveller.id().to_owned(), traveller.reply(&open));
                    traveller.asked = Some(open.id.clone());
                    self.reply(&id, open.id, reply)?;
                }
                Approval::Elsewhere => {
                    traveller.asked = Some(open.id);
                    for line in asking::request(screen, traveller, &self.command, &self.forge) {
                        terminal.say(&line);
                    }
                }
                Approval::Asked if self.open_question.is_none() => {
                    traveller.asked = Some(open.id);
                    terminal.settle();
                    for line in asking::request(screen, traveller, &self.command, &self.forge) {
                        terminal.say(&line);
                    }
                    terminal.ask(&asking::question(screen, traveller));
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
        let traveller = &self.travellers[index];
        let (id, open) = (traveller.id().to_owned(), traveller.asks().cloned());
        let kind = open.as_ref().map_or("", |open| open.kind.as_str());
        match asking::understood(kind, &text) {
            asking::Typed::Unclear => terminal.ask(&asking::question(screen, traveller)),
            asking::Typed::Later => {
                terminal.say(&asking::later(screen, &self.command, &id, kind));
                self.open_question = None;
            }
            asking::Typed::Reply(reply) => {
                self.open_question = None;
                if let Some(open) = open {
                    self.reply(&id, open.id, reply)?;
                }
            }
        }
        Ok(())
    }

    /// Answers the question that was seen.
    fn reply(&self, id: &str, episode: String, reply: ReplyRequest) -> Result<(), Failure> {
        let request = AnswerRequest { episode: Some(episode), reply };
        seen_next(self.caller.send::<AnswerView>(&format!("{}/answer", path(id)), &request))
    }

    fn send(&self, id: &str, command: &TaskCommand) -> Result<(), Failure> {
        seen_next(self.caller.send::<AnswerView>(&format!("{}/commands", path(id)), command))
    }

    /// Stops what is still under way, so that no agent outlives the demo. Whatever fails here is left as it is: the
    /// demo is ending with a better reason.
    pub fn call_off(&mut self) {
        let deadline = Instant::now() + CALLED_OFF;
        let open: Vec<String> =
            self.travellers.iter().filter(|t| !t.detail.task.ended).map(|t| t.id().to_owned()).collect();
        let mut left: Vec<String> = open.into_iter().filter(|id| self.send(id, &TaskCommand::Stop).is_ok()).collect();
        while !left.is_empty() && Instant::now() < deadline {
            left.retain(|id| self.caller.read::<TaskDetailView>(&path(id)).is_ok_and(|detail| !detail.task.ended));
            std::thread::sleep(LOOK);
        }
    }
}

/// A refusal means that somebody was quicker: what follows is seen at the next look.
fn seen_next(answer: Result<AnswerView, Failure>) -> Result<(), Failure> {
    match answer {
        Err(failure) if failure.exit != Exit::Refused => Err(failure),
        _ => Ok(()),
    }
}

fn path(id: &str) -> String {
    format!("/api/v1/tasks/{}", encoded(id))
}
