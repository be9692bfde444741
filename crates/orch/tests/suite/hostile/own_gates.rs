//! `orch-check` within a run: it says what the gates would say, at each level, and leaves the clone as it was to the last
//! byte and time. (Git gives an object that it meets again a new time.)

use std::os::unix::fs::PermissionsExt;

use orch_run::Confinement;
use orch_testkit::git;

use super::place;
use crate::carried::{Carried, world};

/// Asks three times, and tells of each whether anything is different afterwards. What stands in the clone's settings and
/// hooks would leave traces.
const AGENT: &str = r#"#!/bin/sh
set -u
state() { find . -path './.git/objects/*' -printf '%p %s\n' -o -printf '%p %y %m %s %T@ %l\n' | sort | sha256sum; }
ask() {
    echo "asked $1"; before=$(state); orch-check; echo "code $?"
    [ "$before" = "$(state)" ] && echo same || { echo different; find . -newer .git/HEAD; }
}
git config core.fsmonitor 'touch traced; false'
git config core.hooksPath .git/own; mkdir .git/own
for hook in pre-commit post-checkout post-index-change; do
    printf '#!/bin/sh\ntouch "%s/traced"\n' "$PWD" > .git/own/$hook; chmod +x .git/own/$hook
done
git init -q inner; echo x > inner/file; git -C inner add file; git -C inner -c user.name=a -c user.email=a@b commit -qm x
rm -f traced
ask nothing
: > README
mkdir shut; chmod 500 shut
ask red
echo words > README
ask green
rm -rf inner
git -c core.hooksPath=/dev/null commit -qam 'Say it'
ls -a "${TMPDIR:-/tmp}" | grep orch-check- && echo left
exit 0
"#;

const PIPELINE: &str = "[[stage]]\nid = \"write\"\nkind = \"build\"\nrole = \"developer\"\n\
    gates = [\"check_write_scope\", \"check_code_changed\", \"check_protected_paths\", \"check_ci_green\"]\n\
    on_red = \"write\"\ncap = 1\n[[stage]]\nid = \"in\"\nkind = \"land\"\non_red = \"write\"\ncap = 1\nlands = true\n";

fn asks_at(level: Confinement) {
    if level > Confinement::None && !place::here(level, "own_gates") {
        return;
    }
    let mut world = world();
    std::fs::set_permissions(world.path(""), std::fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["ORCH_CONFINEMENT_LEVEL", "ORCH_CONFINEMENT_MIN"] {
        world.set(name, level.name());
    }
    let (repository, agent) = (world.path("small"), world.path("agent.sh"));
    crate::carried::create_small(&repository);
    std::fs::create_dir(repository.join(".orch")).unwrap();
    std::fs::write(repository.join(".orch/pipeline.toml"), PIPELINE).unwrap();
    git(&repository, &["add", "--all"]).unwrap();
    git(&repository, &["commit", "--quiet", "--message", "A short line"]).unwrap();
    std::fs::write(&agent, AGENT).unwrap();
    std::fs::set_permissions(&agent, std::fs::Permissions::from_mode(0o755)).unwrap();
    let carried = Carried::by(world, repository, agent.to_str().unwrap(), Some("sh test.sh"));
    let service = carried.up();
    let id = service.open("Say words");
    let task = service.done(&id);
    let log = service.log(&id, 1);
    let part = |name: &str| {
        let begun = log.split_once(&format!("asked {name}\n")).unwrap_or_else(|| panic!("{}: {log}", level.name())).1;
        begun.split("asked ").next().unwrap().to_owned()
    };
    let inner = "not looked at: inner is a repository of its own";
    for (name, words) in [
        ("nothing", ["RED: check_code_changed: attempt 1 delivered nothing", "code 1", inner, "\nsame\n"]),
        ("red", ["RED: check_ci_green: the tests are red on", "exit code 1", "code 1", "\nsame\n"]),
        ("green", ["green: check_ci_green: the tests are green on", "Nothing is red", "code 0", "\nsame\n"]),
    ] {
        for word in words {
            assert!(part(name).contains(word), "{} {name}: {word:?} is not in\n{log}", level.name());
        }
    }
    assert!(!log.contains("left\n") && !log.contains("traced"), "{}: {log}", level.name());
    assert_eq!(task["retries"], 0, "what it called green was green");
}

#[test]
fn the_gates_are_asked_from_inside_and_nothing_is_changed() {
    for level in Confinement::ALL {
        asks_at(level);
    }
}
