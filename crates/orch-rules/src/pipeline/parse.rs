//! Reads `.orch/pipeline.toml`.
//!
//! A file is a list of `[[stage]]` tables. What a stage does not say follows from its kind, see [`defaults`].

use std::collections::BTreeMap;

use toml::Spanned;

use super::check::{Drafts, check};
use super::digest::digest;
use super::{GateName, OnRed, Pipeline, Role, Stage, StageKind, Target, pattern_fault};
use crate::ids::StageId;
use crate::problem::Problem;
use crate::toml_file::{self, Problems, Table, nearest};

/// Ids no stage may have: positions outside of every stage.
pub(super) const RESERVED: [&str; 4] = ["backlog", "entering", "done", "cancelled"];

/// Longest stage id, in bytes: it has to fit a picture and a row.
pub(super) const ID_LONGEST: usize = 32;

/// Highest cap that is accepted; more is a loop in all but name.
pub(super) const CAP_HIGHEST: u32 = 100;

/// Most stages of one line.
const STAGES_MOST: usize = 64;

/// Reads and checks a pipeline file. `file` is only how problems name it.
///
/// # Errors
/// All problems at once, in the order of their lines, each with a fix. Where the file is no TOML, what could be
/// recovered is read, but rules that need the whole line are not asked.
pub fn parse(text: &str, file: &str) -> Result<Pipeline, Vec<Problem>> {
    let mut problems = Problems::new(text, file);
    let mut root = toml_file::document(&mut problems);
    let tables = root.tables(&mut problems, "stage");
    root.finish(&mut problems);
    if tables.len() > STAGES_MOST {
        let (what, fix) = (format!("{} stages", tables.len()), format!("a line has at most {STAGES_MOST}"));
        problems.report("too_many_stages", None, "stage", what, fix);
        return Err(problems.into_sorted());
    }
    let raw: Vec<Raw> = tables.into_iter().map(|table| Raw::read(&mut problems, table)).collect();
    let drafts = resolve(&mut problems, raw);
    check(&mut problems, &drafts);
    if problems.count() > 0 {
        return Err(problems.into_sorted());
    }
    let stages: Vec<Stage> = drafts.stages.into_iter().map(|draft| draft.stage).collect();
    let digest = digest(&stages);
    Ok(Pipeline { stages, digest })
}

/// What a stage's kind and role imply: the documents it names and its gates.
pub fn defaults(kind: StageKind, role: Option<Role>) -> (&'static [&'static str], &'static [GateName]) {
    use GateName as G;
    match (kind, role) {
        (StageKind::Author, Some(Role::Analyst)) => (
            &["01-brd.md", "02-spec.md", "03-acceptance.md", "04-test-plan.md", "05-risks.md"],
            &[G::CheckDocumentWritten, G::CheckWriteScope, G::CheckNoQuestions],
        ),
        (StageKind::Author, Some(Role::Architect)) => {
            (&["06-adr/ADR-*.md"], &[G::CheckDecisionRecord, G::CheckWriteScope])
        }
        (StageKind::Author, _) => (&[], &[G::CheckDocumentWritten, G::CheckWriteScope, G::CheckNoQuestions]),
        (StageKind::Build, _) => {
            (&[], &[G::CheckCodeChanged, G::CheckWriteScope, G::CheckCiGreen, G::CheckProtectedPaths])
        }
        (StageKind::Judge, _) => (&["12-review.md"], &[G::CheckReviewerVerdict, G::CheckWriteScope]),
        (StageKind::Check, _) => {
            (&["13-test-report.md"], &[G::CheckTestsPassed, G::CheckWriteScope, G::CheckProtectedPaths])
        }
        (StageKind::Stage, _) => (
            &["15-staging-log.md"],
            &[G::CheckBranchMergeable, G::CheckStagingImageFresh, G::CheckStagingStatus, G::CheckWriteScope],
        ),
        (StageKind::Land, _) => (&[], &[G::CheckBranchMergeable]),
        (StageKind::Deploy, _) => (&["14-deploy-log.md"], &[G::CheckDeployStatus, G::CheckWriteScope]),
    }
}

/// A stage as the file has it: spellings with their places, nothing resolved.
struct Raw {
    line: usize,
    path: String,
    lines: BTreeMap<&'static str, usize>,
    id: Option<Spanned<String>>,
    kind: Option<StageKind>,
    role: Option<Role>,
    documents: Option<Vec<String>>,
    gates: Option<Vec<GateName>>,
    approval: bool,
    confirm: bool,
    next: Option<Spanned<String>>,
    on_red: Option<Spanned<String>>,
    cap: Option<u32>,
    lands: bool,
    setup: Option<bool>,
    /// A key the graph rules need could not be read.
    unsound: bool,
}

impl Raw {
    fn read(problems: &mut Problems<'_>, mut table: Table<'_>) -> Self {
        let line = problems.line_of(table.span().start);
        let path = table.path().to_owned();
        let mut lines = BTreeMap::new();
        for key in ["id", "kind", "role", "documents", "gates", "confirm", "next", "on_red", "cap", "lands"] {
            if let Some(span) = table.span_of(key) {
                lines.insert(key, problems.line_of(span.start));
            }
        }
        let before = problems.count();
        let id = required(problems, &mut table, "id", "a name of its own, such as \"review\"");
        let kinds: Vec<&str> = StageKind::ALL.iter().map(|kind| kind.name()).collect();
        let kind = required(problems, &mut table, "kind", &format!("one of {}", kinds.join(", ")));
        let kind = kind.and_then(|spelled| word(problems, "kind", &path, &spelled, &StageKind::ALL, |k| k.name()));
        let next = table.text(problems, "next");
        let on_red = table.text(problems, "on_red");
        let cap = table.number(problems, "cap", 1..=CAP_HIGHEST).map(Spanned::into_inner);
        let lands = table.truth(problems, "lands").is_some_and(Spanned::into_inner);
        let unsound = problems.count() > before || problems.is_broken();

        let role = table.text(problems, "role");
        let is_land = kind == Some(StageKind::Land);
        if role.is_none() && !lines.contains_key("role") && kind.is_some() && !is_land && !problems.is_broken() {
            let names: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
            problems.report_line(
                "missing_key",
                Some(line),
                &path,
                "`role` is missing".to_owned(),
                format!("say who acts: role = one of {}", names.join(", ")),
            );
        }
        let role = role.and_then(|spelled| word(problems, "role", &path, &spelled, &Role::ALL, |r| r.name()));
        let documents = table.texts(problems, "documents").map(|found| {
            let mut documents = Vec::new();
            for (index, pattern) in found.into_iter().enumerate() {
                if let Some(fault) = pattern_fault(pattern.get_ref()) {
                    let place = format!("{path}.documents[{index}]");
                    let what = format!("the pattern {:?} {fault}", pattern.get_ref());
                    let fix = "write a path such as \"12-review.md\" or \"06-adr/ADR-*.md\"".to_owned();
                    problems.report("document_pattern", Some(pattern.span()), &place, what, fix);
                }
                documents.push(pattern.into_inner());
            }
            documents
        });
        let gates = table.texts(problems, "gates").map(|found| gates(problems, &path, found));
        let approval = table.truth(problems, "approval").is_some_and(Spanned::into_inner);
        let confirm = table.truth(problems, "confirm").is_some_and(Spanned::into_inner);
        let setup = table.truth(problems, "setup").map(Spanned::into_inner);
        table.finish(problems);
        Self {
            line,
            path,
            lines,
            id,
            kind,
            role,
            documents,
            gates,
            approval,
            confirm,
            next,
            on_red,
            cap,
            lands,
            setup,
            unsound,
        }
    }
}

fn gates(problems: &mut Problems<'_>, path: &str, found: Vec<Spanned<String>>) -> Vec<GateName> {
    let mut gates = Vec::new();
    for (index, spelled) in found.into_iter().enumerate() {
        let place = format!("{path}.gates[{index}]");
        let Some(gate) = word(problems, "gate", &place, &spelled, &GateName::ALL, |gate| gate.name()) else { continue };
        if gates.contains(&gate) {
            let (what, fix) = (format!("the gate `{gate}` is listed twice"), "list it once".to_owned());
            problems.report("duplicate_gate", Some(spelled.span()), &place, what, fix);
        }
        gates.push(gate);
    }
    gates
}

fn required(
    problems: &mut Problems<'_>,
    table: &mut Table<'_>,
    key: &'static str,
    wanted: &str,
) -> Option<Spanned<String>> {
    if !table.has(key) && !problems.is_broken() {
        let (what, fix) = (format!("`{key}` is missing"), format!("add {key} = {wanted}"));
        problems.report("missing_key", Some(table.span()), table.path(), what, fix);
    }
    table.text(problems, key)
}

/// One spelling out of a closed set.
fn word<T: Copy>(
    problems: &mut Problems<'_>,
    noun: &str,
    path: &str,
    spelled: &Spanned<String>,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> Option<T> {
    let text = spelled.get_ref();
    let found = all.iter().copied().find(|&one| name(one) == text);
    if found.is_none() {
        let names: Vec<&str> = all.iter().map(|&one| name(one)).collect();
        // People leave the prefix out, so the rest is compared as well.
        let near =
            nearest(text, names.iter().copied()).or_else(|| nearest(&format!("check_{text}"), names.iter().copied()));
        let fix = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of {}", names.join(", ")),
        };
        let path = if path.ends_with(']') && noun == "gate" { path.to_owned() } else { format!("{path}.{noun}") };
        problems.report(
            &format!("unknown_{noun}"),
            Some(spelled.span()),
            &path,
            format!("unknown {noun} `{text}`"),
            fix,
        );
    }
    found
}

/// Fills in what the kind implies and finds the stages that edges name.
fn resolve(problems: &mut Problems<'_>, raw: Vec<Raw>) -> Drafts {
    let ids: Vec<String> = raw.iter().filter_map(|stage| stage.id.as_ref()).map(|id| id.get_ref().clone()).collect();
    let mut drafts = Drafts { stages: Vec::new(), sound: !problems.is_broken() };
    let following: Vec<Option<String>> = raw
        .iter()
        .skip(1)
        .map(|stage| stage.id.as_ref().map(|id| id.get_ref().clone()))
        .chain([Some("done".to_owned())])
        .collect();
    let mut last_build: Option<StageId> = None;
    for (stage, following) in raw.into_iter().zip(following) {
        drafts.sound &= !stage.unsound;
        let (Some(id), Some(kind)) = (&stage.id, stage.kind) else {
            drafts.sound = false;
            continue;
        };
        let id = StageId::from(id.get_ref().as_str());
        if kind == StageKind::Build {
            last_build = Some(id.clone());
        }
        let next = match &stage.next {
            Some(spelled) => edge(problems, "next", &stage, spelled, &ids, "done"),
            None => following,
        };
        let next = next.map(|to| if to == "done" { Target::Done } else { Target::Stage(StageId(to)) });
        let on_red = match &stage.on_red {
            Some(spelled) => edge(problems, "on_red", &stage, spelled, &ids, "stay")
                .map(|to| if to == "stay" { OnRed::Stay } else { OnRed::Back(StageId(to)) }),
            // An author's work is put right by a person; everybody else's red is the last developer's to mend.
            None if kind == StageKind::Author => Some(OnRed::Stay),
            None => Some(last_build.clone().map_or(OnRed::Stay, OnRed::Back)),
        };
        drafts.sound &= next.is_some() && on_red.is_some();
        let (documents, gates) = defaults(kind, stage.role);
        drafts.stages.push(super::check::Draft {
            line: stage.line,
            path: stage.path,
            lines: stage.lines,
            stage: Stage {
                id,
                kind,
                role: stage.role,
                documents: stage.documents.unwrap_or_else(|| documents.iter().map(|&path| path.to_owned()).collect()),
                gates: stage.gates.unwrap_or_else(|| gates.to_vec()),
                approval: stage.approval,
                confirm: stage.confirm,
                next: next.unwrap_or(Target::Done),
                on_red: on_red.unwrap_or(OnRed::Stay),
                cap: stage.cap,
                lands: stage.lands,
                setup: stage.setup,
            },
        });
    }
    drafts
}

/// The stage an edge names, or `other`.
fn edge(
    problems: &mut Problems<'_>,
    key: &str,
    stage: &Raw,
    spelled: &Spanned<String>,
    ids: &[String],
    other: &'static str,
) -> Option<String> {
    let to = spelled.get_ref();
    if to == other || ids.contains(to) {
        return Some(to.clone());
    }
    let known = || ids.iter().map(String::as_str).chain([other]);
    let fix = match nearest(to, known()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("write \"{other}\" or a stage of this file: {}", ids.join(", ")),
    };
    let path = format!("{}.{key}", stage.path);
    problems.report("unknown_stage", Some(spelled.span()), &path, format!("no stage is called `{to}`"), fix);
    None
}
