use super::*;

pub(crate) fn example(kind: NoticeKind) -> Notice {
    Notice { epoch: Some(3), ..Notice::about(kind, &"shop".into(), Timestamp(7), "x".into(), "why".into()) }
}

#[test]
fn spellings_are_read_back_and_unknown_ones_are_kept() {
    for kind in NoticeKind::ALL {
        assert_eq!(NoticeKind::from(kind.as_str().to_owned()), kind);
    }
    let row = serde_json::to_string(&example(NoticeKind::Done)).unwrap().replace("done", "mood");
    let read: Notice = serde_json::from_str(&row).unwrap();
    assert_eq!(read.kind, NoticeKind::Other("mood".into()));
    assert_eq!(serde_json::to_string(&read).unwrap(), row);
}

#[test]
fn a_body_names_itself_and_tells_nothing_of_our_rows() {
    let body: serde_json::Value = serde_json::from_str(&example(NoticeKind::Frozen).body("in words", &[])).unwrap();
    assert_eq!(
        body,
        serde_json::json!({"id": "frozen:x", "kind": "frozen", "at": 7, "repository": "shop", "text": "in words", "epoch": 3})
    );
}

#[test]
fn a_freeze_and_its_end_are_told_once_each() {
    let row = |frozen: bool, epoch| Repository {
        id: "shop".into(),
        prefix: "SHOP".into(),
        base_branch: "main".into(),
        serial: false,
        frozen: frozen.then(|| crate::lane::Freeze {
            reason: "red".into(),
            by: "ann".into(),
            at: Timestamp(1),
            cause: None,
            fixes: Vec::new(),
            mended: None,
        }),
        freeze_epoch: epoch,
        paused: false,
        main: None,
        lane_fence: 0,
        version: 4,
    };
    let told = |before: Repository, after: Repository| {
        let changes = ChangeSet { guards: vec![], changes: vec![Change::PutRepository { repository: after }] };
        let notices = Before::Lane { repository: before }.notices(&changes, Timestamp(9));
        notices.iter().map(|notice| format!("{}: {}", notice.key(), notice.text)).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(told(row(false, 3), row(true, 4)), "frozen:shop:4: repository_frozen (name: shop, why: red)");
    assert_eq!(told(row(true, 4), row(true, 4)), "");
    assert_eq!(told(row(true, 4), row(false, 5)), "unfrozen:shop:5: repository_unfrozen (name: shop)");
}
