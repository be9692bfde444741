//! The door of a service that starts: it is there from the first moment, and whoever comes early waits behind it instead
//! of being told that nobody is there.

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use orch_web::Problem;
use orch_web::view::HealthView;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::ServiceExt;

/// Whoever waits behind the door gets this long.
const PATIENCE: Duration = Duration::from_secs(50);

/// Where the service is handed in when it is made.
pub type Open = watch::Sender<Option<Router>>;
/// Where it is waited for.
pub type Opened = watch::Receiver<Option<Router>>;

/// A door that is closed.
pub fn closed() -> (Open, Opened) {
    watch::channel(None)
}

/// Serves until `stop` changes.
pub async fn serve(listener: TcpListener, opened: Opened, stop: watch::Receiver<bool>) {
    crate::door::serve(listener, closed_door(opened), stop).await;
}

fn closed_door(opened: Opened) -> Router {
    // That it lives is said at once, also while it starts.
    let health = async || axum::Json(HealthView { status: "ok".to_owned() });
    Router::new().route("/healthz", get(health)).fallback(pass).with_state(opened)
}

async fn pass(State(mut opened): State<Opened>, request: Request) -> Response {
    let _late = tokio::time::timeout(PATIENCE, opened.wait_for(Option::is_some)).await.map(|_| ());
    let router = opened.borrow().clone();
    match router {
        Some(router) => router.oneshot(request).await.into_response(),
        None => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "starting", "the service is starting and not ready yet")
            .fix("try again in a moment")
            .into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn ask(router: &Router, path: &str) -> impl Future<Output = StatusCode> + use<> {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let router = router.clone();
        async move { router.oneshot(request).await.unwrap().status() }
    }

    #[tokio::test]
    async fn who_comes_early_waits_and_is_served() {
        let (open, opened) = closed();
        let door = closed_door(opened);
        assert_eq!(ask(&door, "/healthz").await, StatusCode::OK);
        let early = tokio::spawn(ask(&door, "/queue"));
        tokio::task::yield_now().await;
        assert!(!early.is_finished());
        open.send(Some(Router::new().route("/queue", get(async || StatusCode::IM_A_TEAPOT)))).unwrap();
        assert_eq!(early.await.unwrap(), StatusCode::IM_A_TEAPOT);
        assert_eq!(ask(&door, "/queue").await, StatusCode::IM_A_TEAPOT);
    }

    #[tokio::test]
    async fn a_start_that_fails_is_told() {
        let (open, opened) = closed();
        let door = closed_door(opened);
        drop(open);
        assert_eq!(ask(&door, "/queue").await, StatusCode::SERVICE_UNAVAILABLE);
    }
}
