//! `orch up`: the service.

mod gate;
mod left;
mod log;
mod told;

use std::io::ErrorKind;
use std::net::SocketAddr;

use clap::Args;
use orch_engine::control::Control;
use orch_git::{BranchName, Git, Source, UserEnvironment};
use orch_pages::{PublicSite, Setting};
use orch_rules::rights::PersonRole;
use orch_run::host::Host as RunHost;
use orch_vendors::runner::host::HostRunner;
use orch_web::Guard;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use self::left::Left;
use crate::client::{Caller, Running};
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, Style};
use crate::settings::{self, Host};
use crate::wiring::hold::{self, Database};
use crate::wiring::{DataLock, Occupant, Wired, occupy, wire};

/// Run the service: carries every started issue on until it is stopped.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  orch up\n  orch up --port 0 --json\n  orch up --detach\n\n\
    Ctrl-C once or SIGTERM: the service ends, agents at work go on. Ctrl-C twice: they are stopped, too.")]
pub struct UpArgs {
    /// TCP port; the host file's, else 8500, if not given. 0 lets the system choose
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// In the background: the command ends when the service answers
    #[arg(long, short)]
    pub detach: bool,
}

/// Runs until SIGTERM or Ctrl-C.
///
/// # Errors
/// [`Exit::Taken`] if another service has the data or the port; [`Exit::Settings`], [`Exit::Repository`] with what is
/// wrong and what to do.
pub fn run(args: &UpArgs, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let (mut host, warnings) = settings::load(env)?;
    for warning in &warnings {
        screen.warn(&warning.to_string());
    }
    if let Some(port) = args.port {
        host.service.port = port;
    }
    if host.repositories.is_empty() {
        return Err(Failure::new(Exit::Settings, "no repository is registered on this host")
            .at(host.paths.config_file.to_string())
            .fix("go to one and run: orch init"));
    }
    if args.detach {
        if Caller::running(&host.paths.state)?.is_some() {
            return Err(second(&host));
        }
        return crate::service_command::detach(&host, args.port, screen);
    }
    log::to_stderr(screen, env);
    let Occupant::Us(lock) = occupy(&host.paths.state, screen)? else { return Err(second(&host)) };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Internal, format!("no runtime: {e}")))?;
    let done = runtime.block_on(serve(&host, lock, screen, env));
    // Threads that wait for runs are left: the runs belong to their supervisors.
    runtime.shutdown_background();
    done
}

/// Which level runs get here. Told after the start: finding it out means trying it.
fn tell_confinement(runner: &HostRunner, screen: &Screen) {
    match runner.level() {
        Ok((level, _)) if screen.is_json() => tracing::info!(level = level.name(), "runs are confined"),
        Ok((level, _)) => screen.line(&format!("Runs are confined at {} ({}).", level.name(), level.words())),
        Err(problem) => screen.warn(&format!("nothing will start: {problem}")),
    }
}

fn second(host: &Host) -> Failure {
    let who = match Running::read(&host.paths.state) {
        Ok(Some(running)) => {
            format!("process {} on {} serves it on {}", running.pid, hold::machine(), running.base())
        }
        _ => "another process works on it".to_owned(),
    };
    Failure::new(Exit::Taken, format!("this data is in use: {who}"))
        .at(host.paths.state.to_string())
        .fix("use that service, stop it, or name another state folder in ORCH_STATE_DIR")
}

/// Why nobody can listen there.
fn not_opened(error: &std::io::Error, address: SocketAddr) -> Failure {
    let port = address.port();
    let (exit, what, fix) = match error.kind() {
        ErrorKind::AddrInUse => (
            Exit::Taken,
            format!("port {port} cannot be opened: something else listens there"),
            "stop what listens there, or choose another one: orch up --port PORT",
        ),
        ErrorKind::AddrNotAvailable => (
            Exit::Settings,
            format!("{} is no address of this machine", address.ip()),
            "set `listen` under [service] in the host file (or ORCH_LISTEN) to one of its own, for example 127.0.0.1",
        ),
        ErrorKind::PermissionDenied => (
            Exit::Failed,
            format!("port {port} cannot be opened: this user may not"),
            "choose one above 1023: orch up --port PORT",
        ),
        _ => (
            Exit::Failed,
            format!("port {port} cannot be opened: {error}"),
            "look at `listen` and `port` under [service] in the host file",
        ),
    };
    Failure::new(exit, what).at(address.to_string()).fix(fix)
}

async fn serve(
    host: &Host,
    lock: DataLock,
    screen: &Screen,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<(), Failure> {
    let address = (host.service.listen, host.service.port);
    let listener = TcpListener::bind(address).await.map_err(|error| not_opened(&error, address.into()))?;
    let bound = listener.local_addr().unwrap_or(address.into());
    let database = match hold::ask(host, Some(bound.to_string())).await? {
        Database::Theirs(theirs) => return Err(theirs.refusal()),
        ours => ours,
    };
    let token = settings::secret::token(&host.paths)?;
    // From here on commands find the service, and wait for it.
    let (open, opened) = gate::closed();
    let left = Left::write(&host.paths, bound, &token)?;
    let (stop_web, web_stopped) = watch::channel(false);
    let web = tokio::spawn(gate::serve(listener, opened, web_stopped));
    let wired = wire(host, lock, env, true).await?;
    let guard = Guard::new(token.reveal(), crate::wiring::account());
    hold::share_changes(host, &wired.engine)?;
    let guard = match bound.ip() {
        ip if ip.is_unspecified() => guard.any_address(),
        _ => guard.also_host(bound.to_string()),
    };
    let control = Control::of(wired.engine.clone()).rereading(wired.rereading.clone());
    for chat in &wired.chats {
        tokio::spawn(control.clone().read_chat(chat.clone()));
    }
    let guard = match host.service.public_url.as_deref().and_then(|url| url.split_once("://")) {
        Some((scheme, rest)) => {
            let name = rest.split('/').next().unwrap_or_default();
            guard.also_host(name).also_origin(format!("{scheme}://{name}"))
        }
        None => guard,
    };
    let site = PublicSite::new(host.service.public_url.as_deref(), bound.port()).showing(in_force(host, env));
    let api = orch_web::router(control.clone(), guard.clone());
    let _listens = open.send(Some(orch_pages::router(control.clone(), guard, site, api)));
    let url = format!("http://{bound}");
    if screen.is_json() {
        screen.json(&serde_json::json!({"ready": true, "url": url, "pid": std::process::id()}));
    } else {
        let name = screen.styled(Style::Strong, "orch");
        screen.line(&format!("{name} is up at {url} for {}", names(host)));
        screen.line(&way_in(&control, &crate::open_command::public(host, &url), screen).await);
        screen.line("Ctrl-C stops it; agents at work go on and are met again at the next start.");
    }
    tokio::spawn(told::tell(wired.engine.standings(), wired.notes.clone(), screen.clone()));
    let look = source_warnings(host, env);
    let shown = screen.clone();
    tokio::spawn(async move {
        // Told after the start: a look at a large working tree takes its time.
        for warning in tokio::task::spawn_blocking(look).await.unwrap_or_default() {
            shown.warn(&warning);
        }
    });
    let (runner, shown) = (wired.runner.clone(), screen.clone());
    tokio::task::spawn_blocking(move || tell_confinement(&runner, &shown));
    let met = tokio::task::spawn_blocking(meet_host(crate::host::of(&host.paths)?, screen.clone()));
    let done = until_stopped(&wired, (database, &left), (stop_web, web), &control, host, screen).await;
    drop(left);
    wired.close().await;
    // A host that is just being started must hear that it is not needed any more.
    if let Ok(Some(run_host)) = met.await {
        let _ = tokio::task::spawn_blocking(move || {
            run_host.release().inspect_err(|error| tracing::warn!(%error, "the host was not told of the end"))
        })
        .await;
    }
    done
}

/// The way into the dashboard. At a terminal, as long as nobody is admin: a link that works; it is a secret, so logs
/// never get one.
async fn way_in(control: &Control, public: &str, screen: &Screen) -> String {
    let known = control.directory().await.map(|directory| directory.people).unwrap_or_default();
    let first = known.iter().all(|known| known.person.role != PersonRole::Admin);
    let link = match first && screen.is_interactive() {
        true => control.invite(None, crate::wiring::account()).await.ok(),
        false => None,
    };
    match link {
        Some(link) => format!("The dashboard: {public}/enter/{} (lets you in once, within a day)", link.secret),
        None => format!("The dashboard: {public} (a link that lets you in: orch open)"),
    }
}

/// The settings in force, each with where it comes from.
fn in_force(host: &Host, env: &dyn Fn(&str) -> Option<String>) -> Vec<Setting> {
    let unset = Host::with_defaults(host.paths.clone());
    let shown = settings::keys::HOST.iter().map(|key| {
        let value = (key.get)(host);
        let source = match () {
            () if key.variable.is_some_and(|variable| env(variable.name).is_some()) => "variable",
            () if value == (key.get)(&unset) => "default",
            () => "file",
        };
        Setting {
            section: key.section.to_owned(),
            name: key.name.to_owned(),
            value,
            source: source.to_owned(),
            doc: key.doc.to_owned(),
        }
    });
    shown.collect()
}

/// Finds or starts the host of runs and says what runs survive here. After the start: nobody waits for it.
fn meet_host(run_host: RunHost, screen: Screen) -> impl FnOnce() -> Option<RunHost> + Send + 'static {
    move || match run_host.ensure() {
        Ok(met) => {
            screen.line(&crate::host::survival(&met));
            Some(run_host)
        }
        Err(error) => {
            screen.warn(&format!("no run can start: {error}"));
            None
        }
    }
}

/// What the users of the repositories should know: uncommitted changes, submodules, LFS.
fn source_warnings(host: &Host, env: &dyn Fn(&str) -> Option<String>) -> impl FnOnce() -> Vec<String> + Send + 'static {
    let search_path = env("PATH").unwrap_or_default();
    let user =
        UserEnvironment { home: env("HOME").map(Into::into), xdg_config_home: env("XDG_CONFIG_HOME").map(Into::into) };
    let repositories = host.repositories.clone();
    move || {
        let Ok(git) = Git::detect(search_path) else { return Vec::new() };
        let mut told = Vec::new();
        for entry in repositories {
            let file = crate::init::read_repository_file(&entry.path).ok().flatten().unwrap_or_default();
            let Ok(base) = BranchName::new(file.base_branch) else { continue };
            if let Ok(source) = Source::inspect(&git, &user, entry.path.as_std_path(), &base) {
                let mut warnings = crate::init::warnings(&source, &base);
                warnings.extend(crate::init::unseen_settings(&git, &source, &base));
                told.extend(warnings.into_iter().map(|warning| format!("{}: {warning}", entry.id)));
            }
        }
        told
    }
}

async fn until_stopped(
    wired: &Wired,
    (database, left): (Database, &Left),
    (stop_web, web): (watch::Sender<bool>, tokio::task::JoinHandle<()>),
    control: &Control,
    host: &Host,
    screen: &Screen,
) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::new(Exit::Internal, format!("signals cannot be received: {e}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let (stop, stopped) = watch::channel(false);
    let mut engine = tokio::spawn(wired.engine.clone().run(stopped));
    let mut over = None;
    let mut taken = std::pin::pin!(taken_away(database, left, wired));
    let (interrupted, taken) = tokio::select! {
        _ = terminate.recv() => (false, None),
        _ = interrupt.recv() => (true, None),
        failure = &mut taken => (false, Some(failure)),
        // Its host is another process's now, or it cannot be worked for.
        ended = &mut engine => {
            over = Some(ended);
            (false, None)
        }
    };
    // Before the engine is told: it gives back what it had taken, and then nothing seems to run.
    let runs = live_runs(control, host).await;
    let _ = stop.send(true);
    let _ = stop_web.send(true);
    if !runs.is_empty() && !screen.is_json() {
        screen.line(&format!("stopping; these runs go on: {}", runs.join(", ")));
        if interrupted {
            screen.line("Ctrl-C again stops them too");
        }
    }
    let ended = async {
        let engine = match over {
            Some(ended) => ended,
            None => engine.await,
        };
        let _ = tokio::time::timeout(std::time::Duration::from_secs(2), web).await;
        engine
    };
    let ended = tokio::select! {
        ended = ended => ended,
        () = again(&mut interrupt, interrupted) => return stop_runs(host, screen).await,
    };
    if interrupted && !runs.is_empty() {
        let patience = tokio::time::sleep(std::time::Duration::from_secs(2));
        tokio::select! {
            () = patience => {}
            () = again(&mut interrupt, true) => return stop_runs(host, screen).await,
        }
    }
    match ended {
        _ if taken.is_some() => taken.map_or(Ok(()), Err),
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(crate::wiring::store_failure(error)),
        Err(error) => Err(Failure::new(Exit::Internal, format!("the engine ended: {error}"))),
    }
}

/// Ends when another process works on the database, or the state folder is gone: then this one has to end.
async fn taken_away(database: Database, left: &Left, wired: &Wired) -> Failure {
    let held = async {
        match database {
            Database::Held(hold) => hold.keep(&wired.held, &wired.engine).await,
            Database::Ours | Database::Theirs(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        failure = held => failure,
        failure = left.keep() => failure,
    }
}

/// What people call the runs that go on. A service that has just started may not have met them all yet; the host knows
/// their ids.
async fn live_runs(control: &Control, host: &Host) -> Vec<String> {
    let named = control.running().await.unwrap_or_default();
    if !named.is_empty() {
        return named;
    }
    let paths = host.paths.clone();
    tokio::task::spawn_blocking(move || crate::host::live(&paths)).await.unwrap_or_default()
}

async fn again(interrupt: &mut Signal, wanted: bool) {
    if wanted {
        interrupt.recv().await;
    } else {
        std::future::pending::<()>().await;
    }
}

/// Ctrl-C twice: the runs are stopped too; their tasks start them again when the service comes back.
async fn stop_runs(host: &Host, screen: &Screen) -> Result<(), Failure> {
    let paths = host.paths.clone();
    let stopping = tokio::task::spawn_blocking(move || crate::host::stop_agents(&paths));
    let stopped =
        stopping.await.map_err(|e| Failure::new(Exit::Internal, format!("the runs were not asked: {e}")))??;
    let runs = if stopped == 1 { "1 run".to_owned() } else { format!("{stopped} runs") };
    screen.line(&format!("asked {runs} to stop; their supervisors make sure"));
    Ok(())
}

fn names(host: &Host) -> String {
    host.repositories.iter().map(|r| r.id.as_str()).collect::<Vec<_>>().join(", ")
}
