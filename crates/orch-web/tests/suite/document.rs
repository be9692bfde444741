//! The document describes what is served, all of it and nothing else.

use std::collections::BTreeSet;

use crate::served::{Served, request, send};

#[tokio::test(flavor = "multi_thread")]
async fn the_document_and_the_router_name_the_same_routes() {
    let service = Served::new().await;
    let document = service.get("/api/v1/openapi.json").await.json;
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            described.insert((method.clone(), path.clone()));
        }
    }
    let served: BTreeSet<_> =
        orch_web::routes().into_iter().map(|(method, path)| (method.to_owned(), path.to_owned())).collect();
    assert_eq!(described, served);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers() {
    let service = Served::new().await;
    service.open("Add up", false).await;
    for (method, path) in orch_web::routes() {
        let path = path.replace("/repositories/{id}", "/repositories/shop");
        let path = path.replace("{id}", "S-001").replace("{repository}", "shop");
        let reply = send(&service.router, request(&method.to_uppercase(), &path, "", |_| {})).await;
        // A task that had no run has no log, and this service follows no tracker.
        let empty = path.ends_with("/log") || path.starts_with("/webhook/");
        let handled = reply.status != 405 && (reply.status != 404 || empty);
        assert!(
            handled && reply.json["why"] != "there is nothing under this path",
            "{method} {path}: {}",
            reply.status
        );
    }
}

#[test]
fn the_document_is_what_programs_were_told() {
    let mut document = serde_json::to_value(orch_web::openapi()).unwrap();
    // The release's number is no promise of the API.
    document["info"]["version"] = "any".into();
    insta::assert_json_snapshot!(document);
}
