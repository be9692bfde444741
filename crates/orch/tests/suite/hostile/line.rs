//! Attacks on the line as a whole: the real service with an agent that is out for its secrets and its readers' terminals.

use std::path::Path;

use orch_run::Confinement;
use orch_testkit::world::World;

use super::place::here;
use crate::carried::{Carried, script, waits};

/// Secrets of the service: the model's key, a variable of its environment, a setting, what lies in its home.
const KEY: &str = "sk-ant-api03-CANARY-key";
const VARIABLE: &str = "CANARY-variable";
const HOME: &str = "CANARY-home";

/// What the agent tries, one line of output each, and what has to come of it.
const TRIES: &[(&str, &str, &str)] = &[
    ("environment", "env | grep -c CANARY", "0"),
    (
        "the service's environment",
        "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -c '^SERVICE_SECRET='",
        "0",
    ),
    (
        "command lines",
        "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -v '^cat' | grep -c 'sk-ant-api03-CANAR[Y]'",
        "0",
    ),
    ("token", "cat $STATE/token 2>/dev/null | wc -c", "0"),
    ("database", "cat $STATE/*.db* 2>/dev/null | wc -c", "0"),
    ("keys", "cat $STATE/*/key* $STATE/key* $WORLD/key 2>/dev/null | wc -c", "0"),
    ("settings", "cat $WORLD/home/.config/orch/host.toml 2>/dev/null | wc -c", "0"),
    ("home", "cat $WORLD/home/.netrc 2>/dev/null | wc -c", "0"),
    ("runs", "cat $STATE/runs/*/spec.json $STATE/runs/*/egress.json 2>/dev/null | wc -c", "0"),
    ("host of runs", "cat $STATE/host/* 2>/dev/null | wc -c", "0"),
    ("repository", "cat $WORLD/small/.git/config 2>/dev/null | wc -c", "0"),
    ("forge", "git --git-dir $STATE/forge/code.git update-ref refs/heads/main HEAD 2>/dev/null; echo $?", "128"),
    ("api", "(exec 3<>/dev/tcp/127.0.0.1/$PORT) 2>/dev/null && echo reached || echo refused", "refused"),
];

/// How many rows there are.
pub const COUNT: usize = TRIES.len();

/// What would clear a screen, change a title, reverse a line, or hide in one.
const ESCAPES: &str = r"printf '\033[2J\033]0;owned\007\302\233 31m\342\200\256reversed\342\200\254 \r over\n'";

fn agent(world: &World, port: u16) -> std::path::PathBuf {
    let file = world.path("agent.sh");
    let tries: Vec<String> = TRIES.iter().map(|(name, how, _)| format!("echo \"try {name}: $({how})\"")).collect();
    let text = format!(
        "STATE={} WORLD={}\nPORT={port}\n{}\n{ESCAPES}\nmkdir -p \"$ORCH_DOCS_DIR\"\n\
         ln -s $STATE/token \"$ORCH_DOCS_DIR/02-link.md\"\n\
         printf -- '---\\nwork_item: %s\\n---\\n# A \\033[2J\\342\\200\\256 document\\n' \"${{ORCH_DOCS_DIR##*/}}\" > \"$ORCH_DOCS_DIR/01-brd.md\"\n",
        world.state().display(),
        world.path("").display(),
        tries.join("\n"),
    );
    std::fs::write(&file, text).unwrap();
    file
}

/// Every file below `folder` that holds `secret`.
fn holding(folder: &Path, secret: &str, found: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.map(Result::unwrap) {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            holding(&entry.path(), secret, found);
        } else if kind.is_file() {
            let bytes = std::fs::read(entry.path()).unwrap_or_default();
            if bytes.windows(secret.len()).any(|part| part == secret.as_bytes()) {
                found.push(entry.path().display().to_string());
            }
        }
    }
}

/// No character that drives a terminal, or turns text around.
fn is_calm(text: &str) -> bool {
    let turns =
        |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !text.chars().any(|c| (c.is_control() && c != '\n' && c != '\t') || turns(c))
}

#[test]
fn no_secret_of_the_service_is_found_where_it_must_not_be() {
    for level in [Confinement::Bubblewrap, Confinement::Landlock] {
        if here(level, "hostile_line") {
            attack(level);
        }
    }
}

fn attack(level: Confinement) {
    let mut carried = Carried::small(&script(""));
    let world = &mut carried.world;
    world.set("ORCH_CONFINEMENT_LEVEL", level.name()).set("ORCH_CONFINEMENT_MIN", level.name());
    world.set("SERVICE_SECRET", VARIABLE).set("ANTHROPIC_API_KEY", KEY);
    std::fs::write(world.home().join(".netrc"), HOME).unwrap();
    let file = agent(world, 8500);
    let settings = std::fs::read_to_string(world.config()).unwrap();
    let command = settings.lines().find(|line| line.starts_with("agent_command = ")).unwrap();
    std::fs::write(world.config(), settings.replace(command, &format!("agent_command = \"bash {}\"", file.display())))
        .unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(world.path(""), open).unwrap();

    let service = carried.up();
    agent(&carried.world, service.0.port());
    let id = service.open("A \u{1b}[2J\u{202e}title\u{7}");
    service.until(&id, "asks for approval or is sent back", |task| {
        waits(task, "human") || waits(task, "held") || task["attempt_list"].as_array().unwrap().len() > 1
    });
    let log = service.log(&id, 1);
    for (name, _, expected) in TRIES {
        assert!(log.contains(&format!("try {name}: {expected}\n")), "{name} at {}:\n{log}", level.name());
    }
    let task = service.task(&id);
    let recorded = task.to_string();
    assert!(recorded.contains(level.name()), "{recorded}");

    // What people see moves no terminal.
    for arguments in [&["show", &id][..], &["logs", &id], &["board"], &["queue"]] {
        let said = carried.world.run(&carried.repository, arguments).unwrap();
        assert!(is_calm(&said.stdout) && is_calm(&said.stderr), "{arguments:?}: {said:?}");
        assert!(!said.stdout.contains("CANARY"), "{arguments:?}: {said:?}");
    }
    let token = service.0.token().unwrap();
    let pages = [
        "/queue".to_owned(),
        "/api/v1/tasks".to_owned(),
        format!("/api/v1/tasks/{id}"),
        format!("/api/v1/tasks/{id}/log?attempt=1"),
    ];
    for page in pages {
        let (_, body) = service.0.get(&page).unwrap();
        assert!(!body.contains("CANARY") && !body.contains(&token), "{page}: {body}");
    }
    let output = service.0.output();
    assert!(!output.contains("CANARY") && !output.contains(&token), "{output}");
    drop(service);

    // Each secret is in its own file, and nowhere else.
    let allowed = |secret: &str, path: &str| match secret {
        KEY => path.contains("anthropic") && !path.contains("/runs/"),
        HOME => path.ends_with("/.netrc"),
        VARIABLE => false,
        _ => path.ends_with("/token"),
    };
    for secret in [KEY, VARIABLE, HOME, &token] {
        let mut found = Vec::new();
        holding(&carried.world.path(""), secret, &mut found);
        found.retain(|path| !allowed(secret, path));
        assert!(found.is_empty(), "a secret is in {found:?}");
    }
}
