//! A task's card at the points of its life.

use jiff::tz::TimeZone;
use orch_rules::attempt::{Attempt, Usage};
use orch_rules::episode::Episode;
use orch_rules::pipeline::default_pipeline;
use orch_rules::task::Task;
use orch_text::{Card, CardFacts, CardMark, CardStage, Language};
use serde_json::{Value, json};

/// 14:00 of a day.
const BEGAN: i64 = 1_795_183_200_000 - 1_795_183_200_000 % 86_400_000 + 14 * 3_600_000;
const MINUTE: i64 = 60_000;

struct Told {
    task: Value,
    attempts: Vec<Value>,
    episodes: Vec<Value>,
    usage: Vec<(u32, Usage)>,
}

fn minute(number: i64) -> i64 {
    BEGAN + number * MINUTE
}

impl Told {
    fn new() -> Self {
        let task = json!({
            "id": "t1", "repository": "shop", "work_item": "SHOP-124", "title": "Round totals per line", "description": "",
            "author": "ann", "branch": "feature/SHOP-124", "priority": 0, "position": {"at": "backlog"}, "visit": 0,
            "pipeline": "p", "base": null, "head": null, "keys": null, "attempt": 0, "retries": 0, "rework": null,
            "hold": null, "paused": false, "stop": null, "landed": null, "waits": [], "rule": "", "created_at": BEGAN,
            "started_at": null, "entered_at": BEGAN, "ended_at": null, "version": 0,
        });
        Self { task, attempts: Vec::new(), episodes: Vec::new(), usage: Vec::new() }
    }

    fn at(mut self, stage: &str) -> Self {
        self.task["position"] = json!({"at": "stage", "stage": stage});
        self.task["started_at"] = BEGAN.into();
        self
    }

    /// A run from one minute to another; `None`: it goes on.
    fn ran(mut self, stage: &str, role: &str, from: i64, to: Option<i64>, cost: Option<u64>) -> Self {
        let number = u32::try_from(self.attempts.len()).unwrap() + 1;
        let ended = to.map(|to| json!({"how": {"end": "completed"}, "at": minute(to), "evidence": null}));
        self.attempts.push(json!({
            "task": "t1", "number": number, "visit": number, "stage": stage, "role": role, "start": null, "rework": null,
            "requested_at": minute(from), "stop_requested": false, "ended": ended,
        }));
        if let Some(cost) = cost {
            self.usage.push((
                number,
                Usage {
                    input_tokens: Some(38_000),
                    cached_tokens: Some(30_000),
                    output_tokens: Some(4_100),
                    cost_micros: Some(cost),
                    model: Some("sonnet-5".to_owned()),
                    ..Usage::default()
                },
            ));
        }
        self
    }

    fn approved(mut self, visit: u32, from: i64, to: Option<i64>) -> Self {
        let answer = to.map(|to| json!({"answer": "approved", "by": "name:mira", "at": minute(to)}));
        self.episodes.push(json!({
            "id": format!("e{visit}"), "task": "t1", "kind": "approval", "visit": visit, "about": "x", "questions": [],
            "status_at_opening": null, "opened_at": minute(from), "answer": answer,
        }));
        self
    }

    fn with(mut self, field: &str, value: Value) -> Self {
        self.task[field] = value;
        self
    }

    fn card(&self, language: Language) -> Option<Card> {
        let task: Task = serde_json::from_value(self.task.clone()).unwrap();
        let attempts: Vec<Attempt> =
            self.attempts.iter().map(|row| serde_json::from_value(row.clone()).unwrap()).collect();
        let episodes: Vec<Episode> =
            self.episodes.iter().map(|row| serde_json::from_value(row.clone()).unwrap()).collect();
        let usage: Vec<_> = self.usage.iter().map(|(number, usage)| (*number, usage)).collect();
        let pipeline = default_pipeline();
        let facts = CardFacts {
            task: &task,
            attempts: &attempts,
            episodes: &episodes,
            usage: &usage,
            pipeline: Some(&pipeline),
            change_request: Some("https://git.example.org/shop/pulls/212"),
        };
        Card::of(facts, language, &TimeZone::UTC)
    }
}

fn line(stage: &CardStage) -> String {
    let mut parts = vec![stage.name.clone()];
    parts.extend(stage.times.iter().cloned());
    parts.extend([&stage.tokens, &stage.cost, &stage.model].into_iter().flatten().cloned());
    format!("{:?} {}", stage.mark, parts.join(" · "))
}

fn lines(card: &Card) -> Vec<String> {
    card.stages.iter().map(line).collect()
}

/// Analysis is approved, architecture is done, development runs.
fn developing() -> Told {
    Told::new()
        .at("development")
        .ran("analysis", "analyst", 0, Some(4), Some(310_000))
        .approved(1, 4, Some(26))
        .ran("architecture", "architect", 26, Some(28), Some(120_000))
        .ran("development", "developer", 28, None, None)
        .with("waits", json!([{"kind": "agent", "attempt": 3}]))
}

#[test]
fn what_runs_is_told_with_what_is_over_and_what_is_ahead() {
    let card = developing().card(Language::English).unwrap();
    assert_eq!((card.mark, card.now.as_str()), (CardMark::Works, "The developer works since 14:28"));
    assert_eq!(
        lines(&card),
        [
            "Passed Analysis · 4 min · 38k↓ 4.1k↑ · $0.31 · sonnet-5",
            "Passed Architecture · 2 min · 38k↓ 4.1k↑ · $0.12 · sonnet-5",
            "Works Development · since 14:28",
            "Ahead Review",
            "Ahead Testing",
            "Ahead Landing",
        ]
    );
    assert_eq!(card.stages[0].people, ["Approved by mira after 22 min"]);
    assert_eq!(card.total, ["$0.43", "76k↓ (60k cached) 8.2k↑"]);
    assert_eq!((card.times, card.change_request, card.delivered), (None, None, None));
    let russian = developing().card(Language::Russian).unwrap();
    assert_eq!(russian.now, "Разработчик работает с 14:28");
    assert_eq!(lines(&russian)[0], "Passed Анализ · 4 мин · 38 тыс.↓ 4,1 тыс.↑ · 0,31 $ · sonnet-5");
    assert_eq!(russian.stages[0].people, ["Подтверждение BRD: mira, 22 мин"]);
}

#[test]
fn a_stage_that_runs_again_counts_its_attempts_and_what_is_over_stays_as_it_was() {
    let before = developing().card(Language::English).unwrap();
    let mut told = developing();
    told.attempts[2]["ended"] = json!({"how": {"end": "completed"}, "at": minute(40), "evidence": null});
    let sent_back = told
        .ran("review", "reviewer", 40, Some(43), Some(230_000))
        .ran("development", "developer", 44, None, None)
        .with("waits", json!([{"kind": "agent", "attempt": 5}]))
        .with("retries", 1.into())
        .with(
            "claims",
            json!([{"kind": "findings", "from": "review",
            "text": "## Findings\n- P2 A name is odd\n- P0 The basket is rounded after the sum (AC-2)"}]),
        );
    let card = sent_back.card(Language::English).unwrap();
    assert_eq!(lines(&card)[..2], lines(&before)[..2], "a line that is over is never written anew");
    assert_eq!(lines(&card)[2], "Works Development · attempt 2 · since 14:44 · cost unknown");
    assert_eq!(lines(&card)[3], "SentBack Review · 3 min · 38k↓ 4.1k↑ · $0.23 · sonnet-5");
    assert_eq!(card.stages[3].finding.as_deref(), Some("P0 The basket is rounded after the sum (AC-2)"));
    assert_eq!(card.total, ["≥ $0.66", "114k↓ (90k cached) 12.3k↑", "1 of 4 runs did not say", "1 retry"]);
    assert_eq!(sent_back.card(Language::Russian).unwrap().total[3], "1 возврат");
}

#[test]
fn a_question_is_the_line_of_the_task_and_a_hold_says_why() {
    let asks = Told::new()
        .at("analysis")
        .ran("analysis", "analyst", 0, Some(2), None)
        .approved(1, 2, None)
        .with("waits", json!([{"kind": "human", "asked": "approval"}]));
    let card = asks.card(Language::Russian).unwrap();
    assert_eq!((card.mark, card.now.as_str()), (CardMark::Asks, "Ждёт вашего одобрения с 14:02"));
    assert_eq!(lines(&card)[0], "Rests Анализ · 2 мин · цена неизвестна");
    assert_eq!(card.total, ["цена неизвестна"]);
    let held = asks.with("hold", json!({"kind": "stuck", "reason": "the tests were red"}));
    let card = held.card(Language::English).unwrap();
    assert!(card.mark == CardMark::Stuck && card.now.contains("the tests were red"), "{}", card.now);
    assert_eq!(card.stages[0].mark, CardMark::Stuck);
    assert_eq!(Told::new().card(Language::English), None, "nobody has started it");
}

#[test]
fn an_end_tells_how_long_it_took_whom_and_where_it_is() {
    let mut told = developing();
    told.attempts[2]["ended"] = json!({"how": {"end": "completed"}, "at": minute(40), "evidence": null});
    let done = told
        .with("position", json!({"at": "done"}))
        .with("landed", "8a09191aa".into())
        .with("waits", json!([]))
        .with("ended_at", minute(240).into());
    let card = done.card(Language::English).unwrap();
    assert_eq!((card.mark, card.now.as_str()), (CardMark::Passed, "Done at 18:00"));
    assert!(card.stages.iter().all(|stage| stage.mark == CardMark::Passed));
    assert_eq!(card.times.as_deref(), Some("4 h 0 min, of it agents 18 min, people 22 min"));
    let request = ("Pull request 212".to_owned(), "https://git.example.org/shop/pulls/212".to_owned());
    assert_eq!(card.change_request, Some(request));
    assert_eq!(card.delivered, Some(("Delivered".to_owned(), "8a09191".to_owned())));
    let russian = done.card(Language::Russian).unwrap();
    assert_eq!(russian.delivered, Some(("Внедрено".to_owned(), "8a09191".to_owned())));
    assert_eq!(russian.now, "Готово в 18:00");
    let stopped = done.with("position", json!({"at": "cancelled"})).with("landed", Value::Null);
    let card = stopped.card(Language::English).unwrap();
    assert_eq!((card.mark, card.now.as_str(), card.delivered), (CardMark::CalledOff, "Called off at 18:00", None));
    assert_eq!(card.stages[3].mark, CardMark::Ahead, "it never came there");
}
