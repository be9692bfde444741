//! `orch host`: the parent of all runs, which outlives the service.

use std::ffi::OsString;

use clap::{Args, Subcommand};
use orch_run::host::{Fate, Home, Host, HostEnd, Met, StartedBy, Starter, serve, start_again};
use orch_run::{Kind, RunDirectory, StopRequest, request_stop};

use crate::exit::{Exit, Failure};
use crate::screen::{Screen, printable};
use crate::settings::Paths;

/// Be the parent of all runs, so that they outlive the service.
///
/// `orch up` starts one if none runs. Start it yourself, in a unit or container of its own, where runs must survive
/// the end of the service's (see `orch service install`).
#[derive(Debug, Clone, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  orch host\n  orch host status\n  orch host stop\n\n\
    SIGTERM or Ctrl-C ends it; agents at work go on."
)]
pub struct HostArgs {
    #[command(subcommand)]
    action: Option<Action>,
    /// The process between a service and its host.
    #[arg(long, hide = true, conflicts_with = "for_service")]
    between: bool,
    /// The host that a service started.
    #[arg(long, hide = true)]
    for_service: bool,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Tell whether a host runs, and which runs live.
    Status,
    /// End the host; agents at work go on.
    Stop,
}

/// The host of this installation; nothing is started yet.
///
/// # Errors
/// [`Exit::Internal`] if this program cannot find itself.
pub fn of(paths: &Paths) -> Result<Host, Failure> {
    let program = std::env::current_exe()
        .map_err(|e| Failure::new(Exit::Internal, format!("this program cannot find itself: {e}")))?;
    // It reads no setting but its places. No other variable of ours, some of which are secrets, is its business.
    let environment = [("ORCH_STATE_DIR", &paths.state), ("ORCH_CONFIG", &paths.config_file)]
        .map(|(name, path)| (OsString::from(name), OsString::from(path.as_str())));
    Ok(Host::new(home(paths), Starter { program, environment: environment.into() }))
}

fn home(paths: &Paths) -> Home {
    Home { folder: paths.host().into(), runs: paths.runs().into() }
}

/// What the host said, or why there is none, in the form every failure is told in.
pub fn failure(error: &orch_run::Error) -> Failure {
    Failure::new(Exit::Failed, error.to_string()).fix(
        "look at the file `log` beside it; end a host that hangs by its process id (orch host status), and try again",
    )
}

/// Is a host, asks one or ends one.
///
/// # Errors
/// [`Exit::Taken`] if another host lives there, [`Exit::Unreachable`] if none answers, [`Exit::Failed`].
pub fn run(args: &HostArgs, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let paths = Paths::of(env)?;
    match args.action {
        Some(Action::Status) => return status(&paths, screen),
        Some(Action::Stop) => return stop(&paths, screen),
        None => {}
    }
    if args.between {
        return start_again().map_err(|e| Failure::new(Exit::Internal, format!("the host cannot start itself: {e}")));
    }
    crate::settings::paths::create_private(&paths.state)?;
    let started_by = if args.for_service { StartedBy::Service } else { StartedBy::Hand };
    if started_by == StartedBy::Hand {
        screen.note(&format!("the host of {} is here; SIGTERM or Ctrl-C ends it, agents at work go on", paths.state));
    }
    match serve(&home(&paths), env!("CARGO_PKG_VERSION"), started_by) {
        Ok(HostEnd::Ended) => Ok(()),
        Ok(HostEnd::Taken) => Err(Failure::new(Exit::Taken, "a host lives there already")
            .at(paths.host().to_string())
            .fix("use that one, or end it: orch host stop")),
        Err(error) => Err(failure(&error)),
    }
}

fn none(paths: &Paths) -> Failure {
    Failure::new(Exit::Unreachable, "no host runs here")
        .at(paths.host().to_string())
        .fix("orch up starts one; or start it yourself: orch host")
}

fn status(paths: &Paths, screen: &Screen) -> Result<(), Failure> {
    let host = of(paths)?;
    let met = host.met().map_err(|e| failure(&e))?.ok_or_else(|| none(paths))?;
    let runs = host.list().map_err(|e| failure(&e))?.unwrap_or_default();
    screen.json(&serde_json::json!({"host": met.hello, "runs": runs}));
    let hello = met.hello;
    screen.line(&format!("host: process {}, release {}, cgroup {}", hello.pid, hello.program, hello.cgroup));
    if runs.is_empty() {
        screen.line("no run is alive");
    }
    let rows = runs.iter().map(|run| vec![printable(&run.run_id), printable(&run.run_directory.display().to_string())]);
    screen.table(&rows.collect::<Vec<_>>());
    Ok(())
}

fn stop(paths: &Paths, screen: &Screen) -> Result<(), Failure> {
    let runs = of(paths)?.stop().map_err(|e| failure(&e))?.ok_or_else(|| none(paths))?;
    screen.json(&serde_json::json!({"stopped": true, "runs": runs}));
    screen.line(&match runs {
        0 => "the host ends".to_owned(),
        1 => "the host ends; 1 run goes on".to_owned(),
        n => format!("the host ends; {n} runs go on"),
    });
    Ok(())
}

/// Ids of the live runs, as far as a host can be asked; none is started.
pub fn live(paths: &Paths) -> Vec<String> {
    let runs = of(paths).ok().and_then(|host| host.list().ok()?).unwrap_or_default();
    runs.into_iter().map(|run| run.run_id).collect()
}

/// Asks every agent at work to stop, by the locks of the runs and not by what a service remembers; how many there were.
/// Checks go on: they end by themselves, and a stopped one would have to be told from a red one. Hooks go on, too: a stopped
/// one leaves behind what nobody knows.
///
/// # Errors
/// [`Exit::Failed`] if the live runs cannot be told, or one of them does not answer.
pub fn stop_agents(paths: &Paths) -> Result<usize, Failure> {
    let host = of(paths)?;
    host.ensure().map_err(|e| failure(&e))?;
    let mut stopped = 0;
    for live in host.list().map_err(|e| failure(&e))?.unwrap_or_default() {
        let asked = RunDirectory::open(&live.run_directory).and_then(|run| match run.spec()?.kind {
            Kind::Agent => request_stop(&run).map(|asked| asked == StopRequest::Stopping),
            Kind::Check | Kind::Hook => Ok(false),
        });
        stopped += usize::from(asked.map_err(|e| failure(&e))?);
    }
    Ok(stopped)
}

/// One sentence: what agents at work survive here.
pub fn survival(met: &Met) -> String {
    let mut survived = vec!["a restart of the service"];
    let mut not = Vec::new();
    for (fate, what) in
        [(&met.survival.cgroup, "the end of its cgroup or unit"), (&met.survival.container, "the end of its container")]
    {
        match fate {
            Fate::GoOn => survived.push(what),
            Fate::Die(why) => not.push(format!("{what} ({why})")),
            Fate::NotThere => {}
        }
    }
    let mut text = format!("agents at work survive {}", survived.join(", "));
    if !not.is_empty() {
        text.push_str(&format!("; not {}", not.join(", not ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use orch_run::host::{Hello, Survival};

    use super::*;

    #[test]
    fn what_is_not_survived_is_said_with_its_reason() {
        let hello = Hello {
            version: 1,
            pid: 7,
            cgroup: "/".into(),
            pid_namespace: 1,
            program: "0".into(),
            started_by: StartedBy::Hand,
        };
        let of = |cgroup, container| survival(&Met { hello: hello.clone(), survival: Survival { cgroup, container } });
        assert_eq!(of(Fate::NotThere, Fate::NotThere), "agents at work survive a restart of the service");
        assert_eq!(
            of(Fate::GoOn, Fate::Die("they share it".into())),
            "agents at work survive a restart of the service, the end of its cgroup or unit; not the end of its \
             container (they share it)"
        );
    }
}
