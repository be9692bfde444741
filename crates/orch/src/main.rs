//! The `orch` command: the only place that knows implementations and reads the environment.

mod client;
mod commands;
#[cfg(feature = "demo")]
mod demo;
mod exit;
mod init;
mod pipeline_command;
mod screen;
mod settings;
mod up;
mod wiring;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use client::Caller;
use exit::Failure;
use screen::Screen;

/// Carries an issue along an assembly line of AI coding agents, gate by gate, to production.
#[derive(Debug, Parser)]
#[command(name = "orch", version, propagate_version = true, max_term_width = 100)]
struct Cli {
    /// Answer as JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// See it work: two issues, carried to main in a throw-away repository.
    #[cfg(feature = "demo")]
    Demo(demo::DemoArgs),
    Init(init::InitArgs),
    Up(up::UpArgs),
    New(commands::new::NewArgs),
    Start(commands::start::StartArgs),
    Board(commands::board::BoardArgs),
    Show(commands::show::ShowArgs),
    Approve(commands::approve::ApproveArgs),
    Reject(commands::reject::RejectArgs),
    Stop(commands::stop::StopArgs),
    Retry(commands::retry::RetryArgs),
    Pause(commands::pause::PauseArgs),
    Resume(commands::resume::ResumeArgs),
    Depend(commands::depend::DependArgs),
    Priority(commands::priority::PriorityArgs),
    Freeze(commands::freeze::FreezeArgs),
    Unfreeze(commands::unfreeze::UnfreezeArgs),
    Queue(commands::queue::QueueArgs),
    Logs(commands::logs::LogsArgs),
    Pipeline(pipeline_command::PipelineArgs),
    Backup(wiring::backup::BackupArgs),
    Completions(commands::completions::CompletionsArgs),
    /// Hold one run; started by the service, never by hand.
    #[command(hide = true)]
    Supervise {
        /// The run directory.
        directory: std::path::PathBuf,
    },
    /// Act as the demo's agent; started as an agent, never by hand.
    #[cfg(feature = "demo")]
    #[command(hide = true)]
    ScriptedAgent,
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match &cli.command {
        Command::Supervise { directory } => return ExitCode::from(orch_run::supervise(directory).code()),
        #[cfg(feature = "demo")]
        Command::ScriptedAgent => {
            let code = orch_testkit::scripted_agent::run(&variable);
            return ExitCode::from(u8::try_from(code).unwrap_or(1));
        }
        _ => {}
    }
    let screen = Screen::of_process(cli.json, &variable);
    match run(cli.command, &screen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            screen.failure(&failure);
            failure.exit.into()
        }
    }
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
        Command::New(args) => ask!(new, args, screen),
        Command::Start(args) => ask!(start, args, screen),
        Command::Board(args) => ask!(board, args, screen),
        Command::Show(args) => ask!(show, args, screen),
        Command::Approve(args) => ask!(approve, args, screen),
        Command::Reject(args) => ask!(reject, args, screen),
        Command::Stop(args) => ask!(stop, args, screen),
        Command::Retry(args) => ask!(retry, args, screen),
        Command::Pause(args) => ask!(pause, args, screen),
        Command::Resume(args) => ask!(resume, args, screen),
        Command::Depend(args) => ask!(depend, args, screen),
        Command::Priority(args) => ask!(priority, args, screen),
        Command::Freeze(args) => ask!(freeze, args, screen),
        Command::Unfreeze(args) => ask!(unfreeze, args, screen),
        Command::Queue(args) => ask!(queue, args, screen),
        Command::Logs(args) => ask!(logs, args, screen),
        Command::Pipeline(args) => pipeline_command::run_pipeline(&args, screen, &variable),
        Command::Backup(args) => wiring::backup::run(&args, screen, &variable),
        Command::Completions(args) => commands::completions::run(&args, Cli::command(), screen),
        Command::Supervise { .. } => Ok(()),
        #[cfg(feature = "demo")]
        Command::ScriptedAgent => Ok(()),
    }
}
