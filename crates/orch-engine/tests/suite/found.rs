//! What an agent finds on the way is left to others, as a draft in the backlog.

use orch_ports::lists::TaskFilter;
use orch_rules::task::{Position, Wait};
use orch_testkit::fake::Step;

use crate::world::{World, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_on_the_way_is_a_draft_that_nothing_starts() {
    let world = World::new().await;
    world.when(|act| {
        (act.is("reviewer") && act.work_item == "S-001").then(|| {
            let found = "found:\n  - \"The export is slow: it reads all.\"\n  - `x` is odd\n";
            let verdict = if act.attempt == 2 { "REQUEST_CHANGES" } else { "APPROVED" };
            act.document("12-review.md", &format!("---\nverdict: {verdict}\n{found}---\n{}", act.attempt));
            (String::new(), Step::completes())
        })
    });
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let done = world.until_done(&task).await;
    assert!(done.attempt > 3, "two reviews found the same");
    let page = eventually("both drafts are there", || async {
        let page = world.store.task_page(&TaskFilter::default()).await.unwrap();
        (page.tasks.len() >= 2).then_some(page)
    })
    .await;
    let mut titles = Vec::new();
    for listed in page.tasks {
        let row = world.store.task(&listed.id).await.unwrap().unwrap();
        assert_eq!((&row.position, row.waits.as_slice()), (&Position::Backlog, &[Wait::Backlog][..]));
        assert!(row.description.contains("Found by the reviewer of S-001"), "{}", row.description);
        assert_eq!(row.author.to_string(), "reviewer");
        titles.push(row.title);
    }
    titles.sort();
    assert_eq!(titles, ["The export is slow: it reads all.", "`x` is odd"]);
    let history = world.history(&task).await;
    let told = history.audit.iter().filter(|line| line.rule == "found_besides").count();
    assert_eq!(told, 2, "each attempt says so");
}
