//! This project's own repository on its own line.

use std::path::{Path, PathBuf};

use orch_testkit::git;
use orch_testkit::world::not_run;

use super::carried::{Carried, script, summary, test_commit, world};

const NAME: &str = "self_hosting::two_tasks_land_on_a_clone_of_this_repository";

/// The checkout these tests stand in, if git has its whole history; else why not.
fn own_repository() -> Result<PathBuf, String> {
    // Read when the test runs, so that the tests of a build can be run on another checkout.
    let package = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    let top = Path::new(&package).join("../..").canonicalize().map_err(|e| format!("{package}: {e}"))?;
    let said =
        |e: orch_testkit::GitFailed| format!("{} is no git repository with a commit: {}", top.display(), e.message);
    git(&top, &["rev-parse", "--verify", "HEAD^{commit}"]).map_err(said)?;
    if git(&top, &["rev-parse", "--is-shallow-repository"]).map_err(said)? == "true" {
        return Err(format!("{} is a shallow clone", top.display()));
    }
    let tested = git(&top, &["cat-file", "-e", "HEAD:crates/orch-git/Cargo.toml"]);
    tested.map_err(|_| "HEAD does not contain the crate of git".to_owned())?;
    Ok(top)
}

/// Real input: two parallel tasks land on a clone of this repository and its history, with the tests of its
/// crate of git as the test command, and every commit on main passes them. That crate needs little, so that it is soon built.
#[test]
fn two_tasks_land_on_a_clone_of_this_repository() {
    let own = match own_repository() {
        Ok(own) => own,
        Err(reason) => return not_run(std::env::var_os("ORCH_TEST_NOT_RUN").as_deref(), NAME, &reason),
    };
    let world = world();
    let repository = world.path("orchestrion");
    let [from, to] = [&own, &repository].map(|path| path.to_str().unwrap());
    git(world.home().as_path(), &["clone", "--quiet", from, to]).unwrap();
    git(&repository, &["switch", "--quiet", "--force-create", "main"]).unwrap();
    for (key, value) in [("user.name", "A User"), ("user.email", "user@example.org")] {
        git(&repository, &["config", key, value]).unwrap();
    }
    let plays = script(
        r##"
        [[play]]
        title = "Test the least version of git"
        [[play.act]]
        role = "developer"
        steps = [
          { append = "crates/orch-git/src/lib.rs", text = "\n#[cfg(test)]\nmod carried_tests {\n    #[test]\n    fn carried_by_the_line() {\n        assert!(super::MINIMUM_VERSION.major >= 2, \"{id}\");\n    }\n}\n" },
          { commit = "Test the least version of git" },
        ]

        [[play]]
        title = "Write down what carried this"
        [[play.act]]
        role = "developer"
        steps = [
          { write = "docs/carried.md", text = "# Carried\n\n{id} was carried here by the line itself.\n" },
          { commit = "Write down what carried this" },
        ]
        "##,
    );
    // Built once: every check shares the folder, and cargo tells the sources of each checkout apart.
    let built = world.path("built");
    let test = format!("CARGO_TARGET_DIR={} cargo test --offline --quiet -p orch-git --lib", built.display());
    assert_eq!(test_commit(&repository, &world, "main", &test), Some(0), "HEAD passes its own tests to begin with");
    let carried = Carried::set_up(world, repository, &plays, Some(&test));
    let service = carried.up();
    let ids = ["Test the least version of git", "Write down what carried this"].map(|title| service.open(title));
    for id in &ids {
        service.approve(id);
    }
    for id in &ids {
        let task = service.done(id);
        assert_eq!(task["attempts"], 5, "{}", summary(&task));
    }
    let mut landed = carried.landed_items();
    landed.sort();
    assert_eq!(landed, ids);
    for (commit, message) in carried.landed() {
        assert_eq!(carried.test_commit(&commit, &test), Some(0), "{message}");
    }
    let tested = format!("{test} carried_by_the_line 2>&1 | grep -q '1 passed'");
    assert_eq!(carried.test_commit("main", &tested), Some(0), "the new test is one of main's");
}
