//! The journey as lines of text. Pure: what is seen goes in, lines come out.

use std::collections::BTreeMap;
use std::time::Duration;

use orch_web::view::{EpisodeView, TaskDetailView};

use super::journey::Traveller;
use crate::commands::text::{Mark, clean, fit, pad, short, usage_short, width};
use crate::screen::{Screen, Style};

/// Widest line: what is easily read, even where there is more room.
const WIDEST: usize = 92;

/// The block that is redrawn: all travellers.
pub fn block(screen: &Screen, travellers: &[Traveller], elapsed: Duration) -> Vec<String> {
    let room = screen.width().min(WIDEST).saturating_sub(1);
    let mut lines = Vec::new();
    lines.push(String::new());
    for traveller in travellers {
        lines.extend(traveller_lines(screen, traveller, room));
    }
    if !travellers.iter().all(Traveller::stands) {
        lines.push(String::new());
        lines.push(fit(&foot(screen, travellers, elapsed), room));
    }
    lines
}

/// Two lines: all of them have to fit on a screen of 24, or the block could not be redrawn.
fn traveller_lines(screen: &Screen, traveller: &Traveller, room: usize) -> [String; 2] {
    let task = &traveller.detail.task;
    let mark = Mark::of(task);
    let used = task.usage.as_ref().filter(|usage| usage.runs > 0).map(usage_short).unwrap_or_default();
    let left = room.saturating_sub(width(&task.id) + width(&used) + 6);
    let title = pad(&fit(&clean(&task.title), left), left);
    let head = format!(
        "{} {}  {}  {}",
        mark.shown(screen),
        screen.styled(Style::Strong, &clean(&task.id)),
        title,
        screen.styled(Style::Faint, &used)
    );
    let (_, style) = mark.sign();
    let (line, time) = (line(screen, &traveller.detail), duration(traveller.took));
    let taken = width(&line) + width(&time) + 6;
    let state = fit(&state(&traveller.detail), room.saturating_sub(taken));
    let gap = " ".repeat(room.saturating_sub(width(&state) + taken - 2));
    let foot = format!("  {line}  {}{gap}{}", screen.styled(style, &state), screen.styled(Style::Faint, &time));
    [fit(&head, room), fit(&foot, room)]
}

/// The stages, one column each, and the name of the present one: behind it, here, before it.
fn line(screen: &Screen, detail: &TaskDetailView) -> String {
    let here = detail.pipeline.iter().position(|stage| stage.id == detail.task.stage);
    let done = detail.task.stage == "done";
    let shown = |index: usize| match here {
        _ if done => screen.styled(Style::Good, "━"),
        Some(here) if index < here => screen.styled(Style::Good, "━"),
        Some(here) if index == here => screen.styled(Style::Strong, "▸"),
        _ => screen.styled(Style::Faint, "·"),
    };
    let signs: String = (0..detail.pipeline.len()).map(shown).collect();
    let longest = detail.pipeline.iter().map(|stage| width(&stage.id)).max().unwrap_or(0);
    format!("{signs}  {}", pad(&clean(&detail.task.stage), longest))
}

/// What happens to it, in one sentence.
pub fn state(detail: &TaskDetailView) -> String {
    let task = &detail.task;
    match (&task.landed, task.stage.as_str()) {
        (Some(commit), "done") => return format!("landed as {} after {} agent runs", short(commit), task.attempts),
        (_, "done" | "cancelled") => return clean(&task.stage),
        _ => {}
    }
    let Some(wait) = task.waiting_on.first() else { return "moving on".to_owned() };
    let running = detail.attempt_list.iter().rev().find(|attempt| attempt.outcome == "running");
    match (wait.kind.as_str(), running) {
        ("agent", Some(attempt)) => format!("the {} works (attempt {})", clean(&attempt.role), attempt.number),
        ("held" | "budget", _) => clean(&wait.text),
        // What can be done about it follows the semicolon, and here nothing has to be.
        _ => clean(wait.text.split(';').next().unwrap_or_default()),
    }
}

fn foot(screen: &Screen, travellers: &[Traveller], elapsed: Duration) -> String {
    let landed = travellers.iter().filter(|traveller| traveller.landed().is_some()).count();
    let text = format!("{landed} of {} on main · {} · Ctrl-C ends the demo", travellers.len(), duration(elapsed));
    screen.styled(Style::Faint, &text)
}

/// What was told already, where lines are appended.
#[derive(Debug, Default)]
pub struct Told(BTreeMap<String, String>);

impl Told {
    /// One line for every traveller of which there is something new.
    pub fn news(&mut self, screen: &Screen, travellers: &[Traveller], elapsed: Duration) -> Vec<String> {
        let mut lines = Vec::new();
        for traveller in travellers {
            let task = &traveller.detail.task;
            let text = format!("{}  {}", pad(&clean(&task.stage), 12), state(&traveller.detail));
            if self.0.get(&task.id) != Some(&text) {
                let time = screen.styled(Style::Faint, &format!("{:>6}", duration(elapsed)));
                lines.push(fit(&format!("{time}  {}  {text}", clean(&task.id)), screen.width()));
                self.0.insert(task.id.clone(), text);
            }
        }
        lines
    }
}

/// Who approved, for the last words; `None` if nobody was asked.
pub fn approved_by(traveller: &Traveller) -> Option<String> {
    let answered = |episode: &&EpisodeView| episode.answer.as_ref().is_some_and(|answer| answer.answer == "approved");
    let episode = traveller.detail.episodes.iter().rev().find(answered)?;
    episode.answer.as_ref().map(|answer| clean(&answer.by))
}

/// `0.4s`, `12s`, `1m05s`.
pub fn duration(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1}s", time.as_secs_f64()),
        seconds @ 10..60 => format!("{seconds}s"),
        seconds => format!("{}m{:02}s", seconds / 60, seconds % 60),
    }
}
