//! A backup was put back: what main and people have is not made a second time.

use super::carried::{Carried, Up, script, waits};

fn lands(service: &Up, title: &str) -> String {
    let id = service.open(title);
    service.approve(&id);
    service.done(&id);
    id
}

#[test]
fn ids_are_given_once_whatever_backup_was_put_back() {
    let carried = Carried::small(&script("[[play]]\ntitle = \"*\"\n"));
    let state = carried.world.state();
    let backup = carried.world.path("backup");
    let service = carried.up();
    assert_eq!(lands(&service, "Say one"), "IT-001");
    carried.orch(&["backup", backup.to_str().unwrap()]);
    assert_eq!(lands(&service, "Say two"), "IT-002");
    let open = service.open("Say three");
    service.until(&open, "has a branch", |task| waits(task, "human"));
    assert!(service.0.stop().unwrap().success());

    // The database alone: main has one id that it does not know, a branch another one.
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(state.join(format!("orch.db{suffix}")));
    }
    std::fs::copy(backup.join("orch.db"), state.join("orch.db")).unwrap();
    let service = carried.up();
    assert_eq!(lands(&service, "Say four"), "IT-004");
    assert_eq!(carried.landed_items(), ["IT-001", "IT-002", "IT-004"]);
    carried.orch(&["pull"]);
    assert!(service.0.stop().unwrap().success());

    // The forge as well: what people brought home counts.
    carried.orch(&["restore", backup.to_str().unwrap()]);
    let service = carried.up();
    assert_eq!(lands(&service, "Say five"), "IT-005");
    assert_eq!(carried.landed_items(), ["IT-001", "IT-002", "IT-004", "IT-005"]);
}
