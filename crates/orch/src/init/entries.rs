//! Changing the entries of the host file that are there: where a repository is, or that it is none any more. What a
//! person wrote besides stays byte for byte.

use std::fs::File;

use camino::{Utf8Path, Utf8PathBuf};
use toml_edit::{ArrayOfTables, DocumentMut};

use super::register::{checked, unwritable, write_whole};
use crate::exit::{Exit, Failure};
use crate::settings::paths::create_private;
use crate::settings::{Host, Paths, example};

/// The repository of this id is at `path` from now on.
///
/// # Errors
/// [`Exit::Settings`] if the file cannot be changed safely; [`Exit::Failed`] if it cannot be written.
pub fn set_path(paths: &Paths, id: &str, path: &Utf8Path) -> Result<(), Failure> {
    edit(paths, id, |tables, index| {
        if let Some(table) = tables.get_mut(index) {
            table["path"] = toml_edit::value(path.as_str());
        }
    })
}

/// The repository of this id has these settings from now on, all of them texts.
///
/// # Errors
/// As [`set_path`].
pub fn set_keys(paths: &Paths, id: &str, values: &[(&str, String)]) -> Result<(), Failure> {
    edit(paths, id, |tables, index| {
        if let Some(table) = tables.get_mut(index) {
            values.iter().for_each(|(key, value)| table[*key] = toml_edit::value(value.as_str()));
        }
    })
}

/// The repository of this id is none any more.
///
/// # Errors
/// As [`set_path`].
pub fn take_out(paths: &Paths, id: &str) -> Result<(), Failure> {
    edit(paths, id, |tables, index| {
        tables.remove(index);
    })
}

/// Writes a setting of the machine: `value` is a TOML value, or else a text.
///
/// # Errors
/// [`Exit::Settings`] with what is wrong about the value, before anything is written.
pub fn set_value(paths: &Paths, section: &str, name: &str, value: &str) -> Result<(), Failure> {
    if let Some(folder) = target(paths).parent() {
        create_private(folder)?;
    }
    rewrite(paths, Some(example::text), |_, document| {
        let parsed: toml_edit::Value = value.parse().unwrap_or_else(|_| toml_edit::Value::from(value));
        let mut table: &mut dyn toml_edit::TableLike = document.as_table_mut();
        for part in section.split('.') {
            table = table
                .entry(part)
                .or_insert_with(toml_edit::table)
                .as_table_like_mut()
                .ok_or_else(|| Failure::new(Exit::Settings, format!("`{section}` is no table")))?;
        }
        match table.get_mut(name).and_then(toml_edit::Item::as_value_mut) {
            Some(present) => {
                let decor = present.decor().clone();
                *present = parsed;
                *present.decor_mut() = decor;
            }
            None => drop(table.insert(name, toml_edit::value(parsed))),
        }
        Ok(())
    })
}

/// The tracker of this name has these values from now on; others that it has stay.
///
/// # Errors
/// [`Exit::Settings`] with what is wrong about them, before anything is written.
pub fn put_tracker(paths: &Paths, name: &str, values: &[(&str, &str)]) -> Result<(), Failure> {
    rewrite(paths, None, |host, document| {
        let by_hand = || by_hand("write the [[tracker]] there yourself; docs/plane.md shows one");
        let tables = document.entry("tracker").or_insert_with(|| toml_edit::Item::ArrayOfTables(ArrayOfTables::new()));
        let tables = tables.as_array_of_tables_mut().ok_or_else(by_hand)?;
        let index = match host.trackers.iter().position(|entry| entry.name == name) {
            Some(index) => index,
            None => {
                tables.push(toml_edit::Table::new());
                tables.len().saturating_sub(1)
            }
        };
        let table = tables.get_mut(index).ok_or_else(by_hand)?;
        for (key, value) in values {
            table[*key] = toml_edit::value(*value);
        }
        Ok(())
    })
}

fn edit(paths: &Paths, id: &str, change: impl FnOnce(&mut ArrayOfTables, usize)) -> Result<(), Failure> {
    rewrite(paths, None, |host, document| {
        let by_hand = || by_hand(&format!("change the [[repository]] with id = \"{id}\" there yourself"));
        let index = host.repositories.iter().position(|entry| entry.id == id).ok_or_else(by_hand)?;
        let tables = document.get_mut("repository").and_then(|item| item.as_array_of_tables_mut());
        change(tables.ok_or_else(by_hand)?, index);
        Ok(())
    })
}

fn by_hand(fix: &str) -> Failure {
    Failure::new(Exit::Settings, "the host file has a shape that cannot be changed safely").fix(fix)
}

/// The host file itself, where its name is a link.
fn target(paths: &Paths) -> Utf8PathBuf {
    paths.config_file.canonicalize_utf8().unwrap_or_else(|_| paths.config_file.clone())
}

/// Changes the host file while nobody else does. One that cannot be read is not touched, and none is written that cannot
/// be; where there is none, it begins as `absent` says.
fn rewrite(
    paths: &Paths,
    absent: Option<fn() -> String>,
    change: impl FnOnce(&Host, &mut DocumentMut) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let config = target(paths);
    let folder = config.parent().unwrap_or(Utf8Path::new("/"));
    let lock = File::open(folder).map_err(|error| unwritable(folder, &error))?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)
        .map_err(|error| unwritable(folder, &error.into()))?;
    let text = match (std::fs::read_to_string(&config), absent) {
        (Ok(text), _) => text,
        (Err(error), Some(absent)) if error.kind() == std::io::ErrorKind::NotFound => absent(),
        (Err(error), _) => return Err(unwritable(&config, &error)),
    };
    let host = checked(&config, &text, paths)?;
    let failed = |failure: Failure| failure.at(config.as_str());
    let mut document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| failed(Failure::new(Exit::Settings, error.message().to_owned())))?;
    change(&host, &mut document).map_err(failed)?;
    let new = document.to_string();
    checked(&config, &new, paths)?;
    write_whole(&config, &new, Some(0o600))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# mine\n[limits]\nmax_runs = 1 # one\n\n[[repository]]\nid = 'a' # first\npath = '/a'\n\
        prefix = 'AA'\n\n[[repository]]\nid = 'b'\npath = '/b'\nprefix = 'BB'\n# end\n";

    #[test]
    fn an_entry_is_moved_or_taken_out_and_the_rest_stays() {
        let folder = tempfile::tempdir().unwrap();
        let config_file = Utf8Path::from_path(folder.path()).unwrap().join("host.toml");
        let paths = Paths { config_file: config_file.clone(), state: "/s".into() };
        std::fs::write(&config_file, TEXT).unwrap();
        let read = || std::fs::read_to_string(&config_file).unwrap();
        set_path(&paths, "a", Utf8Path::new("/x y")).unwrap();
        assert_eq!(read(), TEXT.replace("'/a'", "\"/x y\""));
        take_out(&paths, "a").unwrap();
        let left = read();
        assert!(
            left.starts_with("# mine\n[limits]\nmax_runs = 1 # one\n") && left.ends_with("prefix = 'BB'\n# end\n"),
            "{left}"
        );
        assert!(!left.contains("'a'"), "{left}");
        assert_eq!(take_out(&paths, "c").unwrap_err().exit, Exit::Settings);
    }
}
