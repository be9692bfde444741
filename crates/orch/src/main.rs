//! The `orch` command: the only place that knows implementations and reads the environment.

mod check_command;
mod client;
mod commands;
mod config_command;
mod connect_command;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
mod door;
mod exit;
mod gates_here;
mod help;
mod host;
mod init;
mod meant;
mod open_command;
mod pipeline_command;
mod prompt_command;
mod repo_command;
mod run_by_hand;
mod screen;
mod service_command;
mod settings;
mod shell_command;
mod units;
mod up;
mod wiring;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use client::Caller;
use exit::{Exit, Failure};
use screen::Screen;

/// Carries an issue along an assembly line of AI coding agents, gate by gate, to production.
#[derive(Debug, Parser)]
#[command(name = "orch", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Begin with `orch demo`, or in a repository of yours with `orch init`.\n\
    Without a service (`orch up`) the other commands work too; nothing moves until it runs.")]
struct Cli {
    /// Answer as JSON, for programs.
    // Behind what a command has of its own.
    #[arg(long, global = true, display_order = 900)]
    json: bool,
    /// Colours: when the output is a terminal, always, or never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", value_parser = ["auto", "always", "never"], display_order = 901)]
    color: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// See it work: seven issues, carried to main in a throw-away repository.
    #[cfg(feature = "demo")]
    Demo(demo::DemoArgs),
    Init(init::InitArgs),
    Up(up::UpArgs),
    Check(check_command::CheckArgs),
    Shell(shell_command::ShellArgs),
    Down(service_command::DownArgs),
    Open(open_command::OpenArgs),
    Status(service_command::StatusArgs),
    Config(config_command::ConfigArgs),
    /// Say which release this is.
    #[command(after_help = "Examples:\n  orch version\n  orch version --json")]
    Version,
    Host(host::HostArgs),
    Doctor(doctor::DoctorArgs),
    Service(units::UnitsArgs),
    New(commands::new::NewArgs),
    Start(commands::start::StartArgs),
    #[command(visible_aliases = ["list", "ls"])]
    Board(commands::board::BoardArgs),
    Show(commands::show::ShowArgs),
    Diff(commands::diff::DiffArgs),
    Inbox(commands::inbox::InboxArgs),
    Approve(commands::approve::ApproveArgs),
    Reject(commands::reject::RejectArgs),
    Confirm(commands::confirm::ConfirmArgs),
    Answer(commands::answer::AnswerArgs),
    Comment(commands::comment::CommentArgs),
    Edit(commands::edit::EditArgs),
    SendBack(commands::send_back::SendBackArgs),
    Skip(commands::skip::SkipArgs),
    HandsOff(commands::hands_off::HandsOffArgs),
    GiveBack(commands::give_back::GiveBackArgs),
    #[command(visible_alias = "cancel")]
    Stop(commands::stop::StopArgs),
    Reopen(commands::reopen::ReopenArgs),
    Retry(commands::retry::RetryArgs),
    Pause(commands::pause::PauseArgs),
    Resume(commands::resume::ResumeArgs),
    Depend(commands::depend::DependArgs),
    Priority(commands::priority::PriorityArgs),
    Budget(commands::budget::BudgetArgs),
    Freeze(commands::freeze::FreezeArgs),
    Unfreeze(commands::unfreeze::UnfreezeArgs),
    Queue(commands::queue::QueueArgs),
    #[command(visible_alias = "cost")]
    Costs(commands::costs::CostsArgs),
    Deliveries(commands::deliveries::DeliveriesArgs),
    Outbox(commands::outbox::OutboxArgs),
    Deploy(commands::deploy::DeployArgs),
    People(commands::people::PeopleArgs),
    Pull(commands::pull::PullArgs),
    Repo(repo_command::RepoArgs),
    Connect(connect_command::ConnectArgs),
    #[command(visible_alias = "log")]
    Logs(commands::logs::LogsArgs),
    Export(commands::export::ExportArgs),
    Pipeline(pipeline_command::PipelineArgs),
    Prompt(prompt_command::PromptArgs),
    Backup(wiring::backup::BackupArgs),
    Restore(wiring::restore::RestoreArgs),
    Completions(commands::completions::CompletionsArgs),
    /// Hold one run; started by the service, never by hand.
    #[command(hide = true)]
    Supervise {
        /// The run directory.
        directory: std::path::PathBuf,
    },
    /// Confine a command of a run; started by its supervisor, never by hand.
    #[command(hide = true)]
    Confine,
    /// Make a run ready for its program; started by its supervisor, never by hand.
    #[command(hide = true)]
    Inside {
        /// What to do.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Ask the gates of a run's stage; `orch-check` within the run, never started by hand.
    #[command(hide = true)]
    GatesHere {
        /// What is asked, as the service wrote it.
        sheet: camino::Utf8PathBuf,
        /// Leave the tests out.
        #[arg(long)]
        no_tests: bool,
    },
    /// Be the way out of one run; started by its supervisor, never by hand.
    #[command(hide = true)]
    Egress {
        /// The proxy's configuration.
        config: std::path::PathBuf,
    },
    /// Act as the demo's agent; started as an agent, never by hand.
    #[cfg(feature = "demo")]
    #[command(hide = true)]
    ScriptedAgent,
}

fn egress(config: &std::path::Path) -> ExitCode {
    let outside = Box::new(orch_egress::tunnel::Network);
    let served = orch_egress::serve(config, std::io::stdin().lock(), std::io::stdout(), outside);
    if served { ExitCode::SUCCESS } else { Exit::Failed.into() }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn main() -> ExitCode {
    let parsed = help::grouped(Cli::command()).try_get_matches().and_then(|given| Cli::from_arg_matches(&given));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return not_understood(&meant::instead(error, std::env::args().nth(1).as_deref())),
    };
    match &cli.command {
        Command::Supervise { directory } => return ExitCode::from(orch_run::supervise(directory).code()),
        Command::Confine => return orch_run::confine(orch_vendors::runner::put_back::inside),
        Command::Inside { words } => return orch_vendors::runner::put_back::inside(words, &std::env::vars().collect()),
        Command::Egress { config } => return egress(config),
        Command::GatesHere { sheet, no_tests } => return gates_here::run(sheet, !no_tests, &variable),
        #[cfg(feature = "demo")]
        Command::ScriptedAgent => {
            let code = orch_testkit::scripted_agent::run(&variable);
            return ExitCode::from(u8::try_from(code).unwrap_or(1));
        }
        _ => {}
    }
    if !matches!(cli.command, Command::Init(_)) {
        // What is private says so itself. Everything else is for the accounts of runs to read, whatever this shell wants
        // of new files; what `init` writes into a repository is the person's.
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    }
    let colour = match cli.color.as_str() {
        "always" => Some(true),
        "never" => Some(false),
        _ => None,
    };
    let screen = Screen::of_process(cli.json, &variable).with_colour(colour);
    let done = run(cli.command, &screen).and_then(|()| match screen.unwritten() {
        None => Ok(()),
        Some(why) => Err(unwritten(&why)),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            screen.failure(&failure);
            failure.exit.into()
        }
    }
}

fn unwritten(why: &impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Failed, format!("the answer could not be written: {why}"))
        .at("standard output")
        .fix("make room there, or send it elsewhere")
}

/// A command line that is no command, or one that only asks for help: as clap tells it, and under `--json` in the
/// form of every failure.
fn not_understood(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|word| word == "--json") {
        let text = error.render().to_string();
        let what = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
        let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
        let failure = Failure::new(Exit::Usage, what).fix("look at what it takes: orch COMMAND --help");
        Screen::of_process(true, &variable).failure(&failure);
        return failure.exit.into();
    }
    match error.print().and_then(|()| std::io::Write::flush(&mut std::io::stdout())) {
        Err(why) if !error.use_stderr() && why.kind() != std::io::ErrorKind::BrokenPipe => {
            let failure = unwritten(&why);
            Screen::of_process(false, &variable).failure(&failure);
            return failure.exit.into();
        }
        // Nobody is left to tell it to if the terminal is gone.
        _ => {}
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage.code()))
}

/// With the service if it runs, else in this process; the arguments and the screen are handed through.
macro_rules! ask {
    ($command:ident, $args:expr, $screen:expr) => {
        wiring::local::with_caller(&variable, $screen, |caller: &Caller| {
            commands::$command::run(&$args, caller, $screen)
        })
    };
}

fn run(command: Command, screen: &Screen) -> Result<(), Failure> {
    match command {
        #[cfg(feature = "demo")]
        Command::Demo(args) => demo::run(&args, screen, &variable),
        Command::Init(args) => init::run_init(&args, screen, &variable),
        Command::Up(args) => up::run(&args, screen, &variable),
        Command::Check(args) => check_command::run(&args, screen, &variable),
        Command::Shell(args) => shell_command::run(&args, screen, &variable),
        Command::Open(args) => open_command::run(&args, screen, &variable),
        Command::Down(_) => service_command::down(screen, &variable),
        Command::Status(_) => service_command::status(screen, &variable),
        Command::Config(args) => config_command::run(&args, screen, &variable),
        Command::Version => {
            screen.json(&serde_json::json!({"version": env!("CARGO_PKG_VERSION")}));
            screen.line(concat!("orch ", env!("CARGO_PKG_VERSION")));
            Ok(())
        }
        Command::Doctor(args) => doctor::run(&args, screen, &variable),
        Command::Service(args) => units::run(&args, screen, &variable),
        Command::Host(args) => host::run(&args, screen, &variable),
        Command::New(args) => {
            // Nobody holds the data while a person writes.
            let written = commands::new::written(&args, screen, &variable)?;
            if written.is_empty() {
                return Ok(());
            }
            let mut written = Some(written);
            let done = wiring::local::with_caller(&variable, screen, |caller: &Caller| {
                written.take().map_or(Ok(()), |written| commands::new::run(&args, written, caller, screen))
            });
            done.map_err(|failure| written.map_or(failure.clone(), |written| written.unsent(failure)))
        }
        Command::Start(args) => ask!(start, args, screen),
        Command::Board(args) => ask!(board, args, screen),
        Command::Show(args) => ask!(show, args, screen),
        Command::Diff(args) => ask!(diff, args, screen),
        Command::Inbox(args) => ask!(inbox, args, screen),
        Command::Reopen(args) => ask!(reopen, args, screen),
        Command::Approve(args) => ask!(approve, args, screen),
        Command::Reject(args) => ask!(reject, args, screen),
        Command::Confirm(args) => ask!(confirm, args, screen),
        Command::Answer(args) => ask!(answer, args, screen),
        Command::Comment(args) => ask!(comment, args, screen),
        Command::Edit(args) => {
            let changed = commands::edit::changed(&args, screen, &variable, &|ask| {
                wiring::local::with_caller(&variable, screen, ask)
            })?;
            if changed.is_empty() {
                return Ok(());
            }
            let mut changed = Some(changed);
            let done = wiring::local::with_caller(&variable, screen, |caller: &Caller| {
                changed.take().map_or(Ok(()), |changed| commands::edit::run(&args, changed, caller, screen))
            });
            done.map_err(|failure| changed.map_or(failure.clone(), |changed| changed.unsent(&args, failure)))
        }
        Command::SendBack(args) => ask!(send_back, args, screen),
        Command::Skip(args) => ask!(skip, args, screen),
        Command::HandsOff(args) => ask!(hands_off, args, screen),
        Command::GiveBack(args) => ask!(give_back, args, screen),
        Command::Stop(args) => ask!(stop, args, screen),
        Command::Retry(args) => ask!(retry, args, screen),
        Command::Pause(args) => ask!(pause, args, screen),
        Command::Resume(args) => ask!(resume, args, screen),
        Command::Depend(args) => ask!(depend, args, screen),
        Command::Priority(args) => ask!(priority, args, screen),
        Command::Budget(args) => ask!(budget, args, screen),
        Command::Freeze(args) => ask!(freeze, args, screen),
        Command::Unfreeze(args) => ask!(unfreeze, args, screen),
        Command::Queue(args) => ask!(queue, args, screen),
        Command::Costs(args) => ask!(costs, args, screen),
        Command::Deliveries(args) => ask!(deliveries, args, screen),
        Command::Outbox(args) => ask!(outbox, args, screen),
        Command::Deploy(args) => ask!(deploy, args, screen),
        Command::People(args) => ask!(people, args, screen),
        Command::Pull(args) => {
            let (host, _) = settings::load(&variable)?;
            wiring::local::with_caller(&variable, screen, |caller: &Caller| {
                commands::pull::run(&args, &host, &variable, caller, screen)
            })
        }
        Command::Repo(args) => repo_command::run(&args, screen, &variable),
        Command::Connect(args) => connect_command::run(&args, screen, &variable),
        Command::Logs(args) if args.service => service_command::log(args.follow, screen, &variable),
        Command::Logs(args) => ask!(logs, args, screen),
        Command::Export(args) => ask!(export, args, screen),
        Command::Pipeline(args) => pipeline_command::run_pipeline(&args, screen, &variable),
        Command::Prompt(args) => prompt_command::run_prompt(&args, screen, &variable),
        Command::Backup(args) => wiring::backup::run(&args, screen, &variable),
        Command::Restore(args) => wiring::restore::run(&args, screen, &variable),
        Command::Completions(args) => commands::completions::run(&args, Cli::command(), screen),
        Command::Supervise { .. }
        | Command::Confine
        | Command::Inside { .. }
        | Command::GatesHere { .. }
        | Command::Egress { .. } => Ok(()),
        #[cfg(feature = "demo")]
        Command::ScriptedAgent => Ok(()),
    }
}
