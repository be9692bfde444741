//! The address of a repository on a server.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An address by https, ssh, or, to this very machine, http. It never carries a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RemoteUrl {
    text: String,
    scheme: &'static str,
    /// From the first letter of the host to the last of the port.
    authority: std::ops::Range<usize>,
}

impl RemoteUrl {
    /// Reads `https://host[:port]/path`, `ssh://[user@]host[:port]/path` or `user@host:path`.
    ///
    /// # Errors
    /// What is wrong with it and what to do, in one sentence that does not repeat the address: somebody's password
    /// may stand in it.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err("the address has a blank or a control character; write them as %20 and the like".to_owned());
        }
        let text = scp_form(text).unwrap_or_else(|| text.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or(
            "the address is neither https://host/path nor ssh://user@host/path; a folder on this machine is given as a path, not as a remote",
        )?;
        let scheme = match scheme {
            "https" => "https",
            "ssh" => "ssh",
            "http" => "http",
            _ => return Err(format!("`{}` is no way to reach a server; use https or ssh", shortened(scheme))),
        };
        let (authority, path) = rest.split_once('/').ok_or("the address has no path after the host")?;
        if path.trim_matches('/').is_empty() {
            return Err("the address names a server and no repository on it".to_owned());
        }
        let (user, server) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        match user {
            Some(_) if scheme != "ssh" => {
                return Err("the address has a user or a token before the `@`; take it out and give the token by its own setting".to_owned());
            }
            Some(user) if user.contains(':') => {
                return Err("the address has a password; take it out and use a key".to_owned());
            }
            Some(user) if user.starts_with('-') || user.is_empty() => {
                return Err("the user before the `@` is empty or starts with a dash".to_owned());
            }
            _ => {}
        }
        let host = host_of(server).ok_or("the host is empty, or its port is no number")?;
        if host.starts_with('-') {
            return Err("the host starts with a dash".to_owned());
        }
        if scheme == "http" && !matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
            return Err("http sends the token readable by everybody on the way; use https".to_owned());
        }
        let from = text.len() - rest.len() + authority.len() - server.len();
        let authority = from..from + server.len();
        Ok(Self { scheme, authority, text })
    }

    /// The whole address, as git gets it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `https`, `ssh` or `http`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Host and port.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.text[self.authority.clone()]
    }
}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for RemoteUrl {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text)
    }
}

impl From<RemoteUrl> for String {
    fn from(url: RemoteUrl) -> Self {
        url.text
    }
}

/// `user@host:path` as an ssh address; `None` for anything else.
fn scp_form(text: &str) -> Option<String> {
    if text.contains("://") {
        return None;
    }
    let (before, path) = text.split_once(':')?;
    let (user, host) = before.split_once('@')?;
    // `/./x:y` and `[::1]:x` are for git to guess and not for us.
    (!host.is_empty() && !before.contains(['/', '[']) && !path.is_empty())
        .then(|| format!("ssh://{user}@{host}/{}", path.trim_start_matches('/')))
}

/// The host of `host[:port]`, brackets included.
fn host_of(server: &str) -> Option<&str> {
    let (host, port) = match server.strip_prefix('[') {
        Some(inner) => {
            let end = inner.find(']')? + 2;
            (&server[..end], server[end..].strip_prefix(':').map_or(&server[end..], |port| port))
        }
        None => server.split_once(':').unwrap_or((server, "0")),
    };
    let numbered = server.ends_with(']') || port.parse::<u16>().is_ok();
    (!host.is_empty() && numbered).then_some(host)
}

fn shortened(text: &str) -> String {
    text.chars().take(20).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (given, scheme, authority) in [
            ("https://git.example.org/team/shop.git", "https", "git.example.org"),
            ("https://git.example.org:8443/team/shop", "https", "git.example.org:8443"),
            ("ssh://git@git.example.org:2222/team/shop.git", "ssh", "git.example.org:2222"),
            ("ssh://git.example.org/team/shop.git", "ssh", "git.example.org"),
            ("git@git.example.org:team/shop.git", "ssh", "git.example.org"),
            ("http://127.0.0.1:3000/a/b", "http", "127.0.0.1:3000"),
            ("http://[::1]:3000/a/b", "http", "[::1]:3000"),
            ("https://[2001:db8::1]/a/b", "https", "[2001:db8::1]"),
        ] {
            let url = RemoteUrl::new(given).unwrap_or_else(|why| panic!("{given}: {why}"));
            assert_eq!((url.scheme(), url.authority()), (scheme, authority), "{given}");
        }
        assert_eq!(RemoteUrl::new("git@h:a/b.git").expect("the short form").as_str(), "ssh://git@h/a/b.git");
    }

    #[test]
    fn what_could_leak_or_run_something_is_refused_without_repeating_it() {
        for bad in [
            "",
            "/srv/repository",
            "file:///srv/repository",
            "ext::sh -c touch% /tmp/x",
            "ext::touch",
            "git://host/a",
            "https://ann:s3cret@host/a",
            "https://s3cret@host/a",
            "ssh://git:s3cret@host/a",
            "ssh://-oProxyCommand=s3cret/a",
            "ssh://-oProxyCommand=x@host/a",
            "ssh://@host/a",
            "https://host",
            "https://host/",
            "https:///a",
            "https://host:port/a",
            "https://host:99999/a",
            "https://ho st/a",
            "https://host/a\nb",
            "http://git.example.org/a",
            "http://127.0.0.1.evil.example/a",
            "--upload-pack=x",
            "C:\\x",
        ] {
            let why = RemoteUrl::new(bad).expect_err(bad);
            assert!(!why.contains("s3cret"), "{why}");
        }
    }
}
