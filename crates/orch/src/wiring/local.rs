//! A caller for one command: the running service, or, if none runs, its API in this process. Then what people ask
//! is decided and stored at once; whatever touches the world stays queued until `orch up`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use orch_engine::desk::Desk;
use orch_web::Guard;

use super::{DataLock, wire};
use crate::client::Caller;
use crate::exit::{Exit, Failure};
use crate::screen::Screen;
use crate::settings;

/// A service that is just starting or stopping holds the lock for a moment without answering.
const SETTLING: Duration = Duration::from_secs(5);

/// Runs `command` with a caller.
///
/// # Errors
/// The settings', the wiring's, or the command's.
pub fn with_caller(
    env: &dyn Fn(&str) -> Option<String>,
    screen: &Screen,
    command: impl FnOnce(&Caller) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (host, warnings) = settings::load(env)?;
    for warning in warnings {
        screen.warn(&warning.to_string());
    }
    let person = super::person(env);
    let begun = Instant::now();
    let lock = loop {
        if let Some(caller) = Caller::running(&host.paths.state)? {
            return command(&caller.person(Some(person)));
        }
        if let Some(lock) = DataLock::take(&host.paths.state)? {
            break lock;
        }
        if begun.elapsed() > SETTLING {
            return Err(Failure::new(Exit::Unreachable, "a service holds the data but does not answer")
                .at(host.paths.state.to_string())
                .fix("look at its log; restart it with orch up"));
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Internal, format!("no runtime: {e}")))?;
    let wired = runtime.block_on(wire(&host, lock, env))?;
    screen.warn("no service runs here, so nothing moves until you start one: orch up");
    let token = uuid::Uuid::new_v4().to_string();
    let guard = Guard::new(token.clone(), person.clone());
    let router = orch_web::router(Arc::new(Desk::alone(wired.engine.clone())), guard);
    let caller = Caller::local(router, token, runtime.handle().clone()).person(Some(person));
    let done = command(&caller);
    drop(caller);
    runtime.block_on(wired.close());
    done
}
