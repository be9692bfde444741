//! What became of a call to a server, read from git's words. `LC_ALL=C` is pinned on our side; what the server itself
//! says is passed on and never decided on, but for the few words that git's own server prints.

use std::fmt;

use super::url::RemoteUrl;
use crate::error::{Error, scrub};

/// A call to a server that did not do what it should.
#[derive(Debug, thiserror::Error)]
#[error("{url}: {trouble}{}", if .words.is_empty() { String::new() } else { format!(": {}", .words) })]
pub struct RemoteError {
    /// What kind of trouble: a caller decides on this.
    pub trouble: RemoteTrouble,
    /// The address.
    pub url: RemoteUrl,
    /// Git's and the server's words, without credentials, at most 2,000 bytes.
    pub words: String,
    /// For [`RemoteTrouble::Local`]: what failed here.
    pub local: Option<Box<Error>>,
}

impl RemoteError {
    pub(super) fn new(trouble: RemoteTrouble, url: &RemoteUrl, words: impl AsRef<str>) -> Self {
        Self { trouble, url: url.clone(), words: short(&scrub(words.as_ref())), local: None }
    }

    pub(super) fn local(error: Error, url: &RemoteUrl) -> Self {
        let words = error.to_string();
        Self { local: Some(Box::new(error)), ..Self::new(RemoteTrouble::Local, url, words) }
    }

    /// Whether the same call may succeed later without anybody doing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.trouble {
            RemoteTrouble::Unreachable | RemoteTrouble::Slow | RemoteTrouble::RateLimited | RemoteTrouble::InDoubt => {
                true
            }
            RemoteTrouble::Unauthorised | RemoteTrouble::Missing | RemoteTrouble::Refused | RemoteTrouble::TooLarge => {
                false
            }
            RemoteTrouble::Local => self.local.as_ref().is_none_or(|error| error.is_retryable()),
        }
    }
}

/// Kinds of trouble with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemoteTrouble {
    /// No connection, a connection that broke, or an answer that says "not now" (5xx).
    Unreachable,
    /// It answered too slowly.
    Slow,
    /// Too many requests.
    RateLimited,
    /// It does not know the credential, or the credential may not do this.
    Unauthorised,
    /// There is no such repository, or the credential may not see it.
    Missing,
    /// It answered in a way that will not change by itself: a wrong certificate, a redirect, an unknown host key.
    Refused,
    /// What it sends is larger than the limit.
    TooLarge,
    /// A push was under way when the connection was lost.
    InDoubt,
    /// This machine's own trouble.
    Local,
}

impl RemoteTrouble {
    /// Whether a push that ended so cannot have reached the server.
    pub(super) fn is_before_sending(&self) -> bool {
        matches!(self, Self::Unauthorised | Self::Missing | Self::Refused | Self::RateLimited)
    }
}

impl fmt::Display for RemoteTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "the server cannot be reached",
            Self::Slow => "the server does not answer in time",
            Self::RateLimited => "the server wants fewer requests",
            Self::Unauthorised => "the server does not accept the credential",
            Self::Missing => "the server shows no such repository to this credential",
            Self::Refused => "the server is not what the settings say",
            Self::TooLarge => "what the server sends is larger than the limit",
            Self::InDoubt => "the connection was lost in the middle of a push",
            Self::Local => "git failed on this machine",
        })
    }
}

/// Words of git, curl and ssh, first match wins. Most specific first: a wrong token ends with words about a repository
/// that cannot be read, too.
const WORDS: &[(&str, RemoteTrouble)] = &[
    // SIGXFSZ: a file grew beyond what it may be.
    ("died of signal 25", RemoteTrouble::TooLarge),
    ("File too large", RemoteTrouble::TooLarge),
    ("returned error: 429", RemoteTrouble::RateLimited),
    ("Authentication failed for", RemoteTrouble::Unauthorised),
    ("could not read Username", RemoteTrouble::Unauthorised),
    ("could not read Password", RemoteTrouble::Unauthorised),
    ("returned error: 401", RemoteTrouble::Unauthorised),
    ("returned error: 403", RemoteTrouble::Unauthorised),
    ("Permission denied (", RemoteTrouble::Unauthorised),
    ("Host key verification failed", RemoteTrouble::Refused),
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", RemoteTrouble::Refused),
    ("certificate", RemoteTrouble::Refused),
    ("returned error: 30", RemoteTrouble::Refused),
    ("unable to update url base from redirection", RemoteTrouble::Refused),
    ("returned error: 404", RemoteTrouble::Missing),
    ("returned error: 410", RemoteTrouble::Missing),
    ("' not found", RemoteTrouble::Missing),
    ("does not appear to be a git repository", RemoteTrouble::Missing),
    ("returned error: 4", RemoteTrouble::Refused),
    ("not valid: is this a git repository", RemoteTrouble::Refused),
    ("returned error: 5", RemoteTrouble::Unreachable),
    ("Could not resolve", RemoteTrouble::Unreachable),
    ("Failed to connect", RemoteTrouble::Unreachable),
    ("Couldn't connect", RemoteTrouble::Unreachable),
    ("Connection refused", RemoteTrouble::Unreachable),
    ("Connection reset", RemoteTrouble::Unreachable),
    ("Connection timed out", RemoteTrouble::Unreachable),
    ("Connection closed", RemoteTrouble::Unreachable),
    ("Network is unreachable", RemoteTrouble::Unreachable),
    ("No route to host", RemoteTrouble::Unreachable),
    ("Operation too slow", RemoteTrouble::Slow),
    ("Timeout was reached", RemoteTrouble::Slow),
    ("timed out", RemoteTrouble::Slow),
    ("Empty reply from server", RemoteTrouble::Unreachable),
    ("RPC failed", RemoteTrouble::Unreachable),
    ("unexpected disconnect", RemoteTrouble::Unreachable),
    ("the remote end hung up", RemoteTrouble::Unreachable),
    ("early EOF", RemoteTrouble::Unreachable),
    ("SSL", RemoteTrouble::Unreachable),
    ("TLS", RemoteTrouble::Unreachable),
    ("Could not read from remote repository", RemoteTrouble::Unreachable),
    ("unable to access", RemoteTrouble::Unreachable),
];

/// The trouble that git's words tell of; `None`: they are about this machine.
pub(super) fn of_words(stderr: &str) -> Option<RemoteTrouble> {
    WORDS.iter().find(|(words, _)| stderr.contains(words)).map(|(_, trouble)| *trouble)
}

/// What `git push --porcelain` says of the one branch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Moved,
    Already,
    Stale,
    Refused(String),
}

/// Reads `<flag>\t<from>:<to>\t<summary>[ (<reason>)]`, git-push(1); `None` if there is no such line.
pub(super) fn pushed(output: &str) -> Option<Said> {
    let line = output.lines().find(|line| line.split('\t').count() >= 3 && line.contains(":refs/heads/"))?;
    let (flag, summary) = (line.chars().next()?, line.rsplit('\t').next()?);
    Some(match flag {
        '=' => Said::Already,
        ' ' | '+' | '*' | '-' => Said::Moved,
        // `stale info`: the old value named is not the server's; the others come from a server whose branch moved
        // between its list and the push.
        _ if [
            "(stale info)",
            "cannot lock ref",
            "failed to update ref",
            "incorrect old value",
            "failed to lock",
            "reference already exists",
        ]
        .iter()
        .any(|reason| summary.contains(reason)) =>
        {
            Said::Stale
        }
        _ => Said::Refused(summary.to_owned()),
    })
}

/// Whether a removal failed because there was nothing to remove.
pub(super) fn is_gone_already(stderr: &[u8]) -> bool {
    String::from_utf8_lossy(stderr).contains("remote ref does not exist")
}

/// Git's words without the advice that helps nobody here.
pub(super) fn spoken(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let said = text.lines().map(str::trim).filter(|line| {
        !line.is_empty()
            && !line.starts_with("hint:")
            && !matches!(
                *line,
                "remote:" | "and the repository exists." | "Please make sure you have the correct access rights"
            )
    });
    scrub(&said.collect::<Vec<_>>().join("\n"))
}

/// At most 2,000 bytes, the end of them: the last words are the reason.
pub(super) fn short(text: &str) -> String {
    let mut from = text.len().saturating_sub(2000);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text[from..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_kinds() {
        let same = |words: &str, trouble: RemoteTrouble| assert_eq!(of_words(words), Some(trouble), "{words}");
        same("fatal: unable to access 'https://h/a/': Could not resolve host: h", RemoteTrouble::Unreachable);
        same(
            "fatal: unable to access 'https://h/a/': The requested URL returned error: 503",
            RemoteTrouble::Unreachable,
        );
        same(
            "fatal: unable to access 'https://h/a/': The requested URL returned error: 429",
            RemoteTrouble::RateLimited,
        );
        same("fatal: Authentication failed for 'https://h/a/'", RemoteTrouble::Unauthorised);
        same("fatal: could not read Username for 'https://h': terminal prompts disabled", RemoteTrouble::Unauthorised);
        same(
            "git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.",
            RemoteTrouble::Unauthorised,
        );
        same("fatal: repository 'https://h/a/' not found", RemoteTrouble::Missing);
        same(
            "fatal: unable to access 'https://h/a/': server certificate verification failed. CAfile: none",
            RemoteTrouble::Refused,
        );
        same("Host key verification failed.\nfatal: Could not read from remote repository.", RemoteTrouble::Refused);
        same("error: RPC failed; curl 56 Recv failure\nfatal: the remote end hung up", RemoteTrouble::Unreachable);
        assert_eq!(of_words("fatal: unable to create thread: Resource temporarily unavailable"), None);
        assert_eq!(of_words("error: file write error: No space left on device"), None);
    }

    #[test]
    fn a_push_says_what_became_of_its_branch() {
        let line = |line: &str| pushed(&format!("To https://h/a\n{line}\nDone\n"));
        assert_eq!(line(" \t1:refs/heads/a\tabc..def"), Some(Said::Moved));
        assert_eq!(line("*\t1:refs/heads/a\t[new branch]"), Some(Said::Moved));
        assert_eq!(line("-\t:refs/heads/a\t[deleted]"), Some(Said::Moved));
        assert_eq!(line("=\t1:refs/heads/a\t[up to date]"), Some(Said::Already));
        assert_eq!(line("!\t1:refs/heads/a\t[rejected] (stale info)"), Some(Said::Stale));
        assert_eq!(
            line("!\t1:refs/heads/a\t[remote rejected] (cannot lock ref 'refs/heads/a': is at 1)"),
            Some(Said::Stale)
        );
        let hook = "[remote rejected] (pre-receive hook declined)";
        assert_eq!(line(&format!("!\t1:refs/heads/a\t{hook}")), Some(Said::Refused(hook.to_owned())));
        assert_eq!(pushed(""), None);
    }

    #[test]
    fn what_is_passed_on_is_short_and_clean() {
        let words = spoken(b"hint: do this\nremote: \nremote: Branch is protected\nfatal: https://bot:s3cret@h/a no\n");
        assert_eq!(words, "remote: Branch is protected\nfatal: https://***@h/a no");
        assert_eq!(short(&"é".repeat(2000)).len(), 2000);
    }
}
