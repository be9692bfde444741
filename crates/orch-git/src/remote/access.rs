//! What a server asks for before it answers.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::url::RemoteUrl;

/// A text that nothing prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret over.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// How a server lets us in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// It lets everybody in.
    Anonymous,
    /// By https with a token, as HTTP basic authentication.
    Token {
        /// User name that goes with it; many forges take any.
        user: String,
        /// The token.
        token: Secret,
    },
    /// By ssh with a key that has no passphrase.
    Key {
        /// The private key.
        key: PathBuf,
        /// Host keys that are trusted, in the form of `known_hosts`; an unknown host is refused.
        known_hosts: PathBuf,
    },
}

/// Answers git's question for a user name and a password from this call's own environment. `printf` is built into the
/// shell, so the token is in no argument list.
const HELPER: &str =
    r#"!f() { test "$1" = get || exit 0; printf 'username=%s\npassword=%s\n' "$ORCH_GIT_USER" "$ORCH_GIT_TOKEN"; }; f"#;

impl Access {
    /// Whether it is of use with this address, or why not.
    pub(super) fn fits(&self, url: &RemoteUrl) -> Result<(), String> {
        match (self, url.scheme()) {
            (Self::Token { user, token }, "https" | "http") => {
                // Git's credential protocol is lines.
                if user.contains(['\n', '\0', '\r']) || token.0.contains(['\n', '\0', '\r']) {
                    return Err("the token or its user has a line break; write the token without one".to_owned());
                }
                Ok(())
            }
            (Self::Token { .. }, _) => Err("a token is for https; for ssh name a key".to_owned()),
            (Self::Key { key, known_hosts }, "ssh") => {
                let usable = |path: &Path| path.is_absolute() && !path.as_os_str().as_bytes().contains(&b'\n');
                if usable(key) && usable(known_hosts) {
                    Ok(())
                } else {
                    Err("key and known_hosts are absolute paths without a line break".to_owned())
                }
            }
            (Self::Key { .. }, _) => Err("a key is for ssh; for https give a token".to_owned()),
            (Self::Anonymous, "ssh") => Err("ssh lets nobody in without a key; name one".to_owned()),
            (Self::Anonymous, _) => Ok(()),
        }
    }

    /// The setting that lets git ask for the token, for this server alone.
    pub(super) fn helper(&self, url: &RemoteUrl) -> Option<(String, &'static str)> {
        matches!(self, Self::Token { .. })
            .then(|| (format!("credential.{}://{}.helper", url.scheme(), url.authority()), HELPER))
    }

    /// Variables of this call.
    pub(super) fn environment(&self) -> Vec<(&'static str, OsString)> {
        match self {
            Self::Anonymous => Vec::new(),
            Self::Token { user, token } => {
                vec![("ORCH_GIT_USER", user.into()), ("ORCH_GIT_TOKEN", token.0.clone().into())]
            }
            Self::Key { key, known_hosts } => {
                // Nothing of the account's own settings, nobody to ask, no key but this one.
                let mut command = OsString::from(
                    "exec ssh -F /dev/null -T -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none \
                     -o StrictHostKeyChecking=yes -o UpdateHostKeys=no -o GlobalKnownHostsFile=/dev/null \
                     -o ConnectTimeout=20 -o ServerAliveInterval=15 -o ServerAliveCountMax=4",
                );
                for (option, path) in [("UserKnownHostsFile", known_hosts), ("IdentityFile", key)] {
                    command.push(format!(" -o {option}="));
                    command.push(quoted(path));
                }
                vec![("GIT_SSH_COMMAND", command)]
            }
        }
    }
}

/// A path as one word: for ssh, which reads a list of files where `UserKnownHostsFile` stands, and around that for the
/// shell that git gives the command to.
fn quoted(path: &Path) -> OsString {
    use std::os::unix::ffi::OsStringExt;
    let mut word = b"'\"".to_vec();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'\'' => word.extend(b"'\\''"),
            b'"' | b'\\' => word.extend([b'\\', *byte]),
            // `%` begins a token in ssh's own settings.
            b'%' => word.extend(b"%%"),
            other => word.push(*other),
        }
    }
    word.extend(b"\"'");
    OsString::from_vec(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let access = Access::Token { user: "bot".into(), token: Secret::new("s3cret") };
        assert!(!format!("{access:?}").contains("s3cret"));
    }

    #[test]
    fn access_and_address_must_fit() {
        let https = RemoteUrl::new("https://h/a").expect("an address");
        let ssh = RemoteUrl::new("ssh://git@h/a").expect("an address");
        let token = |text: &str| Access::Token { user: "x".into(), token: Secret::new(text) };
        let key = |path: &str| Access::Key { key: path.into(), known_hosts: "/k".into() };
        assert!(token("t").fits(&https).is_ok() && key("/key").fits(&ssh).is_ok());
        assert!(Access::Anonymous.fits(&https).is_ok());
        for (access, url) in [
            (token("t"), &ssh),
            (token("t\nquit=1"), &https),
            (key("/key"), &https),
            (key("key"), &ssh),
            (Access::Anonymous, &ssh),
        ] {
            assert!(access.fits(url).is_err(), "{access:?} {url}");
        }
    }
}
