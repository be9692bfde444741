//! Proves that a line works before anybody runs along it. One function per rule; [`RULES`] names them all.
//!
//! Every stage has one `next`, so a checked line is a path: from the entry through every stage to `done`.

use std::collections::{BTreeMap, BTreeSet};

use super::parse::{ID_LONGEST, RESERVED};
use super::{OnRed, Stage, StageKind, Target};
use crate::ids::StageId;
use crate::toml_file::Problems;

/// A stage with its places in the file.
pub(super) struct Draft {
    pub stage: Stage,
    pub line: usize,
    pub path: String,
    pub lines: BTreeMap<&'static str, usize>,
}

/// The stages of a file.
pub(super) struct Drafts {
    pub stages: Vec<Draft>,
    /// Ids, kinds and edges of all stages could be read, so that rules about the whole line make sense.
    pub sound: bool,
}

/// What a rule finds wrong: the stage's place in the file, the key, what, and the fix.
pub(super) struct Fault {
    stage: Option<usize>,
    key: &'static str,
    what: String,
    fix: String,
}

type Rule = fn(&[Draft]) -> Vec<Fault>;

/// Rules about single stages; they hold for what could be read.
pub(super) const STAGE_RULES: [(&str, Rule); 8] = [
    ("stage_ids", stage_ids),
    ("stage_ids_unique", stage_ids_unique),
    ("back_edges_capped", back_edges_capped),
    ("gates_have_documents", gates_have_documents),
    ("lane_gates_in_lane", lane_gates_in_lane),
    ("land_has_no_agent", land_has_no_agent),
    ("authors_have_documents", authors_have_documents),
    ("confirmation_before_landing", confirmation_before_landing),
];

/// Rules about the line as a whole, asked only if every stage could be read.
pub(super) const LINE_RULES: [(&str, Rule); 11] = [
    ("some_stage", some_stage),
    ("one_entry", one_entry),
    ("no_cycle", no_cycle),
    ("every_stage_reachable", every_stage_reachable),
    ("done_reachable", done_reachable),
    ("back_edges_lead_back", back_edges_lead_back),
    ("one_landing", one_landing),
    ("builds_land", builds_land),
    ("lane_lands", lane_lands),
    ("lane_before_landing", lane_before_landing),
    ("deploy_after_landing", deploy_after_landing),
];

/// Asks every rule that makes sense.
pub(super) fn check(problems: &mut Problems<'_>, drafts: &Drafts) {
    let stages = &drafts.stages;
    let unique: BTreeSet<&StageId> = stages.iter().map(|draft| &draft.stage.id).collect();
    let whole = drafts.sound && unique.len() == stages.len();
    let line_rules: &[(&str, Rule)] = if whole { &LINE_RULES } else { &[] };
    for (name, rule) in STAGE_RULES.iter().chain(line_rules) {
        for Fault { stage, key, what, fix } in rule(stages) {
            let draft = stage.and_then(|index| stages.get(index));
            let line = draft.map(|draft| draft.lines.get(key).copied().unwrap_or(draft.line));
            let path = match draft {
                Some(draft) if key.is_empty() => draft.path.clone(),
                Some(draft) => format!("{}.{key}", draft.path),
                None => "stage".to_owned(),
            };
            problems.report_line(name, line, &path, what, fix);
        }
    }
}

fn fault(stage: usize, key: &'static str, what: String, fix: impl Into<String>) -> Fault {
    Fault { stage: Some(stage), key, what, fix: fix.into() }
}

/// Faults of single stages.
fn each(stages: &[Draft], mut rule: impl FnMut(usize, &Stage) -> Option<Fault>) -> Vec<Fault> {
    stages.iter().enumerate().filter_map(|(index, draft)| rule(index, &draft.stage)).collect()
}

fn position(stages: &[Draft], id: &StageId) -> Option<usize> {
    stages.iter().position(|draft| &draft.stage.id == id)
}

fn follow(stages: &[Draft], from: usize) -> Option<usize> {
    match &stages[from].stage.next {
        Target::Done => None,
        Target::Stage(id) => position(stages, id),
    }
}

/// The stages from one on, in the order of `next`, each once; true if they end in `done`, false if they go round.
fn walk(stages: &[Draft], from: usize) -> (Vec<usize>, bool) {
    let mut seen = vec![from];
    let mut at = from;
    while let Some(to) = follow(stages, at) {
        if seen.contains(&to) {
            return (seen, false);
        }
        seen.push(to);
        at = to;
    }
    (seen, true)
}

/// The line in the order of `next`.
fn line(stages: &[Draft]) -> Vec<usize> {
    if stages.is_empty() { Vec::new() } else { walk(stages, 0).0 }
}

fn stage_ids(stages: &[Draft]) -> Vec<Fault> {
    each(stages, |index, stage| {
        let id = stage.id.as_str();
        let spelled = !id.is_empty() && id.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
        if !spelled || id.len() > ID_LONGEST {
            let fix = format!("use a-z, 0-9 and `-`, at most {ID_LONGEST} characters");
            return Some(fault(index, "id", format!("{id:?} cannot be a stage id"), fix));
        }
        let reserved = RESERVED.contains(&id) || id == "stay";
        reserved.then(|| fault(index, "id", format!("`{id}` is a word of its own and no stage"), "choose another id"))
    })
}

fn stage_ids_unique(stages: &[Draft]) -> Vec<Fault> {
    each(stages, |index, stage| {
        let first = position(stages, &stage.id).filter(|&first| first < index)?;
        let what =
            format!("a second stage is called `{}` (the first one stands in line {})", stage.id, stages[first].line);
        Some(fault(index, "id", what, "give each stage an id of its own"))
    })
}

fn back_edges_capped(stages: &[Draft]) -> Vec<Fault> {
    each(stages, |index, stage| match (&stage.on_red, stage.cap) {
        (OnRed::Back(to), None) => {
            let what = format!("red leads from `{}` back to `{to}` without an end", stage.id);
            Some(fault(index, "on_red", what, "add cap = 3 (the highest number of retries), or on_red = \"stay\""))
        }
        (OnRed::Stay, Some(cap)) => {
            let what = format!("cap = {cap} limits nothing: red keeps the task in `{}`", stage.id);
            Some(fault(index, "cap", what, "remove it, or say where red leads with on_red"))
        }
        _ => None,
    })
}

fn gates_have_documents(stages: &[Draft]) -> Vec<Fault> {
    each(stages, |index, stage| {
        let gate = stage.gates.iter().find(|gate| gate.reads_document()).filter(|_| stage.documents.is_empty())?;
        // An author without documents has a rule of its own.
        if stage.kind == StageKind::Author {
            return None;
        }
        let what = format!("`{gate}` reads the first document of `{}`, which names none", stage.id);
        Some(fault(index, "documents", what, "name the document, for example documents = [\"12-review.md\"]"))
    })
}

fn lane_gates_in_lane(stages: &[Draft]) -> Vec<Fault> {
    each(stages, |index, stage| {
        let gate = stage.gates.iter().find(|gate| gate.reads_lane()).filter(|_| !stage.kind.in_lane())?;
        let what = format!("`{gate}` looks at the lane, where `{}` (kind {}) does not stand", stage.id, stage.kind);
        Some(fault(index, "gates", what, "move it to a stage of kind land or stage"))
    })
}

fn land_has_no_agent(stages: &[Draft]) -> Vec<Fault> {
    each(stages, |index, stage| {
        if stage.kind != StageKind::Land {
            return None;
        }
        let key = if stage.role.is_some() {
            "role"
        } else if !stage.documents.is_empty() {
            "documents"
        } else {
            return None;
        };
        Some(fault(index, key, format!("nobody acts at `{}`: its kind is land", stage.id), format!("remove `{key}`")))
    })
}

fn authors_have_documents(stages: &[Draft]) -> Vec<Fault> {
    each(stages, |index, stage| {
        (stage.kind == StageKind::Author && stage.documents.is_empty()).then(|| {
            let what = format!("`{}` has an author and no document to write", stage.id);
            fault(index, "documents", what, "name them, for example documents = [\"07-plan.md\"]")
        })
    })
}

fn confirmation_before_landing(stages: &[Draft]) -> Vec<Fault> {
    each(stages, |index, stage| {
        (stage.confirm && !stage.lands).then(|| {
            let what = format!("`{}` asks for a confirmation, but the edge out of it does not land", stage.id);
            fault(index, "confirm", what, "move it to the stage with lands = true")
        })
    })
}

fn some_stage(stages: &[Draft]) -> Vec<Fault> {
    let fix = "add a [[stage]], or remove the file to use the built-in line".to_owned();
    let none = Fault { stage: None, key: "", what: "the line has no stage".to_owned(), fix };
    if stages.is_empty() { vec![none] } else { Vec::new() }
}

fn one_entry(stages: &[Draft]) -> Vec<Fault> {
    let entered: BTreeSet<usize> = (0..stages.len()).filter_map(|from| follow(stages, from)).collect();
    each(stages, |index, stage| {
        (index > 0 && !entered.contains(&index)).then(|| {
            let what = format!("`{}` is a second entry: no stage leads to it", stage.id);
            fault(index, "", what, format!("set next = \"{}\" on the stage before it, or remove it", stage.id))
        })
    })
}

fn no_cycle(stages: &[Draft]) -> Vec<Fault> {
    let mut told: BTreeSet<usize> = BTreeSet::new();
    each(stages, |index, stage| {
        let (seen, ends) = walk(stages, index);
        let round = !ends && seen.last().and_then(|&last| follow(stages, last)) == Some(index);
        if !round || told.contains(&index) {
            return None;
        }
        told.extend(&seen);
        let names: Vec<&str> = seen.iter().chain([&index]).map(|&at| stages[at].stage.id.as_str()).collect();
        let what = format!("green goes round from `{}`: {}", stage.id, names.join(" → "));
        Some(fault(index, "next", what, "only red may lead back: use on_red with a cap"))
    })
}

fn every_stage_reachable(stages: &[Draft]) -> Vec<Fault> {
    let reached = line(stages);
    each(stages, |index, stage| {
        (!reached.contains(&index)).then(|| {
            let what = format!("`{}` is never reached from the entry `{}`", stage.id, stages[0].stage.id);
            fault(index, "", what, "let a stage of the line lead to it with next, or remove it")
        })
    })
}

fn done_reachable(stages: &[Draft]) -> Vec<Fault> {
    let stuck: Vec<usize> = (0..stages.len()).filter(|&from| !walk(stages, from).1).collect();
    let names: Vec<String> = stuck.iter().map(|&index| format!("`{}`", stages[index].stage.id)).collect();
    let what = format!("a dead end: `done` is never reached from {}", names.join(", "));
    let fix = "set next = \"done\" on the last stage of the line";
    stuck.first().map(|&index| fault(index, "next", what, fix)).into_iter().collect()
}

fn back_edges_lead_back(stages: &[Draft]) -> Vec<Fault> {
    let order = line(stages);
    let place = |index: usize| order.iter().position(|&at| at == index);
    each(stages, |index, stage| {
        let OnRed::Back(to) = &stage.on_red else { return None };
        let target = position(stages, to)?;
        let (Some(from), Some(to_place)) = (place(index), place(target)) else { return None };
        let in_lane = stages[target].stage.kind.in_lane() && target != index;
        if to_place > from {
            let what = format!("red leads from `{}` forward to `{to}`", stage.id);
            return Some(fault(index, "on_red", what, "name the stage itself or one before it, or \"stay\""));
        }
        in_lane.then(|| {
            let what = format!(
                "red leads from `{}` back to `{to}`, which changes nothing (kind {})",
                stage.id, stages[target].stage.kind
            );
            fault(index, "on_red", what, "name a stage where the fault can be mended, such as the build stage")
        })
    })
}

fn landings(stages: &[Draft]) -> Vec<usize> {
    (0..stages.len()).filter(|&index| stages[index].stage.lands).collect()
}

fn one_landing(stages: &[Draft]) -> Vec<Fault> {
    let landings = landings(stages);
    landings
        .iter()
        .skip(1)
        .map(|&index| {
            let first = &stages[landings[0]].stage.id;
            let what = format!("the task would land twice: out of `{first}` and out of `{}`", stages[index].stage.id);
            fault(index, "lands", what, "keep lands = true on one stage only")
        })
        .collect()
}

fn builds_land(stages: &[Draft]) -> Vec<Fault> {
    let order = line(stages);
    let place = |index: usize| order.iter().position(|&at| at == index);
    let landing = landings(stages).first().copied().and_then(place);
    each(stages, |index, stage| {
        if stage.kind != StageKind::Build {
            return None;
        }
        let what = format!("what `{}` builds never lands: no edge after it has lands = true", stage.id);
        let lands = landing.is_some_and(|landing| place(index).is_some_and(|at| at <= landing));
        (!lands).then(|| fault(index, "", what, "add a stage of kind land after it, with lands = true"))
    })
}

/// The last lane stage in the order of the line.
fn last_in_lane(stages: &[Draft]) -> Option<usize> {
    line(stages).into_iter().rev().find(|&at| stages[at].stage.kind.in_lane())
}

fn lane_lands(stages: &[Draft]) -> Vec<Fault> {
    let mut faults = each(stages, |index, stage| {
        (stage.lands && !stage.kind.in_lane()).then(|| {
            let what = format!("`{}` (kind {}) does not stand in the lane and cannot land", stage.id, stage.kind);
            fault(index, "lands", what, "move lands = true to a stage of kind land or stage")
        })
    });
    if let Some(last) = last_in_lane(stages).filter(|_| landings(stages).is_empty()) {
        let what = format!("`{}` is the last lane stage, and the edge out of it does not land", stages[last].stage.id);
        faults.push(fault(last, "lands", what, "add lands = true"));
    }
    faults
}

fn lane_before_landing(stages: &[Draft]) -> Vec<Fault> {
    let order = line(stages);
    let Some(landing) = order.iter().position(|&at| stages[at].stage.lands) else { return Vec::new() };
    let first = order.iter().position(|&at| stages[at].stage.kind.in_lane()).unwrap_or(landing);
    let mut faults = Vec::new();
    for (place, &index) in order.iter().enumerate() {
        let stage = &stages[index].stage;
        if place > landing && stage.kind.in_lane() {
            let what = format!("`{}` (kind {}) stands after the landing", stage.id, stage.kind);
            faults.push(fault(index, "kind", what, "move it before the stage with lands = true"));
        }
        if place > first && place < landing && !stage.kind.in_lane() {
            let what = format!("`{}` (kind {}) stands between two lane stages", stage.id, stage.kind);
            faults.push(fault(
                index,
                "kind",
                what,
                "move it before the first lane stage: the lane is not left half-way",
            ));
        }
    }
    faults
}

fn deploy_after_landing(stages: &[Draft]) -> Vec<Fault> {
    let order = line(stages);
    let place = |index: usize| order.iter().position(|&at| at == index);
    let landing = landings(stages).first().copied().and_then(place);
    each(stages, |index, stage| {
        let after = landing.is_some_and(|landing| place(index).is_some_and(|at| at > landing));
        (stage.kind == StageKind::Deploy && !after).then(|| {
            let what = format!("`{}` deploys what has not landed", stage.id);
            fault(index, "kind", what, "move it behind the stage with lands = true")
        })
    })
}
