//! `orch demo`: seven issues carried to main in a throw-away repository, by the real service.
//!
//! | room | idea |
//! |---|---|
//! | [`folder`] | the throw-away folder: project, settings, script |
//! | [`up_process`] | this program once more, as `orch up` |
//! | [`events`] | what may happen while one waits: Ctrl-C, a line from the person, words of the service |
//! | [`journey`] | opening the issues, watching them, answering what they ask |
//! | [`picture`] | the journey as lines of text |
//! | [`terminal`] | where these lines go: one block redrawn in place, or appended |
//! | [`production`] | where what landed is deployed |
//! | [`asking`] | what the person is asked, and what their words mean |
//! | [`story`] | what happened to an issue that does not happen to every issue |
//! | [`checkouts`] | commands on empty checkouts, a few at once |
//! | [`report`] | `report.json`: every commit that landed, and the test that came with it, tried once more |
//! | [`closing`] | the last words, and the answer for programs |

mod asking;
mod checkouts;
mod closing;
mod events;
mod folder;
mod journey;
mod picture;
mod production;
mod report;
mod story;
mod terminal;
mod up_process;

use std::time::{Duration, Instant};

use clap::Args;

use crate::exit::{Exit, Failure};
use crate::screen::Screen;

use events::Events;
use folder::Folder;
use journey::{Approval, Journey};
use terminal::Terminal;
use up_process::UpProcess;

/// See it work: seven issues, carried to main in a throw-away repository.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  orch demo\n  orch demo --manual --keep")]
pub struct DemoArgs {
    /// Approve and answer yourself: here if this is a terminal, from another one, or both.
    #[arg(long)]
    pub manual: bool,
    /// Keep the folder, and tell where it is.
    #[arg(long)]
    pub keep: bool,
    /// Open the dashboard on it, and keep the service until Ctrl-C.
    #[arg(long)]
    pub open: bool,
}

/// Between two looks whether the service lives.
const BREATH: Duration = Duration::from_secs(1);

/// Why the demo did not come to its end.
#[derive(Debug)]
enum Trouble {
    /// The person had enough.
    Interrupted,
    /// Something failed.
    Failed(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Carries the demo's issues to main and tests what landed. The folder is removed at the end unless `--keep` was
/// given or something failed.
///
/// # Errors
/// [`Exit::Failed`] if an issue did not land, if a commit on main fails its own tests, if the test that came with it
/// passes without it, or if the demo was interrupted;
/// else what the step that failed says.
pub fn run(args: &DemoArgs, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let begun = Instant::now();
    folder::look_for_tools(env)?;
    let events = Events::listen()?;
    let mut folder = Folder::create()?;
    let mut terminal = Terminal::of_process(screen, env);
    let ended = carry(args, screen, env, &mut folder, &events, &mut terminal, begun);
    terminal.settle();
    match ended {
        Ok(()) if args.keep => {
            folder.keep();
            Ok(())
        }
        Ok(()) => folder.remove(),
        Err(Trouble::Interrupted) => {
            let what = if args.keep {
                folder.keep();
                format!("interrupted; everything is in {}", folder.top())
            } else {
                folder.remove()?;
                "interrupted; the service was stopped and the folder removed".to_owned()
            };
            Err(Failure::new(Exit::Failed, what).fix("start again: orch demo"))
        }
        Err(Trouble::Failed(mut failure)) => {
            folder.keep();
            failure.place.get_or_insert_with(|| folder.top().to_string());
            failure.fix.get_or_insert_with(|| format!("the folder was kept; the service's log is {}", folder.log()));
            Err(failure)
        }
    }
}

/// Shows the dashboard to the browser of this machine; tells where it is.
fn dashboard(service: &UpProcess) -> Result<String, Failure> {
    let link = crate::open_command::link(&service.caller()?, None)?;
    let url = format!("{}{}", service.base()?, link.path);
    // Where no browser is, the address is enough.
    let _shown = crate::open_command::show(&url);
    Ok(format!("the dashboard: {url} (lets you in once)"))
}

/// Keeps the service until the person has seen enough.
fn stay(service: &mut UpProcess, events: &Events, terminal: &mut Terminal) -> Result<(), Trouble> {
    terminal.say("\nThe line stays as it is, with its dashboard. Ctrl-C: what landed is tested, and the demo ends.");
    loop {
        match events.next(BREATH) {
            Err(Trouble::Interrupted) => return Ok(()),
            Err(trouble) => return Err(trouble),
            Ok(_) if !service.lives() => return Err(service.ended().into()),
            Ok(_) => {}
        }
    }
}

/// Everything between the folder and the last word.
fn carry(
    args: &DemoArgs,
    screen: &Screen,
    env: &dyn Fn(&str) -> Option<String>,
    folder: &mut Folder,
    events: &Events,
    terminal: &mut Terminal,
    begun: Instant,
) -> Result<(), Trouble> {
    let issues = orch_testkit::sample::demo_issues();
    terminal.say(&closing::greeting(screen, issues.len()));
    terminal.say(&folder.choose_level(env)?);
    let base = folder.furnish(&issues)?;
    production::furnish(folder)?;
    let mut service = UpProcess::start(folder, events)?;
    if args.open {
        terminal.say(&dashboard(&service)?);
    }
    let approval = match (args.manual, screen.is_interactive()) {
        (false, _) => Approval::ByDemo,
        (true, true) => Approval::Asked,
        (true, false) => Approval::Elsewhere,
    };
    let mut journey = Journey::open(service.caller()?, approval, folder, &issues)?;
    let watched = journey.watch(&mut service, events, terminal, screen, begun);
    if let Err(trouble) = &watched {
        terminal.settle();
        if matches!(trouble, Trouble::Interrupted) {
            terminal.say("\nending what is under way …");
        }
        journey.call_off();
    }
    let read = if watched.is_ok() { journey.read_turns() } else { Ok(()) };
    let deployed = if watched.is_ok() { production::deployments(&service) } else { Ok(Vec::new()) };
    if args.open && watched.is_ok() {
        terminal.settle();
        stay(&mut service, events, terminal)?;
    }
    service.stop();
    watched?;
    read?;
    let deployed = deployed?;
    terminal.settle();
    let main = folder.bring_home(base)?;
    let travellers = journey.travellers();
    let report = report::test_every_commit(folder, &main, travellers, env, events, terminal)?;
    closing::answer(screen, travellers, &main, &deployed, begun.elapsed());
    let failure = closing::failure(travellers, &report, &deployed, folder);
    for line in closing::lines(
        screen,
        travellers,
        &main,
        (&report, &deployed),
        folder,
        begun.elapsed(),
        args.keep || failure.is_some(),
    ) {
        terminal.say(&line);
    }
    failure.map_or(Ok(()), |failure| Err(Trouble::Failed(failure)))
}
