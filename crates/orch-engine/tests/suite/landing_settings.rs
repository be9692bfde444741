//! Settings that would land: what an agent breaks is red with its line, and so is what only the combination with main breaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use orch_testkit::fake::Step;

use crate::world::World;

const SETTINGS: &str = "[check]\ncommand = \"test\"\n[protect]\npaths = [\"nothing\"]\n";
const LINE: &str = "[[stage]]\nid = \"make\"\nkind = \"build\"\nrole = \"developer\"\non_red = \"make\"\ncap = 3
gates = [\"check_code_changed\"]\n
[[stage]]\nid = \"in\"\nkind = \"land\"\non_red = \"make\"\ncap = 3\nlands = true\nnext = \"done\"\n";
const PAPERS: &str = "[[variant]]\nname = \"papers\"\npipeline = \"lines/papers.toml\"\nwhen = [\"label:docs\"]\n";

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_nobody_can_read_do_not_land() {
    let forms: [(&str, &str, &str); 4] = [
        (".orch/orch.toml", "[check]\ncommand = 1\n", ".orch/orch.toml:2: "),
        (".orch/pipeline.toml", "[[stage]]\nid = \"make\"\n", ".orch/pipeline.toml:1: "),
        (".orch/agents/reviewer.md", "\n", ".orch/agents/reviewer.md: it is empty"),
        (".orch/orch.toml", "", "the test command is gone"),
    ];
    for (path, text, told) in forms {
        let world = World::with(&[(".orch/orch.toml", SETTINGS), (".orch/pipeline.toml", LINE)]).await;
        world.when(move |act| {
            act.is("developer").then(|| {
                let mended = act.brief.contains(told);
                let before = if path == ".orch/orch.toml" { Some(SETTINGS) } else { None };
                let line = if path == ".orch/pipeline.toml" { Some(LINE) } else { before };
                act.commit(&[(path, if mended { line } else { Some(text) }), ("src/x.txt", Some("x"))]);
                (String::new(), Step::completes())
            })
        });
        let process = world.start("p1");
        let task = process.issue("Add up").await;
        let done = world.until_done(&task).await;
        assert_eq!((done.attempt, done.retries), (2, 1), "{path} {text:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_combination_with_main_breaks_goes_back_before_it_is_tested() {
    let files = [(".orch/orch.toml", SETTINGS), (".orch/pipeline.toml", LINE), ("lines/papers.toml", LINE)];
    let world = World::with(&files).await;
    let told = Arc::new(AtomicBool::new(false));
    let seen = told.clone();
    let forge = world.forge.handle();
    world.when(move |act| {
        act.is("developer").then(|| {
            if act.brief.contains("the variant papers names lines/papers.toml, which is not there") {
                seen.store(true, Ordering::SeqCst);
                act.commit(&[("lines/papers.toml", Some(LINE))]);
            } else {
                act.commit(&[("lines/papers.toml", None), ("src/x.txt", Some("x"))]);
                // Meanwhile a person makes use of that line.
                forge.user_commits(&[(".orch/orch.toml", Some(&format!("{SETTINGS}{PAPERS}")))], true);
            }
            (String::new(), Step::completes())
        })
    });
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until_done(&task).await;
    assert!(told.load(Ordering::SeqCst), "the developer is told what the combination broke");
    let tree = process.forge.files(&process.forge.main());
    assert!(tree.contains_key("lines/papers.toml") && tree[".orch/orch.toml"].contains("papers"), "{tree:?}");
}
