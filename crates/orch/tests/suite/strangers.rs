//! Real repositories, as the package registries give them in source form: carried to a landed change by the five commands of
//! the README and nothing else, confined, with their set-up run.
//!
//! A few of them here; all of them with `ORCH_TEST_STRANGERS=all`, which is what `cargo xtask strangers` runs.

mod fetch;

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use orch_testkit::git;
use orch_testkit::world::{World, not_run};

use self::fetch::{Fetched, Registry};
use super::carried::{Up, waits, world};
use super::smallest_agent;

/// One of them, pinned.
struct Stranger {
    name: &'static str,
    version: &'static str,
    registry: Registry,
    /// SHA-256 of what is fetched; for Go the sum of its module.
    sum: &'static str,
    /// The folder of the archive that is the project; empty: all of it.
    folder: &'static str,
    /// Files that the registry's form leaves out and the project's own test command needs.
    besides: &'static [(&'static str, &'static str)],
    /// What its set-up and test commands must be made of.
    detected: [&'static str; 2],
    /// Carried in each run of the tests.
    quick: bool,
}

const fn stranger(
    name: &'static str,
    version: &'static str,
    registry: Registry,
    sum: &'static str,
    detected: [&'static str; 2],
) -> Stranger {
    Stranger { name, version, registry, sum, folder: "", besides: &[], detected, quick: false }
}

const STRANGERS: &[Stranger] = &[
    Stranger {
        folder: "bzip2-1.0.8",
        quick: true,
        ..stranger(
            "bzip2-sys",
            "0.1.13+1.0.8",
            Registry::Crates,
            "225bff33b2141874fe80d71e07d6eec4f85c5c216453dd96388240f96e1acc14",
            ["", "make test"],
        )
    },
    Stranger {
        quick: true,
        ..stranger(
            "itoa",
            "1.0.15",
            Registry::Crates,
            "4a5f13b858c8d314ee3e8f639011f7ccefe71f97f96e50151fb991f267928e2c",
            ["", "cargo test"],
        )
    },
    Stranger {
        quick: true,
        ..stranger(
            "walkdir",
            "2.5.0",
            Registry::Crates,
            "29790946404f91d9c5d06f9874efddea1dc06c5efe94541a7d6863108e3a5e4b",
            ["", "cargo test"],
        )
    },
    Stranger {
        quick: true,
        ..stranger(
            "github.com/google/uuid",
            "v1.6.0",
            Registry::Go,
            "h1:NIvaJDMOsjHA8n1jAhLSgzrAzy1Hgr+hNrb57e+94F0=",
            ["", "go test ./..."],
        )
    },
    stranger(
        "packaging",
        "24.2",
        Registry::Python,
        "c228a6dc5e932d346bc5739379109d49e8853dd8223571c7c5b55260edc0b97f",
        ["pip install", "pytest"],
    ),
    stranger(
        "itsdangerous",
        "2.2.0",
        Registry::Python,
        "e0050c0b7da1eea53ffaf149c0cfbb5c6e2e2b69c4bef22c81fa6eb73e5f6173",
        ["tox", "tox"],
    ),
    stranger(
        "minimist",
        "1.2.8",
        Registry::Node,
        "350a76c115b393c19d24654834261e5dc9f0e8cc5e08f3937fa80140f3e4ce83",
        ["npm install", "npm test"],
    ),
    Stranger {
        // Its package comes without its tests.
        besides: &[
            ("test/support/env.js", "process.env.NODE_ENV = 'test';\n"),
            ("test/static.js", EXPRESS_TEST),
            ("test/acceptance/none.js", "describe('acceptance', function () {});\n"),
            ("test/support/a page.html", "<p>served\n"),
        ],
        ..stranger(
            "express",
            "5.1.0",
            Registry::Node,
            "dd6bdb4d4e54d520c78443d5c35aa4ae552be1837e8650d2ec1641df99393e1b",
            ["npm install", "npm test"],
        )
    },
];

/// Files are served from the clone: below a hidden folder they would not be.
const EXPRESS_TEST: &str = "
const express = require('..'), request = require('supertest'), path = require('node:path');
describe('static files', function () {
  it('are served from where the project lies', function (done) {
    const app = express();
    app.get('/', (req, res) => res.sendFile(path.join(__dirname, 'support', 'a page.html')));
    request(app).get('/').expect(200, /served/, done);
  });
});
";

/// Names that a network may answer with an address of its own.
const HOSTS: [&str; 7] = [
    "index.crates.io",
    "static.crates.io",
    "registry.npmjs.org",
    "pypi.org",
    "files.pythonhosted.org",
    "proxy.golang.org",
    "sum.golang.org",
];

/// For a change to come through: generous, the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(900);

#[test]
fn real_repositories_land_a_change_by_five_commands() {
    let all = std::env::var("ORCH_TEST_STRANGERS").is_ok_and(|wanted| wanted == "all");
    let record: Option<OsString> = std::env::var_os("ORCH_TEST_NOT_RUN");
    let mut red = Vec::new();
    for stranger in STRANGERS.iter().filter(|stranger| all || stranger.quick) {
        let test = format!("strangers::real_repositories_land_a_change_by_five_commands ({})", stranger.name);
        let fetched = match fetch::fetch(&stranger.registry, stranger.name, stranger.version) {
            Ok(fetched) => fetched,
            Err(reason) => {
                not_run(record.as_deref(), &test, &reason);
                continue;
            }
        };
        match carry(stranger, &fetched) {
            Ok(line) => println!("{line}"),
            Err(why) => red.push(format!("{}: {why}", stranger.name)),
        }
    }
    assert!(red.is_empty(), "{}", red.join("\n\n"));
}

/// From nothing to the landed change at home; what it took, in words.
fn carry(stranger: &Stranger, fetched: &Fetched) -> Result<String, String> {
    if fetched.sum != stranger.sum {
        return Err(format!("it is another one than was pinned: {}", fetched.sum));
    }
    let mut world = world();
    world.confined().base_checked();
    let repository = world.path("project");
    fetched.unpack(&repository, stranger.folder)?;
    for (name, text) in stranger.besides {
        let file = repository.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    commit(&repository)?;
    let agent = smallest_agent::write(&world.path("my-agent"), "");
    std::fs::create_dir_all(world.config().parent().unwrap()).unwrap();
    std::fs::write(world.config(), format!("[egress]\nallow_inside = {HOSTS:?}\n")).unwrap();

    let begun = Instant::now();
    let said = orch(&world, &repository, &["init", "--yes", "--agent-command", &agent.display().to_string()])?;
    let settings = std::fs::read_to_string(repository.join(".orch/orch.toml")).unwrap();
    if !stranger.detected.iter().all(|part| settings.contains(part)) {
        return Err(format!("init found something else:\n{said}"));
    }
    let service = Up(world.start(&repository, &[]).map_err(|error| error.to_string())?);
    let wanted = "Nobody can tell what has changed here; keep a list.";
    let said = orch(&world, &repository, &["new", "Keep a list of changes", "-d", wanted, "--json"])?;
    let new: serde_json::Value = serde_json::from_str(&said).map_err(|error| format!("{error}: {said}"))?;
    let id = new["id"].as_str().ok_or_else(|| format!("no id: {said}"))?;
    until(&service, id, "asks for approval", |task| waits(task, "human"))?;
    let asked = begun.elapsed();
    orch(&world, &repository, &["approve", "1"])?;
    let task = until(&service, id, "ends", |task| task["ended"] == true)?;
    if task["stage"] != "done" {
        return Err(super::carried::summary(&task));
    }
    orch(&world, &repository, &["pull"])?;
    let taken = begun.elapsed();
    if !repository.join("CHANGES.txt").is_file() {
        return Err("what landed is not at home".to_owned());
    }
    let level = task["attempt_list"][0]["level"].as_str().unwrap_or_default().to_owned();
    let (asked, taken) = (asked.as_secs_f64(), taken.as_secs_f64());
    let name = format!("{} {}", stranger.name, stranger.version);
    Ok(format!("{name:32} landed by 5 commands in {taken:6.1} s (asked after {asked:.1} s), confined at {level}"))
}

fn until(
    up: &Up,
    id: &str,
    what: &str,
    wanted: impl Fn(&serde_json::Value) -> bool,
) -> Result<serde_json::Value, String> {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = up.task(id);
    while !wanted(&seen) {
        if waits(&seen, "held") || Instant::now() > deadline {
            return Err(format!("it never {what}: {}", super::carried::summary(&seen)));
        }
        // Answered when something has changed, or after a second.
        let path = format!("/api/v1/tasks/{id}?wait=1&after={}", seen["change"]);
        let (_, body) = up.0.get(&path).map_err(|error| error.to_string())?;
        seen = serde_json::from_str(&body).map_err(|error| format!("{error}: {body}"))?;
    }
    Ok(seen)
}

fn orch(world: &World, repository: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = world.run(repository, arguments).map_err(|error| error.to_string())?;
    if output.code == Some(0) {
        Ok(output.stdout)
    } else {
        Err(format!("{}: {}{}", output.command, output.stdout, output.stderr))
    }
}

fn commit(repository: &Path) -> Result<(), String> {
    let steps: [&[&str]; 5] = [
        &["init", "--quiet", "--template=", "--initial-branch", "main"],
        &["config", "user.name", "A User"],
        &["config", "user.email", "user@example.org"],
        &["add", "--all", "--force"],
        &["commit", "--quiet", "--message", "As it was published"],
    ];
    steps.into_iter().try_for_each(|step| git(repository, step).map(drop).map_err(|error| error.to_string()))
}
