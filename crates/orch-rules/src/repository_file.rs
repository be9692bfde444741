//! The repository's own settings, `.orch/orch.toml`, read from its base branch.
//!
//! It can only tighten what the host allows: no secret, no port, no budget, no agent program stands here.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::agent_files;
use crate::ci::WhoseCi;
use crate::ci_files;
use crate::ecosystem;
use crate::problem::Problem;
use crate::toml_file::{self, Problems, Table};

mod shown;
mod variant;

pub use shown::{example, repository_schema};
pub use variant::{PLAIN, Variant, When, choose, named};

/// Where the file lives in a repository.
pub const REPOSITORY_FILE: &str = ".orch/orch.toml";

/// Seconds the set-up command or the test command may take.
pub const TIMEOUT_SECONDS: RangeInclusive<u32> = 1..=86_400;

/// Minutes that a status of CI may take to appear.
pub const APPEAR_MINUTES: RangeInclusive<u32> = 1..=1_440;

/// Landed work items whose documents may be kept on the base branch.
pub const DOCUMENTS_KEPT: RangeInclusive<u32> = 0..=1_000_000;

/// What `orch init` writes as `[documents] keep` into a new file.
pub const DOCUMENTS_KEPT_AT_FIRST: u32 = 100;

/// Megabytes of the largest file that is taken: what comes home of an attempt has 256 in all.
pub const FILE_MB: RangeInclusive<u32> = 1..=200;

/// Every key of the file as `section.key`, but for those of the list `[[variant]]`.
pub const KEYS: [&str; 23] = [
    "repository.base_branch",
    "setup.command",
    "setup.timeout_seconds",
    "setup.keep",
    "cache.of",
    "check.command",
    "check.timeout_seconds",
    "check.from_base",
    "check.repeat_red",
    "check.ci",
    "check.required",
    "check.appear_minutes",
    "protect.paths",
    "protect.ci",
    "protect.tests",
    "deliver.file_mb",
    "people.approve",
    "intake.authors",
    "line.serial",
    "line.pipeline",
    "documents.keep",
    "commit.name",
    "commit.email",
];

/// `.orch/orch.toml` with every default filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryFile {
    /// `[repository] base_branch`: the branch that is kept green. Default `main`.
    pub base_branch: String,
    /// `[setup] command`: run by `sh -c` in every new clone, before the agent or the test command; `None` means that
    /// clones are used as git makes them.
    pub setup_command: Option<String>,
    /// `[setup] timeout_seconds`, within [`TIMEOUT_SECONDS`]. Default 600.
    pub setup_timeout_seconds: u32,
    /// `[setup] keep`: what the set-up makes is kept from run to run. Default true.
    #[serde(default = "yes")]
    pub setup_keep: bool,
    /// `[cache] of`: ecosystems of [`crate::ecosystem`] whose fetched packages are kept from run to run. Default none.
    #[serde(default)]
    pub cache_of: Vec<String>,
    /// `[check] command`: the test command, run by `sh -c` on a clean checkout; `None` means that every gate that
    /// needs it is unknown, never green.
    pub check_command: Option<String>,
    /// `[check] timeout_seconds`, within [`TIMEOUT_SECONDS`]. Default 1800.
    pub check_timeout_seconds: u32,
    /// `[check] from_base`: patterns ([`crate::path_pattern`]) of files that a check takes from the base branch instead
    /// of the commit it tests. Default none.
    pub check_from_base: Vec<String>,
    /// `[check] repeat_red`: red is tried once more on the same commit, and what is green then is told as flaky. Default true.
    #[serde(default = "yes")]
    pub check_repeat_red: bool,
    /// `[check] ci`: whose tests decide. Default `own`.
    #[serde(default)]
    pub check_ci: WhoseCi,
    /// `[check] required`: contexts of CI that have to be green, patterns with `*`, besides those of the branch's protection.
    /// Default none: see [`crate::ci_watch::required`].
    #[serde(default)]
    pub check_required: Vec<String>,
    /// `[check] appear_minutes`, within [`APPEAR_MINUTES`]: a context of which nothing is said for so long is not known. Default 10.
    #[serde(default = "appear_minutes")]
    pub check_appear_minutes: u32,
    /// `[protect] paths`: patterns of paths that a change may touch only with a human's grant (X13), besides those that
    /// always need one ([`Self::protected`]). Default `.orch/**`.
    pub protect_paths: Vec<String>,
    /// `[protect] ci`: what a forge or git runs by itself, and `CODEOWNERS`, need a grant too ([`crate::ci_files`]).
    /// Default true.
    #[serde(default = "yes")]
    pub protect_ci: bool,
    /// `[protect] tests`: a change that removes a test, or leaves it with fewer lines, needs a grant too. What a test is, its
    /// name tells ([`crate::gate::is_test_file`]). Default true.
    #[serde(default = "yes")]
    pub protect_tests: bool,
    /// `[deliver] file_mb`, within [`FILE_MB`]: no larger file of an attempt is taken. Default 100.
    #[serde(default = "file_mb")]
    pub deliver_file_mb: u32,
    /// `[people] approve`: people whose approval, rejection, confirmation, answer or skip counts, see
    /// [`crate::rights::Acting::is_one_of`]. Default none: everybody's.
    pub people_approve: Vec<String>,
    /// `[intake] authors`: people whose issues start when they ask for it; an issue of anybody else rests until
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
    /// `[documents] keep`, within [`DOCUMENTS_KEPT`]: of how many landed work items the base branch keeps the documents
    /// ([`crate::work_item::leaving`]). Default `None`: of all.
    #[serde(default)]
    pub documents_keep: Option<u32>,
    /// `[commit] name`: author and committer of the commits made here. Default `Orchestrion`.
    pub commit_name: String,
    /// `[commit] email`. Default `orchestrion@localhost`.
    pub commit_email: String,
}

impl Default for RepositoryFile {
    fn default() -> Self {
        Self {
            base_branch: "main".to_owned(),
            setup_command: None,
            setup_timeout_seconds: 600,
            setup_keep: true,
            cache_of: Vec::new(),
            check_command: None,
            check_timeout_seconds: 1800,
            check_from_base: Vec::new(),
            check_repeat_red: true,
            check_ci: WhoseCi::Own,
            check_required: Vec::new(),
            check_appear_minutes: appear_minutes(),
            protect_paths: vec![".orch/**".to_owned()],
            protect_ci: true,
            protect_tests: true,
            deliver_file_mb: file_mb(),
            people_approve: Vec::new(),
            intake_authors: Vec::new(),
            serial: false,
            pipeline: ".orch/pipeline.toml".to_owned(),
            variants: Vec::new(),
            documents_keep: None,
            commit_name: "Orchestrion".to_owned(),
            commit_email: "orchestrion@localhost".to_owned(),
        }
    }
}

impl RepositoryFile {
    /// Patterns of every path that a change may touch only with a human's grant: those of the file, what a forge or git runs
    /// by itself ([`crate::ci_files`]), the lines it names, and what agent programs read by themselves
    /// ([`crate::agent_files`]). The last two cannot be taken off the list: who may change them changes how work is judged.
    pub fn protected(&self) -> Vec<String> {
        let lines = std::iter::once(&self.pipeline).chain(self.variants.iter().map(|variant| &variant.pipeline));
        let ci = ci_files::PATTERNS.iter().filter(|_| self.protect_ci).map(|pattern| (*pattern).to_owned());
        self.protect_paths.iter().chain(lines).cloned().chain(ci).chain(agent_files::patterns()).collect()
    }

    /// Whether anything could ever be green.
    pub fn is_tested(&self) -> bool {
        let command = self.check_command.as_ref().is_some_and(|command| !command.trim().is_empty());
        command || !self.check_ci.runs_here()
    }

    /// Words of the test command that may be names of files in the repository: whoever changes such a file changes what
    /// green means.
    pub fn named_by_check(&self) -> Vec<String> {
        let command = self.check_command.as_deref().unwrap_or_default();
        let words = command.split(|c: char| c.is_whitespace() || ";&|()<>`'\"=:,{}".contains(c));
        let mut named: Vec<String> = Vec::new();
        for word in words {
            let word = word.trim_start_matches("./").trim_end_matches('/');
            let is_path = !word.is_empty()
                && !word.starts_with(['-', '/', '$', '~'])
                && !word.contains(['*', '?', '[', '\\'])
                && !word.split('/').any(|part| matches!(part, "" | "." | ".." | ".git"));
            if is_path && !named.iter().any(|other| other == word) {
                named.push(word.to_owned());
            }
        }
        named
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

    let mut table = root.table(&mut problems, "setup");
    let setup_command = value(&mut problems, &mut table, "command", set_up_fault);
    let setup_timeout = table.number(&mut problems, "timeout_seconds", TIMEOUT_SECONDS).map(Spanned::into_inner);
    let setup_keep = table.truth(&mut problems, "keep").map(Spanned::into_inner);
    table.finish(&mut problems);

    let mut table = root.table(&mut problems, "cache");
    let cache_of = ecosystems(&mut problems, &mut table, "of");
    table.finish(&mut problems);

    let mut table = root.table(&mut problems, "check");
    let check_command = value(&mut problems, &mut table, "command", command_fault);
    let timeout = table.number(&mut problems, "timeout_seconds", TIMEOUT_SECONDS).map(Spanned::into_inner);
    let check_from_base = patterns(&mut problems, &mut table, "from_base");
    let check_repeat_red = table.truth(&mut problems, "repeat_red").map(Spanned::into_inner);
    let check_ci = whose_ci(&mut problems, &mut table);
    let check_required = names(&mut problems, &mut table, "required");
    let appear_minutes = table.number(&mut problems, "appear_minutes", APPEAR_MINUTES).map(Spanned::into_inner);
    table.finish(&mut problems);

    let mut table = root.table(&mut problems, "protect");
    let protect_paths = patterns(&mut problems, &mut table, "paths");
    let protect_ci = table.truth(&mut problems, "ci").map(Spanned::into_inner);
    let protect_tests = table.truth(&mut problems, "tests").map(Spanned::into_inner);
    table.finish(&mut problems);

    let mut table = root.table(&mut problems, "deliver");
    let deliver_file_mb = table.number(&mut problems, "file_mb", FILE_MB).map(Spanned::into_inner);
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

    let mut table = root.table(&mut problems, "documents");
    let documents_keep = table.number(&mut problems, "keep", DOCUMENTS_KEPT).map(Spanned::into_inner);
    table.finish(&mut problems);

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
        setup_command,
        setup_timeout_seconds: setup_timeout.unwrap_or(default.setup_timeout_seconds),
        setup_keep: setup_keep.unwrap_or(default.setup_keep),
        cache_of: cache_of.unwrap_or_default(),
        check_command,
        check_timeout_seconds: timeout.unwrap_or(default.check_timeout_seconds),
        check_from_base: check_from_base.unwrap_or(default.check_from_base),
        protect_paths: protect_paths.unwrap_or(default.protect_paths),
        check_repeat_red: check_repeat_red.unwrap_or(default.check_repeat_red),
        check_ci: check_ci.unwrap_or_default(),
        check_required: check_required.unwrap_or_default(),
        check_appear_minutes: appear_minutes.unwrap_or(default.check_appear_minutes),
        protect_ci: protect_ci.unwrap_or(default.protect_ci),
        protect_tests: protect_tests.unwrap_or(default.protect_tests),
        deliver_file_mb: deliver_file_mb.unwrap_or(default.deliver_file_mb),
        people_approve: people_approve.unwrap_or(default.people_approve),
        intake_authors: intake_authors.unwrap_or(default.intake_authors),
        serial: serial.unwrap_or(default.serial),
        pipeline: pipeline.unwrap_or(default.pipeline),
        variants,
        documents_keep,
        commit_name: commit_name.unwrap_or(default.commit_name),
        commit_email: commit_email.unwrap_or(default.commit_email),
    })
}

fn yes() -> bool {
    true
}

fn appear_minutes() -> u32 {
    10
}

fn file_mb() -> u32 {
    100
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

fn whose_ci(problems: &mut Problems<'_>, table: &mut Table<'_>) -> Option<WhoseCi> {
    let path = table.key_path("ci");
    let spelled = table.text(problems, "ci")?;
    let found = WhoseCi::ALL.into_iter().find(|whose| whose.as_str() == spelled.get_ref());
    if found.is_none() {
        let what = format!("{} is nobody whose tests could count", toml_file::quoted(spelled.get_ref()));
        let fix = "write \"own\", \"forge\" or \"both\"".to_owned();
        problems.report("unusable_value", Some(spelled.span()), &path, what, fix);
    }
    found
}

/// A list of ecosystems.
fn ecosystems(problems: &mut Problems<'_>, table: &mut Table<'_>, key: &'static str) -> Option<Vec<String>> {
    let path = table.key_path(key);
    let listed = table.texts(problems, key)?;
    for spelled in &listed {
        if ecosystem::named(spelled.get_ref()).is_none() {
            let known: Vec<&str> = ecosystem::ALL.iter().map(|known| known.name).collect();
            let what = format!("{} is no ecosystem that is known here", toml_file::quoted(spelled.get_ref()));
            problems.report(
                "unusable_value",
                Some(spelled.span()),
                &path,
                what,
                format!("name some of: {}", known.join(", ")),
            );
        }
    }
    Some(listed.into_iter().map(Spanned::into_inner).collect())
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

fn set_up_fault(text: &str) -> Fault {
    text.is_empty().then_some(("is empty", "write the set-up command, such as \"npm ci\", or remove the key"))
}

fn identity_fault(text: &str) -> Fault {
    let angled = || text.contains(['<', '>']).then_some(("has `<` or `>`, which git cannot keep", "leave them out"));
    empty_fault(text).or_else(|| control_fault(text)).or_else(angled)
}

#[cfg(test)]
mod tests;
