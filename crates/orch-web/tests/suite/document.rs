//! The document describes what is served, all of it and nothing else.

use std::collections::BTreeSet;

use crate::fake_front::{FakeFront, get, served};

#[tokio::test]
async fn the_document_and_the_router_name_the_same_routes() {
    let (router, _) = served(FakeFront::default());
    let document = get(&router, "/api/v1/openapi.json").await.json;
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

#[tokio::test]
async fn every_route_answers() {
    let (router, _) = served(FakeFront::default());
    for (method, path) in orch_web::routes() {
        let path = path.replace("{id}", "SHOP-001").replace("{repository}", "shop");
        let request = crate::fake_front::request(&method.to_uppercase(), &path, "", |_| {});
        let status = crate::fake_front::send(&router, request).await.status.as_u16();
        let lane_of_nobody = path == "/api/v1/repositories/SHOP-001/lane";
        assert!(![404, 405].contains(&status) || lane_of_nobody, "{method} {path}: {status}");
    }
}

#[test]
fn the_document_is_what_programs_were_told() {
    let mut document = serde_json::to_value(orch_web::openapi()).unwrap();
    // The release's number is no promise of the API.
    document["info"]["version"] = "any".into();
    insta::assert_json_snapshot!(document);
}
