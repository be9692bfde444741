//! The service's door: a connection costs a descriptor before anybody has shown a token, so there is an end to their
//! number, and to the time in which one says what it wants.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tower::ServiceExt as _;

/// Connections at once; far below the descriptors that systems give a service.
const MOST: usize = 256;
/// For the head of a request.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// After an accept that failed: descriptors may be short all over the machine.
const BREATH: Duration = Duration::from_millis(200);

/// A connection, and whether a request of it is being answered.
struct Visitor {
    ends: AbortHandle,
    busy: Arc<AtomicBool>,
}

/// Serves until `stopped` changes, then lets answers under way come to their end.
pub async fn serve(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    let mut served = JoinSet::new();
    let mut visitors: VecDeque<Visitor> = VecDeque::new();
    loop {
        let full = visitors.len() >= MOST;
        tokio::select! {
            _ = stopped.changed() => break,
            Some(_) = served.join_next(), if !served.is_empty() => {
                visitors.retain(|visitor| !visitor.ends.is_finished());
            }
            accepted = listener.accept(), if !full || visitors.iter().any(|v| !v.busy.load(Ordering::Relaxed)) => {
                let Ok((stream, _)) = accepted else {
                    tokio::time::sleep(BREATH).await;
                    continue;
                };
                if full {
                    make_room(&mut visitors);
                }
                let busy = Arc::new(AtomicBool::new(false));
                let ends = served.spawn(visit(stream, router.clone(), busy.clone(), &graceful));
                visitors.push_back(Visitor { ends, busy });
            }
        }
    }
    graceful.shutdown().await;
}

/// Ends the oldest connection that wants nothing now. One that wants something says so at once.
fn make_room(visitors: &mut VecDeque<Visitor>) {
    let silent = visitors.iter().position(|visitor| !visitor.busy.load(Ordering::Relaxed));
    if let Some(visitor) = silent.and_then(|at| visitors.remove(at)) {
        visitor.ends.abort();
    }
}

fn visit(
    stream: TcpStream,
    router: Router,
    busy: Arc<AtomicBool>,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + Send + 'static {
    let answered = busy.clone();
    let service = router
        .map_request(move |request: Request<_>| {
            busy.store(true, Ordering::Relaxed);
            request
        })
        .map_response(move |response| {
            answered.store(false, Ordering::Relaxed);
            response
        });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let watched = graceful.watch(connection.into_owned());
    async move {
        // A visitor that goes in the middle is no trouble of ours.
        let _ = watched.await;
    }
}
