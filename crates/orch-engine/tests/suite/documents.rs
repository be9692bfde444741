//! Which documents main keeps, and where people read those that it does not.

use orch_engine::control::TaskName;
use orch_rules::task::Task;

use crate::world::{Process, World};

const LINE: &str = "[[stage]]\nid = \"make\"\nkind = \"build\"\nrole = \"developer\"\non_red = \"make\"\ncap = 3\n
[[stage]]\nid = \"look\"\nkind = \"judge\"\nrole = \"reviewer\"\ndocuments = [\"12-review.md\"]\n\
gates = [\"check_reviewer_verdict\"]\non_red = \"make\"\ncap = 3\n
[[stage]]\nid = \"in\"\nkind = \"land\"\non_red = \"make\"\ncap = 3\nlands = true\nnext = \"done\"\n";

async fn read(process: &Process, task: &Task) -> Vec<String> {
    let name = TaskName { repository: None, work_item: task.work_item.clone() };
    let papers = process.control.papers(&name).await.unwrap();
    papers.into_iter().map(|paper| paper.path).collect()
}

fn on_main(world: &World) -> Vec<String> {
    let files = world.forge.files(&world.forge.main());
    files.into_keys().filter(|path| path.starts_with("docs/work-items/")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_leave_main_as_its_settings_say_and_stay_to_be_read() {
    for (keep, on_its_own, last) in [("", 1, 3), ("keep = 1", 1, 1), ("keep = 0", 0, 0)] {
        let settings = format!("[check]\ncommand = \"test\"\n[documents]\n{keep}\n");
        let world = World::with(&[(".orch/pipeline.toml", LINE), (".orch/orch.toml", &settings)]).await;
        let process = world.start("p1");
        let mut tasks = Vec::new();
        for title in ["Add up", "Take away", "Divide it"] {
            let task = process.issue(title).await;
            tasks.push(world.until_done(&task).await);
            if tasks.len() == 1 {
                assert_eq!(on_main(&world).len(), on_its_own, "{keep}");
            }
        }
        assert_eq!(on_main(&world).len(), last, "{keep}: {:?}", on_main(&world));
        for task in &tasks {
            let review = format!("docs/work-items/{}/12-review.md", task.work_item);
            assert_eq!(read(&process, task).await, [review], "{keep}");
            let head = (keep == "keep = 0").then(|| task.head.clone()).flatten();
            assert_eq!(world.forge.archived(&task.id), head, "{keep}");
        }
    }
}
