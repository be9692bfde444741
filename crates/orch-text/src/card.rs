//! A task as one card in a chat: where it stands, what each stage took, and what people and agents spent on it. Made of
//! stored rows alone: the same rows are the same card, and a line of a stage that is passed never changes.

use fluent_bundle::{FluentArgs, FluentValue};
use jiff::tz::TimeZone;
use orch_rules::attempt::{Attempt, Usage};
use orch_rules::episode::{Answer, Episode, EpisodeKind};
use orch_rules::ids::{AttemptNumber, StageId, Timestamp};
use orch_rules::pipeline::{Pipeline, Stage};
use orch_rules::task::{Position, Task, Wait};

use crate::card_figures::{Figures, duration, moment, money, tokens};
use crate::catalogue::text;
use crate::language::Language;
use crate::reason::reason;
use crate::wait::wait;

/// Longest title, in characters.
const TITLE: usize = 120;
/// Longest sentence of what is wrong, in characters.
const WHY: usize = 90;

/// What is stored of a task, as far as its card needs it.
#[derive(Debug, Clone, Copy)]
pub struct CardFacts<'a> {
    /// Its row.
    pub task: &'a Task,
    /// All, oldest first.
    pub attempts: &'a [Attempt],
    /// All, oldest first.
    pub episodes: &'a [Episode],
    /// What runs cost, by attempt.
    pub usage: &'a [(AttemptNumber, &'a Usage)],
    /// The line it goes along, if it is known.
    pub pipeline: Option<&'a Pipeline>,
    /// Its change request, if it has one: the address of its page.
    pub change_request: Option<&'a str>,
}

/// What a glance tells of a stage, or of the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardMark {
    /// A person is asked.
    Asks,
    /// It is at work, or waits its turn.
    Works,
    /// Nothing goes on until somebody acts.
    Stuck,
    /// Passed.
    Passed,
    /// Not there yet.
    Ahead,
    /// It sent the work back.
    SentBack,
    /// It waits for a person here.
    Rests,
    /// Called off.
    CalledOff,
}

/// A stage's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardStage {
    /// How it stands.
    pub mark: CardMark,
    /// What it is called.
    pub name: String,
    /// Which try, from the second; since when, or how long it took.
    pub times: Vec<String>,
    /// What went in and came out.
    pub tokens: Option<String>,
    /// What it cost.
    pub cost: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// What was wrong, if it sent the work back.
    pub finding: Option<String>,
    /// What people said, and how long they took.
    pub people: Vec<String>,
}

/// A task's card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// What people call it.
    pub id: String,
    /// Its title.
    pub title: String,
    /// How it stands.
    pub mark: CardMark,
    /// What happens now.
    pub now: String,
    /// In the order of the line.
    pub stages: Vec<CardStage>,
    /// What it cost so far; empty if nothing ran.
    pub total: Vec<String>,
    /// How long it took, once it has ended.
    pub times: Option<String>,
    /// Its change request, in words, and the page of it.
    pub change_request: Option<(String, String)>,
    /// The word for a delivery, and the commit.
    pub delivered: Option<(String, String)>,
}

/// A card is made in one language, for people in one time zone.
struct CardMaking<'a> {
    facts: CardFacts<'a>,
    language: Language,
    zone: &'a TimeZone,
}

impl Card {
    /// The card of a task; `None` as long as nobody has started it.
    #[must_use]
    pub fn of(facts: CardFacts<'_>, language: Language, zone: &TimeZone) -> Option<Self> {
        if matches!(facts.task.position, Position::Backlog) || facts.task.started_at.is_none() {
            return None;
        }
        Some(CardMaking { facts, language, zone }.card())
    }
}

impl CardMaking<'_> {
    fn say(&self, id: &str, given: &[(&'static str, FluentValue<'_>)]) -> String {
        let mut args = FluentArgs::new();
        for (name, value) in given {
            args.set(*name, value.clone());
        }
        text(self.language, id, &args)
    }

    fn card(&self) -> Card {
        let task = self.facts.task;
        let (mark, now) = self.now();
        let ended = task.position.is_terminal();
        let landed = task.landed.as_ref().filter(|_| ended);
        Card {
            id: task.work_item.to_string(),
            title: cut(&task.title, TITLE),
            mark,
            now,
            stages: self.stages(),
            total: self.total(),
            times: ended.then(|| self.times()),
            change_request: self.change_request().filter(|_| ended),
            delivered: landed
                .map(|commit| (self.say("card-delivered", &[]), commit.as_str().chars().take(7).collect())),
        }
    }

    fn at(&self, moment_of: Timestamp) -> String {
        moment(moment_of, self.facts.task.started_at.unwrap_or(moment_of), self.language, self.zone)
    }

    /// The one line that a glance needs.
    fn now(&self) -> (CardMark, String) {
        let task = self.facts.task;
        let ended = || self.at(task.ended_at.unwrap_or(task.entered_at));
        match task.position {
            Position::Done => return (CardMark::Passed, self.say("card-done", &[("at", ended().into())])),
            Position::Cancelled => return (CardMark::CalledOff, self.say("card-stopped", &[("at", ended().into())])),
            _ => {}
        }
        if let Some(hold) = &task.hold {
            let why = cut(&reason(&hold.reason(), task, self.language).text, WHY);
            return (CardMark::Stuck, self.say("card-held", &[("why", why.into())]));
        }
        for waits in &task.waits {
            match waits {
                Wait::Human { asked } => {
                    let open = self.facts.episodes.iter().rev().find(|episode| episode.is_open());
                    let since = self.at(open.map_or(task.entered_at, |episode| episode.opened_at));
                    let count = open.map_or(0, |episode| episode.questions.len());
                    let id = match asked {
                        EpisodeKind::Approval => "card-asks-approval",
                        EpisodeKind::Questions => "card-asks-questions",
                        EpisodeKind::ConfirmDeploy => "card-asks-confirmation",
                        EpisodeKind::ProtectedPaths => "card-asks-protected",
                        EpisodeKind::Budget => "card-asks-budget",
                    };
                    return (CardMark::Asks, self.say(id, &[("at", since.into()), ("count", count.into())]));
                }
                Wait::Agent { attempt } => {
                    if let Some(attempt) = self.facts.attempts.iter().find(|known| known.number == *attempt) {
                        let role = attempt.role.name();
                        let id = if attempt.rework.is_some() { "card-mends" } else { "card-works" };
                        let since = self.at(attempt.requested_at);
                        return (CardMark::Works, self.say(id, &[("role", role.into()), ("at", since.into())]));
                    }
                }
                _ => {}
            }
        }
        let first = task.waits.first().map(|first| wait(first, task, self.language).text);
        (CardMark::Works, cut(&first.unwrap_or_else(|| self.say("card-goes-on", &[])), TITLE))
    }

    fn stages(&self) -> Vec<CardStage> {
        let Some(pipeline) = self.facts.pipeline else { return Vec::new() };
        let task = self.facts.task;
        let stands = task.position.stage().and_then(|at| pipeline.stages.iter().position(|stage| stage.id == *at));
        let sent_back = |stage: &Stage| task.claims.iter().any(|claim| claim.from == stage.id);
        let line = |(index, stage): (usize, &Stage)| {
            let ran = self.facts.attempts.iter().any(|attempt| attempt.stage == stage.id);
            let mark = match (&task.position, stands) {
                (Position::Done, _) => CardMark::Passed,
                (Position::Cancelled, _) if ran => CardMark::CalledOff,
                (_, Some(at)) if index < at => CardMark::Passed,
                (_, Some(at)) if index == at => self.here(),
                _ if sent_back(stage) => CardMark::SentBack,
                _ => CardMark::Ahead,
            };
            self.stage(stage, mark)
        };
        pipeline.stages.iter().enumerate().map(line).collect()
    }

    /// How the stage stands that the task is in.
    fn here(&self) -> CardMark {
        let task = self.facts.task;
        match task.waits.iter().any(|wait| matches!(wait, Wait::Human { .. })) {
            _ if task.hold.is_some() => CardMark::Stuck,
            true => CardMark::Rests,
            false => CardMark::Works,
        }
    }

    fn stage(&self, stage: &Stage, mark: CardMark) -> CardStage {
        let runs: Vec<&Attempt> = self
            .facts
            .attempts
            .iter()
            .filter(|attempt| attempt.stage == stage.id && attempt.by_hand.is_none())
            .collect();
        let figures = Figures::of(&runs, self.facts.usage);
        let mut times = Vec::new();
        if runs.len() > 1 {
            times.push(self.say("card-attempt", &[("number", runs.len().into())]));
        }
        match runs.last().filter(|run| run.ended.is_none() && mark == CardMark::Works) {
            Some(run) => times.push(self.say("card-since", &[("at", self.at(run.requested_at).into())])),
            None if mark == CardMark::Works && runs.is_empty() => {
                times.push(self.say("card-since", &[("at", self.at(self.facts.task.entered_at).into())]));
            }
            None => times.extend((figures.ended > 0).then(|| duration(figures.took_ms, self.language))),
        }
        CardStage {
            mark,
            name: self.say("card-stage", &[("id", stage.id.as_str().into())]),
            times,
            tokens: tokens(&figures, self.language),
            cost: money(&figures, self.language),
            model: figures.model.clone(),
            finding: (mark == CardMark::SentBack).then(|| self.finding(&stage.id)).flatten(),
            people: if mark == CardMark::Ahead { Vec::new() } else { self.people(&runs) },
        }
    }

    /// The gravest of what the work was sent back for.
    fn finding(&self, from: &StageId) -> Option<String> {
        let claims = self.facts.task.claims.iter().filter(|claim| claim.from == *from);
        let told = claims.map(|claim| claim.text.as_str()).chain(self.facts.task.rework.as_deref());
        let lines: Vec<&str> = told.flat_map(str::lines).map(plain).filter(|line| !line.is_empty()).collect();
        let graded = |grade: &str| lines.iter().find(|line| line.contains(grade)).copied();
        let gravest = graded("P0").or_else(|| graded("P1")).or_else(|| lines.first().copied());
        gravest.map(|line| cut(line, WHY))
    }

    /// What people answered about these runs, and how long they took.
    fn people(&self, runs: &[&Attempt]) -> Vec<String> {
        let of = |episode: &&Episode| runs.iter().any(|run| run.visit == episode.visit);
        let said = |episode: &Episode| {
            let answered = episode.answer.as_ref()?;
            let id = match (episode.kind, &answered.answer) {
                (EpisodeKind::Approval, Answer::Approved) => "card-approved",
                (EpisodeKind::Questions, Answer::Approved) => "card-answered",
                (EpisodeKind::ProtectedPaths, Answer::Approved) => "card-allowed",
                (EpisodeKind::ConfirmDeploy, Answer::Approved) => "card-confirmed",
                _ => return None,
            };
            let time = duration(answered.at.since_ms(episode.opened_at), self.language);
            let stage = runs.first().map(|run| run.stage.as_str()).unwrap_or_default();
            let who = answered.by.to_string();
            Some(self.say(id, &[("who", who.into()), ("time", time.into()), ("stage", stage.into())]))
        };
        self.facts.episodes.iter().filter(of).filter_map(said).collect()
    }

    fn total(&self) -> Vec<String> {
        let runs: Vec<&Attempt> = self.facts.attempts.iter().filter(|attempt| attempt.by_hand.is_none()).collect();
        let figures = Figures::of(&runs, self.facts.usage);
        let mut total: Vec<String> = money(&figures, self.language).into_iter().collect();
        total.extend(figures.with_cached(self.language));
        if figures.unsaid > 0 && figures.said > 0 {
            let given = [("count", figures.unsaid.into()), ("all", figures.ended.into())];
            total.push(self.say("card-unsaid", &given));
        }
        if self.facts.task.retries > 0 {
            total.push(self.say("card-retries", &[("count", self.facts.task.retries.into())]));
        }
        total
    }

    fn times(&self) -> String {
        let task = self.facts.task;
        let began = task.started_at.unwrap_or(task.created_at);
        let wall = task.ended_at.unwrap_or(task.entered_at).since_ms(began);
        let runs: Vec<&Attempt> = self.facts.attempts.iter().filter(|attempt| attempt.by_hand.is_none()).collect();
        let agents = Figures::of(&runs, self.facts.usage).took_ms;
        let answered = |episode: &Episode| Some(episode.answer.as_ref()?.at.since_ms(episode.opened_at).max(0));
        let people: i64 = self.facts.episodes.iter().filter_map(answered).sum();
        let [wall, agents, people] = [wall, agents, people].map(|ms| duration(ms, self.language));
        self.say("card-times", &[("wall", wall.into()), ("agents", agents.into()), ("people", people.into())])
    }

    fn change_request(&self) -> Option<(String, String)> {
        let address = self.facts.change_request?;
        let number = address.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        Some((self.say("card-change-request", &[("number", number.into())]), address.to_owned()))
    }
}

/// A line without the marks of Markdown before it.
fn plain(line: &str) -> &str {
    line.trim().trim_start_matches(['#', '-', '*', '>', ' ']).trim()
}

fn cut(text: &str, most: usize) -> String {
    let text = text.lines().next().unwrap_or_default().trim();
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let cut: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end())
}
