//! Reviews through their rounds.

use orch_rules::convergence::FindingState;
use orch_rules::judgement::{Standing, Trail, Voided, judgements};
use orch_testkit::fake::Step;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_reviewer_is_told_what_was_found_before_and_the_row_keeps_it() {
    let world = World::new().await;
    world.when(|act| {
        act.is("reviewer").then(|| {
            // The words of the earlier review are off the branch; its findings are in the task file.
            if act.brief.contains("- P1-1 no total [open]") {
                act.document(
                    "12-review.md",
                    "---\nverdict: APPROVED\n---\n## Findings\n\n- P1-1 (resolved) no total\n",
                );
            } else {
                act.document("12-review.md", "---\nverdict: REQUEST_CHANGES\n---\n## Findings\n\n- P1-1 no total\n");
            }
            (String::new(), Step::completes())
        })
    });
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let done = world.until_done(&task).await;
    world.settled(&[&task]).await;
    assert_eq!(done.retries, 1);
    let findings = &done.convergence.findings;
    assert_eq!(
        findings.iter().map(|f| (f.state, f.first, f.last)).collect::<Vec<_>>(),
        [(FindingState::Resolved, 2, 4)]
    );

    let detail = process.control.show(&task.work_item).await.unwrap();
    let (task, history) = (&detail.task, &detail.history);
    let trail = Trail {
        task,
        pipeline: &detail.pipeline,
        attempts: &history.attempts,
        checks: &history.checks,
        episodes: &history.episodes,
        lane: &history.lane,
    };
    let all = judgements(&trail);
    let reviews: Vec<_> = all.iter().filter(|j| j.document.is_some()).map(|j| j.standing.clone()).collect();
    assert_eq!(reviews, [Standing::Void(Voided::NewPatch(3)), Standing::Holds], "{all:#?}");
    let candidate = all.iter().find(|j| Some(&j.commit) == task.landed.as_ref()).unwrap();
    assert_eq!(candidate.standing, Standing::Holds);
}
