//! A task's whole history as the paper of a player organ: stages as staves, attempts as holes, and the hours in which
//! people were waited for folded. The table of attempts says the same.

use std::fmt::Write;

use orch_engine::control::TaskDetail;
use orch_rules::attempt::RunEnd;
use orch_rules::ids::Timestamp;

use crate::marks;
use crate::say::{Html, Voice, escaped};

/// A wait longer than this is folded.
const FOLDED_MS: i64 = 10 * 60_000;

/// Where a drawing has what: a wide one with names, a slim one with icons.
struct Sheet {
    class: &'static str,
    hatch: &'static str,
    width: f64,
    left: f64,
    staff: f64,
    bar: f64,
    fold: f64,
}

const SHEETS: [Sheet; 2] = [
    Sheet { class: "roll wide", hatch: "hatchw", width: 860.0, left: 92.0, staff: 26.0, bar: 16.0, fold: 70.0 },
    Sheet { class: "roll slim", hatch: "hatchs", width: 342.0, left: 24.0, staff: 22.0, bar: 12.0, fold: 44.0 },
];

/// Something that took its time at a stage.
struct Bar {
    staff: usize,
    from: i64,
    to: i64,
    class: &'static str,
    number: Option<u32>,
    title: String,
    back: bool,
}

/// Both drawings; empty as long as nothing was tried.
pub(crate) fn draw(detail: &TaskDetail, say: &Voice, now: Timestamp) -> Html {
    let bars = bars(detail, say, now);
    if bars.is_empty() {
        return Html::default();
    }
    let mut out = String::from("<div class=\"rolls\">");
    for sheet in &SHEETS {
        out.push_str(&drawn(sheet, detail, &bars, say));
    }
    out.push_str("</div>");
    Html(out)
}

fn bars(detail: &TaskDetail, say: &Voice, now: Timestamp) -> Vec<Bar> {
    let staff = |stage: &str| detail.pipeline.stages.iter().position(|known| known.id.as_str() == stage);
    let mut bars = Vec::new();
    for attempt in &detail.history.attempts {
        let Some(at) = staff(attempt.stage.as_str()) else { continue };
        let (class, words) = match attempt.ended.as_ref() {
            None => ("br", say.t("run-running")),
            Some(ended) => {
                let words = super::overview::outcome(&ended.how, say).1;
                let class = match ended.how {
                    RunEnd::Completed => "bp",
                    RunEnd::Lost { .. } | RunEnd::Quarantined => "bu",
                    _ => "bf",
                };
                (class, words)
            }
        };
        let number = attempt.number.to_string();
        let role = marks::role(attempt.role.name(), say);
        bars.push(Bar {
            staff: at,
            from: attempt.requested_at.0,
            to: attempt.ended.as_ref().map_or(now.0, |ended| ended.at.0),
            class,
            number: Some(attempt.number),
            title: say.w("roll-attempt", &[("attempt", &number), ("role", &role), ("end", &words)]),
            back: false,
        });
    }
    bars.sort_by_key(|bar| bar.from);
    // Whoever was followed by an earlier stage sent the work back.
    for at in 0..bars.len() {
        let back = bars.get(at + 1).is_some_and(|next| next.staff < bars[at].staff);
        if back && bars[at].class == "bp" {
            (bars[at].class, bars[at].back) = ("bf", true);
        }
    }
    for episode in &detail.history.episodes {
        let before = bars.iter().rev().find(|bar| bar.number.is_some() && bar.to <= episode.opened_at.0 + 1_000);
        let Some(staff) = before.map(|bar| bar.staff) else { continue };
        let to = episode.answer.as_ref().map_or(now.0, |answer| answer.at.0);
        let who = episode.answer.as_ref().map(|answer| answer.by.to_string()).unwrap_or_default();
        let title = match who.is_empty() {
            true => say.t("roll-human"),
            false => say.w1("roll-waited", "who", who),
        };
        bars.push(Bar { staff, from: episode.opened_at.0, to, class: "bh", number: None, title, back: false });
    }
    bars.sort_by_key(|bar| bar.from);
    bars
}

/// Times that are folded: nobody works, and a person is waited for.
fn folds(bars: &[Bar]) -> Vec<(i64, i64)> {
    let mut folds: Vec<(i64, i64)> = Vec::new();
    let mut end = bars.first().map_or(0, |bar| bar.from);
    let mut works: Vec<(i64, i64)> =
        bars.iter().filter(|bar| bar.class != "bh").map(|bar| (bar.from, bar.to)).collect();
    let last = bars.iter().map(|bar| bar.to).max().unwrap_or(end);
    works.push((last, last));
    works.sort_unstable();
    for (from, to) in works {
        if from - end > FOLDED_MS {
            folds.push((end, from));
        }
        end = end.max(to);
    }
    folds
}

fn drawn(sheet: &Sheet, detail: &TaskDetail, bars: &[Bar], say: &Voice) -> String {
    let (begin, end) = (bars.first().map_or(0, |bar| bar.from), bars.iter().map(|bar| bar.to).max().unwrap_or(1));
    let folds = folds(bars);
    let folded: i64 = folds.iter().map(|(from, to)| to - from).sum();
    let room = (sheet.width - sheet.left - 6.0 - folds.len() as f64 * sheet.fold).max(60.0);
    let scale = room / ((end - begin - folded).max(1) as f64);
    let x = |at: i64| {
        let mut place = sheet.left;
        let mut open = at - begin;
        for (from, to) in &folds {
            if at <= *from {
                break;
            }
            let inside = at.min(*to) - from;
            open -= inside;
            place += sheet.fold * inside as f64 / (to - from) as f64;
        }
        place + open as f64 * scale
    };
    let stages = &detail.pipeline.stages;
    let height = 22.0 + sheet.staff * stages.len() as f64;
    let middle = |staff: usize| 20.0 + sheet.staff * (staff as f64 + 0.5);
    let mut out = format!(
        "<svg class=\"{}\" viewBox=\"0 0 {} {height}\" role=\"img\" aria-label=\"{}\"><defs><pattern id=\"{}\" width=\"6\" \
         height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><path class=\"hatchl\" d=\"M0 0V6\"/>\
         </pattern></defs>",
        sheet.class,
        sheet.width,
        escaped(&say.n("roll-name", bars.iter().filter(|bar| bar.number.is_some()).count() as u64)),
        sheet.hatch,
    );
    // Writing into a string cannot fail.
    for (from, to) in &folds {
        let (left, wide) = (x(*from), sheet.fold);
        let _ = write!(out, "<rect class=\"fold\" x=\"{left:.1}\" y=\"0\" width=\"{wide:.1}\" height=\"{height}\"/>");
        let text = escaped(&say.age(to - from));
        let _ = write!(
            out,
            "<text class=\"foldt\" x=\"{:.1}\" y=\"13\" text-anchor=\"middle\">{text}</text>",
            left + wide / 2.0
        );
    }
    let _ = write!(out, "<text x=\"{:.1}\" y=\"13\">{}</text>", sheet.left, say.clock(Timestamp(begin)));
    for (at, stage) in stages.iter().enumerate() {
        let y = middle(at);
        let _ = write!(out, "<path class=\"staff\" d=\"M{} {y:.1}H{}\"/>", sheet.left, sheet.width);
        if sheet.left > 60.0 {
            let name = escaped(&marks::place(stage.id.as_str(), say));
            let _ = write!(out, "<text class=\"st\" x=\"0\" y=\"{:.1}\">{name}</text>", y + 4.0);
        } else {
            let icon = marks::icon(stage.kind);
            let _ = write!(out, "<use href=\"#i-{icon}\" x=\"0\" y=\"{:.1}\" width=\"14\" height=\"14\"/>", y - 7.0);
        }
    }
    let tried: Vec<&Bar> = bars.iter().filter(|bar| bar.number.is_some()).collect();
    for pair in tried.windows(2) {
        // Who was waited for meanwhile stands in between.
        let waited = bars.iter().filter(|bar| bar.number.is_none() && bar.staff == pair[0].staff);
        let left = waited.map(|bar| bar.to).filter(|to| *to <= pair[1].from).fold(pair[0].to, i64::max);
        let (from, to) = (x(left), x(pair[1].from));
        let (above, below) = (middle(pair[0].staff), middle(pair[1].staff));
        let class = if pair[0].back { "c b" } else { "c" };
        let turn = (from + to) / 2.0;
        let _ = write!(out, "<path class=\"{class}\" d=\"M{from:.1} {above:.1}H{turn:.1}V{below:.1}H{to:.1}\"/>");
    }
    for bar in bars {
        let (left, y) = (x(bar.from), middle(bar.staff) - sheet.bar / 2.0);
        let wide = (x(bar.to) - left).max(5.0);
        let title = escaped(&bar.title);
        let _ = write!(
            out,
            "<rect class=\"{}\" x=\"{left:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"{}\" rx=\"2.5\"><title>{title}</title></rect>",
            bar.class, sheet.bar,
        );
        if let Some(number) = bar.number.filter(|_| wide > 12.0) {
            let (middle, base) = (left + wide / 2.0, y + sheet.bar / 2.0 + 3.5);
            let _ = write!(
                out,
                "<text class=\"on\" x=\"{middle:.1}\" y=\"{base:.1}\" text-anchor=\"middle\">{number}</text>"
            );
        }
    }
    out.push_str("</svg>");
    out
}
