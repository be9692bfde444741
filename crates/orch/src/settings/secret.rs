//! Secrets. They come by a file that a setting names, or by a variable, and never stand in the host file.

use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

use camino::Utf8Path;

use super::host::Store;
use super::paths::{self, Paths};
use crate::exit::{Exit, Failure};

/// A text that no error, log or debug output shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
    /// The text itself: only for the call that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Reads the secret in `file`: its first line.
///
/// # Errors
/// [`Exit::Settings`]: the file is missing, unreadable or empty, or others may read it. `name` says what it holds.
pub fn read(name: &str, file: &Utf8Path) -> Result<Secret, Failure> {
    let wrong =
        |what: String, fix: &str| Failure::new(Exit::Settings, format!("{name} {what}")).at(file.as_str()).fix(fix);
    let text = std::fs::read_to_string(file)
        .map_err(|error| wrong(format!("cannot be read: {error}"), "write it there, readable by you alone"))?;
    let mode = std::fs::metadata(file).map(|m| m.permissions().mode()).unwrap_or(0);
    if mode & 0o077 != 0 {
        return Err(wrong("may be read by others".to_owned(), &format!("chmod 600 {file}")));
    }
    match text.lines().next().map(str::trim).filter(|line| !line.is_empty()) {
        Some(line) => Ok(Secret::new(line)),
        None => Err(wrong("is empty".to_owned(), "write it on the first line")),
    }
}

impl Store {
    /// The address of the database with its password; `None` is SQLite in the state folder.
    ///
    /// # Errors
    /// As [`read`], if a password file is named.
    pub fn address(&self) -> Result<Option<Secret>, Failure> {
        let Some(url) = &self.url else { return Ok(None) };
        let Some(file) = &self.password_file else { return Ok(Some(url.clone())) };
        let password = read("the secret of `store.password_file`", file)?;
        Ok(Some(with_password(url.reveal(), password.reveal())))
    }
}

/// Whether the user part of an address carries a password.
pub fn has_password(url: &str) -> bool {
    user_part(url).is_some_and(|user| user.contains(':'))
        || url.split_once('?').is_some_and(|(_, query)| query.split('&').any(|q| q.starts_with("password=")))
}

fn user_part(url: &str) -> Option<&str> {
    let after = url.split_once("://")?.1;
    let authority = after.split(['/', '?']).next()?;
    authority.rsplit_once('@').map(|(user, _)| user)
}

/// The address with the password as a query parameter, percent-encoded (RFC 3986, 2.1); the form that
/// `tokio_postgres` reads for every shape of address.
fn with_password(url: &str, password: &str) -> Secret {
    let mut address = url.to_owned();
    address.push(if url.contains('?') { '&' } else { '?' });
    address.push_str("password=");
    for byte in password.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            address.push(char::from(byte));
        } else {
            address.push_str(&format!("%{byte:02X}"));
        }
    }
    Secret::new(address)
}

/// As people are told of it.
const TOKEN: &str = "the access token of the service";

/// The access token of the HTTP service; made on the first call. 256 bits of which 244 are random (two UUIDs of
/// version 4, from the system's generator), as 64 hexadecimal digits. The caller holds the lock on the data: of two
/// that made one at once, only one would be right.
///
/// # Errors
/// [`Exit::Failed`] if the state folder cannot be written, [`Exit::Settings`] as in [`read`].
pub fn token(paths: &Paths) -> Result<Secret, Failure> {
    let file = paths.token();
    // An empty one is none: it would let nobody in.
    let blank = std::fs::read_to_string(&file).is_ok_and(|text| text.trim().is_empty());
    if file.exists() && !blank {
        return read(TOKEN, &file);
    }
    paths::create_private(&paths.state)?;
    let text = format!("{}{}\n", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    write_token(paths, &text).map_err(|error| {
        Failure::new(Exit::Failed, format!("the access token cannot be written: {error}"))
            .at(file.as_str())
            .fix("make the state folder writable, or name another one in ORCH_STATE_DIR")
    })?;
    read(TOKEN, &file)
}

/// Writes the token of a running service again if its file is not there or says something else; gives whether it did.
///
/// # Errors
/// If it cannot be written.
pub fn put_back_token(paths: &Paths, token: &Secret) -> std::io::Result<bool> {
    if std::fs::read_to_string(paths.token()).is_ok_and(|text| text.trim() == token.reveal()) {
        return Ok(false);
    }
    write_token(paths, &format!("{}\n", token.reveal())).map(|()| true)
}

fn write_token(paths: &Paths, text: &str) -> std::io::Result<()> {
    // Written beside and renamed, so that it is whole or absent; always beside under the same name, so that a crash
    // leaves no secret behind that the next start does not take away.
    let fresh = paths.state.join("token.unfinished");
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut open = std::fs::OpenOptions::new();
    open.write(true).create_new(true).mode(0o600);
    open.open(&fresh).and_then(|mut f| f.write_all(text.as_bytes()).and_then(|()| f.sync_all()))?;
    std::fs::rename(&fresh, paths.token())
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8PathBuf;

    fn folder() -> (tempfile::TempDir, Paths) {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(dir.path().to_path_buf()).unwrap();
        (dir, Paths { config_file: root.join("host.toml"), state: root.join("state") })
    }

    #[test]
    fn the_token_is_made_once_and_for_this_user_alone() {
        let (_dir, paths) = folder();
        let first = token(&paths).unwrap();
        assert_eq!(first.reveal().len(), 64);
        assert_eq!(token(&paths).unwrap(), first);
        let mode = |p: &Utf8Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&paths.token()), mode(&paths.state)), (0o600, 0o700));
        assert_eq!(std::fs::read_dir(&paths.state).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_token_that_is_gone_blank_or_another_is_put_back_while_the_service_runs_and_made_anew_else() {
        let (_dir, paths) = folder();
        let first = token(&paths).unwrap();
        assert!(!put_back_token(&paths, &first).unwrap());
        for text in [None, Some(""), Some(" \n\n"), Some("another\n")] {
            match text {
                None => std::fs::remove_file(paths.token()).unwrap(),
                Some(text) => std::fs::write(paths.token(), text).unwrap(),
            }
            assert!(put_back_token(&paths, &first).unwrap(), "{text:?}");
            assert_eq!(token(&paths).unwrap(), first, "{text:?}");
        }
        std::fs::write(paths.token(), " \n").unwrap();
        let second = token(&paths).unwrap();
        assert!(second.reveal().len() == 64 && second != first);
    }

    /// X2.
    #[test]
    fn a_crash_while_it_is_written_leaves_no_secret_behind() {
        let (_dir, paths) = folder();
        paths::create_private(&paths.state).unwrap();
        std::fs::write(paths.state.join("token.unfinished"), "half").unwrap();
        assert_eq!(token(&paths).unwrap().reveal().len(), 64);
        assert_eq!(std::fs::read_dir(&paths.state).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_missing_or_open_secret_says_which_and_where() {
        let (_dir, paths) = folder();
        let file = paths.config_file.with_file_name("pw");
        let missing = read("store.password_file", &file).unwrap_err().text();
        assert!(missing.contains("store.password_file") && missing.contains(file.as_str()), "{missing}");
        std::fs::write(&file, "s3cret\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let open = read("store.password_file", &file).unwrap_err().text();
        assert!(open.contains("chmod 600") && !open.contains("s3cret"), "{open}");
    }

    #[test]
    fn a_password_joins_its_address_and_nothing_shows_it() {
        let (_dir, paths) = folder();
        let file = paths.config_file.with_file_name("pw");
        std::fs::write(&file, "a/b c\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let store =
            Store { url: Some(Secret::new("postgres://orch@db/orch?sslmode=disable")), password_file: Some(file) };
        let address = store.address().unwrap().unwrap();
        assert_eq!(address.reveal(), "postgres://orch@db/orch?sslmode=disable&password=a%2Fb%20c");
        assert_eq!(format!("{address:?}"), "Secret(…)");
    }

    #[test]
    fn passwords_in_addresses_are_seen() {
        assert!(has_password("postgres://u:p@h/d") && has_password("postgres://h/d?password=x"));
        assert!(!has_password("postgres://u@h:5432/d") && !has_password("postgres://h/d?sslmode=x"));
    }
}
