//! What holds for the settings as a whole, and the files that are made from their rows.

mod schema;

use camino::Utf8PathBuf;
use orch_rules::pipeline::Role;
use serde_json::Value as Json;

use super::keys::{self, Key, Unusable};
use super::model::{self, ModelEntry};
use super::*;

/// Holds a file of this repository and the text made from the code together. With `ORCH_BLESS=1` the file is
/// written instead. `path` is relative to the repository's top.
pub fn holds(path: &str, text: &str) {
    let file = Utf8PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(path);
    if std::env::var_os("ORCH_BLESS").is_some_and(|v| v == "1") {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        return std::fs::write(&file, text).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == text,
        "{path} is not what the code says; run the tests once with ORCH_BLESS=1 and look at the difference"
    );
}

pub(super) fn paths() -> Paths {
    Paths { config_file: "/c/host.toml".into(), state: "/s".into() }
}

pub(super) fn read(text: &str) -> Result<Host, String> {
    let (host, problems) = file::read("host.toml", text, paths());
    if problems.is_empty() { Ok(host) } else { Err(wrong("setting", "settings", problems).text()) }
}

/// Loads from a real file under these variables.
fn loaded(text: &str, variables: &[(&str, &str)]) -> Result<(Host, Vec<Warning>), Failure> {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("host.toml");
    std::fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap().to_owned();
    load(&|name| match name {
        "ORCH_CONFIG" => Some(config.clone()),
        "ORCH_STATE_DIR" => Some("/s".to_owned()),
        _ => variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()),
    })
}

#[test]
fn the_example_parses_to_the_defaults() {
    assert_eq!(read(&example::text()), Ok(Host::with_defaults(paths())));
}

#[test]
fn every_setting_of_the_example_can_be_switched_on_as_it_stands() {
    let uncommented: String = example::text()
        .lines()
        .map(|line| {
            let bare = line.strip_prefix("# ").unwrap_or(line);
            let is_setting = bare.starts_with('[')
                || bare
                    .split_once(" = ")
                    .is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
            format!("{}\n", if is_setting { bare } else { line })
        })
        .collect();
    let host = read(&uncommented).unwrap();
    assert_eq!(host.limits, Host::with_defaults(paths()).limits);
    assert_eq!(host.repositories.len(), 1);
    assert!(host.store.url.is_some() && host.default_agent.is_some());
}

#[test]
fn everything_can_be_set() {
    let host = read(
        r#"
        service = { listen = "::1", port = 9000 }
        [store]
        url = "postgres://orch@db/orch"
        password_file = "/etc/pw"
        [limits]
        max_runs = 7
        max_checks = 3
        title_max = 80
        run_deadline_minutes = 5
        run_stall_minutes = 4
        free_disk_floor_mb = 0
        free_memory_floor_mb = 9
        [budgets]
        run_usd = 3
        task_usd = 20
        repository_day_usd = 50
        day_usd = 100
        [switches]
        base_check = false
        dependencies = false
        serial = false
        stop = false
        [egress]
        allow = ["docs.rs", "*.example.com"]
        deny_default_registries = true
        [models.anthropic]
        key_file = "/etc/key"
        run_token_budget = 5_000_000
        run_budget_usd = 2.5
        [models.gateway]
        wire = "openai"
        base_url = "http://127.0.0.1:4000/v1"
        ca_file = "/etc/ca.pem"
        prices = ["my-* = 5 / 0.5 / 6.25 / 25"]
        run_budget_usd = 3
        [agents.default]
        command = "any --thing 'in one word'"
        [agents.developer]
        kind = "command"
        command = ["dev", "a b"]
        pass_environment = ["API_KEY"]
        [[repository]]
        id = "shop"
        path = "/r/shop"
        prefix = "SHOP"
        [[repository]]
        id = "tool"
        path = "/r/tool"
        prefix = "SHOP"
        agent_command = "own"
        "#,
    )
    .unwrap();
    assert_eq!((host.service.port, host.service.listen.to_string().as_str()), (9000, "::1"));
    assert_eq!((host.limits.max_runs, host.limits.max_checks, host.limits.title_max), (7, 3, 80));
    assert_eq!((host.limits.run_deadline_minutes, host.limits.run_stall_minutes), (5, 4));
    assert_eq!((host.limits.free_disk_floor_mb, host.limits.free_memory_floor_mb), (0, 9));
    let budgets = &host.budgets;
    assert_eq!((budgets.run_usd, budgets.task_usd, budgets.repository_day_usd, budgets.day_usd), (3, 20, 50, 100));
    let off =
        host::Switches { base_check: false, dependencies: false, serial: false, stop: false, ..Default::default() };
    assert_eq!(host.switches, off);
    assert!(host.egress.deny_default_registries && host.egress.allow == ["docs.rs", "*.example.com"]);
    let (anthropic, gateway) = (&host.models["anthropic"], &host.models["gateway"]);
    assert_eq!((anthropic.run_token_budget, anthropic.run_budget_micros), (5_000_000, 2_500_000));
    assert_eq!(anthropic.key_file.as_deref().map(|f| f.as_str()), Some("/etc/key"));
    assert_eq!((gateway.base_url.as_deref(), gateway.run_budget_micros), (Some("http://127.0.0.1:4000/v1"), 3_000_000));
    assert_eq!(gateway.prices, ["my-* = 5 / 0.5 / 6.25 / 25"]);
    let (shop, tool) = (host.repository("shop").unwrap(), host.repository("tool").unwrap());
    let command = |repository, role| host.agent(repository, role).unwrap().command;
    assert_eq!(command(shop, Role::Developer), ["dev", "a b"]);
    assert_eq!(command(shop, Role::Reviewer), ["any", "--thing", "in one word"]);
    assert_eq!(command(tool, Role::Developer), ["own"]);
    assert_eq!(host.agent(tool, Role::Developer).unwrap().pass_environment, ["API_KEY"]);
}

#[test]
fn all_problems_are_told_at_once_with_their_lines() {
    let text = read(
        "[service]\nprt = 1\nport = \"8500\"\n[limits]\nmax_runs = 0\n[agents.tester]\ncomand = \"x\"\n\
         [agents.chef]\n[switches]\nstop = \"yes\"\n[serivce]\n[[repository]]\nid = \"A\"\npath = \"rel\"\n",
    )
    .unwrap_err();
    for part in [
        "`service.prt` is no known key\n    where: host.toml:2\n    fix: did you mean `port`?",
        "`service.port` must be a whole number from 0 to 65535, found the text \"8500\"\n    where: host.toml:3",
        "`limits.max_runs` must be a whole number from 1 to 256, found 0\n    where: host.toml:5",
        "`agents.tester.command` is missing\n    where: host.toml:6",
        "`agents.tester.comand` is no known key\n    where: host.toml:7",
        "`agents.chef` is no known role\n    where: host.toml:8",
        "`switches.stop` must be true or false, found the text \"yes\"\n    where: host.toml:10",
        "`serivce` is no known section\n    where: host.toml:11\n    fix: did you mean `service`?",
        "`repository[0].id` must be",
        "`repository[0].path` must be an absolute path",
        "`repository[0].prefix` is missing",
        "error: 11 settings are wrong",
    ] {
        assert!(text.contains(part), "missing: {part}\nin: {text}");
    }
}

#[test]
fn what_runs_may_reach_is_looked_at() {
    for (text, word) in [
        ("[models.mine]\nkey_file = \"/k\"\n", "models.mine.wire"),
        ("[models.\"../x\"]\nwire = \"openai\"\n", "name of a model"),
        ("[models.openai]\nbase_url = \"http://models.example.com\"\n", "loopback"),
        ("[models.openai]\nprices = [\"gpt = 5\"]\n", "prices"),
        ("[models.openai]\nrun_budget_usd = -1\n", "dollars"),
        ("[models.openai]\nkye_file = \"/k\"\n", "key_file"),
        ("[egress]\nallow = [\"https://docs.rs\"]\n", "host names"),
        ("[egress]\nallow = [\"10.0.0.1\"]\n", "host names"),
        ("[egress]\nallow_inside = [\"https://nexus.corp\"]\n", "nexus.corp"),
        ("[egress]\nproxy = \"http://me:s3cret@proxy.corp:1\"\n", "without a login, found something else"),
        ("[egress]\nproxy = \"http://proxy.corp:1\"\nproxy_credential = \"x\"\n", "no [credentials.x]"),
        ("[egress]\nproxy_credential = \"x\"\n", "is for a `proxy`"),
        ("[egress.mirrors]\nnpm = \"nexus.corp\"\n", "`egress.mirrors.npm` must be an address"),
        ("[egress.mirrors]\nnmp = \"https://nexus.corp\"\n", "`egress.mirrors.nmp` is no known key"),
        ("[egress]\nmirrors = 1\n", "`egress.mirrors` must be a table"),
    ] {
        let told = read(text).unwrap_err();
        assert!(told.contains(word), "{text}: {told}");
    }
    let told = read("[models.openai]\nbase_url = \"https://me:s3cret@models.example.com\"\n").unwrap_err();
    assert!(!told.contains("s3cret"), "{told}");
}

#[test]
fn a_file_that_is_no_toml_says_which_lines() {
    let text = read("[service]\nport = \n[limits]\nmax_runs == 2\nmax_checks = true\n").unwrap_err();
    assert!(text.contains("host.toml:2") && text.contains("host.toml:4"), "{text}");
    assert!(text.contains("`limits.max_checks` must be"), "the rest is read all the same: {text}");
}

#[test]
fn an_id_or_a_folder_stands_once() {
    let text = read(
        "[[repository]]\nid=\"a\"\npath=\"/a\"\nprefix=\"AA\"\n[[repository]]\nid=\"a\"\npath=\"/a\"\nprefix=\"AA\"\n",
    )
    .unwrap_err();
    assert!(text.contains("as in line 2") && text.contains("as in line 3"), "{text}");
}

#[test]
fn a_password_in_the_file_is_refused_and_not_shown() {
    let text = read("[store]\nurl = \"postgres://orch:s3cret@db/orch\"\n").unwrap_err();
    assert!(text.contains("password_file") && !text.contains("s3cret"), "{text}");
    let text = read("[store]\nurl = \"mysql://orch:s3cret@db/orch\"\n").unwrap_err();
    assert!(!text.contains("s3cret"), "{text}");
}

#[test]
fn variables_stand_above_the_file() {
    let (host, warnings) = loaded(
        "[limits]\nmax_runs = 3\n",
        &[("ORCH_MAX_CONCURRENCY", "5"), ("ORCH_STOP_STATUS_ENABLED", "0"), ("ORCH_STORE_URL", "postgres://u:p@h/d")],
    )
    .unwrap();
    assert_eq!((host.limits.max_runs, host.switches.stop), (5, false));
    assert_eq!(host.store.url.unwrap().reveal(), "postgres://u:p@h/d");
    assert_eq!(warnings, []);
}

#[test]
fn an_unusable_tuning_value_warns_and_falls_back() {
    let (host, warnings) = loaded(
        "[limits]\nmax_runs = 3\n",
        &[("ORCH_MAX_CONCURRENCY", "many"), ("ORCH_QG0_TITLE_MAX", "-1"), ("ORCH_TRACKER_MODE", "edit")],
    )
    .unwrap();
    assert_eq!((host.limits.max_runs, host.limits.title_max), (3, 200));
    let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert!(told[0].contains("ORCH_MAX_CONCURRENCY") && told[0].contains("3 holds instead"), "{told:?}");
    assert!(told[1].contains("ORCH_QG0_TITLE_MAX") && told[1].contains("200 holds instead"), "{told:?}");
    assert!(told[2].contains("ORCH_TRACKER_MODE") && told[2].contains("nothing in this version"), "{told:?}");
}

#[test]
fn an_unusable_port_or_database_is_not_guessed() {
    let failure = loaded("[limts]\n", &[("ORCH_PORT", "http"), ("ORCH_STORE_URL", "mysql://u:s3cret@h")]).unwrap_err();
    let text = failure.text();
    assert_eq!(failure.exit, Exit::Settings);
    assert!(text.contains("ORCH_PORT") && text.contains("ORCH_STORE_URL") && text.contains("limts"), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
}

#[test]
fn listening_for_other_machines_is_said() {
    let (_, warnings) = loaded("[service]\nlisten = \"0.0.0.0\"\n", &[]).unwrap();
    assert!(warnings[0].to_string().contains("other machines"), "{warnings:?}");
}

#[test]
fn no_file_means_the_defaults() {
    let (host, warnings) = load(&|name| (name == "HOME").then(|| "/nonexistent".to_owned())).unwrap();
    assert_eq!((host.service.port, host.limits.max_runs, host.repositories.len(), warnings.len()), (8500, 2, 0, 0));
}

#[test]
fn the_reference_is_made_from_the_rows() {
    holds("docs/reference/settings.md", &reference());
}

#[test]
fn the_schemas_are_made_from_the_rows() {
    let text = |schema: &Json| format!("{}\n", serde_json::to_string_pretty(schema).unwrap());
    holds("docs/schema/host.schema.json", &text(&schema::schema()));
    holds("docs/schema/repository.schema.json", &text(&orch_rules::repository_file::repository_schema()));
}

fn row<T>(key: &Key<T>, defaults: &T) -> String {
    let default = match (key.get)(defaults) {
        Some(value) => format!("`{value}`"),
        None if key.required => "required".to_owned(),
        None => "not set".to_owned(),
    };
    let variable = match key.variable {
        Some(v) if v.unusable == Unusable::Fails => format!("`{}` (must be usable)", v.name),
        Some(v) => format!("`{}`", v.name),
        None => String::new(),
    };
    let expected = key.kind.expected().replace('|', "\\|");
    format!("| `{}` | {expected} | {default} | {variable} | {} |\n", key.name, key.doc.replace('|', "\\|"))
}

/// Variables that have no key in the file.
const WITHOUT_KEY: &[(&str, &str)] = &[
    ("ORCH_CONFIG", "The host file, instead of `$XDG_CONFIG_HOME/orch/host.toml` (`~/.config/orch/host.toml`)."),
    ("ORCH_STATE_DIR", "The state folder, instead of `$XDG_STATE_HOME/orch` (`~/.local/state/orch`)."),
    (
        "ORCH_PERSON",
        "Which of those asks who share the account or the token: recorded as `token:host.NAME`. The account, if not set.",
    ),
    (
        "ORCH_LOG",
        "What `orch up` logs on stderr: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as \
         `info,orch_engine=debug`. `info` if not set.",
    ),
    ("ORCH_GITEA_TOKEN", "For `orch connect gitea`: the token of the service's account there; it is kept in a file."),
    ("ORCH_GITEA_URL", "For `orch connect gitea`: the repository's page there."),
    ("NO_COLOR", "No colours if it is set and not empty."),
    ("ORCH_PLANE_API_URL", "The Plane server of every `[[tracker]]` without `url`."),
    ("ORCH_PLANE_API_KEY", "Read by `orch connect plane` and kept in a file."),
    ("ORCH_PLANE_WEBHOOK_SECRET", "The same."),
];

#[test]
fn every_variable_that_the_command_reads_is_in_the_reference() {
    fn texts(folder: &std::path::Path, all: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                texts(&path, all);
            } else if path.extension().is_some_and(|e| e == "rs") {
                all.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut all = String::new();
    texts(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut all);
    let reference = reference();
    let missing: Vec<&str> = all
        .split('"')
        .filter(|text| text.starts_with("ORCH_") && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
        // Read by the test that writes the reference, not by the command.
        .filter(|name| *name != "ORCH_BLESS" && !name.ends_with('_'))
        .filter(|name| !reference.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "not in the reference: {missing:?}");
}

fn reference() -> String {
    const HEAD: &str = "| key | value | default | variable | meaning |\n|---|---|---|---|---|\n";
    let mut text = String::from(
        "# Settings of a host\n\n\
         One file: `$ORCH_CONFIG`, else `$XDG_CONFIG_HOME/orch/host.toml`, else `~/.config/orch/host.toml`. `orch init`\n\
         writes it with every setting explained. What a repository sets for itself stands in its `.orch/orch.toml`.\n\n\
         A variable stands above the file, the file above the default. An unknown key or a value of the wrong type in\n\
         the file stops the start: all problems are named at once, each with its line. An unusable variable warns and\n\
         what the file or the default says holds instead, except where it says *must be usable*.\n\n\
         Secrets never stand in the file: a setting names the file that holds one, or a variable carries it.\n",
    );
    let defaults = Host::with_defaults(paths());
    for (section, about) in keys::SECTIONS {
        text.push_str(&format!("\n## `[{section}]`\n\n{about}\n\n{HEAD}"));
        keys::HOST.iter().filter(|k| k.section == *section).for_each(|k| text.push_str(&row(k, &defaults)));
    }
    let roles: Vec<String> = Role::ALL.iter().map(|r| format!("`[agents.{}]`", r.name())).collect();
    text.push_str(&format!(
        "\n## `[agents.default]`, {}\n\nWho acts. A role without a table of its own takes `[agents.default]`.\n\n{HEAD}",
        roles.join(", ")
    ));
    keys::AGENT.iter().for_each(|k| text.push_str(&row(k, &AgentProgram::default())));
    text.push_str(&format!(
        "\n## `[models.anthropic]`, `[models.openai]`, `[models.<name>]`\n\n\
         The models that agents talk to. The key stays outside of the runs: the proxy of each run puts it in, counts the\n\
         tokens and keeps the budget. Built-in prices are those of {}.\n\n{HEAD}",
        orch_egress::price::as_of()
    ));
    model::MODEL.iter().for_each(|k| text.push_str(&row(k, &ModelEntry::default())));
    text.push_str(&format!("\n`egress.allow` is added to: `{}`.\n", orch_egress::allow::REGISTRIES.join("`, `")));
    text.push_str(&format!(
        "\n## `[credentials.<name>]`\n\nWhat lets us in at git servers, by names that `[[repository]]` uses: by https with \
         `token_file`, or by ssh with\n`ssh_key_file` and `known_hosts_file`. docs/repositories.md says how.\n\n{HEAD}"
    ));
    remote::CREDENTIAL.iter().for_each(|k| text.push_str(&row(k, &remote::CredentialEntry::default())));
    text.push_str(&format!(
        "\n## `[target.<name>]`\n\nWhat repositories are deployed to, by names that `[[repository]]` uses: docs/deploy.md says \
         how.\n\n{HEAD}"
    ));
    target::TARGET.iter().for_each(|k| text.push_str(&row(k, &target::TargetEntry::default())));
    text.push_str(&format!(
        "\n## `[[notify]]`\n\nWho is told of what happens: docs/notices.md says of what, and how.\n\n{HEAD}"
    ));
    notify::NOTIFY.iter().for_each(|k| text.push_str(&row(k, &NotifyEntry::default())));
    text.push_str(&format!(
        "\n## `[[tracker]]`\n\nWhere issues come from besides the built-in board: docs/plane.md.\n\n{HEAD}"
    ));
    tracker::TRACKER.iter().for_each(|k| text.push_str(&row(k, &tracker::TrackerEntry::default())));
    text.push_str(&format!(
        "\n## `[[repository]]`\n\nThe repositories that are worked on; `orch init` adds them.\n\n{HEAD}"
    ));
    keys::REPOSITORY.iter().for_each(|k| text.push_str(&row(k, &RepositoryEntry::default())));
    text.push_str("\n## Variables without a key\n\n| variable | meaning |\n|---|---|\n");
    for (name, doc) in WITHOUT_KEY {
        text.push_str(&format!("| `{name}` | {doc} |\n"));
    }
    text.push_str(
        "\n## Variables without effect\n\nNothing in this version acts on these; setting one is answered by a warning:\n",
    );
    for name in keys::WITHOUT_EFFECT {
        text.push_str(&format!("- `{name}`\n"));
    }
    text
}
