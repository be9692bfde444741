//! The host file that `orch init` writes where there is none: every setting, explained, with its default, commented
//! out.

use camino::Utf8PathBuf;

use super::agent::AgentProgram;
use super::host::{Host, RepositoryEntry};
use super::keys::{self, Key};
use super::model::{self, ModelEntry};
use super::notify::{self, NotifyEntry};
use super::paths::Paths;
use super::remote::{self, CredentialEntry, RemoteEntry};
use super::target::{self, TargetEntry};
use super::tracker::{TRACKER, TrackerEntry};

/// The JSON Schema (2020-12) of the host file, for editors; written beside it.
pub const SCHEMA: &str = include_str!("../../../../docs/schema/host.schema.json");

/// File name of [`SCHEMA`] beside the host file.
pub const SCHEMA_FILE: &str = "host.schema.json";

/// The text of the example. Parses to the defaults.
pub fn text() -> String {
    let places = Paths { config_file: Utf8PathBuf::new(), state: Utf8PathBuf::new() };
    let defaults = Host::with_defaults(places);
    let mut text = format!(
        "#:schema ./{SCHEMA_FILE}\n\
         # Settings of Orchestrion on this machine. What a repository sets for itself stands in its .orch/orch.toml.\n\
         # Every line that is commented out shows the default. ORCH_* variables stand above this file.\n\
         # No secret belongs in here; settings that end in _file name the file that holds one.\n"
    );
    for (section, about) in keys::SECTIONS {
        text.push_str(&format!("\n# {about}\n[{section}]\n"));
        let rows = keys::HOST.iter().filter(|key| key.section == *section);
        text.push_str(&rows.map(|key| entry(key, &defaults)).collect::<Vec<_>>().join("\n"));
    }
    text.push_str(
        "\n# Who acts. Each role has its own table (analyst, architect, developer, reviewer, tester, deployer);\n\
         # those without one take [agents.default].\n\
         # [agents.default]\n",
    );
    let (any, named): (Vec<_>, Vec<_>) =
        keys::AGENT.iter().partition(|key| ["kind", "command", "pass_environment"].contains(&key.name));
    for key in any {
        text.push_str(&entry(key, &AgentProgram::default()));
    }
    text.push_str(
        "\n# Claude Code and Codex have settings of their own.\n# [agents.developer]\n# kind = \"claude_code\"\n",
    );
    for key in named {
        text.push_str(&entry(key, &AgentProgram::default()));
    }
    text.push_str(
        "\n# The models that agents talk to, through the proxy of each run; `anthropic`, `openai`, or a name of your own.\n\
         # [models.anthropic]\n",
    );
    for key in model::MODEL {
        text.push_str(&entry(key, &ModelEntry::default()));
    }
    text.push_str(
        "\n# What lets us in at git servers, by names that [[repository]] uses: by https with a token.\n\
         # [credentials.forge]\n",
    );
    let (by_ssh, by_https): (Vec<_>, Vec<_>) =
        remote::CREDENTIAL.iter().partition(|key| ["ssh_key_file", "known_hosts_file"].contains(&key.name));
    for key in by_https {
        text.push_str(&entry(key, &CredentialEntry::default()));
    }
    text.push_str("\n# Or by ssh with a key.\n# [credentials.forge-by-ssh]\n");
    for key in by_ssh {
        text.push_str(&entry(key, &CredentialEntry::default()));
    }
    text.push_str("\n# What repositories are deployed to; a repository names one.\n# [target.web]\n");
    let shown = TargetEntry {
        hook: vec!["/srv/web/deploy".to_owned()],
        url: "http://127.0.0.1:8080/health".to_owned(),
        secrets: vec!["/etc/orch/secrets/WEB_DB".into()],
        ..TargetEntry::default()
    };
    for key in target::TARGET.iter().filter(|key| !["service", "port", "profile"].contains(&key.name)) {
        text.push_str(&entry(key, &shown));
    }
    text.push_str("\n# Who is told of what happens; any number of them.\n# [[notify]]\n");
    let shown = NotifyEntry {
        name: "phone".to_owned(),
        kind: "webhook".to_owned(),
        url: Some("https://notify.example.com/orch".to_owned()),
        secret_file: Some("/etc/orch/notify-secret".into()),
        events: vec!["asked".to_owned(), "held".to_owned()],
        quiet: Some("22:00-07:30".to_owned()),
        ..NotifyEntry::default()
    };
    let elsewhere = ["command", "token_file", "chat", "topic", "buttons", "card", "time_zone"];
    for key in notify::NOTIFY.iter().filter(|key| !elsewhere.contains(&key.name)) {
        text.push_str(&entry(key, &shown));
    }
    text.push_str(
        "\n# Or a program, with the notice as JSON on its standard input.\n# [[notify]]\n# name = \"desk\"\n\
         # kind = \"command\"\n# command = [\"/usr/local/bin/tell-me\"]\n",
    );
    text.push_str(
        "\n# Or a chat of Telegram, where your bot writes.\n# [[notify]]\n# name = \"team\"\n# kind = \"telegram\"\n\
         # token_file = \"/etc/orch/telegram-token\"\n# chat = -1001234567890\n",
    );
    text.push_str("\n# Where issues come from besides the built-in board; docs/plane.md.\n# [[tracker]]\n");
    let shown = TrackerEntry {
        name: "shop".to_owned(),
        kind: "plane".to_owned(),
        url: Some("https://plane.example.com".to_owned()),
        workspace: "acme".to_owned(),
        project: "02cb78ef-5675-4598-b3b9-60ab35abf14b".to_owned(),
        repository: "shop".to_owned(),
        key_file: Some("/etc/orch/plane-key".into()),
        webhook_secret_file: Some("/etc/orch/plane-webhook-secret".into()),
        bots: Some("/etc/orch/plane-bots".into()),
        account: Some("orch-bot@example.com".to_owned()),
        ca_file: Some("/etc/orch/authorities.pem".into()),
        ..TrackerEntry::default()
    };
    for key in TRACKER {
        text.push_str(&entry(key, &shown));
    }
    text.push_str("\n# The repositories; `orch init` adds them.\n# [[repository]]\n");
    let remote = RemoteEntry { credential: Some("forge".to_owned()), ..RemoteEntry::default() };
    let shown = RepositoryEntry { remote, target: Some("web".to_owned()), ..RepositoryEntry::default() };
    for key in keys::REPOSITORY {
        text.push_str(&entry(key, &shown));
    }
    text
}

fn entry<T>(key: &Key<T>, defaults: &T) -> String {
    let mut text = String::new();
    let variable = key.variable.map(|v| format!(" ({})", v.name)).unwrap_or_default();
    for line in wrapped(&format!("{}{variable}", key.doc), 100) {
        text.push_str(&format!("# {line}\n"));
    }
    let value = (key.get)(defaults).unwrap_or_else(|| placeholder(key.name).to_owned());
    text.push_str(&format!("# {} = {value}\n", key.name));
    text
}

/// What stands in the example for a setting without a default.
fn placeholder(name: &str) -> &'static str {
    match name {
        "language" => "\"en\"",
        "public_url" => "\"https://example.com/orch\"",
        "url" => "\"postgres://orch@localhost/orch\"",
        "password_file" => "\"/etc/orch/database-password\"",
        "command" | "agent_command" => "\"my-agent --some-option\"",
        "program" => "\"/opt/claude/bin/claude\"",
        "model" => "\"claude-opus-5-5\"",
        "credential" => "\"anthropic\"",
        "proxy" => "\"http://proxy.example.com:3128\"",
        "npm" => "\"https://nexus.example.com/repository/npm/\"",
        "pip" => "\"https://nexus.example.com/repository/pypi/simple\"",
        "cargo" => "\"https://nexus.example.com/repository/cargo/\"",
        "go" => "\"https://nexus.example.com/repository/go\"",
        "bundler" => "\"https://nexus.example.com/repository/gems/\"",
        "proxy_credential" => "\"forge\"",
        "wire" => "\"anthropic\"",
        "base_url" => "\"https://models.example.com\"",
        "key_file" => "\"/etc/orch/anthropic-key\"",
        "token_file" => "\"/etc/orch/forge-token\"",
        "remote" => "\"https://git.example.com/team/shop.git\"",
        "forge" => "\"gitea\"",
        "forge_url" => "\"https://git.example.com/team/shop\"",
        "forge_credential" => "\"forge\"",
        "forge_hook_secret_file" => "\"/etc/orch/gitea-hook-secret\"",
        "forge_hook_address" => "\"http://orch.example.com:8500\"",
        "ssh_key_file" => "\"/etc/orch/forge-key\"",
        "known_hosts_file" => "\"/etc/orch/known_hosts\"",
        "ca_file" => "\"/etc/orch/gateway.pem\"",
        "id" => "\"shop\"",
        "path" => "\"/home/me/shop\"",
        "prefix" => "\"SHOP\"",
        _ => "\"…\"",
    }
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        if !lines[last].is_empty() && lines[last].chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !lines[last].is_empty() {
                lines[last].push(' ');
            }
            lines[last].push_str(word);
        }
    }
    lines
}
