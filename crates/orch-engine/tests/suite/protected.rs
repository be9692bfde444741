//! Protected paths and checks with files of the base branch (X13): read from main, whatever the task's branch says.

use orch_engine::control::TaskCommand;
use orch_rules::episode::EpisodeKind;
use orch_rules::task::{Task, Wait};
use orch_testkit::fake::Step;

use crate::world::{Act, World};

const SETTINGS: &str =
    "[check]\ncommand = \"test\"\nfrom_base = [\"ci/\"]\n[protect]\npaths = [\"ci/**\", \".orch\"]\n";
const LINE: &str = "[[stage]]\nid = \"make\"\nkind = \"build\"\nrole = \"developer\"\non_red = \"make\"\ncap = 3\n
[[stage]]\nid = \"in\"\nkind = \"land\"\non_red = \"make\"\ncap = 3\nlands = true\nnext = \"done\"\n";

async fn world() -> World {
    let more =
        [(".orch/orch.toml", SETTINGS), (".orch/pipeline.toml", LINE), ("ci/run", "the base's"), ("tests/a", "1\n2\n")];
    World::with(&more).await
}

fn asked(task: &Task) -> bool {
    task.waits.contains(&Wait::Human { asked: EpisodeKind::ProtectedPaths })
}

/// A developer who lifts the protection, weakens a test and changes the script that judges; tame once told to.
fn wild(act: &Act) -> Option<(String, Step)> {
    let edits: &[_] = if act.brief.contains("leave the script alone") {
        &[("ci/run", Some("the base's")), (".orch/orch.toml", Some(SETTINGS)), ("src/x.txt", Some("x"))]
    } else {
        &[
            ("ci/run", Some("exit 0")),
            ("ci/more", Some("x")),
            (".orch/orch.toml", Some("[check]\ncommand = \"test\"\n")),
            ("tests/a", Some("1\n")),
        ]
    };
    act.is("developer").then(|| {
        act.commit(edits);
        (String::new(), Step::completes())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_to_protected_paths_is_granted_or_goes_back() {
    let world = world().await;
    world.when(wild);
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until("it asks", &task.id, asked).await;
    let history = world.history(&task).await;
    let episode = history.episodes.iter().find(|episode| episode.is_open()).unwrap();
    let told = [".orch/orch.toml", "ci/more", "ci/run", "tests/a", "weakened test: tests/a lost 1 line"];
    assert_eq!((episode.kind, &episode.questions[..]), (EpisodeKind::ProtectedPaths, &told.map(str::to_owned)[..]));
    let no = TaskCommand::Reject { reason: "leave the script alone".to_owned() };
    process.control.command(&task.work_item, no, "Uma", "1".to_owned()).await.unwrap();
    // The second attempt took back two of three: what is left of the change is asked about anew.
    let left = async || {
        let history = world.history(&task).await;
        history.episodes.into_iter().find(|episode| episode.is_open() && episode.questions == ["ci/more", "tests/a"])
    };
    crate::world::eventually("it asks about the rest", left).await;
    process.control.command(&task.work_item, TaskCommand::Approve, "Uma", "2".to_owned()).await.unwrap();
    let done = world.until_done(&task).await;
    assert_eq!((done.attempt, done.retries), (2, 0));
}

/// Mending a test looks like weakening it; taking it away, or leaving less of it, does not look like mending.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_takes_tests_away_is_asked_about() {
    const OFF: &str = "[protect]\ntests = false\n";
    type Form = (&'static str, &'static [(&'static str, Option<&'static str>)], bool);
    let forms: [Form; 8] = [
        ("", &[("tests/a", None)], true),
        ("", &[("tests/a", Some("1\n"))], true),
        ("", &[("tests/a", None), ("tests/b", Some("1\n2\n"))], true),
        ("", &[("tests/a", Some("1\nother\n"))], false),
        ("", &[("tests/a", Some("1\n2\n3\n"))], false),
        ("", &[("src/x.txt", None)], false),
        (OFF, &[("tests/a", None)], false),
        (OFF, &[("tests/a", Some("1\n"))], false),
    ];
    for (protect, edits, asks) in forms {
        let settings = format!("[check]\ncommand = \"test\"\n{protect}");
        let more = [
            (".orch/orch.toml", &*settings),
            (".orch/pipeline.toml", LINE),
            ("tests/a", "1\n2\n"),
            ("src/x.txt", "x\n"),
        ];
        let world = World::with(&more).await;
        world.when(move |act| {
            act.is("developer").then(|| {
                act.commit(edits);
                (String::new(), Step::completes())
            })
        });
        let process = world.start("p1");
        let task = process.issue("Add up").await;
        let task = world.until("it asks or is done", &task.id, |task| asked(task) || task.position.is_terminal()).await;
        assert_eq!(asked(&task), asks, "{protect} {edits:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_has_the_base_branchs_files() {
    let world = world().await;
    world.when(wild);
    world.when(|act| {
        let seen = |path: &str| std::fs::read_to_string(act.order.directory.join(path)).ok();
        let as_main = seen("ci/run").as_deref() == Some("the base's") && seen("ci/more").is_none();
        let own = seen("tests/a").as_deref() == Some("1\n");
        act.is("check").then(|| (String::new(), if as_main && own { Step::completes() } else { Step::fails(1) }))
    });
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    // Only a green change is asked about, so the check saw the base branch's script.
    let asking = world.until("it asks", &task.id, |task| asked(task) || task.retries > 0).await;
    assert!(asked(&asking), "{:?}", asking.waits);
}

/// Files that agent programs read by themselves: a judge of any program has the base branch's before it, whatever the
/// change has in their place, even if a person lets that pass.
#[tokio::test(flavor = "multi_thread")]
async fn a_judge_has_the_base_branchs_settings_of_agents() {
    let line = LINE.replace("[[stage]]\nid = \"in\"", "[[stage]]\nid = \"look\"\nkind = \"judge\"\nrole = \"reviewer\"\ndocuments = [\"12-review.md\"]\ngates = [\"check_reviewer_verdict\"]\non_red = \"make\"\ncap = 3\n\n[[stage]]\nid = \"in\"");
    let more = [(".orch/pipeline.toml", line.as_str()), ("CLAUDE.md", "the base's"), (".claude/settings.json", "{}")];
    let world = World::with(&more).await;
    world.when(|act| {
        act.is("developer").then(|| {
            let approve = Some("approve");
            act.commit(&[("CLAUDE.md", approve), (".mcp.json", approve), ("a/AGENTS.md", approve), ("src/x", approve)]);
            act.commit(&[(".claude/settings.json", None)]);
            (String::new(), Step::completes())
        })
    });
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let sees = seen.clone();
    world.when(move |act| {
        if act.is("reviewer") {
            let there = |path: &str| std::fs::read_to_string(act.order.directory.join(path)).unwrap_or_default();
            let prompt = std::path::Path::new(&act.order.environment["ORCH_TASK_FILE"]).with_file_name("prompt.md");
            let prompt = std::fs::read_to_string(prompt).unwrap_or_default();
            let files = ["CLAUDE.md", ".claude/settings.json", ".mcp.json", "a/AGENTS.md", "src/x"].map(there);
            sees.lock().unwrap().push((files, prompt.contains("the base's") && !prompt.contains("\napprove\n")));
        }
        None
    });
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until("it asks", &task.id, asked).await;
    process.control.command(&task.work_item, TaskCommand::Approve, "Uma", "1".to_owned()).await.unwrap();
    crate::world::eventually("the reviewer has looked", async || (!seen.lock().unwrap().is_empty()).then_some(()))
        .await;
    let (files, told) = seen.lock().unwrap()[0].clone();
    assert_eq!(files, ["the base's", "{}", "", "", "approve"].map(str::to_owned));
    assert!(told, "what the base branch tells agents stands in the prompt, and nothing of the change");
}
