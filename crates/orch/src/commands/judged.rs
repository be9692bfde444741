//! Verdicts and findings, as `orch show` tells them.

use orch_web::view::{FindingView, TaskDetailView, VerdictView};

use super::text::{clean, fit, pad, short, width, with_short_commits, wrap};
use crate::screen::{Screen, Style};

/// Newest verdicts that are shown; `--json` has all.
const VERDICTS: usize = 10;
/// Findings that are shown, those that block first.
const FINDINGS: usize = 12;

/// Every verdict with its key and what it is now, each with what decided below it.
pub fn verdicts(detail: &TaskDetailView, screen: &Screen) -> Vec<String> {
    let left_out = detail.verdicts.len().saturating_sub(VERDICTS);
    let shown = &detail.verdicts[left_out..];
    let rows: Vec<[String; 4]> = shown.iter().map(cells).collect();
    let wide = |column: usize| rows.iter().map(|row| width(&row[column])).max().unwrap_or(0);
    let widths = [wide(0), wide(1), wide(2)];
    let mut lines = Vec::new();
    if left_out > 0 {
        let words = format!("  … {left_out} earlier: orch show {} --json", clean(&detail.task.id));
        lines.push(screen.styled(Style::Faint, &words));
    }
    for (row, verdict) in rows.iter().zip(shown) {
        let style = match verdict.outcome.as_str() {
            _ if !verdict.holds => Style::Faint,
            "pass" => Style::Good,
            "fail" => Style::Bad,
            _ => Style::Attention,
        };
        let by = pad(&row[0], widths[0]);
        let outcome = screen.styled(style, &pad(&row[1], widths[1]));
        lines.push(fit(&format!("  {by}  {outcome}  {}  {}", pad(&row[2], widths[2]), row[3]), screen.width()));
        let parts = wrap(&with_short_commits(&clean(&told(verdict))), screen.width().saturating_sub(4));
        lines.extend(parts.iter().map(|part| format!("    {}", screen.styled(Style::Faint, part))));
    }
    lines
}

fn cells(verdict: &VerdictView) -> [String; 4] {
    let attempt = verdict.attempt.map(|number| format!(" {number}")).unwrap_or_default();
    let key = format!("{} {}", clean(&verdict.key_kind), short(&verdict.key));
    let standing = with_short_commits(&clean(&verdict.standing));
    [format!("{}{attempt}", clean(&verdict.by)), clean(&verdict.outcome), key, standing]
}

/// What decided, with the document that says it.
fn told(verdict: &VerdictView) -> String {
    match &verdict.document {
        Some(document) => format!("{document}: {}", verdict.reason),
        None => format!("{} ({})", verdict.reason, short(&verdict.commit)),
    }
}

/// Findings through the rounds of review: what blocks, then what is open, then what is resolved.
pub fn findings(detail: &TaskDetailView, screen: &Screen) -> Vec<String> {
    let mut all: Vec<&FindingView> = detail.findings.iter().collect();
    all.sort_by_key(|finding| (!finding.blocks, finding.state == "resolved"));
    let states = all.iter().map(|finding| width(&finding.state)).max().unwrap_or(0);
    let line = |finding: &&FindingView| {
        let style = match finding.state.as_str() {
            "resolved" => Style::Faint,
            _ if finding.blocks => Style::Bad,
            _ => Style::Attention,
        };
        let state = screen.styled(style, &pad(&clean(&finding.state), states));
        let name = finding.id.clone().or_else(|| finding.grade.map(|grade| format!("P{grade}"))).unwrap_or_default();
        let rounds = if finding.rounds > 1 { format!(" ({} rounds)", finding.rounds) } else { String::new() };
        fit(&format!("  {state}  {}{rounds}  {}", clean(&name), clean(&finding.title)), screen.width())
    };
    let mut lines: Vec<String> = all.iter().take(FINDINGS).map(line).collect();
    let more = all.len().saturating_sub(FINDINGS);
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    lines
}
