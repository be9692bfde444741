//! The repository's own settings, `.orch/orch.toml`, read from its base branch.
//!
//! It can only tighten what the host allows: no secret, no port, no budget, no agent program stands here.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use toml::Spanned;

use crate::problem::Problem;
use crate::toml_file::{self, Problems, Table};

mod variant;

pub use variant::{PLAIN, Variant, When, choose, named};

/// Where the file lives in a repository.
pub const REPOSITORY_FILE: &str = ".orch/orch.toml";

/// Seconds the test command may take.
pub const TIMEOUT_SECONDS: RangeInclusive<u32> = 1..=86_400;

/// Every key of the file as `section.key`, but for those of the list `[[variant]]`.
pub const KEYS: [&str; 11] = [
    "repository.base_branch",
    "check.command",
    "check.timeout_seconds",
    "check.from_base",
    "protect.paths",
    "people.approve",
    "intake.authors",
    "line.serial",
    "line.pipeline",
    "commit.name",
    "commit.email",
];

/// `.orch/orch.toml` with every default filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryFile {
    /// `[repository] base_branch`: the branch that is kept green. Default `main`.
    pub base_branch: String,
    /// `[check] command`: the test command, run by `sh -c` on a clean checkout; `None` means that every gate that
    /// needs it is unknown, never green.
    pub check_command: Option<String>,
    /// `[check] timeout_seconds`, within [`TIMEOUT_SECONDS`]. Default 1800.
    pub check_timeout_seconds: u32,
    /// `[check] from_base`: patterns ([`crate::path_pattern`]) of files that a check takes from the base branch instead
    /// of the commit it tests. Default none.
    pub check_from_base: Vec<String>,
    /// `[protect] paths`: patterns of paths that a change may touch only with a human's grant (X13). Default
    /// `.orch/**`.
    pub protect_paths: Vec<String>,
    /// `[people] approve`: names of those whose approval, rejection, confirmation, answer or skip counts. Default none:
    /// everybody's. A name is what its sender says; it guards against mistakes.
    pub people_approve: Vec<String>,
    /// `[intake] authors`: names of those whose issues start when they ask for it; an issue of anybody else rests until
    /// one of them starts it (X15). Default none: everybody's start.
    pub intake_authors: Vec<String>,
    /// `[line] serial`: one task at a time, first in, first out (K). Default false.
    pub serial: bool,
    /// `[line] pipeline`: path of the pipeline file in the repository. Default `.orch/pipeline.toml`; the built-in
    /// line is used if that file does not exist.
    pub pipeline: String,
    /// `[[variant]]`: other lines for some issues. Default none.
    #[serde(default)]
    pub variants: Vec<Variant>,
    /// `[commit] name`: author and committer of the commits made here. Default `Orchestrion`.
    pub commit_name: String,
    /// `[commit] email`. Default `orchestrion@localhost`.
    pub commit_email: String,
}

impl Default for RepositoryFile {
    fn default() -> Self {
        Self {
            base_branch: "main".to_owned(),
            check_command: None,
            check_timeout_seconds: 1800,
            check_from_base: Vec::new(),
            protect_paths: vec![".orch/**".to_owned()],
            people_approve: Vec::new(),
            intake_authors: Vec::new(),
            serial: false,
            pipeline: ".orch/pipeline.toml".to_owned(),
            variants: Vec::new(),
            commit_name: "Orchestrion".to_owned(),
            commit_email: "orchestrion@localhost".to_owned(),
        }
    }
}

/// Reads the file. An empty one means the defaults. `file` is only how problems name it.
///
/// # Errors
/// All problems at once, in the order of their lines, each with a fix.
pub fn parse(text: &str, file: &str) -> Result<RepositoryFile, Vec<Problem>> {
    let mut problems = Problems::new(text, file);
    let mut root = toml_file::document(&mut problems);
    let default = RepositoryFile::default();

    let mut table = root.table(&mut problems, "repository");
    let base_branch = value(&mut problems, &mut table, "base_branch", branch_fault);
    table.finish(&mut problems);

    let mut table = root.table(&mut problems, "check");
    let check_command = value(&mut problems, &mut table, "command", command_fault);
    let timeout = table.number(&mut problems, "timeout_seconds", TIMEOUT_SECONDS).map(Spanned::into_inner);
    let check_from_base = patterns(&mut problems, &mut table, "from_base");
    table.finish(&mut problems);

    let mut table = root.table(&mut problems, "protect");
    let protect_paths = patterns(&mut problems, &mut table, "paths");
    table.finish(&mut problems);

    let mut table = root.table(&mut problems, "people");
    let people_approve = names(&mut problems, &mut table, "approve");
    table.finish(&mut problems);

    let mut table = root.table(&mut problems, "intake");
    let intake_authors = names(&mut problems, &mut table, "authors");
    table.finish(&mut problems);

    let mut table = root.table(&mut problems, "line");
    let serial = table.truth(&mut problems, "serial").map(Spanned::into_inner);
    let pipeline = value(&mut problems, &mut table, "pipeline", path_fault);
    table.finish(&mut problems);

    let variants = variant::read(&mut problems, &mut root);

    let mut table = root.table(&mut problems, "commit");
    let commit_name = value(&mut problems, &mut table, "name", identity_fault);
    let commit_email = value(&mut problems, &mut table, "email", identity_fault);
    table.finish(&mut problems);
    root.finish(&mut problems);

    if problems.count() > 0 {
        return Err(problems.into_sorted());
    }
    Ok(RepositoryFile {
        base_branch: base_branch.unwrap_or(default.base_branch),
        check_command,
        check_timeout_seconds: timeout.unwrap_or(default.check_timeout_seconds),
        check_from_base: check_from_base.unwrap_or(default.check_from_base),
        protect_paths: protect_paths.unwrap_or(default.protect_paths),
        people_approve: people_approve.unwrap_or(default.people_approve),
        intake_authors: intake_authors.unwrap_or(default.intake_authors),
        serial: serial.unwrap_or(default.serial),
        pipeline: pipeline.unwrap_or(default.pipeline),
        variants,
        commit_name: commit_name.unwrap_or(default.commit_name),
        commit_email: commit_email.unwrap_or(default.commit_email),
    })
}

/// What is wrong with a value, and the fix.
type Fault = Option<(&'static str, &'static str)>;

fn value(
    problems: &mut Problems<'_>,
    table: &mut Table<'_>,
    key: &'static str,
    fault: fn(&str) -> Fault,
) -> Option<String> {
    let path = table.key_path(key);
    let spelled = table.text(problems, key)?;
    let text = spelled.get_ref().trim();
    if let Some((what, fix)) = fault(text) {
        problems.report(
            "unusable_value",
            Some(spelled.span()),
            &path,
            format!("{} {what}", toml_file::quoted(text)),
            fix.to_owned(),
        );
        return None;
    }
    Some(text.to_owned())
}

/// A list of patterns, each a path in which `*` and `**` may stand.
fn patterns(problems: &mut Problems<'_>, table: &mut Table<'_>, key: &'static str) -> Option<Vec<String>> {
    let path = table.key_path(key);
    let listed = table.texts(problems, key)?;
    let mut usable = Vec::new();
    for spelled in listed {
        let text = spelled.get_ref().trim();
        match path_fault(text) {
            None => usable.push(text.trim_end_matches('/').to_owned()),
            Some((what, fix)) => {
                let what = format!("{} {what}", toml_file::quoted(text));
                problems.report("unusable_value", Some(spelled.span()), &path, what, fix.to_owned());
            }
        }
    }
    Some(usable)
}

/// A list of people's names.
fn names(problems: &mut Problems<'_>, table: &mut Table<'_>, key: &'static str) -> Option<Vec<String>> {
    let path = table.key_path(key);
    let listed = table.texts(problems, key)?;
    for spelled in &listed {
        if let Some((what, fix)) = empty_fault(spelled.get_ref().trim()).or_else(|| control_fault(spelled.get_ref())) {
            let what = format!("{} {what}", toml_file::quoted(spelled.get_ref()));
            problems.report("unusable_value", Some(spelled.span()), &path, what, fix.to_owned());
        }
    }
    Some(listed.into_iter().map(|name| name.into_inner().trim().to_owned()).collect())
}

fn empty_fault(text: &str) -> Fault {
    text.is_empty().then_some(("is empty", "write a value, or remove the key to use the default"))
}

fn control_fault(text: &str) -> Fault {
    text.chars().any(char::is_control).then_some(("has a control character", "write it in one line"))
}

/// The rules of `git check-ref-format` that people run into; git itself has the last word.
fn branch_fault(text: &str) -> Fault {
    let bad = text.contains(['~', '^', ':', '?', '*', '[', '\\', ' '])
        || text.contains("..")
        || text.contains("@{")
        || text.contains("//")
        || text.starts_with(['-', '/', '.'])
        || text.ends_with(['/', '.'])
        || text.ends_with(".lock");
    let named = || bad.then_some(("is no branch name", "write a branch such as \"main\""));
    empty_fault(text).or_else(|| control_fault(text)).or_else(named)
}

fn path_fault(text: &str) -> Fault {
    let leaves = text.starts_with('/')
        || text.contains('\\')
        || text.trim_end_matches('/').split('/').any(|segment| matches!(segment, "" | "." | ".." | ".git"));
    let outside = || {
        leaves.then_some((
            "is no path inside the repository",
            "write a path relative to the repository's root, without `..`",
        ))
    };
    empty_fault(text).or_else(|| control_fault(text)).or_else(outside)
}

fn command_fault(text: &str) -> Fault {
    text.is_empty().then_some(("is empty", "write the test command, such as \"cargo test\", or remove the key"))
}

fn identity_fault(text: &str) -> Fault {
    let angled = || text.contains(['<', '>']).then_some(("has `<` or `>`, which git cannot keep", "leave them out"));
    empty_fault(text).or_else(|| control_fault(text)).or_else(angled)
}

/// The whole file with every key explained and commented out at its default. `command` fills in the test command;
/// without one that key stays commented out, with what follows from it.
pub fn example(command: Option<&str>) -> String {
    let default = RepositoryFile::default();
    let check = match command {
        Some(command) => format!("command = {}", toml_text(command)),
        None => "# No test command was found. Until there is one, every gate that needs it is unknown, never green.\n# command = \"make test\"".to_owned(),
    };
    format!(
        "\
# Settings of this repository for Orchestrion. Read from the base branch, so a change counts once it has landed.
# What is commented out stands at its default.

[repository]
# The branch that is kept green: tasks start from it and land on it.
# base_branch = {base_branch}

[check]
# The test command. Run by `sh -c` on a clean checkout of an exact commit; exit code 0 is green.
{check}

# Seconds until it counts as red, from {shortest} to {longest}.
# timeout_seconds = {timeout}

# Files that a check takes from the base branch instead of the commit it tests, as the base has them: what judges a
# change is then not part of it. Patterns as under [protect]. A change to such a file is tested once it has landed.
# from_base = {from_base}

[protect]
# Paths that a change may touch only if a person grants exactly these paths in exactly this patch. `*` stands for any
# text within one name, `**` for any number of folders; the name of a folder means everything in it.
# paths = {protect_paths}

[people]
# Whose approval, rejection, confirmation, answer or skip counts; nobody named means everybody.
# approve = {people}

[intake]
# Whose issues start when they ask for it; nobody named means everybody. An issue of anybody else rests in the backlog
# until one of these has read it and starts it.
# authors = {authors}

[line]
# true: one task at a time, first in, first out.
# serial = {serial}

# The pipeline file; if it does not exist, the built-in line is used (see `orch pipeline show`).
# pipeline = {pipeline}

# Other lines for some issues: by a label, by the beginning of the title, or by `orch new --pipeline NAME`. The first that
# matches is taken; as many [[variant]] as you like.
#[[variant]]
#name = \"papers\"
#pipeline = \".orch/papers.toml\"
#when = [\"label:docs\", \"title:docs:\"]

[commit]
# Author and committer of the commits that are made here.
# name = {name}
# email = {email}
",
        base_branch = toml_text(&default.base_branch),
        shortest = TIMEOUT_SECONDS.start(),
        longest = TIMEOUT_SECONDS.end(),
        timeout = default.check_timeout_seconds,
        from_base = toml_texts(&default.check_from_base),
        protect_paths = toml_texts(&default.protect_paths),
        people = toml_texts(&default.people_approve),
        authors = toml_texts(&default.intake_authors),
        serial = default.serial,
        pipeline = toml_text(&default.pipeline),
        name = toml_text(&default.commit_name),
        email = toml_text(&default.commit_email),
    )
}

/// A text as TOML spells it.
fn toml_text(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn toml_texts(texts: &[String]) -> String {
    toml::Value::from(texts.to_vec()).to_string()
}

/// JSON Schema (2020-12) of the file, for editors.
pub fn repository_schema() -> Value {
    let default = RepositoryFile::default();
    let text =
        |what: &str, default: &str| json!({"type": "string", "minLength": 1, "description": what, "default": default});
    let section = |what: &str, keys: Value| json!({"type": "object", "description": what, "additionalProperties": false, "properties": keys});
    let patterns = |what: &str, default: &[String]| json!({"type": "array", "items": {"type": "string", "minLength": 1}, "description": what, "default": default});
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of a repository (.orch/orch.toml)",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "repository": section("The repository.", json!({
                "base_branch": text("The branch that is kept green.", &default.base_branch),
            })),
            "check": section("The test command.", json!({
                "command": {
                    "type": "string", "minLength": 1,
                    "description": "Run by `sh -c` on a clean checkout; exit code 0 is green. Without it, every gate that needs it is unknown, never green.",
                },
                "timeout_seconds": {
                    "type": "integer", "minimum": TIMEOUT_SECONDS.start(), "maximum": TIMEOUT_SECONDS.end(),
                    "description": "Seconds until it counts as red.", "default": default.check_timeout_seconds,
                },
                "from_base": patterns("Files that a check takes from the base branch instead of the commit it tests; patterns as under [protect].", &default.check_from_base),
            })),
            "protect": section("What a change may touch only with a person's grant.", json!({
                "paths": patterns("Patterns of paths: `*` is any text within one name, `**` any number of folders; the name of a folder means everything in it.", &default.protect_paths),
            })),
            "people": section("Who may say yes and no.", json!({
                "approve": patterns("Names whose approval, rejection, confirmation, answer or skip counts; nobody named means everybody.", &default.people_approve),
            })),
            "intake": section("Whose issues start.", json!({
                "authors": patterns("Names of those whose issues start when they ask for it; an issue of anybody else rests until one of them starts it. Nobody named means everybody.", &default.intake_authors),
            })),
            "variant": {
                "type": "array",
                "description": "Other lines for some issues; the first that matches is taken.",
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["name", "pipeline"],
                    "properties": {
                        "name": {"type": "string", "pattern": "^[a-z0-9-]{1,32}$", "description": "As in `orch new --pipeline NAME`."},
                        "pipeline": {"type": "string", "minLength": 1, "description": "Its pipeline file."},
                        "when": {"type": "array", "items": {"type": "string", "pattern": "^(label|title):."}, "description": "`label:NAME` or `title:BEGINNING`: issues that take it by themselves."},
                    },
                },
            },
            "line": section("The line.", json!({
                "serial": {"type": "boolean", "description": "One task at a time, first in, first out.", "default": default.serial},
                "pipeline": text("The pipeline file; if it does not exist, the built-in line is used.", &default.pipeline),
            })),
            "commit": section("Author and committer of the commits that are made here.", json!({
                "name": text("Name.", &default.commit_name),
                "email": text("Mail address.", &default.commit_email),
            })),
        },
    })
}

#[cfg(test)]
mod tests;
