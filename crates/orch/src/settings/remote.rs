//! `[credentials.<name>]` and the remote of a `[[repository]]`: where branches live on a server, and what lets us in.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use orch_git::{Access, Git, Remote, RemoteName, RemoteUrl, Secret};

use super::host::{Host, RepositoryEntry};
use super::keys::{Key, quoted};
use super::kind::{Kind, Value};
use super::secret;

/// Who one is for a server that asks for a user beside a token; most take any.
const ANY_USER: &str = "git";

/// What lets us in at a git server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialEntry {
    /// User name that goes with the token; `None` is [`ANY_USER`].
    pub user: Option<String>,
    /// The file with the token.
    pub token_file: Option<Utf8PathBuf>,
    /// The private key.
    pub ssh_key_file: Option<Utf8PathBuf>,
    /// The host keys that are trusted.
    pub known_hosts_file: Option<Utf8PathBuf>,
    /// Authorities to trust instead of the machine's, PEM.
    pub ca_file: Option<Utf8PathBuf>,
}

/// The repository's place on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteEntry {
    /// Its address, without any secret; `None`: branches live on this host.
    pub url: Option<String>,
    /// Name of the credential.
    pub credential: Option<String>,
    /// Seconds that one call may take.
    pub timeout_seconds: u64,
    /// Megabytes (10^6 bytes) that one fetch may bring.
    pub max_mb: u64,
}

impl Default for RemoteEntry {
    fn default() -> Self {
        Self { url: None, credential: None, timeout_seconds: 300, max_mb: 4_000 }
    }
}

fn file(get: fn(&CredentialEntry) -> &Option<Utf8PathBuf>, entry: &CredentialEntry) -> Option<String> {
    get(entry).as_ref().map(|file| quoted(file.as_str()))
}

/// `[credentials.<name>]`
pub const CREDENTIAL: &[Key<CredentialEntry>] = &[
    Key {
        section: "credentials",
        name: "user",
        variable: None,
        kind: Kind::Word,
        required: false,
        doc: "The user that goes with the token. Most servers take any; some want the account's name.",
        set: |c, v| c.user = Some(v.into_text()),
        get: |c| Some(quoted(c.user.as_deref().unwrap_or(ANY_USER))),
    },
    Key {
        section: "credentials",
        name: "token_file",
        variable: None,
        kind: Kind::Path,
        required: false,
        doc: "For https: a file with the token on its first line, readable by you alone. It is read at each call, so a new \
              token needs no restart.",
        set: |c, v| c.token_file = Some(Utf8PathBuf::from(v.into_text())),
        get: |c| file(|c| &c.token_file, c),
    },
    Key {
        section: "credentials",
        name: "ssh_key_file",
        variable: None,
        kind: Kind::Path,
        required: false,
        doc: "For ssh: the private key, without a passphrase, readable by you alone.",
        set: |c, v| c.ssh_key_file = Some(Utf8PathBuf::from(v.into_text())),
        get: |c| file(|c| &c.ssh_key_file, c),
    },
    Key {
        section: "credentials",
        name: "known_hosts_file",
        variable: None,
        kind: Kind::Path,
        required: false,
        doc: "For ssh: the keys of the servers that are trusted, as `ssh-keyscan HOST` prints them (compare them with what \
              the server's owner says). An unknown server is refused.",
        set: |c, v| c.known_hosts_file = Some(Utf8PathBuf::from(v.into_text())),
        get: |c| file(|c| &c.known_hosts_file, c),
    },
    Key {
        section: "credentials",
        name: "ca_file",
        variable: None,
        kind: Kind::Path,
        required: false,
        doc: "For https: a PEM file with the authorities to trust instead of the machine's own.",
        set: |c, v| c.ca_file = Some(Utf8PathBuf::from(v.into_text())),
        get: |c| file(|c| &c.ca_file, c),
    },
];

/// Rows of `[[repository]]`; part of its rows.
pub const URL: Key<RepositoryEntry> = Key {
    section: "repository",
    name: "remote",
    variable: None,
    kind: Kind::Remote,
    required: false,
    doc: "The server where its branches live, as https://HOST/PATH or ssh://USER@HOST/PATH, without any secret: tasks' \
          branches are pushed there, and work lands there. Left out: they live on this machine, and landed work comes home \
          with `orch pull`.",
    set: |r, v| r.remote.url = Some(v.into_text()),
    get: |r| r.remote.url.as_deref().map(quoted),
};

/// As [`URL`].
pub const NAME: Key<RepositoryEntry> = Key {
    section: "repository",
    name: "credential",
    variable: None,
    kind: Kind::Id,
    required: false,
    doc: "What lets us in there: the name of a [credentials.NAME].",
    set: |r, v| r.remote.credential = Some(v.into_text()),
    get: |r| r.remote.credential.as_deref().map(quoted),
};

/// As [`URL`].
pub const TIMEOUT: Key<RepositoryEntry> = Key {
    section: "repository",
    name: "remote_timeout_seconds",
    variable: None,
    kind: Kind::Number(5, 7_200),
    required: false,
    doc: "Seconds that one call of git to the server may take.",
    set: |r, v| {
        if let Value::Number(n) = v {
            r.remote.timeout_seconds = n;
        }
    },
    get: |r| Some(r.remote.timeout_seconds.to_string()),
};

/// As [`URL`].
pub const SIZE: Key<RepositoryEntry> = Key {
    section: "repository",
    name: "remote_max_mb",
    variable: None,
    kind: Kind::Number(1, 1_000_000),
    required: false,
    doc: "Megabytes that one fetch from the server may bring; more is refused.",
    set: |r, v| {
        if let Value::Number(n) = v {
            r.remote.max_mb = n;
        }
    },
    get: |r| Some(r.remote.max_mb.to_string()),
};

/// The key, what is wrong with it, and what to do.
pub type Misfit = (&'static str, String, String);

/// What the single values of a credential cannot tell: the key, what is wrong with it, and what to do.
pub fn misfits(entry: &CredentialEntry) -> Vec<Misfit> {
    let mut found = Vec::new();
    let mut judge = |wrong: bool, key, what: &str, fix: &str| {
        if wrong {
            found.push((key, what.to_owned(), fix.to_owned()));
        }
    };
    let (token, key) = (entry.token_file.is_some(), entry.ssh_key_file.is_some());
    judge(!token && !key, "token_file", "is missing", "name the file of the token, or ssh_key_file for ssh");
    judge(token && key, "ssh_key_file", "stands beside token_file", "make two credentials of them");
    let known = entry.known_hosts_file.is_some();
    judge(
        key && !known,
        "known_hosts_file",
        "is missing",
        "ssh-keyscan HOST > FILE, compare the key, and name the file",
    );
    judge(!key && known, "known_hosts_file", "is for ssh", "remove it");
    judge(
        key && entry.user.is_some(),
        "user",
        "is for a token",
        "the user of ssh stands in the address: ssh://USER@HOST/PATH",
    );
    judge(key && entry.ca_file.is_some(), "ca_file", "is for a token", "remove it");
    found
}

/// What is wrong with a repository's remote, as [`misfits`].
pub fn remote_misfits(entry: &RepositoryEntry, host: &Host) -> Vec<Misfit> {
    let RemoteEntry { url, credential, .. } = &entry.remote;
    let Some(url) = url else {
        let stray = credential.as_ref().map(|_| ("credential", "is for a `remote`".to_owned(), "remove it".to_owned()));
        return stray.into_iter().collect();
    };
    let named = credential.as_ref().map(|name| (name, host.credentials.get(name)));
    let ssh = RemoteUrl::new(url).is_ok_and(|url| url.scheme() == "ssh");
    let wrong = match named {
        Some((name, None)) => Some((
            format!("is \"{name}\", and there is no [credentials.{name}]"),
            format!("add [credentials.{name}] with token_file, or with ssh_key_file and known_hosts_file"),
        )),
        Some((name, Some(found))) if ssh != found.ssh_key_file.is_some() && misfits(found).is_empty() => {
            let (has, needs) = if ssh { ("a token", "a key") } else { ("a key", "a token") };
            Some((
                format!("is \"{name}\", which is {has}, and the remote needs {needs}"),
                "name another one".to_owned(),
            ))
        }
        None if ssh => {
            Some(("is missing".to_owned(), "ssh lets nobody in without a key: name a credential".to_owned()))
        }
        _ => None,
    };
    wrong.into_iter().map(|(what, fix)| ("credential", what, fix)).collect()
}

/// A repository's remote with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The repository's id.
    pub repository: String,
    /// Its address.
    pub url: RemoteUrl,
    entry: RemoteEntry,
    credential: Option<(String, CredentialEntry)>,
}

impl Host {
    /// Where the branches of a repository live, if that is a server.
    pub fn server(&self, entry: &RepositoryEntry) -> Option<Server> {
        let url = RemoteUrl::new(entry.remote.url.as_deref()?).ok()?;
        let name = entry.remote.credential.clone();
        let credential = name.and_then(|name| self.credentials.get(&name).map(|found| (name, found.clone())));
        Some(Server { repository: entry.id.clone(), url, entry: entry.remote.clone(), credential })
    }
}

impl Server {
    /// The credential as people know it, and where it is kept.
    pub fn credential(&self) -> String {
        match &self.credential {
            None => "it names no credential (`credential` in the host file)".to_owned(),
            Some((name, entry)) => {
                let file = entry.token_file.as_ref().or(entry.ssh_key_file.as_ref());
                format!("credential `{name}`, {}", file.map_or("without a file", |file| file.as_str()))
            }
        }
    }

    /// What shares one limit at the server: the same credential there.
    pub fn channel(&self) -> String {
        let name = self.credential.as_ref().map_or("", |(name, _)| name);
        format!("{name}@{}", self.url.authority())
    }

    /// The remote with what the files hold now.
    ///
    /// # Errors
    /// What is wrong with them and what to do, without any secret.
    pub fn remote(&self, git: &Git) -> Result<Remote, String> {
        let name = RemoteName::new(&self.repository).map_err(|error| error.to_string())?;
        let entry = self.credential.as_ref().map(|(_, entry)| entry);
        let made = Remote::new(git, name, self.url.clone(), access(entry)?).map_err(|error| error.to_string())?;
        let made = made
            .with_time_limit(Duration::from_secs(self.entry.timeout_seconds))
            .with_size_limit(self.entry.max_mb.saturating_mul(1_000_000));
        Ok(match entry.and_then(|entry| entry.ca_file.as_ref()) {
            Some(file) => made.with_authorities(file.as_str()),
            None => made,
        })
    }
}

fn access(entry: Option<&CredentialEntry>) -> Result<Access, String> {
    let Some(entry) = entry else { return Ok(Access::Anonymous) };
    if let (Some(key), Some(known_hosts)) = (&entry.ssh_key_file, &entry.known_hosts_file) {
        // ssh says nothing of a key that is not there: it is refused like a stranger.
        std::fs::File::open(key).map_err(|error| format!("{key} cannot be read: {error}"))?;
        return Ok(Access::Key { key: key.into(), known_hosts: known_hosts.into() });
    }
    let Some(file) = &entry.token_file else { return Ok(Access::Anonymous) };
    let user = entry.user.clone().unwrap_or_else(|| ANY_USER.to_owned());
    Ok(Access::Token { user, token: Secret::new(read_token(file)?) })
}

/// The token in a file, without a word of it in the error.
pub fn read_token(file: &Utf8Path) -> Result<String, String> {
    let token = secret::read("the token", file).map_err(|failure| {
        let fix = failure.fix.map_or_else(String::new, |fix| format!("; {fix}"));
        format!("{} ({file}){fix}", failure.what)
    })?;
    Ok(token.reveal().to_owned())
}
