//! Connections: accounts of ours at somebody's server, each for one project there. Settings name them; what is kept hangs
//! on an id of their own, so that a new name in the settings makes no second task of each issue.

use crate::rights::ConnectionKind;

/// A connection as the settings have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewConnection {
    /// What people call it; may change.
    pub name: String,
    /// `plane`, `gitea`, `telegram`: the beginning of its id.
    pub product: String,
    /// What it is for.
    pub kind: ConnectionKind,
    /// Where.
    pub server: String,
    /// Which project there, as the product itself names it for good: an id, not a name.
    pub project: String,
    /// Our own accounts there: nothing that they say is a command.
    pub accounts: Vec<String>,
}

impl NewConnection {
    /// The server as one spelling: without what makes no other server of it.
    pub fn server_key(&self) -> String {
        let lower = self.server.trim().to_ascii_lowercase();
        let (scheme, rest) = lower.split_once("://").unwrap_or(("https", &lower));
        let rest = rest.trim_end_matches('/');
        let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let usual = if scheme == "http" { ":80" } else { ":443" };
        // A secret in an address makes no other server of it, either.
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        format!("{}{path}", host.strip_suffix(usual).unwrap_or(host).trim_end_matches('.'))
    }
}

/// A connection as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Never changes: `plane-1`.
    pub id: String,
    /// What it is for.
    pub kind: ConnectionKind,
    /// See [`NewConnection::server_key`].
    pub server: String,
    /// See [`NewConnection::project`].
    pub project: String,
    /// Our own accounts there.
    pub accounts: Vec<String>,
}

/// Each connection means a project of its own: with two for one, every issue would become two tasks.
///
/// # Errors
/// Which two mean the same, and what to do.
pub fn each_its_own(connections: &[NewConnection]) -> Result<(), String> {
    for (at, one) in connections.iter().enumerate() {
        let same = |other: &&NewConnection| {
            (other.kind, other.server_key(), &other.project) == (one.kind, one.server_key(), &one.project)
        };
        if let Some(other) = connections[at + 1..].iter().find(same) {
            return Err(format!(
                "{} and {} are one project, {} at {}; take one of them out of the settings",
                one.name,
                other.name,
                one.project,
                one.server_key()
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(name: &str, kind: ConnectionKind, server: &str, project: &str) -> NewConnection {
        NewConnection {
            name: name.to_owned(),
            product: "plane".to_owned(),
            kind,
            server: server.to_owned(),
            project: project.to_owned(),
            accounts: Vec::new(),
        }
    }

    #[test]
    fn two_that_mean_one_project_are_refused() {
        let one = connection("main", ConnectionKind::Tracker, "https://plane.example.org", "p1");
        for same in [
            "https://plane.example.org/",
            "https://PLANE.example.org:443",
            "plane.example.org",
            "https://plane.example.org.",
            "https://bot:key@plane.example.org",
        ] {
            let other = connection("bots", ConnectionKind::Tracker, same, "p1");
            let why = each_its_own(&[one.clone(), other]).unwrap_err();
            assert!(why.contains("main and bots"), "{same}: {why}");
        }
        for other in [
            connection("x", ConnectionKind::Tracker, "https://plane.example.org", "p2"),
            connection("x", ConnectionKind::Tracker, "https://plane.example.org:8443", "p1"),
            connection("x", ConnectionKind::Tracker, "https://plane.example.com", "p1"),
            connection("x", ConnectionKind::Tracker, "https://plane.example.org/eu", "p1"),
            connection("x", ConnectionKind::Forge, "https://plane.example.org", "p1"),
        ] {
            each_its_own(&[one.clone(), other]).unwrap();
        }
    }
}
