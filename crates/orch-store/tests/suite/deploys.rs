//! Deployments, on both engines.

use orch_ports::Store;
use orch_rules::deploy::line::DeployLine;
use orch_rules::deploy::{Deployment, DeploymentState, Deploys};
use orch_rules::ids::{DeployTarget, Timestamp};

use crate::harness::{World, on_both};

on_both!(a_line_is_written_by_who_knows_it_as_it_is, what_a_line_forgets_stays_a_row,);

fn web() -> DeployTarget {
    "web".into()
}

fn one(id: &str, task: &str, commit: &str) -> Deployment {
    Deployment::of(id.into(), web(), "shop".into())
        .bringing(commit.into(), Deploys::Change)
        .for_task(task.into(), Some("SHOP-001".into()))
}

async fn write(store: &dyn Store, change: impl FnOnce(&mut DeployLine)) {
    let (mut line, version) = store.deploy_line(&web()).await.unwrap();
    change(&mut line);
    assert!(store.put_deploy_line(&line, version).await.unwrap());
}

async fn a_line_is_written_by_who_knows_it_as_it_is(world: World) {
    let store = &**world.store;
    let (mut line, version) = store.deploy_line(&web()).await.unwrap();
    assert_eq!((line.clone(), version), (DeployLine::of(web()), 0));
    assert!(store.deploy_lines().await.unwrap().is_empty());
    line.join(one("d-1", "a", "c1"));
    assert!(store.put_deploy_line(&line, 0).await.unwrap());
    // Somebody else who saw none either.
    assert!(!store.put_deploy_line(&DeployLine::of(web()), 0).await.unwrap());
    let (known, version) = store.deploy_line(&web()).await.unwrap();
    assert_eq!((&known, version), (&line, 1));
    let begun = |line: &mut DeployLine| line.begin(&"d-1".into(), &|_, _| false, Timestamp(5));
    let mut later = known.clone();
    assert_eq!(begun(&mut later), Some(1));
    assert!(store.put_deploy_line(&later, 1).await.unwrap());
    assert!(!store.put_deploy_line(&known, 1).await.unwrap(), "it is another one by now");
    assert_eq!(store.deploy_lines().await.unwrap(), [later]);
    let rows = store.deployments_of(&"a".into()).await.unwrap();
    assert_eq!(rows.iter().map(|one| one.state).collect::<Vec<_>>(), [DeploymentState::Deploying]);
}

async fn what_a_line_forgets_stays_a_row(world: World) {
    let store = &**world.store;
    for (id, task, commit) in [("d-1", "a", "c1"), ("d-2", "b", "c2"), ("d-3", "a", "c3")] {
        write(store, |line| {
            line.join(one(id, task, commit));
            line.begin(&id.into(), &|_, _| false, Timestamp(1));
            line.hook_ended(
                &id.into(),
                line.hooks,
                orch_rules::deploy::HookEnd::Exited { code: 0 },
                orch_rules::deploy::line::TargetSettings { rollback: true },
                Timestamp(2),
            );
            let seen = orch_rules::deploy::looks::Seen::Candidate;
            let offers = orch_rules::deploy::line::TargetSettings { rollback: true };
            line.looked(&id.into(), line.hooks, seen, offers, Timestamp(3));
        })
        .await;
    }
    let (line, _) = store.deploy_line(&web()).await.unwrap();
    assert!(line.deployments.len() < 3, "what came before what runs is nobody's business any more: {line:?}");
    let names = |rows: Vec<Deployment>| rows.iter().map(|one| one.id.to_string()).collect::<Vec<_>>().join(" ");
    assert_eq!(names(store.deployments_of(&"a".into()).await.unwrap()), "d-1 d-3");
    let newest = store.deployments(2).await.unwrap();
    assert_eq!(names(newest), "d-3 d-2");
}
