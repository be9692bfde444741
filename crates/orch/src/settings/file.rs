//! Reading the host file: every problem at once, each with its line.

use std::collections::BTreeMap;
use std::ops::Range;

use orch_rules::pipeline::Role;
use orch_rules::toml_file::nearest;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::agent::{self, AgentProgram};
use super::egress;
use super::forge::forge_misfits;
use super::host::{Host, RepositoryEntry};
use super::keys::{self, Key};
use super::kind::Kind;
use super::model::{self, ModelEntry};
use super::notify::{self, NotifyEntry};
use super::paths::Paths;
use super::remote::{self, CredentialEntry};
use super::secret;
use super::target::{self, TargetEntry};
use super::tracker::{TRACKER, TrackerEntry, tracker_misfits};
use crate::exit::Point;

/// Name of the table under `[agents]` that holds for every role without its own.
pub const DEFAULT_AGENT: &str = "default";

/// Reads `text`, the content of the file called `name`. What has a problem keeps its default, so that the rest can
/// be read; a host with problems must not be used.
pub fn read(name: &str, text: &str, paths: Paths) -> (Host, Vec<Point>) {
    let mut reader = Reader { name, text, broken: Vec::new(), problems: Vec::new() };
    let mut host = Host::with_defaults(paths);
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let line = error.span().map_or(1, |span| reader.line(span.start));
        reader.point(
            line,
            format!("this is not TOML: {}", error.message()),
            "correct the line; https://toml.io shows how",
        );
        reader.broken.push(line);
    }
    reader.root(root.get_ref(), &mut host);
    // A person reads a file from top to bottom.
    reader.problems.sort_by_key(|(line, _)| *line);
    (host, reader.problems.into_iter().map(|(_, point)| point).collect())
}

struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    /// Lines that are no TOML: what was recovered from them is not judged.
    broken: Vec<usize>,
    problems: Vec<(usize, Point)>,
}

type Entry<'t, 'd> = (&'t Spanned<std::borrow::Cow<'d, str>>, &'t Spanned<DeValue<'d>>);

impl Reader<'_> {
    /// Line of a byte offset, from 1.
    fn line(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1
    }

    fn point(&mut self, line: usize, what: String, fix: impl Into<String>) {
        if self.broken.contains(&line) {
            return;
        }
        let place = format!("{}:{line}", self.name);
        self.problems.push((line, Point { what, place, fix: fix.into() }));
    }

    fn root(&mut self, root: &DeTable<'_>, host: &mut Host) {
        let sections: Vec<&str> = keys::SECTIONS
            .iter()
            .map(|(name, _)| *name)
            .chain(["agents", "models", "credentials", "target", "notify", "tracker", "repository"])
            .collect();
        // Repositories name them, wherever they stand.
        if let Some(value) = root.get("credentials") {
            self.credentials(value, host);
        }
        if let Some(value) = root.get("target") {
            self.targets(value, host);
        }
        for (name, value) in root {
            match name.get_ref().as_ref() {
                "agents" => self.agents(value, host),
                "models" => self.models(value, host),
                "credentials" | "target" => {}
                "notify" => self.notifiers(value, host),
                "tracker" => {}
                "repository" => self.repositories(value, host),
                section if sections.contains(&section) => {
                    let of_section: Vec<&Key<Host>> = keys::HOST.iter().filter(|key| key.section == section).collect();
                    if let Some(table) = self.table(value, section) {
                        self.fill(table, section, &of_section, host, value.span());
                        self.nested(table, section, host);
                        let misfits = if section == "egress" { egress::misfits(host) } else { Vec::new() };
                        self.misfits(table, section, misfits, value.span());
                    }
                }
                other => self.unknown("section", "", other, name.span(), &sections),
            }
        }
        // They name repositories, wherever those stand.
        if let Some(value) = root.get("tracker") {
            self.trackers(value, host);
        }
    }

    fn trackers(&mut self, value: &Spanned<DeValue<'_>>, host: &mut Host) {
        let DeValue::Array(items) = value.get_ref() else {
            let line = self.line(value.span().start);
            self.point(line, "`tracker` must be a list".to_owned(), "begin each one with [[tracker]]");
            return;
        };
        let rows: Vec<&Key<TrackerEntry>> = TRACKER.iter().collect();
        for (index, item) in items.iter().enumerate() {
            let path = format!("tracker[{index}]");
            let Some(table) = self.table(item, &path) else { continue };
            let mut entry = TrackerEntry::default();
            self.fill(table, &path, &rows, &mut entry, item.span());
            if host.trackers.iter().any(|other| !entry.name.is_empty() && other.name == entry.name) {
                let line = self.line(table.get("name").map_or(item.span().start, |name| name.span().start));
                let what = format!("`{path}.name` is \"{}\" a second time", entry.name);
                self.point(line, what, "give it another name, or remove one of the two");
            }
            self.misfits(table, &path, tracker_misfits(&entry, host), item.span());
            host.trackers.push(entry);
        }
    }

    /// Tables in the table of a section.
    fn nested(&mut self, table: &DeTable<'_>, section: &str, host: &mut Host) {
        for (path, _) in keys::SECTIONS {
            let name = path.strip_prefix(section).and_then(|rest| rest.strip_prefix('.'));
            let Some(value) = name.and_then(|name| table.get(name)) else { continue };
            let rows: Vec<&Key<Host>> = keys::HOST.iter().filter(|key| key.section == *path).collect();
            if let Some(table) = self.table(value, path) {
                self.fill(table, path, &rows, host, value.span());
            }
        }
    }

    fn agents(&mut self, value: &Spanned<DeValue<'_>>, host: &mut Host) {
        let known: Vec<&str> = [DEFAULT_AGENT].into_iter().chain(Role::ALL.iter().map(|r| r.name())).collect();
        let rows: Vec<&Key<AgentProgram>> = keys::AGENT.iter().collect();
        let Some(table) = self.table(value, "agents") else { return };
        for (name, value) in table {
            let role = Role::ALL.into_iter().find(|role| role.name() == name.get_ref());
            if role.is_none() && name.get_ref() != DEFAULT_AGENT {
                self.unknown("role", "agents.", name.get_ref(), name.span(), &known);
                continue;
            }
            let path = format!("agents.{}", name.get_ref());
            let Some(table) = self.table(value, &path) else { continue };
            let mut agent = AgentProgram::default();
            self.fill(table, &path, &rows, &mut agent, value.span());
            self.agent_fits(table, &path, &agent, value.span());
            match role {
                Some(role) => drop(host.agents.insert(role, agent)),
                None => host.default_agent = Some(agent),
            }
        }
    }

    /// Judges what the single values cannot tell. A kind that could not be read is no ground for that.
    fn agent_fits(&mut self, table: &DeTable<'_>, path: &str, agent: &AgentProgram, header: Range<usize>) {
        let kind = table.get("kind").map(|kind| kind.get_ref().as_str().unwrap_or_default());
        if !self.broken.is_empty() || kind.is_some_and(|kind| !agent::KINDS.contains(&kind)) {
            return;
        }
        for (key, what, fix) in agent::misfits(agent, &|key| table.contains_key(key)) {
            let line = self.line(table.get(key).map_or(header.start, |value| value.span().start));
            self.point(line, format!("`{path}.{key}` {what}"), fix);
        }
    }

    fn models(&mut self, value: &Spanned<DeValue<'_>>, host: &mut Host) {
        let rows: Vec<&Key<ModelEntry>> = model::MODEL.iter().collect();
        let Some(table) = self.table(value, "models") else { return };
        for (name, value) in table {
            let line = self.line(name.span().start);
            let name = name.get_ref().as_ref();
            let path = format!("models.{}", name.escape_debug());
            // It becomes the name of a file.
            if Kind::Id.of_text(name).is_err() {
                let what = format!("`{path}`: the name of a model must be {}", Kind::Id.expected());
                self.point(line, what, "write [models.anthropic], [models.openai], or a name of your own");
                continue;
            }
            let Some(table) = self.table(value, &path) else { continue };
            let mut entry = ModelEntry::default();
            self.fill(table, &path, &rows, &mut entry, value.span());
            if model::wire(name, &entry).is_none() && !table.contains_key("wire") {
                let known = Kind::OneOf(model::WIRES).expected();
                self.point(line, format!("`{path}.wire` is missing"), format!("add a line `wire = …` with {known}"));
            }
            host.models.insert(name.to_owned(), entry);
        }
    }

    fn credentials(&mut self, value: &Spanned<DeValue<'_>>, host: &mut Host) {
        let rows: Vec<&Key<CredentialEntry>> = remote::CREDENTIAL.iter().collect();
        let Some(table) = self.table(value, "credentials") else { return };
        for (name, value) in table {
            let line = self.line(name.span().start);
            let name = name.get_ref().as_ref();
            let path = format!("credentials.{}", name.escape_debug());
            if Kind::Id.of_text(name).is_err() {
                let what = format!("`{path}`: the name of a credential must be {}", Kind::Id.expected());
                self.point(line, what, "give it such a name");
                continue;
            }
            let Some(table) = self.table(value, &path) else { continue };
            let mut entry = CredentialEntry::default();
            self.fill(table, &path, &rows, &mut entry, value.span());
            self.misfits(table, &path, remote::misfits(&entry), value.span());
            host.credentials.insert(name.to_owned(), entry);
        }
    }

    fn targets(&mut self, value: &Spanned<DeValue<'_>>, host: &mut Host) {
        let rows: Vec<&Key<TargetEntry>> = target::TARGET.iter().collect();
        let Some(table) = self.table(value, "target") else { return };
        for (name, value) in table {
            let line = self.line(name.span().start);
            let name = name.get_ref().as_ref();
            let path = format!("target.{}", name.escape_debug());
            if Kind::Id.of_text(name).is_err() {
                let what = format!("`{path}`: the name of a target must be {}", Kind::Id.expected());
                self.point(line, what, "give it such a name");
                continue;
            }
            let Some(table) = self.table(value, &path) else { continue };
            let mut entry = TargetEntry::default();
            self.fill(table, &path, &rows, &mut entry, value.span());
            self.misfits(table, &path, target::misfits(&entry), value.span());
            host.targets.insert(name.to_owned(), entry);
        }
    }

    /// Tells what the single values of a table could not tell. What seems to be missing may stand on a line that could not
    /// be read.
    fn misfits(&mut self, table: &DeTable<'_>, path: &str, misfits: Vec<(&str, String, String)>, header: Range<usize>) {
        let misfits = if self.broken.is_empty() { misfits } else { Vec::new() };
        for (key, what, fix) in misfits {
            if what == "is missing" && table.contains_key(key) {
                continue;
            }
            let line = self.line(table.get(key).map_or(header.start, |value| value.span().start));
            self.point(line, format!("`{path}.{key}` {what}"), fix);
        }
    }

    fn notifiers(&mut self, value: &Spanned<DeValue<'_>>, host: &mut Host) {
        let DeValue::Array(items) = value.get_ref() else {
            let line = self.line(value.span().start);
            self.point(line, "`notify` must be a list".to_owned(), "begin each one with [[notify]]");
            return;
        };
        let rows: Vec<&Key<NotifyEntry>> = notify::NOTIFY.iter().collect();
        for (index, item) in items.iter().enumerate() {
            let path = format!("notify[{index}]");
            let Some(table) = self.table(item, &path) else { continue };
            let mut entry = NotifyEntry::default();
            self.fill(table, &path, &rows, &mut entry, item.span());
            let line = |reader: &Self, key: &str| {
                reader.line(table.get(key).map_or(item.span().start, |value| value.span().start))
            };
            if host.notify.iter().any(|other| !entry.name.is_empty() && other.name == entry.name) {
                let what = format!("`{path}.name` is \"{}\" a second time", entry.name);
                self.point(line(self, "name"), what, "give it another name, or remove one of the two");
            }
            let misfits =
                notify::misfits(&entry).into_iter().map(|(key, what, fix)| (key, what.to_owned(), fix.to_owned()));
            self.misfits(table, &path, misfits.collect(), item.span());
            host.notify.push(entry);
        }
    }

    fn repositories(&mut self, value: &Spanned<DeValue<'_>>, host: &mut Host) {
        let DeValue::Array(items) = value.get_ref() else {
            let line = self.line(value.span().start);
            self.point(line, "`repository` must be a list".to_owned(), "begin each repository with [[repository]]");
            return;
        };
        let rows: Vec<&Key<RepositoryEntry>> = keys::REPOSITORY.iter().collect();
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("repository[{index}]");
            let Some(table) = self.table(item, &path) else { continue };
            let mut entry = RepositoryEntry::default();
            self.fill(table, &path, &rows, &mut entry, item.span());
            for (name, text) in [("id", entry.id.as_str()), ("path", entry.path.as_str())] {
                let line = self.line(table.get(name).map_or(item.span().start, |v| v.span().start));
                let first = if text.is_empty() { None } else { seen.insert(format!("{name} {text}"), line) };
                if let Some(first) = first {
                    self.point(
                        line,
                        format!("`{path}.{name}` is \"{text}\" as in line {first}"),
                        format!("give it another {name}, or remove one of the two"),
                    );
                }
            }
            let mut misfits = remote::remote_misfits(&entry, host);
            misfits.extend(forge_misfits(&entry, host));
            misfits.extend(target::repository_misfits(&entry, host));
            self.misfits(table, &path, misfits, item.span());
            host.repositories.push(entry);
        }
    }

    fn table<'t, 'd>(&mut self, value: &'t Spanned<DeValue<'d>>, path: &str) -> Option<&'t DeTable<'d>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            let line = self.line(value.span().start);
            self.point(line, format!("`{path}` must be a table"), format!("write [{path}] on a line of its own"));
        }
        table
    }

    /// Puts every key of `table` into its place in `target`.
    fn fill<T>(&mut self, table: &DeTable<'_>, path: &str, rows: &[&Key<T>], target: &mut T, header: Range<usize>) {
        for (name, value) in table {
            match rows.iter().find(|key| key.name == name.get_ref()) {
                Some(key) => self.value(key, path, (name, value), target),
                None if keys::SECTIONS.iter().any(|(section, _)| *section == format!("{path}.{}", name.get_ref())) => {}
                None => {
                    let known: Vec<&str> = rows.iter().map(|key| key.name).collect();
                    self.unknown("key", &format!("{path}."), name.get_ref(), name.span(), &known);
                }
            }
        }
        // What seems to be missing from a broken file may stand on a line that could not be read.
        for key in rows.iter().filter(|key| key.required && !table.contains_key(key.name)) {
            if self.broken.is_empty() {
                let line = self.line(header.start);
                self.point(
                    line,
                    format!("`{path}.{}` is missing", key.name),
                    format!("add a line `{} = …` with {}", key.name, key.kind.expected()),
                );
            }
        }
    }

    fn value<T>(&mut self, key: &Key<T>, path: &str, (name, value): Entry<'_, '_>, target: &mut T) {
        let line = self.line(value.span().start);
        let name = name.get_ref();
        if key.kind == Kind::Database && value.get_ref().as_str().is_some_and(secret::has_password) {
            return self.point(
                line,
                format!("`{path}.{name}` carries a password"),
                "take it out, write it to a file of its own and name that in `password_file`",
            );
        }
        match key.kind.of_toml(value.get_ref()) {
            Ok(value) => (key.set)(target, value),
            Err(found) => {
                let what = format!("`{path}.{name}` must be {}, found {found}", key.kind.expected());
                let fix = match (key.get)(target) {
                    Some(default) => format!("correct it, or remove the line ({default} holds then)"),
                    None => "correct it, or remove the line".to_owned(),
                };
                self.point(line, what, fix);
            }
        }
    }

    fn unknown(&mut self, noun: &str, path: &str, name: &str, span: Range<usize>, known: &[&str]) {
        let line = self.line(span.start);
        let fix = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? Otherwise remove it"),
            None => format!("remove it; known here: {}", known.join(", ")),
        };
        self.point(line, format!("`{path}{}` is no known {noun}", name.escape_debug()), fix);
    }
}

/// What speaks against `text` as the value of the key `name` of a `[[repository]]`, for a value from the command
/// line.
pub fn refuse_repository_value(name: &str, text: &str) -> Option<Point> {
    let key = keys::REPOSITORY.iter().find(|key| key.name == name)?;
    let found = key.kind.of_text(text).err()?;
    let option = format!("--{}", name.replace('_', "-"));
    Some(Point {
        what: format!("`{option}` must be {}, found {found}", key.kind.expected()),
        place: option,
        fix: "correct it".to_owned(),
    })
}
