//! Registering a repository in the host file. The file belongs to a person: what they wrote there, comments
//! included, stays byte for byte.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use orch_rules::work_item;
use serde::Serialize;

use super::InitArgs;
use crate::exit::{Exit, Failure};
use crate::settings::forge::ForgeEntry;
use crate::settings::paths::create_private;
use crate::settings::remote::RemoteEntry;
use crate::settings::{AgentKind, Host, Paths, RepositoryEntry, example, file};

/// What the person asked for, checked.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    id: Option<String>,
    prefix: Option<String>,
    agent_command: Option<String>,
    agent: Option<AgentKind>,
    remote: Option<String>,
    credential: Option<String>,
    forge: Option<String>,
    forge_url: Option<String>,
}

/// A repository as it is registered now.
#[derive(Debug, Clone, Serialize)]
pub struct Registered {
    /// Its name in commands.
    pub id: String,
    /// Its folder.
    pub path: Utf8PathBuf,
    /// First part of its work item ids.
    pub prefix: String,
    /// Acts in every role.
    pub agent_command: Option<Vec<String>>,
    /// The server where its branches live.
    pub remote: Option<String>,
    /// The kind of `[agents.default]`, if it was asked for.
    #[serde(skip)]
    pub default_agent: Option<AgentKind>,
    /// Files that were written.
    #[serde(skip)]
    pub written: Vec<Utf8PathBuf>,
}

impl Wish {
    /// Checks the arguments as the file would be checked.
    ///
    /// # Errors
    /// [`Exit::Settings`], all at once.
    pub fn of(args: &InitArgs) -> Result<Self, Failure> {
        let mut problems = Vec::new();
        let rows = [
            ("id", &args.id),
            ("prefix", &args.prefix),
            ("agent_command", &args.agent_command),
            ("remote", &args.remote),
            ("credential", &args.credential),
            ("forge", &args.forge),
            ("forge_url", &args.forge_url),
        ];
        for (name, value) in rows {
            if let Some(text) = value {
                problems.extend(file::refuse_repository_value(name, text));
            }
        }
        if !problems.is_empty() {
            return Err(crate::settings::wrong("argument", "arguments", problems));
        }
        Ok(Self {
            id: args.id.clone(),
            prefix: args.prefix.clone(),
            agent_command: args.agent_command.clone(),
            agent: None,
            remote: args.remote.clone(),
            credential: args.credential.clone(),
            forge: args.forge.clone(),
            forge_url: args.forge_url.clone(),
        })
    }

    /// The place on a server that a repository has by it, which had `present`.
    fn remote(&self, present: &RemoteEntry) -> RemoteEntry {
        RemoteEntry {
            url: self.remote.clone().or_else(|| present.url.clone()),
            credential: self.credential.clone().or_else(|| present.credential.clone()),
            ..present.clone()
        }
    }

    /// The product of that server by it, which was `present`.
    fn forge(&self, present: &ForgeEntry) -> ForgeEntry {
        ForgeEntry {
            kind: self.forge.clone().or_else(|| present.kind.clone()),
            url: self.forge_url.clone().or_else(|| present.url.clone()),
            ..present.clone()
        }
    }

    /// With this kind in `[agents.default]`.
    pub fn agent(self, agent: Option<AgentKind>) -> Self {
        Self { agent, ..self }
    }
}

/// Makes the host file say what `wish` says about the repository at `top`; creates the file, commented, where there
/// is none. Running it twice changes nothing.
///
/// # Errors
/// [`Exit::Settings`] if the file is invalid or cannot be extended, [`Exit::Refused`] if the wanted id belongs to
/// another repository or this one has another; [`Exit::Failed`] if it cannot be written.
pub fn register(paths: &Paths, top: &Utf8Path, wish: &Wish) -> Result<Registered, Failure> {
    // A link to a file elsewhere (a folder of dotfiles) stays a link.
    let config = paths.config_file.canonicalize_utf8().unwrap_or_else(|_| paths.config_file.clone());
    let folder = config.parent().unwrap_or(Utf8Path::new("/"));
    create_private(folder)?;
    // Two that register at once would each write the file without the other's entry.
    let lock = File::open(folder).map_err(|error| unwritable(folder, &error))?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)
        .map_err(|error| unwritable(folder, &error.into()))?;

    let old = match std::fs::read_to_string(&config) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(unwritable(&config, &error)),
    };
    let text = old.clone().unwrap_or_else(example::text);
    let host = checked(&config, &text, paths)?;
    let (entry, new) = match host.repositories.iter().position(|r| r.path == top) {
        Some(index) => {
            let entry = amended(&host.repositories[index], wish, &config)?;
            let new = with_amendment(&text, index, &host.repositories[index], &entry, wish);
            (entry, new)
        }
        None => {
            let entry = fresh(&host, top, wish, &config)?;
            let new = with_entry(&text, &entry, wish);
            (entry, new)
        }
    };
    super::on_server::fits(&entry, &host)?;
    let new = with_agent(new, &host, wish, &config)?;
    // Whatever was written must read back as what is meant; a file in an unusual shape is left to its owner.
    let reads_back = checked(&config, &new, paths).ok();
    let kind_reads_back = |host: &Host| host.default_agent.as_ref().map(|agent| agent.kind) == wish.agent;
    let meant =
        |host: &Host| host.repository(&entry.id) == Some(&entry) && (wish.agent.is_none() || kind_reads_back(host));
    if !reads_back.as_ref().is_some_and(meant) {
        return Err(Failure::new(Exit::Settings, "the host file has a shape that cannot be extended safely")
            .at(config.as_str())
            .fix(format!("add this at its end yourself:\n{}", entry_text(&entry, wish))));
    }
    let mut written = Vec::new();
    // It names the commands of agents. Root's is read by the account of a unit as well.
    let mode = if rustix::process::geteuid().is_root() { 0o644 } else { 0o600 };
    if old.as_deref() != Some(new.as_str()) {
        let schema = folder.join(example::SCHEMA_FILE);
        if std::fs::read_to_string(&schema).ok().as_deref() != Some(example::SCHEMA) {
            write_whole(&schema, example::SCHEMA, Some(mode))?;
        }
        write_whole(&config, &new, Some(mode))?;
        written.push(paths.config_file.clone());
    }
    let RepositoryEntry { id, path, prefix, agent_command, remote, .. } = entry;
    Ok(Registered { id, path, prefix, agent_command, remote: remote.url, default_agent: wish.agent, written })
}

pub(super) fn checked(config: &Utf8Path, text: &str, paths: &Paths) -> Result<Host, Failure> {
    let (host, problems) = file::read(config.as_str(), text, paths.clone());
    if problems.is_empty() { Ok(host) } else { Err(crate::settings::wrong("setting", "settings", problems)) }
}

/// The text with the wanted kind as `[agents.default]`; one that is there already stays its owner's.
fn with_agent(mut text: String, host: &Host, wish: &Wish, config: &Utf8Path) -> Result<String, Failure> {
    let Some(kind) = wish.agent else { return Ok(text) };
    match &host.default_agent {
        Some(present) if present.kind == kind => Ok(text),
        Some(present) => {
            let what = format!("[agents.default] is of kind \"{}\" already", present.kind.name());
            Err(Failure::new(Exit::Refused, what)
                .at(config.as_str())
                .fix(format!("change it there: kind = \"{}\"", kind.name())))
        }
        None => {
            text.push_str(&format!("\n[agents.default]\nkind = \"{}\"\n", kind.name()));
            Ok(text)
        }
    }
}

/// The entry of a repository that is registered already.
fn amended(present: &RepositoryEntry, wish: &Wish, config: &Utf8Path) -> Result<RepositoryEntry, Failure> {
    if let Some(id) = wish.id.as_ref().filter(|id| **id != present.id) {
        return Err(Failure::new(
            Exit::Refused,
            format!(
                "this repository is registered as `{}`, and its history is kept under that id; it cannot become `{id}`",
                present.id
            ),
        )
        .at(config.as_str())
        .fix("leave out --id"));
    }
    Ok(RepositoryEntry {
        prefix: wish.prefix.clone().unwrap_or_else(|| present.prefix.clone()),
        agent_command: match &wish.agent_command {
            Some(text) => shlex::split(text),
            None => present.agent_command.clone(),
        },
        remote: wish.remote(&present.remote),
        forge: wish.forge(&present.forge),
        ..present.clone()
    })
}

/// The entry of a repository that is new here.
fn fresh(host: &Host, top: &Utf8Path, wish: &Wish, config: &Utf8Path) -> Result<RepositoryEntry, Failure> {
    let name = top.file_name().unwrap_or_default();
    let id = match &wish.id {
        Some(id) => {
            if let Some(other) = host.repository(id) {
                return Err(Failure::new(Exit::Refused, format!("the id `{id}` belongs to {}", other.path))
                    .at(config.as_str())
                    .fix("choose another one with --id"));
            }
            id.clone()
        }
        None => free(&id_from(name), "-", |id| host.repository(id).is_some()),
    };
    let prefix = match &wish.prefix {
        Some(prefix) => prefix.clone(),
        // Two repositories may share a prefix, but then every id has to be told apart by its repository.
        None => free(&work_item::prefix_from(name), "", |p| host.repositories.iter().any(|r| r.prefix == p)),
    };
    let agent_command = wish.agent_command.as_deref().and_then(shlex::split);
    Ok(RepositoryEntry {
        id,
        path: top.to_path_buf(),
        prefix,
        agent_command,
        remote: wish.remote(&RemoteEntry::default()),
        forge: wish.forge(&ForgeEntry::default()),
        target: None,
    })
}

/// An id made from a folder's name.
pub fn id_from(name: &str) -> String {
    let id = work_item::slug(name);
    if id == "untitled" { "repository".to_owned() } else { id }
}

/// `name`, or `name` with the first number from 2 that is free.
fn free(name: &str, between: &str, taken: impl Fn(&str) -> bool) -> String {
    if !taken(name) {
        return name.to_owned();
    }
    (2u32..).map(|n| format!("{name}{between}{n}")).find(|name| !taken(name)).unwrap_or_else(|| name.to_owned())
}

fn entry_text(entry: &RepositoryEntry, wish: &Wish) -> String {
    let quoted = |text: &str| toml_edit::Value::from(text).to_string();
    let mut text = format!(
        "[[repository]]\nid = {}\npath = {}\nprefix = {}\n",
        quoted(&entry.id),
        quoted(entry.path.as_str()),
        quoted(&entry.prefix)
    );
    if let Some(command) = &wish.agent_command {
        text.push_str(&format!("agent_command = {}\n", quoted(command)));
    }
    let rows = [
        ("remote", &wish.remote),
        ("credential", &wish.credential),
        ("forge", &wish.forge),
        ("forge_url", &wish.forge_url),
    ];
    for (key, value) in rows {
        if let Some(value) = value {
            text.push_str(&format!("{key} = {}\n", quoted(value)));
        }
    }
    text
}

/// The text with an entry at its end, which is a valid place for it whatever stands before.
fn with_entry(text: &str, entry: &RepositoryEntry, wish: &Wish) -> String {
    let mut new = text.to_owned();
    if !new.is_empty() && !new.ends_with('\n') {
        new.push('\n');
    }
    new.push('\n');
    new + &entry_text(entry, wish)
}

/// The text with the entry at `index` amended where `wish` differs.
fn with_amendment(text: &str, index: usize, present: &RepositoryEntry, entry: &RepositoryEntry, wish: &Wish) -> String {
    let Ok(mut document) = text.parse::<toml_edit::DocumentMut>() else { return text.to_owned() };
    let table =
        document.get_mut("repository").and_then(|item| item.as_array_of_tables_mut()).and_then(|t| t.get_mut(index));
    let Some(table) = table else { return text.to_owned() };
    let mut changed = false;
    let mut set = |differs: bool, key: &str, value: &Option<String>| {
        if let Some(value) = value.as_ref().filter(|_| differs) {
            table[key] = toml_edit::value(value.as_str());
            changed = true;
        }
    };
    set(present.prefix != entry.prefix, "prefix", &wish.prefix);
    set(present.agent_command != entry.agent_command, "agent_command", &wish.agent_command);
    set(present.remote.url != entry.remote.url, "remote", &wish.remote);
    set(present.remote.credential != entry.remote.credential, "credential", &wish.credential);
    set(present.forge.kind != entry.forge.kind, "forge", &wish.forge);
    set(present.forge.url != entry.forge.url, "forge_url", &wish.forge_url);
    if changed { document.to_string() } else { text.to_owned() }
}

/// Writes a file as a whole: beside it, to the disk, then in its place, with the mode it had; a new one with `mode`, or
/// as the person's umask wants it. With a mode, others may not write it.
pub fn write_whole(file: &Utf8Path, text: &str, mode: Option<u32>) -> Result<(), Failure> {
    let folder = file.parent().unwrap_or(Utf8Path::new("/"));
    let fresh = folder.join(format!(".{}.{}", file.file_name().unwrap_or("file"), std::process::id()));
    let write = || {
        std::fs::create_dir_all(folder)?;
        let mut out = File::create(&fresh)?;
        out.write_all(text.as_bytes())?;
        let present = std::fs::metadata(file).ok().map(|present| present.permissions().mode());
        let wanted = match (present, mode) {
            (Some(present), Some(_)) => Some(present & !0o022),
            (present, mode) => present.or(mode),
        };
        if let Some(wanted) = wanted {
            out.set_permissions(std::fs::Permissions::from_mode(wanted))?;
        }
        out.sync_all()?;
        std::fs::rename(&fresh, file)
    };
    write().map_err(|error| {
        // The half-written one is no use to anybody; that it stays would not be worth a second complaint.
        let _stays = std::fs::remove_file(&fresh);
        unwritable(file, &error)
    })
}

pub(super) fn unwritable(place: &Utf8Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("it cannot be written: {error}"))
        .at(place.as_str())
        .fix("make it writable, or name another place in ORCH_CONFIG")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place {
        paths: Paths,
        top: Utf8PathBuf,
        _folder: tempfile::TempDir,
    }

    fn place() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let top = Utf8PathBuf::from_path_buf(folder.path().canonicalize().unwrap()).unwrap();
        let paths = Paths { config_file: top.join("config/host.toml"), state: top.join("state") };
        Place { paths, top, _folder: folder }
    }

    fn text(place: &Place) -> String {
        std::fs::read_to_string(&place.paths.config_file).unwrap()
    }

    fn command(text: &str) -> Wish {
        Wish { agent_command: Some(text.to_owned()), ..Wish::default() }
    }

    #[test]
    fn the_first_one_brings_the_example_and_its_schema() {
        let place = place();
        let done = register(&place.paths, &place.top.join("My Shop"), &Wish::default()).unwrap();
        assert_eq!((done.id.as_str(), done.prefix.as_str()), ("my-shop", "MS"));
        assert!(text(&place).starts_with(&example::text()));
        let schema = place.paths.config_file.with_file_name(example::SCHEMA_FILE);
        assert_eq!(std::fs::read_to_string(schema).unwrap(), example::SCHEMA);
    }

    #[test]
    fn a_second_time_changes_nothing() {
        let place = place();
        let shop = place.top.join("shop");
        register(&place.paths, &shop, &command("agent 'a b'")).unwrap();
        let before = text(&place);
        let again = register(&place.paths, &shop, &command("agent 'a b'")).unwrap();
        assert_eq!((again.written, text(&place)), (vec![], before));
    }

    #[test]
    fn what_a_person_wrote_stays_byte_for_byte() {
        let place = place();
        std::fs::create_dir(place.top.join("config")).unwrap();
        let own = "# mine\n[limits] # tight\nmax_runs=1 # one\n\n\n[[repository]]\nid='a' # first\npath = '/a'\nprefix = 'AA'\n# end";
        std::fs::write(&place.paths.config_file, own).unwrap();
        register(&place.paths, &place.top.join("shop"), &Wish::default()).unwrap();
        assert!(text(&place).starts_with(own), "{}", text(&place));
        register(&place.paths, Utf8Path::new("/a"), &command("x y")).unwrap();
        let amended = text(&place);
        for kept in
            ["# mine\n[limits] # tight\nmax_runs=1 # one\n", "id='a' # first\n", "# end\n", "agent_command = \"x y\""]
        {
            assert!(amended.contains(kept), "{kept:?} is gone from\n{amended}");
        }
    }

    #[test]
    fn a_kind_of_agent_is_set_once_and_never_taken_from_a_person() {
        let place = place();
        let shop = place.top.join("shop");
        let claude = || Wish::default().agent(Some(AgentKind::ClaudeCode));
        register(&place.paths, &shop, &claude()).unwrap();
        let before = text(&place);
        assert!(before.contains("\n[agents.default]\nkind = \"claude_code\"\n"), "{before}");
        register(&place.paths, &shop, &claude()).unwrap();
        let other = Wish::default().agent(Some(AgentKind::Codex));
        let failure = register(&place.paths, &shop, &other).unwrap_err();
        assert_eq!((failure.exit, text(&place)), (Exit::Refused, before));
    }

    #[test]
    fn names_that_are_taken_get_a_number() {
        let place = place();
        let done: Vec<_> = ["a/shop", "b/shop", "c/shop"]
            .iter()
            .map(|folder| register(&place.paths, &place.top.join(folder), &Wish::default()).unwrap())
            .map(|r| format!("{} {}", r.id, r.prefix))
            .collect();
        assert_eq!(done, ["shop SHOP", "shop-2 SHOP2", "shop-3 SHOP3"]);
    }

    #[test]
    fn of_two_at_once_none_is_lost() {
        let place = place();
        std::thread::scope(|scope| {
            for n in 0..8 {
                let place = &place;
                scope.spawn(move || {
                    register(&place.paths, &place.top.join(format!("r{n}")), &Wish::default()).unwrap();
                });
            }
        });
        let (host, problems) = file::read("host.toml", &text(&place), place.paths.clone());
        assert_eq!((host.repositories.len(), problems), (8, vec![]));
    }

    #[test]
    fn a_link_to_the_file_stays_a_link() {
        let place = place();
        std::fs::create_dir_all(place.top.join("config")).unwrap();
        let real = place.top.join("dotfiles.toml");
        std::fs::write(&real, "# mine\n").unwrap();
        std::os::unix::fs::symlink(&real, &place.paths.config_file).unwrap();
        register(&place.paths, &place.top.join("shop"), &Wish::default()).unwrap();
        assert!(place.paths.config_file.is_symlink());
        assert!(std::fs::read_to_string(&real).unwrap().contains("id = \"shop\""));
    }

    #[test]
    fn an_invalid_file_is_not_touched() {
        let place = place();
        std::fs::create_dir_all(place.top.join("config")).unwrap();
        std::fs::write(&place.paths.config_file, "[limts]\n").unwrap();
        let failure = register(&place.paths, &place.top.join("shop"), &Wish::default()).unwrap_err();
        assert_eq!((failure.exit, text(&place).as_str()), (Exit::Settings, "[limts]\n"));
        assert_eq!(std::fs::read_dir(place.top.join("config")).unwrap().count(), 1);
    }
}
