//! X2: the service is killed from outside at its durable steps.

use std::path::Path;
use std::process::Command;

use orch_testkit::world::not_run;
use serde_json::Value;

const NAME: &str = "crash::killed_at_some_of_its_steps_it_loses_nothing_and_repeats_nothing";
/// A handful; `cargo xtask chaos --all` takes them all.
const POINTS: &str = "5";

/// What is killed, how, and what must hold afterwards stands in one place, which is no part of the product.
#[test]
fn killed_at_some_of_its_steps_it_loses_nothing_and_repeats_nothing() {
    let package = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let chaos = ["run", "--quiet", "--package", "xtask", "--", "chaos", "--json", "--points", POINTS, "--binary"];
    let mut command = Command::new(cargo);
    command.args(chaos).arg(env!("CARGO_BIN_EXE_orch")).current_dir(Path::new(&package).join("../.."));
    let output = command.output().unwrap();
    let [said, told] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    if let Some(reason) = said.strip_prefix("not run here: chaos: ") {
        return not_run(std::env::var_os("ORCH_TEST_NOT_RUN").as_deref(), NAME, reason.trim());
    }
    assert!(output.status.success(), "{said}\n{told}");
    let last: Value = serde_json::from_str(said.lines().last().unwrap_or_default()).unwrap();
    assert_eq!(last["violations"], 0, "{said}");
    // A step that a life does not come to is no kill; but most are come to.
    assert!(last["killed"].as_u64() >= Some(4), "{said}");
}
