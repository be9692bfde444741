//! The previous release on the database of this one, and back: what either left under way comes through.
//!
//! `ORCH_TEST_PREVIOUS` names its program.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use orch_testkit::world::{World, not_run};
use serde_json::Value;
use tempfile::TempDir;

use super::carried::{Carried, Up, create_small, eventually, summary, waits};
use super::restart::developer_waits;
use super::survive::open_to_signals;

/// A program that is now this release and now the previous one.
struct Releases {
    folder: TempDir,
    previous: String,
}

impl Releases {
    fn new(previous: String) -> Self {
        let folder = tempfile::Builder::new().prefix("orch-releases-").tempdir().unwrap();
        Self { folder, previous }
    }

    fn install(&self, program: &Path) {
        let new = self.folder.path().join("orch.new");
        std::fs::copy(program, &new).unwrap();
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::rename(new, self.folder.path().join("orch")).unwrap();
    }

    fn this(&self) {
        self.install(Path::new(env!("CARGO_BIN_EXE_orch")));
    }

    fn previous(&self) {
        self.install(Path::new(&self.previous));
    }

    /// A repository whose developer waits until the file `go` appears.
    fn carried(&self) -> Carried {
        let world = World::new(self.folder.path().join("orch"), &|name| std::env::var(name).ok()).unwrap();
        let repository = world.path("small");
        create_small(&repository);
        open_to_signals(Carried::set_up(world, repository, &developer_waits(), Some("sh test.sh")))
    }
}

/// One whose developer is at work, one that asks a person, and one that nobody has started.
struct UnderWay {
    works: String,
    asks: String,
    rests: String,
}

fn under_way(carried: &Carried, service: Up, number: u32) -> UnderWay {
    let open = |what: &str, start: bool| {
        let more = serde_json::json!({ "start": start });
        service.open_with(&format!("{what}, the {number}."), more)
    };
    let (works, asks, rests) = (open("Work", true), open("Ask", true), open("Rest", false));
    service.approve(&works);
    service.until(&works, "is at work", |task| task["stage"] == "development" && waits(task, "agent"));
    service.until(&asks, "asks", |task| waits(task, "human"));
    let agents = eventually("its agent is there", || {
        let agents = carried.agents();
        (agents.len() == 1).then_some(agents).ok_or("no agent".to_owned())
    });
    assert!(!service.0.kill().unwrap().success());
    assert_eq!(carried.agents(), agents, "it goes on");
    UnderWay { works, asks, rests }
}

/// All of it lands, and so does what is opened now.
fn comes_through(carried: &Carried, left: &UnderWay, number: u32) {
    let service = carried.up();
    std::fs::write(carried.signal("go"), "").unwrap();
    service.approve(&left.asks);
    service.command(&left.rests, serde_json::json!({ "command": "start" }));
    service.approve(&left.rests);
    let new = service.open(&format!("Say hello, the {number}."));
    service.approve(&new);
    for id in [&left.works, &left.asks, &left.rests, &new] {
        let task: Value = service.done(id);
        assert_eq!(task["usage"]["runs"], task["attempts"], "{}", summary(&task));
        assert_eq!(carried.landed_items().iter().filter(|landed| *landed == id).count(), 1, "{id} lands once");
    }
    assert!(service.0.stop().unwrap().success());
    std::fs::remove_file(carried.signal("go")).unwrap();
}

#[test]
fn each_release_finishes_what_the_other_began() {
    let Some(previous) = std::env::var("ORCH_TEST_PREVIOUS").ok().filter(|path| !path.is_empty()) else {
        let reason = "ORCH_TEST_PREVIOUS names no program of the previous release";
        let record = std::env::var_os("ORCH_TEST_NOT_RUN");
        return not_run(record.as_deref(), "orch/previous", reason);
    };
    let releases = Releases::new(previous);
    releases.previous();
    let carried = releases.carried();
    // A database of the previous release, with work in flight.
    let left = under_way(&carried, carried.up(), 1);
    releases.this();
    comes_through(&carried, &left, 1);
    // The schema is this release's from now on.
    let left = under_way(&carried, carried.up(), 2);
    releases.previous();
    comes_through(&carried, &left, 2);
}
