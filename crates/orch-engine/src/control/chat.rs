//! What people do in chats: they press buttons and reply. Each is a command like any other, by an account at the bot's
//! connection.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use orch_ports::PortResult;
use orch_ports::chat::{Chat, ChatEvent, ChatWhat, Press, Verb, held};
use orch_rules::actor::Actor;
use orch_rules::ids::{EpisodeId, Timestamp};
use orch_rules::people::Reply;
use orch_rules::port_error::ErrorKind;
use orch_rules::rights::{self, Right};
use orch_text::{ChatText, Language};

use super::{Control, ControlError, TaskCommand, TaskName};
use crate::perform::blocking;

/// The side of a task that a chat shows.
const CARD: &str = "card";
/// A button answers for so long, in milliseconds.
const ANSWERS_FOR_MS: i64 = 7 * 24 * 60 * 60_000;
/// A reply is awaited for so long, in milliseconds.
const AWAITED_MS: i64 = 10 * 60_000;
/// Replies that are awaited at once.
const AWAITED: usize = 1_000;
/// Pauses after the chat could not be read.
const AWAY: Duration = Duration::from_secs(5);
/// The same when another program reads it, when it wants to be left alone, and when somebody has to mend its token.
const LONG_AWAY: Duration = Duration::from_secs(60);

/// What a press is about.
struct PressSubject {
    task: TaskName,
    /// The question; `None` for a hold.
    episode: Option<EpisodeId>,
}

/// What a button turns out to be.
enum Pressed {
    /// Of an open question, or of a hold that stands.
    PressSubject(PressSubject),
    /// Of a question that was answered, or asked anew.
    Over,
    /// Of nothing that we asked.
    NotOurs,
}

/// What is written in the chat after a press was answered.
enum PressEffect {
    Nothing,
    /// These buttons stand under the message.
    Offer(&'static [Verb]),
    /// The message says what became of it.
    Settle {
        task: TaskName,
        done: ChatText,
    },
    /// Words are asked for.
    Ask {
        about: PressSubject,
        rejects: bool,
    },
}

/// A reply that somebody was asked for.
struct AwaitedReply {
    by: Actor,
    about: PressSubject,
    /// The words are a reason against it; else they are an answer.
    rejects: bool,
    /// The message under which the button was.
    under: i64,
    at: Timestamp,
}

/// One bot's chats being read.
struct ChatReading {
    control: Control,
    chat: Arc<dyn Chat>,
    connection: String,
    /// By chat and message.
    awaited: HashMap<(String, i64), AwaitedReply>,
}

impl Control {
    /// Reads what people do in the chats of a bot, and does it, for as long as it is polled.
    pub async fn read_chat(self, chat: Arc<dyn Chat>) {
        let connection = loop {
            let people = self.engine.people.clone();
            let Some(people) = people else { return };
            match people.connect(&chat.connection()).await {
                Ok(connection) => break connection.id,
                Err(error) => tracing::warn!(chat = chat.name(), %error, "who answers there cannot be known yet"),
            }
            tokio::time::sleep(AWAY).await;
        };
        let mut reading = ChatReading { control: self, chat, connection, awaited: HashMap::new() };
        let mut after = None;
        let mut quiet = false;
        loop {
            let chat = reading.chat.clone();
            match blocking(move || Ok(chat.events(after))).await {
                Ok(Ok(events)) => {
                    if std::mem::take(&mut quiet) {
                        tracing::info!(chat = reading.chat.name(), "the chat is read again");
                    }
                    for event in events {
                        let number = event.number;
                        reading.handle(event).await;
                        after = Some(number);
                    }
                }
                Ok(Err(error)) => {
                    if !std::mem::replace(&mut quiet, true) {
                        tracing::warn!(chat = reading.chat.name(), %error, "the chat cannot be read; trying again");
                    }
                    tokio::time::sleep(match error.kind {
                        ErrorKind::Conflict | ErrorKind::Unauthorised | ErrorKind::RateLimited { .. } => LONG_AWAY,
                        _ => AWAY,
                    })
                    .await;
                }
                Err(_) => tokio::time::sleep(AWAY).await,
            }
        }
    }
}

impl ChatReading {
    async fn handle(&mut self, event: ChatEvent) {
        let language = Language::of_tag(self.chat.language(&event.chat)).unwrap_or_default();
        let by = Actor::at(&self.connection, &event.account).known_as(&event.name);
        match event.what {
            ChatWhat::Press(press) => {
                let (answer, after) = match self.pressed(&event.chat, &press, &by).await {
                    Ok((answer, after)) => (answer.say(&[], language), after),
                    Err(error) => (unwell(&error, language), PressEffect::Nothing),
                };
                // A press is soon too old to be answered, and what is written there waits for the chat's pace.
                let id = press.id.clone();
                self.there(move |chat| chat.answer(&id, &answer)).await;
                self.afterwards(&event.chat, &press, by, after, language).await;
            }
            ChatWhat::Reply { to, text: words } => {
                let at = (event.chat.clone(), to);
                // Whoever was asked answers, and nobody else in the same chat.
                let theirs = self.awaited.get(&at).is_some_and(|awaited| awaited.by == by);
                if let Some(awaited) = theirs.then(|| self.awaited.remove(&at)).flatten() {
                    self.replied(event.chat, awaited, words, by, event.number, language).await;
                }
            }
            ChatWhat::Code(code) => {
                let said = match self.control.use_code(&code, by.clone()).await {
                    Ok(_) => ChatText::Linked.say(&[("who", &self.called(&by).await)], language),
                    Err(error) => unwell(&error, language),
                };
                let place = event.chat;
                self.there(move |chat| chat.say(&place, None, &said, false).map(drop)).await;
            }
            ChatWhat::Other => {}
        }
    }

    /// Does what a button says: what the presser is told, and what is written in the chat then.
    async fn pressed(&self, place: &str, press: &Press, by: &Actor) -> Result<(ChatText, PressEffect), ControlError> {
        if press.verb == Verb::Card {
            return Ok((self.card_here(place, press).await?, PressEffect::Nothing));
        }
        if press.age_ms > ANSWERS_FOR_MS {
            return Ok((ChatText::TooOld, PressEffect::Offer(&[])));
        }
        let about = match self.about(place, press).await? {
            Pressed::PressSubject(about) => about,
            Pressed::Over => return Ok((ChatText::Over, PressEffect::Offer(&[]))),
            // Whoever made it up takes no button away.
            Pressed::NotOurs => return Ok((ChatText::Over, PressEffect::Nothing)),
        };
        let right = if about.episode.is_some() { Right::Answer } else { Right::Steer };
        if rights::may(&self.control.met(by, &[]).await?, right).is_err() {
            return Ok((ChatText::MayNot, PressEffect::Nothing));
        }
        let (command, done) = match press.verb {
            Verb::Approve => (answered(&about, Reply::Approve), ChatText::Approved),
            Verb::DeployNow => (answered(&about, Reply::Confirm), ChatText::Confirmed),
            Verb::RaiseBy5 => (TaskCommand::RaiseBudget { by_micros: 5_000_000 }, ChatText::Raised),
            Verb::RaiseBy20 => (TaskCommand::RaiseBudget { by_micros: 20_000_000 }, ChatText::Raised),
            Verb::Retry => (TaskCommand::Retry, ChatText::Retried),
            Verb::Deploy => return Ok((ChatText::Sure, PressEffect::Offer(&[Verb::DeployNow, Verb::NotNow]))),
            Verb::NotNow => return Ok((ChatText::NotNow, PressEffect::Offer(&[Verb::Deploy]))),
            Verb::Reject => return Ok((ChatText::TellReason, PressEffect::Ask { about, rejects: true })),
            Verb::Answer => return Ok((ChatText::TellAnswer, PressEffect::Ask { about, rejects: false })),
            Verb::Card => return Ok((ChatText::CardHere, PressEffect::Nothing)),
        };
        let key = format!("{}:press:{}", self.connection, press.id);
        self.control.command(&about.task, command, by.clone(), key).await?;
        Ok((done, PressEffect::Settle { task: about.task, done }))
    }

    /// The message that was pressed is the task's card from now on, whatever was taken for it: a send in doubt may have made
    /// two. Anybody may ask for that, since nothing is decided by it.
    async fn card_here(&self, place: &str, press: &Press) -> Result<ChatText, ControlError> {
        let engine = &self.control.engine;
        for task in engine.store.tasks_by_work_item(&press.work_item).await? {
            if !self.chat.is_about(place, press, task.id.as_str()) {
                continue;
            }
            for (target, id) in self.chat.cards_at(place, press.message) {
                if engine.adopt_shown(&target, &task, CARD, &id).await? {
                    return Ok(ChatText::CardHere);
                }
            }
        }
        Ok(ChatText::Over)
    }

    async fn afterwards(&mut self, place: &str, press: &Press, by: Actor, after: PressEffect, language: Language) {
        match after {
            PressEffect::Nothing => {}
            PressEffect::Offer(verbs) => {
                let (place, press) = (place.to_owned(), press.clone());
                self.there(move |chat| chat.offer(&place, &press, verbs)).await;
            }
            PressEffect::Settle { task, done } => self.settle(place, press.message, &task, done, &by, language).await,
            PressEffect::Ask { about, rejects } => self.ask(place, press.message, by, about, rejects, language).await,
        }
    }

    /// The open question, or the hold, that a button is about: whatever was answered or asked anew meanwhile is another.
    async fn about(&self, place: &str, press: &Press) -> Result<Pressed, ControlError> {
        for task in self.control.engine.store.tasks_by_work_item(&press.work_item).await? {
            let name = TaskName::from(&task);
            if press.verb == Verb::Retry {
                // Of a hold that is over nothing is kept to know its button by.
                let subject = task.hold.as_ref().map(|hold| held(&task.id, &hold.reason()));
                if subject.is_some_and(|subject| self.chat.is_about(place, press, &subject)) {
                    return Ok(Pressed::PressSubject(PressSubject { task: name, episode: None }));
                }
                continue;
            }
            let history = self.control.engine.store.history(&task.id).await?;
            let mut asked = history.episodes.into_iter();
            if let Some(episode) = asked.find(|episode| self.chat.is_about(place, press, episode.id.as_str())) {
                let about = PressSubject { task: name, episode: Some(episode.id.clone()) };
                return Ok(if episode.is_open() { Pressed::PressSubject(about) } else { Pressed::Over });
            }
        }
        Ok(Pressed::NotOurs)
    }

    /// Asks for words.
    async fn ask(
        &mut self,
        place: &str,
        under: i64,
        by: Actor,
        about: PressSubject,
        rejects: bool,
        language: Language,
    ) {
        let Ok(at) = self.control.engine.store.now().await else { return };
        self.awaited.retain(|_, awaited| at.since_ms(awaited.at) <= AWAITED_MS);
        if self.awaited.len() >= AWAITED {
            return;
        }
        let (id, who) = (about.task.work_item.to_string(), self.called(&by).await);
        let asks = if rejects { ChatText::AskReason } else { ChatText::AskAnswer };
        let question = asks.say(&[("id", &id), ("who", &who)], language);
        let to = place.to_owned();
        if let Some(number) = self.there(move |chat| chat.say(&to, Some(under), &question, true)).await {
            self.awaited.insert((place.to_owned(), number), AwaitedReply { by, about, rejects, under, at });
        }
    }

    /// Somebody replied to what they were asked for.
    async fn replied(
        &mut self,
        place: String,
        awaited: AwaitedReply,
        words: String,
        by: Actor,
        number: i64,
        language: Language,
    ) {
        let late = self.control.engine.store.now().await.is_ok_and(|now| now.since_ms(awaited.at) > AWAITED_MS);
        let (reply, done) = match awaited.rejects {
            true => (Reply::Reject { reason: words }, ChatText::Rejected),
            false => (Reply::Text { text: words }, ChatText::Answered),
        };
        let key = format!("{}:reply:{number}", self.connection);
        let said = if late {
            ChatText::TooOld.say(&[], language)
        } else {
            let command = answered(&awaited.about, reply);
            match self.control.command(&awaited.about.task, command, by.clone(), key).await {
                Ok(_) => {
                    self.settle(&place, awaited.under, &awaited.about.task, done, &by, language).await;
                    done.say(&[], language)
                }
                Err(error) => unwell(&error, language),
            }
        };
        self.there(move |chat| chat.say(&place, None, &said, false).map(drop)).await;
    }

    /// What people call whoever acts: the person, else the account.
    async fn called(&self, by: &Actor) -> String {
        let acting = self.control.met(by, &[]).await;
        acting.ok().and_then(|acting| acting.person).map_or_else(|| by.to_string(), |person| person.display)
    }

    async fn settle(&self, place: &str, message: i64, task: &TaskName, done: ChatText, by: &Actor, language: Language) {
        let (id, who) = (task.work_item.to_string(), self.called(by).await);
        let done = done.say(&[], language);
        let mut letters = done.chars();
        let done: String = letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect();
        let became = format!("✅ {}", ChatText::Settled.say(&[("id", &id), ("done", &done), ("who", &who)], language));
        let place = place.to_owned();
        self.there(move |chat| chat.settle(&place, message, &became)).await;
    }

    /// Calls the chat. What does not arrive there is logged: what was decided stands whatever people see of it.
    async fn there<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Chat) -> PortResult<T> + Send + 'static,
    ) -> Option<T> {
        let chat = self.chat.clone();
        let done = blocking(move || Ok(call(&*chat))).await.ok()?;
        done.inspect_err(|error| tracing::warn!(chat = self.chat.name(), %error, "somebody was not answered")).ok()
    }
}

fn answered(about: &PressSubject, reply: Reply) -> TaskCommand {
    TaskCommand::Answer { episode: about.episode.clone(), reply }
}

/// Why nothing was done, for whoever asked for it there.
fn unwell(error: &ControlError, language: Language) -> String {
    match error {
        ControlError::Store(_) | ControlError::Unavailable { .. } => ChatText::Failed.say(&[], language),
        error => ChatText::Refused.say(&[("why", &error.to_string())], language),
    }
}
