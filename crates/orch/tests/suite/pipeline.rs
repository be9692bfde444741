//! `orch pipeline`: every line of a repository, drawn and proved.

use orch_testkit::git;
use orch_testkit::world::World;
use serde_json::Value;

use super::carried::world;

/// A repository whose variant lists its own gates and leaves one out.
fn repository(world: &World, protect: &str) -> std::path::PathBuf {
    let top = world.path("shop");
    std::fs::create_dir_all(top.join(".orch")).unwrap();
    git(&top, &["init", "--quiet", "--initial-branch", "main"]).unwrap();
    let settings = format!(
        "[protect]\npaths = {protect}\n[[variant]]\nname = \"papers\"\npipeline = \"papers.toml\"\nwhen = [\"label:docs\"]\n"
    );
    std::fs::write(top.join(".orch/orch.toml"), settings).unwrap();
    let papers = "[[stage]]\nid = \"write\"\nkind = \"build\"\nrole = \"developer\"\ngates = [\"check_code_changed\"]\n\
                  on_red = \"write\"\ncap = 3\n[[stage]]\nid = \"in\"\nkind = \"land\"\non_red = \"write\"\ncap = 3\n\
                  lands = true\n";
    std::fs::write(top.join("papers.toml"), papers).unwrap();
    top
}

#[test]
fn every_line_is_drawn_with_the_issues_that_take_it() {
    let world = world();
    let top = repository(&world, "[\"ci/**\"]");
    let all = world.run(&top, &["pipeline", "show"]).unwrap().success();
    for words in
        ["the built-in line", "analysis", "variant papers", "for the label docs, or: orch new --pipeline papers"]
    {
        assert!(all.stdout.contains(words), "{words:?} is missing:\n{}", all.stdout);
    }
    let one = world.run(&top, &["pipeline", "show", "--variant", "papers"]).unwrap().success();
    assert!(one.stdout.contains("write") && !one.stdout.contains("analysis"), "{}", one.stdout);
    let plain = world.run(&top, &["pipeline", "show", "--variant", "default"]).unwrap().success();
    assert!(plain.stdout.contains("analysis") && !plain.stdout.contains("papers"), "{}", plain.stdout);
}

#[test]
fn a_line_that_asks_nobody_about_protected_paths_is_good_and_warned_of() {
    let world = world();
    let top = repository(&world, "[\"ci/**\"]");
    let checked = world.run(&top, &["pipeline", "check"]).unwrap().success();
    assert_eq!(checked.stdout.matches("good: ").count(), 2, "{}", checked.stdout);
    let warning =
        "papers.toml: the gates of `write` leave out check_protected_paths, so nobody is asked there about ci/**";
    assert!(checked.stderr.contains(warning), "{}", checked.stderr);
    let file = world.run(&top, &["pipeline", "check", "papers.toml"]).unwrap().success();
    assert!(file.stderr.contains("leave out check_protected_paths"), "{}", file.stderr);
    let json = world.run(&top, &["pipeline", "check", "--json"]).unwrap().success();
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&json["ok"], &json["lines"][1]["variant"]), (&true.into(), &"papers".into()), "{json}");

    // Nothing protected, nothing to ask about.
    let none = world.path("none");
    std::fs::create_dir(&none).unwrap();
    std::fs::rename(repository(&world, "[]"), none.join("shop")).unwrap();
    let quiet = world.run(&none.join("shop"), &["pipeline", "check"]).unwrap().success();
    assert!(!quiet.stderr.contains("check_protected_paths"), "{}", quiet.stderr);
}
