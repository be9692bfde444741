//! `.orch/orch.toml`: reading it, and writing it where it is missing.

use camino::Utf8Path;
use orch_git::{BranchName, OwnRepository};
use orch_rules::repository_file::{self, RepositoryFile};

use super::look::{Look, PresentFile, file_failure};
use super::toolchain::{self, Found};
use super::{InitArgs, commit};
use crate::exit::{Exit, Failure};

/// Path of the repository file in the repository.
pub const REPOSITORY_FILE: &str = ".orch/orch.toml";

/// Path of its JSON Schema in the repository, for editors.
pub const SCHEMA_FILE: &str = ".orch/orch.schema.json";

/// JSON Schema (2020-12) of the repository file.
const SCHEMA: &str = include_str!("../../../../docs/schema/repository.schema.json");

/// First line of a new file: where an editor finds the schema.
const SCHEMA_LINE: &str = "#:schema ./orch.schema.json\n";

/// The repository file as it is to be.
pub struct Plan {
    /// The test command that holds.
    pub command: Option<String>,
    /// Where it comes from.
    pub from: Option<String>,
    /// Commands that were found as well.
    pub passed_over: Vec<String>,
    /// The set-up command that holds, and where it comes from.
    pub set_up: Option<Found>,
    /// The text to write; `None`: it stays as it is.
    text: Option<String>,
}

/// Reads the repository file of a working tree; `None` if there is none.
///
/// # Errors
/// [`Exit::Settings`] with all problems at once.
pub fn read(top: &Utf8Path) -> Result<Option<RepositoryFile>, Failure> {
    Ok(present(top)?.map(|file| file.settings))
}

/// The same with its text.
pub fn present(top: &Utf8Path) -> Result<Option<PresentFile>, Failure> {
    let Some(text) = text_of(top)? else { return Ok(None) };
    let settings = parsed(&text, top.join(REPOSITORY_FILE).as_str())?;
    Ok(Some(PresentFile { text, settings, on_base_only: false }))
}

/// The one that the base branch has.
pub fn on_base(own: &OwnRepository<'_>, base: &BranchName) -> Result<Option<PresentFile>, Failure> {
    let Some(bytes) = commit::show(own, base)? else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let settings = parsed(&text, &format!("{base}:{REPOSITORY_FILE}"))?;
    Ok(Some(PresentFile { text, settings, on_base_only: true }))
}

fn parsed(text: &str, name: &str) -> Result<RepositoryFile, Failure> {
    repository_file::parse(text, name).map_err(|problems| file_failure("setting", "settings", problems))
}

fn text_of(top: &Utf8Path) -> Result<Option<String>, Failure> {
    let file = top.join(REPOSITORY_FILE);
    match std::fs::read_to_string(&file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::new(Exit::Settings, format!("the repository file cannot be read: {error}"))
            .at(file.as_str())
            .fix("make it a readable UTF-8 file")),
    }
}

/// What is to be written, if anything.
///
/// # Errors
/// [`Exit::Settings`] if the wanted command or branch cannot be put into the file that is there.
pub fn plan(top: &Utf8Path, args: &InitArgs, look: &Look) -> Result<Plan, Failure> {
    let asked = args.test.as_deref().map(str::trim);
    if asked == Some("") {
        return Err(Failure::new(Exit::Settings, "the test command is empty").at("--test").fix("name a command"));
    }
    let set_up = args.setup.as_deref().map(str::trim);
    match &look.file {
        Some(PresentFile { text, settings: present, on_base_only }) => {
            let mut changes = Vec::new();
            if let Some(command) = asked.filter(|c| Some(*c) != present.check_command.as_deref()) {
                changes.push(("check", "command", command));
            }
            if let Some(command) = set_up.filter(|c| Some(*c) != present.setup_command.as_deref()) {
                if command.is_empty() {
                    let what = "there is a repository file, and an empty command is none to put into it";
                    return Err(Failure::new(Exit::Settings, what)
                        .at("--setup")
                        .fix(format!("name a command, or take `command` under [setup] out of {REPOSITORY_FILE}")));
                }
                changes.push(("setup", "command", command));
            }
            if let Some(base) = args.base.as_deref().filter(|b| *b != present.base_branch) {
                changes.push(("repository", "base_branch", base));
            }
            let command = asked.map(str::to_owned).or_else(|| present.check_command.clone());
            let set_there = || format!("as set in {REPOSITORY_FILE}");
            let from = command.is_some().then(set_there);
            let set_up = set_up.map(str::to_owned).or_else(|| present.setup_command.clone());
            let set_up = set_up.map(|command| Found { command, why: set_there() });
            if *on_base_only && !changes.is_empty() {
                let branch = look.base.as_str();
                return Err(Failure::new(
                    Exit::Repository,
                    format!("the repository file stands on {branch}, and you are on another branch"),
                )
                .at(top.as_str())
                .fix(format!("git switch {branch}, then run this again")));
            }
            let text = if changes.is_empty() { None } else { Some(changed(text, &changes)?) };
            Ok(Plan { command, from, passed_over: Vec::new(), set_up, text })
        }
        None => {
            let detected = toolchain::detect(top);
            let mut found = detected.tests.into_iter();
            let set_up = match set_up {
                Some("") => None,
                Some(command) => Some(Found { command: command.to_owned(), why: "as you said".to_owned() }),
                None => detected.set_up,
            };
            let (command, from) = match asked {
                Some(command) => (Some(command.to_owned()), Some("as you said".to_owned())),
                None => found.next().map(|f| (f.command, f.why)).unzip(),
            };
            let passed_over = if asked.is_some() {
                Vec::new()
            } else {
                found.map(|f| format!("{} ({})", f.command, f.why)).collect()
            };
            let commands = command.iter().chain(set_up.as_ref().map(|found| &found.command)).map(String::as_str);
            let commands: Vec<&str> = commands.collect();
            let example = format!(
                "{SCHEMA_LINE}{}",
                repository_file::example(
                    command.as_deref(),
                    set_up.as_ref().map(|found| found.command.as_str()),
                    &toolchain::caches(top, &commands)
                )
            );
            let text = match look.base.as_str() {
                base if base == RepositoryFile::default().base_branch => example,
                base => changed(&example, &[("repository", "base_branch", base)])?,
            };
            Ok(Plan { command, from, passed_over, set_up, text: Some(text) })
        }
    }
}

/// The text with these keys (section, key, text) set; comments and order stay.
fn changed(text: &str, changes: &[(&str, &str, &str)]) -> Result<String, Failure> {
    let mut document: toml_edit::DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        Failure::new(Exit::Settings, format!("the repository file is not TOML: {}", error.message()))
            .at(REPOSITORY_FILE)
            .fix("correct it")
    })?;
    for (section, key, value) in changes {
        let table = document
            .entry(section)
            .or_insert_with(toml_edit::table)
            .as_table_like_mut()
            .ok_or_else(|| Failure::new(Exit::Settings, format!("`{section}` is no table")).at(REPOSITORY_FILE))?;
        // Replacing the item would drop the comment that ends its line.
        match table.get_mut(key).and_then(toml_edit::Item::as_value_mut) {
            Some(present) => {
                let decor = present.decor().clone();
                *present = toml_edit::Value::from(*value);
                *present.decor_mut() = decor;
            }
            None => drop(table.insert(key, toml_edit::value(*value))),
        }
    }
    Ok(document.to_string())
}

impl Plan {
    /// Writes what is to be written; whether anything was.
    pub fn write(&self, top: &Utf8Path) -> Result<bool, Failure> {
        let Some(text) = &self.text else { return Ok(false) };
        super::register::write_whole(&top.join(REPOSITORY_FILE), text, None)?;
        // A file that a person wrote without the line has no use for the schema.
        if text.starts_with(SCHEMA_LINE) {
            super::register::write_whole(&top.join(SCHEMA_FILE), SCHEMA, None)?;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_order_survive_a_change() {
        let text = "# top\n[check] # tests\ncommand = \"old\" # why\n\n# end\n";
        let new = changed(text, &[("check", "command", "new"), ("repository", "base_branch", "trunk")]).unwrap();
        assert_eq!(
            new,
            "# top\n[check] # tests\ncommand = \"new\" # why\n\n[repository]\nbase_branch = \"trunk\"\n\n# end\n"
        );
    }
}
