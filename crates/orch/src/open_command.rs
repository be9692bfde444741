//! `orch open`: a link into the dashboard.

use std::process::{Command, Stdio};

use clap::Args;
use orch_web::view::LinkView;

use crate::client::{Caller, Running};
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, Style};
use crate::settings::{self, Host};

/// Open the dashboard: a link that lets you in once.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  orch open\n  orch open --browser\n  orch open ann      # for somebody else: an admin's word"
)]
pub struct OpenArgs {
    /// Whom it lets in; you, if left out
    pub person: Option<String>,
    /// Show it to the browser of this machine
    #[arg(long, short)]
    pub browser: bool,
}

/// Programs that show an address to a person, on the systems that have them.
const SHOWERS: [&str; 2] = ["xdg-open", "open"];

/// Runs it.
///
/// # Errors
/// [`Exit::Unreachable`] if no service runs; else what the service says.
pub fn run(args: &OpenArgs, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let (host, _) = settings::load(env)?;
    let (running, caller) = (Running::read(&host.paths.state)?, Caller::running(&host.paths.state)?);
    let (Some(running), Some(caller)) = (running, caller) else {
        return Err(Failure::new(Exit::Unreachable, "nobody serves the dashboard: no service runs").fix("orch up"));
    };
    let link = link(&caller, args.person.as_deref())?;
    let url = format!("{}{}", public(&host, &running.base()), link.path);
    screen.json(&serde_json::json!({"url": url, "person": link.person}));
    screen.line(&screen.styled(Style::Strong, &url));
    screen.note("it works once, within a day");
    if args.browser && !show(&url) {
        screen.warn("this machine has no browser to show it: open the address yourself");
    }
    Ok(())
}

/// A new link, by the service that runs.
///
/// # Errors
/// What the service says.
pub fn link(caller: &Caller, person: Option<&str>) -> Result<LinkView, Failure> {
    caller.send("/api/v1/access/links", &serde_json::json!({"person": person}))
}

/// Where people reach it: as the settings say, else where it listens.
pub fn public(host: &Host, base: &str) -> String {
    host.service.public_url.as_deref().unwrap_or(base).trim_end_matches('/').to_owned()
}

/// Shows an address in the browser of this machine; whether something was there to do it.
pub fn show(url: &str) -> bool {
    SHOWERS.iter().any(|program| {
        let mut command = Command::new(program);
        command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    })
}
