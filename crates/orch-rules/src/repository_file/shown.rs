//! The repository file as people meet it: an example with every key explained, and a schema for editors.

use serde_json::{Value, json};

use super::{APPEAR_MINUTES, DOCUMENTS_KEPT, DOCUMENTS_KEPT_AT_FIRST, FILE_MB, RepositoryFile, TIMEOUT_SECONDS};
use crate::ci::WhoseCi;
use crate::ecosystem;

/// The whole file with every key explained and commented out at its default. `command` fills in the test command;
/// without one that key stays commented out, with what follows from it. `set_up` fills in the set-up command, `caches` the
/// ecosystems whose packages are kept.
pub fn example(command: Option<&str>, set_up: Option<&str>, caches: &[String]) -> String {
    let default = RepositoryFile::default();
    let set_up = match set_up {
        Some(command) => format!("command = {}", toml_text(command)),
        None => "# command = \"npm ci\"".to_owned(),
    };
    let caches = match caches {
        [] => "# of = []".to_owned(),
        caches => format!("of = {}", toml_texts(caches)),
    };
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

[setup]
# Makes a new clone ready: run by `sh -c` in every clone, before the agent and before the test command, confined as they
# are. If it fails, neither is started, and that is not counted as red.
{set_up}

# Seconds it may take, from {shortest} to {longest}.
# timeout_seconds = {setup_timeout}

# What it makes is kept: a run that finds every file as it was takes it, one that finds the same manifests and lock files has
# the set-up run over it. false: each run begins with a bare clone.
# keep = {setup_keep}

[cache]
# Ecosystems whose fetched packages are kept from run to run: every run reads them, and only a green test of the base branch,
# or of what lands on it, renews them. Known: {ecosystems}.
{caches}

[check]
# The test command. Run by `sh -c` on a clean checkout of an exact commit; exit code 0 is green.
{check}

# Seconds until it counts as red, from {shortest} to {longest}.
# timeout_seconds = {timeout}

# Files that a check takes from the base branch instead of the commit it tests, as the base has them: what judges a
# change is then not part of it. Patterns as under [protect]. A change to such a file is tested once it has landed.
# from_base = {from_base}

# Red is tried once more on the same commit; what is green then is told as flaky. false: the first word counts.
# repeat_red = {repeat_red}

# Whose tests decide: \"own\" runs the command above here, \"forge\" waits for the statuses that the forge's own CI gives to
# exactly that commit, \"both\" wants both green. Candidates are pushed as branches orch-landing/…: let CI run for those, too.
# ci = {ci}

# The statuses (contexts) that have to be green, by name or with `*`; those that the branch's protection asks for count
# always. Nobody named and nothing protected: those that the newest commits of the base branch have.
# required = {required}

# Minutes until a status that nobody has given is not known, from {soonest} to {latest}; not known is never green.
# appear_minutes = {appear}

[protect]
# Paths that a change may touch only if a person grants exactly these paths in exactly this patch. `*` stands for any
# text within one name, `**` for any number of folders; the name of a folder means everything in it. What agent programs
# read by themselves (CLAUDE.md, AGENTS.md, .claude, .mcp.json, .codex, …), the lines, and files that the test command
# names need a grant always.
# paths = {protect_paths}

# The settings of CI of every usual forge and service, CODEOWNERS, and hooks of git need a grant, too.
# ci = {protect_ci}

# A change that removes a test, or leaves it with fewer lines than it had, needs a grant, too.
# tests = {protect_tests}

[deliver]
# Megabytes of the largest file that is taken from an attempt, from {smallest_file} to {largest_file}; a larger one is named and left out.
# file_mb = {file_mb}

[people]
# People whose approval, rejection, confirmation, answer or skip counts; nobody named means everybody. Whose account is
# whose: orch people list.
# approve = {people}

[intake]
# People whose issues start when they ask for it; nobody named means everybody. An issue of anybody else rests in the backlog
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

[documents]
# The line writes documents for each work item (docs/work-items/SHOP-001/…), and they land with it. Of so many landed ones
# they stay on the base branch; those of older ones leave it with a later landing, a fifth of that number at a time, and
# git's history keeps them. 0: none ever lands. Without this key all stay. `orch show ID --docs` has them in any case.
keep = {keep}

[commit]
# Author and committer of the commits that are made here.
# name = {name}
# email = {email}
",
        ecosystems = ecosystem::ALL.iter().map(|known| known.name).collect::<Vec<_>>().join(", "),
        base_branch = toml_text(&default.base_branch),
        shortest = TIMEOUT_SECONDS.start(),
        longest = TIMEOUT_SECONDS.end(),
        setup_timeout = default.setup_timeout_seconds,
        setup_keep = default.setup_keep,
        timeout = default.check_timeout_seconds,
        from_base = toml_texts(&default.check_from_base),
        protect_paths = toml_texts(&default.protect_paths),
        repeat_red = default.check_repeat_red,
        ci = toml_text(default.check_ci.as_str()),
        required = toml_texts(&default.check_required),
        soonest = APPEAR_MINUTES.start(),
        latest = APPEAR_MINUTES.end(),
        appear = default.check_appear_minutes,
        protect_ci = default.protect_ci,
        protect_tests = default.protect_tests,
        smallest_file = FILE_MB.start(),
        largest_file = FILE_MB.end(),
        file_mb = default.deliver_file_mb,
        people = toml_texts(&default.people_approve),
        authors = toml_texts(&default.intake_authors),
        serial = default.serial,
        pipeline = toml_text(&default.pipeline),
        keep = DOCUMENTS_KEPT_AT_FIRST,
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
            "setup": section("What makes a new clone ready.", json!({
                "command": {
                    "type": "string", "minLength": 1,
                    "description": "Run by `sh -c` in every new clone, before the agent and before the test command. If it fails, neither is started.",
                },
                "timeout_seconds": {
                    "type": "integer", "minimum": TIMEOUT_SECONDS.start(), "maximum": TIMEOUT_SECONDS.end(),
                    "description": "Seconds it may take.", "default": default.setup_timeout_seconds,
                },
                "keep": {
                    "type": "boolean",
                    "description": "What it makes is kept from run to run, as long as manifests and lock files are the same.",
                    "default": default.setup_keep,
                },
            })),
            "cache": section("Packages that are kept from run to run.", json!({
                "of": {
                    "type": "array",
                    "items": {"enum": ecosystem::ALL.iter().map(|known| known.name).collect::<Vec<_>>()},
                    "description": "Ecosystems whose fetched packages every run reads, and a green test of the base branch, or of what lands on it, renews.",
                    "default": default.cache_of,
                },
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
                "repeat_red": {"type": "boolean", "description": "Red is tried once more on the same commit; what is green then is told as flaky.", "default": default.check_repeat_red},
                "ci": {
                    "enum": WhoseCi::ALL.map(WhoseCi::as_str), "default": default.check_ci.as_str(),
                    "description": "Whose tests decide: the test command, run here; the statuses that the forge's CI gives to exactly that commit; or both.",
                },
                "required": patterns("Statuses (contexts) of the forge's CI that have to be green, with `*` for any text, besides those that the branch's protection asks for. Nobody named and nothing protected: those that the newest commits of the base branch have.", &default.check_required),
                "appear_minutes": {
                    "type": "integer", "minimum": APPEAR_MINUTES.start(), "maximum": APPEAR_MINUTES.end(),
                    "description": "Minutes until a status that nobody has given is not known, which is never green.", "default": default.check_appear_minutes,
                },
            })),
            "protect": section("What a change may touch only with a person's grant.", json!({
                "paths": patterns("Patterns of paths: `*` is any text within one name, `**` any number of folders; the name of a folder means everything in it.", &default.protect_paths),
                "ci": {"type": "boolean", "description": "The settings of CI of every usual forge and service, CODEOWNERS, and hooks of git need a grant, too.", "default": default.protect_ci},
                "tests": {"type": "boolean", "description": "A change that removes a test, or leaves it with fewer lines than it had, needs a grant, too.", "default": default.protect_tests},
            })),
            "deliver": section("What is taken from an attempt.", json!({
                "file_mb": {
                    "type": "integer", "minimum": FILE_MB.start(), "maximum": FILE_MB.end(),
                    "description": "Megabytes of the largest file.", "default": default.deliver_file_mb,
                },
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
            "documents": section("The documents of work items.", json!({
                "keep": {
                    "type": "integer", "minimum": DOCUMENTS_KEPT.start(), "maximum": DOCUMENTS_KEPT.end(),
                    "description": "Of so many landed work items the base branch keeps the documents; 0: none ever lands. Without it all stay.",
                },
            })),
            "commit": section("Author and committer of the commits that are made here.", json!({
                "name": text("Name.", &default.commit_name),
                "email": text("Mail address.", &default.commit_email),
            })),
        },
    })
}
