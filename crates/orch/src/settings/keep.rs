//! `[keep]`: how long what is over is kept. Removed in small pieces, beside the work.

use super::host::Host;
use super::keys::{Key, narrow};
use super::kind::Kind;

pub(super) const WORK_MINUTES: Key<Host> = Key {
    section: "keep",
    name: "work_minutes",
    variable: None,
    kind: Kind::Number(1, 525_600),
    required: false,
    doc: "Minutes for which finished work and runs that are over stay in the database.",
    set: |h, v| h.keep.work_minutes = narrow(v),
    get: |h| Some(h.keep.work_minutes.to_string()),
};
pub(super) const ANSWERS_DAYS: Key<Host> = Key {
    section: "keep",
    name: "answers_days",
    variable: None,
    kind: Kind::Number(1, 3_650),
    required: false,
    doc: "Days for which the answer to what somebody asked is kept; for so long the same Idempotency-Key is the same request.",
    set: |h, v| h.keep.answers_days = narrow(v),
    get: |h| Some(h.keep.answers_days.to_string()),
};
pub(super) const BODIES_DAYS: Key<Host> = Key {
    section: "keep",
    name: "bodies_days",
    variable: None,
    kind: Kind::Number(1, 3_650),
    required: false,
    doc: "Days for which the bodies of what webhooks told are kept.",
    set: |h, v| h.keep.bodies_days = narrow(v),
    get: |h| Some(h.keep.bodies_days.to_string()),
};
pub(super) const DELIVERIES_DAYS: Key<Host> = Key {
    section: "keep",
    name: "deliveries_days",
    variable: None,
    kind: Kind::Number(1, 3_650),
    required: false,
    doc: "Days for which is kept that a webhook told it; for so long the same delivery counts once.",
    set: |h, v| h.keep.deliveries_days = narrow(v),
    get: |h| Some(h.keep.deliveries_days.to_string()),
};
pub(super) const MESSAGES_DAYS: Key<Host> = Key {
    section: "keep",
    name: "messages_days",
    variable: None,
    kind: Kind::Number(1, 3_650),
    required: false,
    doc: "Days for which messages that were sent are kept.",
    set: |h, v| h.keep.messages_days = narrow(v),
    get: |h| Some(h.keep.messages_days.to_string()),
};
pub(super) const DEAD_LETTERS_DAYS: Key<Host> = Key {
    section: "keep",
    name: "dead_letters_days",
    variable: None,
    kind: Kind::Number(1, 3_650),
    required: false,
    doc: "Days for which what was given up waits for a person: `orch outbox`, `orch deliveries`.",
    set: |h, v| h.keep.dead_letters_days = narrow(v),
    get: |h| Some(h.keep.dead_letters_days.to_string()),
};
pub(super) const RUNS_DAYS: Key<Host> = Key {
    section: "keep",
    name: "runs_days",
    variable: None,
    kind: Kind::Number(1, 3_650),
    required: false,
    doc: "Days for which the directories of runs, with their logs, are kept once their task has ended.",
    set: |h, v| h.keep.runs_days = narrow(v),
    get: |h| Some(h.keep.runs_days.to_string()),
};
pub(super) const MOST_RUNS: Key<Host> = Key {
    section: "keep",
    name: "most_runs",
    variable: None,
    kind: Kind::Number(1, 1_000_000),
    required: false,
    doc: "So many directories of runs of ended tasks at most; the oldest go first.",
    set: |h, v| h.keep.most_runs = narrow(v),
    get: |h| Some(h.keep.most_runs.to_string()),
};
