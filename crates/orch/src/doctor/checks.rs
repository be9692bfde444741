//! The checks, in the order they are shown. A new one is a row here.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use orch_git::Git;
use orch_rules::pipeline::Role;
use orch_vendors::agent::program::located;
use orch_vendors::agent::ready;

use super::State::{Fail, Ok as Good, Warn};
use super::{Check, Look, Told};
use crate::client::Running;
use crate::commands::text::counted;

/// All checks.
pub const ALL: &[Check] = &[
    Check { name: "settings", look: settings },
    Check { name: "state", look: state },
    Check { name: "git", look: git },
    Check { name: "database", look: super::data::database },
    Check { name: "forges", look: super::data::forges },
    Check { name: "kept", look: super::data::kept },
    Check { name: "repositories", look: super::repositories::repositories },
    Check { name: "servers", look: super::servers::servers },
    Check { name: "trackers", look: super::trackers::trackers },
    Check { name: "targets", look: super::targets::targets },
    Check { name: "agents", look: agents },
    Check { name: "credentials", look: super::repositories::credentials },
    Check { name: "notify", look: notifiers },
    Check { name: "disk", look: disk },
    Check { name: "memory", look: memory },
    Check { name: "confinement", look: super::confinement::levels },
    Check { name: "way out", look: super::way_out::way_out },
    Check { name: "service", look: service },
    Check { name: "host", look: host },
];

fn good(words: impl Into<String>) -> Vec<Told> {
    vec![(Good, words.into(), None)]
}

fn settings(look: &Look) -> Vec<Told> {
    let file = look.host.paths.config_file.as_str();
    match &look.settings {
        Err(failure) => {
            let mut told: Vec<Told> = failure
                .problems
                .iter()
                .map(|point| (Fail, format!("{}: {}", point.place, point.what), Some(point.fix.clone())))
                .collect();
            if told.is_empty() {
                told.push((Fail, failure.to_string(), failure.fix.clone()));
            }
            told
        }
        Ok(warnings) if !warnings.is_empty() => {
            warnings.iter().map(|warning| (Warn, warning.to_string(), None)).collect()
        }
        Ok(_) => match look.host.repositories.len() {
            0 => vec![(
                Warn,
                format!("{file}: no repository is registered"),
                Some("go to one and run: orch init".into()),
            )],
            n => good(format!("{file}, {}", counted(n, "repository"))),
        },
    }
}

fn state(look: &Look) -> Vec<Told> {
    let folder = &look.host.paths.state;
    let found = match std::fs::metadata(folder) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return good(format!("{folder} is made by the first start"));
        }
        Err(error) => {
            return vec![(Fail, format!("{folder}: {error}"), Some("run orch as the user who owns it".into()))];
        }
    };
    let own = rustix::process::geteuid().as_raw();
    if found.uid() != own && own != 0 {
        let words = format!("{folder} belongs to user {}, you are {own}", found.uid());
        return vec![(Fail, words, Some("run orch as the user who owns it".into()))];
    }
    // Root's may be open to the group of the runs' account on its way.
    let passed = found.permissions().mode() & 0o077 == 0o010 && found.gid() != 0;
    if found.permissions().mode() & 0o077 != 0 && !passed {
        let words = format!("other users of this machine can look into {folder}");
        return vec![(Warn, words, Some(format!("chmod 700 {folder}")))];
    }
    good(folder.as_str())
}

fn git(look: &Look) -> Vec<Told> {
    match Git::detect((look.env)("PATH").unwrap_or_default()) {
        Ok(git) => good(git.version().to_string()),
        Err(error) => vec![(Fail, error.to_string(), Some("install git 2.39 or newer".into()))],
    }
}

fn agents(look: &Look) -> Vec<Told> {
    let mut programs = BTreeMap::new();
    for entry in &look.host.repositories {
        for agent in Role::ALL.iter().filter_map(|role| look.host.agent(entry, *role)) {
            if let Some(program) = agent.starts() {
                programs.insert(program.to_owned(), agent.kind.known());
            }
        }
    }
    if programs.is_empty() {
        let fix = "in your repository: orch init --agent claude_code, or codex, or --agent-command CMD";
        return vec![(Warn, "no agent is configured".into(), Some(fix.into()))];
    }
    let tools = crate::wiring::environment(crate::wiring::TOOL_VARIABLES.iter().copied(), look.env);
    let search = (look.env)("PATH").unwrap_or_default();
    // The service asks the base branch; what lies in the folder says the same on most days.
    let in_repository = |path: &str| look.host.repositories.iter().any(|entry| entry.path.join(path).is_file());
    let told = programs.into_iter().map(|(program, known)| {
        let file = match located(&program, &search, &in_repository) {
            Ok(file) => file,
            Err(words) => return lacking(&words),
        };
        // Asked only of programs that are known to answer: of another one it might be a day's work.
        match known.map(|known| ready::version(&file, &tools, known)) {
            None => (Good, file.display().to_string(), None),
            Some(Ok(version)) => (Good, format!("{}, {version}", file.display()), None),
            Some(Err(words)) => lacking(&words),
        }
    });
    told.collect()
}

/// What is wrong, and what to do about it.
fn lacking(words: &str) -> Told {
    let (wrong, fix) = words.split_once("; ").or_else(|| words.split_once(": ")).unwrap_or((words, "install it"));
    (Fail, wrong.to_owned(), Some(fix.to_owned()))
}

fn notifiers(look: &Look) -> Vec<Told> {
    if look.host.notify.is_empty() {
        return good("nobody is told when a person is asked; [[notify]] in the host file changes that");
    }
    let tools = crate::wiring::environment(crate::wiring::TOOL_VARIABLES.iter().copied(), look.env);
    let told = look.host.notify.iter().map(|entry| match crate::wiring::notifiers::one(entry, &tools) {
        Err(failure) => (Fail, format!("{}: {failure}", entry.name), failure.fix),
        Ok(notifier) => match notifier.look() {
            Ok(words) => (Good, format!("{}: {words}", entry.name), None),
            Err(words) => {
                let fix = "what people are to be told waits; orch outbox list shows it";
                (Warn, format!("{}: {words}", entry.name), Some(fix.to_owned()))
            }
        },
    });
    told.collect()
}

fn disk(look: &Look) -> Vec<Told> {
    let floor = look.host.limits.free_disk_floor_mb;
    let folder = look.host.paths.state.as_std_path();
    // The state folder may not be there yet.
    let Some(disk) = folder.ancestors().find_map(|folder| rustix::fs::statvfs(folder).ok()) else {
        return vec![(Warn, "its free space cannot be told".into(), None)];
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize) / 1_000_000;
    let words = format!("{free} MB free, nothing starts below {floor} MB");
    if free >= floor {
        return good(words);
    }
    vec![(Fail, words, Some("make room, or lower limits.free_disk_floor_mb".into()))]
}

fn memory(look: &Look) -> Vec<Told> {
    let floor = look.host.limits.free_memory_floor_mb;
    let Some(free) = orch_vendors::runner::memory::available() else {
        return vec![(Warn, "what is to be had cannot be told".into(), None)];
    };
    let free = free / 1_000_000;
    let words = format!("{free} MB to be had, nothing starts below {floor} MB");
    if free >= floor {
        return good(words);
    }
    vec![(Fail, words, Some("end what uses it, or lower limits.free_memory_floor_mb".into()))]
}

fn service(look: &Look) -> Vec<Told> {
    let paths = &look.host.paths;
    match Running::read(&paths.state) {
        Ok(Some(running)) if lives(running.pid) => {
            good(format!("process {} serves on {}", running.pid, running.base()))
        }
        Ok(_) => vec![(Warn, "none runs, so nothing moves".into(), Some("orch up".into()))],
        Err(failure) => vec![(Fail, failure.to_string(), failure.fix)],
    }
}

fn lives(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

fn host(look: &Look) -> Vec<Told> {
    let service =
        Running::read(&look.host.paths.state).ok().flatten().map(|running| running.pid).filter(|pid| lives(*pid));
    let asked = crate::host::of(&look.host.paths)
        .and_then(|host| host.met_for(service).map_err(|error| crate::host::failure(&error)));
    match asked {
        Err(failure) => vec![(Fail, failure.to_string(), failure.fix)],
        Ok(None) if service.is_some() => {
            let fix = "it is started with the next run; or start it yourself: orch host";
            vec![(Warn, "none runs; agents at work survive a restart of the service".into(), Some(fix.into()))]
        }
        Ok(None) => good("none runs; orch up starts one"),
        Ok(Some(met)) => {
            let words = format!("process {}: {}", met.hello.pid, crate::host::survival(&met));
            if service.is_none() || met.survival.is_whole() {
                return good(words);
            }
            let fix = "give the host a unit of its own (orch service install) or a container (packaging/container)";
            vec![(Warn, words, Some(fix.into()))]
        }
    }
}
