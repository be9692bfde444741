//! `orch queue`.

use clap::Args;
use jiff::Timestamp;
use orch_text::{Language, WordList, deployment_state, word};
use orch_web::view::{
    DeployQueueLine, HostView, LandingLine, OutageView, QueueReport, Reconcile, SerialLine, TrackerView,
};

use super::text::{clean, counted, fit, pad, short, since, until, wrap};
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::{Screen, Style};

/// Show what is queued, what runs, who stands in which line, and what is held back.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  orch queue\n  orch queue --json | jq .reconcile")]
pub struct QueueArgs {}

/// Width of the names on the left.
const LEFT: usize = 11;

/// Runs it.
///
/// # Errors
/// If the service does not answer.
pub fn run(_args: &QueueArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let report: QueueReport = caller.read("/queue")?;
    screen.json(&report);
    for line in lines(&report, screen, Timestamp::now()) {
        screen.line(&line);
    }
    Ok(())
}

/// The report for people.
pub fn lines(report: &QueueReport, screen: &Screen, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    let jobs = &report.jobs;
    let counts =
        [(jobs.queued, "queued"), (jobs.running, "running"), (jobs.failed, "failed"), (jobs.cancelled, "cancelled")];
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, state)| format!("{count} {state}")).collect();
    let counts = if counts.is_empty() { "nothing to do".to_owned() } else { counts.join(" · ") };
    lines.push(row("work", &counts, screen));
    let slots = match report.agent_slots.max {
        Some(max) => format!("{} of {max} slots taken", report.agent_slots.used),
        None => format!("{} at work", report.agent_slots.used),
    };
    lines.push(row("agents", &slots, screen));
    for agent in &report.running_agents {
        let place = format!(
            "{}, attempt {}, in this stage for {}",
            clean(&agent.stage),
            agent.attempt,
            since(&agent.entered_at, now)
        );
        lines.push(row("", &format!("{} {}  {place}", screen.styled(Style::Good, "▸"), clean(&agent.id)), screen));
    }
    // One alone is where everything is.
    for (index, host) in report.hosts.iter().filter(|_| report.hosts.len() > 1).enumerate() {
        lines.push(row(if index == 0 { "hosts" } else { "" }, &one_host(host, screen, now), screen));
    }
    for (index, tracker) in report.trackers.iter().enumerate() {
        lines.push(row(if index == 0 { "trackers" } else { "" }, &one_tracker(tracker, screen, now), screen));
    }
    let mut quiet = Vec::new();
    for line in &report.serial_gate.repositories {
        let landing = report.merge_gate.repositories.iter().find(|other| other.repository == line.repository);
        let shown = repository(line, landing, screen, now);
        if shown.len() == 1 && report.serial_gate.repositories.len() > 1 {
            quiet.push(clean(&line.repository));
            continue;
        }
        lines.push(String::new());
        lines.extend(shown);
    }
    if !quiet.is_empty() {
        lines.push(String::new());
        for (index, part) in wrap(&quiet.join(", "), screen.width().saturating_sub(LEFT)).iter().enumerate() {
            lines.push(row(if index == 0 { "quiet" } else { "" }, &screen.styled(Style::Faint, part), screen));
        }
    }
    lines.extend(report.outages.iter().flat_map(|outage| out(outage, screen, now)));
    for (index, budget) in report.budgets.iter().enumerate() {
        let text = format!(
            "{}: {} of {} spent, {} set aside",
            clean(&budget.of),
            clean(&budget.spent),
            clean(&budget.most),
            clean(&budget.reserved)
        );
        lines.push(row(if index == 0 { "budgets" } else { "" }, &text, screen));
    }
    lines.push(String::new());
    lines.extend(held_back(report, screen, now));
    for (name, why) in
        [("serial", &report.serial_gate.why), ("stop", &report.stop.why), ("depend", &report.task_deps.why)]
    {
        lines.extend(why.iter().map(|why| row(name, &screen.styled(Style::Attention, &clean(why)), screen)));
    }
    for (index, target) in report.deploy.targets.iter().enumerate() {
        lines.push(row(if index == 0 { "deploy" } else { "" }, &one_target(target, screen), screen));
    }
    let undeployed = report.deploy.why.iter().map(|why| ("deploy", format!("off: {}", clean(why))));
    for (name, text) in std::iter::once(("sweep", sweep(&report.reconcile, now))).chain(undeployed) {
        for (index, part) in wrap(&text, screen.width().saturating_sub(LEFT)).iter().enumerate() {
            lines.push(row(if index == 0 { name } else { "" }, &screen.styled(Style::Faint, part), screen));
        }
    }
    lines
}

fn one_tracker(tracker: &TrackerView, screen: &Screen, now: Timestamp) -> String {
    let how = match (&tracker.trouble, &tracker.webhook_silent_since) {
        (Some(why), _) => screen.styled(Style::Attention, &format!("cannot be followed now: {}", clean(why))),
        (None, Some(since_then)) => {
            let words = format!("no webhook tells of it for {}; changes are found by asking", since(since_then, now));
            screen.styled(Style::Attention, &words)
        }
        (None, None) if tracker.followed => format!("followed, {}", counted(tracker.webhooks.stored, "webhook")),
        (None, None) => "not reached yet".to_owned(),
    };
    format!("{} → {}  {how}", clean(&tracker.name), clean(&tracker.repository))
}

fn one_target(target: &DeployQueueLine, screen: &Screen) -> String {
    let held = target.held_by.as_ref().map(|one| {
        let what = one.work_item.as_deref().unwrap_or(&one.id);
        let text = format!("{}: {}", clean(what), deployment_state(&one.state, Language::English));
        let waits = matches!(one.state.as_str(), "unknown" | "broken");
        if waits { screen.styled(Style::Attention, &text) } else { text }
    });
    let held = held.unwrap_or_else(|| "nothing is under way".to_owned());
    let queued = if target.queued > 0 { format!(", {} in line", target.queued) } else { String::new() };
    format!("{}  {held}{queued}", clean(&target.name))
}

fn one_host(host: &HostView, screen: &Screen, now: Timestamp) -> String {
    let here = if host.here { " (this one)" } else { "" };
    let mut text =
        format!("{}{here}  release {}, {}", clean(&host.name), clean(&host.release), counted(host.runs, "run"));
    if let Some(silent) = &host.silent_since {
        text += &screen.styled(Style::Attention, &format!(", not heard of for {}", since(silent, now)));
    }
    text
}

/// The sweep for lost events, which sets going what nobody woke.
fn sweep(sweep: &Reconcile, now: Timestamp) -> String {
    if !sweep.enabled {
        return "off".to_owned();
    }
    let last = match &sweep.last_at {
        Some(last) => format!("last {} ago", since(last, now)),
        None => "not yet since the start".to_owned(),
    };
    format!("every {}s, {last}; set {} going", sweep.every_seconds, counted(sweep.unblocked_total, "task"))
}

fn row(name: &str, text: &str, screen: &Screen) -> String {
    let name = screen.styled(Style::Faint, &pad(name, LEFT));
    fit(&format!("{name}{text}"), screen.width())
}

fn repository(line: &SerialLine, landing: Option<&LandingLine>, screen: &Screen, now: Timestamp) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some((base, Some(tip))) = landing.map(|landing| (&landing.base_branch, &landing.main)) {
        facts.push(format!("{} {}", clean(base), short(tip)));
    }
    if line.serial {
        facts.push("one task at a time".to_owned());
    }
    let name = screen.styled(Style::Strong, &pad(&clean(&line.repository), LEFT - 1));
    let mut lines = vec![fit(format!("{name} {}", facts.join(" · ")).trim_end(), screen.width())];
    if let Some(freeze) = &line.frozen {
        let text = format!("frozen {} ago by {}: {}", since(&freeze.at, now), clean(&freeze.by), clean(&freeze.reason));
        let passing = clean(&freeze.passing());
        let text = if passing.is_empty() { text } else { format!("{text}; {passing}") };
        lines.push(row("", &screen.styled(Style::Attention, &text), screen));
    }
    if let Some(trouble) = &line.trouble {
        let text = format!("{}{}", trouble.what(), clean(&trouble.reason));
        for part in wrap(&text, screen.width().saturating_sub(LEFT)) {
            lines.push(row("", &screen.styled(Style::Attention, &part), screen));
        }
    }
    if line.paused {
        lines.push(row("", &screen.styled(Style::Attention, "paused"), screen));
    }
    let ids = |ids: &[String]| ids.iter().map(|id| clean(id)).collect::<Vec<_>>().join(", ");
    if !line.admitted.is_empty() {
        lines.push(row("  started", &and_more(&ids(&line.admitted), line.more_admitted, screen), screen));
    }
    if !line.waiting.is_empty() {
        lines.push(row("  to start", &and_more(&ids(&line.waiting), line.more_waiting, screen), screen));
    }
    for (index, place) in landing.iter().flat_map(|landing| &landing.line).enumerate() {
        let candidate = place.candidate.as_ref().map(|commit| format!("  {}", short(commit))).unwrap_or_default();
        let why = place.cause.as_ref().map(|cause| format!(": {}", clean(cause))).unwrap_or_default();
        let resting = if place.resting { "  (passed over)" } else { "" };
        let state = word(WordList::Place, &clean(&place.state), Language::English);
        let text = format!("{}  {state}{why}{candidate}{resting}", clean(&place.id));
        lines.push(row(if index == 0 { "  to land" } else { "" }, &text, screen));
    }
    if let Some(landing) = landing.filter(|landing| landing.more > 0) {
        lines.push(row("", &format!("and {} more", landing.more), screen));
    }
    lines
}

/// A list that goes on; how far must not be cut off.
fn and_more(ids: &str, more: u64, screen: &Screen) -> String {
    let room = screen.width().saturating_sub(LEFT);
    if more == 0 {
        return ids.to_owned();
    }
    let more = format!(" and {more} more");
    format!("{}{more}", fit(ids, room.saturating_sub(more.len())))
}

/// What is out, until when, and who waits for it.
fn out(outage: &OutageView, screen: &Screen, now: Timestamp) -> Vec<String> {
    let then = match &outage.tried_by {
        Some(task) => format!("{} tries now", clean(task)),
        None if outage.named => format!("served again in {}", until(&outage.until, now)),
        None => format!("tried again in {}", until(&outage.until, now)),
    };
    let waiting = outage.waiting.iter().map(|id| clean(id)).collect::<Vec<_>>().join(", ");
    let waiting = if waiting.is_empty() { String::new() } else { format!("; waiting: {waiting}") };
    let what = format!("{} {}: {}", clean(&outage.kind), clean(&outage.name), clean(&outage.reason));
    let lift = format!("lift it: {}", clean(&outage.lift));
    vec![
        row("out", &screen.styled(Style::Attention, &what), screen),
        row("", &format!("since {}, {then}{waiting}", since(&outage.since, now)), screen),
        row("", &screen.styled(Style::Faint, &lift), screen),
    ]
}

fn held_back(report: &QueueReport, screen: &Screen, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, wait) in report.task_deps.waiting.iter().enumerate() {
        let on = wait.on.iter().map(|id| clean(id)).collect::<Vec<_>>().join(", ");
        let text = format!("{} for {on}", clean(&wait.id));
        lines.push(row(if index == 0 { "waiting" } else { "" }, &text, screen));
    }
    if report.task_deps.more > 0 {
        lines.push(row("", &format!("and {} more", report.task_deps.more), screen));
    }
    for (index, stop) in report.stop.stopping.iter().enumerate() {
        let text = format!("{}, asked by {} {} ago", clean(&stop.id), clean(&stop.by), since(&stop.at, now));
        lines.push(row(if index == 0 { "stopping" } else { "" }, &text, screen));
    }
    for (index, work) in report.failed.iter().enumerate() {
        let error = work.error.as_deref().map_or_else(|| "no reason kept".to_owned(), clean);
        let kind = word(WordList::Work, &clean(&work.kind), Language::English);
        let text = format!("{kind}, after {} tries: {error}", work.tries);
        let text = screen.styled(Style::Bad, &text);
        lines.push(row(if index == 0 { "failed" } else { "" }, &text, screen));
    }
    for (index, work) in report.unknown.iter().enumerate() {
        let why = work.error.as_deref().map_or_else(String::new, clean);
        let text = screen.styled(Style::Attention, &format!("{}: {why}", clean(&work.kind)));
        lines.push(row(if index == 0 { "not known" } else { "" }, &text, screen));
    }
    for unknown in &report.unknown_rows {
        let text = format!("{}: {}", clean(&unknown.part), clean(&unknown.text));
        lines.push(row("not known", &screen.styled(Style::Attention, &text), screen));
    }
    if !(report.unknown.is_empty() && report.unknown_rows.is_empty()) {
        let hint = "written by a newer release; kept for it: install that one again";
        lines.push(row("", &screen.styled(Style::Faint, hint), screen));
    }
    lines
}
