//! What others wrote stays text, wherever it is shown.

use orch_rules::episode::Episode;
use orch_stories::world::{World, eventually};
use orch_testkit::fake::Step;

use crate::access::PAGES;
use crate::visit::{ASKS, Browser, site};

/// Forms that break out of text, of attributes, of styles, of comments.
const FORMS: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</title></textarea><svg/onload=alert(1)>",
    "<style>*{display:none}</style>",
    "--><iframe src=javascript:alert(1)>",
];

/// A tag, or an attribute that acts, which none of our pages has.
const NEVER: [&str; 6] = ["<script>", "<img", "<iframe", "<svg/", "<style", "href=\"javascript"];

#[tokio::test(flavor = "multi_thread")]
async fn titles_texts_documents_logs_files_and_branches_stay_text() {
    let world = World::with(&[(".orch/pipeline.toml", ASKS)]).await;
    let all = FORMS.join(" ");
    let planted = all.clone();
    world.when(move |act| match act.who.as_str() {
        "analyst" => {
            act.document(
                "01-brd.md",
                &format!("---\ntitle: {planted}\n---\n# {planted}\n\n- {planted}\n\n{planted}\n"),
            );
            Some((format!("{planted}\n"), Step::completes()))
        }
        "developer" => {
            let file = "src/<script>alert(1)<\\script>.txt";
            act.commit(&[(file, Some(&planted)), ("src/plain.txt", Some(&planted))]);
            Some((format!("{planted}\n"), Step::completes()))
        }
        "reviewer" => {
            let text = format!("---\nverdict: APPROVED\n---\n## Findings\n\n- P2 {planted}\n");
            act.document("12-review.md", &text);
            Some((planted.clone(), Step::completes()))
        }
        _ => None,
    });
    let process = world.start("p1");
    let site = site(process.control.clone(), None);
    let mut ann = Browser::logged_in(&site, &process.control, "ann", "admin").await;
    let form = [("title", all.as_str()), ("description", &all), ("act", "start"), ("labels", "<b>")];
    assert_eq!(ann.press("/new", "/new", &form).await.location(), "/t/shop/S-001");
    let task = world.task("S-001").await;
    ann.press("/board", "/t/shop/S-001/act", &[("act", "comment"), ("text", &all)]).await;
    let asked = async || world.history(&task).await.episodes.into_iter().find(Episode::is_open);
    let episode = eventually("it asks", asked).await;
    let logs =
        ["/t/shop/S-001/log?attempt=1", "/t/shop/S-001/log?attempt=1&q=%3Cscript&raw=1", "/t/shop/S-001/log?check=1"];
    let odd = ["/board?q=%22%3E%3Cscript%3E&repo=%3Cimg&stage=%3Csvg%2F", "/t/shop/S-001/history?q=%22%3E%3Cimg"];
    let mut sees = async |when: &str| {
        for path in PAGES.iter().chain(&logs).chain(&odd) {
            let page = ann.get(path).await;
            for never in NEVER {
                let outside = page.text.replace("<script src=", "");
                assert!(!outside.contains(never), "{when}, {path}: {never}");
            }
        }
    };
    sees("asked").await;
    let yes = [("act", "approve"), ("episode", &*episode.id.to_string())];
    let mut bob = Browser::logged_in(&site, &process.control, "bob", "member").await;
    bob.press("/inbox", "/t/shop/S-001/act", &yes).await;
    world.until_done(&task).await;
    sees("done").await;
    // It is there, as text.
    let page = bob.get("/t/shop/S-001").await.text;
    assert!(page.contains("&#60;script&#62;alert(1)") || page.contains("&lt;script&gt;alert(1)"));
    assert!(bob.get("/t/shop/S-001/changes").await.text.contains("alert(1)"));
    assert!(bob.get(logs[0]).await.text.contains("&lt;script&gt;alert(1)"));
    // A person's own name, too.
    bob.press("/people", "/people/act", &[]).await;
    let mut eve = Browser::logged_in(&site, &process.control, "<b>eve</b>", "viewer").await;
    assert!(!eve.get("/board").await.text.contains("<b>eve"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_has_script_or_style_within() {
    let (_world, control) = crate::visit::still().await;
    let site = site(control.clone(), None);
    let mut ann = Browser::logged_in(&site, &control, "ann", "admin").await;
    ann.press("/new", "/new", &[("title", "Add up"), ("act", "backlog")]).await;
    for path in PAGES.iter().chain(&["/login", "/nothing", "/enter/0"]) {
        let page = ann.get(path).await.text;
        for (at, _) in page.match_indices("<script") {
            assert!(page[at..].starts_with("<script src=\"/assets/orch-"), "{path}");
        }
        for never in [" style=", " onclick=", " onload=", "javascript:", "data:", "<style"] {
            assert!(!page.contains(never), "{path}: {never}");
        }
        for mark in ["src=\"", "href=\"", "action=\""] {
            for (at, _) in page.match_indices(mark) {
                let rest = &page[at + mark.len()..];
                assert!(rest.starts_with(['/', '#']), "{path} loads {}", rest.split('"').next().unwrap());
            }
        }
    }
}
