//! What does not run and stays on the base branch: what mends it lands first, by itself; and who is told.

use std::sync::{Arc, Mutex};

use orch_ports::PortResult;
use orch_ports::notifier::Notifier;
use orch_rules::deploy::DeploymentState;
use orch_rules::notice::{Notice, NoticeKind};
use orch_rules::task::Task;
use orch_testkit::fake::{FakeProduction, Step};

use crate::world::{World, eventually};

async fn states(world: &World) -> Vec<&'static str> {
    let mut all = world.store.deployments(100).await.unwrap();
    all.sort_by_key(|one| one.place);
    all.iter().map(|one| one.state.name()).collect()
}

async fn in_state(world: &World, task: &Task, state: DeploymentState) {
    let is = |task: &Task| task.deployment.as_ref().is_some_and(|one| one.state == state);
    world.until(state.name(), &task.id, is).await;
}

/// The developer of the second task brings one file after the other, the base branch merged as it is told to; what has the
/// first one does not come up without the last.
fn comes_up_with_the_last(world: &World, production: &FakeProduction, brings: &'static [&'static str]) {
    let (spoils, forge, brought) = (production.clone(), world.forge.handle(), Mutex::new(brings.iter()));
    world.when(move |act| {
        if act.is("developer") && act.work_item == "S-002" {
            if act.brief.contains("orch-base") {
                act.forge.merge_main(&act.order.directory);
            }
            let file = brought.lock().unwrap().next().unwrap();
            act.commit(&[(file, Some("written"))]);
            return Some((String::new(), Step::completes()));
        }
        if act.is("hook") {
            let revision = act.order.environment.get("EXPECTED_REVISION").cloned().unwrap_or_default();
            let files = forge.files(&revision.as_str().into());
            if files.contains_key(brings[0]) && !files.contains_key(brings[brings.len() - 1]) {
                spoils.spoil(&revision);
            }
        }
        None
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_on_main_is_mended_before_anybody_else_lands() {
    let (mut world, production) = (World::new().await, FakeProduction::default());
    world.delivers_as(&production, |terms| terms.forward = true);
    let process = world.start("p1");
    world.until_done(&process.issue("Add up").await).await;
    comes_up_with_the_last(&world, &production, &["src/two.txt", "src/mended.txt"]);
    let done = world.until_done(&process.issue("Take away").await).await;
    assert_eq!((done.retries, done.brought.len()), (1, 2), "both commits are its own");
    assert_eq!(production.runs(), done.landed.map(|commit| commit.to_string()));
    assert_eq!(states(&world).await, ["healthy", "rolled_back", "healthy"], "nothing was reverted");
    let main = world.forge.files(&world.forge.main());
    assert!(main.contains_key("src/two.txt") && main.contains_key("src/mended.txt"), "{main:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_back_is_not_rolled_back_and_is_mended_under_a_freeze() {
    let (mut world, production) = (World::new().await, FakeProduction::default());
    world.delivers_as(&production, |terms| terms.irreversible = vec!["migrations/**".to_owned()]);
    let process = world.start("p1");
    world.until_done(&process.issue("Add up").await).await;
    comes_up_with_the_last(&world, &production, &["migrations/2.sql", "src/mended.txt"]);
    let task = process.issue("Take away").await;
    let done = world.until_done(&task).await;
    assert_eq!(done.retries, 1);
    assert_eq!(production.runs(), done.landed.map(|commit| commit.to_string()));
    assert_eq!(states(&world).await, ["healthy", "failed", "healthy"]);
    let hooks = production.hooks();
    assert!(hooks.iter().all(|hook| hook.starts_with("deploy")), "nothing was rolled back: {hooks:?}");
    let frozen = world.store.repositories().await.unwrap().remove(0).frozen.unwrap();
    assert!(frozen.mended.is_some() && frozen.reason.contains("does not run on web"), "{frozen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_mends_what_cannot_be_taken_back_is_not_rolled_back_either() {
    let (mut world, production) = (World::new().await, FakeProduction::default());
    world.delivers_as(&production, |terms| terms.irreversible = vec!["migrations/**".to_owned()]);
    let process = world.start("p1");
    world.until_done(&process.issue("Add up").await).await;
    let brings = &["migrations/2.sql", "src/mended.txt", "src/well.txt"];
    comes_up_with_the_last(&world, &production, brings);
    let done = world.until_done(&process.issue("Take away").await).await;
    assert_eq!((done.retries, states(&world).await), (2, vec!["healthy", "failed", "failed", "healthy"]));
    assert_eq!(production.runs(), done.landed.map(|commit| commit.to_string()));
    let hooks = production.hooks();
    assert!(hooks.iter().all(|hook| hook.starts_with("deploy")), "nothing was rolled back: {hooks:?}");
}

/// Somebody who is told.
#[derive(Default)]
struct Phone(Mutex<Vec<Notice>>);

impl Notifier for Phone {
    fn name(&self) -> &str {
        "phone"
    }
    fn wants(&self, kind: &NoticeKind) -> bool {
        *kind == NoticeKind::Deployment
    }
    fn fingerprint(&self) -> String {
        "phone".to_owned()
    }
    fn look(&self) -> Result<String, String> {
        Ok(String::new())
    }
    fn notify(&self, _: &str, notice: &Notice) -> PortResult<()> {
        self.0.lock().unwrap().push(notice.clone());
        Ok(())
    }
}

impl Phone {
    async fn rang(&self, times: usize) -> Vec<String> {
        eventually("the phone rings", async || {
            let told = self.0.lock().unwrap();
            (told.len() >= times).then(|| told.iter().map(|one| one.text.code().to_owned()).collect())
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_told_once_of_what_does_not_run_and_of_what_else_runs() {
    let (mut world, production) = (World::new().await, FakeProduction::default());
    world.delivers_as(&production, |terms| terms.watch_ms = 1);
    let phone = Arc::new(Phone::default());
    world.notifiers = vec![phone.clone()];
    let process = world.start("p1");
    world.until_done(&process.issue("Add up").await).await;
    comes_up_with_the_last(&world, &production, &["src/two.txt", "src/mended.txt"]);
    let task = process.issue("Take away").await;
    let done = world.until_done(&task).await;
    assert_eq!(phone.rang(1).await, ["deployment_red"]);
    production.put(Some("by hand"));
    assert_eq!(phone.rang(2).await, ["deployment_red", "target_drifted"]);
    // It stays so, over a restart: nobody is told again.
    process.kill().await;
    let process = world.start("p2");
    process.swept().await;
    let (line, _) = world.store.deploy_line(&"web".into()).await.unwrap();
    assert_eq!(line.drift.as_deref(), Some("by hand"));
    production.put(Some(done.landed.unwrap().as_str()));
    eventually("it is gone", async || {
        world.store.deploy_line(&"web".into()).await.unwrap().0.drift.is_none().then_some(())
    })
    .await;
    assert_eq!(phone.rang(2).await.len(), 2);
    // Nobody knows what a hook did that was lost.
    world.when(|act| act.is("hook").then(|| (String::new(), Step::Hangs)));
    let task = process.issue("Third").await;
    let run = tokio::task::block_in_place(|| world.runner.until_hanging(|name| name.contains("-deploy-")));
    world.runner.end(&run, Step::quarantined());
    in_state(&world, &task, DeploymentState::Unknown).await;
    assert_eq!(phone.rang(3).await[2], "deployment_unknown");
}
