//! The product that keeps a repository's branches: change requests, reviews and statuses by its API.

use std::path::PathBuf;

use camino::Utf8PathBuf;
use orch_vendors::forge::gitea::Page;

use super::host::{Host, RepositoryEntry};
use super::keys::{Key, quoted};
use super::kind::Kind;
use super::remote::{CredentialEntry, Misfit, read_token};

/// What the servers call themselves; both speak one API.
const KINDS: &[&str] = &["gitea", "forgejo"];

/// The product of a repository's server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForgeEntry {
    /// One of [`KINDS`]; `None`: branches by git are all that is used.
    pub kind: Option<String>,
    /// The repository's page there; `None`: the remote, if that is by https.
    pub url: Option<String>,
    /// The credential of the API; `None`: the remote's.
    pub credential: Option<String>,
    /// The file with what its webhook is signed with.
    pub hook_secret_file: Option<Utf8PathBuf>,
    /// Where its webhook reaches the service; `None`: where people do.
    pub hook_address: Option<String>,
}

/// Rows of `[[repository]]`; part of its rows.
pub const KIND: Key<RepositoryEntry> = Key {
    section: "repository",
    name: "forge",
    variable: None,
    kind: Kind::OneOf(KINDS),
    required: false,
    doc: "The product that its server runs. Where the base branch takes no push from us, work then lands by a merge that keeps \
          the tested commit, and `orch doctor` asks what the server wants. Left out: git alone is spoken.",
    set: |r, v| r.forge.kind = Some(v.into_text()),
    get: |r| r.forge.kind.as_deref().map(quoted),
};

/// As [`KIND`].
pub const URL: Key<RepositoryEntry> = Key {
    section: "repository",
    name: "forge_url",
    variable: None,
    kind: Kind::WebAddress,
    required: false,
    doc: "Its page on that server, https://HOST/OWNER/NAME. Left out: the `remote`, if that is by https.",
    set: |r, v| r.forge.url = Some(v.into_text()),
    get: |r| r.forge.url.as_deref().map(quoted),
};

/// As [`KIND`].
pub const CREDENTIAL: Key<RepositoryEntry> = Key {
    section: "repository",
    name: "forge_credential",
    variable: None,
    kind: Kind::Id,
    required: false,
    doc: "The [credentials.NAME] with the token for its API. Left out: the `credential` of the remote, if that is a token.",
    set: |r, v| r.forge.credential = Some(v.into_text()),
    get: |r| r.forge.credential.as_deref().map(quoted),
};

/// As [`KIND`].
pub const HOOK_SECRET: Key<RepositoryEntry> = Key {
    section: "repository",
    name: "forge_hook_secret_file",
    variable: None,
    kind: Kind::Path,
    required: false,
    doc: "A file with what its webhook is signed with, readable by you alone; `orch connect gitea` makes both. Left out: what \
          happens there is found by asking, once a minute.",
    set: |r, v| r.forge.hook_secret_file = Some(Utf8PathBuf::from(v.into_text())),
    get: |r| r.forge.hook_secret_file.as_ref().map(|file| quoted(file.as_str())),
};

/// As [`KIND`].
pub const HOOK_ADDRESS: Key<RepositoryEntry> = Key {
    section: "repository",
    name: "forge_hook_address",
    variable: None,
    kind: Kind::WebAddress,
    required: false,
    doc: "Where its server reaches this service: http://HOST:PORT, or what leads there. Left out: `service.public_url`, else \
          where the service listens.",
    set: |r, v| r.forge.hook_address = Some(v.into_text()),
    get: |r| r.forge.hook_address.as_deref().map(quoted),
};

/// What is wrong with a repository's product: the key, what, and what to do.
pub fn forge_misfits(entry: &RepositoryEntry, host: &Host) -> Vec<Misfit> {
    let ForgeEntry { kind, url, credential, .. } = &entry.forge;
    let wrong = |key, what: String, fix: &str| vec![(key, what, fix.to_owned())];
    let stray = [("forge_url", url), ("forge_credential", credential)].into_iter().find(|(_, value)| value.is_some());
    match (kind, stray) {
        (None, Some((key, _))) => {
            return wrong(key, "is for a `forge`".to_owned(), "name the product: forge = \"gitea\"");
        }
        (None, None) => return Vec::new(),
        _ => {}
    }
    let Some(remote) = &entry.remote.url else {
        return wrong(
            "forge",
            "is for a `remote`".to_owned(),
            "name the server where its branches live: remote = \"https://…\"",
        );
    };
    if let Err(why) = Page::new(url.as_ref().unwrap_or(remote)) {
        let key = if url.is_some() { "forge_url" } else { "forge" };
        return wrong(key, format!("has no page: {why}"), "give it: forge_url = \"https://HOST/OWNER/NAME\"");
    }
    let name = credential.as_ref().or(entry.remote.credential.as_ref());
    let found = name.and_then(|name| host.credentials.get(name));
    match (name, found) {
        (None, _) => {
            wrong("forge", "has no credential".to_owned(), "name one that is a token: forge_credential = \"NAME\"")
        }
        // The remote's own rows say so.
        (Some(_), None) if credential.is_none() => Vec::new(),
        (Some(name), None) => {
            let what = format!("is \"{name}\", and there is no [credentials.{name}]");
            wrong("forge_credential", what, "add it, with token_file")
        }
        (Some(name), Some(found)) if found.token_file.is_none() => {
            let what = format!("would use \"{name}\", which is no token");
            wrong("forge", what, "name one that is: forge_credential = \"NAME\"")
        }
        _ => Vec::new(),
    }
}

/// A repository's product with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// The repository there.
    pub page: Page,
    name: String,
    entry: CredentialEntry,
    hook_secret_file: Option<Utf8PathBuf>,
}

impl Host {
    /// The product that keeps a repository's branches, if one is named.
    pub fn product(&self, entry: &RepositoryEntry) -> Option<Product> {
        let ForgeEntry { kind, url, credential, hook_secret_file, .. } = &entry.forge;
        kind.as_ref()?;
        let page = Page::new(url.as_deref().or(entry.remote.url.as_deref())?).ok()?;
        let name = credential.clone().or_else(|| entry.remote.credential.clone())?;
        let hook_secret_file = hook_secret_file.clone();
        Some(Product { page, entry: self.credentials.get(&name)?.clone(), name, hook_secret_file })
    }
}

impl Product {
    /// The credential as people know it, and where it is kept.
    pub fn credential(&self) -> String {
        let file = self.entry.token_file.as_ref().map_or("without a file", |file| file.as_str());
        format!("credential `{}`, {file}", self.name)
    }

    /// What shares one limit at the server: the same credential there.
    pub fn channel(&self) -> String {
        format!("{}@{}", self.name, self.page.server())
    }

    /// What its webhook is signed with, as the file has it now.
    pub fn hook_secret(&self) -> Option<String> {
        let file = self.hook_secret_file.as_ref()?;
        let read = read_token(file);
        if let Err(why) = &read {
            tracing::warn!(%file, why, "the secret of a webhook cannot be read");
        }
        read.ok()
    }

    /// Authorities to trust instead of the machine's.
    pub fn authorities(&self) -> Option<PathBuf> {
        self.entry.ca_file.as_ref().map(Into::into)
    }

    /// The token as its file has it now.
    ///
    /// # Errors
    /// What is wrong with the file and what to do, without any secret.
    pub fn token(&self) -> Result<String, String> {
        let file = self.entry.token_file.as_ref().ok_or("the credential is no token")?;
        read_token(file)
    }
}
