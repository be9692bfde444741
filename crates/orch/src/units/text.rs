//! The text of the units; options as in systemd.unit(5), systemd.service(5), systemd.kill(5).

use camino::Utf8PathBuf;

/// The first line of what we wrote; anything else is not ours to replace.
pub const MARK: &str = "# Written by `orch service install`";
/// The units, the one that is needed by the other first.
pub const NAMES: [&str; 2] = ["orch-host.service", "orch.service"];
/// Where programs are found if nobody says.
pub const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What differs between two installations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// This program.
    pub program: Utf8PathBuf,
    /// The account of a system unit; `None` in a user's units.
    pub account: Option<String>,
    /// The state folder.
    pub state: Utf8PathBuf,
    /// The host file.
    pub config: Utf8PathBuf,
    /// Where agents and checks find their programs.
    pub search_path: String,
}

impl Unit {
    /// The units of a machine, as they stand in `packaging/systemd`.
    pub fn system() -> Self {
        Self {
            program: "/usr/local/bin/orch".into(),
            account: Some("orch".to_owned()),
            state: "/var/lib/orch".into(),
            config: "/etc/orch/host.toml".into(),
            search_path: SEARCH_PATH.to_owned(),
        }
    }

    fn account(&self) -> String {
        // StateDirectory= makes /var/lib/orch for the account.
        self.account
            .as_ref()
            .map(|name| format!("User={name}\nStateDirectory=orch\nStateDirectoryMode=0700\n"))
            .unwrap_or_default()
    }

    fn environment(&self) -> String {
        let variables = [
            ("ORCH_STATE_DIR", self.state.as_str()),
            ("ORCH_CONFIG", self.config.as_str()),
            ("PATH", self.search_path.as_str()),
        ];
        variables.map(|(name, value)| format!("Environment={}\n", quoted(&format!("{name}={value}")))).concat()
    }

    fn target(&self) -> &'static str {
        if self.account.is_some() { "multi-user.target" } else { "default.target" }
    }
}

/// As systemd.syntax(7) reads it back: quotes and backslashes escaped, `%` doubled.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%"))
}

/// As ExecStart= reads it: a `$` is doubled, too.
fn program(unit: &Unit) -> String {
    quoted(unit.program.as_str()).replace('$', "$$")
}

/// File name and text of both units.
pub fn all(unit: &Unit) -> [(&'static str, String); 2] {
    [(NAMES[0], host(unit)), (NAMES[1], service(unit))]
}

fn host(unit: &Unit) -> String {
    let (account, environment, target) = (unit.account(), unit.environment(), unit.target());
    let program = program(unit);
    format!(
        "{MARK}; see `orch service --help`.\n\
         [Unit]\n\
         Description=Orchestrion: the parent of all agent runs\n\
         \n\
         [Service]\n\
         Type=exec\n\
         ExecStart={program} host\n\
         {account}{environment}\
         # Runs are in this unit's group. A restart of the host leaves them alone.\n\
         KillMode=process\n\
         Restart=always\n\
         RestartSec=1\n\
         # One run that uses up its memory does not end the others.\n\
         OOMPolicy=continue\n\
         TasksMax=infinity\n\
         Delegate=yes\n\
         Slice=orch.slice\n\
         \n\
         [Install]\n\
         WantedBy={target}\n"
    )
}

fn service(unit: &Unit) -> String {
    let (account, environment, target) = (unit.account(), unit.environment(), unit.target());
    let program = program(unit);
    format!(
        "{MARK}; see `orch service --help`.\n\
         [Unit]\n\
         Description=Orchestrion: carries issues to production\n\
         Wants=orch-host.service\n\
         After=orch-host.service network.target\n\
         \n\
         [Service]\n\
         Type=exec\n\
         ExecStart={program} up\n\
         {account}{environment}\
         # The service ends in good order; agents at work belong to orch-host.service and go on.\n\
         KillMode=mixed\n\
         TimeoutStopSec=30\n\
         Restart=on-failure\n\
         RestartSec=2\n\
         \n\
         [Install]\n\
         WantedBy={target}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_units_in_the_repository_are_the_ones_that_are_installed() {
        for (name, text) in all(&Unit::system()) {
            assert!(text.starts_with(MARK));
            crate::settings::tests::holds(&format!("packaging/systemd/{name}"), &text);
        }
    }

    #[test]
    fn a_path_is_read_back_as_it_is() {
        let unit = Unit {
            program: "/opt/a b/50%/$x/orch".into(),
            account: None,
            state: "/home/u/\"s\"".into(),
            ..Unit::system()
        };
        let [(_, host), (_, service)] = all(&unit);
        assert!(service.contains("ExecStart=\"/opt/a b/50%%/$$x/orch\" up\n"), "{service}");
        assert!(host.contains("Environment=\"ORCH_STATE_DIR=/home/u/\\\"s\\\"\"\n"), "{host}");
        assert!(!host.contains("User=") && host.contains("WantedBy=default.target"), "{host}");
    }

    #[test]
    fn the_container_recipe_runs_the_same_two_processes() {
        let compose = include_str!("../../../../packaging/container/compose.yaml");
        let image = include_str!("../../../../packaging/container/Containerfile");
        for words in
            ["command: [\"host\"]", "command: [\"up\"]", "pid: \"service:host\"", "ORCH_STATE_DIR: /var/lib/orch/state"]
        {
            assert!(compose.contains(words), "{words}");
        }
        assert!(image.contains("ENTRYPOINT [\"/usr/local/bin/orch\"]"));
    }
}
