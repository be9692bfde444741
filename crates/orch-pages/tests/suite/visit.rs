//! A browser without script: it keeps cookies, reads pages and sends their forms.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use orch_engine::control::Control;
use orch_pages::{PublicSite, Setting};
use orch_rules::actor::Actor;
use orch_stories::world::{Process, World};
use orch_web::Guard;
use tower::ServiceExt;

/// A line on which a person approves what the analyst wrote.
pub const ASKS: &str = r#"
[[stage]]
id = "analysis"
kind = "author"
role = "analyst"
documents = ["01-brd.md"]
gates = ["check_document_written"]
approval = true
on_red = "stay"

[[stage]]
id = "make"
kind = "build"
role = "developer"
on_red = "make"
cap = 3

[[stage]]
id = "judge"
kind = "judge"
role = "reviewer"
documents = ["12-review.md"]
on_red = "make"
cap = 3

[[stage]]
id = "in"
kind = "land"
on_red = "make"
cap = 3
lands = true
next = "done"
"#;

/// Who keeps the machine.
pub fn owner() -> Actor {
    Actor::local(1000).known_as("owner")
}

/// The site of a control surface, below `public` if it is given.
pub fn site(control: Control, public: Option<&str>) -> Router {
    let guard = Guard::new("the-token", owner()).also_host("orch.example").also_origin("https://orch.example");
    let api = orch_web::router(control.clone(), guard.clone());
    let setting = Setting {
        section: "service".to_owned(),
        name: "port".to_owned(),
        value: Some("8500".to_owned()),
        source: "default".to_owned(),
        doc: "TCP port.".to_owned(),
    };
    orch_pages::router(control, guard, PublicSite::new(public, 8500).showing(vec![setting]), api)
}

/// A service that decides what people ask at once; effects stay queued.
pub async fn still() -> (World, Control) {
    let world = World::new().await;
    let control = Control::alone(world.wire("pages").0);
    (world, control)
}

/// A service that works, on the line that asks.
pub async fn asking() -> (World, Process) {
    let world = World::with(&[(".orch/pipeline.toml", ASKS)]).await;
    let process = world.start("p1");
    (world, process)
}

/// What was answered.
pub struct Page {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Page {
    /// Where it sends the browser.
    pub fn location(&self) -> &str {
        self.headers.get("location").map_or("", |value| value.to_str().unwrap())
    }

    /// The first value of a field of this name.
    pub fn value(&self, name: &str) -> String {
        let from =
            self.text.find(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{name}: {}", self.text));
        let rest = &self.text[from..];
        let rest = &rest[rest.find("value=\"").unwrap() + 7..];
        rest[..rest.find('"').unwrap()].to_owned()
    }
}

/// A browser.
#[derive(Clone)]
pub struct Browser {
    site: Router,
    pub cookies: BTreeMap<String, String>,
    pub headers: Vec<(&'static str, String)>,
}

impl Browser {
    pub fn new(site: &Router) -> Self {
        Self { site: site.clone(), cookies: BTreeMap::new(), headers: Vec::new() }
    }

    /// Somebody who came in by a link: the first admin, or a person who was added.
    pub async fn logged_in(site: &Router, control: &Control, person: &str, role: &str) -> Self {
        let mut browser = Self::new(site);
        let people = control.directory().await.unwrap().people;
        let secret = if people.is_empty() {
            control.invite(None, owner()).await.unwrap().secret
        } else {
            let add = orch_rules::identity::PeopleCommand::Add {
                person: person.to_owned(),
                display: None,
                language: None,
                role: orch_rules::rights::PersonRole::parse(role),
            };
            control.people_command(add, owner()).await.unwrap();
            control.invite(Some(person), owner()).await.unwrap().secret
        };
        let came = browser.post(&format!("/enter/{secret}"), &[("name", person)]).await;
        assert_eq!((came.status.as_u16(), came.location()), (303, "/"), "{}", came.text);
        browser
    }

    async fn send(&mut self, request: Request<Body>) -> Page {
        let response = self.site.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for set in parts.headers.get_all("set-cookie") {
            let set = set.to_str().unwrap();
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            match set.contains("Max-Age=0;") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Page { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    fn request(&self, method: &str, path: &str, body: String) -> Request<Body> {
        let mut request = Request::builder().method(method).uri(path).body(Body::from(body)).unwrap();
        let headers = request.headers_mut();
        headers.insert("host", "127.0.0.1:8500".parse().unwrap());
        headers.insert("accept", "text/html".parse().unwrap());
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            headers.insert("cookie", cookies.join("; ").parse().unwrap());
        }
        if method == "POST" {
            headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        }
        for (name, value) in &self.headers {
            headers.insert(*name, value.parse().unwrap());
        }
        request
    }

    pub async fn get(&mut self, path: &str) -> Page {
        let request = self.request("GET", path, String::new());
        self.send(request).await
    }

    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let encoded = |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
        let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let request = self.request("POST", path, body.join("&"));
        self.send(request).await
    }

    /// Sends a form of the page under `from`, with what stands in its hidden fields.
    pub async fn press(&mut self, from: &str, to: &str, fields: &[(&str, &str)]) -> Page {
        let page = self.get(from).await;
        let csrf = page.value("csrf");
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend(fields);
        self.post(to, &all).await
    }
}

/// What a process's store was asked to accept.
pub fn accepted(process: &Arc<orch_stories::store::FaultyStore>) -> usize {
    process.deliveries.lock().unwrap().len()
}
